//! Options of callbacks that watch a logged value.

use crate::Error;
use crate::metrics::Direction;
use crate::names::did_you_mean;
use crate::train::Control;
use crate::words::Words;

/// Describes whether a monitored value should fall or rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// As the monitored metric says.
    #[default]
    Auto,
    /// Smaller is better.
    Min,
    /// Larger is better.
    Max,
}

impl Words for Mode {
    const OPTION: &'static str = "mode";
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Mode::Auto), ("min", Mode::Min), ("max", Mode::Max)];
}

impl Mode {
    /// Returns whether a monitored value is better than another one, by more than `by`. `direction`: what [`Mode::direction`] found when training began; without it, in mode
    /// "auto", nothing is better.
    pub fn is_better(self, direction: Option<Direction>, value: f64, than: f64, by: f64) -> bool {
        match (self, direction) {
            (Mode::Max, _) | (Mode::Auto, Some(Direction::Up)) => value - by > than,
            (Mode::Min, _) | (Mode::Auto, Some(Direction::Down)) => value + by < than,
            (Mode::Auto, None) => false,
        }
    }

    /// Returns which values of what is monitored are better, as Keras' `MonitorCallback` finds it: losses fall, a metric says itself.
    ///
    /// # Errors
    /// The mode is "auto", and nothing of this name is logged, or its metric (a function, a count) does not say.
    pub fn direction(self, monitor: &str, control: &Control) -> Result<Direction, String> {
        match self {
            Mode::Min => Ok(Direction::Down),
            Mode::Max => Ok(Direction::Up),
            Mode::Auto => control.direction(monitor).ok_or_else(|| {
                if control.log_names.iter().any(|name| name == monitor) {
                    return format!(
                        "whether `{monitor}` should rise or fall is not known; set `mode` to \"max\" or \"min\""
                    );
                }
                let known = control.log_names.join(", ");
                let guess = did_you_mean(monitor, control.log_names.iter().map(String::as_str));
                format!("nothing that is logged is called `{monitor}`; there are {known}{guess}")
            }),
        }
    }
}

/// Refuses what a callback's `verbose` cannot be.
///
/// # Errors
/// It is neither 0 nor 1.
pub fn check_verbose(verbose: u8) -> Result<(), Error> {
    if verbose <= 1 {
        return Ok(());
    }
    Err(Error::Argument { what: format!("verbose is {verbose}, but must be 0 (silent) or 1 (a line)") })
}

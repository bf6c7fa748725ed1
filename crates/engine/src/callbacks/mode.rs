//! Options of callbacks that watch a logged value.

use crate::Error;
use crate::words::Words;

/// Describes whether a monitored value should fall or rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// As the callback judges by the value's name.
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

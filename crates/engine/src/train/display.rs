//! What `fit`, `evaluate` and `predict` print: the guide's progress bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use super::history::Logs;
use crate::Error;

/// Refuses what `batch_size` and `verbose` cannot be.
pub(super) fn check_options(batch: usize, verbose: u8) -> Result<(), Error> {
    if batch == 0 {
        return Err(Error::Argument { what: "batch_size is 0, but must be at least 1".into() });
    }
    if verbose > 2 {
        let what = format!("verbose is {verbose}, but must be 0 (silent), 1 (progress bar) or 2 (a line)");
        return Err(Error::Argument { what });
    }
    Ok(())
}

/// Where an epoch is.
pub(super) struct Epoch<'a> {
    pub done: usize,
    pub elapsed: Duration,
    pub logs: &'a Logs,
}

/// Prints progress.
pub(super) struct Display {
    verbose: u8,
    live: bool,
    epochs: usize,
    steps: usize,
    /// Characters of the line that is drawn now.
    drawn: usize,
}

impl Display {
    /// `epochs` is 0 for an evaluation.
    pub fn new(verbose: u8, epochs: usize, steps: usize) -> Self {
        let live = verbose == 1 && std::io::stdout().is_terminal();
        Display { verbose, live, epochs, steps, drawn: 0 }
    }

    /// Whether it wants to be brought up to date within an epoch.
    pub fn is_live(&self) -> bool {
        self.live
    }

    pub fn begin(&mut self, epoch: usize) {
        if self.verbose > 0 {
            self.line(&format!("Epoch {}/{}", epoch + 1, self.epochs));
        }
    }

    pub fn update(&mut self, epoch: &Epoch) {
        if self.live {
            let text = self.text(epoch);
            self.draw(&text);
        }
    }

    pub fn end(&mut self, epoch: &Epoch) {
        match self.verbose {
            0 => {}
            1 => {
                let text = self.text(epoch);
                self.draw(&text);
                self.line("");
            }
            _ => {
                let (seconds, unit) = (epoch.elapsed, if self.epochs > 0 { "epoch" } else { "step" });
                let each = if self.epochs > 0 { seconds } else { seconds / self.steps.max(1) as u32 };
                let mut text = format!("{0}/{0} - {1}s", self.steps, seconds.as_secs());
                text += &values(epoch.logs);
                text += &format!(" - {}/{unit}", short(each));
                if self.epochs > 0 {
                    text += &format!(" - {}/step", short(seconds / self.steps.max(1) as u32));
                }
                self.line(&text);
            }
        }
    }

    /// A callback's line.
    pub fn message(&mut self, text: &str) {
        if self.drawn > 0 {
            self.line("");
        }
        self.line(text);
    }

    fn text(&self, epoch: &Epoch) -> String {
        const WIDTH: usize = 30;
        let (done, all) = (epoch.done, self.steps.max(1));
        let filled = (WIDTH * done / all).min(WIDTH);
        let bar = match filled {
            WIDTH => "=".repeat(WIDTH),
            n => format!("{}>{}", "=".repeat(n.saturating_sub(1)), ".".repeat(WIDTH - n.max(1))),
        };
        let width = all.to_string().len();
        let time = match done {
            d if d >= all => {
                format!("{}s {}/step", epoch.elapsed.as_secs(), short(epoch.elapsed / all as u32))
            }
            0 => "ETA: ?".into(),
            d => format!("ETA: {}s", (epoch.elapsed * (all - d) as u32 / d as u32).as_secs()),
        };
        format!("{done:>width$}/{all} [{bar}] - {time}{}", values(epoch.logs))
    }

    fn draw(&mut self, text: &str) {
        let mut out = std::io::stdout().lock();
        let gap = " ".repeat(self.drawn.saturating_sub(text.len()));
        let start = if self.live && self.drawn > 0 { "\r" } else { "" };
        // A closed pipe is no reason to stop training.
        let _ = write!(out, "{start}{text}{gap}").and_then(|()| out.flush());
        self.drawn = text.len();
    }

    fn line(&mut self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{text}");
        self.drawn = 0;
    }
}

/// ` - loss: 0.1234 - accuracy: 0.9`.
fn values(logs: &Logs) -> String {
    if logs.0.is_empty() { String::new() } else { format!(" - {logs}") }
}

/// A duration as Keras shows it: `413ms`, `2s`, `57us`.
fn short(d: Duration) -> String {
    match d.as_micros() {
        us if us >= 1_000_000 => format!("{}s", d.as_secs()),
        us if us >= 1000 => format!("{}ms", us / 1000),
        us => format!("{us}us"),
    }
}

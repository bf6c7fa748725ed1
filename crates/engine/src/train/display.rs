//! What `fit`, `evaluate` and `predict` print: the guide's progress bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use super::history::Logs;
use crate::Error;
use rhyton_error::shown::plain;

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

/// Characters of a whole progress bar, and of the smallest one that says anything.
const BAR: usize = 30;
const SMALLEST_BAR: usize = 5;

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
            let text = self.text(epoch, columns());
            self.draw(&text);
        }
    }

    pub fn end(&mut self, epoch: &Epoch) {
        match self.verbose {
            0 => {}
            1 => {
                let columns = if self.live { columns() } else { usize::MAX };
                for line in self.last(epoch, columns) {
                    self.draw(&line);
                    self.line("");
                }
            }
            _ => {
                let (seconds, unit) = (epoch.elapsed, if self.epochs > 0 { "epoch" } else { "step" });
                let steps = epoch.done.max(1) as u32;
                let each = if self.epochs > 0 { seconds } else { seconds / steps };
                let mut text = format!("{}/{} - {}s", epoch.done, self.steps, seconds.as_secs());
                text += &values(epoch.logs);
                text += &format!(" - {}/{unit}", short(each));
                if self.epochs > 0 {
                    text += &format!(" - {}/step", short(seconds / steps));
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

    /// The line of an epoch, in at most so many columns: the bar gives way first, then the values.
    fn text(&self, epoch: &Epoch, columns: usize) -> String {
        let (count, time) = (self.count(epoch), self.time(epoch));
        let values = values(epoch.logs);
        // The last column stays free: some terminals wrap as soon as it is written.
        let room = columns.saturating_sub(1);
        let taken = [&count, &time, &values].map(|part| part.chars().count()).iter().sum::<usize>();
        let bar = match room.saturating_sub(taken + " [] - ".len()) {
            width if width >= SMALLEST_BAR => format!(" [{}]", self.bar(epoch, width.min(BAR))),
            _ => String::new(),
        };
        let line = format!("{count}{bar} - {time}{values}");
        match line.chars().count() <= room {
            true => line,
            false => line.chars().take(room.saturating_sub(1)).chain(['…']).collect(),
        }
    }

    /// The last line of an epoch, with all its values: what does not fit into the columns goes on below.
    fn last(&self, epoch: &Epoch, columns: usize) -> Vec<String> {
        let room = columns.saturating_sub(1);
        let bar = format!(
            "{} [{}] - {}{}",
            self.count(epoch),
            self.bar(epoch, BAR),
            self.time(epoch),
            values(epoch.logs)
        );
        if bar.chars().count() <= room {
            return vec![bar];
        }
        let mut lines = vec![format!("{} - {}", self.count(epoch), self.time(epoch))];
        for value in values(epoch.logs).split(" - ").filter(|v| !v.is_empty()) {
            match lines.last_mut() {
                Some(line) if line.chars().count() + 3 + value.chars().count() <= room => {
                    *line += &format!(" - {value}")
                }
                _ => lines.push(format!("    {value}")),
            }
        }
        lines
    }

    /// `  7/100`.
    fn count(&self, epoch: &Epoch) -> String {
        let all = self.steps.max(1);
        format!("{:>width$}/{all}", epoch.done, width = all.to_string().len())
    }

    fn bar(&self, epoch: &Epoch, width: usize) -> String {
        match (width * epoch.done / self.steps.max(1)).min(width) {
            n if n == width => "=".repeat(width),
            n => format!("{}>{}", "=".repeat(n.saturating_sub(1)), ".".repeat(width - n.max(1))),
        }
    }

    fn time(&self, epoch: &Epoch) -> String {
        let (done, all) = (epoch.done, self.steps.max(1));
        match done {
            d if d >= all => {
                format!("{}s {}/step", epoch.elapsed.as_secs(), short(epoch.elapsed / all as u32))
            }
            0 => "ETA: ?".into(),
            d => format!("ETA: {}s", (epoch.elapsed * (all - d) as u32 / d as u32).as_secs()),
        }
    }

    fn draw(&mut self, text: &str) {
        let text = &plain(text);
        let mut out = std::io::stdout().lock();
        let width = text.chars().count();
        let gap = " ".repeat(self.drawn.saturating_sub(width));
        let start = if self.live && self.drawn > 0 { "\r" } else { "" };
        // A closed pipe is no reason to stop training.
        let _ = write!(out, "{start}{text}{gap}").and_then(|()| out.flush());
        self.drawn = width;
    }

    fn line(&mut self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{}", plain(text));
        self.drawn = 0;
    }
}

/// Columns of the terminal; what Keras assumes where nobody knows.
fn columns() -> usize {
    terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn logs() -> Logs {
        Logs(["loss", "accuracy", "val_loss", "val_accuracy"].map(|n| (n.to_owned(), 0.1234)).into())
    }

    /// The line never takes the last column, whatever the terminal; the values come before the bar.
    #[test]
    fn the_line_fits_the_terminal() {
        let (logs, display) = (logs(), Display { verbose: 1, live: true, epochs: 2, steps: 938, drawn: 0 });
        let epoch = Epoch { done: 469, elapsed: Duration::from_secs(3), logs: &logs };
        let full = "469/938 [==============>...............] - ETA: 3s - loss: 0.1234 - accuracy: 0.1234 - val_loss: 0.1234 - \
                    val_accuracy: 0.1234";
        assert_eq!(display.text(&epoch, 200), full);
        for columns in [0, 1, 5, 20, 60, 79, 80, 93, 94, 100, 110, 120, full.len(), full.len() + 1] {
            let line = display.text(&epoch, columns);
            assert!(line.chars().count() <= columns.saturating_sub(1).max(1), "{columns}: {line}");
            assert_eq!(line.contains("val_accuracy: 0.1234"), columns >= 94, "{columns}: {line}");
        }
        assert!(display.text(&epoch, 110).contains('['), "a shorter bar");
    }

    #[test]
    fn the_last_line_has_all_values() {
        let (logs, display) = (logs(), Display { verbose: 1, live: true, epochs: 2, steps: 9, drawn: 0 });
        let epoch = Epoch { done: 9, elapsed: Duration::from_secs(3), logs: &logs };
        assert_eq!(display.last(&epoch, usize::MAX).len(), 1);
        for columns in [30, 50, 80, 100] {
            let lines = display.last(&epoch, columns);
            assert!(lines.iter().all(|l| l.chars().count() < columns), "{lines:?}");
            let all = lines.join(" ");
            assert!(logs.names().all(|name| all.contains(&format!("{name}: 0.1234"))), "{lines:?}");
        }
    }
}

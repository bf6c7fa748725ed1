//! Regular expressions of settings: those of Python that a linear matcher knows.

use regex::{Regex, RegexBuilder};
use rhyton_error::shown::brief;

use crate::Error;

/// Bytes that an expression may take when it is compiled.
const LARGEST: usize = 1 << 18;

/// Returns whether an expression matches somewhere (Python's `re.search`).
///
/// # Errors
/// It is none, or one with a lookaround or a backreference.
pub(super) fn search(expression: &str, text: &str) -> Result<bool, Error> {
    compiled(expression).map(|regex| regex.is_match(text))
}

/// Returns whether an expression matches all of a text (Python's `re.fullmatch`).
///
/// # Errors
/// As [`search`].
pub(super) fn full(expression: &str, text: &str) -> Result<bool, Error> {
    // Told in the user's own words where it is wrong.
    compiled(expression)?;
    compiled(&format!(r"\A(?:{expression})\z")).map(|regex| regex.is_match(text))
}

fn compiled(expression: &str) -> Result<Regex, Error> {
    RegexBuilder::new(expression).size_limit(LARGEST).build().map_err(|why| {
        // It draws the place below the expression, and says what is wrong last.
        let why = why.to_string();
        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let shown = brief(expression);
        let advice = "write it without lookaround and backreferences";
        Error::Argument {
            what: format!("the regular expression `{shown}` is not supported: {why}; {advice}"),
        }
    })
}

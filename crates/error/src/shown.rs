//! Text of files, servers and names as people see it: one line of bounded length, with nothing in it that a terminal obeys.
//!
//! Whatever a file says may be shown: names of layers, of arrays, of members, of classes. [`line()`] is what every message goes through,
//! [`brief`] and [`list`] keep its parts short.

use std::borrow::Cow;

/// Characters of one part of a message: a place, what was found, what is right. Real ones have a hundred.
const PART: usize = 500;

/// Characters of a whole message. A path alone may have four thousand.
const LINE: usize = 8_000;

/// Entries of a list that are named.
const ENTRIES: usize = 8;

/// Returns the text with every character written out that is not shown but obeyed: control characters (new lines and escapes among them), those that
/// turn the direction of text around, and those without width.
///
/// ```
/// assert_eq!(rhyton_error::shown::plain("dense\u{1b}[2J\n"), "dense\\u{1b}[2J\\n");
/// ```
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_obeyed(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Returns the text of a JSON value with those characters as JSON writes them out; new lines stay, which are between its values.
///
/// ```
/// assert_eq!(rhyton_error::shown::json("{\n\"a\u{9b}\": 1}"), "{\n\"a\\u009b\": 1}");
/// ```
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_obeyed(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out += &format!("\\u{unit:04x}"));
        } else {
            out.push(c);
        }
    }
    out
}

/// Returns a whole message: as [`plain`], and cut where it is too long.
pub fn line(text: &str) -> Cow<'_, str> {
    cut(text, LINE)
}

/// Returns a part of a message: as [`plain`], and cut where it is too long.
pub fn brief(text: &str) -> Cow<'_, str> {
    cut(text, PART)
}

/// Joins the first entries of a list, and says how many more there are.
///
/// ```
/// let names: Vec<String> = (0..1000).map(|i| format!("l{i}")).collect();
/// assert_eq!(rhyton_error::shown::list(&names, ", "), "l0, l1, l2, l3, l4, l5, l6, l7 and 992 more");
/// ```
pub fn list<T: AsRef<str>>(entries: &[T], separator: &str) -> String {
    let named: Vec<Cow<'_, str>> = entries.iter().take(ENTRIES).map(|e| brief(e.as_ref())).collect();
    let mut out = named.join(separator);
    if entries.len() > ENTRIES {
        out += &format!(" and {} more", entries.len() - ENTRIES);
    }
    out
}

fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The first characters and how many there were.
fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => plain(text),
        Some((end, _)) => {
            let (start, rest) = text.split_at(end);
            Cow::Owned(format!("{}… ({} bytes more)", plain(start), rest.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_terminals_obey_is_written_out() {
        for (text, shown) in [
            ("dense", "dense"),
            ("ü, 密, e\u{301}, `a\\b` \"q\"", "ü, 密, e\u{301}, `a\\b` \"q\""),
            ("a\nb\r\tc\0", "a\\nb\\r\\tc\\u{0}"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            // C1: the same as ESC and a letter.
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            (
                "\u{202e}cba\u{2066}\u{200b}\u{feff}\u{2028}",
                "\\u{202e}cba\\u{2066}\\u{200b}\\u{feff}\\u{2028}",
            ),
        ] {
            assert_eq!(plain(text), shown);
            assert_eq!(plain(&plain(text)), shown, "twice is once");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = "密".repeat(PART + 10);
        assert_eq!(brief(&text), format!("{}… (30 bytes more)", "密".repeat(PART)));
        assert_eq!(brief(&"x".repeat(PART)), "x".repeat(PART));
        assert!(line(&"\u{1b}".repeat(1 << 20)).len() < 10 * LINE);
    }

    #[test]
    fn lists_are_cut_too() {
        assert_eq!(list(&["a", "b\n"], "; "), "a; b\\n");
        assert_eq!(list::<&str>(&[], ", "), "");
    }
}

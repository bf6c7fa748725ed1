//! The state file's text: a protocol buffer's text form, as far as this one message needs it.

use std::fmt::Write;
use std::path::Path;

use super::CheckpointState;
use crate::Error;

/// Prints as TensorFlow does: one field per line.
pub(super) fn print(state: &CheckpointState) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "model_checkpoint_path: \"{}\"", escape(&state.model_checkpoint_path));
    for path in &state.all_model_checkpoint_paths {
        let _ = writeln!(out, "all_model_checkpoint_paths: \"{}\"", escape(path));
    }
    for time in &state.all_model_checkpoint_timestamps {
        let _ = writeln!(out, "all_model_checkpoint_timestamps: {time:?}");
    }
    if let Some(time) = state.last_preserved_timestamp {
        let _ = writeln!(out, "last_preserved_timestamp: {time:?}");
    }
    out
}

/// Bytes outside of printable ASCII are octal, as TensorFlow writes them.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'"' | b'\'' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\{byte:03o}");
            }
        }
    }
    out
}

/// Parses what TensorFlow's parser takes: comments, both kinds of quotes, several fields on a line, separators.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<CheckpointState, Error> {
    let mut parser = Parser { path, rest: bytes, line: 1 };
    let mut state = CheckpointState::default();
    while let Some(name) = parser.name()? {
        match name.as_str() {
            "model_checkpoint_path" => state.model_checkpoint_path = parser.string()?,
            "all_model_checkpoint_paths" => state.all_model_checkpoint_paths.push(parser.string()?),
            "all_model_checkpoint_timestamps" => state.all_model_checkpoint_timestamps.push(parser.number()?),
            "last_preserved_timestamp" => state.last_preserved_timestamp = Some(parser.number()?),
            other => return Err(parser.bad(format!("the field `{other}`"), "a field of CheckpointState")),
        }
    }
    Ok(state)
}

struct Parser<'a> {
    path: &'a Path,
    rest: &'a [u8],
    line: usize,
}

impl Parser<'_> {
    fn bad(&self, found: String, expected: &str) -> Error {
        Error::Format {
            path: self.path.into(),
            place: format!("line {}", self.line),
            found,
            expected: expected.into(),
        }
    }

    /// What is next, for a message.
    fn next_shown(&self) -> String {
        match self.rest.first() {
            Some(byte) => format!("`{}`", byte.escape_ascii()),
            None => "the end of the file".into(),
        }
    }

    fn take(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.line += usize::from(byte == b'\n');
        Some(byte)
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> String {
        let mut taken = String::new();
        while let Some(&byte) = self.rest.first()
            && byte.is_ascii()
            && wanted(byte)
        {
            taken.push(char::from(byte));
            self.take();
        }
        taken
    }

    /// Skips spaces and comments.
    fn skip(&mut self) {
        while let Some(&byte) = self.rest.first() {
            if byte == b'#' {
                while self.take().is_some_and(|b| b != b'\n') {}
            } else if byte.is_ascii_whitespace() {
                self.take();
            } else {
                return;
            }
        }
    }

    /// The name of the next field and the colon after it; `None` at the end.
    fn name(&mut self) -> Result<Option<String>, Error> {
        self.skip();
        if self.rest.is_empty() {
            return Ok(None);
        }
        let name = self.take_while(|b| b.is_ascii_alphanumeric() || b == b'_');
        if name.is_empty() {
            return Err(self.bad(self.next_shown(), "the name of a field"));
        }
        self.skip();
        if self.rest.first() != Some(&b':') {
            return Err(self.bad(self.next_shown(), "`:`"));
        }
        self.take();
        self.skip();
        Ok(Some(name))
    }

    /// A separator may follow a value.
    fn end_of_value(&mut self) {
        self.skip();
        if matches!(self.rest.first(), Some(b',' | b';')) {
            self.take();
        }
    }

    fn number(&mut self) -> Result<f64, Error> {
        let text = self.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-'));
        let plain = text.strip_suffix(['f', 'F']).filter(|t| !t.ends_with(['n', 'N'])).unwrap_or(&text);
        let value = plain.parse().map_err(|_| self.bad(format!("`{text}`"), "a number"))?;
        self.end_of_value();
        Ok(value)
    }

    /// A quoted string; several in a row are one.
    fn string(&mut self) -> Result<String, Error> {
        let mut bytes = Vec::new();
        let mut any = false;
        while let Some(&quote @ (b'"' | b'\'')) = self.rest.first() {
            any = true;
            self.take();
            loop {
                match self.take() {
                    Some(b) if b == quote => break,
                    Some(b'\\') => bytes.push(self.escaped()?),
                    Some(b'\n') | None => {
                        return Err(self.bad("the end of the line".into(), "a closing quote"));
                    }
                    Some(b) => bytes.push(b),
                }
            }
            self.skip();
        }
        if !any {
            return Err(self.bad(self.next_shown(), "a quoted string"));
        }
        self.end_of_value();
        String::from_utf8(bytes).map_err(|_| self.bad("a string in no UTF-8".into(), "UTF-8"))
    }

    fn escaped(&mut self) -> Result<u8, Error> {
        let Some(byte) = self.take() else { return Err(self.bad("the end of the file".into(), "an escape")) };
        Ok(match byte {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'v' => 11,
            b'\\' | b'\'' | b'"' | b'?' => byte,
            b'0'..=b'7' => self.code(8, 3, u32::from(byte - b'0'))?,
            b'x' | b'X' => self.code(16, 2, 0)?,
            other => return Err(self.bad(format!("`\\{}`", other.escape_ascii()), "a known escape")),
        })
    }

    /// The rest of a numeric escape of up to `most` digits; an octal one has its first digit already.
    fn code(&mut self, radix: u32, most: usize, first: u32) -> Result<u8, Error> {
        let mut value = first;
        let mut digits = usize::from(radix == 8);
        while digits < most
            && let Some(digit) = self.rest.first().and_then(|b| char::from(*b).to_digit(radix))
        {
            value = value * radix + digit;
            digits += 1;
            self.take();
        }
        match u8::try_from(value) {
            Ok(byte) if digits > 0 => Ok(byte),
            _ => Err(self.bad(format!("the escape {value:o}"), "one byte")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> Result<CheckpointState, Error> {
        parse(Path::new("checkpoint"), text.as_bytes())
    }

    #[test]
    fn as_tensorflow_writes_it() {
        let text = "model_checkpoint_path: \"cp-0040.ckpt\"\nall_model_checkpoint_paths: \"cp-0040.ckpt\"\n";
        assert_eq!(state(text).unwrap(), CheckpointState::of("cp-0040.ckpt"));
        assert_eq!(print(&CheckpointState::of("cp-0040.ckpt")), text);
        // Written by TensorFlow's CheckpointManager.
        let text = "model_checkpoint_path: \"ckpt-2\"\nall_model_checkpoint_paths: \"ckpt-1\"\n\
                    all_model_checkpoint_paths: \"ckpt-2\"\nall_model_checkpoint_timestamps: 1783858888.1234567\n\
                    all_model_checkpoint_timestamps: 1783858889.5\nlast_preserved_timestamp: 1783858887.0\n";
        let read = state(text).unwrap();
        assert_eq!(read.all_model_checkpoint_timestamps, [1_783_858_888.123_456_7, 1_783_858_889.5]);
        assert_eq!(read.last_preserved_timestamp, Some(1_783_858_887.0));
        assert_eq!(print(&read), text);
        // Python: text_format.MessageToString of a name with all kinds of characters.
        let odd = "a \"b'\\\n\t\u{fc}";
        let printed = print(&CheckpointState::of(odd));
        assert!(printed.starts_with(r#"model_checkpoint_path: "a \"b\'\\\n\t\303\274""#), "{printed}");
        assert_eq!(state(&printed).unwrap(), CheckpointState::of(odd));
    }

    #[test]
    fn what_tensorflows_parser_takes() {
        let want = CheckpointState { model_checkpoint_path: "a/b".into(), ..CheckpointState::default() };
        for text in [
            "# comment\nmodel_checkpoint_path: 'a/b'",
            "model_checkpoint_path:\"a/\" \"b\" # more",
            "  model_checkpoint_path : \"a\\x2fb\" ;",
            "model_checkpoint_path: \"a\\057b\",",
        ] {
            assert_eq!(state(text).unwrap(), want, "{text}");
        }
        let two = state("model_checkpoint_path: 'a' all_model_checkpoint_paths: 'a'").unwrap();
        assert_eq!(two, CheckpointState::of("a"));
        assert_eq!(state("").unwrap(), CheckpointState::default());
        for number in ["1e9", "1.5", "-3", "2f", "inf", "nan"] {
            assert!(state(&format!("last_preserved_timestamp: {number}")).is_ok(), "{number}");
        }
    }

    #[test]
    fn what_is_no_state_file() {
        for text in [
            "model_checkpoint_path",
            "model_checkpoint_path \"a\"",
            "model_checkpoint_path: a",
            "model_checkpoint_path: \"a",
            "model_checkpoint_path: \"a\nb\"",
            "model_checkpoint_path: \"\\q\"",
            "model_checkpoint_path: \"\\777\"",
            "model_checkpoint_path: \"\\x\"",
            "model_checkpoint_path: \"\\377\"",
            "other: 1",
            "last_preserved_timestamp: \"a\"",
            "\u{0}",
            "{",
        ] {
            assert!(state(text).is_err(), "{text:?}");
        }
    }
}

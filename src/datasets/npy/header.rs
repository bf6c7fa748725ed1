//! The header of a `.npy` file: a magic number, a version, a length, and a Python dict literal, of which only what
//! NumPy writes for arrays of numbers is read.

use super::Fault;

/// Longer ones belong to structured types with many fields.
const MAX_BYTES: usize = 65_535;
/// NumPy's own limit.
const MAX_RANK: usize = 64;

/// What the header says.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub descr: String,
    pub fortran_order: bool,
    pub shape: Vec<usize>,
}

impl Header {
    /// Splits the header off the bytes of a file: it, and the data.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), Fault> {
        let no_array = || ("no NumPy array".to_string(), "the header of a .npy file".to_string());
        let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(no_array)?;
        let ([major, minor], rest) = rest.split_first_chunk::<2>().ok_or_else(no_array)?;
        let (len, rest) = match (major, minor) {
            (1, 0) => rest.split_first_chunk().map(|(&len, rest)| (u32::from(u16::from_le_bytes(len)), rest)),
            (2 | 3, 0) => rest.split_first_chunk().map(|(&len, rest)| (u32::from_le_bytes(len), rest)),
            _ => return Err((format!("version {major}.{minor}"), "version 1.0, 2.0 or 3.0".into())),
        }
        .ok_or_else(no_array)?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len > MAX_BYTES {
            return Err((format!("a header of {len} bytes"), format!("at most {MAX_BYTES}")));
        }
        let (text, data) = rest
            .split_at_checked(len)
            .ok_or_else(|| (format!("{} bytes", rest.len()), format!("a header of {len} bytes")))?;
        let text =
            std::str::from_utf8(text).map_err(|_| ("a header that is no text".to_string(), "text".into()))?;
        let header = Parser { rest: text }.dict().ok_or_else(|| {
            let shown: String = text.trim_end().chars().take(200).collect();
            (
                format!("the header {shown:?}"),
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }".into(),
            )
        })?;
        Ok((header, data))
    }
}

/// `None` is always: this is not what NumPy writes for an array of numbers.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn dict(mut self) -> Option<Header> {
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        self.eat("{")?;
        while self.eat("}").is_none() {
            let key = self.quoted()?;
            self.eat(":")?;
            let again = match key {
                "descr" => descr.replace(self.quoted()?.to_string()).is_some(),
                "fortran_order" => fortran_order.replace(self.boolean()?).is_some(),
                "shape" => shape.replace(self.tuple()?).is_some(),
                _ => return None,
            };
            if again {
                return None;
            }
            if self.eat(",").is_none() {
                self.eat("}")?;
                break;
            }
        }
        if !self.rest.trim().is_empty() {
            return None;
        }
        Some(Header { descr: descr?, fortran_order: fortran_order?, shape: shape? })
    }

    /// Takes `token` and the blanks before it.
    fn eat(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.trim_start().strip_prefix(token)?;
        Some(())
    }

    fn quoted(&mut self) -> Option<&'a str> {
        self.eat("'")?;
        let (text, rest) = self.rest.split_once('\'')?;
        self.rest = rest;
        Some(text)
    }

    fn boolean(&mut self) -> Option<bool> {
        match self.eat("True") {
            Some(()) => Some(true),
            None => self.eat("False").map(|()| false),
        }
    }

    fn tuple(&mut self) -> Option<Vec<usize>> {
        let mut numbers = Vec::new();
        self.eat("(")?;
        while self.eat(")").is_none() {
            if numbers.len() == MAX_RANK {
                return None;
            }
            numbers.push(self.number()?);
            if self.eat(",").is_none() {
                self.eat(")")?;
                break;
            }
        }
        Some(numbers)
    }

    fn number(&mut self) -> Option<usize> {
        let text = self.rest.trim_start();
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, rest) = text.split_at_checked(end)?;
        self.rest = rest;
        digits.parse().ok()
    }
}

//! JSON as files have it: no name twice in an object, and no more values than [`limits::json_values`].

use std::cell::Cell;
use std::fmt;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::{Error, limits};

/// Reads a text in UTF-8. `place` is where it stands in the file at `path`.
pub(crate) fn parse(path: &Path, place: &str, text: &[u8]) -> Result<Value, Error> {
    let bad = |found: String, expected: String| Error::Format {
        path: path.into(),
        place: place.into(),
        found,
        expected,
    };
    if text.len() as u64 > limits::JSON_BYTES {
        let found = format!("{} bytes of text", text.len());
        return Err(bad(found, format!("{} at most", limits::JSON_BYTES)));
    }
    let text = std::str::from_utf8(text).map_err(|e| bad(e.to_string(), "JSON in UTF-8".into()))?;
    let most = limits::json_values(text.len());
    let left = Cell::new(most);
    let mut json = serde_json::Deserializer::from_str(text);
    let value =
        Bounded { left: &left, most }.deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    value.map_err(|e| bad(e.to_string(), "JSON".into()))
}

/// A value among so many that are left. Its depth is bounded by the parser.
#[derive(Clone, Copy)]
struct Bounded<'a> {
    left: &'a Cell<usize>,
    most: usize,
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => return Err(D::Error::custom(format!("more than {} values", self.most))),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut out = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            out.push(value);
        }
        Ok(Value::Array(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut out = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(self)?;
            if out.contains_key(&name) {
                return Err(A::Error::custom(format!("the name `{name}` twice in one object")));
            }
            out.insert(name, value);
        }
        Ok(Value::Object(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Value, Error> {
        parse(Path::new("f"), "config.json", text.as_bytes())
    }

    #[test]
    fn values_are_those_of_serde_json() {
        let text =
            r#"{"a": [1, -2, 3.5, 1e300, 18446744073709551615, "x\u0041", null, true, {}], "b": {"c": []}}"#;
        assert_eq!(read(text).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn a_matrix_may_be_large() {
        let text = format!("[{}0]", "0.012345678806304932,".repeat(2 << 20));
        assert_eq!(read(&text).unwrap().as_array().map(Vec::len), Some((2 << 20) + 1));
    }

    #[test]
    fn what_is_no_plain_json_is_refused() {
        let many = format!("[{}0]", "0,".repeat(1 << 20));
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for (text, says) in [
            (r#"{"a": 1, "b": 2, "a": 3}"#, "the name `a` twice"),
            (&many, "more than 1048576 values"),
            (&deep, "recursion limit"),
            ("{} {}", "trailing"),
            ("\u{feff}{}", "expected value"),
            ("[NaN]", "expected value"),
            ("[1e999]", "number out of range"),
            ("", "EOF"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with("f: config.json: found ") && error.contains(says), "{error}");
        }
        assert!(parse(Path::new("f"), "p", b"\xff").unwrap_err().to_string().contains("UTF-8"));
    }
}

//! Dtype policies of quantized layers: `int8_from_float32`, `int4/128_from_float32`, `float8_from_float32`.

use serde_json::Value;

use super::Policy;

/// How a layer keeps its kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantized {
    /// Whole numbers of 8 bits, with a scale for each column.
    Int8,
    /// Two whole numbers of 4 bits in a byte, with a scale for each column, or for so many rows of it.
    Int4(Option<usize>),
    /// Floats that are rounded to 8 bits by scales which follow the largest numbers of so many steps.
    Float8(usize),
}

/// Steps that Keras looks back.
const HISTORY: usize = 1024;
/// The most that is taken of a file's word.
const MOST: usize = 1 << 20;

impl Quantized {
    /// Reads what a policy says of it, and the policy that it was made of. `None` for a policy of plain numbers.
    ///
    /// # Errors
    /// Says which policy it is, and what can be done.
    pub fn of(policy: &Value) -> Result<Option<(Self, Policy)>, String> {
        let config = policy.get("config");
        let named = config.and_then(|c| c.get("name")).or(config).and_then(Value::as_str);
        let (mode, source) = match policy.as_str().or(named) {
            Some(name) => match name.split_once("_from_") {
                Some(parts) => parts,
                None => return Ok(None),
            },
            None if policy.is_null() => return Ok(None),
            None => {
                let word = |key: &str| config.and_then(|c| c.get(key)).and_then(Value::as_str);
                match (word("mode"), word("source_name")) {
                    (Some(mode), Some(source)) => (mode, source),
                    _ => return Err(unknown(policy)),
                }
            }
        };
        let history = config.and_then(|c| c.get("amax_history_length"));
        let history =
            history.map_or(Some(HISTORY as u64), Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let quantized = match mode.split_once('/').unwrap_or((mode, "-1")) {
            ("int8", "-1") => Quantized::Int8,
            ("int4", "-1") => Quantized::Int4(None),
            ("int4", size) => match size.parse::<usize>() {
                Ok(size) if size > 0 => Quantized::Int4(Some(size)),
                _ => return Err(format!("{}: no size of blocks", unknown(policy))),
            },
            ("float8", "-1") => match history.filter(|n| (1..=MOST).contains(n)) {
                Some(history) => Quantized::Float8(history),
                None => return Err(format!("{}: no length of a history", unknown(policy))),
            },
            (mode @ ("gptq" | "awq"), _) => {
                return Err(format!(
                    "the dtype policy of {mode} is not supported; int8, int4 and float8 are: quantize the model by \
                     one of these in Keras"
                ));
            }
            _ => return Err(unknown(policy)),
        };
        match Policy::named(source) {
            Some(Policy::Float32) => Ok(Some((quantized, Policy::Float32))),
            _ => Err(format!(
                "the dtype policy {mode}_from_{source} is not supported; {mode}_from_float32 is: make the model with float32 \
                 before it is quantized"
            )),
        }
    }

    /// Returns its word in Keras.
    pub fn mode(self) -> &'static str {
        match self {
            Quantized::Int8 => "int8",
            Quantized::Int4(_) => "int4",
            Quantized::Float8(_) => "float8",
        }
    }
}

fn unknown(policy: &Value) -> String {
    let shown: String = policy.to_string().chars().take(120).collect();
    format!(
        "the dtype policy {shown} is not supported: quantized layers have int8, int4 or float8 of float32"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn policies_of_keras() {
        let of = |policy: Value| Quantized::of(&policy).map(|found| found.map(|(q, _)| q));
        assert_eq!(of(json!("float32")), Ok(None));
        assert_eq!(of(json!(null)), Ok(None));
        assert_eq!(of(json!("int8_from_float32")), Ok(Some(Quantized::Int8)));
        assert_eq!(of(json!("int4_from_float32")), Ok(Some(Quantized::Int4(None))));
        assert_eq!(of(json!("int4/-1_from_float32")), Ok(Some(Quantized::Int4(None))));
        assert_eq!(of(json!("int4/64_from_float32")), Ok(Some(Quantized::Int4(Some(64)))));
        assert_eq!(of(json!("float8_from_float32")), Ok(Some(Quantized::Float8(1024))));
        let object =
            |config: Value| json!({"module": "keras.dtype_policies", "class_name": "X", "config": config});
        assert_eq!(of(object(json!({"name": "mixed_float16"}))), Ok(None));
        assert_eq!(
            of(object(json!({"mode": "int4/3", "source_name": "float32"}))),
            Ok(Some(Quantized::Int4(Some(3))))
        );
        let float8 = json!({"mode": "float8", "source_name": "float32", "amax_history_length": 16});
        assert_eq!(of(object(float8)), Ok(Some(Quantized::Float8(16))));
        for wrong in [
            json!("gptq/4/128_from_float32"),
            json!("awq/4/-1_from_float32"),
            json!("int4/0_from_float32"),
            json!("int2_from_float32"),
            json!("int8_from_mixed_bfloat16"),
            object(
                json!({"mode": "float8", "source_name": "float32", "amax_history_length": 1_000_000_000_000_u64}),
            ),
            object(json!({"policy_map": {}})),
        ] {
            assert!(of(wrong.clone()).is_err(), "{wrong}");
        }
    }
}

//! What is in a file, as text for people.

use std::fmt::Write;

use serde_json::Value;

use super::{Inspection, bytes_of, dialect_name};

impl Inspection {
    /// As text. `bold`: headings stand out, by the codes of terminals.
    pub fn to_text(&self, variables: bool, bold: bool) -> String {
        let head = |text: &str| if bold { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() };
        let mut out = String::new();
        let mut fact = |name: &str, value: &str| {
            let _ = writeln!(out, "{} {value}", head(&format!("{name:14}")));
        };
        fact("file", &self.path.display().to_string());
        fact("format", self.format);
        fact("dialect", self.dialect.map_or("not said", dialect_name));
        fact("keras version", self.keras_version.as_deref().unwrap_or("not said"));
        if let Some((name, class, _)) = &self.model {
            fact("model", &format!("{name} ({class})"));
        }
        if let Some((total, trainable)) = self.parameters {
            fact("parameters", &format!("{total}, {trainable} of them trainable"));
        }
        if let Some(compile) = &self.compile {
            fact("optimizer", &name_of(&compile.optimizer));
            fact("loss", &name_of(&compile.loss));
            fact("metrics", &name_of(&compile.metrics));
            for (name, value) in
                [("loss weights", &compile.loss_weights), ("weighted", &compile.weighted_metrics)]
            {
                if !value.is_null() {
                    fact(name, &name_of(value));
                }
            }
        }
        if let Some(state) = &self.optimizer {
            let rate = state.learning_rate.map(|rate| format!(", learning rate {rate}")).unwrap_or_default();
            let slots = state.slots.map(|n| format!(", {n} slot variables")).unwrap_or_default();
            fact("state", &format!("step {}{rate}{slots}", state.iteration));
        }
        if self.resume {
            fact("random state", "kept");
        }
        fact("arrays", &format!("{}, {} bytes", self.arrays.len(), self.bytes()));
        for note in &self.notes {
            fact("note", note);
        }
        if let Some((_, _, layers)) = &self.model {
            let cells = layers.iter().map(|l| {
                let parameters = l.parameters.map_or("?".into(), |n| n.to_string());
                vec![format!("{} ({})", l.name, l.class), l.output_shape.clone(), parameters]
            });
            out.push('\n');
            rows(&mut out, &head, &["Layer (type)", "Output Shape", "Param #"], cells.collect());
        }
        if variables {
            let cells = self.arrays.iter().map(|a| {
                let v = &a.variable;
                let shape = format!("{:?}", v.shape);
                vec![a.path.clone(), shape, v.dtype.name().into(), bytes_of(a).to_string()]
            });
            out.push('\n');
            rows(&mut out, &head, &["Variable", "Shape", "Type", "Bytes"], cells.collect());
        }
        out
    }
}

fn rows(out: &mut String, head: &dyn Fn(&str) -> String, heads: &[&str], cells: Vec<Vec<String>>) {
    let width = |i: usize| {
        let all = cells.iter().filter_map(|row| row.get(i)).map(|cell| cell.chars().count());
        all.chain(heads.get(i).map(|h| h.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let mut line = |row: &[String], style: &dyn Fn(&str) -> String| {
        let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let _ = writeln!(out, "{}", style(padded.collect::<Vec<_>>().join("  ").trim_end()));
    };
    line(&heads.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>(), head);
    for row in &cells {
        line(row, &|text| text.to_owned());
    }
}

/// Names of classes and functions, without their configs.
fn name_of(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::String(name) => name.clone(),
        Value::Array(list) => list.iter().map(name_of).collect::<Vec<_>>().join(", "),
        Value::Object(map) => match map.get("class_name").and_then(Value::as_str) {
            Some("function") => map.get("config").map(name_of).unwrap_or_default(),
            Some(class) => class.into(),
            None => {
                let named = map.iter().map(|(name, value)| format!("{name}: {}", name_of(value)));
                named.collect::<Vec<_>>().join(", ")
            }
        },
        other => other.to_string(),
    }
}

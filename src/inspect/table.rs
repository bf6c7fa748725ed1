//! What is in a file, as text for people.

use std::fmt::Write;

use rhyton_persist::shown;
use serde_json::{Value, json};

use super::{Inspection, LayerFacts, bytes_of, dialect_name};

impl Inspection {
    /// As text. `variables`: with a table of all arrays; `configs`: with the config of each layer, a line of JSON for each; `bold`: headings stand out, by the codes of terminals.
    pub fn to_text(&self, variables: bool, configs: bool, bold: bool) -> String {
        let head = |text: &str| if bold { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() };
        let mut out = String::new();
        let mut fact = |name: &str, value: &str| {
            let _ = writeln!(out, "{} {}", head(&format!("{name:14}")), shown::line(value));
        };
        fact("file", &self.path.display().to_string());
        fact("format", self.format);
        fact("dialect", self.dialect.map_or("not said", dialect_name));
        fact("keras version", self.keras_version.as_deref().unwrap_or("not said"));
        if let Some((name, class, _)) = &self.model {
            fact("model", &format!("{name} ({class})"));
        }
        if let Some((total, trainable)) = self.parameters {
            let trainable = match trainable {
                Some(n) => format!("{n} of them trainable"),
                None => "it is not known which of them are trainable".into(),
            };
            fact("parameters", &format!("{total}, {trainable}"));
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
            let connected = is_branched(layers);
            let mut cells = Vec::new();
            layer_rows(layers, 0, connected, &mut cells);
            let heads = ["Layer (type)", "Output Shape", "Param #", "Connected to"];
            out.push('\n');
            rows(&mut out, &head, &heads[..if connected { 4 } else { 3 }], cells);
            if configs {
                let _ = writeln!(out, "\n{}", head("Configs"));
                config_lines(layers, &mut out);
            }
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

/// Returns whether the layers of a model are anything but a chain; in models among them too.
fn is_branched(layers: &[LayerFacts]) -> bool {
    let mut before: Option<String> = None;
    let mut chained = layers.iter().map(|layer| {
        let reads = before.replace(format!("{}[0][0]", layer.name));
        match &layer.connected_to {
            Some(list) => list.iter().eq(reads.as_ref()),
            None => true,
        }
    });
    !chained.all(|chained| chained) || layers.iter().any(|layer| is_branched(&layer.layers))
}

/// A row for each layer; the layers of a model stand below it.
fn layer_rows(layers: &[LayerFacts], depth: usize, connected: bool, cells: &mut Vec<Vec<String>>) {
    for layer in layers {
        let parameters = layer.parameters.map_or("?".into(), |n| n.to_string());
        let shapes: Vec<String> =
            layer.output_shapes.iter().map(|s| s.as_ref().map_or("?".into(), ToString::to_string)).collect();
        let shape = match shapes.as_slice() {
            [] => "?".into(),
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let name = format!("{}{} ({})", "  ".repeat(depth), layer.name, layer.full_class());
        let mut row = vec![name, shape, parameters];
        if connected {
            row.push(layer.connected_to.as_ref().map(|list| list.join(", ")).unwrap_or_default());
        }
        cells.push(row);
        layer_rows(&layer.layers, depth + 1, connected, cells);
    }
}

/// A line of JSON for each layer.
fn config_lines(layers: &[LayerFacts], out: &mut String) {
    for layer in layers {
        let line = json!({"name": layer.name, "class": layer.class, "config": layer.config});
        let _ = writeln!(out, "{}", shown::json(&line.to_string()));
        config_lines(&layer.layers, out);
    }
}

fn rows(out: &mut String, head: &dyn Fn(&str) -> String, heads: &[&str], cells: Vec<Vec<String>>) {
    let shown = |row: Vec<String>| row.iter().map(|cell| shown::brief(cell).into_owned()).collect();
    let cells: Vec<Vec<String>> = cells.into_iter().map(shown).collect();
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

//! `summary()`: the guide's table.

use std::fmt::Write;

use super::model::Model;
use crate::graph::{LayerRef, Variable};
use crate::models::{Network, NetworkKind};
use crate::types::Shape;
use rhyton_error::shown::plain;

impl Model {
    /// Prints the table of layers.
    pub fn summary(&self) {
        print!("{}", self.summary_text());
    }

    /// The table of layers: names, classes, output shapes, parameters, and for functional models what each is connected to.
    pub fn summary_text(&self) -> String {
        let name = self.name();
        self.network(|n| table(&name, n, self.flagged())).unwrap_or_default()
    }
}

fn table(name: &str, network: &Network, variables: Vec<(Variable, bool)>) -> String {
    let functional = network.kind == NetworkKind::Functional;
    // Column ends as Keras 2 sets them: shares of the line's length.
    let (ends, width): (&[usize], usize) =
        if functional { (&[32, 53, 65, 98], 98) } else { (&[29, 55, 65], 65) };
    let mut out = format!("Model: \"{}\"\n{}\n", plain(name), "_".repeat(width));
    let mut heads = vec!["Layer (type)", "Output Shape", "Param #"];
    if functional {
        heads.push("Connected to");
    }
    row(&mut out, ends, &heads.iter().map(|h| vec![(*h).to_string()]).collect::<Vec<_>>());
    let _ = writeln!(out, "{}", "=".repeat(width));
    if !network.is_built() {
        out += "This model has not been built: call build(), fit() or predict() first.\n";
    }
    let listed: Vec<&LayerRef> =
        if functional { network.layers.iter().collect() } else { network.real_layers().collect() };
    for layer in listed {
        let title = format!("{} ({})", plain(&layer.name()), layer.class_name());
        let params: usize = layer.variables().iter().map(|(v, _)| v.len()).sum();
        let mut cells =
            vec![wrap(&title, ends[0] - 1), vec![output_shape(network, layer)], vec![params.to_string()]];
        if functional {
            cells.push(connections(network, layer));
        }
        row(&mut out, ends, &cells);
        row(&mut out, ends, &[vec![String::new()]]);
    }
    let total = |trainable: Option<bool>| {
        let counted = variables.iter().filter(|(_, t)| trainable.is_none_or(|w| w == *t));
        counted.map(|(v, _)| v.len()).sum::<usize>()
    };
    let _ = writeln!(out, "{}", "=".repeat(width));
    for (label, n) in
        [("Total", total(None)), ("Trainable", total(Some(true))), ("Non-trainable", total(Some(false)))]
    {
        let _ = writeln!(out, "{label} params: {n} ({})", bytes(4 * n));
    }
    let _ = writeln!(out, "{}", "_".repeat(width));
    out
}

fn output_shape(network: &Network, layer: &LayerRef) -> String {
    let call = network.calls.iter().rev().find(|c| network.layers.get(c.layer).is_some_and(|l| l == layer));
    let shapes: Vec<&Shape> = call.map(|c| c.outputs.iter().map(|(s, _)| s).collect()).unwrap_or_default();
    match shapes.as_slice() {
        [] => "?".into(),
        [one] if layer.class_name() == "InputLayer" => format!("[{one}]"),
        [one] => one.to_string(),
        many => format!("{many:?}"),
    }
}

fn connections(network: &Network, layer: &LayerRef) -> Vec<String> {
    let calls = network.calls.iter().filter(|c| network.layers.get(c.layer).is_some_and(|l| l == layer));
    let mut lines = Vec::new();
    for call in calls {
        for (from, tensor) in &call.inputs {
            let source = network.calls.get(*from).and_then(|c| network.layers.get(c.layer));
            let before =
                network.calls[..*from].iter().filter(|c| c.layer == network.calls[*from].layer).count();
            lines.push(format!(
                "'{}[{before}][{tensor}]'",
                plain(&source.map(LayerRef::name).unwrap_or_default())
            ));
        }
    }
    match lines.len() {
        0 => vec!["[]".into()],
        n => (0..n)
            .map(|i| {
                format!(
                    "{}{}{}",
                    if i == 0 { "[" } else { " " },
                    lines[i],
                    if i + 1 == n { "]" } else { "," }
                )
            })
            .collect(),
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(width.max(1) - 1).map(|c| c.iter().collect()).collect()
}

/// One row, as many lines as its tallest cell.
fn row(out: &mut String, ends: &[usize], cells: &[Vec<String>]) {
    let height = cells.iter().map(Vec::len).max().unwrap_or(1);
    for i in 0..height {
        let mut line = String::from(" ");
        for (cell, end) in cells.iter().zip(ends) {
            line += cell.get(i).map_or("", String::as_str);
            let pad = end.saturating_sub(line.chars().count());
            line += &" ".repeat(pad);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// A size as Keras 2 prints it.
fn bytes(n: usize) -> String {
    let (mut size, mut unit) = (n as f64, "Byte");
    for next in ["KB", "MB", "GB", "TB"] {
        if size < 1024.0 {
            break;
        }
        (size, unit) = (size / 1024.0, next);
    }
    format!("{size:.2} {unit}")
}

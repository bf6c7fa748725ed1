//! `devices`: what there is, and what `best` takes.

use std::fmt::Write;

use rhyton::device::Device;
use rhyton::device::gpu::adapters::{self, Adapter};
use serde_json::{Map, Value, json};

use crate::{Failure, arguments, print, print_json};

pub fn devices(arguments: &arguments::Devices) -> Result<(), Failure> {
    let list = adapters::list();
    let best = Device::best()?;
    if arguments.json {
        let adapters: Vec<Value> = list.iter().map(facts).collect();
        return print_json(&json!({"adapters": adapters, "best": best.backend().name(), "why": best.why()}));
    }
    let mut rows = vec![["Name", "Kind", "Backend", "Driver", "Buffer", "Binding"].map(String::from)];
    rows.extend(list.iter().map(row));
    let widths: Vec<usize> =
        (0..6).map(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0)).collect();
    let mut out = String::new();
    // The first row is the head.
    for (row, adapter) in rows.iter().zip(std::iter::once(None).chain(list.iter().map(Some))) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let _ = writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
        if let Some(adapter) = adapter.filter(|_| arguments.verbose) {
            for (name, n) in adapter.limits() {
                let _ = writeln!(out, "  {name:16}  {n}");
            }
            let _ = writeln!(out, "  {:16}  {}", "features", adapter.features().join(", "));
        }
    }
    if list.is_empty() {
        out = "no GPU adapters\n".into();
    }
    let _ = writeln!(out, "best: {best}");
    print(&out)
}

fn row(adapter: &Adapter) -> [String; 6] {
    let limits = adapter.limits();
    let limit = |name: &str| limits.iter().find(|(n, _)| *n == name).map_or(String::new(), |(_, n)| size(*n));
    [
        adapter.name.clone(),
        adapter.kind.into(),
        adapter.backend.clone(),
        adapter.driver.clone(),
        limit("buffer_bytes"),
        limit("binding_bytes"),
    ]
}

fn facts(adapter: &Adapter) -> Value {
    let limits: Map<String, Value> =
        adapter.limits().into_iter().map(|(name, n)| (name.into(), n.into())).collect();
    json!({
        "name": adapter.name,
        "backend": adapter.backend,
        "kind": adapter.kind,
        "driver": adapter.driver,
        "features": adapter.features(),
        "limits": limits,
    })
}

/// A number of bytes for people; what is larger than any memory is no limit.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = (bytes.max(1).ilog2() / 10) as usize;
    match UNITS.get(unit) {
        Some(name) => {
            let text = format!("{:.1}", bytes as f64 / (1_u64 << (10 * unit)) as f64);
            format!("{} {name}", text.trim_end_matches(".0"))
        }
        None => "no limit".into(),
    }
}

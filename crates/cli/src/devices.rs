//! `devices`: what there is, and what `best` takes.

use std::fmt::Write;

use rhyton::device::Device;
use rhyton::device::gpu::adapters;
use serde_json::{Map, Value, json};

use crate::{Failure, arguments, print, print_json};

pub fn devices(arguments: &arguments::Devices) -> Result<(), Failure> {
    let list = adapters::list();
    let best = Device::best()?;
    if arguments.json {
        let adapters: Vec<Value> = list
            .iter()
            .map(|a| {
                let limits: Map<String, Value> =
                    a.limits().into_iter().map(|(name, n)| (name.into(), n.into())).collect();
                json!({
                    "name": a.name,
                    "backend": a.backend,
                    "kind": a.kind,
                    "driver": a.driver,
                    "features": a.features(),
                    "limits": limits,
                })
            })
            .collect();
        return print_json(&json!({"adapters": adapters, "best": best.backend().name(), "why": best.why()}));
    }
    let mut out = String::new();
    for adapter in &list {
        let _ = writeln!(out, "{adapter}");
        let _ = writeln!(out, "  driver    {}", adapter.driver);
        let limits: Vec<String> = adapter.limits().iter().map(|(name, n)| format!("{name} {n}")).collect();
        let _ = writeln!(out, "  limits    {}", limits.join(", "));
        let _ = writeln!(out, "  features  {}", adapter.features().join(", "));
    }
    if list.is_empty() {
        out.push_str("no GPU adapters\n");
    }
    let _ = writeln!(out, "best: {best}");
    print(&out)
}

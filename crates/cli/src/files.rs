//! `inspect`, `convert`, `copy` and `ls`: files alone, no device.

use rhyton::persist::convert::ConvertOptions;
use rhyton::persist::shown;
use rhyton::persist::tree::{Dialect, WriteOptions};
use rhyton::storage;
use serde_json::{Value, json};

use crate::arguments::{self, Servers};
use crate::{Failure, print, print_json, say, styled};

pub fn inspect(arguments: &arguments::Inspect, servers: &Servers) -> Result<(), Failure> {
    let found = rhyton::inspect::inspect(servers.reach(&arguments.path))?;
    match arguments.json {
        true => print_json(&found.to_json(arguments.variables, arguments.layers)),
        false => print(&found.to_text(arguments.variables, arguments.layers, styled(&std::io::stdout()))),
    }
}

pub fn convert(arguments: &arguments::Convert, servers: &Servers) -> Result<(), Failure> {
    let dialect = arguments.dialect.map(|dialect| match dialect {
        arguments::Dialect::Keras3 => Dialect::Keras3,
        arguments::Dialect::TfKeras => Dialect::TfKeras,
    });
    let options = ConvertOptions {
        format: arguments.format.clone(),
        write: WriteOptions { dialect, shards: arguments.shards.map_or(0, usize::from) },
        without_optimizer: arguments.no_optimizer,
    };
    let (from, to) = (servers.reach(&arguments.input), servers.reach(&arguments.output));
    let model = arguments.model.as_ref().map(|model| servers.reach(model));
    let format = rhyton::saving::convert(from.whole(), &to, model.as_ref(), &options)?;
    say(&format!("{to}: {format}"))
}

pub fn copy(arguments: &arguments::Copy, servers: &Servers) -> Result<(), Failure> {
    let copied = storage::copy(servers.reach(&arguments.from), servers.reach(&arguments.to))?;
    say(&copied.to_string())
}

pub fn ls(arguments: &arguments::Ls, servers: &Servers) -> Result<(), Failure> {
    let entries = storage::list(servers.reach(&arguments.folder))?;
    if arguments.json {
        let entry = |e: &storage::Entry| json!({"name": e.name, "folder": e.is_folder, "bytes": e.size, "modified": e.modified});
        return print_json(&entries.iter().map(entry).collect::<Value>());
    }
    let size = |e: &storage::Entry| e.size.map_or(String::new(), |size| size.to_string());
    let width = entries.iter().map(|e| size(e).len()).max().unwrap_or(0);
    let line = |e: &storage::Entry| {
        let time = e.modified.map_or(String::new(), storage::date);
        let mark = if e.is_folder { "/" } else { "" };
        format!("{:>width$}  {time:19}  {}{mark}\n", size(e), shown::plain(&e.name))
    };
    print(&entries.iter().map(line).collect::<String>())
}

//! `inspect` and `convert`: files alone, no device.

use rhyton::persist::convert::ConvertOptions;
use rhyton::persist::tree::{Dialect, WriteOptions};

use crate::{Failure, arguments, print, print_json, styled};

pub fn inspect(arguments: &arguments::Inspect) -> Result<(), Failure> {
    let found = rhyton::inspect::inspect(&arguments.path)?;
    match arguments.json {
        true => print_json(&found.to_json(arguments.variables)),
        false => print(&found.to_text(arguments.variables, styled(&std::io::stdout()))),
    }
}

pub fn convert(arguments: &arguments::Convert) -> Result<(), Failure> {
    let dialect = arguments.dialect.map(|dialect| match dialect {
        arguments::Dialect::Keras3 => Dialect::Keras3,
        arguments::Dialect::TfKeras => Dialect::TfKeras,
    });
    let options = ConvertOptions {
        format: arguments.format.clone(),
        write: WriteOptions { dialect, shards: arguments.shards.map_or(0, usize::from) },
        without_optimizer: arguments.no_optimizer,
    };
    let format =
        rhyton::saving::convert(&arguments.input, &arguments.output, arguments.model.as_deref(), &options)?;
    print(&format!("{}: {format}\n", arguments.output.display()))
}

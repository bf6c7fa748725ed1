//! `predict`.

use rhyton::datasets::arrays;

use super::{data, device, model, sources};
use crate::arguments::{self, Servers};
use crate::{Failure, print, say};

pub fn predict(arguments: &arguments::Predict, servers: &Servers) -> Result<(), Failure> {
    let run = &arguments.run;
    let to_standard_output = match arguments.output.as_slice() {
        [one] => one == "-",
        several if several.iter().any(|o| o == "-") => {
            return Err(Failure::Usage("--output: `-` takes all outputs, so it stands alone".into()));
        }
        _ => false,
    };
    let mut model = model(run, servers, false)?;
    let (takes, names) = (model.input_names(), model.output_names());
    arrays::check(&sources(&run.inputs, &takes, servers), &takes, "--inputs")?;
    if !to_standard_output {
        arrays::check_targets(&sources(&arguments.output, &names, servers), &names, "--output")?;
    }
    let inputs = data(&[("--inputs", &run.inputs, &takes)], servers)?;
    model.to(&device(run.device.as_deref())?)?;
    let inputs = inputs.into_iter().next().unwrap_or_default();
    let predictions = model.predict(inputs).batch_size(run.batch_size).verbose(0).run_each()?;
    // A model that its first data build has names only now.
    let names = model.output_names();
    let typed: Vec<_> = predictions.into_iter().zip(model.output_dtypes()).collect();
    if to_standard_output {
        let mut table = Vec::new();
        arrays::write_table(&mut table, &names, &typed).map_err(Failure::Output)?;
        return print(&String::from_utf8_lossy(&table));
    }
    let targets = sources(&arguments.output, &names, servers);
    for (path, dtype, shape) in arrays::save(&targets, &names, &typed, "--output")? {
        say(&format!("{path}: {} {shape:?}", dtype.name()))?;
    }
    Ok(())
}

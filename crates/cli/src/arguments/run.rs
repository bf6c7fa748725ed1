//! Arguments of the commands that run a model.

use clap::Args;
use rhyton::Location;

use super::{at_least_one, location};

/// Holds the arguments of all commands that run a model.
#[derive(Args)]
pub struct Run {
    /// The model
    #[arg(value_parser = location)]
    pub model: Location,
    /// The inputs: a .npy or .csv file for each (of texts a .txt with a text in each line, or .npy of strings), with commas between, in the model's order or as NAME=FILE; or a .npz file of all, by their
    /// names or in order (FILE.npz:ARRAY is one of its arrays)
    #[arg(long, value_name = "FILES", value_delimiter = ',', required = true)]
    pub inputs: Vec<String>,
    /// Examples per step
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = at_least_one)]
    pub batch_size: usize,
    /// best, gpu, cpu, or a part of an adapter's name [default: RHYTON_DEVICE, else best]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// A file whose weights (and optimizer's state) replace the model's; of a folder of checkpoints, the newest
    #[arg(long, value_name = "FILE", value_parser = location)]
    pub weights: Option<Location>,
    /// Load the weights of layers that have a name of the model's, and leave the others (of `.h5`)
    #[arg(long, requires = "weights")]
    pub by_name: bool,
    /// Leave weights as they are where those of the file do not fit
    #[arg(long, requires = "weights")]
    pub skip_mismatch: bool,
}

/// Arguments of `predict`.
#[derive(Args)]
pub struct Predict {
    /// Names what to run.
    #[command(flatten)]
    pub run: Run,
    /// Write the predictions here: a .npy file for each output, with commas between, in the model's order or as NAME=FILE; or one .npz or .csv
    /// file for all; - is a table (CSV) on the standard output
    #[arg(long, value_name = "FILES", value_delimiter = ',', default_value = "-")]
    pub output: Vec<String>,
}

/// Arguments of `evaluate`.
#[derive(Args)]
pub struct Evaluate {
    /// Names what to run.
    #[command(flatten)]
    pub run: Run,
    /// The targets, given as the inputs are, by the names of the outputs
    #[arg(long, value_name = "FILES", value_delimiter = ',', required = true)]
    pub targets: Vec<String>,
    /// The loss and the metrics.
    #[command(flatten)]
    pub losses: Losses,
    /// Print an object of all values
    #[arg(long)]
    pub json: bool,
}

/// Says how to compile a model, or how to change what it was compiled with.
#[derive(Args, Default)]
#[command(next_help_heading = "Compiling")]
pub struct Compile {
    /// A new optimizer, by Keras' name (adam), or as JSON of its config [default: that of the file with its state; rmsprop for a model
    /// that was not compiled]
    #[arg(long, value_name = "NAME")]
    pub optimizer: Option<String>,
    /// The learning rate; the optimizer's state stays
    #[arg(long, value_name = "RATE", value_parser = rate, allow_negative_numbers = true)]
    pub learning_rate: Option<f32>,
    /// The loss and the metrics.
    #[command(flatten)]
    pub losses: Losses,
}

impl Compile {
    /// Returns whether somebody typed this name.
    pub fn say(&self, name: &str) -> bool {
        let typed = [&self.optimizer, &self.losses.loss, &self.losses.metrics];
        typed.iter().filter_map(|text| text.as_deref()).any(|text| text.contains(name))
    }
}

/// Names what is measured.
#[derive(Args, Clone, Default)]
pub struct Losses {
    /// The loss (mse), or OUTPUT=LOSS for each output with commas between, or JSON [default: that of the file]
    #[arg(long, value_name = "NAMES")]
    pub loss: Option<String>,
    /// The metrics with commas between (accuracy,mae), or OUTPUT=METRIC, or JSON [default: those of the file]
    #[arg(long, value_name = "NAMES")]
    pub metrics: Option<String>,
}

/// Arguments of `train`.
#[derive(Args)]
pub struct Train {
    /// Names what to run.
    #[command(flatten)]
    pub run: Run,
    /// The targets, given as the inputs are, by the names of the outputs
    #[arg(long, value_name = "FILES", value_delimiter = ',', required = true)]
    pub targets: Vec<String>,
    /// Save what was trained here; the name says the format: the whole model, in the dialect of MODEL, or weights
    #[arg(long, value_name = "OUT", value_parser = location)]
    pub output: Location,
    /// Times to go through the data, after those that are done
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    pub epochs: usize,
    /// Train exactly so many batches, over as many epochs as that takes, whatever --epochs says
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub steps: Option<usize>,
    /// Epochs that are done: their numbers, in checkpoints too, and their shuffles are not taken again [default: what the file says; 0 where it does not]
    #[arg(long, value_name = "N")]
    pub initial_epoch: Option<usize>,
    /// Take the examples in their order
    #[arg(long)]
    pub no_shuffle: bool,
    /// Random layers act as at inference
    #[arg(long)]
    pub no_dropout: bool,
    /// Seed of random layers and shuffling [default: that of the file, else a new one]
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Print nothing but errors
    #[arg(long)]
    pub quiet: bool,
    /// Says how to compile the model.
    #[command(flatten)]
    pub compile: Compile,
    /// Says what to look at after each epoch.
    #[command(flatten)]
    pub watch: Watch,
}

/// Holds what `train` looks at, and writes, after each epoch.
#[derive(Args)]
#[command(next_help_heading = "After each epoch")]
pub struct Watch {
    /// Evaluate on these inputs
    #[arg(long, value_name = "FILES", value_delimiter = ',', requires = "validation_targets")]
    pub validation_inputs: Vec<String>,
    /// The targets that belong to them
    #[arg(long, value_name = "FILES", value_delimiter = ',', requires = "validation_inputs")]
    pub validation_targets: Vec<String>,
    /// Evaluate on this share of the examples, the last ones, instead of training on them
    #[arg(long, value_name = "F", value_parser = share, conflicts_with = "validation_inputs")]
    pub validation_split: Option<f64>,
    /// Save to a file of this name: cp-{epoch:04d}.keras; weights alone where the name is that of a weights-only format
    #[arg(long, value_name = "TEMPLATE", value_parser = location)]
    pub checkpoint: Option<Location>,
    /// Save here where the monitored value is better than ever; the name may have fields too
    #[arg(long, value_name = "FILE", value_parser = location)]
    pub save_best: Option<Location>,
    /// Stop when the monitored value has not become better for so many epochs
    #[arg(long, value_name = "PATIENCE")]
    pub early_stopping: Option<usize>,
    /// At the end, put back the weights of the best epoch
    #[arg(long, requires = "early_stopping")]
    pub restore_best_weights: bool,
    /// The value that --save-best and --early-stopping look at [default: val_loss]
    #[arg(long, value_name = "NAME")]
    pub monitor: Option<String>,
    /// Take a fall or a rise of the monitored value for the better [default: rise for accuracies, else fall]
    #[arg(long, value_name = "MODE", value_parser = ["min", "max"])]
    pub mode: Option<String>,
    /// Write all logged values to this .csv or .json file
    #[arg(long, value_name = "FILE", value_parser = location)]
    pub history: Option<Location>,
}

fn rate(text: &str) -> Result<f32, String> {
    let rate: f32 = text.parse().map_err(|_| "it must be a number")?;
    if rate.is_finite() && rate >= 0.0 { Ok(rate) } else { Err("it must be at least 0, and finite".into()) }
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "it must be a number")?;
    if (0.0..1.0).contains(&share) { Ok(share) } else { Err("it must be at least 0 and less than 1".into()) }
}

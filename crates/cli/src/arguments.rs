//! The command line.

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use rhyton::Location;
use rhyton::persist::formats::FORMATS;

/// Looks into, converts, runs and trains Keras models.
#[derive(Parser)]
#[command(
    name = "rhyton",
    version,
    propagate_version = true,
    after_help = "Exit codes: 0 done; 1 it failed (a file is missing or damaged, data do not fit, a device failed); 2 what was asked for \
                  cannot be (wrong options, a format that cannot hold it). Errors go to the standard error. Colours: on terminals only, \
                  none if NO_COLOR is set.\n\nEvery path of a file or a folder may be a URL: https:// and http:// (WebDAV; plain servers for \
                  reading), s3://BUCKET/KEY, file://. Users and passwords: ~/.netrc (NETRC); RHYTON_WEBDAV_USER and RHYTON_WEBDAV_PASSWORD for the host \
                  of the URL in RHYTON_WEBDAV; for s3:// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; or the URL itself."
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to reach servers.
    #[command(flatten)]
    pub servers: Servers,
}

/// How to reach the servers of URLs.
#[derive(Args)]
#[command(next_help_heading = "URLs")]
pub struct Servers {
    /// Do not check the certificates of https:// servers, which may then be anybody's
    #[arg(long, global = true)]
    pub insecure: bool,
    /// The server of s3:// URLs, for others than Amazon's [default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL", global = true)]
    pub endpoint: Option<String>,
}

impl Servers {
    /// A place, reached as the options say.
    pub fn reach(&self, location: &Location) -> Location {
        let location = location.clone().insecure(self.insecure);
        match &self.endpoint {
            Some(url) => location.endpoint(url),
            None => location,
        }
    }

    /// The same for several.
    pub fn reach_all(&self, locations: &[Location]) -> Vec<Location> {
        locations.iter().map(|location| self.reach(location)).collect()
    }
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Say what is in a model file: also of layers that are not known, and of any TensorFlow checkpoint
    Inspect(Inspect),
    /// Write a model file in another format or dialect
    Convert(Convert),
    /// Predict, from .npy files to .npy files
    Predict(Predict),
    /// Print the loss and the metrics on data
    Evaluate(Evaluate),
    /// Go on training a compiled model from the state of its optimizer
    Train(Train),
    /// Copy a file or a folder, from or to a server too
    Copy(Copy),
    /// List what is in a folder, of a server too
    Ls(Ls),
    /// List the devices, and say which one `best` takes and why
    Devices(Devices),
    /// Print the plan of a step, under WebGPU's default limits; no device is touched
    Plan(Plan),
}

/// Arguments of `inspect`.
#[derive(Args)]
pub struct Inspect {
    /// A model file, a SavedModel directory, or the prefix of a TensorFlow checkpoint
    #[arg(value_parser = location)]
    pub path: Location,
    /// Print JSON: format, dialect, keras_version, model, compile, optimizer, resume, arrays, notes, variables
    #[arg(long)]
    pub json: bool,
    /// List every variable: path, shape, type, bytes
    #[arg(long)]
    pub variables: bool,
}

/// Dialects by their names.
#[derive(Clone, Copy, ValueEnum)]
pub enum Dialect {
    /// Keras 3
    Keras3,
    /// Keras 2: tf_keras, or tf.keras up to TensorFlow 2.15
    TfKeras,
}

/// Arguments of `convert`.
#[derive(Args)]
pub struct Convert {
    /// The file to read; its content says what it is
    #[arg(value_name = "IN", value_parser = location)]
    pub input: Location,
    /// The file to write
    #[arg(value_name = "OUT", value_parser = location)]
    pub output: Location,
    /// Format of OUT [default: by its name: .keras, .h5, .weights.h5, .ckpt, .safetensors; no ending: a SavedModel of a whole model, a
    /// TensorFlow checkpoint of weights]
    #[arg(long, value_name = "F", value_parser = formats())]
    pub format: Option<String>,
    /// Which library shall read it [default: keras3 for .keras and .weights.h5, else tf-keras]
    #[arg(long, value_name = "D")]
    pub dialect: Option<Dialect>,
    /// Data files of a TensorFlow checkpoint [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub shards: Option<u16>,
    /// Leave the optimizer's state out
    #[arg(long)]
    pub no_optimizer: bool,
    /// A file that gives a weights-only one its architecture
    #[arg(long, value_name = "FILE", value_parser = location)]
    pub model: Option<Location>,
}

/// What all that runs a model takes.
#[derive(Args)]
pub struct Run {
    /// The model
    #[arg(value_parser = location)]
    pub model: Location,
    /// The inputs: a .npy file for each, with commas between
    #[arg(long, value_name = "NPY", value_delimiter = ',', required = true, value_parser = location)]
    pub inputs: Vec<Location>,
    /// Examples per step
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = at_least_one)]
    pub batch_size: usize,
    /// best, gpu, cpu, or a part of an adapter's name [default: RHYTON_DEVICE, else best]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// A file whose weights (and optimizer's state) replace the model's
    #[arg(long, value_name = "FILE", value_parser = location)]
    pub weights: Option<Location>,
}

/// Arguments of `predict`.
#[derive(Args)]
pub struct Predict {
    /// What to run.
    #[command(flatten)]
    pub run: Run,
    /// Where to write the predictions: a .npy file for each output, with commas between
    #[arg(long, value_name = "NPY", value_delimiter = ',', required = true, value_parser = location)]
    pub output: Vec<Location>,
}

/// Arguments of `evaluate`.
#[derive(Args)]
pub struct Evaluate {
    /// What to run.
    #[command(flatten)]
    pub run: Run,
    /// The targets: a .npy file for each output, with commas between
    #[arg(long, value_name = "NPY", value_delimiter = ',', required = true, value_parser = location)]
    pub targets: Vec<Location>,
    /// Print an object of all values
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `train`.
#[derive(Args)]
pub struct Train {
    /// What to run.
    #[command(flatten)]
    pub run: Run,
    /// The targets: a .npy file for each output, with commas between
    #[arg(long, value_name = "NPY", value_delimiter = ',', required = true, value_parser = location)]
    pub targets: Vec<Location>,
    /// Where to save what was trained; the name says the format: the whole model, in the dialect of MODEL, or weights
    #[arg(long, value_name = "OUT", value_parser = location)]
    pub output: Location,
    /// Times to go through the data
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub epochs: usize,
    /// Train exactly so many batches, over as many epochs as that takes, whatever --epochs says
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Take the examples in their order
    #[arg(long)]
    pub no_shuffle: bool,
    /// Random layers act as at inference
    #[arg(long)]
    pub no_dropout: bool,
    /// Seed of random layers and shuffling [default: that of the file, else a new one]
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Share of the examples, the last ones, to evaluate on after each epoch instead of training on them
    #[arg(long, value_name = "F", default_value_t = 0.0)]
    pub validation_split: f64,
    /// Save after each epoch too: cp-{epoch:04d}.keras; weights alone where the name is that of a weights-only format
    #[arg(long, value_name = "TEMPLATE", value_parser = location)]
    pub checkpoint: Option<Location>,
}

/// Arguments of `copy`.
#[derive(Args)]
pub struct Copy {
    /// A file, a folder with all that is in it, or the prefix of a TensorFlow checkpoint
    #[arg(value_parser = location)]
    pub from: Location,
    /// Where the copy goes: a name, or a folder (that is there, or whose name ends in a slash)
    #[arg(value_parser = location)]
    pub to: Location,
}

/// Arguments of `ls`.
#[derive(Args)]
pub struct Ls {
    /// The folder
    #[arg(value_name = "FOLDER", value_parser = location)]
    pub folder: Location,
    /// Print JSON: a list of name, folder, bytes, modified (seconds since 1970)
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `devices`.
#[derive(Args)]
pub struct Devices {
    /// Print JSON: adapters (name, backend, kind, driver, features, limits), best, why
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `plan`.
#[derive(Args)]
pub struct Plan {
    /// The model
    #[arg(value_parser = location)]
    pub model: Location,
    /// Examples per step
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = at_least_one)]
    pub batch_size: usize,
    /// A training step, not a prediction
    #[arg(long)]
    pub train: bool,
}

/// A path or a URL; what is wrong with it is said when it is used.
fn location(text: &str) -> Result<Location, std::convert::Infallible> {
    Ok(Location::new(text))
}

/// Names of the formats.
fn formats() -> PossibleValuesParser {
    PossibleValuesParser::new(FORMATS.iter().map(|format| format.name))
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1".into()),
        Ok(n) => Ok(n),
        Err(_) => Err("it must be a whole number".into()),
    }
}

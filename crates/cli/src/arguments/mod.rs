//! The command line.

mod run;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use rhyton::Location;
use rhyton::persist::formats::FORMATS;
pub use run::{Compile, Evaluate, Predict, Run, Train, Watch};

/// Looks into, converts, runs and trains Keras models.
#[derive(Parser)]
#[command(
    name = "rhyton",
    version,
    propagate_version = true,
    after_help = "Exit codes: 0 done; 1 it failed (a file is missing or damaged, data do not fit, a format cannot hold the model, a device failed); 2 what was asked \
                  for cannot be (wrong options, a name that says no format); 130 `train` was stopped by Ctrl-C (143: by SIGTERM): at the first one what it had trained \
                  is saved, at a second one not. Errors go to the standard error. Colours: on terminals only, \
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
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Say what is in a model file: also of layers that are not known, and of any TensorFlow checkpoint
    Inspect(Inspect),
    /// Write a model file in another format or dialect
    Convert(Convert),
    /// Predict, from .npy, .npz or .csv files to such files or to the standard output
    Predict(Predict),
    /// Print the loss and the metrics on data
    Evaluate(Evaluate),
    /// Train a model: go on from the state of its optimizer, or compile it first
    Train(Box<Train>),
    /// Copy a file or a folder, from or to a server too
    Copy(Copy),
    /// List what is in a folder, of a server too
    Ls(Ls),
    /// List the devices, and say which one `best` takes and why
    Devices(Devices),
    /// Print the plan of a step, under WebGPU's default limits; no device is touched
    Plan(Plan),
    /// Print a script that completes commands and options in a shell
    Completions(Completions),
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
    /// Show the config of every layer: a line of JSON for each
    #[arg(long)]
    pub layers: bool,
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
    /// List all features and limits
    #[arg(long)]
    pub verbose: bool,
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

/// Arguments of `completions`.
#[derive(Args)]
#[command(
    after_help = "bash: rhyton completions bash > ~/.local/share/bash-completion/completions/rhyton\nzsh: rhyton completions zsh > a folder of $fpath, as _rhyton\n\
                  fish: rhyton completions fish > ~/.config/fish/completions/rhyton.fish"
)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
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

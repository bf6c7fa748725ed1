//! The guide "Save and load models", section by section. See docs/guide.md, which sets the guide's Python beside this.
//!
//! `cargo run --release --example save_and_load [DIR]`; the files stay in DIR, by default `target/guide`.

use std::io::IsTerminal;
use std::path::PathBuf;

use rhyton::prelude::*;
use serde::{Deserialize, Serialize};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A small model: the guide's.
fn create_model() -> Result<Model> {
    let mut model = Sequential::new((
        Dense::new(512).activation("relu").input_shape([784]),
        Dropout::new(0.2),
        Dense::new(10),
    ))?;
    model.compile(
        Adam::new(),
        SparseCategoricalCrossentropy::new().from_logits(true),
        [SparseCategoricalAccuracy::new()],
    )?;
    Ok(model)
}

fn heading(text: &str) {
    let (bold, plain) = if std::io::stdout().is_terminal() { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    println!("\n{bold}## {text}{plain}\n");
}

fn main() -> Result<()> {
    let device = Device::best()?;
    println!("Device: {device}");
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or("target/guide".into()));
    std::fs::create_dir_all(&folder)?;
    std::env::set_current_dir(&folder)?;
    set_random_seed(1);

    heading("Get an example dataset");
    // The first 1000 training and test examples of MNIST, which come with the library; `mnist::load_data()` gives all 70,000.
    let ((train_images, train_labels), (test_images, test_labels)) = datasets::mnist::subset();
    let train_labels = train_labels.first(1000);
    let test_labels = test_labels.first(1000);
    let train_images = train_images.first(1000).to_rows() / 255.0;
    let test_images = test_images.first(1000).to_rows() / 255.0;
    println!("train {:?}, test {:?}", train_images.shape(), test_images.shape());

    heading("Define a model");
    let mut model = create_model()?;
    model.summary();

    heading("Save checkpoints during training");
    let checkpoint_path = "training_1/cp.ckpt";
    // A callback that saves the model's weights.
    let mut cp_callback = ModelCheckpoint::new(checkpoint_path).save_weights_only(true).verbose(1);
    // Train the model with the new callback.
    model
        .fit(&train_images, &train_labels)
        .epochs(10)
        .validation_data(&test_images, &test_labels)
        .callbacks([&mut cp_callback])
        .run()?;
    list("training_1")?;

    // A new model, untrained: at chance.
    let mut model = create_model()?;
    let logs = model.evaluate(&test_images, &test_labels).verbose(2).run()?;
    println!("Untrained model, accuracy: {:5.2}%", 100.0 * accuracy(&logs));
    // The same with the weights of the checkpoint.
    model.load_weights(checkpoint_path)?;
    let logs = model.evaluate(&test_images, &test_labels).verbose(2).run()?;
    println!("Restored model, accuracy: {:5.2}%", 100.0 * accuracy(&logs));

    heading("Checkpoint callback options");
    // The epoch in the file name, a save every 5 epochs.
    let checkpoint_path = "training_2/cp-{epoch:04d}.ckpt";
    let batch_size = 32;
    let n_batches = train_images.nrows().div_ceil(batch_size);
    let mut cp_callback =
        ModelCheckpoint::new(checkpoint_path).verbose(1).save_weights_only(true).save_freq(5 * n_batches);
    let mut model = create_model()?;
    model
        .fit(&train_images, &train_labels)
        .epochs(50)
        .batch_size(batch_size)
        .callbacks([&mut cp_callback])
        .validation_data(&test_images, &test_labels)
        .verbose(0)
        .run()?;
    list("training_2")?;
    let latest = latest_checkpoint("training_2")?.ok_or("no checkpoint was saved")?;
    println!("latest: {}", latest.display());
    let mut model = create_model()?;
    model.load_weights(&latest)?;
    let logs = model.evaluate(&test_images, &test_labels).verbose(2).run()?;
    println!("Restored model, accuracy: {:5.2}%", 100.0 * accuracy(&logs));

    heading("Manually save weights");
    model.save_weights("./checkpoints/my_checkpoint")?;
    let mut model = create_model()?;
    model.load_weights("./checkpoints/my_checkpoint")?;
    let logs = model.evaluate(&test_images, &test_labels).verbose(2).run()?;
    println!("Restored model, accuracy: {:5.2}%", 100.0 * accuracy(&logs));

    heading("Save the entire model: the .keras format");
    let mut model = create_model()?;
    model.fit(&train_images, &train_labels).epochs(5).run()?;
    model.save("my_model.keras")?;
    let mut new_model = load_model("my_model.keras")?;
    new_model.summary();
    let logs = new_model.evaluate(&test_images, &test_labels).verbose(2).run()?;
    println!("Restored model, accuracy: {:5.2}%", 100.0 * accuracy(&logs));
    println!("{:?}", new_model.predict(&test_images).run()?.shape());
    // It is compiled, and goes on training where it left off.
    new_model.fit(&train_images, &train_labels).initial_epoch(5).epochs(6).run()?;

    heading("Save the entire model: the SavedModel format");
    // A path without an ending: a directory that TensorFlow can run too, for example TensorFlow Serving.
    let mut model = create_model()?;
    model.fit(&train_images, &train_labels).epochs(5).run()?;
    model.save("saved_model/my_model")?;
    list("saved_model")?;
    list("saved_model/my_model")?;
    let mut new_model = load_model("saved_model/my_model")?;
    new_model.summary();
    let logs = new_model.evaluate(&test_images, &test_labels).verbose(2).run()?;
    println!("Restored model, accuracy: {:5.2}%", 100.0 * accuracy(&logs));
    println!("{:?}", new_model.predict(&test_images).run()?.shape());

    heading("Save the entire model: HDF5 format");
    model.save("my_model.h5")?;
    let mut new_model = load_model("my_model.h5")?;
    let logs = new_model.evaluate(&test_images, &test_labels).verbose(2).run()?;
    println!("Restored model, accuracy: {:5.2}%", 100.0 * accuracy(&logs));

    heading("Saving custom objects");
    register_layer::<ScaleShift>("Guide");
    let mut model = Sequential::new((
        Dense::new(64).activation("relu").input_shape([784]),
        ScaleShift::new(1.0),
        Dense::new(10),
    ))?;
    model.compile(
        Adam::new(),
        SparseCategoricalCrossentropy::new().from_logits(true),
        [SparseCategoricalAccuracy::new()],
    )?;
    model.fit(&train_images, &train_labels).epochs(2).verbose(2).run()?;
    model.save("custom.keras")?;
    let mut again = load_model("custom.keras")?;
    let same = model.predict(&test_images).run()? == again.predict(&test_images).run()?;
    println!("A model with a custom layer predicts the same after a reload: {same}");

    heading("Saving to ScienceData");
    to_a_server(&new_model)?;

    heading("What is in these files?");
    println!("They are in {}. To look into one:", std::env::current_dir()?.display());
    println!("rhyton inspect {}", folder.join("my_model.keras").display());
    Ok(())
}

/// A model goes to a WebDAV folder and comes back: wherever a path is taken, a URL is.
fn to_a_server(model: &Model) -> Result<()> {
    let Ok(folder) = std::env::var("RHYTON_WEBDAV") else {
        println!(
            "With RHYTON_WEBDAV=https://sciencedata/files (and a user in ~/.netrc, or in RHYTON_WEBDAV_USER and RHYTON_WEBDAV_PASSWORD) this \
             would save my_model.keras there, load it back, compare the bytes, and list the folder."
        );
        return Ok(());
    };
    // As curl's --insecure: for a server whose certificate nobody vouches for.
    let insecure = std::env::var_os("RHYTON_WEBDAV_INSECURE").is_some();
    let folder = Location::from(folder).insecure(insecure);
    let place = folder.join("my_model.keras");
    model.save(&place)?;
    let again = load_model(&place)?;
    println!("{place}: the same weights came back: {}", again.get_weights()? == model.get_weights()?);
    // There and back, byte for byte.
    rhyton::storage::copy("my_model.keras", &place)?;
    rhyton::storage::copy(&place, "from_the_server.keras")?;
    let same = std::fs::read("my_model.keras")? == std::fs::read("from_the_server.keras")?;
    println!("{place}: the same bytes came back: {same}");
    for entry in rhyton::storage::list(&folder)? {
        println!("{:>10}  {}", entry.size.map_or(String::new(), |size| size.to_string()), entry.name);
    }
    Ok(())
}

/// A custom layer: its fields are its config, and its call is its formula.
#[derive(Serialize, Deserialize)]
struct ScaleShift {
    start: f64,
    #[serde(skip)]
    scale: Variable,
    #[serde(skip)]
    shift: Variable,
}

impl ScaleShift {
    fn new(start: f64) -> Self {
        ScaleShift { start, scale: Variable::default(), shift: Variable::default() }
    }
}

impl Layer for ScaleShift {
    const CLASS: &'static str = "ScaleShift";

    fn build(
        &mut self,
        builder: &mut Builder,
        input: &TensorShape,
    ) -> std::result::Result<(), rhyton::Error> {
        let width = input.known(-1)?;
        self.scale =
            builder.add_weight("scale", [width], rhyton::initializers::Constant::new(self.start), true)?;
        self.shift = builder.add_weight("shift", [width], "zeros", true)?;
        Ok(())
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        x * &self.scale + &self.shift
    }
}

fn accuracy(logs: &Logs) -> f64 {
    logs.get("sparse_categorical_accuracy").unwrap_or(f64::NAN)
}

/// `ls`.
fn list(folder: &str) -> Result<()> {
    let mut names: Vec<String> = std::fs::read_dir(folder)?
        .map(|e| Ok(e?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.sort();
    println!("{}", names.join("\n"));
    Ok(())
}

//! Fine-tuning (<https://keras.io/guides/transfer_learning/>): a MobileNet of `keras.applications` that knows the digits 0 to 4 learns 5 to 9. First a new head
//! alone is trained, on what the frozen layers give; then all layers, slowly. `transfer_learning.py` beside it made the file with Keras, and does the same there.
//!
//! `cargo run --release --example transfer_learning [EPOCHS [STEPS_PER_EPOCH]]`; `RHYTON_DEVICE=gpu` or `cpu` chooses the device.

use std::error::Error;
use std::path::Path;

use ndarray::{Array1, Array4, Axis};
use rhyton::datasets::mnist;
use rhyton::optimizers::Adam;
use rhyton::prelude::*;

/// Images of 28 by 28 in the middle of 32 by 32, three times for red, green and blue, from -1 to 1; of those that show 5 to 9, and their labels from 0.
fn digits((images, labels): mnist::Split) -> (Array4<f32>, Array1<u8>) {
    let chosen: Vec<usize> = (0..labels.len()).filter(|i| labels[*i] >= 5).collect();
    let pixel = |i: usize, y: usize, x: usize| {
        let inside = |n: usize| n.checked_sub(2).filter(|n| *n < 28);
        match (inside(y), inside(x)) {
            (Some(y), Some(x)) => f32::from(images[[i, y, x]]) / 127.5 - 1.0,
            _ => -1.0,
        }
    };
    let x = Array4::from_shape_fn((chosen.len(), 32, 32, 3), |(i, y, x, _)| pixel(chosen[i], y, x));
    (x, labels.select(Axis(0), &chosen) - 5)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|a| a.parse::<usize>());
    let (epochs, steps) = (numbers.next().transpose()?.unwrap_or(5), numbers.next().transpose()?);
    let device = Device::best()?;
    println!("Device: {device}");
    set_random_seed(7);
    let (train, test) = mnist::subset();
    let ((x_train, y_train), (x_test, y_test)) = (digits(train), digits(test));

    let base =
        load_model(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/transfer_learning/digits.keras"))?;
    base.as_layer().set_trainable(false);
    let inputs = input([32, 32, 3]);
    // Its normalizations go on with the statistics that they have, also when they are trained.
    let features = base.as_layer().clone().on_with(&inputs, Arguments::each(1).with("training", false));
    let outputs = Dense::new(5).on(&features[0]);
    let mut model = Model::new(inputs, outputs)?;
    model.to(&device)?;
    model.summary();

    let train = |model: &mut Model, rate: f64| -> Result<f64, Box<dyn Error>> {
        let loss = SparseCategoricalCrossentropy::new().from_logits(true);
        model.compile(Adam::new().learning_rate(rate), loss, ["accuracy"])?;
        let fit = model.fit(&x_train, &y_train).epochs(epochs);
        match steps {
            Some(steps) => fit.steps_per_epoch(steps).run()?,
            None => fit.run()?,
        };
        Ok(model.evaluate(&x_test, &y_test).verbose(0).run()?.get("accuracy").unwrap_or(f64::NAN))
    };
    let head = train(&mut model, 1e-2)?;
    println!("Test accuracy with a new head: {head:.4}");
    base.as_layer().set_trainable(true);
    let all = train(&mut model, 1e-3)?;
    println!("Test accuracy with all layers trained: {all:.4}");
    Ok(())
}

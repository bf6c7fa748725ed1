//! Keras' example "Simple MNIST convnet": <https://keras.io/examples/vision/mnist_convnet/>. 99 % of the test images after 15 epochs.
//!
//! `cargo run --release --example mnist_convnet [EPOCHS [STEPS_PER_EPOCH]]`; `RHYTON_DEVICE=gpu` or `cpu` chooses the device.

use std::time::Instant;

use ndarray::{Array3, Array4, Axis};
use rhyton::datasets::to_categorical;
use rhyton::prelude::*;

const CLASSES: usize = 10;

/// Pixels from 0 to 1, with an axis of one channel: [n, 28, 28, 1].
fn scaled(images: &Array3<u8>) -> Array4<f32> {
    images.mapv(|pixel| f32::from(pixel) / 255.0).insert_axis(Axis(3))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<usize>());
    let epochs = arguments.next().transpose()?.unwrap_or(15);
    let steps = arguments.next().transpose()?;
    let device = Device::best()?;
    println!("Device: {device}");
    set_random_seed(1);

    let ((x_train, y_train), (x_test, y_test)) = datasets::mnist::load_data().unwrap_or_else(|error| {
        println!("Not all of MNIST: {error}");
        println!("Going on with the 1000 + 1000 images that come with the library.");
        datasets::mnist::subset()
    });
    let (x_train, x_test) = (scaled(&x_train), scaled(&x_test));
    let (y_train, y_test) = (to_categorical(&y_train, CLASSES)?, to_categorical(&y_test, CLASSES)?);
    println!("{} training images, {} test images", x_train.len_of(Axis(0)), x_test.len_of(Axis(0)));

    let mut model = Sequential::new((
        Conv2D::new(32, 3).activation("relu").input_shape([28, 28, 1]),
        MaxPooling2D::new(2),
        Conv2D::new(64, 3).activation("relu"),
        MaxPooling2D::new(2),
        Flatten::new(),
        Dropout::new(0.5),
        Dense::new(CLASSES).activation("softmax"),
    ))?;
    model.summary();
    model.compile("adam", "categorical_crossentropy", ["accuracy"])?;

    let start = Instant::now();
    let fit = model.fit(&x_train, &y_train).batch_size(128).epochs(epochs).validation_split(0.1);
    match steps {
        Some(steps) => fit.steps_per_epoch(steps).run()?,
        None => fit.run()?,
    };
    let seconds = start.elapsed().as_secs_f64();

    let score = model.evaluate(&x_test, &y_test).verbose(0).run()?;
    println!("Test loss: {:.4}", score.loss());
    println!("Test accuracy: {:.4}", score.get("accuracy").unwrap_or(f64::NAN));
    println!("Trained for {seconds:.1} s on {device}");
    Ok(())
}

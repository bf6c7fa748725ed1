//! `cargo bench --bench fit -- lstm transformer`: milliseconds a step in `fit` on the CPU, and the losses, of models over sequences. `fit.py` beside it does
//! the same in Keras, from the same weights and data.

use std::time::Instant;

use ndarray::{Array1, ArrayD};
use rhyton::prelude::*;

const STEPS: usize = 8;
const EPOCHS: usize = 8;

/// Returns the model, the shape of an example, and the batch size.
fn case(name: &str) -> Result<(Model, Vec<usize>, usize), Error> {
    Ok(match name {
        "lstm" => {
            let layers = (LSTM::new(128).input_shape([100, 64]), Dense::new(10));
            (Sequential::new(layers)?, vec![100, 64], 32)
        }
        _ => {
            let x = input([128, 128]);
            let attended = MultiHeadAttention::new(4, 32).on([&x, &x]);
            let y = LayerNormalization::new().on(Add::new().on([&x, &attended]));
            let fed = Dense::new(128).on(Dense::new(512).activation("relu").on(&y));
            let y = LayerNormalization::new().on(Add::new().on([&y, &fed]));
            let scores = Dense::new(10).on(GlobalAveragePooling1D::new().on(&y));
            (Model::new(x, scores)?, vec![128, 128], 16)
        }
    })
}

/// The same weights as in Keras: biases and scales as they begin, kernels by a formula.
fn fix(model: &mut Model) -> Result<(), Error> {
    let mut weights = model.get_weights()?;
    for (k, weight) in weights.iter_mut().enumerate().filter(|(_, w)| w.ndim() > 1) {
        weight.iter_mut().enumerate().for_each(|(i, w)| *w = ((i * 31 + k * 17) % 41) as f32 / 400.0 - 0.05);
    }
    model.set_weights(&weights)
}

fn run(name: &str, epochs: usize) -> Result<(), Error> {
    let (mut model, shape, batch) = case(name)?;
    model.to(&Device::named("cpu", "benched")?)?;
    fix(&mut model)?;
    let loss = SparseCategoricalCrossentropy::new().from_logits(true);
    model.compile(Adam::new(), loss, [SparseCategoricalAccuracy::new()])?;
    let shape: Vec<usize> = std::iter::once(batch * STEPS).chain(shape).collect();
    let pixel = |i: usize| ((i * 31 + i / 784 * 7) % 256) as f32 / 255.0;
    let x = (0..shape.iter().product()).map(pixel).collect();
    let x = ArrayD::from_shape_vec(shape, x).map_err(Error::other)?;
    let y = Array1::from_shape_fn(batch * STEPS, |i| (i % 10) as i32);
    let (mut times, mut losses) = (Vec::new(), Vec::new());
    for _ in 0..epochs {
        let start = Instant::now();
        let history = model.fit(&x, &y).batch_size(batch).shuffle(false).verbose(0).run()?;
        times.push(start.elapsed().as_secs_f64() * 1e3 / STEPS as f64);
        losses.extend(history.get("loss").and_then(|all| all.last().copied()));
    }
    // The first epoch plans.
    let mut later = times.split_off(1.min(times.len() - 1));
    later.sort_by(f64::total_cmp);
    let shown: Vec<String> = losses.iter().map(|loss| format!("{loss:.5}")).collect();
    println!(
        "{name}: {:.2} ms a step (least {:.2}); losses {}",
        later[later.len() / 2],
        later[0],
        shown.join(" ")
    );
    Ok(())
}

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` and `cargo bench -- --test` want to see that it runs.
    let epochs = if arguments.iter().any(|a| a == "--bench") { EPOCHS } else { 1 };
    let asked: Vec<&str> = arguments.iter().map(String::as_str).filter(|a| !a.starts_with("--")).collect();
    for name in ["lstm", "transformer"].into_iter().filter(|n| asked.is_empty() || asked.contains(n)) {
        run(name, epochs)?;
    }
    Ok(())
}

//! Everything that Keras names by class, against numbers and configs of the real Keras 3 (`tests/data/keras/make.py`).

mod activations;
mod colours;
mod common;
mod compile;
mod configs;
mod half;
mod images;
mod integers;
mod keys;
mod layers;
mod losses;
mod metrics;
mod more;
mod older;
mod optimizer_steps;
mod optimizers;
mod preprocessing;
mod registry;
mod signals;
mod training;

//! Trains, checkpoints, saves and loads Keras models on any GPU, through wgpu compute shaders; on the CPU where there is none.
//!
//! ```
//! use rhyton::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ((train_images, train_labels), (test_images, test_labels)) = datasets::mnist::subset();
//! let (train_images, test_images) = (train_images.to_rows() / 255.0, test_images.to_rows() / 255.0);
//!
//! let mut model = Sequential::new((
//!     Dense::new(512).activation("relu").input_shape([784]),
//!     Dropout::new(0.2),
//!     Dense::new(10),
//! ))?;
//! model.compile(
//!     Adam::new(),
//!     SparseCategoricalCrossentropy::new().from_logits(true),
//!     [SparseCategoricalAccuracy::new()],
//! )?;
//! model.fit(&train_images, &train_labels).epochs(2).verbose(0).run()?;
//!
//! let folder = tempfile::tempdir()?;
//! model.save(folder.path().join("my_model.keras"))?;
//! let mut new_model = load_model(folder.path().join("my_model.keras"))?;
//! let (a, b) = (model.evaluate(&test_images, &test_labels), new_model.evaluate(&test_images, &test_labels));
//! assert_eq!(a.verbose(0).run()?, b.verbose(0).run()?);
//! # Ok(())
//! # }
//! ```
//!
//! * [`prelude`]: what most programs need. The guide "Save and load models", Python beside Rust: `docs/guide.md`.
//! * [`train`]: models, `compile`, `fit`, `evaluate`, `predict`, callbacks. [`layers`](mod@layers), [`losses`](mod@losses), [`metrics`](mod@metrics), [`optimizers`].
//! * [`saving`]: files of Keras and TensorFlow, read and written; [`storage`]: on this machine, or behind a URL.
//! * [`device`] is where models run; [`graph`] and [`plan`] are what is run.
//! * [`datasets`] has MNIST. [`inspect`] says what is in a file of any model.

#![forbid(unsafe_code)]

pub mod callbacks;
pub mod datasets;
mod error;
pub mod inspect;
pub mod prelude;
pub mod saving;

pub use error::Error;
/// Makes a list of any number of callbacks of any types: `callbacks![&mut checkpoint, &mut stopping]`.
pub use rhyton_engine::callback_list as callbacks;
pub use {ndarray, serde, serde_json};
/// Graphs of ops, with the gradients of what they compute.
pub mod graph {
    pub use rhyton_engine::autograd::gradients;
    pub use rhyton_engine::graph::*;
}

#[cfg(feature = "gpu")]
pub use rhyton_engine::device::gpu::wgpu;
pub use rhyton_engine::names::clear_session;
pub use rhyton_engine::random::set_random_seed;
pub use rhyton_engine::{
    activations, constraints, device, export, initializers, layers, losses, metrics, models, ops, optimizers,
    plan, regularizers, train, types, words,
};
pub use rhyton_persist as persist;
pub use rhyton_persist::Location;
/// Files and folders, on this machine or behind a URL: listed, read, copied.
pub mod storage {
    pub use rhyton_persist::storage::{Entry, date, list, read};
    pub use rhyton_persist::{Location, ReadAt, copy};
}
pub use saving::{latest_checkpoint, load_model, load_model_bytes, load_model_bytes_with, load_model_with};

#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../docs/guide.md")]
    mod guide {}
    #[doc = include_str!("../docs/models.md")]
    mod models {}
    #[doc = include_str!("../docs/callbacks.md")]
    mod callbacks {}
    #[doc = include_str!("../docs/resuming.md")]
    mod resuming {}
    #[doc = include_str!("../docs/custom.md")]
    mod custom {}
    #[doc = include_str!("../docs/data.md")]
    mod data {}
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

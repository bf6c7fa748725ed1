//! Trains, saves and loads Keras models on any GPU.

pub mod datasets;

//! Layers that make spectrograms, with the weights that they begin with: predictions of Keras on every device.

use ndarray::{ArrayD, IxDyn};
use rhyton_engine::graph::{DType, LayerRef};
use rhyton_engine::layers::{self as k, InputLayer};
use rhyton_engine::models::registry;
use rhyton_engine::train::{Apply, Model, input_symbol};

use crate::common::{close, data, devices, numbers, shape};

/// Returns what the constructors give, in the order of signals.py.
pub fn made() -> Vec<LayerRef> {
    vec![
        k::STFTSpectrogram::new().into(),
        k::STFTSpectrogram::new()
            .mode("psd")
            .frame_length(100)
            .frame_step(30)
            .fft_length(128)
            .window("hamming")
            .periodic(true)
            .scaling("spectrum")
            .padding("same")
            .expand_dims(true)
            .data_format("channels_first")
            .into(),
        k::STFTSpectrogram::new().window(None).scaling(k::StftScaling::None).into(),
        k::MelSpectrogram::new().into(),
        k::MelSpectrogram::new()
            .fft_length(256)
            .sequence_stride(64)
            .sequence_length(200)
            .window("hamming")
            .sampling_rate(8000.0)
            .num_mel_bins(40)
            .min_freq(30.0)
            .max_freq(3000.0)
            .power_to_db(false)
            .top_db(60.0)
            .mag_exp(1.0)
            .min_power(1e-8)
            .ref_power(2.0)
            .into(),
    ]
}

#[test]
fn predictions_of_fresh_layers_are_keras() {
    let file = data(include_str!("../data/keras/signals.json"));
    for device in devices() {
        for case in file["fresh"].as_array().expect("cases") {
            let what = format!("{} {} on {device}", case["class"], case["config"]);
            let class = case["class"].as_str().expect("a class");
            let layer = registry::layer(class, None, case["config"].as_object().expect("a config"));
            let layer = layer.unwrap_or_else(|e| panic!("{what}: {e}"));
            let axes = shape(&case["x"]["shape"]);
            let lengths: Vec<Option<usize>> = axes[1..].iter().map(|n| Some(*n)).collect();
            let inputs = vec![input_symbol(InputLayer::of(&lengths, DType::F32))];
            let outputs = layer.on(inputs.clone());
            let mut model = Model::new(inputs, outputs).unwrap_or_else(|e| panic!("{what}: {e}"));
            model.to(&device).expect("a device");
            let x = numbers(&case["x"]["data"]).into_iter().map(|v| v as f32).collect();
            let x = ArrayD::from_shape_vec(IxDyn(&axes), x).expect("as many");
            let y = model.predict(&x).verbose(0).run().unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_eq!(y.shape(), shape(&case["y_shape"]), "{what}");
            let y: Vec<f64> = y.iter().map(|v| f64::from(*v)).collect();
            close(&y, &numbers(&case["y"]), 3e-5, &what);
        }
    }
}

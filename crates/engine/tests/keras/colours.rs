//! Layers that change colours, in training where nothing is random: numbers of Keras on every device. What is random is in images.rs.

use rhyton_engine::graph::{LayerExt, LayerRef};
use rhyton_engine::layers as k;

use crate::common::{close, data, devices, numbers, shape};
use crate::images::{named, run, traced};

/// Returns what the constructors give, in the order of colours.py.
pub fn made() -> Vec<LayerRef> {
    let unit = (0.0, 1.0);
    vec![
        k::RandomBrightness::new(0.2).into(),
        k::RandomBrightness::new((-0.1, 0.3))
            .value_range(unit)
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        k::RandomContrast::new(0.2).into(),
        k::RandomContrast::new((0.3, 0.1))
            .value_range(unit)
            .seed(3)
            .data_format("channels_first")
            .bounding_box_format("xyxy".to_owned())
            .into(),
        k::RandomSaturation::new(0.2).into(),
        k::RandomSaturation::new((0.1, 0.3)).value_range(unit).seed(3).into(),
        k::RandomHue::new(0.2).into(),
        k::RandomHue::new((0.1, 0.3)).value_range(unit).seed(3).into(),
        k::RandomColorDegeneration::new(0.2).into(),
        k::RandomColorDegeneration::new((0.1, 0.3)).value_range(unit).seed(3).into(),
        k::RandomColorJitter::new().into(),
        k::RandomColorJitter::new()
            .value_range(unit)
            .brightness_factor(0.1)
            .contrast_factor((0.2, 0.3))
            .saturation_factor(0.4)
            .hue_factor(0.5)
            .seed(3)
            .into(),
        k::RandomInvert::new().into(),
        k::RandomInvert::new().factor((0.2, 0.3)).value_range(unit).seed(3).into(),
        k::RandomGrayscale::new().into(),
        k::RandomGrayscale::new().factor(0.3).seed(3).into(),
        k::RandomSharpness::new(0.2).into(),
        k::RandomSharpness::new((0.1, 0.3)).value_range(unit).seed(3).into(),
        k::RandomGaussianBlur::new().into(),
        k::RandomGaussianBlur::new()
            .factor((0.2, 0.3))
            .kernel_size((3, 5))
            .sigma((0.1, 0.4))
            .value_range(unit)
            .seed(3)
            .into(),
        k::RandomErasing::new().into(),
        k::RandomErasing::new().factor(0.2).scale(0.3).fill_value(7.0).value_range(unit).seed(3).into(),
        k::RandomErasing::new().fill_value([1.0, 2.0, 3.0]).into(),
        k::Solarization::new().into(),
        k::Solarization::new()
            .addition_factor(0.2)
            .threshold_factor((0.1, 0.3))
            .value_range(unit)
            .seed(3)
            .into(),
        k::RandomPosterization::new(3).into(),
        k::RandomPosterization::new((2, 5)).value_range(unit).seed(3).into(),
        k::AutoContrast::new().into(),
        k::AutoContrast::new().value_range(unit).into(),
        k::Equalization::new().into(),
        k::Equalization::new().value_range(unit).bins(64).data_format("channels_first").into(),
        k::MixUp::new().into(),
        k::MixUp::new().alpha(0.3).seed(3).into(),
        k::CutMix::new().into(),
        k::CutMix::new().factor((0.1, 0.3)).seed(3).into(),
        k::MaxNumBoundingBoxes::new(3).into(),
        k::RandAugment::new().into(),
        k::RandAugment::new()
            .value_range(unit)
            .num_ops(3)
            .factor((0.1, 0.4))
            .interpolation("nearest")
            .seed(3)
            .into(),
        k::AugMix::new().into(),
        k::AugMix::new()
            .value_range(unit)
            .num_chains(2)
            .chain_depth(4)
            .factor(0.2)
            .alpha(0.5)
            .all_ops(false)
            .interpolation("nearest")
            .seed(3)
            .into(),
        k::ContrastLimitedAdaptiveHistogramEqualization::new().into(),
        k::ContrastLimitedAdaptiveHistogramEqualization::new()
            .value_range(unit)
            .clip_limit(2.5)
            .tile_grid_size((3, 4))
            .into(),
        k::Pipeline::new([
            k::Rescaling::new(0.5).name("half").into(),
            k::RandomInvert::new().name("inverted").into(),
        ])
        .into(),
    ]
}

#[test]
fn training_without_draws_is_keras() {
    let file = data(include_str!("../data/keras/colours.json"));
    let cases = file["exact"].as_array().expect("cases");
    let devices = devices();
    for case in cases {
        let mut case = case.clone();
        case["x"] = file["pictures"][case["x"].as_str().expect("a name")].clone();
        let traced = traced(&case, 1);
        let ty = traced.0.edge_type(traced.1).shape.clone();
        let what = named(&case);
        assert_eq!(ty, shape(&case["y_shape"]), "{what}");
        for device in &devices {
            let y = &run(device.backend().as_ref(), &traced, 1)[0];
            let want = numbers(&case["y"]);
            let largest = want.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            close(y, &want, 1e-6 * (1.0 + largest), &format!("{what} on {device}"));
        }
    }
}

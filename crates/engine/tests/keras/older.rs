//! Layers and settings of older versions: windows with a kernel each, which tf_keras alone has, and batches that are renormalized.

use rhyton_engine::Error;
use rhyton_engine::graph::{LayerRef, Shape};
use rhyton_engine::layers as k;
use rhyton_engine::models::registry;
use rhyton_engine::regularizers::L2;
use serde_json::json;

/// Returns what the constructors give, in the order of older.py.
pub fn made() -> Vec<LayerRef> {
    let clipping = k::RenormClipping { rmax: Some(1.5), rmin: Some(0.5), dmax: Some(0.25) };
    vec![
        k::BatchNormalization::new().renorm(true).into(),
        k::BatchNormalization::new().renorm(true).renorm_clipping(clipping).renorm_momentum(0.8).into(),
        k::LocallyConnected1D::new(3, 2).into(),
        k::LocallyConnected2D::new(3, 2).into(),
        k::LocallyConnected1D::new(3, 2)
            .strides(2)
            .padding("same")
            .implementation(3)
            .activation("relu")
            .use_bias(false)
            .into(),
        k::LocallyConnected2D::new(3, [2, 3])
            .implementation(2)
            .data_format("channels_first")
            .kernel_regularizer(L2::new(0.25))
            .bias_constraint("non_neg")
            .into(),
    ]
}

fn built(class: &str, config: serde_json::Value, shape: &[Option<usize>]) -> Result<(), Error> {
    let layer = registry::layer(class, None, config.as_object().expect("an object"))?;
    layer.build(&registry::resolver(), &[Shape(shape.to_vec())])
}

#[test]
fn wrong_settings_are_told() {
    let steps = [None, Some(6), Some(3)];
    let local = |more: serde_json::Value| {
        let mut config = json!({"filters": 2, "kernel_size": 3});
        let more = more.as_object().expect("an object").clone();
        config.as_object_mut().expect("an object").extend(more);
        built("LocallyConnected1D", config, &steps).expect_err("wrong").to_string()
    };
    for (more, word) in [
        (json!({"padding": "same"}), "implementation 1"),
        (json!({"padding": "causal"}), "padding"),
        (json!({"implementation": 4}), "implementation is 4"),
        (json!({"filters": 0}), "filters"),
        (json!({"strides": 0}), "strides"),
        (json!({"kernel_size": 9}), "too small"),
        (json!({"kernel_size": 4_000_000_000_u64, "padding": "same", "implementation": 3}), "placed"),
    ] {
        let error = local(more.clone());
        assert!(error.contains(word), "{more}: {error}");
    }
    let unknown =
        built("LocallyConnected1D", json!({"filters": 2, "kernel_size": 3}), &[None, None, Some(3)]);
    assert!(unknown.is_err());
    for (clipping, word) in [
        (json!({"rmax": 1.0, "rmin": 2.0}), "below rmin"),
        (json!({"dmax": -1.0}), "negative"),
        (json!({"dmin": 1.0}), "dmin"),
    ] {
        let config = json!({"renorm": true, "renorm_clipping": clipping});
        let error = built("BatchNormalization", config, &[None, Some(3)]).expect_err("wrong").to_string();
        assert!(error.contains("renorm_clipping") && error.contains(word), "{error}");
    }
}

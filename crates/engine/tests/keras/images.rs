//! Layers that prepare images.

use rhyton_engine::graph::LayerRef;
use rhyton_engine::layers as k;

/// Returns what the constructors give, in the order of images.py.
pub fn made() -> Vec<LayerRef> {
    vec![
        k::Resizing::new(4, 5).into(),
        k::Resizing::new(4, 5)
            .interpolation("lanczos3")
            .pad_to_aspect_ratio(true)
            .fill_value(0.5)
            .antialias(true)
            .data_format("channels_first")
            .into(),
        k::Resizing::new(3, 3).crop_to_aspect_ratio(true).into(),
        k::CenterCrop::new(4, 5).into(),
        k::CenterCrop::new(4, 5).data_format("channels_first").into(),
    ]
}

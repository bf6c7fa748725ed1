//! Boxes at random places of images, which are erased or come from another image.

use super::augment::{batch, for_each_image};
use super::flatten::DataFormat;
use super::images::size_of;
use crate::graph::Tensor;
use crate::ops::count_up;

/// Returns 1 inside a box of each image, and 0 outside: it has these shares of the width and the height, and is anywhere.
pub(super) fn random_box(x: Tensor, [across, down]: [Tensor; 2]) -> Tensor {
    let [height, width] = size_of(x, DataFormat::ChannelsLast);
    let within = |length: usize, share: Tensor, shape: [usize; 4]| {
        let part = share * length as f64;
        let first = for_each_image(x, [0.0, 1.0]) * (length as f64 - part);
        let place = count_up(length).reshape(shape);
        first.less_equal(place) * place.less(first + part)
    };
    let both = within(width, across, [1, 1, width, 1]) * within(height, down, [1, height, 1, 1]);
    both.broadcast_to(&[batch(x), height, width, 1])
}

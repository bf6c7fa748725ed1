//! What layers share that change colours: ranges of values, grey, hue and saturation, and numbers that are drawn before they are used.

use super::augment::Pair;
use crate::Error;
use crate::graph::{CallContext, Tensor, fail};

/// Describes a change of images whose random numbers are drawn first, so that it can be made several times with the same ones.
pub(super) trait Change {
    /// Returns the numbers that are drawn for images.
    fn draws(&self, _x: Tensor, _cx: &CallContext) -> Vec<Tensor> {
        Vec::new()
    }

    /// Returns the changed images, which are of f32 and have the channels on the last axis.
    fn changed(&self, x: Tensor, drawn: &[Tensor]) -> Tensor;

    /// Returns images changed by new numbers.
    fn drawn_and_changed(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let drawn = self.draws(x, cx);
        self.changed(x, &drawn)
    }
}

/// [`config!`] of a layer that changes images: the fields that such layers have besides their own.
macro_rules! colours {
    (
        $(#[$doc:meta])*
        $class:ident ( $( $required:ident $how:tt $ty:ty ),* )
        { $( $(#[$field_doc:meta])* $field:ident $field_how:tt $field_ty:ty = $default:expr ; )* }
        $( read { $( $read:ident : $read_ty:ty ),* } )?
    ) => {
        config! {
            $(#[$doc])*
            $class($( $required $how $ty ),*) {
                $( $(#[$field_doc])* $field $field_how $field_ty = $default; )*
                /// Is kept in the config. The draws themselves follow the seed of the model.
                seed # $crate::initializers::Seed = $crate::initializers::Seed::default();
                /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`](crate::layers::DataFormat).
                data_format <- $crate::words::Word<$crate::layers::DataFormat> = $crate::words::Word::default();
                /// Sets how bounding boxes are written, which are no tensors here; it is kept for files.
                bounding_box_format <- Option<String> = None;
            }
            unset {}
            then {}
            read { $( $( $read: $read_ty ),* )? }
            skip {}
        }
    };
}

/// The range of values that Keras assumes where nothing is said.
pub(super) const BYTES: Pair = Pair([0.0, 255.0]);

impl Pair {
    /// Returns the lower number, and the higher one.
    pub(super) fn sorted(self) -> [f64; 2] {
        let [a, b] = self.0;
        [a.min(b), a.max(b)]
    }
}

/// Returns quotients by a number, exact where that is a power of two.
fn divided(x: Tensor, by: f64) -> Tensor {
    if by == 1.0 {
        x
    } else if by != 0.0 && by.abs().log2().fract() == 0.0 {
        x * (1.0 / by)
    } else {
        x / by
    }
}

/// Returns values of one range as those of another, by Keras' steps.
pub(super) fn rescaled(x: Tensor, from: [f64; 2], to: [f64; 2]) -> Tensor {
    if from == to {
        return x;
    }
    let plus = |x: Tensor, n: f64| if n == 0.0 { x } else { x + n };
    let share = divided(plus(x, -from[0]), from[1] - from[0]);
    let length = to[1] - to[0];
    plus(if length == 1.0 { share } else { share * length }, to[0])
}

/// Returns whether images have one of these numbers of channels. Keras, too, refuses others only in training.
pub(super) fn has_channels(class: &str, x: Tensor, numbers: &[usize]) -> bool {
    let found = x.shape().last().copied().unwrap_or(1);
    let fits = numbers.contains(&found);
    if !fits {
        let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
        let what = format!("{class} takes images of {} channels, not of {found}", numbers.join(" or "));
        fail(Error::Shape { layer: String::new(), what });
    }
    fits
}

/// Returns images without colours, of one channel.
pub(super) fn grey(x: Tensor) -> Tensor {
    if x.shape().last() == Some(&1) {
        return x;
    }
    let channel = |i: usize, weight: f64| x.slice(3, i, 1) * weight;
    channel(0, 0.2989) + channel(1, 0.5870) + channel(2, 0.1140)
}

/// Returns hue, saturation and value of red, green and blue; the hue is a share of a full turn.
pub(super) fn to_hsv(x: Tensor) -> [Tensor; 3] {
    let [red, green, blue] = [0, 1, 2].map(|i| x.slice(3, i, 1));
    let value = red.maximum(green).maximum(blue);
    let range = value - red.minimum(green).minimum(blue);
    let nothing = Tensor::full(&[], 0.0);
    let saturation = nothing.less(value).select(range / value, 0.0);
    // What is grey has no hue: a divisor of 1 keeps infinities away.
    let sixth = 1.0 / (range.select(range, 1.0) * 6.0);
    let of_blue = (red - green) * sixth + 4.0 / 6.0;
    let of_green = value.equal(green).select((blue - red) * sixth + 2.0 / 6.0, of_blue);
    let hue = value.equal(red).select((green - blue) * sixth, of_green);
    let hue = range.select(hue, 0.0);
    [hue.less(0.0).select(hue + 1.0, hue), saturation, value]
}

/// Returns red, green and blue of hue, saturation and value.
pub(super) fn to_rgb([hue, saturation, value]: [Tensor; 3]) -> Tensor {
    let sixths = hue * 6.0;
    let red = (sixths - 3.0).abs() - 1.0;
    let green = 2.0 - (sixths - 2.0).abs();
    let blue = 2.0 - (sixths - 4.0).abs();
    let channel = |share: Tensor| ((1.0 - saturation) + saturation * share.clip(0.0, 1.0)) * value;
    Tensor::concat(&[red, green, blue].map(channel), 3)
}

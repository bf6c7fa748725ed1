//! Images that are shifted, turned, zoomed, sheared and seen from elsewhere, at random.

use std::f64::consts::TAU;

use super::augment::{Augment, Factor, MaybeFactor, Span, chosen, for_each_image, sign, uniform};
use super::flatten::DataFormat;
use super::images::size_of;
use super::warp::{FillMode, Warp, check_interpolation, row};
use crate::Error;
use crate::graph::{CallContext, Tensor};
use crate::initializers::Seed;
use crate::ops::Interpolation;
use crate::words::Word;

/// [`config!`] of a layer that takes pixels from elsewhere: the fields that such layers have besides their own.
macro_rules! warps {
    (
        $(#[$doc:meta])*
        $class:ident ( $( $required:ident $how:tt $ty:ty ),* )
        { $( $(#[$field_doc:meta])* $field:ident $field_how:tt $field_ty:ty = $default:expr ; )* }
    ) => {
        config! {
            $(#[$doc])*
            $class($( $required $how $ty ),*) {
                $( $(#[$field_doc])* $field $field_how $field_ty = $default; )*
                /// Sets what is beyond the edges: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`, or a [`FillMode`].
                fill_mode <- Word<FillMode> = Word::default();
                /// Sets how pixels between others are made: `"nearest"` or `"bilinear"`, or an [`Interpolation`].
                interpolation <- Word<Interpolation> = Interpolation::Bilinear.into();
                /// Is kept in the config. The draws themselves follow the seed of the model.
                seed # Seed = Seed::default();
                /// Sets the number beyond the edges, where `fill_mode` is `"constant"`.
                fill_value: f64 = 0.0;
                /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
                data_format <- Word<DataFormat> = Word::default();
                /// Sets how bounding boxes are written, which are no tensors here; it is kept for files.
                bounding_box_format <- Option<String> = None;
            }
            unset {}
            then {}
            read { rng_type: Option<String> }
            skip {}
        }

        impl $class {
            pub(super) fn warp(&self) -> Warp {
                Warp { how: *self.interpolation, fill_mode: *self.fill_mode, fill_value: self.fill_value }
            }
        }
    };
}

warps! {
    /// Shifts images in training, each by shares of its height and width that are drawn between two numbers.
    RandomTranslation(height_factor <- Factor, width_factor <- Factor) {}
}

warps! {
    /// Zooms images in training, each by one plus a number that is drawn between two; what is below 1 makes them larger.
    RandomZoom(height_factor <- Factor) {
        /// Zooms the width by a number of its own; else as the height.
        width_factor <- MaybeFactor = MaybeFactor::default();
    }
}

warps! {
    /// Shears images in training, each by numbers that are drawn between two, one way or the other.
    RandomShear() {
        /// Sets how far rows are shifted for each row.
        x_factor <- Span<-1> = Span::from(0.0);
        /// Sets how far columns are shifted for each column.
        y_factor <- Span<-1> = Span::from(0.0);
    }
}

config! {
    /// Turns images in training, each by a share of a full turn that is drawn between two numbers.
    RandomRotation(factor <- Span<-1>) {
        /// Sets what is beyond the edges: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`, or a [`FillMode`].
        fill_mode <- Word<FillMode> = Word::default();
        /// Sets the number beyond the edges, where `fill_mode` is `"constant"`.
        fill_value: f64 = 0.0;
        /// Sets how pixels between others are made: `"nearest"` or `"bilinear"`, or an [`Interpolation`].
        interpolation <- Word<Interpolation> = Interpolation::Bilinear.into();
        /// Is kept in the config. The draws themselves follow the seed of the model.
        seed # Seed = Seed::default();
        /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
        data_format <- Word<DataFormat> = Word::default();
        /// Sets how bounding boxes are written, which are no tensors here; it is kept for files.
        bounding_box_format <- Option<String> = None;
    }
    unset {}
    then {}
    read { rng_type: Option<String> }
    skip {}
}

config! {
    /// Shows images in training as if seen from elsewhere: their corners are moved at random, with a probability that is drawn for each image.
    RandomPerspective() {
        /// Sets the probability: between two numbers, or between 0 and one.
        factor <- Span<0> = Span::from(1.0);
        /// Sets by which share of its distance from the first corner each corner is moved at most, twice.
        scale: f64 = 1.0;
        /// Sets how pixels between others are made: `"nearest"` or `"bilinear"`, or an [`Interpolation`].
        interpolation <- Word<Interpolation> = Interpolation::Bilinear.into();
        /// Sets the number beyond the edges.
        fill_value: f64 = 0.0;
        /// Is kept in the config. The draws themselves follow the seed of the model.
        seed # Seed = Seed::default();
        /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
        data_format <- Word<DataFormat> = Word::default();
        /// Sets how bounding boxes are written, which are no tensors here; it is kept for files.
        bounding_box_format <- Option<String> = None;
    }
    unset {}
    then {}
    read {}
    skip {}
}

augments!(RandomTranslation, RandomZoom, RandomShear, RandomRotation, RandomPerspective);

/// Returns a matrix that turns by an angle around the middle of an image.
fn turned(angle: Tensor, [height, width]: [usize; 2]) -> [[Tensor; 3]; 2] {
    let [cy, cx] = [height, width].map(|n| 0.5 * (n as f64 - 1.0));
    let (cos, sin) = (angle.cos(), angle.sin());
    [row(cos, -sin, cx - cos * cx + sin * cy), row(sin, cos, cy - sin * cx - cos * cy)]
}

impl RandomTranslation {
    /// Returns the matrix of each image.
    pub(super) fn matrix(&self, x: Tensor) -> [[Tensor; 3]; 2] {
        let [height, width] = size_of(x, DataFormat::ChannelsLast).map(|n| n as f64);
        let down = for_each_image(x, self.height_factor.bounds(-1.0)) * height;
        let across = for_each_image(x, self.width_factor.bounds(-1.0)) * width;
        [row(1.0, 0.0, -across), row(0.0, 1.0, -down)]
    }
}

impl RandomShear {
    /// Returns the matrix of each image.
    pub(super) fn matrix(&self, x: Tensor) -> [[Tensor; 3]; 2] {
        let sign = sign(x);
        let [across, down] = [self.x_factor, self.y_factor].map(|f| for_each_image(x, f.bounds()) * sign);
        [row(1.0, across, 0.0), row(down, 1.0, 0.0)]
    }
}

impl RandomRotation {
    /// Returns the matrix of each image.
    pub(super) fn matrix(&self, x: Tensor) -> [[Tensor; 3]; 2] {
        let angle = for_each_image(x, self.factor.bounds().map(|turns| turns * TAU));
        turned(angle, size_of(x, DataFormat::ChannelsLast))
    }

    pub(super) fn warp(&self) -> Warp {
        Warp { how: *self.interpolation, fill_mode: *self.fill_mode, fill_value: self.fill_value }
    }
}

impl Augment for RandomTranslation {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        self.height_factor.within("height_factor", -1.0, 1.0)?;
        self.width_factor.within("width_factor", -1.0, 1.0)?;
        self.warp().checked()
    }

    fn augment(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        self.warp().affine(x, self.matrix(x))
    }
}

impl Augment for RandomZoom {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        self.height_factor.within("height_factor", -1.0, 1.0)?;
        self.width_factor.0.map_or(Ok(()), |factor| factor.within("width_factor", -1.0, f64::INFINITY))?;
        self.warp().checked()
    }

    fn augment(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let drawn = |factor: Factor| for_each_image(x, factor.bounds(f64::NEG_INFINITY).map(|f| 1.0 + f));
        let down = drawn(self.height_factor);
        let across = self.width_factor.0.map_or(down, drawn);
        let [height, width] = size_of(x, DataFormat::ChannelsLast).map(|n| (n as f64 - 1.0) / 2.0);
        let matrix = [row(across, 0.0, (1.0 - across) * width), row(0.0, down, (1.0 - down) * height)];
        self.warp().affine(x, matrix)
    }
}

impl Augment for RandomShear {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        // Keras writes the lower number of one as its negative.
        self.x_factor.0.within("x_factor", -1.0, 1.0)?;
        self.y_factor.0.within("y_factor", -1.0, 1.0)?;
        self.warp().checked()
    }

    fn augment(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        self.warp().affine(x, self.matrix(x))
    }
}

impl Augment for RandomRotation {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        self.factor.checked("factor")?;
        self.warp().checked()
    }

    fn augment(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        self.warp().affine(x, self.matrix(x))
    }
}

impl Augment for RandomPerspective {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        self.factor.checked("factor")?;
        Factor::One(self.scale).within("scale", 0.0, 1.0)?;
        check_interpolation(*self.interpolation)
    }

    fn augment(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let apply = chosen(x, self.factor.bounds());
        let [height, width] = size_of(x, DataFormat::ChannelsLast).map(|n| n as f64 - 1.0);
        let moved = |length: f64| {
            let n = x.shape().first().copied().unwrap_or(1);
            uniform(&[n, 1, 1, 1], [-0.5 * self.scale, 0.5 * self.scale]) * length + length
        };
        // The corners at the ends of the first row and column stay on them, and the last goes anywhere: where (0, 0), (x2, 0), (0, y3) and (x4, y4)
        // become the corners again is what the matrix says.
        let (x2, y3, x4, y4) = (moved(width), moved(height), moved(width), moved(height));
        let (across, down) = ((y4 / y3 - 1.0) / x4, (x4 / x2 - 1.0) / y4);
        let rows = [row(width / x2 + across * width, 0.0, 0.0), row(0.0, height / y3 + down * height, 0.0)];
        let warp =
            Warp { how: *self.interpolation, fill_mode: FillMode::Constant, fill_value: self.fill_value };
        apply.select(warp.projective(x, rows, Some([across, down])), x)
    }
}

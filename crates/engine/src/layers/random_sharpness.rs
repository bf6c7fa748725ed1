//! Images sharper or blurred, at random.

use super::augment::{Augment, Pair, Span, chosen, for_each_image, uniform};
use super::colours::{BYTES, Change};
use super::flatten::DataFormat;
use super::windows::Size2D;
use crate::Error;
use crate::graph::{CallContext, Integers, Tensor};
use crate::ops::{Windows, count_up};

colours! {
    /// Makes images sharper or smoother in training, each by a number that is drawn between two: below 1/2 smoother, above sharper.
    RandomSharpness(factor <- Span<0>) {
        /// Sets the lowest and the highest value of a pixel.
        value_range <- Pair = BYTES;
    }
}

colours! {
    /// Blurs images in training by a bell, with a probability that is drawn for each.
    RandomGaussianBlur() {
        /// Sets the probability: between two numbers, or between 0 and one.
        factor <- Span<0> = Span::from(1.0);
        /// Sets the size of the bell, of odd numbers of pixels.
        kernel_size <- Size2D = Size2D::from(3);
        /// Sets the standard deviation, which is drawn for each batch and axis: between two numbers, or between 0 and one.
        sigma <- Span<0> = Span::from(1.0);
        /// Sets the lowest and the highest value of a pixel.
        value_range <- Pair = BYTES;
    }
}

augments!(RandomSharpness, RandomGaussianBlur);

/// Returns images whose pixels are sums of those around by these weights `[height, width]`, nothing being beyond the edges.
fn weighed(x: Tensor, weights: Tensor, [height, width]: [usize; 2]) -> Tensor {
    let channels = x.shape().last().copied().unwrap_or(1);
    let kernel = weights.reshape([height, width, 1, 1]).broadcast_to(&[height, width, channels, 1]);
    let padding = [height, width].map(|n| [n / 2; 2]);
    x.depthwise_conv(kernel, Windows { strides: [1, 1], dilation: [1, 1], padding })
}

impl Change for RandomSharpness {
    fn draws(&self, x: Tensor, _cx: &CallContext) -> Vec<Tensor> {
        vec![1.0 - for_each_image(x, self.factor.bounds()) * 2.0]
    }

    fn changed(&self, x: Tensor, drawn: &[Tensor]) -> Tensor {
        let (around, middle) = ((1.0f64 / 13.0) as f32, (5.0f64 / 13.0) as f32);
        let mut weights = vec![around; 9];
        weights[4] = middle;
        let smooth = weighed(x, Tensor::constant([3, 3], weights), [3, 3]);
        let [low, high] = self.value_range.sorted();
        drawn.iter().fold(x, |x, share| x + *share * (smooth - x)).clip(low, high)
    }
}

impl Augment for RandomSharpness {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        self.factor.checked("factor")
    }

    fn augment(&self, x: Tensor, cx: &CallContext) -> Tensor {
        self.drawn_and_changed(x, cx)
    }

    fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
        [Integers::Floats, Integers::Floats]
    }
}

impl Augment for RandomGaussianBlur {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        self.factor.checked("factor")?;
        self.sigma.checked("sigma")?;
        let size = self.kernel_size.0;
        if size.iter().all(|n| n % 2 == 1) {
            return Ok(());
        }
        Err(Error::Argument { what: format!("kernel_size is {size:?}, but must be of odd numbers") })
    }

    fn augment(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let apply = chosen(x, self.factor.bounds());
        let bell = |length: usize| {
            let sigma = uniform(&[1], self.sigma.bounds()) + 1e-6;
            let part = (count_up(length) - (length as f64 - 1.0) / 2.0) / sigma;
            let bell = (part.square() * -0.5).exp();
            bell / bell.sum_keep(&[0])
        };
        // The first size is that of the columns in Keras, whose weights then are laid out as so many rows.
        let [first, second] = self.kernel_size.0;
        let (across, down) = (bell(first).reshape([1, first]), bell(second).reshape([second, 1]));
        let blurred = weighed(x, down * across, self.kernel_size.0);
        let [low, high] = self.value_range.0;
        apply.select(blurred, x).clip(low, high)
    }

    fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
        [Integers::Floats, Integers::Floats]
    }
}

//! Images brighter, paler, of other hues, or of none, at random.

use super::augment::{
    Augment, Factor, MaybeFactor, Pair, Span, chosen, floats_in_training, for_each_image, sign, uniform,
};
use super::colours::{BYTES, Change, grey, has_channels, rescaled, to_hsv, to_rgb};
use super::flatten::DataFormat;
use crate::Error;
use crate::graph::{CallContext, Integers, Tensor};

colours! {
    /// Adds to the pixels of images in training, to those of each a share of the range of values that is drawn between two numbers.
    RandomBrightness(factor <- Span<-1>) {
        /// Sets the lowest and the highest value of a pixel.
        value_range <- Pair = BYTES;
    }
    read { rng_type: Option<String> }
}

colours! {
    /// Moves the pixels of images in training away from the mean of their channel, by a factor that is drawn for each: between 1 less and 1 plus these.
    RandomContrast(factor <- Span<0>) {
        /// Sets the lowest and the highest value of a pixel.
        value_range <- Pair = BYTES;
    }
    read { rng_type: Option<String> }
}

colours! {
    /// Multiplies the saturation of images in training, of each by f / (1 - f) for a number f that is drawn between two.
    RandomSaturation(factor <- Span<-1>) {
        /// Sets the lowest and the highest value of a pixel.
        value_range <- Pair = BYTES;
    }
}

colours! {
    /// Turns the hue of images in training one way or the other, of each by half of a number that is drawn between two.
    RandomHue(factor <- Span<0>) {
        /// Sets the lowest and the highest value of a pixel.
        value_range <- Pair = BYTES;
    }
}

colours! {
    /// Takes from images their colours in training, from each a share that is drawn between two numbers.
    RandomColorDegeneration(factor <- Span<-1>) {
        /// Sets the lowest and the highest value of a pixel.
        value_range <- Pair = BYTES;
    }
}

colours! {
    /// Changes brightness, contrast, saturation and hue of images in training, one after the other, as far as they are given.
    RandomColorJitter() {
        /// Sets the lowest and the highest value of a pixel.
        value_range <- Pair = BYTES;
        /// Sets the factor of [`RandomBrightness`].
        brightness_factor <- MaybeFactor = MaybeFactor::default();
        /// Sets the factor of [`RandomContrast`].
        contrast_factor <- MaybeFactor = MaybeFactor::default();
        /// Sets the factor of [`RandomSaturation`].
        saturation_factor <- MaybeFactor = MaybeFactor::default();
        /// Sets the factor of [`RandomHue`].
        hue_factor <- MaybeFactor = MaybeFactor::default();
    }
}

colours! {
    /// Shows images as their negatives in training, with a probability that is drawn for each.
    RandomInvert() {
        /// Sets the probability: between two numbers, or between 0 and one.
        factor <- Span<0> = Span::from(1.0);
        /// Sets the lowest and the highest value of a pixel, of which the highest counts.
        value_range <- Pair = BYTES;
    }
}

augments!(
    RandomBrightness,
    RandomContrast,
    RandomSaturation,
    RandomHue,
    RandomColorDegeneration,
    RandomColorJitter,
    RandomInvert
);

impl Change for RandomBrightness {
    fn draws(&self, x: Tensor, _cx: &CallContext) -> Vec<Tensor> {
        let [low, high] = self.value_range.sorted();
        vec![for_each_image(x, self.factor.bounds()) * (high - low)]
    }

    fn changed(&self, x: Tensor, drawn: &[Tensor]) -> Tensor {
        let [low, high] = self.value_range.sorted();
        drawn.iter().fold(x, |x, more| x + *more).clip(low, high)
    }
}

impl Augment for RandomBrightness {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        self.factor.checked("factor")
    }

    fn augment(&self, x: Tensor, cx: &CallContext) -> Tensor {
        self.drawn_and_changed(x, cx)
    }

    fn of_integers(&self, cx: &CallContext) -> [Integers; 2] {
        in_either("RandomBrightness", cx)
    }
}

/// Returns what a layer does with integers that Keras 2 makes floats of, and Keras 3 does not.
fn in_either(class: &str, cx: &CallContext) -> [Integers; 2] {
    if cx.layer_is_keras2() { [Integers::Floats, Integers::Floats] } else { floats_in_training(class) }
}

impl Change for RandomContrast {
    fn draws(&self, x: Tensor, cx: &CallContext) -> Vec<Tensor> {
        if cx.layer_is_keras2() {
            // One number is both there, and what is drawn is for the whole batch.
            let [low, high] = match self.factor.0 {
                Factor::One(one) => [one; 2],
                Factor::Two(both) => both,
            };
            return vec![uniform(&[1, 1, 1, 1], [1.0 - low, 1.0 + high])];
        }
        let [low, high] = self.factor.bounds();
        vec![for_each_image(x, [1.0 - low, 1.0 + high])]
    }

    fn changed(&self, x: Tensor, drawn: &[Tensor]) -> Tensor {
        let mean = x.mean_keep(&[1, 2]);
        let [low, high] = self.value_range.0;
        drawn.iter().fold(x, |x, factor| (x - mean) * *factor + mean).clip(low, high)
    }
}

impl Augment for RandomContrast {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        self.factor.checked("factor")
    }

    fn augment(&self, x: Tensor, cx: &CallContext) -> Tensor {
        self.drawn_and_changed(x, cx)
    }

    fn of_integers(&self, cx: &CallContext) -> [Integers; 2] {
        in_either("RandomContrast", cx)
    }
}

impl Augment for RandomSaturation {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        self.factor.checked("factor")
    }

    fn augment(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        if !has_channels("RandomSaturation", x, &[3]) {
            return x;
        }
        let factor = for_each_image(x, self.factor.bounds());
        let times = factor / (1.0 - factor + 1e-7);
        let [hue, saturation, value] = to_hsv(x);
        // Keras holds it within the range of pixels, though it is a share.
        let [low, high] = self.value_range.sorted();
        to_rgb([hue, (saturation * times).clip(low, high), value])
    }

    fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
        floats_in_training("RandomSaturation")
    }
}

impl Augment for RandomHue {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        self.factor.checked("factor")
    }

    fn augment(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        if !has_channels("RandomHue", x, &[3]) {
            return x;
        }
        let turn = sign(x) * for_each_image(x, self.factor.bounds()) * 0.5;
        let [hue, saturation, value] = to_hsv(rescaled(x, self.value_range.0, [0.0, 1.0]));
        let hue = hue + turn;
        let hue = Tensor::full(&[], 1.0).less(hue).select(hue - 1.0, hue);
        let hue = hue.less(0.0).select(hue + 1.0, hue);
        rescaled(to_rgb([hue, saturation, value]).clip(0.0, 1.0), [0.0, 1.0], self.value_range.0)
    }

    fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
        [Integers::Floats, Integers::Keeps]
    }
}

impl Change for RandomColorDegeneration {
    fn draws(&self, x: Tensor, _cx: &CallContext) -> Vec<Tensor> {
        vec![for_each_image(x, self.factor.bounds())]
    }

    fn changed(&self, x: Tensor, drawn: &[Tensor]) -> Tensor {
        if !has_channels("RandomColorDegeneration", x, &[1, 3]) {
            return x;
        }
        let [low, high] = self.value_range.sorted();
        drawn.iter().fold(x, |x, share| x + *share * (grey(x) - x)).clip(low, high)
    }
}

impl Augment for RandomColorDegeneration {
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
        [Integers::Floats, Integers::Keeps]
    }
}

impl RandomColorJitter {
    /// Returns the layers that it calls, in order.
    fn steps(&self) -> Vec<Box<dyn Augment>> {
        fn step<L: Augment + 'static>(
            factor: MaybeFactor,
            make: impl Fn(Factor) -> L,
        ) -> Option<Box<dyn Augment>> {
            factor.0.map(|factor| Box::new(make(factor)) as Box<dyn Augment>)
        }
        let range = self.value_range;
        let all = [
            step(self.brightness_factor, |f| RandomBrightness::new(f).value_range(range)),
            step(self.contrast_factor, |f| RandomContrast::new(f).value_range(range)),
            step(self.saturation_factor, |f| RandomSaturation::new(f).value_range(range)),
            step(self.hue_factor, |f| RandomHue::new(f).value_range(range)),
        ];
        all.into_iter().flatten().collect()
    }
}

impl Augment for RandomColorJitter {
    fn format(&self) -> DataFormat {
        // Keras tells none of them where the channels are: they look for them on the last axis.
        DataFormat::ChannelsLast
    }

    fn checked(&self) -> Result<(), Error> {
        self.steps().iter().try_for_each(|step| step.checked())
    }

    fn augment(&self, x: Tensor, cx: &CallContext) -> Tensor {
        self.steps().iter().fold(x, |x, step| step.augment(x, cx))
    }

    fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
        [Integers::Floats, Integers::Keeps]
    }
}

impl Augment for RandomInvert {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        self.factor.checked("factor")
    }

    fn augment(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        chosen(x, self.factor.bounds()).select(self.value_range.0[1] - x, x)
    }

    fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
        [Integers::Floats, Integers::Keeps]
    }
}

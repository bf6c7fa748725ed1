//! Lists of changes of images, of which some are drawn: RandAugment and AugMix.

use super::augment::{Augment, Pair, Span, uniform};
use super::colours::{BYTES, Change};
use super::draws::{beta, log_gamma};
use super::equalization::Equalization;
use super::flatten::DataFormat;
use super::random_colours::{RandomBrightness, RandomColorDegeneration, RandomContrast};
use super::random_sharpness::RandomSharpness;
use super::random_warps::{RandomRotation, RandomShear, RandomTranslation};
use super::tones::{AutoContrast, RandomPosterization, Solarization};
use super::warp::check_interpolation;
use crate::Error;
use crate::graph::{CallContext, Integers, Tensor};
use crate::ops::Interpolation;
use crate::words::Word;

colours! {
    /// Changes images in training by some of eleven other layers, the same ones for all images of a batch, one after the other.
    RandAugment() {
        /// Sets the lowest and the highest value of a pixel.
        value_range <- Pair = BYTES;
        /// Sets how many layers are drawn.
        num_ops: usize = 2;
        /// Sets the factors of those layers: between two numbers, or between 0 and one.
        factor <- Span<0> = Span::from(0.5);
        /// Sets how pixels between others are made: `"nearest"` or `"bilinear"`, or an [`Interpolation`].
        interpolation <- Word<Interpolation> = Interpolation::Bilinear.into();
    }
}

colours! {
    /// Blends images in training with what several chains of other layers make of them; layers and weights are drawn for each batch.
    AugMix() {
        /// Sets the lowest and the highest value of a pixel.
        value_range <- Pair = BYTES;
        /// Sets how many chains there are.
        num_chains: usize = 3;
        /// Sets how many layers are drawn for a chain, each of which may be none.
        chain_depth: usize = 3;
        /// Sets the factors of those layers: between two numbers, or between 0 and one.
        factor <- Span<0> = Span::from(0.3);
        /// Sets the parameters of the distributions that weights follow: those of the chains, and that of the images.
        alpha: f64 = 1.0;
        /// Draws from all eleven layers; else not from those of brightness, contrast, colours and sharpness.
        all_ops: bool = true;
        /// Sets how pixels between others are made: `"nearest"` or `"bilinear"`, or an [`Interpolation`].
        interpolation <- Word<Interpolation> = Interpolation::Bilinear.into();
    }
}

augments!(RandAugment, AugMix);

/// Implements [`Change`] for layers that take pixels from elsewhere: their matrices are what is drawn.
macro_rules! warps_change {
    ($($class:ident),+) => { $(
        impl Change for $class {
            fn draws(&self, x: Tensor, _cx: &CallContext) -> Vec<Tensor> {
                self.matrix(x).concat()
            }

            fn changed(&self, x: Tensor, drawn: &[Tensor]) -> Tensor {
                let &[a, b, c, d, e, f] = drawn else { return x };
                self.warp().affine(x, [[a, b, c], [d, e, f]])
            }
        }
    )+ };
}
warps_change!(RandomShear, RandomTranslation, RandomRotation);

/// What the layers of a list share.
struct Shared {
    factor: Span<0>,
    range: Pair,
    how: Interpolation,
    format: DataFormat,
}

impl Shared {
    /// Returns the layers that leave the place of pixels, and their colours, to others only if `all`.
    fn layers(&self, all: bool) -> Vec<Box<dyn Change>> {
        let (factor, range, how) = (self.factor.bounds(), self.range, self.how);
        let bits = ((8.0 * factor[1]) as usize).max(1);
        let mut list: Vec<Box<dyn Change>> = vec![
            Box::new(RandomShear::new().x_factor(factor).y_factor(factor).interpolation(how)),
            Box::new(RandomTranslation::new(factor, factor).interpolation(how)),
            Box::new(RandomRotation::new(factor).interpolation(how)),
            Box::new(RandomPosterization::new(bits).value_range(range)),
            Box::new(Solarization::new().addition_factor(factor).threshold_factor(factor).value_range(range)),
            Box::new(AutoContrast::new().value_range(range).data_format(self.format)),
            Box::new(Equalization::new().value_range(range)),
        ];
        if all {
            list.push(Box::new(RandomBrightness::new(factor).value_range(range)));
            list.push(Box::new(RandomColorDegeneration::new(factor).value_range(range)));
            list.push(Box::new(RandomContrast::new(factor).value_range(range)));
            list.push(Box::new(RandomSharpness::new(factor).value_range(range)));
        }
        list
    }

    /// Checks what all layers have.
    ///
    /// # Errors
    /// Names the setting.
    fn checked(&self) -> Result<(), Error> {
        Span::<0>::checked(self.factor, "factor")?;
        // Some of the layers take each number in this range only.
        self.factor.0.within("factor", 0.0, 1.0)?;
        check_interpolation(self.how)
    }
}

/// Returns a whole number below `count` that is drawn for a batch.
fn any_of(count: usize) -> Tensor {
    let most = count as f64;
    (uniform(&[1, 1, 1, 1], [0.0, 1.0]) * most).floor().minimum(most - 1.0)
}

impl RandAugment {
    fn shared(&self) -> Shared {
        Shared {
            factor: self.factor,
            range: self.value_range,
            how: *self.interpolation,
            format: *self.data_format,
        }
    }
}

/// Checks that so many changes one after the other make a graph that is still small.
fn check_changes(name: &str, changes: Option<usize>) -> Result<(), Error> {
    if changes.is_some_and(|n| n <= 256) {
        return Ok(());
    }
    Err(Error::Argument { what: format!("{name} makes more than 256 changes, which is not supported") })
}

impl Augment for RandAugment {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        check_changes("num_ops", Some(self.num_ops))?;
        self.shared().checked()
    }

    fn augment(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let list = self.shared().layers(true);
        // Each layer draws once, though it may be drawn several times.
        let drawn: Vec<Vec<Tensor>> = list.iter().map(|layer| layer.draws(x, cx)).collect();
        (0..self.num_ops).fold(x, |x, _| {
            let which = any_of(list.len());
            let with = list.iter().zip(&drawn).enumerate();
            // The layers before the one that is drawn have left the images as they were.
            with.fold(x, |y, (i, (layer, drawn))| which.equal(i as f64).select(layer.changed(x, drawn), y))
        })
    }

    fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
        [Integers::Floats, Integers::Floats]
    }
}

impl AugMix {
    fn shared(&self) -> Shared {
        Shared {
            factor: self.factor,
            range: self.value_range,
            how: *self.interpolation,
            format: *self.data_format,
        }
    }
}

impl Augment for AugMix {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        if self.num_chains == 0 {
            return Err(Error::Argument { what: "num_chains is 0, but must be positive".into() });
        }
        check_changes("num_chains times chain_depth", self.num_chains.checked_mul(self.chain_depth))?;
        if self.alpha.is_nan() || self.alpha <= 0.0 {
            return Err(Error::Argument { what: format!("alpha is {}, but must be positive", self.alpha) });
        }
        self.shared().checked()
    }

    fn augment(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let list = self.shared().layers(self.all_ops);
        let alpha = Tensor::full(&[1], self.alpha);
        let weights = log_gamma(&[self.num_chains], alpha).softmax();
        let blend = beta(&[1], alpha).reshape([1, 1, 1, 1]);
        let chain = |x: Tensor, _: usize| {
            // One more than there are: none.
            let which = any_of(list.len() + 1);
            let step = |y: Tensor, (i, layer): (usize, &dyn Change)| {
                which.equal(i as f64).select(layer.drawn_and_changed(x, cx), y)
            };
            list.iter().map(Box::as_ref).enumerate().fold(x, step)
        };
        let chains = (0..self.num_chains)
            .map(|i| (0..self.chain_depth).fold(x, chain) * weights.slice(0, i, 1).reshape([1, 1, 1, 1]));
        let mixed = chains.reduce(|a, b| a + b).unwrap_or(x);
        let [low, high] = self.value_range.0;
        (blend * x + (1.0 - blend) * mixed).clip(low, high)
    }

    fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
        [Integers::Floats, Integers::Floats]
    }
}

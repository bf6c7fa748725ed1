//! Spectrograms whose kernels may be trained.

use serde_json::Value;

use super::config::Field;
use super::flatten::DataFormat;
use super::signal_window::SignalWindow;
use super::windows::{Padding, channels, windows};
use crate::Error;
use crate::graph::{
    Builder, CallContext, Initializer, Integers, IntoTensor, Layer, MAKE_FLOATS, Resolver, Shape, Tensor,
    Variable,
};
use crate::words::{Word, Words};

/// What a spectrogram says of each frequency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StftMode {
    /// The logarithm of the magnitude.
    #[default]
    Log,
    /// The magnitude.
    Magnitude,
    /// The power, of which all frequencies but the first and the last have that of their negatives as well.
    Psd,
    /// The real part.
    Real,
    /// The imaginary part.
    Imag,
    /// The angle.
    Angle,
    /// The real parts of all, then the imaginary ones.
    Stft,
}

impl Words for StftMode {
    const OPTION: &'static str = "mode";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("log", StftMode::Log),
        ("magnitude", StftMode::Magnitude),
        ("psd", StftMode::Psd),
        ("real", StftMode::Real),
        ("imag", StftMode::Imag),
        ("angle", StftMode::Angle),
        ("stft", StftMode::Stft),
    ];
}

/// By what the kernels of a spectrogram are divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StftScaling {
    /// By the root of the sum of squares of the window.
    #[default]
    Density,
    /// By the sum of the window.
    Spectrum,
    /// By nothing.
    None,
}

impl Words for StftScaling {
    const OPTION: &'static str = "scaling";
    const WORDS: &'static [(&'static str, Self)] =
        &[("density", StftScaling::Density), ("spectrum", StftScaling::Spectrum)];
    const NULL: Option<Self> = Some(StftScaling::None);
}

impl Field for Word<StftMode> {}
impl Field for Word<StftScaling> {}

config! {
    /// Makes spectrograms of signals `[batch, steps, channels]`, by convolutions whose kernels begin as the terms of a short-time Fourier transform, and train.
    STFTSpectrogram() {
        /// Sets what is said of each frequency: `"log"`, `"magnitude"`, `"psd"`, `"real"`, `"imag"`, `"angle"` or `"stft"`, or an [`StftMode`].
        mode <- Word<StftMode> = Word::default();
        /// Sets the length of a frame.
        frame_length: usize = 256;
        /// Sets how many steps there are from one frame to the next; else half of its length.
        frame_step <- Option<usize> = None;
        /// Sets the length of the transform; else the next power of two.
        fft_length <- Option<usize> = None;
        /// Sets by what each number of a frame is multiplied.
        window <- SignalWindow = SignalWindow::default();
        /// Takes the window that goes on with itself; else the one whose last number is as its first.
        periodic: bool = false;
        /// Sets by what the kernels are divided, where there is a window: `"density"`, `"spectrum"` or an [`StftScaling`].
        scaling <- Word<StftScaling> = Word::default();
        /// Sets whether frames reach over the ends: `"valid"` or `"same"`.
        padding <- Word<Padding> = Word::default();
        /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
        data_format <- Word<DataFormat> = Word::default();
        /// Gives the channels an axis of their own.
        expand_dims: bool = false;
    }
    unset {}
    then {}
    read {}
    skip { real_kernel: Variable, imag_kernel: Variable }
}

/// Terms of a short-time Fourier transform as a kernel `[frame, 1, frequencies]`.
struct Terms {
    imaginary: bool,
    window: SignalWindow,
    periodic: bool,
    scaling: StftScaling,
}

impl Initializer for Terms {
    fn spec(&self) -> Value {
        Value::Null
    }

    fn init(&self, shape: &[usize], _seed: u64) -> Result<Vec<f32>, Error> {
        let &[frame, _, frequencies] = shape else { return Ok(Vec::new()) };
        let window: Vec<f32> =
            self.window.numbers(frame, self.periodic)?.into_iter().map(|w| w as f32).collect();
        let sum = |f: fn(f64) -> f64| window.iter().map(|w| f(f64::from(*w))).sum::<f64>();
        let scale = match self.scaling {
            _ if self.window.is_none() => 1.0,
            StftScaling::Density => sum(|w| w * w).sqrt(),
            StftScaling::Spectrum => sum(f64::abs),
            StftScaling::None => 1.0,
        } as f32;
        let length = (frequencies.saturating_sub(1) * 2) as f32;
        let term = |step: usize, frequency: usize| {
            // Angles are of f32 in Keras, which tells where they are large.
            let angle = -2.0 * step as f32 * (frequency as f32 / length) * std::f32::consts::PI;
            let angle = f64::from(angle);
            let wave = if self.imaginary { angle.sin() } else { angle.cos() } as f32;
            wave * window[step] / scale
        };
        Ok((0..frame).flat_map(|s| (0..frequencies).map(move |f| (s, f))).map(|(s, f)| term(s, f)).collect())
    }
}

impl STFTSpectrogram {
    fn step(&self) -> usize {
        self.frame_step.unwrap_or(self.frame_length / 2)
    }

    fn has_real(&self) -> bool {
        *self.mode != StftMode::Imag
    }

    fn has_imaginary(&self) -> bool {
        *self.mode != StftMode::Real
    }

    fn terms(&self, imaginary: bool) -> Terms {
        Terms { imaginary, window: self.window.clone(), periodic: self.periodic, scaling: *self.scaling }
    }

    /// Returns what a kernel makes of signals `[n, steps, 1]`.
    fn convolved(&self, x: Tensor, kernel: &Variable) -> Tensor {
        let steps = x.shape().get(1).copied().unwrap_or(1);
        let windows = windows(*self.padding, [steps], [self.frame_length], [self.step()], [1]);
        x.conv(kernel.into_tensor(), windows, 1)
    }

    /// Returns what is said of each frequency, by its parts.
    fn said(&self, x: Tensor) -> Tensor {
        let real = || self.convolved(x, &self.real_kernel);
        let imaginary = || self.convolved(x, &self.imag_kernel);
        // Keras' epsilon.
        let small = 1e-7;
        let power = || real().square() + imaginary().square();
        let magnitude = || power().maximum(small).sqrt();
        match *self.mode {
            StftMode::Real => real(),
            StftMode::Imag => imaginary(),
            StftMode::Angle => imaginary().atan2(real()),
            StftMode::Stft => Tensor::concat(&[real(), imaginary()], 2),
            StftMode::Magnitude => magnitude(),
            StftMode::Log => magnitude().maximum(small).log(),
            StftMode::Psd => {
                let power = power();
                let count = power.shape().last().copied().unwrap_or(1);
                let inner = count.saturating_sub(2);
                if inner == 0 { power } else { power + power.slice(2, 1, inner).pad(2, 1, 1) }
            }
        }
    }
}

impl Layer for STFTSpectrogram {
    const CLASS: &'static str = "STFTSpectrogram";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::Argument { what });
        let length = self.frame_length;
        if length == 0 {
            return wrong("frame_length is 0, but must be positive".into());
        }
        if self.step() == 0 || self.step() > length {
            let what =
                format!("frame_step is {}, but must lie between 1 and frame_length, {length}", self.step());
            return wrong(what);
        }
        if let Some(fft) = self.fft_length.filter(|fft| *fft < length) {
            return wrong(format!("fft_length is {fft}, but must not be less than frame_length, {length}"));
        }
        let fft = self.fft_length.or(length.checked_next_power_of_two()).unwrap_or(usize::MAX);
        if length.checked_mul(fft / 2 + 1).is_none_or(|all| all > super::signal_window::MOST) {
            let most = super::signal_window::MOST;
            return wrong(format!(
                "frame_length {length} with fft_length {fft} makes kernels of more than {most} numbers"
            ));
        }
        self.window.numbers(length, self.periodic).map(drop)
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        self.check()?;
        channels::<1>(Self::CLASS, *self.data_format, input)?;
        let fft = self.fft_length.unwrap_or(self.frame_length.next_power_of_two());
        let shape = [self.frame_length, 1, fft / 2 + 1];
        if self.has_real() {
            self.real_kernel = builder.add_weight("real_kernel", shape, self.terms(false), true)?;
        }
        if self.has_imaginary() {
            self.imag_kernel = builder.add_weight("imag_kernel", shape, self.terms(true), true)?;
        }
        Ok(())
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Refuses(format!(
            "STFTSpectrogram takes floats only, but its input has integers; {MAKE_FLOATS}"
        ))
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let first = *self.data_format == DataFormat::ChannelsFirst;
        let x = if first { x } else { x.transpose(&[0, 2, 1]) };
        let &[n, channels, steps] = x.shape().as_slice() else { return x };
        let y = self.said(x.reshape([n * channels, steps, 1]));
        let &[_, frames, frequencies] = y.shape().as_slice() else { return y };
        let y = y.reshape([n, channels, frames, frequencies]);
        match (first, self.expand_dims) {
            (true, true) => y,
            (true, false) => y.transpose(&[0, 1, 3, 2]).reshape([n, channels * frequencies, frames]),
            (false, true) => y.transpose(&[0, 2, 3, 1]),
            (false, false) => y.transpose(&[0, 2, 1, 3]).reshape([n, frames, channels * frequencies]),
        }
    }
}

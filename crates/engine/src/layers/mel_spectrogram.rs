//! Spectrograms as ears hear them.

use serde_json::{Map, Value};

use super::signal_window::SignalWindow;
use crate::Error;
use crate::graph::{Builder, CallContext, Layer, Resolver, Shape, Tensor, fail};
use crate::ops::Windows;

config! {
    /// Makes spectrograms of signals, the steps of which are on the last axis, whose frequencies are as far from each other as they sound.
    MelSpectrogram() {
        /// Sets the length of the transform.
        fft_length: usize = 2048;
        /// Sets how many steps there are from one frame to the next.
        sequence_stride: usize = 512;
        /// Sets the length of a frame; else that of the transform.
        sequence_length <- Option<usize> = None;
        /// Sets by what each number of a frame is multiplied: `"hann"`, `"hamming"`, numbers, or none.
        window <- SignalWindow = SignalWindow::default();
        /// Sets how many steps a second has.
        sampling_rate: f64 = 16_000.0;
        /// Sets how many frequencies there are.
        num_mel_bins: usize = 128;
        /// Sets the lowest frequency, in Hertz.
        min_freq: f64 = 20.0;
        /// Sets the highest frequency; else half of the sampling rate.
        max_freq <- Option<f64> = None;
        /// Gives decibels.
        power_to_db: bool = true;
        /// Sets how far below the highest number none is, in decibels.
        top_db: f64 = 80.0;
        /// Sets the power of the magnitude that is taken.
        mag_exp: f64 = 2.0;
        /// Sets the least power that decibels are made of.
        min_power: f64 = 1e-10;
        /// Sets the power of which 0 decibels are made.
        ref_power: f64 = 1.0;
    }
    unset {}
    then {}
    read {}
    skip {}
}

/// Returns where a frequency is on the scale of Mel.
fn mel(hertz: f32) -> f32 {
    1127.0 * (1.0 + hertz / 700.0).ln()
}

impl MelSpectrogram {
    fn frame(&self) -> usize {
        self.sequence_length.filter(|n| *n > 0).unwrap_or(self.fft_length)
    }

    /// Returns the window, which goes on with itself where it has an even length, as TensorFlow's do.
    fn factors(&self) -> Result<Vec<f64>, Error> {
        self.window.numbers(self.frame(), self.frame().is_multiple_of(2))
    }

    fn highest(&self) -> f64 {
        self.max_freq.filter(|f| *f != 0.0).unwrap_or((self.sampling_rate / 2.0).trunc())
    }

    /// Returns how much of each frequency `[frequencies, num_mel_bins]` belongs to each of Mel's.
    fn shares(&self) -> Tensor {
        let (count, bins) = (self.fft_length / 2 + 1, self.num_mel_bins);
        let nyquist = self.sampling_rate as f32 / 2.0;
        let (low, high) = (mel(self.min_freq as f32), mel(self.highest() as f32));
        let rate = (high - low) / (bins as f32 + 1.0);
        let edge = |i: usize| if i == bins + 1 { high } else { low + rate * i as f32 };
        let step = nyquist / (count.max(2) as f32 - 1.0);
        let share = |frequency: usize, bin: usize| {
            let at = mel(if frequency + 1 == count { nyquist } else { step * frequency as f32 });
            let (from, middle, to) = (edge(bin), edge(bin + 1), edge(bin + 2));
            let slopes = [(at - from) / (middle - from), (to - at) / (to - middle)];
            // The constant part belongs to none.
            if frequency == 0 { 0.0 } else { slopes[0].min(slopes[1]).max(0.0) }
        };
        let values = (0..count).flat_map(|f| (0..bins).map(move |b| (f, b))).map(|(f, b)| share(f, b));
        Tensor::constant([count, bins], values.collect())
    }

    /// Returns powers of magnitudes `[n, frames, frequencies]` of signals `[n, steps, 1]` that are long enough.
    fn magnitudes(&self, x: Tensor, window: &[f64]) -> Tensor {
        let (fft, count) = (self.fft_length, self.fft_length / 2 + 1);
        // The frame is in the middle of the transform.
        let before = (fft - window.len()) / 2;
        let terms = |wave: fn(f64) -> f64| {
            let term = |step: usize, frequency: usize| {
                let turns = ((before + step) * frequency % fft) as f64 / fft as f64;
                (wave(turns * std::f64::consts::TAU) * window[step]) as f32
            };
            let all = (0..window.len()).flat_map(|s| (0..count).map(move |f| (s, f)));
            Tensor::constant([window.len(), 1, count], all.map(|(s, f)| term(s, f)).collect())
        };
        let steps = x.shape().get(1).copied().unwrap_or(0);
        let x = x.slice(1, before, steps - (fft - window.len()));
        let windows = Windows { strides: [self.sequence_stride], dilation: [1], padding: [[0, 0]] };
        let part = |wave: fn(f64) -> f64| x.conv(terms(wave), windows, 1).square();
        // The sign of the imaginary part is lost anyway.
        let power = part(f64::cos) + part(f64::sin);
        match self.mag_exp {
            2.0 => power,
            1.0 => power.sqrt(),
            exponent => power.sqrt().pow(Tensor::full(&[], exponent)),
        }
    }
}

impl Layer for MelSpectrogram {
    const CLASS: &'static str = "MelSpectrogram";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::Argument { what });
        let numbers = [
            ("fft_length", self.fft_length),
            ("sequence_stride", self.sequence_stride),
            ("num_mel_bins", self.num_mel_bins),
        ];
        if let Some((name, _)) = numbers.iter().find(|(_, number)| *number == 0) {
            return wrong(format!("{name} is 0, but must be positive"));
        }
        if self.fft_length < self.frame() {
            let (fft, frame) = (self.fft_length, self.frame());
            return wrong(format!("fft_length is {fft}, but must not be less than sequence_length, {frame}"));
        }
        let frequencies = self.fft_length / 2 + 1;
        let large = |a: usize, b: usize| a.checked_mul(b).is_none_or(|all| all > super::signal_window::MOST);
        if large(self.frame(), frequencies) || large(frequencies, self.num_mel_bins) {
            let what = format!(
                "fft_length {} with num_mel_bins {} makes tables of more than {} numbers",
                self.fft_length,
                self.num_mel_bins,
                super::signal_window::MOST
            );
            return wrong(what);
        }
        if let Some(name) = self.window.name().filter(|name| !["hann", "hamming"].contains(name)) {
            return wrong(format!("window {name:?} is not supported; hann, hamming are"));
        }
        self.factors().map(drop)
    }

    fn build(&mut self, _builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        self.check()?;
        if input.rank() >= 2 {
            return Ok(());
        }
        let what = format!("MelSpectrogram takes signals on the last axis, but the shape is {input}");
        Err(Error::Shape { layer: String::new(), what })
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let shape = x.shape();
        let Some((&steps, lead)) = shape.split_last() else { return x };
        let Ok(window) = self.factors() else { return x };
        let around = self.fft_length / 2;
        if steps <= around {
            // Signals go on as in a mirror, which needs as many steps.
            let what = format!("signals of {steps} steps are too short for fft_length {}", self.fft_length);
            fail(Error::Shape { layer: String::new(), what });
            return x;
        }
        let n: usize = lead.iter().product();
        let x = x.to_f32().reshape([n, steps, 1]);
        let (front, back) = (x.slice(1, 1, around), x.slice(1, steps - 1 - around, around));
        let x = Tensor::concat(&[front.reverse(1), x, back.reverse(1)], 1);
        let power = self.magnitudes(x, &window);
        let &[_, frames, count] = power.shape().as_slice() else { return power };
        let heard = power.reshape([n * frames, count]).matmul(self.shares());
        let heard = if self.power_to_db {
            let decibels = 10.0 / std::f64::consts::LN_10;
            let zero = self.ref_power.abs().max(self.min_power).ln() * decibels;
            let all = heard.maximum(self.min_power).log() * decibels - zero;
            all.maximum(all.max(&[0, 1]) - self.top_db)
        } else {
            heard
        };
        let y = heard.reshape([n, frames, self.num_mel_bins]).transpose(&[0, 2, 1]);
        y.reshape([lead, &[self.num_mel_bins, frames]].concat()).float_as(cx.layer_type())
    }

    fn config(&self) -> Map<String, Value> {
        // Keras writes what it took where nothing was said.
        let (sequence_length, max_freq) = (Some(self.frame()), Some(self.highest()));
        let config = MelSpectrogram { sequence_length, max_freq, ..self.clone() };
        match serde_json::to_value(config) {
            Ok(Value::Object(config)) => config,
            _ => Map::new(),
        }
    }
}

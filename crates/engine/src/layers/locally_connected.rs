//! Windows over sequences and images, each with a kernel of its own: layers of Keras 2.

use super::dense::{glorot, zeros};
use super::flatten::DataFormat;
use super::windows::{Padding, Size, channels};
use crate::Error;
use crate::graph::{
    Activation, Builder, CallContext, Constraint, Initializer, IntoTensor, Layer, Named, Regularizer,
    Resolver, Shape, Tensor, Variable,
};
use crate::words::Word;

config! {
    /// activation(windows of x · a kernel for each + bias) over `N` axes, `(batch, .., channels)`. Keras 3 has no such class.
    LocallyConnected<N>(filters: usize, kernel_size <- Size<N>) {
        /// Pixels from one window to the next. Default 1.
        strides <- Size<N> = Size::default();
        /// Sets what is done at the edges: `"valid"`, or `"same"` with the implementations 2 and 3.
        padding <- Word<Padding> = Word::default();
        /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
        data_format <- Word<DataFormat> = Word::default();
        /// Sets what is done with the result; none is `"linear"`.
        activation <- Named<dyn Activation> = crate::activations::none();
        /// Sets whether there is a bias, one for each element of the output.
        use_bias: bool = true;
        /// First value of the kernel.
        kernel_initializer <- Named<dyn Initializer> = glorot();
        /// First value of the bias.
        bias_initializer <- Named<dyn Initializer> = zeros();
        /// Penalty on the kernel.
        kernel_regularizer <- Named<dyn Regularizer> = Named::default();
        /// Penalty on the bias.
        bias_regularizer <- Named<dyn Regularizer> = Named::default();
    }
    unset { activity_regularizer }
    then {
        /// Constrains the kernel after each step of training.
        kernel_constraint <- Named<dyn Constraint> = Named::default();
        /// Constrains the bias after each step of training.
        bias_constraint <- Named<dyn Constraint> = Named::default();
        /// Sets how the kernel is kept: 1 a matrix for each window, 2 one matrix between all inputs and outputs, 3 the elements of that one that count.
        implementation: usize = 1;
    }
    read {}
    skip { kernel: Variable, bias: Variable, places: Places<N> }
}

/// [`LocallyConnected`] over the steps of a sequence: `LocallyConnected1D::new(8, 3)`.
pub type LocallyConnected1D = LocallyConnected<1>;
/// [`LocallyConnected`] over an image: `LocallyConnected2D::new(8, [3, 5])`.
pub type LocallyConnected2D = LocallyConnected<2>;

/// Holds what a layer was built for: lengths of the input and of the output, and the place in the input of each tap of each window.
#[derive(Clone, Debug)]
struct Places<const N: usize> {
    input: [usize; N],
    output: [usize; N],
    /// By windows and taps; none outside of the input.
    taps: Vec<Option<usize>>,
}

impl<const N: usize> Default for Places<N> {
    fn default() -> Self {
        Places { input: [0; N], output: [0; N], taps: Vec::new() }
    }
}

/// Returns all places of axes of these lengths, in order.
fn places<const N: usize>(lengths: [usize; N]) -> impl Iterator<Item = [usize; N]> {
    let at = move |mut index: usize| {
        let mut place = [0; N];
        for axis in (0..N).rev() {
            place[axis] = index % lengths[axis];
            index /= lengths[axis];
        }
        place
    };
    (0..lengths.iter().product()).map(at)
}

impl<const N: usize> LocallyConnected<N> {
    /// Returns the lengths of the output, and where each tap of each window lies.
    ///
    /// # Errors
    /// The windows do not fit, or there are too many.
    fn place(&self, input: [usize; N]) -> Result<Places<N>, Error> {
        let wrong = |what: String| Error::Argument { what };
        let (size, strides) = (self.kernel_size.positive("kernel_size")?, self.strides.positive("strides")?);
        let same = *self.padding == Padding::Same;
        let output: [usize; N] = std::array::from_fn(|i| match same {
            true => input[i].div_ceil(strides[i]),
            false => input[i].saturating_add(1).saturating_sub(size[i]).div_ceil(strides[i]),
        });
        if output.contains(&0) {
            return Err(wrong(format!("an input of {input:?} is too small for windows of {size:?}")));
        }
        let product =
            |lengths: [usize; N]| lengths.iter().try_fold(1_usize, |n, length| n.checked_mul(*length));
        let taps = product(output).zip(product(size)).and_then(|(o, k)| o.checked_mul(k));
        if taps.is_none_or(|taps| taps > MOST_TAPS) {
            return Err(wrong(format!(
                "windows of {size:?} at {output:?} places are more than can be placed"
            )));
        }
        // Keras 2 has a window of even length lie further to the front than a convolution's.
        let before = |axis: usize| if same { size[axis] / 2 } else { 0 };
        let tap = |window: [usize; N], tap: [usize; N]| {
            let mut place = 0_usize;
            for axis in 0..N {
                let at = (window[axis] * strides[axis] + tap[axis]).checked_sub(before(axis))?;
                place = place * input[axis] + Some(at).filter(|at| *at < input[axis])?;
            }
            Some(place)
        };
        let taps = places(output).flat_map(|window| places(size).map(move |t| (window, t)));
        let taps = taps.map(|(window, t)| tap(window, t)).collect();
        Ok(Places { input, output, taps })
    }

    /// Returns the numbers of windows and of their taps.
    fn counts(&self) -> (usize, usize) {
        let windows = self.places.output.iter().product::<usize>();
        (windows, self.places.taps.len() / windows.max(1))
    }

    /// Checks that the tables which a call makes are not too large.
    fn check_tables(&self, channels: usize) -> Result<(), Error> {
        let (windows, taps) = self.counts();
        let inputs = self.places.input.iter().try_fold(1_usize, |n, length| n.checked_mul(*length));
        let elements = match self.implementation {
            2 => inputs.and_then(|inputs| inputs.checked_mul(windows)),
            3 if self.places.taps.contains(&None) => {
                [taps, channels, self.filters].iter().try_fold(windows, |n, more| n.checked_mul(*more))
            }
            _ => Some(windows * taps),
        };
        // Numbers of rows are exact as f32 up to as many.
        if inputs.is_some_and(|n| n <= MOST_ELEMENTS) && elements.is_some_and(|n| n <= MOST_ELEMENTS) {
            return Ok(());
        }
        let what = format!(
            "{windows} windows of an input of {:?} are too many for implementation {}: take implementation 1, or larger strides",
            self.places.input, self.implementation
        );
        Err(Error::Argument { what })
    }

    fn channels_first(&self) -> bool {
        *self.data_format == DataFormat::ChannelsFirst
    }

    /// Returns the kernel's shape.
    fn kernel_shape(&self, channels: usize) -> Vec<usize> {
        let (windows, taps) = self.counts();
        let Places { input, output, taps: all } = &self.places;
        match self.implementation {
            1 => vec![windows, taps.saturating_mul(channels), self.filters],
            2 if self.channels_first() => [&[channels], input.as_slice(), &[self.filters], output].concat(),
            2 => [input.as_slice(), &[channels], output, &[self.filters]].concat(),
            _ => vec![all.iter().flatten().count().saturating_mul(channels).saturating_mul(self.filters)],
        }
    }

    /// Returns `[windows, filters, features]` of the elements that count, which stand by the output's place and the input's.
    fn gathered(&self, channels: usize) -> Tensor {
        let ((windows, taps), filters) = (self.counts(), self.filters);
        let kernel = self.kernel.into_tensor();
        let (all, first) = (&self.places.taps, self.channels_first());
        let shape =
            if first { [filters, windows, channels, taps] } else { [windows, filters, taps, channels] };
        let missing = kernel.shape()[0];
        let kernel = if missing == shape.iter().product::<usize>() {
            kernel
        } else {
            // Where a window reaches over the edge, a zero stands behind the last.
            let mut numbers = Vec::with_capacity(shape.iter().product());
            let mut next = 0;
            for line in 0..shape[0] * shape[1] {
                let window = if first { line % windows } else { line / filters };
                for i in 0..taps * channels {
                    let tap = if first { i % taps } else { i / channels };
                    let there = all[window * taps + tap].is_some();
                    numbers.push(if there { next } else { missing } as f32);
                    next += usize::from(there);
                }
            }
            let numbers = Tensor::constant(vec![numbers.len()], numbers);
            kernel.reshape([missing, 1]).pad(0, 0, 1).rows_at(numbers)
        };
        let by_filters = kernel.reshape([shape[0], shape[1], taps * channels]);
        if first { by_filters.transpose(&[1, 0, 2]) } else { by_filters }
    }

    /// Returns `[windows, batch, features]` of an input `[batch, places, channels]`, or with the last two exchanged.
    fn windows(&self, x: Tensor, channels: usize) -> Tensor {
        let (windows, taps) = self.counts();
        let all = &self.places.taps;
        let batch = x.shape()[0];
        let outside = self.places.input.iter().product::<usize>();
        let by_place = x.transpose(if self.channels_first() { &[2, 0, 1] } else { &[1, 0, 2] });
        let rows = by_place.reshape([outside, batch * channels]);
        let rows = if all.contains(&None) { rows.pad(0, 0, 1) } else { rows };
        let numbers = all.iter().map(|tap| tap.unwrap_or(outside) as f32).collect();
        let seen = rows.rows_at(Tensor::constant([windows, taps], numbers));
        let seen = seen.reshape([windows, taps, batch, channels]);
        let order: &[usize] = if self.channels_first() { &[0, 2, 3, 1] } else { &[0, 2, 1, 3] };
        seen.transpose(order).reshape([windows, batch, taps * channels])
    }

    /// Returns what a matrix between all inputs and outputs gives, of which the elements count that windows reach.
    fn dense(&self, x: Tensor, channels: usize) -> Tensor {
        let (windows, taps) = self.counts();
        let inputs = self.places.input.iter().product::<usize>();
        let mut reached = vec![0.0; inputs * windows];
        for (i, tap) in self.places.taps.iter().enumerate() {
            if let Some(place) = tap {
                reached[place * windows + i / taps] = 1.0;
            }
        }
        let kernel = self.kernel.into_tensor();
        let (all, mask) = match self.channels_first() {
            true => ([channels, inputs, self.filters, windows], [1, inputs, 1, windows]),
            false => ([inputs, channels, windows, self.filters], [inputs, 1, windows, 1]),
        };
        let kernel = kernel.reshape(all) * Tensor::constant(mask, reached);
        let flat = x.reshape([x.shape()[0], inputs * channels]);
        flat.matmul(kernel.reshape([inputs * channels, windows * self.filters]))
    }
}

/// Taps of all windows, beyond which no list of them is made.
const MOST_TAPS: usize = 1 << 22;
/// Elements of a table that a call makes of them, beyond which there is none.
const MOST_ELEMENTS: usize = 1 << 24;

impl<const N: usize> Layer for LocallyConnected<N> {
    const CLASS: &'static str = ["", "LocallyConnected1D", "LocallyConnected2D"][N];
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn check(&self) -> Result<(), Error> {
        serde_json::to_value(self).map_err(|e| Error::Argument { what: e.to_string() })?;
        let wrong = |what: String| Err(Error::Argument { what });
        match self.implementation {
            1 if *self.padding != Padding::Valid => {
                wrong("padding is \"same\", but implementation 1 takes \"valid\"; 2 and 3 take both".into())
            }
            1..=3 if self.filters > 0 => Ok(()),
            1..=3 => wrong("filters is 0, but must be positive".into()),
            other => wrong(format!("implementation is {other}, but must be 1, 2 or 3")),
        }
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        self.check()?;
        let channels = channels::<N>(Self::CLASS, *self.data_format, input)?;
        let first = if self.channels_first() { 2 } else { 1 };
        let mut lengths = [0; N];
        for (axis, length) in lengths.iter_mut().enumerate() {
            *length = input.known((first + axis) as isize)?;
        }
        self.places = self.place(lengths)?;
        self.check_tables(channels)?;
        let kernel = self.kernel_shape(channels);
        self.kernel = builder.add_weight("kernel", kernel, self.kernel_initializer.clone(), true)?;
        builder.regularize_and_constrain(&self.kernel, &self.kernel_regularizer, &self.kernel_constraint)?;
        if self.use_bias {
            let shape = [self.places.output.as_slice(), &[self.filters]].concat();
            self.bias = builder.add_weight("bias", shape, self.bias_initializer.clone(), true)?;
            builder.regularize_and_constrain(&self.bias, &self.bias_regularizer, &self.bias_constraint)?;
        }
        Ok(())
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let (shape, first) = (x.shape(), self.channels_first());
        let (batch, places) = (shape[0], self.places.input.iter().product::<usize>());
        let channels = if first { shape[1] } else { shape[N + 1] };
        let x = x.reshape(if first { [batch, channels, places] } else { [batch, places, channels] });
        let (output, filters) = (self.places.output.as_slice(), [self.filters]);
        let y = match self.implementation {
            2 => self.dense(x, channels),
            how => {
                let seen = self.windows(x, channels);
                let y = match how {
                    1 => seen.batch_matmul(self.kernel.into_tensor(), false, false),
                    _ => seen.batch_matmul(self.gathered(channels), false, true),
                };
                y.transpose(if first { &[1, 2, 0] } else { &[1, 0, 2] })
            }
        };
        let shape = if first { [&filters, output].concat() } else { [output, &filters].concat() };
        let y = y.reshape([&[batch], shape.as_slice()].concat());
        // With the channels first, Keras 2 reads the bias in the order of its elements.
        let y = if self.use_bias { y + self.bias.into_tensor().reshape(shape) } else { y };
        self.activation.apply(y)
    }
}

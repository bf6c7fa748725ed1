//! Data sets, as `tf.keras.datasets`, and reading one's own from NumPy's files.
//!
//! ```
//! use rhyton::datasets::{Examples, mnist};
//!
//! let ((train_images, train_labels), (test_images, test_labels)) = mnist::subset();
//! // train_images[:500].reshape(-1, 28 * 28) / 255.0
//! let x = train_images.first(500).to_rows() / 255.0;
//! let y = train_labels.first(500);
//! assert_eq!((x.shape(), y.len()), (&[500, 784][..], 500));
//! # assert_eq!((test_images.shape(), test_labels.len()), (&[1000, 28, 28][..], 1000));
//! ```
//!
//! * [`mnist`]: handwritten digits.
//! * [`npy`]: `numpy.load` for `.npy` and `.npz`; [`csv`]: tables of numbers; [`arrays`]: a model's inputs and outputs by name, in any of these.
//! * [`Examples`]: the first examples of an array, and images as rows of `f32`; [`to_categorical`]: class numbers as rows of 0 and 1.

pub mod arrays;
pub mod csv;
pub mod mnist;
pub mod npy;

mod cells;
#[cfg(feature = "download")]
mod download;
mod error;
mod files;
mod idx;

pub use error::DatasetError;

use ndarray::{Array2, ArrayBase, ArrayView, Axis, Data, Ix1, RemoveAxis, Slice};

/// What NumPy's slices and `reshape` do in Keras' guides, for arrays whose first axis counts the examples.
pub trait Examples {
    /// The type of one element.
    type Element;
    /// The number of axes.
    type Dim;

    /// The first `count` examples, or all where there are fewer: `array[:count]`.
    fn first(&self, count: usize) -> ArrayView<'_, Self::Element, Self::Dim>;

    /// Each example as one row: `images.reshape(len(images), -1).astype("float32")`. Shape (examples, size of one).
    fn to_rows(&self) -> Array2<f32>
    where
        Self::Element: Copy + Into<f32>;
}

impl<A, S: Data<Elem = A>, D: RemoveAxis> Examples for ArrayBase<S, D> {
    type Element = A;
    type Dim = D;

    fn first(&self, count: usize) -> ArrayView<'_, A, D> {
        // Only an array of dynamic rank can lack the axis.
        match self.shape().first() {
            None => self.view(),
            Some(&len) => self.slice_axis(Axis(0), Slice::from(..count.min(len))),
        }
    }

    fn to_rows(&self) -> Array2<f32>
    where
        A: Copy + Into<f32>,
    {
        let (rows, columns) = match self.shape() {
            [] => (1, 1),
            [rows, example @ ..] => (*rows, example.iter().product()),
        };
        let mut values = self.iter().map(|&value| value.into());
        Array2::from_shape_simple_fn((rows, columns), || values.next().unwrap_or(0.0))
    }
}

/// Class numbers as rows with a 1 at the class and 0 elsewhere: `keras.utils.to_categorical`. Shape (examples, `num_classes`).
///
/// # Errors
/// [`DatasetError::Class`]: a number is negative, or not below `num_classes`.
pub fn to_categorical<A: Copy + Into<i64>, S: Data<Elem = A>>(
    labels: &ArrayBase<S, Ix1>,
    num_classes: usize,
) -> Result<Array2<f32>, DatasetError> {
    let mut rows = Array2::zeros((labels.len(), num_classes));
    for (index, (mut row, label)) in rows.outer_iter_mut().zip(labels).enumerate() {
        let label: i64 = (*label).into();
        let class = usize::try_from(label).ok().and_then(|class| row.get_mut(class));
        *class.ok_or(DatasetError::Class { index, label, num_classes })? = 1.0;
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::{Examples, to_categorical};
    use ndarray::{Array, Array1, Array3, array};

    #[test]
    fn first_takes_at_most_all() {
        let labels = array![3_u8, 1, 4];
        assert_eq!(labels.first(2), array![3, 1]);
        assert_eq!(labels.first(9), labels);
        assert_eq!(labels.first(0).len(), 0);
        assert_eq!(Array3::<u8>::zeros((5, 2, 2)).first(3).shape(), [3, 2, 2]);
    }

    #[test]
    fn categories_are_ones_in_their_columns() {
        let rows = to_categorical(&array![2_u8, 0], 3).expect("classes");
        assert_eq!(rows, array![[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]);
        for (labels, label) in [(array![0_i32, -1], -1), (array![1, 3], 3)] {
            let error = to_categorical(&labels, 3).expect_err("no class");
            assert_eq!(
                error.to_string(),
                format!("label 1 is {label}, but the classes are 0 to 2 (num_classes = 3)")
            );
        }
    }

    #[test]
    fn rows_are_in_reading_order_whatever_the_memory_order() {
        let images = Array::from_shape_fn((2, 2, 3), |(n, y, x)| (100 * n + 10 * y + x) as u8);
        let expected =
            array![[0.0_f32, 1.0, 2.0, 10.0, 11.0, 12.0], [100.0, 101.0, 102.0, 110.0, 111.0, 112.0]];
        assert_eq!(images.to_rows(), expected);
        let mut transposed = images.clone();
        transposed.swap_axes(1, 2);
        assert_eq!(transposed.to_rows().row(0), array![0.0_f32, 10.0, 1.0, 11.0, 2.0, 12.0]);
    }

    /// NumPy divides bytes in f64, and Keras rounds to f32: one rounding in f32 gives the same for every byte.
    #[test]
    fn pixels_divided_by_255_are_those_of_numpy() {
        let pixels: Array1<u8> = (0..=255).collect();
        let scaled = pixels.to_rows() / 255.0;
        for (&got, byte) in scaled.iter().zip(0_u8..=255) {
            assert_eq!(got, (f64::from(byte) / 255.0) as f32, "byte {byte}");
        }
    }
}

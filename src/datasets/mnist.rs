//! MNIST: 70,000 handwritten digits of 28 × 28 pixels, as `tf.keras.datasets.mnist`.
//!
//! By Yann LeCun, Corinna Cortes and Christopher Burges, under the licence CC BY-SA 3.0; see MNIST-LICENSE.md
//! beside this file.

use super::files::{self, Known};
use super::{DatasetError, idx, npy};
use ndarray::{Array1, Array3, ArrayD, Ix1, Ix3};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Images of shape (examples, 28, 28) with 0 for background and 255 for ink, and their labels, 0 to 9.
pub type Split = (Array3<u8>, Array1<u8>);

/// The training and the test examples: `(x_train, y_train), (x_test, y_test)`.
pub type Mnist = (Split, Split);

/// All 60,000 training and 10,000 test examples, as `tf.keras.datasets.mnist.load_data()`.
///
/// Looks for `mnist.npz`, then for the four IDX files (`train-images-idx3-ubyte` and so on, plain or with the
/// ending `.gz`), first in the folder that `RHYTON_DATA` names, then in Keras' own cache, `~/.keras/datasets`
/// (`KERAS_HOME` moves it). Where neither has them, and the feature `download` is on (it is by default),
/// `mnist.npz` is downloaded into Keras' cache, 11 MB. The SHA-256 of every file is checked.
///
/// # Errors
/// [`DatasetError::Checksum`] or [`DatasetError::Format`] for a damaged file, which is never skipped in favour of
/// another place; [`DatasetError::Download`] without a network, [`DatasetError::NotFound`] without the feature.
pub fn load_data() -> Result<Mnist, DatasetError> {
    let folders = files::folders();
    match FULL.find(&folders)? {
        Some(data) => Ok(data),
        None => FULL.fetch(&folders),
    }
}

/// The first 1000 training and the first 1000 test examples, which are part of the library: no file, no network.
pub fn subset() -> Mnist {
    // The bytes are part of the program, and a test reads them: there is no error for a caller to handle.
    unpack_subset(include_bytes!("mnist-2000.idx.gz"))
        .unwrap_or_else(|| unreachable!("the embedded MNIST is damaged"))
}

/// Reads one gzip stream of four IDX arrays: training images, training labels, test images, test labels.
fn unpack_subset(gzip: &[u8]) -> Option<Mnist> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(gzip).read_to_end(&mut bytes).ok()?;
    let (train, rest) = next_split(&bytes)?;
    let (test, rest) = next_split(rest)?;
    rest.is_empty().then_some((train, test))
}

fn next_split(bytes: &[u8]) -> Option<(Split, &[u8])> {
    let images = idx::split::<3>(bytes).ok()?;
    let labels = idx::split::<1>(images.rest).ok()?;
    let pixels = Array3::from_shape_vec(images.shape, images.data.to_vec()).ok()?;
    Some(((pixels, Array1::from(labels.data.to_vec())), labels.rest))
}

/// One of the four IDX files.
const fn idx_file(name: &'static str, size: u64, sha256: &'static str) -> Known {
    Known { name, size, sha256 }
}

/// The known files, and what they hold.
struct Spec {
    url: &'static str,
    npz: Known,
    /// Training images, training labels, test images, test labels.
    idx: [Known; 4],
    /// How many training and test examples.
    examples: [usize; 2],
}

const FULL: Spec = Spec {
    url: "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
    npz: Known {
        name: "mnist.npz",
        size: 11_490_434,
        sha256: "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    },
    idx: [
        idx_file(
            "train-images-idx3-ubyte",
            47_040_016,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        idx_file(
            "train-labels-idx1-ubyte",
            60_008,
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        idx_file(
            "t10k-images-idx3-ubyte",
            7_840_016,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        idx_file(
            "t10k-labels-idx1-ubyte",
            10_008,
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ],
    examples: [60_000, 10_000],
};

/// Rows and columns of an image.
const SIDE: usize = 28;

impl Spec {
    /// The data from the first folder that has all of it.
    fn find(&self, folders: &[PathBuf]) -> Result<Option<Mnist>, DatasetError> {
        for folder in folders {
            if let Some((path, bytes)) = self.npz.read(folder)? {
                return self.parse_npz(path, bytes).map(Some);
            }
            if self.idx.iter().all(|file| file.is_in(folder)) {
                return self.read_idx_files(folder);
            }
        }
        Ok(None)
    }

    fn parse_npz(&self, path: PathBuf, bytes: Vec<u8>) -> Result<Mnist, DatasetError> {
        let mut npz = npy::Npz::from_bytes(&path, bytes)?;
        let [train, test] = self.examples;
        let mut split = |images: &str, labels: &str, examples| {
            let pixels = npz.array::<u8>(images)?;
            let classes = npz.array::<u8>(labels)?;
            Ok((to_images(pixels, examples, &path, images)?, to_labels(classes, examples, &path, labels)?))
        };
        Ok((split("x_train", "y_train", train)?, split("x_test", "y_test", test)?))
    }

    /// `None` if a file went away since the folder was looked at.
    fn read_idx_files(&self, folder: &Path) -> Result<Option<Mnist>, DatasetError> {
        let [train_images, train_labels, test_images, test_labels] = &self.idx;
        let [train, test] = self.examples;
        let split = |images: &Known, labels: &Known, examples| {
            let (Some(pixels), Some(classes)) =
                (read_idx::<3>(images, folder)?, read_idx::<1>(labels, folder)?)
            else {
                return Ok(None);
            };
            let images = to_images(pixels.1, examples, &pixels.0, "header")?;
            let labels = to_labels(classes.1, examples, &classes.0, "header")?;
            Ok(Some((images, labels)))
        };
        Ok(split(train_images, train_labels, train)?.zip(split(test_images, test_labels, test)?))
    }

    #[cfg(feature = "download")]
    fn fetch(&self, searched: &[PathBuf]) -> Result<Mnist, DatasetError> {
        let Some(cache) = files::keras_cache() else {
            let advice =
                "set RHYTON_DATA to a folder with these files, or KERAS_HOME to one to download into";
            return Err(self.not_found(searched, advice));
        };
        let path = cache.join(self.npz.name);
        let bytes = super::download::into_cache(self.url, &self.npz, &path)?;
        self.parse_npz(path, bytes)
    }

    #[cfg(not(feature = "download"))]
    fn fetch(&self, searched: &[PathBuf]) -> Result<Mnist, DatasetError> {
        let advice = format!(
            "download {} into one of these folders, set RHYTON_DATA to a folder that has the files, \
             build with the feature `download`, or take mnist::subset()",
            self.url
        );
        Err(self.not_found(searched, &advice))
    }

    fn not_found(&self, searched: &[PathBuf], advice: &str) -> DatasetError {
        let missing = |folder: &PathBuf| {
            let files: Vec<_> =
                self.idx.iter().filter(|file| !file.is_in(folder)).map(|file| file.name).collect();
            format!("{} has neither {} nor {}", folder.display(), self.npz.name, files.join(", "))
        };
        let searched = match searched {
            [] => vec!["there is no home folder, and RHYTON_DATA is not set".into()],
            folders => folders.iter().map(missing).collect(),
        };
        DatasetError::NotFound { dataset: "MNIST", searched, advice: advice.into() }
    }
}

fn to_images(
    array: ArrayD<u8>,
    examples: usize,
    path: &Path,
    place: &str,
) -> Result<Array3<u8>, DatasetError> {
    let found = format!("shape {:?}", array.shape());
    match array.into_dimensionality::<Ix3>() {
        Ok(images) if images.dim() == (examples, SIDE, SIDE) => Ok(images),
        _ => Err(DatasetError::format(path, place, found, format!("shape [{examples}, {SIDE}, {SIDE}]"))),
    }
}

fn to_labels(
    array: ArrayD<u8>,
    examples: usize,
    path: &Path,
    place: &str,
) -> Result<Array1<u8>, DatasetError> {
    let found = format!("shape {:?}", array.shape());
    let labels = match array.into_dimensionality::<Ix1>() {
        Ok(labels) if labels.len() == examples => labels,
        _ => return Err(DatasetError::format(path, place, found, format!("shape [{examples}]"))),
    };
    match labels.iter().enumerate().find(|&(_, &label)| label > 9) {
        None => Ok(labels),
        Some((at, label)) => {
            Err(DatasetError::format(path, format!("label {at}"), label.to_string(), "0 to 9".to_string()))
        }
    }
}

/// The array of an IDX file, plain or packed, and the path it was found at.
fn read_idx<const RANK: usize>(
    file: &Known,
    folder: &Path,
) -> Result<Option<(PathBuf, ArrayD<u8>)>, DatasetError> {
    let Some((path, mut bytes)) = file.read_or_unpack(folder)? else { return Ok(None) };
    let format = |found, expected| DatasetError::format(&path, "header", found, expected);
    let array = idx::split::<RANK>(&bytes).map_err(|(found, expected)| format(found, expected))?;
    if !array.rest.is_empty() {
        return Err(format(format!("{} bytes after the array", array.rest.len()), "none".into()));
    }
    let (shape, header) = (array.shape, bytes.len() - array.data.len());
    bytes.drain(..header);
    match ArrayD::from_shape_vec(&shape[..], bytes) {
        Ok(array) => Ok(Some((path, array))),
        Err(e) => Err(format(e.to_string(), "as many bytes as elements".into())),
    }
}

#[cfg(test)]
mod tests;

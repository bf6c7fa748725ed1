//! NumPy's files, as `numpy.load` reads them: `.npy`, one array, and `.npz`, a zip of several.
//!
//! ```no_run
//! use rhyton::datasets::npy;
//!
//! let mut data = npy::Npz::open("data.npz")?;
//! let x = data.array::<f32>("x")?;
//! # Ok::<(), rhyton::datasets::DatasetError>(())
//! ```
//!
//! Read are little-endian arrays of the types that implement [`Element`], in C or Fortran order; nothing is converted,
//! and nothing is unpickled.

mod header;

use super::DatasetError;
use super::cells::Cells;
use header::Header;
use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use rhyton_engine::train::{Data, IntoData};
use rhyton_engine::types::{DType, Integer};
use rhyton_persist::Location;
use rhyton_persist::limits::DEFLATE_RATIO;
use rhyton_persist::shown::list;
use std::io::{BufWriter, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// A type of array elements.
pub trait Element: Clone + sealed::Sealed {
    /// NumPy's name of the type, such as `<f4`.
    const DESCR: &'static str;
    /// The size in bytes.
    const SIZE: usize;

    /// The elements that these bytes hold, one after the other.
    #[doc(hidden)]
    fn decode(bytes: &[u8]) -> Vec<Self>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! elements {
    ($($type:ty: $descr:literal),*) => {$(
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const DESCR: &'static str = $descr;
            const SIZE: usize = size_of::<$type>();

            fn decode(bytes: &[u8]) -> Vec<Self> {
                bytes.as_chunks().0.iter().map(|&chunk| <$type>::from_le_bytes(chunk)).collect()
            }
        }
    )*};
}
impl sealed::Sealed for bool {}
impl Element for bool {
    const DESCR: &'static str = "|b1";
    const SIZE: usize = 1;

    fn decode(bytes: &[u8]) -> Vec<Self> {
        bytes.iter().map(|&byte| byte != 0).collect()
    }
}
impl sealed::Sealed for half::f16 {}
impl Element for half::f16 {
    const DESCR: &'static str = "<f2";
    const SIZE: usize = 2;

    fn decode(bytes: &[u8]) -> Vec<Self> {
        bytes.as_chunks().0.iter().map(|&chunk| half::f16::from_le_bytes(chunk)).collect()
    }
}
elements!(u8: "|u1", i8: "|i1", u16: "<u2", i16: "<i2", u32: "<u4", i32: "<i4", u64: "<u8", i64: "<i8", f32: "<f4", f64: "<f8");

/// The array of a `.npy` file: `numpy.load(path)`.
///
/// # Errors
/// [`DatasetError::Io`], or [`DatasetError::Format`] if the file is damaged or its elements are of another type.
pub fn load<T: Element>(path: impl Into<Location>) -> Result<ArrayD<T>, DatasetError> {
    let path = &path.into();
    let bytes = read(path)?;
    parse(&bytes).map_err(|(found, expected)| DatasetError::format(path.as_path(), "array", found, expected))
}

/// The array of a `.npy` file of any type of numbers, or of strings, as `fit`, `evaluate` and `predict` take them.
///
/// # Errors
/// [`DatasetError::Io`], or [`DatasetError::Format`] if the file is damaged or its elements are no numbers.
pub fn load_data(path: impl Into<Location>) -> Result<Data<'static>, DatasetError> {
    let path = &path.into();
    let bytes = read(path)?;
    data(&bytes).map_err(|(found, expected)| DatasetError::format(path.as_path(), "array", found, expected))
}

/// Strings as NumPy has them: each of `width` bytes, filled up with zeros.
fn strings(bytes: &[u8], width: usize, decode: fn(&[u8]) -> Option<String>) -> Result<Data<'static>, Fault> {
    let (Header { fortran_order, shape, .. }, data) = Header::parse(bytes)?;
    let count = shape.iter().try_fold(1_usize, |n, len| n.checked_mul(*len));
    if count.and_then(|n| n.checked_mul(width)) != Some(data.len()) || width == 0 && count > Some(0) {
        return Err((format!("{} bytes of data", data.len()), format!("those of shape {shape:?}")));
    }
    let texts = data.chunks_exact(width.max(1)).map(decode).collect::<Option<Vec<String>>>();
    let texts = texts.ok_or_else(|| ("a string that is not Unicode".to_owned(), "text".to_owned()))?;
    let array = ArrayD::from_shape_vec(IxDyn(&shape).set_f(fortran_order), texts)
        .map_err(|e| (e.to_string(), format!("the elements of shape {shape:?}")))?;
    Ok(Data::of(&array).into_owned())
}

/// A string of code points of four bytes each.
fn of_code_points(bytes: &[u8]) -> Option<String> {
    let points = bytes.as_chunks::<4>().0.iter().map(|point| u32::from_le_bytes(*point));
    let text = points.map(char::from_u32).collect::<Option<String>>()?;
    Some(text.trim_end_matches('\0').to_owned())
}

/// A string of bytes.
fn of_utf8(bytes: &[u8]) -> Option<String> {
    Some(std::str::from_utf8(bytes).ok()?.trim_end_matches('\0').to_owned())
}

/// The array of the bytes of a `.npy` file, of any type of numbers, or of strings.
fn data(bytes: &[u8]) -> Result<Data<'static>, Fault> {
    fn of<T: Element + rhyton_engine::train::Element>(bytes: &[u8]) -> Result<Data<'static>, Fault>
    where
        for<'a> &'a ArrayD<T>: IntoData<'a>,
    {
        let array = parse::<T>(bytes)?;
        let data = (&array).into_data().into_iter().next().map(Data::into_owned);
        data.ok_or_else(|| ("nothing".into(), "an array".into()))
    }
    let (header, _) = Header::parse(bytes)?;
    match header.descr.as_str() {
        "<f4" => of::<f32>(bytes),
        "<f8" => of::<f64>(bytes),
        "|u1" => of::<u8>(bytes),
        "|i1" => of::<i8>(bytes),
        "<u2" => of::<u16>(bytes),
        "<i2" => of::<i16>(bytes),
        "<u4" => of::<u32>(bytes),
        "<i4" => of::<i32>(bytes),
        "<u8" => of::<u64>(bytes),
        "<i8" => of::<i64>(bytes),
        "|b1" => of::<bool>(bytes),
        "<f2" => {
            let array = parse::<half::f16>(bytes)?.mapv(f32::from);
            Ok(Data::of(&array).into_owned())
        }
        "|O" => Err((
            "pickled objects".into(),
            "numbers or strings: save strings as numpy.array(x, dtype=str)".into(),
        )),
        other => {
            let width = |kind: &str| other.strip_prefix(kind).and_then(|n| n.parse::<usize>().ok());
            let unicode = width("<U").and_then(|n| n.checked_mul(4));
            match (unicode, width("|S")) {
                (Some(width), _) => strings(bytes, width, of_code_points),
                (None, Some(width)) => strings(bytes, width, of_utf8),
                (None, None) => {
                    let found = format!("elements of type '{other}'");
                    Err((found, "little-endian numbers, such as '<f4', or strings".into()))
                }
            }
        }
    }
}

/// Writes an array as a `.npy` file of float32: `numpy.save(path, array)`. The file is there whole or not at all.
///
/// # Errors
/// The system refuses to write it.
pub fn save(path: impl Into<Location>, array: &ArrayD<f32>) -> Result<(), crate::Error> {
    save_as(path, array, DType::F32)
}

/// [`save`], with elements of this type: whole numbers of an output that Keras has integers of.
///
/// # Errors
/// As there.
pub fn save_as(path: impl Into<Location>, array: &ArrayD<f32>, dtype: DType) -> Result<(), crate::Error> {
    save_cells(&path.into(), Cells::Numbers(array, dtype))
}

pub(super) fn save_cells(path: &Location, array: Cells<'_>) -> Result<(), crate::Error> {
    rhyton_persist::commit::write_file(path, |file| {
        let mut out = BufWriter::new(file);
        write_array(&mut out, array).and_then(|()| out.flush()).map_err(|source| unwritten(path, source))
    })?;
    Ok(())
}

/// An array with its name and the type of its elements in files: see [`save_as`].
pub type NamedArray<'a> = (String, &'a ArrayD<f32>, DType);

/// Writes arrays as a `.npz` file: `numpy.savez(path, **arrays)`. The file is there whole or not at all.
///
/// # Errors
/// The system refuses to write it, or two arrays have the same name.
pub fn save_npz(path: impl Into<Location>, arrays: &[NamedArray]) -> Result<(), crate::Error> {
    let cells = arrays.iter().map(|(name, array, dtype)| (name.clone(), Cells::Numbers(array, *dtype)));
    save_npz_cells(&path.into(), &cells.collect::<Vec<_>>())
}

pub(super) fn save_npz_cells(path: &Location, arrays: &[(String, Cells<'_>)]) -> Result<(), crate::Error> {
    rhyton_persist::commit::write_file(path, |file| {
        let mut out = ZipWriter::new(BufWriter::new(file)).set_auto_large_file();
        let mut write = || {
            for (name, array) in arrays {
                let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
                out.start_file(format!("{name}.npy"), options)?;
                write_array(&mut out, *array)?;
            }
            Ok::<_, std::io::Error>(())
        };
        write().and_then(|()| out.finish()?.flush()).map_err(|source| unwritten(path, source))
    })?;
    Ok(())
}

pub(super) fn unwritten(path: &Location, source: std::io::Error) -> rhyton_persist::Error {
    rhyton_persist::Error::Io { action: "write", path: path.as_path().into(), source }
}

/// The content of a `.npy` file.
fn write_array(out: &mut impl Write, array: Cells<'_>) -> std::io::Result<()> {
    let axes: Vec<String> = array.shape().iter().map(|n| format!("{n},")).collect();
    let shape = match axes.as_slice() {
        [one] => one.clone(),
        many => many.join(" ").trim_end_matches(',').to_owned(),
    };
    // As NumPy, which has no strings of no characters.
    let longest = match array {
        Cells::Text(all) => all.iter().map(|text| text.chars().count()).max().unwrap_or(1).max(1),
        Cells::Numbers(..) => 0,
    };
    let descr = match array {
        Cells::Text(_) => format!("<U{longest}"),
        Cells::Numbers(_, dtype) => descr(dtype),
    };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    // Magic, version, length, header: a multiple of 64 with the line's end.
    header += &" ".repeat(63 - (10 + header.len()) % 64);
    header.push('\n');
    let length = u16::try_from(header.len()).unwrap_or(u16::MAX).to_le_bytes();
    out.write_all(b"\x93NUMPY\x01\x00")?;
    out.write_all(&length)?;
    out.write_all(header.as_bytes())?;
    match array {
        Cells::Numbers(all, dtype) => all.iter().try_for_each(|x| match dtype {
            // Little-endian integers of fewer bytes are the first bytes of longer ones.
            DType::Whole(_) => out.write_all(&(*x as i64).to_le_bytes()[..width(dtype)]),
            _ => out.write_all(&x.to_le_bytes()),
        }),
        Cells::Text(all) => all.iter().try_for_each(|text| {
            let points = text.chars().map(u32::from).chain(std::iter::repeat(0)).take(longest);
            points.map(u32::to_le_bytes).try_for_each(|point| out.write_all(&point))
        }),
    }
}

/// Bytes of an element.
fn width(dtype: DType) -> usize {
    if let DType::Whole(integer) = dtype { integer.bits().div_ceil(8) as usize } else { 4 }
}

/// NumPy's name of a type.
fn descr(dtype: DType) -> String {
    match dtype {
        DType::Whole(Integer::Bool) => "|b1".into(),
        DType::Whole(integer) => {
            let (order, kind) =
                (if integer.bits() == 8 { '|' } else { '<' }, if integer.is_signed() { 'i' } else { 'u' });
            format!("{order}{kind}{}", width(dtype))
        }
        _ => "<f4".into(),
    }
}

/// A `.npz` file: arrays by name, `numpy.load(path)`.
#[derive(Debug)]
pub struct Npz {
    path: PathBuf,
    archive: ZipArchive<Cursor<Vec<u8>>>,
}

impl Npz {
    /// Opens a file. The arrays stay packed until they are asked for.
    ///
    /// # Errors
    /// [`DatasetError::Io`], or [`DatasetError::Format`] if the file is no zip archive.
    pub fn open(path: impl Into<Location>) -> Result<Self, DatasetError> {
        let path = &path.into();
        Self::from_bytes(path.as_path(), read(path)?)
    }

    /// The same for the content of a file; `path` is for messages only.
    pub(super) fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, DatasetError> {
        let broken = |e: zip::result::ZipError| {
            DatasetError::format(path, "zip directory", e.to_string(), "a zip archive")
        };
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
        if archive.has_overlapping_files().map_err(broken)? {
            return Err(DatasetError::format(
                path,
                "zip directory",
                "members that overlap",
                "separate members",
            ));
        }
        Ok(Self { path: path.to_path_buf(), archive })
    }

    /// The names of the arrays, in the order of the file. Members that are no arrays are left out.
    pub fn names(&self) -> Vec<String> {
        let names = self.archive.file_names().filter_map(Result::ok);
        names.filter_map(|name| name.strip_suffix(".npy").map(String::from)).collect()
    }

    /// The array of that name: `data[name]`.
    ///
    /// # Errors
    /// [`DatasetError::Format`] if there is no such array, it is damaged, or its elements are of another type.
    pub fn array<T: Element>(&mut self, name: &str) -> Result<ArrayD<T>, DatasetError> {
        let bytes = self
            .member(&format!("{name}.npy"))
            .map_err(|(found, expected)| DatasetError::format(&self.path, name, found, expected))?;
        parse(&bytes).map_err(|(found, expected)| DatasetError::format(&self.path, name, found, expected))
    }

    /// The array of that name of any type of numbers, as `fit`, `evaluate` and `predict` take them.
    ///
    /// # Errors
    /// As [`Npz::array`].
    pub fn data(&mut self, name: &str) -> Result<Data<'static>, DatasetError> {
        let found = self.member(&format!("{name}.npy")).and_then(|bytes| data(&bytes));
        found.map_err(|(found, expected)| DatasetError::format(&self.path, name, found, expected))
    }

    /// The unpacked bytes of a member, whose CRC-32 the archive checks at its end.
    fn member(&mut self, name: &str) -> Result<Vec<u8>, Fault> {
        let names = self.names();
        let mut member = self.archive.by_name(name).map_err(|e| match e {
            zip::result::ZipError::FileNotFound => {
                ("no such array".into(), format!("one of {}", list(&names, ", ")))
            }
            other => (other.to_string(), "a stored or deflated member".into()),
        })?;
        let size = member.size();
        if size > member.compressed_size().saturating_mul(DEFLATE_RATIO) {
            return Err((
                format!("{size} bytes packed to {}", member.compressed_size()),
                "a possible size".into(),
            ));
        }
        let mut bytes = Vec::new();
        // The vector grows with what is really there; one byte more than declared is enough to see that there are more.
        member
            .by_ref()
            .take(size.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|e| (format!("damage after {} bytes ({e})", bytes.len()), format!("{size} bytes")))?;
        if u64::try_from(bytes.len()).ok() != Some(size) {
            return Err((format!("{} bytes", bytes.len()), format!("{size} bytes")));
        }
        Ok(bytes)
    }
}

/// What was found, and what was expected.
type Fault = (String, String);

pub(super) fn read(location: &Location) -> Result<Vec<u8>, DatasetError> {
    rhyton_persist::storage::read(location, u64::MAX).map_err(|error| match error {
        rhyton_persist::Error::Io { action, path, source } => DatasetError::Io { action, path, source },
        other => DatasetError::Io {
            action: "read",
            path: location.as_path().into(),
            source: std::io::Error::other(other),
        },
    })
}

fn parse<T: Element>(bytes: &[u8]) -> Result<ArrayD<T>, Fault> {
    let (Header { descr, fortran_order, shape }, data) = Header::parse(bytes)?;
    if descr != T::DESCR {
        return Err((format!("elements of type '{descr}'"), format!("'{}'", T::DESCR)));
    }
    let size = shape.iter().try_fold(T::SIZE, |size, &len| size.checked_mul(len));
    if size != Some(data.len()) {
        return Err((format!("{} bytes of data", data.len()), format!("those of shape {shape:?}")));
    }
    ArrayD::from_shape_vec(IxDyn(&shape).set_f(fortran_order), T::decode(data))
        .map_err(|e| (e.to_string(), format!("the elements of shape {shape:?}")))
}

#[cfg(test)]
mod tests;

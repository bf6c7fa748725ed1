//! Tables of numbers: `.csv` files.

use std::io::{BufWriter, Write};

use ndarray::{ArrayD, IxDyn};
use rhyton_engine::train::{Data, IntoData as _};
use rhyton_engine::types::DType;
use rhyton_persist::Location;

use super::DatasetError;
use super::cells::Cells;

/// The table of a file: a row for each example. A first line without a number is a head. Whole numbers alone are int32, else
/// all are float32.
///
/// # Errors
/// [`DatasetError::Io`], or [`DatasetError::Format`]: no rows, rows of different lengths, or a field that is no number.
pub fn load_data(path: impl Into<Location>) -> Result<Data<'static>, DatasetError> {
    let path = &path.into();
    let bytes = super::npy::read(path)?;
    parse(&bytes)
        .map_err(|(place, found, expected)| DatasetError::format(path.as_path(), place, found, expected))
}

/// Describes a fault: where, what was found, what was expected.
type Fault = (String, String, String);

fn fault(place: impl Into<String>, found: impl Into<String>, expected: &str) -> Fault {
    (place.into(), found.into(), expected.into())
}

fn parse(bytes: &[u8]) -> Result<Data<'static>, Fault> {
    fn owned(data: Vec<Data<'_>>) -> Option<Data<'static>> {
        data.into_iter().next().map(Data::into_owned)
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(bytes);
    let (mut whole, mut values, mut columns) = (Some(Vec::new()), Vec::new(), 0);
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(|e| fault("the table", e.to_string(), "rows of the same length"))?;
        if row == 0 {
            columns = record.len();
            // A line of both is an example with a gap as likely as a head, and must not be dropped.
            if record.iter().all(|field| field.parse::<f32>().is_err()) {
                continue;
            }
        }
        for (column, field) in record.iter().enumerate() {
            whole = whole.and_then(|mut all: Vec<i32>| {
                all.push(field.parse().ok()?);
                Some(all)
            });
            let place = || format!("line {}, column {}", row + 1, column + 1);
            let expected =
                if row == 0 { "a number, or no number in the whole line: a head" } else { "a number" };
            values.push(field.parse::<f32>().map_err(|_| fault(place(), format!("{field:?}"), expected))?);
        }
    }
    let rows = values.len().checked_div(columns).unwrap_or(0);
    if rows == 0 {
        return Err(fault("the table", "no rows of numbers", "a row for each example"));
    }
    let shape = IxDyn(&[rows, columns]);
    let made = match whole {
        Some(whole) => ArrayD::from_shape_vec(shape, whole).ok().and_then(|a| owned((&a).into_data())),
        None => ArrayD::from_shape_vec(shape, values).ok().and_then(|a| owned((&a).into_data())),
    };
    made.ok_or_else(|| fault("the table", format!("{rows} rows"), "a table"))
}

/// Writes arrays side by side, a row for each example, with a head: the name of the array, numbered where it has several columns
/// (`price`, `kind_0`, `kind_1`).
///
/// # Errors
/// The output refuses.
pub fn write(out: impl Write, arrays: &[(String, &ArrayD<f32>)]) -> std::io::Result<()> {
    write_cells(out, &numbers(arrays))
}

fn numbers<'a>(arrays: &[(String, &'a ArrayD<f32>)]) -> Vec<(String, Cells<'a>)> {
    arrays.iter().map(|(name, array)| (name.clone(), Cells::Numbers(array, DType::F32))).collect()
}

/// [`write()`], of strings too.
pub(super) fn write_cells(out: impl Write, arrays: &[(String, Cells<'_>)]) -> std::io::Result<()> {
    let mut out = csv::Writer::from_writer(out);
    let mut head = Vec::new();
    for (name, array) in arrays {
        let axes = array.shape().get(1..).unwrap_or_default();
        match axes.iter().product::<usize>() {
            1 => head.push(name.clone()),
            columns => head.extend((0..columns).map(|column| format!("{name}{}", place(axes, column)))),
        }
    }
    out.write_record(&head)?;
    let examples = arrays.iter().map(|(_, a)| a.shape().first().copied().unwrap_or(0)).max().unwrap_or(0);
    for example in 0..examples {
        for (_, array) in arrays {
            array.fields(example).into_iter().try_for_each(|field| out.write_field(field))?;
        }
        out.write_record(None::<&[u8]>)?;
    }
    out.flush()
}

/// The place of the nth element in an array of these axes: `_1_0`.
fn place(axes: &[usize], n: usize) -> String {
    let mut rest = n;
    let reversed: Vec<usize> = axes
        .iter()
        .rev()
        .map(|axis| {
            let at = rest % axis;
            rest /= axis;
            at
        })
        .collect();
    reversed.iter().rev().map(|at| format!("_{at}")).collect()
}

/// [`write()`] into a file, which is there whole or not at all.
///
/// # Errors
/// The system refuses to write it.
pub fn save(path: impl Into<Location>, arrays: &[(String, &ArrayD<f32>)]) -> Result<(), crate::Error> {
    save_cells(&path.into(), &numbers(arrays))
}

pub(super) fn save_cells(path: &Location, arrays: &[(String, Cells<'_>)]) -> Result<(), crate::Error> {
    rhyton_persist::commit::write_file(path, |file| {
        write_cells(BufWriter::new(file), arrays).map_err(|source| super::npy::unwritten(path, source))
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn tables_of_numbers() {
        let data = parse(b"a,\"b, c\"\n1.5, -2e3\nNaN,inf\n").expect("a table");
        assert_eq!((data.shape.as_slice(), data.dtype), (&[2, 2][..], DType::F32));
        let values: Vec<f32> = data.words.iter().map(|w| f32::from_bits(*w)).collect();
        assert!(values[2].is_nan());
        assert_eq!([values[0], values[1], values[3]], [1.5, -2000.0, f32::INFINITY]);
        // Whole numbers stay exact, as class numbers and places in an embedding must.
        let data = parse(b"16777217\r\n-3\r\n").expect("a table");
        assert_eq!((data.shape.as_slice(), data.dtype), (&[2, 1][..], DType::I32));
        assert_eq!(data.words.as_ref(), [16_777_217, (-3_i32).cast_unsigned()]);
        for (text, place) in [
            ("", "the table"),
            ("a,b\n", "the table"),
            ("1,2\n3\n", "the table"),
            ("1.5,,3\n1,2,3\n", "line 1, column 2"),
            ("a,1\n2,3\n", "line 1, column 1"),
            ("1,2\n3,x\n", "line 2, column 2"),
            ("1,2\n3,\n", "line 2, column 2"),
        ] {
            assert_eq!(parse(text.as_bytes()).expect_err(text).0, place, "{text}");
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        let price = array![[1.5_f32], [2.5]].into_dyn();
        let kind = array![[[1.0_f32, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 1e-30]]].into_dyn();
        let mut out = Vec::new();
        write(&mut out, &[("price".into(), &price), ("kind".into(), &kind)]).expect("writes");
        let text = String::from_utf8(out).expect("UTF-8");
        assert!(text.starts_with("price,kind_0_0,kind_0_1,kind_1_0,kind_1_1\n1.5,1,2,3,4\n"), "{text}");
        let again = parse(text.as_bytes()).expect("a table");
        assert_eq!(again.shape, [2, 5]);
        assert_eq!(again.words[9], 1e-30_f32.to_bits());
    }
}

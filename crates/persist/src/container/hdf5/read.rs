//! Reading.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hdf5_pure::{AttrValue, Dataset, File, FormatError, Group, Layout, Source};

use super::element;
use crate::bytes::Window;
use crate::tree::{ByteSource, Bytes, DType};
use crate::{Error, limits};

/// A window as the crate reads it, with a budget of bytes.
struct Budgeted {
    window: Window,
    left: Arc<AtomicU64>,
}

impl Source for Budgeted {
    fn len(&self) -> u64 {
        self.window.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FormatError> {
        let cost = buffer.len() as u64;
        let spent =
            self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(cost));
        if spent.is_err() {
            return Err(FormatError::Source("one group asks for more bytes than any real one".into()));
        }
        self.window.read_at(offset, buffer).map_err(|e| FormatError::Source(e.to_string()))
    }
}

/// A group that was looked at.
#[derive(Default)]
struct Looked {
    attributes: HashMap<String, AttrValue>,
    /// Attributes that are there and cannot be decoded.
    unreadable: Vec<String>,
    groups: BTreeMap<String, Place>,
    datasets: BTreeMap<String, Dataset>,
}

/// A group's place in the tree.
#[derive(Clone, Default)]
struct Place {
    /// The group; `None` where only a path leads through it.
    group: Option<Group>,
    /// Groups whose names are paths from here.
    below: BTreeMap<String, Place>,
}

impl Place {
    fn of(group: Group) -> Self {
        Self { group: Some(group), below: BTreeMap::new() }
    }
}

/// Takes names such as `layers\dense`, which Keras gives groups of the root on Windows, for the paths that they mean.
///
/// # Errors
/// Gives the name of a group that has the place of another.
fn split_names(root: BTreeMap<String, Place>) -> Result<BTreeMap<String, Place>, String> {
    const FOLDERS: [&str; 4] = ["layers", "_layer_checkpoint_dependencies", "optimizer", "metrics"];
    let mut out = BTreeMap::new();
    for (name, place) in root {
        let depth = name.split('\\').count();
        let first = name.split('\\').next().unwrap_or_default();
        let is_path = (2..=limits::HDF5_DEPTH).contains(&depth) && FOLDERS.contains(&first);
        let mut parts = if is_path { name.split('\\').collect() } else { vec![name.as_str()] };
        let last = parts.pop().unwrap_or_default();
        let mut at = &mut out;
        for part in parts {
            at = &mut at.entry(part.to_owned()).or_insert_with(Place::default).below;
        }
        let entry: &mut Place = at.entry(last.to_owned()).or_default();
        if entry.group.is_some() || is_path && !entry.below.is_empty() && place.group.is_none() {
            return Err(name);
        }
        entry.group = place.group;
    }
    // A group of the file's own has what is in it.
    let doubled =
        FOLDERS.iter().find(|name| out.get(**name).is_some_and(|p| p.group.is_some() && !p.below.is_empty()));
    match doubled {
        Some(name) => Err((*name).to_owned()),
        None => Ok(out),
    }
}

struct Inner {
    window: Window,
    file: File,
    left: Arc<AtomicU64>,
    /// Also what makes one caller at a time spend the budget.
    groups: Mutex<HashMap<String, Arc<Looked>>>,
    objects: AtomicUsize,
    /// Bytes that the arrays say they have in the file, by their paths.
    claimed: Mutex<Claimed>,
}

#[derive(Default)]
struct Claimed {
    paths: HashSet<String>,
    bytes: u64,
}

/// An open file. Groups are looked at when asked for, arrays read when asked for.
#[derive(Clone)]
pub(crate) struct Hdf5 {
    inner: Arc<Inner>,
}

/// Names in a group.
pub(crate) struct Children {
    pub(crate) groups: Vec<String>,
    pub(crate) arrays: Vec<String>,
}

/// An array in the file.
pub(crate) struct Array {
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
    pub(crate) value: Bytes,
}

impl Hdf5 {
    /// Opens a file; reads its first block only.
    pub(crate) fn open(window: Window) -> Result<Self, Error> {
        let left = Arc::new(AtomicU64::new(limits::hdf5_look_bytes(window.size())));
        let source = Budgeted { window: window.clone(), left: left.clone() };
        let file = guard(window.path(), "/", || File::from_source(source))?;
        let (groups, objects, claimed) = (Mutex::default(), AtomicUsize::new(0), Mutex::default());
        Ok(Self { inner: Arc::new(Inner { window, file, left, groups, objects, claimed }) })
    }

    /// The file that messages name.
    pub(crate) fn path(&self) -> &Path {
        self.inner.window.path()
    }

    /// The names in a group, `None` where there is no such group. Names that are links to other places do not
    /// count.
    pub(crate) fn children(&self, group: &str) -> Result<Option<Children>, Error> {
        let names = |looked: Arc<Looked>| Children {
            groups: looked.groups.keys().cloned().collect(),
            arrays: looked.datasets.keys().cloned().collect(),
        };
        Ok(self.look(group)?.map(names))
    }

    /// Whether there is such a group.
    pub(crate) fn has_group(&self, group: &str) -> Result<bool, Error> {
        Ok(self.look(group)?.is_some())
    }

    /// An attribute that is one string; `None` where there is no such group or attribute.
    pub(crate) fn text(&self, group: &str, name: &str) -> Result<Option<String>, Error> {
        match self.strings(group, name)? {
            None => Ok(None),
            Some(mut list) if list.len() == 1 => Ok(list.pop()),
            Some(list) => {
                let place = format!("attribute {name} of group /{group}");
                Err(self.error(&place, &format!("{} strings", list.len()), "one string"))
            }
        }
    }

    /// An attribute that is a list of strings, in one piece or in numbered ones; `None` where it is absent.
    pub(crate) fn list(&self, group: &str, name: &str) -> Result<Option<Vec<String>>, Error> {
        if let Some(list) = self.strings(group, name)? {
            return Ok(Some(list));
        }
        let mut all: Option<Vec<String>> = None;
        for piece in 0..limits::HDF5_PIECES {
            match self.strings(group, &format!("{name}{piece}"))? {
                Some(list) => all.get_or_insert_default().extend(list),
                None => break,
            }
        }
        Ok(all)
    }

    fn strings(&self, group: &str, name: &str) -> Result<Option<Vec<String>>, Error> {
        let Some(looked) = self.look(group)? else { return Ok(None) };
        let place = || format!("attribute {name} of group /{group}");
        match looked.attributes.get(name) {
            // What Keras writes for an empty list: float64 of shape (0,).
            Some(AttrValue::F64Array(values)) if values.is_empty() => Ok(Some(Vec::new())),
            Some(value) => match value.as_strings() {
                // The crate puts this character in the place of bytes that are no UTF-8.
                Some(strings) if strings.iter().any(|s| s.contains('\u{fffd}')) => {
                    Err(self.error(&place(), "a string in no UTF-8", "UTF-8"))
                }
                Some(strings) => Ok(Some(strings.to_vec())),
                None => Err(self.error(&place(), value.type_name(), "a string")),
            },
            None if looked.unreadable.iter().any(|n| n == name) => {
                Err(self.error(&place(), "a value that cannot be decoded", "a string"))
            }
            None => Ok(None),
        }
    }

    /// An array, checked but not read; `None` where there is none of that path.
    pub(crate) fn array(&self, path: &str) -> Result<Option<Array>, Error> {
        let (group, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(looked) = self.look(group)? else { return Ok(None) };
        let Some(dataset) = looked.datasets.get(name) else { return Ok(None) };
        // Held while the budget is spent.
        let _one = self.inner.groups.lock().unwrap_or_else(PoisonError::into_inner);
        self.inner.left.store(limits::hdf5_look_bytes(self.inner.window.size()), Ordering::Relaxed);
        self.checked(path, dataset).map(Some)
    }

    fn checked(&self, path: &str, dataset: &Dataset) -> Result<Array, Error> {
        let file = self.inner.window.path();
        let shape = guard(file, path, || dataset.shape())?;
        let stored = guard(file, path, || dataset.datatype())?;
        let unsupported = |what: String| Error::Unsupported {
            path: self.path().into(),
            place: format!("array /{path}"),
            what,
            advice: String::new(),
        };
        let (dtype, big_endian) = element::from_stored(&stored)
            .ok_or_else(|| unsupported(format!("the element type {stored:?}")))?;
        let width = dtype.size() as u64;
        let shape: Option<Vec<usize>> = shape.into_iter().map(|n| usize::try_from(n).ok()).collect();
        let shape = shape.filter(|s| s.len() <= limits::HDF5_RANK);
        let bytes = shape.as_ref().and_then(|s| {
            let product = |so_far: u64, n: &usize| so_far.checked_mul(u64::try_from(*n).ok()?);
            s.iter().try_fold(width, product)
        });
        let (Some(shape), Some(bytes)) = (shape, bytes) else {
            return Err(self.error(
                &format!("array /{path}"),
                "a shape beyond any memory",
                "a shape that is stored",
            ));
        };
        let too_short = |found: u64| {
            let found = format!("{found} bytes stored");
            self.error(&format!("array /{path}"), &found, &format!("{bytes} for the shape {shape:?}"))
        };
        let layout = guard(file, path, || dataset.layout())?;
        let value: Bytes = match layout {
            Layout::Contiguous { address: Some(address), size } if size == bytes => {
                self.claim(path, bytes)?;
                let window = self.inner.window.slice(address, bytes);
                let window =
                    window.ok_or_else(|| too_short(self.inner.window.size().saturating_sub(address)))?;
                if big_endian {
                    Arc::new(Swapped { bytes: window, width: dtype.size() })
                } else {
                    Arc::new(window)
                }
            }
            Layout::Contiguous { .. } | Layout::Compact { .. } if bytes == 0 => Arc::new(Vec::new()),
            Layout::Contiguous { address: Some(_), size } => return Err(too_short(size)),
            Layout::Contiguous { address: None, .. } => {
                return Err(unsupported(
                    "an array without bytes of its own (external storage, or never written)".into(),
                ));
            }
            Layout::Compact { size } if size == bytes => {
                self.deferred(path, dataset, bytes, big_endian, dtype)
            }
            Layout::Compact { size } => return Err(too_short(size)),
            Layout::Chunked { chunk_shape, .. } => {
                self.check_chunks(path, dataset, &shape, &chunk_shape, width)?;
                self.deferred(path, dataset, bytes, big_endian, dtype)
            }
            Layout::Virtual => return Err(unsupported("a virtual array, which names other files,".into())),
            other => return Err(unsupported(format!("the layout {other}"))),
        };
        Ok(Array { dtype, shape, value })
    }

    fn deferred(&self, path: &str, dataset: &Dataset, len: u64, big_endian: bool, dtype: DType) -> Bytes {
        let raw = Deferred { file: self.inner.clone(), path: path.into(), dataset: dataset.clone(), len };
        if big_endian { Arc::new(Swapped { bytes: raw, width: dtype.size() }) } else { Arc::new(raw) }
    }

    /// Refuses arrays that have more bytes together than the file: a small one could ask for any amount of memory, by arrays that share their bytes.
    fn claim(&self, path: &str, bytes: u64) -> Result<(), Error> {
        let mut claimed = self.inner.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        if claimed.paths.insert(path.into()) {
            claimed.bytes = claimed.bytes.saturating_add(bytes);
        }
        if claimed.bytes > self.inner.window.size() {
            let found = format!("arrays that share bytes, {} with this one", claimed.bytes);
            let expected = format!("bytes of its own for each, in a file of {}", self.inner.window.size());
            return Err(self.error(&format!("array /{path}"), &found, &expected));
        }
        Ok(())
    }

    /// Refuses a chunked array whose chunks could not hold what its shape says.
    fn check_chunks(
        &self,
        path: &str,
        dataset: &Dataset,
        shape: &[usize],
        chunk: &[u64],
        width: u64,
    ) -> Result<(), Error> {
        let place = format!("array /{path}");
        const FILTERS: [u16; 4] = [1, 2, 3, 32_000]; // deflate, shuffle, Fletcher-32, LZF
        let filters = dataset.filters();
        if let Some(other) = filters.iter().find(|f| !FILTERS.contains(f)) {
            return Err(Error::Unsupported {
                path: self.path().into(),
                place,
                what: format!("the filter {other}"),
                advice: "; rewrite the array without it".into(),
            });
        }
        let damaged = |found: &str, expected: &str| self.error(&place, found, expected);
        let mut chunks = 1u64;
        let mut unpacked = Some(width);
        for (n, c) in shape.iter().zip(chunk) {
            let n = u64::try_from(*n).unwrap_or(u64::MAX);
            chunks = chunks.saturating_mul(if *c == 0 { u64::MAX } else { n.div_ceil(*c) });
            unpacked = unpacked.and_then(|u| u.checked_mul(*c));
        }
        let (Some(unpacked), true) = (unpacked, shape.len() == chunk.len()) else {
            return Err(damaged("chunks beyond any memory", "chunks that are stored"));
        };
        // One look at the index reads it all, so it is bounded by the file and by the budget.
        let stored = guard(self.inner.window.path(), path, || dataset.chunks())?;
        if stored.len() as u64 != chunks {
            let found = format!("{} chunks stored", stored.len());
            return Err(damaged(&found, &format!("{chunks} for the shape {shape:?}")));
        }
        let total = stored.iter().fold(0, |n: u64, chunk| n.saturating_add(chunk.storage_size));
        self.claim(path, total)?;
        let whole = unpacked.saturating_mul(chunks);
        let most = total.saturating_mul(limits::UNPACKED_RATIO).max(limits::UNPACKED_BYTES);
        if whole > most && !filters.is_empty() {
            let found = format!("{whole} bytes packed into {total}");
            return Err(damaged(&found, &format!("{most} at most; write the array without compression")));
        }
        for chunk in stored {
            let most = if filters.is_empty() { 1 } else { limits::DEFLATE_RATIO };
            let inside =
                chunk.address.checked_add(chunk.storage_size).is_some_and(|e| e <= self.inner.window.size());
            if !inside || unpacked > chunk.storage_size.saturating_mul(most) {
                let found = format!("a chunk of {} bytes at {}", chunk.storage_size, chunk.address);
                return Err(damaged(&found, &format!("one inside the file that can hold {unpacked} bytes")));
            }
        }
        Ok(())
    }

    /// Looks at a group once. The whole way to it is looked at too.
    fn look(&self, path: &str) -> Result<Option<Arc<Looked>>, Error> {
        let mut groups = self.inner.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(looked) = groups.get(path) {
            return Ok(Some(looked.clone()));
        }
        let mut here = String::new();
        let mut looked = self.look_at(&mut groups, "", || Some(Place::of(self.inner.file.root())))?;
        for (depth, name) in path.split('/').filter(|n| !n.is_empty()).enumerate() {
            if depth >= limits::HDF5_DEPTH {
                return Err(self.error(&format!("group /{here}"), "groups without end", "a tree"));
            }
            let Some(parent) = looked else { return Ok(None) };
            if !here.is_empty() {
                here.push('/');
            }
            here.push_str(name);
            looked = self.look_at(&mut groups, &here, || parent.groups.get(name).cloned())?;
        }
        Ok(looked)
    }

    fn look_at(
        &self,
        groups: &mut HashMap<String, Arc<Looked>>,
        path: &str,
        place: impl FnOnce() -> Option<Place>,
    ) -> Result<Option<Arc<Looked>>, Error> {
        if let Some(looked) = groups.get(path) {
            return Ok(Some(looked.clone()));
        }
        let Some(Place { group, below }) = place() else { return Ok(None) };
        let mut looked = match group {
            Some(group) => self.look_into(path, &group)?,
            None => Looked::default(),
        };
        if path.is_empty() {
            let double = |name: String| {
                self.error("the root", &format!("two groups at the place of {name:?}"), "one of each path")
            };
            looked.groups = split_names(looked.groups).map_err(double)?;
        }
        looked.groups.extend(below);
        // Names are joined into paths: one that is none would lead back, or elsewhere.
        let odd = |name: &&String| {
            matches!(name.as_str(), "" | "." | "..") || name.contains(['/', '\u{fffd}', '\0'])
        };
        if let Some(name) = looked.groups.keys().chain(looked.datasets.keys()).find(odd) {
            return Err(self.error(&format!("group /{path}"), &format!("the name {name:?}"), "a name"));
        }
        let more = looked.groups.len().saturating_add(looked.datasets.len());
        let before = self.inner.objects.fetch_add(more, Ordering::Relaxed);
        if before.saturating_add(more) > limits::HDF5_OBJECTS {
            let found = format!("more than {} groups and arrays", limits::HDF5_OBJECTS);
            return Err(self.error(&format!("group /{path}"), &found, "a tree"));
        }
        let looked = Arc::new(looked);
        groups.insert(path.into(), looked.clone());
        Ok(Some(looked))
    }

    /// Reads what a group of the file holds.
    fn look_into(&self, path: &str, group: &Group) -> Result<Looked, Error> {
        self.inner.left.store(limits::hdf5_look_bytes(self.inner.window.size()), Ordering::Relaxed);
        let file = self.inner.window.path();
        let attributes = guard(file, path, || group.attrs())?;
        let all = guard(file, path, || group.attr_datatypes())?;
        let mut unreadable = Vec::new();
        for (name, datatype) in all.into_iter().filter(|(name, _)| !attributes.contains_key(name)) {
            // All texts are Keras', or of who damaged them.
            if element::is_text(&datatype) {
                let place = format!("attribute {name} of group /{path}");
                return Err(self.error(&place, "a string that cannot be decoded", "a string"));
            }
            unreadable.push(name);
        }
        let groups: BTreeMap<String, Group> =
            guard(file, path, || group.iter_groups().map(Iterator::collect))?;
        Ok(Looked {
            attributes,
            unreadable,
            groups: groups.into_iter().map(|(name, group)| (name, Place::of(group))).collect(),
            datasets: guard(file, path, || group.iter_datasets().map(Iterator::collect))?,
        })
    }

    fn error(&self, place: &str, found: &str, expected: &str) -> Error {
        Error::Format {
            path: self.path().into(),
            place: place.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }
}

/// Calls the crate. Its errors become ours; should it panic on a file that was made for that, so does the panic.
fn guard<T>(
    file: &Path,
    place: &str,
    call: impl FnOnce() -> Result<T, hdf5_pure::Error>,
) -> Result<T, Error> {
    let damaged = |found: String| Error::Format {
        path: file.into(),
        place: format!("HDF5 object /{}", place.trim_start_matches('/')),
        found,
        expected: "a sound HDF5 file, without links to other places".into(),
    };
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|e| damaged(e.to_string())),
        Err(_) => Err(damaged("bytes that no HDF5 library writes".into())),
    }
}

/// An array whose bytes have to be put together from chunks.
struct Deferred {
    file: Arc<Inner>,
    path: String,
    dataset: Dataset,
    len: u64,
}

impl ByteSource for Deferred {
    fn len(&self) -> u64 {
        self.len
    }

    fn read(&self) -> Result<Vec<u8>, Error> {
        let _one = self.file.groups.lock().unwrap_or_else(PoisonError::into_inner);
        // Checked chunk by chunk before.
        self.file.left.store(u64::MAX, Ordering::Relaxed);
        let bytes = guard(self.file.window.path(), &self.path, || self.dataset.read_raw())?;
        if bytes.len() as u64 != self.len {
            return Err(Error::Format {
                path: self.file.window.path().to_path_buf(),
                place: format!("array /{}", self.path),
                found: format!("{} bytes", bytes.len()),
                expected: format!("{}", self.len),
            });
        }
        Ok(bytes)
    }
}

/// Big-endian elements in little-endian order.
struct Swapped<B> {
    bytes: B,
    width: usize,
}

impl<B: ByteSource> ByteSource for Swapped<B> {
    fn len(&self) -> u64 {
        self.bytes.len()
    }

    fn read(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = self.bytes.read()?;
        bytes.chunks_exact_mut(self.width.max(1)).for_each(<[u8]>::reverse);
        Ok(bytes)
    }
}

//! A file on a server, read by parts: what was read once is kept in a temporary file of this machine.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::progress::{Meter, name_of};
use crate::bytes::ReadAt;
use crate::place::store::{Part, Store, Tag};

/// What one look fetches at least: files lie in pieces of some kilobytes, and a request costs as much time as 100 KB.
const LOOK: u64 = 64 << 10;
/// What reading ahead fetches at most.
const AHEAD: u64 = 8 << 20;

/// An open file of a store. Of a file that was replaced since it was opened, nothing more is read.
pub(crate) struct RemoteFile {
    store: Arc<dyn Store>,
    url: String,
    retries: u32,
    size: u64,
    tag: Tag,
    /// Bytes that came, at their places.
    kept: File,
    have: Ranges,
    /// Where the last request ended, and how much it asked for.
    last: (u64, u64),
}

impl RemoteFile {
    /// Opens a file; reads its beginning, or all of it where the server has no ranges.
    pub(crate) fn open(store: Arc<dyn Store>, url: &str, retries: u32) -> io::Result<Self> {
        let mut tries = 0;
        loop {
            let part = store.get(url, 0, LOOK, None)?;
            let mut file = Self {
                store: store.clone(),
                url: url.into(),
                retries,
                size: part.total.unwrap_or(u64::MAX),
                tag: part.tag.clone(),
                kept: tempfile::tempfile().map_err(|error| not_kept(&error))?,
                have: Ranges::default(),
                last: (0, LOOK),
            };
            let (ranges, total) = (part.ranges, part.total);
            if ranges && total.is_none() {
                return Err(io::Error::other("the server does not say how long the file is"));
            }
            match file.keep(part, if ranges { LOOK } else { u64::MAX }, total.filter(|_| !ranges)) {
                Ok(came) if total.is_none() => {
                    file.size = came;
                    return Ok(file);
                }
                Ok(came) if ranges || total == Some(came) => return Ok(file),
                Ok(came) => try_again(&mut tries, retries, cut(came, total.unwrap_or_default()))?,
                Err(error) => try_again(&mut tries, retries, error)?,
            }
        }
    }

    /// Bytes of the file, by the server's word.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Returns whether a range is here.
    pub(crate) fn has(&self, offset: u64, len: u64) -> bool {
        offset.checked_add(len).is_some_and(|end| self.have.missing(offset, end).is_none())
    }

    /// Fetches all that is not here yet.
    pub(crate) fn fetch_all(&mut self) -> io::Result<()> {
        self.fetch(0, self.size, true)
    }

    /// Fetches all of it into another file than a temporary one, which has it from then on.
    pub(crate) fn fetch_into(&mut self, target: &File) -> io::Result<()> {
        let mut target = target.try_clone()?;
        for (from, to) in &self.have.0 {
            self.kept.seek(SeekFrom::Start(*from))?;
            target.seek(SeekFrom::Start(*from))?;
            io::copy(&mut (&self.kept).take(to.saturating_sub(*from)), &mut target)?;
        }
        self.kept = target;
        self.fetch_all()
    }

    /// Fills `buffer`, which is inside the file.
    pub(crate) fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.ensure(offset, buffer.len() as u64)?;
        self.kept.seek(SeekFrom::Start(offset))?;
        self.kept.read_exact(buffer)
    }

    /// Fetches what of a range is not here yet.
    pub(crate) fn ensure(&mut self, offset: u64, len: u64) -> io::Result<()> {
        let end = offset.checked_add(len).filter(|end| *end <= self.size).ok_or(ErrorKind::UnexpectedEof)?;
        while let Some((from, to)) = self.have.missing(offset, end) {
            // Who reads on from where the last request ended, will read on.
            let ahead = if from == self.last.0 { self.last.1.saturating_mul(2).min(AHEAD) } else { LOOK };
            let until = from.saturating_add(ahead).max(to).min(self.size);
            // Neither twice, nor beyond what is here.
            let until = self.have.missing(from, until).map_or(to, |(_, gap)| gap);
            self.last = (until, until.saturating_sub(from));
            self.fetch(from, until, until.saturating_sub(from) > AHEAD)?;
        }
        Ok(())
    }

    /// Fetches the missing parts of a range, going on where a connection broke.
    fn fetch(&mut self, from: u64, to: u64, shown: bool) -> io::Result<()> {
        let mut tries = 0;
        while let Some((from, to)) = self.have.missing(from, to) {
            let wanted = to.saturating_sub(from);
            let part = self.store.get(&self.url, from, wanted, Some(&self.tag))?;
            if part.total.is_some_and(|total| total != self.size) || !part.tag.agrees(&self.tag) {
                return Err(io::Error::other("the file was replaced while it was read"));
            }
            let skipped = from.saturating_sub(part.start);
            match self.keep(part, wanted.saturating_add(skipped), shown.then_some(wanted)) {
                Ok(came) if came >= wanted.saturating_add(skipped) => {}
                // Enough came that trying again leads on.
                Ok(came) if came >= skipped.saturating_add(LOOK) => tries = 0,
                Ok(came) => try_again(&mut tries, self.retries, cut(came, wanted))?,
                Err(error) => try_again(&mut tries, self.retries, error)?,
            }
        }
        Ok(())
    }

    /// Puts the bytes of an answer to their places, `most` at most; gives how many came. A connection that breaks is not an error
    /// where anything came.
    fn keep(&mut self, mut part: Part, most: u64, shown: Option<u64>) -> io::Result<u64> {
        let mut meter = shown.map(|total| Meter::new("Reading", &name_of(&self.url), total));
        let mut buffer = vec![0; 64 << 10];
        let mut came = 0_u64;
        self.kept.seek(SeekFrom::Start(part.start))?;
        while came < most {
            let room = usize::try_from(most.saturating_sub(came)).unwrap_or(usize::MAX).min(buffer.len());
            let read = buffer.get_mut(..room).map_or(Ok(0), |room| part.body.read(room));
            let read = match read {
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) if came > 0 && part.ranges => 0,
                Err(error) => {
                    let text = format!("the connection ended after {came} bytes: {error}");
                    return Err(io::Error::new(error.kind(), text));
                }
            };
            if read == 0 {
                break;
            }
            let bytes = buffer.get(..read).unwrap_or_default();
            self.kept.write_all(bytes).map_err(|error| not_kept(&error))?;
            let at = part.start.saturating_add(came);
            came = came.saturating_add(read as u64);
            self.have.add(at, part.start.saturating_add(came));
            if let Some(meter) = &mut meter {
                meter.advance(read as u64);
            }
        }
        Ok(came)
    }
}

/// One reader at a time: what one fetches, the next finds.
impl ReadAt for Mutex<RemoteFile> {
    fn size(&self) -> io::Result<u64> {
        Ok(lock(self).size())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        lock(self).read_at(offset, buffer)
    }

    fn is_here(&self, offset: u64, len: u64) -> bool {
        lock(self).has(offset, len)
    }

    fn fetch(&self, offset: u64, len: u64) -> io::Result<()> {
        lock(self).ensure(offset, len)
    }

    fn fetch_all(&self) -> io::Result<()> {
        lock(self).fetch_all()
    }

    fn fetch_into(&self, target: &File) -> io::Result<bool> {
        lock(self).fetch_into(target).map(|()| true)
    }
}

fn lock(file: &Mutex<RemoteFile>) -> MutexGuard<'_, RemoteFile> {
    file.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts a try that failed; gives the error back where it was the last.
fn try_again(tries: &mut u32, retries: u32, error: io::Error) -> io::Result<()> {
    if *tries >= retries || error.kind() == ErrorKind::StorageFull {
        return Err(error);
    }
    super::wait(*tries);
    *tries = tries.saturating_add(1);
    Ok(())
}

/// The fault is here, and not the server's.
fn not_kept(error: &io::Error) -> io::Error {
    let folder = std::env::temp_dir();
    io::Error::new(
        ErrorKind::StorageFull,
        format!("what comes cannot be kept in {}: {error}", folder.display()),
    )
}

fn cut(came: u64, wanted: u64) -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, format!("the connection ended after {came} of {wanted} bytes"))
}

/// A tag without its mark of weakness, which Apache's have in the first second of a file.
pub(super) fn opaque(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag)
}

impl Tag {
    /// Whether two answers may be of one file.
    fn agrees(&self, other: &Self) -> bool {
        let same = |a: Option<&str>, b: Option<&str>| a.is_none() || b.is_none() || a == b;
        same(self.etag.as_deref().map(opaque), other.etag.as_deref().map(opaque))
            && same(self.modified.as_deref(), other.modified.as_deref())
    }
}

/// Ranges of bytes, rising, apart from each other.
#[derive(Default)]
struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    fn add(&mut self, from: u64, to: u64) {
        let before = self.0.partition_point(|(_, end)| *end < from);
        let after = self.0.partition_point(|(start, _)| *start <= to);
        let touched = self.0.get(before..after).unwrap_or_default();
        let start = touched.first().map_or(from, |(start, _)| from.min(*start));
        let end = touched.last().map_or(to, |(_, end)| to.max(*end));
        self.0.splice(before..after, [(start, end)]);
    }

    /// The first part of a range that is not here.
    fn missing(&self, from: u64, to: u64) -> Option<(u64, u64)> {
        let next = self.0.partition_point(|(_, end)| *end <= from);
        let mut rest = self.0.iter().skip(next);
        let (from, following) = match rest.next() {
            Some((start, end)) if *start <= from => (*end, rest.next()),
            other => (from, other),
        };
        let to = following.map_or(to, |(start, _)| to.min(*start));
        (from < to).then_some((from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::store::Entry;
    use std::path::Path;
    use std::sync::Mutex;

    #[test]
    fn ranges_know_what_is_missing() {
        let mut ranges = Ranges::default();
        assert_eq!(ranges.missing(0, 10), Some((0, 10)));
        ranges.add(4, 6);
        ranges.add(8, 9);
        assert_eq!(ranges.missing(0, 10), Some((0, 4)));
        assert_eq!(ranges.missing(4, 10), Some((6, 8)));
        assert_eq!(ranges.missing(8, 10), Some((9, 10)));
        assert_eq!(ranges.missing(5, 6), None);
        ranges.add(6, 8);
        assert_eq!(ranges.0, [(4, 9)]);
        ranges.add(0, 100);
        assert_eq!(ranges.0, [(0, 100)]);
        assert_eq!(ranges.missing(3, 100), None);
    }

    /// A file of which every answer ends early, as broken connections do.
    struct Broken {
        bytes: Vec<u8>,
        ranges: bool,
        asked: Mutex<Vec<(u64, u64)>>,
        most: usize,
    }

    impl Store for Broken {
        fn get(&self, _: &str, from: u64, most: u64, _: Option<&Tag>) -> io::Result<Part> {
            self.asked.lock().unwrap().push((from, most));
            let start = if self.ranges { from } else { 0 };
            let bytes = &self.bytes[start as usize..];
            let most = if self.ranges { most as usize } else { usize::MAX };
            Ok(Part {
                start,
                total: Some(self.bytes.len() as u64),
                ranges: self.ranges,
                tag: Tag::default(),
                body: Box::new(io::Cursor::new(bytes[..bytes.len().min(most).min(self.most)].to_vec())),
            })
        }
        fn replace(&self, _: &str, _: &File, _: u64) -> io::Result<()> {
            unreachable!()
        }
        fn copy(&self, _: &str, _: &str) -> io::Result<()> {
            unreachable!()
        }
        fn remove(&self, _: &str) -> io::Result<()> {
            unreachable!()
        }
        fn list(&self, _: &str) -> io::Result<Vec<Entry>> {
            unreachable!()
        }
        fn create_folder(&self, _: &str) -> io::Result<()> {
            unreachable!()
        }
        fn moves_folders(&self) -> bool {
            unreachable!()
        }
        fn replace_folder(&self, _: &str, _: &Path, _: &dyn Fn(&str) -> bool) -> io::Result<()> {
            unreachable!()
        }
        fn sweep(&self, _: &str, _: &dyn Fn(&str) -> bool) -> io::Result<()> {
            unreachable!()
        }
    }

    fn broken(len: usize, most: usize, ranges: bool) -> Arc<Broken> {
        let bytes = (0..len).map(|i| (i % 251) as u8).collect();
        Arc::new(Broken { bytes, ranges, asked: Mutex::default(), most })
    }

    #[test]
    fn goes_on_where_a_connection_broke() {
        let store = broken(1_000_000, 70_000, true);
        let mut file = RemoteFile::open(store.clone(), "u", 0).unwrap();
        let mut bytes = vec![0; 1_000_000];
        file.read_at(0, &mut bytes).unwrap();
        assert!(bytes == store.bytes);
        let asked = store.asked.lock().unwrap().len();
        assert_eq!(asked, 1 + (1_000_000 - LOOK as usize).div_ceil(70_000));
        file.fetch_all().unwrap();
        assert_eq!(store.asked.lock().unwrap().len(), asked);
    }

    #[test]
    fn a_look_asks_for_a_part() {
        let store = broken(100_000_000, usize::MAX, true);
        let mut file = RemoteFile::open(store.clone(), "u", 0).unwrap();
        let mut bytes = vec![0; 22];
        file.read_at(99_999_978, &mut bytes).unwrap();
        assert_eq!(bytes, store.bytes[99_999_978..]);
        file.read_at(50_000_000, &mut bytes).unwrap();
        assert_eq!(bytes, store.bytes[50_000_000..50_000_022]);
        assert_eq!(store.asked.lock().unwrap().as_slice(), [(0, LOOK), (99_999_978, 22), (50_000_000, LOOK)]);
    }

    #[test]
    fn all_of_it_may_go_into_a_file() {
        let store = broken(1_000_000, 400_000, true);
        let mut file = RemoteFile::open(store.clone(), "u", 0).unwrap();
        file.read_at(900_000, &mut [0; 10]).unwrap();
        let target = tempfile::NamedTempFile::new().unwrap();
        file.fetch_into(target.as_file()).unwrap();
        assert!(std::fs::read(target.path()).unwrap() == store.bytes);
        let asked: u64 = store.asked.lock().unwrap().iter().map(|(_, len)| len).sum();
        assert!(asked < 2_000_000, "{asked}");
    }

    #[test]
    fn without_ranges_all_of_it_comes_at_once_or_not_at_all() {
        let store = broken(300_000, usize::MAX, false);
        let mut file = RemoteFile::open(store.clone(), "u", 0).unwrap();
        let mut bytes = vec![0; 300_000];
        file.read_at(0, &mut bytes).unwrap();
        assert!(bytes == store.bytes);
        assert_eq!(store.asked.lock().unwrap().len(), 1);

        let error = RemoteFile::open(broken(300_000, 299_999, false), "u", 0).err().unwrap();
        assert_eq!(error.to_string(), "the connection ended after 299999 of 300000 bytes");
    }
}

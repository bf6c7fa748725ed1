//! The newest checkpoint of a folder: as its state file says it, else as the names do.

use std::cmp::Ordering;

use super::table::{FORMATS, Files, Layout};
use crate::error::is_absent;
use crate::storage::{self, Entry};
use crate::{Error, Location, checkpoint_state};

/// Says how many names an error lists.
const LISTED: usize = 8;

/// The newest checkpoint of a folder, of any format: what `load_weights` takes. `None` where there is none.
///
/// The state file `checkpoint` says it. Where there is none, or the files of the checkpoint that it names are gone, the names do: they must differ
/// in their numbers alone, as those of a template do (`cp-0001.keras`, `cp-0002.keras`), and the newest has the largest whole number in every
/// place where they differ. Numbers with a decimal point (`{val_loss:.2f}`) are not looked at, nor are the times of the files.
///
/// # Errors
/// A state file that cannot be read, or that leads out of the folder: see [`latest_checkpoint_anywhere`]. Checkpoints whose names do not say
/// which one is the newest; the error lists them.
pub fn latest_checkpoint(folder: impl Into<Location>) -> Result<Option<Location>, Error> {
    latest(&folder.into(), false)
}

/// As [`latest_checkpoint`], but follows a path that leads out of the folder. For state files that are trusted: one from a stranger
/// could name any checkpoint on this machine.
///
/// # Errors
/// A state file that cannot be read.
pub fn latest_checkpoint_anywhere(folder: impl Into<Location>) -> Result<Option<Location>, Error> {
    latest(&folder.into(), true)
}

fn latest(folder: &Location, anywhere: bool) -> Result<Option<Location>, Error> {
    match checkpoint_state::named(folder, anywhere)? {
        Some(prefix) => Ok(Some(prefix)),
        None => by_names(folder),
    }
}

/// The newest checkpoint of a folder by the numbers in the names; `None` where there is none.
///
/// # Errors
/// The folder cannot be listed, or the names do not say which one is the newest.
fn by_names(folder: &Location) -> Result<Option<Location>, Error> {
    let entries = match storage::list(folder.clone()) {
        Err(Error::Io { source, .. }) if is_absent(&source) => return Ok(None),
        other => other?,
    };
    let names = checkpoints(folder, &entries);
    match newest(&names) {
        Some(name) => Ok(Some(folder.join(name))),
        None if names.is_empty() => Ok(None),
        None => {
            let candidates = candidates(&names);
            let shown = candidates.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
            let rest = match candidates.len().saturating_sub(LISTED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Err(Error::Usage {
                what: format!(
                    "{folder}: neither a state file nor the names say which checkpoint is the newest: {shown}{rest}"
                ),
                advice: "name one of them, or keep one kind in a folder, numbered by its epoch (cp-{epoch:04d}.keras)"
                    .into(),
            })
        }
    }
}

/// The newest name of each pattern; all names of a pattern whose numbers do not say it.
fn candidates(names: &[String]) -> Vec<String> {
    let mut patterns: Vec<(String, Vec<String>)> = Vec::new();
    for name in names {
        let (pattern, _) = template(name);
        match patterns.iter_mut().find(|(other, _)| *other == pattern) {
            Some((_, group)) => group.push(name.clone()),
            None => patterns.push((pattern, vec![name.clone()])),
        }
    }
    let newest_of =
        |(_, group): (String, Vec<String>)| newest(&group).cloned().map_or(group, |name| vec![name]);
    patterns.into_iter().flat_map(newest_of).collect()
}

/// Names of the checkpoints and models among the entries of a folder; of a TensorFlow checkpoint its prefix, where all its files are there.
fn checkpoints(folder: &Location, entries: &[Entry]) -> Vec<String> {
    let endings: Vec<&str> =
        FORMATS.iter().filter(|f| f.layout == Layout::File).flat_map(|f| f.endings).copied().collect();
    let mut found = Vec::new();
    for entry in entries.iter().filter(|e| !e.name.starts_with('.')) {
        let name = &entry.name;
        if entry.is_folder {
            let place = folder.join(name);
            let holds = |files: &Files| (files.holds)(&place);
            let formats = FORMATS.iter().filter(|f| f.layout != Layout::Prefix);
            if formats.filter_map(|f| f.files.as_ref()).any(holds) {
                found.push(name.clone());
            }
        } else if let Some(prefix) = name.strip_suffix(".index") {
            if is_complete(prefix, entries) {
                found.push(prefix.to_owned());
            }
        } else if endings.iter().any(|ending| name.to_lowercase().ends_with(ending)) {
            found.push(name.clone());
        }
    }
    found
}

/// Returns whether the data files of a checkpoint are there: all of `PREFIX.data-00000-of-00002` and so on.
fn is_complete(prefix: &str, entries: &[Entry]) -> bool {
    let head = format!("{prefix}.data-");
    let shards = entries.iter().filter_map(|e| e.name.strip_prefix(&head)?.split_once("-of-"));
    let shards: Vec<(&str, &str)> = shards.collect();
    shards.iter().any(|(_, all)| {
        let there = shards.iter().filter(|(_, of)| of == all).count();
        all.parse::<usize>().is_ok_and(|n| n == there)
    })
}

/// The name with the largest whole number in every place where such numbers differ. `None` where there is no such name, or where the
/// names differ in more than their numbers. Numbers with a decimal point, an exponent or a percent sign are measured values, which
/// say nothing of time.
fn newest(names: &[String]) -> Option<&String> {
    if let [one] = names {
        return Some(one);
    }
    let parsed: Vec<(String, Vec<&str>)> = names.iter().map(|name| template(name)).collect();
    let (pattern, _) = parsed.first()?;
    if parsed.iter().any(|(other, _)| other != pattern) {
        return None;
    }
    let is_last = |(_, mine): &(String, Vec<&str>), at: usize| {
        parsed.iter().enumerate().all(|(other, (_, theirs))| {
            let orders = || mine.iter().zip(theirs).map(|(a, b)| compare(a, b));
            other == at || orders().all(Ordering::is_ge) && orders().any(Ordering::is_gt)
        })
    };
    let last = parsed.iter().enumerate().find(|(at, one)| is_last(one, *at));
    last.and_then(|(at, _)| names.get(at))
}

/// A name as a pattern, with `#` for a whole number and `~` for a measured value, and the whole numbers.
fn template(name: &str) -> (String, Vec<&str>) {
    let (mut pattern, mut numbers, mut rest) = (String::new(), Vec::new(), name);
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        pattern += &rest[..at];
        rest = &rest[at..];
        let whole = digits(rest);
        let mut end = whole;
        if rest[end..].starts_with('.') && digits(&rest[end + 1..]) > 0 {
            end += 1 + digits(&rest[end + 1..]);
        }
        let exponent = rest[end..].strip_prefix(['e', 'E']).and_then(|r| r.strip_prefix(['+', '-']));
        if let Some(n) = exponent.map(digits).filter(|n| *n > 0) {
            end += 2 + n;
        }
        if end == whole && !rest[end..].starts_with('%') {
            pattern.push('#');
            numbers.push(&rest[..end]);
        } else {
            pattern.push('~');
        }
        rest = &rest[end..];
    }
    (pattern + rest, numbers)
}

/// Returns how many digits a text begins with.
fn digits(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())
}

/// Compares whole numbers of any length.
fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::newest;

    #[test]
    fn names_say_which_is_the_newest() {
        for (names, want) in [
            (&["a.keras"][..], Some("a.keras")),
            (&["cp-0001.keras", "cp-0002.keras"], Some("cp-0002.keras")),
            (&["e9.h5", "e10.h5"], Some("e10.h5")),
            (
                &["e99999999999999999999999.h5", "e100000000000000000000000.h5"],
                Some("e100000000000000000000000.h5"),
            ),
            // Measured values are not looked at.
            (&["1-0.12.keras", "2-0.34.keras", "3-0.05.keras"], Some("3-0.05.keras")),
            (&["1-1.2e-01.keras", "2-1.0e-02.keras"], Some("2-1.0e-02.keras")),
            (&["1-7e-02.keras", "2-9e-01.keras", "3-8e-01.keras"], Some("3-8e-01.keras")),
            (&["1-95%.keras", "2-90%.keras"], Some("2-90%.keras")),
            (&["best-0.12.keras", "best-0.34.keras"], None),
            (&["best-1.2e-01.keras", "best-1.2e-02.keras"], None),
            // The largest in every place, or none.
            (&["1-2.keras", "2-1.keras", "2-3.keras"], Some("2-3.keras")),
            (&["1-100.keras", "2-50.keras"], None),
            // Other names, other endings.
            (&["a-1.keras", "b-2.keras"], None),
            (&["a-1.keras", "a-2.h5"], None),
            (&["a-1.keras", "a-01.keras"], None),
            (&[], None),
        ] {
            let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
            assert_eq!(newest(&names).map(String::as_str), want, "{names:?}");
        }
    }
}

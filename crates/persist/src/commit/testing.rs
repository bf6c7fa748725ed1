//! Stops the program before the n-th change of a folder, and says what a power failure may leave then.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// A change of a folder, or what makes changes durable.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Create(PathBuf),
    SyncFile(PathBuf),
    Rename(PathBuf, PathBuf),
    Link(PathBuf, PathBuf),
    Remove(PathBuf),
    Exchange(PathBuf, PathBuf),
    CreateFolder(PathBuf),
    SyncFolder(PathBuf),
}

#[derive(Default)]
struct Machine {
    /// Steps until the crash.
    left: Option<usize>,
    crashed: bool,
    log: Vec<Step>,
}

thread_local! {
    static MACHINE: RefCell<Machine> = RefCell::default();
}

/// Called before each step; fails from the crash on.
pub(super) fn step(step: Step) -> io::Result<()> {
    MACHINE.with_borrow_mut(|m| {
        if m.left == Some(0) {
            m.crashed = true;
        }
        if m.crashed {
            return Err(io::Error::other("crashed"));
        }
        m.left = m.left.map(|n| n - 1);
        m.log.push(step);
        Ok(())
    })
}

/// Runs `work` and crashes before step `at`. Returns the steps done, and whether it got that far.
pub(crate) fn crash_at(at: usize, work: impl FnOnce()) -> (Vec<Step>, bool) {
    MACHINE.set(Machine { left: Some(at), ..Machine::default() });
    work();
    let end = MACHINE.take();
    (end.log, end.crashed)
}

/// Files of a folder by name.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Reads a folder.
pub(crate) fn files(folder: &Path) -> Files {
    let mut found = Files::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            found.insert(name(&path), std::fs::read(&path).expect("a file"));
        }
    }
    found
}

/// Makes the files of a folder exactly these.
pub(crate) fn restore(folder: &Path, wanted: &Files) {
    for old in files(folder).keys() {
        std::fs::remove_file(folder.join(old)).expect("removed");
    }
    for (name, bytes) in wanted {
        std::fs::write(folder.join(name), bytes).expect("written");
    }
}

fn name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

/// What a power failure may leave of `before` after these steps: every subset of the changes since the folder was last synced, with
/// the bytes that each created file has in the end (`contents`, by the name it was created under), or none where it was never synced.
pub(crate) fn after_power_failure(before: &Files, steps: &[Step], contents: &Files) -> Vec<Files> {
    let synced: Vec<String> =
        steps.iter().filter_map(|s| if let Step::SyncFile(p) = s { Some(name(p)) } else { None }).collect();
    let last_sync = steps.iter().rposition(|s| matches!(s, Step::SyncFolder(_))).map_or(0, |i| i + 1);
    let (durable, open) = steps.split_at(last_sync);
    let apply = |state: &mut Files, step: &Step| match step {
        Step::Create(p) => {
            let bytes = if synced.contains(&name(p)) { contents.get(&name(p)).cloned() } else { None };
            state.insert(name(p), bytes.unwrap_or_default());
        }
        Step::Rename(from, to) => {
            if let Some(bytes) = state.remove(&name(from)) {
                state.insert(name(to), bytes);
            }
        }
        Step::Link(from, to) => {
            if let Some(bytes) = state.get(&name(from)).cloned() {
                state.insert(name(to), bytes);
            }
        }
        Step::Remove(p) => drop(state.remove(&name(p))),
        Step::SyncFile(_) | Step::SyncFolder(_) | Step::CreateFolder(_) | Step::Exchange(..) => {}
    };
    let mut start = before.clone();
    durable.iter().for_each(|s| apply(&mut start, s));
    // A name that was created is on the disk when its file was synced, so only later changes may be missing.
    let mut fixed = start;
    let loose: Vec<&Step> = open
        .iter()
        .filter(|s| {
            let create = matches!(s, Step::Create(_));
            if create {
                apply(&mut fixed, s);
            }
            !create
        })
        .filter(|s| matches!(s, Step::Rename(..) | Step::Link(..) | Step::Remove(_)))
        .collect();
    assert!(loose.len() <= 12, "too many changes for every subset: {}", loose.len());
    (0_u32..1 << loose.len())
        .map(|mask| {
            let mut state = fixed.clone();
            for (i, step) in loose.iter().enumerate() {
                if mask >> i & 1 == 1 {
                    apply(&mut state, step);
                }
            }
            state
        })
        .collect()
}

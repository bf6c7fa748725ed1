use std::io::Write;

use super::testing::{after_power_failure, crash_at, files, restore};
use super::*;

fn put(bytes: &'static [u8]) -> impl FnOnce(&mut File) -> Result<(), Error> {
    move |file| {
        file.write_all(bytes).map_err(|source| Error::Io { action: "write", path: PathBuf::new(), source })
    }
}

#[test]
fn a_file_is_old_or_new_at_every_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.keras");
    std::fs::write(&path, b"old").unwrap();
    let before = files(folder.path());
    for at in 0.. {
        restore(folder.path(), &before);
        let mut result = None;
        let (_, crashed) = crash_at(at, || result = Some(write_file(&path, put(b"new"))));
        let now = std::fs::read(&path).unwrap();
        match result.unwrap() {
            Ok(()) => assert_eq!(now, b"new"),
            Err(Error::Durability { .. }) => assert_eq!(now, b"new"),
            Err(Error::Io { .. }) => assert_eq!(now, b"old"),
            Err(other) => panic!("{other}"),
        }
        // The next save works and tidies.
        write_file(&path, put(b"next")).unwrap();
        assert_eq!(
            files(folder.path()).into_iter().collect::<Vec<_>>(),
            [("model.keras".into(), b"next".to_vec())]
        );
        if !crashed {
            break;
        }
    }
}

#[test]
fn a_power_failure_leaves_old_or_new() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    std::fs::write(&path, b"old").unwrap();
    let before = files(folder.path());
    for at in 0.. {
        restore(folder.path(), &before);
        let mut result = None;
        let (steps, crashed) = crash_at(at, || result = Some(write_file(&path, put(b"new"))));
        let contents =
            steps.iter().filter_map(|s| if let testing::Step::Create(p) = s { p.file_name() } else { None });
        let contents = contents.map(|n| (n.to_string_lossy().into_owned(), b"new".to_vec())).collect();
        for state in after_power_failure(&before, &steps, &contents) {
            let wanted: &[&[u8]] = if matches!(result, Some(Ok(()))) { &[b"new"] } else { &[b"old", b"new"] };
            assert!(wanted.contains(&state["a"].as_slice()), "after {at} steps: {state:?}");
        }
        if !crashed {
            break;
        }
    }
}

#[test]
fn a_failed_writer_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    std::fs::write(&path, b"old").unwrap();
    let error = Error::Usage { what: "no".into(), advice: "none".into() };
    assert!(matches!(write_file(&path, |_| Err(error)), Err(Error::Usage { .. })));
    assert_eq!(files(folder.path()).into_iter().collect::<Vec<_>>(), [("a".into(), b"old".to_vec())]);
    assert!(matches!(write_file(folder.path().join("no/a"), put(b"")), Err(Error::Io { .. })));
}

#[test]
fn another_save_in_progress_is_not_swept() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    write_file(&a, |file| {
        write_file(&b, put(b"b"))?;
        put(b"a")(file)
    })
    .unwrap();
    assert_eq!(files(folder.path()).len(), 2);
}

#[test]
fn a_group_is_seen_by_its_last_file() {
    let folder = tempfile::tempdir().unwrap();
    let before = testing::Files::from([("index".to_string(), b"old".to_vec())]);
    for at in 0.. {
        restore(folder.path(), &before);
        let (_, crashed) = crash_at(at, || {
            let save = || -> Result<(), Error> {
                let mut group = Group::new(folder.path(), &|_| true);
                group.write("data", put(b"data"))?;
                group.write("index", put(b"new"))?;
                group.publish()
            };
            drop(save());
        });
        let now = files(folder.path());
        assert!(now["index"] == b"old" || now["data"] == b"data");
        if !crashed {
            break;
        }
    }
    let mut group = Group::new(folder.path(), &|_| true);
    group.link("data", "second").unwrap();
    group.publish().unwrap();
    let now = files(folder.path());
    assert_eq!(now.len(), 3);
    assert_eq!(now["second"], b"data");
}

#[test]
fn missing_folders_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b/c");
    create_folder(&deep).unwrap();
    create_folder(&deep).unwrap();
    assert!(deep.is_dir());
    create_folder(Path::new("")).unwrap();
}

#[cfg(unix)]
#[test]
fn permissions_and_links_stay() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
    let folder = tempfile::tempdir().unwrap();
    let (path, plain, link) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("c"));
    write_file(&path, put(b"1")).unwrap();
    std::fs::write(&plain, b"").unwrap();
    assert_eq!(mode(&path), mode(&plain), "a new file is as the umask wants it");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    write_file(&link, put(b"2")).unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(std::fs::read(&path).unwrap(), b"2");
    assert_eq!(mode(&path), 0o640);
}

/// Folders by their place, with the bytes of the files in them.
fn all_files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else {
                let inside = entry.path().strip_prefix(folder).unwrap().to_path_buf();
                found.push((inside, std::fs::read(entry.path()).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn own(name: &str) -> bool {
    name == "a" || name == "inner"
}

fn save_folder(target: &Path, bytes: &'static [u8]) -> Result<(), Error> {
    write_folder(target, own, |folder| {
        write_file(folder.join("a"), put(bytes))?;
        create_folder(folder.join("inner"))?;
        write_file(folder.join("inner").join("b"), put(bytes))
    })
}

/// What is in a folder that [`save_folder`] saved, beside a file of someone else's.
fn saved(bytes: &[u8], with_note: bool) -> Vec<(PathBuf, Vec<u8>)> {
    let mut wanted = vec![("a".into(), bytes.to_vec()), ("inner/b".into(), bytes.to_vec())];
    wanted.extend(with_note.then(|| ("note".into(), b"mine".to_vec())));
    wanted
}

#[test]
fn a_folder_is_old_or_new_at_every_step() {
    for with_note in [false, true] {
        for at in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let target = folder.path().join("model");
            save_folder(&target, b"old").unwrap();
            if with_note {
                std::fs::write(target.join("note"), b"mine").unwrap();
            }
            let mut result = None;
            let (steps, crashed) = crash_at(at, || result = Some(save_folder(&target, b"new")));
            // Someone else's file may not have moved yet.
            let now: Vec<_> =
                all_files(&target).into_iter().filter(|(p, _)| p != Path::new("note")).collect();
            match result.unwrap() {
                Ok(()) | Err(Error::Durability { .. }) => assert_eq!(now, saved(b"new", false), "{at}"),
                Err(Error::Io { .. }) => assert_eq!(now, saved(b"old", false), "{at}"),
                Err(other) => panic!("{other}"),
            }
            // Everything is durable before it is seen.
            let seen = steps.iter().position(|s| matches!(s, testing::Step::Exchange(..)));
            let before = steps.iter().take(seen.unwrap_or(0));
            let count = |f: fn(&testing::Step) -> bool| before.clone().filter(|s| f(s)).count();
            assert!(
                seen.is_none()
                    || count(|s| matches!(s, testing::Step::Create(_)))
                        == count(|s| matches!(s, testing::Step::SyncFile(_)))
            );
            // The next save works, tidies, and brings back what lay in between.
            save_folder(&target, b"next").unwrap();
            assert_eq!(all_files(folder.path()).len(), 2 + usize::from(with_note), "{at}");
            assert_eq!(all_files(&target), saved(b"next", with_note), "{at}");
            if !crashed {
                break;
            }
        }
    }
}

#[test]
fn a_folder_that_was_renamed_away_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model");
    save_folder(&target, b"old").unwrap();
    // As a crash leaves it where folders cannot be exchanged.
    std::fs::rename(&target, folder.path().join(".model.old-1-0.rhyton-tmp")).unwrap();
    let error = Error::Usage { what: "no".into(), advice: "none".into() };
    assert!(write_folder(&target, own, |_| Err(error)).is_err());
    assert_eq!(all_files(folder.path()).len(), 2);
    assert_eq!(all_files(&target), saved(b"old", false));
}

#[test]
fn a_folder_does_not_replace_a_file_nor_one_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model");
    std::fs::write(&target, b"a file").unwrap();
    assert!(matches!(save_folder(&target, b"new"), Err(Error::Usage { .. })));
    assert_eq!(std::fs::read(&target).unwrap(), b"a file");
    std::fs::remove_file(&target).unwrap();
    // Two saves at once: neither sweeps the other away.
    let first = write_folder(&target, own, |first| {
        save_folder(&target, b"second")?;
        write_file(first.join("a"), put(b"first"))
    });
    first.unwrap();
    assert_eq!(all_files(folder.path()), [("model/a".into(), b"first".to_vec())]);
    assert!(save_folder(Path::new(".."), b"new").is_err());
}

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
    assert!(matches!(write_file(&folder.path().join("no/a"), put(b"")), Err(Error::Io { .. })));
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
                let mut group = Group::new(folder.path());
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
    let mut group = Group::new(folder.path());
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

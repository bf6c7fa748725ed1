//! TensorFlow checkpoints and their state file.

use rhyton_persist::{checkpoint_state, latest_checkpoint};

use crate::{assert_one_line, copy, data, refused};

#[test]
fn a_state_file_that_leads_out_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    for base in ["/etc/passwd", "../other/cp", "a/../../b", ".."] {
        let state = checkpoint_state::CheckpointState::of(base);
        checkpoint_state::write(folder.path(), &state).unwrap();
        let error = latest_checkpoint(folder.path()).unwrap_err().to_string();
        assert_one_line(&error);
        assert!(
            error.contains(base) && error.contains("out of the folder") && !error.contains("not supported"),
            "{error}"
        );
    }
}

#[test]
fn a_folder_of_checkpoints_says_which_is_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("run");
    copy(&data("opt_sgdm/tf_keras/ckpt"), &here);
    checkpoint_state::write(&here, &checkpoint_state::CheckpointState::of("cp.ckpt")).unwrap();
    let error = refused(&here, "a folder");
    assert!(error.contains("the newest is") && error.contains("cp.ckpt"), "{error}");
    checkpoint_state::remove(here.join("cp.ckpt")).unwrap();
    checkpoint_state::write(&here, &checkpoint_state::CheckpointState::of("gone")).unwrap();
    let error = refused(&here, "a folder");
    assert!(error.contains("names the checkpoint \"gone\""), "{error}");
    checkpoint_state::write(&here, &checkpoint_state::CheckpointState::of("/etc/passwd")).unwrap();
    let error = refused(&here, "a folder");
    assert!(error.contains("leads out of the folder"), "{error}");
}

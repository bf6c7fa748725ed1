//! The Python environment with the real libraries.

use crate::shell::{self, Result};
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

/// A Python that has the libraries of xtask/interop/requirements.txt.
///
/// That is `RHYTON_PYTHON` where it is set, else `.venv` in the root of the repository, made anew when it
/// is missing or was made from another list of packages.
pub fn environment() -> Result<PathBuf> {
    if let Some(python) = env::var_os("RHYTON_PYTHON") {
        let python = PathBuf::from(python);
        if shell::succeeds(Command::new(&python).args(["-c", "import tf_keras, keras, h5py"])) {
            return Ok(python);
        }
        return Err(format!(
            "RHYTON_PYTHON is {}, which cannot import tf_keras, keras and h5py; unset it to get .venv made",
            python.display()
        ));
    }
    let root = shell::root();
    let requirements = root.join("xtask/interop/requirements.txt");
    let wanted = fs::read(&requirements).map_err(|e| format!("{}: {e}", requirements.display()))?;
    let folder = root.join(".venv");
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    // Written last, so that an environment whose making was cut off is made again.
    let stamp = folder.join("requirements.txt");
    if python.is_file() && fs::read(&stamp).is_ok_and(|made_from| made_from == wanted) {
        eprintln!("Python environment: {} is up to date", folder.display());
        return Ok(python);
    }
    let system = if cfg!(windows) { "python" } else { "python3" };
    shell::run(shell::command(system).args(["-m", "venv", "--clear"]).arg(&folder)).map_err(|e| {
        format!(
            "{e}\nPython 3.11 or newer with its module venv is needed (Debian: apt-get install python3-venv)"
        )
    })?;
    shell::run(
        shell::command(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"])
            .arg(&requirements),
    )?;
    shell::run(shell::command(&python).args(["-c", "import tf_keras, keras, h5py"]))?;
    fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))?;
    Ok(python)
}

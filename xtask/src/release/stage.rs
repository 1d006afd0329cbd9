//! The files of an installation, as they stand below `/`.

use super::parts::Parts;
use super::{Failed, notices, printed};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const SHELLS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/mainstay"),
    ("zsh", "usr/share/zsh/vendor-completions/_mainstay"),
    ("fish", "usr/share/fish/vendor_completions.d/mainstay.fish"),
];
/// Where documents are.
pub(super) const DOC: &str = "usr/share/doc/mainstay";

/// Asks a program for its version.
pub(super) fn version(binary: &Path) -> Result<String, Failed> {
    let asked = printed(Command::new(binary).arg("--version"))?;
    let version = asked.split_whitespace().nth(1).map(Into::into);
    version.ok_or_else(|| {
        Failed::new("asking the program for its version", format!("it said `{asked}`"))
    })
}

/// Puts all files of an installation below a folder.
pub(super) fn stage(root: &Path, binary: &Path, parts: &Parts, tree: &Path) -> Result<(), Failed> {
    copy(binary, &tree.join("usr/bin/mainstay"), 0o755)?;
    let unit = root.join("packaging/mainstay.service");
    copy(&unit, &tree.join("usr/lib/systemd/system/mainstay.service"), 0o644)?;
    for (shell, place) in SHELLS {
        let script = printed(Command::new(binary).args(["completion", shell]))?;
        write(&tree.join(place), script.as_bytes())?;
    }
    let manuals = tree.join("usr/share/man/man1");
    make(&manuals)?;
    printed(Command::new(binary).arg("man").arg(&manuals))?;
    let doc = tree.join(DOC);
    for document in ["README.md", "CHANGELOG.md"] {
        copy(&root.join(document), &doc.join(document), 0o644)?;
    }
    // Pictures stay behind: they are larger than the program.
    let texts = below(&root.join("docs"))?;
    for text in texts.iter().filter(|path| path.extension().is_some_and(|end| end == "md")) {
        let place = text.strip_prefix(root).unwrap_or(text);
        copy(text, &doc.join(place), 0o644)?;
    }
    write(&doc.join("NOTICES"), notices::gather(parts)?.as_bytes())?;
    let mut compressed = below(&manuals)?;
    compressed.push(doc.join("NOTICES"));
    compress(&compressed)?;
    let template = printed(Command::new(binary).args(["init", "-"]))?;
    write(&doc.join("examples/mainstay.yaml"), template.as_bytes())
}

/// Compresses files, without names and times in them.
pub(super) fn compress(files: &[PathBuf]) -> Result<(), Failed> {
    printed(Command::new("gzip").arg("-9n").args(files)).map(drop)
}

/// Returns all files below a folder, in the order of their names.
pub(super) fn below(folder: &Path) -> Result<Vec<PathBuf>, Failed> {
    let failed = |error| Failed::new(format!("reading {}", folder.display()), error);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() { files.extend(below(&path)?) } else { files.push(path) }
    }
    files.sort();
    Ok(files)
}

/// Makes a folder that anybody may look into.
pub(super) fn make(folder: &Path) -> Result<(), Failed> {
    fs::create_dir_all(folder)
        .map_err(|error| Failed::new(format!("making {}", folder.display()), error))
}

pub(super) fn copy(from: &Path, to: &Path, mode: u32) -> Result<(), Failed> {
    make(to.parent().unwrap_or(to))?;
    fs::copy(from, to)
        .and_then(|_| fs::set_permissions(to, Permissions::from_mode(mode)))
        .map_err(|error| Failed::new(format!("copying {}", from.display()), error))
}

pub(super) fn write(to: &Path, bytes: &[u8]) -> Result<(), Failed> {
    make(to.parent().unwrap_or(to))?;
    fs::write(to, bytes)
        .and_then(|()| fs::set_permissions(to, Permissions::from_mode(0o644)))
        .map_err(|error| Failed::new(format!("writing {}", to.display()), error))
}

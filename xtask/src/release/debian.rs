//! The Debian package of the staged files. What it says of itself, and what it does at its installation and removal,
//! is in `packaging/debian`.

use super::{About, Failed, printed, stage};
use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who is named where neither `DEBFULLNAME` nor `DEBEMAIL` says so, as Debian's own tools ask.
const MAINTAINER: &str = "The Mainstay authors <mainstay@localhost>";
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

/// Makes the package.
pub(super) fn package(
    root: &Path,
    tree: &Path,
    out: &Path,
    about: &About,
) -> Result<PathBuf, Failed> {
    let forms = root.join("packaging/debian");
    let read = |name: &str| {
        let path = forms.join(name);
        fs::read_to_string(&path)
            .map_err(|error| Failed::new(format!("reading {}", path.display()), error))
    };
    let version = about.version.replace('-', "~");
    let fields =
        [("version", version.clone()), ("maintainer", maintainer()), ("date", date(about)?)];
    let filled = |text: String| {
        fields.iter().fold(text, |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    };

    let doc = tree.join(stage::DOC);
    let log = doc.join("changelog");
    stage::write(&log, filled(read("changelog")?).as_bytes())?;
    stage::compress(&[log])?;
    let mit = fs::read_to_string(root.join("LICENSE-MIT"))
        .map_err(|error| Failed::new("reading LICENSE-MIT", error))?;
    let copyright = read("copyright")?.replace("{mit}", &indented(&mit));
    stage::write(&doc.join("copyright"), copyright.as_bytes())?;
    let overrides = tree.join("usr/share/lintian/overrides/mainstay");
    stage::copy(&forms.join("lintian-overrides"), &overrides, 0o644)?;
    stage::make(&tree.join("etc/mainstay"))?;

    let control = tree.join("DEBIAN");
    let kilobytes = size(tree)?.div_ceil(1024).to_string();
    let about_it = filled(read("control")?)
        .replace("{architecture}", architecture())
        .replace("{size}", &kilobytes);
    let sums = sums(tree)?;
    stage::write(&control.join("control"), about_it.as_bytes())?;
    stage::write(&control.join("md5sums"), sums.as_bytes())?;
    for script in SCRIPTS {
        stage::copy(&forms.join(script), &control.join(script), 0o755)?;
    }
    // Whatever the umask of whoever makes it.
    printed(Command::new("chmod").args(["-R", "u+rw,go=rX"]).arg(tree))?;
    let file = out.join(format!("mainstay_{version}_{}.deb", architecture()));
    let mut make = Command::new("dpkg-deb");
    make.args(["--root-owner-group", "-Zxz", &format!("-z{}", about.effort), "--build"]);
    make.arg(tree).arg(&file);
    printed(make.env("SOURCE_DATE_EPOCH", about.moment.to_string()))?;
    Ok(file)
}

/// Returns what Debian calls this architecture.
fn architecture() -> &'static str {
    match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn maintainer() -> String {
    let said = |name: &str| std::env::var(name).ok();
    match (said("DEBFULLNAME"), said("DEBEMAIL")) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (None, Some(_) | None) | (Some(_), None) => MAINTAINER.into(),
    }
}

/// Returns the moment as changelogs of Debian have it.
fn date(about: &About) -> Result<String, Failed> {
    let mut date = Command::new("date");
    date.args(["--utc", "--rfc-email"]).arg(format!("--date=@{}", about.moment));
    Ok(printed(date.env("LC_ALL", "C"))?.trim().to_owned())
}

/// Returns a text as the value of a field of many lines.
fn indented(text: &str) -> String {
    let line = |line: &str| if line.is_empty() { " .".into() } else { format!(" {line}") };
    text.trim().lines().map(line).collect::<Vec<String>>().join("\n")
}

/// Returns the checksums that `dpkg --verify` compares with.
fn sums(tree: &Path) -> Result<String, Failed> {
    let files = stage::below(tree)?;
    let names = files.iter().filter_map(|file| file.strip_prefix(tree).ok());
    printed(Command::new("md5sum").args(names).current_dir(tree))
}

fn size(tree: &Path) -> Result<u64, Failed> {
    let length = |file: &PathBuf| fs::metadata(file).map_or(0, |data| data.len());
    Ok(stage::below(tree)?.iter().map(length).sum())
}

#[cfg(test)]
mod tests {
    use super::indented;

    #[test]
    fn a_text_becomes_the_value_of_a_field() {
        assert_eq!(indented("one\n\n  two\n"), " one\n .\n   two");
    }
}

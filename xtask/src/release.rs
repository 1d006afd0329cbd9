//! `cargo xtask release`: everything that is published, made from this checkout.
//!
//! ```text
//! build.rs    the static binary: the same checkout gives the same bytes, in whichever folder it stands
//! parts.rs    the crates that it is made of
//! stage.rs    the files of an installation: the binary, what it prints of itself, the unit, the documents
//! notices.rs  the licences of these crates
//! archive.rs  the tarball of the files, and the checksums of all
//! debian.rs   the Debian package of the files
//! sbom.rs     the list of the crates, with versions, licences and checksums
//! ```

mod archive;
mod build;
mod debian;
mod notices;
mod parts;
mod sbom;
mod stage;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

pub(super) const USAGE: &str = "\
Make what is published: the static binary in a tarball and in a Debian package, the list of what it is made of, checksums.

Usage: cargo xtask release [options]

Options:
  --out FOLDER    where it is put; otherwise target/dist, with --quick target/dist-quick
  --binary FILE   package this program instead of building one
  --quick         do not optimise: to be looked at, not to be published
  --twice         build once more from a fresh clone, and compare every byte

MAINSTAY_DIST=FOLDER cargo test -p xtask --test published    checks what is there
";

/// What was typed.
#[derive(Debug, Default)]
struct Wanted {
    out: Option<PathBuf>,
    binary: Option<PathBuf>,
    is_quick: bool,
    is_twice: bool,
}

/// What all files say of themselves.
#[derive(Debug)]
struct About {
    version: String,
    /// In seconds since 1970.
    moment: u64,
    /// The same as `2026-11-21T23:04:26Z`.
    stamp: String,
    /// How hard archives are compressed, from 1 to 9.
    effort: u8,
}

/// A step that did not work.
#[derive(Debug)]
struct Failed {
    step: String,
    text: String,
}

impl Failed {
    fn new(step: impl Into<String>, text: impl fmt::Display) -> Self {
        Self { step: step.into(), text: text.to_string() }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "while {}: {}", self.step, self.text)
    }
}

/// Carries out the command.
pub(super) fn command(arguments: &[String]) -> ExitCode {
    let wanted = match read(arguments) {
        Ok(wanted) => wanted,
        Err(text) => {
            eprintln!("error: {text}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match release(&wanted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("error: {failed}");
            ExitCode::FAILURE
        }
    }
}

fn read(arguments: &[String]) -> Result<Wanted, String> {
    let mut wanted = Wanted::default();
    let mut left = arguments.iter();
    while let Some(argument) = left.next() {
        let mut value =
            || left.next().map(PathBuf::from).ok_or_else(|| format!("`{argument}` takes a path"));
        match argument.as_str() {
            "--out" => wanted.out = Some(value()?),
            "--binary" => wanted.binary = Some(value()?),
            "--quick" => wanted.is_quick = true,
            "--twice" => wanted.is_twice = true,
            other => return Err(format!("there is no option `{other}`")),
        }
    }
    if wanted.binary.is_some() && (wanted.is_twice || wanted.is_quick) {
        return Err("`--quick` and `--twice` build, and `--binary` does not: choose one".into());
    }
    Ok(wanted)
}

fn release(wanted: &Wanted) -> Result<(), Failed> {
    let root = super::root();
    let folder =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let folder = root.join(folder);
    let name = if wanted.is_quick { "dist-quick" } else { "dist" };
    let out = wanted.out.clone().unwrap_or_else(|| folder.join(name));
    let made = make(&root, &folder, &out, wanted)?;
    for file in &made {
        println!("{}", file.display());
    }
    if wanted.is_twice { again(&root, &made, wanted) } else { Ok(()) }
}

/// Makes everything in a folder. Returns the files.
fn make(root: &Path, folder: &Path, out: &Path, wanted: &Wanted) -> Result<Vec<PathBuf>, Failed> {
    let moment = moment(root)?;
    let binary = match &wanted.binary {
        Some(binary) => binary.clone(),
        None => {
            let folder = &folder.join("release-build");
            build::Build { root, folder, moment, is_quick: wanted.is_quick }.run()?
        }
    };
    empty(out)?;
    let tree = out.join("tree");
    let version = stage::version(&binary)?;
    let effort = if wanted.is_quick { 1 } else { 9 };
    let about = About { version, moment, stamp: stamp(moment)?, effort };
    let parts = parts::Parts::read(root)?;
    stage::stage(root, &binary, &parts, &tree)?;
    let mut made = vec![archive::tarball(root, &tree, out, &about)?];
    made.push(debian::package(root, &tree, out, &about)?);
    made.push(sbom::write(&parts, out, &about)?);
    std::fs::remove_dir_all(&tree)
        .map_err(|error| Failed::new(format!("clearing {}", tree.display()), error))?;
    made.push(archive::checksums(out, &made)?);
    Ok(made)
}

/// Makes it all once more, from a clone in another folder, and compares.
fn again(root: &Path, made: &[PathBuf], wanted: &Wanted) -> Result<(), Failed> {
    let changes = printed(Command::new("git").args(["status", "--porcelain"]).current_dir(root))?;
    if !changes.is_empty() {
        let text = "some changes are not committed, and a clone would not have them";
        return Err(Failed::new("comparing with a second build", text));
    }
    let clone = std::env::temp_dir().join(format!("mainstay-release-{}", std::process::id()));
    printed(Command::new("git").args(["clone", "--quiet"]).arg(root).arg(&clone))?;
    let folder = clone.join("target");
    let second = make(&clone, &folder, &folder.join("dist"), wanted);
    let compared = second.and_then(|second| compare(made, &second));
    if compared.is_err() {
        eprintln!("the second build is in {}", folder.join("dist").display());
        return compared;
    }
    std::fs::remove_dir_all(&clone)
        .map_err(|error| Failed::new(format!("clearing {}", clone.display()), error))?;
    println!("a second build from a clone gave the same bytes");
    Ok(())
}

fn compare(first: &[PathBuf], second: &[PathBuf]) -> Result<(), Failed> {
    let differs =
        |(one, other): (&PathBuf, &PathBuf)| match (std::fs::read(one), std::fs::read(other)) {
            (Ok(one), Ok(other)) => one != other,
            (Err(_), _) | (_, Err(_)) => true,
        };
    match first.iter().zip(second).find(|pair| differs(*pair)) {
        Some((one, _)) => {
            let text = format!("{} differs between two builds", one.display());
            Err(Failed::new("comparing with a second build", text))
        }
        None => Ok(()),
    }
}

/// Returns the moment that all files bear, in seconds since 1970: what `SOURCE_DATE_EPOCH` says, else that of the
/// last commit.
fn moment(root: &Path) -> Result<u64, Failed> {
    let said = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(said) => said,
        Err(_) => {
            printed(Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(root))?
        }
    };
    let text = format!("`{}` is no number of seconds", said.trim());
    said.trim().parse().map_err(|_| Failed::new("asking when the last commit was made", text))
}

/// Writes a moment as `2026-11-21T23:04:26Z`.
fn stamp(moment: u64) -> Result<String, Failed> {
    let mut date = Command::new("date");
    date.args(["--utc", "+%Y-%m-%dT%H:%M:%SZ"]).arg(format!("--date=@{moment}"));
    Ok(printed(&mut date)?.trim().to_owned())
}

/// Makes a folder that has nothing in it.
fn empty(folder: &Path) -> Result<(), Failed> {
    let cleared = match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => std::fs::create_dir_all(folder),
    };
    cleared.map_err(|error| Failed::new(format!("clearing {}", folder.display()), error))
}

/// Runs a program to its end and returns what it printed.
fn printed(command: &mut Command) -> Result<String, Failed> {
    let step = || format!("running {}", command.get_program().to_string_lossy());
    let step = step();
    let output = command.output().map_err(|error| Failed::new(&*step, error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failed::new(step, format!("{}: {}", output.status, said.trim())));
    }
    String::from_utf8(output.stdout).map_err(|_| Failed::new(step, "what it printed is no UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::{read, stamp};

    #[test]
    fn what_is_typed_is_understood_or_refused() {
        let read = |words: &str| {
            let words: Vec<String> = words.split_whitespace().map(Into::into).collect();
            read(&words)
        };
        assert!(
            read("--twice --out /x").is_ok_and(|wanted| wanted.is_twice && wanted.out.is_some())
        );
        assert_eq!(read("--out").unwrap_err(), "`--out` takes a path");
        assert_eq!(read("--fast").unwrap_err(), "there is no option `--fast`");
        assert!(read("--twice --quick").is_ok_and(|wanted| wanted.is_twice && wanted.is_quick));
        for two in ["--twice --binary m", "--binary m --quick"] {
            assert!(read(two).unwrap_err().contains("choose one"), "{two}");
        }
    }

    #[test]
    fn moments_are_written_as_days_and_hours() {
        assert_eq!(stamp(951_782_400).expect("date"), "2000-02-29T00:00:00Z");
    }
}

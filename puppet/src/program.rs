//! Where the puppet's program is, built when it has to be.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// Returns the path of the puppet's program beside the test that asks.
///
/// Cargo builds the programs of a package for that package's own tests alone. Whoever else asks gets it built
/// here, in the folder and with the profile of the test that asks, unless it is there and as new as its sources.
///
/// # Panics
///
/// When it cannot be built: no test can go on without it.
#[must_use]
pub fn program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| find().unwrap_or_else(|why| panic!("no puppet: {why}"))).clone()
}

fn find() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = profile_folder(&own)
        .ok_or_else(|| format!("`{}` is in no target folder", own.display()))?;
    let program = folder.join("puppet");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    if changed(&program).is_none_or(|built| newest(sources).is_some_and(|source| source > built)) {
        build(sources, folder)?;
    }
    Ok(program)
}

/// Returns `<target>/<profile>` of a test, a bench, an example or a program.
fn profile_folder(own: &Path) -> Option<&Path> {
    let folder = own.parent()?;
    match folder.file_name().and_then(OsStr::to_str) {
        Some("deps" | "examples") => folder.parent(),
        _ => Some(folder),
    }
}

fn build(sources: &Path, folder: &Path) -> Result<(), String> {
    let profile = match folder.file_name().and_then(OsStr::to_str) {
        Some("debug") => "dev",
        Some(other) => other,
        None => return Err(format!("`{}` names no profile", folder.display())),
    };
    let mut target = folder.parent().ok_or("the target folder has no parent")?;
    // Cargo numbers the several builds that share a folder; it waits for its own lock.
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "puppet", "--bin", "puppet"]);
    cargo.args(["--profile", profile]).arg("--manifest-path").arg(sources.join("Cargo.toml"));
    // Only the target folder itself keeps what cargo knows of the compiler: below it is a folder for another machine.
    if !target.join(".rustc_info.json").exists()
        && let (Some(machine), Some(above)) = (target.file_name(), target.parent())
        && above.join(".rustc_info.json").exists()
    {
        cargo.arg("--target").arg(machine);
        target = above;
    }
    let output = cargo.arg("--target-dir").arg(target).output();
    let output = output.map_err(|error| format!("cargo does not run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{cargo:?} failed:\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// Returns when a file was last written, if it is there.
fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// Returns when the newest source was written. Sources that cannot be read are no reason to build.
fn newest(sources: &Path) -> Option<SystemTime> {
    let mut newest = changed(&sources.join("Cargo.toml"));
    let mut folders = vec![sources.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                newest = newest.max(changed(&path));
            }
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_folder_is_above_deps_and_examples() {
        let table = [
            ("/t/debug/deps/spawn-1a", "/t/debug"),
            ("/t/x86_64-unknown-linux-musl/release/deps/a", "/t/x86_64-unknown-linux-musl/release"),
            ("/t/debug/examples/demo", "/t/debug"),
            ("/t/sim/xtask", "/t/sim"),
        ];
        for (own, folder) in table {
            assert_eq!(profile_folder(Path::new(own)), Some(Path::new(folder)));
        }
    }

    #[test]
    fn the_program_is_there_and_runs() {
        let output = Command::new(program()).arg("print:here").output().expect("it runs");
        assert_eq!(output.stdout, b"here\n");
    }
}

//! Where the relay's program is, built when it has to be.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// Returns an example of this package. A test that is asked for alone does not build it, and an old one would test
/// nothing.
pub(crate) fn example(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let own = std::env::current_exe().expect("this program has a path");
        let profile = own.parent().and_then(Path::parent).expect("it is in a target folder");
        let folder = profile.join("examples");
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let sources = ["src", "examples", "../wire/src"];
        let newest = sources.iter().filter_map(|source| newest(&package.join(source))).max();
        let built =
            ["relay", "init"].iter().map(|name| changed(&folder.join(name))).min().flatten();
        if built.is_none() || built < newest {
            build(package, profile);
        }
        folder
    });
    folder.join(name)
}

fn build(package: &Path, profile: &Path) {
    let name = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--examples", "--features", "faults", "--profile", name]);
    cargo.arg("--manifest-path").arg(package.join("Cargo.toml"));
    cargo.arg("--target-dir").arg(profile.parent().expect("a profile is in a target folder"));
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn changed(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

fn newest(folder: &Path) -> Option<SystemTime> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    entries
        .filter_map(|entry| {
            let path = entry.path();
            if path.is_dir() { newest(&path) } else { changed(&path) }
        })
        .max()
}

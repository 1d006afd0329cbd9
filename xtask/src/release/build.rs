//! The static binary.

use super::{Failed, printed};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) const TARGET: &str = "x86_64-unknown-linux-musl";

/// Builds the program for any Linux of this architecture, with nothing in it that tells where or when it was built.
pub(super) fn binary(root: &Path, moment: u64) -> Result<PathBuf, Failed> {
    let homes = homes()?;
    let places =
        [(root.to_path_buf(), "/mainstay"), (homes.cargo, "/cargo"), (homes.rust, "/rust")];
    let flags: Vec<String> = places
        .iter()
        .map(|(place, name)| format!("--remap-path-prefix={}={name}", place.display()))
        .collect();
    // What is compiled from C below TLS.
    let prefixes: Vec<String> = places
        .iter()
        .map(|(place, name)| format!("-ffile-prefix-map={}={name}", place.display()))
        .collect();
    let folder = root.join("target/release-build");
    let status = Command::new("cargo")
        .args(["build", "--locked", "--release", "-p", "mainstay-cli", "--target", TARGET])
        .arg("--target-dir")
        .arg(&folder)
        .current_dir(root)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env("CFLAGS", prefixes.join(" "))
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
        .env("SOURCE_DATE_EPOCH", moment.to_string())
        .env_remove("RUSTFLAGS")
        .status();
    match status {
        Ok(status) if status.success() => Ok(folder.join(TARGET).join("release/mainstay")),
        Ok(status) => {
            let text = format!(
                "cargo: {status}; it needs `rustup target add {TARGET}`, and musl-gcc of musl-tools"
            );
            Err(Failed::new("building", text))
        }
        Err(error) => Err(Failed::new("building", error)),
    }
}

struct Homes {
    cargo: PathBuf,
    rust: PathBuf,
}

/// Returns where crates and the standard library stand on this machine.
fn homes() -> Result<Homes, Failed> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let cargo = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let rust = printed(Command::new("rustc").args(["--print", "sysroot"]))?;
    Ok(Homes { cargo, rust: PathBuf::from(rust.trim()) })
}

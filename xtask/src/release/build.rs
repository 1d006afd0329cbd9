//! The static binary.

use super::{Failed, printed};
use std::env::consts::ARCH;
use std::path::{Path, PathBuf};
use std::process::Command;

/// From where, into which folder, and how fast a binary is built.
pub(super) struct Build<'a> {
    pub(super) root: &'a Path,
    /// The target folder.
    pub(super) folder: &'a Path,
    /// In seconds since 1970.
    pub(super) moment: u64,
    /// Whether it is only to be looked at: not optimised, which takes a fraction of the time.
    pub(super) is_quick: bool,
}

/// Returns what is built for: any Linux of the architecture that this runs on.
pub(super) fn target() -> String {
    format!("{ARCH}-unknown-linux-musl")
}

impl Build<'_> {
    /// Builds the program, with nothing in it that tells where or when it was built.
    pub(super) fn run(&self) -> Result<PathBuf, Failed> {
        let homes = homes()?;
        // Of two that fit, the last one is taken: the folder may be below the root.
        let places = [
            (homes.cargo.as_path(), "/cargo"),
            (&homes.rust, "/rust"),
            (self.root, "/mainstay"),
            (self.folder, "/target"),
        ];
        let flags = |flag: &str| -> Vec<String> {
            let flag = |(place, name): &(&Path, &str)| format!("{flag}={}={name}", place.display());
            places.iter().map(flag).collect()
        };
        let (profile, told) = if self.is_quick { ("dev", "DEV") } else { ("release", "RELEASE") };
        let target = target();
        let status = Command::new("cargo")
            .args(["build", "--locked", "--profile", profile])
            .args(["-p", "mainstay-cli", "--target", &target, "--target-dir"])
            .arg(self.folder)
            .current_dir(self.root)
            .env("CARGO_ENCODED_RUSTFLAGS", flags("--remap-path-prefix").join("\u{1f}"))
            // What is compiled from C below TLS.
            .env("CFLAGS", flags("-ffile-prefix-map").join(" "))
            .env("CARGO_INCREMENTAL", "0")
            .env(format!("CARGO_PROFILE_{told}_STRIP"), "symbols")
            .env(format!("CARGO_PROFILE_{told}_DEBUG"), "none")
            // Slower to build, smaller.
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
            .env("SOURCE_DATE_EPOCH", self.moment.to_string())
            .env_remove("RUSTFLAGS")
            .status();
        match status {
            Ok(status) if status.success() => {
                let made = if self.is_quick { "debug" } else { "release" };
                Ok(self.folder.join(target).join(made).join("mainstay"))
            }
            Ok(status) => {
                let text = format!(
                    "cargo: {status}; it needs `rustup target add {target}`, and musl-gcc of the \
                     Debian package musl-tools"
                );
                Err(Failed::new("building", text))
            }
            Err(error) => Err(Failed::new("building", error)),
        }
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

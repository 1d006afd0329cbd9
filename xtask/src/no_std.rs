//! Proves that mainstay-core has no std: it compiles where none exists, and depends on one crate.
//!
//! A `#![no_std]` at the top of a crate is a promise about that crate alone. The target used here
//! ships only `core` and `alloc`, so a dependency that brings std in fails as well.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

const PACKAGE: &str = "mainstay-core";
/// Has `core` and `alloc`, and no std to fall back on; see the rustc book, "wasm32v1-none".
const TARGET: &str = "wasm32v1-none";
/// What the core may depend on: thiserror, and what its derive macro needs while compiling.
const ALLOWED: [&str; 7] =
    [PACKAGE, "thiserror", "thiserror-impl", "proc-macro2", "quote", "syn", "unicode-ident"];

/// Runs `cargo xtask no-std`.
pub(crate) fn command() -> ExitCode {
    match prove() {
        Ok(()) => {
            println!("{PACKAGE} compiles for {TARGET} and depends on thiserror alone");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn prove() -> Result<(), String> {
    let all = ["--edges=normal", "--target=all", "--all-features", "--prefix=none"];
    let tree = read(cargo(&["tree", "--package", PACKAGE]).args(all))?;
    let strangers = strangers(&tree).join(", ");
    if !strangers.is_empty() {
        return Err(format!(
            "{PACKAGE} depends on {strangers}: \
             write what it needs in the core, or move it to the crate that drives the core"
        ));
    }
    if !target_is_installed()? {
        run(Command::new("rustup").args(["target", "add", TARGET])).map_err(|why| {
            format!(
                "the target {TARGET} is missing and could not be added ({why}): run \
                 `rustup target add {TARGET}`, or install your system's package of that target"
            )
        })?;
    }
    let bare = ["--lib", "--all-features", "--target", TARGET];
    run(cargo(&["check", "--package", PACKAGE]).args(bare)).map_err(|why| {
        format!("{PACKAGE} does not compile without std ({why}): use `core` and `alloc`")
    })
}

/// Returns the packages in the output of `cargo tree` that the core must not depend on, each once.
fn strangers(tree: &str) -> Vec<&str> {
    let mut found: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|package| !ALLOWED.contains(package))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Asks the compiler rather than rustup, which need not be what installed it.
fn target_is_installed() -> Result<bool, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder = read(Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]))?;
    Ok(Path::new(folder.trim()).is_dir())
}

/// Returns a command for the cargo that runs this program, in the workspace.
fn cargo(args: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(crate::root()).args(args);
    cargo
}

/// Runs `command` with its output shown as it comes.
fn run(command: &mut Command) -> Result<(), String> {
    let name = name(command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name}: {status}")),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

/// Runs `command` and returns what it printed; its complaints are shown as they come.
fn read(command: &mut Command) -> Result<String, String> {
    let name = name(command);
    let output =
        command.stderr(Stdio::inherit()).output().map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name}: {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{name}: {error}"))
}

/// Returns what a person would call the program of `command`.
fn name(command: &Command) -> String {
    let program = command.get_program();
    Path::new(program).file_stem().unwrap_or(program).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thiserror_and_its_macro_are_no_strangers() {
        let tree = "\
            mainstay-core v0.1.0 (/src/crates/core)\n\
            thiserror v2.0.21\n\
            thiserror-impl v2.0.21 (proc-macro)\n\
            proc-macro2 v1.0.107\n\
            unicode-ident v1.0.27\n\
            quote v1.0.47\n\
            proc-macro2 v1.0.107 (*)\n\
            syn v3.0.9\n";
        assert!(strangers(tree).is_empty());
    }

    #[test]
    fn any_other_crate_is_named_once() {
        let tree = "mainstay-core v0.1.0\nserde v1.0.0\nlog v0.4.0\nserde v1.0.0 (*)\n";
        assert_eq!(strangers(tree), ["log", "serde"]);
    }
}

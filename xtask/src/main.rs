//! The project's own tools: `cargo xtask <command>`.
//!
//! Nothing that users run depends on this crate, and no rule of the product lives in it.

mod no_std;
mod pictures;
mod reference;
mod release;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
The project's own tools.

Usage: cargo xtask <command>

Commands:
  tidy            check sizes, leftovers, links, headers and words in the tree
  reference       write the pages that are made of tables: docs/reference
  pictures        take the pictures of the dashboard and of the terminal anew: docs/pictures
  release         make what is published; `cargo xtask release --help` lists what it takes
  no-std          prove that mainstay-core needs neither std nor another crate
  table FILE      play one table of decisions and print all that happens
  sim [args...]   run the simulator; `cargo xtask sim --help` lists what it takes
  help            print this text
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = args.split_first() else {
        return misused("which command?");
    };
    match (command.as_str(), rest) {
        ("tidy", []) => tidy::command(),
        ("no-std", []) => no_std::command(),
        ("reference", []) => reference::command(),
        ("pictures", []) => pictures::command(),
        ("table", [file]) => table(file),
        ("table", _) => misused("`table` takes one file"),
        ("release", [word]) if matches!(word.as_str(), "--help" | "-h") => {
            print!("{}", release::USAGE);
            ExitCode::SUCCESS
        }
        ("release", rest) => release::command(rest),
        ("sim", rest) => mainstay_sim::command(rest),
        ("tidy" | "no-std" | "reference" | "pictures", [extra, ..]) => {
            misused(&format!("`{command}` takes no argument, but got `{extra}`"))
        }
        ("help" | "--help" | "-h", _) => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => misused(&format!("there is no command `{command}`")),
    }
}

/// Plays one table through the test that plays them all.
fn table(file: &str) -> ExitCode {
    let file = match std::path::absolute(file) {
        Ok(file) if file.is_file() => file,
        Ok(_) | Err(_) => return misused(&format!("there is no file `{file}`")),
    };
    let status = std::process::Command::new("cargo")
        .args(["test", "--quiet", "-p", "mainstay-core", "--test", "conformance", "--"])
        .args(["the_given_table_holds", "--exact", "--nocapture"])
        .env("MAINSTAY_TABLE", file)
        .env("RUST_BACKTRACE", "0")
        .current_dir(root())
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: cannot run cargo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Says what is wrong with the command line, and how it should look; exit code 2.
fn misused(what: &str) -> ExitCode {
    eprintln!("error: {what}\n\n{USAGE}");
    ExitCode::from(2)
}

/// Returns the folder of the workspace that this program was built from.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

//! A child for tests that does what it is told.
#![forbid(unsafe_code)]

mod perform;
mod step;

use perform::{Failure, Puppet};
use std::process::ExitCode;

/// The words were not understood (`EX_USAGE`).
const MISUSED: u8 = 64;
/// A step failed (`EX_SOFTWARE`).
const FAILED: u8 = 70;

fn main() -> ExitCode {
    let words: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    if words == ["help"] {
        print!("{}", step::Help);
        return ExitCode::SUCCESS;
    }
    let steps = match step::parse_all(words.iter().map(String::as_str)) {
        Ok(steps) => steps,
        Err(why) => {
            eprintln!("puppet: {why}");
            return ExitCode::from(MISUSED);
        }
    };
    match Puppet::default().perform(&steps) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failed(&failure),
    }
}

/// Says what failed. Standard error may be what failed, so nothing depends on it.
fn failed(failure: &Failure) -> ExitCode {
    let sentence = format!("puppet: {failure}\n");
    let _ = rustix::io::write(rustix::stdio::stderr(), sentence.as_bytes());
    ExitCode::from(FAILED)
}

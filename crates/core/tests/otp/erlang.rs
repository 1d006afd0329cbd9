//! The real OTP: one `escript` process plays all schedules.

use crate::schedule::Schedule;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The facts of each step, in order.
pub(crate) type Trace = Vec<Vec<String>>;

pub(crate) fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/otp")
}

/// Returns whether there is an Erlang to compare with; says so where there is none.
///
/// # Panics
///
/// In CI, where a comparison that is silently left out would be taken for one that agrees.
pub(crate) fn is_here() -> bool {
    let found = Command::new("escript").stdin(Stdio::null()).output();
    let missing = matches!(found, Err(error) if error.kind() == io::ErrorKind::NotFound);
    if missing {
        println!(
            "skipped: no Erlang here; install erlang-base to compare with a real OTP supervisor"
        );
        assert!(
            std::env::var_os("CI").is_none(),
            "CI compares with a real OTP: install erlang-base"
        );
    }
    !missing
}

/// Plays schedules; `name` tells files of tests that run at the same time apart.
pub(crate) fn play(name: &str, schedules: &[Schedule]) -> Vec<Trace> {
    let text: String = schedules.iter().map(ToString::to_string).collect();
    let printed = print(name, &text);
    let traces = read(&printed);
    assert_eq!(traces.len(), schedules.len(), "one trace for each schedule");
    traces
}

/// Returns what the harness prints about schedules in text form.
pub(crate) fn print(name: &str, text: &str) -> String {
    // Through a file: with two pipes each side could wait for the other to read.
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("otp-{name}.txt"));
    fs::write(&file, text).expect("a folder for temporary files");
    let output = Command::new("escript")
        .arg(here().join("harness.escript"))
        .stdin(File::open(&file).expect("the file just written"))
        .output()
        .expect("escript was found before");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the harness ended with {}:\n{said}", output.status);
    String::from_utf8(output.stdout).expect("a trace in plain letters")
}

fn read(printed: &str) -> Vec<Trace> {
    let mut traces: Vec<Trace> = Vec::new();
    for line in printed.lines() {
        if line.starts_with("schedule ") {
            traces.push(Vec::new());
        } else if line.starts_with("step ") {
            traces.last_mut().expect("a schedule").push(Vec::new());
        } else if line != "end" {
            let steps = traces.last_mut().expect("a schedule");
            steps.last_mut().expect("a step").push(line.to_owned());
        }
    }
    traces
}

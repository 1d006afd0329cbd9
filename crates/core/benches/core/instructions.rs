//! Instructions in place of time: the same in every run, however busy the machine is.
//!
//! The bench starts itself under valgrind, once for each case and size. Callgrind counts only below
//! the function `measured`, so what a case needs before its first round is left out.

use crate::cases::{Case, Repeats};
use crate::measured;
use std::process::{Command, ExitCode};

/// A million children would take valgrind an hour; the growth shows without.
const SIZES: [usize; 3] = [100, 10_000, 100_000];

/// Prints the table of instructions per input.
pub(crate) fn table<'a>(cases: impl Iterator<Item = &'a Case>) -> ExitCode {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("error: valgrind is not installed, and instructions are counted by nothing else");
        return ExitCode::FAILURE;
    }
    println!(
        "{:41} {:>9} {:>10} {:>8} {:>8}",
        "instructions per input", "children", "core", "growth", "by hand"
    );
    for case in cases {
        let mut before: Option<f64> = None;
        for count in SIZES {
            let Some(core) = count_instructions(case, count, false) else {
                eprintln!("error: valgrind could not run {:?}", case.name);
                return ExitCode::FAILURE;
            };
            let by_hand = case.by_hand.and_then(|_| count_instructions(case, count, true));
            println!(
                "{:41} {count:>9} {core:>10.0} {:>8} {:>8}",
                case.name,
                before.map(|before| format!("x {:.2}", core / before)).unwrap_or_default(),
                by_hand.map(|hand| format!("x {:.1}", core / hand)).unwrap_or_default(),
            );
            before = Some(core);
        }
    }
    ExitCode::SUCCESS
}

/// Runs one case under valgrind and returns the instructions per input.
fn count_instructions(case: &Case, count: usize, by_hand: bool) -> Option<f64> {
    // A storm is already as many inputs as there are children.
    let is_whole = case.repeats == Repeats::Anew || case.name.starts_with("storm");
    let rounds = if is_whole { 1 } else { 5_000 };
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(["--collect-atstart=no", "--toggle-collect=*::measured"])
        .arg(std::env::current_exe().ok()?)
        .args([case.name, "--one", &count.to_string(), &rounds.to_string()])
        .args(by_hand.then_some("--by-hand"))
        .output()
        .ok()?;
    let inputs: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected : "))?.1;
    let instructions: f64 = collected.trim().parse().ok()?;
    Some(instructions / inputs)
}

/// Runs one case: what valgrind watches. Prints how many inputs were measured.
pub(crate) fn run(case: &Case, count: usize, rounds: u64, by_hand: bool) {
    let make = case.by_hand.filter(|_| by_hand).unwrap_or(case.make);
    let mut round = make(count);
    if case.repeats == Repeats::Freely {
        // Buffers have their size before counting begins.
        (0..rounds).for_each(|_| _ = round());
    }
    println!("{}", measured(&mut round, rounds));
}

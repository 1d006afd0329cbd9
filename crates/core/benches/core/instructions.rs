//! Instructions and cache lines in place of time: the same in every run, however busy the machine is.
//!
//! The bench starts itself under valgrind, once for each case and size. Callgrind counts only below
//! the function `measured`, so what a case needs before its first round is left out.

use crate::cases::{Case, Repeats};
use crate::measured;
use std::process::{Command, ExitCode};

/// A million children would take valgrind an hour; the growth shows without.
const SIZES: [usize; 3] = [100, 10_000, 100_000];

/// What one input takes on average.
struct Counts {
    instructions: f64,
    /// Cache lines that were in neither of two simulated caches of 32 KiB and 1 MiB.
    lines: f64,
}

/// Prints the table of instructions and cache lines per input.
pub(crate) fn table<'a>(cases: impl Iterator<Item = &'a Case>) -> ExitCode {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("error: valgrind is not installed, and instructions are counted by nothing else");
        return ExitCode::FAILURE;
    }
    println!(
        "{:46} {:>9} {:>12} {:>8} {:>11} {:>8}",
        "per input", "children", "instructions", "growth", "cache lines", "by hand"
    );
    for case in cases {
        let mut before: Option<f64> = None;
        for count in SIZES {
            let Some(core) = count_under_valgrind(case, count, false) else {
                eprintln!("error: valgrind could not run {:?}", case.name);
                return ExitCode::FAILURE;
            };
            let by_hand = case.by_hand.and_then(|_| count_under_valgrind(case, count, true));
            println!(
                "{:46} {count:>9} {:>12.0} {:>8} {:>11.1} {:>8}",
                case.name,
                core.instructions,
                before
                    .map(|before| format!("x {:.2}", core.instructions / before))
                    .unwrap_or_default(),
                core.lines,
                by_hand
                    .map(|hand| format!("x {:.1}", core.instructions / hand.instructions))
                    .unwrap_or_default(),
            );
            before = Some(core.instructions);
        }
    }
    ExitCode::SUCCESS
}

fn count_under_valgrind(case: &Case, count: usize, by_hand: bool) -> Option<Counts> {
    let rounds = if case.is_whole { 1 } else { 5_000 };
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(["--collect-atstart=no", "--toggle-collect=*::measured"])
        .args(["--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64", "--LL=1048576,16,64"])
        .arg(std::env::current_exe().ok()?)
        .args([case.name, "--one", &count.to_string(), &rounds.to_string()])
        .args(by_hand.then_some("--by-hand"))
        .output()
        .ok()?;
    let inputs: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected : "))?.1;
    let collected: Vec<f64> = collected.split_whitespace().flat_map(str::parse).collect();
    // Instructions come first, misses of the last cache last; zeros at the end are left out.
    let nth = |at: usize| collected.get(at).copied().unwrap_or(0.0) / inputs;
    Some(Counts { instructions: nth(0), lines: nth(7) + nth(8) })
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

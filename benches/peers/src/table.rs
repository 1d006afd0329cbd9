//! The table: for each case what each system took, and whether mainstay kept its budget.

use crate::Request;
use crate::cases::{Budget, Case, Figure};
use crate::runner::{self, Outcome, Result};
use crate::systems;
use std::process::ExitCode;
use std::time::Duration;

/// Prints all results; fails if mainstay missed a budget.
pub(crate) fn print(request: &Request, results: &[Result]) -> ExitCode {
    let versions: Vec<String> = request.systems.iter().map(|name| runner::version(name)).collect();
    println!("{}", versions.join(", "));
    println!(
        "{} rounds in turns, two workers, a process for each; best round, and the median\n",
        request.rounds
    );
    let mut missed = 0;
    for case in &request.cases {
        missed += print_case(request, case, results);
    }
    if missed > 0 {
        println!("mainstay MISSED {missed} of its budgets");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Prints one case and returns how many budgets mainstay missed in it.
fn print_case(request: &Request, case: &Case, results: &[Result]) -> usize {
    println!("{}: {} {}", case.name, grouped(request.count(case).into()), case.title);
    println!("    budget: {}", budget(case));
    let mut missed = 0;
    let of = |system: &str| {
        let found = results.iter().find(|of| of.case == case.name && of.system == system);
        found.map(|result| &result.outcome)
    };
    let bare = of(systems::BARE).and_then(Outcome::each);
    for system in &request.systems {
        let Some(outcome) = of(system) else { continue };
        let mut row = format!("    {system:18} {}", cells(case, outcome, bare));
        if *system == "mainstay" {
            for kept in kept(case, outcome, bare) {
                row.push_str(if kept { "  ok" } else { "  MISSED" });
                missed += usize::from(!kept);
            }
        }
        println!("{}", row.trim_end());
    }
    for system in &request.systems {
        let measured = of(system).and_then(Outcome::each).is_some();
        if let (true, Some(note)) = (measured, systems::note(system, case.kind)) {
            println!("    # {system}: {note}");
        }
    }
    println!();
    missed
}

/// Returns time, time per unit, ratio and bytes of one system, or why there are none.
fn cells(case: &Case, outcome: &Outcome, bare: Option<Duration>) -> String {
    let times = match outcome {
        Outcome::Done(figures) => {
            let median = figures[figures.len() / 2].elapsed;
            format!("{:>9} {:>9}", time(figures[0].elapsed), time(median))
        }
        Outcome::CutShort(Figure { done, elapsed, .. }) => {
            let cut = format!("{} in {}", grouped(*done), time(*elapsed));
            format!("{cut:>19}")
        }
        Outcome::Cannot(why) => return format!("cannot: {why}"),
    };
    let Some(each) = outcome.each() else { return format!("{times}, cut short") };
    let mut cells = format!("{times} {:>9} a {}", time(each), case.unit);
    if let Some(bare) = bare {
        cells.push_str(&format!(" {:>8.2}x", ratio(each, bare)));
    }
    if let (Some((what, _)), Some(bytes)) = (case.bytes, bytes(outcome)) {
        cells.push_str(&format!(" {:>7} {what}", grouped(bytes)));
    }
    if matches!(outcome, Outcome::CutShort(_)) {
        cells.push_str(", cut short");
    }
    cells
}

/// Returns the fewest bytes of all rounds.
fn bytes(outcome: &Outcome) -> Option<u64> {
    match outcome {
        Outcome::Done(figures) => figures.iter().map(|figure| figure.bytes).min(),
        Outcome::CutShort(_) | Outcome::Cannot(_) => None,
    }
}

/// Returns for each budget of the case whether it was kept; none if mainstay was not measured.
fn kept(case: &Case, outcome: &Outcome, bare: Option<Duration>) -> Vec<bool> {
    let mut kept = Vec::new();
    let (Some(each), Some(bare)) = (outcome.each(), bare) else { return kept };
    let done = matches!(outcome, Outcome::Done(_));
    match case.budget {
        Budget::Bare(most) => kept.push(done && ratio(each, bare) <= most),
        Budget::Each(most) => kept.push(done && each <= most),
        Budget::Done => kept.push(done),
        Budget::Unbounded => {}
    }
    if let (Some((_, Some(most))), Some(bytes)) = (case.bytes, bytes(outcome)) {
        kept.push(bytes <= most);
    }
    kept
}

fn budget(case: &Case) -> String {
    let mut budget = match case.budget {
        Budget::Bare(most) => format!("{most}x bare"),
        Budget::Each(most) => format!("{} a {}", time(most), case.unit),
        Budget::Done => "it gets done".into(),
        Budget::Unbounded => "none".into(),
    };
    if let Some((what, Some(most))) = case.bytes {
        budget.push_str(&format!(", {most} {what}"));
    }
    budget
}

fn ratio(each: Duration, bare: Duration) -> f64 {
    each.as_secs_f64() / bare.as_secs_f64()
}

/// Writes a time with three digits and its unit.
fn time(time: Duration) -> String {
    let nanos = time.as_nanos() as f64;
    let (value, unit) = match nanos {
        _ if nanos < 1e3 => (nanos, "ns"),
        _ if nanos < 1e6 => (nanos / 1e3, "us"),
        _ if nanos < 1e9 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    let decimals = if unit == "ns" || value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.decimals$} {unit}")
}

/// Writes a number with a space between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

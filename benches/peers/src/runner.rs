//! Runs each case of each system in a process of its own, in turns.

use crate::cases::{Case, Figure};
use crate::line::Line;
use crate::systems::{self, otp};
use crate::{ONE, Request};
use std::env;
use std::process::Command;
use std::time::Duration;

/// What all rounds of one case of one system came to.
pub(crate) struct Result {
    pub case: &'static str,
    pub system: &'static str,
    pub outcome: Outcome,
}

pub(crate) enum Outcome {
    /// The figures of all rounds, the quickest first.
    Done(Vec<Figure>),
    CutShort(Figure),
    Cannot(String),
}

/// Runs all that was asked for; the rounds of different systems take turns.
pub(crate) fn run(request: &Request) -> Vec<Result> {
    let mut results: Vec<Result> = Vec::new();
    for round in 1..=request.rounds {
        for case in &request.cases {
            for system in &request.systems {
                let known =
                    results.iter_mut().find(|of| of.case == case.name && of.system == *system);
                // What was cut short or cannot be done comes to the same in every round.
                if known.as_ref().is_some_and(|of| !matches!(of.outcome, Outcome::Done(_))) {
                    continue;
                }
                let line = one(request, case, system);
                eprintln!("round {round}: {:14} {system:18} {line}", case.name);
                match known {
                    Some(result) => result.outcome.add(line),
                    None => results.push(Result {
                        case: case.name,
                        system,
                        outcome: Outcome::from(line),
                    }),
                }
            }
        }
    }
    results
}

impl From<Line> for Outcome {
    fn from(line: Line) -> Self {
        match line {
            Line::Done(figure) => Self::Done(vec![figure]),
            Line::CutShort(figure) => Self::CutShort(figure),
            Line::Cannot(why) => Self::Cannot(why),
        }
    }
}

impl Outcome {
    /// Adds a further round; one that failed outweighs those that did not.
    fn add(&mut self, line: Line) {
        match (&mut *self, Self::from(line)) {
            (Self::Done(figures), Self::Done(mut more)) => {
                figures.append(&mut more);
                figures.sort_by_key(|figure| figure.elapsed);
            }
            // A busy machine can cut a round short; the rounds that got through count.
            (Self::Done(_), Self::CutShort(_)) => {}
            (_, other) => *self = other,
        }
    }

    /// Returns the time per unit of the best round, if anything was done at all.
    pub(crate) fn each(&self) -> Option<Duration> {
        let best = match self {
            Self::Done(figures) => figures.first()?,
            Self::CutShort(figure) => figure,
            Self::Cannot(_) => return None,
        };
        let nanos = best.elapsed.as_nanos() / u128::from(best.done.max(1));
        (best.done > 0).then(|| Duration::from_nanos(nanos as u64))
    }
}

/// Runs one case of one system in a fresh process and returns what it printed.
fn one(request: &Request, case: &Case, system: &str) -> Line {
    let count = request.count(case).to_string();
    let patience = request.patience(case).as_millis().to_string();
    let mut command = if system == otp::NAME {
        otp::command()
    } else {
        let this = env::current_exe().expect("the system tells which program this is");
        let mut command = Command::new(this);
        command.args([ONE, system]);
        command
    };
    let output = match command.args([case.name, &count, &patience]).output() {
        Ok(output) => output,
        Err(error) => return Line::Cannot(format!("does not run here: {error}")),
    };
    let printed = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    let line = printed.lines().rev().find_map(Line::parse);
    line.unwrap_or_else(|| {
        Line::Cannot(format!("failed, {}: {}", output.status, complaint.trim().replace('\n', " ")))
    })
}

/// Returns what the table says about a system in its head: name and version.
pub(crate) fn version(system: &str) -> String {
    match system {
        systems::BARE => format!("tokio {}", locked("tokio")),
        "mainstay" => "mainstay".into(),
        "ractor-supervisor" => {
            format!("ractor-supervisor {} on ractor {}", locked(system), locked("ractor"))
        }
        otp::NAME => {
            let output = otp::command().arg("version").output();
            let version = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
            format!("OTP {}", version.unwrap_or_default().trim())
        }
        _ => format!("{system} {}", locked(system)),
    }
}

/// Returns the version of a package in the lock file that this program was built from.
fn locked(package: &str) -> &'static str {
    let mut lines = include_str!("../Cargo.lock").lines();
    let name = format!("name = \"{package}\"");
    lines.find(|line| *line == name);
    let version = lines.next().and_then(|line| line.strip_prefix("version = "));
    version.unwrap_or("?").trim_matches('"')
}

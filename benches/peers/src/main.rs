//! What supervision in process costs: mainstay, its peers and a loop by hand, side by side in one run.
//!
//! Every case of every system runs in a fresh process, in turns over several rounds, on a runtime
//! with two workers. `README.md` says what is measured and how to read the table.
//!
//! ```text
//! cargo run --release                          everything, five rounds
//! cargo run --release -- --quick               a glance: one round, a tenth of the size
//! cargo run --release -- --rounds 3 storm      the cases with this word in their names
//! cargo run --release -- bare taskvisor        these systems alone
//! ```

mod cases;
mod line;
mod memory;
mod meter;
mod runner;
mod systems;
mod table;
mod work;

use cases::{CASES, Case};
use line::Line;
use std::process::ExitCode;
use std::time::Duration;

/// What the command line asks for.
struct Request {
    rounds: usize,
    quick: bool,
    cases: Vec<&'static Case>,
    systems: Vec<&'static str>,
}

/// The word that makes this program run one case of one system and print its figure.
const ONE: &str = "--one";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == ONE) {
        return one(&words[1..]);
    }
    match Request::parse(&words) {
        Ok(request) => {
            let results = runner::run(&request);
            table::print(&request, &results)
        }
        Err(word) => {
            eprintln!("error: `{word}` is not understood; the head of src/main.rs shows what is");
            ExitCode::FAILURE
        }
    }
}

impl Request {
    fn parse(words: &[String]) -> Result<Self, String> {
        let mut quick = false;
        let mut rounds = None;
        let mut cases: Vec<&Case> = Vec::new();
        let mut systems = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let of_word = CASES.iter().filter(|case| case.name.contains(word.as_str()));
            match word.as_str() {
                "--quick" => quick = true,
                "--rounds" => match words.next().and_then(|number| number.parse().ok()) {
                    Some(number) => rounds = Some(number),
                    None => return Err(word.clone()),
                },
                _ => match systems::NAMES.into_iter().find(|name| name == word) {
                    Some(name) => systems.push(name),
                    None => {
                        let before = cases.len();
                        cases.extend(of_word);
                        if cases.len() == before {
                            return Err(word.clone());
                        }
                    }
                },
            }
        }
        if cases.is_empty() {
            cases.extend(&CASES);
        }
        if systems.is_empty() {
            systems.extend(systems::NAMES);
        } else if !systems.contains(&systems::BARE) {
            systems.insert(0, systems::BARE);
        }
        let rounds = rounds.unwrap_or(if quick { 1 } else { 5 });
        Ok(Self { rounds, quick, cases, systems })
    }

    /// Returns how much of this case is to be done in a round.
    fn count(&self, case: &Case) -> u32 {
        if self.quick { case.count / 10 } else { case.count }
    }

    fn patience(&self, case: &Case) -> Duration {
        if self.quick { case.patience / 4 } else { case.patience }
    }
}

/// Runs one case of one system in this process and prints what it came to.
fn one(words: &[String]) -> ExitCode {
    let [system, case, count, patience] = words else {
        eprintln!("error: {ONE} takes a system, a case, a count and the milliseconds it may take");
        return ExitCode::FAILURE;
    };
    let case = CASES.iter().find(|known| known.name == case);
    let (Some(case), Ok(count), Ok(patience)) = (case, count.parse(), patience.parse()) else {
        eprintln!("error: {ONE} got `{}`", words.join(" "));
        return ExitCode::FAILURE;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be built");
    // The case runs on a worker, like any task of a real program.
    let running = systems::run(system, case.kind, count);
    let outcome = runtime.block_on(async {
        let patience = Duration::from_millis(patience);
        tokio::time::timeout(patience, tokio::spawn(running)).await
    });
    let line = match outcome {
        Ok(Ok(Ok(figure))) => Line::Done(figure),
        Ok(Ok(Err(cannot))) => Line::Cannot(cannot.into()),
        Ok(Err(error)) => Line::Cannot(format!("failed: {error}")),
        Err(_) => match cases::so_far(case.kind, count) {
            Some(figure) => Line::CutShort(figure),
            None => Line::Cannot("had not even started its children when its time was up".into()),
        },
    };
    println!("{line}");
    // What still runs is left where it is: a system that was cut short may never come to an end.
    runtime.shutdown_background();
    ExitCode::SUCCESS
}

//! Supervisors of processes, side by side: the least one can do in C, and whoever is compared with it.
//!
//! `cargo bench -p mainstay-keeper --bench supervise [-- SCENARIO...]`. Each scenario is run by each contestant in turn,
//! several rounds of it, so that what else happens on the machine happens to all of them. A ratio is that of the medians;
//! the reference is measured twice, under two names, which shows how much a ratio of 1 varies.

mod keeper;
#[path = "../measure/mod.rs"]
#[allow(dead_code, reason = "each bench takes what it needs")]
mod measure;
mod reference;
mod scenario;

use keeper::{Apart, Manner, Thread};
use mainstay_wire::Text;
use reference::Reference;
use scenario::{SCENARIOS, Scenario};
use std::path::{Path, PathBuf};

/// What a supervisor is to keep running.
struct Job<'a> {
    /// How many children.
    count: usize,
    /// The program of each, with its arguments. It is to get nothing but null as its standard files.
    words: &'a [PathBuf],
}

/// A supervisor at work. It restarts at once whatever ends.
trait Supervisor {
    /// Ends all children by SIGTERM, and returns when they and the supervisor are gone.
    fn stop(self: Box<Self>);
}

/// Begins a supervisor. It may return before its children run: they say themselves that they do.
type Begin<'a> = Box<dyn Fn(&Job<'_>) -> Box<dyn Supervisor> + 'a>;

fn main() {
    let words: Vec<Text> = std::env::args_os().map(Text::from).collect();
    if words.get(1) == Some(&Text::from(keeper::KEEPER)) {
        return keeper::serve(&words);
    }
    let program = measure::compile("reference.c", "reference", &[]);
    let child = measure::compile("child.c", "child", &["-static"]);
    let names: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    println!("| scenario | who | median | p90 | ratio |\n|---|---|---|---|---|");
    for scenario in SCENARIOS {
        if names.is_empty() || names.iter().any(|name| scenario.name.contains(name.as_str())) {
            compare(scenario, &contestants(&program), &child);
        }
    }
}

/// Returns everybody who is measured, the one they are compared with first.
fn contestants(reference: &Path) -> Vec<(&'static str, Begin<'_>)> {
    let begin =
        move |job: &Job<'_>| -> Box<dyn Supervisor> { Box::new(Reference::new(reference, job)) };
    let thread = |manner| -> Begin<'_> { Box::new(move |job| Box::new(Thread::new(job, manner))) };
    let apart = |manner| -> Begin<'_> { Box::new(move |job| Box::new(Apart::new(job, manner))) };
    vec![
        ("reference", Box::new(begin)),
        ("reference again", Box::new(begin)),
        ("keeper, a thread, bare", thread(Manner::BARE)),
        ("keeper, a thread", thread(Manner::USUAL)),
        ("keeper, a process, bare", apart(Manner::BARE)),
        ("keeper, a process", apart(Manner::USUAL)),
    ]
}

fn compare(scenario: &Scenario, contestants: &[(&str, Begin<'_>)], child: &Path) {
    let mut samples = vec![Vec::new(); contestants.len()];
    for round in 0..scenario.rounds {
        // Who goes first has the colder machine: everybody does in turn.
        for at in 0..contestants.len() {
            let at = (at + round) % contestants.len();
            samples[at].append(&mut scenario.run(&contestants[at].1, child));
        }
    }
    let mut first = None;
    for ((who, _), samples) in contestants.iter().zip(&mut samples) {
        let median = measure::quantile(samples, 0.5);
        let ratio = median / *first.get_or_insert(median);
        let most = measure::quantile(samples, 0.9);
        println!("| {} | {who} | {median:.3} ms | {most:.3} ms | {ratio:.2} |", scenario.name);
    }
}

//! How fast the core decides, how that grows with the number of children, and how much memory a child takes.
//!
//! `docs/performance.md` says what the figures mean and what they were. A case is measured in the same
//! way for each number of children; where a loop by hand can do the same work, the two are compared.
//!
//! ```text
//! cargo bench -p mainstay-core                         everything: several minutes
//! cargo bench -p mainstay-core -- heartbeat            the cases with this word in their names
//! cargo bench -p mainstay-core -- --quick              a glance
//! cargo bench -p mainstay-core -- --instructions       instructions in place of time, under valgrind
//! ```
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

mod by_hand;
mod cases;
mod instructions;
mod memory;
mod world;

use cases::{CASES, Case, Repeats, Round};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SIZES: [usize; 4] = [100, 10_000, 100_000, 1_000_000];

/// What the command line asks for.
#[derive(Default)]
struct Request {
    words: Vec<String>,
    quick: bool,
    instructions: bool,
    /// Run one case for so many children, and so often: what runs under valgrind.
    one: Option<(usize, u64)>,
    by_hand: bool,
}

fn main() -> ExitCode {
    let request = match Request::parse(std::env::args().skip(1)) {
        Ok(request) => request,
        Err(word) => {
            eprintln!("error: `{word}` is not understood; see the head of benches/core/main.rs");
            return ExitCode::FAILURE;
        }
    };
    let cases = CASES.iter().filter(|case| request.selects(case.name));
    if let Some((count, rounds)) = request.one {
        let named = cases.filter(|case| request.words.iter().any(|word| word == case.name));
        named.for_each(|case| instructions::run(case, count, rounds, request.by_hand));
    } else if request.instructions {
        return instructions::table(cases);
    } else {
        table(cases, request.quick);
        if request.selects("memory") {
            memory::table(if request.quick { 10_000 } else { 100_000 });
        }
    }
    ExitCode::SUCCESS
}

impl Request {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut request = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                // Cargo says so to every bench.
                "--bench" => {}
                "--quick" => request.quick = true,
                "--instructions" => request.instructions = true,
                "--by-hand" => request.by_hand = true,
                "--one" => {
                    let mut number = || words.next()?.parse().ok();
                    request.one = number().map(|count| count as usize).zip(number());
                }
                _ if word.starts_with('-') => return Err(word),
                _ => request.words.push(word),
            }
        }
        Ok(request)
    }

    fn selects(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word.as_str()))
    }
}

/// What several runs of one case came to.
struct Measured {
    /// Inputs per second, the slowest run first.
    rates: Vec<f64>,
    allocations: f64,
}

impl Measured {
    fn median(&self) -> f64 {
        self.rates[self.rates.len() / 2]
    }
}

fn table<'a>(cases: impl Iterator<Item = &'a Case>, quick: bool) {
    println!(
        "{:46} {:>9} {:>9}   {:>17} {:>8} {:>7} {:>8} {:>8}",
        "millions of inputs or children a second",
        "children",
        "median",
        "min .. max",
        "ns each",
        "growth",
        "alloc",
        "by hand",
    );
    for (at, case) in cases.enumerate() {
        // A glance looks at the largest size once.
        let sizes = SIZES.into_iter().filter(|count| !quick || *count <= 10_000 || at == 0);
        let mut before: Option<f64> = None;
        for count in sizes {
            let core = measure(case.make, case.repeats, count, quick);
            let by_hand = case.by_hand.map(|make| measure(make, case.repeats, count, quick));
            let nanos = 1e9 / core.median();
            println!(
                "{:46} {count:>9} {:>9.3}   {:>8.3} .. {:<5.3} {nanos:>8.0} {:>7} {:>8.2} {:>8}",
                case.name,
                core.median() / 1e6,
                core.rates[0] / 1e6,
                core.rates[core.rates.len() - 1] / 1e6,
                before.map(|before| format!("x {:.2}", nanos / before)).unwrap_or_default(),
                core.allocations,
                by_hand
                    .map(|hand| format!("x {:.1}", hand.median() / core.median()))
                    .unwrap_or_default(),
            );
            before = Some(nanos);
        }
    }
}

/// Runs a case several times; a run that can be repeated goes on long enough for the clock.
fn measure(make: fn(usize) -> Round, repeats: Repeats, count: usize, quick: bool) -> Measured {
    let (runs, least) = match (quick, repeats) {
        (true, Repeats::Freely) => (3, Duration::from_millis(5)),
        (true, Repeats::Anew) => (1, Duration::ZERO),
        (false, Repeats::Freely) => (7, Duration::from_millis(100)),
        (false, Repeats::Anew) => (5, Duration::ZERO),
    };
    let mut round = make(count);
    let mut often = 1;
    if repeats == Repeats::Freely {
        // The first rounds fill caches and buffers; they also tell how many make a run.
        while time(|| measured(&mut round, often)).0 < least {
            often *= 2;
        }
    }
    let mut rates = Vec::new();
    let mut allocations = 0.0;
    for run in 0..runs {
        if run > 0 && repeats == Repeats::Anew {
            round = make(count);
        }
        let before = allocations_so_far();
        let (took, inputs) = time(|| measured(&mut round, often));
        allocations = (allocations_so_far() - before) as f64 / inputs as f64;
        rates.push(inputs as f64 / took.as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    Measured { rates, allocations }
}

fn time<T>(what: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let result = what();
    (began.elapsed(), result)
}

fn allocations_so_far() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}

/// What is measured, and nothing else: valgrind counts what happens below this function.
#[inline(never)]
fn measured(round: &mut Round, often: u64) -> u64 {
    (0..often).map(|_| round()).sum()
}

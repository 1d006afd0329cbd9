//! `cargo xtask sim`: many seeds, one seed, or the canaries.

use crate::canary;
use crate::check::Invariant;
use crate::run::{Failure, Numbers, run_safely};
use crate::shrink;
use crate::trace::Trace;
use crate::workload;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

const USAGE: &str = "\
Runs the production core in virtual time, against faults, a naive model and the invariants.

Usage: cargo xtask sim [--seeds N] [--from SEED] [--hours H]
       cargo xtask sim --seed SEED [--hours H]
       cargo xtask sim --canary [NAME]

Options:
  --seeds N       run N worlds, each from a seed of its own (default 100)
  --from SEED     the first seed (default 1)
  --hours H       the virtual time of each world, unless it drains before (default 1)
  --seed SEED     run one world and print every step
  --canary        break the core on purpose, and fail unless each bug is noticed
  --help          print this text

A failing seed prints the invariant it breaks, the smallest world found that still breaks it, the
trace of that world, and the command that runs it again.
";

/// No step of a world takes this long; a world that does hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// What was asked for.
#[derive(Debug)]
struct Options {
    seeds: u64,
    from: u64,
    hours: u64,
    seed: Option<u64>,
    canary: bool,
    only: Option<String>,
    help: bool,
}

/// Runs `cargo xtask sim`.
pub fn command(args: &[String]) -> ExitCode {
    let options = match parse(args) {
        Ok(options) => options,
        Err(what) => {
            eprintln!("error: {what}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if options.help {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    // A panic is a finding like any other, and is told with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    let passed = match options.seed {
        _ if options.canary => canaries(options.only.as_deref()),
        Some(seed) => one(seed, options.hours),
        None => many(&options),
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse(args: &[String]) -> Result<Options, String> {
    let mut options = Options {
        seeds: 100,
        from: 1,
        hours: 1,
        seed: None,
        canary: false,
        only: None,
        help: false,
    };
    let mut args = args.iter().peekable();
    while let Some(arg) = args.next() {
        let mut number = || {
            let value = args.next().ok_or_else(|| format!("{arg} needs a number"))?;
            value.parse::<u64>().map_err(|_| format!("{arg} needs a number, but got `{value}`"))
        };
        match arg.as_str() {
            "--seeds" => options.seeds = number()?,
            "--from" => options.from = number()?,
            "--hours" => options.hours = number()?,
            "--seed" => options.seed = Some(number()?),
            "--canary" => {
                options.canary = true;
                options.only = args.next_if(|next| !next.starts_with("--")).cloned();
            }
            "--help" | "-h" => options.help = true,
            other => return Err(format!("there is no option `{other}`")),
        }
    }
    Ok(options)
}

fn span(hours: u64) -> Duration {
    Duration::from_secs(hours.saturating_mul(3_600))
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// Runs many worlds, as many at a time as there are cores.
fn many(options: &Options) -> bool {
    let began = clock();
    let (from, until) = (options.from, options.from.saturating_add(options.seeds));
    let next = AtomicU64::new(from);
    let busy: Vec<AtomicU64> = (0..workers()).map(|_| AtomicU64::new(0)).collect();
    let (results, inbox) = mpsc::channel::<(u64, Result<Numbers, Failure>)>();
    let mut total = Numbers::default();
    let mut failures = BTreeMap::new();
    std::thread::scope(|scope| {
        for mine in &busy {
            let (results, next, hours) = (results.clone(), &next, options.hours);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    mine.store(seed, Ordering::Relaxed);
                    let scenario = (seed < until).then(|| workload::scenario(seed, span(hours)));
                    let Some(scenario) = scenario else { break };
                    if results.send((seed, run_safely(&scenario, None, None))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(results);
        loop {
            match inbox.recv_timeout(PATIENCE) {
                Ok((_, Ok(numbers))) => total.add(&numbers),
                Ok((seed, Err(failure))) => _ = failures.insert(seed, failure),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let seeds: Vec<u64> =
                        busy.iter().map(|seed| seed.load(Ordering::Relaxed)).collect();
                    eprintln!("error: no world has ended for {PATIENCE:?}: one of {seeds:?} hangs");
                }
            }
        }
    });
    let wall = clock().duration_since(began).as_secs_f64();
    for (seed, failure) in failures.iter().take(5) {
        tell(*seed, options.hours, failure);
    }
    println!(
        "{} seeds: {} steps, {} starts, {} exits, {:.1} virtual hours, {} restores compared, {wall:.1} s",
        options.seeds,
        total.steps,
        total.starts,
        total.exits,
        total.virtual_time.as_secs_f64() / 3_600.0,
        total.restores,
    );
    if !failures.is_empty() {
        let seeds: Vec<u64> = failures.keys().copied().collect();
        println!("{} failed: {seeds:?}", seeds.len());
    }
    failures.is_empty()
}

#[expect(clippy::disallowed_methods, reason = "it only says how long the simulation took")]
fn clock() -> std::time::Instant {
    std::time::Instant::now()
}

/// Tells everything about one failing seed.
fn tell(seed: u64, hours: u64, failure: &Failure) {
    let scenario = workload::scenario(seed, span(hours));
    println!("seed {seed} breaks {} (step {}, at {})", failure.broken, failure.step, failure.at);
    let small = shrink::shrink(&scenario, failure.broken.invariant);
    println!("\nThe smallest world that breaks it:\n{}", describe(&small));
    let mut trace = Trace::default();
    let result = run_safely(&small, None, Some(&mut trace));
    for line in trace.lines() {
        println!("{line}");
    }
    if let Err(failure) = result {
        println!("breaks {}", failure.broken);
    }
    println!("\nrun it again: cargo xtask sim --seed {seed} --hours {hours}\n");
}

/// Runs one world and prints every step.
fn one(seed: u64, hours: u64) -> bool {
    let scenario = workload::scenario(seed, span(hours));
    println!("{}", describe(&scenario));
    let mut trace = Trace::default();
    let result = run_safely(&scenario, None, Some(&mut trace));
    for line in trace.lines() {
        println!("{line}");
    }
    match result {
        Ok(numbers) => {
            println!(
                "seed {seed} holds: {} steps, {} starts, {} exits, trace {:016x}",
                numbers.steps, numbers.starts, numbers.exits, numbers.hash
            );
            true
        }
        Err(failure) => {
            tell(seed, hours, &failure);
            false
        }
    }
}

/// Says what a scenario is made of.
fn describe(scenario: &crate::scenario::Scenario) -> String {
    let mut text = crate::trace::tree(scenario);
    for line in &scenario.script {
        text.push_str(&crate::trace::line(line));
    }
    text
}

/// Lets every canary fly.
fn canaries(only: Option<&str>) -> bool {
    let began = clock();
    let all: Vec<canary::Canary> = canary::all()
        .into_iter()
        .filter(|canary| only.is_none_or(|only| canary.name.contains(only)))
        .collect();
    let next = AtomicU64::new(0);
    let (results, inbox) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..workers() {
            let (results, next, all) = (results.clone(), &next, &all);
            scope.spawn(move || {
                while let Some(index) = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).ok()
                    && let Some(canary) = all.get(index)
                    && results.send((index, canary.fly())).is_ok()
                {}
            });
        }
    });
    drop(results);
    let caught: BTreeMap<usize, _> = inbox.iter().collect();
    let mut missed = 0;
    let mut proven: BTreeMap<Invariant, u32> = BTreeMap::new();
    for (index, canary) in all.iter().enumerate() {
        let invariant = canary.against.name();
        match caught.get(&index).and_then(Option::as_ref) {
            Some(found) => {
                *proven.entry(canary.against).or_default() += 1;
                println!("{:<50} caught seed={} by \"{invariant}\"", canary.name, found.seed);
            }
            None => {
                missed += 1;
                println!("{:<50} MISSED by \"{invariant}\"", canary.name);
            }
        }
    }
    let mut weak = 0;
    for invariant in Invariant::ALL.iter().filter(|_| only.is_none()) {
        let times = proven.get(invariant).copied().unwrap_or(0);
        if times < 2 {
            weak += 1;
            println!("\"{}\" has noticed {times} bugs; it takes two", invariant.name());
        }
    }
    let wall = clock().duration_since(began).as_secs_f64();
    println!("{} canaries, {missed} missed, {wall:.1} s", all.len());
    missed == 0 && weak == 0
}

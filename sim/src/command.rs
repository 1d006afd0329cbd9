//! `cargo xtask sim`.

use crate::run::{Failure, Numbers, run_safely};
use crate::trace::Trace;
use crate::workload;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// Runs `cargo xtask sim`.
pub fn command(args: &[String]) -> ExitCode {
    let n = |name: &str| {
        args.iter()
            .position(|a| a == name)
            .and_then(|i| args.get(i + 1))
            .and_then(|v| v.parse::<u64>().ok())
    };
    let hours = n("--hours").unwrap_or(1);
    let span = Duration::from_secs(3600 * hours);
    std::panic::set_hook(Box::new(|_| {}));
    if let Some(seed) = n("--seed") {
        let mut trace = Trace::default();
        let scenario = workload::scenario(seed, span);
        println!("{:#?}", scenario.draft);
        let result = run_safely(&scenario, None, Some(&mut trace));
        for line in trace.lines() {
            println!("{line}");
        }
        match result {
            Ok(n) => println!("{n:?}"),
            Err(f) => {
                println!("step {} at {}: {}", f.step, f.at, f.broken);
                return ExitCode::FAILURE;
            }
        }
        return ExitCode::SUCCESS;
    }
    let from = n("--from").unwrap_or(1);
    let seeds = n("--seeds").unwrap_or(20);
    let next = AtomicU64::new(from);
    let (tx, rx) = mpsc::channel::<(u64, Result<Numbers, Failure>)>();
    let mut failed = std::collections::BTreeMap::new();
    let mut total = Numbers::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let tx = tx.clone();
            let next = &next;
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + seeds {
                        break;
                    }
                    let scenario = workload::scenario(seed, span);
                    if tx.send((seed, run_safely(&scenario, None, None))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(tx);
        for (seed, result) in rx {
            match result {
                Ok(n) => {
                    total.steps += n.steps;
                    total.starts += n.starts;
                    total.exits += n.exits;
                    total.virtual_time += n.virtual_time;
                    total.restores += n.restores;
                }
                Err(f) => {
                    failed.insert(seed, f);
                }
            }
        }
    });
    for (seed, f) in &failed {
        println!("seed {seed} step {} at {}: {}", f.step, f.at, f.broken);
    }
    println!("{} failed; {total:?}", failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

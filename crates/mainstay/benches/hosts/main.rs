//! Hosts beside the least one can do: a socket between two processes, and a loop that starts again what died.
//!
//! `cargo bench -p mainstay --features process --bench hosts [-- CASE...]`. Each case is run by each contestant in turn,
//! several rounds of it, so that what else happens on the machine happens to all of them; the best round counts. This
//! program is also what runs at the other end: as a host, and as the raw end of a socket.

mod calls;
mod far;
mod heartbeat;
mod hosted;
mod raw;
mod recorder;
mod restart;
mod table;

use std::error::Error;
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};

/// Whatever goes wrong ends the benchmark.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// How many threads serve the parent's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Threads {
    One,
    Two,
}

impl Threads {
    fn runtime(self) -> Outcome<Runtime> {
        let mut builder = match self {
            Self::One => Builder::new_current_thread(),
            Self::Two => Builder::new_multi_thread(),
        };
        Ok(builder.worker_threads(2).enable_all().build()?)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::One => "one thread",
            Self::Two => "two threads",
        }
    }
}

type Case = (&'static str, fn() -> Outcome);

const CASES: [Case; 6] = [
    ("round-trip", calls::round_trip),
    ("throughput", calls::throughput),
    ("stream", calls::stream),
    ("restart", restart::restart),
    ("heartbeat", heartbeat::heartbeat),
    ("recorder", recorder::recorder),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match far::role(&words) {
        Some(role) => role.play(),
        None => measure(&words),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(words: &[String]) -> Outcome {
    let names: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    for (name, case) in CASES {
        if names.is_empty() || names.iter().any(|wanted| name.contains(wanted.as_str())) {
            case()?;
        }
    }
    Ok(())
}

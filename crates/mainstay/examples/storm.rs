//! A hundred thousand tasks fail together, and all are running again a moment later.
//!
//! ```text
//! cargo run --release -p mainstay --example storm
//! cargo run --release -p mainstay --example storm -- --time
//! ```
//!
//! Each is a child of its own with the default policy: its delay is half a second, spread by jitter so
//! that they do not all come back in one instant. With `--time` it says how long each step really took.

use mainstay::{BoxError, Context, child, tree};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::sleep;

/// How many tasks there are.
const MANY: usize = 100_000;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    let mut step =
        Step { timed: std::env::args().any(|arg| arg == "--time"), since: Instant::now() };
    let (storm, calm) = watch::channel(false);
    let ship = child("ship").state(calm).task(sail);
    // By default 30 restarts a minute are enough for a supervisor to give up.
    let owner = tree().seed(6).unlimited_children().replicas(MANY, &ship).start()?;
    let handle = owner.handle();
    owner.ready().await.map_err(|report| report.to_string())?;
    step.done(&format!("{} ships sail", handle.health().fine));

    storm.send(true)?;
    let failed = || handle.counts().exits.get("failed").copied().unwrap_or(0);
    wait_until(|| failed() == MANY as u64).await;
    step.done(&format!("the storm sinks {} of them", failed()));

    wait_until(|| handle.health().fine == MANY as u32).await;
    let restarts = handle.counts().decisions["restart"];
    step.done(&format!("{restarts} restarts later {} sail", handle.health().fine));

    let report = owner.drain("the harbour is reached").await;
    let moored = report.lines.iter().filter(|line| !line.forced).count();
    step.done(&format!("{moored} moor by themselves, {} have to be towed", MANY - moored));
    Ok(())
}

/// Looks every tenth of a second: what is waited for concerns no single child, so none can be watched.
async fn wait_until(holds: impl Fn() -> bool) {
    while !holds() {
        sleep(Duration::from_millis(100)).await;
    }
}

/// Sails until the storm sinks it; whoever sails again is careful.
async fn sail(mut calm: watch::Receiver<bool>, cx: Context) -> Result<(), BoxError> {
    if cx.is_first() {
        calm.wait_for(|storms| *storms).await?;
        return Err("sunk".into());
    }
    cx.stopped().await;
    Ok(())
}

/// Prints the steps.
struct Step {
    timed: bool,
    since: Instant,
}

impl Step {
    fn done(&mut self, text: &str) {
        let took = self.since.elapsed();
        self.since = Instant::now();
        if self.timed { println!("{text}  ({took:.0?})") } else { println!("{text}") }
    }
}

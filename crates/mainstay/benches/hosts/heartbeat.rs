//! What it costs that hosts give signs of life while nothing else happens.

use super::far::CPU;
use super::hosted::Hosts;
use super::{Outcome, Threads};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

const HOSTS: usize = 20;
const LONG: Duration = Duration::from_secs(12);

/// What was counted of one side.
#[derive(Clone, Copy, Default)]
struct Count {
    cpu: Duration,
    wakeups: u64,
}

impl Count {
    fn since(self, before: Self) -> Self {
        Self { cpu: self.cpu - before.cpu, wakeups: self.wakeups - before.wakeups }
    }
}

/// CPU time and wake-ups of a host in each second, on both sides, with heartbeats and without.
pub(crate) fn heartbeat() -> Outcome {
    println!("\n{HOSTS} idle hosts for {LONG:?}: a host in one second\n");
    println!("| heartbeat | side | CPU time | wake-ups |\n| --- | --- | ---: | ---: |");
    for every in [None, Some(Duration::from_secs(2))] {
        let (parent, hosts) = Threads::One.runtime()?.block_on(idle(every))?;
        let name = every.map_or_else(|| "none".into(), |every| format!("{every:?}"));
        for (side, count) in [("parent", parent), ("host", hosts)] {
            let seconds = LONG.as_secs_f64() * HOSTS as f64;
            let (cpu, wakeups) =
                (count.cpu.as_secs_f64() * 1e6 / seconds, count.wakeups as f64 / seconds);
            println!("| {name} | {side} | {cpu:.1} us | {wakeups:.2} |");
        }
    }
    Ok(())
}

/// Returns what this process took meanwhile, and what its hosts took together.
async fn idle(every: Option<Duration>) -> Outcome<(Count, Count)> {
    let hosts = Hosts::start(HOSTS, |child| match every {
        Some(every) => child.heartbeat(every, 3),
        None => child,
    })?;
    let clients = hosts.clients().await?;
    let look = async || -> Outcome<Count> {
        let mut all = Count::default();
        for client in &clients {
            let cpu = String::from_utf8(client.call(&CPU.to_vec()).await?)?;
            all.cpu += Duration::from_nanos(cpu.parse()?);
            let pid = String::from_utf8(client.call(&super::far::PID.to_vec()).await?)?;
            all.wakeups += wakeups(&pid)?;
        }
        Ok(all)
    };
    let (theirs, ours) = (look().await?, Count { cpu: cpu(), wakeups: wakeups("self")? });
    tokio::time::sleep(LONG).await;
    let after = Count { cpu: cpu(), wakeups: wakeups("self")? };
    // That it is asked is counted as well, once for each host.
    let counted = (after.since(ours), look().await?.since(theirs));
    hosts.end().await?;
    Ok(counted)
}

/// Returns how much CPU time this process has taken.
pub(crate) fn cpu() -> Duration {
    let taken = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(taken.tv_sec), u32::try_from(taken.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}

/// Returns how often the threads of a process have waited and been woken.
fn wakeups(pid: &str) -> Outcome<u64> {
    let mut all = 0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = std::fs::read_to_string(thread?.path().join("status"))?;
        let waits = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        all += waits.map_or(Ok(0), |waits| waits.trim().parse::<u64>())?;
    }
    Ok(all)
}

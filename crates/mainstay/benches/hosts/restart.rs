//! From the kill of a host to the first answer of its next run.

use super::far::PID;
use super::hosted::one;
use super::raw::Far;
use super::table::{Contestant, compare};
use super::{Outcome, Threads};
use mainstay::host::Availability;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
const KILLS: usize = 60;

/// Killed, begun again, and asked: the median of one round.
pub(crate) fn restart() -> Outcome {
    let mut contestants = vec![Contestant::new("bare loop", 0, || Ok(median(bare()?)))];
    for threads in [Threads::One, Threads::Two] {
        contestants.push(Contestant::new(format!("host, {}", threads.name()), 0, move || {
            let runtime = threads.runtime()?;
            Ok(median(runtime.block_on(runtime.spawn(hosted()))??))
        }));
    }
    compare("kill to the first answer of the next run", "ms (median)", ROUNDS, contestants)
}

fn median(mut samples: Vec<Duration>) -> f64 {
    samples.sort_unstable();
    samples.get(samples.len() / 2).map_or(f64::NAN, |middle| middle.as_secs_f64() * 1e3)
}

/// Kill, wait, fork and exec, ask.
fn bare() -> Outcome<Vec<Duration>> {
    let mut far = Far::start("echo", 32)?;
    let (message, mut answer) = ([7; 32], [0; 32]);
    far.socket.write_all(&message)?;
    far.socket.read_exact(&mut answer)?;
    let mut samples = Vec::new();
    for _ in 0..KILLS {
        let began = Instant::now();
        far.kill()?;
        far = Far::start("echo", 32)?;
        far.socket.write_all(&message)?;
        far.socket.read_exact(&mut answer)?;
        samples.push(began.elapsed());
    }
    Ok(samples)
}

async fn hosted() -> Outcome<Vec<Duration>> {
    let (hosts, mut client) = one().await?;
    let hosted = hosts.hosted.first().cloned().ok_or("there is one")?;
    let message = vec![7; 32];
    let mut samples = Vec::new();
    for _ in 0..KILLS {
        let pid = String::from_utf8(client.call(&PID.to_vec()).await?)?;
        let pid = Pid::from_raw(pid.parse()?).ok_or("no process has this number")?;
        let mut changes = hosted.subscribe();
        let began = Instant::now();
        kill_process(pid, Signal::KILL)?;
        client = loop {
            match changes.next().await {
                Some(Availability::Available(next)) if next.run() > client.run() => break next,
                Some(Availability::Unavailable(why)) if why.run.is_none() && why.next.is_none() => {
                    return Err(format!("it is not started again: {why}").into());
                }
                Some(_) => {}
                None => return Err("the tree has ended".into()),
            }
        };
        client.call(&message).await?;
        samples.push(began.elapsed());
    }
    hosts.end().await?;
    Ok(samples)
}

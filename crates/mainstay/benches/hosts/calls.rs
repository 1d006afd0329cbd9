//! Calls and streams against messages over a raw socket.

use super::far::Bytes;
use super::hosted::one;
use super::raw::Far;
use super::table::{Contestant, compare};
use super::{Outcome, Threads};
use mainstay::host::Client;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many bytes an item of a stream has.
pub(crate) const ITEM: usize = 32;
/// What a frame has around each message: a raw one has to be as long.
const HEAD: usize = mainstay_host::protocol::Head::LENGTH;

const ROUNDS: usize = 7;
const SMALL: usize = 32;
const TRIPS: usize = 10_000;
const ITEMS: u32 = 100_000;

/// A small request and its answer, one after the other.
pub(crate) fn round_trip() -> Outcome {
    exchange("round trip of 32 bytes", SMALL, 1, TRIPS)
}

/// Larger messages, one at a time and many.
pub(crate) fn throughput() -> Outcome {
    for (size, name) in [(1 << 10, "1 KiB"), (64 << 10, "64 KiB")] {
        for under_way in [1, 64] {
            let case = format!("messages of {name} there and back, {under_way} under way");
            exchange(&case, size, under_way, if size > 1 << 12 { 2_000 } else { 12_800 })?;
        }
    }
    Ok(())
}

fn exchange(case: &str, size: usize, under_way: usize, count: usize) -> Outcome {
    let blocking = Far::start("echo", size)?;
    let mut contestants = vec![Contestant::new("raw, blocking", 0, move || {
        let took = match under_way {
            1 => ping_pong(&blocking, size, count)?,
            _ => pipelined(&blocking, size, count, under_way)?,
        };
        Ok(each(took, count))
    })];
    for threads in [Threads::One, Threads::Two] {
        let reference = contestants.len();
        let who = format!("raw, tokio, {}", threads.name());
        contestants.push(Contestant::new(who, 0, move || {
            let round = raw_round(size, count, under_way);
            let took = on(threads, round)?;
            Ok(each(took, count))
        }));
        let who = format!("host, {}", threads.name());
        contestants.push(Contestant::new(who, reference, move || {
            let took = on(threads, host_round(size, count, under_way))?;
            Ok(each(took, count))
        }));
    }
    compare(case, "us each", ROUNDS, contestants)
}

/// Runs it on a thread of a runtime of its own, where the tasks of the parent's side run as well.
fn on<T: Send + 'static>(
    threads: Threads,
    round: impl Future<Output = Outcome<T>> + Send + 'static,
) -> Outcome<T> {
    let runtime = threads.runtime()?;
    runtime.block_on(runtime.spawn(round))?
}

fn each(took: Duration, count: usize) -> f64 {
    took.as_secs_f64() * 1e6 / count as f64
}

fn ping_pong(far: &Far, size: usize, count: usize) -> Outcome<Duration> {
    let (message, mut answer) = (vec![7; size], vec![0; size]);
    let began = Instant::now();
    for _ in 0..count {
        (&far.socket).write_all(&message)?;
        (&far.socket).read_exact(&mut answer)?;
    }
    Ok(began.elapsed())
}

/// Many under way: one thread writes as far ahead as is allowed, the other reads.
fn pipelined(far: &Far, size: usize, count: usize, under_way: usize) -> Outcome<Duration> {
    let (ahead, come) = sync_channel(under_way - 1);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let writing = scope.spawn(move || -> Outcome {
            let message = vec![7; size];
            for _ in 0..count {
                ahead.send(())?;
                (&far.socket).write_all(&message)?;
            }
            Ok(())
        });
        let mut answer = vec![0; size];
        for _ in 0..count {
            come.recv()?;
            (&far.socket).read_exact(&mut answer)?;
        }
        writing.join().map_err(|_| "the writing thread panicked")?
    })?;
    Ok(began.elapsed())
}

async fn raw_round(size: usize, count: usize, under_way: usize) -> Outcome<Duration> {
    let far = Far::start("echo", size)?;
    let mut socket = far.registered()?;
    let (message, mut answer) = (vec![7; size], vec![0; size]);
    // The first answer says that the other end is up.
    socket.write_all(&message).await?;
    socket.read_exact(&mut answer).await?;
    let began = Instant::now();
    if under_way == 1 {
        for _ in 0..count {
            socket.write_all(&message).await?;
            socket.read_exact(&mut answer).await?;
        }
        return Ok(began.elapsed());
    }
    let (mut reading, mut writing) = socket.into_split();
    let places = Arc::new(Semaphore::new(under_way));
    let mut tasks = JoinSet::new();
    let taken = Arc::clone(&places);
    tasks.spawn(async move {
        for _ in 0..count {
            taken.acquire().await?.forget();
            writing.write_all(&message).await?;
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(writing)
    });
    for _ in 0..count {
        reading.read_exact(&mut answer).await?;
        places.add_permits(1);
    }
    let took = began.elapsed();
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(took)
}

async fn host_round(size: usize, count: usize, under_way: usize) -> Outcome<Duration> {
    let (hosts, client) = one().await?;
    client.call(&vec![7; size]).await?;
    let began = Instant::now();
    if under_way == 1 {
        calls(&client, size, count).await?;
    } else {
        let mut tasks = JoinSet::new();
        for _ in 0..under_way {
            let client = client.clone();
            tasks.spawn(async move { calls(&client, size, count / under_way).await });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
    }
    let took = began.elapsed();
    hosts.end().await?;
    Ok(took)
}

async fn calls(client: &Client<Bytes>, size: usize, count: usize) -> Outcome {
    let message = vec![7; size];
    for _ in 0..count {
        client.call(&message).await?;
    }
    Ok(())
}

/// Items of 32 bytes, as fast as they are read.
pub(crate) fn stream() -> Outcome {
    let mut contestants = Vec::new();
    for threads in [Threads::One, Threads::Two] {
        let reference = contestants.len();
        let who = format!("raw, tokio, {}", threads.name());
        contestants.push(Contestant::new(who, reference, move || {
            Ok(each(on(threads, raw_stream())?, ITEMS as usize))
        }));
        let who = format!("host, {}", threads.name());
        contestants.push(Contestant::new(who, reference, move || {
            Ok(each(on(threads, host_stream())?, ITEMS as usize))
        }));
    }
    compare("a stream of items of 32 bytes", "us each", ROUNDS, contestants)
}

async fn raw_stream() -> Outcome<Duration> {
    let far = Far::start("items", HEAD + ITEM)?;
    let mut socket = BufReader::with_capacity(64 << 10, far.registered()?);
    let mut item = [0; HEAD + ITEM];
    socket.write_all(&1_u32.to_le_bytes()).await?;
    socket.read_exact(&mut item).await?;
    let began = Instant::now();
    socket.write_all(&ITEMS.to_le_bytes()).await?;
    for _ in 0..ITEMS {
        socket.read_exact(&mut item).await?;
    }
    Ok(began.elapsed())
}

async fn host_stream() -> Outcome<Duration> {
    let (hosts, client) = one().await?;
    client.call(&vec![7; ITEM]).await?;
    let began = Instant::now();
    let mut items = client.stream(&ITEMS.to_string().into_bytes())?;
    let mut come = 0;
    while let Some(item) = items.next().await {
        come += usize::from(item?.len() == ITEM);
    }
    let took = began.elapsed();
    if come != ITEMS as usize {
        return Err(format!("{come} items came of {ITEMS}").into());
    }
    drop(items);
    hosts.end().await?;
    Ok(took)
}

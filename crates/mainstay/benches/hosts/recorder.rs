//! The flight recorder: what a note costs the host, and what reading a full ring costs its parent.

use super::far::NOTES;
use super::hosted::one;
use super::table::{Contestant, compare};
use super::{Outcome, Threads};
use mainstay_host::ring::{self, Entry, Mark, Writer};
use std::fmt::Write;
use std::hint::black_box;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
const COUNT: u64 = 1_000_000;

/// Notes in a host, beside making the same text and reading the clock; then the reading of a ring.
pub(crate) fn recorder() -> Outcome {
    let contestants = vec![
        Contestant::new("the same text and the clock", 0, || Ok(by_hand())),
        Contestant::new("note", 0, || Threads::One.runtime()?.block_on(noted())),
    ];
    compare("a note in the flight recorder", "ns each", ROUNDS, contestants)?;
    let bytes = full();
    let copied = vec![
        Contestant::new("copy of its bytes", 0, || {
            Ok(best(|| drop(black_box(black_box(&bytes).clone()))))
        }),
        Contestant::new("read", 0, || Ok(best(|| drop(black_box(ring::read(black_box(&bytes))))))),
    ];
    compare("reading a full ring of 1 024 operations", "us", ROUNDS, copied)
}

fn by_hand() -> f64 {
    let mut text = String::with_capacity(ring::TEXT);
    let began = Instant::now();
    for note in 0..COUNT {
        text.clear();
        // A string takes any text.
        _ = write!(text, "moves axis {} to {note}", note % 8);
        black_box((&text, Instant::now()));
    }
    began.elapsed().as_nanos() as f64 / COUNT as f64
}

async fn noted() -> Outcome<f64> {
    let (hosts, client) = one().await?;
    let request = [NOTES, COUNT.to_string().as_bytes()].concat();
    let took: f64 = String::from_utf8(client.call(&request).await?)?.parse()?;
    hosts.end().await?;
    Ok(took / COUNT as f64)
}

/// Returns the bytes of a ring in which every place is taken.
fn full() -> Vec<u8> {
    let head = ring::head(ring::CAPACITY);
    let mut bytes = vec![0; ring::size(ring::CAPACITY)];
    bytes[..head.len()].copy_from_slice(&head);
    let words: Vec<AtomicU64> = bytes
        .chunks_exact(8)
        .filter_map(|word| word.first_chunk().map(|word| AtomicU64::new(u64::from_ne_bytes(*word))))
        .collect();
    if let Some(writer) = Writer::new(&words) {
        for call in 0..ring::CAPACITY as u64 {
            let at = Duration::from_micros(call);
            writer.note(Entry {
                at,
                call,
                thread: 1,
                mark: Mark::Note,
                text: "moves axis 3 to 42",
            });
        }
    }
    words
        .iter()
        .flat_map(|word| word.load(std::sync::atomic::Ordering::Relaxed).to_ne_bytes())
        .collect()
}

/// Returns the best of many, in microseconds.
fn best(mut once: impl FnMut()) -> f64 {
    let times = (0..200).map(|_| {
        let began = Instant::now();
        once();
        began.elapsed().as_secs_f64() * 1e6
    });
    times.fold(f64::INFINITY, f64::min)
}

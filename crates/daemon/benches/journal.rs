//! What the journal costs, beside a loop that writes and syncs by hand on the same disk in the same run.
//!
//! `cargo bench -p mainstay-daemon --bench journal`. The folder for the files is taken from `JOURNAL_BENCH_FOLDER`,
//! and is the system's for temporary files otherwise: what counts is the disk that it stands on.

#![expect(clippy::unwrap_used, reason = "a measurement that fails has no result")]

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use mainstay_daemon::journal::{Journal, Outcome, Settings, When};

/// As long as an input or an event is on average, and what a frame adds to it.
const PAYLOAD: usize = 400;
const FRAME: usize = PAYLOAD + 25;

/// Each figure is the best of so many: what the machine does beside it only ever adds.
const ROUNDS: usize = 3;

const MILLION: u64 = 1_000_000;

fn main() {
    let folder = std::env::var_os("JOURNAL_BENCH_FOLDER");
    let folder = folder.map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(folder).unwrap();
    let next = || tempfile::tempdir_in(folder.path()).unwrap().keep();
    println!("| what | journal, a second | by hand | ratio | CPU us each | by hand |");
    println!("|---|---|---|---|---|---|");
    for appenders in [1, 10, 100] {
        let each = 2000 / appenders.min(10);
        let journal = best(|| durable(&next(), appenders, each));
        let hand = best(|| by_hand(&next(), appenders, each));
        row(&format!("{appenders} wait for the disk"), &journal, &hand);
    }
    row("nobody waits", &best(|| nobody(&next())), &best(|| bare(&next())));
    println!("\n| a million records | seconds | of the processor |\n|---|---|---|");
    let records = next();
    fill(&records, None);
    span("opened and read", || read(&records, MILLION));
    let covered = next();
    fill(&covered, Some(MILLION - 1000));
    span("with a snapshot 1 000 records ago", || read(&covered, 1000));
}

/// Records in a second, and the processor's time for each in microseconds, which a busy machine changes less.
struct Cost {
    rate: f64,
    cpu: f64,
}

/// What is being measured.
struct Meter {
    began: Instant,
    cpu: Duration,
}

impl Meter {
    fn begin() -> Self {
        Self { began: Instant::now(), cpu: cpu() }
    }

    fn end(&self) -> [Duration; 2] {
        [self.began.elapsed(), cpu() - self.cpu]
    }

    fn cost(&self, count: u64) -> Cost {
        let [took, cpu] = self.end().map(|span| span.as_secs_f64());
        Cost { rate: count as f64 / took, cpu: cpu * 1e6 / count as f64 }
    }
}

/// Returns the processor's time that this process has had.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap()
}

fn row(what: &str, journal: &Cost, hand: &Cost) {
    let ratio = journal.rate / hand.rate;
    let (rates, cpus) = ([journal.rate, hand.rate], [journal.cpu, hand.cpu]);
    println!(
        "| {what} | {:.0} | {:.0} | {ratio:.2} | {:.2} | {:.2} |",
        rates[0], rates[1], cpus[0], cpus[1]
    );
}

fn best(mut measure: impl FnMut() -> Cost) -> Cost {
    let first = measure();
    (1..ROUNDS).map(|_| measure()).fold(first, |best, cost| Cost {
        rate: best.rate.max(cost.rate),
        cpu: best.cpu.min(cost.cpu),
    })
}

fn span(what: &str, mut measure: impl FnMut() -> [Duration; 2]) {
    let measured: Vec<_> = (0..ROUNDS).map(|_| measure()).collect();
    let least = |which: usize| measured.iter().map(|spans| spans[which]).min().unwrap();
    println!("| {what} | {:.3} | {:.3} |", least(0).as_secs_f64(), least(1).as_secs_f64());
}

/// Many append, and each waits until its record is on the disk before it goes on.
fn durable(folder: &Path, appenders: u64, each: u64) -> Cost {
    let (journal, _) = Journal::open(folder, Settings::default()).unwrap();
    let meter = Meter::begin();
    thread::scope(|scope| {
        for _ in 0..appenders {
            scope.spawn(|| {
                for _ in 0..each {
                    wait(&journal, journal.append(&[b'x'; PAYLOAD]), When::Durable);
                }
            });
        }
    });
    meter.cost(appenders * each)
}

/// The same by hand, for one after the other: one write of everything that came together, one sync.
fn by_hand(folder: &Path, together: u64, rounds: u64) -> Cost {
    let mut file = File::create(folder.join("file")).unwrap();
    let bytes = vec![b'x'; FRAME * together as usize];
    let meter = Meter::begin();
    for _ in 0..rounds {
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
    }
    meter.cost(together * rounds)
}

/// One appends as fast as it can and waits for the disk at the end.
fn nobody(folder: &Path) -> Cost {
    let (journal, _) = Journal::open(folder, Settings::default()).unwrap();
    let meter = Meter::begin();
    append(&journal, MILLION / 2);
    let state = journal.close();
    assert_eq!((state.lost, state.durable), (0, MILLION / 2));
    meter.cost(state.last)
}

/// The same by hand, in writes of 64 KiB and one sync.
fn bare(folder: &Path) -> Cost {
    let mut file = File::create(folder.join("file")).unwrap();
    let together = 64 * 1024 / FRAME;
    let bytes = vec![b'x'; FRAME * together];
    let rounds = MILLION / 2 / together as u64;
    let meter = Meter::begin();
    for _ in 0..rounds {
        file.write_all(&bytes).unwrap();
    }
    file.sync_data().unwrap();
    meter.cost(rounds * together as u64)
}

/// Appends many, and waits now and then so that the queue has room for them.
fn append(journal: &Journal, count: u64) {
    for seq in 1..=count {
        assert_eq!(journal.append(&[b'x'; PAYLOAD]), seq);
        if seq % 10_000 == 0 {
            wait(journal, seq, When::Written);
        }
    }
}

fn wait(journal: &Journal, seq: u64, when: When) {
    let (tell, told) = sync_channel(1);
    journal.when(seq, when, Box::new(move |outcome| tell.send(outcome).unwrap()));
    assert_eq!(told.recv().unwrap(), Outcome::Kept);
}

/// Makes a journal of a million records, with a snapshot or without.
fn fill(folder: &Path, snapshot: Option<u64>) {
    let mut settings = Settings::default();
    settings.most_bytes = u64::MAX;
    let (journal, _) = Journal::open(folder, settings).unwrap();
    append(&journal, MILLION);
    if let Some(upto) = snapshot {
        journal.snapshot(upto, vec![b'x'; 1 << 20]);
    }
    assert_eq!(journal.close().lost, 0);
}

fn read(folder: &Path, count: u64) -> [Duration; 2] {
    let meter = Meter::begin();
    let (journal, mut found) = Journal::open(folder, Settings::default()).unwrap();
    assert_eq!(found.records.by_ref().count() as u64, count);
    let took = meter.end();
    drop(journal);
    took
}

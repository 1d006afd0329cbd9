//! What is measured, by the time stamps that the children themselves send.

use super::{Begin, Job};
use rustix::fs::{CWD, FileType, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// How many children there are.
    count: usize,
    what: What,
    /// How often each contestant takes its turn.
    pub(crate) rounds: usize,
}

#[derive(Clone, Copy)]
enum What {
    /// One child is killed, so many times; a sample is the time until the first instruction of the next.
    Restart(usize),
    /// From nothing until every child has begun.
    BringUp,
    /// All are killed at once; until every replacement has begun.
    Storm,
    /// From the request until nothing is left.
    StopAll,
    /// Children that fail at once, so many starts in a row; a sample is the mean of one.
    CrashLoop(usize),
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "restart alone", count: 1, what: What::Restart(200), rounds: 5 },
    Scenario { name: "restart among 1000", count: 1_000, what: What::Restart(200), rounds: 5 },
    Scenario { name: "crash loop, each", count: 1, what: What::CrashLoop(1_000), rounds: 5 },
    Scenario { name: "bring-up of 1000", count: 1_000, what: What::BringUp, rounds: 7 },
    Scenario { name: "bring-up of 5000", count: 5_000, what: What::BringUp, rounds: 3 },
    Scenario { name: "storm of 1000", count: 1_000, what: What::Storm, rounds: 7 },
    Scenario { name: "stop of 1000", count: 1_000, what: What::StopAll, rounds: 7 },
];

impl Scenario {
    /// Returns the samples of one turn, in milliseconds.
    pub(crate) fn run(&self, begin: &Begin<'_>, child: &Path) -> Vec<f64> {
        let mut stamps = Stamps::new();
        let fails = matches!(self.what, What::CrashLoop(_));
        let mode = if fails { "exit" } else { "pause" };
        let words = [child.to_owned(), stamps.path.clone(), mode.into()];
        let begun = now();
        let supervisor = begin(&Job { count: self.count, words: &words });
        let mut last = begun;
        let mut pids: Vec<Pid> = Vec::with_capacity(self.count);
        for _ in 0..self.count {
            let (at, pid) = stamps.next();
            last = last.max(at);
            pids.push(pid);
        }
        let samples = match self.what {
            What::Restart(times) => {
                (0..times).map(|round| restart(&mut pids, round, &mut stamps)).collect()
            }
            What::BringUp => vec![since(begun, last)],
            What::Storm => {
                let killed = now();
                for pid in &pids {
                    kill(*pid);
                }
                let last = (0..self.count).map(|_| stamps.next().0).max().unwrap_or(killed);
                vec![since(killed, last)]
            }
            What::StopAll => {
                let asked = now();
                supervisor.stop();
                return vec![since(asked, now())];
            }
            What::CrashLoop(times) => {
                let last = (0..times).map(|_| stamps.next().0).max().unwrap_or(last);
                // Nobody reads any more: those that follow until it is stopped find room in the pipe.
                vec![since(begun, last) / (times + 1) as f64]
            }
        };
        supervisor.stop();
        samples
    }
}

/// Kills a child and returns how long it took until its replacement began.
fn restart(pids: &mut [Pid], round: usize, stamps: &mut Stamps) -> f64 {
    // A stride that meets children from all over.
    let at = (round * 617) % pids.len();
    let killed = now();
    kill(pids[at]);
    let (begun, pid) = stamps.next();
    pids[at] = pid;
    since(killed, begun)
}

fn kill(pid: Pid) {
    kill_process(pid, Signal::KILL).expect("it said that it runs");
}

/// The fifo that children write their first moment and their pid to.
struct Stamps {
    path: PathBuf,
    fifo: File,
}

impl Stamps {
    fn new() -> Self {
        let name = format!("stamps-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_file(&path);
        mknodat(CWD, &path, FileType::Fifo, 0o622.into(), 0).expect("a fifo can be made");
        // It writes as well, so that the fifo does not end with its last child.
        let fifo = File::options().read(true).write(true).open(&path).expect("the fifo opens");
        rustix::pipe::fcntl_setpipe_size(&fifo, 1 << 20).expect("a pipe may be that large");
        Self { path, fifo }
    }

    /// Waits for the next child.
    fn next(&mut self) -> (u64, Pid) {
        let mut stamp = [0; 16];
        self.fifo.read_exact(&mut stamp).expect("the fifo reads");
        let [at, pid] = [0, 8].map(|from| {
            let mut word = [0; 8];
            word.copy_from_slice(&stamp[from..from + 8]);
            u64::from_ne_bytes(word)
        });
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a child writes its pid");
        (at, pid)
    }
}

impl Drop for Stamps {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Returns how long it took, in milliseconds.
fn since(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / 1e6
}

//! What the children do, and the counts that show that they did it.
//!
//! The counts are statics because each case of each system has a process to itself. A child then
//! carries nothing but its number, so that the memory of an idle child is the supervisor's doing.

use crate::meter::Meter;
use std::fmt;
use std::future::{Future, pending};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tokio::sync::Notify;

/// Runs that came to where they stay.
pub(crate) static STAYING: Meter = Meter::new();

/// Runs that were there and are gone, and tasks that did all they had to do.
pub(crate) static ENDED: Meter = Meter::new();

/// How often each child has been run.
static RUNS: OnceLock<Box<[AtomicU32]>> = OnceLock::new();

/// How many runs of a child of [`FailsAtOnce`] fail before one stays.
static FAILURES: AtomicU32 = AtomicU32::new(0);

static STORM: Storm = Storm { broken: AtomicBool::new(false), breaks: Notify::const_new() };

/// The child that ended last, and how many ended after an older sibling.
static LAST_ENDED: AtomicU32 = AtomicU32::new(u32::MAX);
static OUT_OF_ORDER: AtomicU32 = AtomicU32::new(0);
static ORDER_MATTERS: AtomicBool = AtomicBool::new(false);

/// Why a run ended that should be followed by another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the run failed, as it was meant to")
    }
}

impl std::error::Error for Failed {}

/// What a run comes to in its first instructions.
pub(crate) enum Begun {
    Ended(Result<(), Failed>),
    /// It stays for as long as it holds this.
    Stays(Staying),
}

/// One kind of child.
pub(crate) trait Work: Copy + Send + Sync + 'static {
    /// Whether runs of it fail, so that the supervisor has to start others.
    const FAILS: bool;

    /// Whether [`Self::stay`] ever returns: an actor must wait for it beside its mailbox.
    const WAITS: bool = false;

    /// Begins a run of this child and counts it.
    fn begin(child: u32) -> Begun;

    /// Waits for what makes a run fail that stays.
    fn stay(child: u32) -> impl Future<Output = Failed> + Send {
        let _ = child;
        pending()
    }

    /// A whole run, for systems that supervise futures.
    fn run(child: u32) -> impl Future<Output = Result<(), Failed>> + Send {
        async move {
            match Self::begin(child) {
                Begun::Ended(end) => end,
                Begun::Stays(_staying) => Err(Self::stay(child).await),
            }
        }
    }
}

/// Does nothing until it is taken down.
#[derive(Clone, Copy)]
pub(crate) struct Idle;

impl Work for Idle {
    const FAILS: bool = false;

    fn begin(child: u32) -> Begun {
        count_run(child);
        Begun::Stays(Staying::new(child))
    }
}

/// Fails in its first instruction, until it has failed often enough; then it stays.
#[derive(Clone, Copy)]
pub(crate) struct FailsAtOnce;

impl Work for FailsAtOnce {
    const FAILS: bool = true;

    fn begin(child: u32) -> Begun {
        if count_run(child) <= FAILURES.load(Ordering::Relaxed) {
            return Begun::Ended(Err(Failed));
        }
        Begun::Stays(Staying::new(child))
    }
}

/// Stays until the storm breaks, fails together with all others, and stays in its second run.
#[derive(Clone, Copy)]
pub(crate) struct FailsInStorm;

impl Work for FailsInStorm {
    const FAILS: bool = true;
    const WAITS: bool = true;

    fn begin(child: u32) -> Begun {
        count_run(child);
        Begun::Stays(Staying::new(child))
    }

    async fn stay(child: u32) -> Failed {
        if runs_of(child) > 1 {
            pending::<()>().await;
        }
        STORM.wait().await;
        Failed
    }
}

/// Ends well in its first instruction.
#[derive(Clone, Copy)]
pub(crate) struct EndsAtOnce;

impl Work for EndsAtOnce {
    const FAILS: bool = false;

    fn begin(_child: u32) -> Begun {
        ENDED.add();
        Begun::Ended(Ok(()))
    }
}

/// Held by a run for as long as it stays; counts its end when it is dropped, however that happens.
pub(crate) struct Staying {
    child: u32,
}

impl Staying {
    fn new(child: u32) -> Self {
        STAYING.add();
        Self { child }
    }
}

impl Drop for Staying {
    fn drop(&mut self) {
        if ORDER_MATTERS.load(Ordering::Relaxed)
            && LAST_ENDED.swap(self.child, Ordering::AcqRel) <= self.child
        {
            OUT_OF_ORDER.fetch_add(1, Ordering::Relaxed);
        }
        ENDED.add();
    }
}

/// What all children of [`FailsInStorm`] wait for.
struct Storm {
    broken: AtomicBool,
    breaks: Notify,
}

impl Storm {
    async fn wait(&self) {
        let breaks = self.breaks.notified();
        tokio::pin!(breaks);
        // Whoever is not yet in the queue when the storm breaks sees the flag.
        breaks.as_mut().enable();
        if !self.broken.load(Ordering::Acquire) {
            breaks.await;
        }
    }
}

/// Makes room for the counts of so many children, of which each fails so often; comes first.
pub(crate) fn prepare(children: u32, failures: u32) {
    let runs = (0..children).map(|_| AtomicU32::new(0)).collect();
    assert!(RUNS.set(runs).is_ok(), "a process runs one case");
    FAILURES.store(failures, Ordering::SeqCst);
}

/// Has the ends of children checked: each must come after those of all younger siblings.
pub(crate) fn order_matters() {
    ORDER_MATTERS.store(true, Ordering::SeqCst);
}

/// Makes every child of [`FailsInStorm`] fail.
pub(crate) fn break_storm() {
    STORM.broken.store(true, Ordering::Release);
    STORM.breaks.notify_waiters();
}

/// Returns how many runs there were, of all children together.
pub(crate) fn runs() -> u64 {
    RUNS.get()
        .map_or(0, |runs| runs.iter().map(|count| u64::from(count.load(Ordering::Acquire))).sum())
}

/// Panics unless every child has been run exactly so often.
pub(crate) fn assert_runs_of_each(expected: u32) {
    for (child, count) in RUNS.get().into_iter().flatten().enumerate() {
        let runs = count.load(Ordering::Acquire);
        assert_eq!(runs, expected, "child {child} was run {runs} times, not {expected}");
    }
}

/// Panics unless so many runs that stayed have ended, in order where that was asked for.
pub(crate) fn assert_ended(expected: u64) {
    assert_eq!(ENDED.count(), expected, "runs that ended");
    assert_eq!(OUT_OF_ORDER.load(Ordering::Acquire), 0, "children that ended out of order");
}

/// Counts a run of this child and returns which one it is, from 1.
fn count_run(child: u32) -> u32 {
    RUNS.get().map_or(0, |runs| runs[child as usize].fetch_add(1, Ordering::AcqRel) + 1)
}

fn runs_of(child: u32) -> u32 {
    RUNS.get().map_or(0, |runs| runs[child as usize].load(Ordering::Acquire))
}

//! A thread outside of the runtime that notices when the runtime, or one of its threads, stands still.
//!
//! It asks the loop a question now and then and expects an answer within the limit. And it looks at
//! marks that each thread keeps about the run it is polling: one that stays the same names the child
//! that does not give its thread back.

use crate::caught;
use crate::inbox::Notice;
use crate::shared::Shared;
use mainstay_core::{Brief, ChildId, Path, RunId};
use std::cell::OnceCell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How soon a blocked runtime is noticed, and what is done about it beside the event.
///
/// A run within `tokio::task::block_in_place` cannot be told from one that blocks its thread by mistake: work
/// of that kind which takes longer than the limit belongs into a blocking child, or the limit higher.
#[derive(Clone)]
pub struct Watchdog {
    limit: Duration,
    hook: Option<Hook>,
}

type Hook = Arc<dyn Fn(&Blocked) + Send + Sync>;

/// What the watchdog found.
#[derive(Clone, Debug)]
pub struct Blocked {
    /// The runs that have kept a thread of the runtime for so long: usually one, and the culprit.
    pub runs: Vec<(Path, RunId)>,
    /// Whether the loop that drives the tree stands still too: until it turns again, nothing is
    /// restarted and nothing is stopped.
    pub is_stalled: bool,
    /// For how long so far.
    pub lasted: Duration,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lasted = Brief(self.lasted);
        match self.runs.as_slice() {
            [] => write!(f, "the runtime has not turned for {lasted}")?,
            [(path, run), rest @ ..] => {
                write!(f, "{path}{run}")?;
                for (path, run) in rest {
                    write!(f, ", {path}{run}")?;
                }
                write!(f, " kept a thread of the runtime for {lasted} without awaiting")?;
            }
        }
        if self.is_stalled { f.write_str("; the whole runtime stands still") } else { Ok(()) }
    }
}

impl Default for Watchdog {
    /// Five seconds: no await point is that far from the next in code that means to share its thread.
    fn default() -> Self {
        Self::after(Duration::from_secs(5))
    }
}

impl Watchdog {
    /// Notices what lasts longer than this, at the latest a quarter of it later.
    pub const fn after(limit: Duration) -> Self {
        Self { limit, hook: None }
    }

    /// Calls this on the watchdog's own thread, once for each finding: it works however stuck the runtime is.
    #[must_use]
    pub fn on_blocked(mut self, hook: impl Fn(&Blocked) + Send + Sync + 'static) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }
}

impl fmt::Debug for Watchdog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watchdog({:?})", self.limit)
    }
}

/// What one thread is polling. Odd turns are busy.
struct Mark {
    turn: AtomicU64,
    tree: AtomicU64,
    child: AtomicU64,
    run: AtomicU64,
}

static MARKS: Mutex<Vec<Weak<Mark>>> = Mutex::new(Vec::new());

thread_local! {
    static MARK: OnceCell<Arc<Mark>> = const { OnceCell::new() };
}

/// Marks this thread as polling a run, until it is dropped.
pub(crate) struct Busy(());

impl Busy {
    pub(crate) fn with(tree: u64, child: ChildId, run: RunId) -> Self {
        let _ = MARK.try_with(|mark| {
            let mark = mark.get_or_init(register);
            mark.tree.store(tree, Ordering::Relaxed);
            mark.child.store(child.as_u64(), Ordering::Relaxed);
            mark.run.store(run.0, Ordering::Relaxed);
            turn(mark);
        });
        Self(())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = MARK.try_with(|mark| mark.get().map(|mark| turn(mark)));
    }
}

/// Only its own thread writes a mark, so this needs no atomic addition.
fn turn(mark: &Mark) {
    mark.turn.store(mark.turn.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
}

fn register() -> Arc<Mark> {
    let mark = Arc::new(Mark {
        turn: AtomicU64::new(0),
        tree: AtomicU64::new(0),
        child: AtomicU64::new(0),
        run: AtomicU64::new(0),
    });
    let mut marks = MARKS.lock().unwrap_or_else(PoisonError::into_inner);
    marks.retain(|mark| mark.strong_count() > 0);
    marks.push(Arc::downgrade(&mark));
    mark
}

/// Ends the watchdog's thread when it is dropped.
pub(crate) struct Watch(Arc<(Mutex<bool>, Condvar)>);

impl Drop for Watch {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }
}

/// Starts the thread. Without one more thread to be had there is no watchdog, and the tree runs all the same.
pub(crate) fn start(config: Watchdog, shared: &Arc<Shared>) -> Option<Watch> {
    let over = Arc::new((Mutex::new(false), Condvar::new()));
    let watch = Watch(Arc::clone(&over));
    let guard = Guard {
        config,
        shared: Arc::clone(shared),
        asked: 0,
        asked_at: Instant::now(),
        is_reported: false,
        busy: Vec::new(),
    };
    let body = move || guard.patrol(&over);
    std::thread::Builder::new().name("mainstay-watch".into()).spawn(body).ok()?;
    Some(watch)
}

struct Guard {
    config: Watchdog,
    shared: Arc<Shared>,
    /// The number of the question that the loop has not answered yet.
    asked: u64,
    asked_at: Instant,
    is_reported: bool,
    busy: Vec<Seen>,
}

/// A mark that was busy when it was last looked at.
struct Seen {
    mark: Arc<Mark>,
    turn: u64,
    since: Instant,
    is_reported: bool,
}

impl Guard {
    fn patrol(mut self, over: &(Mutex<bool>, Condvar)) {
        let pause = (self.config.limit / 4).max(Duration::from_millis(1));
        let mut is_over = over.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is_over {
            // It waits before it looks: a wake from this thread makes virtual time skip, now and then, what
            // the loop has not set its timer for yet, and no test with virtual time lasts for a pause.
            is_over = over.1.wait_timeout(is_over, pause).unwrap_or_else(PoisonError::into_inner).0;
            if !*is_over {
                drop(is_over);
                self.look();
                is_over = over.0.lock().unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn look(&mut self) {
        let now = Instant::now();
        let stalled = self.question(now);
        let runs = self.blocked(now);
        if stalled.is_none() && runs.is_empty() {
            return;
        }
        let lasted = stalled.into_iter().chain(runs.iter().map(|(_, _, lasted)| *lasted)).max();
        for (child, run, lasted) in &runs {
            self.shared.inbox.notice(Notice::Blocked { child: *child, run: *run, lasted: *lasted });
        }
        let blocked = Blocked {
            runs: runs.iter().map(|(child, run, _)| (self.shared.log.path(*child), *run)).collect(),
            is_stalled: stalled.is_some(),
            lasted: lasted.unwrap_or_default(),
        };
        if let Some(hook) = &self.config.hook {
            drop(caught::guard(|| hook(&blocked)));
        }
        #[cfg(feature = "tracing")]
        drop(caught::guard(|| crate::observe::blocked(&blocked)));
    }

    /// Asks the loop, or looks whether it has answered. Returns for how long it has not, once.
    fn question(&mut self, now: Instant) -> Option<Duration> {
        let lasted = now.duration_since(self.asked_at);
        if self.shared.answered.load(Ordering::Acquire) >= self.asked {
            if std::mem::take(&mut self.is_reported) {
                self.shared.inbox.notice(Notice::Stalled(lasted));
            }
            self.asked += 1;
            self.asked_at = now;
            self.shared.inbox.ping(self.asked);
            return None;
        }
        if lasted < self.config.limit || std::mem::replace(&mut self.is_reported, true) {
            return None;
        }
        Some(lasted)
    }

    /// Returns the runs of this tree that keep a thread for longer than the limit, each once.
    fn blocked(&mut self, now: Instant) -> Vec<(ChildId, RunId, Duration)> {
        let marks: Vec<Arc<Mark>> = {
            let marks = MARKS.lock().unwrap_or_else(PoisonError::into_inner);
            marks.iter().filter_map(Weak::upgrade).collect()
        };
        let mut found = Vec::new();
        let before = std::mem::take(&mut self.busy);
        for mark in marks {
            let turn = mark.turn.load(Ordering::Acquire);
            if turn % 2 == 0 || mark.tree.load(Ordering::Relaxed) != self.shared.number {
                continue;
            }
            let known =
                before.iter().find(|seen| Arc::ptr_eq(&seen.mark, &mark) && seen.turn == turn);
            let (since, was_reported) = known.map_or((now, false), |s| (s.since, s.is_reported));
            let lasted = now.duration_since(since);
            let is_over = lasted >= self.config.limit;
            if is_over && !was_reported {
                let child = ChildId::from_u64(mark.child.load(Ordering::Relaxed));
                found.push((child, RunId(mark.run.load(Ordering::Relaxed)), lasted));
            }
            self.busy.push(Seen { mark, turn, since, is_reported: is_over || was_reported });
        }
        found
    }
}

//! What reaches the loop, in lanes that are all bounded.
//!
//! - **Facts** about runs: a slot is in the queue at most once, and what else happens to it meanwhile
//!   is gathered there. So the queue is never longer than there are children.
//! - **Requests** of handles: a channel of [`REQUESTS`]; who finds it full waits.
//! - **Drains**: their own lane, so that the end can be asked for however busy the tree is. It holds
//!   three, for the third ends the tree at once and a fourth could do no more.
//!
//! What the keeper of processes tells has a lane like that of facts, described where it is filled.

#[cfg(feature = "process")]
use crate::console::Join;
#[cfg(feature = "process")]
use crate::process::Lane;
use crate::slot::Slot;
use crate::view::{Views, Watching};
use mainstay_core::{ChildId, Command, Done, Moment, Path, Refusal, RunId, Tree};
use std::any::Any;
use std::cell::Cell;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Enough for a burst of operators; more would only queue where waiting tells the truth.
pub(crate) const REQUESTS: usize = 256;
/// First in order, then by force, then at once.
const DRAINS: usize = 3;

/// Something a handle asks of the loop.
pub(crate) enum Request {
    /// A command, with what the child it adds is made of where its kind alone does not tell.
    Command(Ask, Option<Box<dyn Any + Send>>),
    /// Reads the tree. The closure is ours: user code never runs on the loop.
    Read(Read),
    /// Follows a child; `None` when there is none.
    Watch(Path, oneshot::Sender<Option<Watching>>),
    /// Somebody wants to use a child.
    Demand(Path, oneshot::Sender<bool>),
    /// Somebody wants to join the terminal of a child.
    #[cfg(feature = "process")]
    Console(Join),
}

/// What one question looks up.
pub(crate) type Read = Box<dyn FnOnce(&Tree, &Views) + Send>;

/// A command and where its answer goes.
pub(crate) struct Ask {
    pub(crate) command: Command,
    pub(crate) answer: oneshot::Sender<Result<Done, Refusal>>,
}

/// One run has something to tell.
pub(crate) struct Fact {
    pub(crate) slot: Arc<Slot>,
    pub(crate) at: Moment,
}

/// What the watchdog has to tell; the loop states it once it turns again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Notice {
    /// A run keeps its thread busy.
    Blocked { child: ChildId, run: RunId, lasted: Duration },
    /// The loop itself was held up.
    Stalled(Duration),
}

#[derive(Default)]
pub(crate) struct Inbox {
    lanes: Mutex<Lanes>,
}

#[derive(Default)]
struct Lanes {
    facts: Vec<Fact>,
    drains: Vec<Ask>,
    notices: Vec<Notice>,
    #[cfg(feature = "process")]
    held: Lane,
    ping: u64,
    waker: Option<Waker>,
    is_closed: bool,
}

/// What one turn of the loop has to do beside requests and deadlines.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) facts: Vec<Fact>,
    pub(crate) drains: Vec<Ask>,
    pub(crate) notices: Vec<Notice>,
    #[cfg(feature = "process")]
    pub(crate) held: Lane,
    /// The watchdog's last question.
    pub(crate) ping: u64,
}

impl Inbox {
    /// Takes what a run tells. Once the loop is gone nobody would, and the fact would keep its tree.
    pub(crate) fn tell(&self, fact: Fact) {
        let mut late = None;
        self.put(|lanes| if lanes.is_closed { late = Some(fact) } else { lanes.facts.push(fact) });
    }

    /// Asks for the end. Returns whether it was taken: the lane may be full, or the loop gone.
    pub(crate) fn drain(&self, ask: Ask) -> bool {
        let mut ask = Some(ask);
        self.put(|lanes| {
            if !lanes.is_closed && lanes.drains.len() < DRAINS {
                lanes.drains.extend(ask.take());
            }
        });
        ask.is_none()
    }

    /// Takes what is told about processes. Once the loop is gone nobody asks any more.
    #[cfg(feature = "process")]
    pub(crate) fn hold(&self, told: impl FnOnce(&mut Lane)) {
        self.put(|lanes| {
            if !lanes.is_closed {
                told(&mut lanes.held);
            }
        });
    }

    /// The watchdog finds something; a few suffice, the worst first.
    pub(crate) fn notice(&self, notice: Notice) {
        self.put(|lanes| {
            if lanes.notices.len() < 16 {
                lanes.notices.push(notice);
            }
        });
    }

    /// The watchdog asks whether the loop still turns.
    pub(crate) fn ping(&self, number: u64) {
        self.put(|lanes| lanes.ping = number);
    }

    fn put(&self, put: impl FnOnce(&mut Lanes)) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        put(&mut lanes);
        if Quiet::holds_back(self) {
            return;
        }
        let waker = lanes.waker.take();
        drop(lanes);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Swaps what has come for the empty `batch`.
    pub(crate) fn poll_take(&self, cx: &Context<'_>, batch: &mut Batch) -> Poll<()> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let is_pinged = lanes.ping > batch.ping;
        let is_empty =
            lanes.facts.is_empty() && lanes.drains.is_empty() && lanes.notices.is_empty();
        #[cfg(feature = "process")]
        let is_empty = is_empty && lanes.held.is_empty();
        if is_empty && !is_pinged {
            if !lanes.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                lanes.waker = Some(cx.waker().clone());
            }
            return Poll::Pending;
        }
        std::mem::swap(&mut lanes.facts, &mut batch.facts);
        std::mem::swap(&mut lanes.drains, &mut batch.drains);
        std::mem::swap(&mut lanes.notices, &mut batch.notices);
        #[cfg(feature = "process")]
        std::mem::swap(&mut lanes.held, &mut batch.held);
        batch.ping = lanes.ping;
        Poll::Ready(())
    }

    /// The loop is gone: nothing that comes now is ever read.
    pub(crate) fn close(&self) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.is_closed = true;
        let left = (std::mem::take(&mut lanes.facts), std::mem::take(&mut lanes.drains));
        lanes.waker = None;
        #[cfg(feature = "process")]
        let held = std::mem::take(&mut lanes.held);
        drop(lanes);
        drop(left);
        #[cfg(feature = "process")]
        drop(held);
    }
}

thread_local! {
    /// The inbox whose loop this thread does not wake for now, and whether it has something to tell it.
    static QUIET: Cell<(usize, bool)> = const { Cell::new((0, false)) };
}

/// While it lives, what this thread tells an inbox does not wake the loop; its end does.
///
/// A task that is woken from within another runs next on the same thread, and no other thread of the
/// runtime may take it: a run that tells something and then blocks would hold the loop up. So the
/// loop is woken when the poll is over, unless somebody else wakes it before.
pub(crate) struct Quiet<'a> {
    inbox: &'a Inbox,
    before: (usize, bool),
}

impl<'a> Quiet<'a> {
    pub(crate) fn enter(inbox: &'a Inbox) -> Self {
        let before = QUIET.replace((ptr::from_ref(inbox).addr(), false));
        Self { inbox, before }
    }

    /// Returns whether the loop of this inbox is to be woken later, and sees to it.
    fn holds_back(inbox: &Inbox) -> bool {
        let (of, _) = QUIET.get();
        let holds = of == ptr::from_ref(inbox).addr();
        if holds {
            QUIET.set((of, true));
        }
        holds
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        let (_, has_news) = QUIET.replace(self.before);
        if has_news {
            self.inbox.put(|_| {});
        }
    }
}

/// The receiving end of the requests.
pub(crate) type Requests = mpsc::Receiver<Request>;

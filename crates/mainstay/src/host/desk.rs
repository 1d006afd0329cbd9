//! Where those who want a host meet its runs. It outlives them all.

use super::error::{Absence, Unavailable, why_gone};
use super::line::Line;
use crate::inbox::Request;
use crate::shared::Shared;
use mainstay_core::child::Child;
use mainstay_core::spec::Activation;
use mainstay_core::{Path, Standing, Tree};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use tokio::sync::{Notify, broadcast, oneshot, watch};

/// How many changes a subscriber may be behind.
const BEHIND: usize = 256;

/// What can be said of a host at one moment.
#[derive(Clone)]
pub(super) enum Now {
    Serving(Arc<Line>),
    Down(Unavailable),
}

pub(crate) struct Desk {
    inner: Mutex<Inner>,
    news: broadcast::Sender<Now>,
    /// Changes with every event of the child, for those who wait for one.
    changed: watch::Sender<()>,
    /// Those who wait for any host of a pool.
    pool: OnceLock<Arc<Notify>>,
}

struct Inner {
    now: Now,
    /// The connection of the live run, which may not serve yet.
    offered: Option<Arc<Line>>,
    tree: Weak<Shared>,
}

impl Inner {
    /// Nothing has happened there so far: whoever waits for the host waits for that too.
    fn be_at(&mut self, path: Path) {
        self.now = Now::Down(Absence::nowhere(path, Standing::Blocked).into());
    }

    /// Returns the tree that it is in, while that lives.
    fn tree(&self) -> Option<Arc<Shared>> {
        self.tree.upgrade().filter(|shared| shared.report.borrow().is_none())
    }

    /// It rests until somebody wants it.
    fn rest_at(&mut self, path: Path) {
        let mut resting = Absence::nowhere(path, Standing::Blocked);
        (resting.on_demand, resting.rests) = (true, true);
        self.now = Now::Down(resting.into());
    }
}

impl Desk {
    pub(super) fn new() -> Arc<Self> {
        let nowhere = Absence::nowhere(Path::root(), Standing::Blocked);
        let inner = Inner { now: Now::Down(nowhere.into()), offered: None, tree: Weak::new() };
        Arc::new(Self {
            inner: Mutex::new(inner),
            news: broadcast::Sender::new(BEHIND),
            changed: watch::Sender::new(()),
            pool: OnceLock::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what is so now. A connection that has broken serves no more, though its run may not be over.
    pub(super) fn now(&self) -> Now {
        let inner = self.lock();
        match &inner.now {
            Now::Serving(line) if line.is_over() => {
                let mut ending = Absence::nowhere(line.path.clone(), Standing::Stopping);
                ending.run = Some(line.run);
                Now::Down(ending.into())
            }
            now @ (Now::Serving(_) | Now::Down(_)) => now.clone(),
        }
    }

    /// Returns what is so now, and every change from then on.
    pub(super) fn subscribe(&self) -> (Now, broadcast::Receiver<Now>) {
        let inner = self.lock();
        (inner.now.clone(), self.news.subscribe())
    }

    /// Returns what tells of every change, however small.
    pub(super) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Tells those too who wait for any host of a pool.
    pub(super) fn belong_to(&self, pool: &Arc<Notify>) {
        self.pool.get_or_init(|| Arc::clone(pool));
    }

    /// A run has a connection. It serves once the tree says that the child is ready.
    pub(super) fn offer(&self, line: &Arc<Line>) {
        self.lock().offered = Some(Arc::clone(line));
    }

    /// The child has a name, and no place yet.
    pub(crate) fn named(&self, name: &str) {
        self.lock().be_at(Path::root().join(name));
    }

    /// The child is in a tree. Returns whether it is in this one: the same declaration may stand in one at a time.
    pub(crate) fn put(&self, shared: &Arc<Shared>, child: &Child) -> bool {
        let path = shared.log.path(child.id);
        let mut inner = self.lock();
        if let Some(known) = inner.tree() {
            return Arc::ptr_eq(&known, shared); // What it does is known.
        }
        inner.tree = Arc::downgrade(shared);
        match child.spec.activation {
            Activation::Always => inner.be_at(path),
            // Nothing happens to it, so nothing would be noted.
            Activation::OnDemand { .. } => inner.rest_at(path),
        }
        self.tell_change();
        true
    }

    fn tell_change(&self) {
        self.changed.send_replace(());
        if let Some(pool) = self.pool.get() {
            pool.notify_waiters();
        }
    }

    /// Something happened to the child. Those who follow it hear of it before the tree does anything about it.
    pub(crate) fn note(&self, tree: &Tree, child: &Child, shared: &Shared) {
        let is_ready = child.standing() == Standing::Ready;
        let run = child.life().map(|life| life.run);
        let last = child.memory.as_ref().and_then(|memory| memory.last.as_ref());
        let mut inner = self.lock();
        if !std::ptr::eq(inner.tree.as_ptr(), shared) {
            return; // It is another tree's.
        }
        if let Some((last, line)) = last.zip(inner.offered.as_ref())
            && last.run == line.run
        {
            line.end(&why_gone(last));
        }
        let serves = match &inner.now {
            Now::Serving(line) => Some(line.run),
            Now::Down(_) => None,
        };
        if is_ready {
            let offered = inner.offered.as_ref().filter(|line| Some(line.run) == run);
            if let Some(line) = offered.cloned().filter(|line| serves != Some(line.run)) {
                self.become_now(&mut inner, Now::Serving(line), true);
            }
            return;
        }
        let down = Absence::of(tree, child, |at| shared.clock.instant(at));
        self.become_now(&mut inner, Now::Down(down.into()), serves.is_some());
    }

    /// The child has left this tree, or is reached by another declaration there.
    pub(crate) fn leave(&self, shared: &Shared) {
        let mut inner = self.lock();
        if !std::ptr::eq(inner.tree.as_ptr(), shared) {
            return; // It is another tree's, or has left before.
        }
        inner.tree = Weak::new();
        let path = match &inner.now {
            Now::Serving(line) => line.path.clone(),
            Now::Down(down) => down.path.clone(),
        };
        let gone = Absence::nowhere(path, Standing::Removed);
        // News though it may not have served: nothing follows.
        self.become_now(&mut inner, Now::Down(gone.into()), true);
    }

    /// Followers hear of changes from serving to not serving and back, each once.
    fn become_now(&self, inner: &mut Inner, now: Now, is_news: bool) {
        inner.now = now.clone();
        if is_news {
            _ = self.news.send(now);
        }
        self.tell_change();
    }

    /// Says that somebody wants the host. Where nobody listens any more it is of no use.
    pub(super) fn demand(&self) {
        if let Some((shared, path)) = self.place() {
            let (tell, _) = oneshot::channel();
            // A full queue means that the tree has more to do than to start hosts; who wants it asks again.
            _ = shared.requests.try_send(Request::Demand(path, tell));
        }
    }

    /// The same, and waits until the tree has heard it.
    pub(super) async fn demanded(&self) {
        if let Some((shared, path)) = self.place() {
            let (tell, heard) = oneshot::channel();
            if shared.requests.send(Request::Demand(path, tell)).await.is_ok() {
                _ = heard.await;
            }
        }
    }

    fn place(&self) -> Option<(Arc<Shared>, Path)> {
        let inner = self.lock();
        let path = match &inner.now {
            Now::Serving(line) => line.path.clone(),
            Now::Down(down) => down.path.clone(),
        };
        Some((inner.tree.upgrade()?, path))
    }
}

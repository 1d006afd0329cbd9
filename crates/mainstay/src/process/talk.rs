//! Runs that this program talks with: what they print comes here, and what they read is written here.

use crate::shared::Shared;
use mainstay_core::{ChildId, Path, RunId};
use mainstay_wire::keeper::{Key, Order, Passed};
use rustix::fd::OwnedFd;
use rustix::pipe::{PipeFlags, pipe_with};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What there is to talk with one run: this program's ends of two pipes. Both are non-blocking.
///
/// They belong to this program and not to its keeper: where it dies, the run reads the end of its input.
#[derive(Debug)]
pub struct Talk {
    /// The child.
    pub path: Path,
    /// The run.
    pub run: RunId,
    /// What is written here the run reads.
    pub input: OwnedFd,
    /// What the run prints is read here; its end comes when every process of it has closed its output.
    pub output: OwnedFd,
    /// Tells of the run, for whoever looks at it.
    pub teller: Teller,
}

/// Says what is wrong with a run that is talked with, beside what its keeper says.
#[derive(Clone)]
pub struct Teller {
    shared: Arc<Shared>,
    key: Key,
}

impl fmt::Debug for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Teller").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Teller {
    /// Says what is the trouble with it, or with nothing that there is none any more. It is shown with its
    /// process, also where that is not known to have started yet.
    pub fn trouble(&self, what: Option<&str>) {
        let at = self.shared.clock.now();
        let what = what.unwrap_or_default().to_owned();
        self.shared.inbox.hold(|lane| lane.talk(at, &self.key, what));
    }
}

/// Talks that nobody has taken yet: one of each child at most, that of its latest run.
#[derive(Default)]
pub(crate) struct Talks {
    waiting: Mutex<BTreeMap<ChildId, Talk>>,
    came: Notify,
}

impl Talks {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ChildId, Talk>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes what a run and this program talk over. The order that it returns is for the keeper, ahead of the start.
    pub(super) fn begin(
        &self,
        shared: &Arc<Shared>,
        child: ChildId,
        run: RunId,
        key: &Key,
    ) -> io::Result<Order> {
        let (its_input, input) = pipe_with(PipeFlags::CLOEXEC)?;
        let (output, its_output) = pipe_with(PipeFlags::CLOEXEC)?;
        for ours in [&input, &output] {
            rustix::io::ioctl_fionbio(ours, true)?;
        }
        let path = shared.log.path(child);
        let teller = Teller { shared: Arc::clone(shared), key: key.clone() };
        self.lock().insert(child, Talk { path, run, input, output, teller });
        self.came.notify_waiters();
        let open = vec![Arc::new(its_input), Arc::new(its_output)];
        let descriptors = Passed { numbers: vec![0, 1], open };
        Ok(Order::Give { key: key.clone(), variables: Vec::new(), descriptors })
    }

    /// Nobody talks with this child any more.
    pub(super) fn forget(&self, child: ChildId) {
        let gone = self.lock().remove(&child);
        drop(gone);
    }

    /// Waits for the next run that is talked with.
    pub(crate) async fn next(&self) -> Talk {
        loop {
            // Before the look, so that whoever comes after it wakes this.
            let came = self.came.notified();
            let mut came = std::pin::pin!(came);
            came.as_mut().enable();
            if let Some((_, talk)) = self.lock().pop_first() {
                return talk;
            }
            came.await;
        }
    }
}

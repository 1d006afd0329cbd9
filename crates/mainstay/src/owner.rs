//! The one who keeps a tree running, and with whom it ends.

use crate::handle::Handle;
use crate::report::Report;
use mainstay_core::Standing;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long the end waits for a log or a hook that is slow.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Owns a running tree: when it is dropped, the tree drains.
///
/// Only one exists for each tree. [`Handle`]s reach the tree and never own it.
#[derive(Debug)]
#[must_use = "dropping the owner drains the tree"]
pub struct Owner {
    handle: Handle,
    /// The task that logs and calls hooks.
    observer: Option<JoinHandle<()>>,
}

impl Owner {
    pub(crate) const fn new(handle: Handle, observer: Option<JoinHandle<()>>) -> Self {
        Self { handle, observer }
    }

    /// Returns a handle, to look at the tree and to command it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits until every child that is to run is ready.
    ///
    /// # Errors
    ///
    /// The report, when the tree ends first.
    pub async fn ready(&self) -> Result<(), Arc<Report>> {
        match self.handle.wait_for("", Standing::Ready).await {
            Ok(_) => Ok(()),
            Err(_) => Err(self.handle.ended().await),
        }
    }

    /// Keeps the tree running until it ends: by a drain, by a child whose end ends it, or by SIGTERM or
    /// SIGINT (Ctrl-C), which drain it. A second signal skips to force, a third ends it at once.
    ///
    /// The report can be returned from `main`. Nothing here ends the process.
    ///
    /// Without the feature `signal` no signal is heard. With it the runtime goes on to catch both when this
    /// has returned, as it does for whoever once listened: what `main` does then cannot be ended by Ctrl-C.
    pub async fn run(mut self) -> Report {
        let handle = self.handle();
        let mut ended = std::pin::pin!(handle.ended());
        #[cfg(feature = "signal")]
        {
            let mut signals = crate::signals::Signals::new();
            loop {
                tokio::select! {
                    report = &mut ended => return self.close(&report).await,
                    name = signals.next() => {
                        // The lane holds as many as can make a difference.
                        drop(self.handle.by(name).drain("signal").await);
                    }
                }
            }
        }
        #[cfg(not(feature = "signal"))]
        {
            let report = ended.as_mut().await;
            self.close(&report).await
        }
    }

    /// Drains the tree, and returns what became of every child.
    pub async fn drain(mut self, why: impl Into<Arc<str>>) -> Report {
        // An answer that does not come changes nothing about the end.
        drop(self.handle.by("owner").drain(why).await);
        let report = self.handle.ended().await;
        self.close(&report).await
    }

    /// Lets the log and the hooks have the last events, for as long as they may reasonably take.
    async fn close(&mut self, report: &Report) -> Report {
        if let Some(mut observer) = self.observer.take()
            && tokio::time::timeout(LAST_WORDS, &mut observer).await.is_err()
        {
            observer.abort();
        }
        report.clone()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if self.handle.is_alive() {
            self.handle.by("owner").drain("the owner was dropped").post();
        }
    }
}

//! Signals, as far as a brain does something about them in its own time. Its keeper hands them on. SIGQUIT is heard by
//! a thread that needs nothing else: [`dump`](super::dump).

use std::future::poll_fn;
use std::task::Poll;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The tree is to end.
    End(&'static str),
    /// The spec file is to be read again.
    Reload,
}

/// What each of them means.
const KNOWN: [(SignalKind, Heard); 3] = [
    (SignalKind::terminate(), Heard::End("SIGTERM")),
    (SignalKind::interrupt(), Heard::End("SIGINT")),
    (SignalKind::hangup(), Heard::Reload),
];

/// Hears them.
pub(super) struct Signals(Vec<(Signal, Heard)>);

impl Signals {
    /// Begins to listen. One that cannot be listened to keeps its default.
    pub(super) fn new() -> Self {
        let heard = KNOWN.iter().filter_map(|(kind, heard)| Some((signal(*kind).ok()?, *heard)));
        Self(heard.collect())
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Heard {
        poll_fn(|cx| {
            for (signal, heard) in &mut self.0 {
                if signal.poll_recv(cx).is_ready() {
                    return Poll::Ready(*heard);
                }
            }
            Poll::Pending
        })
        .await
    }
}

//! The signals that ask a service to end.

#[cfg(unix)]
use crate::caught;

/// SIGTERM and SIGINT, or what a system has in their place.
pub(crate) struct Signals {
    #[cfg(unix)]
    term: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    int: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    /// Begins to hear them. What cannot be heard here (no signal driver in this runtime) never comes.
    pub(crate) fn new() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            // A runtime without I/O has no signal driver, which tokio tells by a panic.
            let hear = |kind| caught::attempt(|| signal(kind)).and_then(Result::ok);
            Self { term: hear(SignalKind::terminate()), int: hear(SignalKind::interrupt()) }
        }
        #[cfg(not(unix))]
        Self {}
    }

    /// Returns the name of the next one.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) -> &'static str {
        async fn one(signal: &mut Option<tokio::signal::unix::Signal>) {
            if let Some(signal) = signal
                && signal.recv().await.is_some()
            {
                return;
            }
            std::future::pending::<()>().await;
        }
        tokio::select! {
            () = one(&mut self.term) => "SIGTERM",
            () = one(&mut self.int) => "SIGINT",
        }
    }

    /// Returns the name of the next one.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C",
            Err(_) => std::future::pending().await,
        }
    }
}

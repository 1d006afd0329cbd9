//! What the program shows and sends to others, as the spec file says at present: a port for scrapers, telemetry.

use super::program::About;
use super::voice::Voice;
use crate::api::{Observed, Service, serve_observed};
use crate::otlp::Exporter;
use crate::spec::Loaded;
use crate::supervisord::{self, Interface};
use mainstay_wire::spec::Observe;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long after a port could not be had the next attempt follows.
const AGAIN: Duration = Duration::from_secs(5);

/// Hands over what a spec file says about it.
pub(super) struct Outside {
    observe: watch::Sender<Observe>,
    /// The port that was opened for this program: then it is that one.
    given: Option<std::net::TcpListener>,
    supervisord: watch::Sender<Option<supervisord::Settings>>,
    pub(super) exporter: Arc<Exporter>,
}

impl Outside {
    pub(super) fn new(exporter: Exporter, given: Option<std::net::TcpListener>) -> Self {
        let (observe, settings) = (watch::Sender::default(), watch::Sender::default());
        Self { observe, given, supervisord: settings, exporter: Arc::new(exporter) }
    }

    /// Goes on with what this file says.
    pub(super) fn follow(&self, loaded: &Loaded) {
        self.observe.send_if_modified(|present| {
            let is_other = *present != loaded.observe;
            present.clone_from(&loaded.observe);
            is_other
        });
        self.supervisord.send_if_modified(|present| {
            let is_other = *present != loaded.supervisord;
            present.clone_from(&loaded.supervisord);
            is_other
        });
        self.exporter.configure(loaded.otlp.clone());
    }

    /// Speaks supervisord's language wherever the spec file says, until `stop` comes.
    pub(super) async fn speak(
        &self,
        interface: Interface,
        about: &Arc<About>,
        voice: &Arc<Voice>,
        stop: impl Future<Output = ()>,
    ) {
        let (about, voice) = (Arc::clone(about), Arc::clone(voice));
        let complain = Arc::new(move |url: &str, why: Option<&str>| {
            let what = format!("supervisord's interface at {url}");
            if about.unserved(&what, why)
                && let Some(why) = why
            {
                voice.say(&format!("{what} cannot be served: {why}"));
            }
        });
        supervisord::serve(Arc::new(interface), self.supervisord.subscribe(), complain, stop).await;
    }

    /// Serves scrapers until `stop` comes. A port that cannot be had keeps nobody from supervising.
    pub(super) async fn observe(
        &self,
        service: &Service,
        about: &About,
        voice: &Voice,
        stop: impl Future<Output = ()>,
    ) {
        const WHAT: &str = "numbers and health";
        let mut settings = self.observe.subscribe();
        let mut stop = std::pin::pin!(stop);
        loop {
            let present = settings.borrow_and_update().clone();
            service.bound_labels(present.children);
            let serving = async {
                let listener = loop {
                    let (place, opened) = match (&self.given, present.listen) {
                        (Some(given), _) => ("a socket that was passed".into(), taken(given)),
                        (None, Some(at)) => (at.to_string(), TcpListener::bind(at).await),
                        (None, None) => return std::future::pending().await,
                    };
                    match opened {
                        Ok(listener) => break listener,
                        Err(error) => {
                            let why = format!("{place}: {error}");
                            if about.unserved(WHAT, Some(&why)) {
                                voice.say(&format!("{WHAT} cannot be served on {why}"));
                            }
                            tokio::time::sleep(AGAIN).await;
                        }
                    }
                };
                about.unserved(WHAT, None);
                let observed = Observed { names: present.names };
                serve_observed(listener, service.clone(), observed, std::future::pending()).await;
            };
            tokio::select! {
                () = &mut stop => return,
                () = serving => {}
                changed = settings.changed() => if changed.is_err() { return },
            }
            about.unserved(WHAT, None);
        }
    }
}

/// Returns a listener on a port that was passed to this program, which stays open.
fn taken(given: &std::net::TcpListener) -> std::io::Result<TcpListener> {
    let own = given.try_clone()?;
    own.set_nonblocking(true)?;
    TcpListener::from_std(own)
}

//! A port of its own for scrapers and kubelets: numbers and health, plain HTTP, nothing else.

use super::Service;
use super::caller::{Caller, Role};
use super::route::{Route, some};
use super::serve::{Door, Serving, refused};
use std::future::Future;
use tokio::net::TcpListener;

/// The most connections at a time: a scraper and a few probes need less.
const CONNECTIONS: usize = 32;
/// What is answered there.
const ROUTES: [&str; 4] = ["/metrics", "/livez", "/readyz", "/startupz"];

/// What whoever can connect is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Whether the health pages name the children. The numbers always do.
    pub names: bool,
}

/// Serves numbers and health to whoever can connect, until `stop` comes. It takes no commands and shows no logs.
///
/// A request that a page of a browser makes by a name of its own is refused where the other end is this machine: a page
/// can have its name lead here. Numbers, `localhost` and whoever comes from elsewhere are answered.
pub async fn serve_observed(
    listener: TcpListener,
    service: Service,
    observed: Observed,
    stop: impl Future<Output = ()>,
) {
    let is_wanted = |route: &Route| ROUTES.contains(&route.path);
    let mut serving = Serving::of(some(service, is_wanted), CONNECTIONS);
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let is_near = peer.ip().to_canonical().is_loopback();
                let door = Door::Observed { names: observed.names, is_near };
                serving.take(stream, |stream| async move { Some((stream, door)) });
            }
            Err(error) => refused(&error).await,
        }
    }
    drop(listener);
    serving.finish().await;
}

/// Returns who asks for what: numbers are for whoever can connect, and so are names where that is said.
pub(super) fn caller(path: &str, names: bool) -> Caller {
    let may_look = names || path == "/metrics";
    Caller::new("whoever can connect", may_look.then_some(Role::Viewer))
}

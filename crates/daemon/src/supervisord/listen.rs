//! Where the interface is served, as the spec file says at present.

use super::Interface;
use super::http::{Gate, router};
use super::settings::{Listen, Settings};
use crate::api::{Caller, Door, Listener, Serving, refused};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

/// The most connections of one place; each may follow one log.
const CONNECTIONS: usize = 64;
/// How long a connection may rest: `fg` keeps one for as long as nobody types.
const REST: Duration = Duration::from_secs(3_600);
/// How long after a place could not be had the next attempt follows.
const AGAIN: Duration = Duration::from_secs(5);

/// Hears why the interface cannot be served somewhere, or that nothing is wrong there any more.
pub(crate) type Complain = Arc<dyn Fn(&str, Option<&str>) + Send + Sync>;

/// Serves wherever the settings say, until `stop` comes. A place that cannot be had keeps nobody from supervising.
pub(crate) async fn serve(
    interface: Arc<Interface>,
    mut settings: watch::Receiver<Option<Settings>>,
    complain: Complain,
    stop: impl Future<Output = ()>,
) {
    let mut places: BTreeMap<(Listen, u32), oneshot::Sender<()>> = BTreeMap::new();
    let mut serving = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let present = settings.borrow_and_update().clone();
        let wanted: Vec<(Listen, u32)> = present.map_or_else(Vec::new, |present| {
            let mode = present.mode;
            present.listen.into_iter().map(|listen| (listen, mode)).collect()
        });
        // What is dropped here finishes what it has begun.
        places.retain(|place, _| wanted.contains(place));
        for place in wanted {
            if places.contains_key(&place) {
                continue;
            }
            let (stays, ends) = oneshot::channel();
            places.insert(place.clone(), stays);
            let asks_password = matches!(place.0, Listen::Tcp(_));
            let interface = Arc::clone(&interface);
            let gate = Gate { interface, settings: settings.clone(), asks_password };
            let complain = Arc::clone(&complain);
            serving.spawn(async move { one(place, gate, complain, ends).await });
        }
        tokio::select! {
            () = &mut stop => break,
            changed = settings.changed() => if changed.is_err() { break },
        }
        while serving.try_join_next().is_some() {}
    }
    drop(places);
    while serving.join_next().await.is_some() {}
}

/// Serves one place until `ends` is dropped.
async fn one(
    (listen, mode): (Listen, u32),
    gate: Gate,
    complain: Complain,
    mut ends: oneshot::Receiver<()>,
) {
    let url = listen.url();
    loop {
        let failed = match &listen {
            Listen::Unix(path) => match Listener::bind(path, mode) {
                Ok(listener) => {
                    complain(&url, None);
                    return by_unix(listener, gate, &mut ends).await;
                }
                Err(error) => crate::api::told(&error),
            },
            Listen::Tcp(address) => match TcpListener::bind(address).await {
                Ok(listener) => {
                    complain(&url, None);
                    return by_tcp(listener, gate, &mut ends).await;
                }
                Err(error) => error.to_string(),
            },
        };
        complain(&url, Some(&failed));
        tokio::select! {
            _ = &mut ends => return complain(&url, None),
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

async fn by_unix(listener: Listener, gate: Gate, ends: &mut oneshot::Receiver<()>) {
    let settings = gate.settings.clone();
    let mut serving = Serving::of(router(gate), CONNECTIONS).resting(REST);
    loop {
        let accepted = tokio::select! {
            _ = &mut *ends => break,
            accepted = listener.listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let caller = match (stream.peer_cred(), &*settings.borrow()) {
                    (Ok(peer), Some(present)) => present.roles.caller(peer.uid(), peer.gid()),
                    // Who cannot be named has no role.
                    (Err(_), _) | (_, None) => Caller::new("an unknown user", None),
                };
                serving.take(stream, |stream| async move { Some((stream, Door::Known(caller))) });
            }
            Err(error) => refused(&error).await,
        }
    }
    // Nobody new comes while the last answers are finished.
    drop(listener);
    serving.finish().await;
}

async fn by_tcp(listener: TcpListener, gate: Gate, ends: &mut oneshot::Receiver<()>) {
    let mut serving = Serving::of(router(gate), CONNECTIONS).resting(REST);
    loop {
        let accepted = tokio::select! {
            _ = &mut *ends => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let caller = Caller::new(peer.ip().to_string(), None);
                serving.take(stream, |stream| async move { Some((stream, Door::Known(caller))) });
            }
            Err(error) => refused(&error).await,
        }
    }
    drop(listener);
    serving.finish().await;
}

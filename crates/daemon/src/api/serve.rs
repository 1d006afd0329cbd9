//! Connections: how many, how long they may take, and who is at the other end.

mod stall;

use super::caller::{Caller, Roles};
use super::route::router;
use super::socket::Listener;
use super::tls::{Secure, check_host};
use super::trouble::Trouble;
use super::{Service, observe};
use axum::Router;
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use stall::Patient;
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// The most connections at a time; each may hold one stream.
const CONNECTIONS: usize = 256;
/// How long the head of a request may take to come, and how long a connection may rest between two.
const HEAD: Duration = Duration::from_secs(10);
/// How long a client may take none of what it is sent.
const STALL: Duration = Duration::from_secs(30);
/// The most bytes of the head of a request.
const MOST_HEAD: usize = 32 * 1024;
/// The most headers of a request.
const MOST_HEADERS: usize = 64;
/// How long answers that have begun may go on when the serving ends.
const LINGER: Duration = Duration::from_secs(1);
/// How long to wait where the system has no more descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves a tree on a Unix socket until `stop` comes, and then finishes what it has begun, for a second at most.
///
/// Who asks is what the kernel says of the other end; `roles` says what they may do.
pub async fn serve_unix(
    listener: Listener,
    service: Service,
    roles: Roles,
    stop: impl Future<Output = ()>,
) {
    let mut serving = Serving::new(service);
    let roles = Arc::new(roles);
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                // Who cannot be named has no role.
                let caller = match stream.peer_cred() {
                    Ok(peer) => roles.caller(peer.uid(), peer.gid()),
                    Err(_) => Caller::new("an unknown user", None),
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

/// Serves a tree over TCP, with TLS, until `stop` comes.
///
/// A connection whose handshake takes longer than ten seconds is closed.
pub async fn serve_tls(
    listener: tokio::net::TcpListener,
    service: Service,
    secure: Secure,
    stop: impl Future<Output = ()>,
) {
    let mut serving = Serving::new(service);
    let acceptor = TlsAcceptor::from(Arc::clone(&secure.config));
    let secure = Arc::new(secure);
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (acceptor, secure) = (acceptor.clone(), Arc::clone(&secure));
                serving.take(stream, move |stream| async move {
                    let shaken = tokio::time::timeout(HEAD, acceptor.accept(stream)).await;
                    // Who does not speak TLS, or not in time, is not answered.
                    let stream = shaken.ok()?.ok()?;
                    let client = secure.client(stream.get_ref().1.peer_certificates());
                    let peer = peer.ip().to_canonical();
                    Some((stream, Door::Open { client, secure, peer }))
                });
            }
            Err(error) => refused(&error).await,
        }
    }
    drop(listener);
    serving.finish().await;
}

/// How it is found out who sends a request.
pub(crate) enum Door {
    /// Who is connected is known.
    Known(Caller),
    /// Each request is looked at.
    Open {
        /// Whose certificate was shown.
        client: Option<Caller>,
        secure: Arc<Secure>,
        peer: IpAddr,
    },
    /// Whoever can connect may see numbers and health.
    Observed {
        /// Whether names may be seen with the health.
        names: bool,
        /// Whether they come from this machine.
        is_near: bool,
    },
}

impl Door {
    fn admit<B>(&self, request: &hyper::Request<B>) -> Result<Option<Caller>, Trouble> {
        match self {
            Self::Known(caller) => Ok(Some(caller.clone())),
            Self::Open { client, secure, peer } => {
                let shown = secure.admit(*peer, request)?;
                Ok(shown.or_else(|| client.clone()))
            }
            Self::Observed { names, is_near } => {
                if *is_near {
                    check_host(request, &[])?;
                }
                Ok(Some(observe::caller(request.uri().path(), *names)))
            }
        }
    }
}

/// A connection that could not be taken: one that has gone again, or the system has no more descriptors.
pub(crate) async fn refused(error: &std::io::Error) {
    tracing::warn!(%error, "a connection to the API could not be taken");
    tokio::time::sleep(PAUSE).await;
}

/// The connections of one socket.
pub(crate) struct Serving {
    router: Router,
    room: Arc<Semaphore>,
    /// How long a head may take to come, and a connection may rest.
    rest: Duration,
    connections: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Serving {
    fn new(service: Service) -> Self {
        Self::of(router(service), CONNECTIONS)
    }

    /// Serves these routes to so many at a time.
    pub(crate) fn of(router: Router, most: usize) -> Self {
        Self {
            router,
            room: Arc::new(Semaphore::new(most)),
            rest: HEAD,
            connections: JoinSet::new(),
            stop: watch::Sender::new(false),
        }
    }

    /// Lets a connection rest for so long between two requests; otherwise for ten seconds.
    pub(crate) const fn resting(mut self, rest: Duration) -> Self {
        self.rest = rest;
        self
    }

    /// Serves one connection in a task of its own, once `greet` has found out who is there, or says that there are too
    /// many.
    pub(crate) fn take<S, T, F>(&mut self, stream: S, greet: impl FnOnce(S) -> F + Send + 'static)
    where
        S: AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = Option<(T, Door)>> + Send,
    {
        while self.connections.try_join_next().is_some() {}
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            self.connections.spawn(turn_away(stream));
            return;
        };
        let (router, rest, stop) = (self.router.clone(), self.rest, self.stop.subscribe());
        self.connections.spawn(async move {
            if let Some((stream, door)) = greet(stream).await {
                serve(Patient::new(stream, STALL), router, door, (rest, stop)).await;
            }
            drop(room);
        });
    }

    pub(crate) async fn finish(mut self) {
        self.stop.send_replace(true);
        let all = async { while self.connections.join_next().await.is_some() {} };
        // What is left after that, streams above all, is cut off.
        let _ = tokio::time::timeout(LINGER, all).await;
    }
}

/// Serves the requests of one connection.
async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    door: Door,
    (rest, mut stop): (Duration, watch::Receiver<bool>),
) {
    let answer = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        let admitted = door.admit(&request).map(|caller| {
            if let Door::Open { secure, .. } = &door {
                request.extensions_mut().insert(Arc::clone(secure));
            }
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            request
        });
        let mut router = router.clone();
        async move {
            Ok::<_, Infallible>(match admitted {
                Ok(request) => answer(&mut router, request).await,
                Err(trouble) => trouble.into_response(),
            })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(rest)
        .max_buf_size(MOST_HEAD)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let is_over = tokio::select! {
        // Who has gone in the middle of a request needs no answer.
        _ = &mut connection => true,
        _ = stop.wait_for(|stop| *stop) => false,
    };
    if !is_over {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

async fn answer(
    router: &mut Router,
    request: hyper::Request<Incoming>,
) -> axum::response::Response {
    match tower::Service::call(router, request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Says that there is no room, without reading the request.
async fn turn_away(mut stream: impl AsyncWrite + Unpin) {
    const TEXT: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
        content-type: application/json\r\nconnection: close\r\ncontent-length: 67\r\n\r\n\
        {\"code\":\"too-many\",\"text\":\"there are too many connections already\"}";
    let told = async {
        stream.write_all(TEXT).await?;
        stream.shutdown().await
    };
    // Whoever does not listen is not told.
    let _ = tokio::time::timeout(LINGER, told).await;
}

//! `mainstay dashboard`: hands a browser's requests on to the daemon's Unix socket, for whoever started it.
//!
//! ```text
//! browser ─▶ 127.0.0.1:PORT ─▶ gate.rs: meant for here? by whom? ─▶ forward.rs: the same request ─▶ api.sock
//! ```

mod entry;
mod forward;
mod gate;

use crate::args::DashboardArgs;
use crate::fault::Fault;
use crate::screen::say;
use forward::{Answer, Forward, page};
use gate::{Gate, Verdict};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The most connections at a time: a browser holds six, and one for each console.
const CONNECTIONS: usize = 64;
/// How long the head of a request may take to come.
const HEAD: Duration = Duration::from_secs(10);
/// How long to wait where a connection could not be taken.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until it is interrupted.
pub(crate) async fn serve(socket: &Path, name: &str, args: &DashboardArgs) -> Result<(), Fault> {
    let failed = |step| move |source: io::Error| Fault::Dashboard { port: args.port, step, source };
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await.map_err(failed("listen on"))?;
    let port = listener.local_addr().map_err(failed("listen on"))?.port();
    let gate = Gate::new(port, args.read_only).map_err(failed("make a secret for"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Fault::Runtime)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Fault::Runtime)?;
    say(&gate.address())?;
    let rights = if args.read_only { "sees what you see" } else { "acts as you" };
    eprintln!("This is the dashboard of {name}. Whoever has its address {rights}. Ctrl-C ends it.");
    if !args.no_open {
        entry::open(&gate.address_once());
    }
    let (gate, forward) = (Arc::new(gate), Arc::new(Forward::new(socket.to_owned())));
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        };
        // Who finds no room is hung up on; a browser tries again.
        if let Ok(room) = Arc::clone(&room).try_acquire_owned() {
            let (gate, forward) = (Arc::clone(&gate), Arc::clone(&forward));
            connections.spawn(async move {
                connection(stream, gate, forward).await;
                drop(room);
            });
        }
    }
}

async fn connection(stream: TcpStream, gate: Arc<Gate>, forward: Arc<Forward>) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let (gate, forward) = (Arc::clone(&gate), Arc::clone(&forward));
        async move { Ok::<_, Infallible>(answer(&gate, &forward, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades();
    // Who has gone in the middle of a request needs no answer.
    let _ = connection.await;
}

async fn answer(gate: &Gate, forward: &Forward, request: Request<Incoming>) -> Response<Answer> {
    match gate.judge(request.method(), request.uri(), request.headers()) {
        Verdict::Enter { cookie, place } => entry::page(&cookie, &place),
        Verdict::Forward(address) => forward.send(address, gate.is_read_only(), request).await,
        Verdict::Refuse(status, text) => page(status, text),
        Verdict::Lead(place) => {
            let mut response = page(StatusCode::SEE_OTHER, "");
            if let Ok(place) = place.parse() {
                response.headers_mut().insert(hyper::header::LOCATION, place);
            }
            response
        }
    }
}

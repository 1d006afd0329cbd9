//! Sockets that stay open from run to run, and the first connection as a demand.

use crate::common::{ready_again, soon};
use crate::{pid, puppet, stands, start_one};
use mainstay::process::{Command, Probe, Socket};
use mainstay::{Handle, Standing, View};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Returns where its one socket listens.
async fn address(handle: &Handle) -> String {
    let has_address = |view: &View| view.process.as_ref().is_some_and(|p| !p.addresses.is_empty());
    let view = soon(handle.wait_until("x", has_address)).await.expect("it listens");
    let process = view.process.expect("it is a process");
    process.addresses[0].rsplit(' ').next().expect("an address").to_owned()
}

/// Connects, and returns what whoever accepts says.
async fn ask(address: &str) -> String {
    let mut said = String::new();
    let mut connection = TcpStream::connect(address).await.expect("nobody refuses");
    soon(connection.read_to_string(&mut said)).await.expect("it answers");
    said
}

#[tokio::test]
async fn no_connection_is_refused_while_it_restarts() {
    let command = puppet(["listen-serve"]).socket(Socket::tcp("web", "127.0.0.1:0"));
    let (owner, handle) = start_one(command, |child| child.holdoff(Duration::from_millis(1)));
    let address = address(&handle).await;
    let first = pid(&stands(&handle, "x", Standing::Ready).await);
    assert!(ask(&address).await.contains(&first.to_string()));
    for run in 2..5 {
        handle.by("me").restart("x", "a new make").await.expect("it is restarted");
        // Whenever this comes, somebody answers it.
        ask(&address).await;
        ready_again(&handle, "x", run).await;
    }
    owner.drain("over").await;
}

#[tokio::test]
async fn the_first_connection_starts_it() {
    let command = puppet(["listen-serve:1"]).socket(Socket::tcp("web", "127.0.0.1:0"));
    let (owner, handle) = start_one(command, |child| child.on_demand(None));
    let address = address(&handle).await;
    for run in 1..4 {
        let view = handle.child("x").await.expect("it is there");
        assert_eq!((view.runs, view.run), (run - 1, None));
        assert!(!ask(&address).await.is_empty());
        let is_done = |view: &View| view.runs == run && view.standing == Standing::Down;
        soon(handle.wait_until("x", is_done)).await.expect("it answers once and ends");
    }
    owner.drain("over").await;
}

#[tokio::test]
async fn a_connection_that_came_too_early_is_served_later() {
    let command = puppet(["listen-serve:1"]).socket(Socket::tcp("web", "127.0.0.1:0"));
    let (owner, handle) = start_one(command, |child| child.on_demand(None));
    let address = address(&handle).await;
    let me = handle.by("me");
    me.quarantine("x", "wrong prices").await.expect("it is quarantined");
    let mut early = TcpStream::connect(&address).await.expect("nobody refuses");
    me.release("x", "prices are right again").await.expect("it is released");
    let mut said = String::new();
    soon(early.read_to_string(&mut said)).await.expect("it answers");
    assert!(!said.is_empty());
    owner.drain("over").await;
}

#[tokio::test]
async fn a_real_server_on_a_passed_socket_is_probed() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let path = folder.path().join("web.sock");
    std::fs::write(folder.path().join("healthz"), "well").expect("a page is made");
    let server = "
import http.server, socket, socketserver
class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_): pass
server = socketserver.TCPServer(('', 0), Handler, bind_and_activate=False)
server.socket.close()
server.socket = socket.socket(fileno=3)
server.serve_forever()";
    let probe = |page: &str| {
        let probe = Probe::http(&format!("http://web/{page}"));
        let probe = probe.through(&format!("unix:{}", path.display()));
        probe.every(Duration::from_millis(20)).timeout(Duration::from_secs(20))
    };
    let command = Command::new("python3")
        .args(["-c", server])
        .folder(folder.path())
        .socket(Socket::unix("web", &path));
    let (owner, handle) = start_one(command.clone().probe(probe("healthz")), |child| child);
    stands(&handle, "x", Standing::Ready).await;
    owner.drain("over").await;

    let (owner, handle) = start_one(command.probe(probe("nothing").liveness()), |child| child);
    let view = soon(handle.wait_until("x", |view| view.last.is_some())).await.expect("it ends");
    let last = view.last.expect("it has run");
    assert_eq!(last.cause, mainstay::Cause::ProbeFailed);
    let trouble = view.process.and_then(|process| process.trouble.clone());
    assert_eq!(trouble.as_deref(), Some("its probe 0 failed: status 404"));
    owner.drain("over").await;
}

#[tokio::test]
async fn a_port_that_answers_makes_it_ready() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    drop(listener);
    let probe = Probe::tcp(&address).every(Duration::from_millis(10));
    let command = puppet(["listen-serve"]).socket(Socket::tcp("web", &address)).probe(probe);
    let (owner, handle) = start_one(command, |child| child);
    stands(&handle, "x", Standing::Ready).await;
    owner.drain("over").await;
}

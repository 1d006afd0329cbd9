//! The terminals of children over WebSockets.

use crate::world::{World, json, request};
use axum::Extension;
use futures_util::{SinkExt, StreamExt};
use mainstay::process::{Command, Streams};
use mainstay::{process, task, tree};
use mainstay_daemon::api::{Book, Caller, Role, Service, router};
use mainstay_wire::api::{self, ConsoleAct, ConsoleNote, ConsoleSays};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tower::ServiceExt;

/// A tree whose child `cat` repeats what is typed, and a task.
fn world(more: impl FnOnce(Service) -> Service) -> World {
    let terminal = Streams::Terminal { rows: 24, columns: 80 };
    let cat = Command::shell("echo ready; while read line; do echo \"<$line>\"; stty size; done");
    let owner = tree()
        .child(process("cat", cat.output(terminal)))
        .child(task("web", async |cx: mainstay::Context| cx.stopped().await))
        .start()
        .expect("a valid tree");
    let service = more(Service::new(owner.handle()));
    World::of(owner, service)
}

struct Viewer(WebSocketStream<UnixStream>);

impl Viewer {
    async fn join(world: &World, query: &str) -> Self {
        let stream = UnixStream::connect(&world.socket).await.expect("it is served");
        let address = format!("ws://localhost/v1/console/cat{query}");
        let (socket, _) =
            tokio_tungstenite::client_async(address, stream).await.expect("a console");
        Self(socket)
    }

    async fn next(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(Duration::from_secs(120), self.0.next());
        next.await.expect("something comes").transpose().expect("it is a WebSocket")
    }

    /// Reads on until the terminal has printed this.
    async fn sees(&mut self, wanted: &str) {
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains(wanted) {
            if let Message::Binary(bytes) = self.next().await.expect("it goes on") {
                seen.extend(bytes);
            }
        }
    }

    /// Reads on until the daemon says this.
    async fn hears(&mut self, is_it: impl Fn(&ConsoleSays) -> bool) -> ConsoleSays {
        loop {
            if let Message::Text(text) = self.next().await.expect("it goes on") {
                let says = serde_json::from_str(&text).expect("a form of the API");
                if is_it(&says) {
                    return says;
                }
            }
        }
    }

    async fn sends(&mut self, message: Message) {
        self.0.send(message).await.expect("it is taken");
    }

    async fn types(&mut self, bytes: &[u8]) {
        self.sends(Message::Binary(bytes.to_vec().into())).await;
    }

    /// Reads on until the daemon hangs up; returns why, where it says so.
    async fn ends(&mut self) -> Option<CloseCode> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(120), self.0.next());
            match next.await.expect("it ends") {
                Some(Ok(Message::Close(close))) => return close.map(|close| close.code),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }
}

#[tokio::test]
async fn bytes_go_both_ways_and_the_rest_is_said_beside() {
    let world = world(|service| service);
    let mut alice = Viewer::join(&world, "").await;
    let ConsoleSays::Viewers { you, viewers } = alice.hears(|_| true).await else {
        panic!("who is here is said first")
    };
    assert_eq!((viewers.len(), viewers[0].number, viewers[0].read_only), (1, you, false));
    assert!(viewers[0].name.contains("uid"), "{viewers:?}");
    alice.sees("ready").await;
    let resize = "{\"asks\": \"resize\", \"rows\": 50, \"columns\": 132}";
    alice.sends(Message::Text(resize.into())).await;
    alice.types(b"hello\n").await;
    alice.sees("<hello>\r\n50 132\r\n").await;

    let mut bob = Viewer::join(&world, "?read_only=true").await;
    let two = |says: &ConsoleSays| matches!(says, ConsoleSays::Viewers { viewers, .. } if viewers.len() == 2);
    alice.hears(two).await;
    bob.hears(two).await;
    bob.types(b"no\n").await;
    bob.hears(|says| *says == ConsoleSays::Refused { bytes: 3 }).await;
    drop(bob);
    alice
        .hears(|says| matches!(says, ConsoleSays::Viewers { viewers, .. } if viewers.len() == 1))
        .await;

    world.handle.by("a test").remove("cat", "to see").await.expect("a removal");
    alice
        .hears(|says| matches!(says, ConsoleSays::Left { text } if text.contains("left the tree")))
        .await;
    assert_eq!(alice.ends().await, Some(CloseCode::Normal));
    world.stop().await;
}

#[tokio::test]
async fn what_is_no_form_or_too_long_ends_a_console() {
    let world = world(|service| service);
    let table = [
        (Message::Text("{}".into()), Some(CloseCode::Policy)),
        (
            Message::Text("{\"asks\":\"resize\",\"rows\":0,\"columns\":1}".into()),
            Some(CloseCode::Policy),
        ),
        (Message::Binary(vec![b'x'; (64 << 10) + 1].into()), None),
    ];
    for (message, code) in table {
        let mut viewer = Viewer::join(&world, "").await;
        viewer.sends(message.clone()).await;
        let ended = viewer.ends().await;
        assert!(ended == code || code.is_none(), "{ended:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn who_may_not_join_hears_why() {
    let world = world(|service| service);
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let elsewhere = [&upgrade[..], &[("origin", "https://elsewhere.example")]].concat();
    let table = [
        ("cat", &[][..], 426, "upgrade-required"),
        ("cta", &upgrade, 404, "unknown-child"),
        ("web", &upgrade, 409, "no-terminal"),
        ("cat?x=1", &upgrade, 400, "unknown-parameter"),
        ("cat", &elsewhere, 403, "origin"),
    ];
    for (child, headers, status, code) in table {
        let request = request("GET", &format!("/v1/console/{child}"), headers, "");
        let (found, problem) = json(world.send(request).await).await;
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{child}: {problem}");
    }
    let viewer = Extension(Caller::new("a viewer", Some(Role::Viewer)));
    let router = router(Service::new(world.handle.clone())).layer(viewer);
    for (path, status) in
        [("console/cat", 403), ("console/cat?read_only=true", 426), ("consoles", 403)]
    {
        let request = hyper::Request::get(format!("/v1/{path}")).body(axum::body::Body::empty());
        let answer = router.clone().oneshot(request.expect("a request")).await;
        assert_eq!(answer.expect("an answer").status().as_u16(), status, "{path}");
    }
    let (status, problem) = world.get("/v1/consoles").await;
    assert_eq!((status, problem["code"].as_str()), (501, Some("not-here")), "{problem}");
    world.stop().await;
}

/// A book that has notes of consoles alone.
#[derive(Default)]
struct Notes(Mutex<Vec<ConsoleNote>>);

impl Notes {
    fn all(&self) -> Vec<ConsoleNote> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Book for Notes {
    fn runs(&self, _: Option<&str>, _: Option<i64>, _: usize) -> io::Result<Vec<api::Run>> {
        Ok(Vec::new())
    }

    fn run(&self, _: &str, _: u64) -> io::Result<Option<api::Run>> {
        Ok(None)
    }

    fn events(&self, _: u64, _: usize) -> io::Result<Vec<api::Event>> {
        Ok(Vec::new())
    }

    fn note(&self, note: &ConsoleNote) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(0, note.clone());
    }

    fn notes(
        &self,
        path: Option<&str>,
        _: Option<i64>,
        limit: usize,
    ) -> io::Result<Vec<ConsoleNote>> {
        let mut notes = self.all();
        notes.retain(|note| path.is_none_or(|path| note.path == path));
        notes.truncate(limit);
        Ok(notes)
    }

    fn journal(&self) -> api::Journal {
        let (folder, trouble) = ("/nowhere".into(), None);
        api::Journal { folder, durable: true, trouble, lost: 0, last: 0, bytes: 0 }
    }

    fn durable(&self) -> bool {
        true
    }

    fn refuses(&self) -> Option<String> {
        None
    }
}

#[tokio::test]
async fn who_did_what_is_taken_down_by_lines() {
    let notes = Arc::new(Notes::default());
    let book = Arc::clone(&notes);
    let world = world(|service| service.book(book));
    let mut alice = Viewer::join(&world, "").await;
    alice.sees("ready").await;
    for part in [&b"hel"[..], b"lo\n", b"half a li"] {
        alice.types(part).await;
    }
    alice.sees("half a li").await;
    drop(alice);
    let mut bob = Viewer::join(&world, "?read_only=true").await;
    // Bob is told of Alice for as long as she is there.
    bob.hears(|says| matches!(says, ConsoleSays::Viewers { viewers, .. } if viewers.len() == 1))
        .await;
    let (status, answer) = world.get("/v1/consoles?path=cat&limit=10").await;
    assert_eq!(status, 200, "{answer}");
    let mut told: Vec<ConsoleNote> = serde_json::from_value(answer).expect("a form of the API");
    told.reverse();
    let acts: Vec<_> =
        told.iter().map(|note| (note.act, note.text.as_deref(), note.bytes)).collect();
    let (hello, half) =
        ((ConsoleAct::Typed, Some("hello\n"), 6), (ConsoleAct::Typed, Some("half a li"), 9));
    let joined = (ConsoleAct::Joined, None, 0);
    assert_eq!(acts[..2], [joined, hello]);
    for act in [half, (ConsoleAct::Left, None, 0), (ConsoleAct::Looked, None, 0)] {
        assert!(acts[2..].contains(&act), "{act:?} in {acts:?}");
    }
    assert!(told.iter().all(|note| note.path == "cat" && note.who.contains("uid") && note.at > 0));
    world.stop().await;
}

//! A tree of tasks, served on a socket in a folder of its own, and a client.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use mainstay::{Context, Fault, Handle, Owner, supervisor, task, tree};
use mainstay_daemon::api::{Listener, Roles, Service, serve_unix};
use serde_json::Value;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A served tree: `web`, `app/db`, `app/cache` (which needs `db`), and `flaky`, which fails once for good.
pub(crate) struct World {
    pub(crate) handle: Handle,
    pub(crate) socket: PathBuf,
    owner: Option<Owner>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    _folder: TempDir,
}

async fn serves(cx: Context) {
    cx.stopped().await;
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|service| service).await
    }

    /// Serves the tree with more than its handle.
    pub(crate) async fn with(more: impl FnOnce(Service) -> Service) -> Self {
        let failing = async |_: Context| -> Result<(), Fault> {
            Err(Fault::permanent(std::io::Error::other("no such table")))
        };
        let owner = tree()
            .child(task("web", serves))
            .child(
                supervisor("app")
                    .child(task("db", serves))
                    .child(task("cache", serves).needs("db")),
            )
            .child(task("flaky", failing).optional())
            .start()
            .expect("a valid tree");
        let handle = owner.handle();
        handle.wait_for("app/cache", mainstay::Standing::Ready).await.expect("it starts");
        handle.wait_until("flaky", |view| view.last.is_some()).await.expect("it fails");
        let service = more(Service::new(handle).name("shop"));
        Self::of(owner, service)
    }

    /// Serves another tree.
    pub(crate) fn of(owner: Owner, service: Service) -> Self {
        let handle = owner.handle();
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("api.sock");
        let listener = Listener::bind(&socket, 0o600).expect("a free path");
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve_unix(listener, service, Roles::default(), async {
            drop(stopped.await);
        }));
        Self { handle, socket, owner: Some(owner), stop: Some(stop), serving, _folder: folder }
    }

    /// Ends the tree, and goes on serving.
    pub(crate) async fn drain(&mut self) {
        self.owner.take().expect("it has not ended").drain("a test").await;
    }

    /// Ends the serving, and waits until it has.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        self.serving.await.expect("it ends by itself");
    }

    /// Sends a request in a connection of its own.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        let stream = UnixStream::connect(&self.socket).await.expect("it is served");
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.expect("a connection");
        tokio::spawn(connection);
        sender.send_request(request).await.expect("an answer")
    }

    /// Asks, and returns the status and the JSON of the answer.
    pub(crate) async fn get(&self, address: &str) -> (u16, Value) {
        json(self.send(request("GET", address, &[], "")).await).await
    }

    /// Sends a command.
    pub(crate) async fn post(&self, body: &str) -> (u16, Value) {
        let headers = [("content-type", "application/json")];
        json(self.send(request("POST", "/v1/commands", &headers, body)).await).await
    }

    /// Sends a command in a few words, which must be carried out.
    pub(crate) async fn done(&self, verb: Value, target: &str) -> Value {
        let command = serde_json::json!({"verb": verb, "target": target, "why": "a test"});
        let (status, reply) = self.post(&command.to_string()).await;
        assert_eq!(status, 200, "{reply}");
        reply
    }
}

pub(crate) fn request(
    method: &str,
    address: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(address).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::from(body.to_owned())).expect("a valid request")
}

/// Reads an answer, which must be JSON.
pub(crate) async fn json(response: Response<Incoming>) -> (u16, Value) {
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type").cloned();
    let kind = kind.as_ref().and_then(|kind| kind.to_str().ok()).unwrap_or("nothing");
    let kind = kind.to_owned();
    let body = response.into_body().collect().await.expect("a whole body").to_bytes();
    assert_eq!(kind, "application/json", "{status}: {}", String::from_utf8_lossy(&body));
    (status, serde_json::from_slice(&body).expect("JSON"))
}

/// A stream of server-sent events.
pub(crate) struct Stream {
    body: Incoming,
    rest: String,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) name: String,
    pub(crate) id: Option<u64>,
    pub(crate) data: Value,
}

impl Stream {
    pub(crate) async fn open(world: &World, address: &str, headers: &[(&str, &str)]) -> Self {
        let mut all = vec![("accept", "text/event-stream")];
        all.extend_from_slice(headers);
        let response = world.send(request("GET", address, &all, "")).await;
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), rest: String::new() }
    }

    /// Waits for the next one, which must come.
    pub(crate) async fn next(&mut self) -> Said {
        self.try_next().await.expect("the stream goes on")
    }

    /// Waits for the next one; `None` at the end of the stream.
    pub(crate) async fn try_next(&mut self) -> Option<Said> {
        loop {
            if let Some((said, rest)) = self.rest.split_once("\n\n") {
                let said = said.to_owned();
                self.rest = rest.to_owned();
                if let Some(said) = parse(&said) {
                    return Some(said);
                }
                continue;
            }
            let frame = self.body.frame().await?.expect("a whole stream");
            let bytes = frame.into_data().expect("no trailers");
            self.rest.push_str(std::str::from_utf8(&bytes).expect("UTF-8"));
        }
    }
}

/// Reads one; a comment only says that the stream lives.
fn parse(said: &str) -> Option<Said> {
    let field = |name: &str| {
        let mut found = said.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.next().map(str::to_owned)
    };
    Some(Said {
        data: serde_json::from_str(&field("data")?).ok()?,
        name: field("event")?,
        id: field("id").and_then(|id| id.parse().ok()),
    })
}

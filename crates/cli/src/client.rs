//! The client's end of the control socket: HTTP over a Unix socket, one connection for each request.
//!
//! The brain that answers may be replaced at any moment: what was refused or broken off is asked again for a
//! moment. That is safe for commands, because each carries an id.

mod console;
mod seen;
mod sse;
mod stream;

pub(crate) use console::{Console, Heard};
pub(crate) use seen::Seen;
pub(crate) use stream::{Message, Stream};

use crate::fault::Fault;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use mainstay_wire::api::{Command, Problem, VERSION};
use std::cell::Cell;
use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a brain may need to be back. It takes half a second at most.
const BACK: Duration = Duration::from_secs(2);
/// The pause before asking again.
const AGAIN: Duration = Duration::from_millis(50);
/// The longest answer that is read.
const ANSWER_MOST: usize = 256 << 20;

/// Asks one daemon.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    socket: PathBuf,
    is_verbose: bool,
    /// When the last answer was made, in milliseconds since 1970.
    answered_at: Cell<Option<i64>>,
}

/// The connection of one request: it moves only while it is polled.
type Connection = Pin<Box<dyn Future<Output = Result<(), hyper::Error>>>>;

/// Why a request found no answer.
enum Miss {
    /// Asking again may help: the brain is being replaced.
    Passing(Fault),
    /// Asking again does not help.
    Final(Fault),
}

impl Client {
    /// Returns a client of the daemon behind this socket. Nothing is opened yet.
    pub(crate) const fn new(socket: PathBuf, is_verbose: bool) -> Self {
        Self { socket, is_verbose, answered_at: Cell::new(None) }
    }

    /// Returns the socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Returns when the last answer was made by the daemon's clock, in milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.answered_at.get().unwrap_or_else(|| jiff::Timestamp::now().as_millisecond())
    }

    /// Returns the body of the answer to a GET, for a path below the version: `/status`.
    pub(crate) async fn read(&self, path: &str) -> Result<Bytes, Fault> {
        self.ask(path, None, ANSWER).await
    }

    /// The same, of an answer that may take this much longer.
    pub(crate) async fn read_within(&self, path: &str, more: Duration) -> Result<Bytes, Fault> {
        self.ask(path, None, ANSWER + more).await
    }

    /// Sends a command and returns the body of the answer.
    pub(crate) async fn command(&self, command: &Command) -> Result<Bytes, Fault> {
        let body = serde_json::to_vec(command).map_err(|error| self.foreign(&error))?;
        self.ask("/commands", Some(body.into()), ANSWER).await
    }

    /// Returns what is said at `path` from now on.
    pub(crate) fn follow(&self, path: String) -> Stream {
        Stream::new(self.clone(), path)
    }

    /// Parses an answer.
    pub(crate) fn parse<T: serde::de::DeserializeOwned>(&self, body: &[u8]) -> Result<T, Fault> {
        serde_json::from_slice(body).map_err(|error| self.foreign(&error))
    }

    async fn ask(&self, path: &str, body: Option<Bytes>, most: Duration) -> Result<Bytes, Fault> {
        let mut broken_at: Option<Instant> = None;
        loop {
            let answer = timeout(most, self.ask_once(path, body.clone())).await;
            let silent = |_| Miss::Final(self.silent(most));
            match answer.map_err(silent).and_then(|answer| answer) {
                Ok(body) => return Ok(body),
                Err(Miss::Final(fault)) => return Err(fault),
                Err(Miss::Passing(fault)) => {
                    if broken_at.get_or_insert_with(Instant::now).elapsed() > BACK {
                        return Err(fault);
                    }
                    self.mention(&fault);
                    sleep(AGAIN).await;
                }
            }
        }
    }

    async fn ask_once(&self, path: &str, body: Option<Bytes>) -> Result<Bytes, Miss> {
        let (response, connection) = self.open(path, body, "application/json", None).await?;
        let status = response.status();
        let body = http_body_util::Limited::new(response.into_body(), ANSWER_MOST).collect();
        let (body, _) = tokio::join!(body, connection);
        let body = body.map_err(|_| Miss::Passing(self.broken("reading the answer")))?.to_bytes();
        if status.is_success() { Ok(body) } else { Err(Miss::Final(self.refusal(status, &body))) }
    }

    /// Sends one request and returns the head of the answer.
    async fn open(
        &self,
        path: &str,
        body: Option<Bytes>,
        accept: &str,
        last: Option<&str>,
    ) -> Result<(Response<Incoming>, Connection), Miss> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.miss(error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Miss::Passing(self.broken("connecting")))?;
        let mut connection: Connection = Box::pin(connection);
        let mut request = Request::builder()
            .method(if body.is_some() { "POST" } else { "GET" })
            .uri(format!("/{VERSION}{path}"))
            .header("host", "localhost")
            .header("accept", accept)
            .header("user-agent", concat!("mainstay/", env!("CARGO_PKG_VERSION")));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|error| Miss::Final(self.foreign(&error)))?;
        let mut answer = Box::pin(sender.send_request(request));
        let answer = tokio::select! {
            biased;
            answer = &mut answer => answer,
            _ = &mut connection => {
                // The connection has ended: what it has for us is there, or nothing comes any more.
                connection = Box::pin(async { Ok(()) });
                answer.await
            }
        };
        match answer {
            Ok(response) => {
                self.answered_at.set(date(&response));
                Ok((response, connection))
            }
            Err(error) if error.is_parse() => Err(Miss::Final(self.foreign(&error))),
            Err(_) => Err(Miss::Passing(self.broken("waiting for the answer"))),
        }
    }

    /// Returns why no connection was made.
    fn miss(&self, error: io::Error) -> Miss {
        let socket = self.socket.clone();
        let about = std::fs::metadata(&socket);
        if about.as_ref().is_ok_and(|about| !about.file_type().is_socket()) {
            return Miss::Final(Fault::NoSocket { socket });
        }
        let kind = error.kind();
        if kind == io::ErrorKind::NotFound {
            return Miss::Final(Fault::Absent { socket });
        }
        if kind == io::ErrorKind::ConnectionRefused {
            return Miss::Passing(Fault::Absent { socket });
        }
        if kind == io::ErrorKind::PermissionDenied {
            let uid = rustix::process::geteuid().as_raw();
            let owner = about.ok().map(|about| about.uid());
            return Miss::Final(Fault::Shut { socket, uid, owner });
        }
        Miss::Final(Fault::Connect { socket, source: error })
    }

    /// Returns what an answer that is an error says.
    fn refusal(&self, status: hyper::StatusCode, body: &[u8]) -> Fault {
        match serde_json::from_slice::<Problem>(body) {
            Ok(problem) => Fault::Refused { status: status.as_u16(), problem },
            Err(_) => Fault::Foreign {
                socket: self.socket.clone(),
                what: format!("it answers {status} without a reason"),
            },
        }
    }

    fn foreign(&self, what: &dyn std::fmt::Display) -> Fault {
        Fault::Foreign { socket: self.socket.clone(), what: what.to_string() }
    }

    fn broken(&self, step: &'static str) -> Fault {
        Fault::Broken { socket: self.socket.clone(), step }
    }

    fn silent(&self, most: Duration) -> Fault {
        Fault::Silent { socket: self.socket.clone(), seconds: most.as_secs() }
    }

    /// Says what is being waited out, to whom wants to know.
    fn mention(&self, fault: &Fault) {
        if self.is_verbose {
            eprintln!("{}: asking again", fault.story());
        }
    }
}

/// Returns when an answer was made, as its head says.
fn date(response: &Response<Incoming>) -> Option<i64> {
    let text = response.headers().get("date")?.to_str().ok()?;
    let at = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(at.timestamp().as_millisecond())
}

/// Returns a path of the tree as it stands in an address: its slashes stay.
pub(crate) fn address(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/@:".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_for_addresses() {
        assert_eq!(address("app/worker@1"), "app/worker@1");
        assert_eq!(address("a b#?&ä%"), "a%20b%23%3F%26%C3%A4%25");
    }
}

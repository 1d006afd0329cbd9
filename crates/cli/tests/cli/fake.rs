//! A server with canned answers behind a Unix socket, and the program that asks it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// When every answer was made: 2026-01-31 12:00:00 UTC.
const DATE: &str = "Sat, 31 Jan 2026 12:00:00 GMT";

/// What is answered to one request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A status and a body.
    Json(u16, Vec<u8>),
    /// A part of a stream, after which the connection ends.
    Stream(Vec<u8>),
    /// The connection ends without an answer.
    Nothing,
    /// These bytes, which are no HTTP.
    Raw(&'static [u8]),
}

/// Returns the answer of a file in `tests/answers`.
pub(crate) fn file(status: u16, name: &str) -> Answer {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/answers").join(name);
    let body = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if name.ends_with(".sse") { Answer::Stream(body) } else { Answer::Json(status, body) }
}

/// The beginnings of requests, `GET /v1/status`, and what is answered to each in turn; the last one again and again.
type Routes = Vec<(String, VecDeque<Answer>)>;

/// A server that lives until it is dropped.
pub(crate) struct Fake {
    folder: tempfile::TempDir,
    asked: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    /// Serves these answers: to the first route that the request begins with.
    pub(crate) fn new(routes: &[(&str, &[Answer])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("api.sock")).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut routes: Routes = routes
            .iter()
            .map(|(route, answers)| ((*route).into(), answers.iter().cloned().collect()))
            .collect();
        let noted = Arc::clone(&asked);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let Some(request) = request(&stream) else { continue };
                if request == "END" {
                    return;
                }
                let answer = take(&mut routes, &request);
                noted.lock().unwrap().push(request);
                give(stream, answer);
            }
        });
        Self { folder, asked, thread: Some(thread) }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("api.sock")
    }

    /// Returns what was asked so far: the first line of each request, its last-event-id, and its body.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Runs the program against this server.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        mainstay(&self.socket(), arguments).output().unwrap()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let ended =
            UnixStream::connect(self.socket()).and_then(|mut end| end.write_all(b"END\r\n\r\n"));
        if let (Ok(()), Some(thread)) = (ended, self.thread.take()) {
            let joined = thread.join();
            assert!(joined.is_ok() || std::thread::panicking(), "the server failed");
        }
    }
}

/// Returns the program with these arguments and nothing of this environment.
pub(crate) fn mainstay(socket: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainstay"));
    command.env_clear().env("TZ", "UTC").env("USER", "ada").env("MAINSTAY_SOCKET", socket);
    command
        .current_dir(socket.parent().unwrap())
        .args(arguments)
        .stdin(std::process::Stdio::null());
    command
}

/// Reads one request.
fn request(stream: &UnixStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    // Who has gone without asking wants nothing.
    reader.read_line(&mut first).ok().filter(|length| *length > 0)?;
    let mut request =
        first.trim_end().strip_suffix(" HTTP/1.1").unwrap_or_else(|| first.trim_end()).to_owned();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        if line.starts_with("last-event-id: ") {
            request.push_str(&format!(" [{line}]"));
        }
    }
    if length > 0 {
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        request.push_str(&format!(" {}", String::from_utf8(body).unwrap()));
    }
    Some(request)
}

/// Returns what is answered to a request.
fn take(routes: &mut Routes, request: &str) -> Answer {
    let found = routes.iter_mut().find(|(route, _)| request.starts_with(route.as_str()));
    let Some((_, answers)) = found else { panic!("nobody expects `{request}`") };
    if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
}

fn give(mut stream: UnixStream, answer: Answer) {
    let head = |status, kind, rest: String| {
        format!(
            "HTTP/1.1 {status} -\r\ndate: {DATE}\r\ncontent-type: {kind}\r\nconnection: close\r\n{rest}\r\n"
        )
    };
    let bytes = match answer {
        Answer::Json(status, body) => {
            let mut bytes =
                head(status, "application/json", format!("content-length: {}\r\n", body.len()))
                    .into_bytes();
            bytes.extend(body);
            bytes
        }
        Answer::Stream(body) => {
            let mut bytes = head(200, "text/event-stream", String::new()).into_bytes();
            bytes.extend(body);
            bytes
        }
        Answer::Nothing => Vec::new(),
        Answer::Raw(bytes) => bytes.into(),
    };
    // Whoever asked may have gone: that is for its own test to notice.
    let _ = stream.write_all(&bytes);
}

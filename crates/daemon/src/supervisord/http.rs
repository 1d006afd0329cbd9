//! The requests: calls at `/RPC2`, and logs that are followed at `/logtail/NAME/CHANNEL` and `/mainlogtail`.

use super::diary::{self, Diary};
use super::fault::FaultKind;
use super::log::{Channel, Style, follow};
use super::methods::{self, Failure};
use super::roster::Roster;
use super::settings::Settings;
use super::{Interface, xml};
use crate::api::{Caller, Role, apart};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use hyper::ext::ReasonPhrase;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The most bytes of a call.
const MOST: usize = 1 << 20;
/// How long a call may take to come.
const BODY: Duration = Duration::from_secs(10);
/// How long whoever says a wrong password waits for the answer.
const WRONG: Duration = Duration::from_millis(500);
/// How much of the main log is shown before it is followed.
const FIRST: usize = 1024;

/// What a request meets first.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) interface: Arc<Interface>,
    pub(super) settings: watch::Receiver<Option<Settings>>,
    /// Whether whoever asks must say the password: what comes by TCP.
    pub(super) asks_password: bool,
}

/// Makes the router. What comes by a Unix socket has a [`Caller`] as an extension.
pub(super) fn router(gate: Gate) -> Router {
    Router::new().fallback(answer).with_state(gate)
}

async fn answer(State(gate): State<Gate>, request: Request) -> Response {
    // A page of a browser says where it is from. Nothing that speaks this is one.
    if request.headers().contains_key(header::ORIGIN) {
        return refused(StatusCode::FORBIDDEN, "pages of a browser are not answered here");
    }
    let known = request.extensions().get::<Caller>().cloned();
    let caller = match gate.caller(known, request.headers()).await {
        Ok(caller) => caller,
        Err(response) => return response,
    };
    let path = request.uri().path().to_owned();
    let is_get = request.method() == Method::GET;
    match path.as_str() {
        // As supervisord: some clients put a slash behind it.
        "/RPC2" | "/RPC2/" if request.method() == Method::POST => {
            gate.rpc(&caller, request.into_body()).await
        }
        "/mainlogtail" if is_get => gate.main_log(&caller),
        _ if is_get && path.starts_with("/logtail/") => gate.log(&caller, &path).await,
        "/RPC2" | "/RPC2/" => refused(StatusCode::METHOD_NOT_ALLOWED, "calls are sent by POST"),
        _ => refused(StatusCode::NOT_FOUND, "only /RPC2, /logtail and /mainlogtail are here"),
    }
}

impl Gate {
    /// Finds out who asks.
    async fn caller(&self, known: Option<Caller>, headers: &HeaderMap) -> Result<Caller, Response> {
        if !self.asks_password {
            let nobody = || Caller::new("an unknown user", None);
            let caller = known.unwrap_or_else(nobody);
            return Ok(Caller::new(format!("supervisorctl as {}", caller.name()), caller.role()));
        }
        let (login, role) = match &*self.settings.borrow() {
            Some(settings) => (settings.login.clone(), settings.role),
            None => (None, Role::Viewer),
        };
        let said = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let said = said.and_then(|said| said.strip_prefix("Basic ")).and_then(xml::base64);
        if let (Some((user, password)), Some(said)) = (login, &said)
            && is_same(format!("{user}:{password}").as_bytes(), said)
        {
            return Ok(Caller::new(format!("supervisorctl as {user} (password)"), Some(role)));
        }
        if said.is_some() {
            tracing::warn!("supervisord's interface: a wrong user or password");
            tokio::time::sleep(WRONG).await;
        }
        let mut response = refused(StatusCode::UNAUTHORIZED, "say the user and the password");
        let realm = HeaderValue::from_static("Basic realm=\"mainstay\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
        Err(response)
    }

    async fn rpc(&self, caller: &Caller, body: Body) -> Response {
        let bytes = match tokio::time::timeout(BODY, to_bytes(body, MOST)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(_)) => {
                return refused(StatusCode::PAYLOAD_TOO_LARGE, "a call has at most 1 MiB");
            }
            Err(_) => return refused(StatusCode::REQUEST_TIMEOUT, "the call did not come in time"),
        };
        let call = match xml::read(&bytes) {
            Ok(call) => call,
            Err(error) => {
                return refused(StatusCode::BAD_REQUEST, &format!("this is no call: {error}"));
            }
        };
        let text = match methods::call(&self.interface, caller, &call).await {
            Ok(value) => xml::response(&value),
            Err(Failure::Fault(fault)) => xml::fault(fault.kind.code(), &fault.text()),
            Err(Failure::Forbidden(trouble)) => {
                let (who, method) = (caller.name(), call.method);
                tracing::warn!(who, method, "a call is forbidden");
                return refused(StatusCode::FORBIDDEN, &trouble.problem.text);
            }
        };
        ([(header::CONTENT_TYPE, "text/xml")], text).into_response()
    }

    /// Shows the end of what has happened, and then what happens.
    fn main_log(&self, caller: &Caller) -> Response {
        if let Err(trouble) = caller.require(Role::Viewer) {
            return refused(StatusCode::FORBIDDEN, &trouble.problem.text);
        }
        let handle = &self.interface.service.handle;
        // It follows before it looks back: nothing is passed over.
        let diary = Diary::new(handle);
        let mut first = diary::all(handle);
        let from = first.len().saturating_sub(FIRST);
        let from = first[from..].find('\n').map_or(from, |end| from + end + 1);
        if from < first.len() && first.len() > FIRST {
            first.drain(..from);
        }
        let lines = stream::unfold((Some(first), diary), |(first, mut diary)| async move {
            let line = match first {
                Some(first) => first,
                None => diary.next().await?,
            };
            Some((Ok::<_, Infallible>(line), (None, diary)))
        });
        followed(Body::from_stream(lines))
    }

    async fn log(&self, caller: &Caller, path: &str) -> Response {
        if let Err(trouble) = caller.require(Role::Viewer) {
            return refused(StatusCode::FORBIDDEN, &trouble.problem.text);
        }
        let Some(wanted) = path.strip_prefix("/logtail/").and_then(unescaped) else {
            return refused(StatusCode::BAD_REQUEST, "this is no name");
        };
        let (name, channel) = match wanted.rsplit_once('/') {
            Some((name, "stdout")) => (name, Channel::Out),
            Some((name, "stderr")) => (name, Channel::Err),
            Some(_) | None => (wanted.as_str(), Channel::Out),
        };
        let roster = Roster::look(&self.interface.service.handle).await;
        let found = roster.as_ref().map_err(Clone::clone).and_then(|roster| roster.one(name));
        let (file, style) = match found {
            Ok(entry) => (entry.log(), Style::of(&entry.form())),
            Err(fault) if fault.kind == FaultKind::ShutdownState => {
                return refused(StatusCode::SERVICE_UNAVAILABLE, "the tree has ended");
            }
            Err(_) => return refused(StatusCode::NOT_FOUND, "there is no such process"),
        };
        let Some(file) = file else {
            return refused(StatusCode::NOT_FOUND, "this process has no log");
        };
        if channel == Channel::Err && !style.tells_errors() {
            // `fg` asks for both, always.
            let line = "==> both outputs of this process are in its stdout log <==\n";
            return followed(Body::from(line));
        }
        match apart(move || follow(&file, style, channel)).await {
            Ok(Ok(pieces)) => {
                let pieces = stream::unfold(pieces, |mut pieces| async {
                    let piece = pieces.next().await?;
                    Some((Ok::<_, Infallible>(piece), pieces))
                });
                followed(Body::from_stream(pieces))
            }
            Ok(Err(error)) => refused(StatusCode::NOT_FOUND, &error.to_string()),
            Err(trouble) => refused(trouble.status, &trouble.problem.text),
        }
    }
}

/// Answers with what goes on and on.
fn followed(body: Body) -> Response {
    let kind = HeaderValue::from_static("text/plain;charset=utf-8");
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    // So that whatever stands between hands each piece over as it comes.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Refuses. The reason stands beside the status too, where `supervisorctl` shows it.
fn refused(status: StatusCode, why: &str) -> Response {
    let mut response = (status, format!("{why}\n")).into_response();
    let plain: String = why.chars().map(|c| if c.is_ascii_graphic() { c } else { ' ' }).collect();
    let usual = status.canonical_reason().unwrap_or_default();
    if let Ok(reason) = ReasonPhrase::try_from(format!("{usual}: {plain}").into_bytes()) {
        response.extensions_mut().insert(reason);
    }
    response
}

/// Compares in a time that tells nothing of where they differ.
fn is_same(wanted: &[u8], said: &[u8]) -> bool {
    let differs = wanted.iter().zip(said).fold(0, |all, (one, other)| all | (one ^ other));
    wanted.len() == said.len() && std::hint::black_box(differs) == 0
}

/// Returns a path with what `%` stands for.
fn unescaped(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_passwords_are_read() {
        assert_eq!(unescaped("app%3Aweb").as_deref(), Some("app:web"));
        assert_eq!(unescaped("app:web/stdout").as_deref(), Some("app:web/stdout"));
        for wrong in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(unescaped(wrong), None, "{wrong}");
        }
        assert!(is_same(b"a:b", b"a:b"));
        for other in [&b"a:c"[..], b"a:", b"a:bb", b""] {
            assert!(!is_same(b"a:b", other));
        }
    }
}

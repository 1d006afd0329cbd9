//! The same request once more, to the daemon. A brain that is being replaced is away for a moment: that is told.

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::upgrade::OnUpgrade;
use hyper::{HeaderMap, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use mainstay_wire::api::Problem;
use std::path::PathBuf;
use tokio::net::UnixStream;

/// The body of an answer, ours or the daemon's.
pub(super) type Answer = BoxBody<Bytes, hyper::Error>;

/// What is between a browser and this program alone, or between this program and the daemon.
const OURS: [HeaderName; 10] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::HOST,
    header::ORIGIN,
    header::REFERER,
    header::TRANSFER_ENCODING,
    header::TE,
    HeaderName::from_static("sec-fetch-site"),
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("mainstay-role"),
];

/// Hands requests on to a daemon.
pub(super) struct Forward {
    socket: PathBuf,
}

impl Forward {
    pub(super) const fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Sends a request to the daemon, for another address, and returns its answer as it comes.
    pub(super) async fn send(
        &self,
        address: Uri,
        is_read_only: bool,
        mut request: Request<Incoming>,
    ) -> Response<Answer> {
        let wants_page = request
            .headers()
            .get(header::ACCEPT)
            .is_some_and(|accept| accept.to_str().is_ok_and(|text| text.contains("text/html")));
        let client = hyper::upgrade::on(&mut request);
        let is_upgrade = request.headers().contains_key(header::UPGRADE);
        let (mut parts, body) = request.into_parts();
        parts.uri = address;
        clean(&mut parts.headers, is_upgrade);
        parts.headers.insert(header::HOST, HeaderValue::from_static("localhost"));
        if is_read_only {
            let name = HeaderName::from_static("mainstay-role");
            parts.headers.insert(name, HeaderValue::from_static("viewer"));
        }
        match self.ask(Request::from_parts(parts, body)).await {
            Some(mut response) => {
                let is_upgrade = response.status() == StatusCode::SWITCHING_PROTOCOLS;
                if is_upgrade {
                    join(client, hyper::upgrade::on(&mut response));
                }
                clean(response.headers_mut(), is_upgrade);
                response.map(BodyExt::boxed)
            }
            None => away(wants_page),
        }
    }

    async fn ask(&self, request: Request<Incoming>) -> Option<Response<Incoming>> {
        let stream = UnixStream::connect(&self.socket).await.ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        #[expect(
            clippy::disallowed_methods,
            reason = "it ends with the last byte of the answer, or when nobody takes it any more"
        )]
        tokio::spawn(connection.with_upgrades());
        sender.send_request(request).await.ok()
    }
}

/// Lets both sides of a WebSocket speak with each other.
fn join(client: OnUpgrade, daemon: OnUpgrade) {
    #[expect(clippy::disallowed_methods, reason = "it is over for both sides when it is for one")]
    tokio::spawn(async move {
        let (Ok(client), Ok(daemon)) = tokio::join!(client, daemon) else { return };
        let (mut client, mut daemon) = (TokioIo::new(client), TokioIo::new(daemon));
        // Who hangs up, and how, is nothing that could be told to anybody.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut daemon).await;
    });
}

/// Leaves out what is not meant for the other side.
fn clean(headers: &mut HeaderMap, is_upgrade: bool) {
    for name in &OURS {
        headers.remove(name);
    }
    if !is_upgrade {
        headers.remove(header::CONNECTION);
    }
}

/// Nothing answers at the moment.
fn away(wants_page: bool) -> Response<Answer> {
    let mut response = if wants_page {
        let text = "The daemon does not answer: it is on its way back, or has been taken down. This \
            page tries again by itself.";
        let mut response = page(StatusCode::SERVICE_UNAVAILABLE, text);
        let name = HeaderName::from_static("refresh");
        response.headers_mut().insert(name, HeaderValue::from_static("1"));
        response
    } else {
        let problem = Problem {
            code: "away".into(),
            text: "the daemon does not answer at the moment".into(),
            hint: Some("ask again in a moment; `mainstay status` says more".into()),
            details: Vec::new(),
        };
        let mut response = Response::new(whole(serde_json::to_vec(&problem).unwrap_or_default()));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        let kind = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    };
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Makes a page of one sentence.
pub(super) fn page(status: StatusCode, text: &str) -> Response<Answer> {
    let text = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Mainstay</title>\
         <link rel=\"icon\" href=\"data:,\">\
         <meta name=\"color-scheme\" content=\"light dark\"><h1>Mainstay</h1><p>{text}</p></html>"
    );
    html(status, text)
}

pub(super) fn html(status: StatusCode, text: String) -> Response<Answer> {
    let mut response = Response::new(whole(text.into_bytes()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; img-src data:; frame-ancestors 'none'",
        ),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn whole(body: Vec<u8>) -> Answer {
    Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed()
}

//! What the program sends to others of its own accord: one POST, on a connection of its own, with a bound on all of it.
//!
//! It knows no retries and no queues: whoever sends decides what becomes of an answer, or of none.

mod target;

use crate::api::apart::apart;
use axum::body::{Body, Bytes, to_bytes};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
pub(crate) use target::{Target, TargetError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

/// Of an answer no more than this is read: enough for a reason.
const MOST: usize = 64 * 1024;
/// Nobody is waited for longer than this because of what they ask for.
const MOST_PATIENCE: Duration = Duration::from_secs(3_600);

/// What answers came of.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// The status, whatever it is: an answer that says no is an answer.
    pub(crate) status: StatusCode,
    /// How long it asks to be left alone, of the header `Retry-After` in seconds.
    pub(crate) retry_after: Option<Duration>,
    /// Its body; empty where it is longer than may be read, or not all of it came.
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutboundError {
    /// Nobody was reached.
    #[error("cannot connect to {authority}")]
    Connect {
        /// Who.
        authority: String,
        /// What the system said.
        source: io::Error,
    },
    /// There is nothing to know the other end by.
    #[error("cannot read the authorities that certificates are checked by: {text}")]
    Authorities {
        /// What is wrong, and where.
        text: String,
    },
    /// The other end is not who it should be, or speaks no TLS.
    #[error("cannot agree with {authority} on TLS")]
    Tls {
        /// Who.
        authority: String,
        /// What was wrong.
        source: io::Error,
    },
    /// The connection ended, or what came is no HTTP.
    #[error("no answer from {authority}")]
    Http {
        /// Who.
        authority: String,
        /// What was wrong.
        source: hyper::Error,
    },
    /// It took too long.
    #[error("no answer from {authority} within {} ms", patience.as_millis())]
    Late {
        /// Who.
        authority: String,
        /// How long it was waited.
        patience: Duration,
    },
}

/// Sends. Clones share what they know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbound {
    /// Authorities of its own, in place of those of the system (PEM).
    authorities: Option<PathBuf>,
    /// Made when it is first needed: reading what the system trusts takes a while.
    config: Arc<OnceCell<Arc<ClientConfig>>>,
}

impl Outbound {
    /// Knows others by the authorities in this file, or else by those of the system (`SSL_CERT_FILE` names others).
    pub(crate) fn new(authorities: Option<PathBuf>) -> Self {
        Self { authorities, config: Arc::default() }
    }

    /// Sends one POST and returns what was answered. `Host`, `Content-Length` and `User-Agent` are set here. A
    /// redirection is an answer like any other: nothing is sent to whom nobody named.
    ///
    /// # Errors
    ///
    /// There was no answer within `patience`, which holds for all of it together.
    pub(crate) async fn post(
        &self,
        target: &Target,
        headers: HeaderMap,
        body: Bytes,
        patience: Duration,
    ) -> Result<Reply, OutboundError> {
        let exchange = self.exchange(target, headers, body);
        match tokio::time::timeout(patience, exchange).await {
            Ok(result) => result,
            Err(_) => Err(OutboundError::Late { authority: target.authority(), patience }),
        }
    }

    async fn exchange(
        &self,
        target: &Target,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Reply, OutboundError> {
        let failed = |source| OutboundError::Connect { authority: target.authority(), source };
        let stream = TcpStream::connect((target.host(), target.port())).await.map_err(failed)?;
        // What is sent is one piece and waits for nothing.
        let _ = stream.set_nodelay(true);
        match target.name() {
            None => speak(stream, target, headers, body).await,
            Some(name) => {
                let connector = TlsConnector::from(self.config().await?);
                let shaken = connector.connect(name.clone(), stream).await;
                let stream = shaken.map_err(|source| OutboundError::Tls {
                    authority: target.authority(),
                    source,
                })?;
                speak(stream, target, headers, body).await
            }
        }
    }

    async fn config(&self) -> Result<Arc<ClientConfig>, OutboundError> {
        let authorities = self.authorities.clone();
        let make = || async move {
            // It reads files, hundreds of them on some systems.
            let made = apart(move || configure(authorities)).await;
            let made = made.unwrap_or_else(|trouble| Err(trouble.problem.text.clone()));
            made.map(Arc::new).map_err(|text| OutboundError::Authorities { text })
        };
        self.config.get_or_try_init(make).await.cloned()
    }
}

fn configure(authorities: Option<PathBuf>) -> Result<ClientConfig, String> {
    let certificates: Vec<CertificateDer<'static>> = match &authorities {
        Some(path) => CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| format!("{}: {error}", path.display()))?,
        None => {
            let found = rustls_native_certs::load_native_certs();
            match found.errors.first() {
                // One that cannot be read among hundreds keeps nobody from the others.
                Some(error) if found.certs.is_empty() => return Err(error.to_string()),
                Some(_) | None => found.certs,
            }
        }
    };
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(certificates);
    if usable == 0 {
        let place = authorities.map_or_else(
            || "the system; install `ca-certificates`, or set SSL_CERT_FILE".to_owned(),
            |path| path.display().to_string(),
        );
        return Err(format!("there are none in {place}"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Speaks HTTP/1.1 over a connection, for one question and its answer.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    target: &Target,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<Reply, OutboundError> {
    let failed = |source| OutboundError::Http { authority: target.authority(), source };
    let (mut sender, connection) =
        http1::handshake::<_, Body>(TokioIo::new(stream)).await.map_err(failed)?;
    headers.insert(HOST, target.host_header());
    headers.insert(USER_AGENT, hyper::header::HeaderValue::from_static(AGENT));
    headers.insert(CONTENT_LENGTH, body.len().into());
    headers.insert(CONNECTION, hyper::header::HeaderValue::from_static("close"));
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target.place();
    *request.headers_mut() = headers;
    let mut connection = std::pin::pin!(connection);
    let mut answer = std::pin::pin!(async {
        let response = sender.send_request(request).await?;
        let (parts, body) = response.into_parts();
        // A status without all of its reason is still an answer.
        let body = to_bytes(Body::new(body), MOST).await.unwrap_or_default();
        Ok(Reply { status: parts.status, retry_after: retry_after(&parts.headers), body })
    });
    // The connection turns as long as its one answer is awaited; when it ends first, the answer says so.
    tokio::select! {
        reply = &mut answer => reply.map_err(failed),
        _ = &mut connection => answer.await.map_err(failed),
    }
}

const AGENT: &str = concat!("mainstay/", env!("CARGO_PKG_VERSION"));

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MOST_PATIENCE))
}

#[cfg(test)]
mod tests;

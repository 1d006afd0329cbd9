//! TCP, with TLS and nothing else: who asks shows a certificate, or a token with each request.

mod name;
mod rate;
pub(super) mod session;

use super::caller::{Caller, Role};
use super::trouble::Trouble;
use axum::http::{HeaderMap, Request, StatusCode, header};
use rate::Rates;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use session::Sessions;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The fewest letters of a token: 128 bits in hexadecimal.
const SHORTEST: usize = 32;

/// How a tree is served over TCP. Whoever asks must be known by a token or by a certificate.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// The certificates of the server, its own first (PEM).
    pub certificate: PathBuf,
    /// Its key (PEM).
    pub key: PathBuf,
    /// The names it is reached by. A request that was meant for another name is refused, since a page of a browser can
    /// have its own name lead here; numbers and `localhost` cannot be had that way and need not be listed.
    pub hosts: Vec<String>,
    /// Who shows a token.
    pub tokens: Vec<Token>,
    /// A file with more of them, one a line: name, role, token. Lines that begin with `#` say nothing. The same rights
    /// and lengths are asked of it as of a file with one.
    pub token_list: Option<PathBuf>,
    /// The authorities whose certificates clients may show (PEM).
    pub client_authority: Option<PathBuf>,
    /// What a client may do, by the common name of its certificate.
    pub clients: Vec<(String, Role)>,
    /// What a client may do that is not listed; absent: nothing.
    pub any_client: Option<Role>,
}

/// A secret that somebody shows with each request: `Authorization: Bearer ...`.
#[derive(Clone, Debug)]
pub struct Token {
    /// Whose it is, for the audit trail.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The file that holds it: at least 32 letters on one line, which nobody else may read.
    pub file: PathBuf,
}

/// Why a tree is not served over TCP.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {what} {}", path.display())]
    File {
        /// What it is.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is no PEM, or has nothing in it that is needed.
    #[error("{what} {} has no usable content: {text}", path.display())]
    Pem {
        /// What it is.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What is wrong.
        text: String,
    },
    /// A token is no secret.
    #[error("the token `{name}` in {}: {text}", path.display())]
    Token {
        /// Whose.
        name: String,
        /// Where.
        path: PathBuf,
        /// What is wrong and what to do.
        text: &'static str,
    },
    /// Nobody could ask anything.
    #[error("nobody could get in: list tokens, or an authority and clients")]
    Nobody,
    /// Key and certificate do not fit, or cannot be used.
    #[error("the certificate {} and its key cannot be used", path.display())]
    Config {
        /// The certificate.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
}

/// What [`Tls`] says, read and checked.
pub struct Secure {
    pub(crate) config: Arc<ServerConfig>,
    hosts: Vec<String>,
    tokens: Vec<(Caller, Vec<u8>)>,
    clients: Vec<(String, Role)>,
    any_client: Option<Role>,
    rates: Rates,
    sessions: Sessions,
}

impl std::fmt::Debug for Secure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secure").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads certificates, keys and tokens.
    ///
    /// # Errors
    ///
    /// A file cannot be used, or nobody could get in.
    pub fn load(&self) -> Result<Secure, TlsError> {
        let mut tokens: Vec<_> = self.tokens.iter().map(Token::load).collect::<Result<_, _>>()?;
        if let Some(path) = &self.token_list {
            tokens.extend(list(path)?);
        }
        let is_listed = self.any_client.is_some() || !self.clients.is_empty();
        if tokens.is_empty() && !(self.client_authority.is_some() && is_listed) {
            return Err(TlsError::Nobody);
        }
        let chain = certificates("the certificate", &self.certificate)?;
        let key = file("the key", &self.key)?;
        let key = PrivateKeyDer::from_pem_slice(&key)
            .map_err(|error| pem("the key", &self.key, error.to_string()))?;
        let config_failed = |source| TlsError::Config { path: self.certificate.clone(), source };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(config_failed)?;
        let config = match &self.client_authority {
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates("the authority", path)? {
                    let added = roots.add(certificate);
                    added.map_err(|error| pem("the authority", path, error.to_string()))?;
                }
                let builder =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                // Who shows none may still show a token.
                let verifier = builder.allow_unauthenticated().build();
                let verifier =
                    verifier.map_err(|error| pem("the authority", path, error.to_string()))?;
                config.with_client_cert_verifier(verifier)
            }
            None => config.with_no_client_auth(),
        };
        let mut config = config.with_single_cert(chain, key).map_err(config_failed)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Secure {
            config: Arc::new(config),
            hosts: self.hosts.clone(),
            tokens,
            clients: self.clients.clone(),
            any_client: self.any_client,
            rates: Rates::default(),
            sessions: Sessions::default(),
        })
    }
}

impl Token {
    fn load(&self) -> Result<(Caller, Vec<u8>), TlsError> {
        let bytes = secrets(&self.name, &self.file)?;
        known(&self.name, self.role, bytes.trim_ascii(), &self.file)
    }
}

/// Reads a file with several tokens.
fn list(path: &Path) -> Result<Vec<(Caller, Vec<u8>)>, TlsError> {
    let bytes = secrets("of the list", path)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let token = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, role, secret) = (words.next(), words.next(), words.next());
        let role = role.and_then(|word| {
            [Role::Viewer, Role::Operator, Role::Admin].into_iter().find(|role| role.word() == word)
        });
        match (name, role, secret, words.next()) {
            (Some(name), Some(role), Some(secret), None) => {
                known(name, role, secret.as_bytes(), path)
            }
            (name, ..) => {
                let text = "a line is a name, then `viewer`, `operator` or `admin`, then the token";
                Err(refused(name.unwrap_or("of the list"), path, text))
            }
        }
    };
    lines.map(token).collect()
}

fn refused(name: &str, path: &Path, text: &'static str) -> TlsError {
    TlsError::Token { name: name.into(), path: path.into(), text }
}

/// Reads a file that not everybody may read.
fn secrets(name: &str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let bytes = file("the token", path)?;
    let mode = fs::metadata(path).map(|about| about.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o007 != 0) {
        return Err(refused(name, path, "everybody can use the file: `chmod 600` it"));
    }
    Ok(bytes)
}

/// Makes whoever shows this secret.
fn known(
    name: &str,
    role: Role,
    secret: &[u8],
    path: &Path,
) -> Result<(Caller, Vec<u8>), TlsError> {
    if secret.len() < SHORTEST || !secret.iter().all(u8::is_ascii_graphic) {
        let text = "a token is 32 letters or more on one line: \
            `head -c 32 /dev/urandom | base64 -w0` makes one";
        return Err(refused(name, path, text));
    }
    Ok((Caller::new(format!("token {name}"), Some(role)), secret.to_vec()))
}

fn file(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::File { what, path: path.into(), source })
}

fn pem(what: &'static str, path: &Path, text: String) -> TlsError {
    TlsError::Pem { what, path: path.into(), text }
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = file(what, path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err(pem(what, path, "there is no certificate".into())),
        Ok(found) => Ok(found),
        Err(error) => Err(pem(what, path, error.to_string())),
    }
}

impl Secure {
    /// Returns who shows this certificate.
    pub(crate) fn client(&self, certificates: Option<&[CertificateDer<'_>]>) -> Option<Caller> {
        let name = name::common_name(certificates?.first()?)?;
        let role = self.clients.iter().find(|(known, _)| *known == name).map(|(_, role)| *role);
        let role = role.or(self.any_client);
        Some(Caller::new(format!("certificate {name}"), role))
    }

    /// Checks one request: how often its sender asks, for whom it is meant, whose token it shows. Returns nobody where
    /// it shows none.
    pub(crate) fn admit<B>(
        &self,
        peer: IpAddr,
        request: &Request<B>,
    ) -> Result<Option<Caller>, Trouble> {
        if !self.rates.admit(peer) {
            let text = "too many requests from one address";
            return Err(Trouble::new(StatusCode::TOO_MANY_REQUESTS, "too-often", text)
                .hint("ask for a stream instead of asking again and again"));
        }
        check_host(request, &self.hosts)?;
        let shown = self.token(request.headers())?;
        Ok(shown.or_else(|| self.session(request.headers()).map(|(caller, _)| caller)))
    }

    /// Returns who is signed in with the browser that asks, and for how long.
    pub(crate) fn session(&self, headers: &HeaderMap) -> Option<(Caller, Duration)> {
        self.sessions.find(session::shown(headers)?)
    }

    /// Signs a browser in. Returns what its cookie says, unless the system gives no random number.
    pub(crate) fn begin(&self, caller: Caller) -> Option<String> {
        self.sessions.begin(caller, self.config.crypto_provider().secure_random)
    }

    /// Signs out the browser that asks.
    pub(crate) fn end(&self, headers: &HeaderMap) {
        if let Some(shown) = session::shown(headers) {
            self.sessions.end(shown);
        }
    }

    /// Returns whose token this is.
    pub(crate) fn holder(&self, shown: &[u8]) -> Option<Caller> {
        // Every token is compared to its end: how long it takes tells nothing of any of them.
        let mut found = None;
        for (caller, secret) in &self.tokens {
            if is_same(secret, shown) {
                found = Some(caller.clone());
            }
        }
        found
    }

    fn token(&self, headers: &HeaderMap) -> Result<Option<Caller>, Trouble> {
        let Some(shown) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
        let (kind, shown) = shown.as_bytes().split_at_checked(7).unwrap_or((b"", b""));
        let shown = if kind.eq_ignore_ascii_case(b"bearer ") { shown } else { b"" };
        match self.holder(shown) {
            Some(caller) => Ok(Some(caller)),
            None => {
                let text = "no such token is known";
                Err(Trouble::new(StatusCode::UNAUTHORIZED, "unknown-token", text))
            }
        }
    }
}

/// Refuses what was meant for somebody else: a name that is neither a number, nor `localhost`, nor among `hosts`.
pub(super) fn check_host<B>(request: &Request<B>, hosts: &[String]) -> Result<(), Trouble> {
    let mut said = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (said.next(), said.next()) else {
        return Err(Trouble::bad("host", "a request has one header `Host`"));
    };
    let host = host.to_str().unwrap_or("");
    let name = name_in(host);
    let is_ours =
        is_number_or_local(name) || hosts.iter().any(|known| known.eq_ignore_ascii_case(name));
    if is_ours {
        Ok(())
    } else {
        let text = format!("nobody called `{name}` is served here");
        let hint = "a listed name of this server, its number and `localhost` are";
        Err(Trouble::new(StatusCode::FORBIDDEN, "host", text).hint(hint))
    }
}

/// Returns the name in a header `Host`, without the port.
pub(super) fn name_in(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    })
}

/// Returns whether nobody else can have a name lead here that is written like this.
pub(super) fn is_number_or_local(name: &str) -> bool {
    let number = name.trim_start_matches('[').trim_end_matches(']');
    number.parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost")
}

/// Compares without stopping at the first difference. That the lengths differ is no secret.
fn is_same(secret: &[u8], shown: &[u8]) -> bool {
    if secret.len() != shown.len() {
        return false;
    }
    let pairs = secret.iter().zip(shown);
    let differences = pairs.fold(0, |all, (a, b)| std::hint::black_box(all | (a ^ b)));
    std::hint::black_box(differences) == 0
}

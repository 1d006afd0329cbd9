//! TCP with TLS: tokens, certificates, names.

use crate::world::{World, json, request};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use mainstay_daemon::api::{Role, Service, Tls, TlsError, Token, serve_tls};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

pub(crate) const LOOKER: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const OPERATOR: &str = "fedcba9876543210fedcba9876543210";

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/certs").join(name)
}

fn token(folder: &TempDir, name: &str, role: Role, text: &str) -> Token {
    let file = folder.path().join(name);
    std::fs::write(&file, format!("{text}\n")).expect("it is written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    Token { name: name.into(), role, file }
}

fn settings(folder: &TempDir) -> Tls {
    Tls {
        certificate: certificate("server.pem"),
        key: certificate("server.key"),
        hosts: vec!["shop.example.org".into()],
        tokens: vec![token(folder, "panel", Role::Viewer, LOOKER)],
        token_list: Some(
            token(folder, "list", Role::Viewer, &format!("# who\n\nci operator {OPERATOR}")).file,
        ),
        client_authority: Some(certificate("ca.pem")),
        clients: vec![("ops laptop".into(), Role::Admin)],
        any_client: None,
    }
}

/// The same tree, over TCP too.
pub(crate) struct Remote {
    pub(crate) world: World,
    address: SocketAddr,
    serving: JoinHandle<()>,
    _folder: TempDir,
}

impl Remote {
    pub(crate) async fn new() -> Self {
        let world = World::new().await;
        let folder = tempfile::tempdir().expect("a folder");
        let secure = settings(&folder).load().expect("all of it fits");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let service = Service::new(world.handle.clone());
        let never = std::future::pending::<()>();
        let serving = tokio::spawn(serve_tls(listener, service, secure, never));
        Self { world, address, serving, _folder: folder }
    }

    /// Asks in a connection of its own, with a certificate or without one.
    async fn ask(
        &self,
        client: Option<&str>,
        request: hyper::Request<http_body_util::Full<hyper::body::Bytes>>,
    ) -> Option<(u16, serde_json::Value)> {
        Some(json(self.send(client, request).await?).await)
    }

    /// The same, and returns the answer as it is.
    pub(crate) async fn send(
        &self,
        client: Option<&str>,
        request: hyper::Request<http_body_util::Full<hyper::body::Bytes>>,
    ) -> Option<hyper::Response<hyper::body::Incoming>> {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(certificate("ca.pem")).expect("it is there");
        roots.add(authority).expect("it is one");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = match client {
            Some(name) => {
                let chain = CertificateDer::from_pem_file(certificate(&format!("{name}.pem")));
                let key = PrivateKeyDer::from_pem_file(certificate(&format!("{name}.key")));
                let chain = vec![chain.expect("it is there")];
                config.with_client_auth_cert(chain, key.expect("it is there")).expect("they fit")
            }
            None => config.with_no_client_auth(),
        };
        let stream = TcpStream::connect(self.address).await.expect("it is served");
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        sender.send_request(request).await.ok()
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(crate) const STOP: &str = r#"{"verb": {"stop": {}}, "target": "web", "why": "a test"}"#;
const END: &str = r#"{"verb": {"stop": {}}, "target": "/", "why": "a test"}"#;
const REMOVE: &str = r#"{"verb": {"remove": {}}, "target": "web", "why": "a test"}"#;

#[tokio::test]
async fn whoever_is_known_may_do_what_their_role_says() {
    let remote = Remote::new().await;
    let (looker, operator) = (format!("Bearer {LOOKER}"), format!("bearer {OPERATOR}"));
    let wrong = format!("Bearer {}", LOOKER.replace('0', "1"));
    let table = [
        // certificate, token, status, remove, stop
        (None, None, 401, 401, 401),
        (None, Some(looker.as_str()), 200, 403, 403),
        (None, Some(operator.as_str()), 200, 403, 200),
        (None, Some(wrong.as_str()), 401, 401, 401),
        (None, Some("Bearer "), 401, 401, 401),
        (None, Some("Basic abc"), 401, 401, 401),
        (Some("stranger"), None, 403, 403, 403),
        (Some("stranger"), Some(looker.as_str()), 200, 403, 403),
        (Some("ops"), None, 200, 200, 404),
    ];
    for (client, shown, status, remove, stop) in table {
        let asks = [
            ("GET", "/v1/status", "", status),
            ("POST", "/v1/commands", REMOVE, remove),
            ("POST", "/v1/commands", STOP, stop),
        ];
        for (method, address, body, expected) in asks {
            let mut headers = vec![("content-type", "application/json")];
            headers.extend(shown.map(|shown| ("authorization", shown)));
            let (code, answer) = remote
                .ask(client, request(method, address, &headers, body))
                .await
                .expect("an answer");
            assert_eq!(code, expected, "{client:?} {shown:?} {method} {body}: {answer}");
            if remove == 200 && body == REMOVE {
                let wait = remote.world.get("/v1/wait/web?for=removed").await.0;
                assert!(matches!(wait, 200 | 404), "{wait}");
            }
        }
    }
    // To stop the root is to end the tree.
    let headers = [("content-type", "application/json"), ("authorization", operator.as_str())];
    let ask = request("POST", "/v1/commands", &headers, END);
    let (code, problem) = remote.ask(None, ask).await.expect("an answer");
    assert_eq!((code, &problem["code"]), (403, &serde_json::json!("forbidden")), "{problem}");
    let (_, page) = remote.world.get("/v1/events?from=1&limit=1000").await;
    let page = page.to_string();
    assert!(page.contains("by token ci: a test"), "{page}");
    assert!(page.contains("by certificate ops laptop: a test"), "{page}");
}

#[tokio::test]
async fn what_was_meant_for_another_name_is_refused() {
    let remote = Remote::new().await;
    let table = [
        ("localhost", 200),
        ("LOCALHOST:8443", 200),
        ("127.0.0.1:8443", 200),
        ("[::1]:8443", 200),
        ("shop.example.org", 200),
        ("Shop.Example.Org:443", 200),
        ("evil.example.org", 403),
        ("shop.example.org.evil.example", 403),
        ("localhost:x", 403),
        ("", 403),
    ];
    let looker = format!("Bearer {LOOKER}");
    for (host, expected) in table {
        let mut asked = request("GET", "/v1/status", &[("authorization", &looker)], "");
        asked.headers_mut().insert("host", host.parse().expect("a header"));
        let (code, answer) = remote.ask(None, asked).await.expect("an answer");
        assert_eq!(code, expected, "{host}: {answer}");
    }
    // Probes need no token, and learn no names without one.
    let (code, checks) = remote.ask(None, request("GET", "/readyz", &[], "")).await.expect("one");
    assert_eq!((code, &checks["checks"]), (200, &serde_json::json!([])));
}

#[tokio::test]
async fn who_asks_too_often_is_told_so() {
    let remote = Remote::new().await;
    let mut codes = Vec::new();
    // Each in a connection of its own would take longer than the rate allows for.
    let roots = CertificateDer::from_pem_file(certificate("ca.pem")).expect("it is there");
    let mut store = RootCertStore::empty();
    store.add(roots).expect("it is one");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(store)
        .with_no_client_auth();
    let stream = TcpStream::connect(remote.address).await.expect("it is served");
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("TLS");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(connection);
    for _ in 0..5_000 {
        let answer = sender.send_request(request("GET", "/livez", &[], "")).await.expect("one");
        let code = answer.status().as_u16();
        json(answer).await;
        codes.push(code);
        if code == 429 {
            break;
        }
    }
    assert_eq!(codes.last(), Some(&429));
    assert!(codes.len() > 200 && codes[..200].iter().all(|code| *code == 200), "{}", codes.len());
}

#[tokio::test]
async fn without_tls_there_is_no_answer() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let remote = Remote::new().await;
    let mut stream = TcpStream::connect(remote.address).await.expect("it is served");
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("taken");
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn settings_that_do_not_do_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = settings(&folder);
    let refused = |change: &dyn Fn(&mut Tls)| {
        let mut settings = good.clone();
        change(&mut settings);
        settings.load().expect_err("it does not do")
    };
    let error = refused(&|tls| {
        (tls.tokens, tls.token_list) = (Vec::new(), None);
        tls.clients.clear();
    });
    assert!(matches!(error, TlsError::Nobody), "{error}");
    let error = refused(&|tls| tls.certificate = "/nowhere/server.pem".into());
    assert_eq!(error.to_string(), "cannot read the certificate /nowhere/server.pem");
    let error = refused(&|tls| tls.certificate = certificate("server.key"));
    assert!(error.to_string().ends_with("there is no certificate"), "{error}");
    let error = refused(&|tls| tls.key = certificate("server.pem"));
    assert!(matches!(error, TlsError::Pem { what: "the key", .. }), "{error}");
    let error = refused(&|tls| tls.key = certificate("ops.key"));
    assert!(matches!(error, TlsError::Config { .. }), "{error}");
    let error = refused(&|tls| tls.tokens = vec![token(&folder, "short", Role::Admin, "abc")]);
    assert!(error.to_string().contains("32 letters"), "{error}");
    for line in ["ci", "ci root x", &format!("ci admin {LOOKER} more"), "ci admin abc"] {
        let list = token(&folder, "bad", Role::Viewer, line).file;
        let error = refused(&|tls| tls.token_list = Some(list.clone()));
        assert!(matches!(&error, TlsError::Token { name, .. } if name == "ci"), "{line}: {error}");
    }
    let mut all = good.clone();
    (all.tokens, all.token_list, all.clients) = (Vec::new(), None, Vec::new());
    all.any_client = Some(Role::Viewer);
    all.load().expect("whoever the authority knows gets in");
    let error = refused(&|tls| {
        let open = token(&folder, "open", Role::Admin, LOOKER);
        let mode = std::fs::Permissions::from_mode(0o604);
        std::fs::set_permissions(&open.file, mode).expect("it is ours");
        tls.tokens = vec![open];
    });
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

//! Sending to servers that answer, refuse, stall, and are not who they should be.

use super::*;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Long enough for any machine; where it passes the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads a request with a body of two bytes and answers it with these.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, reply: &str) -> String {
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n{}") {
        assert_ne!(stream.read_buf(&mut heard).await.expect("it speaks"), 0, "it went");
    }
    stream.write_all(reply.as_bytes()).await.expect("it listens");
    stream.flush().await.expect("it listens");
    String::from_utf8(heard).expect("it is text")
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("there are ports");
    let port = listener.local_addr().expect("it listens").port();
    (listener, port)
}

fn target(text: &str) -> Target {
    text.parse().expect("it is an address")
}

#[tokio::test]
async fn a_body_arrives_with_its_headers_and_the_answer_comes_back() {
    let (listener, port) = listen().await;
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer secret"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let target = target(&format!("http://127.0.0.1:{port}/hook?key=1"));
    let outbound = Outbound::default();
    let post = outbound.post(&target, headers, Bytes::from_static(b"{}"), PATIENCE);
    let serve = async {
        let (stream, _) = listener.accept().await.expect("somebody comes");
        let reply = "HTTP/1.1 429 Slow Down\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nwait";
        answer(stream, reply).await
    };
    let (reply, heard) = tokio::join!(post, serve);
    let reply = reply.expect("it is answered");
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(reply.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(&reply.body[..], b"wait");
    assert!(heard.starts_with("POST /hook?key=1 HTTP/1.1\r\n"), "{heard}");
    assert!(heard.contains("authorization: Bearer secret\r\n"), "{heard}");
    assert!(heard.contains(&format!("host: 127.0.0.1:{port}\r\n")), "{heard}");
    assert!(heard.contains("content-length: 2\r\n"), "{heard}");
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_its_status_alone() {
    let (listener, port) = listen().await;
    let target = target(&format!("http://127.0.0.1:{port}"));
    let outbound = Outbound::default();
    let post = outbound.post(&target, HeaderMap::new(), Bytes::from_static(b"{}"), PATIENCE);
    let serve = async {
        let (stream, _) = listener.accept().await.expect("somebody comes");
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", MOST + 1);
        answer(stream, &format!("{head}{}", "x".repeat(MOST + 1))).await
    };
    let (reply, _) = tokio::join!(post, serve);
    let reply = reply.expect("it is answered");
    assert_eq!((reply.status, reply.body.len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn who_says_nothing_is_late_and_who_is_not_there_is_named() {
    let (listener, port) = listen().await;
    let target = target(&format!("http://127.0.0.1:{port}/secret"));
    let outbound = Outbound::default();
    let short = Duration::from_millis(50);
    let late = outbound.post(&target, HeaderMap::new(), Bytes::new(), short).await;
    let late = late.expect_err("it stalls").to_string();
    assert_eq!(late, format!("no answer from 127.0.0.1:{port} within 50 ms"));
    drop(listener);
    let gone = outbound.post(&target, HeaderMap::new(), Bytes::new(), PATIENCE).await;
    let gone = gone.expect_err("it is gone").to_string();
    assert_eq!(gone, format!("cannot connect to 127.0.0.1:{port}"));
}

#[tokio::test]
async fn who_breaks_off_has_not_answered() {
    let (listener, port) = listen().await;
    let target = target(&format!("http://127.0.0.1:{port}/"));
    let outbound = Outbound::default();
    let post = outbound.post(&target, HeaderMap::new(), Bytes::from_static(b"{}"), PATIENCE);
    let serve = async {
        let (stream, _) = listener.accept().await.expect("somebody comes");
        answer(stream, "").await
    };
    let (reply, _) = tokio::join!(post, serve);
    assert!(matches!(reply, Err(OutboundError::Http { .. })), "{reply:?}");
}

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/certs").join(name)
}

/// Serves TLS once with the certificate of the tests.
async fn serve_secure(listener: TcpListener) -> io::Result<String> {
    use rustls_pki_types::PrivateKeyDer;
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate("server.pem"))
        .and_then(Iterator::collect)
        .expect("it is there");
    let key = PrivateKeyDer::from_pem_file(certificate("server.key")).expect("it is there");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("they are there")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("they fit");
    let (stream, _) = listener.accept().await?;
    let stream = tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(stream).await?;
    Ok(answer(stream, "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await)
}

#[tokio::test]
async fn https_needs_an_authority_that_is_trusted() {
    let post = |port: u16, outbound: Outbound| async move {
        let target = target(&format!("https://localhost:{port}/"));
        outbound.post(&target, HeaderMap::new(), Bytes::from_static(b"{}"), PATIENCE).await
    };
    let (listener, port) = listen().await;
    let known = Outbound::new(Some(certificate("ca.pem")));
    let (reply, heard) = tokio::join!(post(port, known), serve_secure(listener));
    assert_eq!(reply.expect("it is trusted").status, StatusCode::ACCEPTED);
    assert!(heard.expect("it shook hands").starts_with("POST / HTTP/1.1"));
    let (listener, port) = listen().await;
    // A certificate that is no authority of this one.
    let stranger = Outbound::new(Some(certificate("server.pem")));
    let (reply, heard) = tokio::join!(post(port, stranger), serve_secure(listener));
    assert!(matches!(reply, Err(OutboundError::Tls { .. })), "{reply:?}");
    assert!(heard.is_err());
    let empty = Outbound::new(Some(certificate("server.key")));
    let (_listener, port) = listen().await;
    let error = post(port, empty).await.expect_err("there is no certificate in it").to_string();
    assert!(error.starts_with("cannot read the authorities"), "{error}");
}

#[test]
fn addresses_are_taken_apart_once() {
    let table = [
        ("http://localhost", "http://localhost:80/"),
        ("https://collector:4318/v1/traces?x=secret", "https://collector:4318/v1/traces"),
        ("https://example.org/hook", "https://example.org:443/hook"),
        ("http://[::1]:9/x", "http://[::1]:9/x"),
        ("ftp://example.org/", "it begins with neither `http://` nor `https://`"),
        ("example.org", "it is no address: write it as `https://host:port/path`"),
        ("", "it is no address: write it as `https://host:port/path`"),
        (
            "https://me:secret@example.org/",
            "it has a user or a password in it: send a header with a secret instead",
        ),
        ("https://a_b..c/", "`a_b..c` is no name of a host"),
    ];
    for (text, expected) in table {
        let shown = match text.parse::<Target>() {
            Ok(target) => target.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected, "{text}");
    }
}

//! What keeps a connection, a request or a socket out.

use crate::world::World;
use mainstay_daemon::api::{BindError, Listener};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Sends bytes as they are, and returns all that comes back until the other end hangs up.
async fn raw(world: &World, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(&world.socket).await.expect("it is served");
    // It may hang up before it has read everything.
    drop(stream.write_all(bytes).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn garbage_is_answered_and_hung_up_on() {
    let world = World::new().await;
    let long = format!("GET /v1/status HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    let many = format!("GET /v1/status HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(100));
    let address = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "y".repeat(100_000));
    let table: [(&[u8], &str); 7] = [
        (b"garbage\r\n\r\n", "HTTP/1.1 400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "HTTP/1.1 400"),
        (b"GET /v1/status HTTP/9.9\r\n\r\n", "HTTP/1.1 400"),
        (b"POST /v1/commands HTTP/1.1\r\nhost: x\r\ncontent-length: 5x\r\n\r\n", "HTTP/1.1 400"),
        (long.as_bytes(), "HTTP/1.1 431"),
        (many.as_bytes(), "HTTP/1.1 431"),
        (address.as_bytes(), "HTTP/1.1 4"),
    ];
    for (bytes, expected) in table {
        let answer = raw(&world, bytes).await;
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
        assert!(answer.starts_with(expected), "{shown:?}: {answer}");
    }
    assert_eq!(world.get("/v1/status").await.0, 200, "others are served as before");
}

#[tokio::test]
async fn a_body_that_is_cut_off_changes_nothing() {
    let world = World::new().await;
    let body = "{\"verb\": {\"stop\": {}}, \"target\": \"web\", \"why\": \"x\"}";
    let head = format!(
        "POST /v1/commands HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = UnixStream::connect(&world.socket).await.expect("it is served");
    stream.write_all(head.as_bytes()).await.expect("it is taken");
    stream.write_all(&body.as_bytes()[..20]).await.expect("it is taken");
    stream.shutdown().await.expect("it is hung up");
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    let view = world.handle.child("web").await.expect("it is there");
    assert_eq!(view.standing, mainstay::Standing::Ready);
}

#[tokio::test(start_paused = true)]
async fn who_is_slow_is_hung_up_on() {
    let world = World::new().await;
    let began = tokio::time::Instant::now();
    let answer = raw(&world, b"GET /v1/status HTTP/1.1\r\nhost: x\r\n").await;
    assert!(began.elapsed() <= Duration::from_secs(11), "{:?}", began.elapsed());
    assert!(!answer.contains("200"), "{answer}");
    // A body that does not come is answered.
    let began = tokio::time::Instant::now();
    let head = b"POST /v1/commands HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    let answer = raw(&world, head).await;
    assert!(began.elapsed() <= Duration::from_secs(21), "{:?}", began.elapsed());
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("slow"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_of_a_stream_is_dropped() {
    let world = World::new().await;
    let mut stream = UnixStream::connect(&world.socket).await.expect("it is served");
    let ask = b"GET /v1/events?from=1 HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n";
    stream.write_all(ask).await.expect("it is taken");
    let mut begin = [0; 12];
    stream.read_exact(&mut begin).await.expect("it begins");
    assert_eq!(&begin, b"HTTP/1.1 200");
    // More than any buffer in between holds.
    for _ in 0..6_000 {
        world.handle.by("a test").pause("web", "x".repeat(200)).await.expect("it is carried out");
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut rest = Vec::new();
    // What is in the buffers is read, and then it is over, though the tree goes on.
    drop(stream.read_to_end(&mut rest).await);
    assert!(rest.len() < 6_000 * 200, "{} bytes", rest.len());
}

#[tokio::test]
async fn more_connections_than_there_is_room_for_are_turned_away() {
    let world = World::new().await;
    let mut open = Vec::new();
    for _ in 0..256 {
        let mut stream = UnixStream::connect(&world.socket).await.expect("it is served");
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("it is taken");
        let mut begin = [0; 12];
        stream.read_exact(&mut begin).await.expect("it is answered");
        assert_eq!(&begin, b"HTTP/1.1 200");
        open.push(stream);
    }
    let answer = raw(&world, b"").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.contains(&format!("content-length: {}", body.len())), "{answer}");
    let problem: mainstay_wire::api::Problem = serde_json::from_str(body).expect("a problem");
    assert_eq!(problem.code, "too-many");
    drop(open.pop());
    // Its place is free as soon as the server has seen it go.
    loop {
        let answer =
            raw(&world, b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        if answer.starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    }
}

#[tokio::test]
async fn nobody_listens_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("api.sock");
    let first = Listener::bind(&path, 0o640).expect("a free path");
    let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let error = Listener::bind(&path, 0o600).expect_err("it is taken");
    let expected =
        format!("{} is already served by process {}:", path.display(), std::process::id());
    assert!(error.to_string().starts_with(&expected), "{error}");
    drop(first);
    assert!(!path.exists());
    // One that somebody else listens on, without a lock.
    let other = std::os::unix::net::UnixListener::bind(&path).expect("a free path");
    let error = Listener::bind(&path, 0o600).expect_err("it is taken");
    assert!(
        matches!(error, BindError::Served { pid: Some(pid), .. } if pid == std::process::id()),
        "{error}"
    );
    // One that nobody listens on any more.
    drop(other);
    assert!(path.exists());
    let second = Listener::bind(&path, 0o600).expect("what is stale is removed");
    assert_eq!(second.path(), path);
}

#[tokio::test]
async fn places_that_do_not_do_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("missing/api.sock");
    let error = Listener::bind(&path, 0o600).expect_err("there is no folder");
    assert!(matches!(error, BindError::NoFolder { .. }), "{error}");
    let path = folder.path().join("x".repeat(120));
    let error = Listener::bind(&path, 0o600).expect_err("it is too long");
    assert!(
        matches!(error, BindError::TooLong { .. }) && error.to_string().contains("107"),
        "{error}"
    );
    let path = folder.path().join("file");
    std::fs::write(&path, "mine").expect("it is written");
    let error = Listener::bind(&path, 0o600).expect_err("it is no socket");
    assert!(matches!(error, BindError::InTheWay { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "mine");
}

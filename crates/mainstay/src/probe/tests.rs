//! Probes against servers that say what the test wants.

use super::Probe;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

/// Far longer than any of these takes; only who is never answered waits for less.
const LONG: Duration = Duration::from_secs(60);

/// What a server does with the one connection it takes.
#[derive(Clone)]
enum Serve {
    /// Reads the question, answers, and says nothing more.
    Say(Vec<u8>),
    /// The same, and keeps the connection open.
    SayAndStay(Vec<u8>),
    /// Says this again and again for as long as somebody reads.
    Repeat(Vec<u8>),
    /// Closes at once.
    Close,
}

async fn serve(mut connection: impl AsyncReadExt + AsyncWriteExt + Unpin, how: Serve) {
    if matches!(how, Serve::Close) {
        return;
    }
    // A question of either kind is written in one piece.
    let mut question = vec![0; 4_096];
    let count = connection.read(&mut question).await.unwrap_or_default();
    assert!(count > 0, "somebody asks");
    match how {
        Serve::Say(answer) => {
            drop(connection.write_all(&answer).await);
            drop(connection.shutdown().await);
            // What nobody read would take the answer along.
            while connection.read(&mut question).await.is_ok_and(|count| count > 0) {}
        }
        Serve::SayAndStay(answer) => {
            drop(connection.write_all(&answer).await);
            // Until the other side closes.
            while connection.read(&mut question).await.is_ok_and(|count| count > 0) {}
        }
        Serve::Repeat(answer) => while connection.write_all(&answer).await.is_ok() {},
        Serve::Close => {}
    }
}

/// Asks a server that does this.
async fn ask(probe: impl Fn(&str) -> Probe, how: Serve, limit: Duration) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    let probe = probe(&address);
    assert_eq!(probe.wrong, Vec::<String>::new());
    let serving = async {
        let (connection, _) = listener.accept().await.expect("somebody connects");
        serve(connection, how).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = probe.target.ask(limit) => answer.map_err(|why| why.replace(&address, "it")),
        () = serving => unreachable!("it is pending"),
    }
}

fn http(address: &str) -> Probe {
    Probe::http(&format!("http://{address}/healthz"))
}

fn grpc(address: &str) -> Probe {
    Probe::grpc(address, "web")
}

#[tokio::test]
async fn http_is_judged_by_its_status() {
    let say = |text: &str| Serve::Say(text.as_bytes().to_vec());
    let stay = |text: &str| Serve::SayAndStay(text.as_bytes().to_vec());
    let table = [
        (stay("HTTP/1.1 200 OK\r\n"), Ok(())),
        (say("HTTP/1.0 204 No Content\r\n\r\n"), Ok(())),
        (say("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n"), Ok(())),
        (stay("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), Ok(())),
        (say("HTTP/1.1 404 Not Found\r\n\r\n"), Err("status 404")),
        (say("HTTP/1.1 503 Service Unavailable\r\n\r\n"), Err("status 503")),
        (say(""), Err("it closed the connection without an answer")),
        (say("HTTP/1.1 20"), Err("it closed the connection without an answer")),
        (stay("SSH-2.0-OpenSSH_9.2\r\n"), Err("it does not speak HTTP/1")),
        (Serve::Repeat(vec![b'H'; 512]), Err("it does not speak HTTP/1")),
        (
            Serve::Repeat(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
            Err("it answers with more than a status"),
        ),
    ];
    for (how, expected) in table {
        let answer = ask(http, how, LONG).await;
        assert_eq!(answer, expected.map_err(str::to_owned));
    }
    let strict = |address: &str| http(address).status(200..=200);
    let answer = ask(strict, say("HTTP/1.1 204 No Content\r\n\r\n"), LONG).await;
    assert_eq!(answer, Err("status 204".into()));
}

/// What a server made with grpcio 1.76 said: its settings, a ping, and the answer to one call.
fn recorded(rest: &str) -> Vec<u8> {
    let begins = "000018040000000000000400400000000500400000000600004000fe0300000001000004080000000000003f0001\
                  00000004010000000000000408000000000000000005000008060000000000071038beab2b8b15";
    let headers = "00004f0104000000012088400c636f6e74656e742d74797065106170706c69636174696f6e2f677270634014677270632d\
                   6163636570742d656e636f64696e67176964656e746974792c206465666c6174652c20677a6970";
    let hex: String = [begins, headers, rest].concat();
    let digits: Vec<u8> =
        hex.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[tokio::test]
async fn grpc_is_judged_by_the_answer_of_its_health_service() {
    let trailers = "00001e010500000001400b677270632d73746174757301300\
                    00c677270632d6d65737361676500";
    let not_found = "00001e010500000001400b677270632d73746174757301350\
                     00c677270632d6d65737361676500";
    let serving = recorded(&["000007000000000001000000000208 01", trailers].concat());
    let not_serving = recorded(&["000007000000000001000000000208 02", trailers].concat());
    let unknown = recorded(&["000005000000000001 0000000000", not_found].concat());
    let table = [
        (Serve::SayAndStay(serving.clone()), Ok(())),
        (Serve::Say(serving.clone()), Ok(())),
        (Serve::SayAndStay(not_serving), Err("not serving")),
        (Serve::SayAndStay(unknown), Err("it: knows no such service")),
        (Serve::Say(serving[..100].to_vec()), Err("it: closed the connection without an answer")),
        (
            Serve::Say(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
            Err("it: does not speak HTTP/2"),
        ),
        // Pings without end.
        (
            Serve::Repeat(vec![0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]),
            Err("it: answers with more than a status"),
        ),
    ];
    for (how, expected) in table {
        let answer = ask(grpc, how, LONG).await;
        assert_eq!(answer, expected.map_err(str::to_owned));
    }
}

#[tokio::test]
async fn a_connection_is_enough_for_tcp() {
    assert_eq!(ask(Probe::tcp, Serve::Close, LONG).await, Ok(()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    drop(listener);
    let refused = Err(format!("cannot connect to {address}: connection refused"));
    for probe in [Probe::tcp(&address), http(&address), grpc(&address)] {
        assert_eq!(probe.target.ask(LONG).await, refused);
    }
}

#[tokio::test]
async fn who_never_answers_fails_in_time() {
    let limit = Duration::from_millis(20);
    for probe in [http, grpc] {
        let answer = ask(probe, Serve::SayAndStay(Vec::new()), limit).await;
        assert_eq!(answer, Err("no answer within 20ms".into()));
    }
}

#[tokio::test]
async fn unix_sockets_are_asked_too() {
    let name = format!("unix:@mainstay-probe-{}", std::process::id());
    let folder = std::env::temp_dir().join(format!("mainstay-probe-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder of our own");
    let path = folder.join("s");
    let abstract_name = format!("\0mainstay-probe-{}", std::process::id());
    let page = Serve::SayAndStay(b"HTTP/1.1 200 OK\r\n\r\n".to_vec());
    for (listens, address) in
        [(abstract_name.into(), name), (path.clone(), format!("unix:{}", path.display()))]
    {
        let listener = UnixListener::bind(&listens).expect("the name is free");
        let probe = Probe::http("http://web/healthz").through(&address);
        let serving = async {
            let (connection, _) = listener.accept().await.expect("somebody connects");
            serve(connection, page.clone()).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            answer = probe.target.ask(LONG) => assert_eq!(answer, Ok(())),
            () = serving => unreachable!("it is pending"),
        }
        assert_eq!(Probe::tcp(&address).target.ask(LONG).await, Ok(()));
    }
    drop(std::fs::remove_dir_all(folder));
}

//! A console: the WebSocket at the terminal of a child.

use super::{AGAIN, BACK, Client, Miss, address};
use crate::fault::Fault;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use mainstay_wire::api::{ConsoleAsks, ConsoleSays, VERSION};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};
use tokio_tungstenite::tungstenite::protocol::Role;

/// One console, for as long as the brain that serves it lives.
pub(crate) struct Console {
    socket: WebSocketStream<TokioIo<Upgraded>>,
}

/// What came over a console.
pub(crate) enum Heard {
    /// The terminal printed this.
    Bytes(Bytes),
    /// The daemon says something.
    Says(ConsoleSays),
    /// The connection is gone.
    Gone,
}

impl Client {
    /// Joins the terminal of a child. A brain that is being replaced is waited for.
    pub(crate) async fn console(&self, path: &str, is_read_only: bool) -> Result<Console, Fault> {
        let asked_at = Instant::now();
        loop {
            match self.console_once(path, is_read_only).await {
                Ok(console) => return Ok(console),
                Err(Miss::Final(fault)) => return Err(fault),
                Err(Miss::Passing(fault)) if asked_at.elapsed() > BACK => return Err(fault),
                Err(Miss::Passing(fault)) => self.mention(&fault),
            }
            sleep(AGAIN).await;
        }
    }

    async fn console_once(&self, path: &str, is_read_only: bool) -> Result<Console, Miss> {
        let broken = |step| Miss::Passing(self.broken(step));
        let stream = UnixStream::connect(self.socket()).await.map_err(|error| self.miss(error))?;
        let (mut sender, connection) = http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream))
            .await
            .map_err(|_| broken("connecting"))?;
        let key = generate_key();
        let request = Request::builder()
            .uri(format!("/{VERSION}/console/{}?read_only={is_read_only}", address(path)))
            .header("host", "localhost")
            .header("user-agent", concat!("mainstay/", env!("CARGO_PKG_VERSION")))
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", &key)
            .body(Empty::new())
            .map_err(|error| Miss::Final(self.foreign(&error)))?;
        let asking = async {
            let response = sender.send_request(request).await;
            let response = response.map_err(|_| broken("waiting for the answer"))?;
            let status = response.status();
            if status != StatusCode::SWITCHING_PROTOCOLS {
                let body = response.into_body().collect().await;
                let body = body.map_err(|_| broken("reading the answer"))?.to_bytes();
                return Err(Miss::Final(self.refusal(status, &body)));
            }
            let accepted = response.headers().get("sec-websocket-accept");
            if accepted.is_none_or(|accepted| *accepted != derive_accept_key(key.as_bytes())) {
                return Err(Miss::Final(self.foreign(&"it does not accept the WebSocket")));
            }
            hyper::upgrade::on(response).await.map_err(|_| broken("becoming a WebSocket"))
        };
        let moving = async {
            // Where it breaks, whoever asks hears of it.
            let _ = connection.with_upgrades().await;
            std::future::pending::<()>().await;
        };
        let upgraded = tokio::select! {
            upgraded = asking => upgraded?,
            () = moving => return Err(broken("waiting for the answer")),
        };
        let stream = TokioIo::new(upgraded);
        let socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        Ok(Console { socket })
    }
}

impl Console {
    /// Waits for what comes. It can be dropped and called again: nothing is lost.
    pub(crate) async fn next(&mut self) -> Heard {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Binary(bytes))) => return Heard::Bytes(bytes),
                Some(Ok(Message::Text(text))) => {
                    // What a later daemon says beside is not understood, and not needed.
                    if let Ok(says) = serde_json::from_str(&text) {
                        return Heard::Says(says);
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                    // The answer to a ping waits to be sent.
                    if self.socket.flush().await.is_err() {
                        return Heard::Gone;
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Heard::Gone,
            }
        }
    }

    /// Sends what is typed. Where the connection is gone, [`next`](Self::next) says so.
    pub(crate) async fn type_in(&mut self, bytes: Vec<u8>) {
        let _ = self.socket.send(Message::Binary(bytes.into())).await;
    }

    /// Says how large the window is.
    pub(crate) async fn resize(&mut self, rows: u16, columns: u16) {
        // Two numbers have a form.
        let text = serde_json::to_string(&ConsoleAsks::Resize { rows, columns });
        let _ = self.socket.send(Message::Text(text.unwrap_or_default().into())).await;
    }

    /// Leaves in order.
    pub(crate) async fn leave(mut self) {
        let _ = self.socket.close(None).await;
    }
}

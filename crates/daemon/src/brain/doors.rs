//! Where the API is served: a Unix socket, and a port with TLS where the spec file says so.

use super::BrainError;
use crate::api::{self, Listener, Role, Roles, Secure, Service, Tls};
use mainstay_keeper::Client;
use mainstay_wire::spec::{Api, Tcp};
use std::io;
use std::os::unix::net::UnixListener;
use std::path::Path;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The name of the API's socket among those that are passed to this program (`LISTEN_FDNAMES`).
pub const API: &str = "api";
/// The name of the port for numbers and health among them.
pub const OBSERVE: &str = "observe";

/// The rights of the socket unless the spec file says others.
const RIGHTS: u32 = 0o600;

/// What was opened for this program by whoever started it (`LISTEN_FDS`).
#[derive(Default)]
pub(super) struct Given {
    /// Where the API is served.
    pub(super) api: Option<UnixListener>,
    /// Where numbers and health are.
    pub(super) observe: Option<std::net::TcpListener>,
}

impl Given {
    /// Takes what the keeper holds of it. What they are, and that no other is among them, was looked at before.
    pub(super) fn take(client: &Client) -> Result<Self, BrainError> {
        let mut given = Self::default();
        for (name, fd) in client.passed().map_err(BrainError::Passed)? {
            match name.as_str() {
                API => given.api = Some(fd.into()),
                OBSERVE => given.observe = Some(fd.into()),
                other => {
                    let why = format!("`{other}` is neither `{API}` nor `{OBSERVE}`");
                    return Err(BrainError::Passed(io::Error::other(why)));
                }
            }
        }
        Ok(given)
    }
}

/// What is open.
pub(super) struct Doors {
    socket: Listener,
    roles: Roles,
    port: Option<(TcpListener, Secure)>,
}

impl Doors {
    /// Opens them.
    pub(super) async fn open(
        socket: &Path,
        api: &Api,
        given: Option<UnixListener>,
    ) -> Result<Self, BrainError> {
        let port = match &api.tcp {
            Some(tcp) => {
                let secure = tls(tcp).load()?;
                let address = tcp.listen;
                let listener = TcpListener::bind(address).await;
                Some((listener.map_err(|source| BrainError::Port { address, source })?, secure))
            }
            None => None,
        };
        let roles = Roles {
            admins: api.admins.clone(),
            operators: api.operators.clone(),
            viewers: api.viewers.clone(),
        };
        let socket = match given {
            Some(given) => Listener::passed(socket, given)?,
            None => Listener::bind(socket, api.mode.unwrap_or(RIGHTS))?,
        };
        Ok(Self { socket, roles, port })
    }

    /// Serves on all of them until `stop` closes.
    pub(super) async fn serve(self, service: Service, stop: watch::Receiver<()>) {
        let unix = api::serve_unix(self.socket, service.clone(), self.roles, closed(stop.clone()));
        match self.port {
            Some((port, secure)) => {
                tokio::join!(unix, api::serve_tls(port, service, secure, closed(stop)));
            }
            None => unix.await,
        }
    }
}

/// Waits until nobody holds the other end any more.
pub(super) async fn closed(mut stop: watch::Receiver<()>) {
    // Nothing is ever sent.
    while stop.changed().await.is_ok() {}
}

fn tls(tcp: &Tcp) -> Tls {
    let role = match tcp.client_role.as_str() {
        "admin" => Role::Admin,
        "operator" => Role::Operator,
        _ => Role::Viewer,
    };
    Tls {
        certificate: tcp.certificate.clone(),
        key: tcp.key.clone(),
        hosts: tcp.hosts.clone(),
        token_list: tcp.tokens.clone(),
        client_authority: tcp.client_ca.clone(),
        any_client: tcp.client_ca.is_some().then_some(role),
        ..Tls::default()
    }
}

//! Opening sockets, and taking those who come.

use super::endpoint::Written;
use crate::api::{Listener, Roles};
use mainstay_wire::spec::Endpoint;
use rustix::fs::{AtFlags, CWD, Gid, Uid, chownat};
use rustix::net::sockopt::{set_socket_keepalive, set_socket_reuseaddr};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// Connections that may wait to be taken.
const BACKLOG: i32 = 64;
/// The rights of a socket of which nothing is said: those of procServ, whom any user of the machine may reach.
const RIGHTS: u32 = 0o666;

/// Why a console does not listen somewhere.
#[derive(Debug, thiserror::Error)]
#[error("the console cannot listen on {}", Written(.endpoint))]
pub struct DoorError {
    endpoint: Endpoint,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl DoorError {
    /// Returns what the system said, with all its causes.
    pub fn source_text(&self) -> String {
        let mut text = self.source.to_string();
        let mut cause = self.source.source();
        while let Some(next) = cause {
            text = format!("{text}: {next}");
            cause = next.source();
        }
        text
    }
}

/// A socket that is listened on.
#[derive(Debug)]
pub(super) struct Door {
    endpoint: Endpoint,
    listens: Listens,
}

#[derive(Debug)]
enum Listens {
    Tcp(TcpListener),
    /// A file, which goes with the door.
    Unix(Listener),
    Abstract(UnixListener),
}

/// A connection.
#[derive(Debug)]
pub(super) enum Line {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Somebody who is not known on the machine: nobody can say where its other end is.
const UNKNOWN: &str = "somebody";

impl Door {
    /// Opens one. An earlier socket on which nobody listens is removed.
    pub(super) fn open(endpoint: &Endpoint) -> Result<Self, DoorError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| DoorError {
            endpoint: endpoint.clone(),
            source,
        };
        let listens = match endpoint {
            Endpoint::Tcp(address) => {
                Listens::Tcp(tcp(*address).map_err(|source| failed(source.into()))?)
            }
            Endpoint::Unix { path, user, group, mode } => {
                let listener = Listener::bind(path, mode.unwrap_or(RIGHTS))
                    .map_err(|source| failed(source.into()))?;
                if user.is_some() || group.is_some() {
                    let owner = user.as_deref().map(|name| number("/etc/passwd", name)).transpose();
                    let group = group.as_deref().map(|name| number("/etc/group", name)).transpose();
                    let (owner, group) = (
                        owner.map_err(|why| failed(why.into()))?,
                        group.map_err(|why| failed(why.into()))?,
                    );
                    let (owner, group) = (owner.map(Uid::from_raw), group.map(Gid::from_raw));
                    chownat(CWD, path, owner, group, AtFlags::SYMLINK_NOFOLLOW)
                        .map_err(|source| failed(io::Error::from(source).into()))?;
                }
                Listens::Unix(listener)
            }
            Endpoint::Abstract(name) => {
                Listens::Abstract(by_name(name).map_err(|source| failed(source.into()))?)
            }
        };
        let endpoint = match &listens {
            // The port that was chosen where any would do.
            Listens::Tcp(listener) => {
                listener.local_addr().map_or_else(|_| endpoint.clone(), Endpoint::Tcp)
            }
            Listens::Unix(_) | Listens::Abstract(_) => endpoint.clone(),
        };
        Ok(Self { endpoint, listens })
    }

    /// Returns where it listens, with the port that was chosen.
    pub(super) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Waits for the next connection, and says who is at its other end.
    pub(super) async fn next(&self) -> io::Result<(Line, String)> {
        match &self.listens {
            Listens::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Without either it works as well, only later.
                let _ = set_socket_keepalive(&stream, true);
                let _ = stream.set_nodelay(true);
                Ok((Line::Tcp(stream), format!("console:{address}")))
            }
            Listens::Unix(listener) => Ok(user(listener.listener.accept().await?.0)),
            Listens::Abstract(listener) => Ok(user(listener.accept().await?.0)),
        }
    }
}

fn user(stream: UnixStream) -> (Line, String) {
    let name = stream.peer_cred().map_or_else(
        |_| UNKNOWN.to_owned(),
        |peer| Roles::default().caller(peer.uid(), peer.gid()).name().to_owned(),
    );
    (Line::Unix(stream), format!("console:{name}"))
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, flags(), None)?;
    // The next brain takes the port over while connections of the last one still linger.
    set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn by_name(name: &str) -> io::Result<UnixListener> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags(), None)?;
    bind(&socket, &SocketAddrUnix::new_abstract_name(name.as_bytes())?)?;
    listen(&socket, BACKLOG)?;
    UnixListener::from_std(socket.into())
}

fn flags() -> SocketFlags {
    SocketFlags::CLOEXEC | SocketFlags::NONBLOCK
}

/// Returns the number of a user or group, by its name or as written.
fn number(file: &str, name: &str) -> Result<u32, String> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let all = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let of = |line: &str| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
    };
    let what = if file.ends_with("group") { "group" } else { "user" };
    all.lines().find_map(of).ok_or_else(|| format!("there is no {what} `{name}`"))
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

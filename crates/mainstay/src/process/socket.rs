//! Sockets that stay open from run to run.

use mainstay_wire::process::{Address, Socket as WireSocket};
use std::ffi::OsStr;
use std::net::SocketAddr;

/// A socket that is opened before the process starts, passed to each of its runs (`LISTEN_FDS`), and kept open in
/// between: no connection is refused while the process restarts.
///
/// With [`on_demand`](crate::Child::on_demand) the first connection starts the process.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Socket {
    pub(super) socket: WireSocket,
    pub(super) wrong: Vec<String>,
}

impl Socket {
    /// Listens at `127.0.0.1:80` or `[::]:80`; port 0 takes a free one, see [`Process`](super::Process).
    pub fn tcp(name: &str, address: &str) -> Self {
        Self::net(name, address, Address::Tcp)
    }

    /// The same for datagrams.
    pub fn udp(name: &str, address: &str) -> Self {
        Self::net(name, address, Address::Udp)
    }

    fn net(name: &str, address: &str, kind: fn(SocketAddr) -> Address) -> Self {
        let mut wrong = Vec::new();
        let parsed = address.parse().unwrap_or_else(|_| {
            wrong.push(format!(
                "the socket `{name}` cannot listen at `{address}`: say `127.0.0.1:80` or `[::]:80`"
            ));
            SocketAddr::from(([0, 0, 0, 0], 0))
        });
        Self::new(name, kind(parsed), wrong)
    }

    /// Listens at a path; `@name` is an abstract one.
    pub fn unix(name: &str, path: impl AsRef<OsStr>) -> Self {
        Self::new(name, Address::Unix { path: path.as_ref().into(), mode: None }, Vec::new())
    }

    /// The same for datagrams.
    pub fn unix_datagram(name: &str, path: impl AsRef<OsStr>) -> Self {
        Self::new(
            name,
            Address::UnixDatagram { path: path.as_ref().into(), mode: None },
            Vec::new(),
        )
    }

    fn new(name: &str, address: Address, wrong: Vec<String>) -> Self {
        let socket = WireSocket {
            name: name.into(),
            address,
            backlog: None,
            shared: false,
            nonblocking: false,
        };
        Self { socket, wrong }
    }

    /// Sets the rights of the file of a Unix socket.
    pub fn mode(mut self, rights: u32) -> Self {
        match &mut self.socket.address {
            Address::Unix { mode, .. } | Address::UnixDatagram { mode, .. } => *mode = Some(rights),
            Address::Tcp(_) | Address::Udp(_) => {
                self.wrong.push("only a Unix socket has the rights of a file".into());
            }
        }
        self
    }

    /// Sets how many connections may wait; otherwise 4096.
    pub const fn backlog(mut self, connections: u32) -> Self {
        self.socket.backlog = Some(connections);
        self
    }

    /// Lets several sockets stand at the address (`SO_REUSEPORT`).
    pub const fn shared(mut self) -> Self {
        self.socket.shared = true;
        self
    }

    /// Lets nobody wait where nobody connects (`O_NONBLOCK`). Some programs whose workers share a socket that
    /// they were passed, as those of nginx do, rely on it.
    pub const fn nonblocking(mut self) -> Self {
        self.socket.nonblocking = true;
        self
    }
}

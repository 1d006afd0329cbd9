//! Where a probe connects to.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// An address as people write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A port of a machine.
    Net { host: String, port: u16 },
    /// A Unix socket; `@` begins an abstract one.
    Unix(String),
}

/// A connection, whatever it is made of.
pub(super) trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

impl Place {
    /// Reads an address. One that is wrong is noted, and its place is taken by one that nobody uses.
    pub(super) fn parse_into(text: &str, wrong: &mut Vec<String>) -> Self {
        Self::parse(text).unwrap_or_else(|why| {
            wrong.push(format!("a probe cannot connect to `{text}`: {why}"));
            Self::Net { host: String::new(), port: 0 }
        })
    }

    /// Reads `host:port`, `[v6]:port`, `unix:/path` or `unix:@name`.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(path) = text.strip_prefix("unix:") {
            let is_placed = path.starts_with('/') || path.len() > 1 && path.starts_with('@');
            return match path {
                _ if path.contains('\0') => Err("it contains a NUL byte"),
                _ if is_placed => Ok(Self::Unix(path.into())),
                _ => Err("a Unix socket is `unix:/path` or `unix:@name`"),
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or("it has no port")?;
        let port = match port.parse() {
            Ok(0) | Err(_) => return Err("its port is no number from 1 to 65535"),
            Ok(port) => port,
        };
        let host = match host.strip_prefix('[').map(|host| host.strip_suffix(']')) {
            Some(Some(host)) if host.parse::<std::net::Ipv6Addr>().is_ok() => host,
            Some(_) => return Err("between brackets stands an IPv6 address"),
            None if host.contains(':') => return Err("an IPv6 address stands between brackets"),
            None => host,
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
        if host.is_empty() || !host.chars().all(is_plain) {
            return Err("its host is no name and no address");
        }
        Ok(Self::Net { host: host.into(), port })
    }

    /// Connects. A name is looked up by the system each time.
    pub(super) async fn connect(&self) -> Result<Box<dyn Connection>, String> {
        let connected: io::Result<Box<dyn Connection>> = match self {
            Self::Net { host, port } => match host.parse::<IpAddr>() {
                Ok(ip) => boxed(TcpStream::connect(SocketAddr::new(ip, *port)).await),
                Err(_) => boxed(TcpStream::connect((host.as_str(), *port)).await),
            },
            // The runtime knows an abstract name by the NUL that it begins with.
            Self::Unix(path) => match path.strip_prefix('@') {
                Some(name) => boxed(UnixStream::connect(format!("\0{name}")).await),
                None => boxed(UnixStream::connect(path).await),
            },
        };
        connected.map_err(|error| format!("cannot connect to {self}: {}", plain(&error)))
    }
}

fn boxed<C: Connection + 'static>(made: io::Result<C>) -> io::Result<Box<dyn Connection>> {
    made.map(|connection| Box::new(connection) as Box<dyn Connection>)
}

/// Returns an error of the system as people say it: "connection refused".
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Net { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn an_address_is_a_port_of_a_machine_or_a_unix_socket() {
        for good in [
            "127.0.0.1:80",
            "localhost:8080",
            "db.example.org:5432",
            "[::1]:80",
            "unix:/run/x",
            "unix:@x",
        ] {
            assert_eq!(Place::parse(good).map(|place| place.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "localhost",
            "localhost:0",
            "localhost:65536",
            ":80",
            "::1:80",
            "[::1:80",
            "[x]:80",
            "a b:80",
            "http://x:80",
            "unix:",
            "unix:@",
            "unix:x",
            "unix:/a\0b",
        ] {
            assert!(Place::parse(bad).is_err(), "{bad:?} is no address");
        }
    }
}

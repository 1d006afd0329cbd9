//! Where a console listens, in procServ's notation.

use crate::spec::rights;
use mainstay_wire::spec::Endpoint;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Why a text names no place to listen at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It is no port, address or path.
    #[error("`{0}` is no place to listen at")]
    Unknown(String),
    /// The port is no number that a port can have.
    #[error("`{0}` is no port: a port is a number from 0 to 65535")]
    Port(String),
    /// The address is a name.
    #[error("`{0}` is no address of this machine in numbers")]
    Address(String),
    /// Nothing stands behind `unix:`.
    #[error("`{0}` names no path")]
    NoPath(String),
    /// There are too few or too many parts.
    #[error("`{0}` is no Unix socket")]
    Parts(String),
    /// The rights are no octal number.
    #[error("`{0}` are no rights of a file")]
    Rights(String),
}

impl EndpointError {
    /// Returns what would be right.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Unknown(_) | Self::Port(_) | Self::Address(_) => {
                "say a port, `127.0.0.1:PORT`, `unix:PATH`, `unix:USER:GROUP:PERM:PATH` or `unix:@NAME`"
            }
            Self::NoPath(_) | Self::Parts(_) => {
                "say `unix:PATH`, `unix:USER:GROUP:PERM:PATH` or `unix:@NAME`"
            }
            Self::Rights(_) => "three or four octal digits, as in `unix:::0660:/run/ioc.sock`",
        }
    }
}

/// Reads one: `PORT`, `A.B.C.D:PORT`, `[ADDRESS]:PORT`, `unix:PATH`, `unix:USER:GROUP:PERM:PATH`, `unix:@NAME`.
///
/// A port alone is one of `alone`; a relative path begins at `folder`. Any of user, group and rights may be empty.
///
/// # Errors
///
/// When it is none of these.
pub fn endpoint(text: &str, alone: IpAddr, folder: &Path) -> Result<Endpoint, EndpointError> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix("unix:") {
        return unix(text, rest, folder);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        return Ok(Endpoint::Tcp(SocketAddr::new(alone, port(text)?)));
    }
    let Some((address, number)) = text.rsplit_once(':') else {
        return Err(EndpointError::Unknown(text.into()));
    };
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let address: IpAddr = address.parse().map_err(|_| EndpointError::Address(address.into()))?;
    Ok(Endpoint::Tcp(SocketAddr::new(address, port(number)?)))
}

fn port(text: &str) -> Result<u16, EndpointError> {
    text.parse().map_err(|_| EndpointError::Port(text.into()))
}

fn unix(text: &str, rest: &str, folder: &Path) -> Result<Endpoint, EndpointError> {
    if let Some(name) = rest.strip_prefix('@') {
        return match name {
            "" => Err(EndpointError::NoPath(text.into())),
            name => Ok(Endpoint::Abstract(name.into())),
        };
    }
    let parts: Vec<&str> = rest.splitn(4, ':').collect();
    let (user, group, mode, path) = match parts[..] {
        [path] => ("", "", "", path),
        [user, group, mode, path] => (user, group, mode, path),
        _ => return Err(EndpointError::Parts(text.into())),
    };
    if path.is_empty() {
        return Err(EndpointError::NoPath(text.into()));
    }
    let said = |part: &str| (!part.is_empty()).then(|| part.to_owned());
    let mode = match mode {
        "" => None,
        mode => Some(rights(mode).ok_or_else(|| EndpointError::Rights(mode.into()))?),
    };
    let path: PathBuf = folder.join(path);
    Ok(Endpoint::Unix { path, user: said(user), group: said(group), mode })
}

/// Returns whether nobody from another machine can reach it.
pub fn is_local(endpoint: &Endpoint) -> bool {
    match endpoint {
        Endpoint::Tcp(address) => address.ip().is_loopback(),
        Endpoint::Unix { .. } | Endpoint::Abstract(_) => true,
    }
}

/// The address of a port of which nothing more is said.
pub const fn alone(is_allowed: bool) -> IpAddr {
    IpAddr::V4(if is_allowed { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST })
}

/// An endpoint as it stands in info files and in `PROCSERV_INFO`: `tcp:127.0.0.1:2000`, `unix:/run/ioc.sock`.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a>(pub &'a Endpoint);

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Endpoint::Tcp(address) => write!(f, "tcp:{address}"),
            Endpoint::Unix { path, .. } => write!(f, "unix:{}", path.display()),
            Endpoint::Abstract(name) => write!(f, "unix:@{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_endpoint_is_read() {
        let unix = |path: &str, user: &str, group: &str, mode| {
            let said = |part: &str| (!part.is_empty()).then(|| part.to_owned());
            Endpoint::Unix { path: path.into(), user: said(user), group: said(group), mode }
        };
        let tcp = |text: &str| Endpoint::Tcp(text.parse().expect("an address"));
        let table = [
            ("2000", tcp("127.0.0.1:2000")),
            ("0", tcp("127.0.0.1:0")),
            ("10.0.0.7:2000", tcp("10.0.0.7:2000")),
            ("[::1]:2000", tcp("[::1]:2000")),
            ("unix:/run/ioc", unix("/run/ioc", "", "", None)),
            ("unix:ioc", unix("/here/ioc", "", "", None)),
            ("unix:ops:plc:0660:/run/ioc", unix("/run/ioc", "ops", "plc", Some(0o660))),
            ("unix::plc::/run/ioc", unix("/run/ioc", "", "plc", None)),
            ("unix::::/run/a:b", unix("/run/a:b", "", "", None)),
            ("unix:@ioc", Endpoint::Abstract("ioc".into())),
        ];
        for (text, expected) in table {
            let found = endpoint(text, alone(false), Path::new("/here"));
            assert_eq!(found, Ok(expected), "{text}");
        }
        assert_eq!(endpoint("7", alone(true), Path::new("/")), Ok(tcp("0.0.0.0:7")));
    }

    #[test]
    fn what_is_no_endpoint_says_why() {
        let table = [
            ("", "is no place to listen at"),
            ("ioc", "is no place to listen at"),
            ("65536", "is no port"),
            ("localhost:2000", "in numbers"),
            ("127.0.0.1:x", "is no port"),
            ("unix:", "names no path"),
            ("unix:@", "names no path"),
            ("unix:a:b:/run/ioc", "is no Unix socket"),
            ("unix:::rw:/run/ioc", "are no rights"),
        ];
        for (text, expected) in table {
            let found = endpoint(text, alone(false), Path::new("/")).map_err(|e| e.to_string());
            assert!(found.as_ref().is_err_and(|why| why.contains(expected)), "{text}: {found:?}");
        }
    }

    #[test]
    fn what_is_written_is_what_tools_read() {
        for text in ["tcp:127.0.0.1:2000", "unix:/run/ioc", "unix:@ioc"] {
            let plain = text.strip_prefix("tcp:").unwrap_or(text);
            let endpoint = endpoint(plain, alone(false), Path::new("/")).expect("an endpoint");
            assert_eq!(Written(&endpoint).to_string(), text);
            assert!(is_local(&endpoint));
        }
    }
}

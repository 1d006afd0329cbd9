//! Where something is sent: an address as people write it, taken apart once.

use hyper::Uri;
use hyper::header::HeaderValue;
use rustls::pki_types::ServerName;
use std::fmt;
use std::str::FromStr;

/// An address that begins with `http://` or `https://`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    host: String,
    port: u16,
    /// How the other end calls itself in its certificate; absent: it needs none.
    name: Option<ServerName<'static>>,
    /// What stands behind the host.
    place: Uri,
    host_header: HeaderValue,
}

/// Why a text is no such address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    /// It is not made like one.
    #[error("it is no address: write it as `https://host:port/path`")]
    Form,
    /// It begins otherwise.
    #[error("it begins with neither `http://` nor `https://`")]
    Scheme,
    /// There is a name or a password in it.
    #[error("it has a user or a password in it: send a header with a secret instead")]
    Secret,
    /// The host is none.
    #[error("`{host}` is no name of a host")]
    Host {
        /// What is written there.
        host: String,
    },
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let uri: Uri = text.parse().map_err(|_| TargetError::Form)?;
        let is_secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) => return Err(TargetError::Scheme),
            None => return Err(TargetError::Form),
        };
        let authority = uri.authority().ok_or(TargetError::Form)?;
        if authority.as_str().contains('@') {
            return Err(TargetError::Secret);
        }
        let bare = |host: &str| host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let host = bare(authority.host());
        let bad = || TargetError::Host { host: host.clone() };
        if host.is_empty() {
            return Err(bad());
        }
        let name = match is_secure {
            true => Some(ServerName::try_from(host.clone()).map_err(|_| bad())?),
            false => None,
        };
        let port = match (authority.port_u16(), is_secure) {
            (Some(port), _) => port,
            (None, true) => 443,
            (None, false) => 80,
        };
        let place = uri.path_and_query().map_or("/", |place| place.as_str());
        let place = place.parse().map_err(|_| TargetError::Form)?;
        let host_header = HeaderValue::from_str(authority.as_str()).map_err(|_| bad())?;
        Ok(Self { host, port, name, place, host_header })
    }
}

impl Target {
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) const fn name(&self) -> Option<&ServerName<'static>> {
        self.name.as_ref()
    }

    pub(super) fn place(&self) -> Uri {
        self.place.clone()
    }

    pub(super) fn host_header(&self) -> HeaderValue {
        self.host_header.clone()
    }

    /// Returns the host and the port: what may be shown, for secrets stand behind them.
    pub(crate) fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// Returns the same address with another path and nothing behind it.
    ///
    /// # Errors
    ///
    /// The path cannot stand in an address.
    pub(crate) fn at(&self, path: &str) -> Result<Self, TargetError> {
        let place = path.parse().map_err(|_| TargetError::Form)?;
        Ok(Self { place, ..self.clone() })
    }

    /// Returns the path, without what stands behind `?`.
    pub(crate) fn path(&self) -> &str {
        self.place.path()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.name.is_some() { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.place.path())
    }
}

//! Where the interface listens, and who may use it.

use crate::api::{Role, Roles};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What a spec file says about the interface.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens.
    pub listen: Vec<Listen>,
    /// The rights of its Unix sockets.
    pub mode: u32,
    /// Whom everybody who comes by TCP must be, and the password.
    pub login: Option<(String, String)>,
    /// What they may do.
    pub role: Role,
    /// Who has which role on its Unix sockets.
    pub roles: Roles,
}

/// A place to listen at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listen {
    /// The file of a Unix socket.
    Unix(PathBuf),
    /// A port.
    Tcp(SocketAddr),
}

impl Listen {
    /// Returns what tools call it by: `unix:///run/x.sock`, `http://127.0.0.1:9001`.
    pub fn url(&self) -> String {
        match self {
            Self::Unix(path) => format!("unix://{}", path.display()),
            Self::Tcp(address) => format!("http://{address}"),
        }
    }
}

/// The password is not shown.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.login.as_ref().map(|(user, _)| user);
        f.debug_struct("Settings")
            .field("listen", &self.listen)
            .field("mode", &self.mode)
            .field("user", &user)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

//! Who supervises this program, systemd or another Mainstay, and how it is told something (`sd_notify`).

use mainstay_wire::Text;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sendto, socket_with,
};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// How long what must arrive may wait for room.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the next program of this one has to find in its environment as well.
const VARIABLES: [&str; 2] = ["NOTIFY_SOCKET", "WATCHDOG_USEC"];

/// The way to who supervises this program. The default is nobody.
#[derive(Clone, Debug, Default)]
pub struct Above {
    to: Option<SocketAddrUnix>,
    watchdog: Option<Duration>,
}

impl Above {
    /// Finds it in the environment: a path or an abstract name in `NOTIFY_SOCKET`, and `WATCHDOG_USEC`.
    ///
    /// `WATCHDOG_PID` names the process that was started, which may be a shell before this program: the one who
    /// finds a socket here answers.
    pub fn find() -> Self {
        let to = std::env::var_os("NOTIFY_SOCKET").and_then(|address| address_of(&address));
        let number = std::env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse().ok());
        let span = number.filter(|span| ![0, u64::MAX].contains(span)).map(Duration::from_micros);
        Self { watchdog: span.filter(|_| to.is_some()), to }
    }

    /// Returns whether there is somebody.
    pub const fn is_there(&self) -> bool {
        self.to.is_some()
    }

    /// Returns how long they wait for a sign of life, where they do.
    pub const fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Tells it something, lines of `NAME=value`, and waits a moment where it is slow to listen.
    pub fn tell(&self, lines: &str) {
        self.send(lines, SendFlags::NOSIGNAL);
    }

    /// Tells it something that is said again soon, without waiting.
    pub(crate) fn mention(&self, lines: &str) {
        self.send(lines, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
    }

    fn send(&self, lines: &str, flags: SendFlags) {
        let Some(to) = &self.to else { return };
        let made = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None);
        let Ok(socket) = made else { return };
        // One that does not listen any more cannot be told, and is no reason to stand still.
        let _ = set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE));
        let _ = sendto(&socket, lines.as_bytes(), flags, to);
    }
}

fn address_of(address: &OsStr) -> Option<SocketAddrUnix> {
    let bytes = address.as_bytes();
    match bytes.strip_prefix(b"@") {
        Some(name) => SocketAddrUnix::new_abstract_name(name).ok(),
        None if bytes.starts_with(b"/") => SocketAddrUnix::new(bytes).ok(),
        None => None,
    }
}

/// Returns the variables by which a brain, or the keeper after this one, finds the same.
pub(crate) fn passed_on() -> Vec<(Text, Text)> {
    let found = |name| Some((Text::from(name), Text::from(std::env::var_os(name)?)));
    VARIABLES.into_iter().filter_map(found).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_path_or_an_abstract_name() {
        for (text, is_one) in [
            ("/run/notify", true),
            ("@name", true),
            ("vsock:2:1", false),
            ("run/x", false),
            ("", false),
        ] {
            assert_eq!(address_of(OsStr::new(text)).is_some(), is_one, "{text}");
        }
        assert!(address_of(OsStr::new(&format!("/{}", "x".repeat(200)))).is_none());
    }

    #[test]
    fn nobody_is_told_nothing() {
        let nobody = Above::default();
        nobody.tell("READY=1");
        assert!(!nobody.is_there() && nobody.watchdog().is_none());
    }
}

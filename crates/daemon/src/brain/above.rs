//! The one who supervises us: what systemd, or another Mainstay, is told of this program (`sd_notify`).

use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sendto, socket_with,
};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// The way to tell it.
#[derive(Debug, Default)]
pub(super) struct Above {
    address: Option<OsString>,
    /// How often it wants a sign of life.
    pub(super) watchdog: Option<Duration>,
}

impl Above {
    /// Finds it in the environment; where there is nobody, nothing is told.
    pub(super) fn find() -> Self {
        let address = std::env::var_os("NOTIFY_SOCKET").filter(|address| !address.is_empty());
        let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        // `WATCHDOG_PID` names the keeper, which was started by it: this process answers for both.
        let watchdog = number("WATCHDOG_USEC").filter(|span| *span > 0);
        Self { address, watchdog: watchdog.map(Duration::from_micros) }
    }

    /// Tells it something: lines of `NAME=value`.
    pub(super) fn tell(&self, lines: &str) {
        let Some(address) = &self.address else { return };
        let bytes = address.as_bytes();
        let to = match bytes.strip_prefix(b"@") {
            Some(name) => SocketAddrUnix::new_abstract_name(name),
            None => SocketAddrUnix::new(bytes),
        };
        let Ok(to) = to else { return };
        let made = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None);
        if let Ok(socket) = made {
            // One that does not listen any more cannot be told.
            let _ =
                sendto(&socket, lines.as_bytes(), SendFlags::NOSIGNAL | SendFlags::DONTWAIT, &to);
        }
    }
}

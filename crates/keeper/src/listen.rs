//! The sockets of a child: opened before its first run, kept open from run to run, so that no connection is
//! refused in between.

mod open;

use crate::store::is_name;
use mainstay_wire::Text;
use mainstay_wire::keeper::{StartError, Step};
use mainstay_wire::process::{Address, Socket};
use open::File;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::io;

/// The name of what has none that can be passed.
const UNKNOWN: &str = "unknown";

/// The open sockets of one child, in order of declaration.
#[derive(Debug, Default)]
pub(crate) struct Listeners(Vec<Listener>);

#[derive(Debug)]
struct Listener {
    declared: Socket,
    socket: OwnedFd,
    /// Where it stands in the file system.
    file: Option<File>,
}

impl Listeners {
    /// Makes the open sockets those that are declared: one at the same address stays open, others are closed,
    /// and new ones are opened.
    ///
    /// # Errors
    ///
    /// The first that cannot be opened, or made what it is declared to be. Those declared before it, and all
    /// that were open, are.
    pub(crate) fn change(&mut self, declared: &[Socket]) -> Result<(), StartError> {
        let mut old: Vec<_> = self.0.drain(..).map(Some).collect();
        let mut kept: Vec<_> = declared.iter().map(|socket| keep(&mut old, socket)).collect();
        // An old address may be in the way of a new one.
        for listener in old.into_iter().flatten() {
            listener.close();
        }
        let mut failed = Ok(());
        for (socket, kept) in declared.iter().zip(&mut kept) {
            let changed = match kept.take() {
                Some(mut listener) => {
                    let changed = listener.retune(socket);
                    self.0.push(listener);
                    changed
                }
                None if failed.is_err() => continue,
                None => Listener::open(socket).map(|listener| self.0.push(listener)),
            };
            failed = failed.and_then(|()| changed.map_err(|error| explain(socket, &error)));
        }
        failed
    }

    /// Goes on with a socket that an earlier keeper opened. They come in order of declaration.
    pub(crate) fn adopt(&mut self, declared: Socket, socket: OwnedFd) {
        let file = path_of(&declared.address).and_then(|path| File::at(path, None).ok());
        self.0.push(Listener { declared, socket, file });
    }

    /// Returns them as they go to the keeper that is next.
    pub(crate) fn to_state(&self) -> Vec<(Socket, i32)> {
        let one = |listener: &Listener| (listener.declared.clone(), listener.socket.as_raw_fd());
        self.0.iter().map(one).collect()
    }

    /// Returns where they stand: with the port that was chosen.
    pub(crate) fn addresses(&self) -> Vec<Text> {
        self.0.iter().map(Listener::address).collect()
    }

    /// Returns the sockets, to wait for somebody to connect.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().map(|listener| listener.socket.as_fd())
    }

    /// Returns the sockets as a run gets them, with the names it gets. What an earlier run may have changed
    /// about them and the next does not expect is set back.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = (BorrowedFd<'_>, &Text)> {
        self.0.iter().map(|listener| {
            let socket = listener.socket.as_fd();
            // It fails for no open descriptor.
            if let Ok(flags) = fcntl_getfl(socket) {
                let mut wanted = flags;
                wanted.set(OFlags::NONBLOCK, listener.declared.nonblocking);
                if wanted != flags {
                    _ = fcntl_setfl(socket, wanted);
                }
            }
            (socket, &listener.declared.name)
        })
    }

    /// Closes all of them and removes their files.
    pub(crate) fn forget(&mut self) {
        for listener in self.0.drain(..) {
            listener.close();
        }
    }
}

/// Returns the variables that tell a run what it gets from descriptor 3 on. `LISTEN_PID` is not among them:
/// it is only known once the process is there. Without any descriptor there are none.
pub(crate) fn variables<'a>(names: impl Iterator<Item = &'a Text>) -> Vec<(Text, Text)> {
    let mut joined = Vec::new();
    let mut count = 0;
    for name in names {
        if count > 0 {
            joined.push(b':');
        }
        let name = name.as_bytes();
        let can_stand = is_name(name) && !name.is_empty();
        joined.extend_from_slice(if can_stand { name } else { UNKNOWN.as_bytes() });
        count += 1;
    }
    if count == 0 {
        return Vec::new();
    }
    let count: Text = count.to_string().into();
    vec![("LISTEN_FDS".into(), count), ("LISTEN_FDNAMES".into(), joined.into())]
}

/// Takes the open socket at an address out of those that were.
fn keep(old: &mut [Option<Listener>], socket: &Socket) -> Option<Listener> {
    let is_it = |listener: &Listener| is_same_place(&listener.declared.address, &socket.address);
    old.iter_mut().find(|listener| listener.as_ref().is_some_and(is_it))?.take()
}

/// Compares addresses; the rights of a file are no part of where it stands.
fn is_same_place(a: &Address, b: &Address) -> bool {
    match (a, b) {
        (Address::Unix { path: a, .. }, Address::Unix { path: b, .. })
        | (Address::UnixDatagram { path: a, .. }, Address::UnixDatagram { path: b, .. }) => a == b,
        (a, b) => a == b,
    }
}

/// Returns the path of a socket that stands in the file system.
fn path_of(address: &Address) -> Option<&Text> {
    match address {
        Address::Unix { path, .. } | Address::UnixDatagram { path, .. } => {
            (!path.as_bytes().starts_with(b"@")).then_some(path)
        }
        Address::Tcp(_) | Address::Udp(_) => None,
    }
}

fn explain(socket: &Socket, error: &io::Error) -> StartError {
    let about = match &socket.address {
        Address::Tcp(address) | Address::Udp(address) => address.to_string(),
        Address::Unix { path, .. } | Address::UnixDatagram { path, .. } => path.to_string(),
    };
    StartError { step: Step::Listen, about, error: error.raw_os_error().unwrap_or(libc::EINVAL) }
}

#[cfg(test)]
mod tests;

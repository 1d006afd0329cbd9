//! Sockets that whoever started this program has opened for it (`LISTEN_FDS`). The keeper holds them, over its
//! becoming another program too, and hands them to each of its brains.

use crate::client::Client;
use crate::sys::inherit;
use mainstay_wire::Text;
use mainstay_wire::keeper::state::Number;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::net::sockopt::{socket_acceptconn, socket_domain, socket_type};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, getsockname};
use std::io;
use std::path::PathBuf;

/// The number of the first one, as everybody agrees.
const FIRST: i32 = 3;
/// The variable in which a brain finds numbers and names.
const VARIABLE: &str = "MAINSTAY_SOCKETS";
/// More than anybody passes.
const MOST: i32 = 64;

/// A socket that was passed to this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedSocket {
    /// Its name in `LISTEN_FDNAMES`; `unknown` where it has none there.
    pub name: String,
    /// What it is.
    pub kind: PassedKind,
}

/// What a passed socket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassedKind {
    /// A Unix socket that listens, by the path of its file where it has one.
    Unix(Option<PathBuf>),
    /// A TCP socket that listens.
    Tcp,
    /// Nothing that connections come in by.
    Other,
}

/// Returns what was passed to this very process, so that it can be checked before anything begins.
///
/// Where `LISTEN_PID` names another process it is not meant for this one.
pub fn passed_sockets() -> Vec<PassedSocket> {
    let looked = numbers().into_iter().map(|(name, number)| {
        let kind = inherit::duplicate(number).map_or(PassedKind::Other, |fd| kind_of(fd.as_fd()));
        PassedSocket { name, kind }
    });
    looked.collect()
}

fn kind_of(fd: BorrowedFd<'_>) -> PassedKind {
    let is_stream = socket_type(fd).is_ok_and(|kind| kind == SocketType::STREAM);
    if !is_stream || !socket_acceptconn(fd).unwrap_or(false) {
        return PassedKind::Other;
    }
    match socket_domain(fd) {
        Ok(AddressFamily::UNIX) => {
            let address = getsockname(fd).ok().and_then(|it| SocketAddrUnix::try_from(it).ok());
            let path = address.as_ref().and_then(SocketAddrUnix::path_bytes);
            PassedKind::Unix(path.map(|path| Text::from(path.to_vec()).as_path().to_owned()))
        }
        Ok(AddressFamily::INET | AddressFamily::INET6) => PassedKind::Tcp,
        Ok(_) | Err(_) => PassedKind::Other,
    }
}

/// Returns names and numbers of what was passed to this very process.
fn numbers() -> Vec<(String, i32)> {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let own = std::process::id().to_string();
    listed(&variable("LISTEN_FDS"), &variable("LISTEN_PID"), &variable("LISTEN_FDNAMES"), &own)
}

fn listed(count: &str, pid: &str, names: &str, own: &str) -> Vec<(String, i32)> {
    let count = count.parse().unwrap_or(0).clamp(0, MOST);
    if pid != own {
        return Vec::new();
    }
    let mut names = names.split(':').filter(|name| !name.is_empty());
    let name = |number| (names.next().unwrap_or("unknown").to_owned(), number);
    (FIRST..FIRST + count).map(name).collect()
}

/// The sockets that were passed, by name.
#[derive(Debug, Default)]
pub(crate) struct Passed(Vec<(Text, OwnedFd)>);

impl Passed {
    /// Takes what was passed to this program. Once.
    pub(crate) fn take() -> Self {
        Self::of(numbers().into_iter().map(|(name, number)| (name.as_str().into(), number)))
    }

    /// Takes what the program before has left under these numbers. Once.
    pub(crate) fn adopt(left: Vec<(Text, Number)>) -> Self {
        Self::of(left)
    }

    /// Takes what the keeper has left for its brain. Once.
    pub(crate) fn of_brain() -> Self {
        let told = std::env::var(VARIABLE).unwrap_or_default();
        let one = |entry: &str| {
            let (number, name) = entry.split_once(':')?;
            Some((Text::from(name), number.parse().ok()?))
        };
        Self::of(told.split(' ').filter_map(one))
    }

    /// What is not open is left out: it was looked at before.
    fn of(numbers: impl IntoIterator<Item = (Text, Number)>) -> Self {
        let take = |(name, number)| Some((name, inherit::take(number).ok()?));
        Self(numbers.into_iter().filter_map(take).collect())
    }

    pub(crate) fn to_state(&self) -> Vec<(Text, Number)> {
        self.0.iter().map(|(name, fd)| (name.clone(), fd.as_raw_fd())).collect()
    }

    /// Returns each with the number that it is to have in another program, from `first` on.
    pub(crate) fn placed(&self, first: u32) -> impl Iterator<Item = (BorrowedFd<'_>, u32)> {
        self.0.iter().map(|(_, fd)| fd.as_fd()).zip(first..)
    }

    /// Returns the same with their names, as a state says it.
    pub(crate) fn named(&self, first: u32) -> Vec<(Text, Number)> {
        let names = self.0.iter().map(|(name, _)| name.clone());
        names.zip(first.cast_signed()..).collect()
    }

    /// Returns what a brain is told that finds them from this number on.
    pub(crate) fn variable(&self, first: u32) -> Option<(Text, Text)> {
        let named = self.named(first).into_iter();
        let text: Vec<_> = named.map(|(name, number)| format!("{number}:{name}")).collect();
        (!text.is_empty()).then(|| (VARIABLE.into(), text.join(" ").into()))
    }
}

impl Client {
    /// Returns duplicates of the sockets that were passed to this program (`LISTEN_FDS`), by name.
    ///
    /// # Errors
    ///
    /// There is no room for them.
    pub fn passed(&self) -> io::Result<Vec<(String, OwnedFd)>> {
        let duplicate = |(name, fd): &(Text, OwnedFd)| Ok((name.to_string(), fd.try_clone()?));
        self.passed.0.iter().map(duplicate).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_for_this_process_counts() {
        let show = |count, pid, names| -> String {
            let listed = listed(count, pid, names, "7");
            listed.iter().map(|(name, number)| format!("{name}={number} ")).collect()
        };
        assert_eq!(show("2", "7", "api:observe"), "api=3 observe=4 ");
        assert_eq!(show("2", "7", "api"), "api=3 unknown=4 ");
        assert_eq!(show("1", "7", ""), "unknown=3 ");
        assert_eq!(show("1", "8", "api"), "");
        assert_eq!(show("1", "", "api"), "");
        assert_eq!(show("0", "7", "api"), "");
        assert_eq!(show("-1", "7", "api"), "");
        assert_eq!(show("many", "7", "api"), "");
        assert_eq!(listed("99999999", "7", "", "7").len(), 64);
    }

    #[test]
    fn a_socket_is_told_by_what_comes_in_by_it() {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").expect("bound");
        let (pair, _other) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join("api");
        let unix = std::os::unix::net::UnixListener::bind(&path).expect("bound");
        let file = std::fs::File::open("/dev/null").expect("it is there");
        assert_eq!(kind_of(tcp.as_fd()), PassedKind::Tcp);
        assert_eq!(kind_of(unix.as_fd()), PassedKind::Unix(Some(path)));
        for other in [udp.as_fd(), pair.as_fd(), file.as_fd()] {
            assert_eq!(kind_of(other), PassedKind::Other);
        }
    }
}

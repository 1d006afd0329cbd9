//! Opening one socket.

use super::{Listener, path_of};
use mainstay_wire::Text;
use mainstay_wire::process::{Address, Socket};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Stat, chmod, fchmod, fstat, openat, statat,
};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, getsockname, listen,
    socket_with, sockopt,
};
use std::io;
use std::net::SocketAddr;

/// How many connections may wait where nothing is said.
const BACKLOG: u32 = 4096;

/// The file of a socket: its path may lead to another file by the time it is to be removed.
#[derive(Debug)]
pub(super) struct File {
    path: Text,
    device: u64,
    inode: u64,
}

impl Listener {
    /// Opens what is declared.
    pub(super) fn open(declared: &Socket) -> io::Result<Self> {
        let (socket, file) = match &declared.address {
            Address::Tcp(address) => (internet(*address, SocketType::STREAM, declared)?, None),
            Address::Udp(address) => (internet(*address, SocketType::DGRAM, declared)?, None),
            Address::Unix { path, mode } => unix(path, *mode, SocketType::STREAM)?,
            Address::UnixDatagram { path, mode } => unix(path, *mode, SocketType::DGRAM)?,
        };
        let listener = Self { declared: declared.clone(), socket, file };
        match listen_at(&listener.socket, declared) {
            Ok(()) => Ok(listener),
            Err(error) => {
                listener.close();
                Err(error)
            }
        }
    }

    /// Stays open and takes on what else is declared of it.
    pub(super) fn retune(&mut self, declared: &Socket) -> io::Result<()> {
        let old = &self.declared;
        let is_internet = matches!(declared.address, Address::Tcp(_) | Address::Udp(_));
        if is_internet && old.shared != declared.shared {
            sockopt::set_socket_reuseport(&self.socket, declared.shared)?;
        }
        if let (Some(path), Some(rights)) = (path_of(&declared.address), mode(declared))
            && mode(old) != Some(rights)
        {
            File::at(path, Some(rights))?;
        }
        if old.backlog != declared.backlog {
            listen_at(&self.socket, declared)?;
        }
        self.declared = declared.clone();
        Ok(())
    }

    /// Returns where it stands.
    pub(super) fn address(&self) -> Text {
        match &self.declared.address {
            Address::Tcp(declared) | Address::Udp(declared) => {
                let real = getsockname(&self.socket).and_then(SocketAddr::try_from);
                real.unwrap_or(*declared).to_string().into()
            }
            Address::Unix { path, .. } | Address::UnixDatagram { path, .. } => path.clone(),
        }
    }

    /// Closes it and removes its file, if that is still its own.
    pub(super) fn close(self) {
        if let Some(file) = &self.file
            && let Ok(found) = statat(CWD, file.path.as_path(), AtFlags::SYMLINK_NOFOLLOW)
            && (found.st_dev, found.st_ino) == (file.device, file.inode)
        {
            // Nothing depends on it: whoever opens the socket next removes what is left of it.
            _ = rustix::fs::unlink(file.path.as_path());
        }
    }
}

impl File {
    /// Looks at the socket of a path and gives it these rights, where there are any to give.
    pub(super) fn at(path: &Text, mode: Option<u32>) -> io::Result<Self> {
        // It is held while it changes, so that no link put in its place can lead elsewhere.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let held = openat(CWD, path.as_path(), flags, Mode::empty())?;
        let found = fstat(&held)?;
        if !is_socket(&found) {
            return Err(Errno::NOTSOCK.into());
        }
        if let Some(mode) = mode {
            chmod(format!("/proc/self/fd/{}", held.as_raw_fd()), rights(mode))?;
        }
        Ok(Self { path: path.clone(), device: found.st_dev, inode: found.st_ino })
    }
}

fn listen_at(socket: &OwnedFd, declared: &Socket) -> io::Result<()> {
    if matches!(declared.address, Address::Tcp(_) | Address::Unix { .. }) {
        let backlog = declared.backlog.unwrap_or(BACKLOG);
        listen(socket, i32::try_from(backlog).unwrap_or(i32::MAX))?;
    }
    Ok(())
}

/// The rights of the file, where there is one and they are declared.
fn mode(of: &Socket) -> Option<u32> {
    match of.address {
        Address::Unix { mode, .. } | Address::UnixDatagram { mode, .. } => mode,
        Address::Tcp(_) | Address::Udp(_) => None,
    }
}

fn internet(address: SocketAddr, of: SocketType, declared: &Socket) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, of, SocketFlags::CLOEXEC, None)?;
    if of == SocketType::STREAM {
        // Connections of an earlier socket may linger at the address. For datagrams it would mean something
        // else: that a second socket takes over what comes in.
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    if declared.shared {
        sockopt::set_socket_reuseport(&socket, true)?;
    }
    if let SocketAddr::V6(address) = address {
        // `[::]` is every address of IPv6, whatever the machine's default, and `0.0.0.0` can stand beside it.
        let is_mapped = address.ip().to_ipv4_mapped().is_some();
        sockopt::set_ipv6_v6only(&socket, !is_mapped)?;
    }
    bind(&socket, &address)?;
    Ok(socket)
}

fn unix(path: &Text, mode: Option<u32>, of: SocketType) -> io::Result<(OwnedFd, Option<File>)> {
    let socket = socket_with(AddressFamily::UNIX, of, SocketFlags::CLOEXEC, None)?;
    if let Some(name) = path.as_bytes().strip_prefix(b"@") {
        bind(&socket, &SocketAddrUnix::new_abstract_name(name)?)?;
        return Ok((socket, None));
    }
    if let Some(mode) = mode {
        // The file is made with no more rights than the socket has: nobody gets in before they are set.
        fchmod(&socket, rights(mode))?;
    }
    let address = SocketAddrUnix::new(path.as_bytes())?;
    match bind(&socket, &address) {
        Err(Errno::ADDRINUSE) if is_stale(path, &address, of)? => {
            rustix::fs::unlink(path.as_path())?;
            bind(&socket, &address)?;
        }
        bound => bound?,
    }
    let file = File::at(path, mode)?;
    Ok((socket, Some(file)))
}

/// Returns whether a file is a socket that nobody has open any more.
fn is_stale(path: &Text, address: &SocketAddrUnix, of: SocketType) -> io::Result<bool> {
    if !is_socket(&statat(CWD, path.as_path(), AtFlags::SYMLINK_NOFOLLOW)?) {
        return Ok(false);
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let probe = socket_with(AddressFamily::UNIX, of, flags, None)?;
    // A socket of another kind answers with an error of its own.
    Ok(matches!(connect(&probe, address), Err(Errno::CONNREFUSED)))
}

fn is_socket(of: &Stat) -> bool {
    FileType::from_raw_mode(of.st_mode) == FileType::Socket
}

fn rights(mode: u32) -> Mode {
    Mode::from_raw_mode(mode & 0o777)
}

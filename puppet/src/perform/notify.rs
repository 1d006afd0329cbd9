//! Speaks to the supervisor: sd_notify, and the newline of s6.

use super::files::{hold, inherited};
use super::output::write_all_to;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, sendmsg_addr, socket_with,
};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::time::Duration;

/// Sends one datagram to `NOTIFY_SOCKET`.
pub(super) fn send(text: &str, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let to = address(&variable("NOTIFY_SOCKET")?)?;
    let from = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !rights.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::other("these are too many descriptors"));
    }
    let slices = [IoSlice::new(text.as_bytes())];
    sendmsg_addr(&from, &to, &slices, &mut rights, SendFlags::empty())?;
    Ok(())
}

/// Writes the newline that means ready.
pub(super) fn newline(number: Option<i32>) -> io::Result<()> {
    let number = match number {
        Some(number) => number,
        None => variable("NOTIFY_FD")?.parse().map_err(io::Error::other)?,
    };
    write_all_to(inherited(number)?, b"\n")
}

pub(super) fn pidfd(child: Option<u32>) -> io::Result<()> {
    let child = child.and_then(|child| Pid::from_raw(i32::try_from(child).ok()?));
    let child = child.ok_or_else(|| io::Error::other("there is no child"))?;
    send("MAINPIDFD=1", &[pidfd_open(child, PidfdFlags::empty())?.as_fd()])
}

pub(super) fn barrier() -> io::Result<()> {
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
    send("BARRIER=1", &[theirs.as_fd()])?;
    drop(theirs);
    File::from(ours).read_to_end(&mut Vec::new()).map(drop)
}

pub(super) fn store(name: &str, text: &str) -> io::Result<()> {
    let mut file = File::from(memfd_create(name, MemfdFlags::CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    send(&format!("FDSTORE=1\nFDNAME={name}"), &[file.as_fd()])
}

/// Stores a pipe whose other end lives as long as the puppet: then it is closed, which its keeper can see.
pub(super) fn store_pipe(name: &str) -> io::Result<()> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    hold(writer);
    send(&format!("FDSTORE=1\nFDNAME={name}"), &[reader.as_fd()])
}

pub(super) fn heartbeat(milliseconds: Option<u64>, count: Option<u64>) -> io::Result<()> {
    let pause = match milliseconds {
        Some(milliseconds) => Duration::from_millis(milliseconds),
        None => {
            let limit: u64 = variable("WATCHDOG_USEC")?.parse().map_err(io::Error::other)?;
            Duration::from_micros(limit / 2)
        }
    };
    let mut sent = 0;
    while count.is_none_or(|count| sent < count) {
        send("WATCHDOG=1", &[])?;
        super::sleep(pause);
        sent += 1;
    }
    Ok(())
}

fn address(path: &str) -> io::Result<SocketAddrUnix> {
    Ok(match path.strip_prefix('@') {
        Some(name) => SocketAddrUnix::new_abstract_name(name.as_bytes())?,
        None => SocketAddrUnix::new(path)?,
    })
}

/// Returns a variable of the environment that has to be there.
pub(super) fn variable(name: &str) -> io::Result<String> {
    std::env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}

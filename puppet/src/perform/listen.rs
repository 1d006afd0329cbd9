//! Takes the sockets it was passed.

use super::files::inherited;
use super::notify::variable;
use super::output::{write_all, write_all_to};
use crate::step::Stream;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with, sockopt};
use std::fs;
use std::io;

/// The number of the first descriptor that is passed.
const FIRST: i32 = 3;

/// Prints the pid's check, then number, name and kind of each descriptor.
pub(super) fn print() -> io::Result<()> {
    let count = passed()?;
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    for number in FIRST..FIRST + count {
        let name = names.next().unwrap_or_default();
        let kind = fs::read_link(format!("/proc/self/fd/{number}"))?;
        let listens = if accepts(&inherited(number)?) { " listening" } else { "" };
        let line = format!("{number} {name} {}{listens}\n", kind.display());
        write_all(Stream::Out, line.as_bytes())?;
    }
    Ok(())
}

/// Answers connections with its pid. Descriptors that take none are left alone.
pub(super) fn serve(count: Option<u64>) -> io::Result<()> {
    let all: io::Result<Vec<OwnedFd>> = (FIRST..FIRST + passed()?).map(inherited).collect();
    let mut sockets = all?;
    sockets.retain(accepts);
    let answer = format!("{}\n", std::process::id());
    let mut served = 0;
    while count.is_none_or(|count| served < count) {
        let mut ready: Vec<_> =
            sockets.iter().map(|socket| PollFd::new(socket, PollFlags::IN)).collect();
        match poll(&mut ready, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<bool> = ready.iter().map(|one| !one.revents().is_empty()).collect();
        for (socket, _) in sockets.iter().zip(ready).filter(|(_, ready)| *ready) {
            match accept_with(socket, SocketFlags::CLOEXEC) {
                Ok(connection) => {
                    // Who has gone by now needs no answer.
                    let _ = write_all_to(connection, answer.as_bytes());
                    served += 1;
                }
                Err(Errno::INTR | Errno::AGAIN | Errno::CONNABORTED) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// Returns how many descriptors were passed to this very process.
fn passed() -> io::Result<i32> {
    let own = std::process::id().to_string();
    let meant = variable("LISTEN_PID")?;
    if meant != own {
        return Err(io::Error::other(format!("LISTEN_PID is {meant} and the pid is {own}")));
    }
    variable("LISTEN_FDS")?.parse().map_err(io::Error::other)
}

fn accepts(fd: &OwnedFd) -> bool {
    sockopt::socket_acceptconn(fd).unwrap_or(false)
}

//! The reference: a pair of sockets, one end of it the standard input of another process.

use super::Outcome;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

/// Another process, and this end of the socket to it.
pub(crate) struct Far {
    child: Child,
    pub(crate) socket: UnixStream,
}

impl Far {
    /// Starts this program once more, in this role.
    pub(crate) fn start(role: &str, size: usize) -> Outcome<Self> {
        let (socket, its) = UnixStream::pair()?;
        let child = Command::new(std::env::current_exe()?)
            .args([role, &size.to_string()])
            .stdin(OwnedFd::from(its))
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self { child, socket })
    }

    /// Returns this end for tokio.
    pub(crate) fn registered(&self) -> Outcome<tokio::net::UnixStream> {
        let socket = self.socket.try_clone()?;
        socket.set_nonblocking(true)?;
        Ok(tokio::net::UnixStream::from_std(socket)?)
    }

    /// Kills it and waits until it is gone, as the least supervisor would notice.
    pub(crate) fn kill(&mut self) -> Outcome {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        // One that is gone already is what is wanted.
        _ = self.kill();
    }
}

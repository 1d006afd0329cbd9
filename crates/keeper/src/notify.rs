//! The server side of `sd_notify`: what a run says of itself on its notify socket.
//!
//! A run has a socket of its own, so a message belongs to the run by where it arrives, and the credentials
//! that the kernel puts beside it only say which process of the run speaks.

mod errno;
#[doc(hidden)]
pub mod fuzzing;
mod parse;
mod ready;
mod speech;

pub use errno::errno_name;
pub(crate) use ready::read_fd_readiness;
pub(crate) use speech::{Relation, Speech};

use crate::sys::datagram::{self, Sender};
use mainstay_wire::Text;
use mainstay_wire::keeper::Key;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt,
};
use std::io;

/// The longest message that is heard, as in systemd.
pub(crate) const LONGEST: usize = 4096;

/// Where a run speaks.
#[derive(Debug)]
pub(crate) struct NotifySocket {
    socket: OwnedFd,
    name: Vec<u8>,
}

/// One datagram.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) text: Vec<u8>,
    /// Whether something of it was lost on the way.
    pub(crate) is_cut: bool,
    /// 0: nobody that is seen from here.
    pub(crate) pid: u32,
    pub(crate) uid: u32,
    pub(crate) fds: Vec<OwnedFd>,
}

/// Why a message was not heard, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unheard {
    #[error("process {pid} may not speak for it (access: {access})")]
    Access { pid: u32, access: &'static str },
    #[error(
        "a message is longer than {LONGEST} bytes, or brought more descriptors than can be taken"
    )]
    Cut,
    #[error("a message holds a zero byte")]
    Zero,
    #[error("a barrier came with other assignments")]
    BarrierNotAlone,
    #[error("a barrier came with {0} descriptors instead of one")]
    BarrierDescriptors(usize),
    #[error("the value of {0} makes no sense")]
    Value(&'static str),
    #[error("MAINPIDFD=1 came with {0} descriptors instead of one")]
    MainDescriptors(usize),
    #[error("the process that shall be the main one is gone, or is another than was meant")]
    MainGone,
    #[error("{0} descriptors had no room in the store")]
    StoreFull(usize),
    #[error("FDSTORE=1 came without a descriptor")]
    NothingToStore,
    #[error("a line is no assignment of printable text")]
    Line,
    #[error("process {0} cannot become its main process: it is none of its own")]
    MainStrange(u32),
}

impl Unheard {
    /// Returns the system's error that comes closest to it, for who tells it on.
    pub(crate) const fn errno(&self) -> Errno {
        match self {
            Self::Access { .. } => Errno::ACCESS,
            Self::Cut => Errno::MSGSIZE,
            Self::Zero
            | Self::BarrierNotAlone
            | Self::BarrierDescriptors(_)
            | Self::Value(_)
            | Self::MainDescriptors(_)
            | Self::NothingToStore
            | Self::Line => Errno::INVAL,
            Self::MainGone | Self::MainStrange(_) => Errno::SRCH,
            Self::StoreFull(_) => Errno::NOSPC,
        }
    }
}

impl NotifySocket {
    /// Opens the socket of a run. `instance` tells keepers on one machine apart.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn open(instance: u64, key: &Key) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
        // Before it has a name: nothing may arrive without credentials.
        sockopt::set_socket_passcred(&socket, true)?;
        // Anybody may take an abstract name; whoever took ours does not keep the run from starting.
        for attempt in 0..64 {
            let name = name_of(instance, key, attempt);
            match bind(&socket, &SocketAddrUnix::new_abstract_name(name.as_bytes())?) {
                Ok(()) => return Ok(Self { socket, name: name.into_bytes() }),
                Err(Errno::ADDRINUSE) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Errno::ADDRINUSE.into())
    }

    /// Goes on with a socket that an earlier keeper opened.
    ///
    /// # Errors
    ///
    /// It is no socket with an abstract name.
    pub(crate) fn adopt(socket: OwnedFd) -> io::Result<Self> {
        let address = SocketAddrUnix::try_from(getsockname(&socket)?)?;
        let name = address.abstract_name().ok_or(Errno::INVAL)?.to_vec();
        Ok(Self { socket, name })
    }

    /// Returns what the run finds in `NOTIFY_SOCKET`.
    pub(crate) fn name(&self) -> Text {
        [b"@", &*self.name].concat().into()
    }

    /// Takes the next message; `None` when there is none. `buffer` holds [`LONGEST`] bytes.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Message>> {
        let Some(datagram) = datagram::receive(self.socket.as_fd(), buffer)? else {
            return Ok(None);
        };
        let nobody = Sender { pid: 0, uid: u32::MAX };
        let Sender { pid, uid } = datagram.sender.unwrap_or(nobody);
        let text = buffer[..datagram.length].to_vec();
        Ok(Some(Message { text, is_cut: datagram.is_cut, pid, uid, fds: datagram.fds }))
    }
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Returns a name that no other run has, and that a person can read where it fits.
fn name_of(instance: u64, key: &Key, attempt: u32) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    let child = if key.child.len() <= 40 && key.child.bytes().all(is_plain) {
        key.child.to_string()
    } else {
        // FNV-1a: names that are not plain only need to differ, and `attempt` helps where they do not.
        let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        format!(":{:016x}", key.child.bytes().fold(0xcbf2_9ce4_8422_2325, step))
    };
    let name = format!("mainstay/{instance:016x}/{child}/{}", key.run);
    if attempt == 0 { name } else { format!("{name}.{attempt}") }
}

#[cfg(test)]
mod tests;

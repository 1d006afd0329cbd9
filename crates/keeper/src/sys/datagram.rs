//! Receiving one datagram with the credentials of its sender and the descriptors that came with it.
#![expect(
    unsafe_code,
    reason = "rustix reads the sender's number as never zero, which it is for one outside our PID namespace"
)]

use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::io;
use std::mem;

/// One datagram.
#[derive(Debug)]
pub(crate) struct Datagram {
    /// How many bytes of the buffer it took.
    pub(crate) length: usize,
    /// Whether something of it is lost: bytes that had no room, descriptors that could not be opened here.
    pub(crate) is_cut: bool,
    /// Who sent it, as the kernel vouches for.
    pub(crate) sender: Option<Sender>,
    /// What came with it, closed on execution.
    pub(crate) fds: Vec<OwnedFd>,
}

/// Who sent a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sender {
    /// 0: a process that our PID namespace does not see.
    pub(crate) pid: u32,
    pub(crate) uid: u32,
}

/// How many descriptors the kernel lets pass beside one datagram.
const MOST_FDS: u32 = 253;
/// Room for as many, and for credentials.
const CONTROL: usize = {
    // SAFETY: they only compute.
    unsafe {
        (libc::CMSG_SPACE(MOST_FDS * size_of::<i32>() as u32)
            + libc::CMSG_SPACE(size_of::<libc::ucred>() as u32)) as usize
    }
};

/// Takes one datagram; `None` when there is none. It never waits.
pub(crate) fn receive(socket: BorrowedFd<'_>, text: &mut [u8]) -> io::Result<Option<Datagram>> {
    // The kernel writes structures that are aligned as this is.
    let mut control = [0_u64; CONTROL.div_ceil(size_of::<u64>())];
    let mut part = libc::iovec { iov_base: text.as_mut_ptr().cast(), iov_len: text.len() };
    // SAFETY: a structure of numbers and pointers, for which zero is a value.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = CONTROL as _;
    let length = loop {
        // SAFETY: every pointer leads to memory that lives as long as the call, of the length beside it.
        let length = unsafe {
            let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
            libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags)
        };
        if let Ok(length) = usize::try_from(length) {
            break length;
        }
        match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => {}
            error if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            error => return Err(error),
        }
    };
    let mut datagram = Datagram {
        length,
        is_cut: header.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0,
        sender: None,
        fds: Vec::new(),
    };
    take_control(&header, &mut datagram);
    Ok(Some(datagram))
}

#[allow(clippy::unnecessary_cast, reason = "its type differs between C libraries")]
/// Takes what the kernel wrote beside the text. Every descriptor gets an owner.
fn take_control(header: &libc::msghdr, datagram: &mut Datagram) {
    // SAFETY: the kernel filled the buffer of this header; the macros stay within the length it set, and a
    // part holds as many bytes as it says. Descriptors in it are fresh and belong to nobody else.
    unsafe {
        let mut part = libc::CMSG_FIRSTHDR(header);
        while let Some(found) = part.as_ref() {
            let data = libc::CMSG_DATA(part);
            let length = (found.cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
            match (found.cmsg_level, found.cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                    for place in 0..length / size_of::<i32>() {
                        let fd = data.cast::<i32>().add(place).read_unaligned();
                        datagram.fds.push(OwnedFd::from_raw_fd(fd));
                    }
                }
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if length >= size_of::<libc::ucred>() => {
                    let of = data.cast::<libc::ucred>().read_unaligned();
                    let pid = u32::try_from(of.pid).unwrap_or(0);
                    datagram.sender = Some(Sender { pid, uid: of.uid });
                }
                _ => {}
            }
            part = libc::CMSG_NXTHDR(header, part);
        }
    }
}

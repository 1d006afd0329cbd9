//! The control socket of a run.

use mainstay_host::protocol::Asked;
use rustix::fd::BorrowedFd;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use tokio::io::Interest;
use tokio::net::UnixDatagram;

/// The control socket. Its packets have bounds and an end, which is what its type stands for here: it is no datagram
/// socket, and whoever closes the other end is noticed.
pub(super) type Control = UnixDatagram;

/// Waits for the next packet. No bytes: the other end is closed.
pub(super) async fn receive(control: &Control, packet: &mut [u8]) -> io::Result<usize> {
    loop {
        match control.recv(packet).await {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Sends a packet, with a descriptor beside it where one is given.
pub(super) async fn send(
    control: &Control,
    asked: &Asked,
    beside: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let packet = asked.to_packet();
    let attempt = || {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut buffer = SendAncillaryBuffer::new(&mut room);
        let fds: Vec<BorrowedFd<'_>> = beside.into_iter().collect();
        if !fds.is_empty() {
            buffer.push(SendAncillaryMessage::ScmRights(&fds));
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        sendmsg(control, &[IoSlice::new(&packet)], &mut buffer, flags)?;
        Ok(())
    };
    loop {
        control.writable().await?;
        match control.try_io(Interest::WRITABLE, attempt) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            sent => return sent,
        }
    }
}

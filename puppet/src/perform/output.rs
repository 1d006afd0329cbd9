//! Prints without a buffer: each write is one that the other side sees.

use crate::step::Stream;
use puppet::Flood;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::{Errno, write};
use std::io::{self, Read};

/// Prints all of it, whoever has made the descriptor non-blocking.
pub(super) fn write_all(to: Stream, bytes: &[u8]) -> io::Result<()> {
    write_all_to(descriptor(to), bytes)
}

pub(super) fn write_all_to(to: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match write(&to, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let _ = poll(&mut [PollFd::new(&to, PollFlags::OUT)], None);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

pub(super) fn flood(to: Stream, mut flood: Flood, write: usize) -> io::Result<()> {
    let mut buffer = vec![0; write];
    loop {
        let count = flood.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        write_all(to, &buffer[..count])?;
    }
}

fn descriptor(of: Stream) -> BorrowedFd<'static> {
    match of {
        Stream::Out => rustix::stdio::stdout(),
        Stream::Err => rustix::stdio::stderr(),
    }
}

//! Reads and writes files, fifos and whatever descriptors it was given.

use super::output::{write_all, write_all_to};
use crate::step::Stream;
use rustix::fd::OwnedFd;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::IntoRawFd;

/// Adds to a file, or replaces it.
pub(super) fn write(path: &str, text: &str, append: bool) -> io::Result<()> {
    if !append {
        return fs::write(path, text);
    }
    OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes())
}

pub(super) fn lock(path: &str) -> io::Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    hold(file);
    Ok(())
}

pub(super) fn fifo(path: &str) -> io::Result<()> {
    let mut fifo = OpenOptions::new().write(true).open(path)?;
    fifo.write_all(format!("{}\n", getpid()).as_bytes())?;
    hold(fifo);
    Ok(())
}

pub(super) fn await_fifo(path: &str) -> io::Result<()> {
    io::copy(&mut File::open(path)?, &mut io::sink()).map(drop)
}

/// Keeps a descriptor open until the end.
pub(super) fn hold(fd: impl IntoRawFd) {
    let _ = fd.into_raw_fd();
}

/// Returns a duplicate of a descriptor that was open when the puppet began, by its number.
pub(super) fn inherited(number: i32) -> io::Result<OwnedFd> {
    let own = pidfd_open(getpid(), PidfdFlags::empty())?;
    Ok(pidfd_getfd(own, number, PidfdGetfdFlags::empty())?)
}

/// Reads byte by byte: what stands behind the line is for the next step.
pub(super) fn wait_stdin() -> io::Result<()> {
    let mut byte = [0];
    loop {
        match rustix::io::read(rustix::stdio::stdin(), &mut byte) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) if byte == *b"\n" => return Ok(()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

pub(super) fn echo() -> io::Result<()> {
    let mut buffer = vec![0; 65_536];
    loop {
        match rustix::io::read(rustix::stdio::stdin(), &mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => write_all(Stream::Out, &buffer[..count])?,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Prints a file from its beginning, wherever it was left, and anything else from where it is.
pub(super) fn read_fd(number: i32) -> io::Result<()> {
    let mut file = File::from(inherited(number)?);
    let mut bytes = Vec::new();
    if file.metadata()?.is_file() {
        io::Seek::rewind(&mut file)?;
    }
    file.read_to_end(&mut bytes)?;
    write_all(Stream::Out, &bytes)
}

pub(super) fn write_fd(number: i32, text: &str) -> io::Result<()> {
    write_all_to(inherited(number)?, text.as_bytes())
}

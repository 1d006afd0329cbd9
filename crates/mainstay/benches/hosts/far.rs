//! What runs at the other end: a host, and the raw end of a socket.

use super::Outcome;
use mainstay_host::{Call, Contract, Failure, Host, Items, Raw, Serves, record};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

/// What the host of this benchmark serves: bytes.
pub(crate) struct Bytes;

impl Contract for Bytes {
    const NAME: &'static str = "bytes";
    const VERSION: u32 = 1;
    type Request = Vec<u8>;
    type Reply = Vec<u8>;
    type Item = Vec<u8>;
    type Codec = Raw;
}

/// A request that begins with this asks for notes: a number of them follows, and the answer is how long they took.
pub(crate) const NOTES: &[u8] = b"notes ";
/// How much CPU time the host has taken, in nanoseconds.
pub(crate) const CPU: &[u8] = b"cpu";
/// The number of its process.
pub(crate) const PID: &[u8] = b"pid";

/// What a process of this program is.
#[derive(Debug)]
pub(crate) enum Role {
    Host,
    /// Sends each message of so many bytes back.
    Echo(usize),
    /// Sends so many items of so many bytes for each four bytes that come, which say how many.
    Items(usize),
}

/// Returns what this process is to be; nothing: it measures.
pub(crate) fn role(words: &[String]) -> Option<Role> {
    match words {
        [role] if role == "host" => Some(Role::Host),
        [role, size] if role == "echo" => size.parse().ok().map(Role::Echo),
        [role, size] if role == "items" => size.parse().ok().map(Role::Items),
        _ => None,
    }
}

impl Role {
    pub(crate) fn play(self) -> Outcome {
        match self {
            Self::Host => {
                Host::<Bytes>::connect()?.serve_with(&mut Answers)?;
                Ok(())
            }
            Self::Echo(size) => echo(&mut socket()?, size),
            Self::Items(size) => items(&mut socket()?, size),
        }
    }
}

/// The raw end's socket is its standard input.
fn socket() -> Outcome<UnixStream> {
    Ok(UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?))
}

fn echo(socket: &mut UnixStream, size: usize) -> Outcome {
    let mut message = vec![0; size];
    while socket.read_exact(&mut message).is_ok() {
        socket.write_all(&message)?;
    }
    Ok(())
}

fn items(socket: &mut UnixStream, size: usize) -> Outcome {
    let (message, mut count) = (vec![0; size], [0; 4]);
    while socket.read_exact(&mut count).is_ok() {
        for _ in 0..u32::from_le_bytes(count) {
            socket.write_all(&message)?;
        }
    }
    Ok(())
}

struct Answers;

impl Serves<Bytes> for Answers {
    fn reply(&mut self, call: &mut Call<'_>, request: Vec<u8>) -> Result<Vec<u8>, Failure> {
        if let Some(count) = request.strip_prefix(NOTES) {
            let count: u64 = number(count)?;
            let began = Instant::now();
            for note in 0..count {
                record!(call, "moves axis {} to {note}", note % 8);
            }
            return Ok(began.elapsed().as_nanos().to_string().into_bytes());
        }
        match request.as_slice() {
            CPU => Ok(super::heartbeat::cpu().as_nanos().to_string().into_bytes()),
            PID => Ok(std::process::id().to_string().into_bytes()),
            _ => Ok(request),
        }
    }

    fn stream(&mut self, items: &mut Items<'_, Bytes>, request: Vec<u8>) -> Result<(), Failure> {
        let message = vec![0; super::calls::ITEM];
        for _ in 0..number::<u32>(&request)? {
            items.send(&message)?;
        }
        Ok(())
    }
}

/// Reads a number from text; what is none is no request of this benchmark.
pub(crate) fn number<T: std::str::FromStr>(text: &[u8]) -> Result<T, Failure> {
    let number = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| Failure::new(mainstay_host::protocol::code::MALFORMED, "no number"))
}

//! Frames of the calls socket: a head of fixed length, then the body.
//!
//! | bytes | field |
//! | --- | --- |
//! | 0 to 3 | length of the body, little-endian |
//! | 4 | kind |
//! | 5 to 12 | number of the call, little-endian, never 0 |

use std::fmt;

/// No body may be longer, whatever limit is agreed on.
pub const BODY_MOST: u32 = 1 << 30;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// To the host: a request that one reply answers.
    Request = b'q',
    /// To the host: a request that a stream of items answers. The first four bytes of the body are how many items
    /// may come before there is more credit.
    Stream = b'Q',
    /// To the host: nobody waits for the answer any more. No body.
    Cancel = b'c',
    /// To the host: so many more items may come; four bytes.
    Credit = b'm',
    /// To the parent: the answer. The call is over.
    Reply = b'a',
    /// To the parent: the call has failed: a [`Failure`]. It is over.
    Failed = b'e',
    /// To the parent: one item of a stream.
    Item = b'i',
    /// To the parent: the stream is over. No body.
    End = b'z',
}

impl Kind {
    /// Returns the kind of this letter.
    pub const fn of(letter: u8) -> Option<Self> {
        match letter {
            b'q' => Some(Self::Request),
            b'Q' => Some(Self::Stream),
            b'c' => Some(Self::Cancel),
            b'm' => Some(Self::Credit),
            b'a' => Some(Self::Reply),
            b'e' => Some(Self::Failed),
            b'i' => Some(Self::Item),
            b'z' => Some(Self::End),
            _ => None,
        }
    }
}

/// The beginning of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How long its body is.
    pub length: u32,
    /// What it is.
    pub kind: Kind,
    /// Which call it belongs to.
    pub call: u64,
}

impl Head {
    /// How many bytes it has.
    pub const LENGTH: usize = 13;

    /// Returns its bytes.
    pub fn to_bytes(self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..4].copy_from_slice(&self.length.to_le_bytes());
        bytes[4] = self.kind as u8;
        bytes[5..].copy_from_slice(&self.call.to_le_bytes());
        bytes
    }

    /// Reads it. Absent: it is none, and nothing behind it can be understood.
    pub fn parse(bytes: [u8; Self::LENGTH]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (kind, rest) = rest.split_first()?;
        let (call, _) = rest.split_first_chunk()?;
        let head = Self {
            length: u32::from_le_bytes(*length),
            kind: Kind::of(*kind)?,
            call: u64::from_le_bytes(*call),
        };
        (head.call != 0 && head.length <= BODY_MOST).then_some(head)
    }
}

/// Codes of failures. Below [`FIRST_OWN`](self::code::FIRST_OWN) they mean the same for every contract.
pub mod code {
    /// The host's code panicked, or threw.
    pub const PANICKED: u32 = 1;
    /// The request, or what would answer it, is longer than a frame may be.
    pub const TOO_LARGE: u32 = 2;
    /// The request cannot be understood.
    pub const MALFORMED: u32 = 3;
    /// The host is ending and takes no more calls.
    pub const STOPPING: u32 = 4;
    /// The request is answered by a stream and was asked as one reply, or the other way round.
    pub const WRONG_FORM: u32 = 5;
    /// More calls wait than the host keeps.
    pub const BUSY: u32 = 6;
    /// A contract's own codes begin here.
    pub const FIRST_OWN: u32 = 1_000;
}

/// How a call failed, as its host says it. The host lives on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure: one of [`code`], or the contract's own from 1 000 on.
    pub code: u32,
    /// What happened, for people.
    pub message: String,
}

impl Failure {
    /// Returns a failure.
    pub fn new(code: u32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Returns the body of its frame.
    pub fn to_body(&self) -> Vec<u8> {
        let mut body = self.code.to_le_bytes().to_vec();
        body.extend(self.message.as_bytes());
        body
    }

    /// Reads the body of a frame. What is no text in it is replaced; absent: there is not even a code.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (code, message) = body.split_first_chunk()?;
        let message = String::from_utf8_lossy(message).into_owned();
        Some(Self { code: u32::from_le_bytes(*code), message })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            code::PANICKED => write!(f, "the host's code panicked: {}", self.message),
            code::TOO_LARGE => write!(f, "too large for a frame: {}", self.message),
            code::MALFORMED => write!(f, "the host did not understand: {}", self.message),
            code::STOPPING => f.write_str("the host is ending and takes no more calls"),
            code::WRONG_FORM => write!(f, "asked in the wrong form: {}", self.message),
            code::BUSY => write!(f, "the host is busy: {}", self.message),
            code => write!(f, "{} (code {code})", self.message),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_failures_come_back_from_their_bytes() {
        let kinds = [
            Kind::Request,
            Kind::Stream,
            Kind::Cancel,
            Kind::Credit,
            Kind::Reply,
            Kind::Failed,
            Kind::Item,
            Kind::End,
        ];
        for kind in kinds {
            let head = Head { length: 0x0102_0304, kind, call: 0x05_0607 };
            assert_eq!(Head::parse(head.to_bytes()), Some(head));
        }
        let failure = Failure::new(1_007, "the axis does not move");
        assert_eq!(Failure::parse(&failure.to_body()), Some(failure.clone()));
        assert_eq!(failure.to_string(), "the axis does not move (code 1007)");
        assert_eq!(Failure::parse(&[1, 2, 3]), None);
    }

    #[test]
    fn a_head_that_is_none_is_refused() {
        let head = Head { length: 1, kind: Kind::Item, call: 9 }.to_bytes();
        let with = |at: usize, byte: u8| {
            let mut head = head;
            head[at] = byte;
            Head::parse(head)
        };
        assert!(with(0, 2).is_some());
        assert_eq!(with(4, b'?'), None);
        assert_eq!(with(3, 0xff), None, "longer than any frame");
        assert_eq!(with(5, 0), None, "there is no call 0");
    }
}

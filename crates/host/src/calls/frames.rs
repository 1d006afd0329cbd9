//! From the bytes of the calls socket to what is asked. Any bytes may come; it reads no socket itself.

use crate::protocol::{Head, Kind};
use std::mem;
use std::ops::Range;

/// How many bytes are read at once.
const CHUNK: usize = 64 << 10;

/// What a parent says on the calls socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A request that is to be answered.
    Request {
        /// Its number.
        call: u64,
        /// How it is to be answered.
        form: Form,
        /// Its body.
        body: Vec<u8>,
    },
    /// A request whose body is longer than was agreed on, and was passed over.
    TooLong {
        /// Its number.
        call: u64,
        /// How long its body was.
        length: u32,
    },
    /// Nobody waits for this call any more.
    Cancel(u64),
    /// So many more items of this call may come.
    Credit(u64, u32),
}

/// How a request is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// By one reply.
    Reply,
    /// By items, so many until there is more credit.
    Stream(u32),
}

/// Bytes that are no frame that a host is sent. Nothing behind them can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFrame {
    /// A head that is none.
    #[error("{0:02x?} is no head of a frame")]
    Head([u8; Head::LENGTH]),
    /// A frame that only hosts send.
    #[error("a frame of kind {0:?}, which a host sends and is not sent")]
    Kind(Kind),
    /// A frame whose body does not suit its kind.
    #[error("a frame of kind {0:?} with a body of {1} bytes")]
    Body(Kind, u32),
}

/// Makes frames of the bytes that come.
#[derive(Debug)]
pub struct Frames {
    most: u32,
    chunk: Box<[u8]>,
    /// What of the chunk has been filled and not been taken.
    unread: Range<usize>,
    /// The frame whose body is being read.
    open: Option<Open>,
    /// Memory for the next body.
    spare: Vec<u8>,
}

#[derive(Debug)]
struct Open {
    head: Head,
    /// What has come of the body; nothing of one that is passed over.
    body: Vec<u8>,
    /// How much is still to come.
    missing: usize,
}

impl Frames {
    /// Returns a reader of frames whose bodies are at most so long.
    pub fn new(most: u32) -> Self {
        // A credit is not bounded by what is agreed on.
        let most = most.max(4);
        Self {
            most,
            chunk: vec![0; CHUNK].into_boxed_slice(),
            unread: 0..0,
            open: None,
            spare: Vec::new(),
        }
    }

    /// Takes memory that is no longer needed for a body to come, unless it is too much to be kept.
    pub fn reuse(&mut self, mut body: Vec<u8>) {
        if body.capacity() <= CHUNK {
            body.clear();
            self.spare = body;
        }
    }

    /// Returns where the next bytes are to be put. It is never empty when [`take`](Self::take) has just found nothing.
    pub fn room(&mut self) -> &mut [u8] {
        self.chunk.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        &mut self.chunk[self.unread.end..]
    }

    /// Takes note that so many bytes have been put there.
    pub fn filled(&mut self, count: usize) {
        self.unread.end = self.chunk.len().min(self.unread.end + count);
    }

    /// Takes the next frame; absent: it has not come whole.
    ///
    /// # Errors
    ///
    /// There is none, and there will be none.
    pub fn take(&mut self) -> Result<Option<Heard>, NoFrame> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => match self.head()? {
                Some(open) => open,
                None => return Ok(None),
            },
        };
        let come = open.missing.min(self.unread.len());
        if open.head.length <= self.most {
            open.body.extend_from_slice(&self.chunk[self.unread.start..][..come]);
        }
        self.unread.start += come;
        open.missing -= come;
        if open.missing > 0 {
            self.open = Some(open);
            return Ok(None);
        }
        heard(open.head, open.body, self.most).map(Some)
    }

    fn head(&mut self) -> Result<Option<Open>, NoFrame> {
        let unread = &self.chunk[self.unread.clone()];
        let Some(bytes) = unread.first_chunk() else { return Ok(None) };
        let head = Head::parse(*bytes).ok_or(NoFrame::Head(*bytes))?;
        let Head { kind, length, .. } = head;
        let suits = match kind {
            Kind::Request => true,
            Kind::Stream => length >= 4,
            Kind::Cancel => length == 0,
            Kind::Credit => length == 4,
            Kind::Reply | Kind::Failed | Kind::Item | Kind::End => return Err(NoFrame::Kind(kind)),
        };
        if !suits {
            return Err(NoFrame::Body(kind, length));
        }
        self.unread.start += Head::LENGTH;
        // What is said of the length is believed as far as bytes come.
        let missing = usize::try_from(length).unwrap_or(usize::MAX);
        let kept = if length <= self.most { missing.min(CHUNK) } else { 0 };
        let mut body = mem::take(&mut self.spare);
        body.reserve(kept);
        Ok(Some(Open { head, body, missing }))
    }
}

fn heard(head: Head, mut body: Vec<u8>, most: u32) -> Result<Heard, NoFrame> {
    let Head { call, kind, length } = head;
    let number = |body: &[u8]| {
        let bytes = body.first_chunk().ok_or(NoFrame::Body(kind, length))?;
        Ok(u32::from_le_bytes(*bytes))
    };
    if length > most {
        return Ok(Heard::TooLong { call, length });
    }
    Ok(match kind {
        Kind::Request => Heard::Request { call, form: Form::Reply, body },
        Kind::Stream => {
            let credit = number(&body)?;
            body.drain(..size_of::<u32>());
            Heard::Request { call, form: Form::Stream(credit), body }
        }
        Kind::Cancel => Heard::Cancel(call),
        Kind::Credit => Heard::Credit(call, number(&body)?),
        Kind::Reply | Kind::Failed | Kind::Item | Kind::End => return Err(NoFrame::Kind(kind)),
    })
}

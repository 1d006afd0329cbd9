//! How messages stand on a stream of bytes.
//!
//! ```text
//! u32 length of the head, little endian
//! u32 length of the body
//! head: the message as JSON
//! body: its bytes, where it has any
//! ```
//!
//! Descriptors that belong to a message travel beside its first byte.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest head that is accepted: an environment may be large, a hostile length larger.
pub const MOST_HEAD: u32 = 16 << 20;
/// The longest body that is accepted.
pub const MOST_BODY: u32 = 16 << 20;
const PREFIX: usize = 8;

/// Why a stream cannot be read any further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// A length is out of bounds: this is no stream of frames, or of a hostile writer.
    #[error("a frame of {0} bytes is longer than is ever sent")]
    Length(u64),
    /// The head is no message that is known here.
    #[error("a frame cannot be understood")]
    Head(#[source] serde_json::Error),
}

/// Appends one message.
///
/// # Errors
///
/// The message is longer than [`MOST_HEAD`] or [`MOST_BODY`]; nothing has been appended.
pub fn put<M: Serialize>(message: &M, body: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX]);
    let written = serde_json::to_writer(&mut *out, message).map_err(Broken::Head);
    let head = out.len() - start - PREFIX;
    let lengths =
        written.and_then(|()| Ok((bound(head, MOST_HEAD)?, bound(body.len(), MOST_BODY)?)));
    match lengths {
        Ok((head, body_length)) => {
            out[start..start + 4].copy_from_slice(&head.to_le_bytes());
            out[start + 4..start + PREFIX].copy_from_slice(&body_length.to_le_bytes());
            out.extend_from_slice(body);
            Ok(())
        }
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

fn bound(length: usize, most: u32) -> Result<u32, Broken> {
    u32::try_from(length).ok().filter(|length| *length <= most).ok_or(Broken::Length(length as u64))
}

/// One message as it came in.
#[derive(Debug, PartialEq)]
pub struct Frame<'a, M> {
    /// The message.
    pub message: M,
    /// Its bytes.
    pub body: &'a [u8],
    /// How many bytes of the stream it took.
    pub length: usize,
}

/// Takes one message from the beginning of `bytes`; `None` while it is not complete.
///
/// # Errors
///
/// The stream is broken: nothing after this point can be understood.
pub fn take<M: DeserializeOwned>(bytes: &[u8]) -> Result<Option<Frame<'_, M>>, Broken> {
    let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX>() else { return Ok(None) };
    let [a, b, c, d, e, f, g, h] = *prefix;
    let (head, body) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
    if head > MOST_HEAD || body > MOST_BODY {
        return Err(Broken::Length(u64::from(head) + u64::from(body)));
    }
    let (head, body) = (head as usize, body as usize);
    let Some(frame) = rest.get(..head + body) else { return Ok(None) };
    let message = serde_json::from_slice(&frame[..head]).map_err(Broken::Head)?;
    Ok(Some(Frame { message, body: &frame[head..], length: PREFIX + head + body }))
}

/// Reads frames until there are no more, or the stream is broken, and asserts that each is the same once it
/// has been written and read again. Returns how many there were.
#[doc(hidden)]
pub fn check_stream<M>(mut bytes: &[u8]) -> usize
where
    M: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let mut count = 0;
    while let Ok(Some(frame)) = take::<M>(bytes) {
        let mut again = Vec::new();
        if put(&frame.message, frame.body, &mut again).is_ok() {
            let length = again.len();
            let same = Frame { message: &frame.message, body: frame.body, length };
            let read = take::<M>(&again).ok().flatten();
            let read = read.as_ref().map(|of| Frame {
                message: &of.message,
                body: of.body,
                length: of.length,
            });
            assert_eq!(read, Some(same));
        }
        bytes = &bytes[frame.length..];
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::{Key, Order};

    #[test]
    fn a_frame_is_read_once_all_of_it_is_there() {
        let order = Order::Kill(Key { child: "a".into(), run: 7 });
        let mut stream = Vec::new();
        put(&order, b"body", &mut stream).expect("it is short enough");
        let end = stream.len();
        put(&Order::Reopen, b"", &mut stream).expect("it is short enough");
        for cut in 0..end {
            assert!(matches!(take::<Order>(&stream[..cut]), Ok(None)), "cut at {cut}");
        }
        let first = take::<Order>(&stream).expect("a frame").expect("all of it");
        assert_eq!((first.message, first.body, first.length), (order, &b"body"[..], end));
        let second = take::<Order>(&stream[end..]).expect("a frame").expect("all of it");
        assert_eq!(second.message, Order::Reopen);
    }

    #[test]
    fn a_hostile_length_is_refused_before_anything_is_stored() {
        let mut stream = u32::MAX.to_le_bytes().to_vec();
        stream.extend([0; 4]);
        assert!(matches!(take::<Order>(&stream), Err(Broken::Length(_))));
    }

    #[test]
    fn what_is_too_long_to_be_read_is_not_written() {
        let mut out = b"before".to_vec();
        let body = vec![0; MOST_BODY as usize + 1];
        assert!(matches!(put(&Order::Reopen, &body, &mut out), Err(Broken::Length(_))));
        assert_eq!(out, b"before");
    }
}

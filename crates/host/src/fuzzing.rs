//! What fuzz targets, and tests outside of this crate, reach.

pub use crate::calls::frames::{Form, Frames, Heard, NoFrame};
use crate::protocol::{Asked, Failure, Head, Told};
use crate::ring;
use std::iter;

/// Reads bytes as a host reads its calls socket, in pieces of these lengths, the last of which repeats.
pub fn hear(bytes: &[u8], most: u32, pieces: &[usize]) -> (Vec<Heard>, Option<NoFrame>) {
    let mut frames = Frames::new(most);
    let mut heard = Vec::new();
    let mut rest = bytes;
    let mut pieces = pieces.iter().copied().chain(iter::repeat(*pieces.last().unwrap_or(&1)));
    loop {
        loop {
            match frames.take() {
                Ok(Some(frame)) => heard.push(frame),
                Ok(None) => break,
                Err(error) => return (heard, Some(error)),
            }
        }
        if rest.is_empty() {
            return (heard, None);
        }
        let room = frames.room();
        let wanted = pieces.next().unwrap_or(1).max(1);
        let count = rest.len().min(room.len()).min(wanted);
        room[..count].copy_from_slice(&rest[..count]);
        frames.filled(count);
        rest = &rest[count..];
    }
}

/// Asserts what holds for any bytes: they are read the same in whatever pieces they come, nothing longer than agreed
/// on is kept, and a packet that is understood is written as it was read.
pub fn check(bytes: &[u8]) {
    const MOST: u32 = 64;
    let whole = hear(bytes, MOST, &[usize::MAX]);
    assert_eq!(whole, hear(bytes, MOST, &[1]), "in single bytes");
    assert_eq!(whole, hear(bytes, MOST, &[Head::LENGTH, 3, 7]), "in odd pieces");
    for heard in &whole.0 {
        match heard {
            Heard::Request { call, body, .. } => {
                assert!(*call != 0 && body.len() <= MOST as usize);
            }
            Heard::TooLong { call, length } => assert!(*call != 0 && *length > MOST),
            Heard::Cancel(call) | Heard::Credit(call, _) => assert_ne!(*call, 0),
        }
    }
    _ = Failure::parse(bytes);
    _ = ring::read(bytes);
    // A longer text may be cut when it is written.
    if bytes.len() > 1_024 {
        return;
    }
    if let Ok(told) = Told::parse(bytes) {
        assert_eq!(Told::parse(&told.to_packet()), Ok(told));
    }
    if let Ok(asked) = Asked::parse(bytes) {
        assert_eq!(Asked::parse(&asked.to_packet()), Ok(asked));
    }
}

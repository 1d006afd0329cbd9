//! The form of one record on disk: a header of 24 bytes, the payload, a newline.
//!
//! ```text
//! 0   u32  length of the payload; the highest bit marks a note of the journal itself
//! 4   u32  CRC-32C of everything else: of bytes 0 to 4, then of bytes 8 to the end
//! 8   u64  the record's number
//! 16  i64  wall time in milliseconds since 1970, an annotation only
//! 24       payload, then one newline
//! ```
//!
//! Numbers are little-endian. Zeros are never a frame: the sum of a frame of nothing but zeros is not zero.

/// Bytes before the payload.
pub(super) const HEADER: usize = 24;

/// What a frame needs beside its payload.
pub(super) const AROUND: usize = HEADER + 1;

/// In the length: the journal wrote this frame about itself.
const NOTE: u32 = 1 << 31;

/// One whole frame, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) seq: u64,
    pub(super) wall: i64,
    pub(super) note: bool,
    pub(super) payload: &'a [u8],
}

impl Frame<'_> {
    /// Returns how many bytes it takes on disk.
    pub(super) const fn size(&self) -> usize {
        AROUND + self.payload.len()
    }
}

/// What the beginning of some bytes is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded<'a> {
    Whole(Frame<'a>),
    /// It may be a frame, and this many bytes would show it.
    Short(usize),
    Bad,
}

/// Appends a frame to `out`.
pub(super) fn encode(out: &mut Vec<u8>, frame: Frame<'_>) {
    let Frame { seq, wall, note, payload } = frame;
    let start = out.len();
    let length = u32::try_from(payload.len()).unwrap_or(NOTE) | if note { NOTE } else { 0 };
    out.reserve(frame.size());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(&wall.to_le_bytes());
    out.extend_from_slice(payload);
    out.push(b'\n');
    let sum = sum(&out[start..]).to_le_bytes();
    out[start + 4..start + 8].copy_from_slice(&sum);
}

/// Decodes the frame that `bytes` begin with.
pub(super) fn decode(bytes: &[u8]) -> Decoded<'_> {
    if bytes.len() < HEADER {
        return Decoded::Short(HEADER);
    }
    let size = size(bytes);
    if bytes.len() < size {
        return Decoded::Short(size);
    }
    let bytes = &bytes[..size];
    // The newline first: it tells most of what is no frame without a sum over it.
    if bytes[size - 1] != b'\n' || sum(bytes) != number(bytes, 4) {
        return Decoded::Bad;
    }
    let payload = &bytes[HEADER..size - 1];
    Decoded::Whole(Frame {
        seq: seq(bytes),
        wall: wall(bytes),
        note: number(bytes, 0) & NOTE != 0,
        payload,
    })
}

/// Finds the next whole frame in `bytes` that has a number above `after`; returns where it begins.
pub(super) fn search(bytes: &[u8], after: u64) -> Option<usize> {
    // Whoever wrote this far cannot have come further: it only spares sums over what is no header.
    let most = after.saturating_add(1 << 40);
    let last = bytes.len().checked_sub(AROUND)?;
    (0..=last).find(|&at| {
        let rest = &bytes[at..];
        let seq = seq(rest);
        seq > after && seq <= most && matches!(decode(rest), Decoded::Whole(_))
    })
}

/// Returns the size of the frame that a whole header begins.
pub(super) fn size(header: &[u8]) -> usize {
    AROUND + (number(header, 0) & !NOTE) as usize
}

/// Returns the number of the frame that a whole header begins.
pub(super) fn seq(header: &[u8]) -> u64 {
    u64::from_le_bytes(eight(header, 8))
}

/// Returns the wall time of the frame that a whole header begins.
pub(super) fn wall(header: &[u8]) -> i64 {
    i64::from_le_bytes(eight(header, 16))
}

/// Counts the records among whole frames.
pub(super) fn records(mut frames: &[u8]) -> u64 {
    let mut records = 0;
    while frames.len() >= AROUND {
        records += u64::from(number(frames, 0) & NOTE == 0);
        frames = frames.get(size(frames)..).unwrap_or_default();
    }
    records
}

fn sum(frame: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&frame[..4]), &frame[8..])
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

fn eight(bytes: &[u8], at: usize) -> [u8; 8] {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    eight
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame<'_> = Frame { seq: 7, wall: -1, note: false, payload: b"{\"a\":1}" };

    fn bytes(frame: Frame<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out, frame);
        out
    }

    #[test]
    fn a_frame_is_read_back_as_it_was_written() {
        for note in [false, true] {
            for payload in [&b""[..], b"x", b"{\"line\":\"\\n\"}"] {
                let frame = Frame { note, payload, ..FRAME };
                assert_eq!(decode(&bytes(frame)), Decoded::Whole(frame));
                assert_eq!(bytes(frame).len(), frame.size());
            }
        }
    }

    #[test]
    fn the_form_is_as_documented() {
        assert_eq!(
            bytes(FRAME),
            b"\x07\0\0\0\x94\x91\x02h\x07\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff{\"a\":1}\n"
        );
    }

    #[test]
    fn any_changed_bit_is_noticed() {
        let good = bytes(FRAME);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(decode(&bad), Decoded::Whole(_)), "bit {bit}");
        }
    }

    #[test]
    fn a_cut_frame_says_how_many_bytes_it_needs() {
        let good = bytes(FRAME);
        for length in 0..good.len() {
            let needs = if length < HEADER { HEADER } else { good.len() };
            assert_eq!(decode(&good[..length]), Decoded::Short(needs), "{length} bytes");
        }
    }

    #[test]
    fn zeros_are_no_frame() {
        assert_eq!(decode(&[0; 100]), Decoded::Bad);
    }

    #[test]
    fn a_search_finds_the_next_frame_with_a_greater_number() {
        let mut all = b"rubbish".to_vec();
        all.extend(bytes(FRAME));
        let second = all.len();
        all.extend(bytes(Frame { seq: 8, ..FRAME }));
        assert_eq!(search(&all, 0), Some(7));
        assert_eq!(search(&all, 7), Some(second));
        assert_eq!(search(&all, 8), None);
    }
}

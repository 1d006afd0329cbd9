//! The part of HPACK that one call needs: headers are written without tables or compression, and of those
//! that come back only one is looked for. The peer is told that we keep no dynamic table.

/// The headers of a gRPC call.
pub(super) fn call(path: &str, authority: &str) -> Vec<u8> {
    // Of the static table: `:method: POST` and `:scheme: http`.
    let mut block = vec![0x83, 0x86];
    known_name(&mut block, 4, path);
    known_name(&mut block, 1, authority);
    known_name(&mut block, 31, "application/grpc");
    known_name(&mut block, 58, "mainstay");
    block.push(0);
    string(&mut block, "te");
    string(&mut block, "trailers");
    block
}

/// Writes a header whose name has this number in the static table.
fn known_name(block: &mut Vec<u8>, name: usize, value: &str) {
    integer(block, 0, 4, name);
    string(block, value);
}

fn string(block: &mut Vec<u8>, text: &str) {
    integer(block, 0, 7, text.len());
    block.extend_from_slice(text.as_bytes());
}

/// Writes a number behind `first`, whose lowest `bits` take what fits.
fn integer(block: &mut Vec<u8>, first: u8, bits: u32, value: usize) {
    let most = (1 << bits) - 1;
    if value < most {
        block.push(first | value as u8);
        return;
    }
    block.push(first | most as u8);
    let mut rest = value - most;
    while rest >= 0x80 {
        block.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    block.push(rest as u8);
}

/// Returns the status of the call that a block of headers names.
pub(super) fn grpc_status(mut block: &[u8]) -> Option<u32> {
    while let Some(&first) = block.first() {
        let bits = match first {
            // A header of the static table: none of those is it.
            0x80.. => {
                read_integer(&mut block, 7)?;
                continue;
            }
            // Another size of the dynamic table.
            0x20..0x40 => {
                read_integer(&mut block, 5)?;
                continue;
            }
            0x40..0x80 => 6,
            0x00..0x20 => 4,
        };
        let number = read_integer(&mut block, bits)?;
        let name = if number == 0 { Some(read_string(&mut block)?) } else { None };
        let value = read_string(&mut block)?;
        if name.is_some_and(|name| name.is("grpc-status")) {
            return value.number();
        }
    }
    None
}

fn read_integer(block: &mut &[u8], bits: u32) -> Option<usize> {
    let (first, rest) = block.split_first()?;
    *block = rest;
    let most = (1 << bits) - 1;
    let mut value = usize::from(*first) & most;
    if value < most {
        return Some(value);
    }
    for shift in [0, 7, 14] {
        let (byte, rest) = block.split_first()?;
        *block = rest;
        value += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn read_string<'a>(block: &mut &'a [u8]) -> Option<Coded<'a>> {
    let is_huffman = block.first()? & 0x80 != 0;
    let length = read_integer(block, 7)?;
    let bytes = block.get(..length)?;
    *block = &block[length..];
    Some(Coded { bytes, is_huffman })
}

/// A string as it came.
#[derive(Clone, Copy)]
struct Coded<'a> {
    bytes: &'a [u8],
    is_huffman: bool,
}

impl Coded<'_> {
    fn is(self, text: &str) -> bool {
        if self.is_huffman { self.bytes == huffman(text) } else { self.bytes == text.as_bytes() }
    }

    /// Reads a status: one or two digits.
    fn number(self) -> Option<u32> {
        (0..100).find(|number| self.is(&number.to_string()))
    }
}

/// Writes text as HPACK's Huffman code does, if it is of the few characters that stand in the name and
/// the values that are looked for.
fn huffman(text: &str) -> Vec<u8> {
    let (mut bits, mut count, mut coded) = (0_u32, 0, Vec::new());
    let mut put = |code: u32, length: u32| {
        bits = bits << length | code;
        count += length;
        while count >= 8 {
            count -= 8;
            coded.push((bits >> count) as u8);
        }
        count
    };
    let mut left = 0;
    for letter in text.bytes() {
        let (code, length) = match letter {
            b'0'..=b'2' => (u32::from(letter - b'0'), 5),
            b'a' => (0b00011, 5),
            b'c' => (0b00100, 5),
            b's' => (0b01000, 5),
            b't' => (0b01001, 5),
            b'-' => (0b01_0110, 6),
            b'3'..=b'9' => (0b01_1001 + u32::from(letter - b'3'), 6),
            b'g' => (0b10_0110, 6),
            b'p' => (0b10_1011, 6),
            b'r' => (0b10_1100, 6),
            b'u' => (0b10_1101, 6),
            _ => return Vec::new(),
        };
        left = put(code, length);
    }
    if left > 0 {
        // The end is filled with ones.
        put((1 << (8 - left)) - 1, 8 - left);
    }
    coded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_written_in_plain_letters() {
        let block = call("/a/B", "x:1");
        let expected = b"\x83\x86\x04\x04/a/B\x01\x03x:1\x0f\x10\x10application/grpc\x0f\x2b\x08mainstay\x00\x02te\x08trailers";
        assert_eq!(block, expected);
        let mut long = Vec::new();
        string(&mut long, &"x".repeat(300));
        assert_eq!(long[..3], [0x7f, 0xad, 0x01]);
    }

    #[test]
    fn a_status_is_found_among_other_headers() {
        let huffman_name = [0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f];
        assert_eq!(huffman("grpc-status"), huffman_name, "as other implementations write it");
        let mut coded = vec![0x88, 0x5f, 0x8b];
        coded.extend_from_slice(&[0; 11]);
        coded.extend_from_slice(&[0x40, 0x88]);
        coded.extend_from_slice(&huffman_name);
        for (value, status) in [(&[0x82, 0x08, 0xbf][..], 12), (&[0x01, b'5'], 5)] {
            let block = [&coded[..], value].concat();
            assert_eq!(grpc_status(&block), Some(status));
        }
        assert_eq!(grpc_status(b"\x20\x88"), None);
        assert_eq!(grpc_status(b"\x00\x0bgrpc-status\x7f\xff\xff\xff\xff"), None, "broken");
        assert_eq!(grpc_status(b"\x00\x7f"), None, "broken");
    }
}

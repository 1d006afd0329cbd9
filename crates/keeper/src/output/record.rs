//! How lines stand in a log.
//!
//! - Text: `2026-11-21T14:26:58.123456Z the line`. The stamp is that of the read that brought the
//!   beginning of the line. Where the outputs are apart, `out ` or `err ` stands behind the stamp.
//! - Text without stamps: the bytes of the child, as they came.
//! - JSON: an object a line, `{"time":"..","run":17,"stream":"out","line":".."}`. Where the outputs are
//!   one, and for a terminal, the stream is `out`. A line that is no UTF-8 is shown with replacements
//!   and has its bytes beside it: `"raw":"<base64>"`. A piece that no newline follows, of a line longer
//!   than 64 KiB or at the end of the output, says so: `"newline":false`.

use super::line::Piece;
use super::stamp::Stamp;
use memchr::memchr;

/// One of the outputs of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Err,
}

impl Stream {
    pub(super) fn index(self) -> usize {
        match self {
            Self::Out => 0,
            Self::Err => 1,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Err => "err",
        }
    }
}

/// Appends bytes as stamped lines. `is_inside` says whether they go on with a line that has its stamp.
pub(super) fn stamped(bytes: &[u8], stamp: Stamp, mut is_inside: bool, out: &mut Vec<u8>) {
    let mut rest = bytes;
    while !rest.is_empty() {
        if !is_inside {
            out.extend_from_slice(stamp.as_bytes());
            out.push(b' ');
        }
        let end = memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        out.extend_from_slice(&rest[..end]);
        rest = &rest[end..];
        is_inside = false;
    }
}

/// Appends a piece as text.
pub(super) fn text(piece: Piece<'_>, stamp: Option<(Stamp, Stream)>, out: &mut Vec<u8>) {
    if let Some((stamp, stream)) = stamp
        && piece.is_first
    {
        out.extend_from_slice(stamp.as_bytes());
        out.push(b' ');
        out.extend_from_slice(stream.word().as_bytes());
        out.push(b' ');
    }
    out.extend_from_slice(piece.bytes);
    if piece.has_newline {
        out.push(b'\n');
    }
}

/// Appends a piece as JSON.
pub(super) fn json(piece: Piece<'_>, stamp: Stamp, run: u64, stream: Stream, out: &mut Vec<u8>) {
    head(stamp, run, out);
    out.extend_from_slice(b"\"stream\":\"");
    out.extend_from_slice(stream.word().as_bytes());
    out.extend_from_slice(b"\",\"line\":");
    match str::from_utf8(piece.bytes) {
        Ok(line) => quoted(line, out),
        Err(_) => {
            quoted(&String::from_utf8_lossy(piece.bytes), out);
            out.extend_from_slice(b",\"raw\":\"");
            base64(piece.bytes, out);
            out.push(b'"');
        }
    }
    if !piece.has_newline {
        out.extend_from_slice(b",\"newline\":false");
    }
    out.extend_from_slice(b"}\n");
}

/// Appends what stands where lines were dropped.
pub(super) fn dropped(
    lines: u64,
    bytes: u64,
    stamp: Stamp,
    is_json: Option<u64>,
    out: &mut Vec<u8>,
) {
    match is_json {
        Some(run) => {
            head(stamp, run, out);
            let told = format!("\"dropped\":{{\"lines\":{lines},\"bytes\":{bytes}}}}}\n");
            out.extend_from_slice(told.as_bytes());
        }
        None => {
            out.extend_from_slice(stamp.as_bytes());
            out.extend_from_slice(format!(" [{lines} lines, {bytes} bytes dropped]\n").as_bytes());
        }
    }
}

fn head(stamp: Stamp, run: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"time\":\"");
    out.extend_from_slice(stamp.as_bytes());
    out.extend_from_slice(format!("\",\"run\":{run},").as_bytes());
}

fn quoted(text: &str, out: &mut Vec<u8>) {
    if serde_json::to_writer(&mut *out, text).is_err() {
        // A vector takes everything; were it otherwise, the object must still be one.
        out.extend_from_slice(b"\"\"");
    }
}

fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place > group.len() { b'=' } else { letter });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(bytes: &[u8], has_newline: bool) -> Piece<'_> {
        Piece { bytes, is_first: true, has_newline }
    }

    #[test]
    fn a_line_of_json_says_all_of_it() {
        let stamp = Stamp::at(0, 0);
        let table: [(&[u8], bool, &str); 4] = [
            (b"plain", true, r#""line":"plain"}"#),
            (b"a\"\\\t\0\r\x1b[1m", true, r#""line":"a\"\\\t\u0000\r\u001b[1m"}"#),
            ("caf\u{e9}".as_bytes(), false, "\"line\":\"caf\u{e9}\",\"newline\":false}"),
            (b"caf\xe9", true, "\"line\":\"caf\u{fffd}\",\"raw\":\"Y2Fm6Q==\"}"),
        ];
        for (bytes, has_newline, rest) in table {
            let mut out = Vec::new();
            json(piece(bytes, has_newline), stamp, 17, Stream::Err, &mut out);
            let text = String::from_utf8(out).expect("utf-8");
            let head = r#"{"time":"1970-01-01T00:00:00.000000Z","run":17,"stream":"err","#;
            assert_eq!(text, format!("{head}{rest}\n"));
            let value: serde_json::Value = serde_json::from_str(&text).expect("it is an object");
            assert!(value["line"].is_string());
        }
    }

    #[test]
    fn base64_is_that_of_everybody() {
        let table =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (bytes, text) in table {
            let mut out = Vec::new();
            base64(bytes.as_bytes(), &mut out);
            assert_eq!(out, text.as_bytes());
        }
    }

    #[test]
    fn each_line_has_one_stamp() {
        let stamp = Stamp::at(0, 0);
        let mut out = Vec::new();
        stamped(b"end\n\nwhole\nbegin", stamp, true, &mut out);
        let s = str::from_utf8(stamp.as_bytes()).expect("utf-8");
        assert_eq!(out, format!("end\n{s} \n{s} whole\n{s} begin").as_bytes());
    }

    #[test]
    fn what_was_dropped_is_told() {
        let stamp = Stamp::at(0, 0);
        let mut out = Vec::new();
        dropped(2, 30, stamp, Some(4), &mut out);
        let value: serde_json::Value = serde_json::from_slice(&out).expect("an object");
        assert_eq!((&value["run"], &value["dropped"]["bytes"]), (&4.into(), &30.into()));
        out.clear();
        dropped(2, 30, stamp, None, &mut out);
        assert!(out.ends_with(b"Z [2 lines, 30 bytes dropped]\n"));
    }
}

//! From the bytes of a log to its lines.

use jiff::Timestamp;
use mainstay_wire::api::LogLine;
use serde_json::Value;

/// The longest line that is told whole; what is longer comes in pieces.
const LONGEST: usize = 256 * 1024;
/// How long the stamp of a line is: `2026-11-21T14:26:58.123456Z`.
const STAMP: usize = 27;

/// Gathers the bytes of one log into lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Takes bytes and tells each line that is whole.
    pub(super) fn take(&mut self, path: &str, bytes: &[u8], mut tell: impl FnMut(LogLine)) {
        self.rest.extend_from_slice(bytes);
        let mut start = 0;
        while let Some(end) = self.rest[start..].iter().position(|byte| *byte == b'\n') {
            tell(line(path, &self.rest[start..start + end]));
            start += end + 1;
        }
        self.rest.drain(..start);
        if self.rest.len() >= LONGEST {
            tell(line(path, &self.rest));
            self.rest.clear();
        }
    }

    /// Tells the line that has no end.
    pub(super) fn end(&mut self, path: &str, mut tell: impl FnMut(LogLine)) {
        if !self.rest.is_empty() {
            tell(line(path, &self.rest));
            self.rest.clear();
        }
    }
}

/// Reads one line: a JSON object, a stamp and text, or text alone.
fn line(path: &str, bytes: &[u8]) -> LogLine {
    let text = String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(bytes));
    let plain = LogLine {
        path: path.to_owned(),
        at: None,
        run: None,
        stream: None,
        text: text.clone().into_owned(),
    };
    if text.starts_with("{\"time\":\"") {
        return json(path, &text).unwrap_or(plain);
    }
    let Some((stamp, rest)) = text.split_at_checked(STAMP) else { return plain };
    match (moment(stamp), rest.strip_prefix(' ').or_else(|| rest.is_empty().then_some(""))) {
        (Some(at), Some(rest)) => LogLine { at: Some(at), text: rest.to_owned(), ..plain },
        _ => plain,
    }
}

fn json(path: &str, text: &str) -> Option<LogLine> {
    let value: Value = serde_json::from_str(text).ok()?;
    let said = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let dropped = value.get("dropped").map(|dropped| {
        let count = |name: &str| dropped.get(name).and_then(Value::as_u64).unwrap_or(0);
        format!("[{} lines, {} bytes dropped]", count("lines"), count("bytes"))
    });
    Some(LogLine {
        path: path.to_owned(),
        at: Some(moment(value.get("time")?.as_str()?)?),
        run: value.get("run").and_then(Value::as_u64),
        stream: said("stream"),
        text: said("line").or(dropped)?,
    })
}

fn moment(stamp: &str) -> Option<i64> {
    let is_stamp = stamp.len() == STAMP && stamp.ends_with('Z') && stamp.as_bytes()[10] == b'T';
    let parsed: Option<Timestamp> = if is_stamp { stamp.parse().ok() } else { None };
    parsed.map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_line_is_read() {
        let json = r#"{"time":"1970-01-01T00:00:01.500000Z","run":7,"stream":"err","line":"no"}"#;
        let dropped =
            r#"{"time":"1970-01-01T00:00:02.000000Z","run":7,"dropped":{"lines":3,"bytes":40}}"#;
        let table = [
            ("1970-01-01T00:00:01.250000Z hello", Some(1_250), None, "hello"),
            ("1970-01-01T00:00:01.250000Z", Some(1_250), None, ""),
            ("1970-01-01T00:00:01.250000Z  two", Some(1_250), None, " two"),
            ("plain text that is long enough for a stamp", None, None, "="),
            ("short", None, None, "="),
            ("", None, None, "="),
            (json, Some(1_500), Some(7), "no"),
            (dropped, Some(2_000), Some(7), "[3 lines, 40 bytes dropped]"),
            (r#"{"time":"soon","line":"x"}"#, None, None, "="),
        ];
        for (bytes, at, run, text) in table {
            let read = line("web", bytes.as_bytes());
            let text = if text == "=" { bytes } else { text };
            assert_eq!((read.at, read.run, read.text.as_str()), (at, run, text), "{bytes}");
        }
        assert_eq!(line("web", b"a\xffb\r").text, "a\u{fffd}b");
        // A letter of several bytes across the end of where a stamp would be.
        let odd = "1970-01-01T00:00:01.25000\u{20ac} x";
        assert_eq!(line("web", odd.as_bytes()).text, odd);
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        let (mut lines, mut told) = (Lines::default(), Vec::new());
        for bytes in ["on", "e\ntw", "o\n\nthr"] {
            lines.take("web", bytes.as_bytes(), |line| told.push(line.text));
        }
        assert_eq!(told, ["one", "two", ""]);
        lines.end("web", |line| told.push(line.text));
        assert_eq!(told.last().map(String::as_str), Some("thr"));
        lines.take("web", &vec![b'x'; LONGEST], |line| told.push(line.text));
        assert_eq!(told.last().map(String::len), Some(LONGEST));
    }
}

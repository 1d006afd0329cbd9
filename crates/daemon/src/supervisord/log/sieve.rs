//! From the bytes of a log to those of one output.

use serde_json::Value as Json;

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// Each line is an object.
    pub(crate) is_json: bool,
    /// Each line begins with its moment.
    pub(crate) has_stamps: bool,
    /// Each line says behind that which output it came from.
    pub(crate) is_apart: bool,
}

impl Style {
    /// Returns whether the file holds what the child printed and nothing else.
    pub(crate) const fn is_plain(self) -> bool {
        !self.is_json && !self.has_stamps
    }

    /// Returns whether the error output can be told from the other one.
    pub(crate) const fn tells_errors(self) -> bool {
        self.is_apart && !self.is_plain()
    }
}

/// One of the outputs of a child. The first one has everything where they cannot be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Out,
    Err,
}

/// How long the stamp of a line is: `2026-11-21T14:26:58.123456Z`.
const STAMP: usize = 27;
/// A line of JSON that is longer than this is no line of ours.
const LONGEST: usize = 1 << 20;

/// Lets through what one output has printed.
#[derive(Debug)]
pub(crate) struct Sieve {
    style: Style,
    channel: Channel,
    /// The beginning of a line, until it says whose it is.
    head: Vec<u8>,
    /// Whether the rest of the present line passes; unknown at its beginning.
    passes: Option<bool>,
}

impl Sieve {
    pub(crate) const fn new(style: Style, channel: Channel) -> Self {
        Self { style, channel, head: Vec::new(), passes: None }
    }

    /// Takes bytes and appends those that pass.
    pub(crate) fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.style.is_plain() {
            if self.channel == Channel::Out {
                out.extend_from_slice(bytes);
            }
            return;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| *byte == b'\n').map(|end| end + 1);
            let line = &rest[..end.unwrap_or(rest.len())];
            if let Some(passes) = self.passes {
                if passes {
                    out.extend_from_slice(line);
                }
                rest = &rest[line.len()..];
                if end.is_some() {
                    self.passes = None;
                }
                continue;
            }
            let missing = self.needed().saturating_sub(self.head.len()).max(1);
            let piece = &line[..line.len().min(missing)];
            self.head.extend_from_slice(piece);
            rest = &rest[piece.len()..];
            let is_whole = self.head.ends_with(b"\n");
            if is_whole || self.head.len() >= self.needed() {
                self.decide(out);
                if is_whole {
                    self.passes = None;
                }
            }
        }
    }

    /// Lets through what has no end.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) {
        if !self.head.is_empty() {
            self.decide(out);
        }
        self.passes = None;
    }

    /// How much of a line says whose it is.
    const fn needed(&self) -> usize {
        match (self.style.is_json, self.style.is_apart) {
            (true, _) => LONGEST,
            (false, true) => STAMP + 1 + 4,
            (false, false) => STAMP + 1,
        }
    }

    fn decide(&mut self, out: &mut Vec<u8>) {
        let head = std::mem::take(&mut self.head);
        let (passes, text) = if self.style.is_json { self.object(&head) } else { self.line(&head) };
        if passes {
            out.extend_from_slice(&text);
        }
        self.passes = Some(passes);
    }

    fn line(&self, head: &[u8]) -> (bool, Vec<u8>) {
        let is_mine = |channel: Channel| channel == self.channel;
        let Some(text) = behind_stamp(head) else { return (is_mine(Channel::Out), head.to_vec()) };
        if self.style.is_apart {
            if let Some(text) = text.strip_prefix(b"err ") {
                return (is_mine(Channel::Err), text.to_vec());
            }
            if let Some(text) = text.strip_prefix(b"out ") {
                return (is_mine(Channel::Out), text.to_vec());
            }
        }
        (is_mine(Channel::Out), text.to_vec())
    }

    fn object(&self, head: &[u8]) -> (bool, Vec<u8>) {
        let Ok(object) = serde_json::from_slice::<Json>(head) else {
            return (self.channel == Channel::Out, head.to_vec());
        };
        let said = |key: &str| object.get(key).and_then(Json::as_str);
        let channel = if said("stream") == Some("err") { Channel::Err } else { Channel::Out };
        let Some(line) = said("line") else { return (false, Vec::new()) };
        let mut text = line.as_bytes().to_vec();
        if object.get("newline") != Some(&Json::Bool(false)) {
            text.push(b'\n');
        }
        (channel == self.channel, text)
    }
}

/// Returns what stands behind the moment of a line, if it has one.
fn behind_stamp(head: &[u8]) -> Option<&[u8]> {
    let (stamp, rest) = head.split_at_checked(STAMP)?;
    let is_stamp = stamp.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => *byte == b'-',
        10 => *byte == b'T',
        13 | 16 => *byte == b':',
        19 => *byte == b'.',
        26 => *byte == b'Z',
        _ => byte.is_ascii_digit(),
    });
    rest.strip_prefix(b" ").filter(|_| is_stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sifted(style: Style, channel: Channel, log: &str, size: usize) -> String {
        let (mut sieve, mut out) = (Sieve::new(style, channel), Vec::new());
        for piece in log.as_bytes().chunks(size) {
            sieve.take(piece, &mut out);
        }
        sieve.end(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn each_output_has_its_own_lines_however_they_come() {
        let stamp = "2026-11-22T02:03:04.123456Z";
        let stamped = Style { is_json: false, has_stamps: true, is_apart: false };
        let apart = Style { is_apart: true, ..stamped };
        let plain = Style { has_stamps: false, ..stamped };
        let json = Style { is_json: true, ..stamped };
        let merged = format!("{stamp} one\n{stamp} \nodd\n{stamp} err in it\n{stamp} $ ");
        let both =
            format!("{stamp} out one\n{stamp} err two\n{stamp} [3 lines, 9 bytes dropped]\n");
        let objects = format!(
            "{{\"time\":\"{stamp}\",\"run\":1,\"stream\":\"out\",\"line\":\"one\"}}\n\
             {{\"time\":\"{stamp}\",\"run\":1,\"stream\":\"err\",\"line\":\"two\"}}\n\
             {{\"time\":\"{stamp}\",\"run\":1,\"dropped\":{{\"lines\":1,\"bytes\":2}}}}\n\
             {{\"time\":\"{stamp}\",\"run\":1,\"stream\":\"out\",\"line\":\"$ \",\"newline\":false}}\n"
        );
        let table = [
            (stamped, Channel::Out, &merged, "one\n\nodd\nerr in it\n$ "),
            (stamped, Channel::Err, &merged, ""),
            (apart, Channel::Out, &both, "one\n[3 lines, 9 bytes dropped]\n"),
            (apart, Channel::Err, &both, "two\n"),
            (plain, Channel::Out, &both, both.as_str()),
            (plain, Channel::Err, &both, ""),
            (json, Channel::Out, &objects, "one\n$ "),
            (json, Channel::Err, &objects, "two\n"),
        ];
        for (style, channel, log, expected) in table {
            for size in [1, 3, 28, 29, 1_000] {
                assert_eq!(sifted(style, channel, log, size), expected, "{style:?} {size}");
            }
        }
    }
}

//! Server-sent events, as far as the API uses them.

/// The longest message that is taken; what is longer is cut.
const MESSAGE_MOST: usize = 4 << 20;

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// Its id, from which a stream goes on.
    pub(crate) id: Option<String>,
    /// What kind it is; empty: a plain one.
    pub(crate) event: String,
    /// What it says.
    pub(crate) data: String,
}

/// Makes messages of the bytes of a stream, however they are cut.
#[derive(Debug, Default)]
pub(super) struct Reader {
    line: Vec<u8>,
    message: Message,
}

impl Reader {
    /// Takes bytes and passes every message that they complete to `out`.
    pub(super) fn take(&mut self, bytes: &[u8], out: &mut impl Extend<Message>) {
        for byte in bytes {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    out.extend(self.field(String::from_utf8_lossy(&line).trim_end_matches('\r')));
                }
                _ if self.line.len() < MESSAGE_MOST => self.line.push(*byte),
                _ => {}
            }
        }
    }

    /// Takes one line; an empty one completes a message.
    fn field(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            let says = !message.data.is_empty() || !message.event.is_empty();
            return says.then_some(message);
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => self.message.id = Some(value.into()),
            "event" => self.message.event = value.into(),
            "data" if self.message.data.len() < MESSAGE_MOST => {
                if !self.message.data.is_empty() {
                    self.message.data.push('\n');
                }
                self.message.data.push_str(value);
            }
            // A comment, which keeps the connection awake, or a field of later times.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_whole_however_they_are_cut() {
        let text =
            ": awake\r\n\nid: 7\nevent: log\ndata: {\"a\":\ndata: 1}\n\nid: 8\ndata: ü\n\nid: 9\n";
        for cut in 1..text.len() {
            let (mut reader, mut out) = (Reader::default(), Vec::new());
            for piece in text.as_bytes().chunks(cut) {
                reader.take(piece, &mut out);
            }
            let seven =
                Message { id: Some("7".into()), event: "log".into(), data: "{\"a\":\n1}".into() };
            let eight = Message { id: Some("8".into()), event: String::new(), data: "ü".into() };
            assert_eq!(out, [seven, eight], "cut into pieces of {cut}");
        }
    }
}

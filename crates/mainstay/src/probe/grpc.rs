//! Probes by the health service of gRPC (`grpc.health.v1`), over HTTP/2 without TLS.
//!
//! One unary call on a connection of its own needs little of HTTP/2: our frames are fixed but for a name,
//! and of the server's only the message and the call's status matter.

mod hpack;

use super::connect::{Connection, Place, plain};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The largest frame a peer may send, for nothing else was agreed on.
const FRAME: usize = 16 * 1024;
/// What is read at most; an honest answer has a few hundred bytes.
const MOST: usize = 4 * FRAME;
/// So that the question fits into frames of fixed shape. Names of services are far shorter.
const NAME: usize = 1_024;

/// Frames that matter to a client with one stream.
mod kind {
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const RESET: u8 = 3;
    pub(super) const SETTINGS: u8 = 4;
    pub(super) const PUSH: u8 = 5;
    pub(super) const PING: u8 = 6;
    pub(super) const GO_AWAY: u8 = 7;
    pub(super) const CONTINUATION: u8 = 9;
}

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

/// A service whose health is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grpc {
    place: Place,
    service: String,
}

impl Grpc {
    pub(super) fn parse_into(address: &str, service: &str, wrong: &mut Vec<String>) -> Self {
        if service.len() > NAME {
            wrong.push(format!("the service of a probe has more than {NAME} bytes"));
        }
        Self { place: Place::parse_into(address, wrong), service: service.into() }
    }

    /// Asks, and judges the answer.
    pub(super) async fn ask(&self) -> Result<(), String> {
        let mut connection = self.place.connect().await?;
        let failed =
            |error: std::io::Error| format!("cannot ask {}: {}", self.place, plain(&error));
        connection.write_all(&self.question()).await.map_err(failed)?;
        match answer(&mut *connection).await {
            Ok(1) => Ok(()),
            Ok(2) => Err("not serving".into()),
            Ok(3) => Err(format!("knows no service `{}`", self.service)),
            Ok(_) => Err("does not know whether it is serving".into()),
            Err(why) => Err(format!("{}: {why}", self.place)),
        }
    }

    /// Everything that we send unasked: the preface, our settings, the call and its one message.
    fn question(&self) -> Vec<u8> {
        let authority = match &self.place {
            place @ Place::Net { .. } => place.to_string(),
            Place::Unix(_) => "localhost".to_owned(),
        };
        let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        // No dynamic table (1), no pushes (2).
        frame(&mut sent, kind::SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
        let headers = hpack::call("/grpc.health.v1.Health/Check", &authority);
        frame(&mut sent, kind::HEADERS, END_HEADERS, 1, &headers);
        // `HealthCheckRequest`: field 1, a string.
        let mut message = Vec::new();
        if !self.service.is_empty() {
            message.push(0x0a);
            varint(&mut message, self.service.len() as u64);
            message.extend_from_slice(self.service.as_bytes());
        }
        let mut data = vec![0];
        data.extend_from_slice(&(message.len() as u32).to_be_bytes());
        data.extend_from_slice(&message);
        frame(&mut sent, kind::DATA, END_STREAM, 1, &data);
        sent
    }
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, body: &[u8]) {
    out.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(body);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads frames until the answer is there. Returns the status of the service.
async fn answer(connection: &mut dyn Connection) -> Result<u64, String> {
    let mut heard = Heard::default();
    let mut left = MOST;
    loop {
        let mut head = [0; 9];
        read(connection, &mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        if length > FRAME {
            return Err("does not speak HTTP/2".into());
        }
        left = left.checked_sub(length + head.len()).ok_or("answers with more than a status")?;
        let mut body = vec![0; length];
        read(connection, &mut body).await?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        let mut reply = Vec::new();
        if let Some(status) = heard.frame(head[3], head[4], stream, &body, &mut reply)? {
            return Ok(status);
        }
        if !reply.is_empty() {
            // Who has closed behind its answer need not hear this; what it said is still to be read.
            drop(connection.write_all(&reply).await);
        }
    }
}

async fn read(connection: &mut dyn Connection, into: &mut [u8]) -> Result<(), String> {
    match connection.read_exact(into).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err("closed the connection without an answer".into())
        }
        Err(error) => Err(plain(&error)),
    }
}

/// What the server has said so far.
#[derive(Default)]
struct Heard {
    message: Vec<u8>,
    /// A block of headers that goes on in the next frame.
    block: Vec<u8>,
    ends_with_block: bool,
    /// It has answered that it does not know; how the call ends may say why.
    knows_not: bool,
}

impl Heard {
    /// Takes a frame. Returns the status of the service once it is there.
    fn frame(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        body: &[u8],
        reply: &mut Vec<u8>,
    ) -> Result<Option<u64>, String> {
        match (kind, stream) {
            (kind::SETTINGS, 0) if flags & ACK == 0 => frame(reply, kind::SETTINGS, ACK, 0, &[]),
            (kind::PING, 0) if flags & ACK == 0 => frame(reply, kind::PING, ACK, 0, body),
            (kind::GO_AWAY, 0) => return Err("ended the connection".into()),
            (kind::RESET, 1) => {
                let code = body.first_chunk().map_or(0, |code| u32::from_be_bytes(*code));
                return Err(format!("broke off the call (code {code})"));
            }
            (kind::PUSH, _) => return Err("pushes what nobody asked for".into()),
            (kind::HEADERS, 1) => {
                let fixed = if flags & PRIORITY == 0 { 0 } else { 5 };
                let block = unpadded(flags, body).and_then(|block| block.get(fixed..));
                self.block = block.ok_or("sends broken frames")?.to_vec();
                self.ends_with_block = flags & END_STREAM != 0;
                return self.headers(flags);
            }
            (kind::CONTINUATION, 1) => {
                self.block.extend_from_slice(body);
                return self.headers(flags);
            }
            (kind::DATA, 1) => {
                self.message.extend_from_slice(unpadded(flags, body).ok_or("sends broken frames")?);
                let status = status(&self.message)?;
                let is_over = flags & END_STREAM != 0;
                if status.is_none() && is_over {
                    return Err("ended the call without an answer".into());
                }
                self.knows_not = status == Some(0);
                return Ok(status.filter(|status| *status != 0 || is_over));
            }
            // Windows, priorities, frames nobody knows: nothing that one short call would have to heed.
            _ => {}
        }
        Ok(None)
    }

    /// The call ends with headers, and nothing better is known: their status says why.
    fn headers(&self, flags: u8) -> Result<Option<u64>, String> {
        if flags & END_HEADERS == 0 || !self.ends_with_block {
            return Ok(None);
        }
        Err(match hpack::grpc_status(&self.block) {
            Some(5) => "knows no such service".into(),
            Some(12) => "has no health service".into(),
            _ if self.knows_not => return Ok(Some(0)),
            Some(code) => format!("refused the call (status {code})"),
            None => "ended the call without an answer".into(),
        })
    }
}

/// Returns what a padded frame holds.
fn unpadded(flags: u8, body: &[u8]) -> Option<&[u8]> {
    if flags & PADDED == 0 {
        return Some(body);
    }
    let (padding, rest) = body.split_first()?;
    rest.get(..rest.len().checked_sub(usize::from(*padding))?)
}

/// Reads `HealthCheckResponse` behind its length; `None` as long as it is not whole.
fn status(message: &[u8]) -> Result<Option<u64>, String> {
    let Some((head, rest)) = message.split_first_chunk::<5>() else { return Ok(None) };
    let [compressed, length @ ..] = *head;
    if compressed != 0 {
        return Err("answers compressed, which nobody asked for".into());
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > FRAME {
        return Err("answers with more than a status".into());
    }
    match rest.get(..length) {
        Some(fields) => field_1(fields).map(Some).ok_or_else(|| "answers something else".into()),
        None => Ok(None),
    }
}

/// Returns the number in field 1; one that is absent is 0.
fn field_1(mut fields: &[u8]) -> Option<u64> {
    let mut found = 0;
    while !fields.is_empty() {
        let tag = number(&mut fields)?;
        match (tag >> 3, tag & 7) {
            (1, 0) => found = number(&mut fields)?,
            (_, 0) => drop(number(&mut fields)?),
            (_, 1) => fields = fields.get(8..)?,
            (_, 2) => {
                let length = usize::try_from(number(&mut fields)?).ok()?;
                fields = fields.get(length..)?;
            }
            (_, 5) => fields = fields.get(4..)?,
            _ => return None,
        }
    }
    Some(found)
}

fn number(fields: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = fields.split_first()?;
        *fields = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(frames: &[(u8, u8, u32, &[u8])]) -> Result<Option<u64>, String> {
        let (mut heard, mut reply) = (Heard::default(), Vec::new());
        for (kind, flags, stream, body) in frames {
            if let Some(status) = heard.frame(*kind, *flags, *stream, body, &mut reply)? {
                return Ok(Some(status));
            }
        }
        Ok(None)
    }

    #[test]
    fn the_answer_is_read_from_whatever_frames_it_comes_in() {
        let serving: &[u8] = &[0, 0, 0, 0, 2, 8, 1];
        assert_eq!(hear(&[(kind::DATA, 0, 1, serving)]), Ok(Some(1)));
        assert_eq!(
            hear(&[
                (kind::SETTINGS, 0, 0, &[]),
                (kind::HEADERS, END_HEADERS, 1, &[0x88]),
                (kind::DATA, 0, 1, &serving[..3]),
                (99, 0, 7, &[1, 2, 3]),
                (kind::DATA, PADDED, 1, &[2, 0, 2, 8, 2, 9, 9]),
            ]),
            Ok(Some(2))
        );
        let nothing = hear(&[(kind::DATA, END_STREAM, 1, &[0, 0, 0, 0, 0])]);
        assert_eq!(nothing, Ok(Some(0)), "an absent field is 0");
        assert_eq!(hear(&[(kind::DATA, 0, 1, &serving[..6])]), Ok(None), "it is not whole");
        assert!(hear(&[(kind::DATA, END_STREAM, 1, &serving[..6])]).is_err());
        assert!(hear(&[(kind::DATA, 0, 1, &[1, 0, 0, 0, 2, 8, 1])]).is_err(), "compressed");
        assert!(hear(&[(kind::DATA, 0, 1, &[0, 255, 0, 0, 0])]).is_err(), "too long");
        assert!(hear(&[(kind::DATA, PADDED, 1, &[9, 0])]).is_err(), "more padding than frame");
        assert!(hear(&[(kind::GO_AWAY, 0, 0, &[0; 8])]).is_err());
        assert!(hear(&[(kind::RESET, 0, 1, &[0, 0, 0, 8])]).is_err());
    }

    #[test]
    fn settings_and_pings_are_answered() {
        let (mut heard, mut reply) = (Heard::default(), Vec::new());
        assert_eq!(heard.frame(kind::SETTINGS, 0, 0, &[], &mut reply), Ok(None));
        assert_eq!(heard.frame(kind::SETTINGS, ACK, 0, &[], &mut reply), Ok(None));
        assert_eq!(heard.frame(kind::PING, 0, 0, &[1; 8], &mut reply), Ok(None));
        let mut expected = vec![0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 8, 6, 1, 0, 0, 0, 0];
        expected.extend_from_slice(&[1; 8]);
        assert_eq!(reply, expected);
    }

    #[test]
    fn a_call_that_ends_with_headers_says_why() {
        let plain: &[u8] = b"\x88\x00\x0bgrpc-status\x0212";
        let whole = END_HEADERS | END_STREAM;
        let why = hear(&[(kind::HEADERS, whole, 1, plain)]).expect_err("it is refused");
        assert_eq!(why, "has no health service");
        let ok: &[u8] = b"\x88\x00\x0bgrpc-status\x010";
        let empty: &[u8] = &[0; 5];
        for (end, expected) in [
            (b"\x00\x0bgrpc-status\x015".as_slice(), Err("knows no such service".to_owned())),
            (ok, Ok(Some(0))),
        ] {
            let frames = [(kind::DATA, 0, 1, empty), (kind::HEADERS, whole, 1, end)];
            assert_eq!(hear(&frames), expected);
        }
        let (head, tail) = plain.split_at(4);
        let parts: &[(u8, u8, u32, &[u8])] =
            &[(kind::HEADERS, END_STREAM, 1, head), (kind::CONTINUATION, END_HEADERS, 1, tail)];
        assert_eq!(hear(parts), Err(why));
    }

    #[test]
    fn other_fields_are_skipped() {
        assert_eq!(field_1(&[0x12, 2, 8, 2, 0x08, 1]), Some(1));
        assert_eq!(field_1(&[0x15, 1, 2, 3, 4, 0x11, 1, 2, 3, 4, 5, 6, 7, 8]), Some(0));
        assert_eq!(field_1(&[0x12, 200]), None);
        assert_eq!(field_1(&[0x08]), None);
        assert_eq!(field_1(&[0xff; 16]), None);
    }
}

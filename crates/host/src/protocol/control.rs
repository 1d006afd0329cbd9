//! Messages of the control socket: one packet each, a letter that says which, then its fields.
//!
//! Numbers are little-endian. A text that is not the last field has its length, in two bytes, before it.

use super::Secret;

/// No packet is longer.
pub const PACKET_MOST: usize = 4_096;

/// What a host tells its parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// `H`: who it is. The first message, and told once.
    Hello(Hello),
    /// `R`: it can serve.
    Ready,
    /// `B`: a sign of life, with what is going on.
    Beat(Beat),
    /// `S`: what it does, for people.
    Status(String),
    /// `Y`: it asks to be replaced by a fresh run, with the reason.
    Recycle(String),
    /// `P`: pending work has moved.
    Progress,
    /// `E`: it asks for so many milliseconds more in its present phase.
    Extend(u64),
    /// `L`: its settings were read again.
    Reloaded,
    /// `C`: it serves on the new calls socket.
    Reconnected,
}

/// Who says hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The protocol it speaks.
    pub version: u16,
    /// What only this run knows.
    pub secret: Secret,
    /// The version of the contract.
    pub contract_version: u32,
    /// The contract it serves.
    pub contract: String,
    /// What it speaks with: `mainstay-host 0.1.0`, for people.
    pub speaker: String,
}

/// What a host says of its calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beat {
    /// How many it has begun or has still to begin.
    pub pending: u32,
    /// How many it has answered.
    pub done: u64,
    /// For how many milliseconds the oldest of those pending has been; 0 where none is.
    pub oldest: u64,
}

/// What a parent asks of its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// `w`: the answer to hello.
    Welcome(Welcome),
    /// `x`: the other answer, with the reason. The host ends.
    Refused(String),
    /// `s`: to end within so many milliseconds; all ones: nothing bounds it.
    Stop(u64),
    /// `l`: to read its settings again.
    Reload,
    /// `c`: to serve on another calls socket, which comes with the packet. What it was asked on the one before is
    /// forgotten; what it keeps for its parent is not.
    Reconnect,
}

/// What holds for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Its number.
    pub run: u64,
    /// How often a beat is expected, in milliseconds; 0: none is.
    pub every: u32,
    /// How long the body of a frame may be.
    pub most: u32,
}

/// A packet that says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is empty.
    #[error("an empty packet")]
    Empty,
    /// Its letter is not known.
    #[error("a packet of the unknown kind {0:#04x}")]
    Kind(u8),
    /// A field is missing.
    #[error("a packet of kind {0:#04x} that ends too early")]
    Short(u8),
    /// There is something behind its last field.
    #[error("a packet of kind {0:#04x} that goes on behind its end")]
    Long(u8),
    /// A text is not UTF-8.
    #[error("a packet of kind {0:#04x} whose text is not UTF-8")]
    Text(u8),
}

impl Told {
    /// Returns the packet. A text that does not fit is cut.
    pub fn to_packet(&self) -> Vec<u8> {
        match self {
            Self::Hello(hello) => {
                let Hello { version, secret, contract_version, contract, speaker } = hello;
                let mut packet = vec![b'H'];
                packet.extend(version.to_le_bytes());
                packet.extend(secret.bytes());
                packet.extend(contract_version.to_le_bytes());
                let contract = cut(contract, PACKET_MOST / 4);
                packet.extend(u16::try_from(contract.len()).unwrap_or(0).to_le_bytes());
                packet.extend(contract.as_bytes());
                with_text(packet, speaker)
            }
            Self::Ready => vec![b'R'],
            Self::Beat(Beat { pending, done, oldest }) => {
                let mut packet = vec![b'B'];
                packet.extend(pending.to_le_bytes());
                packet.extend(done.to_le_bytes());
                packet.extend(oldest.to_le_bytes());
                packet
            }
            Self::Status(text) => with_text(vec![b'S'], text),
            Self::Recycle(reason) => with_text(vec![b'Y'], reason),
            Self::Progress => vec![b'P'],
            Self::Extend(millis) => with_number(b'E', *millis),
            Self::Reloaded => vec![b'L'],
            Self::Reconnected => vec![b'C'],
        }
    }

    /// Reads a packet.
    ///
    /// # Errors
    ///
    /// It says nothing that is known here.
    pub fn parse(packet: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::new(packet)?;
        let told = match fields.kind {
            b'H' => Self::Hello(Hello {
                version: u16::from_le_bytes(fields.take()?),
                secret: Secret::new(fields.take()?),
                contract_version: u32::from_le_bytes(fields.take()?),
                contract: fields.counted()?,
                speaker: fields.text()?,
            }),
            b'R' => Self::Ready,
            b'B' => Self::Beat(Beat {
                pending: u32::from_le_bytes(fields.take()?),
                done: u64::from_le_bytes(fields.take()?),
                oldest: u64::from_le_bytes(fields.take()?),
            }),
            b'S' => Self::Status(fields.text()?),
            b'Y' => Self::Recycle(fields.text()?),
            b'P' => Self::Progress,
            b'E' => Self::Extend(u64::from_le_bytes(fields.take()?)),
            b'L' => Self::Reloaded,
            b'C' => Self::Reconnected,
            kind => return Err(Malformed::Kind(kind)),
        };
        fields.end(told)
    }
}

impl Asked {
    /// Returns the packet. A text that does not fit is cut.
    pub fn to_packet(&self) -> Vec<u8> {
        match self {
            Self::Welcome(Welcome { run, every, most }) => {
                let mut packet = with_number(b'w', *run);
                packet.extend(every.to_le_bytes());
                packet.extend(most.to_le_bytes());
                packet
            }
            Self::Refused(reason) => with_text(vec![b'x'], reason),
            Self::Stop(within) => with_number(b's', *within),
            Self::Reload => vec![b'l'],
            Self::Reconnect => vec![b'c'],
        }
    }

    /// Reads a packet.
    ///
    /// # Errors
    ///
    /// It says nothing that is known here.
    pub fn parse(packet: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::new(packet)?;
        let asked = match fields.kind {
            b'w' => Self::Welcome(Welcome {
                run: u64::from_le_bytes(fields.take()?),
                every: u32::from_le_bytes(fields.take()?),
                most: u32::from_le_bytes(fields.take()?),
            }),
            b'x' => Self::Refused(fields.text()?),
            b's' => Self::Stop(u64::from_le_bytes(fields.take()?)),
            b'l' => Self::Reload,
            b'c' => Self::Reconnect,
            kind => return Err(Malformed::Kind(kind)),
        };
        fields.end(asked)
    }
}

fn with_number(kind: u8, number: u64) -> Vec<u8> {
    let mut packet = vec![kind];
    packet.extend(number.to_le_bytes());
    packet
}

fn with_text(mut packet: Vec<u8>, text: &str) -> Vec<u8> {
    let room = PACKET_MOST - packet.len();
    packet.extend(cut(text, room).as_bytes());
    packet
}

/// Returns as much of a text as fits, in whole letters.
fn cut(text: &str, room: usize) -> &str {
    let fits = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..fits.unwrap_or(0)]
}

/// The fields of a packet, in turn.
struct Fields<'a> {
    kind: u8,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn new(packet: &'a [u8]) -> Result<Self, Malformed> {
        let (&kind, rest) = packet.split_first().ok_or(Malformed::Empty)?;
        Ok(Self { kind, rest })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (field, rest) = self.rest.split_first_chunk().ok_or(Malformed::Short(self.kind))?;
        self.rest = rest;
        Ok(*field)
    }

    fn counted(&mut self) -> Result<String, Malformed> {
        let length = usize::from(u16::from_le_bytes(self.take()?));
        let split = self.rest.split_at_checked(length);
        let (text, rest) = split.ok_or(Malformed::Short(self.kind))?;
        self.rest = rest;
        self.utf8(text)
    }

    /// The text that is the rest of the packet.
    fn text(&mut self) -> Result<String, Malformed> {
        let text = std::mem::take(&mut self.rest);
        self.utf8(text)
    }

    fn utf8(&self, text: &[u8]) -> Result<String, Malformed> {
        String::from_utf8(text.to_vec()).map_err(|_| Malformed::Text(self.kind))
    }

    fn end<T>(&self, message: T) -> Result<T, Malformed> {
        if self.rest.is_empty() { Ok(message) } else { Err(Malformed::Long(self.kind)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> Vec<Told> {
        vec![
            Told::Hello(Hello {
                version: 1,
                secret: Secret::new([7; 32]),
                contract_version: 3,
                contract: "focas".into(),
                speaker: "mainstay-host 0.1.0".into(),
            }),
            Told::Ready,
            Told::Beat(Beat { pending: 2, done: 40, oldest: 1_500 }),
            Told::Status("reading axis 3, größer".into()),
            Told::Recycle(String::new()),
            Told::Progress,
            Told::Extend(5_000),
            Told::Reloaded,
            Told::Reconnected,
        ]
    }

    fn asked() -> Vec<Asked> {
        vec![
            Asked::Welcome(Welcome { run: 17, every: 2_000, most: 1 << 20 }),
            Asked::Refused("it serves `a`".into()),
            Asked::Stop(u64::MAX),
            Asked::Reload,
            Asked::Reconnect,
        ]
    }

    #[test]
    fn every_message_comes_back_from_its_packet() {
        for told in told() {
            assert_eq!(Told::parse(&told.to_packet()), Ok(told));
        }
        for asked in asked() {
            assert_eq!(Asked::parse(&asked.to_packet()), Ok(asked));
        }
    }

    #[test]
    fn what_is_cut_or_goes_on_is_refused() {
        let packets = told().iter().map(Told::to_packet).collect::<Vec<_>>();
        for packet in packets {
            for end in 0..packet.len() {
                let read = Told::parse(&packet[..end]);
                // A text may end anywhere but within a letter.
                let is_text = matches!(packet[0], b'H' | b'S' | b'Y');
                assert!(read.is_err() || is_text, "{packet:?} up to {end}: {read:?}");
            }
        }
        assert_eq!(Told::parse(b"Rx"), Err(Malformed::Long(b'R')));
        assert_eq!(Told::parse(b"w"), Err(Malformed::Kind(b'w')));
        assert_eq!(Told::parse(b"S\xff"), Err(Malformed::Text(b'S')));
        assert_eq!(Asked::parse(b""), Err(Malformed::Empty));
        assert_eq!(Asked::parse(b"s123"), Err(Malformed::Short(b's')));
    }

    #[test]
    fn a_long_text_is_cut_between_letters() {
        let packet = Told::Status("ü".repeat(PACKET_MOST)).to_packet();
        assert_eq!(packet.len(), PACKET_MOST - 1);
        assert_eq!(Told::parse(&packet), Ok(Told::Status("ü".repeat((PACKET_MOST - 2) / 2))));
    }
}

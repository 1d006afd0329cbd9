//! The telnet protocol, as far as a console needs it; whoever speaks none of it is served all the same.
//!
//! ```text
//!  socket ─▶ Telnet::take ─▶ what was typed, the size of the window, what to answer
//!  socket ◀─ escape ◀─ what is shown
//! ```
//!
//! What is sent first is what procServ sends: that the console echoes, and that no line is edited on the other side. A
//! window is asked for only where the other side has spoken telnet, so that `nc` sees nothing of it.

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;

const ECHO: u8 = 1;
const SUPPRESS_GO_AHEAD: u8 = 3;
const WINDOW: u8 = 31;
const LINE_MODE: u8 = 34;

/// What is sent to whoever connects: the console echoes what is typed, and takes each key as it comes.
pub(super) const GREETING: [u8; 6] = [IAC, WILL, ECHO, IAC, DO, LINE_MODE];

/// The most bytes of a subnegotiation that are kept; a window takes four.
const MOST: usize = 64;

/// What stands in the bytes of the other side.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// What was typed.
    pub(super) typed: Vec<u8>,
    /// What is to be answered, as it goes over the wire.
    pub(super) answer: Vec<u8>,
    /// The rows and columns of its window, where it has said them anew.
    pub(super) window: Option<(u16, u16)>,
}

/// What is known of the other side.
#[derive(Debug, Default)]
pub(super) struct Telnet {
    state: State,
    sub: Vec<u8>,
    /// It has spoken telnet.
    speaks: bool,
    /// Options that it has been told that we do, by number.
    ours: Vec<u8>,
    /// Options that it has been told to do.
    theirs: Vec<u8>,
    /// A return was typed: what follows may belong to it.
    is_after_return: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Plain,
    Command,
    Option(u8),
    Sub,
    SubCommand,
}

impl Telnet {
    /// Begins with somebody who has been sent the [`GREETING`].
    pub(super) fn new() -> Self {
        Self { ours: vec![ECHO], theirs: vec![LINE_MODE], ..Self::default() }
    }

    /// Takes in what has come.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Heard {
        let mut heard = Heard::default();
        for &byte in bytes {
            self.state = match (self.state, byte) {
                (State::Plain, IAC) => State::Command,
                (State::Plain, _) => self.plain(byte, &mut heard),
                (State::Command, IAC) => self.plain(IAC, &mut heard),
                (State::Command, DO | DONT | WILL | WONT) => State::Option(byte),
                (State::Command, SB) => {
                    self.sub.clear();
                    State::Sub
                }
                // Everything else is a command without more: nothing follows from it here.
                (State::Command, _) => State::Plain,
                (State::Option(verb), option) => {
                    self.negotiate(verb, option, &mut heard.answer);
                    State::Plain
                }
                (State::Sub, IAC) => State::SubCommand,
                (State::Sub, _) | (State::SubCommand, IAC) => {
                    if self.sub.len() < MOST {
                        self.sub.push(byte);
                    }
                    State::Sub
                }
                (State::SubCommand, SE) => {
                    if let [WINDOW, c1, c0, r1, r0] = self.sub[..] {
                        let size = |high, low| u16::from_be_bytes([high, low]);
                        let window = (size(r1, r0), size(c1, c0));
                        heard.window =
                            Some(window).filter(|(rows, columns)| *rows > 0 && *columns > 0);
                    }
                    State::Plain
                }
                // A subnegotiation that is broken off; what follows is typed.
                (State::SubCommand, _) => State::Plain,
            };
        }
        heard
    }

    fn plain(&mut self, byte: u8, heard: &mut Heard) -> State {
        // A telnet client sends a return as CR NUL or CR LF; whoever speaks none means each byte.
        let belongs = self.speaks && self.is_after_return && matches!(byte, 0 | b'\n');
        self.is_after_return = byte == b'\r';
        if !belongs {
            heard.typed.push(byte);
        }
        State::Plain
    }

    fn negotiate(&mut self, verb: u8, option: u8, answer: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.speaks, true) {
            self.theirs.push(WINDOW);
            answer.extend([IAC, DO, WINDOW]);
        }
        let (said, yes, no, can) = match verb {
            DO | DONT => (&mut self.ours, WILL, WONT, matches!(option, ECHO | SUPPRESS_GO_AHEAD)),
            _ => (
                &mut self.theirs,
                DO,
                DONT,
                matches!(option, WINDOW | LINE_MODE | SUPPRESS_GO_AHEAD),
            ),
        };
        let is_said = said.contains(&option);
        if matches!(verb, DO | WILL) {
            // What we have said before is thereby agreed, and not answered: else both sides would answer for ever.
            if can && !is_said {
                said.push(option);
                answer.extend([IAC, yes, option]);
            } else if !can {
                answer.extend([IAC, no, option]);
            }
        } else if is_said {
            said.retain(|known| *known != option);
            answer.extend([IAC, no, option]);
        }
    }
}

/// Appends bytes as they go over the wire: what would begin a command stands twice.
pub(super) fn escape(bytes: &[u8], into: &mut Vec<u8>) {
    into.reserve(bytes.len());
    for part in bytes.split_inclusive(|byte| *byte == IAC) {
        into.extend_from_slice(part);
        if part.last() == Some(&IAC) {
            into.push(IAC);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_speaks_no_telnet_means_every_byte() {
        let heard = Telnet::new().take(b"a\r\nb\r\0\xc3\xa4\n");
        assert_eq!(heard, Heard { typed: b"a\r\nb\r\0\xc3\xa4\n".to_vec(), ..Heard::default() });
    }

    #[test]
    fn a_client_is_asked_for_its_window_once_and_returns_are_one_byte() {
        let mut telnet = Telnet::new();
        // It agrees to our echo, and does not edit lines.
        let heard = telnet.take(&[IAC, DO, ECHO, IAC, WONT, LINE_MODE]);
        assert_eq!(heard.answer, [IAC, DO, WINDOW, IAC, DONT, LINE_MODE]);
        let heard = telnet.take(&[IAC, WILL, WINDOW, IAC, SB, WINDOW, 0, 132, 0, 50, IAC, SE]);
        assert_eq!((heard.window, &heard.answer[..]), (Some((50, 132)), &[][..]));
        assert_eq!(telnet.take(b"ls\r\0ps\r\n\n").typed, b"ls\rps\r\n");
    }

    #[test]
    fn options_are_answered_once_and_never_for_ever() {
        let mut telnet = Telnet::new();
        telnet.take(&[IAC, DO, ECHO]);
        assert_eq!(
            telnet.take(&[IAC, DO, SUPPRESS_GO_AHEAD]).answer,
            [IAC, WILL, SUPPRESS_GO_AHEAD]
        );
        assert!(telnet.take(&[IAC, DO, SUPPRESS_GO_AHEAD]).answer.is_empty());
        assert_eq!(telnet.take(&[IAC, WILL, 39]).answer, [IAC, DONT, 39]);
        assert!(telnet.take(&[IAC, WONT, 39]).answer.is_empty());
        assert_eq!(telnet.take(&[IAC, DONT, ECHO]).answer, [IAC, WONT, ECHO]);
        assert!(telnet.take(&[IAC, DONT, ECHO]).answer.is_empty());
    }

    #[test]
    fn bytes_may_come_one_by_one_and_255_can_be_typed() {
        let all =
            [b'a', IAC, IAC, IAC, SB, WINDOW, 0, 80, 0, IAC, IAC, IAC, SE, b'b', IAC, 241, b'c'];
        let mut telnet = Telnet::new();
        let (mut typed, mut window) = (Vec::new(), None);
        for byte in all {
            let heard = telnet.take(&[byte]);
            typed.extend(heard.typed);
            window = heard.window.or(window);
        }
        assert_eq!((&typed[..], window), (&[b'a', IAC, b'b', b'c'][..], Some((255, 80))));
        assert_eq!(Telnet::new().take(&all).typed, typed);
    }

    #[test]
    fn an_endless_subnegotiation_takes_no_memory() {
        let mut telnet = Telnet::new();
        telnet.take(&[IAC, SB]);
        for _ in 0..1_000 {
            assert_eq!(telnet.take(&[7; 1_000]), Heard::default());
        }
        assert!(telnet.sub.len() <= MOST);
        assert_eq!(telnet.take(&[IAC, SE, b'x']).typed, b"x");
    }

    #[test]
    fn what_is_shown_comes_back_as_it_was() {
        let all: Vec<u8> = (0..=255).chain([255, 255]).collect();
        let mut wire = Vec::new();
        escape(&all, &mut wire);
        assert_eq!(wire.len(), all.len() + 3);
        assert_eq!(Telnet::new().take(&wire).typed, all);
    }
}

//! What a listener says, and what it means: one run's side of the protocol. Pure.
//!
//! ```text
//!            READY              an event is sent
//!  Silent ───────────▶ Ready ──────────────────────▶ Busy
//!     ▲                                               │
//!     └───────────── RESULT n, and n bytes ───────────┘
//!
//!  anything else, at any place ─▶ Lost: no event is sent to it any more
//! ```

/// The longest line that can still become `RESULT n`.
const LINE: usize = 64;
/// The longest answer that is held. Those of the protocol have two and four bytes.
const ANSWER: usize = 64 * 1024;
/// How much of what nobody understands is shown.
const SHOWN: usize = 60;

const READY: &[u8] = b"READY\n";
const RESULT: &[u8] = b"RESULT ";

/// Where one run is in the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It has not said yet that it takes an event. supervisord: ACKNOWLEDGED.
    Silent,
    /// It waits for an event.
    Ready,
    /// It has one.
    Busy,
    /// It has broken the protocol. supervisord: UNKNOWN.
    Lost,
}

/// What follows from what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It takes an event.
    Ready,
    /// It has dealt with its event.
    Taken,
    /// It wants its event to be sent again; with what it said.
    Refused(String),
    /// It has broken the protocol; how.
    Broken(String),
}

/// What one run has said so far.
#[derive(Clone, Debug)]
pub(super) struct Speech {
    state: State,
    /// What has not been understood yet.
    said: Vec<u8>,
    /// How long the answer is that follows.
    length: Option<usize>,
}

impl Speech {
    pub(super) const fn new() -> Self {
        Self { state: State::Silent, said: Vec::new(), length: None }
    }

    pub(super) const fn state(&self) -> State {
        self.state
    }

    /// An event was sent to it.
    pub(super) fn send(&mut self) {
        if self.state == State::Ready {
            self.state = State::Busy;
        }
    }

    /// Takes what it says.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<Heard> {
        let mut heard = Vec::new();
        if self.state != State::Lost {
            self.said.extend_from_slice(bytes);
        }
        while let Some(next) = self.next() {
            if matches!(next, Heard::Broken(_)) {
                self.state = State::Lost;
                self.said = Vec::new();
            }
            heard.push(next);
        }
        heard
    }

    fn next(&mut self) -> Option<Heard> {
        if self.said.is_empty() && self.length != Some(0) {
            return None;
        }
        match self.state {
            State::Lost => None,
            State::Silent => self.ready(),
            State::Ready => Some(self.broken("it has no event, and said")),
            State::Busy => match self.length {
                None => self.result(),
                Some(length) => self.answer(length),
            },
        }
    }

    fn ready(&mut self) -> Option<Heard> {
        let length = READY.len().min(self.said.len());
        if self.said[..length] != READY[..length] {
            return Some(self.broken("`READY` was expected, and it said"));
        }
        if length < READY.len() {
            return None;
        }
        self.said.drain(..length);
        self.state = State::Ready;
        Some(Heard::Ready)
    }

    fn result(&mut self) -> Option<Heard> {
        const WANTED: &str = "`RESULT` with a length was expected, and it said";
        let end = self.said.iter().position(|byte| *byte == b'\n');
        let Some(end) = end else {
            let length = RESULT.len().min(self.said.len());
            let can_become = self.said[..length] == RESULT[..length] && self.said.len() <= LINE;
            return (!can_become).then(|| self.broken(WANTED));
        };
        let line = self.said[..end].strip_prefix(RESULT).and_then(|rest| str::from_utf8(rest).ok());
        let Some(length) = line.and_then(|text| text.trim().parse::<usize>().ok()) else {
            return Some(self.broken(WANTED));
        };
        if length > ANSWER {
            return Some(Heard::Broken(format!(
                "its answer would have {length} bytes, more than {ANSWER}"
            )));
        }
        self.said.drain(..=end);
        self.length = Some(length);
        self.next()
    }

    fn answer(&mut self, length: usize) -> Option<Heard> {
        if self.said.len() < length {
            return None;
        }
        let answer: Vec<u8> = self.said.drain(..length).collect();
        self.length = None;
        self.state = State::Silent;
        Some(if answer == b"OK" { Heard::Taken } else { Heard::Refused(shown(&answer)) })
    }

    fn broken(&self, what: &str) -> Heard {
        Heard::Broken(format!("{what} {}", shown(&self.said)))
    }
}

/// Returns bytes as they can be shown: the beginning of them, with nothing in it that acts on a terminal.
fn shown(bytes: &[u8]) -> String {
    let more = if bytes.len() > SHOWN { " …" } else { "" };
    format!("`{}`{more}", bytes[..bytes.len().min(SHOWN)].escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one run says piece by piece, with `>` where an event is sent to it; and what is heard.
    fn play(pieces: &[&str]) -> (Vec<Heard>, State) {
        let (mut speech, mut heard) = (Speech::new(), Vec::new());
        for piece in pieces {
            match *piece {
                ">" => speech.send(),
                piece => heard.extend(speech.take(piece.as_bytes())),
            }
        }
        (heard, speech.state())
    }

    #[test]
    fn what_a_listener_says_is_understood_however_it_is_cut() {
        use Heard::{Ready, Taken};
        let refused = || Heard::Refused("`FAIL`".into());
        let table: [(&[&str], Vec<Heard>, State); 9] = [
            (&[""], vec![], State::Silent),
            (&["READY\n"], vec![Ready], State::Ready),
            (&["RE", "ADY", "\n"], vec![Ready], State::Ready),
            (&["READY\n", ">"], vec![Ready], State::Busy),
            (&["READY\n", ">", "RESULT 2\nOK"], vec![Ready, Taken], State::Silent),
            (
                &["READY\n", ">", "RESULT", " 2", "\n", "O", "KREADY\n"],
                vec![Ready, Taken, Ready],
                State::Ready,
            ),
            (&["READY\n", ">", "RESULT 4\nFAIL"], vec![Ready, refused()], State::Silent),
            (&["READY\n", ">", "RESULT 4\nFAI"], vec![Ready], State::Busy),
            // Nothing is no `OK`, and is there at once.
            (
                &["READY\n", ">", "RESULT 0\n"],
                vec![Ready, Heard::Refused("``".into())],
                State::Silent,
            ),
        ];
        for (pieces, heard, state) in table {
            assert_eq!(play(pieces), (heard, state), "{pieces:?}");
        }
    }

    #[test]
    fn who_breaks_the_protocol_is_not_listened_to_any_more() {
        let long = format!("RESULT {}", "1".repeat(LINE));
        let table: [(&[&str], &str); 9] = [
            (&["hello\n"], "`READY` was expected, and it said `hello\\n`"),
            // It is wrong from its second letter on: nothing is waited for.
            (&["Rx"], "`READY` was expected, and it said `Rx`"),
            (&["READY \n"], "`READY` was expected, and it said `READY \\n`"),
            (&["READY\nREADY\n"], "it has no event, and said `READY\\n`"),
            (&["READY\n", ">", "OK\n"], "`RESULT` with a length was expected, and it said `OK\\n`"),
            (
                &["READY\n", ">", "RESULT two\n"],
                "`RESULT` with a length was expected, and it said `RESULT two\\n`",
            ),
            (
                &["READY\n", ">", "RESULT -1\n"],
                "`RESULT` with a length was expected, and it said `RESULT -1\\n`",
            ),
            (
                &["READY\n", ">", "RESULT 99999999\n"],
                "its answer would have 99999999 bytes, more than 65536",
            ),
            (&["READY\n", ">", &long], "` …"),
        ];
        for (pieces, expected) in table {
            let (heard, state) = play(pieces);
            let Some(Heard::Broken(why)) = heard.last() else { panic!("{pieces:?}: {heard:?}") };
            assert!(why.ends_with(expected), "{pieces:?}: {why}");
            assert_eq!(state, State::Lost);
            let again = [pieces, &["READY\n"][..]].concat();
            assert_eq!(play(&again), (heard, State::Lost), "nothing mends it");
        }
    }

    #[test]
    fn escape_sequences_do_not_reach_who_reads_of_it() {
        let (heard, _) = play(&["\x1b[2Jboo"]);
        assert_eq!(
            heard,
            [Heard::Broken("`READY` was expected, and it said `\\x1b[2Jboo`".into())]
        );
    }
}

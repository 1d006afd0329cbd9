//! What an event says, byte for byte as supervisord writes it.

use super::kind::Kind;

/// One event, before it has numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Happened {
    pub(super) kind: Kind,
    /// What follows the header.
    pub(super) payload: String,
}

/// A process as events name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whose<'a> {
    pub(super) name: &'a str,
    pub(super) group: &'a str,
}

/// One of the outputs of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// Its standard output.
    Out,
    /// Its standard error.
    Err,
}

/// What else the change of a state is told with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Around {
    /// The main process; 0: none is known.
    pub(super) pid: u32,
    /// How many tries in a row ended too early.
    pub(super) tries: u32,
    /// Whether the end was one that is no failure.
    pub(super) is_expected: bool,
}

/// Returns the event of a process that enters a state; `from` is the name of the state before.
pub(super) fn state(kind: Kind, whose: Whose<'_>, from: &str, around: Around) -> Happened {
    let Around { pid, tries, is_expected } = around;
    let mut payload =
        format!("processname:{} groupname:{} from_state:{from}", whose.name, whose.group);
    match kind {
        Kind::Starting | Kind::Backoff => payload += &format!(" tries:{tries}"),
        Kind::Exited => payload += &format!(" expected:{} pid:{pid}", u8::from(is_expected)),
        Kind::Running | Kind::Stopping | Kind::Stopped => payload += &format!(" pid:{pid}"),
        Kind::Fatal
        | Kind::Unknown
        | Kind::SaidOut
        | Kind::SaidErr
        | Kind::LogOut
        | Kind::LogErr
        | Kind::Remote
        | Kind::Up
        | Kind::Down
        | Kind::Tick5
        | Kind::Tick60
        | Kind::Tick3600
        | Kind::GroupAdded
        | Kind::GroupRemoved => {}
    }
    Happened { kind, payload }
}

/// Returns the event of something that a process printed.
pub(super) fn printed(whose: Whose<'_>, pid: u32, channel: Channel, data: &str) -> Happened {
    let kind = Kind::of_line(channel);
    let word = match channel {
        Channel::Out => "stdout",
        Channel::Err => "stderr",
    };
    let Whose { name, group } = whose;
    let payload = format!("processname:{name} groupname:{group} pid:{pid} channel:{word}\n{data}");
    Happened { kind, payload }
}

/// Returns the event of a message that a process printed between marks.
pub(super) fn said(whose: Whose<'_>, pid: u32, channel: Channel, data: &str) -> Happened {
    let kind = Kind::of_message(channel);
    let Whose { name, group } = whose;
    Happened { kind, payload: format!("processname:{name} groupname:{group} pid:{pid}\n{data}") }
}

/// Returns the event that somebody sent.
pub(super) fn remote(word: &str, data: &str) -> Happened {
    Happened { kind: Kind::Remote, payload: format!("type:{word}\n{data}") }
}

/// Returns the event of a span of time that began at this second since 1970.
pub(super) fn tick(kind: Kind, when: i64) -> Happened {
    Happened { kind, payload: format!("when:{when}") }
}

/// Returns the event of a group that comes or goes.
pub(super) fn group(kind: Kind, name: &str) -> Happened {
    Happened { kind, payload: format!("groupname:{name}\n") }
}

/// Returns the event of the tree that begins or ends, which says nothing more.
pub(super) const fn tree(kind: Kind) -> Happened {
    Happened { kind, payload: String::new() }
}

/// The numbers of an event, and for whom it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope<'a> {
    pub(super) server: &'a str,
    pub(super) serial: u64,
    pub(super) pool: &'a str,
    pub(super) pool_serial: u64,
}

impl Envelope<'_> {
    /// Returns the whole event as it is sent. Its length is counted in characters, as supervisord counts it and as its
    /// `childutils` read it, though its documentation speaks of bytes: the two differ where a payload is not ASCII.
    pub(super) fn write(self, event: &Happened) -> Vec<u8> {
        let Self { server, serial, pool, pool_serial } = self;
        let Happened { kind, payload } = event;
        let length = payload.chars().count();
        let (server, pool) = (token(server), token(pool));
        format!(
            "ver:3.0 server:{server} serial:{serial} pool:{pool} poolserial:{pool_serial} \
             eventname:{kind} len:{length}\n{payload}"
        )
        .into_bytes()
    }
}

/// The header is taken apart at spaces and colons: a name that has one would break it.
fn token(name: &str) -> String {
    let is_apart = |sign: char| sign.is_whitespace() || sign == ':';
    name.chars().map(|sign| if is_apart(sign) { '_' } else { sign }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_as_supervisord_writes_them() {
        let web = Whose { name: "web", group: "app" };
        let around = Around { pid: 4711, tries: 2, is_expected: false };
        let state = |kind, from| state(kind, web, from, around);
        // The examples of its documentation and the formats of its `events.py` (4.2.5).
        let table = [
            (
                state(Kind::Starting, "STOPPED"),
                "processname:web groupname:app from_state:STOPPED tries:2",
            ),
            (
                state(Kind::Running, "STARTING"),
                "processname:web groupname:app from_state:STARTING pid:4711",
            ),
            (
                state(Kind::Backoff, "STARTING"),
                "processname:web groupname:app from_state:STARTING tries:2",
            ),
            (
                state(Kind::Stopping, "RUNNING"),
                "processname:web groupname:app from_state:RUNNING pid:4711",
            ),
            (
                state(Kind::Exited, "RUNNING"),
                "processname:web groupname:app from_state:RUNNING expected:0 pid:4711",
            ),
            (
                state(Kind::Stopped, "STOPPING"),
                "processname:web groupname:app from_state:STOPPING pid:4711",
            ),
            (state(Kind::Fatal, "BACKOFF"), "processname:web groupname:app from_state:BACKOFF"),
            (state(Kind::Unknown, "RUNNING"), "processname:web groupname:app from_state:RUNNING"),
            (
                printed(web, 9, Channel::Err, "oh\nno\n"),
                "processname:web groupname:app pid:9 channel:stderr\noh\nno\n",
            ),
            (said(web, 9, Channel::Out, "a b"), "processname:web groupname:app pid:9\na b"),
            (remote("alarm", "x\ny"), "type:alarm\nx\ny"),
            (tick(Kind::Tick60, 1_201_063_880), "when:1201063880"),
            (group(Kind::GroupAdded, "cat"), "groupname:cat\n"),
            (tree(Kind::Up), ""),
        ];
        for (happened, expected) in table {
            assert_eq!(happened.payload, expected, "{}", happened.kind);
        }
    }

    #[test]
    fn the_header_counts_characters_and_its_names_have_nothing_that_divides_it() {
        let envelope =
            Envelope { server: "shop floor:1", serial: 21, pool: "app/mail", pool_serial: 10 };
        let written = envelope.write(&remote("t", "äö"));
        assert_eq!(
            String::from_utf8(written).expect("text"),
            "ver:3.0 server:shop_floor_1 serial:21 pool:app/mail poolserial:10 \
             eventname:REMOTE_COMMUNICATION len:9\ntype:t\näö"
        );
    }
}

//! The journal of systemd, in its own protocol: one datagram for each line, with fields that can be searched for.
//!
//! `journalctl MAINSTAY_CHILD=web` finds what the program says of one child, and `-p warning` what went wrong.

use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sendto, socket_with,
};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where it listens.
const SOCKET: &str = "/run/systemd/journal/socket";
/// Of one value no more than this is sent: a datagram has its bounds.
const LONGEST: usize = 48 * 1024;

/// How much something matters, as syslog counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    /// Broken.
    Error = 3,
    /// It may wake somebody.
    Warning = 4,
    /// Something changed.
    Info = 6,
}

/// One line, and what it is about.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) priority: Priority,
    pub(crate) text: &'a str,
    /// What kind of event it is: a word of events.md.
    pub(crate) kind: Option<&'a str>,
    pub(crate) child: Option<&'a str>,
    pub(crate) run: Option<u64>,
    /// How often it has been started again.
    pub(crate) restarts: Option<u64>,
}

/// The way to it.
#[derive(Debug)]
pub(crate) struct Journald {
    socket: OwnedFd,
    place: PathBuf,
    /// The number that systemd gave to this run of the program.
    invocation: Option<String>,
}

impl Journald {
    /// Finds it where standard error goes there: `JOURNAL_STREAM` says so, unless somebody has redirected it.
    pub(crate) fn find() -> Option<Self> {
        let told = std::env::var("JOURNAL_STREAM").ok()?;
        let about = fs::metadata("/proc/self/fd/2").ok()?;
        if told != format!("{}:{}", about.dev(), about.ino()) {
            return None;
        }
        Self::at(Path::new(SOCKET), std::env::var("INVOCATION_ID").ok()).ok()
    }

    /// Speaks to whoever listens at this path.
    pub(crate) fn at(place: &Path, invocation: Option<String>) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
        let invocation = invocation.filter(|id| !id.is_empty());
        Ok(Self { socket, place: place.to_owned(), invocation })
    }

    /// Sends one entry, without waiting.
    ///
    /// # Errors
    ///
    /// Nobody listens, or they have no room: then the line goes to standard error as ever.
    pub(crate) fn send(&self, entry: &Entry<'_>) -> io::Result<()> {
        let address = SocketAddrUnix::new(&self.place)?;
        sendto(&self.socket, &self.form(entry), SendFlags::NOSIGNAL, &address)?;
        Ok(())
    }

    fn form(&self, entry: &Entry<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let priority = (entry.priority as u8).to_string();
        let (run, restarts) =
            (entry.run.map(|n| n.to_string()), entry.restarts.map(|n| n.to_string()));
        let message = entry.kind.map(message_id);
        let fields = [
            ("MESSAGE", Some(entry.text)),
            ("PRIORITY", Some(&*priority)),
            ("SYSLOG_IDENTIFIER", Some("mainstay")),
            ("MESSAGE_ID", message.as_deref()),
            ("MAINSTAY_EVENT", entry.kind),
            ("MAINSTAY_CHILD", entry.child),
            ("MAINSTAY_RUN", run.as_deref()),
            ("N_RESTARTS", restarts.as_deref()),
            ("INVOCATION_ID", self.invocation.as_deref()),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                field(&mut bytes, name, value);
            }
        }
        bytes
    }
}

/// Writes one field: a value of several lines has its length before it.
fn field(into: &mut Vec<u8>, name: &str, value: &str) {
    let mut end = value.len().min(LONGEST);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    let value = &value.as_bytes()[..end];
    into.extend(name.as_bytes());
    if value.contains(&b'\n') {
        into.push(b'\n');
        into.extend((value.len() as u64).to_le_bytes());
    } else {
        into.push(b'=');
    }
    into.extend(value);
    into.push(b'\n');
}

/// Returns the number by which entries of one kind are found: the same in every version and on every machine.
fn message_id(kind: &str) -> String {
    let fold = |basis: u64| {
        kind.bytes().fold(basis, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(5)
        })
    };
    format!("{:016x}{:016x}", fold(0x6d61_696e_7374_6179), fold(0xcbf2_9ce4_8422_2325))
}

/// Takes `<N>` from the front of a line, as programs write it that are made for systemd (`sd-daemon(3)`): the priority,
/// and the rest of the line.
pub(crate) fn priority(line: &str) -> (Option<u8>, &str) {
    let Some((number, rest)) = line.strip_prefix('<').and_then(|line| line.split_once('>')) else {
        return (None, line);
    };
    // A facility may stand above the three lowest bits.
    match number.parse::<u8>() {
        Ok(number) => (Some(number & 7), rest),
        Err(_) => (None, line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    /// Reads the fields of an entry, as the journal does.
    fn fields(mut bytes: &[u8]) -> Vec<(String, String)> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n').expect("a line");
            let line = &bytes[..end];
            let (name, value) = match line.iter().position(|byte| *byte == b'=') {
                Some(at) => {
                    let value = line[at + 1..].to_vec();
                    bytes = &bytes[end + 1..];
                    (line[..at].to_vec(), value)
                }
                None => {
                    let length = u64::from_le_bytes(bytes[end + 1..end + 9].try_into().expect("8"));
                    let from = end + 9;
                    let until = from + length as usize;
                    let value = bytes[from..until].to_vec();
                    assert_eq!(bytes[until], b'\n');
                    let name = line.to_vec();
                    bytes = &bytes[until + 1..];
                    (name, value)
                }
            };
            found.push((
                String::from_utf8(name).expect("text"),
                String::from_utf8(value).expect("text"),
            ));
        }
        found
    }

    #[test]
    fn an_entry_arrives_with_its_fields() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("socket");
        let listener = UnixDatagram::bind(&place).expect("a free path");
        let journald = Journald::at(&place, Some("abc".into())).expect("a socket");
        let entry = Entry {
            priority: Priority::Warning,
            text: "exited with code 3\nafter 14ms",
            kind: Some("exited"),
            child: Some("app/web"),
            run: Some(7),
            restarts: Some(6),
        };
        journald.send(&entry).expect("it is taken");
        let mut bytes = [0; 4096];
        let length = listener.recv(&mut bytes).expect("it comes");
        let found = fields(&bytes[..length]);
        let expected = [
            ("MESSAGE", "exited with code 3\nafter 14ms"),
            ("PRIORITY", "4"),
            ("SYSLOG_IDENTIFIER", "mainstay"),
            ("MESSAGE_ID", &message_id("exited")),
            ("MAINSTAY_EVENT", "exited"),
            ("MAINSTAY_CHILD", "app/web"),
            ("MAINSTAY_RUN", "7"),
            ("N_RESTARTS", "6"),
            ("INVOCATION_ID", "abc"),
        ];
        let found: Vec<(&str, &str)> =
            found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(found, expected);
        drop(listener);
        assert!(journald.send(&entry).is_err(), "nobody listens");
    }

    #[test]
    fn the_number_of_a_kind_is_fixed_for_ever() {
        // People have these in their filters. If this test fails, the code is wrong.
        assert_eq!(message_id("exited").len(), 32);
        assert_ne!(message_id("exited"), message_id("ready"));
    }

    #[test]
    fn priorities_before_lines_are_read() {
        let table = [
            ("<3>broken", Some(3), "broken"),
            ("<7>fine", Some(7), "fine"),
            ("<30>daemon", Some(6), "daemon"),
            ("<>x", None, "<>x"),
            ("<a>x", None, "<a>x"),
            ("<3 x", None, "<3 x"),
            ("x <3>", None, "x <3>"),
            ("<999>x", None, "<999>x"),
            ("", None, ""),
        ];
        for (line, level, rest) in table {
            assert_eq!(priority(line), (level, rest), "{line}");
        }
    }
}

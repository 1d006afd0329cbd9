//! What one datagram says. A function of its bytes alone, for whatever bytes.

use super::{LONGEST, Unheard, errno};
use crate::store::is_name;
use mainstay_wire::Text;
use mainstay_wire::keeper::{Notice, Whence};
use mainstay_wire::process::Access;
use std::time::Duration;

/// How many notices come of one datagram, those that are only shown among them.
const MOST_NOTICES: usize = 32;

/// What one datagram says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    /// It only asks for its descriptor to be closed. Then there is nothing else.
    pub(super) is_barrier: bool,
    pub(super) main: Option<NewMain>,
    /// Facts, in the order in which they hold.
    pub(super) notices: Vec<Notice>,
    pub(super) access: Option<Access>,
    pub(super) store: Option<Storing>,
    /// The first value that makes no sense. The rest counts.
    pub(super) senseless: Option<&'static str>,
    /// Whether a line of it is no assignment.
    pub(super) is_odd: bool,
}

/// Which process is to be the main one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewMain {
    /// This one, where its descriptor has this inode.
    Number { pid: u32, inode: Option<u64> },
    /// The one of the descriptor beside the message.
    Descriptor,
}

/// What is to be done with the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Storing {
    /// The descriptors beside the message go in.
    Add { name: Option<Text>, watch: bool },
    /// What has this name goes out.
    Remove { name: Text },
}

/// Reads one datagram.
///
/// The first assignment of a name counts, as in systemd; flags like `READY=1` count wherever they stand.
pub(crate) fn parse(text: &[u8]) -> Result<Said, Unheard> {
    if text.len() > LONGEST {
        return Err(Unheard::Cut);
    }
    // One zero at the end is an accident of C; any other could hide something from who reads the text.
    let text = text.strip_suffix(b"\0").unwrap_or(text);
    if text.contains(&0) {
        return Err(Unheard::Zero);
    }
    let lines = Lines(text);
    if lines.has(b"BARRIER=1") {
        return match lines.each().count() {
            1 => Ok(Said { is_barrier: true, ..Said::default() }),
            _ => Err(Unheard::BarrierNotAlone),
        };
    }
    let mut said = Said::default();
    said.main(lines);
    said.state(lines);
    said.values(lines);
    said.words(lines);
    said.storing(lines);
    Ok(said)
}

impl Said {
    fn main(&mut self, lines: Lines<'_>) {
        if lines.has(b"MAINPIDFD=1") {
            self.main = Some(NewMain::Descriptor);
        } else if let Some(value) = lines.value(b"MAINPID") {
            let pid = number(value).and_then(|pid| u32::try_from(pid).ok());
            let pid = pid.filter(|pid| (1..=i32::MAX.cast_unsigned()).contains(pid));
            let inode = lines.value(b"MAINPIDFDID").map(number);
            match (pid, inode) {
                (Some(pid), None) => self.main = Some(NewMain::Number { pid, inode: None }),
                (Some(pid), Some(Some(inode))) => {
                    self.main = Some(NewMain::Number { pid, inode: Some(inode) });
                }
                (Some(_), Some(None)) => self.makes_no_sense("MAINPIDFDID"),
                (None, _) => self.makes_no_sense("MAINPID"),
            }
        }
    }

    /// `STOPPING=1` overrules the others. Ready and reloading at once is a reload that is already over.
    fn state(&mut self, lines: Lines<'_>) {
        if lines.has(b"STOPPING=1") {
            self.notices.push(Notice::Stopping);
            return;
        }
        if lines.has(b"RELOADING=1") {
            let moment = lines.value(b"MONOTONIC_USEC");
            let moment = moment.and_then(|value| self.number("MONOTONIC_USEC", value));
            self.notices.push(Notice::Reloading(moment.map(Duration::from_micros)));
        }
        if lines.has(b"READY=1") {
            self.notices.push(Notice::Ready(Whence::Notify));
        }
    }

    fn values(&mut self, lines: Lines<'_>) {
        if let Some(value) = lines.value(b"STATUS") {
            match str::from_utf8(value) {
                Ok(status) => self.notices.push(Notice::Status(status.into())),
                Err(_) => self.makes_no_sense("STATUS"),
            }
        }
        if let Some(value) = lines.value(b"NOTIFYACCESS") {
            self.access = match value {
                b"none" => Some(Access::None),
                b"main" => Some(Access::Main),
                b"exec" => Some(Access::Exec),
                b"all" => Some(Access::All),
                _ => None,
            };
            if self.access.is_none() {
                self.makes_no_sense("NOTIFYACCESS");
            }
        }
        if let Some(value) = lines.value(b"ERRNO") {
            let given = number(value).and_then(|errno| i32::try_from(errno).ok());
            match given.or_else(|| errno::number(value)) {
                Some(errno @ 0..=4095) => self.notices.push(Notice::Errno(errno)),
                _ => self.makes_no_sense("ERRNO"),
            }
        }
        if let Some(value) = lines.value(b"EXTEND_TIMEOUT_USEC") {
            match self.number("EXTEND_TIMEOUT_USEC", value) {
                // Neither is a time to wait for.
                None | Some(0 | u64::MAX) => {}
                Some(more) => self.notices.push(Notice::Extend(Duration::from_micros(more))),
            }
        }
        match lines.value(b"WATCHDOG") {
            None => {}
            Some(b"1") => self.notices.push(Notice::Beat),
            Some(b"trigger") => self.notices.push(Notice::Trigger),
            Some(_) => self.makes_no_sense("WATCHDOG"),
        }
        if let Some(value) = lines.value(b"WATCHDOG_USEC")
            && let Some(every) = self.number("WATCHDOG_USEC", value)
        {
            // All ones are systemd's infinity, and mean as zero does that there will be no signs.
            let every = if every == u64::MAX { 0 } else { every };
            self.notices.push(Notice::Watchdog(Duration::from_micros(every)));
        }
        if lines.has(b"RESTART_RESET=1") {
            self.notices.push(Notice::ResetRestarts);
        }
    }

    /// What nothing comes of is not swallowed: whoever looks at the run sees it.
    fn words(&mut self, lines: Lines<'_>) {
        for line in lines.each() {
            let assigned = split(line).filter(|(name, value)| {
                let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                let is_name = !name.is_empty() && *name != b"X_" && name.iter().all(is_plain);
                is_name && value.iter().all(|byte| matches!(byte, b' '..=b'~'))
            });
            match assigned {
                _ if is_heard(line, lines) => {}
                None => self.is_odd = true,
                Some((name, value)) if self.notices.len() < MOST_NOTICES => {
                    let text = |bytes: &[u8]| Text::from(bytes.to_vec());
                    self.notices.push(Notice::Word { name: text(name), value: text(value) });
                }
                Some(_) => {}
            }
        }
    }

    fn storing(&mut self, lines: Lines<'_>) {
        let given = lines.value(b"FDNAME");
        let name = given.filter(|name| is_name(name)).map(|name| Text::from(name.to_vec()));
        let is_add = lines.has(b"FDSTORE=1");
        let is_remove = lines.has(b"FDSTOREREMOVE=1");
        if (is_add || is_remove) && given.is_some() && name.is_none() {
            self.makes_no_sense("FDNAME");
        }
        if is_remove {
            match name {
                Some(name) => self.store = Some(Storing::Remove { name }),
                None => self.makes_no_sense("FDSTOREREMOVE"),
            }
        } else if is_add {
            self.store = Some(Storing::Add { name, watch: !lines.has(b"FDPOLL=0") });
        }
    }

    fn number(&mut self, name: &'static str, value: &[u8]) -> Option<u64> {
        let number = number(value);
        if number.is_none() {
            self.makes_no_sense(name);
        }
        number
    }

    fn makes_no_sense(&mut self, name: &'static str) {
        self.senseless.get_or_insert(name);
    }
}

/// Returns whether something comes of a line, or is said to make no sense, where it stands among these.
fn is_heard(line: &[u8], lines: Lines<'_>) -> bool {
    let Some((name, value)) = split(line) else { return false };
    match name {
        b"READY" | b"RELOADING" | b"STOPPING" | b"MAINPIDFD" | b"RESTART_RESET" | b"BARRIER"
        | b"FDSTORE" | b"FDSTOREREMOVE" => value == b"1",
        b"STATUS" | b"ERRNO" | b"MAINPID" | b"NOTIFYACCESS" | b"WATCHDOG" | b"WATCHDOG_USEC" => {
            true
        }
        b"EXTEND_TIMEOUT_USEC" => !matches!(number(value), Some(0 | u64::MAX)),
        b"MAINPIDFDID" => lines.value(b"MAINPID").is_some(),
        b"MONOTONIC_USEC" => lines.has(b"RELOADING=1"),
        b"FDNAME" => lines.has(b"FDSTORE=1") || lines.has(b"FDSTOREREMOVE=1"),
        b"FDPOLL" => value == b"0" && lines.has(b"FDSTORE=1"),
        _ => false,
    }
}

/// The lines of a datagram that are not empty.
#[derive(Clone, Copy)]
struct Lines<'a>(&'a [u8]);

impl<'a> Lines<'a> {
    fn each(self) -> impl Iterator<Item = &'a [u8]> {
        self.0.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_empty())
    }

    fn has(self, wanted: &[u8]) -> bool {
        self.each().any(|line| line == wanted)
    }

    fn value(self, wanted: &[u8]) -> Option<&'a [u8]> {
        self.each().filter_map(split).find(|(name, _)| *name == wanted).map(|(_, value)| value)
    }
}

fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = line.iter().position(|byte| *byte == b'=')?;
    Some((&line[..equals], &line[equals + 1..]))
}

/// Reads digits alone: no sign, no space, nothing above 64 bits.
fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(value).ok()?.parse().ok()
}

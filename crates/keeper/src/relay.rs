//! How signals and the exit code pass between whoever started this program and the one command it is there for.
//!
//! What is said here holds for a keeper that relays and for [`init`](crate::init()) alike; it decides on numbers only.

mod inherited;

pub(crate) use inherited::Inherited;

use crate::sys::terminal;
use mainstay_wire::keeper::{Status, Step};
use std::io::Write;

/// How signals go to the one command that this process is there for, and its end to whoever started this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relay {
    /// Whether signals go to its whole process group, and not to its main process alone.
    pub group: bool,
    /// What is sent where a signal comes: its number, and the number that takes its place. `None`: nothing is sent.
    /// The first that names a signal counts.
    pub rewrite: Vec<(i32, Option<i32>)>,
    /// Exit codes that are 0 to whoever started this process.
    pub success: Vec<u8>,
    /// Whether what comes and goes is told on standard error.
    pub tells: bool,
}

/// Signals that a process sends to itself when it goes wrong are not handed on, nor those that nobody can
/// catch.
const OWN: [i32; 8] = [
    libc::SIGKILL,
    libc::SIGSTOP,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGSYS,
];

/// The signals by number, from 1.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

impl Relay {
    /// Returns every signal that is heard in order to be handed on, and that of an ended child.
    pub(crate) fn heard() -> Vec<i32> {
        (1..=64).filter(|signal| !OWN.contains(signal)).collect()
    }

    /// Returns what is sent where this comes.
    pub(crate) fn sent_for(&self, signal: i32) -> Option<i32> {
        let named = self.rewrite.iter().find(|(from, _)| *from == signal);
        named.map_or(Some(signal), |(_, to)| *to)
    }

    /// Returns the exit code that tells of this end: 128 and the number for a signal, 127 for a program that is not
    /// there, 126 for one that cannot be executed.
    pub(crate) fn code(&self, status: &Status) -> u8 {
        let code = match status {
            Status::Code(code) => u8::try_from(*code).unwrap_or(1),
            Status::Signal { signal, .. } => 128_u8.saturating_add(*signal),
            Status::NotStarted(error) if error.step == Step::FindProgram => 127,
            Status::NotStarted(_) => 126,
            Status::Unseen { .. } => 1,
        };
        if self.success.contains(&code) { 0 } else { code }
    }

    /// Says what happens, where that is wished.
    pub(crate) fn tell(&self, what: impl FnOnce() -> String) {
        if self.tells {
            // Nobody may read it; and a terminal may belong to others for the moment.
            let _ = writeln!(std::io::stderr(), "mainstay: {}", what());
        }
    }

    /// Says how a process ended: the command, or another that was taken in.
    pub(crate) fn tell_end(&self, pid: u32, is_command: bool, status: &Status) {
        self.tell(|| {
            let who = if is_command {
                "the command".into()
            } else {
                format!("took in process {pid}, which")
            };
            match status {
                Status::Code(code) => format!("{who} ended with code {code}"),
                Status::Signal { signal, .. } => {
                    format!("{who} ended by {}", signal_name((*signal).into()))
                }
                Status::NotStarted(error) => format!("{who} does not start: {error}"),
                Status::Unseen { .. } => format!("{who} has ended, and nobody saw how"),
            }
        });
    }

    /// Says where a signal goes.
    pub(crate) fn tell_way(&self, caught: i32, sender: u32, sent: Option<i32>, pid: Option<u32>) {
        self.tell(|| {
            let (name, from) = (signal_name(caught), sender_name(sender));
            let to = pid.map_or_else(|| "nobody yet".to_owned(), |pid| format!("process {pid}"));
            match sent {
                None => format!("{name} from {from} is dropped"),
                Some(sent) if sent == caught => format!("{name} from {from} goes to {to}"),
                Some(sent) => format!("{name} from {from} goes to {to} as {}", signal_name(sent)),
            }
        });
    }
}

/// Returns whether a signal asks a program to end, and nothing else.
pub(crate) const fn asks_to_end(signal: i32) -> bool {
    matches!(signal, libc::SIGTERM | libc::SIGINT)
}

/// Returns whether a signal asks a program to stand still until it is told to go on.
pub(crate) const fn asks_to_stand_still(signal: i32) -> bool {
    matches!(signal, libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU)
}

fn sender_name(sender: u32) -> String {
    if sender == 0 { "outside".to_owned() } else { format!("process {sender}") }
}

/// Returns the name of a signal as people write it.
pub(crate) fn signal_name(signal: i32) -> String {
    let named = usize::try_from(signal - 1).ok().and_then(|index| NAMES.get(index));
    named.map_or_else(|| format!("signal {signal}"), |name| format!("SIG{name}"))
}

/// The terminal that this process was started at, while the command has it.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    /// The group that has it in our place.
    given: Option<i32>,
}

impl Seat {
    /// Returns whether the command may become the group that the terminal listens to: only where it is ours, or was
    /// given to the one before.
    pub(crate) fn is_ours(&self) -> bool {
        let (has, own) = (terminal::foreground(), terminal::own_group());
        has.is_some() && (has == Some(own) || has == self.given)
    }

    /// The command has become that group.
    pub(crate) const fn is_given(&mut self, group: i32) {
        self.given = Some(group);
    }

    /// Takes the terminal back from a command that has ended, unless somebody else has it by now.
    pub(crate) fn take_back(&mut self) {
        if let Some(given) = self.given
            && terminal::foreground() == Some(given)
        {
            terminal::set_foreground(terminal::own_group());
            self.given = Some(terminal::own_group());
        }
    }

    /// The command stands still at its terminal, as somebody there wished: so does this process, which is the one that
    /// a shell knows, until it is told to go on. As the first process nobody could tell it.
    pub(crate) fn stand_still_with(&self) {
        if self.given.is_some() && std::process::id() != 1 {
            crate::sys::signals::stand_still();
        }
    }

    /// This process goes on: the command has the terminal again where it is ours again.
    pub(crate) fn give_again(&self) {
        if let Some(given) = self.given
            && terminal::foreground() == Some(terminal::own_group())
        {
            terminal::set_foreground(given);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_wire::keeper::StartError;

    #[test]
    fn the_first_rewriting_of_a_signal_counts() {
        let rewrite = vec![(15, Some(3)), (15, Some(2)), (1, None)];
        let relay = Relay { rewrite, ..Relay::default() };
        let sent: Vec<_> = [15, 1, 2].iter().map(|signal| relay.sent_for(*signal)).collect();
        assert_eq!(sent, [Some(3), None, Some(2)]);
    }

    #[test]
    fn every_end_has_a_code() {
        let relay = Relay { success: vec![143, 3], ..Relay::default() };
        let not_started = |step| {
            Status::NotStarted(StartError { step, about: String::new(), error: libc::ENOENT })
        };
        let table = [
            (Status::Code(0), 0),
            (Status::Code(3), 0),
            (Status::Code(255), 255),
            (Status::Signal { signal: 15, core: false }, 0),
            (Status::Signal { signal: 9, core: false }, 137),
            (Status::Signal { signal: 64, core: false }, 192),
            (not_started(Step::FindProgram), 127),
            (not_started(Step::Execute), 126),
            (not_started(Step::ChangeFolder), 126),
        ];
        for (status, code) in table {
            assert_eq!(relay.code(&status), code, "{status:?}");
        }
    }

    #[test]
    fn what_goes_wrong_in_this_process_is_not_handed_on() {
        let heard = Relay::heard();
        assert!(!heard.contains(&libc::SIGSEGV) && !heard.contains(&libc::SIGKILL));
        assert!([libc::SIGTERM, libc::SIGCHLD, 34, 64].iter().all(|signal| heard.contains(signal)));
        assert_eq!([signal_name(15), signal_name(40)], ["SIGTERM", "signal 40"]);
    }
}

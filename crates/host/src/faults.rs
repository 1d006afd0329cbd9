//! A host that fails on purpose, so that its user can see what his program does then.
//!
//! The variable `MAINSTAY_HOST_FAULTS` names faults, with commas between them. What is said of one follows it behind
//! colons, in any order:
//!
//! | fault | what happens |
//! | --- | --- |
//! | `crash` | the process dies of SIGSEGV |
//! | `exit:2` | the process ends with this code |
//! | `hang` | the call never ends |
//! | `slow:200ms` | the call begins so much later |
//! | `leak:1m` | the process has so much more memory for ever |
//! | `corrupt` | bytes that are no frame come before the answer |
//! | `lie:reply` | the answer comes twice |
//! | `lie:ready` | the host tells again that it is ready |
//! | `lie:secret` | hello holds the secret of another run |
//! | `mute` | there are no signs of life |
//!
//! Each but the last two strikes at every call, or where it says when: `after=3`, not at the first three calls;
//! `on=read`, at calls whose request holds this text. `crash:after=3,slow:200ms:on=read` is both. The same calls meet
//! the same faults, always.

use crate::calls::Transport;
use crate::protocol::{Head, Kind, Secret};
use crate::voice::Voice;
use rustix::process::{Signal, getpid, kill_process};
use std::env;
use std::mem;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The variable that names them.
pub const VARIABLE: &str = "MAINSTAY_HOST_FAULTS";

/// What is to go wrong. Read from a text, as the variable has it.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    faults: Vec<Fault>,
    /// How many calls have begun.
    calls: Arc<AtomicU64>,
}

/// A text that names no faults.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{fault}`: {why}")]
pub struct NoFault {
    /// What is not understood.
    pub fault: String,
    /// Why, and what would be.
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    what: What,
    after: u64,
    on: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Crash,
    Exit(i32),
    Hang,
    Slow(Duration),
    Leak(usize),
    Corrupt,
    ReplyTwice,
    ReadyTwice,
    OtherSecret,
    Mute,
}

/// How the answer of a call is spoiled.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spoils {
    is_corrupt: bool,
    is_twice: bool,
}

impl FromStr for Faults {
    type Err = NoFault;

    fn from_str(text: &str) -> Result<Self, NoFault> {
        let faults = text.split(',').map(fault).collect::<Result<_, _>>()?;
        Ok(Self { faults, calls: Arc::default() })
    }
}

impl Faults {
    /// Returns what the variable names; without it, nothing.
    ///
    /// # Errors
    ///
    /// It is not understood.
    pub fn from_environment() -> Result<Self, NoFault> {
        env::var_os(VARIABLE)
            .map_or_else(|| Ok(Self::default()), |text| text.to_string_lossy().parse())
    }

    pub(crate) fn secret(&self, secret: Secret) -> Secret {
        if self.has(What::OtherSecret) {
            Secret::new(secret.bytes().map(|byte| !byte))
        } else {
            secret
        }
    }

    pub(crate) fn is_mute(&self) -> bool {
        self.has(What::Mute)
    }

    /// Lets a call begin, and meet what is in its way.
    pub(crate) fn strike(&self, voice: &Voice, request: &[u8]) -> Spoils {
        let before = self.calls.fetch_add(1, Ordering::Relaxed);
        let mut spoils = Spoils::default();
        for fault in self.faults.iter().filter(|fault| fault.strikes(before, request)) {
            match fault.what {
                What::Crash => crash(),
                What::Exit(code) => exit(code),
                What::Hang => hang(),
                What::Slow(span) => wait(span),
                What::Leak(bytes) => mem::forget(vec![1_u8; bytes]),
                What::Corrupt => spoils.is_corrupt = true,
                What::ReplyTwice => spoils.is_twice = true,
                What::ReadyTwice => voice.ready(),
                What::OtherSecret | What::Mute => {}
            }
        }
        spoils
    }

    fn has(&self, what: What) -> bool {
        self.faults.iter().any(|fault| fault.what == what)
    }
}

impl Fault {
    fn strikes(&self, before: u64, request: &[u8]) -> bool {
        let holds = |text: &String| request.windows(text.len()).any(|part| part == text.as_bytes());
        before >= self.after && self.on.as_ref().is_none_or(holds)
    }
}

impl Spoils {
    /// Writes what comes before the answer.
    pub(crate) fn spoil(self, transport: &Transport, kind: Kind, call: u64, body: &[u8]) {
        if self.is_corrupt {
            transport.write_bytes(&[0xff; Head::LENGTH], &[]);
        }
        if self.is_twice {
            transport.write(kind, call, body);
        }
    }
}

fn fault(text: &str) -> Result<Fault, NoFault> {
    let no = |why: &str| NoFault { fault: text.into(), why: why.into() };
    let mut parts = text.split(':');
    let name = parts.next().unwrap_or_default();
    let (mut value, mut after, mut on) = (None, None, None);
    for part in parts {
        let is_new = if let Some(count) = part.strip_prefix("after=") {
            let count = count.parse().map_err(|_| no("`after` is a number of calls"))?;
            after.replace(count).is_none()
        } else if let Some(text) = part.strip_prefix("on=") {
            if text.is_empty() {
                return Err(no("`on` is a text that a request holds"));
            }
            on.replace(text.to_owned()).is_none()
        } else {
            value.replace(part).is_none()
        };
        if !is_new {
            return Err(no("it says the same thing twice"));
        }
    }
    let what = match (name, value) {
        ("crash", None) => What::Crash,
        ("hang", None) => What::Hang,
        ("corrupt", None) => What::Corrupt,
        ("mute", None) => What::Mute,
        ("exit", Some(code)) => {
            let code: u8 = code.parse().map_err(|_| no("a code is a number from 0 to 255"))?;
            What::Exit(code.into())
        }
        ("slow", Some(value)) => {
            let span = span(value).ok_or_else(|| no("a span is a number with `ms`, `s` or `m`"))?;
            What::Slow(span)
        }
        ("leak", Some(value)) => {
            let size = size(value).ok_or_else(|| no("a size is a number with `k`, `m` or `g`"))?;
            What::Leak(size)
        }
        ("lie", Some("reply")) => What::ReplyTwice,
        ("lie", Some("ready")) => What::ReadyTwice,
        ("lie", Some("secret")) => What::OtherSecret,
        ("lie", _) => return Err(no("it is a lie of `reply`, `ready` or `secret`")),
        ("crash" | "hang" | "corrupt" | "mute", Some(_)) => return Err(no("it takes no value")),
        ("exit" | "slow" | "leak", None) => {
            return Err(no("its value is missing: `exit:2`, `slow:200ms`, `leak:1m`"));
        }
        _ => {
            return Err(no(
                "there are `crash`, `exit`, `hang`, `slow`, `leak`, `corrupt`, `lie` and `mute`",
            ));
        }
    };
    if matches!(what, What::OtherSecret | What::Mute) && (after.is_some() || on.is_some()) {
        return Err(no("it holds for the whole run, not for calls"));
    }
    Ok(Fault { what, after: after.unwrap_or(0), on })
}

fn span(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let number: u64 = digits.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}

fn size(text: &str) -> Option<usize> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let shift = match unit {
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return None,
    };
    digits.parse::<usize>().ok()?.checked_mul(1 << shift)
}

fn crash() -> ! {
    loop {
        // The standard library catches the first, to look for an overflown stack, and then lets it take its course.
        _ = kill_process(getpid(), Signal::SEGV);
        thread::yield_now();
    }
}

fn hang() -> ! {
    loop {
        thread::park();
    }
}

fn wait(span: Duration) {
    let until = Instant::now() + span;
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|d| !d.is_zero()) {
        thread::park_timeout(left);
    }
}

#[expect(clippy::disallowed_methods, reason = "this is what was asked for")]
fn exit(code: i32) -> ! {
    std::process::exit(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Fault> {
        text.parse::<Faults>().expect("faults").faults
    }

    #[test]
    fn faults_are_read() {
        let plain = |what| Fault { what, after: 0, on: None };
        assert_eq!(read("mute"), [plain(What::Mute)]);
        let crash = Fault { after: 3, ..plain(What::Crash) };
        let hang = Fault { on: Some("read".into()), ..plain(What::Hang) };
        assert_eq!(read("crash:after=3,hang:on=read"), [crash, hang]);
        let slow = What::Slow(Duration::from_millis(200));
        let both = Fault { what: slow, after: 1, on: Some("x".into()) };
        assert_eq!(read("slow:on=x:200ms:after=1"), [both]);
        let expected = [plain(What::Exit(2)), plain(What::Leak(1 << 20)), plain(What::OtherSecret)];
        assert_eq!(read("exit:2,leak:1m,lie:secret"), expected);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for wrong in [
            "",
            ",",
            "crash,",
            "Crash",
            "crash:3",
            "crash:after=",
            "crash:after=-1",
            "hang:on=",
            "exit",
            "exit:256",
            "slow",
            "slow:200",
            "slow:ms",
            "slow:2h",
            "leak:1",
            "leak:1t",
            "leak:99999999999999999999g",
            "lie",
            "lie:often",
            "mute:after=1",
            "lie:secret:on=a",
            "crash:after=1:after=2",
            "slow:1s:2s",
            " crash",
        ] {
            let error = wrong.parse::<Faults>().expect_err(wrong);
            assert!(!error.why.is_empty() && wrong.contains(&error.fault), "{error}");
        }
    }

    #[test]
    fn a_fault_strikes_where_it_says() {
        let fault = &read("crash:after=2:on=ead")[0];
        assert!(!fault.strikes(1, b"read"));
        assert!(fault.strikes(2, b"read"));
        assert!(!fault.strikes(2, b"write"));
        assert!(!fault.strikes(2, b"e"));
    }
}

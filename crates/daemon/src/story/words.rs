//! The words for ends, and for what follows from them.

mod decided;

pub(crate) use decided::{Counted, asked, counted, decision, rule, spent, used, wanted};
pub use decided::{action_word, rule_word};

use mainstay::{Cause, Class, Exit};
use mainstay_core::Path;
use mainstay_wire::api;

/// The signals that have the same number on all common machines, from 1 on.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// Returns the name of a signal, where it has one on all machines, else its number.
fn signal_name(number: u8) -> String {
    let name = SIGNALS.get(usize::from(number).wrapping_sub(1));
    name.map_or_else(|| number.to_string(), ToString::to_string)
}

/// Returns the number of a signal: `TERM`, `SIGTERM`, `15`.
pub(crate) fn signal_number(name: &str) -> Option<u8> {
    if let Ok(number) = name.parse() {
        return (1..=64).contains(&number).then_some(number);
    }
    let upper = name.to_ascii_uppercase();
    let plain = upper.strip_prefix("SIG").unwrap_or(&upper);
    let found = SIGNALS.iter().position(|known| *known == plain)?;
    u8::try_from(found + 1).ok()
}

/// Returns how a run that nobody asked to end reports its end: `exit code 3`.
pub(crate) fn exit(exit: &Exit) -> String {
    match exit {
        Exit::Completed => "a clean end".into(),
        Exit::Skipped => "nothing to do".into(),
        Exit::Failed { code: Some(code), .. } => format!("exit code {code}"),
        Exit::Failed { code: None, class: Class::Plain, .. } => "an error".into(),
        Exit::Failed { code: None, class: Class::Transient, .. } => "a transient error".into(),
        Exit::Failed { code: None, class: Class::Permanent, .. } => "a permanent error".into(),
        Exit::Failed { code: None, class: Class::Fatal, .. } => "a fatal error".into(),
        Exit::Signaled { signal: number, .. } => format!("signal {}", signal(*number)),
        Exit::Panicked => "a panic".into(),
        Exit::StartFailed { step, .. } => format!("a start that fails while {step}"),
        Exit::OutOfMemory => "out of memory".into(),
        Exit::OverLimit => "over a limit of its own".into(),
        Exit::Aborted => "cut off from outside".into(),
        Exit::Unknown { .. } => "unseen".into(),
    }
}

/// Returns a signal by number and name: `9 (KILL)`.
pub(crate) fn signal(number: u8) -> String {
    match SIGNALS.get(usize::from(number).wrapping_sub(1)) {
        Some(name) => format!("{number} ({name})"),
        None => number.to_string(),
    }
}

/// Returns how a run ended, as the predicate of a sentence: `exited with code 3`.
pub(crate) fn cause(cause: &Cause, exit: Option<&Exit>) -> String {
    let how = exit.and_then(|exit| reported(cause, exit));
    let plain = match cause {
        Cause::Completed => "ended clean".into(),
        Cause::Skipped => "had nothing to do".into(),
        Cause::Failed { code, class } => {
            let class = match class {
                Class::Plain => "",
                Class::Transient => " (transient: it says that it will pass)",
                Class::Permanent => " (permanent: it says that another try is useless)",
                Class::Fatal => " (fatal: it says that its supervisor is in doubt)",
            };
            match code {
                Some(code) => format!("exited with code {code}{class}"),
                None => format!("failed{class}"),
            }
        }
        Cause::Signaled { signal: number, core } => {
            let core = if *core { " and left a core dump" } else { "" };
            format!("was killed by signal {}{core}", signal(*number))
        }
        Cause::Panicked => "panicked".into(),
        Cause::StartFailed { step, mendable: true } => format!("failed to start while {step}"),
        Cause::StartFailed { step, mendable: false } => {
            format!("failed to start while {step}, which no retry can mend")
        }
        Cause::StartTimeout => "did not start in time and was ended".into(),
        Cause::ReadyTimeout => "did not become ready in time and was ended".into(),
        Cause::HeartbeatLost => "lost its heartbeat and was ended".into(),
        Cause::ProbeFailed => "failed its probe and was ended".into(),
        Cause::NoProgress => "made no progress on its pending work and was ended".into(),
        Cause::OutOfMemory => "ran out of memory and was killed by the kernel".into(),
        Cause::OverLimit => "went over a limit of its own (processor time or file size)".into(),
        Cause::Stopped => "was stopped".into(),
        Cause::Recycled => "was replaced by a fresh run".into(),
        Cause::GaveUp => "gave up".into(),
        Cause::DependencyLost => "was stopped because a child it needs went away".into(),
        Cause::Aborted => "was cut off from outside".into(),
        Cause::Abandoned => "could not be ended and was given up as lost".into(),
        Cause::Unknown { .. } => "ended, and nobody saw when".into(),
    };
    how.map_or_else(|| plain.clone(), |how| format!("{plain} ({how})"))
}

/// Returns what a run reported at its end, where its cause does not say so already.
fn reported(cause: &Cause, exit: &Exit) -> Option<String> {
    let says_it = matches!(
        cause,
        Cause::Failed { .. }
            | Cause::Signaled { .. }
            | Cause::Panicked
            | Cause::StartFailed { .. }
            | Cause::OutOfMemory
            | Cause::OverLimit
            | Cause::Aborted
            | Cause::Skipped
            | Cause::Unknown { .. }
    );
    if says_it {
        return None;
    }
    match exit {
        Exit::Failed { code: Some(code), .. } => Some(format!("exit code {code}")),
        Exit::Failed { code: None, .. } => Some("with an error".into()),
        Exit::Signaled { signal: number, .. } => Some(format!("signal {}", signal_name(*number))),
        Exit::Panicked => Some("with a panic".into()),
        Exit::OutOfMemory => Some("out of memory".into()),
        Exit::OverLimit => Some("over a limit of its own".into()),
        Exit::StartFailed { step, .. } => Some(format!("while {step}")),
        Exit::Completed | Exit::Skipped | Exit::Aborted | Exit::Unknown { .. } => None,
    }
}

/// Returns the exit code and the signal that a run reported.
pub(crate) const fn status(exit: Option<&Exit>) -> (Option<i32>, Option<i32>) {
    match exit {
        Some(Exit::Completed) => (Some(0), None),
        Some(Exit::Failed { code, .. }) => (*code, None),
        Some(Exit::Signaled { signal, .. }) => (None, Some(*signal as i32)),
        Some(
            Exit::Skipped
            | Exit::Panicked
            | Exit::StartFailed { .. }
            | Exit::OutOfMemory
            | Exit::OverLimit
            | Exit::Aborted
            | Exit::Unknown { .. },
        )
        | None => (None, None),
    }
}

/// Returns a text with its first letter as a capital.
pub(crate) fn upper(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// Returns the name of a child for a sentence: the root has none.
pub(crate) fn name(path: &Path) -> String {
    if path.as_str().is_empty() { "the tree".into() } else { format!("`{path}`") }
}

/// Returns what an exit says of itself, cut to a length that fits into a sentence.
pub(crate) fn said(detail: Option<&str>) -> String {
    const MOST: usize = 240;
    let Some(detail) = detail.map(str::trim).filter(|detail| !detail.is_empty()) else {
        return String::new();
    };
    let mut text = tamed(&detail.chars().take(MOST).collect::<String>());
    if text.len() < detail.len() {
        text.push('…');
    }
    format!(": {text}")
}

/// Returns a text without what a terminal would obey.
pub(crate) fn tamed(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// Returns whether two runs ended in the same way.
pub(crate) fn is_alike(one: &api::Cause, other: &api::Cause) -> bool {
    (&one.word, one.code, one.signal) == (&other.word, other.code, other.signal)
}

/// Returns an amount of memory for people: `512 MiB`, `1.5 GiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes.saturating_mul(10) / 1_024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1_024;
        unit += 1;
    }
    let part = if tenths.is_multiple_of(10) { String::new() } else { format!(".{}", tenths % 10) };
    format!("{}{part} {}", tenths / 10, UNITS[unit])
}

//! How the end of a process is judged, and told to people.

use super::lane::Over;
use super::signal;
use crate::probe::plain;
use mainstay_core::{Class, Exit, Moment, StartStep};
use mainstay_wire::Text;
use mainstay_wire::keeper::{Ended, Lost, StartError, Status, Step};
use std::fmt::Write as _;
use std::io::{Error, ErrorKind};
use std::str::Chars;
use std::sync::Arc;
use std::time::Duration;

/// How many of the last lines are told with a failure; more are kept for those who look.
const LINES: usize = 3;
/// Of a line, so many bytes.
const LINE: usize = 200;

/// Returns how a run ended, and what there is to say about it.
pub(super) fn judge(over: &Over) -> (Exit, Option<Arc<str>>) {
    let ended = &over.ended;
    let exit = match &ended.status {
        _ if ended.out_of_memory => Exit::OutOfMemory,
        Status::Code(0) => Exit::Completed,
        Status::Code(code) => {
            Exit::Failed { code: Some(*code), class: Class::Plain, retry_after: None }
        }
        Status::Signal { signal: signal::XCPU | signal::XFSZ, .. } => Exit::OverLimit,
        Status::Signal { signal, core } => Exit::Signaled { signal: *signal, core: *core },
        Status::NotStarted(error) => {
            Exit::StartFailed { step: step(error), mendable: is_mendable(error) }
        }
        Status::Unseen { from, to } => {
            Exit::Unknown { from: moment(over, *from), to: moment(over, *to) }
        }
    };
    (exit, detail(ended))
}

/// Returns a moment of the keeper's clock as one of ours.
fn moment(over: &Over, held: Duration) -> Moment {
    let ago = over.held_at.saturating_sub(held);
    Moment::ZERO + over.at.since(Moment::ZERO).saturating_sub(ago)
}

fn detail(ended: &Ended) -> Option<Arc<str>> {
    let mut text = match &ended.status {
        Status::NotStarted(error) => start_text(error),
        Status::Code(0) if !ended.out_of_memory => String::new(),
        Status::Code(_) | Status::Signal { .. } | Status::Unseen { .. } => last_lines(&ended.last),
    };
    if !ended.left.is_empty() {
        let and = if text.is_empty() { "" } else { "; " };
        let _ = write!(text, "{and}lives on: {}", names(&ended.left));
    }
    (!text.is_empty()).then(|| text.into())
}

/// "looking for the program `redis-serve`: no such file or directory"
pub(super) fn start_text(error: &StartError) -> String {
    let StartError { step, about, error } = error;
    let what = plain(&Error::from_raw_os_error(*error));
    if about.is_empty() { format!("{step}: {what}") } else { format!("{step} `{about}`: {what}") }
}

/// Returns the last lines in one.
fn last_lines(lines: &[Text]) -> String {
    let said: Vec<String> =
        lines.iter().rev().map(readable).filter(|line| !line.is_empty()).take(LINES).collect();
    said.into_iter().rev().collect::<Vec<_>>().join(" | ")
}

/// Returns what a process printed or said as text that fits into a line, without what it told a terminal to do.
pub(super) fn readable(text: &Text) -> String {
    let bytes = &text.as_bytes()[..text.as_bytes().len().min(LINE)];
    let text = String::from_utf8_lossy(bytes);
    let (mut shown, mut letters) = (String::with_capacity(text.len()), text.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => skip_sequence(&mut letters),
            letter if letter.is_control() => shown.push(' '),
            letter => shown.push(letter),
        }
    }
    shown.trim().to_owned()
}

/// Skips what follows the escape of a sequence.
fn skip_sequence(letters: &mut Chars<'_>) {
    match letters.next() {
        // Parameters, and one letter or sign at the end.
        Some('[') => _ = letters.find(|letter| ('@'..='~').contains(letter)),
        // A text, up to a bell or another escape and its letter.
        Some(']') => {
            if letters.find(|letter| matches!(letter, '\u{7}' | '\u{1b}')) == Some('\u{1b}') {
                letters.next();
            }
        }
        // A set of letters, by its name.
        Some('(' | ')') => _ = letters.next(),
        Some(_) | None => {}
    }
}

/// "417 sleep, 418 sh"
pub(super) fn names(left: &[Lost]) -> String {
    let names: Vec<String> =
        left.iter().take(8).map(|lost| format!("{} {}", lost.pid, readable(&lost.name))).collect();
    let more = left.len().saturating_sub(names.len());
    let names = names.join(", ");
    if more > 0 { format!("{names} and {more} more") } else { names }
}

/// Returns how a command that was run for a child failed; `None` when it did not.
pub(super) fn complaint(
    status: Option<&Status>,
    output: &Text,
    error: Option<&StartError>,
) -> Option<String> {
    let why = match (error, status) {
        (Some(error), _) => return Some(start_text(error)),
        (None, Some(Status::Code(0))) => return None,
        (None, Some(Status::Code(code))) => format!("ended with exit code {code}"),
        (None, Some(Status::Signal { signal, .. })) => format!("was ended by signal {signal}"),
        (None, Some(Status::NotStarted(error))) => return Some(start_text(error)),
        (None, Some(Status::Unseen { .. })) => "nobody saw it end".into(),
        (None, None) => "took too long and was killed".into(),
    };
    let said = readable(output);
    Some(if said.is_empty() { why } else { format!("{why}: {said}") })
}

/// Returns the step of the core that a step of the keeper belongs to.
fn step(error: &StartError) -> StartStep {
    match error.step {
        Step::FindProgram => StartStep::Program,
        // A script whose interpreter is missing is found, and cannot be executed.
        Step::Execute | Step::Clone | Step::Settings => StartStep::Exec,
        Step::FindUser
        | Step::FindGroup
        | Step::FindCapability
        | Step::ChangeGroups
        | Step::ChangeGroup
        | Step::ChangeUser
        | Step::SetCapabilities
        | Step::SetNoNewPrivileges => StartStep::User,
        Step::ChangeFolder => StartStep::Folder,
        Step::Listen => StartStep::Listen,
        Step::OpenLog
        | Step::OpenOutput
        | Step::OpenInput
        | Step::OpenDescriptor
        | Step::TakeTerminal
        | Step::ConnectStdio
        | Step::PassDescriptors => StartStep::Output,
        Step::MakeCgroup
        | Step::SetLimit
        | Step::EnterCgroup
        | Step::ResetSignals
        | Step::MakeSession
        | Step::SetRlimit
        | Step::SetNice
        | Step::SetIoPriority
        | Step::SetOomScore
        | Step::SetUmask
        | Step::SetDeathSignal => StartStep::Limits,
        // And whatever a later keeper knows.
        Step::OpenNotify | Step::Leftover | _ => StartStep::Connect,
    }
}

/// Returns whether another try may help: what is missing or forbidden stays so, what is used up comes back.
fn is_mendable(error: &StartError) -> bool {
    /// The format of a file that cannot be executed.
    const ENOEXEC: i32 = 8;
    let is_for_good = matches!(
        Error::from_raw_os_error(error.error).kind(),
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::InvalidInput
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::InvalidFilename
            | ErrorKind::ArgumentListTooLong
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::Unsupported
    ) || error.error == ENOEXEC;
    // Of what an earlier keeper left, time may be the cure.
    !is_for_good || error.step == Step::Leftover
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(step: Step, about: &str, error: i32) -> StartError {
        StartError { step, about: about.into(), error }
    }

    #[test]
    fn a_start_that_failed_says_where_and_why_and_whether_to_try_again() {
        let table = [
            (failed(Step::FindProgram, "redis-serve", 2), StartStep::Program, false),
            (failed(Step::Execute, "/bin/x", 8), StartStep::Exec, false),
            (failed(Step::Execute, "/bin/x", 26), StartStep::Exec, true),
            (failed(Step::Clone, "", 11), StartStep::Exec, true),
            (failed(Step::OpenOutput, "", 24), StartStep::Output, true),
            (failed(Step::FindUser, "nobdy", 2), StartStep::User, false),
            (failed(Step::ChangeUser, "root", 1), StartStep::User, false),
            (failed(Step::ChangeFolder, "/none", 2), StartStep::Folder, false),
            (failed(Step::Listen, "web", 98), StartStep::Listen, true),
            (failed(Step::OpenLog, "/x", 28), StartStep::Output, true),
            (failed(Step::Leftover, "", 17), StartStep::Connect, true),
        ];
        for (error, step, mendable) in table {
            assert_eq!((super::step(&error), is_mendable(&error)), (step, mendable), "{error}");
        }
        let text = start_text(&failed(Step::FindProgram, "redis-serve", 2));
        assert_eq!(text, "looking for the program `redis-serve`: no such file or directory");
    }

    #[test]
    fn what_was_meant_for_a_terminal_is_left_out() {
        for (printed, shown) in [
            ("\u{1b}[?2004h7*6", "7*6"),
            ("\r\u{1b}[1;31merror\u{1b}[0m: no table\t1 ", "error: no table 1"),
            ("\u{1b}]0;a title\u{7}up", "up"),
            ("\u{1b}]8;;x\u{1b}\\up\u{1b}(B", "up"),
            ("cut \u{1b}[3", "cut"),
            ("cut \u{1b}", "cut"),
        ] {
            assert_eq!(readable(&printed.into()), shown, "{printed:?}");
        }
    }

    #[test]
    fn the_last_lines_are_told_in_one() {
        let lines = ["a", "", "b\tc", "d\n", "  ", "e"].map(Text::from);
        assert_eq!(last_lines(&lines), "b c | d | e");
        assert_eq!(readable(&Text::from(vec![b'x'; 1_000])).len(), LINE);
    }
}

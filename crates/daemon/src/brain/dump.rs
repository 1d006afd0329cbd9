//! A dump: what the brain is doing, thread by thread, for whoever wonders why it stands still.
//!
//! It is written at `SIGQUIT`, on a thread that needs nothing of the others: neither the loop nor the runtime.

use super::clock::{monotonic, wall};
use super::pulse::Pulse;
use crate::hook::Hooks;
use crate::journal::Journal;
use jiff::Timestamp;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How many are kept.
const KEPT: usize = 10;

/// What there is to tell.
pub(super) struct Dump {
    folder: PathBuf,
    began: Duration,
    pub(super) pulse: Arc<Pulse>,
    journal: Arc<Journal>,
    pub(super) hooks: OnceLock<Arc<Hooks>>,
}

impl Dump {
    pub(super) fn new(state: &Path, journal: Arc<Journal>) -> Self {
        let (folder, began) = (folder(state), monotonic());
        Self { folder, began, pulse: Arc::default(), journal, hooks: OnceLock::new() }
    }

    /// Returns what the brain is doing.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let time = Timestamp::from_millisecond(wall()).unwrap_or(Timestamp::UNIX_EPOCH);
        let (pid, version) = (std::process::id(), env!("CARGO_PKG_VERSION"));
        let up = monotonic().saturating_sub(self.began);
        line(
            &mut text,
            format!("mainstay {version}, brain {pid}, {time}, up {:.1} s", up.as_secs_f64()),
        );
        let beat = self.pulse.last();
        let ago = monotonic().saturating_sub(beat.at).as_secs_f64();
        line(
            &mut text,
            match (beat.steps, beat.within) {
                (0, _) => "loop: has taken no step yet".to_owned(),
                (steps, "") => format!(
                    "loop: {steps} steps; the last {ago:.1} s ago (record {}, `{}`), done with it",
                    beat.record, beat.event
                ),
                (steps, within) => format!(
                    "loop: {steps} steps; in the middle of `{within}` for {ago:.1} s (record {}, `{}`)",
                    beat.record, beat.event
                ),
            },
        );
        let state = self.journal.state();
        let unwritten = state.last.saturating_sub(state.written);
        let trouble = state.trouble.map_or_else(String::new, |why| format!("; {why}"));
        line(
            &mut text,
            format!(
                "journal: record {}, {unwritten} not written, {} lost{trouble}",
                state.last, state.lost
            ),
        );
        let hooks = self.hooks.get().and_then(|hooks| hooks.waiting());
        line(
            &mut text,
            match hooks {
                Some(waiting) => format!("hooks: {waiting} deliveries wait"),
                None => "hooks: in the middle of something".to_owned(),
            },
        );
        threads(&mut text);
        text
    }

    /// Writes it into a file, and returns which.
    pub(super) fn write(&self) -> io::Result<PathBuf> {
        std::fs::create_dir_all(&self.folder)?;
        let mut before = written(&self.folder);
        // Names are in order of time; room is made for this one.
        let beyond = before.len().saturating_sub(KEPT - 1);
        for old in before.drain(..beyond) {
            std::fs::remove_file(old)?;
        }
        let path = self.folder.join(format!("brain-{:015}-{}.txt", wall(), std::process::id()));
        std::fs::write(&path, self.text())?;
        Ok(path)
    }
}

/// Returns where dumps are written.
fn folder(state: &Path) -> PathBuf {
    state.join("dumps")
}

/// Returns the dumps in a folder, the oldest first.
fn written(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_dump = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("brain-") && name.ends_with(".txt")
    };
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_dump).collect();
    found.sort();
    found
}

/// Returns the dump that a brain has left in the last minute, if it left one: what it was asked for before somebody
/// ended it, not what somebody had asked for in better times.
pub(super) fn of(state: &Path, pid: u32) -> Option<PathBuf> {
    let end = format!("-{pid}.txt");
    let is_its = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let at = name.strip_prefix("brain-").and_then(|rest| rest.strip_suffix(&end));
        let at = at.and_then(|at| at.parse::<i64>().ok());
        at.is_some_and(|at| wall().saturating_sub(at) < 60_000)
    };
    written(&folder(state)).iter().rev().find(is_its).cloned()
}

fn line(text: &mut String, line: impl AsRef<str>) {
    let written = writeln!(text, "{}", line.as_ref());
    debug_assert!(written.is_ok(), "a text takes every line");
}

/// Tells of every thread what the kernel says about it, as far as it may be read.
fn threads(text: &mut String) {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let mut ids: Vec<u32> =
        tasks.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    ids.sort_unstable();
    line(text, format!("threads: {}", ids.len()));
    for id in ids {
        let read = |name: &str| {
            let path = format!("/proc/self/task/{id}/{name}");
            std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
        };
        let stat = read("stat");
        // The name may hold anything; what follows it does not.
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        let fields: Vec<&str> = after.split_whitespace().collect();
        let field = |index: usize| fields.get(index).copied().unwrap_or("?");
        let (comm, wchan, syscall) = (read("comm"), read("wchan"), read("syscall"));
        // Of a call that waits only the number and the first arguments mean something to a reader.
        let syscall: Vec<&str> = syscall.split_whitespace().take(4).collect();
        line(
            text,
            format!(
                "  {id} {comm}: state {}, waits in `{}`, syscall {}, ticks user {} system {}",
                field(0),
                if wchan.is_empty() || wchan == "0" { "-" } else { &wchan },
                if syscall.is_empty() { "-".to_owned() } else { syscall.join(" ") },
                field(11),
                field(12)
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Settings;

    #[test]
    fn a_dump_names_what_the_loop_is_in_the_middle_of_and_few_are_kept() {
        let state = tempfile::tempdir().expect("a folder");
        let opened = Journal::open(&state.path().join("journal"), Settings::default());
        let dump = Dump::new(state.path(), Arc::new(opened.expect("a journal").0));
        assert!(dump.text().contains("has taken no step yet"), "{}", dump.text());
        dump.pulse.begin(17, "exited");
        assert!(dump.text().contains("in the middle of `loop.step`"), "{}", dump.text());
        dump.pulse.end();
        let text = dump.text();
        assert!(text.contains("(record 17, `exited`), done with it"), "{text}");
        assert!(text.contains("threads: ") && text.contains("state R"), "{text}");
        assert_eq!(of(state.path(), std::process::id()), None);
        for number in 0..KEPT + 3 {
            let name = format!("brain-{number:015}-1.txt");
            std::fs::create_dir_all(folder(state.path())).expect("made");
            std::fs::write(folder(state.path()).join(name), "").expect("written");
        }
        let path = dump.write().expect("written");
        assert_eq!(written(&folder(state.path())).len(), KEPT);
        assert_eq!(of(state.path(), std::process::id()), Some(path));
    }
}

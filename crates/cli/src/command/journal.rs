//! `mainstay journal`: what is done with a journal on disk. Verifying and exporting change nothing, and a daemon may be
//! using it meanwhile.

mod found;

use super::ask;
use crate::args::{Global, JournalArgs, JournalCommand};
use crate::fault::{Exit, Fault};
use crate::place::{self, Place, Surroundings};
use crate::screen::{Screen, say};
use crate::show;
use found::Found;
use mainstay_daemon::journal::{self, Compacted, Reader, Report, Settings};
use mainstay_daemon::verify::verify;
use serde::de::IgnoredAny;
use serde_json::json;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

pub(super) fn journal(args: &JournalArgs, global: &Global) -> Result<Exit, Fault> {
    let folders = Folders::of(args, global)?;
    match args.command {
        JournalCommand::Verify => folders.verify(global),
        JournalCommand::Export { from, runs: false } => export(&folders.journal, from, "record"),
        JournalCommand::Export { from, runs: true } => export(&folders.runs, from, "run"),
        JournalCommand::Compact => folders.compact(global),
    }
}

/// Where the journals of a daemon are.
struct Folders {
    /// All that happened.
    journal: PathBuf,
    /// The runs that have ended.
    runs: PathBuf,
}

impl Folders {
    /// Finds those that are meant. The daemon is asked only where nothing but its socket is known.
    fn of(args: &JournalArgs, global: &Global) -> Result<Self, Fault> {
        let around = Surroundings::here()?;
        let is_by_socket =
            global.socket.is_some() || (around.variable)("MAINSTAY_SOCKET").is_some();
        let state = match &args.state {
            Some(state) => state.clone(),
            None if is_by_socket && global.name.is_none() => told(global)?,
            None => Place::of(&place::choose(global.name.as_deref(), &around)?, &around)?.state,
        };
        let folders = Self { journal: state.join("journal"), runs: state.join("runs") };
        if !folders.journal.is_dir() {
            return Err(none(&folders.journal));
        }
        Ok(folders)
    }

    fn verify(&self, global: &Global) -> Result<Exit, Fault> {
        let screen = Screen::of(global);
        let verified = verify(&self.journal).map_err(|error| fault(&error))?;
        if verified.frames == Report::default() {
            return Err(none(&self.journal));
        }
        let found = Found::new(&self.journal, verified, &self.runs)?;
        let is_clean = found.is_clean();
        if global.json {
            say(&show::json(found.json().to_string().as_bytes(), &screen))?;
        } else if !(global.quiet && is_clean) {
            say(&found.text(&screen))?;
        }
        Ok(if is_clean { Exit::Done } else { Exit::Failed })
    }

    fn compact(&self, global: &Global) -> Result<Exit, Fault> {
        let mut settings = Settings::default();
        settings.owner = "mainstay journal compact".into();
        let compact = |folder: &Path| {
            journal::compact(folder, &settings).map_err(|error| Fault::Failed {
                text: in_full(&error),
                hint: matches!(error, journal::OpenError::Locked { .. }).then(|| {
                    "`mainstay down` ends the daemon; while it runs, the settings under `journal:` \
                     bound what it keeps"
                        .into()
                }),
            })
        };
        let events = compact(&self.journal)?;
        let runs = if self.runs.is_dir() { compact(&self.runs)? } else { Compacted::default() };
        let (files, bytes) = (events.files + runs.files, events.bytes + runs.bytes);
        if global.json {
            say(&json!({ "files": files, "bytes": bytes }).to_string())?;
        } else if !global.quiet {
            say(&match files {
                0 => "nothing is there that is not needed".to_owned(),
                files => format!(
                    "{} of {} removed",
                    show::count(files as u64, "file", "files"),
                    show::bytes(bytes)
                ),
            })?;
        }
        Ok(Exit::Done)
    }
}

/// Asks the daemon for the folder of what lasts.
fn told(global: &Global) -> Result<PathBuf, Fault> {
    let mut state = None;
    ask(global, async |desk| {
        let status = desk.tree().await?;
        let folder = status.journal.map(|journal| PathBuf::from(journal.folder));
        state = folder.and_then(|folder| Some(folder.parent()?.to_owned()));
        Ok(Exit::Done)
    })?;
    state.ok_or_else(|| Fault::Failed {
        text: "what answers there keeps no journal".into(),
        hint: Some("name the folder of one with `--state`".into()),
    })
}

fn none(folder: &Path) -> Fault {
    Fault::Failed {
        text: format!("there is no journal in `{}`", folder.display()),
        hint: Some(
            "`--state` takes the folder that `mainstay up --state` was given, `--name` the name of \
             a daemon"
                .into(),
        ),
    }
}

fn fault(error: &dyn std::error::Error) -> Fault {
    Fault::Failed { text: in_full(error), hint: None }
}

/// Returns an error with its causes, in one sentence.
pub(super) fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// Writes records as JSON lines. What is missing is said beside them.
fn export(folder: &Path, from: u64, what: &str) -> Result<Exit, Fault> {
    let reader = Reader::open(folder).map_err(|error| fault(&error))?;
    let mut records = reader.from(from.max(reader.first().unwrap_or(1)));
    let mut out = BufWriter::new(io::stdout().lock());
    let mut unread = Vec::new();
    for record in &mut records {
        let is_json = serde_json::from_slice::<IgnoredAny>(&record.payload).is_ok();
        let payload = if is_json { &*record.payload } else { b"null" };
        if !is_json {
            unread.push(record.seq);
        }
        write!(out, "{{\"seq\":{},\"wall\":{},\"{what}\":", record.seq, record.wall)
            .and_then(|()| out.write_all(payload))
            .and_then(|()| out.write_all(b"}\n"))
            .map_err(Fault::Output)?;
    }
    out.flush().map_err(Fault::Output)?;
    let gaps = records.gaps().iter().map(ToString::to_string);
    let problems: Vec<String> =
        gaps.chain(unread.iter().map(|seq| format!("record {seq} is no JSON"))).collect();
    for problem in &problems {
        eprintln!("{problem}");
    }
    Ok(if problems.is_empty() { Exit::Done } else { Exit::Failed })
}

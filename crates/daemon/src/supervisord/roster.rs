//! Every process of a tree under the name that supervisord would give it, and what there is to say about each.

use super::fault::{Fault, FaultKind};
use super::names::{self, Name, Wanted};
use super::state::{self, ProcessState};
use super::value::Value;
use crate::api::Wall;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use mainstay::{Exit, Handle, Last, Rest, State, View};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// The tree as it was at one moment.
pub(crate) struct Roster {
    views: Vec<View>,
    supervisors: BTreeSet<String>,
    wall: Wall,
}

/// One process.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) view: &'a View,
    wall: Wall,
}

/// Whom a name means.
pub(crate) enum Found<'a> {
    One(Entry<'a>),
    Group(Vec<Entry<'a>>),
}

impl Roster {
    /// Looks at the tree.
    pub(crate) async fn look(handle: &Handle) -> Result<Self, Fault> {
        let views = handle.status().await.map_err(|_| FaultKind::ShutdownState.alone())?;
        let is_supervisor = |view: &&View| view.kind == "supervisor";
        let supervisors = views.iter().filter(is_supervisor).map(|view| view.path.to_string());
        Ok(Self { supervisors: supervisors.collect(), wall: Wall::now(handle), views })
    }

    /// Returns whether there is a supervisor at a path; the root is one.
    pub(crate) fn has_supervisor(&self, path: &str) -> bool {
        path.is_empty() || self.supervisors.contains(path)
    }

    /// Returns every child and supervisor below a supervisor, however deep.
    pub(crate) fn below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a View> {
        self.views.iter().filter(move |view| {
            view.path.as_str().strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// Returns the processes in the order of the tree.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = Entry<'_>> {
        let processes = self.views.iter().filter(|view| view.kind != "supervisor");
        processes.map(|view| {
            let name = names::name(view.path.as_str(), |path| self.supervisors.contains(path));
            Entry { name, view, wall: self.wall }
        })
    }

    /// Returns the processes in the order of their names.
    pub(crate) fn by_name(&self) -> Vec<Entry<'_>> {
        let mut all: Vec<Entry<'_>> = self.in_order().collect();
        all.sort_by_key(|entry| entry.name);
        all
    }

    /// Returns the processes of a group in the order of the tree; none where there is no such group.
    pub(crate) fn group(&self, group: &str) -> Vec<Entry<'_>> {
        self.in_order().filter(|entry| entry.name.group == group).collect()
    }

    /// Returns whom a name means.
    pub(crate) fn find(&self, text: &str) -> Result<Found<'_>, Fault> {
        // A name may hold a colon itself: then what is written is the name of one child.
        if let Some(entry) = self.in_order().find(|entry| entry.name.written() == text) {
            return Ok(Found::One(entry));
        }
        match names::wanted(text) {
            Wanted::One(name) => self.in_order().find(|entry| entry.name == name).map(Found::One),
            Wanted::Group(group) => {
                Some(self.group(group)).filter(|group| !group.is_empty()).map(Found::Group)
            }
        }
        .ok_or_else(|| FaultKind::BadName.about(text))
    }

    /// Returns the one process that a name means.
    pub(crate) fn one(&self, text: &str) -> Result<Entry<'_>, Fault> {
        match self.find(text)? {
            Found::One(entry) => Ok(entry),
            Found::Group(_) => Err(FaultKind::BadName.about(text)),
        }
    }
}

impl Entry<'_> {
    pub(crate) fn path(&self) -> &str {
        self.view.path.as_str()
    }

    pub(crate) fn state(&self) -> ProcessState {
        state::state(self.view)
    }

    /// Returns the result of one of several calls: this one went well.
    pub(crate) fn went_well(&self) -> Value {
        self.result(80, "OK".into())
    }

    /// The same of one that did not.
    pub(crate) fn failed(&self, fault: &Fault) -> Value {
        self.result(fault.kind.code(), fault.text())
    }

    fn result(&self, status: i32, description: String) -> Value {
        Value::of([
            ("name", self.name.name.into()),
            ("group", self.name.group.into()),
            ("status", i64::from(status).into()),
            ("description", description.into()),
        ])
    }

    /// Returns the file that takes its output.
    pub(crate) fn log(&self) -> Option<std::path::PathBuf> {
        self.view.process.as_ref().and_then(|process| process.log.clone())
    }

    /// Returns all that was said about it.
    pub(crate) fn form(&self) -> Json {
        let form = self.view.payload.as_ref().and_then(|payload| payload.form());
        form.and_then(|form| serde_json::from_str(form).ok()).unwrap_or(Json::Null)
    }

    /// Returns all that is told about it.
    pub(crate) fn info(&self) -> Value {
        let (view, state) = (self.view, self.state());
        let seconds = |millis: i64| Value::Int(millis.div_euclid(1_000));
        let last = view.last.as_ref();
        let start = if view.runs == 0 { 0 } else { self.wall.of(view.began) };
        let stop = last.map_or(0, |last| self.wall.of(last.ended));
        let log = self.log().map(|path| path.display().to_string()).unwrap_or_default();
        let is_apart = super::log::Style::of(&self.form()).tells_errors();
        let is_live = matches!(view.state, State::Live(_));
        let status = last.filter(|_| !is_live).map_or(0, exit_status);
        let pid = view.process.as_ref().and_then(|process| process.pid).unwrap_or(0);
        Value::of([
            ("name", self.name.name.into()),
            ("group", self.name.group.into()),
            ("start", seconds(start)),
            ("stop", seconds(stop)),
            ("now", seconds(self.wall.at)),
            ("state", i64::from(state.code()).into()),
            ("statename", state.name().into()),
            ("spawnerr", self.complaint(state).into()),
            ("exitstatus", status.into()),
            ("logfile", log.as_str().into()),
            ("stdout_logfile", log.as_str().into()),
            ("stderr_logfile", if is_apart { log.as_str().into() } else { "".into() }),
            ("pid", i64::from(pid).into()),
            ("description", self.description(state, pid).into()),
        ])
    }

    /// Returns what went wrong with a child that does not run for it.
    fn complaint(&self, state: ProcessState) -> String {
        match (state, &self.view.last) {
            (ProcessState::Backoff | ProcessState::Fatal, Some(last)) => {
                state::complaint(last, self.had_run(last))
            }
            _ => String::new(),
        }
    }

    /// Returns whether a run had lasted long enough to count as running.
    fn had_run(&self, last: &Last) -> bool {
        let spec = &self.view.spec;
        let enough =
            if state::proves_itself(spec) { spec.stable_after } else { super::SETTLES_WITHIN };
        last.ended.since(last.began) >= enough
    }

    fn description(&self, state: ProcessState, pid: u32) -> String {
        let why = match &self.view.state {
            State::Rest { why, .. } => Some(why),
            State::Live(_) => None,
        };
        match (state, why) {
            (ProcessState::Running, _) => {
                let lived = self.wall.at.saturating_sub(self.wall.of(self.view.began)).max(0);
                format!("pid {pid}, uptime {}", uptime(lived / 1_000))
            }
            (ProcessState::Fatal | ProcessState::Backoff, _) => match self.complaint(state) {
                none if none.is_empty() => {
                    format!("unknown error (try \"tail {}\")", self.name.written())
                }
                complaint => complaint,
            },
            // What supervisord does not know, and keeps it from being started.
            (_, Some(Rest::Quarantined)) => String::from("quarantined: down until released"),
            (_, Some(Rest::Paused)) => String::from("paused: no automatic starts"),
            (ProcessState::Starting, Some(Rest::Need { .. })) => {
                String::from("waits for what it needs")
            }
            (ProcessState::Starting | ProcessState::Stopping, _) => String::new(),
            (ProcessState::Stopped | ProcessState::Exited, _) => match &self.view.last {
                Some(last) => date(self.wall.of(last.ended)),
                None => String::from("Not started"),
            },
        }
    }
}

impl Name<'_> {
    /// Returns it as `supervisorctl` writes it.
    pub(crate) fn written(&self) -> String {
        if self.group == self.name {
            self.name.to_owned()
        } else {
            format!("{}:{}", self.group, self.name)
        }
    }
}

/// Returns the exit status of a run, -1 where a signal ended it.
fn exit_status(last: &Last) -> i64 {
    match last.exit {
        Some(Exit::Failed { code, .. }) => i64::from(code.unwrap_or(1)),
        Some(Exit::Signaled { .. } | Exit::OutOfMemory | Exit::OverLimit) => -1,
        Some(
            Exit::Completed
            | Exit::Skipped
            | Exit::Panicked
            | Exit::StartFailed { .. }
            | Exit::Aborted
            | Exit::Unknown { .. },
        )
        | None => 0,
    }
}

/// Returns a span as supervisord writes it: `0:01:02`, `1 day, 0:00:00`.
fn uptime(seconds: i64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60);
    match days {
        0 => clock,
        1 => format!("1 day, {clock}"),
        days => format!("{days} days, {clock}"),
    }
}

/// Returns a moment as supervisord writes it, in the time of this machine: `Nov 22 02:03 AM`.
fn date(millis: i64) -> String {
    let at = Timestamp::from_millisecond(millis).unwrap_or_default();
    at.to_zoned(TimeZone::system()).strftime("%b %d %I:%M %p").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_moments_are_written_as_supervisord_writes_them() {
        let table = [
            (0, "0:00:00"),
            (62, "0:01:02"),
            (86_399, "23:59:59"),
            (86_400, "1 day, 0:00:00"),
            (2 * 86_400 + 3_661, "2 days, 1:01:01"),
        ];
        for (seconds, expected) in table {
            assert_eq!(uptime(seconds), expected);
        }
        let date = date(1_795_312_980_000);
        let parts: Vec<&str> = date.split([' ', ':']).collect();
        assert!(matches!(parts[..], ["Nov", _, _, _, "AM" | "PM"]), "{date}");
    }
}

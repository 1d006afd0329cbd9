//! What is done by the clock or at a change of files: schedules and watched files.
//!
//! Both only ask the tree, as an operator would, and name themselves: `schedule` or `watch`, and why. What an operator
//! wants goes first: a child that is stopped, paused or quarantined is left alone.

mod schedule;
mod wall;
mod watch;

pub(crate) use schedule::is_held;

use mainstay::Handle;
use mainstay_wire::api;
use mainstay_wire::spec::{Every, Schedule, Watch};
use schedule::{Next, Note, Times};
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;
use tokio::time::Instant;
use wall::Wall;

/// What is to be tended, by the paths of children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tending {
    /// When children are started by the clock.
    pub schedules: BTreeMap<String, Schedule>,
    /// Which files restart children when they change.
    pub watches: BTreeMap<String, Watch>,
}

/// What tends a tree. It ends when this is dropped, or with the tree.
#[derive(Debug)]
#[must_use]
pub struct Tended {
    /// They end when this is dropped.
    _tasks: JoinSet<()>,
    nexts: Nexts,
    wall: Wall,
}

/// When children are started next, by their paths.
type Nexts = Arc<Mutex<BTreeMap<String, Next>>>;

impl Tended {
    /// Returns when the schedule of a child comes next, in milliseconds since 1970. Nothing for who has none, and for a
    /// schedule that never comes again.
    pub fn next(&self, path: &str) -> Option<i64> {
        let nexts = self.nexts.lock().unwrap_or_else(PoisonError::into_inner);
        let at = match nexts.get(path)? {
            Next::Wall(at) => *at,
            Next::Span(at) => {
                let left = at.saturating_duration_since(Instant::now());
                self.wall.now().checked_add(left).ok()?
            }
        };
        Some(at.as_millisecond())
    }
}

/// Tends a tree, in the present runtime. Drop what tended it before first.
pub fn tend(handle: &Handle, tending: &Tending) -> Tended {
    tend_by(handle, tending, &Wall::real())
}

fn tend_by(handle: &Handle, tending: &Tending, wall: &Wall) -> Tended {
    let mut tasks = JoinSet::new();
    let nexts = Nexts::default();
    for (path, schedule) in &tending.schedules {
        let Some(times) = Times::of(&schedule.every, wall.clone()) else {
            // The spec file was checked; what comes here was made otherwise.
            tracing::error!(
                child = path,
                "its schedule is no cron expression, or names no time zone"
            );
            continue;
        };
        let note = Note::new(path, &nexts, &times);
        tasks.spawn(schedule::keep(handle.clone(), path.clone(), schedule.clone(), times, note));
    }
    if !tending.watches.is_empty() {
        match watch::Files::of(tending.watches.clone()) {
            Ok(files) => {
                tasks.spawn(watch::keep(handle.clone(), files));
            }
            Err(error) => {
                tracing::error!(%error, "files cannot be watched: no change restarts a child");
            }
        }
    }
    Tended { _tasks: tasks, nexts, wall: wall.clone() }
}

/// Returns what comes next for a child that waits for its schedule; both times are milliseconds since 1970.
pub(crate) fn by_schedule(at: i64, now: i64) -> api::Next {
    api::Next { at, in_ms: at.saturating_sub(now), what: "is started by its schedule".into() }
}

/// Returns whether a text is a cron expression, or why not.
pub(crate) fn is_cron(expression: &str) -> Result<(), String> {
    croner::Cron::from_str(expression).map(drop).map_err(|error| error.to_string())
}

/// Returns whether there is a time zone of this name, or why not.
pub(crate) fn is_time_zone(name: &str) -> Result<(), String> {
    jiff::tz::TimeZone::get(name).map(drop).map_err(|error| error.to_string())
}

/// Returns whether a name is like a pattern, in which `*` stands for anything and `?` for one character.
pub(crate) fn is_like(name: &str, pattern: &str) -> bool {
    let (name, pattern): (Vec<char>, Vec<char>) =
        (name.chars().collect(), pattern.chars().collect());
    let (mut at, mut in_pattern) = (0, 0);
    // Where the last star stands, and what it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while at < name.len() {
        match (pattern.get(in_pattern), star) {
            (Some('*'), _) => {
                star = Some((in_pattern, at));
                in_pattern += 1;
            }
            (Some(c), _) if *c == '?' || *c == name[at] => {
                at += 1;
                in_pattern += 1;
            }
            (_, Some((place, taken))) => {
                star = Some((place, taken + 1));
                (in_pattern, at) = (place + 1, taken + 1);
            }
            (_, None) => return false,
        }
    }
    pattern[in_pattern..].iter().all(|c| *c == '*')
}

/// Says in words when a schedule comes.
fn when(every: &Every) -> String {
    match every {
        Every::Span(span) => format!("every {}", mainstay::Brief(*span)),
        Every::Cron { expression, .. } => format!("at `{expression}`"),
    }
}

#[cfg(test)]
mod tests;

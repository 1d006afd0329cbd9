//! Makes of the facts of a run the record that is kept of it.

use super::wall::millis;
use super::words::{self, Counted};
use super::{Known, event};
use mainstay::{Action, Asked, Cause, ChildId, Event, Exit, Moment, Outcome, Path, Rule, RunId};
use mainstay_wire::api;
use std::collections::BTreeMap;

/// How many facts of one run are kept: the first and the latest, for a story has a beginning and an end.
const FACTS: usize = 64;
/// How many of them are the first.
const FIRST: usize = 16;

/// Follows every live run and returns what became of it, once that is decided.
///
/// It is fed with every fact of the tree, in order. It never grows beyond what the live runs need.
#[derive(Debug, Default)]
pub struct Chronicle {
    open: BTreeMap<ChildId, Open>,
    /// Who asked last for something that starts a child, until that start.
    starts: BTreeMap<ChildId, String>,
    /// Who was asked to end at the latest moment, before the command behind it was told.
    fresh: Vec<ChildId>,
    /// That moment.
    fresh_at: Moment,
    /// Who asked the run at a path to end, as long as it ends: whoever stops a supervisor stops those below it.
    ends: BTreeMap<String, String>,
    /// Who asked the tree to end.
    drain: Option<String>,
}

/// A run that lives, or whose end is not decided yet.
#[derive(Debug)]
struct Open {
    run: api::Run,
    /// How many facts of the trail were left out after the first.
    left_out: u64,
    /// The limits that were consulted at its end.
    counts: Vec<Counted>,
}

impl Chronicle {
    /// Returns one that knows of no run yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one fact: `wall` is when by the wall clock, in milliseconds, `now` when by the tree's. Returns what became
    /// of a run, when that is decided now.
    pub fn note(
        &mut self,
        wall: i64,
        now: Moment,
        event: &Event,
        known: &dyn Known,
    ) -> Option<api::Run> {
        match event {
            Event::Starting { child, run, by_hand, trial } => {
                self.begin(*child, *run, wall, known);
                let by = self.starts.remove(child).filter(|_| *by_hand);
                let open = self.open.get_mut(child)?;
                if *trial {
                    open.tell(wall, "starts on trial: its breaker is open".into());
                }
                if let Some(by) = by {
                    open.tell(wall, format!("starts by hand: {by}"));
                    open.run.by = Some(by);
                }
                None
            }
            Event::Exited { child, run, cause, exit, detail, lived } => {
                self.fresh.clear();
                let open = self.present(*child, *run)?;
                open.run.ended_at = Some(wall);
                open.run.lived_ms = Some(millis(*lived));
                open.run.cause = Some(cause_of(cause, exit.as_ref(), detail.as_deref()));
                // Of a process that never was, what is known is of the one before. A host that is refused at its
                // hello was one.
                let has_begun =
                    open.run.pid.is_some() || !matches!(cause, Cause::StartFailed { .. });
                if let Some(process) = known.process(*child).filter(|_| has_begun) {
                    open.run.pid = open.run.pid.or(process.pid);
                    open.run.lines = process.last.iter().map(ToString::to_string).collect();
                    open.run.user_ms = millis(process.used.user).unsigned_abs();
                    open.run.system_ms = millis(process.used.system).unsigned_abs();
                    open.run.memory = process.used.memory;
                    open.run.lost = process.lost;
                }
                if let Some(flight) = known.flight(*child).filter(|_| has_begun) {
                    flight.keep(&mut open.run);
                }
                None
            }
            Event::Counted { child, .. } => {
                let (_, counted) = words::counted(event)?;
                let open = self.open.get_mut(child)?;
                // A start that is refused belongs to no run.
                if open.run.ended_at.is_some() {
                    open.counts.push(counted);
                }
                None
            }
            Event::Decided { child, run, rule, action } => {
                self.present(*child, *run)?;
                let mut open = self.open.remove(child)?;
                open.run.action =
                    Some(action_of(*child, *rule, action, wall, now, &open.counts, known));
                if let Some(cause) = &mut open.run.cause {
                    cause.is_failure |= *rule == Rule::Always;
                }
                self.ends.remove(&open.run.path);
                Some(open.finish())
            }
            Event::Removed(child) => {
                self.starts.remove(child);
                // What could not be ended has no end that anybody would see.
                let open = self.open.remove(child)?;
                self.ends.remove(&open.run.path);
                Some(open.finish())
            }
            Event::Stopping { child, run, asked } => {
                self.asked_to_end(*child, *run, *asked, (wall, now));
                None
            }
            Event::Commanded { child, who, why, verb, changed, .. } => {
                let by = format!("{who} ({verb}): {why}");
                self.commanded(*child, (*verb, *changed), by, (wall, now));
                None
            }
            Event::Started { child, run, .. } => {
                let pid = known.process(*child).and_then(|process| process.pid);
                let open = self.present(*child, *run)?;
                open.run.pid = pid.or(open.run.pid);
                open.fact(wall, now, event, known);
                None
            }
            Event::Ready { child, run, .. } => {
                let open = self.present(*child, *run)?;
                open.run.ready_at = open.run.ready_at.or(Some(wall));
                open.fact(wall, now, event, known);
                None
            }
            Event::Rehydrating(child, run)
            | Event::Unready(child, run)
            | Event::Stable { child, run, .. }
            | Event::Probed { child, run, .. }
            | Event::Guarded(child, run)
            | Event::Reloaded { child, run, .. }
            | Event::Frozen { child, run, .. }
            | Event::Forced(child, run)
            | Event::Abandoned(child, run)
            | Event::Blocked { child, run, .. }
            | Event::Told { child, run, .. } => {
                self.present(*child, *run)?.fact(wall, now, event, known);
                None
            }
            Event::Replaced { child, .. }
            | Event::Acknowledged { child, .. }
            | Event::Regrouping { supervisor: child, .. }
            | Event::Regrouped(child)
            | Event::GaveUp { supervisor: child, .. }
            | Event::AutoShutdown { supervisor: child, .. } => {
                self.open.get_mut(child)?.fact(wall, now, event, known);
                None
            }
            Event::Drained(outcome) => {
                let mut open = self.open.remove(&ChildId::ROOT)?;
                open.run.ended_at = Some(wall);
                open.run.lived_ms = Some(wall.saturating_sub(open.run.began_at));
                open.run.cause = Some(end_of_tree(outcome, known));
                open.run.by = open.run.by.or_else(|| self.drain.take());
                Some(open.finish())
            }
            Event::Added { .. }
            | Event::Rests { .. }
            | Event::Breaker { .. }
            | Event::Alert { .. }
            | Event::Refused { .. }
            | Event::Draining { .. }
            | Event::DrainForced { .. }
            | Event::Stalled { .. }
            | Event::Stale { .. }
            | Event::Backwards { .. } => None,
        }
    }

    /// A run goes on that began before this program did: what a keeper or a snapshot tells of it.
    pub fn resume(&mut self, child: ChildId, run: api::Run) {
        let left_out = 0;
        self.open.insert(child, Open { run, left_out, counts: Vec::new() });
    }

    /// Returns every run whose end is not decided yet, as it would be kept now.
    pub fn open_runs(&self) -> impl Iterator<Item = (ChildId, api::Run)> {
        self.open.iter().map(|(child, open)| (*child, open.told()))
    }

    /// Returns the live run of a child, as it would be kept now.
    pub fn open_run(&self, child: ChildId) -> Option<api::Run> {
        self.open.get(&child).map(Open::told)
    }

    /// The tree has ended: returns the runs that it left behind.
    pub fn close(&mut self) -> Vec<api::Run> {
        std::mem::take(&mut self.open).into_values().map(Open::finish).collect()
    }

    fn begin(&mut self, child: ChildId, run: RunId, wall: i64, known: &dyn Known) {
        let path = known.path(child).unwrap_or_else(Path::root);
        let run = api::Run { revision: known.revision(child), ..begun(&path, run, wall) };
        self.resume(child, run);
    }

    fn present(&mut self, child: ChildId, run: RunId) -> Option<&mut Open> {
        self.open.get_mut(&child).filter(|open| open.run.run == run.0)
    }

    /// A run is asked to end. The command behind it is told after it, at the same moment.
    fn asked_to_end(
        &mut self,
        child: ChildId,
        run: RunId,
        asked: Asked,
        (wall, now): (i64, Moment),
    ) {
        // Layer by layer: their supervisor, or the tree, was asked at an earlier moment.
        let by = if asked == Asked::Close { self.who_closes(child) } else { None };
        let Some(open) = self.present(child, run) else { return };
        let text = match &by {
            Some(by) => format!("asked to end by {by}"),
            None => format!("asked to end: {}", words::asked(asked)),
        };
        open.tell(wall, text);
        // Whoever began it by hand is not behind its end.
        open.run.by.clone_from(&by);
        if let Some(by) = by {
            let path = open.run.path.clone();
            self.ends.insert(path, by);
        } else if is_commanded(asked) {
            if self.fresh_at != now {
                self.fresh.clear();
                self.fresh_at = now;
            }
            self.fresh.push(child);
        }
    }

    fn who_closes(&self, child: ChildId) -> Option<String> {
        let path = &self.open.get(&child)?.run.path;
        let mut above = path.as_str();
        while let Some((upper, _)) = above.rsplit_once('/') {
            if let Some(by) = self.ends.get(upper) {
                return Some(by.clone());
            }
            above = upper;
        }
        self.drain.clone()
    }

    fn commanded(
        &mut self,
        child: ChildId,
        (verb, changed): (&str, bool),
        by: String,
        (wall, now): (i64, Moment),
    ) {
        if changed && starts(verb) {
            self.starts.insert(child, by.clone());
        }
        if changed && verb == "drain" {
            self.drain = Some(by.clone());
        }
        let fresh = std::mem::take(&mut self.fresh);
        let fresh = if changed && self.fresh_at == now { fresh } else { Vec::new() };
        for child in &fresh {
            let Some(open) = self.open.get_mut(child) else { continue };
            if let Some(fact) = open.run.trail.last_mut() {
                fact.text = format!("asked to end by {by}");
            }
            open.run.by = Some(by.clone());
            self.ends.insert(open.run.path.clone(), by.clone());
        }
        if let Some(open) = self.open.get_mut(&child).filter(|_| !fresh.contains(&child)) {
            let already = if changed { "" } else { " (it was so already)" };
            open.tell(wall, format!("{by}{already}"));
        }
    }
}

impl Open {
    fn fact(&mut self, wall: i64, now: Moment, fact: &Event, known: &dyn Known) {
        self.tell(wall, event::text(fact, now, known));
    }

    fn tell(&mut self, at: i64, text: String) {
        if self.run.trail.len() >= FACTS - 1 {
            self.run.trail.remove(FIRST);
            self.left_out += 1;
        }
        self.run.trail.push(api::Fact { at, text });
    }

    fn told(&self) -> api::Run {
        let mut run = self.run.clone();
        if self.left_out > 0
            && let Some(at) = run.trail.get(FIRST).map(|fact| fact.at)
        {
            let text = format!("… {} more before this, not kept", self.left_out);
            run.trail.insert(FIRST, api::Fact { at, text });
        }
        run
    }

    fn finish(self) -> api::Run {
        self.told()
    }
}

/// Returns a run that has just begun, and of which nothing more is known.
pub fn begun(path: &Path, run: RunId, began_at: i64) -> api::Run {
    api::Run {
        path: path.as_str().into(),
        run: run.0,
        began_at,
        ready_at: None,
        ended_at: None,
        lived_ms: None,
        pid: None,
        cause: None,
        action: None,
        by: None,
        user_ms: 0,
        system_ms: 0,
        memory: 0,
        lines: Vec::new(),
        lost: 0,
        revision: 0,
        trail: Vec::new(),
        operations: Vec::new(),
        open_calls: Vec::new(),
    }
}

/// Returns whether a carried out command begins a run, now or once the present one is gone.
fn starts(verb: &str) -> bool {
    // An audit tells apart what options a command came with: `start --override`.
    let verb = verb.split(' ').next().unwrap_or(verb);
    matches!(verb, "start" | "restart" | "reset" | "resume" | "release" | "recycle")
}

/// Returns whether a command may be behind it that a run is asked to end.
const fn is_commanded(asked: Asked) -> bool {
    match asked {
        Asked::Stop
        | Asked::Restart
        | Asked::Recycle
        | Asked::Quarantine
        | Asked::Remove
        | Asked::Replace
        | Asked::Close => true,
        Asked::Guard
        | Asked::Group
        | Asked::Dependency
        | Asked::Idle
        | Asked::StartTimeout
        | Asked::ReadyTimeout
        | Asked::HeartbeatLost
        | Asked::ProbeFailed
        | Asked::NoProgress => false,
    }
}

fn cause_of(cause: &Cause, exit: Option<&Exit>, detail: Option<&str>) -> api::Cause {
    let (code, signal) = words::status(exit);
    api::Cause {
        word: mainstay::cause_name(cause).into(),
        text: format!("{}{}", words::cause(cause, exit), words::said(detail)),
        is_failure: !cause.is_asked() && !cause.is_clean(),
        code,
        signal,
    }
}

/// Returns how the root ended: nobody decides about it, so it has no exit of its own.
fn end_of_tree(outcome: &Outcome, known: &dyn Known) -> api::Cause {
    let (word, text) = match outcome {
        Outcome::Asked => ("stopped", "ended as asked".into()),
        Outcome::Fatal { child, cause, .. } => {
            let who =
                known.path(*child).map_or_else(|| "a child".into(), |path| words::name(&path));
            ("gave-up", format!("ended because {who} {}", words::cause(cause, None)))
        }
    };
    let is_failure = matches!(outcome, Outcome::Fatal { .. });
    api::Cause { word: word.into(), text, is_failure, code: None, signal: None }
}

fn action_of(
    child: ChildId,
    rule: Rule,
    action: &Action,
    wall: i64,
    now: Moment,
    counts: &[Counted],
    known: &dyn Known,
) -> api::Action {
    let restart_at = match action {
        Action::Restart { at, .. } => Some(wall.saturating_add(millis(at.since(now)))),
        Action::AsWanted | Action::Regroup { .. } | Action::Finish | Action::Exhaust { .. } => None,
    };
    api::Action {
        word: words::action_word(action).into(),
        rule: words::rule_word(rule).into(),
        text: words::decision(child, (rule, *action), now, counts, known),
        restart_at,
    }
}

//! What led here: the ends, what was decided about them, how often the same has happened, what the limits still allow.

use super::{Teller, name};
use crate::story::flight::open_calls;
use crate::story::{wall, words};
use mainstay::{
    Action, Asked, BreakerState, Brief, Cause, ChildId, Cooldown, Last, Limit, OnExhausted, Path,
    Rest, Rule, State,
};
use mainstay_core::LimitView;
use mainstay_core::child::{Life, Phase};
use mainstay_core::policy::budget::{Admit, Count, Reading, Scope};
use mainstay_wire::api;
use std::time::Duration;

/// How many facts before an end are told with it.
const FACTS: usize = 5;
/// A stop that takes no longer than this is not worth a word.
const BRIEF: Duration = Duration::from_secs(1);
/// A limit that bears no more than this is told with the moment at which it bears one more.
const NEAR: u32 = 3;

impl Teller<'_> {
    /// The ends that led here, each with what was decided about it.
    pub(super) fn ends(&self) -> Vec<String> {
        let mut told = Vec::new();
        for (path, last) in &self.explained.chain {
            told.push(self.end(path, last));
            // What was decided about it has come to pass where it lives again.
            if self.explained.run.is_none() || self.is_other(path) {
                told.push(self.decided(path, last));
                told.extend(self.refused(path, last));
            }
        }
        if self.view.runs == 0 {
            told.push("It has never run.".into());
        }
        told
    }

    /// How a run ended: `At 03:12:40, after 2.1s, run #17 exited with code 3: cannot bind`.
    fn end(&self, path: &Path, last: &Last) -> String {
        let whose = if self.is_other(path) { format!(" of {}", name(path)) } else { String::new() };
        let lived = wall::span(last.ended.since(last.began));
        let (run, at) = (last.run, self.wall.clock(last.ended));
        let cause = words::cause(&last.cause, last.exit.as_ref());
        let record = self.record(path, last.run);
        if let Cause::Unknown { from, .. } = last.cause {
            // How long it lived is as unknown as when it ended.
            let from = self.wall.clock(from);
            return format!(
                "Run {run}{whose} {cause} (some time after {from}); at {at} it was gone{}.",
                words::said(last.detail.as_deref())
            );
        }
        let mut text = format!("At {at}, after {lived}, run {run}{whose} {cause}");
        if let Some((asked, since)) = last.asked {
            let took = last.ended.since(since);
            match (record.and_then(|run| run.by.as_ref()), last.cause.is_asked()) {
                (Some(by), true) => text = format!("{text} by {by}"),
                (None, true) if last.cause != Cause::DependencyLost => {
                    text = format!("{text} because {}", words::asked(asked));
                }
                // Its cause says why already.
                (_, _) => {}
            }
            if last.forced {
                text = format!("{text}; its end took {} and force", wall::span(took));
            } else if took > BRIEF {
                text = format!("{text}; its end took {}", wall::span(took));
            }
        }
        if matches!(last.cause, Cause::OutOfMemory)
            && let Some(most) = record.map(|run| run.memory).filter(|most| *most > 0)
        {
            text = format!("{text}, with {} of memory at the most", words::bytes(most));
        }
        format!("{text}{}.", words::said(last.detail.as_deref()))
    }

    /// What was decided about an end, by which rule.
    fn decided(&self, path: &Path, last: &Last) -> String {
        let (rule, action) = last.decision;
        let why = words::rule(rule);
        match rule {
            Rule::Asked(Asked::Close) | Rule::Draining | Rule::Closing => {
                format!("Decided: nothing, for {why}.")
            }
            Rule::Asked(asked) => {
                let wanted = words::wanted(asked);
                format!("Decided: it {}.", wanted.split(": ").next().unwrap_or(wanted))
            }
            Rule::GroupUnderWay => {
                "Decided: it starts again with its siblings, which were being restarted already."
                    .into()
            }
            Rule::Disowned => {
                "Decided: it starts again, for somebody went past the run that could not be ended."
                    .into()
            }
            Rule::BegunAgain => {
                "Decided: nothing, for nobody saw it end. The tree was begun again, and it with it."
                    .into()
            }
            Rule::Always | Rule::OnFailure => format!("Decided: {}, {why}.", again(&action, last)),
            Rule::CleanEnd | Rule::Never => {
                format!("Decided: {}, {why}.", self.consequence(path, &action))
            }
            Rule::Skipped
            | Rule::Permanent
            | Rule::Fatal
            | Rule::Unmendable
            | Rule::TrialFailed => {
                format!("Decided: {}, for {why}.", self.consequence(path, &action))
            }
            Rule::Spent(_) => {
                let limit = self.spent(path, last).unwrap_or_else(|| why.into());
                format!("Decided: {}, for {limit}.", self.consequence(path, &action))
            }
        }
    }

    /// The start that was decided, where a limit on starts refused it when it was due.
    fn refused(&self, path: &Path, last: &Last) -> Option<String> {
        let was_due = matches!(last.decision.1, Action::Restart { .. } | Action::Regroup { .. });
        let State::Rest { why, since } = self.explained.state else { return None };
        let is_down = match why {
            Rest::Quarantined => self.put_down().is_some(),
            Rest::Broken { .. } => true,
            Rest::Draining
            | Rest::Above
            | Rest::Group
            | Rest::Paused
            | Rest::Stopped
            | Rest::Finished(_)
            | Rest::Waiting { .. }
            | Rest::Demand
            | Rest::Need { .. }
            | Rest::Cooldown { .. }
            | Rest::Slot { .. }
            | Rest::Storm { .. } => false,
        };
        if self.is_other(path) || !was_due || !is_down {
            return None;
        }
        let limit = self.explained.limits.iter().find(|view| view.limit.admit == Admit::AtStart)?;
        Some(format!("That start was refused at {}: {}.", self.wall.clock(since), limit.limit))
    }

    fn consequence(&self, path: &Path, action: &Action) -> String {
        let Action::Exhaust { end, owner } = action else {
            return match action {
                Action::Finish => "no other run".into(),
                Action::AsWanted
                | Action::Restart { .. }
                | Action::Regroup { .. }
                | Action::Exhaust { .. } => "run again".into(),
            };
        };
        let above = path.split_last().map_or_else(Path::root, |(above, _)| above);
        let is_own = *owner == self.view.child || self.is_other(path);
        let whose = if *owner == ChildId::ROOT { Path::root() } else { above.clone() };
        match end {
            OnExhausted::Cooldown if is_own => "a cooldown".into(),
            OnExhausted::Cooldown => format!("all children of {} cool down", name(&whose)),
            OnExhausted::Quarantine if is_own => "it stays down until it is released".into(),
            OnExhausted::Quarantine => format!("{} stays down until it is released", name(&whose)),
            OnExhausted::Escalate => format!("its supervisor, {}, gives up", name(&above)),
            OnExhausted::Shutdown => "the whole tree ends".into(),
        }
    }

    /// The limit that was spent, in the words of the record where there is one.
    fn spent(&self, path: &Path, last: &Last) -> Option<String> {
        let action = self.record(path, last.run).and_then(|run| run.action.as_ref());
        let told = action.filter(|action| action.rule == "spent");
        if let Some((counts, _)) = told.and_then(|action| action.text.split_once(": ")) {
            return Some(counts.into());
        }
        let Rule::Spent(id) = last.decision.0 else { return None };
        let is_own = id.owner == self.view.child && !self.is_other(path);
        let mut limits = self.explained.limits.iter();
        let found = limits.find(|view| (view.limit.scope == Scope::Child) == is_own)?;
        Some(found.limit.to_string())
    }

    /// How often the same has happened in a row, from the records.
    pub(super) fn repeated(&self) -> Option<String> {
        let path = self.explained.path.as_str();
        let ended =
            || self.runs.iter().rev().filter(|run| run.path == path && run.ended_at.is_some());
        let last = ended().next()?;
        let cause = last.cause.as_ref().filter(|cause| cause.is_failure)?;
        let alike = ended().take_while(|run| {
            run.cause.as_ref().is_some_and(|other| words::is_alike(cause, other))
        });
        let (count, first) = alike.fold((0_u32, last), |(count, _), run| (count + 1, run));
        if count < 3 {
            return None;
        }
        let within = last.ended_at?.saturating_sub(first.began_at).unsigned_abs();
        let within = wall::span(Duration::from_millis(within));
        let lived = ended().take(count as usize).filter_map(|run| run.lived_ms);
        let (least, most) =
            lived.fold((i64::MAX, 0), |(least, most), lived| (least.min(lived), most.max(lived)));
        let span =
            |millis: i64| wall::span(Duration::from_millis(millis.unsigned_abs())).to_string();
        let lived = match (span(least), span(most)) {
            (least, most) if least == most => format!("each after {most}"),
            (least, most) => format!("each after {least} to {most}"),
        };
        Some(format!("The last {count} runs ended alike, within {within}, {lived}."))
    }

    /// What the limits have left: the one that is nearest to its end. A child that is down for another reason needs none.
    pub(super) fn allowance(&self) -> Option<String> {
        let bears = match self.explained.state {
            State::Live(_) => self.explained.position > 0,
            State::Rest { why, .. } => {
                matches!(
                    why,
                    Rest::Waiting { .. } | Rest::Group | Rest::Paused | Rest::Storm { .. }
                )
            }
        };
        let counted = self.explained.limits.iter().filter(|view| bears && view.reading.count > 0);
        let LimitView { limit, reading, owner } =
            counted.min_by_key(|view| left(&view.limit, view.reading))?;
        let left = left(limit, *reading);
        let used = words::used(limit, reading.count);
        let mut text = if self.is_other(owner) {
            format!("Of the budget of {}, {used}", name(owner))
        } else {
            format!("Of its budget, {used}")
        };
        if let Some(then) = self.then(limit) {
            // A start that is due has not been counted, a restart has been.
            let is_due = limit.count == Count::Starts && self.explained.run.is_none();
            text = match left.saturating_add(u32::from(!is_due)) {
                0 => format!("{text}; instead of the next start {then}"),
                1 => format!("{text}; after the next end {then}"),
                ends => format!("{text}; after {ends} more ends {then}"),
            };
        }
        if let Some(falls) = reading.falls.filter(|_| left <= NEAR) {
            text = format!("{text}; one less counts {}", self.wall.ahead(falls));
        }
        Some(format!("{text}."))
    }

    /// What spending a limit of its own leads to.
    fn then(&self, limit: &Limit) -> Option<&'static str> {
        let spec = self.spec.filter(|_| limit.scope == Scope::Child)?;
        Some(match spec.on_exhausted {
            OnExhausted::Cooldown => "its breaker opens",
            OnExhausted::Quarantine => "it stays down until it is released",
            OnExhausted::Escalate => "its supervisor gives up",
            OnExhausted::Shutdown => "the whole tree ends",
        })
    }

    /// The breaker, where it has ever opened of late.
    pub(super) fn breaker(&self) -> Option<String> {
        let level = self.explained.level;
        let openings = match level {
            0 => return None,
            1 => "once".into(),
            2 => "twice".into(),
            level => format!("{level} times"),
        };
        let opened = format!("Its breaker has opened {openings} of late");
        Some(match self.explained.breaker.state {
            BreakerState::Closed => format!("{opened}; it is closed again."),
            BreakerState::Open(None) => format!("{opened}."),
            BreakerState::Open(Some(_)) => {
                let ladder = self.spec.map_or(&[][..], |spec| &spec.cooldown);
                match ladder.get(level as usize).or_else(|| ladder.last()) {
                    Some(Cooldown::For(rung)) => {
                        format!(
                            "{opened}; should the trial fail, the next cooldown lasts {}.",
                            Brief(*rung)
                        )
                    }
                    Some(Cooldown::Manual) => {
                        format!(
                            "{opened}; should the trial fail, it stays open until somebody resets it."
                        )
                    }
                    None => format!("{opened}."),
                }
            }
            BreakerState::Trial => {
                let stable = self.spec.map(|spec| format!(" for {}", Brief(spec.stable_after)));
                let stable = stable.unwrap_or_default();
                format!(
                    "{opened}, and this run is the trial: being ready{stable} closes it, an end opens it again."
                )
            }
        })
    }

    /// What was seen of the ends that led here.
    pub(super) fn evidence(&self) -> Vec<api::Evidence> {
        let live = match self.explained.state {
            State::Live(Life { phase: Phase::Ready { .. }, .. }) | State::Rest { .. } => None,
            State::Live(life) => self.record(&self.explained.path, life.run),
        };
        let live = live.map(|run| api::Evidence {
            path: run.path.clone(),
            run: run.run,
            text: "has not ended".into(),
            lines: run.lines.clone(),
            trail: latest(run),
        });
        let ended = self.explained.chain.iter().map(|(path, last)| {
            let record = self.record(path, last.run);
            let mut lines = record.map(|run| run.lines.clone()).unwrap_or_default();
            let process = self.view.process.as_ref().filter(|_| !self.is_other(path));
            if lines.is_empty()
                && let Some(process) = process
            {
                lines = process.last.iter().map(ToString::to_string).collect();
            }
            let text = words::cause(&last.cause, last.exit.as_ref());
            let mut text = format!("{text}{}", words::said(last.detail.as_deref()));
            let open = record.map(|run| run.open_calls.clone()).filter(|open| !open.is_empty());
            let open = open.or_else(|| process.map(|process| open_calls(&process.operations)));
            for call in open.unwrap_or_default() {
                text.push_str(&format!("; in {call}"));
            }
            api::Evidence {
                path: path.as_str().into(),
                run: last.run.0,
                text,
                lines,
                trail: record.map(latest).unwrap_or_default(),
            }
        });
        live.into_iter().chain(ended).collect()
    }
}

/// Returns the latest facts of a run.
fn latest(run: &api::Run) -> Vec<api::Fact> {
    run.trail[run.trail.len().saturating_sub(FACTS)..].to_vec()
}

/// Returns what a restart waits for: `run again after 4.2s (end 4 in a row, backoff 8s, varied at random)`.
fn again(action: &Action, last: &Last) -> String {
    let (first, delay, wait) = match action {
        Action::Restart { delay, at } => ("run again", delay, at.since(last.ended)),
        Action::Regroup { delay } => {
            let wait = delay.wait.saturating_add(delay.holdoff);
            ("stop its siblings, then run all again", delay, wait)
        }
        Action::AsWanted | Action::Finish | Action::Exhaust { .. } => return "run again".into(),
    };
    let after = if wait.is_zero() { " at once".into() } else { format!(" after {}", Brief(wait)) };
    let mut parts = Vec::new();
    if delay.position > 0 {
        parts.push(format!("end {} in a row", delay.position.saturating_add(1)));
    }
    if delay.wait > delay.base {
        parts.push(format!("backoff {}, its error asked for more", Brief(delay.base)));
    } else if delay.wait < delay.base {
        parts.push(format!("backoff {}, varied at random", Brief(delay.base)));
    }
    if !delay.holdoff.is_zero() {
        parts.push(format!("{} of it so that starts keep a distance", Brief(delay.holdoff)));
    }
    let parts = parts.join(", ");
    if parts.is_empty() { format!("{first}{after}") } else { format!("{first}{after} ({parts})") }
}

/// How many more a limit bears.
fn left(limit: &Limit, reading: Reading) -> u32 {
    let most = match limit.count {
        Count::Failures => limit.most.saturating_sub(1),
        Count::Starts | Count::Restarts => limit.most,
    };
    most.saturating_sub(reading.count)
}

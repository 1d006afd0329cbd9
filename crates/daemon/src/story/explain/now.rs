//! The first sentence: what the child is doing, and why.

use super::{Teller, name};
use crate::story::{wall, words};
use mainstay::{
    Action, Alert, AlertKind, Finish, Moment, OnExhausted, Path, Rest, Rule, RunId, State,
};
use mainstay_core::Blocker;
use mainstay_core::child::{Life, Phase};
use mainstay_core::spec::Kind;
use mainstay_wire::api;

impl Teller<'_> {
    /// What the child is doing, and why.
    pub(super) fn now(&self) -> String {
        match &self.explained.state {
            State::Live(life) => words::upper(&self.lives(life)),
            State::Rest { why, since } => format!("{}.", words::upper(&self.rests(*why, *since))),
        }
    }

    fn lives(&self, life: &Life) -> String {
        let (who, run) = (self.name(), life.run);
        let began = self.record(&self.explained.path, run).map(|run| {
            let at = wall::time_of_day(run.began_at, self.wall.now_at, &self.wall.zone);
            format!(", begun at {at}")
        });
        let pid = self.view.process.as_ref().and_then(|process| process.pid);
        let pid = pid.map(|pid| format!(", pid {pid}"));
        let run = format!("run {run}{}{}", began.unwrap_or_default(), pid.unwrap_or_default());
        let asked = life.asked.map(|(asked, at)| {
            let back = self.wall.back(at);
            match self.by(life.run.0) {
                Some(by) => format!("asked to end {back}, by {by}"),
                None => format!("asked to end {back}, because {}", words::asked(asked)),
            }
        });
        let asked = asked.unwrap_or_else(|| self.own_end(life.run));
        match life.phase {
            Phase::Starting { .. } => format!("{who} is starting: {run}."),
            Phase::Started { until: Some(_) } => format!("{who} runs and is not ready yet: {run}."),
            Phase::Started { until: None } => format!("{who} runs and is not ready: {run}."),
            Phase::Rehydrating { .. } => {
                format!("{who} is restoring what its last run had: {run}.")
            }
            Phase::Ready { stable_at } => {
                let stable = if stable_at.is_none() { " and stable" } else { "" };
                let says = self.says();
                format!("{who} is ready{stable}: {run}{says}.")
            }
            Phase::Unready => {
                format!("{who} runs, and its readiness probe says that it cannot serve: {run}.")
            }
            Phase::Stopping { .. } if self.is_supervisor() => {
                format!("{who} stops its children: {run}, {asked}.")
            }
            Phase::Stopping { step, .. } => {
                let step = match self.spec.map(|spec| spec.stop.steps.len()) {
                    Some(steps) if steps > 1 => {
                        format!(" It is at stop step {} of {steps}.", u32::from(step) + 1)
                    }
                    Some(_) | None => String::new(),
                };
                format!("{who} is stopping: {run}, {asked}.{step}")
            }
            Phase::Killing { .. } => {
                format!("{who} is being ended by force: {run}, {asked}.")
            }
            Phase::Abandoned { since } => {
                let gone = self.wall.back(since);
                format!(
                    "{who} could not be ended and was given up as lost {gone}: {run}, {asked}. \
                     It may still exist, so no other run starts."
                )
            }
        }
    }

    /// Why a supervisor ends that nobody asked to.
    fn own_end(&self, run: RunId) -> String {
        let trail = self.record(&self.explained.path, run).map(|run| run.trail.as_slice());
        let last = trail.and_then(<[api::Fact]>::last).map(|fact| fact.text.as_str());
        last.map_or_else(|| "which ends by itself".into(), |last| format!("which {last}"))
    }

    /// What it says that it does, and what does not work.
    fn says(&self) -> String {
        let Some(process) = &self.view.process else { return String::new() };
        let says = process.status.as_ref().map(|says| format!("; it says: {says}"));
        let trouble = process.trouble.as_ref().map(|what| format!("; trouble: {what}"));
        format!("{}{}", says.unwrap_or_default(), trouble.unwrap_or_default())
    }

    /// Who is behind the end or the start of a run, where the journal knows.
    pub(super) fn by(&self, run: u64) -> Option<&str> {
        let path = self.explained.path.as_str();
        let record = self.runs.iter().rev().find(|known| known.run == run && known.path == path);
        record?.by.as_deref()
    }

    pub(super) fn is_supervisor(&self) -> bool {
        self.spec.is_some_and(|spec| matches!(spec.kind, Kind::Supervisor(_)))
    }

    fn rests(&self, why: Rest, since: Moment) -> String {
        let who = self.name();
        let other = || self.blocker_name();
        let ahead = |until| self.wall.ahead(until);
        let passed = wall::span(self.wall.now.since(since));
        let since = if self.wall.now == since {
            String::new()
        } else {
            format!(" since {} ({passed})", self.wall.clock(since))
        };
        let down = format!("{who} is down{since}");
        let waits = format!("{who} waits{since}");
        match why {
            Rest::Draining => format!("{down}: the tree ends"),
            Rest::Above => match &self.explained.blocker {
                Some(Blocker::Above(path, state)) => {
                    format!("{down}: its supervisor, {}, {}", name(path), self.doing(state))
                }
                _ => format!("{down}: its supervisor is not up"),
            },
            Rest::Group => match &self.explained.blocker {
                Some(Blocker::Leader(path)) if self.is_other(path) => {
                    format!("{waits} to start with its siblings, after the end of {}", name(path))
                }
                _ => {
                    format!("{waits} to start with its siblings, which are restarted after its end")
                }
            },
            Rest::Quarantined => match (self.put_down(), self.asked_last("quarantine")) {
                (Some(why), _) => format!("{down} until it is released: {why}"),
                (None, Some(by)) => format!("{down} until it is released: quarantined by {by}"),
                (None, None) => format!("{down} until it is released: somebody quarantined it"),
            },
            Rest::Paused => match &self.explained.blocker {
                Some(Blocker::Paused(path)) if path.as_str().is_empty() => {
                    format!("{down}: automatic starts of the whole tree are paused")
                }
                Some(Blocker::Paused(path)) if self.is_other(path) => {
                    format!("{down}: automatic starts below {} are paused", name(path))
                }
                _ => format!("{down}: its automatic starts are paused"),
            },
            Rest::Broken { until: Some(until) } => format!(
                "{who} cools down: its breaker is open, and nothing starts it before its trial, {}",
                ahead(until)
            ),
            Rest::Broken { until: None } => {
                format!("{down}: its breaker is open until somebody resets it")
            }
            Rest::Stopped => match self.asked_last("stop") {
                Some(by) => format!("{down}: stopped by {by}"),
                None => format!("{down}: an operator stopped it"),
            },
            Rest::Finished(finish) => self.finished(&who, &down, finish),
            Rest::Waiting { until } => format!("{who} starts again {}", ahead(until)),
            Rest::Demand if self.scheduled.is_some() => format!("{waits} for its schedule"),
            Rest::Demand => format!("{waits} until somebody wants to use it"),
            Rest::Need { .. } => match &self.explained.blocker {
                Some(Blocker::Needed(path, state)) => {
                    format!(
                        "{waits} for {}, which it needs and which {}",
                        name(path),
                        self.doing(state)
                    )
                }
                _ => format!("{waits} for a child that it needs"),
            },
            Rest::Cooldown { until: Some(until), .. } => {
                format!(
                    "{who} cools down with all children of {}, which are tried again {}",
                    other(),
                    ahead(until)
                )
            }
            Rest::Cooldown { until: None, .. } => {
                format!("{down}: the children of {} cool down until somebody resets it", other())
            }
            Rest::Slot { .. } => {
                format!(
                    "{waits} for its turn: enough siblings are starting already, and {}",
                    self.queue()
                )
            }
            Rest::Storm { .. } => {
                format!(
                    "{waits} for its turn: the storm rate of the tree delays starts, and {}",
                    self.queue()
                )
            }
        }
    }

    fn blocker_name(&self) -> String {
        match &self.explained.blocker {
            Some(
                Blocker::Needed(path, _)
                | Blocker::Leader(path)
                | Blocker::Paused(path)
                | Blocker::Cooling(path)
                | Blocker::Above(path, _),
            ) => name(path),
            Some(Blocker::Queue(_)) | None => "another child".into(),
        }
    }

    fn queue(&self) -> String {
        match self.explained.blocker {
            Some(Blocker::Queue(0)) => "it is the next".into(),
            Some(Blocker::Queue(1)) => "one is before it".into(),
            Some(Blocker::Queue(ahead)) => format!("{ahead} are before it"),
            Some(
                Blocker::Needed(..)
                | Blocker::Leader(_)
                | Blocker::Paused(_)
                | Blocker::Cooling(_)
                | Blocker::Above(..),
            )
            | None => "others are before it".into(),
        }
    }

    fn finished(&self, who: &str, down: &str, finish: Finish) -> String {
        let rule = self.spec.map(|spec| format!(" under `restart: {}`", spec.restart));
        let rule = rule.unwrap_or_default();
        if self.scheduled.is_some() {
            let ended = match finish {
                Finish::Completed => "it ended clean",
                Finish::Failed => "it failed",
                Finish::Skipped => "it had nothing to do",
                Finish::Stopped => "it was stopped with its siblings",
                Finish::NeedLost => "a child that it needs went away",
                Finish::AwaitsStart => "its breaker was reset",
            };
            return format!("{down} until its schedule starts it: {ended}");
        }
        match finish {
            Finish::Completed => {
                format!("{who} is done: it ended clean and gets no other run{rule}")
            }
            Finish::Failed => format!("{down}: it failed and gets no other run{rule}"),
            Finish::Skipped => format!("{who} is done: it had nothing to do"),
            Finish::Stopped => {
                format!("{down}: it was stopped with its siblings and gets no other run{rule}")
            }
            Finish::NeedLost => format!("{down}: a child that it needs went away"),
            Finish::AwaitsStart => {
                format!("{down}: its breaker was reset, and it waits for a start")
            }
        }
    }

    /// Why a quarantine that no person asked for began.
    pub(super) fn put_down(&self) -> Option<&'static str> {
        let spent = "its budget is spent";
        let is_refused = |alert: &Alert| alert.kind == AlertKind::Quarantined && !alert.over;
        let refused = self.explained.alerts.iter().any(is_refused).then_some(spent);
        let own = self.explained.chain.first().filter(|(path, _)| !self.is_other(path));
        let Some((rule, Action::Exhaust { end: OnExhausted::Quarantine, .. })) =
            own.map(|(_, last)| last.decision)
        else {
            return refused;
        };
        match rule {
            Rule::Spent(_) | Rule::TrialFailed => Some(spent),
            Rule::Permanent => Some("its error said that another try is useless"),
            Rule::Unmendable => Some("no retry can mend its start"),
            Rule::Asked(_)
            | Rule::Draining
            | Rule::Closing
            | Rule::GroupUnderWay
            | Rule::Always
            | Rule::OnFailure
            | Rule::CleanEnd
            | Rule::Never
            | Rule::Skipped
            | Rule::Fatal
            | Rule::Disowned
            | Rule::BegunAgain => refused,
        }
    }

    /// Who asked last for something, where that is in the record of the last run.
    fn asked_last(&self, verb: &str) -> Option<String> {
        let (path, last) = self.explained.chain.first()?;
        let by =
            self.record(path, last.run).filter(|_| *path == self.explained.path)?.by.as_ref()?;
        let (who, why) = by.split_once(&format!(" ({verb}): "))?;
        Some(format!("{who}: {why}"))
    }

    /// What another child is doing, as the predicate of a sentence.
    fn doing(&self, state: &State) -> String {
        match state {
            State::Live(life) => match life.phase {
                Phase::Starting { .. } => "is starting".into(),
                Phase::Started { .. } => "runs and is not ready yet".into(),
                Phase::Rehydrating { .. } => "is restoring what its last run had".into(),
                Phase::Ready { .. } => "is ready".into(),
                Phase::Unready => "is not ready any more".into(),
                Phase::Stopping { .. } | Phase::Killing { .. } => "is stopping".into(),
                Phase::Abandoned { .. } => "could not be ended".into(),
            },
            State::Rest { why, .. } => match why {
                Rest::Draining => "is down because the tree ends".into(),
                Rest::Above => "is down because its own supervisor is not up".into(),
                Rest::Group => "is restarted with its siblings".into(),
                Rest::Quarantined => "is quarantined".into(),
                Rest::Paused => "is down because automatic starts are paused".into(),
                Rest::Broken { until: Some(until) } => {
                    format!("cools down until {}", self.wall.clock(*until))
                }
                Rest::Broken { until: None } => "is down until its breaker is reset".into(),
                Rest::Stopped => "is stopped".into(),
                Rest::Finished(finish) => match finish {
                    Finish::Completed => "is done".into(),
                    Finish::Failed => "has failed for good".into(),
                    Finish::Skipped => "had nothing to do".into(),
                    Finish::Stopped | Finish::NeedLost | Finish::AwaitsStart => "is down".into(),
                },
                Rest::Waiting { until } => {
                    format!("waits for its next run, at {}", self.wall.clock(*until))
                }
                Rest::Demand => "waits until somebody wants to use it".into(),
                Rest::Need { .. } => "waits for a child of its own needs".into(),
                Rest::Cooldown { .. } => "cools down with its siblings".into(),
                Rest::Slot { .. } | Rest::Storm { .. } => "waits for its turn to start".into(),
            },
        }
    }

    /// Whether a path is that of another child.
    pub(super) fn is_other(&self, path: &Path) -> bool {
        *path != self.explained.path
    }
}

//! Why a child does what it does: a short story for somebody who has just been woken.

mod now;
mod past;
mod wish;

use super::{Wall, look};
use crate::tend::by_schedule;
use mainstay::{BreakerState, Explanation, Path, Rest, RunId, State, View, Why};
use mainstay_core::Blocker;
use mainstay_core::spec::{ChildSpec, Field};
use mainstay_wire::api;

/// Tells why a child does what it does.
///
/// `runs` is what the journal holds of its late runs and of the runs of those it waits for, the oldest first, with the
/// live ones: they add who asked, the last lines and the comparison. Whatever is missing there is left out of the
/// story; what the tree knows suffices for the rest. The moment beside them is when its schedule starts it, in
/// milliseconds since 1970, where that is what it waits for.
pub fn explain(
    explained: &Explanation,
    view: &View,
    spec: Option<&ChildSpec>,
    (runs, scheduled): (&[api::Run], Option<i64>),
    wall: &Wall,
) -> api::Explanation {
    let teller = Teller { explained, view, spec, runs, scheduled, wall };
    let next = explained.next.map(|(at, why)| look::next(at, why, wall));
    api::Explanation {
        path: explained.path.as_str().into(),
        now_at: wall.now_at,
        standing: look::standing(explained.standing),
        story: teller.story(),
        evidence: teller.evidence(),
        next: next.or_else(|| scheduled.map(|at| by_schedule(at, wall.now_at))),
        wishes: teller.wishes(),
        limits: teller.limits(),
        breaker: breaker(explained.breaker.state).into(),
        level: explained.level,
        alerts: explained
            .alerts
            .iter()
            .map(|alert| look::alert(&explained.path, alert, wall))
            .collect(),
        policy: spec.map_or_else(Vec::new, policy),
    }
}

/// Returns every effective setting of a policy, with where it came from.
pub fn policy(spec: &ChildSpec) -> Vec<api::Setting> {
    let lines = spec.policy().into_iter().map(|line| api::Setting {
        name: Field::name(line.field).into(),
        value: line.value,
        source: line.source.to_string(),
    });
    lines.collect()
}

const fn breaker(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Closed => "closed",
        BreakerState::Open(_) => "open",
        BreakerState::Trial => "trial",
    }
}

/// All that a story is made of.
struct Teller<'a> {
    explained: &'a Explanation,
    view: &'a View,
    spec: Option<&'a ChildSpec>,
    runs: &'a [api::Run],
    /// When its schedule starts it, where it waits for that.
    scheduled: Option<i64>,
    wall: &'a Wall,
}

impl Teller<'_> {
    fn story(&self) -> Vec<String> {
        let mut story = vec![self.now()];
        // How the last run ended says nothing about why this one is asked to.
        if !self.is_ending() {
            story.extend(self.ends());
            story.extend(self.repeated());
            story.extend(self.allowance());
        }
        story.extend(self.breaker());
        story.extend(self.paused());
        story.extend(self.next());
        story
    }

    /// That it would stay down, where it lives and somebody paused it.
    fn paused(&self) -> Option<String> {
        let lives = self.view.paused && self.explained.run.is_some();
        lives.then(|| "Its automatic starts are paused: should it end, it stays down.".into())
    }

    fn is_ending(&self) -> bool {
        matches!(&self.explained.state, State::Live(life) if life.is_ending())
    }

    /// What happens next by itself, where the first sentence does not say it.
    fn next(&self) -> Option<String> {
        let why = match self.explained.state {
            State::Rest { why, .. } => Some(why),
            State::Live(_) => None,
        };
        let Some((at, what)) = self.explained.next else {
            if let Some(at) = self.scheduled {
                let ahead = self.wall.ahead_of(at);
                return Some(format!("Next: {} is started by its schedule, {ahead}.", self.name()));
            }
            let is_over = matches!(
                why,
                Some(
                    Rest::Quarantined
                        | Rest::Paused
                        | Rest::Broken { .. }
                        | Rest::Stopped
                        | Rest::Finished(_)
                        | Rest::Cooldown { .. }
                )
            );
            return is_over.then(|| "Nothing will happen by itself.".into());
        };
        if let Some(Rest::Waiting { .. } | Rest::Broken { .. } | Rest::Cooldown { .. }) = why {
            return None;
        }
        let who = match &self.explained.blocker {
            // Whose deadline it is follows from what the child waits for.
            Some(Blocker::Needed(path, _) | Blocker::Above(path, _)) => name(path),
            Some(
                Blocker::Leader(_) | Blocker::Paused(_) | Blocker::Cooling(_) | Blocker::Queue(_),
            )
            | None => self.name(),
        };
        // The deadline of a supervisor that lives is about those below it.
        let below = match (why, what) {
            (None, Why::Cooldown) => Some("its children are tried again"),
            (None, Why::Trial) => Some("the trial of its children is passed"),
            (None, Why::Group) => Some("its children start again"),
            _ => None,
        };
        if let Some(below) = below {
            return Some(format!("Next: {below}, {}.", self.wall.ahead(at)));
        }
        let who = if what == Why::Drain { "what is left of the tree".into() } else { who };
        Some(format!("Next: {who} {}, {}.", look::what(what), self.wall.ahead(at)))
    }

    fn name(&self) -> String {
        name(&self.explained.path)
    }

    /// The record of a run, where there is one.
    fn record(&self, path: &Path, run: RunId) -> Option<&api::Run> {
        self.runs.iter().rev().find(|known| known.run == run.0 && known.path == path.as_str())
    }

    fn limits(&self) -> Vec<api::Limit> {
        let limits = self.explained.limits.iter().map(|view| api::Limit {
            owner: view.owner.as_str().into(),
            text: view.limit.to_string(),
            used: view.reading.count,
            most: view.reading.most,
            frees_at: view.reading.falls.map(|at| self.wall.at(at)),
        });
        limits.collect()
    }
}

/// Returns the name of a child for a sentence: the root has none.
fn name(path: &Path) -> String {
    super::words::name(path)
}

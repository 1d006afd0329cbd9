//! Which facts follow from what a tree states. Pure: events in, facts out.
//!
//! - **failure**: a run ended by itself, and not clean; or a part of the program is in trouble.
//! - **given up**: no further run comes by itself: a budget is spent (its breaker opens, it is quarantined, its
//!   supervisor gives up, the tree ends), or the end was final and a failure.
//! - **recovered**: who had failed or was given up counts as stable again, or came to a clean end.

use mainstay::{Action, Cause, ChildId, Event, Moment, Path, Rule};
use mainstay_wire::api::FactKind;
use mainstay_wire::hook::{Fact, Trouble};
use std::collections::BTreeMap;

/// How many may be in trouble at once before the oldest is forgotten: then it recovers without a word.
const MOST: usize = 100_000;

/// Something that a fact may follow from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sign {
    /// The number of its event.
    pub(crate) seq: u64,
    /// The path of the child.
    pub(crate) about: String,
    pub(crate) run: Option<u64>,
    /// When, in milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) kind: SignKind,
    /// What happened, in words.
    pub(crate) text: String,
}

/// What a sign says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignKind {
    /// A run failed.
    Failed,
    /// There is no further run by itself.
    GivenUp,
    /// A run counts as stable.
    Stable,
    /// A run came to a clean end.
    Completed,
}

/// Returns the signs in the events of one step, of which `first` is the number of the first. `path` names children,
/// `text` says an event in words.
pub(crate) fn signs(
    events: &[Event],
    (first, moment, at): (u64, Moment, i64),
    path: impl Fn(ChildId) -> Option<Path>,
    text: impl Fn(u64, Moment, &Path, &Event) -> String,
) -> Vec<Sign> {
    let mut found = Vec::new();
    let mut failed: Option<ChildId> = None;
    for (seq, event) in (first..).zip(events) {
        let Some(kind) = kind(event, &mut failed) else { continue };
        let Some(child) = event.child() else { continue };
        let path = path(child).unwrap_or_else(Path::root);
        let text = text(seq, moment, &path, event);
        let run = event.run().map(|run| run.0);
        found.push(Sign { seq, about: path.to_string(), run, at, kind, text });
    }
    found
}

/// Judges one event; `failed` is the child whose end was a failure and is not decided yet.
fn kind(event: &Event, failed: &mut Option<ChildId>) -> Option<SignKind> {
    if let Event::Exited { child, cause, .. } = event {
        // A supervisor that gives up says so with an event of its own.
        let is_failure = !cause.is_clean() && !cause.is_asked() && !matches!(cause, Cause::GaveUp);
        *failed = is_failure.then_some(*child);
        let is_clean_end = matches!(cause, Cause::Completed);
        return match (is_failure, is_clean_end) {
            (true, _) => Some(SignKind::Failed),
            (false, true) => Some(SignKind::Completed),
            (false, false) => None,
        };
    }
    if let Event::Decided { child, rule, action, .. } = event {
        let was_failure = failed.take() == Some(*child);
        let is_final = matches!(action, Action::Finish)
            && matches!(rule, Rule::Never | Rule::Permanent | Rule::Fatal | Rule::Unmendable);
        let is_spent = matches!(action, Action::Exhaust { .. });
        return (is_spent || is_final && was_failure).then_some(SignKind::GivenUp);
    }
    if matches!(event, Event::GaveUp { .. }) {
        return Some(SignKind::GivenUp);
    }
    matches!(event, Event::Stable { .. }).then_some(SignKind::Stable)
}

/// Who is in trouble: what makes of signs facts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Troubled(pub(super) BTreeMap<String, Trouble>);

impl Troubled {
    /// Takes a sign, and returns the fact that it is, if it is one. `id` is what the fact is called.
    pub(super) fn take(&mut self, sign: Sign, id: String) -> Option<Fact> {
        let kind = match sign.kind {
            SignKind::Failed => FactKind::Failure,
            SignKind::GivenUp => FactKind::GivenUp,
            SignKind::Stable | SignKind::Completed => FactKind::Recovered,
        };
        self.note(kind, &sign.about, sign.at)?;
        let Sign { about, run, at, text, .. } = sign;
        Some(Fact { id, about, kind, run, at, text })
    }

    /// Notes a fact. Nothing comes of a recovery of who was in no trouble.
    pub(super) fn note(&mut self, kind: FactKind, about: &str, at: i64) -> Option<()> {
        match kind {
            FactKind::Recovered => self.0.remove(about).map(drop),
            FactKind::Failure | FactKind::GivenUp => {
                let new = Trouble { fact: kind, since: at, failures: 0 };
                let trouble = self.0.entry(about.to_owned()).or_insert(new);
                trouble.fact = kind;
                let is_failure = kind == FactKind::Failure;
                trouble.failures = trouble.failures.saturating_add(is_failure.into());
                if self.0.len() > MOST {
                    let oldest = self.0.iter().min_by_key(|(_, trouble)| trouble.since);
                    if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                        self.0.remove(&oldest);
                    }
                }
                Some(())
            }
        }
    }

    /// Returns how somebody stands at present.
    pub(super) fn standing(&self, about: &str) -> FactKind {
        self.0.get(about).map_or(FactKind::Recovered, |trouble| trouble.fact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay::{Class, Exit, OnExhausted, RunId};
    use mainstay_core::LimitId;
    use std::time::Duration;

    const CHILD: ChildId = ChildId::ROOT;
    const RUN: RunId = RunId(1);

    fn exited(cause: Cause) -> Event {
        let exit = Some(Exit::Completed);
        Event::Exited { child: CHILD, run: RUN, cause, exit, detail: None, lived: Duration::ZERO }
    }

    fn decided(rule: Rule, action: Action) -> Event {
        Event::Decided { child: CHILD, run: RUN, rule, action }
    }

    fn kinds(events: &[Event]) -> Vec<SignKind> {
        let path = |_| Some(Path::from("web"));
        let found = signs(events, (7, Moment::ZERO, 0), path, |_, _, _, _| String::new());
        found.into_iter().map(|sign| sign.kind).collect()
    }

    #[test]
    fn what_a_step_states_is_a_failure_given_up_or_well_again() {
        use SignKind::{Completed, Failed, GivenUp, Stable};
        let failed = Cause::Failed { code: Some(3), class: Class::default() };
        let spent = Action::Exhaust { end: OnExhausted::Cooldown, owner: CHILD };
        let limit = LimitId { owner: CHILD, index: 0 };
        let table: [(&str, Vec<Event>, Vec<SignKind>); 9] = [
            ("it fails", vec![exited(failed)], vec![Failed]),
            ("it ends clean", vec![exited(Cause::Completed)], vec![Completed]),
            ("it was asked to end", vec![exited(Cause::Stopped)], vec![]),
            (
                "its budget is spent",
                vec![exited(failed), decided(Rule::Spent(limit), spent)],
                vec![Failed, GivenUp],
            ),
            (
                "it is not run again after a failure",
                vec![exited(failed), decided(Rule::Never, Action::Finish)],
                vec![Failed, GivenUp],
            ),
            (
                "it is not run again after a clean end",
                vec![exited(Cause::Completed), decided(Rule::Never, Action::Finish)],
                vec![Completed],
            ),
            (
                "a supervisor gives up",
                vec![exited(Cause::GaveUp), Event::GaveUp { supervisor: CHILD, by: CHILD }],
                vec![GivenUp],
            ),
            (
                "it is stable",
                vec![Event::Stable { child: CHILD, run: RUN, forgotten: 1 }],
                vec![Stable],
            ),
            ("it only starts", vec![Event::Rehydrating(CHILD, RUN)], vec![]),
        ];
        for (name, events, expected) in table {
            assert_eq!(kinds(&events), expected, "{name}");
        }
    }

    #[test]
    fn only_who_was_in_trouble_recovers() {
        let mut troubled = Troubled::default();
        let sign = |kind| Sign {
            seq: 1,
            about: "web".into(),
            run: Some(1),
            at: 5,
            kind,
            text: String::new(),
        };
        let mut take = |kind| troubled.take(sign(kind), "id".into()).map(|fact| fact.kind);
        assert_eq!(take(SignKind::Stable), None);
        assert_eq!(take(SignKind::Failed), Some(FactKind::Failure));
        assert_eq!(take(SignKind::GivenUp), Some(FactKind::GivenUp));
        assert_eq!(take(SignKind::Completed), Some(FactKind::Recovered));
        assert_eq!(take(SignKind::Stable), None);
        assert_eq!(troubled.standing("web"), FactKind::Recovered);
    }
}

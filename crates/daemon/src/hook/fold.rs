//! Folding: of one child, a hook is told each of the three facts once in a span; what comes again is told as one at its
//! end. Pure: facts and moments in, what is to be told out.

use mainstay::{Brief, Moment};
use mainstay_wire::api::FactKind;
use mainstay_wire::hook::{Fact, Window};
use std::collections::BTreeMap;
use std::time::Duration;

/// The windows that are open, by hook and by whom they are about.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Folds(BTreeMap<(String, String), Window>);

/// Something that is told now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Say {
    pub(super) hook: String,
    pub(super) fact: Fact,
    /// How many facts it is.
    pub(super) count: u32,
    /// Since when, of several.
    pub(super) since: Option<i64>,
}

impl Folds {
    pub(super) fn of(windows: Vec<Window>, now: Moment) -> Self {
        let key = |window: &Window| (window.hook.clone(), window.about.clone());
        let soon = |mut window: Window| {
            // A clock that has gone back holds nothing back for ever.
            let most = now + Duration::from_secs(24 * 3_600);
            window.ends = window.ends.min(most.as_nanos());
            (key(&window), window)
        };
        Self(windows.into_iter().map(soon).collect())
    }

    pub(super) fn kept(&self) -> Vec<Window> {
        self.0.values().cloned().collect()
    }

    /// Takes a fact for a hook whose windows last this long. Returns what is told at once.
    pub(super) fn take(
        &mut self,
        now: Moment,
        span: Duration,
        hook: &str,
        fact: &Fact,
    ) -> Option<Say> {
        let at_once = Say { hook: hook.to_owned(), fact: fact.clone(), count: 1, since: None };
        if span.is_zero() {
            return Some(at_once);
        }
        let key = (hook.to_owned(), fact.about.clone());
        let is_new = !self.0.contains_key(&key);
        if is_new && fact.kind == FactKind::Recovered {
            // Nothing is going on that could come again.
            return Some(at_once);
        }
        let window = self.0.entry(key).or_insert_with(|| open(now, span, hook, fact));
        window.failures = window.failures.saturating_add((fact.kind == FactKind::Failure).into());
        if !window.told.contains(&fact.kind) {
            window.told.push(fact.kind);
            // What is told now is later than all that waits to be told.
            return Some(at_once);
        }
        window.untold = Some(fact.clone());
        window.again = window.again.saturating_add(1);
        None
    }

    /// Returns when the next window closes.
    pub(super) fn due(&self) -> Option<Moment> {
        self.0.values().map(|window| Moment::from_nanos(window.ends)).min()
    }

    /// Closes what is over, and returns what is told of it. `span` says how long the windows of a hook last, where
    /// there still is one; `standing`, how somebody stands at present.
    pub(super) fn close(
        &mut self,
        now: Moment,
        span: impl Fn(&str) -> Option<Duration>,
        standing: impl Fn(&str) -> FactKind,
    ) -> Vec<Say> {
        let is_over = |window: &Window| Moment::from_nanos(window.ends) <= now;
        let over = self.0.iter().filter(|(_, window)| is_over(window));
        let over: Vec<_> = over.map(|(key, _)| key.clone()).collect();
        let mut said = Vec::new();
        for key in over {
            let Some(window) = self.0.remove(&key) else { continue };
            let (Some(span), Some(untold)) = (span(&window.hook), window.untold.clone()) else {
                continue;
            };
            let standing = standing(&window.about);
            let fact = summary(&window, untold, span, standing);
            let mut next = open(now, span, &window.hook, &fact);
            next.told.push(fact.kind);
            if standing != FactKind::Recovered {
                self.0.insert(key, next);
            }
            let since = Some(window.opened);
            said.push(Say { hook: window.hook, fact, count: window.again, since });
        }
        said
    }
}

fn open(now: Moment, span: Duration, hook: &str, fact: &Fact) -> Window {
    Window {
        hook: hook.to_owned(),
        about: fact.about.clone(),
        ends: (now + span).as_nanos(),
        opened: fact.at,
        told: Vec::new(),
        failures: 0,
        untold: None,
        again: 0,
    }
}

/// Returns the one fact that tells all that was not told.
fn summary(window: &Window, last: Fact, span: Duration, standing: FactKind) -> Fact {
    let count = window.failures;
    let failures = if count == 1 { "failure" } else { "failures" };
    let now = match standing {
        FactKind::Failure => "still failing",
        FactKind::GivenUp => "given up",
        FactKind::Recovered => "recovered",
    };
    let text = format!("{count} {failures} in {}, {now}; the last: {}", Brief(span), last.text);
    // Not the id of the last fact, which other hooks may be told as it is.
    Fact { id: format!("{}+{}", last.id, window.again), text, ..last }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FactKind::{Failure, GivenUp, Recovered};

    const SPAN: Duration = Duration::from_secs(120);

    fn at(second: u64) -> Moment {
        Moment::from_nanos(second * 1_000_000_000)
    }

    fn fact(second: u64, kind: FactKind) -> Fact {
        Fact {
            id: format!("x-{second}"),
            about: "web".into(),
            kind,
            run: Some(second),
            at: second.cast_signed() * 1_000,
            text: "exited with code 3".into(),
        }
    }

    /// Plays facts at their seconds, and returns what is told, with its second.
    fn play(span: Duration, facts: &[(u64, FactKind)], until: u64) -> Vec<(u64, String)> {
        let mut folds = Folds::default();
        let mut said = Vec::new();
        let mut standing = Recovered;
        for second in 0..=until {
            for say in folds.close(at(second), |_| Some(span), |_| standing) {
                said.push((second, format!("{} {}: {}", say.fact.kind, say.count, say.fact.text)));
            }
            for (_, kind) in facts.iter().filter(|(when, _)| *when == second) {
                standing = *kind;
                if let Some(say) = folds.take(at(second), span, "pager", &fact(second, *kind)) {
                    said.push((second, say.fact.kind.to_string()));
                }
            }
        }
        assert_eq!(folds.due().is_some(), !folds.kept().is_empty());
        said
    }

    fn strings(said: &[(u64, &str)]) -> Vec<(u64, String)> {
        said.iter().map(|(second, text)| (*second, (*text).to_owned())).collect()
    }

    #[test]
    fn each_fact_is_told_once_in_a_span() {
        let facts = [(1, Failure), (20, Recovered), (400, Failure), (420, GivenUp)];
        let said = play(SPAN, &facts, 600);
        let expected = [(1, "failure"), (20, "recovered"), (400, "failure"), (420, "given-up")];
        assert_eq!(said, strings(&expected));
    }

    #[test]
    fn a_flapping_child_is_told_as_one() {
        let facts: Vec<(u64, FactKind)> = (0..14).map(|n| (1 + n * 17, Failure)).collect();
        let said = play(SPAN, &facts, 600);
        let last = "the last: exited with code 3";
        let expected = [
            (1, "failure".to_owned()),
            (121, format!("failure 7: 8 failures in 2m, still failing; {last}")),
            (241, format!("failure 6: 6 failures in 2m, still failing; {last}")),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn what_recovers_in_between_is_said_at_the_end() {
        let facts = [(1, Failure), (5, Recovered), (9, Failure), (30, Recovered), (200, Failure)];
        let said = play(SPAN, &facts, 150);
        let summary = "recovered 2: 2 failures in 2m, recovered; the last: exited with code 3";
        assert_eq!(said, strings(&[(1, "failure"), (5, "recovered"), (121, summary)]));
    }

    #[test]
    fn without_a_span_everything_is_told() {
        let facts = [(1, Failure), (2, Failure), (3, GivenUp), (4, Recovered)];
        let said = play(Duration::ZERO, &facts, 10);
        let expected = [(1, "failure"), (2, "failure"), (3, "given-up"), (4, "recovered")];
        assert_eq!(said, strings(&expected));
    }

    #[test]
    fn windows_go_on_where_they_were_kept() {
        let mut folds = Folds::default();
        for second in 1..4 {
            drop(folds.take(at(second), SPAN, "pager", &fact(second, Failure)));
        }
        let mut again = Folds::of(folds.kept(), at(4));
        assert_eq!(again, folds);
        let said = again.close(at(121), |_| Some(SPAN), |_| Failure);
        assert_eq!(said.len(), 1);
        assert_eq!((said[0].count, said[0].fact.id.as_str()), (2, "x-3+2"));
        // A hook that is gone is told nothing.
        assert!(folds.close(at(121), |_| None, |_| Failure).is_empty());
    }
}

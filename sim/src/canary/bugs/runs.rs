//! Bugs about runs: started twice, against a reason, out of order, under a wrong id.

use super::{Add, any, begin, double, is_stop, start_resting, started};
use crate::canary::Spoil;
use crate::check::Invariant;
use mainstay_core::child::Rest;
use mainstay_core::{Effect, Event, RunId};

pub(super) fn runs(add: Add<'_>) {
    use Invariant::{EventOrder, NoStart, OneRun, PresentRuns, RunIds, Statements};
    add(
        OneRun,
        "a run is started twice",
        Spoil::Output(|_, _, out| {
            let Some((child, run)) = started(out) else { return };
            begin(out, child, run.next());
        }),
    );
    add(
        OneRun,
        "a run starts while the last one is asked to end",
        Spoil::Output(|_, _, out| {
            let stopping = out.events.iter().find_map(|event| match event {
                Event::Stopping { child, run, .. } => Some((*child, *run)),
                _ => None,
            });
            if let Some((child, run)) = stopping.filter(|_| out.effects.iter().any(is_stop)) {
                begin(out, child, run.next());
            }
        }),
    );
    add(
        NoStart,
        "a pause holds nobody",
        Spoil::Output(|tree, _, out| {
            start_resting(tree, out, |why| why == Rest::Paused);
        }),
    );
    add(
        NoStart,
        "a quarantine holds nobody",
        Spoil::Output(|tree, _, out| {
            start_resting(tree, out, |why| why == Rest::Quarantined);
        }),
    );
    add(
        NoStart,
        "a drain holds nobody",
        Spoil::Output(|tree, _, out| {
            start_resting(tree, out, |why| why == Rest::Draining);
        }),
    );
    add(
        NoStart,
        "an open breaker holds nobody",
        Spoil::Output(|tree, _, out| {
            start_resting(tree, out, |why| matches!(why, Rest::Broken { .. }));
        }),
    );
    add(
        NoStart,
        "a need holds nobody",
        Spoil::Output(|tree, _, out| {
            start_resting(tree, out, |why| matches!(why, Rest::Need { .. }));
        }),
    );
    add(
        NoStart,
        "pauses are forgotten for a moment",
        Spoil::Meanwhile(|snapshot| any(snapshot, |child| std::mem::take(&mut child.paused))),
    );
    add(
        NoStart,
        "quarantines are forgotten for a moment",
        Spoil::Meanwhile(|snapshot| any(snapshot, |child| std::mem::take(&mut child.quarantined))),
    );
    add(
        RunIds,
        "a run id is left out",
        Spoil::Output(|_, _, out| {
            for event in &mut out.events {
                if let Event::Starting { run, .. } = event {
                    *run = run.next();
                }
            }
            for effect in &mut out.effects {
                if let Effect::Start { run, .. } = effect {
                    *run = run.next();
                }
            }
        }),
    );
    add(
        RunIds,
        "a restart is said to be the first start",
        Spoil::Output(|_, _, out| {
            for effect in &mut out.effects {
                if let Effect::Start { first, .. } = effect {
                    *first = true;
                }
            }
        }),
    );
    add(
        PresentRuns,
        "a stop step reaches the run before",
        Spoil::Output(|_, _, out| {
            for effect in &mut out.effects {
                if let Effect::Stop { run, .. } = effect {
                    *run = RunId(run.0 - 1);
                }
            }
        }),
    );
    add(
        PresentRuns,
        "a kill reaches the run before",
        Spoil::Output(|_, _, out| {
            for event in &mut out.events {
                if let Event::Forced(_, run) = event {
                    *run = RunId(run.0 - 1);
                }
            }
        }),
    );
    add(
        PresentRuns,
        "a fact about the present run is dropped as stale",
        Spoil::Output(|_, _, out| {
            if let Some(event) = out.events.iter_mut().find(|e| matches!(e, Event::Started { .. }))
                && let Event::Started { child, run, .. } = event.clone()
            {
                *event = Event::Stale { child, run };
            }
        }),
    );
    add(
        EventOrder,
        "started is not stated",
        Spoil::Output(|_, _, out| {
            out.events.retain(|event| !matches!(event, Event::Started { .. }));
        }),
    );
    add(
        EventOrder,
        "ready is stated twice",
        Spoil::Output(|_, _, out| {
            double(out, |event| matches!(event, Event::Ready { .. }));
        }),
    );
    add(
        Statements,
        "a start is stated and not done",
        Spoil::Output(|_, _, out| {
            out.effects.retain(|effect| !matches!(effect, Effect::Start { .. }));
        }),
    );
    add(
        Statements,
        "a kill is done twice",
        Spoil::Output(|_, _, out| {
            let kill =
                out.effects.iter().find(|effect| matches!(effect, Effect::Kill(..))).copied();
            out.effects.extend(kill);
        }),
    );
}

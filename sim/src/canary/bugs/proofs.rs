//! Bugs that only a second look finds: replay, restore, reading, bounds, panics.

use super::{Add, any};
use crate::canary::{Spoil, edit};
use crate::check::Invariant;
use mainstay_core::child;
use mainstay_core::policy::budget::Window;
use mainstay_core::{Event, Input, Moment, Refusal};

pub(super) fn proofs(add: Add<'_>) {
    use Invariant::{Bounds, Foretold, Health, Readings, Replay, Restore, Stories, Told, Total};
    add(
        Replay,
        "what a run said is dropped",
        Spoil::Output(|_, _, out| {
            for event in &mut out.events {
                if let Event::Exited { detail, .. } = event {
                    *detail = None;
                }
            }
        }),
    );
    add(
        Replay,
        "somebody else is said to have asked",
        Spoil::Output(|_, _, out| {
            for event in &mut out.events {
                if let Event::Commanded { who, .. } = event {
                    *who = "eve".into();
                }
            }
        }),
    );
    add(
        Told,
        "what a run tells is stated twice",
        Spoil::Output(|_, _, out| {
            let told = out.events.iter().find(|event| matches!(event, Event::Told { .. })).cloned();
            out.events.extend(told);
        }),
    );
    add(
        Told,
        "a position is forgotten",
        Spoil::State(|snapshot| {
            any(snapshot, |child| {
                child.memory.as_mut().is_some_and(|memory| memory.position.take().is_some())
            })
        }),
    );
    add(
        Restore,
        "a number in a queue is given twice",
        Spoil::Store(|snapshot| {
            snapshot.tickets = snapshot.tickets.saturating_sub(1);
        }),
    );
    add(
        Restore,
        "a restored child forgets when it began",
        Spoil::Store(|snapshot| {
            any(snapshot, |child| std::mem::take(&mut child.began) > Moment::ZERO);
        }),
    );
    add(
        Readings,
        "asking why ends a pause",
        Spoil::Story(|tree, child| {
            let story = tree.explain(child).map(|story| story.to_string()).unwrap_or_default();
            edit(tree, |snapshot| any(snapshot, |child| std::mem::take(&mut child.paused)));
            story
        }),
    );
    add(
        Readings,
        "asking why forgets failures",
        Spoil::Story(|tree, child| {
            let story = tree.explain(child).map(|story| story.to_string()).unwrap_or_default();
            edit(tree, |snapshot| any(snapshot, |child| std::mem::take(&mut child.position) > 0));
            story
        }),
    );
    add(Stories, "nothing is told", Spoil::Story(|_, _| String::new()));
    add(
        Stories,
        "the story of another child is told",
        Spoil::Story(|tree, _| {
            let other = tree.children().last().map(|child| child.id);
            let story = other.and_then(|other| tree.explain(other));
            story.map(|story| story.to_string()).unwrap_or_default()
        }),
    );
    add(
        Health,
        "a child that left is still counted",
        Spoil::Health(|tree, health| {
            // Where ids were used again, somebody has left.
            let left = tree.snapshot().epochs.iter().sum::<u32>();
            mainstay_core::Health { fine: health.fine + left, ..health }
        }),
    );
    add(
        Health,
        "an optional child weighs like any other",
        Spoil::Health(|tree, health| {
            let broken = |child: &&child::Child| {
                matches!(child.state, child::State::Rest { why: child::Rest::Broken { .. }, .. })
            };
            let broken = tree.children().filter(broken).count() as u32;
            let before = health.faulted;
            let faulted = before.max(broken);
            let degraded = health.degraded - (faulted - before).min(health.degraded);
            mainstay_core::Health { faulted, degraded, ..health }
        }),
    );
    add(
        Foretold,
        "an open breaker is not mentioned beforehand",
        Spoil::Foretold(|foretold| match foretold {
            Err(Refusal::BreakerOpen) => Ok(true),
            other => other,
        }),
    );
    add(
        Foretold,
        "what is so already is said to change",
        Spoil::Foretold(|foretold| foretold.map(|_| true)),
    );
    add(
        Bounds,
        "a window never drops what expired",
        Spoil::State(|snapshot| {
            any(snapshot, |child| {
                let windows = child.memory.as_mut().map(|memory| &mut memory.windows);
                windows.is_some_and(|windows| {
                    windows.iter_mut().any(|window| match window {
                        Window::Sliding(entries) if !entries.is_empty() && entries.len() < 40 => {
                            for _ in 0..40 {
                                entries.push_front(Moment::ZERO);
                            }
                            true
                        }
                        Window::Sliding(_) | Window::Tumbling { .. } | Window::Consecutive(_) => {
                            false
                        }
                    })
                })
            })
        }),
    );
    add(
        Bounds,
        "probes pile up",
        Spoil::State(|snapshot| {
            any(snapshot, |child| {
                child.watch.as_mut().is_some_and(|watch| {
                    let grows = !watch.probes.is_empty() && watch.probes.len() < 8;
                    if grows {
                        watch.probes.push(child::ProbeWatch::default());
                    }
                    grows
                })
            })
        }),
    );
    add(
        Total,
        "an exit is too much for it",
        Spoil::Output(|_, _, out| {
            let exits = out.events.iter().filter(|event| matches!(event, Event::Exited { .. }));
            assert!(exits.count() < 2, "two exits at once");
        }),
    );
    add(
        Total,
        "a drain is too much for it",
        Spoil::Input(|_, input| {
            assert!(
                !matches!(&input, Input::Command(command) if command.verb == mainstay_core::Verb::Drain),
                "nobody drains here"
            );
            Some(input)
        }),
    );
}

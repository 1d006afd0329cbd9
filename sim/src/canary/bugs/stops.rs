//! Bugs about ends: order, steps, drains, liveness, deadlines.

use super::{Add, SECOND, any, double};
use crate::canary::Spoil;
use crate::check::Invariant;
use mainstay_core::child::{self, State};
use mainstay_core::{Asked, Effect, Event, Input, Moment};

pub(super) fn stops(add: Add<'_>) {
    use Invariant::{Deadlines, Drain, Liveness, Reasons, StartOrder, StopOrder, StopSteps};
    add(
        StopOrder,
        "a stop is said to be for the group",
        Spoil::Output(|_, _, out| {
            for event in &mut out.events {
                if let Event::Stopping { asked: asked @ Asked::Stop, .. } = event {
                    *asked = Asked::Group;
                }
            }
        }),
    );
    add(
        StopOrder,
        "the first layer is stopped before the last",
        Spoil::Output(|tree, _, out| {
            let Some(place) = out.events.iter().position(|event| {
                matches!(event, Event::Stopping { asked: Asked::Close | Asked::Group, .. })
            }) else {
                return;
            };
            let Event::Stopping { child, asked, .. } = &out.events[place] else { return };
            let (Some(late), asked) = (tree.child(*child), *asked) else { return };
            let Some(above) = late.above else { return };
            let early = tree.children_of(above).find(|early| {
                early.place.rank < late.place.rank && early.life().is_some_and(|l| !l.is_ending())
            });
            if let Some((early, run)) = early.and_then(|early| Some((early.id, early.life()?.run)))
            {
                out.events.insert(place + 1, Event::Stopping { child: early, run, asked });
            }
        }),
    );
    add(
        StopSteps,
        "a further stop step is not taken",
        Spoil::Output(|_, _, out| {
            out.effects.retain(|effect| !matches!(effect, Effect::Stop { step: 1.., .. }));
        }),
    );
    add(
        StopSteps,
        "force comes at once",
        Spoil::Output(|_, _, out| {
            let stop = out.effects.iter().find_map(|effect| match effect {
                Effect::Stop { child, run, step: 0 } => Some((*child, *run)),
                _ => None,
            });
            if let Some((child, run)) = stop {
                out.events.push(Event::Forced(child, run));
                out.effects.push(Effect::Kill(child, run));
            }
        }),
    );
    add(
        StopSteps,
        "a grace is longer than it says",
        Spoil::State(|snapshot| {
            any(snapshot, |child| match &mut child.state {
                State::Live(life) => match &mut life.phase {
                    child::Phase::Stopping { until: Some(until), .. } => {
                        *until = *until + SECOND;
                        true
                    }
                    _ => false,
                },
                State::Rest { .. } => false,
            })
        }),
    );
    add(
        Drain,
        "a drain ends while something lives",
        Spoil::Output(|tree, _, out| {
            let draining = out.events.iter().any(|event| matches!(event, Event::Draining { .. }));
            if let Some(outcome) = tree.outcome().filter(|_| draining && !tree.has_ended()) {
                out.events.push(Event::Drained(outcome));
                out.effects.push(Effect::End(outcome));
            }
        }),
    );
    add(
        Drain,
        "the report leaves out who was being removed",
        Spoil::State(|snapshot| {
            snapshot.drain.as_mut().is_some_and(|drain| drain.gone.pop().is_some())
        }),
    );
    add(
        Drain,
        "a drain is bound too late",
        Spoil::Output(|_, _, out| {
            for event in &mut out.events {
                if let Event::Draining { until, .. } = event {
                    *until = *until + SECOND;
                }
            }
        }),
    );
    add(
        StopOrder,
        "a drain is not stated",
        Spoil::Output(|_, _, out| {
            out.events.retain(|event| !matches!(event, Event::Draining { .. }));
        }),
    );
    add(
        Reasons,
        "giving up is not stated",
        Spoil::Output(|_, _, out| {
            out.events.retain(|event| !matches!(event, Event::GaveUp { .. }));
        }),
    );
    add(
        StartOrder,
        "a group is said to be started at once",
        Spoil::Output(|_, _, out| {
            let begun = out.events.iter().find_map(|event| match event {
                Event::Regrouping { supervisor, .. } => Some(*supervisor),
                _ => None,
            });
            out.events.extend(begun.map(Event::Regrouped));
        }),
    );
    add(
        StartOrder,
        "a group is started twice",
        Spoil::Output(|_, _, out| {
            double(out, |event| matches!(event, Event::Regrouped(_)));
        }),
    );
    add(
        Deadlines,
        "a heartbeat is lost on the way",
        Spoil::Input(|_, input| {
            Some(match input {
                Input::Beat(..) => Input::Clock,
                input => input,
            })
        }),
    );
    add(
        Deadlines,
        "what a run says of its own silence is lost on the way",
        Spoil::Input(|_, input| {
            Some(match input {
                Input::Patience { .. } => Input::Clock,
                input => input,
            })
        }),
    );
    add(
        Liveness,
        "a slow start is taken for a lost heartbeat",
        Spoil::Output(|_, _, out| {
            for event in &mut out.events {
                if let Event::Stopping { asked: asked @ Asked::StartTimeout, .. } = event {
                    *asked = Asked::HeartbeatLost;
                }
            }
        }),
    );
    add(
        Liveness,
        "a probe is asked twice",
        Spoil::Output(|_, _, out| {
            let probe = out.effects.iter().find(|effect| matches!(effect, Effect::Probe { .. }));
            let probe = probe.copied();
            out.effects.extend(probe);
        }),
    );
    add(
        Liveness,
        "an answer is turned round",
        Spoil::Input(|_, input| {
            Some(match input {
                Input::Probed { child, run, probe, ok } => {
                    Input::Probed { child, run, probe, ok: !ok }
                }
                input => input,
            })
        }),
    );
    add(
        Deadlines,
        "a wake-up is lost",
        Spoil::Input(|_, input| Some(input).filter(|input| *input != Input::Clock)),
    );
    add(
        Deadlines,
        "a heartbeat is not watched",
        Spoil::State(|snapshot| {
            any(snapshot, |child| {
                child.watch.as_mut().is_some_and(|watch| watch.beat.take().is_some())
            })
        }),
    );
    add(
        Deadlines,
        "a drain is given more time",
        Spoil::State(|snapshot| match &mut snapshot.drain {
            Some(drain) if !drain.ended && drain.force_at < Moment::FAR => {
                drain.force_at = drain.force_at + SECOND;
                drain.until = drain.until + SECOND;
                true
            }
            Some(_) | None => false,
        }),
    );
}

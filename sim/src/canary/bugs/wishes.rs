//! Bugs about what people want and are told: reasons, wishes, answers, alerts.

use super::{Add, any};
use crate::canary::Spoil;
use crate::check::Invariant;
use mainstay_core::Event;
use mainstay_core::child::{Alert, Rest, State, Want};

pub(super) fn wishes(add: Add<'_>) {
    use Invariant::{Alerts, Commands, Reasons, Wishes};
    add(
        Reasons,
        "a wrong reason is given",
        Spoil::Output(|_, _, out| {
            for event in &mut out.events {
                if let Event::Rests { why: why @ Rest::Waiting { .. }, .. } = event {
                    *why = Rest::Demand;
                }
            }
        }),
    );
    add(
        Reasons,
        "a waiting child is never woken",
        Spoil::State(|snapshot| {
            any(snapshot, |child| match &mut child.state {
                State::Rest { why: why @ Rest::Waiting { .. }, .. } => {
                    *why = Rest::Demand;
                    true
                }
                State::Rest { .. } | State::Live(_) => false,
            })
        }),
    );
    add(
        Wishes,
        "a pause ends by itself",
        Spoil::State(|snapshot| any(snapshot, |child| std::mem::take(&mut child.paused))),
    );
    add(
        Wishes,
        "a quarantine ends by itself",
        Spoil::State(|snapshot| any(snapshot, |child| std::mem::take(&mut child.quarantined))),
    );
    add(
        Wishes,
        "a stop is forgotten",
        Spoil::State(|snapshot| {
            any(snapshot, |child| std::mem::replace(&mut child.want, Want::Up) == Want::Down)
        }),
    );
    add(
        Wishes,
        "a removal is forgotten",
        Spoil::State(|snapshot| any(snapshot, |child| std::mem::take(&mut child.leaving))),
    );
    add(
        Commands,
        "a command is answered twice",
        Spoil::Output(|_, _, out| {
            let again = out.replies.first().cloned();
            out.replies.extend(again);
        }),
    );
    add(Commands, "a command is not answered", Spoil::Output(|_, _, out| out.replies.clear()));
    add(
        Commands,
        "an answer is wrong about what changed",
        Spoil::Output(|_, _, out| {
            for reply in &mut out.replies {
                if let Ok(done) = &mut reply.result {
                    done.changed = !done.changed;
                }
            }
        }),
    );
    add(
        Commands,
        "commands are not remembered",
        Spoil::State(|snapshot| {
            let had = snapshot.remembered != Default::default();
            snapshot.remembered = Default::default();
            had
        }),
    );
    add(
        Alerts,
        "an alert is lost",
        Spoil::State(|snapshot| {
            any(snapshot, |child| {
                child.memory.as_mut().is_some_and(|memory| memory.alerts.pop().is_some())
            })
        }),
    );
    add(
        Alerts,
        "an alert takes the place of another",
        Spoil::State(|snapshot| {
            any(snapshot, |child| {
                child.memory.as_mut().is_some_and(|memory| {
                    let two = memory.alerts.len() > 1;
                    memory.alerts.drain(..usize::from(two));
                    two
                })
            })
        }),
    );
    add(
        Alerts,
        "an alert is silenced by nobody",
        Spoil::State(|snapshot| {
            let now = snapshot.now;
            any(snapshot, |child| {
                let alerts: Option<&mut Vec<Alert>> =
                    child.memory.as_mut().map(|memory| &mut memory.alerts);
                let unseen = alerts.and_then(|all| all.iter_mut().find(|a| a.seen.is_none()));
                unseen.is_some_and(|alert| {
                    alert.seen = Some(("nobody".into(), "no reason".into(), now));
                    true
                })
            })
        }),
    );
    add(
        Alerts,
        "an alert is not raised",
        Spoil::Output(|_, _, out| {
            out.events.retain(|event| !matches!(event, Event::Alert { .. }));
        }),
    );
}

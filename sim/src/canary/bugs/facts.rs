//! Bugs about what children say: believed of the wrong run, too early, or for more than it is.

use super::Add;
use crate::canary::{Spoil, edit};
use crate::check::Invariant;
use mainstay_core::child::{Child, Phase};
use mainstay_core::policy::breaker::BreakerState;
use mainstay_core::policy::budget::Window;
use mainstay_core::{Asked, Cause, ChildId, Event, Input, RunId, Tree};

/// Returns the present run of a child if the fact is about another one.
fn present(tree: &Tree, child: ChildId, run: RunId) -> Option<RunId> {
    let life = tree.child(child).filter(|child| child.group.is_none())?.life()?;
    (life.run != run).then_some(life.run)
}

fn restores(tree: &Tree, child: ChildId, run: RunId) -> bool {
    let life = tree.child(child).and_then(Child::life).filter(|life| life.run == run);
    life.is_some_and(|life| matches!(life.phase, Phase::Rehydrating { .. }))
}

pub(super) fn facts(add: Add<'_>) {
    use Invariant::{Counting, NoStart, Rehydration, StaleFacts, StopSteps};
    add(
        StaleFacts,
        "a heartbeat of an old run is believed of the present one",
        Spoil::Input(|tree, input| {
            Some(match input {
                Input::Beat(child, run) => {
                    Input::Beat(child, present(tree, child, run).unwrap_or(run))
                }
                input => input,
            })
        }),
    );
    add(
        StaleFacts,
        "an old run that is ready makes the present one ready",
        Spoil::Input(|tree, input| {
            Some(match input {
                Input::Ready(child, run) => {
                    Input::Ready(child, present(tree, child, run).unwrap_or(run))
                }
                input => input,
            })
        }),
    );
    add(
        StaleFacts,
        "an old run has the present one replaced",
        Spoil::Input(|tree, input| {
            Some(match input {
                Input::WantsRecycle(child, run) => {
                    Input::WantsRecycle(child, present(tree, child, run).unwrap_or(run))
                }
                input => input,
            })
        }),
    );
    add(
        Rehydration,
        "ready twice is as good as restored",
        Spoil::Input(|tree, input| {
            Some(match input {
                Input::Ready(child, run) if restores(tree, child, run) => {
                    Input::Rehydrated(child, run)
                }
                input => input,
            })
        }),
    );
    add(
        Rehydration,
        "nobody waits until it has restored",
        Spoil::Fact(|tree, now, input, out| {
            tree.handle(now, input, out);
            let restores = out.events.iter().find_map(|event| match event {
                Event::Rehydrating(child, run) => Some((*child, *run)),
                _ => None,
            });
            if let Some((child, run)) = restores {
                tree.handle(now, Input::Rehydrated(child, run), out);
            }
        }),
    );
    add(
        Rehydration,
        "restored before it was asked is as good as ready",
        Spoil::Input(|tree, input| {
            Some(match input {
                Input::Rehydrated(child, run) if !restores(tree, child, run) => {
                    Input::Ready(child, run)
                }
                input => input,
            })
        }),
    );
    add(
        NoStart,
        "a demand closes an open breaker",
        Spoil::Fact(|tree, now, input, out| {
            if let Input::Demand(child) = &input
                && tree.child(*child).is_some_and(|child| child.breaker().is_open(now))
            {
                edit(tree, |snapshot| {
                    let mut children = snapshot.children.iter_mut().flatten();
                    let wanted = children.find(|known| known.id == *child);
                    let memory = wanted.and_then(|wanted| wanted.memory.as_mut());
                    let breaker = memory.and_then(|memory| memory.breaker.as_mut());
                    breaker.map(|breaker| breaker.state = BreakerState::Closed).is_some()
                });
            }
            tree.handle(now, input, out);
        }),
    );
    add(
        StopSteps,
        "the soft limit ends a run",
        Spoil::Input(|_, input| {
            Some(match input {
                Input::Guard { child, run, .. } => Input::Guard { child, run, hard: true },
                input => input,
            })
        }),
    );
    add(
        StopSteps,
        "the hard limit is only stated",
        Spoil::Input(|_, input| {
            Some(match input {
                Input::Guard { child, run, .. } => Input::Guard { child, run, hard: false },
                input => input,
            })
        }),
    );
    add(
        StopSteps,
        "a lost heartbeat is taken for a wish to be replaced",
        Spoil::Output(|_, _, out| {
            for event in &mut out.events {
                if let Event::Stopping { asked: asked @ Asked::HeartbeatLost, .. } = event {
                    *asked = Asked::Recycle;
                }
            }
        }),
    );
    add(
        Counting,
        "being replaced is charged",
        Spoil::Fact(|tree, now, input, out| {
            tree.handle(now, input, out);
            let replaced = out.events.iter().find_map(|event| match event {
                Event::Exited { child, cause: Cause::Recycled, .. } => Some(*child),
                _ => None,
            });
            if let Some(replaced) = replaced {
                edit(tree, |snapshot| {
                    let mut children = snapshot.children.iter_mut().flatten();
                    let child = children.find(|known| known.id == replaced);
                    let windows = child.and_then(|child| child.memory.as_mut());
                    windows.is_some_and(|memory| {
                        memory.windows.iter_mut().any(|window| match window {
                            Window::Sliding(entries) => {
                                entries.push_back(now);
                                true
                            }
                            Window::Tumbling { .. } | Window::Consecutive(_) => false,
                        })
                    })
                });
            }
        }),
    );
}

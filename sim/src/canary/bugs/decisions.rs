//! Bugs about what follows from an exit: causes, decisions, limits, breakers, stability.

use super::{Add, SECOND, any, double, recause};
use crate::canary::Spoil;
use crate::check::Invariant;
use mainstay_core::child::Plan;
use mainstay_core::policy::breaker::BreakerState;
use mainstay_core::policy::budget::Window;
use mainstay_core::{Action, Cause, Event, Input, Rule};

pub(super) fn decisions(add: Add<'_>) {
    use Invariant::{Breakers, Causes, Counting, Decision, OneDecision, Stability};
    add(
        OneDecision,
        "an exit is not decided",
        Spoil::Output(|_, _, out| {
            out.events.retain(|event| !matches!(event, Event::Decided { .. }));
        }),
    );
    add(
        OneDecision,
        "an exit is decided twice",
        Spoil::Output(|_, _, out| {
            double(out, |event| matches!(event, Event::Decided { .. }));
        }),
    );
    add(
        OneDecision,
        "an exit is lost",
        Spoil::Input(|_, input| {
            Some(match input {
                Input::Exited { .. } => Input::Clock,
                input => input,
            })
        }),
    );
    add(
        Decision,
        "a delay is halved",
        Spoil::Output(|_, now, out| {
            for event in &mut out.events {
                if let Event::Decided { action: Action::Restart { at, .. }, .. } = event {
                    *at = now + at.since(now) / 2;
                }
            }
        }),
    );
    add(
        Decision,
        "a restart is forgotten",
        Spoil::Output(|_, _, out| {
            for event in &mut out.events {
                if let Event::Decided { action: action @ Action::Restart { .. }, .. } = event {
                    *action = Action::Finish;
                }
            }
        }),
    );
    add(
        Decision,
        "a plan comes true too early",
        Spoil::State(|snapshot| {
            any(snapshot, |child| {
                let rests = child.life().is_none();
                match &mut child.plan {
                    Plan::At(at) if rests => {
                        *at = *at - SECOND;
                        true
                    }
                    Plan::At(_) | Plan::Run | Plan::Never(_) => false,
                }
            })
        }),
    );
    add(
        Decision,
        "a rule is misnamed",
        Spoil::Output(|_, _, out| {
            for event in &mut out.events {
                if let Event::Decided { rule, .. } = event {
                    *rule = match *rule {
                        Rule::Always => Rule::OnFailure,
                        Rule::OnFailure => Rule::Always,
                        rule => rule,
                    };
                }
            }
        }),
    );
    add(
        Causes,
        "a stop is taken for a failure",
        Spoil::Output(|_, _, out| {
            recause(out, Cause::Stopped, Cause::Panicked);
        }),
    );
    add(
        Causes,
        "a panic is taken for a clean end",
        Spoil::Output(|_, _, out| {
            recause(out, Cause::Panicked, Cause::Completed);
        }),
    );
    add(
        Counting,
        "an entry is counted that never was",
        Spoil::Output(|_, _, out| {
            for event in &mut out.events {
                if let Event::Counted { before, .. } = event {
                    before.count += 1;
                }
            }
        }),
    );
    add(
        Counting,
        "a limit is not consulted",
        Spoil::Output(|_, _, out| {
            out.events.retain(|event| !matches!(event, Event::Counted { .. }));
        }),
    );
    add(
        Counting,
        "windows are emptied now and then",
        Spoil::State(|snapshot| {
            any(snapshot, |child| {
                let windows = child.memory.as_mut().map(|memory| &mut memory.windows);
                windows.is_some_and(|windows| {
                    windows.iter_mut().any(|window| {
                        let had = *window != Window::Consecutive(0);
                        window.clear();
                        had
                    })
                })
            })
        }),
    );
    add(
        Counting,
        "a failure counts against a sibling",
        Spoil::State(|snapshot| {
            let now = snapshot.now;
            any(snapshot, |child| {
                let windows = child.memory.as_mut().map(|memory| &mut memory.windows);
                windows.is_some_and(|windows| {
                    windows.iter_mut().any(|window| match window {
                        Window::Sliding(entries) if entries.len() == 1 => {
                            entries.push_back(now);
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
        Breakers,
        "a breaker opens for too long",
        Spoil::Output(|_, _, out| {
            for event in &mut out.events {
                if let Event::Breaker { state: BreakerState::Open(Some(until)), .. } = event {
                    *until = *until + SECOND;
                }
            }
        }),
    );
    add(
        Breakers,
        "a level is wrong",
        Spoil::Output(|_, _, out| {
            for event in &mut out.events {
                if let Event::Breaker { level, .. } = event {
                    *level += 1;
                }
            }
        }),
    );
    add(
        Breakers,
        "a breaker closes by itself",
        Spoil::State(|snapshot| {
            any(snapshot, |child| {
                let breaker = child.memory.as_mut().and_then(|memory| memory.breaker.as_mut());
                breaker.is_some_and(|breaker| {
                    let open = matches!(breaker.state, BreakerState::Open(_));
                    breaker.state = BreakerState::Closed;
                    open
                })
            })
        }),
    );
    add(
        Breakers,
        "an opening is forgotten",
        Spoil::State(|snapshot| {
            any(snapshot, |child| {
                let breaker = child.memory.as_mut().and_then(|memory| memory.breaker.as_mut());
                breaker.is_some_and(|breaker| std::mem::take(&mut breaker.weight) > 0)
            })
        }),
    );
    add(
        Stability,
        "stability is not stated",
        Spoil::Output(|_, _, out| {
            out.events.retain(|event| !matches!(event, Event::Stable { .. }));
        }),
    );
    add(
        Stability,
        "a wrong number of ends is forgotten",
        Spoil::Output(|_, _, out| {
            for event in &mut out.events {
                if let Event::Stable { forgotten, .. } = event {
                    *forgotten += 1;
                }
            }
        }),
    );
    add(
        Stability,
        "a backoff begins anew without a reason",
        Spoil::State(|snapshot| any(snapshot, |child| std::mem::take(&mut child.position) > 1)),
    );
}

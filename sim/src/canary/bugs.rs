//! The bugs, by the invariant that must notice them; each invariant has at least two.

use super::{Canary, Spoil, edit};
use crate::check::Invariant;
use mainstay_core::child::{self, Alert, Child, Plan, Rest, State, Want};
use mainstay_core::policy::breaker::BreakerState;
use mainstay_core::policy::budget::Window;
use mainstay_core::{
    Action, Asked, Cause, Effect, Effects, Event, Input, Moment, Rule, RunId, Snapshot, Tree,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Returns every bug.
pub fn all() -> Vec<Canary> {
    let mut all = Vec::new();
    let mut add = |against, name, spoil| all.push(Canary { name, against, spoil });
    runs(&mut add);
    decisions(&mut add);
    stops(&mut add);
    wishes(&mut add);
    proofs(&mut add);
    all
}

type Add<'a> = &'a mut dyn FnMut(Invariant, &'static str, Spoil);

fn runs(add: Add<'_>) {
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

fn decisions(add: Add<'_>) {
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

fn stops(add: Add<'_>) {
    use Invariant::{Deadlines, Drain, Liveness, StartOrder, StopOrder, StopSteps};
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
        StopOrder,
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

fn wishes(add: Add<'_>) {
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
                child.memory.as_mut().is_some_and(|memory| memory.alert.take().is_some())
            })
        }),
    );
    add(
        Alerts,
        "an alert is silenced by nobody",
        Spoil::State(|snapshot| {
            let now = snapshot.now;
            any(snapshot, |child| {
                let alert: Option<&mut Alert> =
                    child.memory.as_mut().and_then(|memory| memory.alert.as_mut());
                let unseen = alert.filter(|alert| alert.seen.is_none());
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

fn proofs(add: Add<'_>) {
    use Invariant::{Bounds, Readings, Replay, Restore, Stories, Total};
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

/// Changes the first child that lets itself be changed.
fn any(snapshot: &mut Snapshot, mut change: impl FnMut(&mut Child) -> bool) -> bool {
    snapshot.children.iter_mut().flatten().any(&mut change)
}

fn started(out: &Effects) -> Option<(mainstay_core::ChildId, RunId)> {
    out.effects.iter().find_map(|effect| match effect {
        Effect::Start { child, run, .. } => Some((*child, *run)),
        _ => None,
    })
}

const fn is_stop(effect: &Effect) -> bool {
    matches!(effect, Effect::Stop { .. })
}

/// States and does a start that nobody decided.
fn begin(out: &mut Effects, child: mainstay_core::ChildId, run: RunId) {
    out.events.push(Event::Starting { child, run, by_hand: false, trial: false });
    out.effects.push(Effect::Start { child, run, first: run == RunId::FIRST });
}

/// Starts whoever rests for such a reason.
fn start_resting(tree: &Tree, out: &mut Effects, which: impl Fn(Rest) -> bool) {
    let resting = out.events.iter().find_map(|event| match event {
        Event::Rests { child, why } if which(*why) => Some(*child),
        _ => None,
    });
    if let Some(child) = resting.and_then(|child| tree.child(child)) {
        begin(out, child.id, RunId(child.runs + 1));
    }
}

fn double(out: &mut Effects, which: impl Fn(&Event) -> bool) {
    if let Some(at) = out.events.iter().position(which) {
        out.events.insert(at, out.events[at].clone());
    }
}

fn recause(out: &mut Effects, from: Cause, to: Cause) {
    for event in &mut out.events {
        if let Event::Exited { cause, .. } = event
            && *cause == from
        {
            *cause = to;
        }
    }
}

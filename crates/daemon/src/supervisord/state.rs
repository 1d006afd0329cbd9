//! The states of supervisord: what a child is doing in its words, and which steps it takes there. Pure.
//!
//! | a child that | is |
//! | --- | --- |
//! | has begun and has not shown yet that it stays, or starts as soon as a sibling lets it | `STARTING` |
//! | serves | `RUNNING` |
//! | waits for its backoff or an open breaker, and then starts by itself | `BACKOFF` |
//! | is being ended, or could not be | `STOPPING` |
//! | was stopped, is paused, waits to be wanted or has never run | `STOPPED` |
//! | has ended, and gets no further run | `EXITED` |
//! | was given up | `FATAL` |

use mainstay::{Action, AlertKind, Cause, Event, Finish, Last, Phase, Preset, Rest, State, View};
use mainstay_core::child::{Alert, Child};
use mainstay_core::spec::{ChildSpec, Field, Ready, Source};

/// A state of a process, as supervisord knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProcessState {
    Stopped,
    Starting,
    Running,
    Backoff,
    Stopping,
    Exited,
    Fatal,
}

impl ProcessState {
    /// Returns its number.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::Stopped => 0,
            Self::Starting => 10,
            Self::Running => 20,
            Self::Backoff => 30,
            Self::Stopping => 40,
            Self::Exited => 100,
            Self::Fatal => 200,
        }
    }

    /// Returns its name: `statename`, and the end of `PROCESS_STATE_RUNNING`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "STOPPED",
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Backoff => "BACKOFF",
            Self::Stopping => "STOPPING",
            Self::Exited => "EXITED",
            Self::Fatal => "FATAL",
        }
    }

    /// Returns whether it counts as started: a further start is refused, a stop is not.
    pub(crate) const fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::Backoff | Self::Starting)
    }

    /// Returns whether it is down, and nothing happens by itself.
    pub(crate) const fn is_stopped(self) -> bool {
        matches!(self, Self::Stopped | Self::Exited | Self::Fatal)
    }

    /// Returns whether there is a process that a signal can go to.
    pub(crate) const fn takes_signals(self) -> bool {
        matches!(self, Self::Running | Self::Starting | Self::Stopping)
    }
}

/// Returns what a child is doing.
pub(crate) fn state(view: &View) -> ProcessState {
    doing(&view.state, &view.spec, view.last.as_ref(), &view.alerts)
}

/// The same of a child of the tree itself.
pub(crate) fn state_of(child: &Child) -> ProcessState {
    let memory = child.memory.as_deref();
    let (last, alerts) =
        (memory.and_then(|memory| memory.last.as_ref()), memory.map(|memory| &*memory.alerts));
    doing(&child.state, &child.spec, last, alerts.unwrap_or_default())
}

fn doing(state: &State, spec: &ChildSpec, last: Option<&Last>, alerts: &[Alert]) -> ProcessState {
    match state {
        State::Live(life) => match life.phase {
            Phase::Starting { .. } | Phase::Started { .. } | Phase::Rehydrating { .. } => {
                ProcessState::Starting
            }
            Phase::Ready { stable_at: Some(_) } if proves_itself(spec) => ProcessState::Starting,
            Phase::Ready { .. } | Phase::Unready => ProcessState::Running,
            Phase::Stopping { .. } | Phase::Killing { .. } | Phase::Abandoned { .. } => {
                ProcessState::Stopping
            }
        },
        State::Rest { why, .. } => {
            let gave_up = alerts.iter().any(|alert| {
                !alert.over
                    && matches!(alert.kind, AlertKind::Quarantined | AlertKind::CannotStart(_))
            });
            resting(why, last, gave_up)
        }
    }
}

/// Returns whether being ready is not enough to count as running: somebody has said how long a run must last for that
/// (`startsecs` there, `stable_after` here), and nothing else says when the child can serve.
///
/// The default of `stable_after` is about forgetting failures alone; nobody waits a minute for `RUNNING`.
pub(crate) fn proves_itself(spec: &ChildSpec) -> bool {
    let is_said = match spec.sources.of(Field::StableAfter) {
        Source::Explicit | Source::Preset(Preset::Supervisord) => true,
        Source::Default | Source::Preset(_) => false,
    };
    is_said && matches!(spec.ready, Ready::Immediate)
}

/// Returns the state of a child that does not run. `gave_up`: a person must see that it was given up.
fn resting(why: &Rest, last: Option<&Last>, gave_up: bool) -> ProcessState {
    let ended = || match last {
        None => ProcessState::Stopped,
        Some(last) if last.cause.is_asked() => ProcessState::Stopped,
        Some(last) => match (last.decision.1, last.cause) {
            (Action::Exhaust { .. }, _) | (_, Cause::StartFailed { .. }) => ProcessState::Fatal,
            (
                Action::AsWanted | Action::Restart { .. } | Action::Regroup { .. } | Action::Finish,
                _,
            ) => ProcessState::Exited,
        },
    };
    match why {
        Rest::Waiting { .. }
        | Rest::Broken { until: Some(_) }
        | Rest::Cooldown { until: Some(_), .. } => ProcessState::Backoff,
        Rest::Broken { until: None } | Rest::Cooldown { until: None, .. } => ProcessState::Fatal,
        Rest::Quarantined if gave_up => ProcessState::Fatal,
        Rest::Group | Rest::Need { .. } | Rest::Slot { .. } | Rest::Storm { .. } => {
            ProcessState::Starting
        }
        Rest::Finished(Finish::Completed | Finish::Failed) => ended(),
        Rest::Paused | Rest::Demand if ended() == ProcessState::Fatal => ProcessState::Exited,
        Rest::Paused | Rest::Demand => ended(),
        Rest::Draining
        | Rest::Above
        | Rest::Quarantined
        | Rest::Stopped
        | Rest::Finished(
            Finish::Skipped | Finish::Stopped | Finish::NeedLost | Finish::AwaitsStart,
        ) => ProcessState::Stopped,
    }
}

/// The states that a child enters with one event, in order; at most two.
pub(crate) type Steps = [Option<ProcessState>; 2];

/// Returns the states that a child enters with an event about it, after it was in `before`: what a listener is told
/// as `PROCESS_STATE_*`, each with the one before it as `from_state`.
///
/// A run that ends too early goes to `BACKOFF`, and to `FATAL` where that was the last try; one that had shown that it
/// stays goes to `EXITED`, whether or not another one follows.
pub(crate) fn steps(before: ProcessState, event: &Event, spec: &ChildSpec) -> Steps {
    use ProcessState::{Backoff, Exited, Fatal, Running, Starting, Stopped, Stopping};
    let to = |state: ProcessState| [(state != before).then_some(state), None];
    const NONE: Steps = [None, None];
    match event {
        Event::Starting { .. } => to(Starting),
        Event::Ready { .. } if !proves_itself(spec) => to(Running),
        Event::Stable { .. } if before == Starting => to(Running),
        Event::Stopping { .. } | Event::Forced(..) => to(Stopping),
        Event::Exited { cause, .. } => match before {
            _ if cause.is_asked() => to(Stopped),
            Starting | Backoff => NONE,
            // It ended while it was being stopped, whatever it says about it.
            Stopping => to(Stopped),
            Stopped | Running | Exited | Fatal => to(Exited),
        },
        Event::Decided { action, .. } => match (before, action) {
            (Starting | Backoff, Action::Exhaust { .. }) => {
                [(before != Backoff).then_some(Backoff), Some(Fatal)]
            }
            (Starting, Action::Restart { .. } | Action::Regroup { .. } | Action::AsWanted) => {
                to(Backoff)
            }
            (Starting, Action::Finish) => to(Exited),
            (Exited, Action::Exhaust { .. }) => to(Fatal),
            (Stopped | Running | Backoff | Stopping | Exited | Fatal, _) => NONE,
        },
        Event::Rests { why: Rest::Stopped, .. } if before == Backoff => to(Stopped),
        Event::Rests { .. }
        | Event::Ready { .. }
        | Event::Stable { .. }
        | Event::Added { .. }
        | Event::Removed(_)
        | Event::Replaced { .. }
        | Event::Started { .. }
        | Event::Rehydrating(..)
        | Event::Unready(..)
        | Event::Probed { .. }
        | Event::Guarded(..)
        | Event::Reloaded { .. }
        | Event::Frozen { .. }
        | Event::Abandoned(..)
        | Event::Counted { .. }
        | Event::Breaker { .. }
        | Event::Regrouping { .. }
        | Event::Regrouped(_)
        | Event::GaveUp { .. }
        | Event::AutoShutdown { .. }
        | Event::Alert { .. }
        | Event::Acknowledged { .. }
        | Event::Commanded { .. }
        | Event::Refused { .. }
        | Event::Draining { .. }
        | Event::DrainForced { .. }
        | Event::Drained(_)
        | Event::Blocked { .. }
        | Event::Told { .. }
        | Event::Stalled { .. }
        | Event::Stale { .. }
        | Event::Backwards { .. } => NONE,
    }
}

/// Returns what became of a run that ended, in the words of supervisord's `spawnerr`; empty where there is nothing to
/// complain of.
pub(crate) fn complaint(last: &Last, had_run: bool) -> String {
    let cause = last.cause;
    if matches!(cause, Cause::StartFailed { .. }) {
        return last.detail.as_ref().map_or_else(|| cause.to_string(), ToString::to_string);
    }
    if cause.is_asked() || cause.is_clean() && had_run {
        String::new()
    } else if had_run {
        cause.to_string()
    } else {
        String::from("Exited too quickly (process log may have details)")
    }
}

#[cfg(test)]
mod tests {
    use super::ProcessState::{Backoff, Exited, Fatal, Starting, Stopped};
    use super::*;
    use mainstay::{Asked, Class, Delay, Moment, OnExhausted, Rule, RunId};
    use mainstay_core::ChildId;
    use mainstay_core::spec::Kind;
    use std::time::Duration;

    const CHILD: ChildId = ChildId::ROOT;
    const RUN: RunId = RunId(1);
    const FAILED: Cause = Cause::Failed { code: Some(3), class: Class::Plain };

    fn last(cause: Cause, action: Action) -> Last {
        Last {
            run: RUN,
            began: Moment::ZERO,
            ended: Moment::ZERO,
            asked: None,
            forced: false,
            cause,
            exit: None,
            detail: None,
            decision: (Rule::OnFailure, action),
        }
    }

    const EXHAUST: Action = Action::Exhaust { end: OnExhausted::Quarantine, owner: CHILD };

    #[test]
    fn a_child_that_rests_is_in_one_state() {
        let failed = last(FAILED, Action::Finish);
        let spent = last(FAILED, EXHAUST);
        let stopped = last(Cause::Stopped, Action::AsWanted);
        let soon = Moment::ZERO + Duration::from_secs(1);
        let table = [
            (Rest::Stopped, None, false, Stopped),
            (Rest::Waiting { until: soon }, Some(&failed), false, Backoff),
            (Rest::Broken { until: Some(soon) }, Some(&spent), false, Backoff),
            (Rest::Broken { until: None }, Some(&spent), false, Fatal),
            (Rest::Quarantined, Some(&spent), true, Fatal),
            (Rest::Quarantined, Some(&spent), false, Stopped),
            (Rest::Finished(Finish::Failed), Some(&failed), false, Exited),
            (Rest::Finished(Finish::Completed), Some(&failed), false, Exited),
            (Rest::Finished(Finish::Stopped), Some(&stopped), false, Stopped),
            (Rest::Need { child: CHILD }, None, false, Starting),
            (Rest::Paused, None, false, Stopped),
            (Rest::Paused, Some(&stopped), false, Stopped),
            (Rest::Paused, Some(&failed), false, Exited),
            (Rest::Demand, Some(&failed), false, Exited),
        ];
        for (why, last, gave_up, expected) in table {
            assert_eq!(resting(&why, last, gave_up), expected, "{why:?}");
        }
    }

    /// Plays events, and returns the names of the states that are entered.
    fn played(events: &[Event], spec: &ChildSpec) -> String {
        let mut now = Stopped;
        let mut entered = Vec::new();
        for event in events {
            for state in steps(now, event, spec).into_iter().flatten() {
                now = state;
                entered.push(state.name());
            }
        }
        entered.join(" ")
    }

    fn spec(preset: Option<Preset>) -> ChildSpec {
        let mut child = mainstay::task("web", async |cx: mainstay::Context| cx.stopped().await);
        if let Some(preset) = preset {
            child = child.preset(preset);
        }
        let (tree, _) = mainstay::tree().child(child).into_spec().expect("a tree");
        let Kind::Supervisor(root) = &tree.root.kind else { panic!("the root is a supervisor") };
        ChildSpec::clone(&root.children[0].1.spec)
    }

    #[test]
    fn listeners_hear_the_steps_that_supervisord_tells() {
        let starting = Event::Starting { child: CHILD, run: RUN, by_hand: false, trial: false };
        let ready = Event::Ready { child: CHILD, run: RUN, took: Duration::ZERO };
        let stable = Event::Stable { child: CHILD, run: RUN, forgotten: 0 };
        let stopping = Event::Stopping { child: CHILD, run: RUN, asked: Asked::Stop };
        let exited = |cause| Event::Exited {
            child: CHILD,
            run: RUN,
            cause,
            exit: None,
            detail: None,
            lived: Duration::ZERO,
        };
        let decided =
            |action| Event::Decided { child: CHILD, run: RUN, rule: Rule::Always, action };
        let again = decided(Action::Restart { at: Moment::ZERO, delay: Delay::default() });
        let strict = spec(Some(Preset::Supervisord));
        let lax = spec(None);
        let failed = exited(FAILED);
        let up = [starting.clone(), ready.clone(), stable];
        let table: [(&str, &ChildSpec, Vec<Event>, &str); 6] = [
            ("up", &strict, up.to_vec(), "STARTING RUNNING"),
            ("up at once", &lax, up.to_vec(), "STARTING RUNNING"),
            (
                "ends too early, twice",
                &strict,
                vec![
                    starting.clone(),
                    ready.clone(),
                    failed.clone(),
                    again.clone(),
                    starting.clone(),
                    ready,
                    failed.clone(),
                    decided(EXHAUST),
                ],
                "STARTING BACKOFF STARTING BACKOFF FATAL",
            ),
            (
                "stopped",
                &strict,
                [up.to_vec(), vec![stopping, exited(Cause::Stopped), decided(Action::AsWanted)]]
                    .concat(),
                "STARTING RUNNING STOPPING STOPPED",
            ),
            (
                "ends after it has shown that it stays",
                &strict,
                [up.to_vec(), vec![failed, again, starting]].concat(),
                "STARTING RUNNING EXITED STARTING",
            ),
            (
                "has done its work",
                &lax,
                [up.to_vec(), vec![exited(Cause::Completed), decided(Action::Finish)]].concat(),
                "STARTING RUNNING EXITED",
            ),
        ];
        for (what, spec, events, expected) in table {
            assert_eq!(played(&events, spec), expected, "{what}");
        }
    }
}

//! What a tree did, in the words that the right side of a row uses.

use mainstay_core::child::{Finish, Rest};
use mainstay_core::command::Done;
use mainstay_core::policy::breaker::BreakerState;
use mainstay_core::{ChildId, Effect, Effects, Event, Moment, Outcome, Refusal};
use std::collections::BTreeMap;
use std::time::Duration;

/// Says what one input led to: events that decide, then effects, then replies.
#[expect(clippy::wildcard_enum_match_arm, reason = "a row tells what decides, not every event")]
pub(crate) fn say(
    out: &Effects,
    names: &BTreeMap<ChildId, String>,
    shown: &[String],
    now: Moment,
) -> Vec<String> {
    let shows = |topic: &str| shown.iter().any(|shown| shown == topic);
    let name = |id: &ChildId| names.get(id).map_or("?", String::as_str);
    let mut said = Vec::new();
    for event in &out.events {
        let words = match event {
            Event::Rests { child, why } => rest(name(child), why, shown, now),
            Event::Breaker { child, over_children, state, .. } => {
                let whose = if *over_children { "children of " } else { "" };
                Some(match state {
                    BreakerState::Closed => format!("{whose}{} closes", name(child)),
                    BreakerState::Trial => format!("{whose}{} on trial", name(child)),
                    BreakerState::Open(None) => format!("{whose}{} opens until reset", name(child)),
                    BreakerState::Open(Some(until)) => {
                        format!("{whose}{} opens {}", name(child), span(until.since(now)))
                    }
                })
            }
            Event::GaveUp { supervisor, by } => {
                Some(format!("{} gives up by {}", name(supervisor), name(by)))
            }
            Event::AutoShutdown { supervisor, by } => {
                Some(format!("{} ends by {}", name(supervisor), name(by)))
            }
            Event::Draining { .. } => Some("drain".into()),
            Event::DrainForced { abandoning } => {
                Some(if *abandoning { "leave" } else { "force" }.into())
            }
            Event::Stale { child, run } => Some(format!("stale {}{run}", name(child))),
            Event::Blocked { child, run, lasted } => {
                Some(format!("blocked {}{run} {}", name(child), span(*lasted)))
            }
            Event::Told { child, run, news } => Some(format!("told {}{run} {news}", name(child))),
            Event::Stalled { lasted } => Some(format!("stalled {}", span(*lasted))),
            Event::Backwards { by } => Some(format!("backwards {}", span(*by))),
            Event::Unready(child, run) => Some(format!("unready {}{run}", name(child))),
            Event::Ready { child, run, .. } if shows("ready") => {
                Some(format!("ready {}{run}", name(child)))
            }
            Event::Stable { child, run, .. } if shows("stable") => {
                Some(format!("stable {}{run}", name(child)))
            }
            Event::Exited { child, run, cause, .. } if shows("exits") => {
                Some(format!("{}{run} {cause}", name(child)))
            }
            Event::Decided { child, rule, .. } if shows("rules") => {
                Some(format!("{} by {rule:?}", name(child)))
            }
            Event::Alert { child, kind } if shows("alerts") => {
                Some(format!("alert {} {kind:?}", name(child)))
            }
            Event::Regrouping { leader, .. } if shows("groups") => {
                Some(format!("regroup by {}", name(leader)))
            }
            Event::Regrouped(supervisor) if shows("groups") => {
                Some(format!("regrouped {}", name(supervisor)))
            }
            Event::Starting { child, run, by_hand, trial } if shows("runs") => {
                let hand = if *by_hand { " by hand" } else { "" };
                let trial = if *trial { " on trial" } else { "" };
                Some(format!("begins {}{run}{hand}{trial}", name(child)))
            }
            Event::Started { child, run, took } if shows("runs") => {
                Some(format!("started {}{run} after {}", name(child), span(*took)))
            }
            Event::Frozen { child, run, frozen } if shows("runs") => {
                let word = if *frozen { "frozen" } else { "thawed" };
                Some(format!("{word} {}{run}", name(child)))
            }
            Event::Stopping { child, run, asked } if shows("asks") => {
                Some(format!("asks {}{run} by {asked:?}", name(child)))
            }
            Event::Rehydrating(child, run) if shows("runs") => {
                Some(format!("rehydrates {}{run}", name(child)))
            }
            Event::Reloaded { child, run, done } if shows("runs") => {
                let word = if *done { "reloaded" } else { "reloads" };
                Some(format!("{word} {}{run}", name(child)))
            }
            Event::Abandoned(child, run) if shows("runs") => {
                Some(format!("abandoned {}{run}", name(child)))
            }
            Event::Counted { child, before, stamped, spent, .. } if shows("counts") => {
                let stamped = if *stamped { " stamped" } else { "" };
                let spent = if *spent { " spent" } else { "" };
                let (count, most) = (before.count, before.most);
                Some(format!("{} counts {count} of {most}{stamped}{spent}", name(child)))
            }
            Event::Guarded(child, run) => Some(format!("guarded {}{run}", name(child))),
            _ => None,
        };
        said.extend(words);
    }
    said.extend(out.effects.iter().map(|effect| effect_words(effect, &name)));
    said.extend(out.replies.iter().map(|reply| answer(&reply.result)));
    said
}

/// Why a child does not run. The passing reasons of bring-up and groups are told only where asked for.
fn rest(name: &str, why: &Rest, shown: &[String], now: Moment) -> Option<String> {
    let passing = |word: &str| {
        let shows = shown.iter().any(|shown| shown == "rests");
        shows.then(|| format!("{name} rests: {word}"))
    };
    let word = match why {
        Rest::Waiting { until } => return Some(format!("{name} waits {}", span(until.since(now)))),
        Rest::Quarantined => "quarantined",
        Rest::Paused => "paused",
        Rest::Stopped => "stopped",
        Rest::Finished(Finish::Completed) => "completed",
        Rest::Finished(Finish::Failed) => "failed",
        Rest::Finished(Finish::Skipped) => "skipped",
        Rest::Finished(Finish::Stopped) => "stopped with its group",
        Rest::Finished(Finish::NeedLost) => "need lost",
        Rest::Finished(Finish::AwaitsStart) => "awaits start",
        Rest::Demand => "demand",
        Rest::Need { .. } => "need",
        Rest::Cooldown { .. } => "cooling",
        // The breaker's own event tells more.
        Rest::Broken { .. } => return None,
        Rest::Draining => return passing("draining"),
        Rest::Above => return passing("above"),
        Rest::Group => return passing("group"),
        Rest::Slot { .. } => return passing("slot"),
        Rest::Storm { .. } => return passing("storm"),
    };
    Some(format!("{name} rests: {word}"))
}

fn effect_words<'a>(effect: &Effect, name: &impl Fn(&ChildId) -> &'a str) -> String {
    match effect {
        Effect::Start { child, run, .. } => format!("start {}{run}", name(child)),
        Effect::Stop { child, run, step: 0 } => format!("stop {}{run}", name(child)),
        Effect::Stop { child, run, step } => format!("stop {}{run} step {step}", name(child)),
        Effect::Kill(child, run) => format!("kill {}{run}", name(child)),
        Effect::Probe { child, run, probe, .. } => format!("probe {}{run} {probe}", name(child)),
        Effect::Rehydrate(child, run) => format!("rehydrate {}{run}", name(child)),
        Effect::Reload(child, run) => format!("reload {}{run}", name(child)),
        Effect::Freeze(child, run) => format!("freeze {}{run}", name(child)),
        Effect::Thaw(child, run) => format!("thaw {}{run}", name(child)),
        Effect::Change(child, run) => format!("change {}{run}", name(child)),
        Effect::Abandon(child, run) => format!("abandon {}{run}", name(child)),
        Effect::Forget(child) => format!("forget {}", name(child)),
        Effect::End(Outcome::Asked) => "end".into(),
        Effect::End(outcome @ Outcome::Fatal { child, .. }) => {
            format!("end {} by {}", outcome.code(), name(child))
        }
    }
}

fn answer(result: &Result<Done, Refusal>) -> String {
    match result {
        Ok(Done { changed: true, .. }) => "ok".into(),
        Ok(Done { changed: false, .. }) => "already".into(),
        Err(refusal) => {
            let debug = format!("{refusal:?}");
            let word = debug.split([' ', '{', '(']).next().unwrap_or("").to_lowercase();
            format!("refused: {word}")
        }
    }
}

/// A span in its largest whole unit: `500ms`, `15s`, `1h`.
pub(crate) fn span(span: Duration) -> String {
    let nanos = span.as_nanos();
    let units: [(u128, &str); 6] = [
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
        (1, "ns"),
    ];
    let fits = units.iter().find(|(size, _)| nanos >= *size && nanos.is_multiple_of(*size));
    fits.map_or_else(|| "0s".into(), |(size, unit)| format!("{}{unit}", nanos / size))
}

//! What a child is doing, in a few words.

use super::{Wall, brief};
use mainstay::{ChildId, Finish, Moment, View};
use mainstay_core::child::{Life, Phase, Rest, State};

/// Returns what a child is doing, with the reason where it does not run.
pub(super) fn words(
    view: &View,
    wall: Wall,
    is_scheduled: bool,
    name_of: &dyn Fn(ChildId) -> Option<String>,
) -> String {
    match &view.state {
        State::Live(life) if view.paused => format!("{}, paused", live(life)),
        State::Live(life) => live(life),
        State::Rest { why: Rest::Demand, .. } if is_scheduled => "waits for its schedule".into(),
        State::Rest { why: Rest::Finished(finish), .. } if is_scheduled => {
            let finish = match finish {
                Finish::Failed => "failed",
                Finish::Completed
                | Finish::Skipped
                | Finish::Stopped
                | Finish::NeedLost
                | Finish::AwaitsStart => finished(*finish),
            };
            format!("{finish}; waits for its schedule")
        }
        State::Rest { why, .. } => rest(why, wall, name_of),
    }
}

fn live(life: &Life) -> String {
    let asked = |what: &str| match life.asked {
        Some((asked, _)) => format!("{what}: {asked}"),
        None => what.to_owned(),
    };
    match life.phase {
        Phase::Starting { .. } => String::from("starting"),
        Phase::Started { until: Some(_) } => String::from("up, not ready yet"),
        Phase::Started { until: None } => String::from("up"),
        Phase::Rehydrating { .. } => String::from("up, restores what the last run had"),
        Phase::Ready { .. } => String::from("ready"),
        Phase::Unready => String::from("up, not ready any more: its readiness probe fails"),
        Phase::Stopping { .. } => asked("stopping"),
        Phase::Killing { .. } => asked("being ended by force"),
        Phase::Abandoned { .. } => String::from("abandoned: it could not be ended"),
    }
}

fn rest(why: &Rest, wall: Wall, name_of: &dyn Fn(ChildId) -> Option<String>) -> String {
    let name = |child: ChildId, other: &str| name_of(child).unwrap_or_else(|| other.to_owned());
    let until = |until: &Option<Moment>| match until {
        Some(until) => wall.clock(*until),
        None => String::from("it is reset"),
    };
    match why {
        Rest::Draining => String::from("down: the tree ends"),
        Rest::Above => String::from("down: its supervisor is not up"),
        Rest::Group => String::from("waits for its siblings to start with it"),
        Rest::Quarantined => String::from("quarantined: down until released"),
        Rest::Paused => String::from("down: automatic starts are paused"),
        Rest::Broken { until: end } => format!("breaker open until {}", until(end)),
        Rest::Stopped => String::from("down: stopped by an operator"),
        Rest::Finished(finish) => finished(*finish).to_owned(),
        Rest::Waiting { until } => {
            format!("waits {}, then starts again", brief(wall.until(*until)))
        }
        Rest::Demand => String::from("down until it is wanted"),
        Rest::Need { child } => format!("needs {} first", name(*child, "another child")),
        Rest::Cooldown { supervisor, until: end } => {
            format!("{} cools down until {}", name(*supervisor, "its supervisor"), until(end))
        }
        Rest::Slot { .. } => String::from("waits for its turn to start: its siblings are starting"),
        Rest::Storm { .. } => String::from("waits for its turn to start: the tree limits starts"),
    }
}

const fn finished(finish: Finish) -> &'static str {
    match finish {
        Finish::Completed => "completed",
        Finish::Failed => "failed, gets no further run",
        Finish::Skipped => "had nothing to do",
        Finish::Stopped => "down: stopped with its siblings, gets no further run",
        Finish::NeedLost => "down: a child it needs went away",
        Finish::AwaitsStart => "down: its breaker was reset, awaits a start",
    }
}

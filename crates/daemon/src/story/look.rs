//! What the core says of a child, as the API says it.

use super::{Wall, wall};
use mainstay::{Alert, AlertKind, Moment, Path, Standing, Why};
use mainstay_wire::api;

/// Returns what a child is doing, in one word.
pub const fn standing(standing: Standing) -> api::Standing {
    match standing {
        Standing::Down => api::Standing::Down,
        Standing::Waiting => api::Standing::Waiting,
        Standing::Blocked => api::Standing::Blocked,
        Standing::Starting => api::Standing::Starting,
        Standing::Up => api::Standing::Up,
        Standing::Ready => api::Standing::Ready,
        Standing::Stopping => api::Standing::Stopping,
        Standing::Abandoned => api::Standing::Abandoned,
        Standing::Removed => api::Standing::Removed,
    }
}

/// Returns what happens next by itself.
pub fn next(at: Moment, why: Why, wall: &Wall) -> api::Next {
    let in_ms = wall::millis(at.since(wall.now));
    api::Next { at: wall.at(at), in_ms, what: what(why).into() }
}

/// Returns what a deadline does, as the predicate of a sentence about the child.
pub(super) const fn what(why: Why) -> &'static str {
    match why {
        Why::Backoff => "starts again",
        Why::Cooldown => "is tried once",
        Why::StartTimeout => "is ended, unless it has started",
        Why::ReadyTimeout => "is ended, unless it is ready",
        Why::Stable => "counts as stable, and its earlier failures are forgotten",
        Why::Grace => "is asked by the next stop step, or ended by force",
        Why::KillWait => "is given up as lost, unless it is gone",
        Why::Heartbeat => "is ended, unless it sends a heartbeat",
        Why::Progress => "is ended, unless its pending work moves",
        Why::Probe(_) => "is probed",
        Why::Recycle => "makes place for a fresh run",
        Why::Idle => "is stopped, unless somebody uses it",
        Why::Group => "starts with its siblings",
        Why::Trial => "has passed its trial",
        Why::Storm => "gets its turn to start",
        Why::Drain => "is ended by force",
    }
}

/// Returns something that a person must see about a child.
pub fn alert(path: &Path, alert: &Alert, wall: &Wall) -> api::Alert {
    let (seen_by, seen_why, seen_at) = match &alert.seen {
        Some((who, why, at)) => (Some(who.as_ref().into()), Some(why.as_ref().into()), Some(*at)),
        None => (None, None, None),
    };
    api::Alert {
        path: path.as_str().into(),
        kind: alert_word(alert.kind).into(),
        text: alert.kind.to_string(),
        since_at: wall.at(alert.since),
        again: alert.again,
        over: alert.over,
        seen_by,
        seen_why,
        seen_at: seen_at.map(|at| wall.at(at)),
    }
}

const fn alert_word(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::BreakerOpened => "breaker-opened",
        AlertKind::GroupCooling => "group-cooling",
        AlertKind::Quarantined => "quarantined",
        AlertKind::CannotStart(_) => "cannot-start",
        AlertKind::Permanent => "permanent",
        AlertKind::GaveUp => "gave-up",
        AlertKind::Abandoned => "abandoned",
    }
}

//! The tree as it is, in the forms of the API.

mod state;

use super::Service;
use crate::tend::{by_schedule, is_held};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use mainstay::{
    Alert, AlertKind, ChildId, Handle, Last, Moment, Overall, View, Want, Why, cause_name,
};
use mainstay_core::child::{Phase, Rest, State};
use mainstay_wire::api;
use std::collections::BTreeMap;
use std::time::Duration;

/// A moment of the tree's clock and of the wall's clock at once: it turns the one into the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wall {
    pub(crate) now: Moment,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
}

impl Wall {
    /// Looks at both clocks.
    pub(crate) fn now(handle: &Handle) -> Self {
        Self { now: handle.now(), at: Timestamp::now().as_millisecond() }
    }

    /// Returns a moment as wall time, as if the clock had never been set.
    pub(crate) fn of(self, moment: Moment) -> i64 {
        self.at.saturating_add(self.until(moment))
    }

    /// Returns how far a moment lies ahead in milliseconds, less than zero where it is past.
    pub(crate) fn until(self, moment: Moment) -> i64 {
        if moment >= self.now {
            millis(moment.since(self.now))
        } else {
            -millis(self.now.since(moment))
        }
    }

    /// Returns the time of day here, with the date where that is another one.
    pub(crate) fn clock(self, moment: Moment) -> String {
        let zone = TimeZone::system();
        let of = |at| Timestamp::from_millisecond(at).map(|at| at.to_zoned(zone.clone()));
        let (Ok(then), Ok(now)) = (of(self.of(moment)), of(self.at)) else {
            return String::from("a far day");
        };
        let form = if then.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
        then.strftime(form).to_string()
    }
}

/// Returns a span in milliseconds.
pub(crate) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Returns a span for people: tenths of a second up to a minute, then whole seconds.
pub(crate) fn brief(ms: i64) -> String {
    let ms = ms.max(0);
    let whole = if ms < 60_000 { ms / 100 * 100 } else { ms / 1_000 * 1_000 };
    let span = SignedDuration::from_millis(whole).unsigned_abs();
    mainstay::Brief(span).to_string()
}

/// Makes the whole status.
pub(crate) async fn status(service: &Service) -> api::Status {
    let views = service.handle.status().await;
    let wall = Wall::now(&service.handle);
    let has_ended = views.is_err();
    let views = views.unwrap_or_default();
    let names: BTreeMap<ChildId, &str> =
        views.iter().map(|view| (view.child, view.path.as_str())).collect();
    let name_of = |child: ChildId| names.get(&child).map(|name| (*name).to_owned());
    let children: Vec<api::Child> =
        views.iter().map(|view| child(service, view, wall, &name_of)).collect();
    let alerts = children.iter().flat_map(|child| &child.alerts);
    let unseen = alerts.filter(|alert| alert.seen_at.is_none()).count();
    let about = service.about();
    let version =
        if about.version.is_empty() { env!("CARGO_PKG_VERSION").into() } else { about.version };
    let health = service.handle.health();
    let overall = if has_ended { api::Overall::Ended } else { overall(health.overall) };
    api::Status {
        name: service.inner.name.clone(),
        version,
        now_at: wall.at,
        began_at: about.began_at.unwrap_or(service.inner.since),
        brain_pid: std::process::id(),
        brain_began_at: about.brain_began_at.unwrap_or(service.inner.since),
        brain_restarts: about.brain_restarts,
        keeper_pid: about.keeper_pid,
        spec_file: about.spec_file,
        health: api::Health {
            overall,
            fine: health.fine,
            coming: health.coming,
            degraded: health.degraded,
            faulted: health.faulted,
            alerts: u32::try_from(unseen).unwrap_or(u32::MAX),
        },
        draining: health.overall == Overall::Draining,
        journal: service.inner.book.as_ref().map(|book| book.journal()),
        notices: about.notices,
        children,
    }
}

const fn overall(overall: Overall) -> api::Overall {
    match overall {
        Overall::Draining => api::Overall::Draining,
        Overall::Faulted => api::Overall::Faulted,
        Overall::Starting => api::Overall::Coming,
        Overall::Degraded => api::Overall::Degraded,
        Overall::Serving => api::Overall::Serving,
    }
}

/// Makes one child. `name_of` knows the paths of others that its state speaks of.
pub(crate) fn child(
    service: &Service,
    view: &View,
    wall: Wall,
    name_of: &dyn Fn(ChildId) -> Option<String>,
) -> api::Child {
    let path = view.path.as_str().to_owned();
    let process = view.process.as_deref();
    let owned = |text: &std::sync::Arc<str>| text.to_string();
    let trouble = process.and_then(|process| process.trouble.as_ref()).map(owned);
    let panic = view.panic.as_ref().map(|panic| panic.to_string());
    let program = service.inner.program.as_ref();
    let scheduled = scheduled(service, view);
    api::Child {
        kind: view.kind.into(),
        standing: standing(view.standing),
        state: state::words(view, wall, scheduled.is_some(), name_of),
        since_at: Some(wall.of(since(view))),
        run: view.run.map(|run| run.0),
        runs: view.runs,
        restarts: view.runs.saturating_sub(1),
        pid: process.and_then(|process| process.pid),
        next: view
            .next
            .map(|(at, why)| next(at, why, wall))
            .or_else(|| Some(by_schedule(scheduled?, wall.at))),
        want: match view.want {
            Want::Up => api::Want::Up,
            Want::Down => api::Want::Down,
        },
        paused: view.paused,
        quarantined: view.quarantined,
        revision: view.revision,
        last: view.last.as_ref().map(|last| last_run(last, wall)),
        alerts: view.alerts.iter().map(|one| alert(&path, one, wall)).collect(),
        says: process.and_then(|process| process.status.as_ref()).map(owned),
        said: process
            .iter()
            .flat_map(|process| &process.said)
            .map(|(name, value)| (owned(name), owned(value)))
            .collect(),
        position: view.position.as_ref().map(owned),
        trouble: trouble.or(panic),
        log: process
            .and_then(|process| process.log.as_ref())
            .map(|log| log.to_string_lossy().into_owned()),
        addresses: process.iter().flat_map(|process| &process.addresses).map(owned).collect(),
        contain: process.and_then(|process| process.contain.as_ref()).map(owned),
        dropped: process.map_or(0, |process| process.dropped),
        criticality: view.criticality.to_string(),
        description: program.and_then(|program| program.description(&path)),
        labels: program.map(|program| program.labels(&path)).unwrap_or_default(),
        path,
    }
}

/// Returns since when a child does what it does.
fn since(view: &View) -> Moment {
    match &view.state {
        State::Rest { since, .. } => *since,
        State::Live(life) => match (life.phase, life.asked) {
            (Phase::Abandoned { since }, _) => since,
            (_, Some((_, asked))) => asked,
            (_, None) => view.began,
        },
    }
}

pub(crate) const fn standing(standing: mainstay::Standing) -> api::Standing {
    match standing {
        mainstay::Standing::Down => api::Standing::Down,
        mainstay::Standing::Waiting => api::Standing::Waiting,
        mainstay::Standing::Blocked => api::Standing::Blocked,
        mainstay::Standing::Starting => api::Standing::Starting,
        mainstay::Standing::Up => api::Standing::Up,
        mainstay::Standing::Ready => api::Standing::Ready,
        mainstay::Standing::Stopping => api::Standing::Stopping,
        mainstay::Standing::Abandoned => api::Standing::Abandoned,
        mainstay::Standing::Removed => api::Standing::Removed,
    }
}

pub(crate) fn next(at: Moment, why: Why, wall: Wall) -> api::Next {
    let what = match why {
        Why::Backoff => "starts again",
        Why::Cooldown => "starts on trial",
        Why::StartTimeout => "must have started",
        Why::ReadyTimeout => "must be ready",
        Why::Stable => "counts as stable",
        Why::Grace => "goes to the next step of its stop",
        Why::KillWait => "is abandoned",
        Why::Heartbeat => "counts as silent",
        Why::Progress => "counts as stuck",
        Why::Probe(_) => "is probed",
        Why::Recycle => "makes place for a fresh run",
        Why::Idle => "ends because it is idle",
        Why::Group => "starts again with its siblings",
        Why::Trial => "has passed its trial",
        Why::Storm => "may start",
        Why::Drain => "is ended by force",
    };
    api::Next { at: wall.of(at), in_ms: wall.until(at), what: what.into() }
}

/// Returns when the schedule of a child starts it: only where that is what it waits for.
pub(crate) fn scheduled(service: &Service, view: &View) -> Option<i64> {
    let waits = match &view.state {
        State::Rest { why: Rest::Demand | Rest::Finished(_), .. } => !is_held(view),
        State::Rest { .. } | State::Live(_) => false,
    };
    let program = service.inner.program.as_ref().filter(|_| waits)?;
    program.next_start(view.path.as_str())
}

fn last_run(last: &Last, wall: Wall) -> api::LastRun {
    let text = match &last.detail {
        Some(detail) => format!("{}: {detail}", last.cause),
        None => last.cause.to_string(),
    };
    api::LastRun {
        run: last.run.0,
        ended_at: wall.of(last.ended),
        lived_ms: millis(last.ended.since(last.began)),
        cause: cause_name(&last.cause).into(),
        text,
    }
}

/// Returns what an alert is, as a word.
pub(crate) const fn alert_kind(kind: AlertKind) -> &'static str {
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

pub(crate) fn alert(path: &str, alert: &Alert, wall: Wall) -> api::Alert {
    let kind = alert_kind(alert.kind);
    let seen = alert.seen.as_ref();
    api::Alert {
        path: path.into(),
        kind: kind.into(),
        text: alert.kind.to_string(),
        since_at: wall.of(alert.since),
        again: alert.again,
        over: alert.over,
        seen_by: seen.map(|(who, _, _)| who.to_string()),
        seen_why: seen.map(|(_, why, _)| why.to_string()),
        seen_at: seen.map(|(_, _, at)| wall.of(*at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_become_wall_time_on_both_sides_of_now() {
        let second = Duration::from_secs(1);
        let wall = Wall { now: Moment::ZERO + 10 * second, at: 1_000_000 };
        assert_eq!(wall.of(Moment::ZERO + 12 * second), 1_002_000);
        assert_eq!(wall.of(Moment::ZERO + 7 * second), 997_000);
        assert_eq!(wall.clock(Moment::FAR).len(), "2554-01-01 00:00:00".len());
    }

    #[test]
    fn spans_are_cut_to_what_a_person_reads() {
        let table = [(4_268, "4.2s"), (59_999, "59.9s"), (61_700, "1m 1s"), (-5, "0s")];
        for (ms, expected) in table {
            assert_eq!(brief(ms), expected);
        }
    }
}

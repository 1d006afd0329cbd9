//! The words for rules, limits and decisions.

use super::name;
use crate::story::Known;
use mainstay::{Action, Asked, Brief, ChildId, Delay, Event, Limit, Moment, OnExhausted, Rule};
use mainstay_core::LimitId;
use mainstay_core::policy::budget::{Count, Reading, Scope, Within};
use std::time::Duration;

/// A limit as it stood when an exit was decided.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) limit: LimitId,
    pub(crate) before: Reading,
    pub(crate) stamped: bool,
    pub(crate) spent: bool,
}

/// Returns a rule as a word.
pub const fn rule_word(rule: Rule) -> &'static str {
    match rule {
        Rule::Asked(_) => "asked",
        Rule::Draining => "draining",
        Rule::Closing => "closing",
        Rule::GroupUnderWay => "group-under-way",
        Rule::Always => "always",
        Rule::OnFailure => "on-failure",
        Rule::CleanEnd => "clean-end",
        Rule::Never => "never",
        Rule::Skipped => "skipped",
        Rule::Permanent => "permanent",
        Rule::Fatal => "fatal",
        Rule::Unmendable => "unmendable",
        Rule::Spent(_) => "spent",
        Rule::TrialFailed => "trial-failed",
        Rule::Disowned => "disowned",
        Rule::BegunAgain => "begun-again",
    }
}

/// Returns a decision as a word; for a spent budget what it leads to.
pub const fn action_word(action: &Action) -> &'static str {
    match action {
        Action::AsWanted => "as-wanted",
        Action::Restart { .. } => "restart",
        Action::Regroup { .. } => "regroup",
        Action::Finish => "finish",
        Action::Exhaust { end, .. } => match end {
            OnExhausted::Cooldown => "cooldown",
            OnExhausted::Quarantine => "quarantine",
            OnExhausted::Escalate => "escalate",
            OnExhausted::Shutdown => "shutdown",
        },
    }
}

/// Returns why a run was asked to end, for the end of a sentence.
pub(crate) const fn asked(asked: Asked) -> &'static str {
    match asked {
        Asked::Stop => "an operator stopped it",
        Asked::Restart => "an operator restarted it",
        Asked::Recycle => "it makes place for a fresh run",
        Asked::Guard => "it passed its hard memory limit",
        Asked::Group => "its siblings are restarted with it",
        Asked::Close => "its supervisor is closing",
        Asked::Dependency => "a child it needs went away",
        Asked::Quarantine => "it was quarantined",
        Asked::Remove => "it is being removed",
        Asked::Replace => "its spec has changed",
        Asked::Idle => "nobody used it",
        Asked::StartTimeout => "it did not start in time",
        Asked::ReadyTimeout => "it did not become ready in time",
        Asked::HeartbeatLost => "its heartbeat was lost",
        Asked::ProbeFailed => "its probe failed",
        Asked::NoProgress => "its pending work stood still",
    }
}

/// Returns the rule that decided, for a sentence.
pub(crate) const fn rule(rule: Rule) -> &'static str {
    match rule {
        Rule::Asked(asked) => self::asked(asked),
        Rule::Draining => "the tree was draining",
        Rule::Closing => "its supervisor was closing",
        Rule::GroupUnderWay => "its group was being restarted already",
        Rule::Always => "by `restart: always`",
        Rule::OnFailure => "by `restart: on-failure`",
        Rule::CleanEnd => "a clean end under `restart: on-failure`",
        Rule::Never => "by `restart: never`",
        Rule::Skipped => "there was nothing to do",
        Rule::Permanent => "the error was permanent",
        Rule::Fatal => "the error was fatal",
        Rule::Unmendable => "no retry can mend that",
        Rule::Spent(_) => "a limit is spent",
        Rule::TrialFailed => "it was the one run that was to test an open breaker",
        Rule::Disowned => "an operator went past the run that could not be ended",
        Rule::BegunAgain => "nobody saw it end, and the tree was begun again",
    }
}

/// Returns the rule that decided, with what was counted.
fn rule_counted(why: Rule, counts: &[Counted], known: &dyn Known) -> String {
    let Rule::Spent(id) = why else { return rule(why).into() };
    let Some(limit) = known.limit(id) else { return rule(why).into() };
    let count = counts.iter().find(|counted| counted.limit == id);
    spent(&limit, count.map(|counted| counted.before.count))
}

/// Returns what it means that a limit is spent: `10 of 10 restarts in 10m are used`.
pub(crate) fn spent(limit: &Limit, before: Option<u32>) -> String {
    match limit.count {
        // The failure that is judged counts already, and was the one too many.
        Count::Failures => {
            used(limit, before.map_or(limit.most, |before| before.saturating_add(1)))
        }
        Count::Restarts | Count::Starts => used(limit, before.unwrap_or(limit.most)),
    }
}

/// Returns how a limit stands: `7 of 10 restarts in 10m are used`.
pub(crate) fn used(limit: &Limit, count: u32) -> String {
    let most = limit.most;
    let within = match limit.within {
        Within::Sliding(span) | Within::Tumbling(span) => format!("in {}", Brief(rounded(span))),
        Within::Consecutive => "in a row".into(),
    };
    let whose = match limit.scope {
        Scope::Child => "",
        Scope::Supervisor => " by it and its siblings",
        Scope::Tree => " by the whole tree",
    };
    match limit.count {
        Count::Failures => {
            let plural = if count == 1 { "failure" } else { "failures" };
            format!("{count} {plural} {within}{whose}, {most} are too many")
        }
        Count::Starts | Count::Restarts => {
            let noun = limit.count.word();
            format!("{count} of {most} {noun} {within}{whose} are used")
        }
    }
}

/// Drops the nanosecond that makes the far edge of a window belong to it.
fn rounded(span: Duration) -> Duration {
    Duration::from_micros(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
}

/// Returns what was decided about the end of a child's run, with its rule and its counts.
pub(crate) fn decision(
    child: ChildId,
    decided: (Rule, Action),
    now: Moment,
    counts: &[Counted],
    known: &dyn Known,
) -> String {
    let (why, action) = decided;
    let mut text = match (why, &action) {
        // What was asked for says by itself what follows.
        (Rule::Asked(asked), Action::AsWanted) => return wanted(asked).into(),
        (
            Rule::Draining
            | Rule::Closing
            | Rule::GroupUnderWay
            | Rule::Disowned
            | Rule::BegunAgain,
            _,
        ) => {
            return format!("{}: what is wanted decides", rule(why));
        }
        _ => format!(
            "{}: {}",
            rule_counted(why, counts, known),
            consequence(child, &action, now, known)
        ),
    };
    for counted in counts {
        if matches!(why, Rule::Spent(limit) if limit == counted.limit) {
            continue;
        }
        let Some(limit) = known.limit(counted.limit) else { continue };
        let count = counted.before.count.saturating_add(u32::from(counted.stamped));
        text.push_str("; ");
        text.push_str(&used(&limit, count));
        if counted.spent {
            text.push_str(" up");
        }
    }
    text
}

/// Returns what follows a run that ended as asked.
pub(crate) const fn wanted(asked: Asked) -> &'static str {
    match asked {
        Asked::Stop => "stays down until it is started: an operator stopped it",
        Asked::Restart => "starts again at once: an operator restarted it",
        Asked::Recycle => "starts again at once: it made place for a fresh run",
        Asked::Guard => "starts again at once: it had passed its hard memory limit",
        Asked::Group => "starts again with its siblings",
        Asked::Close => "its supervisor is closing",
        Asked::Dependency => "waits for the child it needs",
        Asked::Quarantine => "stays down until it is released: it was quarantined",
        Asked::Remove => "leaves the tree",
        Asked::Replace => "starts again at once with its new spec",
        Asked::Idle => "starts again when somebody wants to use it",
        Asked::StartTimeout
        | Asked::ReadyTimeout
        | Asked::HeartbeatLost
        | Asked::ProbeFailed
        | Asked::NoProgress => "what is wanted decides",
    }
}

fn consequence(child: ChildId, action: &Action, now: Moment, known: &dyn Known) -> String {
    match action {
        Action::AsWanted => "what is wanted decides".into(),
        Action::Restart { at, delay } => {
            let wait = at.since(now);
            if wait.is_zero() {
                "starts again at once".into()
            } else {
                format!("starts again in {}{}", Brief(wait), made_of(delay))
            }
        }
        Action::Regroup { delay } => {
            let wait = delay.wait;
            format!(
                "its siblings are stopped, then all start after {}{}",
                Brief(wait),
                made_of(delay)
            )
        }
        Action::Finish => "no further run".into(),
        Action::Exhaust { end, owner } => {
            let who = known.path(*owner).map_or_else(|| "another".into(), |path| name(&path));
            let is_own = *owner == child;
            match end {
                OnExhausted::Cooldown if is_own => "its breaker opens".into(),
                OnExhausted::Cooldown => format!("all children of {who} cool down"),
                OnExhausted::Quarantine if is_own => "stays down until it is released".into(),
                OnExhausted::Quarantine => format!("{who} stays down until it is released"),
                OnExhausted::Escalate if is_own => "its supervisor gives up".into(),
                OnExhausted::Escalate => format!("{who} gives up"),
                OnExhausted::Shutdown => "the whole tree ends".into(),
            }
        }
    }
}

/// Returns what a wait is made of, where that is not its backoff alone.
fn made_of(delay: &Delay) -> String {
    let mut parts = Vec::new();
    if delay.position > 0 {
        parts.push(format!("end {} in a row", delay.position.saturating_add(1)));
    }
    if delay.wait != delay.base {
        parts.push(format!("backoff {}, varied", Brief(delay.base)));
    }
    if !delay.holdoff.is_zero() {
        parts.push(format!("{} of it holdoff since its last start", Brief(delay.holdoff)));
    }
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

/// Returns a limit's reading out of a `Counted` event.
pub(crate) const fn counted(event: &Event) -> Option<(ChildId, Counted)> {
    if let Event::Counted { child, limit, before, stamped, spent } = event {
        let counted = Counted { limit: *limit, before: *before, stamped: *stamped, spent: *spent };
        Some((*child, counted))
    } else {
        None
    }
}

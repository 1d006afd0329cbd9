//! What did happen, in the form of what would: to be compared with it.

use super::timeline::Steps;
use super::{Scenario, ScenarioError, Timeline};
use crate::story::wall;
use mainstay_wire::api;
use std::time::Duration;

/// Returns what the policy of the time has done, from the runs of one child, the oldest first. `now_at` is the present
/// time in milliseconds since 1970: until then the last run lives, or the child is down.
///
/// How many alerts there were is not in the records of runs.
///
/// # Errors
///
/// When no run has ended.
pub fn recorded(runs: &[api::Run], now_at: i64) -> Result<Timeline, ScenarioError> {
    let scenario = Scenario::from_runs(runs)?.name;
    let Some(first) = runs.first() else { return Err(ScenarioError::NoHistory) };
    let after =
        |at: i64| Duration::from_millis(at.saturating_sub(first.began_at).max(0).unsigned_abs());
    let horizon = after(now_at);
    let mut steps = Steps::default();
    let mut timeline = Timeline {
        policy: "what happened".into(),
        scenario,
        horizon,
        starts: runs.len() as u64,
        alerts: None,
        ..Timeline::default()
    };
    let mut down_since = Duration::ZERO;
    for run in runs {
        let ended = run.ended_at.map_or(horizon, after);
        if let Some(ready) = run.ready_at.map(after).filter(|ready| *ready < ended) {
            timeline.was_down(ready.saturating_sub(down_since));
            timeline.served(ready, ended);
            down_since = ended;
        }
        let action = run.action.as_ref();
        if let Some(action) = action.filter(|action| gives_up(&action.word))
            && timeline.gave_up_at.is_none()
        {
            timeline.gave_up_at = Some(ended);
            timeline.gave_up = Some(led_to(action).into());
        }
        let (like, text) = told(run);
        steps.push_like(after(run.began_at), like, text);
    }
    timeline.was_down(horizon.saturating_sub(down_since));
    let begun: Vec<Duration> = runs.iter().map(|run| after(run.began_at)).collect();
    timeline.begun(&begun);
    timeline.ends = match runs.last() {
        Some(last) if last.ended_at.is_none() && last.ready_at.is_some() => "ready".into(),
        Some(last) if last.ended_at.is_none() => "is up and not ready".into(),
        Some(_) | None => "down".into(),
    };
    timeline.steps = steps.done();
    timeline.sum_up();
    Ok(timeline)
}

/// Returns a run in words, and what is the same for all that go like it.
fn told(run: &api::Run) -> (String, String) {
    let Some(cause) = &run.cause else {
        return (format!("#{}", run.run), format!("#{} lives", run.run));
    };
    let how = cause.text.split(": ").next().unwrap_or(&cause.text);
    let word = run.action.as_ref().map_or("", |action| &action.word);
    let lived = wall::span(Duration::from_millis(run.lived_ms.unwrap_or(0).max(0).unsigned_abs()));
    let then = match (&run.action, run.ended_at) {
        (Some(api::Action { restart_at: Some(at), .. }), Some(ended)) => {
            let wait = Duration::from_millis(at.saturating_sub(ended).max(0).unsigned_abs());
            format!("; again in {}", wall::span(wait))
        }
        (Some(action), _) if gives_up(&action.word) => format!("; {}", led_to(action)),
        (Some(_) | None, _) => String::new(),
    };
    (format!("{how} {word}"), format!("#{} {how} after {lived}{then}", run.run))
}

/// Whether a decision is what a spent budget leads to.
fn gives_up(action: &str) -> bool {
    matches!(action, "cooldown" | "quarantine" | "escalate" | "shutdown")
}

/// Returns what a decision led to, without its reason and its counts.
fn led_to(action: &api::Action) -> &str {
    let text = action.text.split("; ").next().unwrap_or(&action.text);
    text.split(": ").last().unwrap_or(text)
}

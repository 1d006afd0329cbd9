//! Policies in virtual time, against what has happened or what is made up. Nothing of it touches the tree.

use super::apart::apart;
use super::look::Wall;
use super::route::{Answer, Ask, json};
use super::trouble::Trouble;
use super::words;
use crate::simulate::{self, Policy, PolicyError, Scenario, exit, pattern, recorded};
use crate::spec;
use axum::http::StatusCode;
use mainstay_wire::api::{
    Lives, MOST_ENDS, MOST_POLICIES, PlayedPolicy, Run, Simulated, Simulation,
};

/// The most recorded runs that are played.
const MOST_RUNS: u32 = 1_000;
/// The longest policy as text.
const LONGEST_POLICY: usize = 16 * 1024;

pub(super) async fn simulate(ask: Ask) -> Answer {
    let form: Simulation = ask.form("a simulation")?;
    let bad = |text: String| Err(unplayable(text));
    if form.policies.len() > MOST_POLICIES {
        return bad(format!("at most {MOST_POLICIES} policies are played at once"));
    }
    if !(1..=MOST_RUNS).contains(&form.runs) {
        return bad(format!("`runs` must be 1 to {MOST_RUNS}"));
    }
    let mut policies = Vec::new();
    for policy in &form.policies {
        policies.push(named(&ask, policy).await?);
    }
    let child = form.child.as_deref().map(|child| child.trim_matches('/'));
    if policies.is_empty() {
        match child {
            Some(child) => policies.push(of_child(&ask, child).await?),
            None => return bad("say whose policy: `policies`, or `child`".into()),
        }
    }
    let (scenario, happened, horizon) = match (&form.lives, child) {
        (Some(lives), _) => {
            let scenario = made_up(lives)?;
            let horizon = scenario.horizon();
            (scenario, None, horizon)
        }
        (None, Some(child)) => {
            let runs = runs(&ask, child, form.runs).await?;
            let none = |error: simulate::ScenarioError| {
                let text = format!("cannot play what happened to {child}: {error}");
                Trouble::new(StatusCode::CONFLICT, "no-history", text)
            };
            let happened = recorded(&runs, Wall::now(&ask.service.handle).at).map_err(none)?;
            let scenario = Scenario::from_runs(&runs).map_err(none)?;
            let horizon = happened.horizon;
            (scenario, Some(happened), horizon)
        }
        (None, None) => return bad("say what is played: `lives`, or `child`".into()),
    };
    // Whoever may look must not keep all processors busy.
    let Ok(turn) = ask.service.inner.simulations.clone().try_acquire_owned() else {
        let text = "others are being played already";
        let trouble = Trouble::new(StatusCode::TOO_MANY_REQUESTS, "too-many", text);
        return Err(trouble.hint("ask again in a moment"));
    };
    let seed = form.seed;
    let timelines = apart(move || {
        let played = policies
            .iter()
            .map(|policy| simulate::simulate(policy, &scenario, horizon, seed).told());
        let played: Vec<_> = played.collect();
        drop(turn);
        played
    });
    let timelines = timelines.await?;
    Ok(json(&Simulated { happened: happened.map(|happened| happened.told()), timelines }))
}

async fn named(ask: &Ask, policy: &PlayedPolicy) -> Result<Policy, Trouble> {
    match policy {
        PlayedPolicy::Child(child) => of_child(ask, child.trim_matches('/')).await,
        PlayedPolicy::Preset(name) => Policy::named(name).ok_or_else(|| {
            let near = super::near::near(name, Policy::names());
            let text = format!("there is no preset `{name}`");
            Trouble::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown-preset", text).hint(match near
                .first()
            {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", Policy::names().collect::<Vec<_>>().join(", ")),
            })
        }),
        PlayedPolicy::Spec(text) if text.len() > LONGEST_POLICY => {
            let text = format!("a policy has at most {LONGEST_POLICY} bytes");
            Err(unplayable(text))
        }
        PlayedPolicy::Spec(text) => {
            let spec = spec::policy(text).map_err(|problems| {
                let text = "the policy is wrong";
                let mut trouble = Trouble::new(StatusCode::UNPROCESSABLE_ENTITY, "spec", text);
                trouble.problem.details = problems.details();
                trouble
            })?;
            Policy::of("as written", &spec).map_err(|error| unfit(&error))
        }
    }
}

async fn of_child(ask: &Ask, child: &str) -> Result<Policy, Trouble> {
    let view = ask.view_of(child).await?;
    Policy::of(child, &view.spec).map_err(|error| unfit(&error))
}

/// It is well-formed, and there is nothing that could be played.
fn unplayable(text: String) -> Trouble {
    Trouble::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-simulation", text)
}

fn unfit(error: &PolicyError) -> Trouble {
    Trouble::new(StatusCode::UNPROCESSABLE_ENTITY, "unfit", error.to_string())
}

fn made_up(lives: &Lives) -> Result<Scenario, Trouble> {
    let wrong = |error: simulate::ScenarioError| unplayable(error.to_string());
    if !(1..=MOST_ENDS).contains(&lives.times) {
        let text = format!("`times` must be 1 to {MOST_ENDS}");
        return Err(unplayable(text));
    }
    let spans = pattern(&lives.dies_after).map_err(wrong)?;
    let scenario = Scenario::dies(spans, lives.times, exit(&lives.exit).map_err(wrong)?);
    match &lives.ready_after {
        Some(ready) => {
            let ready = pattern(ready).map_err(wrong)?;
            let Some(ready) = ready.first() else { return Ok(scenario) };
            Ok(scenario.ready_after(*ready))
        }
        None => Ok(scenario),
    }
}

/// Returns the latest runs of one child, the oldest first, and the one that lives.
async fn runs(ask: &Ask, child: &str, most: u32) -> Result<Vec<Run>, Trouble> {
    let mut runs = ask.ended_runs(Some(child), None, most as usize).await?;
    if let Ok(view) = ask.service.handle.child(child).await {
        runs.extend(words::live(&view, Wall::now(&ask.service.handle)));
    }
    runs.retain(|run| run.path == child);
    runs.sort_by_key(|run| run.run);
    runs.dedup_by_key(|run| run.run);
    Ok(runs)
}

//! `mainstay simulate`: what a policy would do with what has happened, or with ends that are made up.

use super::journal::in_full;
use super::{Desk, ask};
use crate::args::{Global, SimulateArgs};
use crate::client::address;
use crate::fault::{Exit, Fault};
use crate::screen::{Screen, say};
use crate::show;
use mainstay_core::Tree;
use mainstay_daemon::simulate::{self, Policy, Scenario, Timeline, compare, recorded};
use mainstay_daemon::{spec, verify};
use mainstay_wire::api::{Child, Problem, Run, Status};
use std::path::Path;
use std::time::Duration;

/// How wide a timeline is where nobody counts columns.
const WIDTH: usize = 100;

pub(super) fn simulate(args: &SimulateArgs, global: &Global) -> Result<Exit, Fault> {
    let is_made_up = !args.dies_after.is_empty();
    let Some(child) = args.child.as_deref().map(|child| child.trim_matches('/')) else {
        if !is_made_up && args.preset.is_none() && args.against.is_none() {
            return Err(Fault::Usage {
                text: "say what to simulate: a child, or lives by `--dies-after 3s`".into(),
                hint: Some(
                    "`mainstay simulate --preset systemd --dies-after 3s --times 50`".into(),
                ),
            });
        }
        let policy = preset(args.preset.as_deref().unwrap_or("default"))?;
        return made_up(&policy, args, &Screen::of(global), global.json);
    };
    match (&args.preset, &args.file) {
        (Some(_), _) if is_made_up => Err(Fault::Usage {
            text: format!("nothing of `{child}` would be played"),
            hint: Some("leave out the child, or `--preset`, or `--dies-after`".into()),
        }),
        (None, Some(file)) if is_made_up => {
            made_up(&declared(file, child)?, args, &Screen::of(global), global.json)
        }
        (_, _) => ask(global, async |desk| desk.simulate(child, args).await),
    }
}

impl Desk {
    /// Plays the policy or the recorded runs of a child that the daemon knows.
    async fn simulate(&self, child: &str, args: &SimulateArgs) -> Result<Exit, Fault> {
        if !args.dies_after.is_empty() {
            let policy = policy(&self.tree().await?, child)?;
            return made_up(&policy, args, &self.screen, self.is_json);
        }
        // What was typed is wrong or right without the daemon.
        let against = args.against.as_deref().map(preset).transpose()?;
        let named = match (&args.preset, &args.file) {
            (Some(name), _) => Some(preset(name)?),
            (None, Some(file)) => Some(declared(file, child)?),
            (None, None) => None,
        };
        let runs = self.runs(child, args.runs).await?;
        let status = self.tree().await?;
        let no_history = |error: &dyn std::fmt::Display| Fault::Failed {
            text: format!("cannot play what happened to {child}: {error}"),
            hint: Some(format!("`mainstay history {child}` shows what is recorded")),
        };
        let happened = recorded(&runs, status.now_at).map_err(|error| no_history(&error))?;
        let scenario = Scenario::from_runs(&runs).map_err(|error| no_history(&error))?;
        let policy = match named {
            Some(policy) => policy,
            None => policy(&status, child)?,
        };
        let play =
            |policy: &Policy| simulate::simulate(policy, &scenario, happened.horizon, args.seed);
        let played = play(&policy);
        let timelines = match against {
            Some(against) => [played, play(&against)],
            None => [happened, played],
        };
        print(&timelines, &self.screen, self.is_json)
    }

    /// Returns the runs of a child, the oldest first, and the one that lives.
    async fn runs(&self, child: &str, most: u64) -> Result<Vec<Run>, Fault> {
        let query = format!("/history?path={}&limit={most}", address(child));
        let mut runs: Vec<Run> = self.client.parse(&self.client.read(&query).await?)?;
        if let Some(live) = self.live(child).await? {
            runs.push(live);
        }
        runs.retain(|run| run.path == child);
        runs.sort_by_key(|run| run.run);
        runs.dedup_by_key(|run| run.run);
        Ok(runs)
    }

    /// Returns the run that lives. Who has left the tree has none.
    async fn live(&self, child: &str) -> Result<Option<Run>, Fault> {
        let known = match self.client.read(&format!("/children/{}", address(child))).await {
            Ok(body) => self.client.parse::<Child>(&body)?,
            Err(Fault::Refused { status: 404, .. }) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let Some(number) = known.run else { return Ok(None) };
        let path = format!("/postmortem/{}/{number}", address(child));
        match self.client.read(&path).await {
            Ok(body) => Ok(Some(self.client.parse(&body)?)),
            // It has ended meanwhile, or is not known well enough.
            Err(Fault::Refused { status: 404, .. }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}

/// Returns the policy that a child of the running tree has. The journal knows it, whatever its spec file says by now.
fn policy(status: &Status, child: &str) -> Result<Policy, Fault> {
    let fault = |why: &str| Fault::Failed {
        text: format!("cannot tell the policy of {child}: {why}"),
        hint: Some("take one with `--preset NAME`, or from a spec file with `--file`".into()),
    };
    let Some(journal) = &status.journal else {
        return Err(fault(&format!("{} keeps no journal", status.name)));
    };
    let tree = verify::present(Path::new(&journal.folder))
        .map_err(|error| fault(&in_full(&error)))?
        .ok_or_else(|| fault(&format!("no snapshot in `{}` can be read", journal.folder)))?;
    within(&tree, child)
}

/// Returns the policy of a child of a tree.
fn within(tree: &Tree, child: &str) -> Result<Policy, Fault> {
    let path = mainstay_core::Path::from(child);
    let Some(found) = tree.find(&path).and_then(|id| tree.child(id)) else {
        let paths: Vec<String> = tree
            .children()
            .filter_map(|child| Some(tree.path(child.id)?.as_str().to_owned()))
            .collect();
        return Err(unknown(child, paths.iter().map(String::as_str)));
    };
    of(child, &found.spec.spec)
}

/// Returns the policy of a child of a spec file.
fn declared(file: &Path, child: &str) -> Result<Policy, Fault> {
    let environment = |name: &str| std::env::var(name).ok();
    let loaded = spec::load(file, &environment, None).map_err(|problems| Fault::Refused {
        status: 400,
        problem: Problem {
            code: "spec".into(),
            text: format!("the spec file `{}` cannot be used", file.display()),
            hint: None,
            details: problems.details(),
        },
    })?;
    let names: Vec<String> = loaded.names().map(str::to_owned).collect();
    let (tree, _) = loaded.tree.into_spec().map_err(|error| Fault::Failed {
        text: format!("`{}` declares no tree: {error}", file.display()),
        hint: None,
    })?;
    let mut found = &tree.root;
    for name in child.split('/') {
        let children = found.spec.supervisor().map_or(&[][..], |above| &above.children);
        match children.iter().find(|(other, _)| **other == *name) {
            Some((_, next)) => found = next,
            None => return Err(unknown(child, names.iter().map(String::as_str))),
        }
    }
    of(child, &found.spec)
}

fn of(child: &str, spec: &mainstay_core::spec::ChildSpec) -> Result<Policy, Fault> {
    Policy::of(child, spec).map_err(|error| Fault::Usage { text: error.to_string(), hint: None })
}

fn unknown<'a>(child: &str, known: impl Iterator<Item = &'a str>) -> Fault {
    let near = show::nearest(child, known);
    Fault::Unknown {
        text: format!("there is no child {child}"),
        hint: near.map(|near| format!("did you mean `{near}`?")),
    }
}

/// Returns a policy by its name.
fn preset(name: &str) -> Result<Policy, Fault> {
    Policy::named(name).ok_or_else(|| {
        let hint = match show::nearest(name, Policy::names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", Policy::names().collect::<Vec<_>>().join(", ")),
        };
        Fault::Usage { text: format!("there is no preset `{name}`"), hint: Some(hint) }
    })
}

/// Plays what was typed.
fn made_up(
    policy: &Policy,
    args: &SimulateArgs,
    screen: &Screen,
    is_json: bool,
) -> Result<Exit, Fault> {
    // Two policies are told apart by a child that dies soon.
    let stock = [Duration::from_secs(1)];
    let said = args.dies_after.as_slice();
    let lives: Vec<Duration> = if said.is_empty() { stock.to_vec() } else { said.to_vec() };
    let ends = u32::try_from(lives.len()).unwrap_or(u32::MAX).saturating_mul(args.times);
    let mut scenario = Scenario::dies(lives, ends, args.exit);
    if let Some(ready) = args.ready_after {
        scenario = scenario.ready_after(ready);
    }
    let play =
        |policy: &Policy| simulate::simulate(policy, &scenario, scenario.horizon(), args.seed);
    let mut timelines = vec![play(policy)];
    if let Some(against) = &args.against {
        timelines.push(play(&preset(against)?));
    }
    print(&timelines, screen, is_json)
}

fn print(timelines: &[Timeline], screen: &Screen, is_json: bool) -> Result<Exit, Fault> {
    if is_json {
        for timeline in timelines {
            // Numbers and texts can always be written.
            let body = serde_json::to_vec(&timeline.told()).unwrap_or_default();
            say(&show::json(&body, screen))?;
        }
        return Ok(Exit::Done);
    }
    let width = screen.width.unwrap_or(WIDTH);
    let text = match timelines {
        [one, other] => compare(one, other, width),
        all => all.iter().map(|timeline| timeline.text(width)).collect(),
    };
    let lines: Vec<String> = text.lines().map(|line| show::tame(line, false)).collect();
    say(&lines.join("\n"))?;
    Ok(Exit::Done)
}

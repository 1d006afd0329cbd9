//! The commands that read a story: explain, history, postmortem, alerts; and wait.

use super::Desk;
use crate::args::{AlertsArgs, ExplainArgs, HistoryArgs, PostmortemArgs, WaitArgs, WaitFor};
use crate::client::address;
use crate::fault::{Exit, Fault};
use crate::screen::say;
use crate::show;
use mainstay_wire::api::{Alert, Child, Explanation, Overall, Run, Standing, Status, Want};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How many earlier runs a post-mortem is compared with.
const BEFORE: usize = 5;
/// How many runs are looked through for those of one child.
const HISTORY_MOST: u64 = 1_000;
/// How long one question of a wait lasts; it is asked again until the time is up.
const WAIT: Duration = Duration::from_secs(30);
/// The pause between two looks at the tree.
const LOOK: Duration = Duration::from_millis(100);

impl Desk {
    /// Says why children do what they do.
    pub(super) async fn explain(&self, args: &ExplainArgs) -> Result<Exit, Fault> {
        let paths = self.expand(&args.children).await?;
        for (at, path) in paths.iter().enumerate() {
            let body = self.client.read(&format!("/explain/{}", address(path))).await?;
            if self.print_json(&body)? {
                continue;
            }
            let why: Explanation = self.client.parse(&body)?;
            let text = if args.policy {
                show::policy(&why.policy, &self.screen)
            } else {
                show::explanation(&why, &self.screen)
            };
            let gap = if at > 0 { "\n" } else { "" };
            say(&format!("{gap}{text}"))?;
        }
        Ok(Exit::Done)
    }

    /// Lists runs.
    pub(super) async fn history(&self, args: &HistoryArgs) -> Result<Exit, Fault> {
        let paths = self.expand(&args.children).await?;
        let queries = match paths.as_slice() {
            [] => vec![format!("/history?limit={}", args.lines)],
            paths => {
                let query =
                    |path: &String| format!("/history?path={}&limit={}", address(path), args.lines);
                paths.iter().map(query).collect()
            }
        };
        let mut runs: Vec<Run> = Vec::new();
        for query in queries {
            let body = self.client.read(&query).await?;
            if !self.print_json(&body)? {
                runs.extend(self.client.parse::<Vec<Run>>(&body)?);
            }
        }
        if self.is_json {
            return Ok(Exit::Done);
        }
        runs.sort_by_key(|run| std::cmp::Reverse(run.began_at));
        runs.truncate(usize::try_from(args.lines).unwrap_or(usize::MAX));
        say(&show::history(&runs, self.client.now(), &self.screen))?;
        Ok(Exit::Done)
    }

    /// Shows all that is known of one run.
    pub(super) async fn postmortem(&self, args: &PostmortemArgs) -> Result<Exit, Fault> {
        let path = args.run.path.trim_matches('/');
        let address = address(path);
        let history = format!("/history?path={address}&limit={HISTORY_MOST}");
        let mut runs: Vec<Run> = self.client.parse(&self.client.read(&history).await?)?;
        runs.retain(|run| run.path == path);
        runs.sort_by_key(|run| std::cmp::Reverse(run.run));
        let latest = || runs.iter().find(|run| run.ended_at.is_some()).map(|run| run.run);
        let Some(number) = args.run.run.or_else(latest) else {
            let text = format!("no run of {path} has ended yet");
            let hint = Some(format!("`mainstay status {path}` shows the one that lives"));
            return Err(Fault::Unknown { text, hint });
        };
        let body = self.client.read(&format!("/postmortem/{address}/{number}")).await?;
        if self.print_json(&body)? {
            return Ok(Exit::Done);
        }
        let run: Run = self.client.parse(&body)?;
        runs.retain(|other| other.run < number);
        runs.truncate(BEFORE);
        say(&show::postmortem(&run, &runs, self.client.now(), &self.screen))?;
        Ok(Exit::Done)
    }

    /// Lists what a person must see. Fails where there is something that nobody has acknowledged.
    pub(super) async fn alerts(&self, args: &AlertsArgs) -> Result<Exit, Fault> {
        if args.deliveries {
            return self.deliveries(None).await;
        }
        let body = self.client.read("/alerts").await?;
        let alerts: Vec<Alert> = self.client.parse(&body)?;
        let open = alerts.iter().filter(|alert| alert.seen_by.is_none());
        let exit = if open.clone().next().is_some() { Exit::Failed } else { Exit::Done };
        if self.print_json(&body)? || self.is_quiet {
            return Ok(exit);
        }
        let mut shown: Vec<&Alert> = open.collect();
        if args.all {
            shown.extend(alerts.iter().filter(|alert| alert.seen_by.is_some()));
        }
        say(&show::alerts(&shown, self.client.now(), &self.screen))?;
        Ok(exit)
    }

    /// Waits until each child is as it is wanted.
    pub(super) async fn wait(&self, args: &WaitArgs) -> Result<Exit, Fault> {
        let word = match args.until {
            WaitFor::Ready => "ready",
            WaitFor::Up => "up",
            WaitFor::Down => "down",
        };
        let end = args.timeout.map(|timeout| Instant::now() + timeout);
        for path in self.expand(&args.children).await? {
            self.wait_for(&path, word, end).await?;
        }
        Ok(Exit::Done)
    }

    /// Waits until all that is wanted up is ready. What is down because nothing more is wanted of it for now holds up
    /// nobody: it has a schedule, waits for demand, has completed, or was stopped.
    pub(super) async fn wait_for_all(&self, timeout: Duration) -> Result<Exit, Fault> {
        let end = Instant::now() + timeout;
        loop {
            let body = self.client.read("/status").await?;
            let tree: Status = self.client.parse(&body)?;
            // Nobody waits for what is optional before a tree serves; here somebody does.
            let is_late = tree.children.iter().any(is_late);
            if tree.health.overall == Overall::Serving && !is_late {
                if !self.print_json(&body)? && !self.is_quiet {
                    say(&format!("{} is ready", show::tame(&tree.name, false)))?;
                }
                return Ok(Exit::Done);
            }
            if Instant::now() >= end {
                return Err(not_ready(&tree));
            }
            sleep(LOOK).await;
        }
    }

    /// Waits for one child. Each question is short, so that a brain that is replaced is asked anew.
    async fn wait_for(&self, path: &str, word: &str, end: Option<Instant>) -> Result<(), Fault> {
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let within = left.map_or(WAIT, |left| left.min(WAIT));
            let query = format!(
                "/wait/{}?for={word}&timeout={}ms",
                address(path),
                within.as_millis().max(1)
            );
            match self.client.read_within(&query, within).await {
                Ok(body) => {
                    if !self.print_json(&body)? && !self.is_quiet {
                        let child: Child = self.client.parse(&body)?;
                        say(&format!("{path}: {}", show::tame(&child.state, false)))?;
                    }
                    return Ok(());
                }
                Err(Fault::Refused { status: 408 | 504, .. }) => {
                    if left.is_some_and(|left| left <= WAIT) {
                        let now = self.client.read(&format!("/children/{}", address(path))).await?;
                        let now: Child = self.client.parse(&now)?;
                        let state = show::tame(&now.state, false);
                        let text = format!("{path} is not {word} in time: {state}");
                        let hint = Some(format!("`mainstay explain {path}` says why"));
                        return Err(Fault::TimedOut { text, hint });
                    }
                }
                Err(fault) => return Err(fault),
            }
        }
    }
}

/// Returns that a tree does not serve in time, with every child that keeps it from that.
fn not_ready(tree: &Status) -> Fault {
    let is_meant = |child: &&Child| is_late(child) || has_failed(child);
    let late: Vec<&Child> = tree.children.iter().filter(is_meant).collect();
    // A supervisor is late because of its children: it is named where none of them is.
    let is_named = |child: &&&Child| {
        let below = format!("{}/", child.path);
        !late.iter().any(|other| other.path.starts_with(&below))
    };
    let line = |child: &&Child| {
        format!("{}: {}", show::tame(&child.path, false), show::tame(&child.state, false))
    };
    let mut text = format!("{} is not ready in time", show::tame(&tree.name, false));
    for line in late.iter().filter(is_named).map(line) {
        text.push_str(&format!("\n  {line}"));
    }
    let hint = Some("`mainstay explain CHILD` says why; the daemon goes on".into());
    Fault::TimedOut { text, hint }
}

/// Returns whether a child that is wanted up is down, and not because it has done what it had to.
fn has_failed(child: &Child) -> bool {
    let has_failed = child.last.as_ref().is_some_and(|last| last.cause != "completed");
    has_failed && child.standing == Standing::Down && child.want == Want::Up && !child.paused
}

/// Returns whether a child is on its way, or down although it should not be.
fn is_late(child: &Child) -> bool {
    let is_late = match child.standing {
        Standing::Ready | Standing::Removed => false,
        Standing::Starting
        | Standing::Up
        | Standing::Waiting
        | Standing::Stopping
        | Standing::Abandoned => true,
        // Whoever waits for demand is as it should be; the API says so in words alone.
        Standing::Blocked => child.state != "down until it is wanted",
        Standing::Down => child.quarantined || !show::is_fine(child) && !child.paused,
    };
    is_late && child.want == Want::Up
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_wire::api::LastRun;

    /// Returns a child of `child.json` that stands so.
    fn child(path: &str, standing: Standing, state: &str) -> Child {
        let known = include_bytes!("../../tests/answers/child.json");
        let mut child: Child = serde_json::from_slice(known).unwrap();
        (child.path, child.standing, child.state) = (path.into(), standing, state.into());
        child.last = None;
        (child.want, child.paused, child.quarantined) = (Want::Up, false, false);
        child.trouble = None;
        child.alerts.clear();
        child
    }

    #[test]
    fn only_what_should_run_by_now_is_late() {
        let serving = include_bytes!("../../tests/answers/serving.json");
        let mut tree: Status = serde_json::from_slice(serving).unwrap();
        tree.name = "shop".into();
        let failed = Some(LastRun {
            run: 1,
            ended_at: 0,
            lived_ms: 9,
            cause: "failed".into(),
            text: "failed with exit code 1".into(),
        });
        let stopped = Child { want: Want::Down, ..child("s", Standing::Down, "down: stopped") };
        tree.children = vec![
            child("app", Standing::Up, "up, not ready yet"),
            child("app/db", Standing::Waiting, "waits 4s, then starts again"),
            child("app/web", Standing::Blocked, "needs db first"),
            child("demand", Standing::Blocked, "down until it is wanted"),
            child("nightly", Standing::Down, "completed"),
            child("fine", Standing::Ready, "ready"),
            Child { last: failed, ..child("lost", Standing::Down, "failed, gets no further run") },
            Child { quarantined: true, ..child("bad", Standing::Down, "quarantined") },
            stopped,
        ];
        let fault = not_ready(&tree);
        assert_eq!(
            fault.to_string(),
            "shop is not ready in time\n  app/db: waits 4s, then starts again\n  \
             app/web: needs db first\n  lost: failed, gets no further run\n  bad: quarantined"
        );
        assert_eq!(fault.exit(), Exit::TimedOut);
    }
}

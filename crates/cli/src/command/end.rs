//! `mainstay down` and `mainstay upgrade`: what happens to the daemon itself.

use super::Desk;
use crate::args::{DownArgs, UpgradeArgs};
use crate::fault::{Exit, Fault};
use crate::place::is_in_use;
use crate::screen::{Tint, say};
use crate::show;
use mainstay_wire::api::{Event, Status, Verb};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a daemon may be away before it counts as ended.
const GONE: Duration = Duration::from_secs(1);
/// How long a daemon that answers no more may write what it still has.
const SETTLED: Duration = Duration::from_secs(30);
/// How long an upgrade may take.
const UPGRADED: Duration = Duration::from_secs(30);
/// The pause between two looks at the daemon.
const LOOK: Duration = Duration::from_millis(50);

impl Desk {
    /// Ends the tree and the daemon, and waits for it.
    pub(super) async fn down(&self, args: &DownArgs) -> Result<Exit, Fault> {
        // Where it keeps its journals is known as long as it answers.
        let journals = match args.no_wait {
            true => Vec::new(),
            false => self.tree().await.map(|tree| journals(&tree)).unwrap_or_default(),
        };
        let body = self.command(Verb::Drain {}, "", &args.acting).await?;
        self.show_reply(&body).await?;
        if args.force {
            // The second request skips to killing what is left.
            match self.command(Verb::Drain {}, "", &args.acting).await {
                Ok(body) => self.show_reply(&body).await?,
                // It had nothing left to kill, and is gone.
                Err(Fault::Absent { .. } | Fault::Broken { .. }) => {}
                Err(fault) => return Err(fault),
            }
        }
        if args.no_wait {
            return Ok(Exit::Done);
        }
        let mut stream = self.client.follow("/events".into()).patient(GONE);
        loop {
            match stream.next().await {
                Ok(Some(message)) => self.show_end(&message.data)?,
                Ok(None) | Err(Fault::Absent { .. } | Fault::Broken { .. }) => break,
                Err(fault) => return Err(fault),
            }
        }
        let begun = Instant::now();
        while journals.iter().any(|folder| is_in_use(folder)) {
            if begun.elapsed() > SETTLED {
                let seconds = SETTLED.as_secs();
                let text = format!("the daemon still writes its journal after {seconds} s");
                let hint = Some("its disk may be slow; every child has ended".into());
                return Err(Fault::TimedOut { text, hint });
            }
            sleep(LOOK).await;
        }
        if !self.is_json && !self.is_quiet {
            say(&self.screen.paint(Tint::Good, "the daemon has ended"))?;
        }
        Ok(Exit::Done)
    }

    /// Shows the ends of runs while the tree ends.
    fn show_end(&self, data: &str) -> Result<(), Fault> {
        let Ok(event) = serde_json::from_str::<Event>(data) else { return Ok(()) };
        if self.is_json || self.is_quiet || !matches!(event.kind.as_str(), "exited" | "abandoned") {
            return Ok(());
        }
        let name = self.screen.paint(Tint::Bold, &show::tame(&event.path, false));
        say(&format!("{name}: {}", show::tame(&event.text, false)))
    }

    /// Replaces the program, and waits until the new one answers.
    pub(super) async fn upgrade(&self, args: &UpgradeArgs) -> Result<Exit, Fault> {
        let before = self.tree().await?;
        let program = args.program.as_deref().map(std::path::absolute).transpose();
        let path = args.program.clone().unwrap_or_default();
        let program = program.map_err(|source| Fault::File { path, step: "find", source })?;
        let program = program.map(|program| program.to_string_lossy().into_owned());
        let body = self.command(Verb::Upgrade { program }, "", &args.acting).await?;
        self.show_reply(&body).await?;
        let begun = Instant::now();
        loop {
            match self.tree().await {
                Ok(after) if is_replaced(&before, &after) => {
                    if !self.is_json && !self.is_quiet {
                        say(&upgraded(&before, &after))?;
                    }
                    return Ok(Exit::Done);
                }
                Ok(_) | Err(Fault::Absent { .. } | Fault::Broken { .. } | Fault::Silent { .. }) => {
                }
                Err(fault) => return Err(fault),
            }
            if begun.elapsed() > UPGRADED {
                let seconds = UPGRADED.as_secs();
                let text = format!("the new program does not answer within {seconds} s");
                let hint = Some("`mainstay status` says which program runs".into());
                return Err(Fault::TimedOut { text, hint });
            }
            sleep(LOOK).await;
        }
    }
}

/// Returns the folders that a daemon keeps for itself while it lives: its journal, and that of the runs beside it.
fn journals(tree: &Status) -> Vec<PathBuf> {
    let Some(journal) = &tree.journal else { return Vec::new() };
    let journal = PathBuf::from(&journal.folder);
    let runs = journal.with_file_name("runs");
    vec![journal, runs]
}

/// Returns whether another brain answers.
fn is_replaced(before: &Status, after: &Status) -> bool {
    before.brain_pid != after.brain_pid || before.brain_began_at != after.brain_began_at
}

fn upgraded(before: &Status, after: &Status) -> String {
    let kept = after.children.iter().filter(|child| {
        child.pid.is_some()
            && before.children.iter().any(|old| old.path == child.path && old.pid == child.pid)
    });
    let kept = show::count(kept.count() as u64, "process goes on", "processes go on");
    format!("{} is now {}; {kept}", before.version, after.version)
}

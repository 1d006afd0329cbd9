//! Keeping a tree running until it ends: what signals ask, what those above are told, what is said in the foreground.

use super::link::Keeper;
use super::program::About;
use super::signals::{Heard, Signals};
use super::specs::FileSpecs;
use super::telling::Telling;
use super::{Program, in_full};
use crate::journal;
use crate::spec::Loaded;
use mainstay::{Ending, Handle, Owner, Report};
use std::time::Duration;
use tokio::sync::Notify;

/// How long the keeper may take to be told that it may leave.
const DISMISSAL: Duration = Duration::from_secs(30);

impl Program {
    /// Brings a tree that goes on to what its spec file says by now. Returns whether it could.
    pub(super) async fn catch_up(&self, handle: &Handle, loaded: &Loaded, about: &About) -> bool {
        let request = handle.by("mainstay").apply(loaded.tree.clone(), "the spec file has changed");
        match request.await {
            Ok(_) => true,
            Err(error) => {
                let why = in_full(&error);
                let text = format!("the spec file has changed and cannot be applied: {why}");
                self.voice.say(&text);
                about.notice(text);
                false
            }
        }
    }

    /// Keeps the tree running until it ends, and does what signals ask.
    /// Returns nothing where the next brain goes on with it.
    pub(super) async fn tend_to(
        &self,
        owner: Owner,
        specs: &FileSpecs,
        about: &About,
        keeper: &Keeper,
        (asked, mut signals): (&Notify, Signals),
    ) -> Option<Report> {
        let handle = owner.handle();
        let mut ended = std::pin::pin!(handle.ended());
        let mut telling = self
            .settings
            .is_foreground
            .then(|| Telling::new(&handle, self.recovered.next_event, self.settings.is_bare));
        loop {
            tokio::select! {
                report = &mut ended => {
                    Telling::rest(&mut telling).into_iter().for_each(|said| self.voice.tell(&said));
                    drop(owner);
                    // The last that hooks are told comes before it.
                    let _ = tokio::time::timeout(DISMISSAL, keeper.dismissed.notified()).await;
                    return Some(Report::clone(&report));
                }
                () = keeper.left.notified() => {
                    // Dropped it would drain the tree, which is not over.
                    std::mem::forget(owner);
                    return None;
                }
                heard = signals.next() => match heard {
                    Heard::End(name) => drop(handle.by(name).drain("signal").await),
                    Heard::Reload => match specs.reload().await {
                        Ok(text) => self.voice.say(&text),
                        Err(text) => {
                            self.voice.say(&text);
                            about.notice(text);
                        }
                    },
                },
                () = asked.notified() => self.dump(&handle).await,
                said = Telling::next(&mut telling) => self.voice.tell(&said),
            }
        }
    }

    /// Writes down all that is known, for whoever has only a signal left.
    async fn dump(&self, handle: &Handle) {
        let Ok(views) = handle.status().await else { return };
        for view in views {
            let standing = format!("{:?}", view.standing).to_lowercase();
            self.voice.say(&format!("{}: {standing}, {} runs", view.path, view.runs));
        }
    }

    pub(super) fn say_end(&self, report: &Report) {
        let is_silent = self.settings.is_bare || !self.settings.is_foreground;
        if is_silent && (matches!(report.ending, Ending::Asked) || report.code() == 0) {
            return;
        }
        for line in report.to_string().lines() {
            self.voice.say(line);
        }
    }

    /// Waits until all is on the disk.
    pub(super) fn settle(&self, last: u64) {
        let (tell, told) = std::sync::mpsc::channel();
        self.journal.when(last, journal::When::Durable, Box::new(move |_| _ = tell.send(())));
        // A disk that stands still holds nobody up for ever.
        let _ = told.recv_timeout(Duration::from_secs(5));
    }
}

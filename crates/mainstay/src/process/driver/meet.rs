//! Meeting a keeper: what the tree believes of runs is compared with what is held.

use super::{Processes, Run};
use crate::driver::Driver;
use crate::process::{News, Settings};
use crate::view::Views;
use mainstay_core::child::{Child, Phase};
#[cfg(feature = "durable")]
use mainstay_core::spec::Kind;
use mainstay_core::{ChildId, RunId, Tree};
use mainstay_wire::keeper::{Held, Key, Order as Ask, Sequence};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A keeper that has said who it is.
#[derive(Default)]
pub(in crate::process) struct Meeting {
    /// The number of the last fact that it had to tell when it did.
    pub(in crate::process) until: Option<Sequence>,
    /// What it holds.
    pub(in crate::process) held: Option<Vec<Held>>,
}

impl Processes {
    /// Reaches the keeper before there is anything for it. Where that fails, the first start says so.
    #[cfg(feature = "durable")]
    pub(crate) fn open_early(&mut self) {
        let _ = self.open();
    }

    /// Takes over the runs that a tree of an earlier life believes to live.
    #[cfg(feature = "durable")]
    pub(crate) fn go_on(&mut self, tree: &Tree, views: &mut Views) {
        for child in tree.children() {
            // What an earlier life of this program has connected to ends by itself; it is waited for.
            let is_ours = matches!(child.spec.kind, Kind::Process | Kind::Host);
            let Some(life) = child.life().filter(|_| is_ours) else { continue };
            let Some(settings) = Settings::within(child.spec.payload.as_deref()).cloned() else {
                continue;
            };
            let log = settings.log();
            views.process(tree, child.id, |process| process.log = log);
            self.expect(child, life.run, settings);
        }
        self.is_meeting = match self.open() {
            Ok(()) => true,
            Err(error) => {
                let at = self.shared.clock.now();
                for key in self.runs.keys() {
                    let why = super::no_keeper(&error);
                    self.shared.inbox.hold(|lane| lane.no_keeper(at, key.clone(), why));
                }
                false
            }
        };
    }

    /// Returns whether every keeper has been met that announced itself or is expected to.
    #[cfg(feature = "durable")]
    pub(crate) const fn has_met(&self) -> bool {
        !self.is_meeting
    }

    /// A run of this child lives, or is about to.
    pub(super) fn expect(&mut self, child: &Child, run: RunId, settings: Settings) -> Key {
        let (name, _) = self.place(child, settings.clone());
        let key = Key { child: name, run: run.0 };
        let known = Run {
            child: child.id,
            run,
            settings,
            is_reloading: false,
            is_killed: false,
            is_silent: false,
            has_talk: false,
            trouble: None,
            session: None,
            useless: None,
            left: None,
        };
        self.runs.insert(key.clone(), known);
        key
    }

    /// Takes what a keeper said of itself, and compares once all that it had to tell has come.
    pub(super) fn meet(
        &mut self,
        met: Meeting,
        last: Option<Sequence>,
        tree: &Tree,
        views: &mut Views,
        news: &mut dyn FnMut(News<'_>),
    ) {
        if let Some(until) = met.until {
            self.meeting.until = Some(until);
        }
        if met.held.is_some() {
            self.meeting.held = met.held;
        }
        self.heard = self.heard.max(last.unwrap_or_default());
        let Some(until) = self.meeting.until.filter(|until| self.heard >= *until) else { return };
        let Some(held) = self.meeting.held.take() else { return };
        self.meeting.until = None;
        self.heard = self.heard.max(until);
        self.is_meeting = false;
        self.compare(&held, tree, views, news);
    }

    fn compare(
        &mut self,
        held: &[Held],
        tree: &Tree,
        views: &mut Views,
        news: &mut dyn FnMut(News<'_>),
    ) {
        let live = held.iter().filter(|held| held.pid.is_some());
        let lives: BTreeSet<&Key> = live.clone().map(|held| &held.key).collect();
        for of in live {
            if !self.runs.contains_key(&of.key) {
                self.take_for(&of.key, &lives);
            }
            match self.runs.get(&of.key) {
                Some(run) => {
                    views.process(tree, run.child, |process| process.pid = of.pid);
                    if let Some(pid) = of.pid {
                        news(News::Began { child: run.child, run: run.run, pid });
                    }
                }
                // The tree wants nothing of it: what it decides next must not run beside it.
                None => self.tell(Ask::Kill(of.key.clone())),
            }
        }
        let lives = |key: &Key| lives.contains(key);
        let runs: Vec<(Key, ChildId, RunId)> = self
            .runs
            .iter()
            .filter(|(_, run)| run.left.is_none())
            .map(|(key, run)| (key.clone(), run.child, run.run))
            .collect();
        for (key, id, run) in runs {
            let Some(child) = tree.child(id) else { continue };
            let Some(life) = child.life().filter(|life| life.run == run) else { continue };
            if !lives(&key) {
                let Some(process) = self.children.get(&id).map(|place| place.process.clone())
                else {
                    continue;
                };
                let is_past =
                    held.iter().any(|held| held.key.child == key.child && held.key.run >= key.run);
                if matches!(life.phase, Phase::Starting { .. }) && !is_past {
                    // What was given ahead of an order that got lost is lost with it. Without it, it ends by itself.
                    let _ = self.begin_talk(id, &key);
                }
                self.tell(match life.phase {
                    // Whether it was asked for nobody knows: a keeper starts no run twice.
                    Phase::Starting { .. } if !is_past => Ask::Start { key: key.clone(), process },
                    Phase::Starting { .. } => Ask::Find { key: key.clone(), process },
                    Phase::Started { .. }
                    | Phase::Rehydrating { .. }
                    | Phase::Ready { .. }
                    | Phase::Unready
                    | Phase::Stopping { .. }
                    | Phase::Killing { .. }
                    | Phase::Abandoned { .. } => Ask::Find { key: key.clone(), process },
                });
            }
            self.ask_again(child, run, life.phase);
        }
    }

    /// A tree whose journal could not be written is older than its keeper: what lives is taken for the run that the
    /// tree believes to live, and goes on.
    fn take_for(&mut self, key: &Key, lives: &BTreeSet<&Key>) {
        let Some(child) = self.names.get(&key.child).copied() else { return };
        let is_it = |(known, run): &(&Key, &Run)| {
            run.child == child && run.left.is_none() && !lives.contains(known)
        };
        let Some(known) = self.runs.iter().find(is_it).map(|(known, _)| known.clone()) else {
            return;
        };
        if let Some(run) = self.runs.remove(&known) {
            self.runs.insert(key.clone(), run);
            // What it has said so far is not told again.
            if let Some(place) = self.children.get(&child) {
                self.tell(Ask::Find { key: key.clone(), process: Arc::clone(&place.process) });
            }
        }
    }

    /// Asks again for what may have been decided and not said.
    fn ask_again(&mut self, child: &Child, run: RunId, phase: Phase) {
        match phase {
            Phase::Stopping { step, until } => self.stop(child.id, run, step, until),
            Phase::Killing { .. } | Phase::Abandoned { .. } => self.kill(child.id, run),
            Phase::Starting { .. }
            | Phase::Started { .. }
            | Phase::Rehydrating { .. }
            | Phase::Ready { .. }
            | Phase::Unready => {
                if child.frozen {
                    self.freeze(child.id, run, true);
                }
            }
        }
    }
}

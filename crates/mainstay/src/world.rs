//! All drivers, and which of them an effect is for.

use crate::code::Begin;
use crate::declare::Whole;
use crate::driver::{Driver, Order};
#[cfg(feature = "process")]
use crate::process::{Inputs, Lane, News, Processes};
use crate::shared::Shared;
use crate::task::Tasks;
use crate::thread::Threads;
#[cfg(feature = "process")]
use crate::view::Views;
#[cfg(feature = "process")]
use mainstay_core::Event;
use mainstay_core::child::Phase;
use mainstay_core::spec::Kind;
use mainstay_core::{ChildId, Effect, Health, Moment, Overall, Path, RunId, Tree};
use std::sync::Arc;

/// Performs effects.
pub(crate) struct World {
    tasks: Tasks,
    threads: Threads,
    #[cfg(feature = "process")]
    processes: Processes,
}

impl World {
    pub(crate) fn new(shared: &Arc<Shared>, children: usize, whole: &Whole) -> Self {
        #[cfg(not(feature = "process"))]
        let _ = whole;
        Self {
            tasks: Tasks::new(shared, children),
            threads: Threads::new(shared),
            #[cfg(feature = "process")]
            processes: Processes::new(shared, whole.keeper.clone()),
        }
    }

    /// The tree is there: what has to be done for its children before any of them runs.
    #[cfg(feature = "process")]
    pub(crate) fn learn_all(&mut self, tree: &Tree) {
        tree.children().for_each(|child| self.processes.learn(child));
    }

    /// Children have come, or have other settings.
    #[cfg(feature = "process")]
    pub(crate) fn learn(&mut self, tree: &Tree, events: &[Event]) {
        for event in events {
            let mut open = Vec::new();
            if let Event::Added { child, .. } | Event::Replaced { child, .. } = event {
                open.push(*child);
            } else if let Some(child) = event.child().and_then(|id| tree.child(id)) {
                self.processes.note(tree, child);
            }
            while let Some(child) = open.pop().and_then(|id| tree.child(id)) {
                self.processes.learn(child);
                open.extend(tree.children_of(child.id).map(|below| below.id));
            }
        }
    }

    /// Reaches the keeper although there may be nothing for it to do: it waits for that.
    #[cfg(feature = "durable")]
    pub(crate) fn open_keeper(&mut self) {
        self.processes.open_early();
    }

    /// Goes on with the runs that a tree believes to live.
    #[cfg(feature = "durable")]
    pub(crate) fn go_on(&mut self, tree: &Tree, views: &mut Views) {
        self.processes.go_on(tree, views);
    }

    /// Returns whether the keeper has said what it holds, and what happened while nobody decided.
    #[cfg(feature = "durable")]
    pub(crate) fn has_met(&self) -> bool {
        self.processes.has_met()
    }

    /// Tells the keeper that it need not keep what it told.
    #[cfg(feature = "process")]
    pub(crate) fn acknowledge(&mut self, last: Option<mainstay_wire::keeper::Sequence>) {
        self.processes.acknowledge(last);
    }

    /// Returns what the tree is to hear of what the keeper told.
    #[cfg(feature = "process")]
    pub(crate) fn hear(
        &mut self,
        lane: Lane,
        tree: &Tree,
        views: &mut Views,
        news: &mut dyn FnMut(News<'_>),
    ) -> Inputs {
        self.processes.hear(lane, tree, views, news)
    }

    /// Gives somebody a place at the terminal of a child.
    #[cfg(feature = "process")]
    pub(crate) fn console(&mut self, tree: &Tree, join: crate::console::Join) {
        self.processes.console(tree, join);
    }

    /// Gives a child of a dynamic supervisor the code that its arguments were bound to.
    pub(crate) fn bind(&mut self, child: ChildId, code: Arc<dyn Begin>) {
        self.tasks.bind(child, code);
    }

    /// Begins what the tree asks.
    pub(crate) fn perform(&mut self, tree: &Tree, effect: Effect) {
        match effect {
            Effect::Start { child, run, first } => {
                let Some(found) = tree.child(child) else { return };
                let order = Order { child: found, run, is_first: first };
                if let Some(driver) = self.driver(&found.spec.kind) {
                    driver.start(order);
                }
            }
            Effect::Stop { child, run, step } => {
                let until = gone_by(tree, child);
                self.each(|driver| driver.stop(child, run, step, until));
            }
            Effect::Kill(child, run) => self.each(|driver| driver.kill(child, run)),
            Effect::Reload(child, run) => self.each(|driver| driver.reload(child, run)),
            // It goes on by itself, and keeps what it has until it is gone.
            Effect::Abandon(child, run) => self.each(|driver| driver.abandon(child, run)),
            Effect::Forget(child) => {
                self.each(|driver| driver.forget(child));
            }
            Effect::End(_) => {}
            Effect::Probe { child, run, probe, timeout } => {
                self.each(|driver| driver.probe(child, run, probe, timeout));
            }
            Effect::Freeze(child, run) => self.each(|driver| driver.freeze(child, run, true)),
            Effect::Thaw(child, run) => self.each(|driver| driver.freeze(child, run, false)),
            Effect::Change(child, run) => {
                let Some(found) = tree.child(child) else { return };
                self.each(|driver| driver.change(found, run));
            }
            Effect::Rehydrate(child, run) => self.each(|driver| driver.rehydrate(child, run)),
        }
    }

    /// The child is down and nothing will start it by itself.
    pub(crate) fn rest(&mut self, child: ChildId) {
        self.each(|driver| driver.rest(child));
    }

    /// Returns the runs that the tree has gone past or has removed, and that still live.
    pub(crate) fn left_behind(&mut self) -> Vec<(Path, RunId)> {
        let mut left = self.tasks.left_behind();
        left.extend(self.threads.left_behind());
        #[cfg(feature = "process")]
        left.extend(self.processes.left_behind());
        left
    }

    /// Adds to the health of the tree what the tree no longer knows of: runs that were left behind.
    pub(crate) fn health(&mut self, of_tree: Health) -> Health {
        let left = self.tasks.left_behind().len() + self.threads.left_behind().len();
        #[cfg(feature = "process")]
        let left = left + self.processes.count_left();
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        let is_worse = left > 0 && of_tree.overall == Overall::Serving;
        let overall = if is_worse { Overall::Degraded } else { of_tree.overall };
        Health { overall, degraded: of_tree.degraded.saturating_add(left), ..of_tree }
    }

    /// Asks every driver: each knows its own runs, and a child whose spec has become of another kind
    /// may still have a run of the kind it was.
    fn each(&mut self, act: impl Fn(&mut dyn Driver)) {
        act(&mut self.tasks);
        act(&mut self.threads);
        #[cfg(feature = "process")]
        act(&mut self.processes);
    }

    fn driver(&mut self, kind: &Kind) -> Option<&mut dyn Driver> {
        match kind {
            Kind::Task | Kind::Stage => Some(&mut self.tasks),
            Kind::Blocking => Some(&mut self.threads),
            #[cfg(feature = "process")]
            Kind::Process | Kind::Host => Some(&mut self.processes),
            #[cfg(not(feature = "process"))]
            Kind::Process | Kind::Host => None,
            // A supervisor has no run of its own.
            Kind::Supervisor(_) => None,
        }
    }
}

/// Returns by when a run that was asked to end must be gone: the nearest bound of it and of all above.
fn gone_by(tree: &Tree, child: ChildId) -> Option<Moment> {
    let mut until: Option<Moment> = tree.drain().map(|drain| drain.force_at);
    let mut next = tree.child(child);
    while let Some(child) = next {
        if let Some(Phase::Stopping { until: Some(own), .. }) = child.life().map(|life| life.phase)
        {
            until = Some(until.map_or(own, |known| known.min(own)));
        }
        next = child.above.and_then(|above| tree.child(above));
    }
    until
}

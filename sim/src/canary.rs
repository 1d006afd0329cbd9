//! Deliberate bugs, each of which some invariant must notice: what cannot fail proves nothing.
//!
//! The production code has no switch for this. A sabotage stands between the core and the world, and
//! spoils what goes in, what comes out, what is stored, or what is told.

mod bugs;

use crate::check::Invariant;
use crate::run::run_safely;
use crate::workload;
use mainstay_core::{ChildId, Effects, Health, Input, Moment, Refusal, Snapshot, Tree};
use std::fmt;
use std::time::Duration;

pub use bugs::all;

/// How long each world of a canary lasts.
const SPAN: Duration = Duration::from_secs(1_200);
/// How many seeds may pass before a bug counts as unnoticed.
const SEEDS: u64 = 600;

/// A bug between the core and the world.
pub trait Sabotage: fmt::Debug + Send {
    /// Takes the place of [`Tree::handle`].
    fn handle(&mut self, tree: &mut Tree, now: Moment, input: Input, out: &mut Effects);
    /// Spoils a snapshot on its way to [`Tree::restore`].
    fn store(&mut self, snapshot: &mut Snapshot);
    /// Takes the place of [`Tree::explain`].
    fn tell(&mut self, tree: &mut Tree, child: ChildId) -> String;
    /// Spoils what [`Tree::health`] says.
    fn weigh(&self, tree: &Tree, health: Health) -> Health;
    /// Spoils what [`Tree::would`] says.
    fn foretell(&self, foretold: Result<bool, Refusal>) -> Result<bool, Refusal>;
}

/// A named bug, and who must notice it.
#[derive(Clone, Copy, Debug)]
pub struct Canary {
    /// Its name.
    pub name: &'static str,
    /// The invariant that must notice it.
    pub against: Invariant,
    spoil: Spoil,
}

/// Where a bug sits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Spoil {
    /// What goes in; `None` is lost.
    Input(fn(&Tree, Input) -> Option<Input>),
    /// What a fact does.
    Fact(fn(&mut Tree, Moment, Input, &mut Effects)),
    /// What comes out.
    Output(fn(&Tree, Moment, &mut Effects)),
    /// What is stored, after each step; returns whether it touched anything.
    State(fn(&mut Snapshot) -> bool),
    /// What is wanted, for the time of one step.
    Meanwhile(fn(&mut Snapshot) -> bool),
    /// The way into a snapshot and back.
    Store(fn(&mut Snapshot)),
    /// What is told about a child.
    Story(fn(&mut Tree, ChildId) -> String),
    /// What is told about the tree as a whole.
    Health(fn(&Tree, Health) -> Health),
    /// What is said of a command beforehand.
    Foretold(fn(Result<bool, Refusal>) -> Result<bool, Refusal>),
}

/// What became of a bug.
#[derive(Clone, Debug)]
pub struct Catch {
    /// The seed in whose world it was noticed.
    pub seed: u64,
    /// What was said about it.
    pub text: String,
}

impl Canary {
    /// Looks for a world in which the right invariant notices the bug.
    pub fn fly(&self) -> Option<Catch> {
        (1..=SEEDS).find_map(|seed| {
            let mut scenario = workload::scenario(seed, SPAN);
            scenario.restores |= matches!(self.spoil, Spoil::Store(_));
            let failure = run_safely(&scenario, Some(Box::new(*self)), None).err()?;
            let broken = failure.broken;
            (broken.invariant == self.against).then_some(Catch { seed, text: broken.text })
        })
    }
}

impl Sabotage for Canary {
    fn handle(&mut self, tree: &mut Tree, now: Moment, input: Input, out: &mut Effects) {
        match self.spoil {
            Spoil::Input(spoil) => {
                // What is lost does not even move the clock.
                if let Some(input) = spoil(tree, input) {
                    tree.handle(now, input, out);
                }
            }
            Spoil::Fact(spoil) => spoil(tree, now, input, out),
            Spoil::Output(spoil) => {
                tree.handle(now, input, out);
                spoil(tree, now, out);
            }
            Spoil::State(spoil) => {
                tree.handle(now, input, out);
                edit(tree, spoil);
            }
            Spoil::Meanwhile(spoil) => {
                let before = tree.snapshot();
                let is_command = matches!(input, Input::Command(_));
                let spoilt = !is_command && edit(tree, spoil);
                tree.handle(now, input, out);
                if spoilt {
                    edit(tree, |snapshot| mend(snapshot, &before));
                }
            }
            Spoil::Store(_) | Spoil::Story(_) | Spoil::Health(_) | Spoil::Foretold(_) => {
                tree.handle(now, input, out);
            }
        }
    }

    fn store(&mut self, snapshot: &mut Snapshot) {
        if let Spoil::Store(spoil) = self.spoil {
            spoil(snapshot);
        }
    }

    fn tell(&mut self, tree: &mut Tree, child: ChildId) -> String {
        match self.spoil {
            Spoil::Story(spoil) => spoil(tree, child),
            _ => tree.explain(child).map(|story| story.to_string()).unwrap_or_default(),
        }
    }

    fn weigh(&self, tree: &Tree, health: Health) -> Health {
        match self.spoil {
            Spoil::Health(spoil) => spoil(tree, health),
            _ => health,
        }
    }

    fn foretell(&self, foretold: Result<bool, Refusal>) -> Result<bool, Refusal> {
        match self.spoil {
            Spoil::Foretold(spoil) => spoil(foretold),
            _ => foretold,
        }
    }
}

/// Wants again what was wanted before.
fn mend(snapshot: &mut Snapshot, before: &Snapshot) -> bool {
    for (child, was) in snapshot.children.iter_mut().zip(&before.children) {
        if let (Some(child), Some(was)) = (child, was)
            && child.id == was.id
        {
            (child.paused, child.quarantined) = (was.paused, was.quarantined);
        }
    }
    true
}

/// Edits what a tree has stored; returns whether anything was touched.
pub(crate) fn edit(tree: &mut Tree, change: impl FnOnce(&mut Snapshot) -> bool) -> bool {
    let mut snapshot = tree.snapshot();
    if !change(&mut snapshot) {
        return false;
    }
    if let Ok(restored) = Tree::restore(snapshot) {
        *tree = restored;
    }
    true
}

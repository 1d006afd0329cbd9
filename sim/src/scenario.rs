//! What happens in the world of one seed, before it happens: the tree, the script, the tempers, the faults.
//!
//! A scenario is data, and the world is a function of it: taking one line of the script away leaves
//! every other line, and what every run does, as it was. That is what makes shrinking work.

use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::{Declared, TreeDraft, TreeSpec};
use mainstay_core::{Moment, Path, Verb};
use std::time::Duration;

/// The world of one seed.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The seed of everything that is not said here.
    pub seed: u64,
    /// The tree as declared.
    pub draft: TreeDraft,
    /// Whose defaults apply.
    pub profile: Profile,
    /// What is asked of the tree, and when.
    pub script: Vec<Line>,
    /// How its runs behave.
    pub temper: Temper,
    /// What goes wrong between the world and the tree.
    pub faults: Faults,
    /// When the world stops.
    pub end: Moment,
    /// Whether the tree is restored from a snapshot after every step, beside one that never is.
    pub restores: bool,
}

/// One line of the script.
#[derive(Clone, Debug)]
pub struct Line {
    /// When.
    pub at: Moment,
    /// What.
    pub act: Act,
}

/// What a script can do.
#[derive(Clone, Debug)]
pub enum Act {
    /// Somebody asks for something.
    Command {
        /// The id.
        id: u128,
        /// Who asks.
        who: &'static str,
        /// Which child.
        target: Path,
        /// What is asked.
        verb: Verb,
        /// Whether it is meant for a certain run.
        if_run: Guess,
        /// Whether it is meant for a certain revision.
        if_revision: Guess,
    },
    /// Somebody wants to use a child.
    Demand(Path),
    /// The machine slept: everything that falls into this span comes late, at its end.
    Jump(Duration),
    /// The clock seems to go back by this much, for one input.
    Back(Duration),
}

/// What a command says about the state it was meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// Nothing.
    Silent,
    /// What is so.
    Right,
    /// Something else.
    Wrong,
}

/// How the runs of one world behave, in percent.
#[derive(Clone, Copy, Debug)]
pub struct Temper {
    /// Runs that end by themselves soon.
    pub crashes: u64,
    /// Of those that end: clean ends.
    pub clean: u64,
    /// Starts that fail.
    pub start_fails: u64,
    /// Starts, or becoming ready, that take too long.
    pub slow: u64,
    /// Stops that are ignored, or answered late.
    pub stubborn: u64,
    /// Of the stubborn: runs that outlive force.
    pub immortal: u64,
    /// Signs of life that stop.
    pub mute: u64,
    /// The usual lifetime of a run that ends.
    pub life: Duration,
    /// What its runs say that is not so.
    pub lies: Lies,
}

/// How many of a hundred runs say what is not so, by what they say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lies {
    /// Ready: too early, too late, again, of another run.
    pub ready: u64,
    /// Restored: before it was asked for, again, too late, never.
    pub rehydrated: u64,
    /// Heartbeats: of another run, after the end.
    pub signs: u64,
    /// Work that never moves, progress of no work.
    pub work: u64,
    /// Asking to be replaced, again and again.
    pub recycles: u64,
    /// A memory guard that speaks again and again.
    pub guards: u64,
    /// Being wanted, in whatever state.
    pub demands: u64,
    /// Starts that never come.
    pub silent: u64,
    /// Ends before the start is told.
    pub early: u64,
}

/// What goes wrong on the way, in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Facts that come twice.
    pub doubled: u64,
    /// Facts that come late.
    pub late: u64,
    /// Wake-ups that come late.
    pub lazy_clock: u64,
    /// Facts about runs that are over or never were.
    pub stale: u64,
}

impl Scenario {
    /// Returns the tree as the core takes it; `None` when the draft does not stand.
    pub fn spec(&self) -> Option<TreeSpec> {
        self.draft.clone().build(self.profile).ok().map(|(spec, _)| spec)
    }
}

/// Finds the spec of a path below `root`.
pub fn spec_at<'a>(root: &'a Declared, path: &Path) -> Option<&'a Declared> {
    let mut at = root;
    for name in path.names() {
        at =
            at.supervisor()?.children.iter().find(|(known, _)| **known == *name).map(|(_, c)| c)?;
    }
    Some(at)
}

//! The decision core of Mainstay: what a supervision tree does next.
//!
//! It is pure. An [`Input`] comes in with the present [`Moment`]; the [`Tree`] changes, and pushes
//! [`Effect`]s (what the world must do), [`Event`]s (what is now a fact, with its reasons) and replies.
//! It has no clock, no thread, no file and no source of chance: the same inputs give the same outputs.
//!
//! ```text
//!  Input ──▶ Tree::handle(now, input, &mut Effects) ──▶ effects · events · replies
//!                     │
//!                     └── Tree::deadline() ──▶ when it next needs Input::Clock, and why
//! ```
//!
//! A tree is declared by a [`TreeDraft`](spec::TreeDraft), which becomes a [`TreeSpec`](spec::TreeSpec)
//! or a list of everything wrong with it:
//!
//! ```
//! use mainstay_core::spec::defaults::Profile;
//! use mainstay_core::spec::draft::KindDraft;
//! use mainstay_core::spec::{ChildDraft, Kind, TreeDraft};
//! use mainstay_core::{Effect, Effects, Exit, Input, Moment, Tree};
//! use std::time::Duration;
//!
//! let mut draft = TreeDraft::default();
//! let kind = Some(KindDraft::Leaf(Kind::Task));
//! draft.root.children.push(ChildDraft { name: "web".into(), kind, ..ChildDraft::default() });
//! let (spec, _warnings) = draft.build(Profile::Daemon).expect("a valid tree");
//!
//! let mut tree = Tree::new(&spec);
//! let mut out = Effects::new();
//! tree.handle(Moment::ZERO, Input::Boot, &mut out);
//! let Some(Effect::Start { child, run, .. }) = out.effects.first().copied() else { panic!() };
//!
//! let exit = Input::Exited { child, run, exit: Exit::FAILED, detail: None };
//! tree.handle(Moment::ZERO + Duration::from_secs(1), exit, &mut out);
//! println!("{}", tree.explain(child).expect("it is in the tree"));
//! ```
//!
//! # What holds at every moment
//!
//! - A child has at most one live run, unless an abandoned one was gone past.
//! - No run starts while the tree drains, or while its child is quarantined, paused, broken or spent.
//! - Every exit gets exactly one decision, with the rule that made it.
//! - A fact about another run than the present one changes nothing.
//! - After [`Tree::handle`] the deadline is later than now, or absent.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod chance;
pub mod child;
pub mod command;
mod effect;
mod event;
mod exit;
mod id;
mod input;
mod moment;
mod news;
pub mod policy;
pub mod spec;
mod tree;

pub use child::Condition;
pub use command::{Command, Done, Refusal, Reply, Standing, Verb};
pub use effect::{Effect, Effects, Outcome};
pub use event::{Action, Event, LimitId, Rule};
pub use exit::{Asked, Cause, Class, Exit, StartStep, Success};
pub use id::{ChildId, CommandId, Path, RunId};
pub use input::Input;
pub use moment::{Brief, Moment};
pub use news::{News, Settled, Told};
pub use tree::{
    Blocker, Chance, ChangePlan, Drain, Explanation, Health, LimitView, Overall, Remembered,
    Report, ReportLine, RestoreError, Settings, Snapshot, Tree, Why,
};

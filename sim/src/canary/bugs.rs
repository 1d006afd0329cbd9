//! The bugs, by the invariant that must notice them; each invariant has at least two.

mod decisions;
mod facts;
mod proofs;
mod runs;
mod stops;
mod wishes;

use super::{Canary, Spoil};
use crate::check::Invariant;
use mainstay_core::child::{Child, Rest};
use mainstay_core::{Cause, Effect, Effects, Event, RunId, Snapshot, Tree};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Returns every bug.
pub fn all() -> Vec<Canary> {
    let mut all = Vec::new();
    let mut add = |against, name, spoil| all.push(Canary { name, against, spoil });
    runs::runs(&mut add);
    facts::facts(&mut add);
    decisions::decisions(&mut add);
    stops::stops(&mut add);
    wishes::wishes(&mut add);
    proofs::proofs(&mut add);
    all
}

type Add<'a> = &'a mut dyn FnMut(Invariant, &'static str, Spoil);

/// Changes the first child that lets itself be changed.
fn any(snapshot: &mut Snapshot, mut change: impl FnMut(&mut Child) -> bool) -> bool {
    snapshot.children.iter_mut().flatten().any(&mut change)
}

fn started(out: &Effects) -> Option<(mainstay_core::ChildId, RunId)> {
    out.effects.iter().find_map(|effect| match effect {
        Effect::Start { child, run, .. } => Some((*child, *run)),
        _ => None,
    })
}

const fn is_stop(effect: &Effect) -> bool {
    matches!(effect, Effect::Stop { .. })
}

/// States and does a start that nobody decided.
fn begin(out: &mut Effects, child: mainstay_core::ChildId, run: RunId) {
    out.events.push(Event::Starting { child, run, by_hand: false, trial: false });
    out.effects.push(Effect::Start { child, run, first: run == RunId::FIRST });
}

/// Starts whoever rests for such a reason.
fn start_resting(tree: &Tree, out: &mut Effects, which: impl Fn(Rest) -> bool) {
    let resting = out.events.iter().find_map(|event| match event {
        Event::Rests { child, why } if which(*why) => Some(*child),
        _ => None,
    });
    if let Some(child) = resting.and_then(|child| tree.child(child)) {
        begin(out, child.id, RunId(child.runs + 1));
    }
}

fn double(out: &mut Effects, which: impl Fn(&Event) -> bool) {
    if let Some(at) = out.events.iter().position(which) {
        out.events.insert(at, out.events[at].clone());
    }
}

fn recause(out: &mut Effects, from: Cause, to: Cause) {
    for event in &mut out.events {
        if let Event::Exited { cause, .. } = event
            && *cause == from
        {
            *cause = to;
        }
    }
}

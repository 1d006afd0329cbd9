//! Settings that were stated and can have no effect where they stand.
//!
//! Only what somebody wrote down is refused: what a preset or a default fills in speaks for every place.

use super::check::{Problem, Rule};
use super::{ChildSpec, OnExhausted, Ready};
use super::{Field, Source};
use crate::id::Path;
use crate::policy::restart::Restart;
use alloc::format;
use alloc::vec::Vec;

/// Returns a problem for each stated setting that nothing would ever read.
pub(super) fn unwired(path: &Path, spec: &ChildSpec, is_root: bool) -> Vec<Problem> {
    let is_stated = |field| spec.sources.of(field) == Source::Explicit;
    let mut found = Vec::new();
    for field in [Field::Cooldown, Field::LevelDecay] {
        if is_stated(field) && !may_open(spec, is_root) {
            let name = field.name();
            let text = format!(
                "{name} has no effect, for no breaker opens here: say `on_exhausted: cooldown` for a child that is restarted, or leave {name} out"
            );
            found.push(Problem::new(path, Rule::NoEffect, text));
        }
    }
    if is_stated(Field::ReadyTimeout) && spec.ready == Ready::Immediate {
        let text = "ready_timeout has no effect, for it counts as ready once started: say what makes it ready, or leave ready_timeout out";
        found.push(Problem::new(path, Rule::NoEffect, text));
    }
    found
}

/// Returns whether its own breaker can open, or the one over its children.
fn may_open(spec: &ChildSpec, is_root: bool) -> bool {
    // Even without a limit, a start that retrying cannot mend opens it.
    let own = !is_root && spec.restart != Restart::Never && spec.own_end() == OnExhausted::Cooldown;
    let over_children =
        spec.supervisor().is_some_and(|group| group.on_exhausted == OnExhausted::Cooldown);
    own || over_children
}

//! Breakers: which way each may go, and at which level.

use super::event::wrong;
use super::{Fuse, Gate, Model, Owed};
use crate::check::{Broken, Invariant};
use mainstay_core::ChildId;
use mainstay_core::policy::breaker::BreakerState;

impl Model {
    pub(crate) fn breaker(
        &mut self,
        id: ChildId,
        over_children: bool,
        state: BreakerState,
        level: u32,
    ) -> Result<(), Broken> {
        let now = self.now;
        let path = self.path(id);
        let book = self.book_mut(id)?;
        let (decay, stable) = (book.spec.level_decay, book.spec.stable_after);
        let mut trial_until = None;
        let fuse = match &mut book.pack {
            Some(pack) if over_children => {
                trial_until = pack.trial_until;
                &mut pack.breaker
            }
            Some(_) | None => &mut book.breaker,
        };
        let state = match state {
            BreakerState::Closed => Gate::Closed,
            BreakerState::Open(until) => Gate::Open(until),
            BreakerState::Trial => Gate::Trial,
        };
        match (fuse.state, state) {
            (before, after) if before == after => {}
            (Gate::Open(Some(until)), Gate::Trial) if until <= now => fuse.state = Gate::Trial,
            (Gate::Trial, Gate::Closed) if trial_until.is_some_and(|until| until <= now) => {
                fuse.state = Gate::Closed;
            }
            (before, after) => {
                let text = format!("{path}: its breaker goes to {after:?}, but it is {before:?}");
                return wrong(Invariant::Breakers, text);
            }
        }
        if fuse.level(now, decay) != level {
            let text = format!("{path}: level {level}, but {}", fuse.level(now, decay));
            return wrong(Invariant::Breakers, text);
        }
        if over_children && let Some(pack) = &mut book.pack {
            pack.trial_until = (state == Gate::Trial).then(|| now + stable);
        }
        let opens = Owed::Opens { owner: id, over_children };
        self.owed.retain(|owed| *owed != opens && *owed != Owed::Closes(id));
        Ok(())
    }
}

impl Fuse {
    pub(crate) fn reset(&mut self) {
        *self = Self::CLOSED;
    }
}

//! What the programs of hosts get wrong: they lie, hang, and come late.
//!
//! A lie goes straight to the tree, whatever the run does meanwhile: much of it comes when the run it is about is
//! ending, is over, or has not begun.

use super::{Deed, Happening, World, ms};
use crate::dice::Dice;
use crate::scenario::Lies;
use mainstay_core::spec::ChildSpec;
use mainstay_core::{ChildId, Exit, Input, Moment, RunId};
use std::time::Duration;

/// How a run answers when it is to restore what the last one had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restores {
    InTime,
    AtOnce,
    Twice,
    Late,
    Never,
    /// It ends on the way.
    Ends,
}

/// Something that can be said of a run.
type Say = fn(&mut Dice, ChildId, RunId) -> Input;

const READY: Say = |_, child, run| Input::Ready(child, run);
const REHYDRATED: Say = |_, child, run| Input::Rehydrated(child, run);
const BEAT: Say = |_, child, run| Input::Beat(child, run);
const RECYCLE: Say = |_, child, run| Input::WantsRecycle(child, run);
const GUARD: Say = |dice, child, run| Input::Guard { child, run, hard: dice.percent(30) };
const DEMAND: Say = |_, child, _| Input::Demand(child);
const WORK: Say = |dice, child, run| match dice.below(4) {
    0 => Input::Pending { child, run, pending: false },
    1 => Input::Progress(child, run),
    _ => Input::Pending { child, run, pending: true },
};

impl World {
    /// Lets a run that is begun now lie in whatever way its world lies.
    pub(super) fn lie(&mut self, now: Moment, spec: &ChildSpec, child: ChildId, run: RunId) {
        let Lies { ready, rehydrated, signs, work, recycles, guards, demands, .. } =
            self.temper.lies;
        let mut dice = Dice::of(self.seed, "lies", u64::from(child.slot() as u32) << 32 | run.0);
        let late = spec.ready_timeout * 2;
        for (percent, most, say) in [
            (ready, late, READY),
            (rehydrated, late, REHYDRATED),
            (signs, ms(600_000), BEAT),
            (work, ms(120_000), WORK),
            (recycles, ms(300_000), RECYCLE),
            (guards, ms(300_000), GUARD),
            (demands, ms(300_000), DEMAND),
        ] {
            if dice.percent(percent) {
                self.storm(now, most, &mut dice, (child, run), say);
            }
        }
    }

    /// Says something several times: at moments of all orders of magnitude, some of it all at once, some of it of
    /// another run.
    fn storm(
        &mut self,
        now: Moment,
        most: Duration,
        dice: &mut Dice,
        (child, run): (ChildId, RunId),
        say: Say,
    ) {
        let mut at = now + dice.any_span(most);
        for _ in 0..dice.between(1, 8) {
            if dice.percent(60) {
                at = now + dice.any_span(most);
            }
            let of = match dice.below(8) {
                0 => RunId(dice.below(run.0 + 1)),
                1 => run.next(),
                _ => run,
            };
            let input = say(dice, child, of);
            self.at(at, Happening::Heard(input));
        }
    }

    /// It is to restore what the last one had: it answers in time, or in any other way.
    pub(super) fn restore(&mut self, now: Moment, child: ChildId, run: RunId, limit: Duration) {
        use Restores::{AtOnce, Ends, InTime, Late, Never, Twice};
        let lies = self.temper.lies.rehydrated;
        let (how, wait, exit) = self.with(child, run, |dice| {
            let how = match dice.percent(lies) {
                true => *dice.pick(&[AtOnce, Twice, Late, Never, Ends]),
                false => InTime,
            };
            let exit = *dice.pick(&[Exit::FAILED, Exit::Panicked, Exit::Completed]);
            (Some(how), dice.any_span(ms(4_000)), Some(exit))
        });
        let restored = Input::Rehydrated(child, run);
        match how.unwrap_or(InTime) {
            InTime => self.report(now + wait, child, run, restored),
            AtOnce => self.report(now, child, run, restored),
            Twice => {
                self.report(now + wait, child, run, restored.clone());
                self.report(now + wait * 2, child, run, restored);
            }
            Late => self.at(now + limit + wait, Happening::Heard(restored)),
            Never => {}
            Ends => {
                let exit = exit.unwrap_or(Exit::FAILED);
                let on_the_way = now + wait.min(limit / 2);
                self.deed(on_the_way, child, run, Deed::End(exit));
            }
        }
    }
}

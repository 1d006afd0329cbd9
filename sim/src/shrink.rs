//! Makes a failing scenario smaller for as long as it breaks the same invariant.

use crate::check::Invariant;
use crate::run::run_safely;
use crate::scenario::{Faults, Scenario};
use mainstay_core::Moment;
use mainstay_core::spec::SupervisorDraft;
use mainstay_core::spec::draft::KindDraft;
use std::time::Duration;

/// How many smaller scenarios are tried.
const TRIES: u32 = 2_000;

/// Returns a smaller scenario that breaks the same invariant.
pub fn shrink(scenario: &Scenario, invariant: Invariant) -> Scenario {
    let mut search = Search { best: scenario.clone(), invariant, left: TRIES };
    while search.left > 0 && search.round() {}
    search.best
}

struct Search {
    best: Scenario,
    invariant: Invariant,
    left: u32,
}

impl Search {
    /// Tries every kind of cut once; returns whether one of them helped.
    fn round(&mut self) -> bool {
        let mut helped = self.cut_end();
        helped |= self.cut_script();
        helped |= self.cut_children();
        helped | self.cut_faults()
    }

    /// Keeps a smaller scenario if it still fails in the same way.
    fn keep(&mut self, smaller: Scenario) -> bool {
        if self.left == 0 || smaller.spec().is_none() {
            return false;
        }
        self.left -= 1;
        let failed = run_safely(&smaller, None, None).err();
        let same = failed.is_some_and(|failure| failure.broken.invariant == self.invariant);
        if same {
            self.best = smaller;
        }
        same
    }

    fn cut_end(&mut self) -> bool {
        let Some(failure) = run_safely(&self.best, None, None).err() else { return false };
        let end = failure.at + Duration::from_secs(1);
        if failure.at == Moment::ZERO || end >= self.best.end {
            return false;
        }
        let mut smaller = self.best.clone();
        smaller.script.retain(|line| line.at <= end);
        smaller.end = end;
        self.keep(smaller)
    }

    /// Leaves out ever smaller pieces of the script.
    fn cut_script(&mut self) -> bool {
        let mut helped = false;
        let mut piece = self.best.script.len().max(1);
        while piece > 0 {
            let mut from = 0;
            while from < self.best.script.len() {
                let mut smaller = self.best.clone();
                let until = (from + piece).min(smaller.script.len());
                smaller.script.drain(from..until);
                if self.keep(smaller) {
                    helped = true;
                } else {
                    from += piece;
                }
            }
            piece /= 2;
        }
        helped
    }

    fn cut_children(&mut self) -> bool {
        let mut helped = false;
        let mut index = 0;
        loop {
            let mut smaller = self.best.clone();
            let mut left = index;
            if !remove(&mut smaller.draft.root, &mut left) {
                return helped;
            }
            if self.keep(smaller) {
                helped = true;
            } else {
                index += 1;
            }
        }
    }

    fn cut_faults(&mut self) -> bool {
        let mut helped = false;
        if self.best.faults != Faults::default() {
            helped |= self.keep(Scenario { faults: Faults::default(), ..self.best.clone() });
        }
        if self.best.restores {
            helped |= self.keep(Scenario { restores: false, ..self.best.clone() });
        }
        helped
    }
}

/// Takes the child with this number out of a tree, counted from the top; returns whether there is one.
fn remove(group: &mut SupervisorDraft, left: &mut usize) -> bool {
    for at in 0..group.children.len() {
        if *left == 0 {
            let gone = group.children.remove(at).name;
            for child in &mut group.children {
                if let Some(needs) = &mut child.needs {
                    needs.retain(|need| *need.child != *gone);
                }
            }
            return true;
        }
        *left -= 1;
        if let Some(KindDraft::Supervisor(below)) = &mut group.children[at].kind
            && remove(below, left)
        {
            return true;
        }
    }
    false
}

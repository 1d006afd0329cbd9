//! The runs of a scripted world: what they are about to do, and how they answer what is asked of them.

use super::script::{Run, Script, When};
use mainstay_core::child::Child;
use mainstay_core::spec::{Kind, Ready};
use mainstay_core::{ChildId, Effect, Exit, Input, Moment, Path, RunId, Tree};
use std::collections::BTreeMap;
use std::time::Duration;

/// Every scripted child, and what its live runs will do.
#[derive(Default)]
pub(super) struct Puppets {
    own: BTreeMap<Path, Part>,
    /// For every child below this supervisor that has none of its own.
    below: BTreeMap<Path, Part>,
    live: BTreeMap<(ChildId, RunId), Run>,
    /// In order of moment, then of asking.
    coming: BTreeMap<(Moment, u64), Act>,
    asked: u64,
}

/// A script, and how far each child has come in it.
struct Part {
    script: Script,
    begun: BTreeMap<ChildId, usize>,
}

/// What a run is about to do.
enum Act {
    Input(ChildId, RunId, Input),
    /// Heartbeats, each so long after the one before, up to the last one.
    Beat {
        child: ChildId,
        run: RunId,
        every: Duration,
        last: Option<Moment>,
    },
}

impl Part {
    const fn new(script: Script) -> Self {
        Self { script, begun: BTreeMap::new() }
    }

    fn next(&mut self, child: ChildId) -> Run {
        let begun = self.begun.entry(child).or_default();
        let run = self.script.run(*begun);
        *begun += 1;
        run
    }
}

impl Puppets {
    pub(super) fn script(&mut self, path: Path, script: Script) {
        self.own.insert(path, Part::new(script));
    }

    pub(super) fn script_all(&mut self, above: Path, script: Script) {
        self.below.insert(above, Part::new(script));
    }

    /// Returns when a run next does something by itself.
    pub(super) fn next(&self) -> Option<Moment> {
        self.coming.keys().next().map(|(at, _)| *at)
    }

    /// Returns what a run does now.
    pub(super) fn take(&mut self, now: Moment) -> Option<Input> {
        self.next().filter(|at| *at <= now)?;
        match self.coming.pop_first()?.1 {
            Act::Input(child, run, input) => {
                if matches!(input, Input::Exited { .. }) {
                    self.gone(child, run);
                }
                Some(input)
            }
            Act::Beat { child, run, every, last } => {
                let next = last.map_or(now + every, |last| last.min(now + every));
                if next > now {
                    self.later(next, Act::Beat { child, run, every, last });
                }
                Some(Input::Beat(child, run))
            }
        }
    }

    /// A run is over: it does nothing any more.
    pub(super) fn gone(&mut self, child: ChildId, run: RunId) {
        self.live.remove(&(child, run));
        self.coming.retain(|_, act| match act {
            Act::Input(of, this, _) => (*of, *this) != (child, run),
            Act::Beat { child: of, run: this, .. } => (*of, *this) != (child, run),
        });
    }

    /// Does what the tree asks, or lets a run answer it.
    pub(super) fn perform(&mut self, tree: &Tree, now: Moment, effect: Effect) {
        match effect {
            Effect::Start { child, run, .. } => {
                let Some(child) = tree.child(child) else { return };
                let path = tree.path(child.id).unwrap_or_else(Path::root);
                let script = self.script_of(&path, child.id);
                fits(&path, child, &script);
                self.start(child, run, script, now);
            }
            Effect::Stop { child, run, .. } => self.stop(child, run, now),
            Effect::Kill(child, run) => self.kill(tree, child, run, now),
            Effect::Probe { child, run, probe, .. } => {
                self.answer(now, child, run, Input::Probed { child, run, probe, ok: true });
            }
            Effect::Rehydrate(child, run) => {
                self.answer(now, child, run, Input::Rehydrated(child, run));
            }
            Effect::Reload(child, run) => {
                self.answer(now, child, run, Input::Reloaded(child, run));
            }
            Effect::Forget(child) => {
                for part in self.own.values_mut().chain(self.below.values_mut()) {
                    part.begun.remove(&child);
                }
            }
            Effect::Freeze(..)
            | Effect::Thaw(..)
            | Effect::Change(..)
            | Effect::Abandon(..)
            | Effect::End(_) => {}
        }
    }

    fn script_of(&mut self, path: &Path, child: ChildId) -> Run {
        let above = path.split_last().map_or_else(Path::root, |(above, _)| above);
        let part = match self.own.get_mut(path) {
            Some(part) => Some(part),
            None => self.below.get_mut(&above),
        };
        part.map(|part| part.next(child)).unwrap_or_default()
    }

    fn start(&mut self, child: &Child, run: RunId, mut script: Run, now: Moment) {
        let id = child.id;
        if script.starts == Some(When::Never) && script.stops.is_none() {
            // Its thread is held by its own start: nothing reaches it there.
            script.stops = Some(When::Never);
            script.outlives_force = true;
        }
        self.live.insert((id, run), script.clone());
        let begun = match script.starts.unwrap_or(When::After(Duration::ZERO)) {
            When::After(took) => now + took,
            When::Never => return,
        };
        let never_began = matches!(script.ends, Some((_, Exit::StartFailed { .. })));
        if !never_began {
            self.answer(begun, id, run, Input::Started(id, run));
            self.live_on(child, run, &script, begun);
        }
        if let Some((lived, exit)) = script.ends {
            let detail = script.detail;
            self.answer(begun + lived, id, run, Input::Exited { child: id, run, exit, detail });
        }
    }

    /// What a run does between its start and its end.
    fn live_on(&mut self, child: &Child, run: RunId, script: &Run, begun: Moment) {
        let id = child.id;
        match script.ready.unwrap_or(When::After(Duration::ZERO)) {
            When::After(took) if child.spec.ready != Ready::Immediate => {
                self.answer(begun + took, id, run, Input::Ready(id, run));
            }
            When::After(_) | When::Never => {}
        }
        if let Some(heartbeat) = child.spec.liveness.heartbeat {
            // Twice as often as it must, so that none is late.
            let every = (heartbeat.every / 2).max(Duration::from_millis(1));
            let last = script.silent.map(|lived| begun + lived);
            self.later(begun, Act::Beat { child: id, run, every, last });
        }
        if let Some(lived) = script.stuck {
            let pending = Input::Pending { child: id, run, pending: true };
            self.answer(begun + lived, id, run, pending);
        }
    }

    fn stop(&mut self, child: ChildId, run: RunId, now: Moment) {
        let Some(script) = self.live.get_mut(&(child, run)) else { return };
        // Asking again changes nothing.
        let stops = script.stops.replace(When::Never).unwrap_or(When::After(Duration::ZERO));
        if let When::After(took) = stops {
            let exit = Input::Exited { child, run, exit: Exit::Completed, detail: None };
            self.answer(now + took, child, run, exit);
        }
    }

    fn kill(&mut self, tree: &Tree, child: ChildId, run: RunId, now: Moment) {
        let is_blocking = tree.child(child).is_some_and(|child| child.spec.kind == Kind::Blocking);
        // It may be the first that it hears: then it is a stop as well.
        self.stop(child, run, now);
        let Some(script) = self.live.get(&(child, run)) else { return };
        if !is_blocking && !script.outlives_force {
            let exit = Input::Exited { child, run, exit: Exit::Aborted, detail: None };
            self.answer(now, child, run, exit);
        }
    }

    fn answer(&mut self, at: Moment, child: ChildId, run: RunId, input: Input) {
        self.later(at, Act::Input(child, run, input));
    }

    fn later(&mut self, at: Moment, act: Act) {
        self.asked += 1;
        self.coming.insert((at, self.asked), act);
    }
}

/// A script that speaks of something the child is not declared with is a mistake in the test.
fn fits(path: &Path, child: &Child, script: &Run) {
    let (spec, liveness) = (&child.spec, &child.spec.liveness);
    let misfit = [
        (script.ready.is_some() && spec.ready == Ready::Immediate, "being ready", "ready_within"),
        (script.silent.is_some() && liveness.heartbeat.is_none(), "its heartbeat", "heartbeat"),
        (script.stuck.is_some() && liveness.progress.is_none(), "its progress", "progress_within"),
    ];
    if let Some((_, what, word)) = misfit.into_iter().find(|(is_so, _, _)| *is_so) {
        panic!("the script of `{path}` speaks of {what}, and it is declared without `{word}`");
    }
}

//! The world: one puppet per run, which starts, lives, disobeys and ends as its seed says.
//!
//! It knows what is truly alive, which the tree only hears about.

mod lies;

use crate::dice::Dice;
use crate::scenario::{Faults, Temper};
use mainstay_core::spec::{ChildSpec, Ready};
use mainstay_core::{
    ChildId, Class, Effect, Exit, Input, Moment, News, RunId, Settled, StartStep, Tree,
};
use std::collections::BTreeMap;
use std::time::Duration;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Everything outside the tree.
#[derive(Debug)]
pub struct World {
    seed: u64,
    temper: Temper,
    faults: Faults,
    queue: BTreeMap<(Moment, u64), Happening>,
    tickets: u64,
    puppets: BTreeMap<(ChildId, RunId), Puppet>,
}

/// Something that is going to happen.
#[derive(Clone, Debug)]
pub enum Happening {
    /// The tree hears of something.
    Heard(Input),
    /// A run does something.
    Deed(ChildId, RunId, Deed),
    /// A line of the script is due.
    Scripted(usize),
}

/// What a run does by itself.
#[derive(Clone, Debug)]
pub enum Deed {
    /// It reports.
    Report(Input),
    /// It beats, and goes on beating.
    Beat(Duration),
    /// It works: pending, some progress, idle again.
    Work {
        /// How far.
        stage: u8,
    },
    /// It ends.
    End(Exit),
}

/// One run.
#[derive(Debug)]
struct Puppet {
    dice: Dice,
    frozen: bool,
    held: Vec<Deed>,
    alive: bool,
    /// The steps it obeys at the earliest; above the last it waits for force.
    obeys_from: u8,
    obeys_after: Duration,
    /// How long it outlives force; `None`: for ever.
    outlives: Option<Duration>,
    mute: bool,
    begun: bool,
}

impl World {
    /// Makes an empty world.
    pub fn new(seed: u64, temper: Temper, faults: Faults) -> Self {
        Self { seed, temper, faults, queue: BTreeMap::new(), tickets: 0, puppets: BTreeMap::new() }
    }

    /// Puts something on the calendar.
    pub fn at(&mut self, at: Moment, what: Happening) {
        self.tickets += 1;
        self.queue.insert((at, self.tickets), what);
    }

    /// Returns when the next thing happens.
    pub fn next(&self) -> Option<Moment> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next thing that happens until `now`; what only concerns the world is done at once.
    pub fn take(&mut self, now: Moment) -> Option<Happening> {
        while self.next().is_some_and(|at| at <= now) {
            let ((at, _), what) = self.queue.pop_first()?;
            match what {
                Happening::Deed(child, run, deed) => self.act(at.max(now), child, run, deed),
                Happening::Heard(_) | Happening::Scripted(_) => return Some(what),
            }
        }
        None
    }

    /// Returns the runs of a child that are truly alive.
    pub fn alive(&self, child: ChildId) -> impl Iterator<Item = RunId> {
        let all = (child, RunId(0))..=(child, RunId(u64::MAX));
        self.puppets.range(all).filter(|(_, puppet)| puppet.alive).map(|((_, run), _)| *run)
    }

    /// Returns every run that is truly alive.
    pub fn all_alive(&self) -> impl Iterator<Item = (ChildId, RunId)> {
        self.puppets.iter().filter(|(_, puppet)| puppet.alive).map(|(key, _)| *key)
    }

    /// Begins what the tree asks for.
    pub fn perform(&mut self, now: Moment, effect: Effect, tree: &Tree) {
        match effect {
            Effect::Start { child, run, .. } => self.start(now, child, run, tree),
            Effect::Stop { child, run, step } => self.stop(now, child, run, step),
            Effect::Kill(child, run) => self.kill(now, child, run),
            Effect::Probe { child, run, probe, timeout } => {
                self.probe(now, child, run, probe, timeout);
            }
            Effect::Rehydrate(child, run) => {
                let limit = tree.child(child).and_then(|child| child.spec.rehydrate);
                self.restore(now, child, run, limit.unwrap_or_default());
            }
            Effect::Reload(child, run) => {
                self.report(now + ms(5), child, run, Input::Reloaded(child, run));
            }
            Effect::Freeze(child, run) => {
                if let Some(puppet) = self.puppets.get_mut(&(child, run)) {
                    puppet.frozen = true;
                }
            }
            Effect::Thaw(child, run) => self.thaw(now, child, run),
            Effect::Change(..) | Effect::Abandon(..) | Effect::Forget(_) | Effect::End(_) => {}
        }
    }

    fn with<T: Default>(
        &mut self,
        child: ChildId,
        run: RunId,
        f: impl FnOnce(&mut Dice) -> T,
    ) -> T {
        self.puppets.get_mut(&(child, run)).map(|puppet| f(&mut puppet.dice)).unwrap_or_default()
    }

    fn deed(&mut self, at: Moment, child: ChildId, run: RunId, deed: Deed) {
        self.at(at, Happening::Deed(child, run, deed));
    }

    fn report(&mut self, at: Moment, child: ChildId, run: RunId, input: Input) {
        self.deed(at, child, run, Deed::Report(input));
    }

    fn start(&mut self, now: Moment, child: ChildId, run: RunId, tree: &Tree) {
        let path = tree.path(child).map_or_else(String::new, |path| path.as_str().to_owned());
        let mut dice = Dice::of(self.seed, &path, run.0);
        let temper = self.temper;
        let stubborn = dice.percent(temper.stubborn);
        let obeys_from = if stubborn { dice.below(5) as u8 } else { 0 };
        let puppet = Puppet {
            frozen: false,
            held: Vec::new(),
            alive: true,
            obeys_from,
            obeys_after: if stubborn { dice.any_span(ms(60_000)) } else { dice.any_span(ms(500)) },
            outlives: match dice.percent(if stubborn { temper.immortal } else { 0 }) {
                false => Some(dice.any_span(ms(100))),
                true if dice.percent(40) => None,
                true => Some(dice.any_span(ms(3_600_000))),
            },
            mute: dice.percent(temper.mute),
            begun: false,
            dice: dice.clone(),
        };
        self.puppets.insert((child, run), puppet);
        let Some(spec) = tree.child(child).map(|child| child.spec.clone()) else { return };
        if dice.percent(temper.start_fails) {
            let step = *dice.pick(&[StartStep::Program, StartStep::Factory, StartStep::Exec]);
            let exit = if dice.percent(10) {
                Exit::Skipped
            } else {
                Exit::StartFailed { step, mendable: dice.percent(70) }
            };
            self.deed(now + dice.any_span(ms(200)), child, run, Deed::End(exit));
            return;
        }
        self.lie(now, &spec, child, run);
        let started = now + self.latency(&mut dice, spec.start_timeout);
        if temper.lies.early > 0 && dice.percent(temper.lies.early) {
            let exit = self.exit(&mut dice, now);
            self.deed(now + dice.any_span(started.since(now)), child, run, Deed::End(exit));
        }
        if temper.lies.silent > 0 && dice.percent(temper.lies.silent) {
            return;
        }
        self.report(started, child, run, Input::Started(child, run));
        self.live(started, &spec, child, run, dice);
    }

    fn latency(&self, dice: &mut Dice, timeout: Duration) -> Duration {
        if dice.percent(self.temper.slow) {
            dice.span(timeout / 2, timeout * 2)
        } else if dice.percent(30) {
            Duration::from_micros(1)
        } else {
            dice.any_span(ms(300))
        }
    }

    /// Plans what a run does from its start on.
    fn live(
        &mut self,
        started: Moment,
        spec: &ChildSpec,
        child: ChildId,
        run: RunId,
        mut dice: Dice,
    ) {
        let temper = self.temper;
        if !matches!(spec.ready, Ready::Immediate | Ready::Probe) && !dice.percent(temper.slow / 3)
        {
            let ready = started + self.latency(&mut dice, spec.ready_timeout);
            self.report(ready, child, run, Input::Ready(child, run));
        }
        if dice.percent(temper.crashes) {
            let life =
                if dice.percent(25) { dice.any_span(ms(50)) } else { dice.any_span(temper.life) };
            let exit = self.exit(&mut dice, started);
            self.deed(started + life + Duration::from_nanos(1), child, run, Deed::End(exit));
        }
        if let Some(heartbeat) = spec.liveness.heartbeat {
            let gap = dice.span(heartbeat.every / 2, heartbeat.every + heartbeat.every / 4);
            self.deed(started + gap, child, run, Deed::Beat(gap.max(ms(1))));
        }
        let its = u64::from(child.slot() as u32) << 32 | run.0;
        let mut patience = Dice::of(self.seed, "patience", its);
        if patience.percent(3) {
            // It beats no more often for it: a short one is soon over.
            let within = *patience.pick(&[ms(0), ms(1_500), ms(60_000)]);
            let at = started + patience.any_span(ms(30_000));
            self.report(at, child, run, Input::Patience { child, run, within });
        }
        if spec.liveness.progress.is_some() {
            self.deed(started + dice.any_span(ms(9_000)), child, run, Deed::Work { stage: 0 });
        }
        if dice.percent(5) {
            let by = dice.any_span(ms(20_000));
            let at = started + dice.any_span(ms(20_000));
            self.report(at, child, run, Input::Extend { child, run, by });
        }
        if dice.percent(3) {
            self.report(
                started + dice.any_span(ms(90_000)),
                child,
                run,
                Input::WantsRecycle(child, run),
            );
        }
        if dice.percent(4) {
            let hard = dice.percent(50);
            self.report(
                started + dice.any_span(ms(90_000)),
                child,
                run,
                Input::Guard { child, run, hard },
            );
        }
        if dice.percent(4) {
            let (at, lasted) = (started + dice.any_span(ms(90_000)), dice.any_span(ms(9_000)));
            self.report(at, child, run, Input::Blocked { child, run, lasted });
            self.at(at, Happening::Heard(Input::Stalled(lasted)));
        }
        if dice.percent(6) {
            let at = started + dice.any_span(ms(90_000));
            let (steps, kind) = (dice.below(1_000), dice.below(3));
            let news = match kind {
                0 => News::Acted { action: "Act".into() },
                1 => News::Failed { what: "Act".into(), error: "busy".into(), left_out: None },
                _ => News::Settled { how: Settled::Done, state: None, detail: None },
            };
            self.report(at, child, run, Input::Told { child, run, news: Box::new(news) });
            let position = steps.to_string().into();
            self.report(at, child, run, Input::Positioned { child, run, position });
        }
    }

    fn exit(&self, dice: &mut Dice, at: Moment) -> Exit {
        if dice.percent(self.temper.clean) {
            return Exit::Completed;
        }
        match dice.below(20) {
            0..=7 => {
                let class = match dice.below(14) {
                    0 => Class::Permanent,
                    1 if dice.percent(30) => Class::Fatal,
                    2..=4 => Class::Transient,
                    _ => Class::Plain,
                };
                let code = dice.percent(60).then(|| dice.between(1, 4) as i32);
                let retry_after = dice.percent(15).then(|| dice.any_span(ms(50_000)));
                Exit::Failed { code, class, retry_after }
            }
            8..=10 => {
                Exit::Signaled { signal: *dice.pick(&[6, 9, 11, 15]), core: dice.percent(20) }
            }
            11..=13 => Exit::Panicked,
            14 => Exit::OutOfMemory,
            15 => Exit::OverLimit,
            16 => Exit::Aborted,
            17 => Exit::Unknown { from: at, to: at + ms(1) },
            _ => Exit::FAILED,
        }
    }

    fn stop(&mut self, now: Moment, child: ChildId, run: RunId, step: u8) {
        let Some(puppet) = self.puppets.get_mut(&(child, run)).filter(|puppet| puppet.alive) else {
            return;
        };
        if step < puppet.obeys_from {
            return;
        }
        let exit = match puppet.dice.below(5) {
            0 => Exit::FAILED,
            1 => Exit::Panicked,
            2 => Exit::Signaled { signal: 15, core: false },
            _ => Exit::Completed,
        };
        let after = puppet.obeys_after;
        self.deed(now + after, child, run, Deed::End(exit));
    }

    fn kill(&mut self, now: Moment, child: ChildId, run: RunId) {
        let Some(puppet) = self.puppets.get_mut(&(child, run)) else { return };
        // Force reaches what is suspended.
        puppet.frozen = false;
        puppet.held.clear();
        if let Some(outlives) = puppet.outlives {
            self.deed(
                now + outlives,
                child,
                run,
                Deed::End(Exit::Signaled { signal: 9, core: false }),
            );
        }
    }

    fn probe(&mut self, now: Moment, child: ChildId, run: RunId, probe: u8, timeout: Duration) {
        let mute = self.temper.mute;
        let Some(puppet) = self.puppets.get_mut(&(child, run)).filter(|puppet| puppet.alive) else {
            return;
        };
        let dice = &mut puppet.dice;
        let ok = !dice.percent(mute);
        let wait = match dice.below(20) {
            0 => return,
            1 => timeout + dice.any_span(timeout),
            _ => dice.any_span(timeout / 2),
        };
        self.report(now + wait, child, run, Input::Probed { child, run, probe, ok });
    }

    fn thaw(&mut self, now: Moment, child: ChildId, run: RunId) {
        let Some(puppet) = self.puppets.get_mut(&(child, run)) else { return };
        puppet.frozen = false;
        for deed in std::mem::take(&mut puppet.held) {
            self.deed(now + Duration::from_micros(1), child, run, deed);
        }
    }

    fn act(&mut self, now: Moment, child: ChildId, run: RunId, deed: Deed) {
        let Some(puppet) = self.puppets.get_mut(&(child, run)).filter(|puppet| puppet.alive) else {
            return;
        };
        if puppet.frozen {
            puppet.held.push(deed);
            return;
        }
        match deed {
            Deed::Report(input) => {
                let begins = matches!(input, Input::Started(..));
                puppet.begun |= begins;
                self.tell(now, child, run, input);
            }
            Deed::Beat(gap) => {
                let dice = &mut puppet.dice;
                let stops = puppet.mute && dice.percent(10);
                self.tell(now, child, run, Input::Beat(child, run));
                if !stops {
                    self.deed(now + gap, child, run, Deed::Beat(gap));
                }
            }
            Deed::Work { stage } => {
                let (mute, wait) = (puppet.mute, puppet.dice.any_span(ms(8_000)));
                let input = match stage {
                    0 => Input::Pending { child, run, pending: true },
                    1..=3 => Input::Progress(child, run),
                    _ => Input::Pending { child, run, pending: false },
                };
                self.tell(now, child, run, input);
                if !(mute && stage == 2) {
                    let stage = if stage >= 4 { 0 } else { stage + 1 };
                    let wait = if stage == 0 { wait * 8 } else { wait };
                    self.deed(now + wait + ms(1), child, run, Deed::Work { stage });
                }
            }
            Deed::End(exit) => {
                puppet.alive = false;
                let detail = puppet.dice.percent(20).then(|| "it says".into());
                self.tell(now, child, run, Input::Exited { child, run, exit, detail });
            }
        }
    }

    /// Sends a fact on its way; it may come late, or twice.
    fn tell(&mut self, now: Moment, child: ChildId, run: RunId, input: Input) {
        let faults = self.faults;
        let dice = self.puppets.get_mut(&(child, run)).map(|puppet| &mut puppet.dice);
        let mut spare = Dice::new(self.seed);
        let dice = dice.unwrap_or(&mut spare);
        let late =
            if dice.percent(faults.late) { dice.any_span(ms(5_000)) } else { Duration::ZERO };
        let again = dice.percent(faults.doubled).then(|| dice.any_span(ms(30_000)));
        let stale = dice.percent(faults.stale).then(|| RunId(dice.below(run.0 + 2)));
        if let Some(again) = again {
            self.at(now + late + again, Happening::Heard(input.clone()));
        }
        if let Some(other) = stale.filter(|other| *other != run) {
            self.at(now + late, Happening::Heard(Input::Ready(child, other)));
        }
        self.at(now + late, Happening::Heard(input));
    }
}

//! Schedules at random, the same for the same seed.

use crate::schedule::{
    Act, Decl, Flags, How, OnStop, Outcome, Restart, Schedule, Step, Strategy, Verb, When, parent,
};

/// Makes the schedule with this number.
pub(crate) fn schedule(seed: u64, number: u64) -> Schedule {
    let mut dice = Dice(seed ^ number.wrapping_mul(0xa076_1d64_78bd_642f));
    let root = dice.flags(&[0, 1, 2, 3, 4, 4]);
    let id = format!("{seed}-{number}");
    let mut schedule = Schedule { id, root, children: Vec::new(), steps: Vec::new() };
    let mut names = Vec::new();
    if root.strategy == Strategy::Simple {
        dice.template(&mut schedule, ".", &mut names);
    } else {
        for name in &["a", "b", "c", "d"][..dice.between(1, 4)] {
            if dice.chance(25) {
                dice.nested(&mut schedule, name, &mut names);
            } else {
                schedule.children.push(dice.worker(name, root.auto_shutdown));
                names.push((*name).to_owned());
            }
        }
    }
    let steps = dice.steps(&schedule, names);
    schedule.steps = steps;
    schedule
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn between(&mut self, least: usize, most: usize) -> usize {
        least + (self.next() % (most - least + 1) as u64) as usize
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.between(0, items.len() - 1)].clone()
    }

    fn flags(&mut self, limits: &[u32]) -> Flags {
        Flags {
            strategy: self.pick(Strategy::ALL),
            most: self.pick(limits),
            period: 3_600,
            auto_shutdown: self.pick(&[When::Never, When::Never, When::Any, When::All]),
        }
    }

    fn worker(&mut self, name: &str, auto_shutdown: When) -> Decl {
        let restart = self.pick(Restart::ALL);
        let significant = self.is_significant(restart, auto_shutdown);
        let onstop = if self.chance(20) {
            self.pick(&[OnStop::Normal, OnStop::Crash])
        } else {
            OnStop::Shutdown
        };
        Decl { name: name.to_owned(), restart, significant, onstop, supervisor: None }
    }

    fn is_significant(&mut self, restart: Restart, auto_shutdown: When) -> bool {
        auto_shutdown != When::Never && restart != Restart::Permanent && self.chance(50)
    }

    fn nested(&mut self, schedule: &mut Schedule, name: &str, names: &mut Vec<String>) {
        let flags = self.flags(&[0, 1, 2, 3]);
        let restart = self.pick(Restart::ALL);
        let significant = self.is_significant(restart, schedule.root.auto_shutdown);
        schedule.children.push(Decl {
            supervisor: Some(flags),
            restart,
            significant,
            ..self.worker(name, When::Never)
        });
        names.push(name.to_owned());
        if flags.strategy == Strategy::Simple {
            self.template(schedule, name, names);
            return;
        }
        for child in &["x", "y", "z"][..self.between(0, 3)] {
            let child = format!("{name}/{child}");
            schedule.children.push(self.worker(&child, flags.auto_shutdown));
            names.push(child);
        }
    }

    /// A template, and the names of its children to be.
    fn template(&mut self, schedule: &mut Schedule, above: &str, names: &mut Vec<String>) {
        let auto_shutdown = schedule.flags(above).expect("a supervisor").auto_shutdown;
        let prefix = if above == "." { String::new() } else { format!("{above}/") };
        schedule.children.push(self.worker(&format!("{prefix}w"), auto_shutdown));
        names.extend((1..=3).map(|number| format!("{prefix}w{number}")));
    }

    fn steps(&mut self, schedule: &Schedule, mut names: Vec<String>) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.chance(5) {
            steps.extend(self.plan(schedule, &names));
        }
        steps.push(Step::Go);
        for name in &names {
            if schedule.is_dynamic(parent(name)) && self.chance(80) {
                steps.push(Step::One(Act::Asks(Verb::StartChild, name.clone())));
            }
        }
        for _ in 0..self.between(3, 14) {
            match self.next() % 100 {
                0..25 => steps.extend(self.plan(schedule, &names)),
                25..45 => {
                    let home = parent(&self.pick(&names)).to_owned();
                    let acts = (0..self.between(2, 4))
                        .filter_map(|_| self.act(schedule, &mut names, Some(&home)))
                        .collect();
                    steps.push(Step::Together(acts));
                }
                45..47 => steps.push(Step::Stop),
                _ => steps.extend(self.act(schedule, &mut names, None).map(Step::One)),
            }
        }
        steps.retain(|step| !matches!(step, Step::Together(acts) if acts.is_empty()));
        steps
    }

    fn plan(&mut self, schedule: &Schedule, names: &[String]) -> Option<Step> {
        let name = self.pick(names);
        let mut outcome = self.pick(&[
            Outcome::Fails,
            Outcome::Fails,
            Outcome::Skips,
            Outcome::Crashes,
            Outcome::Finishes,
        ]);
        if schedule.is_dynamic(parent(&name)) && outcome == Outcome::Skips {
            outcome = Outcome::Fails;
        }
        let times = self.between(1, 3) as u32;
        (!is_nested(schedule, &name)).then_some(Step::Plan(outcome, name, times))
    }

    /// Something that happens, below the supervisor `home` if one is given.
    fn act(
        &mut self,
        schedule: &Schedule,
        names: &mut Vec<String>,
        home: Option<&str>,
    ) -> Option<Act> {
        let fitting: Vec<String> = names
            .iter()
            .filter(|name| home.is_none_or(|home| parent(name) == home))
            .cloned()
            .collect();
        let name = self.pick(&fitting);
        let dynamic = schedule.is_dynamic(parent(&name));
        match self.next() % 23 {
            0..8 => ends(schedule, How::Crash, name),
            8..15 => {
                let how = self.pick(&[
                    How::Kill,
                    How::Kill,
                    How::Finish,
                    How::Finish,
                    How::Shutdown,
                    How::Shutdown,
                    How::Leave,
                ]);
                ends(schedule, how, name)
            }
            15..17 => Some(Act::Asks(Verb::Terminate, name)),
            17.. if dynamic => Some(Act::Asks(Verb::StartChild, name)),
            17..19 => Some(Act::Asks(Verb::Restart, name)),
            19..21 => Some(Act::Asks(Verb::Delete, name)),
            _ => {
                let new = if parent(&name) == "." { "e" } else { &format!("{}/n", parent(&name)) };
                let name = if self.chance(50) { new.to_owned() } else { name };
                if is_nested(schedule, &name) {
                    return None;
                }
                if !names.contains(&name) {
                    names.push(name.clone());
                }
                let rule = schedule.flags(parent(&name)).map_or(When::Never, |of| of.auto_shutdown);
                // Now and then one that does not fit its supervisor.
                let rule = if self.chance(10) { When::Any } else { rule };
                Some(Act::Adds(self.worker(&name, rule)))
            }
        }
    }
}

/// A supervisor of ours cannot end by itself; its children are what ends.
fn ends(schedule: &Schedule, how: How, name: String) -> Option<Act> {
    (!is_nested(schedule, &name)).then_some(Act::Ends(how, name))
}

fn is_nested(schedule: &Schedule, name: &str) -> bool {
    schedule.flags(name).is_some()
}

//! The two traces of a schedule, step by step; and the smallest schedule that still shows a difference.

use crate::deviation::Deviation;
use crate::erlang::{self, Trace};
use crate::ours::{self, Played};
use crate::schedule::{Decl, Schedule, Step, parent};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What came of many schedules.
#[derive(Default)]
pub(crate) struct Tally {
    pub schedules: usize,
    pub whole: usize,
    pub steps: usize,
    pub bridged: BTreeMap<Deviation, usize>,
    pub parted: BTreeMap<Deviation, usize>,
    pub differing: Vec<Schedule>,
}

enum Verdict {
    /// Every step agrees.
    Agree,
    /// They part at this step, as they must.
    Part(usize, Deviation),
    /// They part at this step, and nothing explains it.
    Differ(usize),
}

/// A deviation explains a difference of the step in which it was met, from the fact on before which it was met.
fn judge(otp: &Trace, ours: &Played) -> Verdict {
    let step = otp.iter().zip(&ours.trace).position(|(otp, ours)| normal(otp) != *ours);
    let Some(at) = step else { return Verdict::Agree };
    let (otp, trace) = (normal(&otp[at]), &ours.trace[at]);
    let agreed = otp.iter().zip(trace).take_while(|(otp, ours)| otp == ours).count();
    let explains =
        |(deviation, before): &(&Deviation, &usize)| deviation.parts() && **before <= agreed;
    match ours.met[at].iter().find(explains) {
        Some((deviation, _)) => Verdict::Part(at, *deviation),
        None => Verdict::Differ(at),
    }
}

/// An ignored start is answered `ok` by us; that it was ignored is a fact of its own.
fn normal(facts: &[String]) -> Vec<String> {
    facts.iter().map(|fact| fact.trim_end_matches(" undefined").to_owned()).collect()
}

impl Tally {
    pub(crate) fn take(&mut self, schedules: Vec<Schedule>, traces: &[Trace]) {
        for (schedule, otp) in schedules.into_iter().zip(traces) {
            let ours = ours::play(&schedule);
            self.schedules += 1;
            let agreed = match judge(otp, &ours) {
                Verdict::Agree => {
                    self.whole += 1;
                    otp.len()
                }
                Verdict::Part(at, deviation) => {
                    *self.parted.entry(deviation).or_default() += 1;
                    at
                }
                Verdict::Differ(at) => {
                    self.differing.push(schedule);
                    at
                }
            };
            self.steps += agreed;
            let met = ours.met.iter().take(agreed).flat_map(BTreeMap::keys);
            for deviation in met.filter(|met| !met.parts()) {
                *self.bridged.entry(*deviation).or_default() += 1;
            }
        }
    }

    pub(crate) fn summary(&self) -> String {
        let mut text = format!(
            "{} schedules, {} agree from beginning to end; {} steps agree\n",
            self.schedules, self.whole, self.steps
        );
        let lines = self
            .bridged
            .iter()
            .map(|line| (line, "bridged"))
            .chain(self.parted.iter().map(|line| (line, "parted ")));
        for ((deviation, count), how) in lines {
            _ = writeln!(text, "{count:>7} x {how} {deviation:?}: {}", deviation.reason());
        }
        text
    }
}

/// Drops whatever can be dropped while the difference stays.
pub(crate) fn shrink(mut schedule: Schedule) -> Schedule {
    loop {
        let smaller = candidates(&schedule);
        let traces = erlang::play(&format!("shrink-{}", schedule.id), &smaller);
        let differs = |(schedule, otp): &(Schedule, &Trace)| {
            matches!(judge(otp, &ours::play(schedule)), Verdict::Differ(_))
        };
        match smaller.into_iter().zip(&traces).find(differs) {
            Some((found, _)) => schedule = found,
            None => return schedule,
        }
    }
}

/// Every schedule that is smaller by one thing; those that are smaller by much come first.
fn candidates(schedule: &Schedule) -> Vec<Schedule> {
    let mut smaller = Vec::new();
    let steps = schedule.steps.len();
    if let Some(last) = steps.checked_sub(1) {
        for keep in [steps / 2, last] {
            let mut fewer = schedule.clone();
            fewer.steps.truncate(keep);
            smaller.push(fewer);
        }
    }
    for at in 0..steps {
        let mut fewer = schedule.clone();
        let step = fewer.steps.remove(at);
        if !matches!(step, Step::Go) {
            smaller.push(fewer);
        }
        if let Step::Together(acts) = step {
            for act in (0..acts.len()).filter(|_| acts.len() > 1) {
                let mut fewer = schedule.clone();
                let mut acts = acts.clone();
                acts.remove(act);
                fewer.steps[at] = Step::Together(acts);
                smaller.push(fewer);
            }
        }
    }
    let text: String = schedule.steps.iter().map(|step| format!("{step} ")).collect();
    for child in &schedule.children {
        let is_of = |decl: &Decl| decl.name == child.name || parent(&decl.name) == child.name;
        let is_named = |decl: &Decl| text.contains(&format!(" {} ", decl.name));
        let is_template = |decl: &Decl| schedule.is_dynamic(parent(&decl.name));
        if !is_template(child)
            && !schedule.children.iter().any(|decl| is_of(decl) && is_named(decl))
        {
            let mut fewer = schedule.clone();
            fewer.children.retain(|decl| !is_of(decl));
            smaller.push(fewer);
        }
    }
    smaller
}

/// The schedule, and both traces side by side from the first step that differs.
pub(crate) fn show(schedule: &Schedule) -> String {
    let otp =
        erlang::play(&format!("show-{}", schedule.id), std::slice::from_ref(schedule)).remove(0);
    let ours = ours::play(schedule);
    let from = match judge(&otp, &ours) {
        Verdict::Agree => return format!("{schedule}agrees\n"),
        Verdict::Part(at, _) | Verdict::Differ(at) => at,
    };
    let mut text = format!("{schedule}\n    {:<58}ours\n", "OTP");
    for ((step, otp), ours) in schedule.steps.iter().zip(&otp).zip(&ours.trace).skip(from) {
        _ = writeln!(text, "step {step}");
        for row in 0..otp.len().max(ours.len()) {
            let (otp, ours) = (otp.get(row), ours.get(row));
            let mark = if otp == ours { ' ' } else { '!' };
            let (otp, ours) = (otp.map_or("", |fact| fact), ours.map_or("", |fact| fact));
            _ = writeln!(text, "  {mark} {otp:<57} {ours}");
        }
    }
    text
}

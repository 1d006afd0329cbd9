//! Finding and ending all processes of a run that no cgroup holds: by descent, session, process group and
//! the mark in their environment.

use super::look::{Look, Place, Seen};
use super::mark::Instance;
use super::proc::{Id, Sent, Stat, signal};
use mainstay_wire::keeper::Key;
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// How often one sweep looks again because there were new processes. A chain of processes that each start
/// the next one and end can go on for ever.
const ROUNDS: u32 = 64;
/// How many processes are remembered from earlier looks.
const REMEMBERED: usize = 1024;

/// What holds the processes of one run together where no cgroup does.
#[derive(Debug)]
pub struct Kin {
    instance: Instance,
    mark: Vec<u8>,
    main: Option<Id>,
    /// Whether the main process is a child of ours, so that its orphans come to us.
    ours: bool,
    /// Who was seen to be of the run: they still are when their parents are gone and they tell nothing.
    seen: BTreeMap<u32, u64>,
}

impl Kin {
    /// Makes what holds a run that is about to begin.
    pub fn new(instance: Instance, key: &Key) -> Self {
        let mark = instance.mark(key).into_bytes();
        Self { instance, mark, main: None, ours: true, seen: BTreeMap::new() }
    }

    /// Makes what holds a run of an earlier keeper. Its orphans come to nobody we know, so each look goes
    /// over all processes.
    pub(super) fn adopted(instance: Instance, key: &Key, main: Id) -> Self {
        Self { main: Some(main), ours: false, ..Self::new(instance, key) }
    }

    /// Says that its orphans come to us after all.
    pub(super) fn own(&mut self) {
        self.ours = true;
    }

    /// Says which process is the main one.
    pub fn set_main(&mut self, main: Id) {
        // The former one is remembered, with its session.
        if let Some(former) = self.main.replace(main) {
            self.seen.insert(former.pid, former.began);
        }
    }

    /// Returns all processes of the run that have not ended, the main one too.
    ///
    /// Whoever is found is remembered. A look before the main process ends therefore finds those that
    /// hide afterwards: with a session of their own, a clean environment and no parent.
    pub fn members(&mut self, look: &Look<'_>) -> io::Result<Vec<Stat>> {
        let everyone = !self.ours;
        let mut found: BTreeMap<u32, Stat> = BTreeMap::new();
        let main = self.main.and_then(|main| still(look, main));
        let mut queue: Vec<Stat> = main.clone().into_iter().collect();
        queue.extend(self.seen.iter().filter_map(|(&pid, &began)| still(look, Id { pid, began })));
        for seen in look.candidates(everyone)? {
            if self.claims(seen, look, main.as_ref()) {
                queue.push(seen.stat.clone());
            }
        }
        while let Some(stat) = queue.pop() {
            if stat.id.pid == std::process::id() || found.contains_key(&stat.id.pid) {
                continue;
            }
            for pid in look.children(&stat, everyone)? {
                queue.extend(look.stat(pid));
            }
            found.insert(stat.id.pid, stat);
        }
        let living: Vec<Stat> = found.into_values().filter(|stat| !stat.is_gone()).collect();
        self.seen = living.iter().take(REMEMBERED).map(|s| (s.id.pid, s.id.began)).collect();
        Ok(living)
    }

    /// Whether a process is of the run by what it tells of itself.
    fn claims(&self, seen: &Seen, look: &Look<'_>, living: Option<&Stat>) -> bool {
        let Some(main) = self.main else {
            return look.mark(seen) == Some(&self.mark);
        };
        if seen.id().began < main.began {
            return false;
        }
        // As long as a session lives, its number is given to no process; a process that has it and is
        // not the main one shows that the session is another one.
        let passed_on = living.is_none() && look.stat(main.pid).is_some_and(|s| s.id != main);
        let together = seen.stat.session == main.pid || seen.stat.group == main.pid;
        if together && !passed_on {
            return true;
        }
        let mark = look.mark(seen);
        if mark.is_some_and(|mark| self.instance.run_of(mark).is_some()) {
            return mark == Some(&self.mark);
        }
        // In a reaper every orphan is of some run. The mark of another instance says no more than none:
        // a keeper that was one of the run has started it.
        self.ours && look.is_alone() && seen.stat.parent == std::process::id()
    }

    /// Sends a signal to every process of the run, and to those that they start meanwhile. Returns
    /// whether one refused it.
    pub fn signal(&mut self, send: Signal, place: Place<'_>) -> io::Result<bool> {
        let mut done = BTreeSet::new();
        let mut refused = false;
        for _ in 0..ROUNDS {
            let fresh = self.fresh(&done, place)?;
            if fresh.is_empty() {
                break;
            }
            refused |= deliver(&fresh, send, &mut done);
        }
        Ok(refused)
    }

    /// Kills every process of the run, and those that they start meanwhile: until each that is left has
    /// been killed and only needs to end, or refuses. Returns whether one refused.
    pub fn kill(&mut self, place: Place<'_>) -> io::Result<bool> {
        let mut done = BTreeSet::new();
        let mut refused = false;
        for round in 0..ROUNDS {
            let fresh = self.fresh(&done, place)?;
            if fresh.is_empty() {
                break;
            }
            if round == 0 {
                refused |= deliver(&fresh, Signal::KILL, &mut done);
                continue;
            }
            // They start others faster than they are killed: all of them are made to stand still first.
            self.signal(Signal::STOP, place)?;
            let fresh = self.fresh(&done, place)?;
            refused |= deliver(&fresh, Signal::KILL, &mut done);
        }
        Ok(refused)
    }

    /// Makes all of the run stand still, or go on.
    pub fn freeze(&mut self, freeze: bool, place: Place<'_>) -> io::Result<bool> {
        self.signal(if freeze { Signal::STOP } else { Signal::CONT }, place)
    }

    fn fresh(&mut self, done: &BTreeSet<Id>, place: Place<'_>) -> io::Result<Vec<Id>> {
        let members = self.members(&Look::new(place)?)?;
        Ok(members.into_iter().map(|stat| stat.id).filter(|id| !done.contains(id)).collect())
    }
}

fn still(look: &Look<'_>, id: Id) -> Option<Stat> {
    look.stat(id.pid).filter(|stat| stat.id == id)
}

fn deliver(to: &[Id], send: Signal, done: &mut BTreeSet<Id>) -> bool {
    done.extend(to);
    to.iter().filter(|&&id| signal(id, send) == Sent::Refused).count() > 0
}

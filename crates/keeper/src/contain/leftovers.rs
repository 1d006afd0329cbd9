//! What an earlier keeper of the same instance left behind: runs whose processes live.

use super::cgroup::Cgroups;
use super::group::Group;
use super::look::{Look, Place};
use super::mark::{Instance, VARIABLE};
use super::proc::{Id, Proc, Stat};
use super::sweep::Kin;
use super::{Bond, Means};
use mainstay_wire::keeper::Key;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;

/// A run of an earlier keeper that still lives.
///
/// Where it was found by the mark in its environment, anybody who may start processes here can have made
/// it look so: whoever adopts it compares the main process with what was recorded at its start.
#[derive(Debug)]
pub struct Leftover {
    /// The run.
    pub key: Key,
    /// Its main process, as it seems: the oldest that leads a session and has the mark, else the oldest.
    pub main: Id,
    /// All of its processes.
    pub processes: Vec<Id>,
    /// What holds them together, for the run that goes on or is ended.
    pub bond: Bond,
}

impl Leftover {
    /// Opens the main process, which is no child of ours, to wait for its end; absent: it is gone.
    pub fn open(&self) -> Option<OwnedFd> {
        self.main.open()
    }

    /// Says which process is the main one, as it was recorded. Returns whether it is there.
    pub fn set_main(&mut self, main: Id) -> bool {
        let there = self.processes.contains(&main);
        if there {
            self.main = main;
            self.bond.set_main(main);
        }
        there
    }
}

/// Finds all that an earlier keeper of this instance left. Nothing may have been started yet.
pub(super) fn find(instance: Instance, cgroups: Option<&mut Cgroups>) -> io::Result<Vec<Leftover>> {
    let mut proc = Proc::open()?;
    let marked = marked(instance, &mut proc)?;
    let mut left = Vec::new();
    let mut held: BTreeMap<Key, ()> = BTreeMap::new();
    for (key, group) in cgroups.map_or(Ok(Vec::new()), Cgroups::left)? {
        if let Some(leftover) = of_group(key, group, &marked, &mut proc)? {
            held.insert(leftover.key.clone(), ());
            left.push(leftover);
        }
    }
    for (key, stats) in marked.into_iter().filter(|(key, _)| !held.contains_key(key)) {
        let Some(main) = main_of(&stats, |_| true) else { continue };
        let mut kin = Kin::adopted(instance, &key, main);
        let members = kin.members(&Look::new(Place::Guest)?)?;
        // It may have ended since it was found, and have left others.
        let is_there = members.iter().any(|stat| stat.id == main);
        let main = if is_there { Some(main) } else { main_of(&members, |_| true) };
        let Some(main) = main else { continue };
        if !is_there {
            kin.set_main(main);
        }
        let processes: Vec<Id> = members.into_iter().map(|stat| stat.id).collect();
        let bond = Bond::of(Means::Descent(kin), Some(main));
        left.push(Leftover { key, main, processes, bond });
    }
    left.sort_by(|a, b| (&a.key, a.main).cmp(&(&b.key, b.main)));
    Ok(left)
}

/// How often it is looked again because there were new processes: one that starts another and ends while it is
/// looked for has left that one alone.
const ROUNDS: u32 = 16;

/// All processes that have a mark of this instance, by the run that it names.
fn marked(instance: Instance, proc: &mut Proc) -> io::Result<BTreeMap<Key, Vec<Stat>>> {
    let mut marked: BTreeMap<Key, Vec<Stat>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for _ in 0..ROUNDS {
        let fresh: Vec<u32> = proc.all()?.into_iter().filter(|pid| seen.insert(*pid)).collect();
        if fresh.is_empty() {
            break;
        }
        for pid in fresh {
            let Some(mark) = proc.variable(pid, VARIABLE) else { continue };
            let Some(key) = instance.run_of(&mark) else { continue };
            // A keeper that was started from inside one of its runs has the mark as well.
            if pid != std::process::id()
                && let Some(stat) = proc.stat(pid)
                && !stat.is_gone()
            {
                marked.entry(key).or_default().push(stat);
            }
        }
    }
    Ok(marked)
}

fn of_group(
    key: Option<Key>,
    group: Group,
    marked: &BTreeMap<Key, Vec<Stat>>,
    proc: &mut Proc,
) -> io::Result<Option<Leftover>> {
    let pids = group.pids()?;
    let stats: Vec<Stat> = pids.into_iter().filter_map(|pid| proc.stat(pid)).collect();
    let has = |key: &Key, id: Id| {
        marked.get(key).is_some_and(|stats| stats.iter().any(|stat| stat.id == id))
    };
    // A folder that does not tell its run holds processes that do.
    let told = || marked.keys().find(|key| stats.iter().any(|stat| has(key, stat.id))).cloned();
    let Some(key) = key.or_else(told) else { return Ok(None) };
    let Some(main) = main_of(&stats, |id| has(&key, id)) else { return Ok(None) };
    let processes = stats.iter().map(|stat| stat.id).collect();
    let bond = Bond::of(Means::Group(group), Some(main));
    Ok(Some(Leftover { key, main, processes, bond }))
}

/// The oldest process that leads a session and has the mark; else the oldest.
fn main_of(stats: &[Stat], has_mark: impl Fn(Id) -> bool) -> Option<Id> {
    let leads = |stat: &Stat| stat.session == stat.id.pid && has_mark(stat.id);
    let order = |stat: &&Stat| (!leads(stat), stat.id.began, stat.id.pid);
    stats.iter().min_by_key(order).map(|stat| stat.id)
}

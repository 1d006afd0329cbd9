//! One look at the processes around, for all runs that are asked about at the same time.

use super::mark::VARIABLE;
use super::proc::{Id, Proc, Stat};
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::sync::OnceLock;

/// Where the keeper stands among the processes.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    /// Orphans become its children: it is number 1 or a subreaper, and starts nothing that it forgets.
    Reaper {
        /// Whether a child of it is one that it started.
        known: &'a dyn Fn(u32) -> bool,
        /// Whether no more than one run is held by its descent. An orphan that tells nothing is of that
        /// run.
        alone: bool,
    },
    /// It lives in somebody else's program, whose other children are none of its business.
    Guest,
}

/// What one look shows. Each part is looked up when it is first asked for, and then stays as it was:
/// whoever waits for a change takes a new look.
pub struct Look<'a> {
    place: Place<'a>,
    strangers: OnceCell<Vec<Seen>>,
    everyone: OnceCell<Everyone>,
    proc: RefCell<Proc>,
}

/// A process, and the mark in its environment once it was read.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) stat: Stat,
    mark: OnceCell<Option<Vec<u8>>>,
}

#[derive(Debug)]
struct Everyone {
    seen: BTreeMap<u32, Seen>,
    children: BTreeMap<u32, Vec<u32>>,
}

impl<'a> Look<'a> {
    /// Takes a look.
    pub fn new(place: Place<'a>) -> io::Result<Self> {
        let proc = RefCell::new(Proc::open()?);
        Ok(Self { place, strangers: OnceCell::new(), everyone: OnceCell::new(), proc })
    }

    pub(super) fn place(&self) -> Place<'a> {
        self.place
    }

    /// Whether this look, which shows nobody of a run, can have missed somebody who was started while it
    /// was taken. `breeds` tells whether the run has started others before.
    pub(super) fn is_doubtful(&self, ours: bool, breeds: bool) -> io::Result<bool> {
        if !self.lists_orphans(ours) {
            return Ok(breeds);
        }
        // Whoever passed a run on has become our child, and tells nothing any more.
        Ok(self.candidates(false)?.any(|seen| self.mark(seen).is_none()))
    }

    /// Whether a later look shows the same orphans; absent: they are not listed.
    pub(super) fn is_same(&self, later: &Look<'_>, ours: bool) -> io::Result<Option<bool>> {
        if !self.lists_orphans(ours) {
            return Ok(None);
        }
        let ids = |look: &Look<'_>| -> io::Result<Vec<Id>> {
            Ok(look.candidates(false)?.map(Seen::id).collect())
        };
        Ok(Some(ids(self)? == ids(later)?))
    }

    fn lists_orphans(&self, ours: bool) -> bool {
        ours && matches!(self.place, Place::Reaper { .. }) && self.has_children()
    }

    /// Returns every process that descends from one, and has not ended.
    pub fn below(&self, pid: u32) -> io::Result<Vec<Stat>> {
        let mut found: Vec<Stat> = Vec::new();
        let mut queue: Vec<Stat> = self.stat(pid).into_iter().collect();
        while let Some(of) = queue.pop() {
            for child in self.children(&of, false)? {
                let stat = self.stat(child);
                let is_new = |stat: &Stat| found.iter().all(|known| known.id != stat.id);
                if let Some(stat) = stat.filter(is_new) {
                    queue.push(stat.clone());
                    found.push(stat);
                }
            }
        }
        found.retain(|stat| !stat.is_gone());
        Ok(found)
    }

    pub(super) fn is_alone(&self) -> bool {
        matches!(self.place, Place::Reaper { alone: true, .. })
    }

    /// The processes that may be of a run without descending from its main process: in a reaper the
    /// children that it did not start, else all there are.
    pub(super) fn candidates(
        &self,
        everyone: bool,
    ) -> io::Result<Box<dyn Iterator<Item = &Seen> + '_>> {
        match self.place {
            Place::Reaper { known, .. } if !everyone && self.has_children() => {
                let strangers = made_or(&self.strangers, || self.read_strangers(known))?;
                Ok(Box::new(strangers.iter()))
            }
            Place::Reaper { .. } | Place::Guest => Ok(Box::new(self.everyone()?.seen.values())),
        }
    }

    /// The children of a process.
    pub(super) fn children(&self, of: &Stat, everyone: bool) -> io::Result<Vec<u32>> {
        // A look at everyone that was taken already knows them.
        if everyone || self.everyone.get().is_some() || !self.has_children() {
            let children = self.everyone()?.children.get(&of.id.pid);
            return Ok(children.cloned().unwrap_or_default());
        }
        let mut children = Vec::new();
        // An error is a process that has ended: its children are another one's.
        let _ = self.proc.borrow_mut().children(of.id.pid, of.threads, &mut children);
        Ok(children)
    }

    /// The present state of a process, as far as this look has not seen it already.
    pub(super) fn stat(&self, pid: u32) -> Option<Stat> {
        match self.everyone.get() {
            Some(everyone) => everyone.seen.get(&pid).map(|seen| seen.stat.clone()),
            None => self.proc.borrow_mut().stat(pid),
        }
    }

    /// The value of the mark in a process's environment.
    pub(super) fn mark<'s>(&self, seen: &'s Seen) -> Option<&'s [u8]> {
        let read = || self.proc.borrow_mut().variable(seen.stat.id.pid, VARIABLE);
        seen.mark.get_or_init(read).as_deref()
    }

    /// Whether the kernel lists the children of a process (`CONFIG_PROC_CHILDREN`).
    fn has_children(&self) -> bool {
        static LISTED: OnceLock<bool> = OnceLock::new();
        let pid = std::process::id();
        *LISTED.get_or_init(|| {
            let mut proc = self.proc.borrow_mut();
            proc.children(pid, 0, &mut Vec::new()).is_ok()
        })
    }

    fn read_strangers(&self, known: &dyn Fn(u32) -> bool) -> io::Result<Vec<Seen>> {
        let mut proc = self.proc.borrow_mut();
        let mut children = Vec::new();
        proc.children(std::process::id(), 0, &mut children)?;
        children.retain(|&pid| !known(pid));
        Ok(children.into_iter().filter_map(|pid| proc.stat(pid)).map(Seen::new).collect())
    }

    fn everyone(&self) -> io::Result<&Everyone> {
        made_or(&self.everyone, || {
            let mut proc = self.proc.borrow_mut();
            let mut pids = proc.all()?;
            pids.retain(|&pid| pid != std::process::id() && pid != 1);
            let mut everyone = Everyone { seen: BTreeMap::new(), children: BTreeMap::new() };
            for pid in pids {
                if let Some(stat) = proc.stat(pid) {
                    everyone.children.entry(stat.parent).or_default().push(pid);
                    everyone.seen.insert(pid, Seen::new(stat));
                }
            }
            Ok(everyone)
        })
    }
}

impl Seen {
    pub(super) fn new(stat: Stat) -> Self {
        Self { stat, mark: OnceCell::new() }
    }

    pub(super) fn id(&self) -> Id {
        self.stat.id
    }
}

/// As `OnceCell::get_or_try_init`.
fn made_or<T>(cell: &OnceCell<T>, read: impl FnOnce() -> io::Result<T>) -> io::Result<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = read()?;
    Ok(cell.get_or_init(|| value))
}

//! Finding and ending all processes of a run that no cgroup holds: by descent, session, process group and
//! the mark in their environment.

use super::look::{Look, Place, Seen};
use super::mark::Instance;
use super::proc::{Id, Sent, Stat, signal};
use mainstay_wire::keeper::Key;
use rustix::process::Signal;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// How often one sweep looks. Processes that each start the next one and end can go on for ever.
const LOOKS: u32 = 32;
/// How often it looks in vain before it is over, where processes start others. Between two looks, who was
/// just started can stand for who was just about to end.
const QUIET: u32 = 4;
/// How many looks it takes at the most to be sure that nobody is left.
const DOUBTS: u32 = 16;
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
    /// Whether there were ever others than the main process.
    breeds: bool,
    /// Who was seen to be of the run: they still are when their parents are gone and they tell nothing.
    seen: BTreeMap<u32, u64>,
}

impl Kin {
    /// Makes what holds a run that is about to begin.
    pub fn new(instance: Instance, key: &Key) -> Self {
        let mark = instance.mark(key).into_bytes();
        Self { instance, mark, main: None, ours: true, breeds: false, seen: BTreeMap::new() }
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
    ///
    /// # Errors
    ///
    /// `/proc` cannot be read. [`io::ErrorKind::WouldBlock`]: processes come and go so fast that no look shows
    /// whether one is left; a later one may.
    pub fn members(&mut self, look: &Look<'_>) -> io::Result<Vec<Stat>> {
        let mut living = self.seen_by(look, &mut |_| {})?;
        let mut last: Option<Look<'_>> = None;
        // While one look goes on, a process that was seen can start one that was not, and end.
        for again in 0..DOUBTS {
            let before = last.as_ref().unwrap_or(look);
            if !living.is_empty() || !before.is_doubtful(self.ours, self.breeds)? {
                return Ok(living);
            }
            let now = Look::new(look.place())?;
            // In a reaper, each that ended stays in the list until we reap it: the same list twice shows
            // that nobody ended meanwhile. A guest can only try again.
            let same = before.is_same(&now, self.ours)?;
            if same.unwrap_or(again == QUIET) {
                return Ok(living);
            }
            living = self.seen_by(&now, &mut |_| {})?;
            last = Some(now);
        }
        if living.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(living) }
    }

    /// The processes of the run that one look shows. `act` is called for each as soon as it is found,
    /// before its children are looked for.
    fn seen_by(&mut self, look: &Look<'_>, act: &mut dyn FnMut(Id)) -> io::Result<Vec<Stat>> {
        let everyone = !self.ours;
        let mut found: BTreeMap<u32, Stat> = BTreeMap::new();
        let mut visit = |first: Stat| -> io::Result<()> {
            let mut queue = vec![first];
            while let Some(stat) = queue.pop() {
                let Entry::Vacant(place) = found.entry(stat.id.pid) else { continue };
                if stat.id.pid == std::process::id() || stat.is_gone() {
                    continue;
                }
                act(stat.id);
                for pid in look.children(&stat, everyone)? {
                    queue.extend(look.stat(pid));
                }
                place.insert(stat);
            }
            Ok(())
        };
        let main = self.main.and_then(|main| still(look, main));
        let seen = self.seen.iter().filter_map(|(&pid, &began)| still(look, Id { pid, began }));
        main.clone().into_iter().chain(seen).try_for_each(&mut visit)?;
        for seen in look.candidates(everyone)? {
            if seen.stat.is_gone() {
                continue;
            }
            if self.claims(seen, look, main.as_ref()) {
                visit(seen.stat.clone())?;
            } else if look.mark(seen).is_none() {
                // One that is about to end has lost its environment already, but not yet its children.
                for pid in look.children(&seen.stat, everyone)? {
                    let child = look.stat(pid).map(Seen::new);
                    if let Some(child) = child.filter(|c| self.claims(c, look, main.as_ref())) {
                        visit(child.stat)?;
                    }
                }
            }
        }
        let living: Vec<Stat> = found.into_values().collect();
        self.breeds |= living.iter().any(|stat| Some(stat.id) != self.main);
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
        self.reach(send, place, &mut Looks::new())
    }

    /// Kills every process of the run, and those that they start meanwhile: until each that is seen has
    /// been killed and only needs to end, or refuses. Returns whether one refused.
    ///
    /// Processes that start others without end can escape it. Who finds that some are left when those
    /// that were killed have ended calls it again.
    pub fn kill(&mut self, place: Place<'_>) -> io::Result<bool> {
        let mut looks = Looks::new();
        let mut done = BTreeSet::new();
        let mut refused = false;
        let mut killed = None;
        while killed != Some(done.len()) && looks.left > 0 {
            if looks.breeds {
                // They start others faster than they are killed: all have to stand still first.
                refused |= self.reach(Signal::STOP, place, &mut looks)?;
            }
            killed = Some(done.len());
            refused |= self.pass(Signal::KILL, place, &mut done, &mut looks)?;
        }
        Ok(refused)
    }

    fn reach(&mut self, send: Signal, place: Place<'_>, looks: &mut Looks) -> io::Result<bool> {
        let mut done = BTreeSet::new();
        let mut refused = false;
        looks.quiet = 0;
        while looks.again() {
            refused |= self.pass(send, place, &mut done, looks)?;
        }
        Ok(refused)
    }

    /// Sends a signal to all that one look shows, but for those that it was sent to before.
    fn pass(
        &mut self,
        send: Signal,
        place: Place<'_>,
        done: &mut BTreeSet<Id>,
        looks: &mut Looks,
    ) -> io::Result<bool> {
        let before = done.len();
        let mut refused = false;
        // At once, not when the look is over: who stands still by then can not have started another.
        self.seen_by(&Look::new(place)?, &mut |id| {
            refused |= done.insert(id) && signal(id, send) == Sent::Refused;
        })?;
        looks.note(done.len() > before);
        Ok(refused)
    }

    /// Makes all of the run stand still, or go on.
    pub fn freeze(&mut self, freeze: bool, place: Place<'_>) -> io::Result<bool> {
        self.signal(if freeze { Signal::STOP } else { Signal::CONT }, place)
    }
}

/// How long one sweep goes on.
struct Looks {
    left: u32,
    first: bool,
    /// How many looks in a row showed nobody new.
    quiet: u32,
    /// Whether there was somebody new after the first look.
    breeds: bool,
}

impl Looks {
    fn new() -> Self {
        Self { left: LOOKS, first: true, quiet: 0, breeds: false }
    }

    fn again(&self) -> bool {
        let enough = if self.breeds { QUIET } else { 1 };
        self.left > 0 && self.quiet < enough
    }

    fn note(&mut self, fresh: bool) {
        self.left = self.left.saturating_sub(1);
        self.quiet = if fresh { 0 } else { self.quiet + 1 };
        self.breeds |= fresh && !self.first;
        self.first = false;
    }
}

fn still(look: &Look<'_>, id: Id) -> Option<Stat> {
    look.stat(id.pid).filter(|stat| stat.id == id)
}

//! Holding together all processes of a run, so that none outlives it unseen: the ladder of means.
//!
//! | means | finds | escapes |
//! |---|---|---|
//! | cgroup | every process | none that is not privileged |
//! | pid namespace | every process | none |
//! | descent | children of children, the session, the process group, who has the mark in its environment | who gives up all four before it was looked at |
//! | main process only | the main process | all others |

mod cgroup;
mod group;
mod leftovers;
mod limit;
mod look;
mod mark;
mod proc;
mod sweep;

pub use cgroup::Cgroups;
pub use group::{Group, is_still_populated};
pub use leftovers::Leftover;
pub use limit::Controller;
pub use look::{Look, Place};
pub use mark::{Instance, VARIABLE};
pub use proc::{Id, Proc, Sent, Stat, signal};
pub use sweep::Kin;

use limit::failed;
use mainstay_wire::Text;
use mainstay_wire::keeper::{Key, Lost, StartError, Step};
use mainstay_wire::process::{Contain, Limits};
use rustix::io::Errno;
use rustix::process::Signal;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

/// How many processes that are left of a run are named.
const NAMED: usize = 64;

/// The means that there are here.
#[derive(Debug)]
pub struct Ladder {
    instance: Instance,
    cgroups: Option<Cgroups>,
}

impl Ladder {
    /// Finds out what there is.
    pub fn new(instance: Instance) -> Self {
        Self { instance, cgroups: Cgroups::find(instance) }
    }

    /// Makes one without cgroups.
    pub fn without_cgroups(instance: Instance) -> Self {
        Self { instance, cgroups: None }
    }

    /// Returns whose it is.
    pub fn instance(&self) -> Instance {
        self.instance
    }

    /// Returns the cgroups, where there are any that are ours to use.
    pub fn cgroups(&mut self) -> Option<&mut Cgroups> {
        self.cgroups.as_mut()
    }

    /// Makes what will hold a run that is about to begin.
    pub fn bond(
        &mut self,
        key: &Key,
        contain: Contain,
        namespace: bool,
        limits: &Limits,
    ) -> Result<Bond, StartError> {
        let means = match (contain, self.cgroups.is_some()) {
            (Contain::Cgroup, false) => {
                let error = Errno::OPNOTSUPP.into();
                return Err(failed(Step::MakeCgroup, "no cgroup v2 that is ours", &error));
            }
            (Contain::Best | Contain::Cgroup, true) => match self.group(key, limits) {
                Ok(group) => Means::Group(group),
                // Not as good, but good enough for a child that asks for nothing in particular.
                Err(error)
                    if contain == Contain::Best
                        && limits.is_empty()
                        && error.step == Step::MakeCgroup =>
                {
                    self.other(key, namespace)
                }
                Err(error) => return Err(error),
            },
            (Contain::Best | Contain::Descent, _) => self.other(key, namespace),
            (Contain::Main, _) if namespace => Means::Namespace,
            (Contain::Main, _) => Means::Main,
        };
        if let Some(controller) = Controller::of(limits).next()
            && !matches!(means, Means::Group(_))
        {
            let error = Errno::OPNOTSUPP.into();
            let about = format!("{controller} (no cgroup: it is held by {means})");
            return Err(failed(Step::SetLimit, about, &error));
        }
        Ok(Bond::of(means, None))
    }

    /// The best means but a cgroup.
    fn other(&self, key: &Key, namespace: bool) -> Means {
        if namespace {
            return Means::Namespace;
        }
        Means::Descent(Kin::new(self.instance, key))
    }

    fn group(&mut self, key: &Key, limits: &Limits) -> Result<Group, StartError> {
        match &mut self.cgroups {
            Some(cgroups) => cgroups.make(key, limits),
            None => Err(failed(Step::MakeCgroup, "no cgroup v2", &Errno::OPNOTSUPP.into())),
        }
    }

    /// Goes on to hold a run that another program of this keeper began, where nothing was found of it but
    /// its main process.
    pub fn resume(&self, key: &Key, contain: Contain, namespace: bool, main: Id) -> Bond {
        let means = match contain {
            Contain::Main => Means::Main,
            _ if namespace => Means::Namespace,
            Contain::Best | Contain::Cgroup | Contain::Descent => {
                Means::Descent(Kin::new(self.instance, key))
            }
        };
        let mut bond = Bond::of(means, None);
        bond.set_main(main);
        bond
    }

    /// Finds the runs of an earlier keeper of this instance that still live. To be asked before anything
    /// is started.
    pub fn leftovers(&mut self) -> io::Result<Vec<Leftover>> {
        leftovers::find(self.instance, self.cgroups.as_mut())
    }
}

/// By which means the processes of a run are held together.
#[derive(Debug)]
pub enum Means {
    /// A cgroup.
    Group(Group),
    /// Descent, session, process group and mark.
    Descent(Kin),
    /// A pid namespace, in which the main process is number 1: when it ends, the kernel kills the others.
    Namespace,
    /// Nothing.
    Main,
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Group(_) => "cgroup",
            Self::Descent(_) => "descent",
            Self::Namespace => "pid namespace",
            Self::Main => "main process only",
        })
    }
}

/// What holds the processes of one run together.
#[derive(Debug)]
pub struct Bond {
    means: Means,
    main: Option<Id>,
}

impl Bond {
    fn of(means: Means, main: Option<Id>) -> Self {
        Self { means, main }
    }

    /// Returns the means.
    pub fn means(&self) -> &Means {
        &self.means
    }

    /// Lets go of the run and returns the means.
    pub fn into_means(self) -> Means {
        self.means
    }

    /// Returns the cgroup, where there is one.
    pub fn group(&self) -> Option<&Group> {
        match &self.means {
            Means::Group(group) => Some(group),
            Means::Descent(_) | Means::Namespace | Means::Main => None,
        }
    }

    /// Says which process is the main one: at its start, and when it names another.
    pub fn set_main(&mut self, main: Id) {
        self.main = Some(main);
        if let Means::Descent(kin) = &mut self.means {
            kin.set_main(main);
        }
    }

    /// Says that orphans of the run come to this process, because its main process is a child of it.
    pub fn own(&mut self) {
        if let Means::Descent(kin) = &mut self.means {
            kin.own();
        }
    }

    /// Returns whether the kernel says at once that nothing is left of the run.
    pub fn is_surely_empty(&self) -> bool {
        match &self.means {
            Means::Group(group) => !group.is_populated(),
            // Of a namespace nothing outlives its first process.
            Means::Namespace | Means::Main => true,
            Means::Descent(_) => false,
        }
    }

    /// Sends a signal to every process of the run. Returns whether one refused it.
    pub fn signal(&mut self, send: Signal, place: Place<'_>) -> io::Result<bool> {
        match &mut self.means {
            Means::Group(group) => {
                let refused = group.signal(send)?;
                Ok(refused | self.signal_outside(send)?)
            }
            Means::Descent(kin) => kin.signal(send, place),
            Means::Namespace => {
                let members = self.members(&Look::new(place)?)?;
                let refuses = |stat: &&Stat| signal(stat.id, send) == Sent::Refused;
                Ok(members.iter().filter(refuses).count() > 0)
            }
            Means::Main => Ok(self.main.is_some_and(|main| signal(main, send) == Sent::Refused)),
        }
    }

    /// Kills every process of the run, and those that they start meanwhile. They need a moment to end.
    /// Returns whether one refused.
    pub fn kill(&mut self, place: Place<'_>) -> io::Result<bool> {
        match &mut self.means {
            Means::Group(group) => {
                group.kill()?;
                self.signal_outside(Signal::KILL)
            }
            Means::Descent(kin) => kin.kill(place),
            Means::Namespace | Means::Main => {
                Ok(self.main.is_some_and(|main| signal(main, Signal::KILL) == Sent::Refused))
            }
        }
    }

    /// Makes all of the run stand still, or go on.
    pub fn freeze(&mut self, freeze: bool, place: Place<'_>) -> io::Result<bool> {
        match &mut self.means {
            Means::Group(group) => group.freeze(freeze).map(|()| false),
            Means::Descent(kin) => kin.freeze(freeze, place),
            Means::Namespace | Means::Main => {
                self.signal(if freeze { Signal::STOP } else { Signal::CONT }, place)
            }
        }
    }

    /// Returns the processes of the run that have not ended. Asked before the main process is ended, it
    /// makes those known that hide afterwards.
    pub fn members(&mut self, look: &Look<'_>) -> io::Result<Vec<Stat>> {
        let main = self.main.and_then(|main| look.stat(main.pid).filter(|stat| stat.id == main));
        let main = main.filter(|main| !main.is_gone());
        match &mut self.means {
            Means::Group(group) => {
                let mut here: Vec<Stat> =
                    group.pids()?.into_iter().filter_map(|pid| look.stat(pid)).collect();
                here.retain(|stat| !stat.is_gone());
                // A privileged one can have gone to another cgroup.
                here.extend(main.filter(|main| here.iter().all(|stat| stat.id != main.id)));
                Ok(here)
            }
            Means::Descent(kin) => kin.members(look),
            // Orphans become children of number 1, so all of them descend from it.
            Means::Namespace => {
                let mut found = Vec::new();
                let mut queue: Vec<Stat> = main.into_iter().collect();
                while let Some(stat) = queue.pop() {
                    for pid in look.children(&stat, false)? {
                        queue.extend(look.stat(pid));
                    }
                    found.push(stat);
                }
                found.retain(|stat| !stat.is_gone());
                Ok(found)
            }
            Means::Main => Ok(main.into_iter().collect()),
        }
    }

    /// Returns whether every process of the run has ended.
    pub fn is_empty(&mut self, look: &Look<'_>) -> io::Result<bool> {
        if let Means::Group(group) = &self.means
            && group.is_populated()
        {
            return Ok(false);
        }
        Ok(self.members(look)?.is_empty())
    }

    /// Names who is left of the run; of very many only some.
    pub fn left(&mut self, look: &Look<'_>) -> io::Result<Vec<Lost>> {
        let members = self.members(look)?;
        let named = members.into_iter().take(NAMED);
        Ok(named.map(|stat| Lost { pid: stat.id.pid, name: Text::from(stat.name) }).collect())
    }

    /// Opens what `poll` calls readable (`POLLPRI` for a cgroup) when it is worth asking again whether the
    /// run [is empty](Self::is_empty): the end of one of those that are left, or of the last in a cgroup.
    /// Absent: nobody is left.
    pub fn watch(&mut self, look: &Look<'_>) -> io::Result<Option<OwnedFd>> {
        if let Means::Group(group) = &self.means
            && let events = group.events()?
            && is_still_populated(&events)?
        {
            return Ok(Some(events));
        }
        Ok(self.members(look)?.into_iter().find_map(|stat| stat.id.open()))
    }

    /// Signals the main process where it has left the cgroup.
    fn signal_outside(&self, send: Signal) -> io::Result<bool> {
        let (Some(main), Some(group)) = (self.main, self.group()) else { return Ok(false) };
        let outside = Id::of(main.pid) == Some(main) && !group.pids()?.contains(&main.pid);
        Ok(outside && signal(main, send) == Sent::Refused)
    }
}

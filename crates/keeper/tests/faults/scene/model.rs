//! What was ordered, what was told, and whether the one fits the other.

use super::world;
use mainstay_wire::keeper::{Ended, Fact, Held, Key, Order, Sequence, Status, Step, Usage};
use mainstay_wire::process::{Leftovers, Process};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub runs: BTreeMap<Key, Told>,
    /// The facts of this life, in order from number 1.
    facts: Vec<Fact>,
    /// The last inventory.
    held: Vec<Held>,
    /// The life of the relay whose inventory was seen last.
    pub inventories: u32,
    pub life: u32,
    /// What the next life does with what this one leaves, where it is not what the processes say.
    pub leftovers: Option<Leftovers>,
    /// Whether the next life is asked to go on with what ran, instead of to start its next run.
    pub finds: bool,
    /// How many commands are done.
    pub done: u32,
}

/// What is known of a run.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub process: Arc<Process>,
    life: u32,
    pub pid: Option<u32>,
    /// Its main process in an earlier life, where this life is asked to go on with it.
    pub sought: Option<u32>,
    pub adopted: bool,
    pub main_ended: Option<Status>,
    pub ended: Option<Ended>,
    is_killed: bool,
    /// What an earlier life has left of this child.
    before: Option<Key>,
}

impl Told {
    pub(crate) fn is_live(&self) -> bool {
        self.pid.is_some() && self.ended.is_none()
    }
}

impl Model {
    /// Returns whether the last run of a child goes on.
    pub(crate) fn lives(&self, child: &str) -> bool {
        self.last(child).is_some_and(|(_, told)| told.is_live())
    }

    /// Returns whether the last run of a child is over.
    pub(crate) fn is_over(&self, child: &str) -> bool {
        self.last(child).is_some_and(|(_, told)| told.ended.is_some())
    }

    pub(crate) fn run(&self, key: &Key) -> &Told {
        &self.runs[key]
    }

    /// Returns the last run of a child.
    pub(crate) fn last(&self, child: &str) -> Option<(&Key, &Told)> {
        self.runs.iter().rev().find(|(key, _)| &*key.child == child)
    }

    pub(crate) fn next_run(&mut self, child: &str, process: Process) -> Key {
        let last = self.last(child);
        let run = last.map_or(1, |(key, _)| key.run + 1);
        let before = last.filter(|(_, told)| told.ended.is_none()).map(|(key, _)| key.clone());
        let key = Key { child: child.into(), run };
        let told = Told {
            process: Arc::new(process),
            life: self.life,
            pid: None,
            sought: None,
            adopted: false,
            main_ended: None,
            ended: None,
            is_killed: false,
            before,
        };
        self.runs.insert(key.clone(), told);
        key
    }

    pub(crate) fn kills(&mut self, key: &Key) {
        self.runs.get_mut(key).expect("it was ordered").is_killed = true;
    }

    /// A relay begins that knows nothing. Whatever ran or was to run gets a next run, or is looked for.
    pub(crate) fn begin_life(&mut self) {
        let open: Vec<(Key, Told)> =
            self.open_runs().map(|(key, told)| (key.clone(), told.clone())).collect();
        self.life += 1;
        self.facts.clear();
        let planned = self.leftovers.take();
        let finds = std::mem::take(&mut self.finds);
        for (key, told) in open {
            let mut process = Process::clone(&told.process);
            process.leftovers = planned.unwrap_or(process.leftovers);
            let pid = told.pid.or(told.sought).filter(|_| finds);
            if let (Some(pid), Some(told)) = (pid, self.runs.get_mut(&key)) {
                (told.life, told.process) = (self.life, Arc::new(process));
                (told.sought, told.pid, told.adopted) = (Some(pid), None, false);
                continue;
            }
            let next = self.next_run(&key.child, process);
            if told.is_killed {
                self.kills(&next);
            }
        }
    }

    /// Returns the runs of this life that are to go on or to come to their end.
    pub(crate) fn open_runs(&self) -> impl Iterator<Item = (&Key, &Told)> {
        self.runs.iter().filter(|(_, told)| told.life == self.life && told.ended.is_none())
    }

    /// Returns what has to be ordered of a relay that may not have heard of it.
    pub(crate) fn unanswered(&self) -> Vec<Order> {
        let mut orders = Vec::new();
        for (key, told) in self.open_runs() {
            if told.pid.is_none() {
                let (key, process) = (key.clone(), Arc::clone(&told.process));
                orders.push(match told.sought {
                    Some(_) => Order::Find { key, process },
                    None => Order::Start { key, process },
                });
            }
            if told.is_killed {
                orders.push(Order::Kill(key.clone()));
            }
        }
        orders
    }

    /// Every run that goes on must be held.
    pub(crate) fn check_inventory(&mut self, held: &[Held]) -> Result<(), String> {
        self.held = held.to_vec();
        for (key, told) in self.open_runs() {
            let Some(pid) = told.pid else { continue };
            let is_held = held.iter().any(|held| held.key == *key && held.pid == Some(pid));
            let lives = world::open(pid).is_some_and(|fd| !world::is_over(&fd));
            if lives && !is_held {
                return Err(format!("{key} is lost: {held:?}"));
            }
        }
        Ok(())
    }

    /// Takes a fact in, which may have been told before.
    pub(crate) fn take(&mut self, seq: Sequence, fact: Fact) -> Result<(), String> {
        let number = usize::try_from(seq.0).map_err(|error| error.to_string())?;
        if let Some(known) = self.facts.get(number.wrapping_sub(1)) {
            return if *known == fact {
                Ok(())
            } else {
                Err(format!("fact {number} is told as {fact:?} after {known:?}"))
            };
        }
        if matches!(fact, Fact::Forgotten { .. }) {
            self.facts.resize(self.facts.len().max(number - 1), fact.clone());
            self.reconcile();
        }
        if number != self.facts.len() + 1 {
            return Err(format!("fact {number} comes after {}: {fact:?}", self.facts.len()));
        }
        self.facts.push(fact.clone());
        self.learn(&fact).map_err(|wrong| format!("{wrong}: {fact:?}"))
    }

    /// Facts are lost for ever: what the inventory shows must do.
    fn reconcile(&mut self) {
        let life = self.life;
        let open = self.runs.iter_mut();
        for (key, told) in open.filter(|(_, told)| told.life == life && told.ended.is_none()) {
            let Some(held) = self.held.iter().find(|held| held.key == *key) else { continue };
            told.pid = told.pid.or(held.pid);
            if held.pid.is_none() {
                let status = Status::Unseen { from: Duration::ZERO, to: Duration::MAX };
                told.ended = Some(Ended {
                    status,
                    out_of_memory: false,
                    usage: Usage::default(),
                    last: Vec::new(),
                    left: Vec::new(),
                    lost: 0,
                });
            }
        }
    }

    fn learn(&mut self, fact: &Fact) -> Result<(), String> {
        let Some(key) = key_of(fact) else { return Ok(()) };
        if matches!(fact, Fact::Done { .. }) {
            self.done += 1;
            return Ok(());
        }
        let told = self.runs.get(key).ok_or("nobody ordered it")?;
        if told.ended.is_some() {
            // Whoever looks twice may be told twice that nobody saw it.
            let is_unseen = matches!(fact, Fact::Ended { ended, .. }
                if matches!(ended.status, Status::Unseen { from: Duration::ZERO, .. }));
            let was_sought = told.sought.is_some() && is_unseen;
            return if was_sought { Ok(()) } else { Err("it has ended".into()) };
        }
        let before = told.before.as_ref().and_then(|before| self.runs.get(before)).cloned();
        let told = self.runs.get_mut(key).ok_or("nobody ordered it")?;
        match fact {
            Fact::Started { pid, .. } => {
                if told.pid.is_some() {
                    return Err("it has started before".into());
                }
                if told.sought.is_some() {
                    return Err("it was to be found".into());
                }
                let former = before.and_then(|before| before.pid).and_then(world::open);
                if former.is_some_and(|former| !world::is_over(&former)) {
                    return Err("a run of an earlier life goes on".into());
                }
                told.pid = Some(*pid);
            }
            Fact::Adopted { pid, .. } => {
                if told.sought.or(told.pid).is_some_and(|known| known != *pid) {
                    return Err("another process is adopted".into());
                }
                if told.pid.is_some() && told.sought.is_none() {
                    return Err("it has started before".into());
                }
                if told.process.leftovers != Leftovers::Adopt {
                    return Err("it was not to be adopted".into());
                }
                if before.and_then(|before| before.pid).is_some_and(|before| before != *pid) {
                    return Err("another process is adopted".into());
                }
                told.pid = Some(*pid);
                told.adopted = true;
            }
            Fact::MainEnded { status, .. } => told.main_ended = Some(status.clone()),
            Fact::Ended { ended, .. } => {
                ended_well(ended, told.adopted)?;
                told.ended = Some(ended.clone());
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns all facts of this life.
    pub(crate) fn facts(&self) -> &[Fact] {
        &self.facts
    }
}

/// Returns what is wrong with an end: the puppet ends with 70 where there is another copy of it. One that was adopted
/// also does when it prints, because nobody reads it any more.
fn ended_well(ended: &Ended, adopted: bool) -> Result<(), String> {
    match &ended.status {
        Status::Code(70) if !adopted => Err("it has met a second copy".into()),
        Status::NotStarted(error) if error.step != Step::Leftover => {
            Err(format!("it did not start: {error}"))
        }
        Status::Unseen { from, to } if from > to => Err("it ended before it was seen".into()),
        Status::NotStarted(_) => Ok(()),
        _ if !ended.left.is_empty() => Err("something is left of it".into()),
        _ => Ok(()),
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, told) in &self.runs {
            let command: Vec<_> = told.process.command.iter().skip(2).collect();
            let Told { life, pid, sought, adopted, main_ended, ended, is_killed, .. } = told;
            let ended = ended.as_ref().map(|ended| &ended.status);
            let before = told.before.as_ref().map(ToString::to_string);
            writeln!(
                f,
                "{key} of life {life}: {command:?} {:?} pid {pid:?} sought {sought:?} adopted {adopted} \
                 killed {is_killed} main {main_ended:?} ended {ended:?} before {before:?}",
                told.process.leftovers,
            )?;
        }
        for (number, fact) in self.facts.iter().enumerate() {
            writeln!(f, "{:4} {fact:?}", number + 1)?;
        }
        Ok(())
    }
}

/// Returns what a fact is about, where it is about a run.
fn key_of(fact: &Fact) -> Option<&Key> {
    match fact {
        Fact::Started { key, .. }
        | Fact::Adopted { key, .. }
        | Fact::MainEnded { key, .. }
        | Fact::Ended { key, .. }
        | Fact::Outlived { key, .. }
        | Fact::Said { key, .. }
        | Fact::Done { key, .. }
        | Fact::Dropped { key, .. } => Some(key),
        Fact::Demand(_)
        | Fact::Listening { .. }
        | Fact::Trouble { .. }
        | Fact::Stranger { .. }
        | Fact::Forgotten { .. } => None,
    }
}

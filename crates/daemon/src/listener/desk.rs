//! All pools of a daemon: who is in which, which events there are, what is kept. Pure.

use super::Listener;
use super::kind::Kind;
use super::marks::Found;
use super::payload::{Channel, Happened, printed, said, tree};
use super::pool::{Act, Pool, Queued, Terms};
use super::translate::{Translator, Untold};
use mainstay::durable::Step;
use mainstay::{ChildId, Event, Moment};
use mainstay_wire::listener::{Kept, KeptEvent, KeptPool, VERSION};
use std::collections::BTreeMap;

/// What is to be done for which pool.
pub(super) type Asked = Vec<(String, Act)>;

/// The desk that all events come to.
#[derive(Debug)]
pub(super) struct Desk {
    /// The name of the tree.
    server: String,
    /// Who listens, by path.
    listeners: BTreeMap<String, Listener>,
    pools: BTreeMap<String, Pool>,
    /// What waited in an earlier life for pools that nobody has declared yet.
    kept: BTreeMap<String, KeptPool>,
    translator: Option<Translator>,
    /// The number of the next event.
    serial: u64,
    /// The first event of the tree that is not told.
    next: u64,
    asked: Asked,
}

impl Desk {
    pub(super) fn new(server: &str, kept: Kept) -> Self {
        Self {
            server: server.to_owned(),
            listeners: BTreeMap::new(),
            pools: BTreeMap::new(),
            kept: kept.pools,
            translator: None,
            serial: kept.serial,
            next: kept.next,
            asked: Asked::new(),
        }
    }

    /// Takes who listens from now on. Returns those whose live run is of no use any more, for it was told of the events of
    /// another pool.
    pub(super) fn declare(&mut self, listeners: BTreeMap<String, Listener>) -> Vec<String> {
        let mut terms: BTreeMap<&str, Terms> = BTreeMap::new();
        for Listener { kinds, pool, buffer, timeout } in listeners.values() {
            let (kinds, buffer, timeout) = (kinds.clone(), *buffer, *timeout);
            terms.insert(pool, Terms { kinds, buffer, timeout });
        }
        self.pools.retain(|name, _| terms.contains_key(name.as_str()));
        for (name, terms) in terms {
            let asked = &mut self.asked;
            let mut out = Vec::new();
            if let Some(pool) = self.pools.get_mut(name) {
                pool.change(terms, &mut out);
            } else {
                let mut pool = Pool::new(name, &self.server, terms);
                if let Some(KeptPool { next, waiting }) = self.kept.remove(name) {
                    pool.resume(next, waiting.into_iter().filter_map(queued));
                }
                self.pools.insert(name.to_owned(), pool);
            }
            asked.extend(out.into_iter().map(|act| (name.to_owned(), act)));
        }
        // Nobody waits for the rest any more.
        self.kept.clear();
        let before = std::mem::replace(&mut self.listeners, listeners);
        if self.pools.is_empty() {
            self.translator = None;
        }
        let has_moved = |(path, now): (&String, &Listener)| {
            before.get(path).is_some_and(|before| before.pool != now.pool).then(|| path.clone())
        };
        self.listeners.iter().filter_map(has_moved).collect()
    }

    pub(super) fn listens(&self, path: &str) -> bool {
        self.listeners.contains_key(path)
    }

    pub(super) fn hears(&self, kind: Kind) -> bool {
        self.pools.values().any(|pool| pool.hears(kind))
    }

    /// Tells of a tree that begins, as supervisord does: of its groups, and then of itself.
    pub(super) fn up(&mut self, now: Moment) {
        let groups = self.translator.as_ref().map(Translator::present).unwrap_or_default();
        groups.into_iter().for_each(|event| self.happen(now, event));
        self.happen(now, tree(Kind::Up));
    }

    /// Takes a step of the tree. `pid` knows main processes. Returns whether there is something to do for it.
    pub(super) fn step(
        &mut self,
        now: Moment,
        step: &Step<'_>,
        pid: impl Fn(ChildId) -> Option<u32>,
    ) -> bool {
        if self.pools.is_empty() {
            return false;
        }
        let before = self.serial;
        self.next = step.first + step.events.len() as u64;
        match &mut self.translator {
            Some(translator) => {
                for event in translator.take(step.events, step.tree, pid) {
                    self.happen(now, event);
                }
            }
            // What was before is not told.
            None => self.translator = Some(Translator::begin(step.tree)),
        }
        // What somebody has printed may wait for its start to be known.
        let starts = step.events.iter().any(|event| matches!(event, Event::Started { .. }));
        self.serial != before || starts
    }

    /// Begins with what was translated so far, and what of it nobody was told.
    pub(super) fn begin(&mut self, now: Moment, untold: Untold) {
        let (translator, next, events) = untold.end();
        (self.translator, self.next) = (Some(translator), next);
        events.into_iter().for_each(|event| self.happen(now, event));
    }

    /// Takes what a child has printed on one of its outputs. A process may print before it is known to have started:
    /// then false is returned, and it is to be told again.
    pub(super) fn printed(
        &mut self,
        now: Moment,
        path: &str,
        channel: Channel,
        found: &[Found],
    ) -> bool {
        for found in found {
            let translator = self.translator.as_ref();
            let Some((whose, pid)) = translator.and_then(|known| known.whose(path)) else {
                return true;
            };
            if pid == 0 {
                return false;
            }
            let event = match found {
                Found::Plain(text) => printed(whose, pid, channel, text),
                Found::Message(text) => said(whose, pid, channel, text),
            };
            self.happen(now, event);
        }
        true
    }

    /// Takes an event for all who hear of it.
    pub(super) fn happen(&mut self, now: Moment, event: Happened) {
        let serial = self.serial;
        let mut out = Vec::new();
        for (name, pool) in self.pools.iter_mut().filter(|(_, pool)| pool.hears(event.kind)) {
            self.serial = serial + 1;
            pool.accept(now, serial, event.clone(), &mut out);
            self.asked.extend(out.drain(..).map(|act| (name.clone(), act)));
        }
    }

    /// A run of somebody who listens begins.
    /// Returns false where nobody listens of this name.
    pub(super) fn joined(&mut self, now: Moment, path: &str, run: u64) -> bool {
        self.in_pool(path, |pool, out| pool.join(now, path, run, out));
        self.listens(path)
    }

    /// Takes what a run says; nothing: it says nothing more.
    pub(super) fn heard(&mut self, now: Moment, path: &str, run: u64, bytes: Option<&[u8]>) {
        self.in_pool(path, |pool, out| match bytes {
            _ if !pool.has(path, run) => {}
            Some(bytes) => pool.hear(now, path, bytes, out),
            None => pool.leave(now, path, out),
        });
    }

    fn in_pool(&mut self, path: &str, act: impl FnOnce(&mut Pool, &mut Vec<Act>)) {
        let Some(name) = self.listeners.get(path).map(|listener| &listener.pool) else { return };
        let Some(pool) = self.pools.get_mut(name) else { return };
        let mut out = Vec::new();
        act(pool, &mut out);
        self.asked.extend(out.into_iter().map(|act| (name.clone(), act)));
    }

    /// Returns the moment at which an answer is late.
    pub(super) fn due(&self) -> Option<Moment> {
        self.pools.values().filter_map(Pool::due).min()
    }

    /// Tells of answers that are late.
    pub(super) fn look(&mut self, now: Moment) {
        for (name, pool) in &mut self.pools {
            let mut out = Vec::new();
            pool.look(now, &mut out);
            self.asked.extend(out.into_iter().map(|act| (name.clone(), act)));
        }
    }

    /// Returns what is to be done.
    pub(super) fn asked(&mut self) -> Asked {
        std::mem::take(&mut self.asked)
    }

    /// Returns how many events of a pool were dropped.
    pub(super) fn dropped(&self, pool: &str) -> u64 {
        self.pools.get(pool).map_or(0, Pool::dropped)
    }

    /// Returns what the next life goes on from.
    pub(super) fn kept(&self) -> Kept {
        let mut pools = self.kept.clone();
        for (name, pool) in &self.pools {
            let (next, open) = pool.open();
            let waiting = open.into_iter().map(kept).collect();
            pools.insert(name.clone(), KeptPool { next, waiting });
        }
        Kept { version: VERSION, next: self.next, serial: self.serial, pools }
    }
}

fn kept(queued: &Queued) -> KeptEvent {
    KeptEvent {
        serial: queued.serial,
        pool_serial: queued.pool_serial,
        name: queued.event.kind.name().to_owned(),
        payload: queued.event.payload.clone(),
    }
}

/// Returns an event that was kept, unless this program knows none of its name.
fn queued(kept: KeptEvent) -> Option<Queued> {
    let KeptEvent { serial, pool_serial, name, payload } = kept;
    let kind = Kind::of(&name)?;
    Some(Queued { serial, pool_serial, event: Happened { kind, payload } })
}

#[cfg(test)]
mod tests;

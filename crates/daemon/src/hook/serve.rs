//! The task that tells: it takes what the tree states, keeps what is to be told, and carries it out.

use super::carry::Carrier;
use super::desk::{Desk, Labels};
use super::fact::Sign;
use super::queue::{Outcome, Try};
use super::store::Store;
use super::{Hook, apart, signs};
use crate::journal::{Journal, When};
use crate::story;
use mainstay::durable::Step;
use mainstay::{Moment, Record};
use mainstay_wire::api::Delivery;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::{Id, JoinSet};

/// Returns the present moment by the clock of the tree, and the wall time in milliseconds since 1970.
pub(crate) type Clock = Box<dyn Fn() -> (Moment, i64) + Send + Sync>;

/// Hears what keeps the record from being written, or that nothing does any more.
pub(crate) type Complain = Box<dyn Fn(Option<&str>) + Send + Sync>;

/// What is told, and to whom.
pub(crate) struct Hooks {
    desk: Mutex<Desk>,
    store: Store,
    carrier: Carrier,
    clock: Clock,
    complain: Complain,
    wake: Notify,
    /// How often somebody has brought something to do.
    roused: AtomicU64,
    /// Whether there is something to do at this moment.
    busy: watch::Sender<bool>,
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}

impl Hooks {
    /// Goes on with what was kept of the tree of this name.
    pub(crate) fn new(
        tree: &str,
        (store, kept): (Store, mainstay_wire::hook::Kept),
        carrier: Carrier,
        clock: Clock,
        complain: Complain,
    ) -> Self {
        let desk = Mutex::new(Desk::of(kept, tree, clock().0));
        let (busy, _) = watch::channel(false);
        Self {
            desk,
            store,
            carrier,
            clock,
            complain,
            wake: Notify::new(),
            roused: AtomicU64::new(0),
            busy,
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rouse(&self) {
        self.roused.fetch_add(1, Ordering::AcqRel);
        self.busy.send_replace(true);
        self.wake.notify_one();
    }

    /// Takes other hooks, and the labels of children.
    pub(crate) fn declare(&self, hooks: Vec<Hook>, labels: Labels) {
        self.desk().declare((self.clock)(), hooks, labels);
        self.rouse();
    }

    /// Takes what the tree has stated.
    pub(crate) fn take(&self, signs: Vec<Sign>) {
        let mut desk = self.desk();
        for sign in signs {
            desk.take((self.clock)(), sign);
        }
        drop(desk);
        self.rouse();
    }

    /// Takes how a part of the program is: in trouble, or well again.
    pub(crate) fn program(&self, part: &str, trouble: Option<&str>) {
        self.desk().program((self.clock)(), part, trouble);
        self.rouse();
    }

    /// Returns the names of the hooks that are declared.
    pub(crate) fn names(&self) -> Vec<String> {
        self.desk().hooks().iter().map(|hook| hook.name.clone()).collect()
    }

    /// Returns every delivery that is known, the latest first.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.desk().deliveries((self.clock)())
    }

    /// Returns how many deliveries wait, unless somebody is in the middle of them.
    pub(crate) fn waiting(&self) -> Option<usize> {
        self.desk.try_lock().ok().map(|desk| desk.waiting())
    }

    /// Writes down at once what is known so far; it waits for the disk.
    pub(crate) fn keep(&self) {
        let kept = self.desk().kept();
        if let Ok(bytes) = serde_json::to_vec(&kept) {
            let written = self.store.write(&bytes);
            (self.complain)(written.err().map(|error| error.to_string()).as_deref());
        }
    }

    /// Tells a hook of a fact that is none, and returns what came of it in words, or the names of those there are.
    ///
    /// # Errors
    ///
    /// In words: there is no such hook, or its receiver has not taken it.
    pub(crate) async fn test(&self, name: &str) -> Result<String, String> {
        let wall = (self.clock)().1;
        let (hook, event) = {
            let mut desk = self.desk();
            let Some(hook) = desk.hook(name).cloned() else {
                let names: Vec<&str> = desk.hooks().iter().map(|hook| hook.name.as_str()).collect();
                return Err(match names.as_slice() {
                    [] => "the spec file declares no hooks".to_owned(),
                    some => format!("there is no hook `{name}`; there are {}", some.join(", ")),
                });
            };
            (hook, desk.test(wall))
        };
        let outcome = self.carrier.carry(&hook, &event).await;
        self.desk().tested(name, event, &outcome, (self.clock)().1);
        self.rouse();
        match outcome {
            Outcome::Taken(text) => Ok(text),
            Outcome::Failed(text, _) | Outcome::Refused(text) => Err(text),
        }
    }

    /// Waits until nothing is to be done at this moment: what is to be tried later waits for the next life of the
    /// program.
    pub(crate) async fn settled(&self) {
        let mut busy = self.busy.subscribe();
        // It never ends while this is there.
        let _ = busy.wait_for(|busy| !busy).await;
    }

    /// Tells, for ever.
    pub(crate) async fn serve(&self) {
        let mut tries: JoinSet<Outcome> = JoinSet::new();
        let mut under_way: HashMap<Id, Try> = HashMap::new();
        let mut saved = Vec::new();
        let mut trouble: Option<String> = None;
        loop {
            // Before anything is looked at: what comes from here on wakes again.
            self.busy.send_replace(true);
            let roused = self.roused.load(Ordering::Acquire);
            let now = (self.clock)();
            let (begun, due, kept, hooks) = {
                let mut desk = self.desk();
                let begun = desk.begin(now);
                let hooks: Vec<Hook> =
                    begun.iter().filter_map(|one| desk.hook(&one.hook).cloned()).collect();
                (begun, desk.due(), desk.kept(), hooks)
            };
            // On the disk before it is tried.
            if let Ok(bytes) = serde_json::to_vec(&kept)
                && (bytes != saved || trouble.is_some())
            {
                let store = self.store.clone();
                let failed = match apart(move || (store.write(&bytes), bytes)).await {
                    Ok((Ok(()), bytes)) => {
                        saved = bytes;
                        None
                    }
                    Ok((Err(error), _)) => Some(error.to_string()),
                    Err(error) => Some(error.to_string()),
                };
                if failed != trouble {
                    (self.complain)(failed.as_deref());
                    trouble = failed;
                }
            }
            crate::fault::point("hook.kept");
            for (one, hook) in begun.into_iter().zip(hooks) {
                let (carrier, event) = (self.carrier.clone(), one.event.clone());
                let id = tries.spawn(async move { carrier.carry(&hook, &event).await }).id();
                under_way.insert(id, one);
            }
            let wait = due.map(|due| due.since((self.clock)().0));
            let is_idle = tries.is_empty()
                && wait.is_none_or(|wait| !wait.is_zero())
                && self.roused.load(Ordering::Acquire) == roused;
            self.busy.send_replace(!is_idle);
            tokio::select! {
                () = self.wake.notified() => {}
                Some(over) = tries.join_next_with_id() => {
                    crate::fault::point("hook.told");
                    let (id, outcome) = match over {
                        Ok((id, outcome)) => (id, outcome),
                        Err(error) => {
                            (error.id(), Outcome::Failed(format!("the try was broken off: {error}"), None))
                        }
                    };
                    if let Some(Try { hook, event }) = under_way.remove(&id) {
                        self.desk().over((self.clock)(), &hook, &event.id, outcome);
                    }
                }
                () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {}
                // What could not be written is tried again, whatever else happens.
                () = tokio::time::sleep(AGAIN), if trouble.is_some() => {}
            }
        }
    }
}

/// How long after it could not be written the record is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Hands what a tree states to the hooks, once the system has it: what is told then is never decided otherwise.
pub(crate) struct Tap {
    hooks: Arc<Hooks>,
    journal: Arc<Journal>,
}

impl Tap {
    pub(crate) const fn new(hooks: Arc<Hooks>, journal: Arc<Journal>) -> Self {
        Self { hooks, journal }
    }

    /// Takes a step that stands in this record of the journal.
    pub(crate) fn take(&self, step: &Step<'_>, wall: i64, record: u64, known: &dyn story::Known) {
        let text = |seq, at, path: &mainstay::Path, event: &mainstay::Event| {
            let record = Record { seq, at, path: path.clone(), event: event.clone() };
            story::event(&record, wall, known).text
        };
        let path = |child| known.path(child);
        let signs = signs(step.events, (step.first, step.at, wall), path, text);
        if !signs.is_empty() {
            let hooks = Arc::clone(&self.hooks);
            let tell = move |_| hooks.take(signs);
            self.journal.when(record, When::Written, Box::new(tell));
        }
    }
}

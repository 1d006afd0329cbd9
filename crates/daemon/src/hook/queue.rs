//! What is to be told, to whom, and when the next try comes. Pure: moments and outcomes in, tries out.
//!
//! A receiver takes one delivery at a time, the oldest first. After a try that failed it is left alone for its backoff,
//! by the core's own arithmetic, and for longer where its budget of failed tries is spent.

use super::Hook;
use mainstay::{Brief, Moment};
use mainstay_core::policy::budget::Window;
use mainstay_wire::api::DeliveryState;
use mainstay_wire::hook::{CloudEvent, KeptDelivery, Receiver as KeptReceiver};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many may wait for one receiver. The oldest beyond them are given up.
const MOST_WAITING: usize = 1_000;
/// How many that are over are remembered.
const MOST_OVER: usize = 200;

/// All deliveries, in order of their decision.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Queue {
    deliveries: Vec<Entry>,
    receivers: BTreeMap<String, Receiver>,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    kept: KeptDelivery,
    is_under_way: bool,
}

/// How a receiver takes what it is sent.
#[derive(Clone, Debug, PartialEq)]
struct Receiver {
    failed: u32,
    spent: Window,
    rests: Moment,
}

impl Default for Receiver {
    fn default() -> Self {
        Self { failed: 0, spent: Window::Sliding([].into()), rests: Moment::ZERO }
    }
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was taken.
    Taken(String),
    /// It was not, and may be later: after this long, where the receiver says so.
    Failed(String, Option<Duration>),
    /// It never will be.
    Refused(String),
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Try {
    pub(super) hook: String,
    pub(super) event: CloudEvent,
}

impl Queue {
    /// Goes on with what was kept; nothing is under way any more.
    pub(super) fn of(
        deliveries: Vec<KeptDelivery>,
        receivers: BTreeMap<String, KeptReceiver>,
        now: Moment,
    ) -> Self {
        let entry = |kept| Entry { kept, is_under_way: false };
        let receiver = |(name, kept): (String, KeptReceiver)| {
            let moments = kept.spent.iter().map(|at| Moment::from_nanos(*at).min(now));
            let spent = Window::Sliding(moments.collect());
            // A clock that has gone back keeps nobody waiting for ever.
            let most = now + Duration::from_secs(24 * 3_600);
            let rests = Moment::from_nanos(kept.rests).min(most);
            (name, Receiver { failed: kept.failed, spent, rests })
        };
        Self {
            deliveries: deliveries.into_iter().map(entry).collect(),
            receivers: receivers.into_iter().map(receiver).collect(),
        }
    }

    pub(super) fn kept(&self) -> (Vec<KeptDelivery>, BTreeMap<String, KeptReceiver>) {
        let receiver = |(name, receiver): (&String, &Receiver)| {
            let spent = match &receiver.spent {
                Window::Sliding(entries) => entries.iter().map(|at| at.as_nanos()).collect(),
                Window::Tumbling { .. } | Window::Consecutive(_) => Vec::new(),
            };
            let (failed, rests) = (receiver.failed, receiver.rests.as_nanos());
            (name.clone(), KeptReceiver { failed, spent, rests })
        };
        let deliveries = self.deliveries.iter().map(|entry| entry.kept.clone()).collect();
        (deliveries, self.receivers.iter().map(receiver).collect())
    }

    /// Returns every delivery, with the moment of its next try.
    pub(super) fn all(&self) -> impl Iterator<Item = (&KeptDelivery, Option<Moment>)> {
        self.deliveries.iter().map(|entry| {
            let is_next = entry.kept.state == DeliveryState::Waiting && !entry.is_under_way;
            let rests = self.receivers.get(&entry.kept.hook).map_or(Moment::ZERO, |one| one.rests);
            (&entry.kept, is_next.then_some(rests))
        })
    }

    /// Returns how many wait.
    pub(super) fn waiting(&self) -> usize {
        let is_waiting = |entry: &&Entry| entry.kept.state == DeliveryState::Waiting;
        self.deliveries.iter().filter(is_waiting).count()
    }

    /// Adds one, at this wall time.
    pub(super) fn add(&mut self, hook: &str, event: CloudEvent, wall: i64) {
        let kept = KeptDelivery {
            hook: hook.to_owned(),
            event,
            state: DeliveryState::Waiting,
            tries: 0,
            decided: wall,
            over: None,
            last: None,
        };
        self.deliveries.push(Entry { kept, is_under_way: false });
        let is_waiting = |entry: &Entry| {
            entry.kept.hook == hook
                && entry.kept.state == DeliveryState::Waiting
                && !entry.is_under_way
        };
        let waiting = self.deliveries.iter().filter(|entry| is_waiting(entry)).count();
        if waiting > MOST_WAITING
            && let Some(oldest) = self.deliveries.iter_mut().find(|entry| is_waiting(entry))
        {
            let why = format!("{MOST_WAITING} later ones wait for the same receiver");
            oldest.kept.end(DeliveryState::GivenUp, why, wall);
        }
        self.forget();
    }

    /// Takes down what somebody has tried by hand.
    pub(super) fn tried(&mut self, hook: &str, event: CloudEvent, outcome: &Outcome, wall: i64) {
        let (state, last) = match outcome {
            Outcome::Taken(text) => (DeliveryState::Delivered, text),
            Outcome::Failed(text, _) | Outcome::Refused(text) => (DeliveryState::GivenUp, text),
        };
        let (hook, last) = (hook.to_owned(), Some(last.clone()));
        let over = Some(wall);
        let kept = KeptDelivery { hook, event, state, tries: 1, decided: wall, over, last };
        self.deliveries.push(Entry { kept, is_under_way: false });
        self.forget();
    }

    /// Gives up what waits for hooks that are not declared any more.
    pub(super) fn keep_only(&mut self, hooks: &[Hook], wall: i64) {
        let is_known = |name: &str| hooks.iter().any(|hook| hook.name == name);
        self.receivers.retain(|name, _| is_known(name));
        for Entry { kept, .. } in &mut self.deliveries {
            if kept.state == DeliveryState::Waiting && !is_known(&kept.hook) {
                let why = format!("there is no hook `{}` any more", kept.hook);
                kept.end(DeliveryState::GivenUp, why, wall);
            }
        }
        self.forget();
    }

    /// Returns what is to be tried now. Its outcome is told with [`over`](Self::over).
    pub(super) fn begin(&mut self, now: Moment, hooks: &[Hook]) -> Vec<Try> {
        let mut tries = Vec::new();
        for hook in hooks {
            let mut own = self.deliveries.iter_mut().filter(|entry| entry.kept.hook == hook.name);
            let rests = self.receivers.get(&hook.name).map_or(Moment::ZERO, |one| one.rests);
            if rests > now {
                continue;
            }
            // The first that waits; none where one is under way.
            let next = own.find(|entry| entry.kept.state == DeliveryState::Waiting);
            let Some(entry) = next.filter(|entry| !entry.is_under_way) else { continue };
            entry.is_under_way = true;
            entry.kept.tries = entry.kept.tries.saturating_add(1);
            tries.push(Try { hook: hook.name.clone(), event: entry.kept.event.clone() });
        }
        tries
    }

    /// Returns when the next try comes, as far as that is known.
    pub(super) fn due(&self, hooks: &[Hook]) -> Option<Moment> {
        let next = |hook: &Hook| {
            let mut own = self.deliveries.iter().filter(|entry| entry.kept.hook == hook.name);
            let first = own.find(|entry| entry.kept.state == DeliveryState::Waiting)?;
            let rests = self.receivers.get(&hook.name).map_or(Moment::ZERO, |one| one.rests);
            (!first.is_under_way).then_some(rests)
        };
        hooks.iter().filter_map(next).min()
    }

    /// Takes what came of a try.
    pub(super) fn over(
        &mut self,
        (now, wall): (Moment, i64),
        hook: &Hook,
        event: &str,
        outcome: Outcome,
    ) {
        let is_it = |entry: &&mut Entry| {
            entry.is_under_way && entry.kept.hook == hook.name && entry.kept.event.id == event
        };
        let Some(entry) = self.deliveries.iter_mut().find(is_it) else { return };
        entry.is_under_way = false;
        let receiver = self.receivers.entry(hook.name.clone()).or_default();
        match outcome {
            Outcome::Taken(text) => {
                (receiver.failed, receiver.rests) = (0, Moment::ZERO);
                entry.kept.end(DeliveryState::Delivered, text, wall);
            }
            // It answers, and does not want this one.
            Outcome::Refused(text) => {
                receiver.failed = 0;
                entry.kept.end(DeliveryState::GivenUp, text, wall);
            }
            Outcome::Failed(text, wished) => {
                let text = receiver.fail(now, hook, wished, text);
                if entry.kept.tries >= hook.retry.tries {
                    let why = format!("{text}; given up after {} tries", entry.kept.tries);
                    entry.kept.end(DeliveryState::GivenUp, why, wall);
                } else {
                    entry.kept.last = Some(text);
                }
            }
        }
        self.forget();
    }

    /// Forgets the oldest of those that are over.
    fn forget(&mut self) {
        let is_over = |entry: &Entry| entry.kept.state != DeliveryState::Waiting;
        let mut beyond =
            self.deliveries.iter().filter(|entry| is_over(entry)).count().saturating_sub(MOST_OVER);
        self.deliveries.retain(|entry| {
            let goes = beyond > 0 && is_over(entry);
            beyond -= usize::from(goes);
            !goes
        });
    }
}

impl Receiver {
    /// Counts a failed try. Returns what came of it, with what follows.
    fn fail(&mut self, now: Moment, hook: &Hook, wished: Option<Duration>, text: String) -> String {
        let limit = hook.retry.limit();
        let wait = hook.retry.backoff.at(self.failed).max(wished.unwrap_or_default());
        self.failed = self.failed.saturating_add(1);
        self.spent.stamp(&limit, now);
        self.rests = now + wait;
        let reading = self.spent.read(&limit, now);
        match reading.falls {
            Some(falls) if !limit.allows(reading.count) && falls > self.rests => {
                self.rests = falls;
                let (most, within) = (hook.retry.most, Brief(hook.retry.within));
                format!(
                    "{text}; {most} tries have failed within {within}: left alone until one is older"
                )
            }
            Some(_) | None => text,
        }
    }
}

/// Ends of deliveries.
trait End {
    fn end(&mut self, state: DeliveryState, text: String, wall: i64);
}

impl End for KeptDelivery {
    fn end(&mut self, state: DeliveryState, text: String, wall: i64) {
        self.state = state;
        self.last = Some(text);
        self.over = Some(wall);
    }
}

//! The decisions about what is told: pure, with moments and wall times from outside.

use super::Hook;
use super::fact::{Sign, Troubled};
use super::fold::{Folds, Say};
use super::queue::{Outcome, Queue, Try};
use jiff::Timestamp;
use mainstay::Moment;
use mainstay_wire::api::{Delivery, FactKind};
use mainstay_wire::hook::{CloudEvent, Fact, Kept, KeptDelivery, Told, VERSION};
use std::collections::BTreeMap;

/// The most letters of a text that is told.
const MOST_TEXT: usize = 4_096;

/// How many signs wait for hooks to be declared.
const MOST_WAITING: usize = 10_000;

/// What there is to know of children.
pub(super) type Labels = BTreeMap<String, BTreeMap<String, String>>;

/// Everything that is known about what is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Desk {
    tree: String,
    origin: String,
    next: u64,
    own: u64,
    troubled: Troubled,
    folds: Folds,
    queue: Queue,
    /// Absent until somebody has declared them: what happens before waits.
    hooks: Option<Vec<Hook>>,
    waiting: Vec<Sign>,
    labels: Labels,
}

impl Desk {
    /// Goes on with what was kept. `tree` is the name of the tree.
    pub(super) fn of(kept: Kept, tree: &str, now: Moment) -> Self {
        let Kept { origin, next, own, troubled, windows, receivers, deliveries, version: _ } = kept;
        Self {
            tree: tree.to_owned(),
            origin,
            next,
            own,
            troubled: Troubled(troubled),
            folds: Folds::of(windows, now),
            queue: Queue::of(deliveries, receivers, now),
            hooks: None,
            waiting: Vec::new(),
            labels: Labels::new(),
        }
    }

    /// Returns what is to be kept.
    pub(super) fn kept(&self) -> Kept {
        let (deliveries, receivers) = self.queue.kept();
        Kept {
            version: VERSION,
            origin: self.origin.clone(),
            next: self.next,
            own: self.own,
            troubled: self.troubled.0.clone(),
            windows: self.folds.kept(),
            receivers,
            deliveries,
        }
    }

    /// Takes other hooks and labels.
    pub(super) fn declare(&mut self, now: (Moment, i64), hooks: Vec<Hook>, labels: Labels) {
        self.queue.keep_only(&hooks, now.1);
        (self.hooks, self.labels) = (Some(hooks), labels);
        for sign in std::mem::take(&mut self.waiting) {
            self.take(now, sign);
        }
    }

    pub(super) fn hook(&self, name: &str) -> Option<&Hook> {
        self.hooks().iter().find(|hook| hook.name == name)
    }

    /// Returns all hooks.
    pub(super) fn hooks(&self) -> &[Hook] {
        self.hooks.as_deref().unwrap_or_default()
    }

    /// Takes a sign, unless it was taken before.
    pub(super) fn take(&mut self, (now, wall): (Moment, i64), sign: Sign) {
        if sign.seq < self.next {
            return;
        }
        if self.hooks.is_none() {
            // What is beyond this bound is told by the journal to the next life of the program.
            if self.waiting.len() < MOST_WAITING {
                self.waiting.push(sign);
            }
            return;
        }
        self.next = sign.seq + 1;
        let id = format!("{}-{}", self.origin, sign.seq);
        if let Some(fact) = self.troubled.take(sign, id) {
            self.tell(now, wall, &fact);
        }
    }

    /// Takes how a part of the program is: in trouble, or well again.
    pub(super) fn program(
        &mut self,
        (now, wall): (Moment, i64),
        part: &str,
        trouble: Option<&str>,
    ) {
        let about = format!("/{part}");
        let kind = if trouble.is_some() { FactKind::Failure } else { FactKind::Recovered };
        if self.troubled.note(kind, &about, wall).is_none() {
            return;
        }
        self.own += 1;
        let text = trouble.unwrap_or("it works again").to_owned();
        let id = format!("{}-program-{}", self.origin, self.own);
        self.tell(now, wall, &Fact { id, about, kind, run: None, at: wall, text });
    }

    fn tell(&mut self, now: Moment, wall: i64, fact: &Fact) {
        let labels = self.labels.get(&fact.about);
        let is_told =
            |hook: &&Hook| hook.on.contains(&fact.kind) && hook.is_about(&fact.about, labels);
        let told: Vec<Say> = self
            .hooks
            .iter()
            .flatten()
            .filter(is_told)
            .filter_map(|hook| self.folds.take(now, hook.fold, &hook.name, fact))
            .collect();
        for say in told {
            self.add(say, wall);
        }
    }

    fn add(&mut self, say: Say, wall: i64) {
        let event = self.event(&say.fact, say.count, say.since, false);
        self.queue.add(&say.hook, event, wall);
    }

    fn event(&self, fact: &Fact, count: u32, since: Option<i64>, test: bool) -> CloudEvent {
        let program = fact.about.strip_prefix('/').map(str::to_owned);
        let child = if program.is_some() { String::new() } else { fact.about.clone() };
        let labels = self.labels.get(&child).cloned().unwrap_or_default();
        let time = Timestamp::from_millisecond(fact.at).unwrap_or(Timestamp::UNIX_EPOCH);
        CloudEvent {
            specversion: "1.0".into(),
            id: fact.id.clone(),
            source: format!("/mainstay/{}", self.tree),
            kind: format!("io.mainstay.{}", fact.kind),
            subject: Some(child.clone()).filter(|child| !child.is_empty()),
            time: time.to_string(),
            datacontenttype: "application/json".into(),
            data: Told {
                tree: self.tree.clone(),
                child,
                program,
                fact: fact.kind,
                run: fact.run,
                text: fact.text.chars().take(MOST_TEXT).collect(),
                count,
                at: fact.at,
                since,
                labels,
                test,
            },
        }
    }

    /// Returns what somebody tells a hook to try it.
    pub(super) fn test(&mut self, wall: i64) -> CloudEvent {
        self.own += 1;
        let id = format!("{}-test-{}", self.origin, self.own);
        let text = "this is a test: nothing has failed".to_owned();
        let about = String::new();
        let fact = Fact { id, about, kind: FactKind::Failure, run: None, at: wall, text };
        self.event(&fact, 1, None, true)
    }

    /// Takes down what came of that.
    pub(super) fn tested(&mut self, hook: &str, event: CloudEvent, outcome: &Outcome, wall: i64) {
        self.queue.tried(hook, event, outcome, wall);
    }

    /// Closes windows that are over, and returns what is to be tried now.
    pub(super) fn begin(&mut self, (now, wall): (Moment, i64)) -> Vec<Try> {
        let hooks = self.hooks.as_deref().unwrap_or_default();
        let span = |name: &str| hooks.iter().find(|hook| hook.name == name).map(|hook| hook.fold);
        let troubled = &self.troubled;
        let said = self.folds.close(now, span, |about| troubled.standing(about));
        for say in said {
            self.add(say, wall);
        }
        self.queue.begin(now, self.hooks.as_deref().unwrap_or_default())
    }

    /// Returns when there is something to do next.
    pub(super) fn due(&self) -> Option<Moment> {
        [self.folds.due(), self.queue.due(self.hooks())].into_iter().flatten().min()
    }

    /// Takes what came of a try.
    pub(super) fn over(&mut self, now: (Moment, i64), hook: &str, event: &str, outcome: Outcome) {
        if let Some(hook) = self.hooks.iter().flatten().find(|one| one.name == hook) {
            self.queue.over(now, hook, event, outcome);
        }
    }

    /// Returns how many deliveries wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// Returns every delivery that is known, the latest first.
    pub(super) fn deliveries(&self, (now, wall): (Moment, i64)) -> Vec<Delivery> {
        let ahead = |next: Moment| {
            wall.saturating_add(i64::try_from(next.since(now).as_millis()).unwrap_or(i64::MAX))
        };
        let told = |(kept, next): (&KeptDelivery, Option<Moment>)| kept.told(next.map(ahead));
        let mut all: Vec<Delivery> = self.queue.all().map(told).collect();
        all.reverse();
        all
    }
}

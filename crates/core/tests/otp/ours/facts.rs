//! What the core states, in the words of the harness.

use super::{Driver, Letter};
use crate::deviation::Deviation;
use crate::schedule::{Decl, Restart, parent};
use mainstay_core::child::{Child, Life, Phase, Rest, Work};
use mainstay_core::{
    Cause, ChildId, Done, Effect, Event, Input, Moment, Outcome, Path, Refusal, RunId,
};
use std::collections::VecDeque;

/// No time passes in a schedule: only counts matter.
const NOW: Moment = Moment::from_nanos(1_000_000_000);

impl Driver<'_> {
    pub(super) fn handle(&mut self, input: Input) -> Vec<Result<Done, Refusal>> {
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        self.tree.handle(NOW, input, &mut out);
        self.learn_names();
        for event in &out.events {
            self.hear(event);
        }
        for effect in &out.effects {
            let (Effect::Start { child, .. } | Effect::Stop { child, .. } | Effect::Kill(child, _)) =
                effect
            else {
                continue;
            };
            let above = parent(&self.names[child]).to_owned();
            self.asked.get_mut(&above).expect("a supervisor").push_back(*effect);
        }
        let replies = out.replies.drain(..).map(|reply| reply.result).collect();
        self.out = out;
        replies
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the harness has no word for most events")]
    fn hear(&mut self, event: &Event) {
        match event {
            Event::GaveUp { supervisor, .. } => {
                let name = self.names[supervisor].clone();
                if self.decl(&name).is_some_and(|decl| decl.restart == Restart::Transient) {
                    self.meet(Deviation::GaveUpIsFailure);
                }
                self.gave_up(&name);
            }
            Event::AutoShutdown { supervisor, .. } => {
                let name = self.names[supervisor].clone();
                self.ends_before_a_turn(&name);
            }
            Event::Exited { child, cause, .. } => {
                if let Some(name) = self.nested(*child) {
                    self.subtree_ended(&name, cause);
                }
            }
            Event::Starting { child, .. } => {
                if let Some(name) = self.nested(*child) {
                    self.subtree_begins(&name);
                }
            }
            Event::Ready { child, .. } => {
                if let Some(name) = self.nested(*child) {
                    self.note(&format!("start {name}"));
                }
            }
            Event::Rests { child, why: Rest::Slot { .. } } => {
                let above = parent(&self.names[child]);
                if self.failed.iter().any(|failed| parent(&self.names[failed]) == above) {
                    self.waiting.insert(above.to_owned());
                }
            }
            Event::Draining { outcome: Outcome::Fatal { .. }, .. } => self.gave_up("."),
            Event::Drained(_) => {
                self.note("exit . shutdown");
                self.empty_mailbox(".");
            }
            _ => {}
        }
    }

    /// Returns the name of a nested supervisor; `None` for every other child.
    fn nested(&self, child: ChildId) -> Option<String> {
        let name = self.names.get(&child)?;
        (name != "." && self.mailboxes.contains_key(name)).then(|| name.clone())
    }

    fn subtree_begins(&mut self, name: &str) {
        let inner = self.mailboxes.iter().filter(|(of, _)| *of != "." && *of != name);
        if inner.into_iter().any(|(_, mail)| !mail.is_empty()) {
            self.meet(Deviation::NextBegins);
        }
        self.note(&format!("begin {name}"));
        let starts = self.starts.entry(name.to_owned()).or_default();
        *starts += 1;
        if *starts > 1 && self.changed.iter().any(|child| parent(child) == name) {
            self.meet(Deviation::SubtreeReturns);
            self.differs |= self.schedule.children.iter().any(|declared| {
                parent(&declared.name) == name
                    && self.decls[&declared.name].to_string() != declared.to_string()
            });
        }
    }

    fn subtree_ended(&mut self, name: &str, cause: &Cause) {
        let root = self.tree.child(ChildId::ROOT).and_then(|root| root.group.as_ref());
        let is_at_work = root.is_some_and(|root| root.work != Work::Serving);
        let is_called = !self.asked["."].is_empty() || !self.mailboxes["."].is_empty();
        if !cause.is_asked() && (is_at_work || is_called) {
            self.meet(Deviation::NestedEndAtOnce);
        }
        self.note(&format!("exit {name} shutdown"));
        self.empty_mailbox(name);
    }

    /// Notes a deviation: it can explain nothing that came before it.
    pub(super) fn meet(&mut self, deviation: Deviation) {
        self.met.entry(deviation).or_insert(self.facts.len());
    }

    /// A supervisor ends while a start waits for one that has failed already.
    fn ends_before_a_turn(&mut self, supervisor: &str) {
        if self.waiting.contains(supervisor) {
            self.meet(Deviation::FailedStartHoldsSlot);
        }
    }

    fn gave_up(&mut self, supervisor: &str) {
        self.ends_before_a_turn(supervisor);
        self.note(&format!("giveup {supervisor}"));
    }

    /// Nobody answers what is in the mailbox of a supervisor that has ended.
    fn empty_mailbox(&mut self, supervisor: &str) {
        for letter in std::mem::take(self.mailbox(supervisor)) {
            match letter {
                Letter::Asked(request) => self.replies[request.reply].1 = "error gone".to_owned(),
                Letter::Ended(child, ..) => {
                    self.dead.remove(&child);
                    self.failed.remove(&child);
                }
            }
        }
    }

    pub(super) fn finish_step(&mut self) -> Vec<String> {
        self.commanded = None;
        self.overtaken.clear();
        self.waiting.clear();
        let facts = std::mem::take(&mut self.facts);
        let mut facts = self.by_name(facts);
        for (asked, answer) in std::mem::take(&mut self.replies) {
            facts.push(format!("reply {asked} {answer}"));
        }
        if self.tree.has_ended() {
            facts.push("state . gone".to_owned());
            return facts;
        }
        facts.push(self.state("."));
        for decl in self.schedule.children.iter().filter(|decl| decl.supervisor.is_some()) {
            let state = if self.is_up(&decl.name) {
                self.state(&decl.name)
            } else {
                format!("state {} gone", decl.name)
            };
            facts.push(state);
        }
        facts
    }

    /// Sorts each run of stops that a dynamic supervisor does in parallel.
    fn by_name(&self, mut facts: Vec<String>) -> Vec<String> {
        let dynamic = |fact: &String| {
            let above = fact.strip_prefix("stop ").map(parent)?;
            self.schedule.is_dynamic(above).then(|| above.to_owned())
        };
        for run in facts.chunk_by_mut(|a, b| dynamic(a).is_some() && dynamic(a) == dynamic(b)) {
            run.sort();
        }
        facts
    }

    fn state(&self, supervisor: &str) -> String {
        let id = self.find(supervisor).expect("a supervisor that is up");
        let children: Vec<&Child> = self.tree.children_of(id).collect();
        let is_dynamic = self.schedule.is_dynamic(supervisor);
        let specs = if is_dynamic { 1 } else { children.len() };
        let active = children.iter().filter(|child| child.life().is_some()).count();
        let restarts = self.restarts(id);
        let mut text =
            format!("state {supervisor} specs={specs} active={active} restarts={restarts}");
        for name in self.known.iter().filter(|name| parent(name) == supervisor) {
            let child = self.find(name).and_then(|id| self.tree.child(id));
            let word = match child {
                Some(child) if child.life().is_some() => "up",
                Some(_) if !is_dynamic => "down",
                Some(_) => "kept",
                None => "gone",
            };
            let starts = self.starts.get(name).copied().unwrap_or(0);
            text.push_str(&format!(" {name}={word}/{starts}"));
        }
        text
    }

    fn restarts(&self, supervisor: ChildId) -> u32 {
        let Some(child) = self.tree.child(supervisor) else { return 0 };
        let windows = child.memory.as_ref().map_or(&[][..], |memory| &memory.windows);
        windows.iter().zip(&child.spec.budget).map(|(window, limit)| window.count(limit, NOW)).sum()
    }

    pub(super) fn note(&mut self, fact: &str) {
        self.facts.push(fact.to_owned());
    }

    pub(super) fn mailbox(&mut self, supervisor: &str) -> &mut VecDeque<Letter> {
        self.mailboxes.get_mut(supervisor).expect("a supervisor")
    }

    fn find(&self, name: &str) -> Option<ChildId> {
        if name == "." { Some(ChildId::ROOT) } else { self.tree.find(&Path::from(name)) }
    }

    pub(super) fn live(&self, name: &str) -> Option<(ChildId, RunId)> {
        let id = self.find(name)?;
        Some((id, self.tree.child(id)?.life()?.run))
    }

    fn life(&self, name: &str) -> Option<&Life> {
        self.tree.child(self.find(name)?)?.life()
    }

    pub(super) fn is_up(&self, supervisor: &str) -> bool {
        self.life(supervisor).is_some_and(|life| !life.is_ending())
    }

    /// Returns whether a supervisor still brings its children up.
    pub(super) fn is_opening(&self, supervisor: &str) -> bool {
        self.life(supervisor).is_some_and(|life| matches!(life.phase, Phase::Started { .. }))
    }

    /// Returns the declaration of a child; of one without any, the template's.
    pub(super) fn decl(&self, name: &str) -> Option<&Decl> {
        self.decls.get(name).or_else(|| {
            let above = parent(name);
            self.schedule
                .children
                .iter()
                .find(|decl| self.schedule.is_dynamic(above) && parent(&decl.name) == above)
        })
    }

    pub(super) fn learn_names(&mut self) {
        for child in self.tree.children() {
            if !self.names.contains_key(&child.id) {
                let name = match child.id {
                    ChildId::ROOT => ".".to_owned(),
                    id => self.tree.path(id).expect("a child of the tree").to_string(),
                };
                self.names.insert(child.id, name);
            }
        }
    }
}

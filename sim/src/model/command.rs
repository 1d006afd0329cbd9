//! What a command must be answered, and what it changes.

use super::{Book, Gate, Model, Owed, Plan, Stage, Work};
use crate::check::{Broken, Invariant};
use mainstay_core::child::Finish;
use mainstay_core::policy::breaker::BreakerState;
use mainstay_core::spec::{Declared, SupervisorSpec};
use mainstay_core::{ChildId, Command, Done, Refusal, Reply, Verb};
use std::sync::Arc;

/// How many answers are remembered.
const REMEMBERED: usize = 1_024;

/// What a command must be answered.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It is carried out; whether that changes anything, where the model knows.
    Done(Option<bool>),
    /// It is refused, for a reason of this name.
    Refused(&'static str),
    /// Either; the spec decides.
    Either,
    /// The same as before, to the letter.
    Again(Result<Done, Refusal>),
}

pub(crate) const fn name(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Unknown { .. } => "unknown",
        Refusal::Anonymous => "anonymous",
        Refusal::OtherRun { .. } => "other run",
        Refusal::OtherRevision { .. } => "other revision",
        Refusal::IdReused => "id reused",
        Refusal::Draining => "draining",
        Refusal::Quarantined => "quarantined",
        Refusal::BreakerOpen => "breaker open",
        Refusal::Occupied { .. } => "occupied",
        Refusal::Leaving => "leaving",
        Refusal::NotRunning => "not running",
        Refusal::Unfit { .. } => "unfit",
        Refusal::Exists { .. } => "exists",
        Refusal::Full { .. } => "full",
        Refusal::Spec { .. } => "spec",
        _ => "other",
    }
}

impl Model {
    /// Says what a command must be answered, and takes note of what it changes.
    ///
    /// `now` and the books must be as they are before it.
    pub(crate) fn command(
        &mut self,
        command: &Command,
        reply: Option<&Reply>,
    ) -> Result<Answer, Broken> {
        let key = (command.id.0, command.who.to_string());
        if let Some((before, result)) = self.answers.get(&key) {
            return Ok(match before == command {
                true => Answer::Again(result.clone()),
                false => Answer::Refused("id reused"),
            });
        }
        if let Some(reply) = reply.filter(|_| command.id.0 != 0) {
            if self.answered.len() >= REMEMBERED
                && let Some(oldest) = self.answered.pop_front()
            {
                self.answers.remove(&oldest);
            }
            self.answered.push_back(key.clone());
            self.answers.insert(key, (command.clone(), reply.result.clone()));
        }
        if let Some(refused) = self.inadmissible(command) {
            return Ok(Answer::Refused(refused));
        }
        let Some(id) = self.find(&command.target) else { return Ok(Answer::Refused("unknown")) };
        let was_done = reply.is_some_and(|reply| reply.result.is_ok());
        self.verb(id, &command.verb, was_done)
    }

    fn inadmissible(&self, command: &Command) -> Option<&'static str> {
        if command.who.trim().is_empty() || command.why.trim().is_empty() {
            return Some("anonymous");
        }
        let Some(book) = self.find(&command.target).and_then(|id| self.books.get(&id)) else {
            return Some("unknown");
        };
        let present = book.live.as_ref().map(|life| life.run);
        if command.if_run.is_some_and(|run| Some(run) != present) {
            return Some("other run");
        }
        if command.if_revision.is_some_and(|revision| revision != book.revision) {
            return Some("other revision");
        }
        let ends = matches!(command.verb, Verb::Stop | Verb::Acknowledge);
        if self.drain.is_some() && !ends && command.verb != Verb::Drain {
            return Some("draining");
        }
        let mut at = Some(book);
        while let Some(book) = at {
            if book.leaving && !ends && command.verb != Verb::Remove {
                return Some("leaving");
            }
            at = book.above.and_then(|above| self.books.get(&above));
        }
        None
    }

    fn verb(&mut self, id: ChildId, verb: &Verb, was_done: bool) -> Result<Answer, Broken> {
        let is_root = id == ChildId::ROOT;
        let up = self.book(id)?.is_up();
        let unfit = Answer::Refused("unfit");
        Ok(match verb {
            Verb::Drain if !is_root => unfit,
            Verb::Drain => {
                let ended = self.drain.as_ref().is_some_and(|drain| drain.ended);
                self.asked_to_drain();
                Answer::Done(Some(!ended))
            }
            Verb::Stop if is_root => {
                let changed = self.drain.is_none();
                if changed {
                    self.owed.push(Owed::Draining);
                }
                Answer::Done(Some(changed))
            }
            Verb::Stop => {
                let book = self.book_mut(id)?;
                book.by_hand = false;
                Answer::Done(Some(!std::mem::replace(&mut book.down, true)))
            }
            Verb::Start { over } => self.start(id, *over)?,
            Verb::Restart if is_root => unfit,
            Verb::Restart => match self.start_refused(id, false) {
                Some(refused) => Answer::Refused(refused),
                None => {
                    let book = self.book_mut(id)?;
                    (book.down, book.plan) = (false, Plan::Run);
                    (book.by_hand, book.demanded) = (true, true);
                    Answer::Done(Some(true))
                }
            },
            Verb::Reload if self.book(id)?.pack.is_some() => unfit,
            Verb::Recycle if is_root => unfit,
            Verb::Reload | Verb::Recycle => match up {
                true => {
                    self.book_mut(id)?.by_hand |= *verb == Verb::Recycle;
                    Answer::Done(Some(true))
                }
                false => Answer::Refused("not running"),
            },
            Verb::Pause { freeze } => {
                let paused = std::mem::replace(&mut self.book_mut(id)?.paused, true);
                self.take_back_requests(id);
                Answer::Done((!freeze || !paused).then_some(!paused))
            }
            Verb::Resume => {
                let paused = std::mem::take(&mut self.book_mut(id)?.paused);
                Answer::Done(Some(paused))
            }
            Verb::Quarantine if is_root => unfit,
            Verb::Quarantine => {
                let book = self.book_mut(id)?;
                book.by_hand = false;
                Answer::Done(Some(!std::mem::replace(&mut book.quarantined, true)))
            }
            Verb::Release => {
                let book = self.book_mut(id)?;
                let changed = std::mem::take(&mut book.quarantined);
                if changed {
                    book.position = 0;
                    book.end_episode();
                }
                Answer::Done(Some(changed))
            }
            Verb::Acknowledge => {
                let unseen = self.book(id)?.alerts.iter().any(|notice| !notice.seen);
                Answer::Done(Some(unseen))
            }
            Verb::Reset { start } => self.reset(id, *start)?,
            Verb::Add { name, spec } => self.add(id, name, spec.as_ref())?,
            Verb::Remove if is_root => unfit,
            Verb::Remove => self.remove(id)?,
            Verb::Replace(spec) => {
                if was_done {
                    self.undeclared(id, spec);
                }
                Answer::Either
            }
            Verb::Apply(_) if !is_root => unfit,
            Verb::Apply(spec) => {
                if was_done {
                    self.rate = spec.storm_rate;
                    self.slots = spec.start_concurrency;
                    self.bounds = (spec.drain_timeout, spec.fatal_drain_timeout);
                    self.undeclared(ChildId::ROOT, &spec.root);
                }
                Answer::Either
            }
        })
    }

    /// Whoever was paused when its layer was stopped goes on, even when it is resumed meanwhile.
    pub(crate) fn spare(&mut self) {
        let packs = self.books.iter().filter(|(_, book)| book.pack.is_some());
        let packs: Vec<ChildId> = packs.map(|(id, _)| *id).collect();
        for above in packs {
            let Work::Stopping { from, .. } = self.work(above) else { continue };
            let live = |book: &Book| book.live.as_ref().map(|run| run.stage.is_ending());
            let group = || self.children(above).filter(|(_, book)| book.place >= from);
            let going = group().filter(|(_, book)| live(book) == Some(true));
            let Some(rank) = going.map(|(_, book)| book.place.rank).max() else { continue };
            let spared: Vec<ChildId> = group()
                .filter(|(id, book)| {
                    book.place.rank >= rank && live(book) == Some(false) && self.is_paused(*id)
                })
                .map(|(id, _)| id)
                .collect();
            if let Some(pack) = self.books.get_mut(&above).and_then(|book| book.pack.as_mut()) {
                pack.spared.extend(spared);
            }
        }
    }

    fn asked_to_drain(&mut self) {
        match &mut self.drain {
            Some(drain) => drain.asked += 1,
            None => self.owed.push(Owed::Draining),
        }
    }

    /// Why a start is refused, where it is.
    fn start_refused(&self, id: ChildId, over: bool) -> Option<&'static str> {
        let mut at = self.books.get(&id);
        while let Some(book) = at {
            if book.quarantined {
                return Some("quarantined");
            }
            at = book.above.and_then(|above| self.books.get(&above));
        }
        let book = self.books.get(&id)?;
        if over {
            None
        } else if book.live.as_ref().is_some_and(|life| life.stage == Stage::Abandoned) {
            Some("occupied")
        } else if book.breaker.is_open(self.now) || self.is_cooling(book) {
            Some("breaker open")
        } else {
            None
        }
    }

    fn start(&mut self, id: ChildId, over: bool) -> Result<Answer, Broken> {
        // What runs is so already, whatever keeps another run from starting.
        let over = over || self.book(id)?.is_up();
        if let Some(refused) = self.start_refused(id, over) {
            return Ok(Answer::Refused(refused));
        }
        let book = self.book_mut(id)?;
        let wanted_down = std::mem::take(&mut book.down);
        if book.is_up() {
            return Ok(Answer::Done(Some(wanted_down)));
        }
        let occupied = book.live.as_ref().is_some_and(|life| life.stage != Stage::Abandoned);
        if !occupied && matches!(book.breaker.state, Gate::Open(_)) {
            // A start in spite of the breaker is its trial.
            book.breaker.state = Gate::Trial;
        }
        (book.plan, book.by_hand, book.demanded) = (Plan::Run, true, true);
        Ok(Answer::Done(Some(true)))
    }

    fn reset(&mut self, id: ChildId, start: bool) -> Result<Answer, Broken> {
        let occupied =
            |book: &Book| book.live.as_ref().is_some_and(|l| l.stage == Stage::Abandoned);
        if start && let Some(refused) = self.start_refused(id, true) {
            return Ok(Answer::Refused(refused));
        }
        if start && occupied(self.book(id)?) {
            return Ok(Answer::Refused("occupied"));
        }
        let book = self.book_mut(id)?;
        let was_open = matches!(book.breaker.state, Gate::Open(_));
        book.breaker.reset();
        book.position = 0;
        book.clear_entries();
        book.end_episode();
        if was_open {
            book.plan = Plan::Never(Finish::AwaitsStart);
        }
        if let Some(pack) = &mut book.pack {
            pack.breaker.reset();
            pack.trial_until = None;
        }
        if start {
            self.start(id, true)?;
        }
        Ok(Answer::Done(None))
    }

    fn add(&self, id: ChildId, name: &Arc<str>, spec: Option<&Declared>) -> Result<Answer, Broken> {
        let Some(supervisor) = self.book(id)?.supervisor() else {
            return Ok(Answer::Refused("unfit"));
        };
        if let Some((_, present)) = self.sibling(id, name) {
            return Ok(Answer::Refused(if present.leaving { "leaving" } else { "exists" }));
        }
        if spec.is_none() && supervisor.dynamic.is_none() {
            return Ok(Answer::Refused("unfit"));
        }
        let max = supervisor.dynamic.as_ref().and_then(|dynamic| dynamic.max);
        if max.is_some_and(|max| self.children(id).count() >= max as usize) {
            return Ok(Answer::Refused("full"));
        }
        Ok(Answer::Either)
    }

    fn remove(&mut self, id: ChildId) -> Result<Answer, Broken> {
        let book = self.book(id)?;
        let name = book.name.clone();
        let needed = |other: &Book| other.spec.needs.iter().any(|need| *need.child == *name);
        if book.above.is_some_and(|above| self.children(above).any(|(_, other)| needed(other))) {
            return Ok(Answer::Refused("unfit"));
        }
        let book = self.book_mut(id)?;
        book.by_hand = false;
        Ok(Answer::Done(Some(!std::mem::replace(&mut book.leaving, true))))
    }

    /// A pause takes back the starts that were asked for and have not happened.
    fn take_back_requests(&mut self, id: ChildId) {
        if let Some(book) = self.books.get_mut(&id).filter(|book| book.live.is_none()) {
            book.by_hand = false;
        }
        for child in self.child_ids(id) {
            self.take_back_requests(child);
        }
    }

    /// What the old spec declared and the new one does not is on its way out.
    fn undeclared(&mut self, id: ChildId, next: &Declared) {
        let Some(before) = self.books.get(&id).map(|book| book.spec.clone()) else { return };
        let (Some(before), Some(next)) = (before.supervisor(), next.supervisor()) else { return };
        if next.dynamic.is_some() {
            return;
        }
        let has =
            |spec: &SupervisorSpec, name: &str| spec.children.iter().any(|(n, _)| **n == *name);
        for child in self.child_ids(id) {
            let Some(book) = self.books.get_mut(&child) else { continue };
            let name = book.name.clone();
            if has(before, &name) && !has(next, &name) {
                (book.leaving, book.by_hand) = (true, false);
            } else if let Some((_, spec)) = next.children.iter().find(|(n, _)| **n == *name) {
                if std::mem::take(&mut book.leaving) {
                    (book.down, book.plan) = (false, Plan::Run);
                }
                self.undeclared(child, spec);
            }
        }
    }

    /// Compares an answer with what it must be.
    pub(crate) fn compare_answer(answer: &Answer, reply: &Reply) -> Result<(), Broken> {
        let fits = match (answer, &reply.result) {
            (Answer::Done(Some(changed)), Ok(done)) => done.changed == *changed,
            (Answer::Done(None), Ok(_)) => true,
            (Answer::Refused(must), Err(refusal)) => name(refusal) == *must,
            (Answer::Either, Ok(_)) => true,
            (Answer::Either, Err(refusal)) => matches!(name(refusal), "spec" | "unfit"),
            (Answer::Again(before), result) => before == result,
            (Answer::Done(_), Err(_)) | (Answer::Refused(_), Ok(_)) => false,
        };
        match fits {
            true => Ok(()),
            false => {
                let text = format!("answered {:?}, but {answer:?}", reply.result);
                Err(Broken::new(Invariant::Commands, text))
            }
        }
    }
}

pub(crate) const fn gate_of(state: BreakerState) -> Gate {
    match state {
        BreakerState::Closed => Gate::Closed,
        BreakerState::Open(until) => Gate::Open(until),
        BreakerState::Trial => Gate::Trial,
    }
}

//! What one run of a state machine does next: a machine itself, without a clock, a task or a channel.
//!
//! The runner tells it what came of what it asked; it says what to ask next. All that a run of a stage decides is
//! decided here.
//!
//! ```text
//!            ┌───────────────────────── acted / dispatched / put ─────────────────────────┐
//!            ▼                                                                            │
//!   advance() ── actions are left ─────────▶ Act(action) ── failed ──▶ the rest is left out, failure event
//!            ├── final state ──────────────▶ End
//!            ├── control, events, a time limit ─▶ taken in this order, and it looks again
//!            ├── held, or it said Wait ────▶ Wait
//!            └── otherwise ────────────────▶ Dispatch(state) ── failed ──▶ failure event
//! ```
//!
//! The state moves before the actions of a move are carried out, so that a failing one finds the new state's own
//! transition for a failure, and the time limit of the new state is running already.

#[cfg(test)]
mod tests;
mod trouble;

pub(super) use trouble::{Failure, Trouble};

use super::table::{Control, Finish, Machine, Table};
use crate::caught::{self, Panic};
use mainstay_core::{Exit, Moment, News, Settled};
use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::Arc;

/// What a dispatch wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directive<E> {
    /// To be called again. A dispatch that never awaits anything may say so 128 times in a row; then it
    /// has failed, for it keeps a thread busy with nothing.
    Continue,
    /// To be called again after an event, a command or the state's time limit: there is nothing to do before.
    Wait,
    /// That the machine takes an event.
    Transition(E),
    /// That the run ends here and now, clean.
    Terminate,
}

/// How often a dispatch that awaits nothing may ask to be called again: far more than any step needs that has
/// something to do, and over within a millisecond.
pub(super) const IDLE_TURNS: u32 = 128;

/// How many inputs it has at hand at most; the rest waits in the mailbox, which says when it is full.
const AT_HAND: usize = 64;

/// What the runner is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next<S, A> {
    /// Carry out an action, and say what came of it by [`Course::acted`].
    Act(A),
    /// Call dispatch, and say what came of it by [`Course::dispatched`]; an input may interrupt it.
    Dispatch(S),
    /// Wait for an input or for the deadline.
    Wait,
    /// End: it is over.
    End,
}

/// How a run of a machine ended.
#[derive(Clone, Debug)]
pub(super) struct Over {
    pub(super) how: Settled,
    pub(super) detail: Option<Arc<str>>,
}

/// Who hears what happens. Moves and actions may be too many to be told one by one.
pub(super) trait Voice {
    /// Returns whether the next move or action can be told; if not, it is counted.
    fn has_room(&mut self, now: Moment) -> bool;
    /// Tells it.
    fn tell(&mut self, now: Moment, news: News);
}

/// One run of a state machine.
pub(super) struct Course<M: Machine> {
    table: Arc<Table<M>>,
    state: M::State,
    /// When the time limit of the state is over.
    deadline: Option<Moment>,
    /// Once it is over: how many events were there before, and go first.
    before_limit: Option<usize>,
    actions: VecDeque<M::Action>,
    commands: VecDeque<Control>,
    events: VecDeque<M::Event>,
    /// Whether the actions of a failure event are under way.
    handles_failure: bool,
    /// Whether dispatch said that there is nothing to do.
    waits: bool,
    /// Whether it is held by a pause that the machine does not map.
    is_held: bool,
    /// Whether it was asked to stop.
    is_asked: bool,
    idle_turns: u32,
    /// When the failures came that count.
    failed_at: VecDeque<Moment>,
    first: Option<Failure>,
    second: Option<Failure>,
    /// The failure that the present trouble began with. One that the machine got over is not what it ends of later.
    leading: Option<Trouble>,
    /// From where and at which event it came into its present state, if that was no failure.
    came_by: Option<(M::State, M::Event)>,
    over: Option<Over>,
}

impl<M: Machine> Course<M> {
    /// Begins in the first state, with its entry actions.
    pub(super) fn new(table: &Arc<Table<M>>, now: Moment) -> Self {
        let state = table.start;
        let node = table.node(state);
        let actions = node.map_or_else(VecDeque::new, |node| node.enter.iter().copied().collect());
        let deadline = node.and_then(|node| node.timeout).map(|(limit, _)| now + limit);
        Self {
            table: Arc::clone(table),
            state,
            deadline,
            before_limit: None,
            actions,
            commands: VecDeque::new(),
            events: VecDeque::new(),
            handles_failure: false,
            waits: false,
            is_held: false,
            is_asked: false,
            idle_turns: 0,
            failed_at: VecDeque::new(),
            first: None,
            second: None,
            leading: None,
            came_by: None,
            over: None,
        }
    }

    /// Returns whether it takes more before it has looked at what it has: else a machine that sends itself more than
    /// it takes would never be refused.
    pub(super) fn has_room(&self) -> bool {
        self.commands.len() + self.events.len() < AT_HAND
    }

    /// Something is asked of the machine, or an event is sent to it.
    pub(super) fn command(&mut self, control: Control) {
        self.commands.push_back(control);
    }

    pub(super) fn event(&mut self, event: M::Event) {
        self.events.push_back(event);
    }

    /// Returns when [`advance`](Self::advance) has something to do though nothing comes.
    pub(super) const fn deadline(&self) -> Option<Moment> {
        self.deadline
    }

    pub(super) const fn over(&self) -> Option<&Over> {
        self.over.as_ref()
    }

    /// Returns the failure that the machine met first in this run.
    pub(super) const fn first(&self) -> Option<&Failure> {
        self.first.as_ref()
    }

    /// Returns what a run reports when it is over.
    pub(super) fn exit(&self) -> (Exit, Option<Arc<Panic>>) {
        let how = self.over.as_ref().map_or(Settled::Forced, |over| over.how);
        match how {
            Settled::Done | Settled::Stopped => (Exit::Completed, None),
            Settled::Failed | Settled::Panicked => {
                let trouble = self.leading.as_ref();
                let panic = trouble.and_then(|trouble| trouble.panic.clone());
                (trouble.map_or(Exit::FAILED, |trouble| trouble.exit), panic)
            }
            Settled::Forced | Settled::Abandoned => (Exit::Aborted, None),
        }
    }

    /// Takes what has come and says what to do. A final state, a command and an event are looked at only between the
    /// actions of one move and the next: a move is carried out as a whole.
    pub(super) fn advance(
        &mut self,
        now: Moment,
        context: &M::Context,
        voice: &mut impl Voice,
    ) -> Next<M::State, M::Action> {
        loop {
            if self.over.is_some() {
                return Next::End;
            }
            if let Some(action) = self.actions.front() {
                return Next::Act(*action);
            }
            self.handles_failure = false;
            if let Some(finish) = self.table.finish(self.state) {
                self.finish(finish, now, voice);
            } else if let Some(control) = self.commands.pop_front() {
                self.take_command(control, now, context, voice);
            } else if !self.is_late(now)
                && let Some(event) = self.events.pop_front()
            {
                self.before_limit = self.before_limit.map(|left| left.saturating_sub(1));
                let _ = self.take(event, None, now, context, voice);
            } else if self.deadline.is_some_and(|deadline| deadline <= now) {
                (self.deadline, self.before_limit) = (None, None);
                if let Some((limit, event)) = self.table.timeout(self.state) {
                    let reason = Some(Arc::from(format!("after {limit:?}")));
                    let _ = self.take(event, reason, now, context, voice);
                }
            } else if self.waits || self.is_held {
                return Next::Wait;
            } else {
                return Next::Dispatch(self.state);
            }
        }
    }

    /// Returns whether the time limit is to be taken now. What came before it was seen to be over goes first, and
    /// nothing that comes later: events that never end must not hide it.
    fn is_late(&mut self, now: Moment) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
            && *self.before_limit.get_or_insert(self.events.len()) == 0
    }

    /// An action is done, or failed.
    pub(super) fn acted(
        &mut self,
        result: Result<(), Trouble>,
        now: Moment,
        context: &M::Context,
        voice: &mut impl Voice,
    ) {
        let Some(action) = self.actions.pop_front() else { return };
        match result {
            Ok(()) if voice.has_room(now) => voice.tell(now, News::Acted { action: word(action) }),
            Ok(()) => {}
            Err(trouble) => self.fail(&format!("action {action:?}"), trouble, now, context, voice),
        }
    }

    /// A dispatch returned. `awaited` says whether it gave its thread back at least once.
    pub(super) fn dispatched(
        &mut self,
        result: Result<Directive<M::Event>, Trouble>,
        awaited: bool,
        now: Moment,
        context: &M::Context,
        voice: &mut impl Voice,
    ) {
        let what = |state| format!("dispatch in {state:?}");
        match result {
            Ok(Directive::Continue) => {
                self.idle_turns = if awaited { 0 } else { self.idle_turns + 1 };
                if self.idle_turns > IDLE_TURNS {
                    let text = format!(
                        "it asked {} times in a row to be called again and awaited nothing: return Wait, or await",
                        self.idle_turns
                    );
                    self.fail(&what(self.state), Trouble::said(&text), now, context, voice);
                }
            }
            Ok(Directive::Wait) => {
                self.idle_turns = 0;
                self.waits = true;
            }
            Ok(Directive::Transition(event)) => {
                self.idle_turns = 0;
                let from = self.state;
                if let Err(text) = self.take(event, None, now, context, voice) {
                    // It would return the same again, and again.
                    self.fail(&what(from), Trouble::said(&text), now, context, voice);
                }
            }
            Ok(Directive::Terminate) => self.finish(Finish::Completed, now, voice),
            Err(trouble) => self.fail(&what(self.state), trouble, now, context, voice),
        }
    }

    fn take_command(
        &mut self,
        control: Control,
        now: Moment,
        context: &M::Context,
        voice: &mut impl Voice,
    ) {
        match control {
            Control::Pause | Control::Resume => match self.table.control(control) {
                Some(event) => {
                    let _ = self.take(event, None, now, context, voice);
                }
                None => self.is_held = control == Control::Pause,
            },
            Control::Stop | Control::Drain => {
                self.is_held = false;
                let is_first = !std::mem::replace(&mut self.is_asked, true);
                if !is_first && control == Control::Drain {
                    return;
                }
                let mapped = self.table.control(control);
                let taken = match mapped.or_else(|| self.table.control(Control::Stop)) {
                    Some(event) => self.take(event, None, now, context, voice).is_ok(),
                    None => false,
                };
                // Asked again, it is on its way out already: by its own transitions, within the grace of the stop.
                if !taken && self.over.is_none() && is_first {
                    self.settle(Settled::Stopped, now, voice);
                }
            }
        }
    }

    /// Takes one event. What nobody handles is told, and returned in words.
    fn take(
        &mut self,
        event: M::Event,
        reason: Option<Arc<str>>,
        now: Moment,
        context: &M::Context,
        voice: &mut impl Voice,
    ) -> Result<(), String> {
        self.waits = false;
        let table = Arc::clone(&self.table);
        // A guard is code of the user's: what it panics with is a failure like any other.
        let found = match caught::guard(|| table.find(self.state, event, context)) {
            Ok(found) => found,
            Err(panic) => {
                let what = format!("a guard of {event:?} in {:?}", self.state);
                self.fail(&what, Trouble::panicked(panic), now, context, voice);
                return Ok(());
            }
        };
        let (node, edge) = match found {
            Ok(found) => found,
            Err(unhandled) => {
                if voice.has_room(now) {
                    let (state, event) = (word(unhandled.state), word(unhandled.event));
                    voice.tell(now, News::Unhandled { state, event });
                }
                return Err(unhandled.to_string());
            }
        };
        let from = self.state;
        table.plan(node, edge, |action| self.actions.push_back(action));
        if let Some(target) = edge.target {
            self.state = target;
            self.came_by = Some((from, event));
            let limit = table.timeout(target);
            self.deadline = limit.map(|(limit, _)| now + limit);
            self.before_limit = None;
        }
        if voice.has_room(now) {
            let guard = edge.guard.as_ref().map(|guard| Arc::from(guard.name));
            let (from, event, to) = (word(from), word(event), word(self.state));
            voice.tell(now, News::Moved { from, event, to, reason: reason.or(guard) });
        }
        Ok(())
    }

    /// Something failed: the rest of what was to be done is left out, and the failure event is taken.
    fn fail(
        &mut self,
        what: &str,
        trouble: Trouble,
        now: Moment,
        context: &M::Context,
        voice: &mut impl Voice,
    ) {
        let left: Vec<String> =
            self.actions.drain(..).map(|action| format!("{action:?}")).collect();
        let left_out = (!left.is_empty()).then(|| News::brief(&left.join(", ")));
        let failure = Failure { what: News::brief(what), trouble };
        let error = News::brief(&failure.trouble.text);
        voice.tell(now, News::Failed { what: Arc::clone(&failure.what), error, left_out });
        self.idle_turns = 0;
        let why = Arc::clone(&failure.what);
        if !self.handles_failure {
            self.leading = Some(failure.trouble.clone());
        }
        if self.first.is_none() {
            self.first = Some(failure);
        } else {
            self.second = Some(failure);
        }
        let (most, within) = self.table.failures;
        self.failed_at.push_back(now);
        while self.failed_at.front().is_some_and(|at| now.since(*at) >= within) {
            self.failed_at.pop_front();
        }
        let is_spent = self.failed_at.len() > most as usize;
        let is_final = self.table.finish(self.state).is_some();
        if std::mem::replace(&mut self.handles_failure, true) || is_spent || is_final {
            let how = self.failed_how();
            return self.settle(how, now, voice);
        }
        if self.take(self.table.failure, Some(why), now, context, voice).is_err() {
            let how = self.failed_how();
            self.settle(how, now, voice);
        }
        self.came_by = None;
    }

    fn finish(&mut self, finish: Finish, now: Moment, voice: &mut impl Voice) {
        let how = match finish {
            Finish::Completed if self.is_asked => Settled::Stopped,
            Finish::Completed => Settled::Done,
            Finish::Failed => self.failed_how(),
        };
        self.settle(how, now, voice);
    }

    /// What the trouble began with says how: a panic stays a panic, whatever came of handling it.
    fn failed_how(&self) -> Settled {
        let panicked = self.leading.as_ref().is_some_and(|leading| leading.panic.is_some());
        if panicked { Settled::Panicked } else { Settled::Failed }
    }

    /// Returns why it ends: the event that brought it into a state that stands for failure, if no failure did, and
    /// the failures it met, the first and the last.
    fn why(&self, how: Settled) -> Option<Arc<str>> {
        let came_by = self.came_by.filter(|_| matches!(how, Settled::Failed | Settled::Panicked));
        let mut parts = Vec::new();
        if let Some((from, event)) = came_by {
            parts.push(format!("it came to {:?} at {event:?} in {from:?}", self.state));
        }
        if let Some(Failure { what, trouble }) = &self.first {
            let when = if came_by.is_some() { "before that, " } else { "" };
            parts.push(format!("{when}{what} failed: {}", trouble.text));
        }
        if let Some(Failure { what, trouble }) = &self.second {
            let when = if self.handles_failure { "while that was handled" } else { "later" };
            parts.push(format!("{when}, {what} failed: {}", trouble.text));
        }
        (!parts.is_empty()).then(|| parts.join("; ").into())
    }

    fn settle(&mut self, how: Settled, now: Moment, voice: &mut impl Voice) {
        self.actions.clear();
        let detail = self.why(how);
        let brief = detail.as_deref().map(News::brief);
        voice.tell(now, News::Settled { how, state: Some(word(self.state)), detail: brief });
        self.over = Some(Over { how, detail });
    }
}

fn word(key: impl Debug) -> Arc<str> {
    News::brief(&format!("{key:?}"))
}

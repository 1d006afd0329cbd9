//! What an exit must lead to, and what then holds.

use super::policy::{self, is_failure, wait_bounds, wants_another, was_asked};
use super::{Book, Fuse, Gate, Model, Notice, OpenExit, Owed, Plan, Work};
use crate::check::{Broken, Invariant};
use mainstay_core::child::{AlertKind, Finish};
use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Within};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::{Activation, AutoShutdown, Criticality, Finished, OnExhausted, Strategy};
use mainstay_core::{Action, Asked, Cause, ChildId, Class, Exit, LimitId, Rule};

/// What an exit must lead to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    AsWanted,
    Another { regroup: bool, forgiven: bool },
    Finish,
    Exhaust { end: OnExhausted, owner: ChildId },
}

impl Model {
    /// Compares a decision with what it must be, and takes note of what follows from it.
    pub(crate) fn decided(
        &mut self,
        id: ChildId,
        rule: Rule,
        action: Action,
    ) -> Result<(), Broken> {
        let Some(open) = self.open_exit.take().filter(|open| open.child == id) else {
            let text = format!("{} has a decision without an exit", self.path(id));
            return Err(Broken::new(Invariant::OneDecision, text));
        };
        let before = open.counted.clone();
        let mut counted = Vec::new();
        let (must_rule, verdict) = self.verdict(&open, &mut counted)?;
        let path = self.path(id);
        if before != counted {
            let text = format!("{path}: counted {before:?}, but its limits say {counted:?}");
            return Err(Broken::new(Invariant::Counting, text));
        }
        if rule != must_rule {
            let text = format!("{path}: decided by {rule:?}, but {must_rule:?} applies");
            return Err(Broken::new(Invariant::Decision, text));
        }
        self.compare(&open, verdict, action)?;
        for (limit, _, stamped, _) in &counted {
            if *stamped {
                self.stamp(limit.owner, usize::from(limit.index));
            }
        }
        self.follow(&open, rule, verdict, action)
    }

    /// What the policy says about an exit, and what it counts on the way.
    fn verdict(
        &self,
        open: &OpenExit,
        counted: &mut Vec<(LimitId, u32, bool, bool)>,
    ) -> Result<(Rule, Verdict), Broken> {
        let book = self.book(open.child)?;
        let (spec, cause) = (&book.spec, &open.cause);
        if self.drain.is_some() {
            return Ok((Rule::Draining, Verdict::AsWanted));
        }
        if let Some(asked) = open.asked.filter(|_| was_asked(cause)) {
            return Ok((Rule::Asked(asked), Verdict::AsWanted));
        }
        if *cause == Cause::Abandoned {
            return Ok((Rule::Disowned, Verdict::AsWanted));
        }
        let another = wants_another(spec.restart, cause);
        let work = book.above.map(|above| self.work(above));
        if work == Some(Work::Closing) {
            return Ok((Rule::Closing, Verdict::AsWanted));
        }
        let own = |end| Verdict::Exhaust { end, owner: open.child };
        if matches!(cause, Cause::Failed { class: Class::Fatal, .. }) {
            return Ok((Rule::Fatal, own(own_end(book).max(OnExhausted::Escalate))));
        }
        if !another {
            let rule = match (cause, spec.restart) {
                (Cause::Skipped, _) => Rule::Skipped,
                (_, Restart::Never) => Rule::Never,
                (_, Restart::OnFailure | Restart::Always) => Rule::CleanEnd,
            };
            let ends_all = spec.criticality == Criticality::Critical;
            return Ok((rule, if ends_all { own(OnExhausted::Shutdown) } else { Verdict::Finish }));
        }
        match cause {
            Cause::Failed { class: Class::Permanent, .. } => {
                return Ok((Rule::Permanent, own(own_end(book))));
            }
            Cause::StartFailed { mendable: false, .. } => {
                return Ok((Rule::Unmendable, own(own_end(book))));
            }
            _ => {}
        }
        if let Some(Work::Stopping { from, .. } | Work::Delay { from, .. }) = work
            && book.place >= from
        {
            return Ok((Rule::GroupUnderWay, Verdict::AsWanted));
        }
        let failed = is_failure(spec.restart, cause);
        if failed && book.breaker.state == Gate::Trial {
            return Ok((Rule::TrialFailed, own(OnExhausted::Cooldown)));
        }
        let over_it = [(book.above, Scope::Supervisor), (Some(ChildId::ROOT), Scope::Tree)];
        for (owner, scope) in over_it.into_iter().filter(|_| failed) {
            let Some(owner) = owner else { continue };
            let above = self.book(owner)?;
            let on_trial = above.pack.as_ref().is_some_and(|p| p.breaker.state == Gate::Trial);
            if on_trial && above.spec.budget.iter().any(|limit| limit.scope == scope) {
                let verdict = Verdict::Exhaust { end: OnExhausted::Cooldown, owner };
                return Ok((Rule::TrialFailed, verdict));
            }
        }
        let forgiven = open.was_stable && spec.backoff.forgives;
        if let Some((limit, end)) = self.spent(open.child, failed, forgiven, counted) {
            return Ok((Rule::Spent(limit), Verdict::Exhaust { end, owner: limit.owner }));
        }
        let rule = match spec.restart {
            Restart::Always => Rule::Always,
            Restart::OnFailure | Restart::Never => Rule::OnFailure,
        };
        let regroup = self.strategy(book) != Strategy::OneForOne;
        Ok((rule, Verdict::Another { regroup, forgiven }))
    }

    /// Consults every limit; the strictest end of those that refuse leads.
    fn spent(
        &self,
        id: ChildId,
        failed: bool,
        forgiven: bool,
        counted: &mut Vec<(LimitId, u32, bool, bool)>,
    ) -> Option<(LimitId, OnExhausted)> {
        let mut spent: Option<(LimitId, OnExhausted)> = None;
        for (owner, index, limit) in self.limits_on(id) {
            let above = self.books.get(&owner).filter(|_| limit.scope != Scope::Child);
            let cools = above
                .and_then(|above| above.pack.as_ref())
                .is_some_and(|pack| matches!(pack.breaker.state, Gate::Open(_)));
            let begins_no_row = forgiven && limit.within == Within::Consecutive;
            if limit.admit == Admit::AtStart || begins_no_row || cools {
                continue;
            }
            let count = self.count(owner, index, &limit);
            let name = LimitId { owner, index: index as u8 };
            let refuses = match limit.count {
                Count::Failures => failed && count + 1 >= limit.most,
                Count::Restarts | Count::Starts => count >= limit.most,
            };
            let stamped = match limit.count {
                Count::Failures => failed,
                Count::Restarts => true,
                Count::Starts => false,
            };
            counted.push((name, count, stamped, refuses));
            let end = self.books.get(&owner).map_or(OnExhausted::Cooldown, |owner| {
                match owner.supervisor() {
                    Some(group) if limit.scope != Scope::Child => group.on_exhausted,
                    Some(_) | None => own_end(owner),
                }
            });
            if refuses && spent.is_none_or(|(_, strictest)| strictest < end) {
                spent = Some((name, end));
            }
        }
        if spent.is_some() {
            // A refused restart is none.
            for (limit, _, stamped, _) in counted.iter_mut() {
                *stamped &= self.limit(*limit).is_some_and(|limit| limit.count != Count::Restarts);
            }
        }
        spent
    }

    fn compare(&self, open: &OpenExit, verdict: Verdict, action: Action) -> Result<(), Broken> {
        let path = self.path(open.child);
        let wrong = |must: String| {
            let text = format!("{path}: decided {action:?}, but {must}");
            Err(Broken::new(Invariant::Decision, text))
        };
        let delay = match (verdict, action) {
            (Verdict::AsWanted, Action::AsWanted) | (Verdict::Finish, Action::Finish) => None,
            (Verdict::Exhaust { end, owner }, Action::Exhaust { end: got, owner: of })
                if end == got && owner == of =>
            {
                None
            }
            (Verdict::Another { regroup: false, .. }, Action::Restart { delay, .. })
            | (Verdict::Another { regroup: true, .. }, Action::Regroup { delay }) => Some(delay),
            _ => return wrong(format!("{verdict:?} follows")),
        };
        let (Some(delay), Verdict::Another { forgiven, .. }) = (delay, verdict) else {
            return Ok(());
        };
        let book = self.book(open.child)?;
        let backoff = &book.spec.backoff;
        let wish = match open.exit {
            Some(Exit::Failed { retry_after, .. }) => retry_after,
            _ => None,
        };
        let (least, most) = match forgiven {
            true => (0.0, 0.0),
            false => wait_bounds(backoff, book.position, wish),
        };
        let slack = 1e-6 + most * 1e-9;
        let wait = delay.wait.as_secs_f64();
        if wait < least - slack || wait > most + slack {
            return wrong(format!("the wait lies between {least} s and {most} s"));
        }
        if !forgiven && delay.position != book.position {
            return wrong(format!("its position is {}", book.position));
        }
        let due = (self.now + delay.wait).max(book.began + backoff.holdoff);
        if delay.holdoff != due.since(self.now + delay.wait) {
            return wrong(format!("the holdoff asks for {:?}", due.since(self.now + delay.wait)));
        }
        if let Action::Restart { at, .. } = action
            && at != due
        {
            return wrong(format!("the next run is due at {due}"));
        }
        Ok(())
    }

    /// Takes note of what follows from a decision.
    fn follow(
        &mut self,
        open: &OpenExit,
        rule: Rule,
        verdict: Verdict,
        action: Action,
    ) -> Result<(), Broken> {
        let id = open.child;
        match verdict {
            Verdict::AsWanted => self.as_wanted(open)?,
            Verdict::Another { forgiven, .. } => {
                let above = self.book(id)?.above;
                let up = above.and_then(|above| self.books.get(&above)).is_some_and(Book::is_up);
                let book = self.book_mut(id)?;
                if !forgiven {
                    book.position += 1;
                }
                match action {
                    Action::Restart { at, .. } => book.plan = Plan::At(at),
                    _ => {
                        book.plan = Plan::Run;
                        self.owed.extend(above.filter(|_| up).map(Owed::Regrouping));
                    }
                }
            }
            Verdict::Finish => self.finished(id, &open.cause)?,
            Verdict::Exhaust { end, owner } => self.exhausted(id, rule, end, owner)?,
        }
        let above = self.book(id)?.above;
        self.unsettled.extend(above);
        Ok(())
    }

    fn as_wanted(&mut self, open: &OpenExit) -> Result<(), Broken> {
        let id = open.child;
        let forgets = self.forgets(id);
        let book = self.book_mut(id)?;
        match open.asked {
            Some(Asked::Group) if book.spec.restart == Restart::Never => {
                book.plan = Plan::Never(Finish::Stopped);
                book.leaving |= forgets;
            }
            // What becomes of it was settled when its need went away.
            Some(Asked::Dependency) => {}
            Some(Asked::Idle) => (book.demanded, book.plan) = (false, Plan::Run),
            Some(_) | None => book.plan = Plan::Run,
        }
        Ok(())
    }

    /// Whether a child that gets no further run leaves the tree.
    fn forgets(&self, id: ChildId) -> bool {
        let Some(book) = self.books.get(&id) else { return false };
        let above = book.above.and_then(|above| self.books.get(&above)?.supervisor());
        let never = book.spec.restart == Restart::Never;
        above.is_some_and(|s| s.finished == Finished::Forget && (never || s.dynamic.is_some()))
    }

    fn finished(&mut self, id: ChildId, cause: &Cause) -> Result<(), Broken> {
        let forgets = self.forgets(id);
        let book = self.book_mut(id)?;
        book.plan = Plan::Never(finish_of(cause));
        book.leaving |= forgets;
        let (above, significant) = (book.above, book.spec.significant);
        // A start with nothing to do was no run, so it is no end.
        let ends = significant && *cause != Cause::Skipped;
        let Some(above) = above.filter(|_| ends) else { return Ok(()) };
        let supervisor = self.book(above)?;
        let rule = supervisor.supervisor().map_or(AutoShutdown::Never, |s| s.auto_shutdown);
        let over = |book: &Book| {
            let stays_down = matches!(book.plan, Plan::Never(_)) || book.down || book.quarantined;
            book.live.is_none() && stays_down
        };
        let all_over =
            self.children(above).filter(|(_, b)| b.spec.significant).all(|(_, book)| over(book));
        let ends = match rule {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => all_over,
        };
        if ends && supervisor.is_up() {
            self.owed.push(Owed::AutoShutdown(above));
        }
        Ok(())
    }

    /// Takes note of what an exhausted budget leads to, for the one who declared it.
    pub(crate) fn exhausted(
        &mut self,
        id: ChildId,
        rule: Rule,
        end: OnExhausted,
        owner: ChildId,
    ) -> Result<(), Broken> {
        let now = self.now;
        let over_children = owner != id;
        self.book_mut(id)?.plan = Plan::Run;
        self.book_mut(owner)?.clear_limits(over_children);
        let above = self.book(id)?.above;
        match end {
            OnExhausted::Cooldown => {
                let book = self.book_mut(owner)?;
                let spec = book.spec.clone();
                let fuse = match &mut book.pack {
                    Some(pack) if over_children => {
                        pack.trial_until = None;
                        &mut pack.breaker
                    }
                    Some(_) | None => {
                        book.position = 0;
                        book.demanded &= spec.activation == Activation::Always;
                        &mut book.breaker
                    }
                };
                let level = fuse.level(now, spec.level_decay);
                let until = policy::cooldown(&spec.cooldown, level, now);
                *fuse = Fuse { state: Gate::Open(until), weight: level + 1, opened: now };
                self.owed.push(Owed::Opens { owner, over_children });
                let kind = match (rule, over_children) {
                    (_, true) => AlertKind::GroupCooling,
                    (rule, false) => self.notice_of(id, rule, AlertKind::BreakerOpened),
                };
                self.raise(owner, kind);
            }
            OnExhausted::Quarantine => {
                let book = self.book_mut(owner)?;
                (book.quarantined, book.position) = (true, 0);
                let kind = self.notice_of(id, rule, AlertKind::Quarantined);
                self.raise(owner, kind);
            }
            OnExhausted::Escalate => {
                let above = if over_children { Some(owner) } else { above };
                if !over_children {
                    self.book_mut(id)?.plan = Plan::Never(Finish::Failed);
                }
                let Some(above) = above else { return Ok(()) };
                if above == ChildId::ROOT {
                    self.owed.push(Owed::Draining);
                } else if self.book(above)?.is_up() {
                    self.owed.push(Owed::GaveUp(above));
                    self.raise(above, AlertKind::GaveUp);
                }
            }
            OnExhausted::Shutdown => {
                self.book_mut(id)?.plan = Plan::Never(Finish::Failed);
                self.owed.push(Owed::Draining);
            }
        }
        Ok(())
    }

    fn notice_of(&self, id: ChildId, rule: Rule, plain: AlertKind) -> AlertKind {
        let cause = self.books.get(&id).and_then(|book| book.last_cause);
        match (rule, cause) {
            (Rule::Unmendable, Some(Cause::StartFailed { step, .. })) => {
                AlertKind::CannotStart(step)
            }
            (Rule::Permanent, _) => AlertKind::Permanent,
            _ => plain,
        }
    }

    /// A person must see something; nobody is woken twice for one cause.
    pub(crate) fn raise(&mut self, id: ChildId, kind: AlertKind) {
        let Some(book) = self.books.get_mut(&id) else { return };
        if book.alerts.iter().any(|notice| notice.kind == kind && !notice.over) {
            return;
        }
        book.alerts.retain(|notice| !(notice.kind == kind || notice.seen && notice.over));
        book.alerts.push(Notice { kind, seen: false, over: false });
        self.owed.push(Owed::Alert(id, kind));
    }

    fn limit(&self, id: LimitId) -> Option<Limit> {
        self.books.get(&id.owner)?.spec.budget.get(usize::from(id.index)).copied()
    }
}

/// What the end of a child's own budget leads to: nobody waits for a critical one to be released.
pub(crate) fn own_end(book: &Book) -> OnExhausted {
    match (book.spec.criticality, book.spec.on_exhausted) {
        (Criticality::Critical, OnExhausted::Quarantine) => OnExhausted::Shutdown,
        (_, end) => end,
    }
}

pub(crate) const fn finish_of(cause: &Cause) -> Finish {
    match cause {
        Cause::Completed => Finish::Completed,
        Cause::Skipped => Finish::Skipped,
        _ => Finish::Failed,
    }
}

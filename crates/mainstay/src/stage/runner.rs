//! Lives one run: carries out what its course asks, under guard, and hears what comes meanwhile.

use super::course::{Course, Next, Trouble};
use super::mailbox::{Entry, Mailbox};
use super::table::{Control, Machine, Table};
use super::voice::Teller;
use super::{Made, Steps};
use crate::caught;
use crate::context::Context;
use crate::end::{BoxError, End, Ended};
use mainstay_core::{Exit, Moment};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use tokio::time::Sleep;

/// After so many steps that awaited nothing others get the thread for certain.
const STEPS_A_POLL: u32 = 64;

/// Lives one run to its end.
pub(super) async fn live<S: Steps>(
    table: Arc<Table<S::Machine>>,
    mailbox: Arc<Mailbox<<S::Machine as Machine>::Event>>,
    make: impl FnOnce(Context) -> Made<S>,
    cx: Context,
) -> Ended {
    let mut teller = Teller::new(&cx);
    let made = match caught::guard(|| make(cx.clone())) {
        Ok(made) => made.map_err(Trouble::of),
        Err(panic) => Err(Trouble::panicked(panic)),
    };
    let (mut steps, mut context) = match made {
        Ok(made) => made,
        Err(trouble) => return teller.not_made(trouble),
    };
    let mut inputs = Inputs::new(&mailbox, &cx);
    // Read again after whatever may have taken time, and after each step where a time limit runs.
    let mut now = cx.now();
    let mut course = Course::new(&table, now);
    let mut streak = 0;
    loop {
        inputs.hand_over(&mut course);
        let known = course.first().is_some();
        match course.advance(now, &context, &mut teller) {
            Next::Act(action) => {
                let mut awaited = false;
                let acting = async { steps.act(action, &mut context).await };
                let result = guarded(acting, &mut awaited, |_| None).await.unwrap_or(Ok(()));
                streak = if awaited { 0 } else { streak + 1 };
                if awaited || result.is_err() || course.deadline().is_some() {
                    now = cx.now();
                }
                course.acted(result, now, &context, &mut teller);
            }
            Next::Dispatch(state) => {
                let deadline = course.deadline();
                let mut awaited = false;
                let interrupt = |task: &mut TaskContext<'_>| {
                    let is_free = !cx.is_undisturbed();
                    (inputs.poll(deadline, task).is_ready() && is_free).then_some(())
                };
                let dispatching = async { steps.dispatch(state, &mut context).await };
                let result = guarded(dispatching, &mut awaited, interrupt).await;
                streak = if awaited { 0 } else { streak + 1 };
                if awaited || result.is_none() || deadline.is_some() {
                    now = cx.now();
                }
                // Where there is no result something came meanwhile, and is handed over next.
                if let Some(result) = result {
                    course.dispatched(result, awaited, now, &context, &mut teller);
                }
            }
            Next::Wait => {
                streak = 0;
                let deadline = course.deadline();
                poll_fn(|task| inputs.poll(deadline, task)).await;
                now = cx.now();
            }
            Next::End => break,
        }
        if !known && let Some(first) = course.first() {
            let failure = super::Failure::of(first);
            drop(caught::guard(|| steps.failed(&failure, &mut context)));
        }
        if streak >= STEPS_A_POLL {
            streak = 0;
            tokio::task::yield_now().await;
            now = cx.now();
        }
    }
    inputs.close(&mut teller);
    teller.ended(&course)
}

/// Polls a future of the user's under guard. `interrupt` is asked whenever it has to wait; `None`: it was interrupted.
async fn guarded<T>(
    future: impl Future<Output = Result<T, BoxError>>,
    awaited: &mut bool,
    mut interrupt: impl FnMut(&mut TaskContext<'_>) -> Option<()>,
) -> Option<Result<T, Trouble>> {
    let mut future = pin!(future);
    poll_fn(|task| match caught::guard(|| future.as_mut().poll(task)) {
        Ok(Poll::Ready(result)) => Poll::Ready(Some(result.map_err(Trouble::of))),
        Err(panic) => Poll::Ready(Some(Err(Trouble::panicked(panic)))),
        Ok(Poll::Pending) => {
            *awaited = true;
            interrupt(task).map_or(Poll::Pending, |()| Poll::Ready(None))
        }
    })
    .await
}

impl Trouble {
    /// Takes an error of the user's apart: its text, and what it says about another try.
    pub(super) fn of(error: BoxError) -> Self {
        let error = match error.downcast() {
            Ok(panic) => return Self::panicked(*panic),
            Err(error) => error,
        };
        let Ended { exit, detail, panic } = Err::<(), _>(error).end();
        let exit = if exit == Exit::Completed { Exit::FAILED } else { exit };
        Self { text: detail.unwrap_or_default(), exit, panic }
    }
}

/// What comes to a run from outside: the tree's stop, what others send, and time.
struct Inputs<'a, E> {
    mailbox: &'a Mailbox<E>,
    cx: &'a Context,
    /// Whether the stop was handed over.
    was_stopped: bool,
    sleep: Option<Pin<Box<Sleep>>>,
    sleeps_until: Option<Moment>,
    /// Until a position that nothing follows may be taken down.
    late: Option<Pin<Box<Sleep>>>,
}

impl<'a, E: Copy + std::fmt::Debug> Inputs<'a, E> {
    fn new(mailbox: &'a Mailbox<E>, cx: &'a Context) -> Self {
        mailbox.open(cx.run());
        Self { mailbox, cx, was_stopped: false, sleep: None, sleeps_until: None, late: None }
    }

    fn has_stop(&self) -> bool {
        !self.was_stopped && self.cx.is_asked_to_stop()
    }

    /// Gives the course what has come, as much as it takes.
    fn hand_over<M: Machine<Event = E>>(&mut self, course: &mut Course<M>) {
        if self.has_stop() {
            self.was_stopped = true;
            let drains = self.cx.is_draining();
            course.command(if drains { Control::Drain } else { Control::Stop });
        }
        while course.has_room()
            && let Some(entry) = self.mailbox.take(self.cx.run())
        {
            match entry {
                Entry::Event(event) => course.event(event),
                Entry::Control(control) => course.command(control),
            }
        }
    }

    /// Resolves when there is something to hand over, or the deadline is there.
    fn poll(&mut self, deadline: Option<Moment>, task: &mut TaskContext<'_>) -> Poll<()> {
        self.take_position_down(task);
        // The run's own task is woken by a stop whoever waits for it.
        if self.has_stop() || self.mailbox.poll(self.cx.run(), task) {
            return Poll::Ready(());
        }
        let Some(at) = deadline else { return Poll::Pending };
        if self.sleeps_until != Some(at) || self.sleep.is_none() {
            self.sleeps_until = Some(at);
            let Some(instant) = self.cx.instant(at) else { return Poll::Pending };
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(instant),
                None => self.sleep = Some(Box::pin(tokio::time::sleep_until(instant))),
            }
        }
        self.sleep.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(task))
    }

    /// Positions are taken down now and then; the last one must not wait for another that may never come.
    fn take_position_down(&mut self, task: &mut TaskContext<'_>) {
        let Some(due) = self.cx.position_due().and_then(|at| self.cx.instant(at)) else { return };
        let late = self.late.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if late.deadline() != due {
            late.as_mut().reset(due);
        }
        if late.as_mut().poll(task).is_ready() {
            self.cx.take_position_down();
        }
    }

    /// Takes nothing more; what was not heard is told.
    fn close(&self, teller: &mut Teller) {
        for entry in self.mailbox.close(self.cx.run()) {
            teller.unheard(&match entry {
                Entry::Event(event) => format!("{event:?}"),
                Entry::Control(control) => format!("{control:?}"),
            });
        }
    }
}

impl<E> Drop for Inputs<'_, E> {
    fn drop(&mut self) {
        drop(self.mailbox.close(self.cx.run()));
    }
}

//! The cases: what is timed for each system, and the proof that the work was done.

use crate::memory;
use crate::systems::{Cannot, Order, System};
use crate::work::{self, ENDED, EndsAtOnce, FailsAtOnce, FailsInStorm, Idle, STAYING};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// One thing to measure.
pub(crate) struct Case {
    /// What the command line calls it.
    pub name: &'static str,
    /// What happens to so many of them.
    pub title: &'static str,
    pub kind: Kind,
    /// Children, restarts or tasks, whichever [`Self::unit`] says.
    pub count: u32,
    pub unit: &'static str,
    /// How long a system may take before it is cut short; a rate can still be told then.
    pub patience: Duration,
    pub budget: Budget,
    /// What the bytes of a figure mean, and how many of them are allowed.
    pub bytes: Option<(&'static str, Option<u64>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Start,
    Stop,
    StopInOrder,
    RestartOne,
    RestartMany,
    Storm,
    Churn,
    OneByOne,
}

/// What the design allows mainstay to take.
#[derive(Clone, Copy)]
pub(crate) enum Budget {
    /// So many times what the loop by hand takes in the same run.
    Bare(f64),
    Each(Duration),
    /// It gets done.
    Done,
    Unbounded,
}

/// How many children share the restarts of [`Kind::RestartMany`].
const MANY: u32 = 1_000;

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const CASES: [Case; 9] = [
    Case {
        name: "start",
        title: "idle children are started, until the last one runs",
        kind: Kind::Start,
        count: 100_000,
        unit: "child",
        patience: PATIENCE,
        budget: Budget::Bare(1.5),
        bytes: Some(("B resident per idle child", Some(900))),
    },
    Case {
        name: "stop",
        title: "idle children are stopped in any order",
        kind: Kind::Stop,
        count: 100_000,
        unit: "child",
        patience: PATIENCE,
        budget: Budget::Bare(1.5),
        bytes: None,
    },
    Case {
        name: "stop-in-order",
        title: "idle children are stopped youngest first, each when the one before it is gone",
        kind: Kind::StopInOrder,
        count: 10_000,
        unit: "child",
        patience: PATIENCE,
        budget: Budget::Each(Duration::from_micros(3)),
        bytes: None,
    },
    Case {
        name: "restart-one",
        title: "restarts of one child that fails at once, without delay",
        kind: Kind::RestartOne,
        count: 200_000,
        unit: "restart",
        patience: Duration::from_secs(2),
        budget: Budget::Bare(1.3),
        bytes: None,
    },
    Case {
        name: "restart-many",
        title: "restarts of 1 000 children that fail at once, without delay",
        kind: Kind::RestartMany,
        count: 100_000,
        unit: "restart",
        patience: PATIENCE,
        budget: Budget::Bare(1.0),
        bytes: None,
    },
    Case {
        name: "storm-10k",
        title: "children fail together, until all run again",
        kind: Kind::Storm,
        count: 10_000,
        unit: "child",
        patience: PATIENCE,
        budget: Budget::Bare(1.2),
        bytes: None,
    },
    Case {
        name: "storm-100k",
        title: "children fail together, until all run again",
        kind: Kind::Storm,
        count: 100_000,
        unit: "child",
        patience: PATIENCE,
        budget: Budget::Unbounded,
        bytes: None,
    },
    Case {
        name: "churn",
        title: "tasks that end at once are started, until all are gone",
        kind: Kind::Churn,
        count: 1_000_000,
        unit: "task",
        patience: PATIENCE,
        budget: Budget::Done,
        bytes: Some(("B more at the peak, per task", None)),
    },
    Case {
        name: "one-by-one",
        title: "tasks are started, each when the end of the one before is known",
        kind: Kind::OneByOne,
        count: 100_000,
        unit: "task",
        patience: PATIENCE,
        budget: Budget::Unbounded,
        bytes: None,
    },
];

/// What one round of a case came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// How much was done, in the units of the case.
    pub done: u64,
    pub elapsed: Duration,
    pub bytes: u64,
}

/// When the timed part of the case began.
static BEGAN: OnceLock<Instant> = OnceLock::new();

/// Runs a case of this kind and size.
pub(crate) async fn run<S: System>(kind: Kind, count: u32) -> Result<Figure, Cannot> {
    let (elapsed, bytes) = match kind {
        Kind::Start => start::<S>(count).await?,
        Kind::Stop => (stop::<S>(count).await?, 0),
        Kind::StopInOrder => (stop_in_order::<S>(count).await?, 0),
        Kind::RestartOne => (restart::<S>(1, count).await?, 0),
        Kind::RestartMany => (restart::<S>(MANY, count / MANY).await?, 0),
        Kind::Storm => (storm::<S>(count).await?, 0),
        Kind::Churn => churn::<S>(count).await?,
        Kind::OneByOne => (one_by_one::<S>(count).await?, 0),
    };
    Ok(Figure { done: u64::from(count), elapsed, bytes })
}

/// Returns how far the case has come by now, if its timed part has begun.
pub(crate) fn so_far(kind: Kind, count: u32) -> Option<Figure> {
    let elapsed = BEGAN.get()?.elapsed();
    let done = match kind {
        Kind::Start => STAYING.count(),
        Kind::Stop | Kind::StopInOrder | Kind::Churn | Kind::OneByOne => ENDED.count(),
        Kind::RestartOne => work::runs().saturating_sub(1),
        Kind::RestartMany => work::runs().saturating_sub(u64::from(MANY)),
        Kind::Storm => STAYING.count().saturating_sub(u64::from(count)),
    };
    Some(Figure { done, elapsed, bytes: 0 })
}

async fn start<S: System>(children: u32) -> Result<(Duration, u64), Cannot> {
    work::prepare(children, 0);
    STAYING.expect(children.into());
    let before = memory::resident();
    let began = begin();
    let system = S::start::<Idle>(children, Order::Any).await?;
    STAYING.reached().await;
    let elapsed = began.elapsed();
    let more = memory::resident().saturating_sub(before);
    work::assert_runs_of_each(1);
    work::assert_ended(0);
    drop(system);
    Ok((elapsed, more / u64::from(children)))
}

async fn stop<S: System>(children: u32) -> Result<Duration, Cannot> {
    work::prepare(children, 0);
    STAYING.expect(children.into());
    let system = S::start::<Idle>(children, Order::Any).await?;
    STAYING.reached().await;
    ENDED.expect(children.into());
    let began = begin();
    system.stop().await?;
    ENDED.reached().await;
    let elapsed = began.elapsed();
    work::assert_runs_of_each(1);
    work::assert_ended(children.into());
    Ok(elapsed)
}

async fn stop_in_order<S: System>(children: u32) -> Result<Duration, Cannot> {
    work::prepare(children, 0);
    work::order_matters();
    STAYING.expect(children.into());
    let system = S::start::<Idle>(children, Order::YoungestFirst).await?;
    STAYING.reached().await;
    let began = begin();
    system.stop().await?;
    let elapsed = began.elapsed();
    work::assert_runs_of_each(1);
    work::assert_ended(children.into());
    Ok(elapsed)
}

/// Times the starts along with the restarts: after the first run of a child there is no pause.
async fn restart<S: System>(children: u32, failures: u32) -> Result<Duration, Cannot> {
    work::prepare(children, failures);
    STAYING.expect(children.into());
    let began = begin();
    let _system = S::start::<FailsAtOnce>(children, Order::Any).await?;
    STAYING.reached().await;
    let elapsed = began.elapsed();
    work::assert_runs_of_each(failures + 1);
    Ok(elapsed)
}

async fn storm<S: System>(children: u32) -> Result<Duration, Cannot> {
    work::prepare(children, 0);
    STAYING.expect(children.into());
    let _system = S::start::<FailsInStorm>(children, Order::Any).await?;
    STAYING.reached().await;
    STAYING.expect(2 * u64::from(children));
    ENDED.expect(children.into());
    let began = begin();
    work::break_storm();
    STAYING.reached().await;
    let elapsed = began.elapsed();
    // Where a run may begin before the one before it is gone, that one is on its way out.
    ENDED.reached().await;
    work::assert_runs_of_each(2);
    work::assert_ended(children.into());
    Ok(elapsed)
}

async fn churn<S: System>(tasks: u32) -> Result<(Duration, u64), Cannot> {
    let before = memory::resident();
    let began = begin();
    S::run_all::<EndsAtOnce>(tasks).await?;
    let elapsed = began.elapsed();
    work::assert_ended(tasks.into());
    Ok((elapsed, memory::peak().saturating_sub(before) / u64::from(tasks)))
}

async fn one_by_one<S: System>(tasks: u32) -> Result<Duration, Cannot> {
    let began = begin();
    S::run_one_by_one::<EndsAtOnce>(tasks).await?;
    let elapsed = began.elapsed();
    work::assert_ended(tasks.into());
    Ok(elapsed)
}

/// Begins the timed part.
fn begin() -> Instant {
    *BEGAN.get_or_init(Instant::now)
}

//! Declarations: what a run may return, what is refused before anything starts, and what is warned about.

mod common;

use common::{MS, SEC, calm, down, find, lives, ready, ready_again, soon};
use mainstay::{
    AutoShutdown, BoxError, Cause, Child, Class, Context, Event, Fault, Jitter, Judge, Record,
    RunId, Service, Shape, Skipped, StartError, Tree, Warning, blocking, failures, service,
    supervisor, task, tree,
};
use std::convert::Infallible;
use std::fmt;
use std::future::pending;

fn faults(tree: Tree) -> Vec<String> {
    let error = tree.check().expect_err("it is wrong");
    error
        .problems()
        .iter()
        .map(|problem| format!("{} {}", problem.path, problem.rule.name()))
        .collect()
}

fn warnings(tree: Tree) -> Vec<String> {
    let warned = |warning: &Warning| format!("{} {}", warning.path, warning.rule.name());
    tree.check().expect("it is fit").iter().map(warned).collect()
}

async fn cause(child: Child) -> Cause {
    let owner = tree().child(child.named("it").once()).start().expect("it is fit");
    let view = down(&owner.handle(), "it").await;
    view.last.expect("it has run").cause
}

#[derive(Clone)]
struct Web;

impl Service for Web {
    type End = Result<(), BoxError>;

    async fn run(self, _cx: Context) -> Self::End {
        Err("no port".into())
    }
}

/// An error as `anyhow` has it: it is no error itself and becomes a boxed one.
struct Any(BoxError);

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Any {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl From<Any> for BoxError {
    fn from(any: Any) -> Self {
        any.0
    }
}

impl fmt::Debug for Any {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// C26, C31
#[tokio::test(start_paused = true)]
async fn a_run_may_return_what_suits_it() {
    let failed = |class| Cause::Failed { code: None, class };
    assert_eq!(cause(task("unit", |_| async {})).await, Cause::Completed);
    assert_eq!(cause(task("skipped", |_| async { Skipped })).await, Cause::Skipped);
    assert_eq!(cause(task("ok", |_| async { Ok::<_, BoxError>(()) })).await, Cause::Completed);
    assert_eq!(cause(task("ok", |_| async { Ok::<_, BoxError>(Skipped) })).await, Cause::Skipped);
    assert_eq!(cause(task("text", |_| async { Err::<(), _>("text") })).await, failed(Class::Plain));
    assert_eq!(cause(service("web", Web)).await, failed(Class::Plain));
    let any = task("any", |_| async {
        "x".parse::<u8>()?;
        Ok::<_, Any>(())
    });
    assert_eq!(cause(any).await, failed(Class::Plain));
    let wrapped = task("wrapped", |_| async {
        "x".parse::<u8>().permanent()?;
        Ok::<_, Any>(())
    });
    assert_eq!(cause(wrapped).await, failed(Class::Permanent));
    let transient = task("later", |_| async { Err::<(), _>(Fault::transient("busy")) });
    assert_eq!(cause(transient).await, failed(Class::Transient));
    let result = task("never", |_| async { Err::<Infallible, _>("at last") });
    assert_eq!(cause(result).await, failed(Class::Plain));
}

// These never return, so they compile, are stopped, and that is all.
#[tokio::test(start_paused = true)]
async fn a_run_that_never_returns_is_stopped() {
    async fn infallible() -> Infallible {
        pending().await
    }
    let endless = task("endless", |_| async {
        loop {
            tokio::time::sleep(SEC).await;
        }
    });
    let owner = tree()
        .child(task("infallible", |_| infallible()))
        .child(endless)
        .child(task("diverges", |_| async { panic!("always") }).once().optional())
        .start()
        .expect("it is fit");
    ready(&owner.handle(), "endless").await;
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(report.took, std::time::Duration::ZERO);
}

// C31, focas 24, epics 10
#[tokio::test(start_paused = true)]
async fn a_permanent_error_is_not_tried_again() {
    let wrong = task("wrong", |_| async { Err::<(), _>(Fault::permanent("no such port")) });
    let owner = tree().child(wrong.optional()).child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    let is_open = |record: &Record| matches!(record.event, Event::Breaker { .. });
    find(&mut handle.events_from(1), is_open).await;
    let view = handle.child("wrong").await.expect("it is there");
    assert_eq!((view.runs, view.alerts.len()), (1, 1));
    ready(&handle, "calm").await;
}

#[tokio::test(start_paused = true)]
async fn a_fatal_error_makes_its_supervisor_give_up() {
    let doubts = task("doubts", |cx: Context| async move {
        if cx.is_first() {
            tokio::time::sleep(SEC).await;
        }
        if cx.run() == RunId(1) {
            Err(Fault::fatal("the state is broken"))
        } else {
            lives(&cx).await
        }
    });
    let group = supervisor("group").child(calm("calm")).child(doubts);
    let owner = tree().child(group).start().expect("it is fit");
    let handle = owner.handle();
    ready_again(&handle, "group/doubts", 2).await;
    ready_again(&handle, "group/calm", 2).await;
    assert_eq!(handle.counts().gave_up, 1);
    let view = handle.child("group").await.expect("it is there");
    assert_eq!(view.last.expect("it has ended").cause, Cause::GaveUp);
}

// C32
#[tokio::test(start_paused = true)]
async fn an_error_may_ask_for_a_longer_wait_within_the_cap() {
    for (asked, expected) in [(7 * SEC, 7 * SEC), (600 * SEC, 60 * SEC)] {
        let busy = task("busy", move |cx: Context| async move {
            if cx.is_first() {
                return Err(Fault::transient("busy").retry_after(asked));
            }
            lives(&cx).await
        });
        let shape = Shape::Exponential { first: 100 * MS, factor: 2.0, most: 60 * SEC };
        let owner =
            tree().child(busy.backoff(shape).jitter(Jitter::None)).start().expect("it is fit");
        let handle = owner.handle();
        let is_second = |record: &Record| {
            matches!(record.event, Event::Starting { run: RunId(2), .. })
                && record.path.as_str() == "busy"
        };
        let second = find(&mut handle.events_from(1), is_second).await;
        assert_eq!(second.at.since(mainstay::Moment::ZERO), expected);
    }
}

// C1, C2, C4, C7, C10, tokio 21
#[test]
fn everything_that_is_wrong_is_told_at_once_and_nothing_starts() {
    assert_eq!(faults(tree().child(calm("a")).child(calm("a"))), ["a spec.duplicate"]);
    let circle = tree().child(calm("a").needs("b")).child(calm("b").needs("a"));
    assert!(faults(circle).iter().any(|fault| fault.ends_with("spec.cycle")));
    assert_eq!(faults(tree().child(calm("a").needs("nobody"))), ["a spec.need"]);
    let significant = supervisor("s").child(calm("a").always().significant());
    assert!(
        !faults(tree().child(significant.auto_shutdown(AutoShutdown::AnySignificant))).is_empty()
    );
    for factor in [0.5, 0.0, f64::NAN, f64::INFINITY] {
        let shape = Shape::Exponential { first: SEC, factor, most: 5 * SEC };
        assert!(!faults(tree().child(calm("a").backoff(shape))).is_empty(), "{factor}");
    }
    let shape = Shape::Exponential { first: 10 * SEC, factor: 2.0, most: 5 * SEC };
    let many = tree()
        .child(calm("a").backoff(shape))
        .child(calm("").needs("nobody"))
        .child(supervisor("s").child(calm("b")).child(calm("b")));
    let found = faults(many);
    assert!(found.len() >= 3, "{found:?}");
    let error = tree().child(calm("a")).child(calm("a")).start().err();
    // Outside of a runtime the one thing or the other is wrong first.
    assert!(matches!(error, Some(StartError::NoRuntime | StartError::Spec(_))), "{error:?}");
}

// C9, tokio 22
#[test]
fn a_tree_may_have_the_defaults_of_the_daemon_also_for_its_root() {
    let declared =
        || tree().child(task("a", |_| async {})).limit_tree(mainstay::restarts(9, 5 * SEC));
    let spec = |tree: Tree| tree.into_spec().expect("it is right").0;
    let (library, daemon) = (spec(declared()), spec(declared().profile(mainstay::Profile::Daemon)));
    let child = |spec: &mainstay_core::spec::TreeSpec| {
        let group = spec.root.supervisor().expect("a supervisor");
        (group.children[0].1.restart, group.children[0].1.criticality, spec.root.budget.len())
    };
    let (on_failure, always) = (mainstay::Restart::OnFailure, mainstay::Restart::Always);
    assert_eq!(child(&library), (on_failure, mainstay::Criticality::Required, 2));
    assert_eq!(child(&daemon), (always, mainstay::Criticality::Optional, 1));
}

#[test]
fn a_limit_that_cannot_be_reached_is_warned_about() {
    let child =
        calm("a").backoff(Shape::Fixed(2 * SEC)).jitter(Jitter::None).limit(failures(3, SEC));
    let warned = warnings(tree().child(child));
    assert!(warned.iter().any(|warning| warning == "a warn.cannot-trip"), "{warned:?}");
    assert_eq!(warnings(tree().child(calm("a"))), Vec::<String>::new());
}

// tokio 11
#[tokio::test(start_paused = true)]
async fn what_is_said_explicitly_wins_over_a_preset_in_whatever_order() {
    let preset = mainstay::Preset::Epics;
    let shape = Shape::Fixed(3 * SEC);
    let fails = || task("it", |_| async { Err::<(), _>("again") }).optional();
    let first = fails().preset(preset).backoff(shape.clone()).holdoff(MS);
    let last = fails().holdoff(MS).backoff(shape).preset(preset);
    for child in [first, last] {
        let owner = tree().child(child).start().expect("it is fit");
        let is_second =
            |record: &Record| matches!(record.event, Event::Starting { run: RunId(2), .. });
        let second = find(&mut owner.handle().events_from(1), is_second).await;
        assert_eq!(second.at.since(mainstay::Moment::ZERO), 3 * SEC);
    }
}

// C11
#[tokio::test(start_paused = true)]
async fn children_start_in_the_order_in_which_they_are_declared() {
    let names = ["ch7", "ch3", "ch10", "ch2", "ch5"];
    for _ in 0..20 {
        let owner = tree().children(names.map(calm)).start().expect("it is fit");
        let recorder = owner.handle();
        soon(owner.ready()).await.expect("all become ready");
        let mut events = recorder.events_from(1);
        let mut started = Vec::new();
        while let Some(mainstay::Item::Record(record)) = events.try_next() {
            if matches!(record.event, Event::Starting { .. }) && record.path.as_str() != "" {
                started.push(record.path.to_string());
            }
        }
        started.retain(|path| path != "/");
        assert_eq!(started, names);
    }
}

#[tokio::test]
async fn a_blocking_child_may_return_what_a_task_may() {
    let owner = tree()
        .child(blocking("unit", |_| {}).once())
        .child(blocking("skipped", |_| Skipped).once())
        .child(blocking("failed", |_| Err::<(), _>("no luck")).once().optional())
        .start()
        .expect("it is fit");
    let handle = owner.handle();
    for (path, expected) in [("unit", "completed"), ("skipped", "skipped"), ("failed", "failed")] {
        let view = down(&handle, path).await;
        assert_eq!(mainstay::cause_name(&view.last.expect("it has run").cause), expected);
    }
}

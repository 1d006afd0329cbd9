//! What keeps a thread of the runtime is noticed from outside of it, and named.

mod common;

use common::{MS, SEC, calm, find, soon};
use mainstay::{Blocked, Context, Event, RunId, Watchdog, task, tree};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use tokio::runtime::{Builder, Runtime};

/// Tells the test what it finds; the finding that is wanted releases the culprit.
fn watching(release: Sender<()>) -> (Watchdog, Receiver<Blocked>) {
    let (say, said) = channel();
    let (say, release) = (Mutex::new(say), Mutex::new(Some(release)));
    let watchdog = Watchdog::after(50 * MS).on_blocked(move |blocked| {
        if say.lock().expect("no poison").send(blocked.clone()).is_err() {
            return;
        }
        if !blocked.runs.is_empty() {
            drop(release.lock().expect("no poison").take());
        }
    });
    (watchdog, said)
}

/// Keeps its thread in its first run until it is released.
fn culprit() -> (mainstay::Child, Sender<()>) {
    let (release, released) = channel::<()>();
    let released = Mutex::new(released);
    let child = task("culprit", move |cx: Context| {
        let is_first = cx.is_first();
        if is_first {
            assert!(released.lock().expect("no poison").recv().is_err());
        }
        async move { cx.stopped().await }
    });
    (child, release)
}

fn blocked(runtime: &Runtime) -> Vec<Blocked> {
    let (culprit, release) = culprit();
    let (watchdog, said) = watching(release);
    runtime.block_on(async {
        let owner = tree()
            .child(calm("calm"))
            .child(culprit)
            .watchdog(watchdog)
            .start()
            .expect("it is fit");
        let handle = owner.handle();
        let mut events = handle.events_from(1);
        let fact = find(&mut events, |record| matches!(record.event, Event::Blocked { .. })).await;
        let Event::Blocked { run, lasted, .. } = fact.event else { panic!("{fact:?}") };
        assert_eq!((fact.path.as_str(), run), ("culprit", RunId(1)));
        assert!(lasted >= 50 * MS);
        soon(owner.ready()).await.expect("it goes on afterwards");
        assert_eq!(handle.child("calm").await.expect("it is there").run, Some(RunId(1)));
        let report = soon(owner.drain("the test is over")).await;
        assert!(report.lines.iter().all(|line| !line.forced), "{report}");
    });
    said.try_iter().collect()
}

// oxios 5
#[test]
fn a_run_that_keeps_one_of_several_threads_is_named() {
    let runtime = Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("one");
    let found = blocked(&runtime);
    let named = found.iter().find(|blocked| !blocked.runs.is_empty()).expect("it is named");
    assert_eq!(named.runs[0].0.as_str(), "culprit");
    assert!(named.lasted >= 50 * MS);
    assert!(named.to_string().starts_with("culprit#1 kept a thread"), "{named}");
}

// oxios 5
#[test]
fn a_run_that_keeps_the_only_thread_is_named_and_the_standstill_told() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("one");
    let (culprit, release) = culprit();
    let (say, said) = channel();
    let (say, release) = (Mutex::new(say), Mutex::new(Some(release)));
    let seen = Mutex::new((false, false));
    let watchdog = Watchdog::after(50 * MS).on_blocked(move |blocked| {
        let mut seen = seen.lock().expect("no poison");
        seen.0 |= !blocked.runs.is_empty();
        seen.1 |= blocked.is_stalled;
        drop(say.lock().expect("no poison").send(blocked.clone()));
        if *seen == (true, true) {
            drop(release.lock().expect("no poison").take());
        }
    });
    runtime.block_on(async {
        let owner = tree()
            .child(calm("calm"))
            .child(culprit)
            .watchdog(watchdog)
            .start()
            .expect("it is fit");
        let mut events = owner.handle().events_from(1);
        let fact = find(&mut events, |record| matches!(record.event, Event::Stalled { .. })).await;
        let Event::Stalled { lasted } = fact.event else { panic!("{fact:?}") };
        assert!(lasted >= 50 * MS);
        soon(owner.ready()).await.expect("it goes on afterwards");
        soon(owner.drain("the test is over")).await;
    });
    let found: Vec<Blocked> = said.try_iter().collect();
    let text = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    assert!(
        text.contains("the whole runtime stands still") && text.contains("culprit#1"),
        "{text}"
    );
}

// A watchdog that is not wanted is not there, and one whose hook panics goes on.
#[test]
fn a_hook_of_the_watchdog_may_panic() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("one");
    let (culprit, release) = culprit();
    let release = Mutex::new(Some(release));
    let watchdog = Watchdog::after(20 * MS).on_blocked(move |_| {
        drop(release.lock().expect("no poison").take());
        panic!("a bad hook");
    });
    runtime.block_on(async {
        let owner = tree().child(culprit).watchdog(watchdog).start().expect("it is fit");
        soon(owner.ready()).await.expect("it is released");
        soon(owner.drain("the test is over")).await;
        let owner = tree().child(calm("calm")).watchdog(None).start().expect("it is fit");
        soon(owner.ready()).await.expect("all become ready");
        soon(owner.drain("the test is over")).await;
    });
}

// Idle children are no reason to bark.
#[test]
fn nothing_is_found_where_nothing_is_blocked() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("one");
    let (say, said) = channel();
    let say = Mutex::new(say);
    // Long enough that a busy machine is not mistaken for a blocked runtime.
    let watchdog = Watchdog::after(20 * SEC).on_blocked(move |blocked| {
        drop(say.lock().expect("no poison").send(blocked.clone()));
    });
    runtime.block_on(async {
        let owner =
            tree().replicas(100, &calm("calm")).watchdog(watchdog).start().expect("it is fit");
        soon(owner.ready()).await.expect("all become ready");
        soon(owner.drain("the test is over")).await;
    });
    assert_eq!(said.try_iter().count(), 0);
}

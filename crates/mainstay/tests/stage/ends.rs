//! Every way out: told exactly once, whatever the way.

use crate::common::{MS, SEC, down, soon};
use crate::play::{Action, Event, Script, State, news, plain, settled, table, told};
use mainstay::stage::{Directive, Made, stage};
use mainstay::{BoxError, Cause, Context, Event as Fact, Restart, Settled, tree};
use std::future::pending;

/// Runs one machine to the end of its first run, and returns how it settled, and what its run came to.
async fn way(child: mainstay::Child, stop: bool) -> (Vec<Settled>, Cause, Option<String>) {
    let child = child.restart(Restart::Never).stop_within(SEC).optional();
    let owner = tree().child(child).start().expect("it is fit");
    let mut events = owner.handle().events();
    if stop {
        crate::common::ready(&owner.handle(), "play").await;
        owner.handle().by("test").stop("play", "it is over").await.expect("it is there");
    }
    let view = down(&owner.handle(), "play").await;
    soon(owner.drain("the test is over")).await;
    let records = told(&mut events).await;
    let last = view.last.expect("it ran");
    (settled(&records), last.cause, last.detail.map(|detail| detail.to_string()))
}

// obzenflow 2, 8, 9, 10
#[tokio::test(start_paused = true)]
async fn each_way_out_is_told_once() {
    let done = Script::new(|state, _| async move {
        Ok(Directive::Transition(if state == State::Idle { Event::Go } else { Event::Finish }))
    });
    let (how, cause, detail) = way(done.child(table(None)), false).await;
    assert_eq!((how, cause, detail), (vec![Settled::Done], Cause::Completed, None));

    let terminated = Script::new(|_, _| async { Ok(Directive::Terminate) });
    assert_eq!(way(terminated.child(table(None)), false).await.0, [Settled::Done]);

    let failed = Script::new(|_, _| async { Err("no such port".into()) });
    let (how, cause, detail) = way(failed.child(table(None)), false).await;
    assert_eq!(how, [Settled::Failed]);
    assert!(matches!(cause, Cause::Failed { .. }), "{cause:?}");
    assert_eq!(detail.as_deref(), Some("dispatch in Idle failed: no such port"));

    let panics = Script::new(|_, _| async { panic!("boom") });
    let (how, cause, detail) = way(panics.child(table(None)), false).await;
    assert_eq!((how, cause), (vec![Settled::Panicked], Cause::Panicked));
    assert!(detail.is_some_and(|detail| detail.contains("boom, at ")));

    let unhandled = Script::new(|_, _| async { Ok(Directive::Transition(Event::Never)) });
    let (how, _, detail) = way(unhandled.child(table(None)), false).await;
    assert_eq!(how, [Settled::Failed]);
    let says = "dispatch in Idle failed: Never is not handled in Idle";
    assert_eq!(detail.as_deref(), Some(says));

    let stopped = Script::new(|state, _| async move {
        Ok(if state == State::Closing {
            Directive::Transition(Event::Finish)
        } else {
            Directive::Wait
        })
    });
    let (how, cause, _) = way(stopped.child(table(None)), true).await;
    assert_eq!((how, cause), (vec![Settled::Stopped], Cause::Stopped));

    // It never comes to its end by itself, and its grace is over.
    let forced = Script::new(|state, _| async move {
        if state == State::Closing {
            pending::<()>().await;
        }
        Ok(Directive::Wait)
    });
    let (how, cause, _) = way(forced.child(table(None)), true).await;
    assert_eq!((how, cause), (vec![Settled::Forced], Cause::Stopped));

    // An action is not interrupted by a stop, only by force.
    let in_action = Script::new(|_, _| async { Ok(Directive::Transition(Event::Go)) })
        .acts(|_, _| async { pending().await });
    let (how, _, _) = way(in_action.child(table(None)), true).await;
    assert_eq!(how, [Settled::Forced]);
    assert_eq!(in_action.asked(), ["Idle", "do Step"]);
}

/// The maker of a run is user code like any other: its end is told too.
#[tokio::test(start_paused = true)]
async fn a_machine_that_cannot_be_made_says_so_once() {
    let broken = |_: Context| -> Made<crate::play::Player> { Err("no such database".into()) };
    let (how, cause, detail) = way(stage("play", plain(), broken), false).await;
    assert_eq!(how, [Settled::Failed]);
    assert!(matches!(cause, Cause::Failed { .. }), "{cause:?}");
    assert_eq!(detail.as_deref(), Some("it could not be made: no such database"));

    let panics = |_: Context| -> Made<crate::play::Player> { panic!("boom") };
    let (how, cause, _) = way(stage("play", plain(), panics), false).await;
    assert_eq!((how, cause), (vec![Settled::Panicked], Cause::Panicked));
}

// obzenflow 17
#[test]
fn a_machine_that_keeps_its_thread_is_abandoned_and_that_is_told_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Arc::new(std::sync::Mutex::new(held));
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let blocks = Script::new(move |_, _| {
        let (held, begun) = (std::sync::Arc::clone(&held), begun.clone());
        async move {
            let _ = begun.send(());
            let _ = held.lock().expect("no poison").recv();
            Ok(Directive::Wait)
        }
    });
    let records = runtime.block_on(async {
        let child = blocks.child(plain()).stop_within(10 * MS).kill_wait(10 * MS).optional();
        let owner = tree().child(child).start().expect("it is fit");
        let mut events = owner.handle().events();
        soon(has_begun.recv()).await.expect("it runs");
        owner.handle().by("test").stop("play", "it is over").await.expect("it is there");
        let fact = crate::play::hear(&mut events, "was abandoned").await;
        let again = owner.handle().events();
        drop(release);
        let exit = |record: &mainstay::Record| matches!(record.event, Fact::Exited { .. });
        let mut records = vec![fact];
        records.push(crate::common::find(&mut events, exit).await);
        soon(owner.drain("the test is over")).await;
        drop(again);
        records.extend(told(&mut events).await);
        records
    });
    assert_eq!(settled(&records), [Settled::Abandoned]);
}

/// Its runtime goes away under it, or its destructor panics: the guards of any child hold.
#[tokio::test(start_paused = true)]
async fn what_panics_while_it_is_dropped_ends_the_run_told_once() {
    struct Hostile;
    impl Drop for Hostile {
        fn drop(&mut self) {
            panic!("no end");
        }
    }
    let script = Script::new(|_, _| async {
        let _hostile = Hostile;
        pending::<()>().await;
        Ok(Directive::Wait)
    });
    let (how, _, _) = way(script.child(plain()), true).await;
    assert_eq!(how, [Settled::Panicked]);
}

// obzenflow 13
#[tokio::test(start_paused = true)]
async fn an_entry_action_that_fails_leaves_no_state_without_its_failure_and_its_time_limit() {
    let script = Script::new(|state, _| async move {
        Ok(match state {
            State::Idle => Directive::Transition(Event::Go),
            State::Closing => Directive::Transition(Event::Finish),
            State::Busy | State::Mending | State::Done | State::Broken => Directive::Wait,
        })
    })
    .acts(|action, _| async move {
        if action == Action::Begin { Err::<(), BoxError>("no room".into()) } else { Ok(()) }
    });
    let child = script.child(table(Some(5 * SEC))).restart(Restart::Never).optional();
    let owner = tree().child(child).start().expect("it is fit");
    let (mut events, mut all) = (owner.handle().events(), owner.handle().events());
    crate::play::hear(&mut events, "Busy to Mending").await;
    soon(owner.drain("the test is over")).await;
    // `Begin` failed after the state had moved: `Report` is left out, the new state's own failure is handled, with
    // the actions of leaving it.
    let asked = script.asked();
    let begins = ["Idle", "do Step", "do Begin", "do End", "do Mend", "do Report", "Mending"];
    assert_eq!(asked[..begins.len()], begins);
    let records = told(&mut all).await;
    assert_eq!(settled(&records).len(), 1);
    let said: Vec<String> = news(&records).iter().map(ToString::to_string).collect();
    let failed = String::from("action Begin failed: no room; left out: Report");
    assert!(said.contains(&failed), "{said:?}");
}

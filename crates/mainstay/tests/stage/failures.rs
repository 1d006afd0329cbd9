//! Failures: handled by the machine, bounded, and never hidden.

use crate::common::{SEC, down, soon};
use crate::play::{Action, Event, Play, Script, State, news, plain, settled, table, told};
use mainstay::stage::{Directive, Failure, Finish, Steps, Table, stage};
use mainstay::{BoxError, Cause, Class, Fault, News, Restart, Settled, tree};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

async fn run(child: mainstay::Child) -> (Vec<mainstay::Record>, mainstay::Last) {
    let owner = tree().child(child.restart(Restart::Never).optional()).start().expect("it is fit");
    let mut events = owner.handle().events();
    let view = down(&owner.handle(), "play").await;
    soon(owner.drain("the test is over")).await;
    (told(&mut events).await, view.last.expect("it ran"))
}

// obzenflow 4, 8
#[tokio::test(start_paused = true)]
async fn a_panic_becomes_the_failure_event_and_the_machine_goes_on() {
    let tries = Arc::new(AtomicU32::new(0));
    let script = Script::new(move |state, _| {
        let tries = Arc::clone(&tries);
        async move {
            Ok(match state {
                State::Idle => Directive::Transition(Event::Go),
                State::Busy if tries.fetch_add(1, Ordering::Relaxed) == 0 => panic!("boom"),
                State::Busy => Directive::Transition(Event::Finish),
                State::Mending | State::Closing | State::Done | State::Broken => {
                    Directive::Transition(Event::Rest)
                }
            })
        }
    });
    let (records, last) = run(script.child(table(None))).await;
    assert_eq!(last.cause, Cause::Completed);
    assert_eq!(settled(&records), [Settled::Done]);
    assert!(script.asked().contains(&"do Mend".into()));
    // It got over it, and the failure is still to be seen.
    let news = news(&records);
    let Some(News::Settled { detail: Some(detail), .. }) = news.last() else { panic!("{news:?}") };
    assert!(detail.contains("boom"), "{detail}");
}

/// What ended the run decides what its end counts as, not what the machine got over before.
#[tokio::test(start_paused = true)]
async fn what_the_machine_got_over_is_not_what_it_ends_of() {
    let tries = Arc::new(AtomicU32::new(0));
    let script = Script::new(move |state, _| {
        let tries = Arc::clone(&tries);
        async move {
            match state {
                State::Idle => Ok(Directive::Transition(Event::Go)),
                State::Busy => match tries.fetch_add(1, Ordering::Relaxed) {
                    0 => panic!("boom"),
                    1 => Err("the disk is full".into()),
                    _ => Err("again".into()),
                },
                State::Mending | State::Closing | State::Done | State::Broken => {
                    Ok(Directive::Transition(Event::Rest))
                }
            }
        }
    });
    let (records, last) = run(script.child(table(None))).await;
    assert_eq!(settled(&records), [Settled::Failed]);
    assert!(matches!(last.cause, Cause::Failed { class: Class::Plain, .. }), "{:?}", last.cause);
    assert!(last.detail.expect("it says why").contains("boom"), "the first stays to be seen");
}

/// A guard is code like any other: the machine hears of its panic.
#[tokio::test(start_paused = true)]
async fn a_guard_that_panics_is_a_failure_of_the_machine() {
    let table = Table::<Play>::starts(State::Idle, Event::Failed)
        .state(State::Idle, |s| {
            s.on_if(Event::Go, "in doubt", |()| panic!("no idea"), State::Done, [])
        })
        .anywhere(Event::Failed, State::Broken, [Action::Mend])
        .end(State::Done, Finish::Completed)
        .end(State::Broken, Finish::Failed)
        .build()
        .expect("a table without faults");
    let script = Script::new(|_, _| async { Ok(Directive::Transition(Event::Go)) });
    let (records, last) = run(script.child(table)).await;
    assert_eq!((settled(&records), last.cause), (vec![Settled::Panicked], Cause::Panicked));
    let detail = last.detail.expect("it says why");
    assert!(detail.starts_with("a guard of Go in Idle failed: no idea, at "), "{detail}");
    assert_eq!(script.asked(), ["Idle", "do Mend"]);
}

/// What the maker of the machine wants to know of its first failure it hears before anything is done about it.
#[tokio::test(start_paused = true)]
async fn the_steps_hear_of_the_first_failure() {
    struct Hears(Arc<Mutex<Vec<String>>>);
    impl Steps for Hears {
        type Machine = Play;
        async fn dispatch(&mut self, _: State, (): &mut ()) -> crate::play::Next {
            Err("no such port".into())
        }
        async fn act(&mut self, action: Action, (): &mut ()) -> Result<(), BoxError> {
            self.0.lock().expect("no poison").push(format!("do {action:?}"));
            Ok(())
        }
        fn failed(&mut self, failure: &Failure, (): &mut ()) {
            let Failure { what, error, panicked, .. } = failure;
            self.0.lock().expect("no poison").push(format!("{what}: {error}, {panicked}"));
        }
    }
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let child = stage("play", plain(), move |_| Ok((Hears(Arc::clone(&hears)), ())));
    run(child).await;
    let heard = heard.lock().expect("no poison").clone();
    assert_eq!(heard, ["dispatch in Idle: no such port, false", "do Mend"]);
}

// obzenflow 2, 24
#[tokio::test(start_paused = true)]
async fn a_failure_while_one_is_handled_ends_the_run_with_both_causes() {
    let script = Script::new(|state, _| async move {
        if state == State::Idle {
            return Ok(Directive::Transition(Event::Go));
        }
        Err("the disk is full".into())
    })
    .acts(|action, _| async move {
        if action == Action::Mend { Err::<(), BoxError>("no spare disk".into()) } else { Ok(()) }
    });
    let (records, last) = run(script.child(table(None))).await;
    assert_eq!(settled(&records), [Settled::Failed]);
    let says = "dispatch in Busy failed: the disk is full; while that was handled, action Mend failed: no spare disk";
    assert_eq!(last.detail.as_deref(), Some(says));
    let said: Vec<String> = news(&records).iter().map(ToString::to_string).collect();
    let mend = String::from("action Mend failed: no spare disk; left out: Report");
    assert!(said.contains(&mend), "{said:?}");
}

// obzenflow 5, 11, 12
#[tokio::test(start_paused = true)]
async fn a_loop_of_failures_is_bounded_and_fills_no_journal() {
    let script = Script::new(|state, _| async move {
        match state {
            State::Idle => Ok(Directive::Transition(Event::Go)),
            State::Mending => Ok(Directive::Transition(Event::Rest)),
            State::Busy | State::Closing | State::Done | State::Broken => {
                Err("it keeps failing".into())
            }
        }
    });
    let (records, _) = run(script.child(table(None))).await;
    let failed = |news: &&&News| matches!(news, News::Failed { .. });
    assert_eq!(news(&records).iter().filter(failed).count(), 6);
    assert_eq!(settled(&records), [Settled::Failed]);
    assert!(records.len() < 100, "{} facts", records.len());
}

// obzenflow 1
#[tokio::test(start_paused = true)]
async fn continue_without_an_await_is_a_failure_that_says_so() {
    let script = Script::new(|_, _| async { Ok(Directive::Continue) });
    let (records, last) = run(script.child(plain())).await;
    let detail = last.detail.expect("it says why");
    let begins =
        "dispatch in Idle failed: it asked 129 times in a row to be called again and awaited";
    assert!(detail.starts_with(begins), "{detail}");
    assert_eq!(settled(&records), [Settled::Failed]);
    assert_eq!(script.asked().iter().filter(|what| *what == "Idle").count(), 129);
}

/// What an error says about another try is what the run reports.
#[tokio::test(start_paused = true)]
async fn the_class_of_the_first_failure_is_that_of_the_run() {
    let script = Script::new(|_, _| async { Err(Fault::permanent("no such table").into()) });
    let (_, last) = run(script.child(plain())).await;
    let is_permanent =
        matches!(last.exit, Some(mainstay::Exit::Failed { class: Class::Permanent, .. }));
    assert!(is_permanent, "{:?}", last.exit);
}

/// A failed run is a failure like any other: the child's policy runs it again, from the start.
#[tokio::test(start_paused = true)]
async fn the_policy_of_the_child_decides_about_another_run() {
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let script = Script::new(move |_, _| {
        let run = counted.fetch_add(1, Ordering::Relaxed);
        async move { if run < 2 { Err("not yet".into()) } else { Ok(Directive::Wait) } }
    });
    let owner = tree().child(script.child(plain())).start().expect("it is fit");
    let is_third = |view: &mainstay::View| view.runs == 3;
    let view = soon(owner.handle().wait_until("play", is_third)).await.expect("it runs again");
    assert_eq!(view.kind, "stage");
    tokio::time::sleep(SEC).await;
    soon(owner.drain("the test is over")).await;
    assert_eq!(runs.load(Ordering::Relaxed), 3);
}

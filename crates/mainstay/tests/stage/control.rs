//! Stops, pauses, drains, events and time limits: inputs of the machine, heard while it works.

use crate::common::{MS, SEC, down, ready, soon};
use crate::play::{Action, Event, Play, Script, State, hear, plain, settled, table, told};
use mainstay::stage::{Control, Directive, Finish, Remote, SendError, Table};
use mainstay::{Restart, Settled, tree};
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

// obzenflow 3, 23
#[tokio::test(start_paused = true)]
async fn a_stop_interrupts_a_dispatch_that_waits() {
    let script = Script::new(|_, _| async {
        pending::<()>().await;
        Ok(Directive::Wait)
    });
    let owner = tree().child(script.child(plain())).start().expect("it is fit");
    ready(&owner.handle(), "play").await;
    let began = Instant::now();
    let mut events = owner.handle().events();
    owner.handle().by("test").stop("play", "it is over").await.expect("it is there");
    down(&owner.handle(), "play").await;
    assert!(began.elapsed() < 10 * MS, "{:?}", began.elapsed());
    soon(owner.drain("the test is over")).await;
    assert_eq!(settled(&told(&mut events).await), [Settled::Stopped]);
}

#[tokio::test(start_paused = true)]
async fn what_is_undisturbed_comes_to_its_end_first() {
    let script = Script::new(|_, cx| async move {
        let whole = cx.undisturbed();
        sleep(SEC).await;
        drop(whole);
        pending::<()>().await;
        Ok(Directive::Wait)
    });
    let owner = tree().child(script.child(plain())).start().expect("it is fit");
    ready(&owner.handle(), "play").await;
    let began = Instant::now();
    owner.handle().by("test").stop("play", "it is over").await.expect("it is there");
    down(&owner.handle(), "play").await;
    assert_eq!(began.elapsed(), SEC);
    soon(owner.drain("the test is over")).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_from_outside_interrupts_a_wait_and_is_taken() {
    let script = Script::new(|state, _| async move {
        Ok(if state == State::Busy {
            Directive::Transition(Event::Finish)
        } else {
            Directive::Wait
        })
    });
    let (child, remote) = script.controlled(table(None));
    assert_eq!(remote.send(Event::Go), Err(SendError::NotRunning));
    let owner = tree().child(child.restart(Restart::Never)).start().expect("it is fit");
    ready(&owner.handle(), "play").await;
    // It has said that there is nothing to do; only then does anything come.
    sleep(SEC).await;
    remote.send(Event::Go).expect("it runs");
    down(&owner.handle(), "play").await;
    assert_eq!(remote.send(Event::Go), Err(SendError::NotRunning));
    soon(owner.drain("the test is over")).await;
}

// obzenflow 25
#[tokio::test(start_paused = true)]
async fn an_event_that_nobody_handles_changes_nothing_and_is_told() {
    let script = Script::new(|_, _| async { Ok(Directive::Wait) });
    let (child, remote) = script.controlled(table(None));
    let owner = tree().child(child).start().expect("it is fit");
    let mut events = owner.handle().events();
    ready(&owner.handle(), "play").await;
    remote.send(Event::Never).expect("it runs");
    hear(&mut events, "Never is not handled in Idle").await;
    let full = (0..100).map(|_| remote.send(Event::Never)).find(Result::is_err);
    assert_eq!(full, Some(Err(SendError::Full)));
    soon(owner.drain("the test is over")).await;
}

/// A machine that sends itself two events for each that it takes is refused at some point.
#[tokio::test(start_paused = true)]
async fn a_machine_that_floods_itself_is_refused_and_can_be_stopped() {
    let (remote, refused) = (Arc::new(OnceLock::<Remote<Event>>::new()), Arc::new(Notify::new()));
    let (itself, seen, acted) = (Arc::clone(&remote), Arc::clone(&refused), AtomicU32::new(0));
    let script = Script::new(|_, _| async { Ok(Directive::Wait) }).acts(move |_, _| {
        let sender = itself.get().expect("it is set before it acts").clone();
        let is_flooding = acted.fetch_add(1, Ordering::Relaxed) < 1_000;
        let sent = [(); 2].map(|()| if is_flooding { sender.send(Event::Go) } else { Ok(()) });
        if sent.contains(&Err(SendError::Full)) {
            seen.notify_one();
        }
        async { Ok(()) }
    });
    let flood = Table::<Play>::starts(State::Idle, Event::Failed)
        .state(State::Idle, |s| {
            s.stay(Event::Go, [Action::Step]).on(Event::Finish, State::Done, [])
        })
        .anywhere(Event::Failed, State::Broken, [])
        .end(State::Done, Finish::Completed)
        .end(State::Broken, Finish::Failed)
        .build()
        .expect("a table without faults");
    let (child, sender) = script.controlled(flood);
    remote.set(sender.clone()).expect("it is set once");
    let owner = tree().child(child).start().expect("it is fit");
    ready(&owner.handle(), "play").await;
    sender.send(Event::Go).expect("it runs");
    soon(refused.notified()).await;
    owner.handle().by("test").stop("play", "it is over").await.expect("it is there");
    down(&owner.handle(), "play").await;
    soon(owner.drain("the test is over")).await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_is_not_mapped_holds_the_machine_until_it_is_resumed() {
    let script = Script::new(|_, _| async {
        sleep(SEC).await;
        Ok(Directive::Continue)
    });
    let (child, remote) = script.controlled(plain());
    let owner = tree().child(child).start().expect("it is fit");
    ready(&owner.handle(), "play").await;
    sleep(10 * SEC + 500 * MS).await;
    let before = script.asked().len();
    remote.control(Control::Pause).expect("it runs");
    sleep(1_000 * SEC).await;
    assert_eq!(script.asked().len(), before);
    remote.control(Control::Resume).expect("it runs");
    sleep(10 * SEC).await;
    assert!(script.asked().len() >= before + 9);
    soon(owner.drain("the test is over")).await;
}

/// The tree's own pause means no automatic starts, for a stage as for any child: its live run goes on.
#[tokio::test(start_paused = true)]
async fn the_pause_of_the_tree_leaves_a_live_machine_alone() {
    let script = Script::new(|_, _| async {
        sleep(SEC).await;
        Ok(Directive::Continue)
    });
    let owner = tree().child(script.child(plain())).start().expect("it is fit");
    ready(&owner.handle(), "play").await;
    owner.handle().by("test").pause("play", "to look at it").await.expect("it is there");
    sleep(10 * SEC).await;
    assert!(script.asked().len() >= 9);
    soon(owner.drain("the test is over")).await;
}

// obzenflow 14
#[tokio::test(start_paused = true)]
async fn a_time_limit_is_met_while_a_dispatch_waits_and_while_nothing_does() {
    for waits in [true, false] {
        let script = Script::new(move |state, _| async move {
            match state {
                State::Idle => return Ok(Directive::Transition(Event::Go)),
                State::Busy if waits => pending::<()>().await,
                State::Busy | State::Mending | State::Closing | State::Done | State::Broken => {}
            }
            Ok(Directive::Wait)
        });
        let owner = tree().child(script.child(table(Some(5 * SEC)))).start().expect("it is fit");
        let mut events = owner.handle().events();
        let began = Instant::now();
        hear(&mut events, "Late: Busy to Idle, after 5s").await;
        assert_eq!(began.elapsed(), 5 * SEC);
        soon(owner.drain("the test is over")).await;
    }
}

// obzenflow 18
#[tokio::test(start_paused = true)]
async fn a_machine_that_waits_is_not_woken() {
    let polls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&polls);
    let script = Script::new(move |_, _| {
        let polls = Arc::clone(&counted);
        poll_fn(move |_| {
            polls.fetch_add(1, Ordering::Relaxed);
            Poll::Pending
        })
    });
    let waits = Script::new(|_, _| async { Ok(Directive::Wait) });
    let (one, two) = (script.child(plain()), waits.child(plain()).named("waits"));
    let owner = tree().child(one).child(two).start().expect("it is fit");
    ready(&owner.handle(), "play").await;
    ready(&owner.handle(), "waits").await;
    sleep(SEC).await;
    let before = polls.load(Ordering::Relaxed);
    sleep(3_600 * SEC).await;
    assert_eq!(polls.load(Ordering::Relaxed), before);
    assert_eq!(waits.asked(), ["Idle"]);
    soon(owner.drain("the test is over")).await;
}

/// When the whole tree drains, the machine is asked to drain; where that is not mapped, to stop.
#[tokio::test(start_paused = true)]
async fn a_drain_of_the_tree_is_an_input() {
    let script = Script::new(|state, _| async move {
        Ok(if state == State::Closing {
            Directive::Transition(Event::Finish)
        } else {
            Directive::Wait
        })
    });
    let owner = tree().child(script.child(table(None))).start().expect("it is fit");
    ready(&owner.handle(), "play").await;
    let mut events = owner.handle().events();
    soon(owner.drain("the test is over")).await;
    assert_eq!(settled(&told(&mut events).await), [Settled::Stopped]);
    assert_eq!(script.asked(), ["Idle", "do Close", "Closing"]);
}

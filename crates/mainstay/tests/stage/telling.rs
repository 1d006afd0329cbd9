//! What a run tells: every step, but never so much that it fills a journal; and how far it has come.

use crate::common::{MS, ready, soon};
use crate::play::{Event, Script, State, news, settled, table, told};
use mainstay::stage::Directive;
use mainstay::{News, Settled, tree};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

#[tokio::test(start_paused = true)]
async fn every_step_is_told_with_its_reason() {
    let script = Script::new(|state, _| async move {
        Ok(Directive::Transition(if state == State::Idle { Event::Go } else { Event::Finish }))
    });
    let child = script.child(table(None)).restart(mainstay::Restart::Never);
    let owner = tree().child(child).start().expect("it is fit");
    let mut events = owner.handle().events();
    crate::common::down(&owner.handle(), "play").await;
    soon(owner.drain("the test is over")).await;
    let records = told(&mut events).await;
    let said: Vec<String> = news(&records).iter().map(ToString::to_string).collect();
    let expected = [
        "Go: Idle to Busy",
        "did Step",
        "did Begin",
        "did Report",
        "Finish: Busy to Done",
        "did End",
        "its machine is done in Done",
    ];
    assert_eq!(said, expected);
}

// obzenflow 7, 12
#[tokio::test(start_paused = true)]
async fn a_machine_that_flaps_is_told_in_numbers() {
    let moves = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&moves);
    let script = Script::new(move |state, _| {
        let number = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            Ok(Directive::Transition(match state {
                _ if number >= 100_000 => Event::Finish,
                State::Idle => Event::Go,
                State::Busy | State::Mending | State::Closing | State::Done | State::Broken => {
                    Event::Rest
                }
            }))
        }
    });
    let child = script.child(table(None)).restart(mainstay::Restart::Never);
    let owner = tree().child(child).start().expect("it is fit");
    let mut events = owner.handle().events();
    crate::common::down(&owner.handle(), "play").await;
    soon(owner.drain("the test is over")).await;
    let records = told(&mut events).await;
    assert!(records.len() < 200, "{} facts", records.len());
    let news = news(&records);
    let omitted: u64 =
        news.iter().map(|news| if let News::Omitted(n) = news { *n } else { 0 }).sum();
    let one_by_one =
        news.iter().filter(|news| matches!(news, News::Moved { .. } | News::Acted { .. }));
    // 100 001 moves; every second one has the three actions of coming in, the others the one of leaving.
    assert_eq!(omitted + one_by_one.count() as u64, 100_001 + 50_000 * 4);
    assert_eq!(settled(&records), [Settled::Done]);
}

#[tokio::test(start_paused = true)]
async fn the_next_run_goes_on_where_the_last_one_was() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let script = Script::new(move |state, cx| {
        let position = cx.position();
        if state == State::Idle {
            let mut seen = noted.lock().expect("no poison");
            seen.push(position.as_deref().map(String::from));
        }
        async move {
            if state == State::Closing {
                return Ok(Directive::Transition(Event::Finish));
            }
            if position.is_some() {
                return Ok(Directive::Wait);
            }
            for step in 1..=10 {
                cx.positioned(&format!("row {step}"));
                tokio::time::sleep(MS).await;
            }
            Err("it fails".into())
        }
    });
    let owner = tree().child(script.child(table(None))).start().expect("it is fit");
    let is_second = |view: &mainstay::View| view.runs == 2;
    soon(owner.handle().wait_until("play", is_second)).await.expect("it runs again");
    ready(&owner.handle(), "play").await;
    tokio::time::sleep(MS).await;
    let view = owner.handle().child("play").await.expect("it is there");
    assert_eq!(view.position.as_deref(), Some("row 10"));
    soon(owner.drain("the test is over")).await;
    assert_eq!(*seen.lock().expect("no poison"), [None, Some("row 10".into())]);
}

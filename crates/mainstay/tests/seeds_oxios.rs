//! The oxios task supervisor's numbers and behaviour, without its defects. Others of its defects are
//! shown absent in the files on panics, stops, signals, blocking children and the watchdog.

mod common;

use common::{MS, SEC, calm, find, lives, ready, ready_again, soon, starts};
use mainstay::{
    Cause, Context, Ending, Event, Jitter, Moment, Record, RunId, Shape, Standing, consecutive,
    restarts, supervisor, task, tree,
};
use std::collections::BTreeSet;
use std::future::pending;
use std::time::Duration;

fn start_times(records: &[Record], path: &str) -> Vec<Duration> {
    let of_it = records.iter().filter(|record| {
        record.path.as_str() == path && matches!(record.event, Event::Starting { .. })
    });
    of_it.map(|record| record.at.since(Moment::ZERO)).collect()
}

fn surface(name: &str) -> mainstay::Child {
    let shape = Shape::Exponential { first: 500 * MS, factor: 2.0, most: 30 * SEC };
    task(name, |_| async { Err::<(), _>("no surface") })
        .backoff(shape)
        .jitter(Jitter::None)
        .limit(consecutive(5))
        .stable_after(300 * SEC)
}

// C49, oxios 8
#[tokio::test(start_paused = true)]
async fn a_surface_is_tried_five_times_more_and_then_ends_the_program() {
    let owner = tree()
        .child(surface("web").critical().always())
        .child(calm("calm"))
        .start()
        .expect("it is fit");
    let handle = owner.handle();
    let recorder = handle.record(1_000);
    let report = soon(owner.run()).await;
    let tenths = |tenths: u32| tenths * 100 * MS;
    let expected = [0, 5, 15, 35, 75, 155].map(tenths);
    assert_eq!(start_times(&recorder.records(), "web"), expected);
    let Ending::Fatal { path, cause, detail, code } = report.ending else { panic!("{report}") };
    assert_eq!((path.as_str(), detail.as_deref(), code), ("web", Some("no surface"), 1));
    assert!(matches!(cause, Cause::Failed { .. }));
}

// C50
#[tokio::test(start_paused = true)]
async fn a_surface_that_lived_for_long_begins_anew() {
    let code = |cx: Context| async move {
        match cx.run().0 {
            1..=3 | 5..=9 => {}
            _ => tokio::time::sleep(300 * SEC).await,
        }
        Err::<(), _>("no surface")
    };
    let shape = Shape::Exponential { first: 500 * MS, factor: 2.0, most: 30 * SEC };
    let child = task("web", code).backoff(shape).jitter(Jitter::None).limit(consecutive(5));
    let owner = tree().child(child.stable_after(300 * SEC)).start().expect("it is fit");
    let handle = owner.handle();
    let mut events = handle.events_from(1);
    let is_fifth = |record: &Record| matches!(record.event, Event::Starting { run: RunId(5), .. });
    let fifth = find_long(&mut events, is_fifth).await;
    // 0.5, 1 and 2 s, then 300 s of life, then 0.5 s again.
    assert_eq!(fifth.at.since(Moment::ZERO), 304 * SEC);
}

async fn find_long(events: &mut mainstay::Events, wanted: impl Fn(&Record) -> bool) -> Record {
    loop {
        match events.next().await.expect("it comes before the end") {
            mainstay::Item::Record(record) if wanted(&record) => return record,
            mainstay::Item::Record(_) | mainstay::Item::Lagged(_) => {}
        }
    }
}

// oxios 10
#[tokio::test(start_paused = true)]
async fn surfaces_are_restarted_side_by_side() {
    let owner = tree()
        .child(surface("web").optional())
        .child(surface("mail").optional())
        .child(surface("chat").optional())
        .start()
        .expect("it is fit");
    let handle = owner.handle();
    let recorder = handle.record(1_000);
    let is_chat = |record: &Record| {
        record.path.as_str() == "chat" && matches!(record.event, Event::Breaker { .. })
    };
    find(&mut handle.events_from(1), is_chat).await;
    let records = recorder.records();
    for path in ["web", "mail", "chat"] {
        assert_eq!(starts(&records, path), 6, "{path}");
    }
    assert_eq!(start_times(&records, "web"), start_times(&records, "chat"));
}

// oxios 16, tokio 12
#[tokio::test(start_paused = true)]
async fn surfaces_that_fail_together_do_not_return_in_step() {
    let code =
        |cx: Context| async move { if cx.is_first() { Err("together") } else { lives(&cx).await } };
    let child = task("it", code).backoff(Shape::Fixed(10 * SEC));
    let owner = tree().unlimited_children().replicas(40, &child).start().expect("it is fit");
    let handle = owner.handle();
    for number in 1..=40 {
        ready_again(&handle, &format!("it-{number}"), 2).await;
    }
    let mut times = BTreeSet::new();
    let mut events = handle.events_from(1);
    while let Some(mainstay::Item::Record(record)) = events.try_next() {
        if let Event::Starting { run: RunId(2), .. } = record.event {
            times.insert(record.at);
        }
    }
    assert!(times.len() > 30, "{}", times.len());
    let span = times.last().expect("many").since(*times.first().expect("many"));
    assert!(span > 2 * SEC && span <= 5 * SEC, "{span:?}");
}

// oxios 17
#[tokio::test(start_paused = true)]
async fn an_inner_cycle_of_failures_is_seen_by_the_limit_over_the_whole_tree() {
    let inner = supervisor("inner")
        .limit_children(restarts(5, 600 * SEC))
        .child(surface("web").unlimited().backoff(Shape::Fixed(5 * SEC)));
    let owner = tree()
        .limit_tree(restarts(8, 600 * SEC))
        .child(inner)
        .child(calm("calm"))
        .start()
        .expect("it is fit");
    let report = soon(owner.run()).await;
    assert_ne!(report.code(), 0);
    let runs =
        report.lines.iter().find(|line| line.path.as_str() == "inner/web").expect("a line").run;
    assert!(runs <= Some(RunId(9)), "{runs:?}");
}

// oxios 13
#[tokio::test(start_paused = true)]
async fn the_bound_of_the_whole_holds_over_those_of_its_parts() {
    let deaf = |name: &str| {
        task(name, |cx: Context| async move {
            let _kept = cx;
            pending::<()>().await;
        })
        .stop_within(20 * SEC)
    };
    let owner = tree()
        .drain_within(30 * SEC)
        .child(deaf("a"))
        .child(deaf("b").needs("a"))
        .child(supervisor("s").needs("b").child(deaf("c")))
        .start()
        .expect("it is fit");
    soon(owner.ready()).await.expect("all become ready");
    let report = soon(owner.drain("the test is over")).await;
    assert!(report.took <= 30 * SEC, "{report}");
    assert_eq!((report.lines.len(), report.abandoned().count()), (3, 0), "{report}");
    assert!(report.lines.iter().all(|line| line.ended_at.is_some()), "{report}");
}

// oxios 12, C141
#[tokio::test(start_paused = true)]
async fn a_fatal_drain_is_shorter_than_one_that_was_asked_for() {
    for is_fatal in [false, true] {
        let patient = task("patient", |cx: Context| async move {
            let _kept = cx;
            pending::<()>().await;
        });
        let heart = task("heart", |cx: Context| async move {
            tokio::select! {
                () = cx.stopped() => {}
                () = tokio::time::sleep(SEC) => {}
            }
        });
        let heart = if is_fatal { heart.critical() } else { heart };
        let owner = tree()
            .drain_within(10 * SEC)
            .fatal_drain_within(3 * SEC)
            .child(patient.stop_within(10 * SEC))
            .child(heart)
            .start()
            .expect("it is fit");
        let handle = owner.handle();
        ready(&handle, "patient").await;
        let report = if is_fatal {
            soon(owner.run()).await
        } else {
            soon(owner.drain("the test is over")).await
        };
        let (least, most) = if is_fatal { (SEC, 3 * SEC) } else { (5 * SEC, 10 * SEC) };
        assert!(report.took >= least && report.took <= most, "{report}");
        assert_eq!(report.code() == 0, !is_fatal);
    }
}

// oxios 7
#[tokio::test(start_paused = true)]
async fn what_was_changed_while_it_ran_outlives_restarts_and_boot_work_is_done_once() {
    let code = |cx: Context| async move {
        assert_eq!(cx.is_first(), cx.run() == RunId(1));
        cx.stopped().await;
    };
    let group = supervisor("group").one_for_all().child(task("boots", code)).child(calm("calm"));
    let owner = tree().child(group).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "group/boots").await;
    soon(handle.by("test").add("group", calm("added"), "more")).await.expect("it is added");
    soon(handle.by("test").stop("group/calm", "less")).await.expect("it is stopped");
    for round in 2..5 {
        soon(handle.by("test").restart("group", "again")).await.expect("it is restarted");
        ready_again(&handle, "group/boots", round).await;
        ready(&handle, "group/added").await;
        let view = handle.child("group/calm").await.expect("it is there");
        assert_eq!((view.standing, view.runs), (Standing::Down, 1));
    }
}

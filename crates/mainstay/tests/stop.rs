//! Stops and drains: in order, within their bounds, and told as they were.

mod common;

use common::{MS, SEC, calm, down, find, ready, ready_again, soon, starts};
use mainstay::{
    Cause, CommandError, Context, Ending, Event, Moment, Refusal, Report, RunId, Shape, Standing,
    pool, supervisor, task, tree,
};
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

fn line<'a>(report: &'a Report, path: &str) -> &'a mainstay::ReportLine {
    report.lines.iter().find(|line| line.path.as_str() == path).expect("a line")
}

/// Takes its time to end, and notes when it has.
fn slow(name: &str, takes: Duration, ended: &Arc<Mutex<Vec<String>>>) -> mainstay::Child {
    let ended = Arc::clone(ended);
    let said = String::from(name);
    task(name, move |cx: Context| {
        let (ended, said) = (Arc::clone(&ended), said.clone());
        async move {
            cx.stopped().await;
            tokio::time::sleep(takes).await;
            ended.lock().expect("no poison").push(said);
        }
    })
}

/// Ignores that it is to stop.
fn deaf(name: &str) -> mainstay::Child {
    task(name, |cx: Context| async move {
        let _kept = cx;
        pending::<()>().await;
    })
}

// C96
#[tokio::test(start_paused = true)]
async fn dependents_end_before_what_they_need_one_after_the_other() {
    let ended = Arc::default();
    let mut tree = tree().child(slow("1", 100 * MS, &ended));
    for number in 2..=5 {
        let child = slow(&number.to_string(), 100 * MS, &ended);
        tree = tree.child(child.needs((number - 1).to_string().as_str()));
    }
    let owner = tree.start().expect("it is fit");
    soon(owner.ready()).await.expect("all become ready");
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(*ended.lock().expect("no poison"), ["5", "4", "3", "2", "1"]);
    assert_eq!((report.took, report.ending), (500 * MS, Ending::Asked));
}

// C96
#[tokio::test(start_paused = true)]
async fn the_preset_of_otp_ends_siblings_in_reverse_order() {
    let ended = Arc::default();
    let names = ["1", "2", "3", "4", "5"];
    let owner = tree()
        .preset(mainstay::Preset::Otp)
        .children(names.map(|name| slow(name, 100 * MS, &ended)))
        .start()
        .expect("it is fit");
    soon(owner.ready()).await.expect("all become ready");
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(*ended.lock().expect("no poison"), ["5", "4", "3", "2", "1"]);
    assert_eq!(report.took, 500 * MS);
}

// C97, oxios 12
#[tokio::test(start_paused = true)]
async fn a_child_that_needs_less_than_its_grace_is_not_waited_for_longer() {
    let ended = Arc::default();
    let child = slow("it", 200 * MS, &ended).stop_within(400 * MS);
    let owner = tree().child(child).start().expect("it is fit");
    soon(owner.ready()).await.expect("all become ready");
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(report.took, 200 * MS);
    assert!(!line(&report, "it").forced);
}

// C99, oxios 14, tokio 15, obzenflow 22
#[tokio::test(start_paused = true)]
async fn one_that_ignores_its_stop_is_ended_by_force_and_the_report_says_so() {
    let owner = tree()
        .child(calm("calm"))
        .child(deaf("deaf").stop_within(SEC))
        .child(calm("calmer"))
        .start()
        .expect("it is fit");
    soon(owner.ready()).await.expect("all become ready");
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(report.took, SEC);
    assert!(line(&report, "deaf").forced);
    assert_eq!(line(&report, "deaf").how, Some(Cause::Stopped));
    for path in ["calm", "calmer"] {
        assert!(!line(&report, path).forced);
        assert_eq!(line(&report, path).ended_at, line(&report, path).asked_at);
    }
    assert!(report.to_string().contains("by force"), "{report}");
}

// C100
#[tokio::test(start_paused = true)]
async fn one_that_is_to_be_aborted_is_not_asked_first() {
    let (heard, hears) = tokio::sync::oneshot::channel::<()>();
    let heard = Mutex::new(Some(heard));
    let child = task("it", move |cx: Context| {
        let heard = heard.lock().expect("no poison").take();
        async move {
            cx.stopped().await;
            let _ = heard.map(|heard| heard.send(()));
        }
    });
    let owner = tree().child(child.abort_at_once()).start().expect("it is fit");
    soon(owner.ready()).await.expect("all become ready");
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(report.took, Duration::ZERO);
    assert!(line(&report, "it").forced);
    assert!(hears.await.is_err(), "it never got to say anything");
}

// C101, oxios 13
#[tokio::test(start_paused = true)]
async fn one_that_may_take_for_ever_is_waited_for_within_the_drains_bound() {
    let ended = Arc::default();
    let patient = slow("patient", 50 * SEC, &ended).stop_unbounded();
    let owner = tree().child(patient).start().expect("it is fit");
    soon(owner.ready()).await.expect("all become ready");
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!((report.took, line(&report, "patient").forced), (50 * SEC, false));
    let endless = deaf("endless").stop_unbounded();
    let owner = tree().child(endless).drain_within(5 * SEC).start().expect("it is fit");
    soon(owner.ready()).await.expect("all become ready");
    let report = soon(owner.drain("the test is over")).await;
    assert!(report.took <= 5 * SEC, "{report}");
    assert!(line(&report, "endless").forced);
}

// C102
#[tokio::test]
async fn ten_that_are_ended_by_force_are_ended_at_once() {
    let mut pool = pool("pool", async |(), cx: Context| {
        let _kept = cx;
        pending::<()>().await;
    })
    .each(|child| child.abort_at_once());
    let reference = pool.reference();
    let owner = tree().child(pool).start().expect("it is fit");
    let handle = owner.handle();
    for number in 0..10 {
        let name = format!("{number}");
        soon(handle.by("test").add_to(&reference, name, (), "work")).await.expect("it is added");
    }
    for number in 0..10 {
        ready(&handle, &format!("pool/{number}")).await;
    }
    let report = soon(owner.drain("the test is over")).await;
    assert!(report.took < 50 * MS, "{report}");
    assert_eq!(report.lines.iter().filter(|line| line.forced).count(), 10);
}

// C20, C21, C156
#[tokio::test(start_paused = true)]
async fn a_drain_during_the_first_starts_stops_what_runs_and_starts_nothing_more() {
    for is_dropped in [false, true] {
        let a = calm("a");
        let b = calm("b").needs("a").ready_within(10 * SEC);
        let c = calm("c").needs("b");
        let owner = tree().child(a).child(b).child(c).start().expect("it is fit");
        let handle = owner.handle();
        soon(handle.wait_for("b", Standing::Up)).await.expect("it is on its way");
        let recorder = handle.record(100);
        let began = Instant::now();
        // Whoever waits for the start learns that it is off.
        let report = if is_dropped {
            let waits = tokio::time::timeout(200 * MS, owner.ready());
            assert!(waits.await.is_err());
            drop(owner);
            soon(handle.ended()).await
        } else {
            soon(handle.by("test").drain("not now")).await.expect("it drains");
            soon(owner.ready()).await.expect_err("it does not become ready")
        };
        assert!(began.elapsed() <= 200 * MS);
        assert_eq!(line(&report, "c").run, None, "it never ran");
        let records = recorder.records();
        let ends: Vec<_> = records
            .iter()
            .filter(|record| matches!(record.event, Event::Exited { .. }))
            .map(|record| record.path.to_string())
            .collect();
        assert_eq!(ends, ["b", "a"]);
        assert_eq!(starts(&records, "c"), 0);
    }
}

// C71, epics 5, tokio 2
#[tokio::test(start_paused = true)]
async fn a_drain_during_a_delay_ends_at_once_and_nothing_starts_later() {
    let fails = task("it", |_| async { Err::<(), _>("again") }).backoff(Shape::Fixed(30 * SEC));
    let owner = tree().child(fails).start().expect("it is fit");
    let handle = owner.handle();
    soon(handle.wait_for("it", Standing::Waiting)).await.expect("it waits");
    let recorder = handle.record(100);
    tokio::time::sleep(SEC).await;
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(report.took, Duration::ZERO);
    tokio::time::sleep(60 * SEC).await;
    assert_eq!(starts(&recorder.records(), "it"), 0);
}

// C72, C75, tokio 2, tokio 6
#[tokio::test(start_paused = true)]
async fn a_child_that_is_removed_or_stopped_during_its_delay_never_starts() {
    let code = |_| async { Err::<(), _>("again") };
    let fails = task("it", code).backoff(Shape::Fixed(500 * MS));
    let owner = tree().child(calm("calm")).child(fails.clone()).start().expect("it is fit");
    let handle = owner.handle();
    let recorder = handle.record(1_000);
    soon(handle.wait_for("it", Standing::Waiting)).await.expect("it waits");
    let done = soon(handle.by("test").stop("it", "enough")).await.expect("it is stopped");
    assert_eq!((done.before, done.after), (Standing::Waiting, Standing::Down));
    tokio::time::sleep(SEC).await;
    assert_eq!(handle.child("it").await.expect("it is there").runs, 1);
    soon(handle.by("test").start("it", "again")).await.expect("it starts");
    soon(handle.wait_for("it", Standing::Waiting)).await.expect("it waits");
    soon(handle.by("test").remove("it", "enough")).await.expect("it is removed");
    // The name is free at once.
    soon(handle.by("test").add("", fails, "anew")).await.expect("it is added");
    let view = soon(handle.wait_for("it", Standing::Waiting)).await.expect("it waits");
    assert_eq!(view.runs, 1, "it is another child");
    soon(handle.by("test").quarantine("it", "enough")).await.expect("it is put away");
    tokio::time::sleep(SEC).await;
    assert_eq!(handle.child("it").await.expect("it is there").runs, 1);
    assert_eq!(starts(&recorder.records(), "it"), 3);
}

// C109, C111, C112
#[tokio::test(start_paused = true)]
async fn commands_during_a_drain_are_refused_at_once() {
    let owner = tree()
        .child(deaf("deaf").stop_within(5 * SEC))
        .child(calm("calm"))
        .start()
        .expect("it is fit");
    let handle = owner.handle();
    soon(owner.ready()).await.expect("all become ready");
    let me = handle.by("test");
    soon(me.drain("enough")).await.expect("it drains");
    let began = Instant::now();
    let requests = [
        me.add("", calm("new"), "late"),
        me.start("calm", "late"),
        me.restart("calm", "late"),
        me.restart("deaf", "late"),
    ];
    for request in requests {
        let error = soon(request).await.expect_err("it is refused");
        let is_draining = matches!(error, CommandError::Refused { refusal: Refusal::Draining, .. });
        assert!(is_draining, "{error:?}");
    }
    soon(me.stop("deaf", "it is stopping anyway")).await.expect("a stop is no contradiction");
    assert_eq!(began.elapsed(), Duration::ZERO);
    let report = soon(handle.ended()).await;
    assert_eq!(report.took, 5 * SEC);
    let error = soon(me.start("calm", "too late")).await.expect_err("it has ended");
    assert!(matches!(error, CommandError::Ended { .. }), "{error:?}");
}

// C115, oxios 3
#[tokio::test(start_paused = true)]
async fn a_second_request_skips_to_force_and_a_third_ends_at_once() {
    for requests in 1..=3 {
        let shield = |cx: Context| async move {
            drop(cx.shield(async { tokio::time::sleep(2 * SEC).await }));
            pending::<()>().await;
        };
        let owner = tree()
            .child(task("shielded", shield).stop_within(10 * SEC))
            .child(deaf("deaf").stop_within(10 * SEC))
            .start()
            .expect("it is fit");
        let handle = owner.handle();
        soon(owner.ready()).await.expect("all become ready");
        for _ in 0..requests {
            soon(handle.by("test").drain("now")).await.expect("it is heard");
        }
        let report = soon(handle.ended()).await;
        let expected = [10 * SEC, 2 * SEC, Duration::ZERO];
        assert_eq!(report.took, expected[requests - 1], "{requests}: {report}");
        assert_eq!(report.abandoned().count() > 0, requests == 3, "{report}");
    }
}

// C156: an owner that goes does not hurry a drain that is under way.
#[tokio::test(start_paused = true)]
async fn dropping_the_owner_during_a_drain_leaves_the_children_their_time() {
    let ended = Arc::default();
    let owner = tree().child(slow("it", 5 * SEC, &ended)).start().expect("it is fit");
    let handle = owner.handle();
    soon(owner.ready()).await.expect("all become ready");
    let hasty = tokio::time::timeout(SEC, owner.drain("enough"));
    assert!(hasty.await.is_err());
    let report = soon(handle.ended()).await;
    assert_eq!((report.took, line(&report, "it").forced), (5 * SEC, false), "{report}");
}

// C116
#[tokio::test(start_paused = true)]
async fn a_pool_ends_as_one_at_its_place_in_the_order() {
    let ended: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = Arc::clone(&ended);
    let mut pool = pool("pool", move |(), cx: Context| {
        let note = Arc::clone(&note);
        async move {
            cx.stopped().await;
            tokio::time::sleep(100 * MS).await;
            note.lock().expect("no poison").push("member".into());
        }
    })
    .needs("first");
    let reference = pool.reference();
    let owner = tree()
        .child(slow("first", 100 * MS, &ended))
        .child(pool)
        .child(slow("last", 100 * MS, &ended).needs("pool"))
        .start()
        .expect("it is fit");
    let handle = owner.handle();
    for name in ["a", "b", "c"] {
        soon(handle.by("test").add_to(&reference, name, (), "work")).await.expect("it is added");
        ready(&handle, &format!("pool/{name}")).await;
    }
    soon(owner.ready()).await.expect("all become ready");
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(*ended.lock().expect("no poison"), ["last", "member", "member", "member", "first"]);
    assert_eq!(report.took, 300 * MS);
}

// C117
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_stop_may_give_up_and_the_stop_goes_on() {
    let owner = tree().child(deaf("deaf").stop_within(SEC)).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "deaf").await;
    soon(handle.by("test").stop("deaf", "enough")).await.expect("it is answered at once");
    let waits = tokio::time::timeout(100 * MS, handle.wait_for("deaf", Standing::Down));
    assert!(waits.await.is_err());
    let view = down(&handle, "deaf").await;
    let last = view.last.expect("it has run");
    assert_eq!((last.cause, last.forced), (Cause::Stopped, true));
    assert_eq!(last.ended.since(last.asked.expect("it was asked").1), SEC);
}

// C119
#[tokio::test(start_paused = true)]
async fn a_stopped_subtree_can_be_started_again() {
    let below = supervisor("below").child(calm("a")).child(calm("b").needs("a"));
    let owner = tree().child(below).child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    for round in 1..=3 {
        ready_again(&handle, "below/b", round).await;
        soon(handle.by("test").stop("below", "enough")).await.expect("it is stopped");
        down(&handle, "below").await;
        assert_eq!(handle.child("below/a").await.expect("it is there").run, None);
        soon(handle.by("test").start("below", "again")).await.expect("it is started");
    }
    ready_again(&handle, "below/b", 4).await;
    assert_eq!(ready(&handle, "calm").await.run, Some(RunId(1)));
}

// C24
#[tokio::test(start_paused = true)]
async fn a_tree_without_children_is_ready_and_ends_at_once() {
    let owner = tree().start().expect("it is fit");
    soon(owner.ready()).await.expect("there is nothing to wait for");
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!((report.took, report.code(), report.lines.len()), (Duration::ZERO, 0, 0));
}

// A stop that comes before the run has begun is no reason to wait for anybody.
#[tokio::test(start_paused = true)]
async fn a_tree_that_is_drained_right_after_its_start_ends_at_once() {
    for _ in 0..10 {
        let idle = task("idle", |_| pending::<()>());
        let owner = tree().replicas(10, &idle).child(calm("calm")).start().expect("it is fit");
        let report = soon(owner.drain("never mind")).await;
        assert!(report.took < MS, "{report}");
    }
}

// oxios 12
#[tokio::test]
async fn an_idle_tree_of_ten_thousand_drains_in_well_under_a_second() {
    let idle = task("idle", |_| pending::<()>());
    let owner = tree().replicas(10_000, &idle).start().expect("it is fit");
    soon(owner.ready()).await.expect("all become ready");
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!((report.lines.len(), report.code()), (10_000, 0));
    // A debug build on a busy machine takes a part of it.
    assert!(report.took < SEC, "{:?}", report.took);
}

// oxios 12
#[tokio::test]
async fn children_that_stop_at_once_drain_in_milliseconds() {
    let owner = tree().replicas(20, &calm("calm")).start().expect("it is fit");
    soon(owner.ready()).await.expect("all become ready");
    let report = soon(owner.drain("the test is over")).await;
    assert!(report.took < 50 * MS, "{:?}", report.took);
    assert!(report.lines.iter().all(|line| !line.forced), "{report}");
}

// C141, obzenflow 2
#[tokio::test(start_paused = true)]
async fn a_critical_child_that_ends_ends_the_tree_and_the_report_names_it() {
    let critical = task("heart", |_| async {
        tokio::time::sleep(SEC).await;
        Err::<(), _>("no pulse")
    });
    let owner = tree()
        .child(critical.critical())
        .child(deaf("deaf").stop_within(10 * SEC))
        .fatal_drain_within(3 * SEC)
        .start()
        .expect("it is fit");
    let report = soon(owner.run()).await;
    let Ending::Fatal { path, cause, detail, code } = &report.ending else {
        panic!("{report}");
    };
    assert_eq!((path.as_str(), detail.as_deref()), ("heart", Some("no pulse")));
    assert!(matches!(cause, Cause::Failed { .. }), "{cause}");
    assert_ne!(*code, 0);
    assert!(report.took <= 3 * SEC, "{report}");
    assert!(report.to_string().starts_with("ended because heart failed"), "{report}");
}

// C14
#[tokio::test(start_paused = true)]
async fn a_child_with_nothing_to_do_rests_until_somebody_starts_it() {
    let skips = task("skips", |_| async { mainstay::Skipped });
    let owner = tree().child(skips.always()).child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    let view = down(&handle, "skips").await;
    assert_eq!(view.last.expect("it has run").cause, Cause::Skipped);
    ready(&handle, "calm").await;
    soon(handle.by("test").start("skips", "look again")).await.expect("it starts");
    let twice = |view: &mainstay::View| view.runs == 2;
    soon(handle.wait_until("skips", twice)).await.expect("it runs");
}

// obzenflow 10
#[tokio::test(start_paused = true)]
async fn each_run_has_exactly_one_end() {
    let code = |cx: Context| async move {
        if cx.run().0.is_multiple_of(3) {
            panic!("third");
        }
        if cx.run() == RunId(7) {
            cx.stopped().await;
        }
        Err::<(), _>("again")
    };
    let owner = tree().child(task("it", code)).start().expect("it is fit");
    let handle = owner.handle();
    let recorder = handle.record(1_000);
    ready_again(&handle, "it", 7).await;
    let mut events = handle.events();
    soon(owner.drain("the test is over")).await;
    find(&mut events, |record| matches!(record.event, Event::Drained(_))).await;
    let mut open = None;
    let mut ends = 0;
    for record in recorder.records() {
        if record.path.as_str() != "it" {
            continue;
        }
        if let Event::Starting { run, .. } = record.event {
            assert_eq!(open.replace(run), None);
        } else if let Event::Exited { run, .. } = record.event {
            assert_eq!(open.take(), Some(run));
            ends += 1;
        }
    }
    assert_eq!((open, ends), (None, 7));
    assert!(recorder.records().iter().all(|record| record.at >= Moment::ZERO));
}

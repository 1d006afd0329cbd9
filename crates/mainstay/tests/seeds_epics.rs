//! The EPICS supervisor's numbers and behaviour, without its defects.

mod common;

use common::{SEC, calm, captured, find, lives, ready, ready_again, soon};
use mainstay::{
    Cause, Context, Event, Fault, Jitter, Moment, Policy, Preset, Record, RunId, Shape, Standing,
    SuperviseError, starts, supervise, task, tree,
};
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// Fails at once, and notes when it was begun.
fn fails(begun: &Arc<Mutex<Vec<Duration>>>) -> impl Fn(Context) -> Failing + use<> {
    let (begun, epoch) = (Arc::clone(begun), Instant::now());
    move |cx| {
        begun.lock().expect("no poison").push(epoch.elapsed());
        std::future::ready(Err(format!("outage {}", cx.run().0)))
    }
}

type Failing = std::future::Ready<Result<(), String>>;

// epics 1, epics 2, epics 8
#[tokio::test(start_paused = true)]
async fn ten_starts_in_ten_minutes_are_ten_starts_and_the_last_error_is_told() {
    let begun = Arc::default();
    let error =
        soon(supervise("gateway", Preset::Epics, fails(&begun))).await.expect_err("it gives up");
    let expected: Vec<_> = (0..10).map(|number| number * 10 * SEC).collect();
    assert_eq!(*begun.lock().expect("no poison"), expected);
    assert_eq!(error.to_string(), "gateway gave up after 10 runs: outage 10");
    let SuperviseError::Ended { error: Some(last), report } = error else { panic!("{error:?}") };
    assert_eq!(last.to_string(), "outage 10");
    assert_ne!(report.code(), 0);
}

// epics 1
#[tokio::test(start_paused = true)]
async fn a_limit_of_no_restarts_still_runs_once() {
    for limit in [starts(0, MINUTE), starts(1, MINUTE), mainstay::restarts(0, MINUTE)] {
        let begun = Arc::default();
        let policy = Policy::new().backoff(Shape::None).limit(limit);
        soon(supervise("it", policy, fails(&begun))).await.expect_err("it gives up");
        assert_eq!(begun.lock().expect("no poison").len(), 1);
    }
}

// epics 3
#[tokio::test(start_paused = true)]
async fn a_run_that_lived_for_long_is_followed_by_another_at_once() {
    let epoch = Instant::now();
    let value = supervise("gateway", Preset::Epics, move |cx: Context| async move {
        match cx.run().0 {
            1 => {
                tokio::time::sleep(72 * 60 * MINUTE).await;
                Err("at last")
            }
            _ => Ok(epoch.elapsed()),
        }
    });
    assert_eq!(value.await.expect("it ends well"), 72 * 60 * MINUTE);
}

// epics 4
#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_like_any_other() {
    let value = supervise("gateway", Preset::Epics, |cx: Context| async move {
        if cx.run() < RunId(3) {
            panic!("not yet");
        }
        Ok::<_, String>(cx.run())
    });
    assert_eq!(soon(value).await.expect("it ends well"), RunId(3));
}

// epics 5
#[tokio::test(start_paused = true)]
async fn who_drops_it_cancels_it_whatever_it_does() {
    for is_running in [true, false] {
        let (held, gone) = captured();
        let value = supervise("gateway", Preset::Epics, move |_| {
            let held = Arc::clone(&held);
            async move {
                let _held = held;
                if is_running {
                    pending::<()>().await;
                }
                Err::<(), _>("an outage")
            }
        });
        assert!(tokio::time::timeout(5 * SEC, value).await.is_err());
        soon(gone).await;
    }
}

// epics 6, epics 8, epics 9
#[tokio::test(start_paused = true)]
async fn giving_up_is_a_state_with_an_alert_and_not_for_good() {
    let outage = Duration::from_secs(100);
    let epoch = Instant::now();
    let code = move |cx: Context| async move {
        if epoch.elapsed() < outage { Err("an outage") } else { lives(&cx).await }
    };
    let owner = tree()
        .child(task("gateway", code).preset(Preset::Epics).optional())
        .child(calm("calm"))
        .start()
        .expect("it is fit");
    let handle = owner.handle();
    let is_open = |record: &Record| matches!(record.event, Event::Breaker { .. });
    let open = find(&mut handle.events_from(1), is_open).await;
    assert_eq!(open.at.since(Moment::ZERO), 90 * SEC);
    let view = handle.child("gateway").await.expect("it is there");
    assert_eq!((view.standing, view.runs, view.alerts.len()), (Standing::Waiting, 10, 1));
    assert!(matches!(view.last.expect("it has run").cause, Cause::Failed { .. }));
    let text = handle.explain("gateway").await.expect("it is there").to_string();
    assert!(text.contains("an outage"), "{text}");
    // Somebody else's outage is over, and it is back by itself.
    let view = ready_again(&handle, "gateway", 11).await;
    assert_eq!(view.at.since(Moment::ZERO), 90 * SEC + MINUTE);
    assert_eq!(ready(&handle, "calm").await.run, Some(RunId(1)));
}

// epics 8
#[tokio::test(start_paused = true)]
async fn an_operator_may_reset_it_before_its_time() {
    let code = |cx: Context| async move {
        if cx.run() <= RunId(10) { Err("an outage") } else { lives(&cx).await }
    };
    let child = task("gateway", code).preset(Preset::Epics).optional();
    let owner = tree().child(child).start().expect("it is fit");
    let handle = owner.handle();
    let is_open = |record: &Record| matches!(record.event, Event::Breaker { .. });
    let open = find(&mut handle.events_from(1), is_open).await;
    soon(handle.by("test").reset_and_start("gateway", "it is mended")).await.expect("it starts");
    let view = ready_again(&handle, "gateway", 11).await;
    assert_eq!(view.at, open.at);
}

// epics 10
#[tokio::test(start_paused = true)]
async fn an_error_of_configuration_uses_up_no_starts() {
    let policy = Policy::from(Preset::Epics);
    let result =
        supervise("gateway", policy, |_| async { Err::<(), _>(Fault::permanent("no such port")) });
    let error = soon(result).await.expect_err("it gives up");
    assert_eq!(error.to_string(), "gateway gave up after 1 run: no such port");
}

// epics 7: all of this file runs in virtual time; a day of outages takes no time at all.
#[tokio::test(start_paused = true)]
async fn a_day_of_outages_is_over_in_no_time() {
    let began = std::time::Instant::now();
    let child = task("gateway", |_| async { Err::<(), _>("an outage") })
        .backoff(Shape::Fixed(10 * SEC))
        .jitter(Jitter::None)
        .unlimited();
    let owner = tree().unlimited_children().child(child).start().expect("it is fit");
    let handle = owner.handle();
    let runs = |view: &mainstay::View| view.runs == 8_640;
    handle.wait_until("gateway", runs).await.expect("it goes on");
    assert!(began.elapsed() < 60 * SEC);
}

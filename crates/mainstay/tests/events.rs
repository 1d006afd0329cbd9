//! What is told: in order, once, bounded, and without anybody having to wait for a slow reader.

mod common;

use common::{MS, SEC, calm, find, lives, ready, ready_again, soon};
use mainstay::{
    Context, Event, Events, Item, Moment, Record, RunId, Shape, Standing, pool, task, tree,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

/// Reads all that is there.
fn read(events: &mut Events) -> Vec<Item> {
    std::iter::from_fn(|| events.try_next()).collect()
}

/// A child that restarts at once, and a tree that lets it.
fn busy(runs: u64) -> mainstay::Child {
    task("busy", move |cx: Context| async move {
        if cx.run() < RunId(runs) { Err("again") } else { lives(&cx).await }
    })
    .backoff(Shape::None)
    .holdoff(std::time::Duration::ZERO)
    .unlimited()
}

// C161
#[tokio::test(start_paused = true)]
async fn facts_come_in_order_and_none_is_left_out() {
    let owner = tree()
        .limit_children(mainstay::restarts(1_000, SEC))
        .history(100_000)
        .child(busy(100))
        .child(calm("calm"))
        .start()
        .expect("it is fit");
    let handle = owner.handle();
    ready_again(&handle, "busy", 100).await;
    let mut events = handle.events_from(1);
    soon(owner.drain("the test is over")).await;
    let (mut seq, mut at) = (0, Moment::ZERO);
    let mut state: Vec<(u64, &str)> = Vec::new();
    while let Some(item) = soon(events.next()).await {
        let Item::Record(record) = item else { panic!("nothing is missed") };
        assert_eq!(record.seq, seq + 1);
        assert!(record.at >= at);
        (seq, at) = (record.seq, record.at);
        if record.path.as_str() != "busy" {
            continue;
        }
        if let Event::Starting { run, .. } = record.event {
            state.push((run.0, "starting"));
        } else if let Event::Ready { run, .. } = record.event {
            state.push((run.0, "ready"));
        } else if let Event::Exited { run, .. } = record.event {
            state.push((run.0, "exited"));
        }
    }
    let expected: Vec<_> =
        (1..=100).flat_map(|run| [(run, "starting"), (run, "ready"), (run, "exited")]).collect();
    assert_eq!(state, expected);
    assert_eq!(handle.counts().events, seq, "the counts are exact");
    assert!(soon(events.next()).await.is_none(), "the end stays the end");
}

// C159, tokio 16
#[tokio::test(start_paused = true)]
async fn a_reader_that_lags_is_told_how_much_it_missed() {
    let owner = tree()
        .limit_children(mainstay::restarts(1_000, SEC))
        .history(10)
        .child(busy(50))
        .start()
        .expect("it is fit");
    let handle = owner.handle();
    let mut slow = handle.events_from(1);
    ready_again(&handle, "busy", 50).await;
    let total = handle.counts().events;
    let items = read(&mut slow);
    assert_eq!(items[0], Item::Lagged(total - 10));
    let numbers: Vec<_> = items[1..]
        .iter()
        .map(|item| match item {
            Item::Record(record) => record.seq,
            Item::Lagged(_) => panic!("it lags once"),
        })
        .collect();
    assert_eq!(numbers, (total - 9..=total).collect::<Vec<_>>());
    assert_eq!(slow.position(), total + 1);
    // Where it is up to date it misses nothing.
    soon(handle.by("test").pause("busy", "to see")).await.expect("it is paused");
    let next = read(&mut slow);
    assert!(matches!(&next[..], [Item::Record(record)] if record.seq == total + 1), "{next:?}");
    // One that begins in the middle misses what is forgotten by then, and no more.
    let mut middle = handle.events_from(total - 14);
    assert_eq!(middle.try_next(), Some(Item::Lagged(6)));
    // One that begins ahead waits for its turn.
    let mut ahead = handle.events_from(total + 3);
    assert_eq!(ahead.try_next(), None);
    for verb in 0..3 {
        let me = handle.by("test");
        let request =
            if verb % 2 == 0 { me.resume("busy", "to see") } else { me.pause("busy", "to see") };
        soon(request).await.expect("it is done");
    }
    assert!(matches!(ahead.try_next(), Some(Item::Record(record)) if record.seq == total + 3));
}

#[tokio::test(start_paused = true)]
async fn a_tree_without_a_memory_still_counts() {
    let owner = tree()
        .limit_children(mainstay::restarts(1_000, SEC))
        .history(0)
        .child(busy(20))
        .start()
        .expect("it is fit");
    let handle = owner.handle();
    ready_again(&handle, "busy", 20).await;
    let counts = handle.counts();
    assert_eq!(counts.exits.get("failed"), Some(&19));
    assert_eq!(handle.events_from(1).try_next(), Some(Item::Lagged(counts.events)));
}

// tokio 16
#[tokio::test(start_paused = true)]
async fn a_recorder_keeps_so_many_and_counts_the_rest() {
    let owner = tree().limit_children(mainstay::restarts(10_000, SEC)).child(calm("calm")).start();
    let owner = owner.expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "calm").await;
    let before = handle.counts().events;
    let (recorder, none) = (handle.record(7), handle.record(0));
    soon(handle.by("test").add("", busy(1_000), "noise")).await.expect("it is added");
    ready_again(&handle, "busy", 1_000).await;
    let total = handle.counts().events - before;
    assert_eq!((recorder.records().len(), recorder.dropped()), (7, total - 7));
    assert_eq!(recorder.records().last().map(|record| record.seq), Some(before + total));
    assert_eq!(none.records().len(), 0);
    recorder.clear();
    assert_eq!(recorder.records().len(), 0);
    soon(handle.by("test").pause("busy", "to see")).await.expect("it is paused");
    assert_eq!(recorder.records().len(), 1);
}

struct Quiet(AtomicU64);

impl Wake for Quiet {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

// tokio 16
#[tokio::test(start_paused = true)]
async fn who_asks_again_and_again_for_news_leaves_nothing_behind() {
    let owner = tree().child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "calm").await;
    let mut events = handle.events();
    let quiet = Arc::new(Quiet(AtomicU64::new(0)));
    let waker = Waker::from(Arc::clone(&quiet));
    for _ in 0..1_000 {
        let mut next = std::pin::pin!(events.next());
        let mut task = std::task::Context::from_waker(&waker);
        assert!(next.as_mut().poll(&mut task).is_pending());
    }
    assert!(Arc::strong_count(&quiet) < 10, "{}", Arc::strong_count(&quiet));
    soon(handle.by("test").pause("calm", "to see")).await.expect("it is paused");
    assert!(quiet.0.load(Ordering::Relaxed) >= 1, "news wake it");
}

// A fact keeps the name of its child however soon another takes its place.
#[tokio::test(start_paused = true)]
async fn a_fact_about_a_child_that_is_gone_still_names_it() {
    let mut jobs = pool("jobs", async |(), _cx: Context| {}).each(|child| child.once());
    let reference = jobs.reference();
    let owner = tree().child(jobs).start().expect("it is fit");
    let handle = owner.handle();
    for number in 0..20 {
        let name = format!("job-{number}");
        let job = format!("jobs/{name}");
        soon(handle.by("test").add_to(&reference, name, (), "work")).await.expect("it is added");
        while handle.child(&job).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
    let mut events = handle.events_from(1);
    let mut ends = Vec::new();
    for item in read(&mut events) {
        if let Item::Record(Record { path, event: Event::Exited { .. }, .. }) = item {
            ends.push(path.to_string());
        }
    }
    let expected: Vec<_> = (0..20).map(|number| format!("jobs/job-{number}")).collect();
    assert_eq!(ends, expected);
}

// tokio 7: what was added is in the tree, all of it.
#[tokio::test(start_paused = true)]
async fn a_fact_about_a_child_of_an_added_supervisor_names_it() {
    let owner = tree().start().expect("it is fit");
    let handle = owner.handle();
    let recorder = handle.record(1_000);
    let inner = mainstay::supervisor("inner").child(calm("calm"));
    let outer = mainstay::supervisor("outer").child(inner);
    soon(handle.by("test").add("", outer, "more")).await.expect("it is added");
    ready(&handle, "outer/inner/calm").await;
    soon(handle.by("test").restart("outer", "again")).await.expect("it is restarted");
    ready_again(&handle, "outer/inner/calm", 2).await;
    assert_eq!(common::starts(&recorder.records(), "outer/inner/calm"), 2);
    soon(handle.by("test").remove("outer", "enough")).await.expect("it is removed");
    while handle.child("outer").await.is_ok() {
        tokio::task::yield_now().await;
    }
    let ends = recorder.records().into_iter().filter(|record| {
        record.path.as_str() == "outer/inner/calm" && matches!(record.event, Event::Exited { .. })
    });
    assert_eq!(ends.count(), 2);
}

// focas 14: hooks are called after the fact, and may call back in.
#[tokio::test(start_paused = true)]
async fn a_hook_may_look_at_the_tree_and_sees_what_it_is_told() {
    let place: Arc<Mutex<Option<mainstay::Handle>>> = Arc::default();
    let seen: Arc<Mutex<Vec<u64>>> = Arc::default();
    let (of_hook, note) = (Arc::clone(&place), Arc::clone(&seen));
    let owner = tree()
        .on_event(move |record: &Record| {
            let handle = of_hook.lock().expect("no poison").clone();
            if let Some(handle) = handle {
                assert!(handle.counts().events >= record.seq);
                assert!(handle.is_alive() && handle.health().fine <= 10);
            }
            note.lock().expect("no poison").push(record.seq);
        })
        .child(calm("calm"))
        .start()
        .expect("it is fit");
    let handle = owner.handle();
    *place.lock().expect("no poison") = Some(handle.clone());
    ready(&handle, "calm").await;
    soon(handle.by("test").restart("calm", "again")).await.expect("it is restarted");
    ready_again(&handle, "calm", 2).await;
    let total = handle.counts().events;
    let all = async {
        while seen.lock().expect("no poison").len() < usize::try_from(total).expect("few") {
            tokio::task::yield_now().await;
        }
    };
    soon(all).await;
    assert_eq!(*seen.lock().expect("no poison"), (1..=total).collect::<Vec<_>>());
}

// obzenflow 23: a hook that blocks its thread holds up nobody's supervision.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_blocks_harms_itself_alone() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Mutex::new(released);
    let owner = tree()
        .on_event(move |_| assert!(released.lock().expect("no poison").recv().is_err()))
        .child(calm("calm"))
        .start()
        .expect("it is fit");
    let handle = owner.handle();
    for run in 1..=20 {
        ready_again(&handle, "calm", run).await;
        soon(handle.by("test").restart("calm", "again")).await.expect("commands work");
    }
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(report.code(), 0);
    drop(release);
}

// focas 15
#[tokio::test(start_paused = true)]
async fn one_failure_is_told_once_and_so_is_the_recovery() {
    let code =
        |cx: Context| async move { if cx.is_first() { Err("once") } else { lives(&cx).await } };
    let owner = tree().child(task("it", code).stable_after(100 * MS)).start().expect("it is fit");
    let handle = owner.handle();
    let mut events = handle.events_from(1);
    let stable = find(&mut events, |record| matches!(record.event, Event::Stable { .. })).await;
    assert!(stable.at > Moment::ZERO);
    let of_it = |wanted: fn(&Event) -> bool| {
        let items = read(&mut handle.events_from(1));
        items
            .into_iter()
            .filter(|item| match item {
                Item::Record(record) => record.path.as_str() == "it" && wanted(&record.event),
                Item::Lagged(_) => false,
            })
            .count()
    };
    assert_eq!(of_it(|event| matches!(event, Event::Exited { .. })), 1);
    assert_eq!(of_it(|event| matches!(event, Event::Stable { .. })), 1);
    assert_eq!(handle.child("it").await.expect("it is there").standing, Standing::Ready);
}

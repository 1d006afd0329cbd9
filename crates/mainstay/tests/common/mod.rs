//! What several of these tests share.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use mainstay::{Child, Context, Event, Events, Handle, Item, Record, RunId, Standing, View, task};
use std::future::{Future, IntoFuture};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SEC: Duration = Duration::from_secs(1);

/// Waits for what must happen, long enough for a busy machine; a test that waits in vain says so.
pub(crate) async fn soon<F: IntoFuture>(what: F) -> F::Output {
    let wait = Duration::from_secs(120);
    tokio::time::timeout(wait, what.into_future()).await.expect("it happens soon")
}

/// A child that listens, lives until it is stopped, and ends well.
pub(crate) fn calm(name: &str) -> Child {
    task(name, |cx| async move { cx.stopped().await })
}

/// Lives until it is stopped, and ends well.
pub(crate) async fn lives<E>(cx: &Context) -> Result<(), E> {
    cx.stopped().await;
    Ok(())
}

/// Something to be captured, and a future that resolves when the last clone of it is gone.
pub(crate) fn captured() -> (Arc<oneshot::Sender<()>>, impl Future<Output = ()>) {
    let (held, gone) = oneshot::channel();
    (Arc::new(held), async move { drop(gone.await) })
}

/// Reads on until the first fact that is wanted.
pub(crate) async fn find(
    events: &mut Events,
    mut is_wanted: impl FnMut(&Record) -> bool,
) -> Record {
    let reading = async {
        loop {
            match events.next().await.expect("the fact comes before the end") {
                Item::Record(record) if is_wanted(&record) => return record,
                Item::Record(_) | Item::Lagged(_) => {}
            }
        }
    };
    soon(reading).await
}

/// Returns how often the child at `path` was started.
pub(crate) fn starts(records: &[Record], path: &str) -> usize {
    let is_start = |record: &&Record| {
        record.path.as_str() == path && matches!(record.event, Event::Starting { .. })
    };
    records.iter().filter(is_start).count()
}

pub(crate) async fn ready(handle: &Handle, path: &str) -> View {
    soon(handle.wait_for(path, Standing::Ready)).await.expect("it becomes ready")
}

/// Waits until this or a later run of a child is ready.
pub(crate) async fn ready_again(handle: &Handle, path: &str, run: u64) -> View {
    let is_up = |view: &View| view.standing == Standing::Ready && view.run >= Some(RunId(run));
    soon(handle.wait_until(path, is_up)).await.expect("it becomes ready again")
}

/// Waits until a child rests for good.
pub(crate) async fn down(handle: &Handle, path: &str) -> View {
    soon(handle.wait_for(path, Standing::Down)).await.expect("it ends")
}

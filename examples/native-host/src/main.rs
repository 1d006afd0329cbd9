//! A program that reads a machine through a vendor's library, and goes on serving whatever that library does.
//!
//! ```sh
//! cargo build -p native-host && cargo run -p native-host
//! ```

use mainstay::host::{Availability, CallError, Client, Host, Hosted, MemoryGuard};
use mainstay::process::Command;
use mainstay::{
    BoxError, Context, Handle, Preset, Shape, Standing, View, failures, host, task, tree,
};
use native_host::{Cnc, Request};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // The library is linked by the program beside this one, and by nobody else.
    let program = std::env::current_exe()?.with_file_name("cnc-host");
    let declared = Host::<Cnc>::new(Command::new(program))
        // A fresh run knows nothing of what was subscribed: it is told before anybody else may ask it.
        .rehydrate(async |cnc: Client<Cnc>| {
            for axis in [1, 2] {
                cnc.call(&Request::Subscribe { axis }).await?;
            }
            Ok(())
        })
        .memory(MemoryGuard::default().ceiling(160 << 20).every(Duration::from_millis(50)));
    let cnc = declared.hosted();
    let slowest = Arc::new(AtomicU64::new(0));
    let child = host("cnc", declared)
        .preset(Preset::Focas)
        // As the preset says, but for its patience: this is to be watched.
        .backoff(Shape::Fixed(Duration::from_millis(300)))
        .limit(failures(4, Duration::from_secs(300)))
        .progress_within(Duration::from_millis(500))
        .stop_within(Duration::from_secs(1));
    let owner = tree()
        .child(child)
        .child(task("web", {
            let (cnc, slowest) = (cnc.clone(), Arc::clone(&slowest));
            move |cx| serve(cx, cnc.clone(), Arc::clone(&slowest))
        }))
        .child(task("watch", {
            let cnc = cnc.clone();
            move |cx| watch(cx, cnc.clone())
        }))
        .start()?;
    let handle = owner.handle();
    misuse(&handle, &cnc).await?;
    let is_quick = slowest.load(Ordering::Relaxed) < 500;
    println!("\nall the while the program answered its own callers, each within 0.5 s: {is_quick}");
    handle.by("the example").drain("it has shown what it can").await?;
    println!("{}", owner.run().await);
    Ok(())
}

/// Asks for everything that the library cannot do.
async fn misuse(handle: &Handle, cnc: &Hosted<Cnc>) -> Result<(), BoxError> {
    let client = cnc.ready_within(SOON).await?;
    println!("axis 3 stands at {:?}", client.call(&Request::Read { axis: 3 }).await?);
    println!(
        "axis 99: {}",
        client.call(&Request::Read { axis: 99 }).await.expect_err("there is none")
    );
    // The first run was never told what to subscribe: there was nothing to restore.
    for axis in [1, 2] {
        client.call(&Request::Subscribe { axis }).await?;
    }

    println!("\naxis 7, where the library reads through a null pointer:");
    dies(handle, cnc, 7).await?;
    println!("\naxis 8, where it never returns:");
    dies(handle, cnc, 8).await?;
    println!("\naxis 10, where it frees what it has freed:");
    dies(handle, cnc, 10).await?;

    println!("\naxis 9, where it keeps memory:");
    let client = cnc.ready_within(SOON).await?;
    let run = client.run();
    let gone = loop {
        match client.call(&Request::Read { axis: 9 }).await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(40)).await,
            Err(gone) => break gone,
        }
    };
    println!("  {gone}");
    let view = handle.wait_until("cnc", |view| view.run.is_some_and(|next| next > run)).await?;
    let last = view.last.expect("it has ended");
    println!("  run {} {}, which is charged to nobody", last.run.0, last.cause);

    println!("\naxis 7 again, the fourth failure in five minutes:");
    let client = cnc.ready_within(SOON).await?;
    let gone = client.call(&Request::Read { axis: 7 }).await.expect_err("it dies of it");
    println!("  {gone}");
    handle.wait_for("cnc", Standing::Waiting).await?;
    // It would wait for ten seconds, but not for what cannot come.
    let why = cnc.ready_within(SOON).await.expect_err("its breaker is open");
    let hours = why.retry_in().map_or(0.0, |wait| wait.as_secs_f64() / 3_600.0);
    println!("  nobody starts it for {hours:.0} h, which whoever asks is told at once");
    handle.by("the example").reset_and_start("cnc", "the machine was looked at").await?;
    let client = cnc.ready_within(SOON).await?;
    println!("  an operator has looked at it: run {} serves", client.run().0);
    Ok(())
}

/// Asks for an axis that ends the host, and shows what is known afterwards.
async fn dies(handle: &Handle, cnc: &Hosted<Cnc>, axis: i32) -> Result<(), BoxError> {
    let client = cnc.ready_within(SOON).await?;
    let run = client.run();
    match client.call(&Request::Read { axis }).await {
        Err(gone @ CallError::Gone { .. }) => println!("  the caller hears: {gone}"),
        other => return Err(format!("axis {axis}: {other:?}").into()),
    }
    let ended =
        handle.wait_until("cnc", |view| view.last.as_ref().is_some_and(|last| last.run == run));
    post_mortem(&ended.await?);
    // Who asks now is told at once, and when to ask again.
    if let Err(why) = cnc.get() {
        println!("  whoever asks now is told at once that it {}", why.standing);
    }
    let client = cnc.ready_within(SOON).await?;
    let count = client.call(&Request::Subscriptions).await?;
    println!("  run {} serves, with its subscriptions restored: {count:?}", client.run().0);
    Ok(())
}

/// Says what is known of the run that has ended.
fn post_mortem(view: &View) {
    let (Some(last), Some(process)) = (&view.last, &view.process) else { return };
    println!("  its run {} {}; the last it noted:", last.run.0, last.cause);
    for operation in process.operations.iter().rev().take(2).rev() {
        println!("    {operation}");
    }
    for line in &process.last {
        println!("  the last it printed: {line}");
    }
}

/// Serves others from what the machine said last, and never waits for it. Notes what took longest, in milliseconds.
async fn serve(cx: Context, cnc: Hosted<Cnc>, slowest: Arc<AtomicU64>) {
    let mut every = tokio::time::interval(Duration::from_millis(5));
    let mut position = None;
    loop {
        tokio::select! {
            () = cx.stopped() => return,
            _ = every.tick() => {}
        }
        let asked = Instant::now();
        // Not available is an answer too, and it comes at once.
        if let Ok(client) = cnc.get() {
            let read = Request::Read { axis: 1 };
            position = client.call_within(&read, Duration::from_millis(20)).await.ok().or(position);
        }
        let took = asked.elapsed().as_millis();
        slowest.fetch_max(u64::try_from(took).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// Hears of every change before anything is done about it.
async fn watch(cx: Context, cnc: Hosted<Cnc>) {
    let mut changes = cnc.subscribe();
    while let Some(Some(change)) = tokio::select! {
        () = cx.stopped() => None,
        change = changes.next() => Some(change),
    } {
        match change {
            Availability::Available(client) => println!("  [run {} is available]", client.run().0),
            Availability::Unavailable(why) => println!("  [{why}]"),
        }
    }
}

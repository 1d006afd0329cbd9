//! A tree as an Erlang/OTP programmer would draw it, and what its strategies do.
//!
//! ```text
//! cargo run -p mainstay --example otp_tree
//! ```
//!
//! ```text
//! chat (rest_for_one)
//! ├── store
//! ├── session (one_for_all)
//! │   ├── reader
//! │   └── writer
//! └── jobs (simple_one_for_one: a pool)
//! ```
//!
//! Every supervisor and child has the preset `otp`: restarts at once and in order, one restart allowed in
//! 5 s, and a supervisor that needs a second one gives up, for its own supervisor to decide.

mod tell;

use mainstay::{BoxError, Context, Preset, Stateful, child, pool, supervisor, tree};
use std::time::Duration;
use tell::tell;
use tokio::sync::broadcast;
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    let (break_it, _) = broadcast::channel(1);
    let fragile = |name| child(name).state(break_it.clone());
    let mut jobs = pool("jobs", job).each(|job| job.preset(Preset::Otp).once());
    let pool = jobs.reference();
    let session = supervisor("session")
        .preset(Preset::Otp)
        .one_for_all()
        .child(worker(fragile("reader")))
        .child(worker(fragile("writer")));
    let chat = supervisor("chat")
        .preset(Preset::Otp)
        .rest_for_one()
        .child(worker(fragile("store")))
        .child(session)
        .child(jobs);

    println!("-- Starts go down the tree, in order\n");
    let owner = tree().seed(5).preset(Preset::Otp).child(chat).start()?;
    let (handle, told) = (owner.handle(), tell(&owner, 19));

    chapter("Two jobs are added to the pool; one ends clean and is forgotten").await;
    let alice = handle.by("alice");
    alice.add_to(&pool, "short", 3, "mail to send").await?;
    alice.add_to(&pool, "long", 600, "history to index").await?;

    chapter("The reader dies: one for all, so the writer goes and comes with it").await;
    break_it.send("reader")?;

    chapter("The store dies: rest for one, so those after it go, last first, and come again").await;
    break_it.send("store")?;

    chapter("The reader dies twice in 5 s: its supervisor gives up, and is restarted by its own")
        .await;
    break_it.send("reader")?;
    sleep(Duration::from_secs(1)).await;
    break_it.send("reader")?;
    sleep(Duration::from_secs(1)).await;
    print!("\n{}", handle.explain("chat/session").await?);

    chapter("The end: stops go up the tree, in reverse").await;
    let report = owner.drain("closing time").await;
    told.await?;
    print!("\n{report}");
    Ok(())
}

/// Whom the story breaks next.
type Breaks = broadcast::Sender<&'static str>;

/// Works until it is asked to end, or until its name is called.
fn worker(child: Stateful<Breaks>) -> mainstay::Child {
    let work = async |breaks: Breaks, cx: Context| -> Result<(), BoxError> {
        let mut called = breaks.subscribe();
        let path = cx.path();
        loop {
            tokio::select! {
                () = cx.stopped() => return Ok(()),
                Ok(name) = called.recv() => {
                    if path.names().last() == Some(name) {
                        return Err("it was broken on purpose".into());
                    }
                }
            }
        }
    };
    child.task(work).preset(Preset::Otp)
}

/// A job takes as many seconds as it is told.
async fn job(seconds: u64, cx: Context) {
    tokio::select! {
        () = cx.stopped() => {}
        () = sleep(Duration::from_secs(seconds)) => {}
    }
}

/// Lets a minute pass and prints a title.
async fn chapter(title: &str) {
    sleep(Duration::from_secs(60)).await;
    println!("\n-- {title}\n");
}

//! Processes and a task in one tree.
//!
//! ```text
//! cargo run -p mainstay --features process --example processes
//! ```
//!
//! A store that says in its output when it can serve, a task of this program that needs it, a helper that
//! cannot start and one that fails. Every process here is a line of shell, so that nothing has to be
//! installed; a real one reads the same.

use mainstay::process::{Command, Ready, StopStep};
use mainstay::{
    BoxError, Context, OnRestart, Shape, Standing, consecutive, need, process, task, tree,
};
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    // It becomes ready by what it prints, and has something to do before it ends. What it waits for is ended
    // behind it.
    let store =
        Command::shell("trap 'echo closed; exit' TERM; echo listening on 6400; sleep 1000 & wait")
            .ready(Ready::line("listening on *"))
            .stop(StopStep::signal("TERM"));
    // Nobody has installed this.
    let mailer = Command::new("mailer-that-is-not-there");
    // This ends as it must not.
    let import = Command::shell("echo 3 rows read; echo row 4 is broken >&2; exit 3");

    let owner = tree()
        .child(process("store", store).ready_within(Duration::from_secs(10)))
        // It starts once the store can serve, and anew whenever the store does.
        .child(task("web", web).needs(need("store").on_restart(OnRestart::Restart)))
        .child(process("mailer", mailer).optional())
        .child(process("import", import).backoff(Shape::None).limit(consecutive(2)).optional())
        .start()?;
    let handle = owner.handle();

    handle.wait_for("web", Standing::Ready).await?;
    println!("store and web are ready");

    let view = handle.wait_until("mailer", |view| !view.alerts.is_empty()).await?;
    tell(&view);
    let view = handle.wait_until("import", |view| !view.alerts.is_empty()).await?;
    tell(&view);
    println!("import has run {} times; nobody else was touched", view.runs);

    handle.by("alice").restart("store", "a new version").await?;
    let again = |view: &mainstay::View| view.runs == 2 && view.standing == Standing::Ready;
    handle.wait_until("web", again).await?;
    println!("store was restarted, and web with it");
    let view = handle.child("store").await?;
    let process = view.process.as_ref().ok_or("it is a process")?;
    println!("the last that the old store said: {}", process.last.join(", "));

    let report = owner.drain("the example is over").await;
    for line in &report.lines {
        let how = line.how.map(|cause| cause.to_string()).unwrap_or_default();
        println!("{}: {how}", line.path);
    }
    Ok(())
}

/// Would serve what the store has.
async fn web(cx: Context) {
    cx.stopped().await;
}

/// Prints how the last run of a child ended.
fn tell(view: &mainstay::View) {
    if let Some(last) = &view.last {
        let detail = last.detail.as_deref().unwrap_or("nothing");
        println!("{} {}: {detail}", view.path, last.cause);
    }
}

//! The kernel of an agent platform, after the oxios task supervisor.
//!
//! ```text
//! cargo run -p mainstay --example oxios_kernel
//! ```
//!
//! A critical task, whose every end is fatal, runs beside a surface that is restarted: after 0.5, 1, 2,
//! 4 and 8 s, and then no more, for the sixth failure in a row is fatal too (presets `oxios-critical`
//! and `oxios-web`). A fatal end gets 3 s to drain and exit code 1, so that whoever supervises the
//! process acts; an end that was asked for gets 10 s and 0. Of each the last tenth is kept for force. The
//! agents need 8 s to save their work, so the difference shows. In the original a SIGTERM that comes
//! while something is being restarted is lost; here it is not.

mod tell;

use mainstay::{BoxError, Context, Ending, Preset, Report, Tree, task, tree};
use std::time::Duration;
use tell::tell;
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    println!("1. The web surface never comes up\n");
    let owner = kernel(task("guardian", guards)).start()?;
    let told = tell(&owner, 8);
    let report = owner.run().await;
    told.await?;
    outcome(&report);

    println!("\n2. The critical guardian ends, though without an error\n");
    let owner = kernel(task("guardian", leaves_after_a_second)).start()?;
    let told = tell(&owner, 8);
    let report = owner.run().await;
    told.await?;
    outcome(&report);

    println!("\n3. SIGTERM comes while the web surface waits for its next run\n");
    let owner = kernel(task("guardian", guards)).start()?;
    let told = tell(&owner, 8);
    sleep(Duration::from_secs(5)).await;
    // What `run` does when the signal comes.
    owner.handle().by("SIGTERM").drain("signal").await?;
    let report = owner.run().await;
    told.await?;
    outcome(&report);
    Ok(())
}

/// Declares the kernel. The drain bounds are the original's.
fn kernel(guardian: mainstay::Child) -> Tree {
    tree()
        .seed(3)
        .drain_within(Duration::from_secs(10))
        .fatal_drain_within(Duration::from_secs(3))
        .child(guardian.preset(Preset::OxiosCritical))
        .child(task("agents", agents))
        .child(task("web", web).preset(Preset::OxiosWeb))
}

/// Somebody else has the port, and keeps it.
async fn web(_: Context) -> Result<(), BoxError> {
    Err("address 127.0.0.1:8080 is in use".into())
}

/// Saves its work when it is asked to end, which takes a while.
async fn agents(cx: Context) {
    cx.stopped().await;
    sleep(Duration::from_secs(8)).await;
}

async fn guards(cx: Context) {
    cx.stopped().await;
}

async fn leaves_after_a_second(_: Context) {
    sleep(Duration::from_secs(1)).await;
}

/// Prints what the original's outcome says: graceful, or fatal with a name and a reason.
fn outcome(report: &Report) {
    match &report.ending {
        Ending::Asked => println!("\noutcome: graceful"),
        Ending::Fatal { path, cause, detail, .. } => {
            println!(
                "\noutcome: fatal, because {path} {cause}: {}",
                detail.as_deref().unwrap_or("-")
            );
        }
        Ending::Cut => println!("\noutcome: cut off"),
    }
    println!("exit code: {}", report.code());
    print!("{report}");
}

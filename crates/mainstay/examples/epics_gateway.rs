//! A Channel Access gateway and its master, after the EPICS sliding-window supervisor.
//!
//! ```text
//! cargo run -p mainstay --example epics_gateway
//! ```
//!
//! The original launches a task at most 10 times in 600 s, 10 s apart, and gives up with the task's
//! last error. The gateway's master uses it to keep a daemon up, also after a clean exit, for people
//! type "quit" where they mean "reset". The preset `epics` has these numbers, counted by the real
//! starts. Hours pass in no time here: the runtime's clock is paused and jumps from timer to timer.

mod tell;

use mainstay::{BoxError, Context, Policy, Preset, supervise, task, tree};
use std::time::Duration;
use tell::tell;
use tokio::time::{Instant, sleep};

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    println!("A gateway whose subnet has lost its servers\n");
    let begun = Instant::now();
    let result = supervise("gateway", Policy::from(Preset::Epics), move |cx| async move {
        println!("{:>10.3}s  run {} starts", begun.elapsed().as_secs_f64(), cx.run());
        serve_clients(&cx).await
    });
    match result.await {
        Ok(()) => println!("it has served its clients"),
        Err(error) => println!("{:>10.3}s  {error}", begun.elapsed().as_secs_f64()),
    }

    println!(
        "\nA master that restarts its gateway however it ends: somebody types \"quit\", after 4 s and"
    );
    println!(
        "after 5 min; a segmentation fault after an hour; days of health, and then another \"quit\"\n"
    );
    let gateway = task("gateway", life_of_a_gateway).policy(&Policy::from(Preset::Epics)).always();
    let owner = tree().seed(2).child(gateway).start()?;
    let told = tell(&owner, 7);
    sleep(Duration::from_secs(4 * 24 * 3_600)).await;
    let report = owner.drain("the accelerator is shut down").await;
    told.await?;
    print!("\n{report}");
    Ok(())
}

/// Fails each time with another text: the last one must come out in the end.
async fn serve_clients(cx: &Context) -> Result<(), BoxError> {
    sleep(Duration::from_millis(20)).await;
    Err(format!("no server answered search {:#06x}", 0x3f00 + cx.run().0).into())
}

/// Lives through what gateways live through, in the order of its runs.
async fn life_of_a_gateway(cx: Context) -> Result<(), BoxError> {
    let (lives, end) = match cx.run().0 {
        1 => (4, Ok(())), // Somebody typed "quit" at once, so it waits: 10 s from start to start.
        2 => (300, Ok(())),
        3 => (3_600, Err("segmentation fault in the server library")),
        4 => (3 * 24 * 3_600, Ok(())), // Days of health: it is up again at once.
        _ => {
            cx.stopped().await;
            return Ok(());
        }
    };
    sleep(Duration::from_secs(lives)).await;
    end.map_err(BoxError::from)
}

//! Everything an operator does to a running tree, after the tokio supervisor handle.
//!
//! ```text
//! cargo run -p mainstay --example control_handle
//! ```
//!
//! The original hands out a cloneable handle: add, remove, restart, pause, resume, quarantine, shut
//! down; each command says who and why, each is idempotent and answered with what was and what is. Its
//! resume starts nothing, its remove leaves ghosts, its second add fails. Here a day at a trading desk
//! shows what they do instead. It ends with the audit list, which is made from the events alone.

mod tell;

use mainstay::{
    BoxError, Context, Done, Event, MakeError, Params, Record, Registry, Request, Standing,
    supervisor, tree,
};
use std::error::Error;
use std::time::Duration;
use tell::tell;
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    let owner = tree().seed(4).child(supervisor("feeds")).start()?;
    let (handle, told) = (owner.handle(), tell(&owner, 8));
    let (alice, bob) = (handle.by("alice"), handle.by("bob"));
    let audit = handle.record(1_000);

    chapter("A feed is added: the name of a factory, and parameters as they came in a request")
        .await;
    let fragile = Params::new().with("breaks_after", "60");
    ask(alice.add("feeds", registry().make("feed", "fx", &fragile)?, "the desk wants it")).await;
    ask(alice.add("feeds", registry().make("feed", "fx", &fragile)?, "did it work?")).await;
    complain(registry().make("fed", "gold", &fragile));
    complain(registry().make("feed", "gold", &Params::new().with("breaks_after", "soon")));

    chapter("A restart that a nervous client sends twice with one id happens once").await;
    ask(bob.restart("feeds/fx", "new credentials").id(7)).await;
    ask(bob.restart("feeds/fx", "new credentials").id(7)).await;
    ask(bob.stop("feeds/fx", "something else").id(7)).await;

    chapter("A command that was meant for an earlier run is refused").await;
    let seen = handle.child("feeds/fx").await?.run.ok_or("it does not run")?;
    ask(alice.restart("feeds/fx", "it hangs").if_run(seen)).await;
    ask(bob.restart("feeds/fx", "it hangs").if_run(seen)).await;

    chapter("It breaks while it is paused, and runs again only when it is resumed").await;
    ask(alice.pause("feeds/fx", "maintenance at the exchange")).await;
    sleep(Duration::from_secs(600)).await;
    print!("\n{}\n", handle.explain("feeds/fx").await?);
    ask(alice.resume("feeds/fx", "maintenance is over")).await;

    chapter("Quarantined it is down, and nobody starts it until it is released").await;
    ask(alice.quarantine("feeds/fx", "wrong prices")).await;
    ask(bob.start("feeds/fx", "clients complain")).await;
    ask(alice.release("feeds/fx", "prices are right again")).await;

    chapter("Removed, and added again under the same name: a new child and no ghost").await;
    let before = handle.child("feeds/fx").await?.child;
    ask(bob.remove("feeds/fx", "the contract ended")).await;
    ask(bob.restart("feeds/fx", "habit")).await;
    ask(bob.add("feeds", registry().make("feed", "fx", &Params::new())?, "a new contract")).await;
    let is_another = handle.child("feeds/fx").await?.child != before;
    println!("             it is another child: {is_another}");

    chapter("Who does not say who it is, or why, is not heard").await;
    ask(handle.by("").stop("feeds/fx", "because I can")).await;
    ask(alice.stop("feeds/fx", "")).await;

    chapter("The end").await;
    ask(alice.drain("the day is over")).await;
    told.await?;
    ask(bob.start("feeds/fx", "one more thing")).await;

    println!("\n-- The audit list\n");
    audit.records().iter().for_each(entry);
    Ok(())
}

/// What can be added by name.
fn registry() -> Registry {
    Registry::new().task("feed", "Reads prices from an exchange", &["breaks_after"], |params| {
        let breaks_after: Option<u64> = params.optional("breaks_after")?;
        Ok(move |cx| feed(breaks_after.map(Duration::from_secs), cx))
    })
}

/// Reads until it is asked to end, or until its connection breaks.
async fn feed(breaks_after: Option<Duration>, cx: Context) -> Result<(), BoxError> {
    tokio::select! {
        () = cx.stopped() => Ok(()),
        () = sleep(breaks_after.unwrap_or(Duration::MAX)) => Err("the connection broke".into()),
    }
}

/// Sends a command, lets a second pass in which its consequences are told, and prints the answer.
async fn ask(command: Request) {
    let answer = command.await;
    sleep(Duration::from_secs(1)).await;
    match answer {
        Ok(Done { before: Standing::Removed, after, .. }) => {
            println!("             answer: it is {after:?} now");
        }
        Ok(Done { before, after, .. }) => {
            println!("             answer: it was {before:?} and is {after:?} now");
        }
        Err(error) => println!("             answer: {}", whole(&error)),
    }
}

/// Prints why there is nothing to be added.
fn complain(made: Result<mainstay::Child, MakeError>) {
    if let Err(error) = made {
        println!("             nothing to add: {}", whole(&error));
    }
}

/// Returns an error with its causes.
fn whole(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {}", whole(cause)))
}

/// Lets ten seconds pass and prints a title.
async fn chapter(title: &str) {
    sleep(Duration::from_secs(10)).await;
    println!("\n-- {title}\n");
}

/// Prints an event that is about a command.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest is not about commands")]
fn entry(record: &Record) {
    let (who, verb, why, outcome) = match &record.event {
        Event::Commanded { who, verb, why, changed: true, .. } => (who, verb, why, "done".into()),
        Event::Commanded { who, verb, why, .. } => (who, verb, why, "was so already".into()),
        Event::Refused { who, verb, why, refusal, .. } => {
            (who, verb, why, format!("refused: {refusal}"))
        }
        _ => return,
    };
    let (at, path) = (record.at.to_string(), record.path.to_string());
    println!("{at:>11}  {who:<5}  {verb:<10}  {path:<8}  \"{why}\", {outcome}");
}

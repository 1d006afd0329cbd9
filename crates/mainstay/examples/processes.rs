use mainstay::process::{Command, Ready};
use mainstay::{process, tree};
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), mainstay::BoxError> {
    let owner = tree()
        .child(process("a", Command::shell("echo hi; sleep 1; echo bye >&2; exit 3")))
        .child(process("b", Command::new("sleep").arg("100")))
        .child(process("n", Command::new("nosuch").arg("100")).optional())
        .child(
            process("c", Command::shell("echo listening; sleep 100").ready(Ready::line("listen*")))
                .needs("b"),
        )
        .on_event(|e| println!("{:?} {} {:?}", e.at, e.path, e.event))
        .start()?;
    tokio::time::sleep(Duration::from_millis(3000)).await;
    for v in owner.handle().status().await? {
        println!("{:?} {:?} {:?}", v.path, v.standing, v.process);
    }
    println!("{}", owner.handle().explain("a").await?);
    println!("{}", owner.handle().explain("n").await?);
    println!("{}", owner.drain("end").await);
    Ok(())
}

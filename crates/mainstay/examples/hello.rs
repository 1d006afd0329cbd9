//! A service with a web server and a ticker that fails now and then, kept running until Ctrl-C.
//!
//! ```text
//! cargo run -p mainstay --example hello
//! ```
//!
//! First a blocking function makes room on the disk. When it has completed, the server starts, and when
//! that is ready, the ticker does. The ticker's third tick fails, so it is run again by the default
//! policy, after half a second at most; the server never notices. Then it asks for the end, so that the example has one.

use mainstay::{BoxError, Context, Report, StartError, blocking, need, task, tree};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::time::sleep;

#[tokio::main]
async fn main() -> Result<Report, StartError> {
    tree()
        .child(blocking("migrate", migrate))
        .child(task("web", web).needs(need("migrate").completed()))
        .child(task("ticker", ticker).needs("web"))
        .run() // Until Ctrl-C or SIGTERM, or until a child ends the tree.
        .await // The report says what became of each child; its exit code is that of the program.
}

fn migrate(_: Context) {
    println!("migrate: the database is up to date");
}

async fn web(cx: Context) -> Result<(), BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("web: listening");
    loop {
        tokio::select! {
            () = cx.stopped() => break,
            accepted = listener.accept() => {
                let (mut client, _) = accepted?;
                cx.spawn(async move { client.write_all(b"hello\n").await });
            }
        }
    }
    println!("web: closed");
    Ok(())
}

async fn ticker(cx: Context) -> Result<(), BoxError> {
    for tick in 1..=5 {
        sleep(Duration::from_millis(50)).await;
        if tick == 3 && cx.is_first() {
            return Err("the clock fell off the wall".into());
        }
        println!("ticker, run {}: tick {tick}", cx.run());
    }
    cx.handle().by("ticker").drain("enough for an example").await?;
    Ok(())
}

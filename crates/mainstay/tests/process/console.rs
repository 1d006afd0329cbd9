//! Viewers at the terminals of real children.

use super::{common, start, start_one};
use common::{calm, soon};
use mainstay::console::{Console, ConsoleError, ConsoleMode, Shown};
use mainstay::process::{Command, Streams};
use mainstay::{AskError, Handle, Standing, process};

const TERMINAL: Streams = Streams::Terminal { rows: 24, columns: 80 };

fn shell(line: &str) -> Command {
    Command::shell(line).output(TERMINAL)
}

async fn join(handle: &Handle, who: &str, mode: ConsoleMode) -> Console {
    soon(handle.console("x", who, mode)).await.expect("it has a terminal")
}

/// Reads on until the terminal has printed this; returns all that it printed, and how much was left out.
async fn printed(console: &mut Console, text: &str) -> (String, u64) {
    let (mut all, mut lost) = (Vec::new(), 0);
    while !String::from_utf8_lossy(&all).contains(text) {
        match soon(console.next()).await {
            Some(Shown::Bytes(bytes)) => all.extend(bytes),
            Some(Shown::Lost(bytes)) => lost += bytes,
            Some(Shown::Left(why)) => panic!("{why}, after {}", String::from_utf8_lossy(&all)),
            Some(_) => {}
            None => panic!("there is no more after {}", String::from_utf8_lossy(&all)),
        }
    }
    (String::from_utf8_lossy(&all).into_owned(), lost)
}

/// Reads on until this is told.
async fn told(console: &mut Console, is_it: impl Fn(&Shown) -> bool) -> Shown {
    loop {
        let shown = soon(console.next()).await.expect("it is told before the end");
        if is_it(&shown) {
            return shown;
        }
    }
}

/// Reads on until so many are here; returns their names.
async fn here(console: &mut Console, count: usize) -> Vec<String> {
    let is_it = |shown: &Shown| matches!(shown, Shown::Viewers(all) if all.len() == count);
    let Shown::Viewers(all) = told(console, is_it).await else { panic!("no viewers") };
    all.iter().map(|viewer| viewer.name.to_string()).collect()
}

#[tokio::test]
async fn those_who_are_there_see_the_same_and_know_of_each_other() {
    let (owner, handle) = start_one(shell("echo hello; exec cat"), |child| child);
    let mut alice = join(&handle, "alice", ConsoleMode::Type).await;
    printed(&mut alice, "hello\r\n").await;
    let mut bob = join(&handle, "bob", ConsoleMode::ReadOnly).await;
    assert_eq!(here(&mut alice, 2).await, ["alice", "bob"]);
    let viewers = bob.viewers();
    assert_eq!((viewers[1].number, viewers[1].mode), (bob.number(), ConsoleMode::ReadOnly));

    let (seen, _) = printed(&mut bob, "hello\r\n").await;
    assert_eq!(seen, "hello\r\n", "what was there before is shown again");
    bob.type_in(b"not me\n");
    told(&mut bob, |shown| *shown == Shown::Refused(7)).await;
    alice.type_in(b"typed\n");
    // Once as it is typed, and once as it is repeated.
    printed(&mut alice, "typed\r\ntyped\r\n").await;
    let (seen, lost) = printed(&mut bob, "typed\r\ntyped\r\n").await;
    assert!(!seen.contains("not me"));
    assert_eq!(lost, 0);
    alice.type_in(b"!\n");
    told(&mut alice, |shown| matches!(shown, Shown::Typed(bytes) if *bytes > 0)).await;

    drop(bob);
    assert_eq!(here(&mut alice, 1).await, ["alice"]);
    drop(owner);
    let left = told(&mut alice, |shown| matches!(shown, Shown::Left(_))).await;
    assert_eq!(left, Shown::Left("the tree has ended".into()));
    assert_eq!(alice.next().await, None);
}

#[tokio::test]
async fn a_console_stays_over_the_runs_of_its_child() {
    let (owner, handle) = start_one(shell("echo run; exec cat"), |child| child);
    let mut console = join(&handle, "alice", ConsoleMode::Type).await;
    printed(&mut console, "run\r\n").await;
    soon(handle.by("bob").restart("x", "to see")).await.expect("a restart");
    told(&mut console, |shown| *shown == Shown::Ended(1)).await;
    told(&mut console, |shown| *shown == Shown::Began(2)).await;
    printed(&mut console, "run\r\n").await;
    console.type_in(b"again\n");
    printed(&mut console, "again\r\nagain\r\n").await;

    soon(handle.by("bob").remove("x", "no more")).await.expect("a removal");
    let left = told(&mut console, |shown| matches!(shown, Shown::Left(_))).await;
    assert_eq!(left, Shown::Left("the child has left the tree".into()));
    drop(owner);
}

#[tokio::test]
async fn somebody_joins_before_the_child_has_ever_run() {
    let wait = "stty size; while read line; do stty size; done";
    let (owner, handle) = start_one(shell(wait), |child| child.on_demand(None));
    let mut console = join(&handle, "alice", ConsoleMode::Type).await;
    console.resize(50, 132);
    console.type_in(b"too early\n");
    told(&mut console, |shown| *shown == Shown::Refused(10)).await;
    soon(handle.demand("x")).await.expect("it starts");
    told(&mut console, |shown| *shown == Shown::Began(1)).await;
    console.type_in(b"\n");
    printed(&mut console, "50 132\r\n").await;
    drop(owner);
}

#[tokio::test]
async fn who_never_looks_holds_nobody_up_and_hears_what_it_missed() {
    // 400 KB in pieces that each wait for a line.
    let flood = "stty -echo; echo ready; while read line; do head -c 80000 /dev/zero | tr '\\0' z; \
                 echo \"<$line>\"; done";
    let (owner, handle) = start_one(shell(flood), |child| child);
    let mut readers = Vec::new();
    for name in ["a", "b", "c", "d"] {
        readers.push(join(&handle, name, ConsoleMode::Type).await);
    }
    let mut stalled = join(&handle, "e", ConsoleMode::Type).await;
    for reader in &mut readers {
        printed(reader, "ready\r\n").await;
    }
    for round in 0..5 {
        readers[round % 4].type_in(format!("{round}\n").as_bytes());
        for reader in &mut readers {
            let (seen, lost) = printed(reader, &format!("<{round}>\r\n")).await;
            assert_eq!((seen.len(), lost), (80_005, 0), "round {round}");
        }
    }
    // The keeper had its own 256 KiB for it, and 64 KiB were on their way.
    let (seen, lost) = printed(&mut stalled, "<4>\r\n").await;
    assert!(lost > 0);
    assert_eq!(seen.len() as u64 + lost, 400_025 + "ready\r\n".len() as u64);
    drop(owner);
}

#[tokio::test]
async fn what_a_child_does_not_read_is_refused_and_its_typist_told() {
    let deaf = "stty raw -echo; echo deaf; exec sleep 1000";
    let (owner, handle) = start_one(shell(deaf), |child| child);
    let mut typist = join(&handle, "alice", ConsoleMode::Type).await;
    let mut other = join(&handle, "bob", ConsoleMode::Type).await;
    printed(&mut typist, "deaf").await;
    printed(&mut other, "deaf").await;
    typist.type_in(&vec![b'x'; 1 << 20]);
    let refused = told(&mut typist, |shown| matches!(shown, Shown::Refused(_))).await;
    assert_eq!(refused, Shown::Refused((1 << 20) - Console::WINDOW));
    // The keeper keeps no more for all of them than for one.
    other.type_in(&vec![b'y'; 1 << 20]);
    let mut refused = 0;
    while refused <= (1 << 20) - Console::WINDOW {
        if let Shown::Refused(bytes) = soon(other.next()).await.expect("it is there") {
            refused += bytes;
        }
    }
    assert_eq!(soon(handle.child("x")).await.expect("it is there").standing, Standing::Ready);
    drop(owner);
}

#[tokio::test]
async fn who_cannot_join_hears_why_and_what_would_help() {
    let piped = process("piped", Command::new("cat"));
    let owner = start([calm("task"), piped]);
    let handle = owner.handle();
    let join = |path: &'static str| {
        let handle = handle.clone();
        async move { soon(handle.console(path, "alice", ConsoleMode::Type)).await }
    };
    let error = join("piped").await.expect_err("it has pipes");
    assert!(error.to_string().contains("piped has no terminal: `terminal: true`"), "{error}");
    let error = join("task").await.expect_err("it is a task");
    assert!(matches!(error, ConsoleError::NotAProcess { .. }), "{error}");
    let error = join("nobody").await.expect_err("it is not there");
    assert!(matches!(error, ConsoleError::Target(AskError::Unknown { .. })), "{error}");
    drop(owner);
}

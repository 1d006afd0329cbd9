//! Consoles beside a keeper that holds nothing: what it is asked for, and when.

use super::fake::{Fake, soon, start};
use crate::console::{Console, ConsoleMode, Shown};
use crate::process::{Command, Streams};
use crate::{Child, process};
use mainstay_wire::keeper::{Fact, Order, Report, Sequence};

fn child() -> Child {
    let streams = Streams::Terminal { rows: 24, columns: 80 };
    process("x", Command::new("x").output(streams)).on_demand(None)
}

async fn join(fake: &Fake) -> Console {
    let mut console =
        soon(fake.handle().console("x", "alice", ConsoleMode::Type)).await.expect("a console");
    assert!(matches!(soon(console.next()).await, Some(Shown::Viewers(_))));
    console
}

/// The next order asks for a terminal; returns for whom.
async fn attached(fake: &mut Fake) -> u64 {
    let order = fake.next().await;
    let Order::Attach { child, viewer, read_only: false } = &order else { panic!("{order:?}") };
    assert_eq!(&**child, "x");
    *viewer
}

fn nothing(fake: &Fake, viewer: u64) {
    fake.report(Report::Left { viewer, why: "there is no such child".into() });
}

#[tokio::test(start_paused = true)]
async fn a_terminal_is_asked_for_again_when_the_child_begins() {
    let mut fake = start([child()]);
    let mut console = join(&fake).await;
    let viewer = attached(&mut fake).await;
    nothing(&fake, viewer);
    soon(fake.handle().demand("x")).await.expect("it is there");
    let key = fake.starts().await;
    assert_eq!(attached(&mut fake).await, viewer);
    assert_eq!(soon(console.next()).await, Some(Shown::Began(key.run)));
    fake.report(Report::Screen { viewer, bytes: b"hello".to_vec(), lost: 0 });
    assert_eq!(soon(console.next()).await, Some(Shown::Bytes(b"hello".to_vec())));
    // What was taken lets more follow.
    assert_eq!(fake.next().await, Order::Shown { viewer, bytes: 5 });
    drop(console);
    assert_eq!(fake.next().await, Order::Detach(viewer));
    fake.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_comes_after_the_beginning_is_asked_about_once_more() {
    let mut fake = start([child()]);
    let mut console = join(&fake).await;
    let viewer = attached(&mut fake).await;
    soon(fake.handle().demand("x")).await.expect("it is there");
    let key = fake.starts().await;
    assert_eq!(soon(console.next()).await, Some(Shown::Began(key.run)));
    nothing(&fake, viewer);
    assert_eq!(attached(&mut fake).await, viewer);
    // It has said so of the live run: there is nothing to wait for.
    nothing(&fake, viewer);
    assert_eq!(soon(console.next()).await, Some(Shown::Left("there is no such child".into())));
    assert_eq!(soon(console.next()).await, None);
    fake.drain().await;
}

#[tokio::test(start_paused = true)]
async fn another_keeper_is_asked_for_everything_anew() {
    let mut fake = start([child()]);
    let mut console = join(&fake).await;
    let viewer = attached(&mut fake).await;
    console.resize(50, 132);
    let resize = Order::Resize { viewer, rows: 50, columns: 132 };
    assert_eq!(fake.next().await, resize);
    console.type_in(b"abc");
    assert_eq!(fake.next().await, Order::Type { viewer, bytes: b"abc".to_vec() });
    fake.report(Report::Hello {
        version: 1,
        pid: 7,
        brain: 0,
        seq: Sequence(0),
        kept: 0,
        inventories: 0,
        silence: None,
    });
    assert_eq!(attached(&mut fake).await, viewer);
    assert_eq!(fake.next().await, resize);
    assert_eq!(soon(console.next()).await, Some(Shown::Gap));
    // Nobody answers for what was typed before: all of the window is free again.
    console.type_in(&vec![b'x'; 64 * 1024]);
    for _ in 0..4 {
        assert!(matches!(fake.next().await, Order::Type { bytes, .. } if bytes.len() == 16 * 1024));
    }
    console.type_in(b"y");
    assert_eq!(soon(console.next()).await, Some(Shown::Refused(1)));
    fake.report(Report::Typed { viewer, taken: 10, refused: 0 });
    assert_eq!(soon(console.next()).await, Some(Shown::Typed(10)));
    fake.drain().await;
}

#[tokio::test(start_paused = true)]
async fn who_never_looks_has_a_bounded_store() {
    let mut fake = start([child()]);
    let mut console = join(&fake).await;
    let viewer = attached(&mut fake).await;
    soon(fake.handle().demand("x")).await.expect("it is there");
    let key = fake.starts().await;
    for _ in 0..1_000 {
        let ended = super::fake::ended(mainstay_wire::keeper::Status::Code(1));
        fake.say(Fact::Ended { key: key.clone(), ended });
    }
    fake.report(Report::Screen { viewer, bytes: b"last".to_vec(), lost: 3 });
    let mut told = Vec::new();
    while told.last() != Some(&Shown::Bytes(b"last".to_vec())) {
        told.push(soon(console.next()).await.expect("it goes on"));
    }
    assert_eq!(told.len(), 64 + 2, "64 ends, what is missing, and the bytes");
    fake.drain().await;
}

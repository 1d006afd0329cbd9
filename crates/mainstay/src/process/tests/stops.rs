//! How runs are ended.

use super::fake::{Fake, start};
use crate::process::{Command, Ready, Stdin, StopStep};
use crate::{Child, Standing, process};
use mainstay_wire::keeper::{Fact, Key, Order, Status, Whom};
use std::time::Duration;
use tokio::time::Instant;

async fn stopped(child: Child) -> (Fake, Key) {
    let mut fake = start([child]);
    let key = fake.starts().await;
    fake.is("x", Standing::Ready).await;
    fake.handle().by("me").stop("x", "enough").await.expect("it is asked");
    (fake, key)
}

#[tokio::test(start_paused = true)]
async fn steps_are_taken_in_turn_and_then_force() {
    let command = Command::new("x")
        .stdin(Stdin::Pipe)
        .stop(StopStep::message("quit\n").within(Duration::from_secs(3)))
        .stop(StopStep::command(["x-ctl", "stop"]).within(Duration::from_secs(5)))
        .stop(StopStep::signal("INT").to_all().within(Duration::from_secs(7)));
    let (mut fake, key) = stopped(process("x", command)).await;
    let begun = Instant::now();
    let input = Order::Input { key: key.clone(), bytes: b"quit\n".to_vec(), close: false };
    assert_eq!(fake.next().await, input);
    let Order::Execute { ticket, command, timeout, .. } = fake.next().await else {
        panic!("a command is run")
    };
    assert_eq!((command.len(), timeout), (2, Duration::from_secs(5)));
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
    let output = "cannot connect".into();
    let status = Some(Status::Code(1));
    fake.say(Fact::Done { key: key.clone(), ticket, status, output, error: None });
    let signal = Order::Signal { key: key.clone(), signal: 2, whom: Whom::All };
    assert_eq!(fake.next().await, signal);
    let view = fake.handle().child("x").await.expect("it is there");
    let trouble = view.process.and_then(|process| process.trouble.clone());
    let expected = "the command that is to stop it ended with exit code 1: cannot connect";
    assert_eq!(trouble.as_deref(), Some(expected));
    assert_eq!(fake.next().await, Order::Kill(key.clone()));
    assert_eq!(begun.elapsed(), Duration::from_secs(15));
    fake.ends(&key, Status::Signal { signal: 9, core: false });
    let view = fake.is("x", Standing::Down).await;
    assert!(view.last.expect("it has run").forced);
}

#[tokio::test(start_paused = true)]
async fn the_main_process_is_asked_and_of_a_shell_line_all_are() {
    for (command, whom) in [
        (Command::new("x"), Whom::Main),
        (Command::shell("a | b"), Whom::All),
        (Command::shell("exec a").stop(StopStep::signal("TERM")), Whom::Main),
    ] {
        let (mut fake, key) = stopped(process("x", command)).await;
        assert_eq!(fake.next().await, Order::Signal { key: key.clone(), signal: 15, whom });
        fake.ends(&key, Status::Signal { signal: 15, core: false });
        fake.is("x", Standing::Down).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_child_may_say_otherwise_about_graces() {
    let command = || {
        Command::new("x")
            .stop(StopStep::signal("INT").within(Duration::from_secs(3)))
            .stop(StopStep::signal("TERM").unbounded())
    };
    let (mut fake, _) = stopped(process("x", command()).stop_within(Duration::from_secs(1))).await;
    let begun = Instant::now();
    assert!(matches!(fake.next().await, Order::Signal { signal: 2, .. }));
    assert!(matches!(fake.next().await, Order::Kill(_)), "the first step alone");
    assert_eq!(begun.elapsed(), Duration::from_secs(1));

    let (mut fake, _) = stopped(process("x", command()).abort_at_once()).await;
    assert!(matches!(fake.next().await, Order::Kill(_)));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_become_ready_is_ended_by_its_own_steps() {
    let command = Command::new("x").ready(Ready::line("listening")).stop(StopStep::signal("QUIT"));
    let mut fake = start([process("x", command).ready_within(Duration::from_secs(20))]);
    let begun = Instant::now();
    let key = fake.starts().await;
    assert!(matches!(fake.next().await, Order::Signal { signal: 3, .. }));
    assert_eq!(begun.elapsed(), Duration::from_secs(20));
    fake.ends(&key, Status::Signal { signal: 3, core: true });
    let view = fake.is("x", Standing::Waiting).await;
    assert_eq!(view.last.map(|last| last.cause), Some(crate::Cause::ReadyTimeout));
}

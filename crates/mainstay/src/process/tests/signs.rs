//! What a run says of itself, and what is asked of it.

use super::fake::{Fake, find, soon, start};
use crate::process::{Access, Command, Probe, Ready, Reload};
use crate::{Cause, Event, Standing, View, process};
use mainstay_wire::keeper::{Fact, Key, Notice, Order, Status, Whence};
use std::error::Error as _;
use std::time::Duration;

const SEC: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn it_is_ready_when_it_says_so() {
    let table = [
        (Ready::Notify, Whence::Notify),
        (Ready::Fd(7), Whence::Fd),
        (Ready::line("up*"), Whence::Line),
    ];
    for (ready, whence) in table {
        let mut fake = start([process("x", Command::new("x").ready(ready.clone()))]);
        let (key, what) = fake.started().await;
        assert_eq!(what.notify.is_some(), ready == Ready::Notify);
        fake.say(Fact::Started { key: key.clone(), pid: 1, began: 0, contain: "".into() });
        fake.is("x", Standing::Up).await;
        fake.notice(&key, Notice::Ready(whence));
        fake.is("x", Standing::Ready).await;
        fake.drain().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_is_asked_for_and_heard() {
    let mut fake = start([process("x", Command::new("x")).heartbeat(2 * SEC, 3)]);
    let (key, what) = fake.started().await;
    assert_eq!(what.watchdog, Some(6 * SEC));
    assert!(what.notify.is_some(), "it needs somewhere to send it");
    fake.say(Fact::Started { key: key.clone(), pid: 1, began: 0, contain: "".into() });
    for _ in 0..10 {
        tokio::time::sleep(5 * SEC).await;
        fake.notice(&key, Notice::Beat);
    }
    let begun = tokio::time::Instant::now();
    assert!(matches!(fake.next().await, Order::Signal { signal: 15, .. }));
    assert_eq!(begun.elapsed(), 6 * SEC);
    fake.ends(&key, Status::Code(0));
    let view = fake.is("x", Standing::Waiting).await;
    assert_eq!(view.last.map(|last| last.cause), Some(Cause::HeartbeatLost));
}

#[tokio::test(start_paused = true)]
async fn a_watchdog_that_is_triggered_aborts_it() {
    let mut fake = start([process("x", Command::new("x")).heartbeat(SEC, 5)]);
    let key = fake.starts().await;
    fake.is("x", Standing::Ready).await;
    fake.notice(&key, Notice::Trigger);
    assert!(matches!(fake.next().await, Order::Signal { signal: 6, .. }));
    // It catches the signal and goes on as if nothing were: its beats are not believed any more.
    fake.notice(&key, Notice::Beat);
    assert!(matches!(fake.next().await, Order::Signal { signal: 15, .. }));
    fake.ends(&key, Status::Signal { signal: 15, core: false });
    let view = fake.is("x", Standing::Waiting).await;
    assert_eq!(view.last.map(|last| last.cause), Some(Cause::HeartbeatLost));
}

#[tokio::test(start_paused = true)]
async fn it_says_itself_how_long_its_silence_may_be() {
    // With a declared heartbeat, and where none is: what it says; after how long it is lost.
    let table = [
        (Some(2 * SEC), 20 * SEC, Some(20 * SEC)),
        (Some(20 * SEC), SEC, Some(SEC)),
        (Some(2 * SEC), Duration::ZERO, None),
        (None, 3 * SEC, Some(3 * SEC)),
    ];
    for (declared, within, lost) in table {
        let mut child = process("x", Command::new("x").notify(Access::Main));
        if let Some(every) = declared {
            child = child.heartbeat(every, 1);
        }
        let mut fake = start([child]);
        let key = fake.starts().await;
        fake.is("x", Standing::Ready).await;
        let begun = tokio::time::Instant::now();
        fake.notice(&key, Notice::Watchdog(within));
        let is_said = |view: &View| !view.process.as_ref().is_some_and(|it| it.said.is_empty());
        let view = soon(fake.handle().wait_until("x", is_said)).await.expect("it is there");
        let said = view.process.expect("it is a process").said["WATCHDOG_USEC"].to_string();
        assert_eq!(said, within.as_micros().to_string(), "{declared:?}");
        let Some(lost) = lost else {
            // It is never lost: what comes next is the drain.
            tokio::time::sleep(3_600 * SEC).await;
            fake.is("x", Standing::Ready).await;
            fake.drain().await;
            continue;
        };
        assert!(matches!(fake.next().await, Order::Signal { signal: 15, .. }));
        assert_eq!(begun.elapsed(), lost, "{declared:?}");
        fake.ends(&key, Status::Code(0));
        let view = fake.is("x", Standing::Waiting).await;
        assert_eq!(view.last.map(|last| last.cause), Some(Cause::HeartbeatLost));
    }
}

#[tokio::test(start_paused = true)]
async fn a_watchdog_is_triggered_where_none_is_declared() {
    let mut fake = start([process("x", Command::new("x").notify(Access::Main))]);
    let key = fake.starts().await;
    fake.is("x", Standing::Ready).await;
    fake.notice(&key, Notice::Trigger);
    assert!(matches!(fake.next().await, Order::Signal { signal: 6, .. }));
    // It does not end of it.
    fake.notice(&key, Notice::Watchdog(3_600 * SEC));
    assert!(matches!(fake.next().await, Order::Signal { signal: 15, .. }));
    fake.ends(&key, Status::Code(0));
    let view = fake.is("x", Standing::Waiting).await;
    assert_eq!(view.last.map(|last| last.cause), Some(Cause::HeartbeatLost));
}

#[tokio::test(start_paused = true)]
async fn what_nothing_comes_of_is_shown_until_its_next_run() {
    let mut fake = start([process("x", Command::new("x")).optional()]);
    let key = fake.starts().await;
    let word = |name: &str, value: &str| Notice::Word { name: name.into(), value: value.into() };
    fake.notice(&key, word("BUSERROR", "org.example.Failed"));
    fake.notice(&key, word("EXIT_STATUS", "3"));
    fake.notice(&key, word("EXIT_STATUS", "4"));
    for number in 0..100 {
        fake.notice(&key, word(&format!("X_{number}"), "1"));
    }
    fake.notice(&key, Notice::Errno(2));
    let is_told = |view: &View| view.process.as_ref().is_some_and(|it| it.trouble.is_some());
    let view = soon(fake.handle().wait_until("x", is_told)).await.expect("it is there");
    let said = &view.process.expect("it is a process").said;
    assert_eq!((&*said["BUSERROR"], &*said["EXIT_STATUS"]), ("org.example.Failed", "4"));
    assert_eq!(said.len(), 32, "it is bounded");
    // It has no error any more.
    fake.notice(&key, Notice::Errno(0));
    let is_well = |view: &View| view.process.as_ref().is_some_and(|it| it.trouble.is_none());
    soon(fake.handle().wait_until("x", is_well)).await.expect("it is there");
    fake.ends(&key, Status::Code(1));
    fake.starts().await;
    let view = fake.is("x", Standing::Ready).await;
    assert!(view.process.is_some_and(|process| process.said.is_empty()));
    fake.drain().await;
}

#[tokio::test(start_paused = true)]
async fn what_it_says_is_shown() {
    let mut fake = start([process("x", Command::new("x"))]);
    let key = fake.starts().await;
    fake.notice(&key, Notice::Status("migrating 3 of 7".into()));
    fake.notice(&key, Notice::Main(4711));
    fake.notice(&key, Notice::Stored(2));
    fake.notice(&key, Notice::Errno(13));
    fake.say(Fact::Dropped { key: key.clone(), lines: 5, bytes: 100 });
    fake.say(Fact::Dropped { key: key.clone(), lines: 6, bytes: 100 });
    let is_all = |view: &View| view.process.as_ref().is_some_and(|process| process.dropped == 11);
    let view = soon(fake.handle().wait_until("x", is_all)).await.expect("it is there");
    let process = view.process.expect("it is a process");
    assert_eq!(process.status.as_deref(), Some("migrating 3 of 7"));
    assert_eq!((process.pid, process.stored), (Some(4711), 2));
    assert_eq!(
        process.trouble.as_deref(),
        Some("it says that it has an error: EACCES (13), permission denied")
    );
    let what = "cannot write its log /x".to_owned();
    fake.say(Fact::Trouble { child: "x".into(), what, error: 28 });
    let expected = "cannot write its log /x: no space left on device";
    let is_told = |view: &View| {
        view.process.as_ref().is_some_and(|process| process.trouble.as_deref() == Some(expected))
    };
    soon(fake.handle().wait_until("x", is_told)).await.expect("it is there");
    fake.drain().await;
}

#[tokio::test(start_paused = true)]
async fn it_may_ask_for_more_time_and_for_forgiveness() {
    let command = Command::new("x").ready(Ready::Notify);
    let mut fake = start([process("x", command).ready_within(10 * SEC).optional()]);
    let first = fake.starts().await;
    fake.ends(&first, Status::Code(1));
    let key = fake.starts().await;
    fake.is("x", Standing::Up).await;
    fake.notice(&key, Notice::Extend(60 * SEC));
    tokio::time::sleep(50 * SEC).await;
    fake.notice(&key, Notice::Ready(Whence::Notify));
    fake.is("x", Standing::Ready).await;

    let used = "1 of 10 used";
    let why = fake.handle().explain("x").await.expect("it is there").to_string();
    assert!(why.contains(used), "{why}");
    let mut events = fake.handle().events();
    fake.notice(&key, Notice::ResetRestarts);
    let is_command =
        |event: &Event| matches!(event, Event::Commanded { .. } | Event::Refused { .. });
    let said = find(&mut events, is_command).await.event;
    let Event::Commanded { who, verb, changed: true, .. } = said else { panic!("{said:?}") };
    assert_eq!((&*who, verb), ("x#2", "reset"));
    let why = fake.handle().explain("x").await.expect("it is there").to_string();
    assert!(why.contains("0 of 10 used"), "{why}");
    fake.drain().await;
}

/// Asks it to reload, and waits until that is stated.
async fn reload(fake: &Fake) {
    fake.handle().by("me").reload("x", "new settings").await.expect("it is asked");
}

async fn reloaded(fake: &Fake, from: u64) {
    let mut events = fake.handle().events_from(from);
    find(&mut events, |event| matches!(event, Event::Reloaded { done: true, .. })).await;
}

async fn running(command: Command) -> (Fake, Key) {
    let mut fake = start([process("x", command)]);
    let key = fake.starts().await;
    fake.notice(&key, Notice::Ready(Whence::Notify));
    fake.is("x", Standing::Ready).await;
    (fake, key)
}

#[tokio::test(start_paused = true)]
async fn it_reloads_by_a_signal_by_notices_or_by_a_command() {
    let (mut fake, _) = running(Command::new("x").reload(Reload::signal("USR1"))).await;
    reload(&fake).await;
    assert!(matches!(fake.next().await, Order::Signal { signal: 10, .. }));
    fake.drain().await;

    let (mut fake, key) = running(Command::new("x").reload(Reload::notify("HUP"))).await;
    reload(&fake).await;
    assert!(matches!(fake.next().await, Order::Signal { signal: 1, .. }));
    fake.notice(&key, Notice::Reloading(None));
    fake.handle().status().await.expect("it was heard");
    fake.notice(&key, Notice::Ready(Whence::Notify));
    reloaded(&fake, 1).await;
    // Both at once say the same.
    let from = fake.handle().counts().events + 1;
    fake.notice(&key, Notice::Reloading(None));
    fake.notice(&key, Notice::Ready(Whence::Notify));
    reloaded(&fake, from).await;
    fake.drain().await;

    let (mut fake, key) = running(Command::new("x").reload(Reload::command(["x", "-s"]))).await;
    reload(&fake).await;
    let Order::Execute { ticket, .. } = fake.next().await else { panic!("a command is run") };
    let status = Some(Status::Code(0));
    fake.say(Fact::Done { key, ticket, status, output: "".into(), error: None });
    reloaded(&fake, 1).await;
    fake.drain().await;

    let (fake, _) = running(Command::new("x")).await;
    let refused = fake.handle().by("me").reload("x", "new settings").await;
    let error = refused.expect_err("nothing says how").source().map(ToString::to_string);
    let expected =
        "nothing says how it is told to read its settings again: say `reload`, or restart it";
    assert_eq!(error.as_deref(), Some(expected));
    fake.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_command_probes_it() {
    let probe = Probe::exec(["x-ctl", "ready"]).every(5 * SEC).timeout(2 * SEC).failures(2);
    let mut fake = start([process("x", Command::new("x").probe(probe))]);
    let (key, handle) = (fake.starts().await, fake.handle());
    let mut answer = async |code: Option<i32>| {
        let Order::Execute { ticket, timeout, .. } = fake.next().await else {
            panic!("a command is run")
        };
        assert_eq!(timeout, 2 * SEC);
        let (key, status) = (key.clone(), code.map(Status::Code));
        fake.say(Fact::Done { key, ticket, status, output: "no\n".into(), error: None });
    };
    answer(Some(1)).await;
    answer(Some(0)).await;
    answer(None).await;
    let expected = "its probe 0 failed: took too long and was killed: no";
    let says_so = |view: &View| {
        view.process.as_ref().is_some_and(|process| process.trouble.as_deref() == Some(expected))
    };
    soon(handle.wait_until("x", says_so)).await.expect("its trouble is told");
    answer(Some(0)).await;
    let mut answered = Vec::new();
    let mut events = fake.handle().events_from(1);
    while answered.len() < 4 {
        let event = find(&mut events, |event| matches!(event, Event::Probed { .. })).await.event;
        if let Event::Probed { ok, .. } = event {
            answered.push(ok);
        }
    }
    assert_eq!(answered, [false, true, false, true]);
    let view = fake.is("x", Standing::Ready).await;
    let trouble = view.process.and_then(|process| process.trouble.clone());
    assert_eq!(trouble, None, "the probe has answered since");
    fake.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_notices_takes_one_place() {
    let mut lane = process::Lane::default();
    let key = Key { child: "x".into(), run: 1 };
    for number in 0..100_000 {
        let at = mainstay_core::Moment::from_nanos(number);
        for notice in [
            Notice::Beat,
            Notice::Status(format!("{number}").into()),
            Notice::Reloading(None),
            Notice::Ready(Whence::Notify),
            Notice::Word { name: "X_A".into(), value: "b".into() },
        ] {
            let seq = mainstay_wire::keeper::Sequence(number);
            let fact = Fact::Said { key: key.clone(), notice };
            lane.report(at, mainstay_wire::keeper::Report::Fact { seq, at: SEC, fact });
        }
        let seq = mainstay_wire::keeper::Sequence(number);
        let fact = Fact::Demand("y".into());
        lane.report(at, mainstay_wire::keeper::Report::Fact { seq, at: SEC, fact });
    }
    assert_eq!((lane.runs.len(), lane.children.len(), lane.answers.len()), (1, 1, 0));
    assert_eq!(lane.runs[0].notices.status, Some("99999".into()));
}

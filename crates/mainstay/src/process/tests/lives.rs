//! Runs from start to end.

use super::fake::{ended, find, soon, start};
use crate::process::link::{Link, Source, Tell};
use crate::process::{Command, Socket};
use crate::{Cause, Event, Standing, StartStep, need, process, task, tree};
use mainstay_core::{RunId, spec};
use mainstay_wire::keeper::{Ended, Fact, Lost, Order, StartError, Status, Step, Usage};
use std::io;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_process_is_started_as_it_is_declared_and_run_again_when_it_fails() {
    let command = Command::new("web").arg("--port").env("A", "1").env("A", "2").clean_env();
    let mut fake = start([process("web", command)]);
    let (key, what) = fake.started().await;
    assert_eq!((key.to_string(), what.command.len()), ("web#1".into(), 2));
    assert_eq!(what.environment.set, [("A".into(), "2".into())]);
    assert_eq!(what.environment.inherit, []);
    assert_eq!(what.death_signal, Some(15), "nobody would find it again");

    fake.say(Fact::Started { key: key.clone(), pid: 7, began: 0, contain: "cgroup".into() });
    let view = fake.is("web", Standing::Ready).await;
    let seen = view.process.expect("it is a process");
    assert_eq!((seen.pid, seen.contain.as_deref()), (Some(7), Some("cgroup")));

    let last = vec!["a".into(), "no port\n".into()];
    let usage = Usage { memory: 5, ..Usage::default() };
    let end = Ended { last, usage, ..ended(Status::Code(3)) };
    fake.say(Fact::Ended { key, ended: end });
    let view = fake.is("web", Standing::Waiting).await;
    let cause = view.last.as_ref().map(|last| (last.cause.to_string(), last.detail.clone()));
    assert_eq!(cause, Some(("failed with exit code 3".into(), Some("a | no port".into()))));
    let seen = view.process.expect("it is a process");
    assert_eq!((seen.pid, seen.used.memory, seen.last.len()), (None, 5, 2));

    assert_eq!(fake.starts().await.run, 2);
    fake.is("web", Standing::Ready).await;
    let report = fake.drain().await;
    assert_eq!((report.code(), report.lines[0].how), (0, Some(Cause::Stopped)));
}

#[tokio::test(start_paused = true)]
async fn each_end_of_a_process_is_judged() {
    use mainstay_core::Class;
    let failed = |code| Cause::Failed { code: Some(code), class: Class::Plain };
    let never = |step, error| Status::NotStarted(StartError { step, about: "x".into(), error });
    let table = [
        (Status::Code(0), Cause::Completed),
        (Status::Code(1), failed(1)),
        (Status::Code(9), Cause::Completed),
        (Status::Signal { signal: 11, core: true }, Cause::Signaled { signal: 11, core: true }),
        (Status::Signal { signal: 10, core: false }, Cause::Completed),
        (Status::Signal { signal: 24, core: false }, Cause::OverLimit),
        (Status::Signal { signal: 25, core: true }, Cause::OverLimit),
        (
            never(Step::FindProgram, 2),
            Cause::StartFailed { step: StartStep::Program, mendable: false },
        ),
        (never(Step::Clone, 11), Cause::StartFailed { step: StartStep::Exec, mendable: true }),
    ];
    for (status, expected) in table {
        let command = Command::new("x").success_code(9).success_signal("USR1");
        let mut fake = start([process("x", command).once()]);
        let key = fake.starts().await;
        fake.ends(&key, status.clone());
        let view = fake.is("x", Standing::Down).await;
        assert_eq!(view.last.map(|last| last.cause), Some(expected), "{status:?}");
        fake.drain().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_kernel_did_and_what_nobody_saw_is_told() {
    let mut fake = start([process("x", Command::new("x")).once()]);
    let key = fake.starts().await;
    let end = Ended { out_of_memory: true, ..ended(Status::Signal { signal: 9, core: false }) };
    fake.say(Fact::Ended { key, ended: end });
    let view = fake.is("x", Standing::Down).await;
    assert_eq!(view.last.map(|last| last.cause), Some(Cause::OutOfMemory));

    fake.handle().by("me").start("x", "again").await.expect("it starts");
    let key = fake.starts().await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    // By the keeper's clock it is second 1000 now.
    let (from, to) = (Duration::from_secs(995), Duration::from_secs(999));
    fake.ends(&key, Status::Unseen { from, to });
    let is_second = |view: &crate::View| view.runs == 2 && view.standing == Standing::Down;
    let view = soon(fake.handle().wait_until("x", is_second)).await.expect("it ends");
    let last = view.last.expect("it has run");
    let Cause::Unknown { from, to } = last.cause else { panic!("{:?}", last.cause) };
    assert_eq!(last.ended.since(from), Duration::from_secs(5));
    assert_eq!(last.ended.since(to), Duration::from_secs(1));
    fake.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_program_that_is_not_there_opens_the_breaker_at_once() {
    let mut fake = start([process("redis", Command::new("redis-serve")).optional()]);
    let (key, _) = fake.started().await;
    let error = StartError { step: Step::FindProgram, about: "redis-serve".into(), error: 2 };
    fake.ends(&key, Status::NotStarted(error));
    fake.is("redis", Standing::Waiting).await;
    let why = fake.handle().explain("redis").await.expect("it is there").to_string();
    assert!(
        why.contains("looking for the program `redis-serve`: no such file or directory"),
        "{why}"
    );
    assert!(why.contains("breaker is open"), "{why}");
    fake.drain().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_keeper_a_start_fails_and_is_tried_again() {
    let mut declared = tree().child(process("x", Command::new("x")));
    let open = |_: Option<&str>, _: Tell| -> io::Result<Box<dyn Link>> {
        Err(io::Error::from_raw_os_error(24))
    };
    declared.whole.keeper = Source { open: Arc::new(open), ..Source::default() };
    let owner = declared.start().expect("a valid tree");
    let view =
        soon(owner.handle().wait_until("x", |view| view.runs == 3)).await.expect("it is there");
    let last = view.last.expect("it was tried");
    assert_eq!(last.cause, Cause::StartFailed { step: StartStep::Connect, mendable: true });
    let detail = last.detail.expect("it says why");
    assert!(
        detail.starts_with("the keeper of its process cannot start: Too many open files"),
        "{detail}"
    );
    owner.drain("over").await;
}

#[tokio::test(start_paused = true)]
async fn tasks_and_processes_need_each_other_in_one_tree() {
    let ready = async |cx: crate::Context| {
        cx.ready();
        cx.stopped().await;
    };
    let mut fake = start([
        process("db", Command::new("db")).needs("migrate"),
        task("migrate", ready).ready_within(Duration::from_secs(9)),
        task("web", ready).needs(need("db").on_restart(spec::OnRestart::Restart)),
    ]);
    let key = fake.starts().await;
    fake.is("web", Standing::Ready).await;
    fake.ends(&key, Status::Signal { signal: 9, core: false });
    fake.starts().await;
    let again = |view: &crate::View| view.runs == 2 && view.standing == Standing::Ready;
    soon(fake.handle().wait_until("web", again)).await.expect("it runs again");
    let mut events = fake.handle().events_from(1);
    let report = fake.drain().await;
    assert_eq!(report.code(), 0);
    // Who needs goes first; of the root, whose end it is, more is said than that.
    let mut stopped = Vec::new();
    while stopped.last().is_none_or(|path| path != "migrate") {
        let record = find(&mut events, |event| matches!(event, Event::Stopping { .. })).await;
        stopped.push(record.path.to_string());
    }
    assert_eq!(stopped, ["web", "/", "web", "db", "migrate"]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_starts_what_rests_and_one_in_vain_is_looked_at_again() {
    let command = Command::new("web").socket(Socket::tcp("http", "127.0.0.1:0"));
    let mut fake = start([process("web", command).on_demand(None)]);
    let listens = |order: &Order| matches!(order, Order::Listen { demand: true, .. });
    assert!(listens(&fake.next().await), "the sockets stand open before it ever runs");
    fake.say(Fact::Listening { child: "web".into(), addresses: vec!["127.0.0.1:4711".into()] });
    let has_address =
        |view: &crate::View| view.process.as_ref().is_some_and(|p| p.addresses.len() == 1);
    soon(fake.handle().wait_until("web", has_address)).await.expect("it listens");

    let me = fake.handle().by("me");
    me.pause("web", "maintenance").await.expect("it is paused");
    fake.say(Fact::Demand("web".into()));
    fake.handle().status().await.expect("it was heard");
    me.resume("web", "maintenance is over").await.expect("it goes on");
    // What comes next depends on whether the wish was kept, so the keeper looks again only where it was not.
    let next = fake.next().await;
    let key = if listens(&next) {
        fake.say(Fact::Demand("web".into()));
        fake.starts().await
    } else {
        let Order::Start { key, .. } = next else { panic!("{next:?}") };
        fake.say(Fact::Started { key: key.clone(), pid: 1, began: 0, contain: "".into() });
        key
    };
    fake.is("web", Standing::Ready).await;
    fake.ends(&key, Status::Code(0));
    fake.is("web", Standing::Down).await;
    fake.drain().await;
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_keeper_left_counts_as_started_and_ready() {
    use crate::process::Ready;
    let mut fake = start([process("db", Command::new("db").ready(Ready::Notify))]);
    let (key, _) = fake.started().await;
    fake.say(Fact::Adopted { key, pid: 42, began: 7 });
    let view = fake.is("db", Standing::Ready).await;
    assert_eq!(view.process.expect("it is a process").pid, Some(42));
    fake.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_outlives_force_is_named_until_it_is_gone() {
    let mut fake = start([process("x", Command::new("x"))]);
    let first = fake.starts().await;
    fake.is("x", Standing::Ready).await;
    let me = fake.handle().by("me");
    me.stop("x", "enough").await.expect("it is asked");
    assert!(matches!(fake.next().await, Order::Signal { signal: 15, .. }));
    assert!(matches!(fake.next().await, Order::Kill(_)));
    let left = vec![Lost { pid: 9, name: "x".into() }];
    fake.say(Fact::Outlived { key: first.clone(), left });
    let view = fake.is("x", Standing::Abandoned).await;
    let trouble = view.process.and_then(|process| process.trouble.clone());
    assert_eq!(trouble.as_deref(), Some("force did not end 9 x"));

    me.start_over("x", "I know").await.expect("it starts beside it");
    assert_eq!(fake.starts().await.run, 2);
    fake.is("x", Standing::Ready).await;
    assert_eq!(fake.handle().health().degraded, 1, "the first still lives");
    fake.ends(&first, Status::Signal { signal: 9, core: false });
    fake.handle().status().await.expect("it was heard");
    fake.notice(&first, mainstay_wire::keeper::Notice::Beat);
    let view = fake.is("x", Standing::Ready).await;
    assert_eq!((view.run, fake.handle().health().degraded), (Some(RunId(2)), 0));
    assert_eq!(fake.drain().await.abandoned().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_comes_back_under_its_name_is_another_one_to_the_keeper() {
    let mut fake = start([process("x", Command::new("x"))]);
    let first = fake.starts().await;
    fake.is("x", Standing::Ready).await;
    let me = fake.handle().by("me");
    me.remove("x", "not needed").await.expect("it is removed");
    assert!(matches!(fake.next().await, Order::Signal { .. }));
    assert!(matches!(fake.next().await, Order::Kill(_)));
    assert!(matches!(fake.next().await, Order::Forget(name) if &*name == "x"));
    me.add("", process("x", Command::new("y")), "needed after all").await.expect("it is added");
    let second = fake.starts().await;
    assert_eq!((first.to_string(), second.to_string()), ("x#1".into(), "x~2#1".into()));
    fake.ends(&first, Status::Signal { signal: 9, core: false });
    assert!(matches!(fake.next().await, Order::Forget(name) if &*name == "x"));
    fake.is("x", Standing::Ready).await;
    fake.drain().await;
}

#[tokio::test(start_paused = true)]
async fn the_keeper_leaves_with_its_tree() {
    let mut fake = start([process("x", Command::new("x"))]);
    let key = fake.starts().await;
    fake.is("x", Standing::Ready).await;
    drop(fake.owner.take());
    assert!(matches!(fake.next().await, Order::Signal { signal: 15, .. }), "it drains first");
    fake.ends(&key, Status::Code(0));
    assert_eq!(fake.next().await, Order::Leave { kill: true });
}

//! Readiness, signs of life, reloads.

use crate::common::{find, soon};
use crate::{pid, puppet, stands, start_one};
use mainstay::process::{Probe, Ready, Reload};
use mainstay::{Cause, Event, Standing};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

#[tokio::test]
async fn it_is_ready_when_it_says_so() {
    for (command, ready) in [
        (puppet(["notify:READY=1\\nSTATUS=all well", "hang"]), Ready::Notify),
        (puppet(["notify-fd", "hang"]), Ready::Fd(5)),
    ] {
        let (owner, handle) = start_one(command.ready(ready), |child| child);
        stands(&handle, "x", Standing::Ready).await;
        owner.drain("over").await;
    }
}

#[tokio::test]
async fn who_does_not_become_ready_in_time_has_failed() {
    let (owner, handle) =
        start_one(puppet(["hang"]).ready(Ready::Notify), |child| child.ready_within(50 * MS));
    let view = soon(handle.wait_until("x", |view| view.last.is_some())).await.expect("it ends");
    assert_eq!(view.last.map(|last| last.cause), Some(Cause::ReadyTimeout));
    owner.drain("over").await;
}

#[tokio::test]
async fn what_it_says_is_shown() {
    let command = puppet(["notify:READY=1", "notify:STATUS=3 of 7\\nERRNO=13", "hang"]);
    let (owner, handle) = start_one(command.ready(Ready::Notify), |child| child);
    let is_said = |view: &mainstay::View| {
        let process = view.process.as_ref();
        process.is_some_and(|process| process.status.as_deref() == Some("3 of 7"))
    };
    soon(handle.wait_until("x", is_said)).await.expect("it says so");
    owner.drain("over").await;
}

#[tokio::test]
async fn a_heartbeat_keeps_it_and_its_loss_ends_it() {
    // It beats for as long as it has a mind to, and then hangs.
    let command = puppet(["heartbeat:5:20", "hang"]);
    let (owner, handle) = start_one(command, |child| child.heartbeat(100 * MS, 2));
    let view = soon(handle.wait_until("x", |view| view.last.is_some())).await.expect("it ends");
    let last = view.last.expect("it has run");
    assert_eq!(last.cause, Cause::HeartbeatLost);
    assert!(last.ended.since(last.began) > 250 * MS, "it was believed while it beat");
    owner.drain("over").await;
}

#[tokio::test]
async fn a_command_probes_it_in_its_place() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let flag = folder.path().join("up");
    let check = format!("test \"$A\" = 1 && test -e {}", flag.display());
    let probe =
        Probe::exec(["/bin/sh", "-c", &check]).every(20 * MS).timeout(Duration::from_secs(20));
    let command = puppet(["hang"]).env("A", "1").probe(probe);
    let (owner, handle) = start_one(command, |child| child);
    let mut events = handle.events_from(1);
    find(&mut events, |record| matches!(record.event, Event::Probed { ok: false, .. })).await;
    assert_eq!(handle.child("x").await.expect("it is there").standing, Standing::Up);
    std::fs::write(&flag, "").expect("a file is made");
    stands(&handle, "x", Standing::Ready).await;
    std::fs::remove_file(&flag).expect("it is taken away");
    stands(&handle, "x", Standing::Up).await;
    owner.drain("over").await;
}

#[tokio::test]
async fn a_liveness_probe_that_fails_ends_it() {
    let probe = Probe::exec(["/bin/false"]).liveness().every(10 * MS).failures(2);
    let (owner, handle) = start_one(puppet(["hang"]).probe(probe), |child| child);
    let view = soon(handle.wait_until("x", |view| view.last.is_some())).await.expect("it ends");
    assert_eq!(view.last.map(|last| last.cause), Some(Cause::ProbeFailed));
    owner.drain("over").await;
}

#[tokio::test]
async fn it_reads_its_settings_again() {
    let said = "on:HUP=[notify:RELOADING=1\\nMONOTONIC_USEC={usec};notify:READY=1]";
    let command = puppet([said, "notify:READY=1", "hang"]);
    let table = [
        command.clone().reload(Reload::notify("HUP")),
        command.reload(Reload::command(["/bin/sh", "-c", "kill -0 $MAINPID"])),
    ];
    for command in table {
        let (owner, handle) = start_one(command.ready(Ready::Notify), |child| child);
        let before = pid(&stands(&handle, "x", Standing::Ready).await);
        let mut events = handle.events();
        handle.by("me").reload("x", "new settings").await.expect("it is asked");
        find(&mut events, |record| matches!(record.event, Event::Reloaded { done: true, .. }))
            .await;
        assert_eq!(pid(&stands(&handle, "x", Standing::Ready).await), before);
        owner.drain("over").await;
    }
}

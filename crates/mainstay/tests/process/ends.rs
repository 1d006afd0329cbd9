//! How processes end, and what follows.

use crate::common::{SEC, find, soon};
use crate::{is_alive, pid, puppet, stands, start, start_one};
use mainstay::process::{Command, Ready, StopStep};
use mainstay::{Cause, Ending, Event, Shape, Standing, StartStep, failures, process, tree};
use std::time::Duration;

#[tokio::test]
async fn an_exit_code_is_a_failure_and_is_followed_by_another_run() {
    let (owner, handle) = start_one(puppet(["exit:3"]), |child| {
        child.backoff(Shape::None).limit(failures(3, SEC * 60)).optional()
    });
    let view = stands(&handle, "x", Standing::Waiting).await;
    assert!(view.runs >= 1);
    let spent = soon(handle.wait_until("x", |view| view.runs == 3 && !view.alerts.is_empty()));
    let view = spent.await.expect("its budget is spent");
    let cause = view.last.expect("it has run").cause;
    assert_eq!(cause.to_string(), "failed with exit code 3");
    assert_eq!(owner.drain("over").await.code(), 0);
}

#[tokio::test]
async fn each_end_is_told_as_it_was() {
    let table = [
        (puppet([]), Cause::Completed),
        (puppet(["exit:7"]).success_code(7), Cause::Completed),
        (puppet(["signal:USR1"]), Cause::Signaled { signal: 10, core: false }),
        (puppet(["signal:KILL"]), Cause::Signaled { signal: 9, core: false }),
        (puppet(["signal:XCPU"]), Cause::OverLimit),
        (
            Command::new("mainstay-no-such-program"),
            Cause::StartFailed { step: StartStep::Program, mendable: false },
        ),
        (
            puppet([]).folder("/mainstay-no-such-folder"),
            Cause::StartFailed { step: StartStep::Folder, mendable: false },
        ),
        (
            puppet([]).user("mainstay-no-such-user"),
            Cause::StartFailed { step: StartStep::User, mendable: false },
        ),
    ];
    let names: Vec<String> = (0..table.len()).map(|number| format!("x{number}")).collect();
    let children = names.iter().zip(&table);
    let children = children.map(|(name, (command, _))| process(name, command.clone()).once());
    let owner = tree().children(children).start().expect("a valid tree");
    for (name, (command, expected)) in names.iter().zip(&table) {
        let ended = |view: &mainstay::View| view.last.is_some();
        let view = soon(owner.handle().wait_until(name, ended)).await.expect("it ends");
        assert_eq!(view.last.map(|last| last.cause), Some(*expected), "{command:?}");
    }
    owner.drain("over").await;
}

#[tokio::test]
async fn a_missing_program_is_named_and_opens_the_breaker() {
    let (owner, handle) = start_one(Command::new("mainstay-no-such-program"), |c| c.optional());
    let mut events = handle.events_from(1);
    find(&mut events, |record| matches!(record.event, Event::Breaker { .. })).await;
    let why = handle.explain("x").await.expect("it is there").to_string();
    let expected = "looking for the program `mainstay-no-such-program`: no such file or directory";
    assert!(why.contains(expected), "{why}");
    let view = handle.child("x").await.expect("it is there");
    assert_eq!((view.runs, view.alerts.len()), (1, 1));
    owner.drain("over").await;
}

#[tokio::test]
async fn who_ignores_its_stop_is_ended_by_force() {
    let command = puppet(["ignore:TERM", "notify:READY=1", "hang"]).ready(Ready::Notify);
    let (owner, handle) = start_one(command, |child| child.stop_within(Duration::from_millis(50)));
    let view = stands(&handle, "x", Standing::Ready).await;
    let report = owner.drain("over").await;
    let line = &report.lines[0];
    assert_eq!((line.how, line.forced), (Some(Cause::Stopped), true), "{report}");
    assert!(!is_alive(pid(&view)));
}

#[tokio::test]
async fn stop_steps_reach_the_process_in_turn() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let (stopped, log) = (folder.path().join("stopped"), folder.path().join("log"));
    let on_int = format!("on:INT=[append:{}:int;exit:0]", log.display());
    let command = puppet(["ignore:TERM", &on_int, "notify:READY=1", "hang"])
        .ready(Ready::Notify)
        .stop(
            StopStep::command(["/bin/sh", "-c", &format!("echo $MAINPID > {}", stopped.display())])
                .within(Duration::from_millis(500)),
        )
        .stop(StopStep::signal("TERM").within(Duration::from_millis(50)))
        .stop(StopStep::signal("INT"));
    let (owner, handle) = start_one(command, |child| child);
    let view = stands(&handle, "x", Standing::Ready).await;
    let report = owner.drain("over").await;
    assert!(!report.lines[0].forced, "{report}");
    let said = std::fs::read_to_string(&stopped).expect("the command has run");
    assert_eq!(said.trim(), pid(&view).to_string());
    assert_eq!(std::fs::read_to_string(&log).expect("it heard INT"), "int");
}

#[tokio::test]
async fn a_run_ends_with_the_last_of_its_processes() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let path = folder.path().join("pid");
    // A grandchild in a session of its own, which does not care about TERM.
    let grandchild = format!("daemon-quiet:[ignore:TERM;write:{}:{{pid}};hang]", path.display());
    let script = [grandchild.as_str(), "notify:READY=1", "hang"];
    let command = puppet(script).ready(Ready::Notify).rest(Duration::from_millis(50));
    let (owner, handle) = start_one(command, |child| child);
    let main = pid(&stands(&handle, "x", Standing::Ready).await);
    let written = || std::fs::read_to_string(&path).ok().and_then(|text| text.parse().ok());
    let grandchild = soon(async {
        loop {
            if let Some(pid) = written() {
                return pid;
            }
            tokio::task::yield_now().await;
        }
    });
    let grandchild: u32 = grandchild.await;
    assert!(is_alive(grandchild));
    owner.drain("over").await;
    assert!(!is_alive(main) && !is_alive(grandchild));
}

#[test]
fn no_process_outlives_the_runtime_of_its_tree() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let (handle, pid) = runtime.block_on(async {
        let (owner, handle) = start_one(puppet(["ignore:TERM", "hang"]), |child| child);
        let view = stands(&handle, "x", Standing::Ready).await;
        std::mem::forget(owner);
        (handle, pid(&view))
    });
    assert!(is_alive(pid));
    drop(runtime);
    assert!(!is_alive(pid));
    let report = handle.report().expect("it is cut off");
    assert_eq!(report.ending, Ending::Cut);
}

#[tokio::test]
async fn a_critical_process_hands_its_code_on() {
    let owner = start([
        process("side", puppet(["hang"])),
        process("main", puppet(["exit:42"])).critical().needs("side"),
    ]);
    let report = soon(owner.handle().ended()).await;
    assert_eq!(report.code(), 42);
}

//! What processes print, and how they are written to.

use crate::common::soon;
use crate::{stands, start_one};
use mainstay::process::{Command, Log, Ready, Stdin, StopStep, Streams};
use mainstay::{Standing, View};

fn puppet<const N: usize>(steps: [&str; N]) -> Command {
    Command::new(puppet::program()).args(steps)
}

#[tokio::test]
async fn the_last_lines_are_told_with_a_failure() {
    let command = puppet(["print:one", "print:two", "eprint:three", "print:four", "exit:9"]);
    let (owner, handle) = start_one(command, mainstay::Child::once);
    let view = stands(&handle, "x", Standing::Down).await;
    let last = view.last.expect("it has run");
    assert_eq!(last.detail.as_deref(), Some("two | three | four"));
    let process = view.process.expect("it is a process");
    let lines: Vec<&str> = process.last.iter().map(|line| &**line).collect();
    assert_eq!(lines, ["one", "two", "three", "four"]);
    owner.drain("over").await;
}

#[tokio::test]
async fn a_line_makes_it_ready_and_all_of_it_is_in_its_log() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let path = folder.path().join("x.log");
    let command = puppet(["print:warming up", "print:listening on 80", "hang"])
        .ready(Ready::line("listening on *"))
        .log(Log::at(&path).without_stamps());
    let (owner, handle) = start_one(command, |child| child);
    let view = stands(&handle, "x", Standing::Ready).await;
    assert_eq!(view.process.and_then(|process| process.log.clone()), Some(path.clone()));
    owner.drain("over").await;
    let log = std::fs::read_to_string(path).expect("there is a log");
    assert_eq!(log, "warming up\nlistening on 80\n");
}

#[tokio::test]
async fn a_message_ends_it_by_a_pipe_or_a_terminal() {
    let command = || puppet(["print:up", "wait-stdin", "exit:0"]).ready(Ready::line("up"));
    let terminal = Streams::Terminal { rows: 24, columns: 80 };
    for command in [command().stdin(Stdin::Pipe), command().output(terminal)] {
        let command = command.stop(StopStep::message("quit\n"));
        let (owner, handle) = start_one(command, |child| child);
        stands(&handle, "x", Standing::Ready).await;
        let report = owner.drain("over").await;
        assert!(!report.lines[0].forced, "{report}");
    }
}

#[tokio::test]
async fn a_log_is_changed_in_the_live_run() {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let command = |path: &std::path::Path| {
        puppet(["on:USR1=print:again", "print:up", "hang"])
            .ready(Ready::line("up"))
            .reload(mainstay::process::Reload::signal("USR1"))
            .log(Log::at(path).without_stamps())
    };
    let (owner, handle) = start_one(command(&first), |child| child);
    let before = crate::pid(&stands(&handle, "x", Standing::Ready).await);
    let me = handle.by("me");
    let next = mainstay::process("x", command(&second));
    me.replace("x", next, "another disk").await.expect("it is replaced");
    me.reload("x", "say something").await.expect("it is asked");
    let is_moved = |view: &View| {
        view.process.as_ref().is_some_and(|process| process.log.as_deref() == Some(&*second))
    };
    let view = soon(handle.wait_until("x", is_moved)).await.expect("it is told");
    assert_eq!((crate::pid(&view), view.runs), (before, 1));
    let written = async {
        while std::fs::read_to_string(&second).unwrap_or_default() != "again\n" {
            tokio::task::yield_now().await;
        }
    };
    soon(written).await;
    owner.drain("over").await;
    assert_eq!(std::fs::read_to_string(first).expect("there is a log"), "up\n");
}

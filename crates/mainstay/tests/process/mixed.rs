//! One tree of tasks and processes.

use crate::common::{calm, ready_again, soon};
use crate::{is_alive, pid, puppet, stands, start};
use mainstay::process::Ready;
use mainstay::{Cause, OnRestart, Standing, need, process, task};
use std::time::Duration;

#[tokio::test]
async fn a_task_and_a_process_need_each_other() {
    let db = puppet(["notify:READY=1", "hang"]).ready(Ready::Notify);
    let owner = start([
        task("migrate", async |_| ()),
        process("db", db).needs(need("migrate").completed()).holdoff(Duration::ZERO),
        calm("web").needs(need("db").on_restart(OnRestart::Restart)),
        process("sidecar", puppet(["hang"])).needs("web"),
    ]);
    let handle = owner.handle();
    stands(&handle, "sidecar", Standing::Ready).await;
    let first = pid(&stands(&handle, "db", Standing::Ready).await);
    handle.by("me").restart("db", "a new make").await.expect("it is restarted");
    let second = pid(&ready_again(&handle, "db", 2).await);
    assert!(first != second && !is_alive(first));
    ready_again(&handle, "web", 2).await;
    let report = soon(owner.drain("over")).await;
    assert_eq!(report.code(), 0);
    let ended = |path: &str| {
        let line = report.lines.iter().find(|line| line.path.as_str() == path);
        let line = line.expect("every child has a line");
        (line.how, line.ended_at)
    };
    for path in ["db", "web", "sidecar"] {
        assert_eq!(ended(path).0, Some(Cause::Stopped), "{report}");
    }
    assert!(ended("sidecar").1 <= ended("web").1 && ended("web").1 <= ended("db").1, "{report}");
}

#[tokio::test]
async fn a_hundred_processes_start_fail_and_end_together() {
    let owner = mainstay::tree()
        .unlimited_children()
        .replicas(50, &process("stays", puppet(["hang"])))
        .replicas(50, &process("goes", puppet(["exit:1"])).once())
        .start()
        .expect("a valid tree");
    let handle = owner.handle();
    for number in 1..=50 {
        stands(&handle, &format!("stays-{number}"), Standing::Ready).await;
        let path = format!("goes-{number}");
        soon(handle.wait_until(path, |view| view.last.is_some())).await.expect("it ends");
    }
    let pids: Vec<u32> = handle
        .status()
        .await
        .expect("it runs")
        .iter()
        .filter_map(|view| view.process.as_ref()?.pid)
        .collect();
    assert_eq!(pids.len(), 50);
    let report = soon(owner.drain("over")).await;
    assert_eq!(report.lines.iter().filter(|line| line.how == Some(Cause::Stopped)).count(), 50);
    assert!(!pids.into_iter().any(is_alive));
}

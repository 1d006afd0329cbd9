//! The page of one run, and the table of many.

use crate::golden;
use crate::scene::{BEGAN, Scene, code, process};
use jiff::tz::TimeZone;
use mainstay_core::{Exit, Input, Verb};
use mainstay_daemon::story::{history, postmortem};
use mainstay_wire::api;

fn cell(row: &str, width: usize) -> String {
    format!("{row:<width$}")
}

/// Four runs: two that fail alike, one that an operator restarts, and one that ran out of memory.
fn runs() -> Vec<api::Run> {
    let mut scene = Scene::new([process("web")]);
    scene.secs(40).ends("web", code(3), "cannot bind 0.0.0.0:80");
    scene.run_again("web").secs(20).ends("web", code(3), "cannot bind 0.0.0.0:80");
    scene.run_again("web").secs(100).asks("web", Verb::Restart, "alice", "new certificate");
    scene.millis(1_200).ends("web", Exit::Signaled { signal: 15, core: false }, "");
    scene.run_again("web").secs(7);
    let (child, run) = scene.live("web");
    scene.take(Input::Guard { child, run, hard: false });
    scene.secs(3).ends("web", Exit::OutOfMemory, "");
    scene.run_again("web").secs(5).ends("web", code(3), "cannot bind 0.0.0.0:80");
    scene.runs
}

#[test]
fn a_page_tells_all_that_is_known_of_a_run() {
    let mut runs = runs();
    let killed = &mut runs[3];
    (killed.pid, killed.lost, killed.memory) = (Some(4711), 3_072, 512 << 20);
    (killed.user_ms, killed.system_ms) = (8_200, 450);
    killed.lines = vec!["loading the whole index".into(), "allocating 900 MiB".into()];
    let mut told = String::new();
    for run in [&runs[0], &runs[2], &runs[3], &runs[4]] {
        told.push_str(&postmortem(run, &runs, &TimeZone::UTC));
        told.push_str("\n----\n\n");
    }
    golden::compare("postmortem.txt", &told);
}

#[test]
fn a_page_of_a_host_tells_what_it_did_last_and_what_it_died_in() {
    let mut scene = Scene::new([process("plc")]);
    scene.secs(40).ends("plc", Exit::Signaled { signal: 11, core: false }, "");
    let run = &mut scene.runs[0];
    assert!(!postmortem(run, &[], &TimeZone::UTC).contains("flight recorder"), "of a process");
    let fact = |after: i64, text: &str| api::Fact { at: BEGAN + after, text: text.into() };
    run.operations = vec![
        fact(38_500, "call 17 begins: read axis 3 (never answered)"),
        fact(39_990, "in call 17: cnc_rdaxis"),
    ];
    let page = postmortem(run, &[], &TimeZone::UTC);
    let told = page.split_once("Its last operations, by its flight recorder\n").expect("a part").1;
    assert_eq!(
        told,
        "     -1.5s  call 17 begins: read axis 3 (never answered)\n     -10ms  in call 17: cnc_rdaxis\n"
    );
}

#[test]
fn a_page_of_a_live_run_says_that_it_lives() {
    let mut scene = Scene::new([process("web")]);
    let live = scene.secs(9).chronicle.open_runs().map(|(_, run)| run).last().expect("web lives");
    let page = postmortem(&live, &[], &TimeZone::UTC);
    assert!(page.starts_with("web#1 has not ended\n\nbegan     2026-11-21 "), "{page}");
}

#[test]
fn a_table_has_a_row_for_each_run() {
    let runs = runs();
    let rows = history(&runs, BEGAN + 86_400_000, &TimeZone::UTC);
    let mut told = String::new();
    for row in &rows {
        let failure = if row.is_failure { "!" } else { " " };
        let cells =
            [cell(&row.run, 3), cell(&row.began, 20), cell(&row.lived, 8), cell(&row.end, 45)];
        let line = format!("{failure} {} {} {}", cells.join(" "), cell(&row.then, 28), row.by);
        told.push_str(line.trim_end());
        told.push('\n');
    }
    golden::compare("history.txt", &told);
}

//! Signals end `run`: once in order, twice by force, three times at once. Shown on a process of its own.
#![cfg(all(unix, feature = "signal"))]

mod common;

use common::SEC;
use mainstay::{Context, Event, Outcome, task, tree};
use std::future::pending;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Names the part that the process started by a test has to play.
const PART: &str = "MAINSTAY_TEST_PART";

fn say(line: &str) {
    // Not `println`, which the test harness would keep for itself.
    let mut out = std::io::stdout().lock();
    writeln!(out, "say {line}").and_then(|()| out.flush()).expect("somebody listens");
}

/// What the process started by a test does: it runs a tree as a service would.
#[test]
fn a_service_that_plays_its_part() {
    let Ok(part) = std::env::var(PART) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("one");
    let report = runtime.block_on(async {
        let polite = task("polite", |cx: Context| async move {
            say("ready");
            cx.stopped().await;
            say("polite stopped");
        });
        let deaf = task("deaf", |cx: Context| async move {
            let _section = cx.shield(pending::<()>());
            pending::<()>().await;
        });
        let restarting = task("restarting", |_| async { Err::<(), _>("again") });
        let hook = |record: &mainstay::Record| {
            if let Event::Draining { outcome: Outcome::Asked, .. } = record.event {
                say("draining");
            } else if let Event::DrainForced { abandoning } = record.event {
                say(&format!("forced {abandoning}"));
            } else if let Event::Commanded { who, verb: "drain", .. } = &record.event {
                say(&format!("asked by {who}"));
            }
        };
        let tree = tree().on_event(hook).child(polite);
        let tree = match part.as_str() {
            "deaf" => tree
                .child(deaf.stop_within(600 * SEC).kill_wait(600 * SEC))
                .drain_within(2_000 * SEC),
            "restarting" => tree.child(restarting.unlimited()),
            _ => tree,
        };
        tree.run().await.expect("it is fit")
    });
    say(&format!("ended {}", report.code()));
    for line in report.abandoned() {
        say(&format!("abandoned {}", line.path));
    }
}

struct Service {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Service {
    fn start(part: &str) -> Self {
        let program = std::env::current_exe().expect("this test");
        let mut process = Command::new(program)
            .args(["--exact", "a_service_that_plays_its_part", "--nocapture"])
            .env(PART, part)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let out = process.stdout.take().expect("its output");
        let mut service = Self { process, lines: BufReader::new(out).lines() };
        service.hears("ready");
        service
    }

    /// Waits until the service says this. Its end ends the wait.
    fn hears(&mut self, wanted: &str) {
        let mut others = Vec::new();
        for line in self.lines.by_ref() {
            let line = line.expect("text");
            // The harness may have begun a line of its own.
            if let Some((_, said)) = line.split_once("say ") {
                if said == wanted {
                    return;
                }
                others.push(String::from(said));
            }
        }
        panic!("it never said `{wanted}`, but {others:?}");
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        assert!(status.expect("there is a `kill`").success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Where a test has failed it may still run.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Service {
    /// Sends signals, and waits after each until the service has told what it does about it.
    fn check(mut self, steps: &[(&str, &[&str])]) {
        for (signal, told) in steps {
            self.signal(signal);
            for line in *told {
                self.hears(line);
            }
        }
        assert!(self.process.wait().expect("it ends").success());
    }
}

// oxios 1
#[test]
fn one_signal_drains_the_tree_and_its_name_is_kept() {
    for (signal, name) in [("TERM", "asked by SIGTERM"), ("INT", "asked by SIGINT")] {
        let told: &[&str] = &["draining", name, "ended 0"];
        Service::start("polite").check(&[(signal, told)]);
    }
}

// oxios 2
#[test]
fn a_signal_while_a_child_is_restarted_is_not_lost() {
    Service::start("restarting").check(&[("TERM", &["draining", "ended 0"])]);
}

// C115, oxios 3, obzenflow 17
#[test]
fn a_second_signal_goes_to_force_and_a_third_ends_it_at_once() {
    Service::start("deaf").check(&[
        ("TERM", &["asked by SIGTERM"]),
        ("INT", &["forced false", "asked by SIGINT"]),
        ("TERM", &["ended 0", "abandoned deaf"]),
    ]);
}

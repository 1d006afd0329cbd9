//! The record that is kept of a run.

use crate::scene::{BEGAN, Scene, code, process};
use mainstay::process::Process;
use mainstay_core::policy::budget::Limit;
use mainstay_core::{
    Cause, ChildId, Event, Exit, Input, LimitId, Moment, Path, RunId, StartStep, Tree, Verb,
};
use mainstay_daemon::story::{Chronicle, Flight, Known};
use mainstay_wire::api;
use std::sync::Arc;
use std::time::Duration;

fn trail(run: &api::Run) -> Vec<&str> {
    run.trail.iter().map(|fact| fact.text.as_str()).collect()
}

#[test]
fn a_run_that_failed_is_kept_with_its_cause_and_what_was_decided() {
    let mut scene = Scene::new([process("web")]);
    scene.secs(3).ends("web", code(3), "cannot bind 0.0.0.0:80");
    let [run] = &scene.runs[..] else { panic!("{:?}", scene.runs) };
    assert_eq!((run.path.as_str(), run.run), ("web", 1));
    assert_eq!((run.began_at, run.ended_at), (BEGAN, Some(BEGAN + 3_000)));
    assert_eq!((run.ready_at, run.lived_ms), (Some(BEGAN), Some(3_000)));
    let cause = run.cause.as_ref().expect("it ended");
    assert_eq!(cause.text, "exited with code 3: cannot bind 0.0.0.0:80");
    assert_eq!((cause.word.as_str(), cause.is_failure), ("failed", true));
    assert_eq!((cause.code, cause.signal), (Some(3), None));
    let action = run.action.as_ref().expect("it was decided");
    assert_eq!((action.word.as_str(), action.rule.as_str()), ("restart", "always"));
    let wait = action.restart_at.expect("it starts again") - (BEGAN + 3_000);
    assert!((250..=500).contains(&wait), "{wait}");
    assert_eq!(
        action.text,
        format!(
            "by `restart: always`: starts again in {wait}ms (backoff 500ms, varied); \
             1 of 10 restarts in 10m are used"
        )
    );
    assert_eq!(trail(run), ["started after 0s", "ready after 0s"]);
}

#[test]
fn a_spent_budget_is_told_with_its_counts() {
    let mut scene = Scene::new([process("web")]);
    for _ in 0..11 {
        scene.ends("web", Exit::Signaled { signal: 11, core: true }, "").secs(30);
    }
    let last = scene.runs.last().expect("it ended often");
    assert_eq!(last.run, 11);
    let cause = last.cause.as_ref().expect("it ended");
    assert_eq!(cause.text, "was killed by signal 11 (SEGV) and left a core dump");
    assert_eq!((cause.code, cause.signal), (None, Some(11)));
    let action = last.action.as_ref().expect("it was decided");
    assert_eq!((action.word.as_str(), action.rule.as_str()), ("cooldown", "spent"));
    assert_eq!(action.text, "10 of 10 restarts in 10m are used: its breaker opens");
    assert_eq!(action.restart_at, None);
}

#[test]
fn who_asked_is_kept_with_the_run_that_ends_and_the_run_that_begins() {
    let mut scene = Scene::new([process("web")]);
    scene.secs(5).asks("web", Verb::Restart, "alice", "new certificate");
    scene.ends("web", Exit::Signaled { signal: 15, core: false }, "");
    let first = &scene.runs[0];
    assert_eq!(first.by.as_deref(), Some("alice (restart): new certificate"));
    let cause = first.cause.as_ref().expect("it ended");
    assert_eq!(cause.text, "was stopped (signal TERM)");
    assert!(!cause.is_failure);
    let action = first.action.as_ref().expect("it was decided");
    assert_eq!(action.text, "starts again at once: an operator restarted it");
    scene.secs(1).ends("web", Exit::OutOfMemory, "");
    let second = &scene.runs[1];
    assert_eq!(second.by.as_deref(), Some("alice (restart): new certificate"));
    assert_eq!(trail(second)[0], "starts by hand: alice (restart): new certificate");
    assert_eq!(second.cause.as_ref().map(|cause| cause.word.as_str()), Some("out-of-memory"));
    scene.secs(1).ends("web", code(1), "");
    assert_eq!(scene.runs[2].by, None, "nobody asked for the third");
}

#[test]
fn those_below_a_stopped_supervisor_know_who_stopped_it() {
    use mainstay_core::spec::draft::KindDraft;
    use mainstay_core::spec::{ChildDraft, SupervisorDraft};
    let below = SupervisorDraft { children: vec![process("web")], ..SupervisorDraft::default() };
    let kind = Some(KindDraft::Supervisor(below));
    let mut scene = Scene::new([ChildDraft { name: "app".into(), kind, ..ChildDraft::default() }]);
    scene.secs(5).asks("app", Verb::Stop, "bob", "maintenance").ends(
        "app/web",
        Exit::Completed,
        "",
    );
    let by: Vec<_> = scene.runs.iter().map(|run| (run.path.as_str(), run.by.as_deref())).collect();
    let bob = Some("bob (stop): maintenance");
    assert_eq!(by, [("app/web", bob), ("app", bob)]);
    scene.asks("app", Verb::Start { over: false }, "bob", "done").secs(1);
    scene.asks("", Verb::Drain, "carol", "reboot").secs(1).ends("app/web", Exit::Completed, "");
    let by: Vec<_> = scene.runs[2..].iter().map(|run| run.by.as_deref()).collect();
    assert_eq!(by, [Some("carol (drain): reboot"); 3]);
    let root = scene.runs.last().expect("the root ended");
    assert_eq!((root.path.as_str(), root.by.as_deref()), ("", Some("carol (drain): reboot")));
    assert_eq!(root.cause.as_ref().map(|cause| cause.text.as_str()), Some("ended as asked"));
    assert!(scene.tree.has_ended() && scene.chronicle.close().is_empty());
}

#[test]
fn a_long_trail_keeps_its_beginning_and_its_end() {
    let mut scene = Scene::new([process("web")]);
    let (child, run) = scene.live("web");
    for _ in 0..200 {
        scene.secs(1).take(Input::Guard { child, run, hard: false });
    }
    scene.ends("web", code(1), "");
    let trail = trail(&scene.runs[0]);
    assert_eq!(trail.len(), 64);
    assert_eq!(trail[0], "started after 0s");
    // Two that it began with, one that it was stable, 200 warnings: 63 of 203 are kept.
    assert_eq!(trail[16], "… 140 more before this, not kept");
    assert_eq!(trail[63], "over its soft memory limit");
}

#[test]
fn what_lives_is_known_after_a_restart_of_the_brain() {
    let mut scene = Scene::new([process("web")]);
    scene.secs(2);
    let open: Vec<_> = scene.chronicle.open_runs().collect();
    assert_eq!(open.len(), 2, "the root and web");
    scene.chronicle = Chronicle::new();
    for (child, run) in open {
        scene.chronicle.resume(child, run);
    }
    scene.secs(2).ends("web", code(2), "");
    assert_eq!(scene.runs[0].began_at, BEGAN);
    assert_eq!(scene.runs[0].lived_ms, Some(4_000));
    assert_eq!(trail(&scene.runs[0]), ["started after 0s", "ready after 0s"]);
}

#[test]
fn a_run_that_is_left_behind_is_kept_without_an_end() {
    let mut scene = Scene::new([process("web"), process("db")]);
    scene.asks("web", Verb::Remove, "alice", "gone for good").secs(15);
    let [web] = &scene.runs[..] else { panic!("{:?}", scene.runs) };
    assert_eq!((web.path.as_str(), web.ended_at, &web.cause), ("web", None, &None));
    assert_eq!(
        trail(web)[2..],
        [
            "asked to end by alice (remove): gone for good",
            "ended by force",
            "outlived force and is abandoned",
        ]
    );
    scene.asks("", Verb::Drain, "alice", "reboot").secs(120);
    assert!(scene.tree.has_ended());
    let paths = |runs: &[api::Run]| runs.iter().map(|run| run.path.clone()).collect::<Vec<_>>();
    assert_eq!(paths(&scene.runs), ["web", ""]);
    assert_eq!(paths(&scene.chronicle.close()), ["db"]);
}

/// A tree whose child is a process of which something is known.
struct Held<'a>(&'a Tree, Process, Flight);

impl Known for Held<'_> {
    fn path(&self, child: ChildId) -> Option<Path> {
        self.0.path(child)
    }

    fn limit(&self, limit: LimitId) -> Option<Limit> {
        Known::limit(self.0, limit)
    }

    fn revision(&self, _child: ChildId) -> u32 {
        7
    }

    fn process(&self, _child: ChildId) -> Option<Arc<Process>> {
        Some(Arc::new(self.1.clone()))
    }

    fn flight(&self, _child: ChildId) -> Option<Flight> {
        Some(self.2.clone())
    }
}

#[test]
fn what_is_known_of_the_process_belongs_to_its_run() {
    let mut scene = Scene::new([process("web")]);
    scene.secs(3).ends("web", code(3), "");
    scene.starts = false;
    scene.run_again("web");
    let missing = Exit::StartFailed { step: StartStep::Folder, mendable: true };
    scene.ends("web", missing, "changing to `/srv`: permission denied");
    let mut known = Process::default();
    let mut chronicle = Chronicle::new();
    let mut runs = Vec::new();
    for (at, event) in &scene.events {
        if matches!(event, Event::Started { .. }) {
            known = Process::default();
            known.pid = Some(4711);
        } else if matches!(event, Event::Exited { .. }) {
            known.pid = None;
            known.last = vec!["bye".into()];
            known.used.user = Duration::from_millis(120);
            (known.used.memory, known.lost) = (4096, 5);
        }
        let held = Held(&scene.tree, known.clone(), Flight::default());
        runs.extend(chronicle.note(0, *at, event, &held));
    }
    let [first, second] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!((first.pid, first.revision), (Some(4711), 7));
    assert_eq!((first.lines.clone(), first.lost), (vec!["bye".to_owned()], 5));
    assert_eq!((first.user_ms, first.system_ms, first.memory), (120, 0, 4096));
    assert!(second.lines.is_empty() && second.memory == 0, "it never began: {second:?}");
}

#[test]
fn a_host_is_kept_with_what_it_did_last() {
    let (child, run) = (ChildId::from_u64(1), RunId(1));
    let tree = Scene::new([process("plc")]).tree;
    let fact = |at, text: &str| api::Fact { at, text: text.into() };
    let flight = Flight {
        operations: vec![fact(900, "before it began"), fact(2_500, "call 17 begins: read axis 3")],
        open_calls: vec!["call 17: read axis 3".into()],
    };
    let told = |cause: Cause, pid: Option<u32>| {
        let mut known = Process::default();
        (known.pid, known.last) = (pid, vec!["bye".into()]);
        let held = Held(&tree, known, flight.clone());
        let mut chronicle = Chronicle::new();
        let began = Event::Starting { child, run, by_hand: false, trial: false };
        chronicle.note(1_000, Moment::ZERO, &began, &held);
        if pid.is_some() {
            let took = Duration::ZERO;
            chronicle.note(1_000, Moment::ZERO, &Event::Started { child, run, took }, &held);
        }
        let (exit, detail, lived) = (None, None, Duration::from_secs(2));
        let exited = Event::Exited { child, run, cause, exit, detail, lived };
        chronicle.note(3_000, Moment::ZERO, &exited, &held);
        chronicle.open_run(child).expect("nothing is decided yet")
    };
    let run = told(Cause::Signaled { signal: 11, core: false }, Some(4711));
    assert_eq!(run.operations.iter().map(|fact| fact.at).collect::<Vec<_>>(), [1_000, 2_500]);
    assert_eq!(run.open_calls, ["call 17: read axis 3"]);
    let refused = Cause::StartFailed { step: StartStep::Connect, mendable: false };
    assert_eq!(told(refused, Some(4711)).operations.len(), 2, "it lived until its hello");
    let never = told(refused, None);
    assert!(never.operations.is_empty() && never.open_calls.is_empty() && never.lines.is_empty());
}

#[test]
fn a_start_by_hand_says_by_whom() {
    let mut scene = Scene::new([process("web")]);
    scene.ends("web", code(1), "").asks("web", Verb::Start { over: false }, "alice", "now");
    scene.ends("web", code(1), "");
    assert_eq!(scene.runs[1].by.as_deref(), Some("alice (start): now"));
    scene.asks("web", Verb::Reset { start: true }, "bob", "mended").secs(1);
    scene.ends("web", code(1), "");
    assert_eq!(scene.runs[2].by.as_deref(), Some("bob (reset --start): mended"));
}

#[test]
fn events_have_a_kind_and_words() {
    let mut scene = Scene::new([process("web")]);
    scene.secs(1).ends("web", code(3), "no such table").secs(1);
    scene.asks("web", Verb::Stop, "alice", "tea").ends("web", Exit::Completed, "");
    let texts = scene.texts();
    for expected in [
        "web starting: starting",
        "web exited: exited with code 3 after 1s: no such table",
        "web counted: 1 of 10 restarts in 10m are used",
        "web commanded: `stop` by alice: tea",
        "web stopping: asked to end: an operator stopped it",
        "web rests: down: stopped by an operator",
    ] {
        assert!(texts.iter().any(|text| text == expected), "{expected} is not in {texts:#?}");
    }
    assert!(texts.iter().any(|text| text.starts_with("web rests: waits ")), "{texts:#?}");
}

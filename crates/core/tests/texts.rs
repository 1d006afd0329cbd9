//! What people read and what no table declares: every word of a stop and of a remedy, and the bounds of a spec.

use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::{KindDraft, SupervisorDraft};
use mainstay_core::spec::{ChildDraft, Kind, Liveness, Probe, ProbeKind, TreeDraft};
use mainstay_core::{
    Asked, Cause, Command, CommandId, Effects, Event, Exit, Input, Moment, Path, StartStep,
    Success, Tree, Verb,
};
use std::time::Duration;

fn leaf(name: &str) -> ChildDraft {
    let kind = Some(KindDraft::Leaf(Kind::Task));
    ChildDraft { name: name.into(), kind, ..ChildDraft::default() }
}

#[test]
fn every_reason_to_end_a_run_has_its_text() {
    let table = [
        (Asked::Stop, "an operator stopped it"),
        (Asked::Restart, "an operator restarted it"),
        (Asked::Recycle, "it makes place for a fresh run"),
        (Asked::Guard, "it passed its hard memory limit"),
        (Asked::Group, "its siblings are being restarted with it"),
        (Asked::Close, "its supervisor is closing"),
        (Asked::Dependency, "a child it needs went away"),
        (Asked::Quarantine, "it was quarantined"),
        (Asked::Remove, "it is being removed"),
        (Asked::Replace, "it has another spec"),
        (Asked::Idle, "nobody used it"),
        (Asked::StartTimeout, "it did not start in time"),
        (Asked::ReadyTimeout, "it did not become ready in time"),
        (Asked::HeartbeatLost, "its heartbeat was lost"),
        (Asked::ProbeFailed, "its probe failed"),
        (Asked::NoProgress, "its pending work stood still"),
    ];
    for (asked, text) in table {
        assert_eq!(asked.to_string(), text);
    }
}

#[test]
fn every_step_of_a_start_has_its_remedy() {
    let table = [
        (StartStep::Factory, "mend the code"),
        (StartStep::Program, "install the program"),
        (StartStep::User, "create the user"),
        (StartStep::Folder, "create the folder"),
        (StartStep::Environment, "provide the missing variable"),
        (StartStep::Output, "make room"),
        (StartStep::Listen, "free the address"),
        (StartStep::Limits, "lower the limits"),
        (StartStep::Exec, "make the file executable"),
        (StartStep::Connect, "mend what the reason names"),
    ];
    for (step, text) in table {
        assert!(step.remedy().starts_with(text), "{step:?}: {}", step.remedy());
    }
}

#[test]
fn a_signal_that_is_a_success_is_none_where_a_core_was_dumped() {
    let success = Success { codes: vec![3], signals: vec![15] };
    let judge = |exit| Cause::judge(None, &exit, &success);
    assert_eq!(judge(Exit::Signaled { signal: 15, core: false }), Cause::Completed);
    let dumped = Cause::Signaled { signal: 15, core: true };
    assert_eq!(judge(Exit::Signaled { signal: 15, core: true }), dumped);
    let other = Cause::Signaled { signal: 9, core: false };
    assert_eq!(judge(Exit::Signaled { signal: 9, core: false }), other);
}

#[test]
fn a_child_has_at_most_sixteen_probes() {
    let second = Duration::from_secs(1);
    let probe = Probe {
        kind: ProbeKind::Liveness,
        initial: second,
        every: second,
        timeout: second,
        failures: 1,
        successes: 1,
    };
    let with = |count| {
        let liveness = Some(Liveness { probes: vec![probe; count], ..Liveness::default() });
        ChildDraft { liveness, ..leaf("a") }.build(Profile::Library, &Path::root())
    };
    assert!(with(16).is_ok());
    assert!(with(17).is_err());
}

#[test]
fn supervisors_are_nested_sixty_four_deep_and_no_deeper() {
    let nested = |depth: usize| {
        let mut draft = TreeDraft::default();
        for _ in 1..depth {
            let inner = std::mem::take(&mut draft.root);
            let kind = Some(KindDraft::Supervisor(inner));
            let child = ChildDraft { name: "s".into(), kind, ..ChildDraft::default() };
            draft.root = SupervisorDraft { children: vec![child], ..SupervisorDraft::default() };
        }
        draft.build(Profile::Library).is_ok()
    };
    assert!(nested(64));
    assert!(!nested(65));
}

/// Whether one of these events is of a kind.
type Told<'a> = (&'a str, fn(&Event) -> bool);

#[test]
fn what_happens_is_stated_once() {
    let mut draft = TreeDraft::default();
    draft.root.children = vec![leaf("a")];
    let (spec, _) = draft.build(Profile::Library).expect("a valid tree");
    let mut tree = Tree::new(&spec);
    let mut all: Vec<Event> = Vec::new();
    let drain = |id: u64| {
        Input::Command(Command {
            id: CommandId(id.into()),
            who: "ops".into(),
            why: "test".into(),
            target: Path::root(),
            if_run: None,
            if_revision: None,
            verb: Verb::Drain,
        })
    };
    for (second, input) in [Input::Boot, drain(1), drain(2), drain(3)].into_iter().enumerate() {
        let mut out = Effects::new();
        tree.handle(Moment::ZERO + Duration::from_secs(second as u64), input, &mut out);
        all.extend(out.events);
    }
    let table: [Told<'_>; 7] = [
        ("draining", |event| matches!(event, Event::Draining { .. })),
        ("forced", |event| matches!(event, Event::Forced(..))),
        ("abandoned", |event| matches!(event, Event::Abandoned(..))),
        ("hurried", |event| matches!(event, Event::DrainForced { abandoning: false })),
        ("left", |event| matches!(event, Event::DrainForced { abandoning: true })),
        ("drained", |event| matches!(event, Event::Drained(..))),
        ("first command", |event| matches!(event, Event::Commanded { id: CommandId(1), .. })),
    ];
    for (what, is_it) in table {
        assert_eq!(all.iter().filter(|event| is_it(event)).count(), 1, "{what}");
    }
}

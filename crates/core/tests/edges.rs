//! The edges that no table can say: texts, codes, what is remembered, what an answer holds, payloads.

use mainstay_core::policy::backoff::Shape;
use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Within};
use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::KindDraft;
use mainstay_core::spec::{
    Change, ChildDraft, Declared, Kind, OnExhausted, Payload, StormRate, TreeDraft,
};
use mainstay_core::{
    Brief, Cause, Class, Command, CommandId, Done, Effect, Effects, Event, Exit, Input, Moment,
    Outcome, Path, Refusal, RestoreError, Snapshot, Standing, StartStep, Tree, Verb,
};
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

fn leaf(name: &str) -> ChildDraft {
    let kind = Some(KindDraft::Leaf(Kind::Task));
    ChildDraft { name: name.into(), kind, ..ChildDraft::default() }
}

/// A tree of these children, booted, in which every start has come to be.
fn booted(children: Vec<ChildDraft>) -> Tree {
    let mut draft = TreeDraft::default();
    draft.root.children = children;
    let (spec, _) = draft.build(Profile::Library).expect("a valid tree");
    let mut tree = Tree::new(&spec);
    let out = take(&mut tree, 0, Input::Boot);
    for effect in &out.effects {
        if let Effect::Start { child, run, .. } = *effect {
            take(&mut tree, 0, Input::Started(child, run));
        }
    }
    tree
}

fn take(tree: &mut Tree, seconds: u64, input: Input) -> Effects {
    let mut out = Effects::new();
    tree.handle(Moment::ZERO + Duration::from_secs(seconds), input, &mut out);
    out
}

fn command(id: u64, path: &str, verb: Verb) -> Command {
    Command {
        id: CommandId(id.into()),
        who: "ops".into(),
        why: "test".into(),
        target: Path::from(path),
        if_run: None,
        if_revision: None,
        verb,
    }
}

/// Gives a command and returns the one answer, with what else came of it.
fn ask(tree: &mut Tree, command: Command) -> (Result<Done, Refusal>, Effects) {
    let mut out = take(tree, 1, Input::Command(command));
    let reply = out.replies.pop().expect("an answer");
    assert!(out.replies.is_empty(), "one answer");
    (reply.result, out)
}

/// Every cause, with its exit code and its text.
fn causes() -> Vec<(Cause, u8, &'static str)> {
    let plain = |code| Cause::Failed { code, class: Class::Plain };
    let start = |mendable| Cause::StartFailed { step: StartStep::Exec, mendable };
    let (from, to) = (Moment::ZERO, Moment::ZERO + Duration::from_millis(12_400));
    vec![
        (Cause::Completed, 0, "completed"),
        (Cause::Skipped, 0, "had nothing to do"),
        (plain(None), 1, "failed"),
        (plain(Some(7)), 7, "failed with exit code 7"),
        (plain(Some(0)), 1, "failed with exit code 0"),
        (plain(Some(255)), 255, "failed with exit code 255"),
        (plain(Some(256)), 1, "failed with exit code 256"),
        (plain(Some(-1)), 1, "failed with exit code -1"),
        (Cause::Failed { code: None, class: Class::Transient }, 1, "failed (transient)"),
        (Cause::Failed { code: None, class: Class::Permanent }, 1, "failed (permanent)"),
        (
            Cause::Failed { code: Some(3), class: Class::Fatal },
            3,
            "failed with exit code 3 (fatal)",
        ),
        (Cause::Signaled { signal: 15, core: false }, 143, "was ended by signal 15"),
        (Cause::Signaled { signal: 11, core: true }, 139, "was ended by signal 11, core dumped"),
        (Cause::Signaled { signal: 200, core: false }, 255, "was ended by signal 200"),
        (Cause::Panicked, 1, "panicked"),
        (start(true), 1, "failed to start while executing the program"),
        (
            start(false),
            1,
            "failed to start while executing the program, which retrying cannot mend",
        ),
        (Cause::StartTimeout, 1, "did not start in time"),
        (Cause::ReadyTimeout, 1, "did not become ready in time"),
        (Cause::HeartbeatLost, 1, "lost its heartbeat"),
        (Cause::ProbeFailed, 1, "failed its probe"),
        (Cause::NoProgress, 1, "made no progress on pending work"),
        (Cause::OutOfMemory, 137, "was killed for its memory"),
        (Cause::OverLimit, 1, "went over a limit"),
        (Cause::Stopped, 0, "was stopped"),
        (Cause::Recycled, 0, "was recycled"),
        (Cause::GaveUp, 1, "gave up"),
        (Cause::DependencyLost, 1, "lost a child it needs"),
        (Cause::Aborted, 1, "was cut off from outside"),
        (Cause::Abandoned, 1, "was abandoned"),
        (Cause::Unknown { from, to }, 1, "ended unseen between 0.000s and 12.400s"),
    ]
}

#[test]
fn every_cause_has_its_code_and_its_text() {
    for (cause, code, text) in causes() {
        assert_eq!((cause.code(), cause.to_string().as_str()), (code, text), "{cause:?}");
        let is_asked = matches!(cause, Cause::Stopped | Cause::Recycled | Cause::DependencyLost);
        let is_clean = matches!(cause, Cause::Completed | Cause::Skipped);
        assert_eq!((cause.is_asked(), cause.is_clean()), (is_asked, is_clean), "{cause:?}");
    }
}

#[test]
fn every_step_of_a_start_says_what_failed() {
    let table = [
        (StartStep::Factory, "running the factory"),
        (StartStep::Program, "finding the program"),
        (StartStep::User, "changing the user"),
        (StartStep::Folder, "changing to the working folder"),
        (StartStep::Environment, "preparing the environment"),
        (StartStep::Output, "opening its outputs"),
        (StartStep::Listen, "passing its sockets"),
        (StartStep::Limits, "applying its limits"),
        (StartStep::Exec, "executing the program"),
        (StartStep::Connect, "connecting to it"),
    ];
    for (step, text) in table {
        assert_eq!(step.to_string(), text);
    }
}

#[test]
fn what_nobody_asked_for_keeps_the_cause_it_reported() {
    let table = [
        (Exit::OverLimit, Cause::OverLimit),
        (Exit::OutOfMemory, Cause::OutOfMemory),
        (Exit::Aborted, Cause::Aborted),
        (Exit::Panicked, Cause::Panicked),
        (Exit::Skipped, Cause::Skipped),
        (Exit::Completed, Cause::Completed),
    ];
    for (exit, cause) in table {
        assert_eq!(Cause::judge(None, &exit, &Default::default()), cause);
    }
}

#[test]
fn every_limit_says_what_it_means() {
    let second = Duration::from_secs(1);
    let limit = |count, most, within, scope| {
        Limit { count, most, within, scope, admit: Admit::AtExit }.to_string()
    };
    let sliding = Within::Sliding(second);
    let table = [
        (limit(Count::Starts, 1, sliding, Scope::Child), "at most 1 start in any 1s"),
        (limit(Count::Starts, 4, sliding, Scope::Child), "at most 4 starts in any 1s"),
        (limit(Count::Restarts, 1, sliding, Scope::Child), "at most 1 restart in any 1s"),
        (
            limit(Count::Restarts, 0, Within::Consecutive, Scope::Child),
            "at most 0 restarts in a row without being stable",
        ),
        (limit(Count::Failures, 1, sliding, Scope::Child), "fewer than 1 failure in any 1s"),
        (
            limit(Count::Failures, 2, Within::Tumbling(second * 90), Scope::Supervisor),
            "fewer than 2 failures in a window of 1m 30s that opens with the first, all direct children together",
        ),
        (
            limit(Count::Starts, 2, sliding, Scope::Tree),
            "at most 2 starts in any 1s, the whole tree together",
        ),
        (
            limit(
                Count::Starts,
                2,
                Within::Sliding(second + Duration::from_nanos(1)),
                Scope::Child,
            ),
            "at most 2 starts in any 1s, its end included,",
        ),
        (
            limit(Count::Starts, 2, Within::Sliding(Duration::from_nanos(1)), Scope::Child),
            "at most 2 starts in any 1ns",
        ),
    ];
    for (found, expected) in table {
        assert_eq!(found, expected);
    }
}

#[test]
fn spans_are_rounded_to_milliseconds_and_the_smallest_kept() {
    let text = |nanos| Brief(Duration::from_nanos(nanos)).to_string();
    let table = [
        (0, "0s"),
        (1, "1ns"),
        (499_999, "499.999µs"),
        (500_000, "1ms"),
        (1_499_999, "1ms"),
        (999_500_000, "1s"),
        (60_000_000_000, "1m"),
        (3_600_000_000_000, "1h"),
        (86_400_000_000_000, "1d"),
    ];
    for (nanos, expected) in table {
        assert_eq!(text(nanos), expected);
    }
}

#[test]
fn every_verb_has_its_word() {
    let (_, spec) = leaf("x").build(Profile::Library, &Path::root()).expect("a valid child");
    let (tree, _) = TreeDraft::default().build(Profile::Library).expect("a valid tree");
    let table = [
        (Verb::Start { over: false }, "start"),
        (Verb::Start { over: true }, "start --override"),
        (Verb::Stop, "stop"),
        (Verb::Restart, "restart"),
        (Verb::Reload, "reload"),
        (Verb::Recycle, "recycle"),
        (Verb::Pause { freeze: false }, "pause"),
        (Verb::Pause { freeze: true }, "pause --freeze"),
        (Verb::Resume, "resume"),
        (Verb::Quarantine, "quarantine"),
        (Verb::Release, "release"),
        (Verb::Acknowledge, "acknowledge"),
        (Verb::Reset { start: false }, "reset"),
        (Verb::Reset { start: true }, "reset --start"),
        (Verb::Add { name: "x".into(), spec: None }, "add"),
        (Verb::Remove, "remove"),
        (Verb::Replace(spec), "replace"),
        (Verb::Apply(tree.into()), "apply"),
        (Verb::Drain, "drain"),
    ];
    for (verb, word) in table {
        assert_eq!(verb.word(), word);
    }
}

#[test]
fn an_answer_says_what_the_child_did_before_and_does_now() {
    let mut tree = booted(vec![leaf("a")]);
    let standing = |result: Result<Done, Refusal>| {
        let done = result.expect("it is done");
        (done.changed, done.before, done.after)
    };
    let (stopped, out) = ask(&mut tree, command(1, "a", Verb::Stop));
    assert_eq!(standing(stopped), (true, Standing::Ready, Standing::Stopping));
    assert!(!out.events.iter().any(|event| matches!(event, Event::Refused { .. })));
    let (_, spec) = leaf("b").build(Profile::Library, &Path::root()).expect("a valid child");
    let add = Verb::Add { name: "b".into(), spec: Some(spec) };
    let (added, _) = ask(&mut tree, command(2, "", add));
    assert_eq!(standing(added), (true, Standing::Removed, Standing::Starting));
    let (refused, out) = ask(&mut tree, command(3, "c", Verb::Stop));
    assert!(matches!(refused, Err(Refusal::Unknown { .. })));
    assert!(out.events.iter().any(|event| matches!(event, Event::Refused { verb: "stop", .. })));
}

#[test]
fn a_thousand_and_twenty_four_commands_are_remembered_and_the_oldest_is_forgotten_first() {
    let mut tree = booted(vec![leaf("a")]);
    let pause = || Verb::Pause { freeze: false };
    assert!(ask(&mut tree, command(1, "a", pause())).0.expect("it is done").changed);
    for id in 2..=1_024 {
        ask(&mut tree, command(id, "a", Verb::Acknowledge)).0.expect("it is done");
    }
    let again = ask(&mut tree, command(1, "a", pause())).0;
    assert!(again.expect("it is done").changed, "the first answer, as it was given");
    ask(&mut tree, command(1_025, "a", Verb::Acknowledge)).0.expect("it is done");
    let anew = ask(&mut tree, command(1, "a", pause())).0;
    assert!(!anew.expect("it is done").changed, "forgotten, and so carried out anew");
    let other = ask(&mut tree, command(2, "a", Verb::Resume)).0;
    assert!(other.is_ok(), "the next oldest made place for it");
    let other = ask(&mut tree, command(4, "a", Verb::Resume)).0;
    assert_eq!(other, Err(Refusal::IdReused));
}

#[test]
fn a_tree_that_drains_tells_how_it_ends() {
    let mut tree = booted(vec![leaf("a")]);
    assert_eq!(tree.outcome(), None);
    ask(&mut tree, command(1, "", Verb::Drain)).0.expect("it drains");
    assert_eq!((tree.outcome(), tree.has_ended()), (Some(Outcome::Asked), false));
}

#[test]
fn what_no_text_can_declare_is_refused_as_well() {
    let ladder = ChildDraft { backoff: Some(Shape::Ladder(Vec::new())), ..leaf("a") };
    let rungs = ChildDraft {
        on_exhausted: Some(OnExhausted::Cooldown),
        cooldown: Some(Vec::new()),
        ..leaf("b")
    };
    for (draft, mentions) in [(ladder, "ladder"), (rungs, "rung")] {
        let problems = draft.build(Profile::Library, &Path::root()).expect_err("it is refused");
        assert!(problems.iter().any(|problem| problem.text.contains(mentions)), "{problems:?}");
    }
    for name in ["", "a/b", "a b", "*", "a\u{7}", "a\u{a0}b", &"x".repeat(256)] {
        let problems = leaf(name).build(Profile::Library, &Path::root());
        assert!(problems.is_err(), "{name:?}");
    }
    assert!(leaf(&"x".repeat(255)).build(Profile::Library, &Path::root()).is_ok());
}

#[test]
fn a_spec_that_is_wrong_is_neither_put_in_place_of_another_nor_added() {
    let mut tree = booted(vec![leaf("a")]);
    let (_, mut spec) = leaf("a").build(Profile::Library, &Path::root()).expect("a valid child");
    Arc::make_mut(&mut spec.spec).start_timeout = Duration::ZERO;
    let add = Verb::Add { name: "b".into(), spec: Some(spec.clone()) };
    for command in [command(1, "a", Verb::Replace(spec)), command(2, "", add)] {
        let refused = ask(&mut tree, command).0;
        assert!(matches!(refused, Err(Refusal::Spec { .. })), "{refused:?}");
    }
}

/// A payload that says itself what another one takes.
#[derive(Debug)]
struct Needs(Change);

impl Payload for Needs {
    fn change(&self, next: &dyn Payload) -> Change {
        next.as_any().downcast_ref::<Self>().map_or(Change::Restart, |next| next.0)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[test]
fn a_payload_changes_nothing_or_the_live_run_or_begins_another() {
    let with = |payload: Option<Change>| -> Declared {
        let payload = payload.map(|change| Arc::new(Needs(change)) as Arc<dyn Payload>);
        let draft = ChildDraft { payload, ..leaf("a") };
        draft.build(Profile::Library, &Path::root()).expect("a valid child").1
    };
    let same = Some(Change::Same);
    let table = [
        (None, None, false, false, false),
        (same, same, false, false, false),
        (same, Some(Change::Live), true, true, false),
        (same, Some(Change::Restart), true, false, true),
        (same, None, true, false, true),
        (None, same, true, false, true),
    ];
    for (before, after, is_change, is_live, is_stop) in table {
        let payload = before.map(|change| Arc::new(Needs(change)) as Arc<dyn Payload>);
        let mut tree = booted(vec![ChildDraft { payload, ..leaf("a") }]);
        let (done, out) = ask(&mut tree, command(1, "a", Verb::Replace(with(after))));
        let has = |wanted: fn(&Effect) -> bool| out.effects.iter().any(wanted);
        let found = (
            done.expect("it is replaced").changed,
            has(|effect| matches!(effect, Effect::Change(..))),
            has(|effect| matches!(effect, Effect::Stop { .. })),
        );
        assert_eq!(found, (is_change, is_live, is_stop), "{before:?} to {after:?}");
    }
}

#[test]
fn a_run_that_is_ending_is_not_told_of_a_change() {
    let payload = Some(Arc::new(Needs(Change::Same)) as Arc<dyn Payload>);
    let mut tree = booted(vec![ChildDraft { payload, ..leaf("a") }]);
    ask(&mut tree, command(1, "a", Verb::Stop)).0.expect("it is stopped");
    let payload = Some(Arc::new(Needs(Change::Live)) as Arc<dyn Payload>);
    let draft = ChildDraft { payload, ..leaf("a") };
    let (_, spec) = draft.build(Profile::Library, &Path::root()).expect("a valid child");
    let (done, out) = ask(&mut tree, command(2, "a", Verb::Replace(spec)));
    assert!(done.expect("it is replaced").changed);
    assert!(!out.effects.iter().any(|effect| matches!(effect, Effect::Change(..))));
}

#[test]
fn a_start_says_whether_it_is_the_first_of_its_child() {
    let mut draft = TreeDraft::default();
    draft.root.children = vec![leaf("a")];
    let (spec, _) = draft.build(Profile::Library).expect("a valid tree");
    let mut tree = Tree::new(&spec);
    let firsts = |out: &Effects| -> Vec<bool> {
        let starts = out.effects.iter().filter_map(|effect| {
            if let Effect::Start { first, .. } = effect { Some(*first) } else { None }
        });
        starts.collect()
    };
    assert_eq!(firsts(&take(&mut tree, 0, Input::Boot)), [true]);
    let id = tree.find(&"a".into()).expect("a child");
    let run = tree.child(id).and_then(|child| child.life()).expect("it lives").run;
    ask(&mut tree, command(1, "a", Verb::Restart)).0.expect("it is restarted");
    let exited = Input::Exited { child: id, run, exit: Exit::Completed, detail: None };
    assert_eq!(firsts(&take(&mut tree, 2, exited)), [false]);
}

#[test]
fn a_snapshot_that_contradicts_itself_is_refused() {
    let whole = || booted(vec![leaf("a"), leaf("b")]).snapshot();
    assert!(Tree::restore(whole()).is_ok_and(|tree| tree.now() == Moment::ZERO));
    let broken = |change: fn(&mut Snapshot)| {
        let mut snapshot = whole();
        change(&mut snapshot);
        Tree::restore(snapshot).expect_err("it is refused")
    };
    let no_root = [
        broken(|snapshot| snapshot.children.clear()),
        broken(|snapshot| snapshot.children.swap(0, 1)),
        broken(|snapshot| {
            let above = snapshot.children[1].as_ref().map(|child| child.id);
            snapshot.children[0].as_mut().expect("the root").above = above;
        }),
    ];
    assert!(no_root.iter().all(|error| *error == RestoreError::NoRoot), "{no_root:?}");
    let slots = [
        broken(|snapshot| snapshot.epochs.push(0)),
        broken(|snapshot| snapshot.free.push(1)),
        broken(|snapshot| snapshot.children[2] = None),
        broken(|snapshot| {
            snapshot.children[2] = None;
            snapshot.free.push(1);
        }),
    ];
    assert!(slots.iter().all(|error| *error == RestoreError::Slots), "{slots:?}");
    let misplaced = [
        broken(|snapshot| snapshot.children.swap(1, 2)),
        broken(|snapshot| snapshot.epochs[1] += 1),
    ];
    let is_misplaced = |error: &RestoreError| matches!(error, RestoreError::Misplaced { .. });
    assert!(misplaced.iter().all(is_misplaced), "{misplaced:?}");
    let kind = broken(|snapshot| {
        let group = snapshot.children[0].as_ref().expect("the root").group.clone();
        snapshot.children[1].as_mut().expect("a child").group = group;
    });
    assert!(matches!(kind, RestoreError::Kind { .. }), "{kind:?}");
    let orphans = [
        broken(|snapshot| snapshot.children[1].as_mut().expect("a child").above = None),
        broken(|snapshot| {
            let above = snapshot.children[2].as_ref().map(|child| child.id);
            snapshot.children[1].as_mut().expect("a child").above = above;
        }),
    ];
    let is_orphan = |error: &RestoreError| matches!(error, RestoreError::Orphan { .. });
    assert!(orphans.iter().all(is_orphan), "{orphans:?}");
}

#[test]
fn a_restored_tree_knows_what_time_it_is_and_what_the_storm_rate_has_spent() {
    let storm_rate = Some(StormRate { burst: 1, per_second: 0.1 });
    let mut draft = TreeDraft { storm_rate, ..TreeDraft::default() };
    draft.root.children = vec![leaf("a"), leaf("b")];
    let (spec, _) = draft.build(Profile::Library).expect("a valid tree");
    let mut tree = Tree::new(&spec);
    take(&mut tree, 5, Input::Boot);
    let mut again = Tree::restore(tree.snapshot()).expect("a whole snapshot");
    assert_eq!((again.now(), again.deadline()), (tree.now(), tree.deadline()));
    assert!(take(&mut again, 6, Input::Clock).effects.is_empty(), "not before its time");
}

#[test]
fn what_counts_is_named_as_in_a_spec_file() {
    let words = [Count::Starts, Count::Restarts, Count::Failures].map(Count::word);
    assert_eq!(words, ["starts", "restarts", "failures"]);
}

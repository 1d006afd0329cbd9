//! The journal's forms: what is shared, what is refused, what becomes of payloads.
#![cfg(feature = "journal")]

use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::{DynamicDraft, KindDraft};
use mainstay_core::spec::{
    Change, ChildDraft, Declared, Kind, Payload, SupervisorDraft, TreeDraft, TreeSpec,
};
use mainstay_core::{Command, CommandId, Effects, Input, Moment, Path, Snapshot, Tree, Verb};
use mainstay_wire::journal::{
    Closed, Form, FormError, Opened, Record, StepRef, VERSION, bring_input_to_life, bring_to_life,
    snapshot_from_json, snapshot_to_json,
};
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

/// What a driver makes of a text.
#[derive(Debug)]
struct Program(String);

impl Payload for Program {
    fn change(&self, next: &dyn Payload) -> Change {
        if next.form() == Some(&self.0) { Change::Same } else { Change::Restart }
    }

    fn form(&self) -> Option<&str> {
        Some(&self.0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn program(text: &str) -> Arc<dyn Payload> {
    Arc::new(Program(text.into()))
}

fn leaf(name: &str, text: &str) -> ChildDraft {
    let kind = Some(KindDraft::Leaf(Kind::Process));
    ChildDraft { name: name.into(), kind, payload: Some(program(text)), ..ChildDraft::default() }
}

fn above(name: &str, supervisor: SupervisorDraft) -> ChildDraft {
    let kind = Some(KindDraft::Supervisor(supervisor));
    ChildDraft { name: name.into(), kind, ..ChildDraft::default() }
}

/// `web`, `app/db`, `app/copy` with the text of `db`, and `pool` with a template.
fn spec() -> TreeSpec {
    let app = SupervisorDraft {
        children: vec![leaf("db", "run db"), leaf("copy", "run db")],
        ..SupervisorDraft::default()
    };
    let template = Box::new(leaf("", "run one"));
    let pool = SupervisorDraft {
        dynamic: Some(DynamicDraft { template, max: Some(3) }),
        ..SupervisorDraft::default()
    };
    let mut draft = TreeDraft::default();
    draft.root.children = vec![leaf("web", "run web"), above("app", app), above("pool", pool)];
    draft.build(Profile::Daemon).expect("a valid tree").0
}

fn command(verb: Verb, target: &str) -> Input {
    Input::Command(Command {
        id: CommandId(7),
        who: "ops".into(),
        why: "test".into(),
        target: Path::from(target),
        if_run: None,
        if_revision: None,
        verb,
    })
}

/// The tree of [`spec`] with an added child, and one that an applied spec brought.
fn snapshot() -> Snapshot {
    let spec = spec();
    let mut tree = Tree::new(&spec);
    let mut out = Effects::new();
    let add = Verb::Add { name: "one".into(), spec: None };
    for input in [
        Input::Boot,
        command(add, "pool"),
        Input::Command(Command {
            id: CommandId(8),
            who: "ops".into(),
            why: "test".into(),
            target: Path::root(),
            if_run: None,
            if_revision: None,
            verb: Verb::Apply(Arc::new(spec)),
        }),
    ] {
        tree.handle(Moment::ZERO, input, &mut out);
    }
    assert!(out.replies.iter().all(|reply| reply.result.is_ok()), "{:?}", out.replies);
    tree.snapshot()
}

fn read(snapshot: &Snapshot) -> Snapshot {
    snapshot_from_json(&snapshot_to_json(snapshot, 0, 0)).expect("it is read").snapshot
}

fn again(input: &Input) -> Input {
    let step = StepRef { at: Moment::ZERO, wall: 0, first: 0, input, events: &[] };
    match Record::from_json(&step.to_json()).expect("it is read") {
        Record::Step(step) => step.input,
        other @ (Record::Opened(_) | Record::Closed(_)) => panic!("a step became {other:?}"),
    }
}

/// The declaration of a child in a snapshot, and in the list of its supervisor.
fn both<'a>(snapshot: &'a Snapshot, above: &str, name: &str) -> (&'a Declared, &'a Declared) {
    let find = |name: &str| snapshot.children.iter().flatten().find(|child| *child.name == *name);
    let (above, child) = (find(above).expect("there"), find(name).expect("there"));
    let list = &above.spec.supervisor().expect("a supervisor").children;
    let (_, listed) = list.iter().find(|(listed, _)| **listed == *name).expect("declared");
    (&child.spec, listed)
}

fn payload(declared: &Declared) -> &Arc<dyn Payload> {
    declared.payload.as_ref().expect("a payload")
}

#[test]
fn what_a_child_and_its_supervisor_share_is_shared_again() {
    let read = read(&snapshot());
    for (above, name) in [("", "web"), ("", "app"), ("app", "db"), ("app", "copy")] {
        let (own, listed) = both(&read, above, name);
        assert!(Arc::ptr_eq(&own.spec, &listed.spec), "{name}");
        if let (Some(own), Some(listed)) = (&own.payload, &listed.payload) {
            assert!(Arc::ptr_eq(own, listed), "{name}");
        }
    }
    let ((db, _), (copy, _)) = (both(&read, "app", "db"), both(&read, "app", "copy"));
    assert!(Arc::ptr_eq(payload(db), payload(copy)), "one text, one payload");
    assert_eq!(read, snapshot());
}

#[test]
fn a_large_tree_is_written_once_and_not_once_for_each_level() {
    let json = |depth: usize| {
        let mut inner =
            (0..200).map(|n| leaf(&format!("c{n}"), &format!("run number {n}"))).collect();
        for level in 0..depth {
            let children = inner;
            inner = vec![above(
                &format!("s{level}"),
                SupervisorDraft { children, ..SupervisorDraft::default() },
            )];
        }
        let mut draft = TreeDraft::default();
        draft.root.children = inner;
        let (spec, _) = draft.build(Profile::Daemon).expect("a valid tree");
        String::from_utf8(snapshot_to_json(&Tree::new(&spec).snapshot(), 0, 0)).expect("JSON")
    };
    let (flat, deep) = (json(0), json(8));
    assert_eq!(deep.matches("run number 7\"").count(), 1);
    assert_eq!(deep.matches("stable_after").count(), 10, "nine supervisors and one kind of child");
    assert!(deep.len() < flat.len() + 16_000, "{} against {}", deep.len(), flat.len());
}

#[test]
fn a_form_compares_by_its_text() {
    let (form, program) = (read(&snapshot()), snapshot());
    let ((form, _), (program, _)) = (both(&form, "", "web"), both(&program, "", "web"));
    assert_eq!(payload(form).as_any().downcast_ref().map(Form::text), Some("run web"));
    assert_eq!(payload(form).change(&**payload(program)), Change::Same);
    assert_eq!(payload(form).change(&Program("another".into())), Change::Restart);
}

#[test]
fn every_form_is_brought_to_life_once_for_each_text() {
    let mut read = read(&snapshot());
    let mut texts = Vec::new();
    bring_to_life(&mut read, &mut |text| {
        texts.push(text.to_owned());
        Ok(program(text))
    })
    .expect("all can be made");
    texts.sort();
    assert_eq!(texts, ["run db", "run one", "run web"]);
    assert!(!format!("{read:?}").contains("Form("), "no form is left: {read:?}");
    for (above, name) in [("", "web"), ("", "app"), ("app", "db"), ("app", "copy")] {
        let (own, listed) = both(&read, above, name);
        assert!(Arc::ptr_eq(&own.spec, &listed.spec), "{name}");
    }
    assert_eq!(read, snapshot());
}

#[test]
fn what_cannot_be_made_is_named_once_and_stays_a_form() {
    let mut read = read(&snapshot());
    let made = bring_to_life(&mut read, &mut |text| match text {
        "run db" => Err("no such program".into()),
        text => Ok(program(text)),
    });
    assert_eq!(made, Err(vec![(Path::from("app/db"), "no such program".into())]));
    let ((db, _), (web, _)) = (both(&read, "app", "db"), both(&read, "", "web"));
    assert!(payload(db).as_any().is::<Form>() && payload(web).as_any().is::<Program>());
    assert!(Tree::restore(read).is_ok());
}

#[test]
fn commands_bring_their_specs_with_them() {
    let root = spec().root;
    let (_, app) = root.supervisor().expect("a supervisor").children[1].clone();
    for verb in [
        Verb::Apply(Arc::new(spec())),
        Verb::Replace(app.clone()),
        Verb::Add { name: "more".into(), spec: Some(app) },
        Verb::Add { name: "more".into(), spec: None },
    ] {
        let input = command(verb, "app");
        let mut read = again(&input);
        assert_eq!(read, input);
        bring_input_to_life(&mut read, &mut |text| Ok(program(text))).expect("all can be made");
        assert!(!format!("{read:?}").contains("Form("), "no form is left: {read:?}");
        assert_eq!(read, input);
        let Input::Command(_) = read else { panic!("a command became {read:?}") };
        let (mut read, mut count) = (again(&input), 0);
        let made = bring_input_to_life(&mut read, &mut |_| {
            count += 1;
            Err("no".into())
        });
        assert_eq!(made.err().map_or(0, |unmade| unmade.len()), count);
    }
}

#[test]
fn records_of_a_brain_come_back() {
    let opened = Opened {
        version: VERSION,
        boot: "2f1e".into(),
        pid: 17,
        wall: 1_700_000_000_123,
        at: Moment::FAR,
        monotonic: Duration::from_secs(9),
        why: "after a death".into(),
    };
    let closed = Closed { wall: -1, at: Moment::ZERO, why: "upgrade".into() };
    for record in [Record::Opened(opened), Record::Closed(closed)] {
        assert_eq!(Record::from_json(&record.to_json()).expect("it is read"), record);
    }
}

#[test]
fn what_a_newer_program_wrote_is_refused_by_its_version() {
    let text = String::from_utf8(snapshot_to_json(&snapshot(), 0, 0)).expect("JSON");
    let newer = text.replacen("\"version\":1", "\"version\":2", 1);
    let error = snapshot_from_json(newer.as_bytes()).expect_err("refused");
    assert!(matches!(error, FormError::Newer { found: 2 }), "{error}");
    let opened =
        br#"{"opened":{"version":9,"boot":"","pid":1,"wall":0,"at":0,"monotonic":0,"why":""}}"#;
    let error = Record::from_json(opened).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "it has version 9, and this program reads versions up to 1: use the program that wrote it, or a newer one"
    );
}

#[test]
fn fields_that_nobody_knows_yet_are_skipped() {
    let known = br#"{"step":{"at":5,"wall":6,"first":7,"input":{"exited":{"child":1,"run":2,"exit":"panicked"}}}}"#;
    let more = br#"{"step":{"at":5,"wall":6,"new":{"a":[1]},"first":7,"input":{"exited":{"child":1,"run":2,"exit":"panicked","more":1}},"events":[]}}"#;
    assert_eq!(
        Record::from_json(known).expect("it is read"),
        Record::from_json(more).expect("it is read")
    );
}

#[test]
fn a_table_that_contradicts_itself_is_refused_in_words() {
    let text = String::from_utf8(snapshot_to_json(&snapshot(), 0, 0)).expect("JSON");
    for (from, to, says) in [
        (r#""name":"web","spec":0"#, r#""name":"web","spec":99"#, "there is no spec 99"),
        (r#""payload":0"#, r#""payload":99"#, "there is no payload 99"),
        (r#""kind":"process""#, r#""kind":"supervisor""#, "spec 0 is a supervisor in one place"),
        (r#""kind":"process""#, r#""kind":"toaster""#, "a kind of child"),
    ] {
        let wrong = text.replacen(from, to, 1);
        assert_ne!(wrong, text, "{from}");
        let error = snapshot_from_json(wrong.as_bytes()).expect_err("refused").to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_text_that_is_no_record_says_where() {
    let error = Record::from_json(br#"{"step":{"at":"soon"}}"#).expect_err("refused").to_string();
    assert!(error.starts_with("this is not a record of the journal: invalid type"), "{error}");
    assert!(error.ends_with("line 1 column 20"), "{error}");
}

use super::*;
use mainstay::process::Command;
use mainstay::{RunId, process, supervisor};
use mainstay_core::{Command as Order, CommandId, Effects, Exit, Input, Moment, Verb};

/// A tree of real decisions, and what listeners are told of it.
struct World {
    tree: Tree,
    translator: Translator,
}

impl World {
    fn new() -> Self {
        let child = |name: &str| process(name, Command::new("x"));
        let app = supervisor("app").child(child("web")).child(child("db"));
        let declared = mainstay::tree().child(app).child(child("one"));
        let (spec, _) = declared.into_spec().expect("a tree");
        let tree = Tree::new(&spec);
        let translator = Translator::begin(&tree);
        Self { tree, translator }
    }

    fn take(&mut self, input: Input) -> Vec<String> {
        let mut out = Effects::new();
        self.tree.handle(Moment::ZERO, input, &mut out);
        let told = self.translator.take(&out.events, &self.tree, |_| Some(7));
        let text = |event: Happened| format!("{} {}", event.kind, event.payload.trim_end());
        told.into_iter().map(text).collect()
    }

    fn live(&self, path: &str) -> (ChildId, RunId) {
        let child = self.tree.find(&path.into()).expect("it is there");
        (child, self.tree.child(child).and_then(Child::life).expect("it lives").run)
    }

    fn command(&mut self, path: &str, verb: Verb) -> Vec<String> {
        let order = Order {
            id: CommandId(0),
            who: "test".into(),
            why: "test".into(),
            target: path.into(),
            if_run: None,
            if_revision: None,
            verb,
        };
        self.take(Input::Command(order))
    }
}

fn about(name: &str, group: &str, rest: &str) -> String {
    let (kind, rest) = rest.split_once(' ').expect("a kind");
    format!("PROCESS_STATE_{kind} processname:{name} groupname:{group} {rest}")
}

#[test]
fn runs_are_told_with_their_groups_and_their_processes() {
    let mut world = World::new();
    let begins =
        |name: &str, group: &str| about(name, group, "STARTING from_state:STOPPED tries:0");
    let mut told = world.take(Input::Boot);
    told.sort();
    assert_eq!(told, [begins("db", "app"), begins("one", "one"), begins("web", "app")]);
    let (web, run) = world.live("app/web");
    assert_eq!(
        world.take(Input::Started(web, run)),
        [about("web", "app", "RUNNING from_state:STARTING pid:7")]
    );
    let ended = Input::Exited { child: web, run, exit: Exit::Completed, detail: None };
    let told = world.take(ended);
    assert_eq!(told[0], about("web", "app", "EXITED from_state:RUNNING expected:1 pid:7"));
    let (one, run) = world.live("one");
    world.take(Input::Started(one, run));
    assert_eq!(
        world.command("one", Verb::Stop),
        [about("one", "one", "STOPPING from_state:RUNNING pid:7")]
    );
    let exit = Exit::Signaled { signal: 15, core: false };
    let ended = Input::Exited { child: one, run, exit, detail: None };
    assert_eq!(world.take(ended), [about("one", "one", "STOPPED from_state:STOPPING pid:7")]);
    assert_eq!(
        world.translator.whose("app/web").map(|(whose, pid)| (whose.name, whose.group, pid)),
        Some(("web", "app", 7))
    );
}

#[test]
fn groups_come_and_go_with_their_first_and_last_child() {
    let mut world = World::new();
    let none: [&str; 0] = [];
    assert_eq!(world.command("app/web", Verb::Remove), none, "it has another child");
    assert_eq!(world.command("app/db", Verb::Remove), ["PROCESS_GROUP_REMOVED groupname:app"]);
    let new = process("two", Command::new("x"));
    let (spec, _) = mainstay::tree().child(new).into_spec().expect("a tree");
    let Sort::Supervisor(root) = &spec.root.kind else { panic!("the root is a supervisor") };
    let spec = Some(root.children[0].1.clone());
    let told = world.command("", Verb::Add { name: "two".into(), spec });
    assert!(told.contains(&"PROCESS_GROUP_ADDED groupname:two".to_owned()), "{told:?}");
    assert!(world.translator.whose("app/db").is_none() && world.translator.whose("two").is_some());
}

#[test]
fn the_end_of_the_tree_is_told_once() {
    let mut world = World::new();
    world.take(Input::Boot);
    let is_end = |told: &String| told.starts_with("SUPERVISOR_STATE_CHANGE_STOPPING");
    assert_eq!(world.command("", Verb::Drain).iter().filter(|told| is_end(told)).count(), 1);
}

#[test]
fn what_was_told_in_an_earlier_life_is_not_told_again() {
    let World { mut tree, .. } = World::new();
    let mut untold = Untold::begin(&tree, 0);
    let mut out = Effects::new();
    tree.handle(Moment::ZERO, Input::Boot, &mut out);
    let count = out.events.len() as u64;
    untold.next = 1 + count;
    untold.take(1, &out.events, &tree, |_| None);
    let child = tree.find(&"one".into()).expect("it is there");
    let run = tree.child(child).and_then(Child::life).expect("it lives").run;
    let mut out = Effects::new();
    tree.handle(Moment::ZERO, Input::Started(child, run), &mut out);
    untold.take(1 + count, &out.events, &tree, |_| Some(9));
    let (_, next, events) = untold.end();
    assert_eq!(next, 1 + count + out.events.len() as u64);
    let told: Vec<String> = events.into_iter().map(|event| event.payload).collect();
    assert_eq!(told, ["processname:one groupname:one from_state:STARTING pid:9"]);
}

//! How far a run has come is kept with its child: for the next run, over a snapshot, and when the tree begins again.

use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::KindDraft;
use mainstay_core::spec::{ChildDraft, Kind, TreeDraft};
use mainstay_core::{ChildId, Effect, Effects, Event, Exit, Input, Moment, RunId, Tree};
use std::time::Duration;

/// A tree with one stage, and its first run.
fn tree() -> (Tree, ChildId, RunId) {
    let mut draft = TreeDraft::default();
    let kind = Some(KindDraft::Leaf(Kind::Stage));
    draft.root.children.push(ChildDraft { name: "a".into(), kind, ..ChildDraft::default() });
    let (spec, _) = draft.build(Profile::Daemon).expect("a valid tree");
    let mut tree = Tree::new(&spec);
    let mut out = Effects::new();
    tree.handle(Moment::ZERO, Input::Boot, &mut out);
    let Some(Effect::Start { child, run, .. }) = out.effects.first().copied() else {
        panic!("it starts")
    };
    tree.handle(Moment::ZERO, Input::Started(child, run), &mut out);
    (tree, child, run)
}

fn position(tree: &Tree, child: ChildId) -> Option<&str> {
    tree.child(child)?.memory.as_ref()?.position.as_deref()
}

fn tell(tree: &mut Tree, child: ChildId, run: RunId, position: &str) -> Vec<Event> {
    let mut out = Effects::new();
    let input = Input::Positioned { child, run, position: position.into() };
    tree.handle(tree.now(), input, &mut out);
    out.events.clone()
}

#[test]
fn the_last_word_of_the_present_run_counts_and_is_no_event() {
    let (mut tree, child, run) = tree();
    assert_eq!(position(&tree, child), None);
    assert_eq!(tell(&mut tree, child, run, "row 1"), []);
    assert_eq!(tell(&mut tree, child, run, "row 2"), []);
    let stale = Event::Stale { child, run: RunId(7) };
    assert_eq!(tell(&mut tree, child, RunId(7), "row 3"), [stale]);
    assert_eq!(position(&tree, child), Some("row 2"));
}

#[test]
fn it_outlives_the_run_the_snapshot_and_the_tree() {
    let (mut tree, child, run) = tree();
    tell(&mut tree, child, run, "row 9");
    let later = tree.now() + Duration::from_secs(1);
    let exit = Input::Exited { child, run, exit: Exit::FAILED, detail: None };
    tree.handle(later, exit, &mut Effects::new());
    assert_eq!(position(&tree, child), Some("row 9"));

    let restored = Tree::restore(tree.snapshot()).expect("its own snapshot");
    assert_eq!(position(&restored, child), Some("row 9"));
    let again = Tree::restore(tree.snapshot().begin_again(later)).expect("its own snapshot");
    assert_eq!(position(&again, child), Some("row 9"));
}

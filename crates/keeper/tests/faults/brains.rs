//! Brains that stand still or do not come up, and keepers that go on without them.

use crate::scene::{self, Manner, Scene};
use mainstay_wire::keeper::{Fact, Key, Order, Status, Whom};
use rustix::process::Signal;
use std::time::Instant;

/// Starts so many children that hang, and waits for them.
fn start_many(scene: &mut Scene, count: u32) -> Vec<Key> {
    scene.until_ready();
    let keys: Vec<Key> = (0..count)
        .map(|index| {
            let child = format!("many/{index}");
            let process = scene.puppet(&child, &["hang"]);
            scene.start(&child, process)
        })
        .collect();
    scene.until("start of all", |scene| keys.iter().all(|key| scene.model.lives(&key.child)));
    keys
}

#[test]
fn a_brain_that_stands_still_misses_nothing() {
    let mut scene = Scene::new(Manner::default());
    let keys = start_many(&mut scene, 60);
    let calm = scene.puppet("calm", &["hang"]);
    let calm = scene.start("calm", calm);
    scene.until_started(&calm);
    let brain = scene.brain().and_then(scene::open).expect("a brain");
    scene::signal(&brain, Signal::STOP);
    // A storm that nobody hears of: the children are killed from outside.
    let processes: Vec<_> =
        keys.iter().filter_map(|key| scene.model.run(key).pid).filter_map(scene::open).collect();
    processes.iter().for_each(scene::kill_process);
    processes.iter().for_each(scene::wait_for);
    // What the keeper does is not held up: it takes in whoever ends, though nobody hears of it.
    for key in &keys {
        let pid = scene.model.run(key).pid.expect("it has started");
        scene::until_taken_in(pid);
    }
    scene::signal(&brain, Signal::CONT);
    scene.until("all ends", |scene| keys.iter().all(|key| scene.model.is_over(&key.child)));
    for key in &keys {
        assert_eq!(scene.until_ended(key), Status::Signal { signal: 9, core: false });
    }
    assert_eq!((scene.brains, scene.keepers), (1, 1), "nobody has died");
    assert!(scene.model.run(&calm).is_live());
    scene.end();
}

#[test]
fn a_storm_while_there_is_no_brain_is_told_to_the_next() {
    let mut scene = Scene::new(Manner::default());
    let keys = start_many(&mut scene, 60);
    let brain = scene.brain().and_then(scene::open).expect("a brain");
    scene::signal(&brain, Signal::STOP);
    let processes: Vec<_> =
        keys.iter().filter_map(|key| scene.model.run(key).pid).filter_map(scene::open).collect();
    processes.iter().for_each(scene::kill_process);
    processes.iter().for_each(scene::wait_for);
    scene::kill_process(&brain);
    scene.until("all ends", |scene| keys.iter().all(|key| scene.model.is_over(&key.child)));
    assert_eq!((scene.brains, scene.keepers), (2, 1));
    scene.end();
}

#[test]
fn a_dead_brain_is_started_again_after_longer_and_longer() {
    let mut scene = Scene::new(Manner::default());
    scene.until_ready();
    let mut delays = Vec::new();
    for count in 2..5 {
        let brain = scene.brain().and_then(scene::open).expect("a brain");
        let began = Instant::now();
        scene::kill_process(&brain);
        scene.until("the next brain", |scene| scene.brains == count);
        delays.push(began.elapsed().as_millis());
        scene.until("greeting", |scene| scene.hellos == count);
    }
    // The first comes at once; how soon a machine starts a program is not for a test to say.
    assert!(delays[1] >= 100 && delays[2] >= 1000, "{delays:?}");
    scene.end();
}

#[test]
fn keepers_die_one_after_the_other_and_nobody_stays_a_zombie() {
    let mut scene = Scene::new(Manner::default());
    scene.until_ready();
    for (child, steps) in [("calm", &["hang"][..]), ("daemon", &["daemon-quiet", "hang"])] {
        let process = scene.puppet(child, steps);
        let key = scene.start(child, process);
        scene.until_started(&key);
    }
    for count in 2..6 {
        scene.kill_keeper();
        scene.until("another keeper", |scene| scene.keepers == count);
        let short = scene.puppet("short", &["exit:9"]);
        let short = scene.start("short", short);
        assert_eq!(scene.until_ended(&short), Status::Code(9));
        let brain = scene.brain().expect("a brain");
        assert_eq!(scene::zombies_of(brain), Vec::<u32>::new());
    }
    scene.settle();
    assert_eq!((scene.lives, scene.brains), (1, 1));
    assert!(scene.model.lives("calm") && scene.model.lives("daemon"));
    scene.end();
}

#[test]
fn a_brain_that_a_keeper_did_not_start_hears_its_signals() {
    let mut scene = Scene::new(Manner::default());
    scene.until_ready();
    scene.kill_keeper();
    scene.until("another keeper", |scene| scene.keepers == 2);
    let brain = scene.brain().and_then(scene::open).expect("a brain");
    let keeper = scene::open(scene.keeper()).expect("a keeper");
    scene::signal(&keeper, Signal::TERM);
    // A relay ends by it, and the keeper starts the next one.
    scene::wait_for(&brain);
    scene.until("the next brain", |scene| scene.brains == 2 && scene.hellos == 3);
    scene.end();
}

#[test]
fn exits_are_seen_though_their_keeper_is_dead() {
    let mut scene = Scene::new(Manner::default());
    scene.until_ready();
    let process = scene.puppet("a", &["on:TERM=exit:5", "print:on", "hang"]);
    let key = scene.start("a", process);
    let pid = scene.until_started(&key);
    // The brain stands still while the keeper dies and the child after it.
    let brain = scene.brain().and_then(scene::open).expect("a brain");
    scene::signal(&brain, Signal::STOP);
    scene.kill_keeper();
    let child = scene::open(pid).expect("it lives");
    scene::kill_process(&child);
    scene::wait_for(&child);
    scene::signal(&brain, Signal::CONT);
    match scene.until_ended(&key) {
        Status::Signal { signal: 9, .. } => {}
        Status::Unseen { from, to } => assert!(from < to, "{from:?} to {to:?}"),
        other => panic!("it ended as {other:?}"),
    }
    scene.end();
}

#[test]
fn what_two_dead_have_left_is_adopted_killed_or_refused() {
    use mainstay_wire::process::Leftovers::{Adopt, Kill, Refuse};
    let mut scene = Scene::new(Manner::default());
    scene.until_ready();
    let grandchild = "daemon-quiet:[ignore:TERM;hang]";
    for (child, leftovers) in [("adopt", Adopt), ("kill", Kill), ("refuse", Refuse)] {
        let mut process = scene.puppet(child, &["quiet", grandchild, "hang"]);
        process.leftovers = leftovers;
        let key = scene.start(child, process);
        scene.until_started(&key);
    }
    // Each has its grandchild: main process and that one.
    scene::until_marked(&scene, 6);
    scene.kill_both();
    assert_eq!(scene.marked().len(), 6, "{}", scene.dump("somebody died"));
    scene.start_again();
    scene.until("answers", |scene| {
        scene.model.lives("adopt") && scene.model.lives("kill") && scene.model.is_over("refuse")
    });
    let (first, second) = (Key { child: "kill".into(), run: 1 }, scene.last("kill"));
    assert_eq!(second.run, 2);
    let marked = scene.marked();
    assert!(marked.iter().all(|living| living.key != first), "{}", scene.dump("not killed"));
    let adopted = scene.last("adopt");
    assert!(scene.model.run(&adopted).adopted);
    // It was adopted with its grandchild: both end.
    scene.kill(&adopted);
    scene.until_ended(&adopted);
    let left: Vec<_> = scene.marked().into_iter().filter(|it| &*it.key.child == "adopt").collect();
    assert!(left.is_empty(), "{left:?}");
    for living in scene.marked().iter().filter(|it| &*it.key.child == "refuse") {
        scene::kill_process(&living.fd);
        scene::wait_for(&living.fd);
    }
    let process = scene.puppet("refuse", &["hang"]);
    let again = scene.start("refuse", process);
    scene.until_started(&again);
    scene.end();
}

#[test]
fn what_is_left_of_a_run_is_held_though_its_main_process_ended_on_the_way() {
    let mut scene = Scene::new(Manner::default());
    scene.until_ready();
    let process = scene.puppet("a", &["quiet", "daemon-quiet:[ignore:TERM;hang]", "hang"]);
    let key = scene.start("a", process);
    let pid = scene.until_started(&key);
    scene::until_marked(&scene, 2);
    let brain = scene.brain().and_then(scene::open).expect("a brain");
    scene::signal(&brain, Signal::STOP);
    scene.kill_keeper();
    let main = scene::open(pid).expect("it lives");
    scene::kill_process(&main);
    scene::wait_for(&main);
    scene::signal(&brain, Signal::CONT);
    scene.until_ended(&key);
    assert_eq!(scene.marked().len(), 0, "{}", scene.dump("somebody is left"));
    scene.leave(false);
}

#[test]
fn an_upgrade_keeps_whoever_was_adopted_with_all_that_belongs_to_it() {
    let mut scene = Scene::new(Manner::default());
    scene.until_ready();
    let process = scene.puppet("a", &["quiet", "daemon-quiet:[ignore:TERM;hang]", "hang"]);
    let key = scene.start("a", process);
    scene.until_started(&key);
    scene::until_marked(&scene, 2);
    scene.kill_both();
    scene.start_again();
    scene.until("adoption", |scene| scene.model.lives("a"));
    for _ in 0..2 {
        let hellos = scene.hellos;
        scene.order(&Order::Upgrade { program: None, arguments: Vec::new() });
        scene.until("greeting", |scene| scene.hellos > hellos);
    }
    let key = scene.last("a");
    scene.order(&Order::Signal { key: key.clone(), signal: 15, whom: Whom::Main });
    scene.until_ended(&key);
    let has_left = |fact: &Fact| matches!(fact, Fact::MainEnded { left, .. } if left.len() == 1);
    assert!(scene.model.facts().iter().any(has_left), "{}", scene.dump("nobody was left"));
    scene.leave(false);
}

//! Keepers that are asked for runs of those before them, where the brain has died as well.

use crate::scene::{self, Manner, Scene};
use mainstay_wire::keeper::{Fact, Key, Order, Status, Step};
use mainstay_wire::process::Leftovers::{self, Kill, Refuse};
use std::sync::Arc;
use std::time::Duration;

/// What lives on, with nothing of the keeper's, when its parent ends.
const GRANDCHILD: &str = "daemon-quiet:[ignore:TERM;hang]";

/// Starts one child that hangs and has a grandchild, and waits for both.
fn with_family(leftovers: Leftovers) -> (Scene, Key, u32) {
    let mut scene = Scene::new(Manner::default());
    scene.until_ready();
    let mut process = scene.puppet("a", &["quiet", GRANDCHILD, "hang"]);
    process.leftovers = leftovers;
    let key = scene.start("a", process);
    let pid = scene.until_started(&key);
    scene::until_marked(&scene, 2);
    (scene, key, pid)
}

/// Lets both die, and the next ones be asked to go on.
fn live_again(scene: &mut Scene) {
    scene.kill_both();
    scene.model.finds = true;
    scene.start_again();
}

fn find(scene: &mut Scene, key: &Key) {
    let process = Arc::clone(&scene.model.run(key).process);
    scene.order(&Order::Find { key: key.clone(), process });
}

fn kill_and_wait(pid: u32) {
    let process = scene::open(pid).expect("it lives");
    scene::kill_process(&process);
    scene::wait_for(&process);
}

/// Asserts that nobody has seen the end of a run, and returns from when on it may have been.
fn unseen_since(status: &Status) -> Duration {
    let Status::Unseen { from, to } = status else { panic!("it ended as {status:?}") };
    assert!(from < to, "{from:?} to {to:?}");
    *from
}

#[test]
fn a_run_that_lives_goes_on_by_its_own_name_with_all_that_belongs_to_it() {
    let (mut scene, key, pid) = with_family(Leftovers::Adopt);
    for _ in 0..2 {
        live_again(&mut scene);
        assert_eq!(scene.until_started(&key), pid);
        assert!(scene.model.run(&key).adopted);
        assert_eq!(scene.marked().len(), 2, "{}", scene.dump("somebody is missing"));
    }
    scene.kill(&key);
    scene.until_ended(&key);
    assert_eq!(scene.marked().len(), 0, "{}", scene.dump("somebody is left"));
    let process = scene.puppet("a", &["hang"]);
    let next = scene.start("a", process);
    assert_eq!(next.run, 2);
    scene.until_started(&next);
    scene.end();
}

#[test]
fn a_run_that_is_held_is_told_again_and_not_a_second_time_begun() {
    let (mut scene, key, pid) = with_family(Leftovers::Adopt);
    let adopted = |fact: &Fact| matches!(fact, Fact::Adopted { pid: told, .. } if *told == pid);
    // The model takes it for a run that was looked for from here on.
    live_again(&mut scene);
    scene.until_started(&key);
    find(&mut scene, &key);
    scene.until("second answer", |scene| {
        scene.model.facts().iter().filter(|fact| adopted(fact)).count() == 2
    });
    // Nor after a rescue, by a keeper that found it in the hands of its brain.
    scene.kill_keeper();
    scene.until("another keeper", |scene| scene.keepers == 3);
    find(&mut scene, &key);
    scene.until("third answer", |scene| {
        scene.model.facts().iter().filter(|fact| adopted(fact)).count() == 3
    });
    assert_eq!(scene.marked().len(), 2, "{}", scene.dump("another copy"));
    scene.end();
}

#[test]
fn a_run_of_which_nothing_is_left_ended_and_nobody_saw_it() {
    let mut scene = Scene::new(Manner::default());
    scene.until_ready();
    let process = scene.puppet("a", &["hang"]);
    let key = scene.start("a", process);
    let pid = scene.until_started(&key);
    scene.kill_both();
    kill_and_wait(pid);
    scene.model.finds = true;
    scene.start_again();
    assert_eq!(unseen_since(&scene.until_ended(&key)), Duration::ZERO);
    // Whoever asks again, of what a brain has acknowledged, is answered again.
    find(&mut scene, &key);
    let ends = |scene: &Scene| {
        let is_end = |fact: &&Fact| matches!(fact, Fact::Ended { .. });
        scene.model.facts().iter().filter(is_end).count()
    };
    scene.until("second answer", |scene| ends(scene) == 2);
    let process = scene.puppet("a", &["hang"]);
    let next = scene.start("a", process);
    assert_eq!(next.run, 2);
    scene.until_started(&next);
    scene.end();
}

#[test]
fn what_is_left_of_a_run_whose_main_process_ended_meanwhile_is_ended_with_it() {
    let (mut scene, key, pid) = with_family(Leftovers::Adopt);
    scene.kill_both();
    kill_and_wait(pid);
    assert_eq!(scene.marked().len(), 1, "{}", scene.dump("nobody is left"));
    scene.model.finds = true;
    scene.start_again();
    assert_eq!(unseen_since(&scene.until_ended(&key)), Duration::ZERO);
    // As with any other run: who is left is named, asked, and forced in the end.
    let has_left = |fact: &Fact| matches!(fact, Fact::MainEnded { left, .. } if left.len() == 1);
    assert!(scene.model.facts().iter().any(has_left), "{}", scene.dump("nobody was named"));
    assert_eq!(scene.marked().len(), 0, "{}", scene.dump("somebody is left"));
    scene.leave(false);
}

#[test]
fn what_is_not_to_go_on_is_killed() {
    let (mut scene, key, _) = with_family(Kill);
    live_again(&mut scene);
    match scene.until_ended(&key) {
        // Kernels differ in whom they tell how a process ended.
        Status::Signal { signal: 9, .. } => {}
        status => drop(unseen_since(&status)),
    }
    assert!(!scene.model.run(&key).adopted);
    assert_eq!(scene.marked().len(), 0, "{}", scene.dump("somebody is left"));
    scene.leave(false);
}

#[test]
fn what_is_refused_is_left_alone_and_named_until_it_is_gone() {
    let (mut scene, key, pid) = with_family(Refuse);
    live_again(&mut scene);
    let is_refused = |status: &Status| matches!(status, Status::NotStarted(error) if error.step == Step::Leftover);
    let status = scene.until_ended(&key);
    assert!(is_refused(&status), "{status:?}");
    let ended = scene.model.run(&key).ended.clone().expect("it has ended");
    let mut named: Vec<u32> = ended.left.iter().map(|lost| lost.pid).collect();
    let mut living: Vec<u32> = scene.marked().iter().map(|living| living.pid).collect();
    named.sort_unstable();
    living.sort_unstable();
    assert!(named.contains(&pid) && named == living, "{named:?} of {living:?}");
    let mut process = scene.puppet("a", &["hang"]);
    process.leftovers = Refuse;
    let next = scene.start("a", process.clone());
    let status = scene.until_ended(&next);
    assert!(is_refused(&status), "{status:?}");
    living.into_iter().for_each(kill_and_wait);
    let next = scene.start("a", process);
    scene.until_started(&next);
    scene.end();
}

#[test]
fn a_keeper_that_dies_before_it_answers_loses_nobody() {
    let (mut scene, key, pid) = with_family(Leftovers::Adopt);
    scene.kill_both();
    scene.model.finds = true;
    scene.start_again();
    scene.until("inventory", |scene| scene.model.inventories == scene.lives);
    // The order goes to a keeper that is no more; the next one is asked again.
    scene.kill_keeper();
    assert_eq!(scene.until_started(&key), pid);
    assert_eq!(scene.marked().len(), 2, "{}", scene.dump("somebody is missing"));
    assert_eq!(scene.lives, 2);
    scene.end();
}

//! Somebody dies at each of the points there are.

use crate::scene::{Manner, Scene};
use mainstay_wire::keeper::{Order, Whom};
use std::time::Duration;

/// Every point of a keeper that it comes to in `play`, and how often at least.
const KEEPER: [(&str, u32); 12] = [
    ("start.before", 4),
    ("start.born", 4),
    ("start.lent", 4),
    ("start.told", 4),
    ("exit.seen", 4),
    ("exit.gone", 4),
    ("exit.told.before", 4),
    ("exit.told", 4),
    ("kill", 1),
    ("command.born", 1),
    ("command.told", 1),
    ("met", 1),
];

/// Every point on the way from one program to the next.
const UPGRADE: [&str; 6] =
    ["upgrade.before", "upgrade.exec", "take.before", "take.child", "take.after", "met"];

/// Every point of a brain.
const BRAIN: [(&str, u32); 6] = [
    ("brain.connected", 1),
    ("brain.orders", 6),
    ("brain.ordered", 6),
    ("brain.heard", 9),
    ("brain.acknowledges", 3),
    ("brain.acknowledged", 3),
];

/// Every point of a brain whose keeper has died, and of the next keeper.
const RESCUE: [&str; 7] = [
    "brain.rescue.before",
    "brain.rescue.ended",
    "brain.rescue.ready",
    "brain.rescue.born",
    "take.before",
    "take.child",
    "take.after",
];

/// What is done to those who hold the children, in the middle of it all.
#[derive(Clone, Copy, PartialEq)]
enum Middle {
    Nothing,
    Upgrade,
    KeeperDies,
    Both,
}

/// Starts, ends and hands over whatever there is, with children of every temper.
fn play(mut scene: Scene, middle: Middle) -> Scene {
    scene.until_somehow("first inventory", |scene| scene.model.inventories == scene.lives);
    let grandchild = "daemon-quiet:[ignore:TERM;hang]";
    for (child, steps) in [
        ("calm", &["hang"][..]),
        ("short", &["exit:3"]),
        ("stubborn", &["ignore:TERM", grandchild, "hang"]),
        ("daemon", &["daemon-quiet", "exit:4"]),
    ] {
        let process = scene.puppet(child, steps);
        scene.start(child, process);
    }
    let all_are_there = |scene: &Scene| {
        let model = &scene.model;
        model.lives("calm")
            && model.lives("stubborn")
            && model.is_over("short")
            && model.is_over("daemon")
    };
    scene.until_somehow("beginning", all_are_there);
    if matches!(middle, Middle::KeeperDies | Middle::Both) {
        let hellos = scene.hellos;
        scene.kill_keeper();
        scene.until_somehow("other keeper", |scene| scene.hellos > hellos);
        scene.until_somehow("same children", all_are_there);
    }
    if matches!(middle, Middle::Upgrade | Middle::Both) {
        let hellos = scene.hellos;
        scene.order(&Order::Upgrade { program: None, arguments: Vec::new() });
        scene.until_somehow("greeting after an upgrade", |scene| scene.hellos > hellos);
        scene.until_somehow("same children", all_are_there);
    }
    let key = scene.last("calm");
    let command = vec![puppet::program().as_path().into(), "print:hello".into()];
    scene.order(&Order::Execute { key, ticket: 1, command, timeout: Duration::from_secs(9) });
    let (hellos, done) = (scene.hellos, scene.model.done);
    scene.until_somehow("answer", |scene| scene.hellos > hellos || scene.model.done > done);
    scene.until_somehow("same children", all_are_there);
    // Whoever takes this order may die before it is passed on.
    while scene.model.lives("calm") {
        let (hellos, key) = (scene.hellos, scene.last("calm"));
        scene.order(&Order::Signal { key, signal: 15, whom: Whom::Main });
        scene.until_somehow("end of the calm", |scene| {
            scene.model.is_over("calm") || scene.hellos > hellos
        });
        scene.until_somehow("answer", |scene| {
            scene.model.lives("calm") || scene.model.is_over("calm")
        });
    }
    let stubborn = scene.last("stubborn");
    scene.kill(&stubborn);
    scene.until_somehow("end of the stubborn", |scene| scene.model.is_over("stubborn"));
    scene.settle();
    scene
}

fn check(fault: &str, middle: Middle) {
    let (name, _) = fault.split_once(':').expect("a name and a number");
    eprintln!("{fault}");
    let scene = Scene::new(Manner { fault: Some(fault.to_owned()), ..Manner::default() });
    let scene = play(scene, middle);
    assert_eq!(scene.fault_met().as_deref(), Some(name), "{}", scene.dump("nobody has died"));
    scene.end();
}

#[test]
fn nobody_dies() {
    let scene = play(Scene::new(Manner::default()), Middle::Both);
    assert_eq!((scene.lives, scene.brains, scene.keepers), (1, 1, 2));
    scene.end();
}

#[test]
fn the_keeper_dies_at_each_point() {
    for (name, times) in KEEPER {
        for time in 1..=times {
            check(&format!("{name}:{time}"), Middle::Nothing);
        }
    }
}

#[test]
fn the_brain_dies_at_each_point() {
    for (name, times) in BRAIN {
        for time in 1..=times {
            check(&format!("{name}:{time}"), Middle::Nothing);
        }
    }
}

#[test]
fn somebody_dies_during_an_upgrade() {
    for name in UPGRADE {
        // The first program has greeted once itself.
        check(&format!("{name}:1"), Middle::Upgrade);
    }
}

#[test]
fn somebody_dies_during_a_rescue() {
    for name in RESCUE {
        check(&format!("{name}:1"), Middle::KeeperDies);
    }
}

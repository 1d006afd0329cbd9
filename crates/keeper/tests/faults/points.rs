//! Somebody dies at each of the points there are.

use crate::scene::{Manner, Scene};
use mainstay_wire::keeper::{Order, Whom};
use std::time::Duration;

/// Every point of a keeper that it comes to in `play`, and how often at least.
const KEEPER: [(&str, u32); 14] = [
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
    ("upgrade.before", 1),
    ("upgrade.exec", 1),
    ("met", 1),
];

/// Every point that there is while a keeper takes over: after an upgrade, or after the one before has died.
const TAKE_OVER: [&str; 3] = ["take.before", "take.child", "take.after"];

/// Every point of a brain.
const BRAIN: [(&str, u32); 6] = [
    ("brain.connected", 1),
    ("brain.orders", 6),
    ("brain.ordered", 6),
    ("brain.heard", 9),
    ("brain.acknowledges", 3),
    ("brain.acknowledged", 3),
];

/// Every point of a brain whose keeper has died.
const RESCUE: [&str; 3] = ["brain.rescue.before", "brain.rescue.ready", "brain.rescue.born"];

/// Starts, ends and hands over whatever there is, with children of every temper.
fn play(mut scene: Scene, kills_keeper: bool) -> Scene {
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
    if kills_keeper {
        let keepers = scene.keepers;
        scene.kill_keeper();
        scene.until_somehow("other keeper", |scene| scene.keepers > keepers);
        scene.until_somehow("same children", all_are_there);
    }
    let key = scene.model.last("calm").expect("it was ordered").0.clone();
    let command = vec![puppet::program().as_path().into(), "print:hello".into()];
    scene.order(&Order::Execute { key, ticket: 1, command, timeout: Duration::from_secs(9) });
    let hellos = scene.hellos;
    scene.order(&Order::Upgrade { program: None, arguments: Vec::new() });
    scene.until_somehow("greeting after an upgrade", |scene| scene.hellos > hellos);
    scene.until_somehow("same children", all_are_there);
    let calm = scene.model.last("calm").expect("it was ordered").0.clone();
    scene.order(&Order::Signal { key: calm.clone(), signal: 15, whom: Whom::Main });
    let stubborn = scene.model.last("stubborn").expect("it was ordered").0.clone();
    scene.kill(&stubborn);
    scene.until_somehow("end of the stubborn", |scene| scene.model.is_over("stubborn"));
    scene.settle();
    scene
}

fn check(fault: &str, kills_keeper: bool) {
    let (name, _) = fault.split_once(':').expect("a name and a number");
    let scene = Scene::new(Manner { fault: Some(fault.to_owned()), ..Manner::default() });
    let scene = play(scene, kills_keeper);
    assert_eq!(scene.fault_met().as_deref(), Some(name), "{}", scene.dump("nobody has died"));
    scene.end();
}

#[test]
fn nobody_dies() {
    let scene = play(Scene::new(Manner::default()), true);
    assert_eq!((scene.lives, scene.brains, scene.keepers), (1, 1, 2));
    scene.end();
}

#[test]
fn the_keeper_dies_at_each_point() {
    for (name, times) in KEEPER {
        for time in 1..=times {
            check(&format!("{name}:{time}"), false);
        }
    }
}

#[test]
fn the_brain_dies_at_each_point() {
    for (name, times) in BRAIN {
        for time in 1..=times {
            check(&format!("{name}:{time}"), false);
        }
    }
}

#[test]
fn somebody_dies_while_another_keeper_takes_over() {
    for name in TAKE_OVER {
        for kills_keeper in [false, true] {
            check(&format!("{name}:1"), kills_keeper);
        }
    }
    for name in RESCUE {
        check(&format!("{name}:1"), true);
    }
}

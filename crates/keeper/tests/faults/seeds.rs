//! Random children, orders and deaths, by seed.

use crate::random::Random;
use crate::scene::{Manner, PATIENCE, Scene};
use mainstay_wire::keeper::{Key, Order, Status, Step, Whom};
use mainstay_wire::process::Leftovers;
use std::time::{Duration, Instant};

/// How many seeds there are where nothing else is said, and how long they may take.
const SEEDS: u64 = 30;
const MOST: Duration = Duration::from_secs(20);

const CHILDREN: [&str; 5] = ["a", "b", "c/d", "e f", "g#1"];

/// `FAULT_SEEDS=100` plays so many, `FAULT_SEED=7` that one alone.
#[test]
fn nothing_is_lost_or_doubled() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    if let Some(seed) = number("FAULT_SEED") {
        return play(seed, false);
    }
    let (seeds, most) =
        number("FAULT_SEEDS").map_or((SEEDS, Some(MOST)), |seeds: u64| (seeds, None));
    let began = Instant::now();
    for seed in 0..seeds {
        if most.is_some_and(|most| began.elapsed() > most) {
            eprintln!("{seed} of {seeds} seeds were played in time");
            break;
        }
        play(seed, false);
    }
}

#[test]
fn nothing_is_lost_or_doubled_for_an_ordinary_user() {
    if !rustix::process::geteuid().is_root() {
        return; // Every test is one.
    }
    for seed in 1000..1005 {
        play(seed, true);
    }
}

fn play(seed: u64, ordinary: bool) {
    eprintln!("seed {seed}");
    let mut random = Random::new(seed);
    let fault = match random.below(4) {
        0 => None,
        1 | 2 => Some(format!("*:{}", 1 + random.below(40))),
        _ => Some(format!("brain.*:{}", 1 + random.below(50))),
    };
    let mut scene = Scene::new(Manner { fault, ordinary, ..Manner::default() });
    scene.seed = seed;
    scene.until_somehow("inventory", |scene| scene.model.inventories == scene.lives);
    // Dead brains are started later and later.
    let mut brains_to_kill = 2;
    for _ in 0..12 + random.below(12) {
        match random.below(16) {
            0..7 => start(&mut scene, &mut random),
            7 | 8 => end_one(&mut scene, &mut random),
            9..12 => hear(&mut scene, &mut random),
            12 if brains_to_kill > 0 => {
                brains_to_kill -= 1;
                kill_brain(&scene);
            }
            13 => kill_keeper(&mut scene),
            14 => scene.order(&Order::Upgrade { program: None, arguments: Vec::new() }),
            15 if random.one_in(3) => kill_both(&mut scene, &mut random),
            _ => execute(&mut scene, &mut random),
        }
    }
    scene.settle();
    if random.one_in(2) { scene.end() } else { scene.leave(true) }
}

fn start(scene: &mut Scene, random: &mut Random) {
    let child = *random.pick(&CHILDREN);
    if !scene.model.is_over(child) && scene.model.last(child).is_some() {
        return;
    }
    let daemon = "daemon-quiet:[ignore:TERM;hang]";
    let steps: &[&str] = match random.below(7) {
        0 => &["exit:3"],
        1 => &["hang"],
        2 => &["ignore:TERM", "hang"],
        3 => &[daemon, "hang"],
        4 => &[daemon, "exit:5"],
        5 => &["fork-bomb:3", "abort"],
        _ => &["flood:30000", "exit:6"],
    };
    let mut process = scene.puppet(child, steps);
    process.leftovers = *random.pick(&[Leftovers::Adopt, Leftovers::Adopt, Leftovers::Kill]);
    scene.start(child, process);
}

fn open_run(scene: &Scene, random: &mut Random) -> Option<Key> {
    let open: Vec<&Key> = scene.model.open_runs().map(|(key, _)| key).collect();
    (!open.is_empty()).then(|| (*random.pick(&open)).clone())
}

fn end_one(scene: &mut Scene, random: &mut Random) {
    let Some(key) = open_run(scene, random) else { return };
    if random.one_in(2) {
        scene.kill(&key);
    } else {
        scene.order(&Order::Signal { key, signal: 15, whom: Whom::All });
    }
}

fn execute(scene: &mut Scene, random: &mut Random) {
    let Some(key) = open_run(scene, random) else { return };
    let command = vec!["/bin/sh".into(), "-c".into(), "echo $MAINPID".into()];
    scene.order(&Order::Execute { key, ticket: 1, command, timeout: Duration::from_secs(5) });
}

/// Hears some of what there is to hear, or all.
fn hear(scene: &mut Scene, random: &mut Random) {
    if random.one_in(3) {
        return scene.settle();
    }
    let has_open = |scene: &Scene| scene.model.open_runs().any(|(_, told)| told.pid.is_none());
    for _ in 0..1 + random.below(4) {
        if has_open(scene) {
            let reports = scene.reports;
            scene.until_somehow("report", |scene| scene.reports > reports || !has_open(scene));
        }
    }
}

fn kill_brain(scene: &Scene) {
    let Some(brain) = scene.brain() else { return };
    if let Some(fd) = crate::scene::open(brain) {
        crate::scene::kill_process(&fd);
    }
}

fn kill_keeper(scene: &mut Scene) {
    scene.until_somehow("inventory", |scene| scene.model.inventories == scene.lives);
    scene.kill_keeper();
}

/// Kills keeper and brain: what they held is found by the next ones.
fn kill_both(scene: &mut Scene, random: &mut Random) {
    scene.settle();
    kill_brain(scene);
    scene.kill_keeper();
    let deadline = Instant::now() + PATIENCE;
    let lives = scene.lives;
    while scene.lives == lives {
        match scene.next(deadline) {
            Some(crate::scene::Came::Dead) => {
                scene.model.leftovers = random.one_in(3).then_some(Leftovers::Refuse);
                scene.model.finds = random.one_in(2);
                scene.start_again();
            }
            Some(crate::scene::Came::Brain) => return, // It was quicker.
            _ => assert!(Instant::now() < deadline, "{}", scene.dump("somebody lives on")),
        }
    }
    scene.settle_refused();
    // Who dies without a plan leaves nothing that is refused.
    scene.model.leftovers = Some(Leftovers::Kill);
}

impl Scene {
    /// Ends by hand what may neither be adopted nor killed, and starts its children then.
    fn settle_refused(&mut self) {
        self.until_somehow("answers", |scene| {
            scene.model.inventories == scene.lives
                && scene.model.open_runs().all(|(_, told)| told.pid.is_some())
        });
        let is_refused = |status: &Status| matches!(status, Status::NotStarted(error) if error.step == Step::Leftover);
        for living in self.marked() {
            let told = self.model.last(&living.key.child);
            let ended = told.and_then(|(_, told)| told.ended.as_ref());
            if ended.is_some_and(|ended| is_refused(&ended.status)) {
                crate::scene::kill_process(&living.fd);
                crate::scene::wait_for(&living.fd);
            }
        }
    }
}

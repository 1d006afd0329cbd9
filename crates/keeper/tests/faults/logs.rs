//! What becomes of a log when somebody dies while it is written.

use crate::scene::{self, Manner, Scene};
use flate2::read::MultiGzDecoder;
use mainstay_wire::keeper::{Ended, Key, Order};
use mainstay_wire::process::{Log, Output, Process};
use puppet::Flood;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// How much is printed in one go.
const FLOOD: u64 = 300_000;
/// How long a file of the log gets.
const SIZE: u64 = 40_000;

/// A child that prints twice as much, and gives others time to die in between.
fn process(scene: &Scene, compress: bool) -> Process {
    let flood = format!("flood:{FLOOD}:80:4096");
    let gate = format!("await-fifo:{}", scene.path("gate").display());
    let steps = [&gate, "seed:1", &flood, "sleep:0.05", "seed:2", &flood, "exit:0"];
    let path = scene.path("log").as_path().into();
    let log = Log { path, size: SIZE, keep: 100, compress, stamps: false, ..Log::default() };
    let output = Output { log: Some(log), ..Output::default() };
    Process { output, ..scene.puppet("a", &steps) }
}

fn printed() -> Vec<u8> {
    let mut all = Vec::new();
    for seed in [1, 2] {
        Flood::new(seed, FLOOD, 80).read_to_end(&mut all).expect("a flood reads");
    }
    all
}

/// Returns all that stands in a log, older files first.
fn logged(path: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for number in (1..=100).rev() {
        let with = |suffix: &str| PathBuf::from(format!("{}.{number}{suffix}", path.display()));
        // Where a compressed file has just taken its place the plain one is still the same.
        if let Ok(mut file) = File::open(with("")) {
            file.read_to_end(&mut all).expect("a log");
        } else if let Ok(file) = File::open(with(".gz")) {
            MultiGzDecoder::new(file).read_to_end(&mut all).expect("a compressed log");
        }
    }
    File::open(path).expect("a log").read_to_end(&mut all).expect("a log");
    all
}

/// Returns how many bytes are missing in one place; nothing may be there twice or in another order.
fn missing(scene: &Scene) -> usize {
    let (printed, logged) = (printed(), logged(&scene.path("log")));
    let same = |a: &mut dyn Iterator<Item = &u8>, b: &mut dyn Iterator<Item = &u8>| {
        a.zip(b).take_while(|(a, b)| a == b).count()
    };
    let before = same(&mut printed.iter(), &mut logged.iter());
    let after = same(&mut printed.iter().rev(), &mut logged.iter().rev());
    let fits = logged.len() <= printed.len() && before + after >= logged.len();
    let lengths = format!("{} of {} bytes, {before} and {after}", logged.len(), printed.len());
    assert!(
        fits,
        "{}",
        scene.dump(&format!("bytes are there twice, or in another order: {lengths}"))
    );
    printed.len() - logged.len()
}

fn start(fault: Option<&str>, compress: bool) -> (Scene, Key) {
    let fault = fault.map(str::to_owned);
    let mut scene = Scene::new(Manner { fault, ..Manner::default() });
    scene.until("inventory", |scene| scene.model.inventories == 1);
    let gate = scene.path("gate");
    mknodat(CWD, &gate, FileType::Fifo, Mode::RWXU, 0).expect("a fifo");
    let process = process(&scene, compress);
    let key = scene.start("a", process);
    // A run that nobody was told of begins anew, with all that it prints.
    scene.until_started(&key);
    drop(File::options().write(true).open(gate).expect("the child opens it too"));
    (scene, key)
}

fn end(scene: &mut Scene, key: &Key) -> Ended {
    scene.until_ended(key);
    scene.model.run(key).ended.clone().expect("it has ended")
}

#[test]
fn a_keeper_that_dies_takes_along_what_it_had_read_and_not_written() {
    for (name, times) in [
        ("log.read", &[1, 2][..]),
        ("log.written", &[1, 2]),
        ("log.rotate", &[1, 7]),
        ("log.renamed", &[1, 7]),
        ("log.rotated", &[1, 7]),
    ] {
        for time in times {
            let fault = format!("{name}:{time}");
            eprintln!("{fault}");
            let (mut scene, key) = start(Some(&fault), false);
            let ended = end(&mut scene, &key);
            assert_eq!(scene.fault_met().as_deref(), Some(name), "{}", scene.dump("nobody died"));
            let missing = missing(&scene) as u64;
            assert!(missing <= ended.lost, "{missing} bytes: {}", scene.dump("more than counted"));
            assert!(name != "log.written" || missing == 0, "{missing} bytes");
            scene.end();
        }
    }
}

#[test]
fn a_brain_that_dies_takes_nothing_along() {
    for fault in ["brain.heard:3", "brain.ordered:1", "brain.acknowledged:1"] {
        eprintln!("{fault}");
        let (mut scene, key) = start(Some(fault), false);
        let ended = end(&mut scene, &key);
        assert!(scene.fault_met().is_some(), "{}", scene.dump("nobody died"));
        assert_eq!((missing(&scene), ended.lost), (0, 0));
        scene.end();
    }
    let (mut scene, key) = start(None, false);
    let brain = scene.brain().and_then(scene::open).expect("a brain");
    scene::kill_process(&brain);
    let ended = end(&mut scene, &key);
    assert_eq!((missing(&scene), ended.lost, scene.keepers), (0, 0, 1));
    scene.end();
}

#[test]
fn what_several_keepers_took_along_is_counted_together() {
    let (mut scene, key) = start(Some("log.read:2"), false);
    scene.until("another keeper", |scene| scene.keepers == 2);
    scene.kill_keeper();
    let ended = end(&mut scene, &key);
    assert!(ended.lost > 0, "{}", scene.dump("nothing was counted"));
    scene.end();
}

#[test]
fn an_upgrade_takes_nothing_along_and_counts_what_it_did_where_it_dies() {
    for fault in [
        None,
        Some("upgrade.before:1"),
        Some("upgrade.exec:1"),
        Some("take.before:1"),
        Some("take.after:1"),
    ] {
        eprintln!("{fault:?}");
        let (mut scene, key) = start(fault, false);
        let hellos = scene.hellos;
        scene.order(&Order::Upgrade { program: None, arguments: Vec::new() });
        scene.until("greeting", |scene| scene.hellos > hellos);
        let ended = end(&mut scene, &key);
        assert_eq!(scene.fault_met().is_some(), fault.is_some(), "{}", scene.dump("who died"));
        let missing = missing(&scene) as u64;
        assert!(missing <= ended.lost, "{missing} bytes: {}", scene.dump("more than counted"));
        assert!(fault.is_some() || ended.lost == 0);
        scene.end();
    }
}

#[test]
fn what_is_compressed_is_there_once_whoever_dies() {
    for fault in [None, Some("log.compressed:1"), Some("log.compressed:3"), Some("log.placed:1")] {
        eprintln!("{fault:?}");
        let (mut scene, key) = start(fault, true);
        let ended = end(&mut scene, &key);
        scene.until("death", |scene| scene.fault_met().is_some() == fault.is_some());
        let missing = missing(&scene) as u64;
        assert!(missing <= ended.lost, "{missing} bytes: {}", scene.dump("more than counted"));
        assert!(fault.is_some() || (missing, ended.lost) == (0, 0));
        scene.end();
    }
}

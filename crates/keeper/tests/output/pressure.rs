//! Logs that take nothing, and children that print too much.

use crate::harness::{Plane, key, output, stuck_log, wait_for, write};
use mainstay_keeper::output::{Told, unwritten};
use mainstay_wire::process::{Output, Pressure};
use rustix::event::PollFlags;
use rustix::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::time::Duration;

/// Reads a pipe until what has come is enough.
fn read_until(reader: &OwnedFd, all: &mut Vec<u8>, enough: impl Fn(&[u8]) -> bool) {
    let mut block = vec![0; 65536];
    while !enough(all) {
        assert!(wait_for(reader, PollFlags::IN, Duration::from_secs(20)), "{} bytes", all.len());
        match rustix::io::read(reader, &mut block) {
            Ok(length) => all.extend_from_slice(&block[..length]),
            Err(rustix::io::Errno::AGAIN) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn numbered(lines: usize) -> Vec<u8> {
    (0..lines).flat_map(|line| format!("{line:099}\n").into_bytes()).collect()
}

fn is_trouble(child: &str, error: i32) -> impl Fn(&Told) -> Option<String> {
    move |news| match news {
        Told::Trouble { child: of, what, error: found } if &**of == child && error == *found => {
            Some(what.clone())
        }
        _ => None,
    }
}

/// A machine that is busy for long makes a log look stuck: that is another trouble, and not to be mistaken for this.
fn is_full(child: &str) -> impl Fn(&Told) -> Option<String> {
    is_trouble(child, rustix::io::Errno::NOSPC.raw_os_error())
}

#[test]
fn a_log_that_stands_still_holds_up_its_own_child_alone() {
    let mut plane = Plane::new();
    let (log, reader) = stuck_log(&plane);
    let stuck = key("stuck", 1);
    let to = plane.merged(&stuck, &output(log));
    let printed = numbered(20_000);
    let expected = printed.clone();
    let child = std::thread::spawn(move || write(&to, &printed));
    plane.until(is_trouble("stuck", rustix::io::Errno::TIMEDOUT.raw_os_error()));
    for run in 1..=3 {
        let other = key("other", run);
        let to = plane.merged(&other, &output(plane.log("other.log")));
        write(&to, b"a line\n");
        plane.until_file("other.log", |log| log.len() as u64 == 7 * run);
        drop(to);
        assert_eq!(plane.finish(&other).lost, 0);
    }
    assert!(!child.is_finished(), "the child waits");
    let mut found = Vec::new();
    read_until(&reader, &mut found, |found| found.len() == expected.len());
    child.join().expect("it has written");
    assert!(found == expected, "nothing is lost, nothing comes twice");
    plane.until(is_trouble("stuck", 0));
    plane.finish(&stuck);
}

#[test]
fn a_child_that_drops_does_not_wait_for_its_log() {
    let mut plane = Plane::new();
    let (log, reader) = stuck_log(&plane);
    let stuck = key("stuck", 1);
    let settings = Output { pressure: Pressure::Dropping, ..output(log) };
    let to = plane.merged(&stuck, &settings);
    let printed = numbered(50_000);
    write(&to, &printed);
    write(&to, b"the head of a line that is lost");
    let reading = std::thread::spawn(move || {
        let mut found = Vec::new();
        read_until(&reader, &mut found, |found| found.ends_with(b"the last line\n"));
        found
    });
    plane.until(is_trouble("stuck", 0));
    write(&to, b" and its rest\nthe last line\n");
    drop(to);
    let last = plane.finish(&stuck);
    let found = reading.join().expect("it has read");
    let mut dropped = (0, 0);
    for news in plane.told() {
        if let Told::Dropped { lines, bytes, .. } = news {
            dropped = (dropped.0 + lines, dropped.1 + bytes);
        }
    }
    assert!(dropped.0 > 0);
    assert_eq!(last.lost, dropped.1);
    let rest = b"the head of a line that is lost and its rest\nthe last line\n";
    let printed = String::from_utf8([&printed[..], rest].concat()).expect("utf-8");
    let (mut kept, mut kept_lines, mut marked) = (0, 0, (0, 0));
    let mut lines = printed.split_inclusive('\n');
    for line in String::from_utf8(found).expect("utf-8").split_inclusive('\n') {
        if let Some((_, told)) = line.split_once(" [") {
            let told = told.strip_suffix(" bytes dropped]\n").expect("a marker");
            let (lines, bytes) = told.split_once(" lines, ").expect("two numbers");
            let number = |text: &str| text.parse::<u64>().expect("a number");
            marked = (marked.0 + number(lines), marked.1 + number(bytes));
        } else if lines.any(|other| other == line) {
            kept += line.len() as u64;
            kept_lines += 1;
        } else {
            // The beginning of a line whose rest was dropped got a newline of its own.
            kept += line.len() as u64 - 1;
            lines = printed.split_inclusive('\n');
        }
    }
    assert_eq!(marked, dropped, "what was told stands in the log");
    assert_eq!(kept + dropped.1, printed.len() as u64);
    assert_eq!(kept_lines + dropped.0, 50_002);
}

#[test]
fn a_full_disk_is_told_once_and_lossless_children_wait() {
    let mut plane = Plane::new();
    symlink("/dev/full", plane.path("a.log")).expect("a link");
    let key = key("a", 1);
    let to = plane.merged(&key, &output(plane.log("a.log")));
    write(&to, b"first\n");
    let what = plane.until(is_full("a"));
    assert!(what.contains("a.log"), "{what}");
    write(&to, b"second\n");
    drop(to);
    assert_eq!(plane.outputs.finish(&key), None, "the second line is still in the pipe");
    std::fs::remove_file(plane.path("a.log")).expect("removed");
    plane.outputs.reopen();
    let last = plane.until(|news| match news {
        Told::Drained { last, .. } => Some(last.clone()),
        _ => None,
    });
    assert_eq!(last.lost, 0);
    assert_eq!(plane.read("a.log"), b"first\nsecond\n");
    let is_well = is_trouble("a", 0);
    plane.until(|news| is_well(news).filter(|what| what.starts_with("can write its log")));
    let again: Vec<String> = plane.told().iter().filter_map(is_full("a")).collect();
    assert!(again.is_empty(), "{again:?}");
}

#[test]
fn a_run_that_cannot_be_drained_is_given_up_with_a_count() {
    let mut plane = Plane::new();
    symlink("/dev/full", plane.path("a.log")).expect("a link");
    let key = key("a", 1);
    let to = plane.merged(&key, &output(plane.log("a.log")));
    write(&to, b"first\n");
    plane.until(is_full("a"));
    write(&to, b"second\n");
    assert_eq!(plane.outputs.finish(&key), None);
    let last = plane.outputs.abandon(&key);
    assert_eq!((last.lines, last.lost), (vec!["first".into()], 7));
    assert_eq!(plane.outputs.abandon(&key).lost, 0, "it is gone");
}

#[test]
fn a_full_disk_drops_what_may_be_dropped() {
    let mut plane = Plane::new();
    symlink("/dev/full", plane.path("a.log")).expect("a link");
    let key = key("a", 1);
    let settings = Output { pressure: Pressure::Dropping, ..output(plane.log("a.log")) };
    let to = plane.merged(&key, &settings);
    let printed = numbered(3000);
    write(&to, &printed);
    plane.until(is_full("a"));
    std::fs::remove_file(plane.path("a.log")).expect("removed");
    plane.outputs.reopen();
    plane.until_file("a.log", |_| true);
    drop(to);
    let to = {
        plane.finish(&key);
        let next = crate::harness::key("a", 2);
        plane.merged(&next, &settings)
    };
    write(&to, b"here again\n");
    plane.until_file("a.log", |log| log.ends_with(b"here again\n"));
    let dropped = plane.told().into_iter().find_map(|news| match news {
        Told::Dropped { lines, bytes, .. } => Some((lines, bytes)),
        _ => None,
    });
    let log = String::from_utf8(plane.read("a.log")).expect("utf-8");
    if let Some((lines, bytes)) = dropped {
        assert!(log.contains(&format!("[{lines} lines, {bytes} bytes dropped]")), "{log}");
        let kept = log.lines().filter(|line| line.len() == 99).count() as u64;
        assert_eq!(kept + lines, 3000);
    } else {
        panic!("that lines were dropped has to be told: {log}");
    }
}

#[test]
fn what_was_dropped_until_the_end_is_told_before_it() {
    for is_abandoned in [false, true] {
        let mut plane = Plane::new();
        symlink("/dev/full", plane.path("a.log")).expect("a link");
        let key = key("a", 1);
        let settings = Output { pressure: Pressure::Dropping, ..output(plane.log("a.log")) };
        let to = plane.merged(&key, &settings);
        write(&to, b"one\ntwo\n");
        plane.until(is_full("a"));
        let last = if is_abandoned {
            plane.outputs.abandon(&key)
        } else {
            write(&to, b"half a line");
            drop(to);
            plane.finish(&key)
        };
        let expected = if is_abandoned { (2, 8) } else { (3, 19) };
        assert_eq!(last.lost, expected.1);
        let dropped = |news: Told| match news {
            Told::Dropped { lines, bytes, .. } => Some((lines, bytes)),
            _ => None,
        };
        let told: Vec<_> = plane.told().into_iter().filter_map(dropped).collect();
        assert_eq!(told, [expected], "abandoned: {is_abandoned}");
    }
}

#[test]
fn what_a_dead_keeper_had_not_written_is_counted() {
    let mut plane = Plane::new();
    let key = key("a", 1);
    let (out, err) = plane.apart(&key, &output(plane.log("a.log")));
    write(&out, b"a line\nthe beginning of ");
    write(&err, b"an error\n");
    plane.until_file("a.log", |log| log.ends_with(b"an error\n") && log.starts_with(b"a line\n"));
    let held = plane.outputs.descriptors(&key).expect("it runs");
    assert_eq!(held.outputs.len(), 2);
    let counted = unwritten(held.tally, held.slot).expect("a counter");
    assert_eq!((counted.bytes, counted.was_reading), (17, false));
}

#[test]
fn a_flood_does_not_delay_others() {
    let mut plane = Plane::new();
    let flood = key("flood", 1);
    let to = plane.merged(&flood, &output(plane.log("flood.log")));
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = std::sync::Arc::clone(&stop);
    let flooding = std::thread::spawn(move || {
        let block = vec![b'x'; 65536];
        let mut written = 0_u64;
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            write(&to, &block);
            written += block.len() as u64;
        }
        written
    });
    plane.until_file("flood.log", |log| log.len() > 1 << 20);
    for run in 1..=50 {
        let quiet = key("quiet", run);
        let to = plane.merged(&quiet, &output(plane.log("quiet.log")));
        write(&to, b"a line\n");
        plane.until_file("quiet.log", |log| log.len() as u64 == 7 * run);
        drop(to);
        plane.finish(&quiet);
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let written = flooding.join().expect("it has flooded");
    plane.finish(&flood);
    let files = std::fs::read_dir(plane.folder.path()).expect("a folder");
    let flooded = files.map(|entry| entry.expect("an entry")).filter_map(|entry| {
        let name = entry.file_name().into_string().expect("utf-8");
        name.starts_with("flood").then(|| entry.metadata().expect("its length").len())
    });
    let kept: u64 = flooded.sum();
    assert!(kept == written || written > 110 << 20, "all of it, but for what was rotated away");
}

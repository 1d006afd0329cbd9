//! Logs are read while they are written, cut, renamed and compressed.

use crate::harness::{Dice, Plane, Watch, key, output, write};
use mainstay_keeper::output::log::{From, Place, Reader};
use mainstay_wire::process::{Format, Log};
use std::fs;
use std::time::Duration;

/// Reads until there is nothing more at present.
fn rest(reader: &mut Reader) -> Vec<u8> {
    let mut bytes = Vec::new();
    while reader.read(&mut bytes).expect("it is read") > 0 {}
    bytes
}

/// Reads until so much has come.
fn follow(reader: &mut Reader, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < length {
        if reader.read(&mut bytes).expect("it is read") == 0 {
            let woken = reader.wait(Some(Duration::from_secs(20))).expect("it waits");
            assert!(woken, "nothing came behind {} of {length} bytes", bytes.len());
        }
    }
    bytes
}

#[test]
fn a_reader_follows_over_rotation_and_compression() {
    for (seed, compress) in [(1, false), (2, true), (3, true)] {
        let mut plane = Plane::new();
        let log = Log { size: 3000, keep: 1000, compress, ..plane.log("a.log") };
        let key = key("a", 1);
        let mut reader = Reader::open(plane.path("a.log"), From::Start).expect("a reader");
        let to = plane.merged(&key, &output(log));
        let mut dice = Dice(seed);
        let mut printed = Vec::new();
        while printed.len() < 200_000 {
            let line = format!("{} {}\n", printed.len(), "x".repeat(dice.below(200)));
            printed.extend_from_slice(line.as_bytes());
        }
        let expected = printed.clone();
        let writer = std::thread::spawn(move || {
            for chunk in printed.chunks(1777) {
                write(&to, chunk);
            }
        });
        let found = follow(&mut reader, expected.len());
        writer.join().expect("it has written");
        plane.finish(&key);
        assert!(found == expected, "seed {seed}");
        assert!(!reader.has_missed());
        assert!(rest(&mut reader).is_empty());
        // A second one finds all of it too, however much is compressed by now.
        let mut again = Reader::open(plane.path("a.log"), From::Start).expect("a reader");
        assert!(rest(&mut again) == expected, "seed {seed}, from the start");
    }
}

/// Makes a log of a hundred numbered lines in several files, and waits for them to be compressed.
fn hundred(plane: &mut Plane, compress: bool) -> String {
    let log = Log { size: 150, keep: 1000, compress, ..plane.log("a.log") };
    let key = key("a", 1);
    let to = plane.merged(&key, &output(log));
    let printed: String = (0..100).map(|line| format!("line {line}\n")).collect();
    for chunk in printed.as_bytes().chunks(100) {
        write(&to, chunk);
    }
    drop(to);
    plane.finish(&key);
    if compress {
        let watch = Watch::new(plane.folder.path());
        let is_plain = |name: &str| name.starts_with("a.log.") && !name.contains("gz");
        loop {
            let names: Vec<String> = fs::read_dir(plane.folder.path())
                .expect("a folder")
                .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
                .collect();
            if !names.iter().any(|name| is_plain(name) || name.ends_with("tmp")) {
                break;
            }
            watch.wait(names.join(" ").as_bytes());
        }
    }
    printed
}

#[test]
fn the_last_lines_are_found_in_older_files_too() {
    for compress in [false, true] {
        let mut plane = Plane::new();
        let printed = hundred(&mut plane, compress);
        let lines: Vec<&str> = printed.split_inclusive('\n').collect();
        for wanted in [0, 1, 2, 5, 20, 50, 99, 100, 1000] {
            let mut reader =
                Reader::open(plane.path("a.log"), From::Last(wanted)).expect("a reader");
            let expected = lines[lines.len() - wanted.min(100)..].concat();
            let found = rest(&mut reader);
            assert_eq!(String::from_utf8_lossy(&found), expected, "{wanted} lines");
        }
    }
}

#[test]
fn a_place_stays_the_same_when_its_file_is_compressed() {
    for compress in [false, true] {
        let mut plane = Plane::new();
        let key = key("a", 1);
        let log = Log { size: 150, keep: 1000, compress, ..plane.log("a.log") };
        let to = plane.merged(&key, &output(log));
        write(&to, b"first\nsecond\n");
        let mut reader = Reader::open(plane.path("a.log"), From::Start).expect("a reader");
        assert_eq!(follow(&mut reader, 13), b"first\nsecond\n");
        let place = reader.place().expect("it has read");
        assert_eq!(place.offset, 13);
        drop((to, reader));
        plane.finish(&key);
        let printed = hundred(&mut plane, compress);
        let mut reader = Reader::open(plane.path("a.log"), From::Place(place)).expect("a reader");
        assert_eq!(String::from_utf8_lossy(&rest(&mut reader)), printed);
        let gone = Place { file: place.file + 1, offset: 3 };
        let mut reader = Reader::open(plane.path("a.log"), From::Place(gone)).expect("a reader");
        assert!(reader.has_missed());
        assert_eq!(rest(&mut reader).len(), printed.len() + 13);
    }
}

#[test]
fn reading_begins_at_a_moment() {
    for format in [Format::Text, Format::Json] {
        let mut plane = Plane::new();
        let key = key("a", 1);
        let log = Log { stamps: true, format, ..plane.log("a.log") };
        let to = plane.merged(&key, &output(log));
        write(&to, b"early\n");
        plane.until_file("a.log", |log| log.ends_with(b"\n"));
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        let now = Duration::new(
            u64::try_from(now.tv_sec).expect("after the epoch"),
            u32::try_from(now.tv_nsec).expect("below a second"),
        );
        // Stamps have microseconds.
        let now = now + Duration::from_micros(1);
        plane.until_clock(now);
        write(&to, b"late\n");
        drop(to);
        plane.finish(&key);
        let mut reader = Reader::open(plane.path("a.log"), From::Since(now)).expect("a reader");
        let found = String::from_utf8(rest(&mut reader)).expect("utf-8");
        assert!(found.contains("late") && !found.contains("early"), "{found}");
    }
}

#[test]
fn a_file_that_is_cut_begins_anew() {
    let mut plane = Plane::new();
    let key = key("a", 1);
    let to = plane.merged(&key, &output(plane.log("a.log")));
    let mut reader = Reader::open(plane.path("a.log"), From::Start).expect("a reader");
    write(&to, b"before the cut\n");
    assert_eq!(follow(&mut reader, 15), b"before the cut\n");
    // As logrotate does it with `copytruncate`.
    fs::write(plane.path("a.log"), "").expect("cut");
    write(&to, b"after\n");
    assert_eq!(follow(&mut reader, 6), b"after\n");
    drop(to);
    plane.finish(&key);
}

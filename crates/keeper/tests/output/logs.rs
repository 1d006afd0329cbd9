//! Logs hold what children print.

use crate::harness::{Dice, Plane, key, output, shell, write};
use mainstay_keeper::output::Source;
use mainstay_wire::process::{Format, Log, Output};
use std::fs;

#[test]
fn everything_that_was_printed_before_an_abort_is_in_the_log() {
    let mut plane = Plane::new();
    let output = output(Log { size: 64 << 20, ..plane.log("a.log") });
    // 20 KB, and no newline at the end.
    let script = "i=0; while [ $i -lt 20 ]; do printf '%1023d\\n' $i; i=$((i+1)); done; \
                  printf '%0512d' 7; kill -ABRT $$";
    let mut expected = Vec::new();
    for line in 0..20 {
        expected.extend_from_slice(format!("{line:1023}\n").as_bytes());
    }
    expected.extend_from_slice(format!("{:0512}", 7).as_bytes());
    let mut all: Vec<u8> = Vec::new();
    for run in 1..=200 {
        let key = key("a", run);
        let write = plane.merged(&key, &output);
        let mut child = shell(script, write);
        assert!(!child.wait().expect("it ends").success());
        let last = plane.finish(&key);
        assert_eq!(last.lost, 0);
        assert_eq!(last.lines.len(), 4, "three whole lines and the unfinished one fit");
        if !all.is_empty() {
            // The next run ends the line of the last one.
            all.push(b'\n');
        }
        all.extend_from_slice(&expected);
        assert!(plane.read("a.log") == all, "run {run}");
    }
}

#[test]
fn however_bytes_come_in_the_log_is_the_same() {
    let mut plane = Plane::new();
    let forms =
        [(false, Format::Text, false), (true, Format::Text, false), (false, Format::Json, true)];
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let length = dice.below(200_000);
        let printed = if seed % 4 == 0 { vec![b'x'; length] } else { dice.bytes(length) };
        for (index, (stamps, format, is_apart)) in forms.into_iter().enumerate() {
            let name = format!("{seed}-{index}");
            let log = Log { stamps, format, size: 0, ..plane.log(&name) };
            let key = key(&name, 1);
            let (to, _other) = if is_apart {
                let (out, err) = plane.apart(&key, &output(log));
                (out, Some(err))
            } else {
                (plane.merged(&key, &output(log)), None)
            };
            let mut rest = &printed[..];
            while !rest.is_empty() {
                let most = if dice.below(2) == 0 { 100 } else { 70_000 };
                let (now, later) = rest.split_at((dice.below(most) + 1).min(rest.len()));
                write(&to, now);
                rest = later;
            }
            drop((to, _other));
            plane.finish(&key);
            let found = plane.read(&name);
            let found = match (format, stamps) {
                (Format::Json, _) => from_json(&found),
                (Format::Text, true) => without_stamps(&found),
                (Format::Text, false) => found,
            };
            assert!(found == printed, "seed {seed}, form {index}");
        }
    }
}

/// Takes each line's stamp off.
fn without_stamps(log: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        let (stamp, line) = line.split_at(28);
        assert!(stamp.starts_with(b"20") && stamp.ends_with(b"Z "), "{stamp:?}");
        bytes.extend_from_slice(line);
    }
    bytes
}

/// Puts together what objects hold.
fn from_json(log: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        let value: serde_json::Value = serde_json::from_slice(line).expect("an object");
        assert_eq!((&value["run"], &value["stream"]), (&1.into(), &"out".into()));
        match value.get("raw") {
            Some(raw) => bytes.extend(base64(raw.as_str().expect("text"))),
            None => bytes.extend_from_slice(value["line"].as_str().expect("text").as_bytes()),
        }
        if value.get("newline").is_none() {
            bytes.push(b'\n');
        }
    }
    bytes
}

fn base64(text: &str) -> Vec<u8> {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for letter in text.trim_end_matches('=').chars() {
        bits = bits << 6 | u32::try_from(letters.find(letter).expect("base64")).expect("small");
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).expect("a byte"));
        }
    }
    bytes
}

#[test]
fn a_log_is_cut_between_lines_and_all_files_together_hold_everything() {
    for seed in 0..20 {
        let mut plane = Plane::new();
        let mut dice = Dice(seed);
        let size = 200 + dice.below(5000) as u64;
        let log = Log { size, keep: 100_000, stamps: seed % 2 == 1, ..plane.log("a.log") };
        let key = key("a", 1);
        let to = plane.merged(&key, &output(log.clone()));
        let mut printed = Vec::new();
        for _ in 0..200 {
            // Now and then a line that is larger than a file.
            let most = if dice.below(20) == 0 { 12_000 } else { 300 };
            let length = dice.below(most);
            printed.extend(vec![b'a' + u8::try_from(dice.below(26)).expect("a letter"); length]);
            printed.push(b'\n');
        }
        for chunk in printed.chunks(1 + dice.below(4000)) {
            write(&to, chunk);
        }
        drop(to);
        plane.finish(&key);
        let mut files: Vec<Vec<u8>> = (1..)
            .map_while(|number| fs::read(plane.path(&format!("a.log.{number}"))).ok())
            .collect();
        files.reverse();
        files.push(plane.read("a.log"));
        assert!(files.len() > 3, "it rotates");
        for file in &files[..files.len() - 1] {
            let line = file.iter().position(|byte| *byte == b'\n').unwrap_or(file.len()) as u64;
            assert!((file.len() as u64) <= 2 * size, "seed {seed}: no file is much too large");
            let ends = file.ends_with(b"\n");
            assert!(
                ends || line >= size || file.len() as u64 >= size,
                "seed {seed}: cut in a line"
            );
            if ends && line < size {
                assert!((file.len() as u64) <= size + line.max(size), "seed {seed}");
            }
        }
        let all = files.concat();
        let all = if log.stamps { without_stamps(&all) } else { all };
        assert!(all == printed, "seed {seed}");
    }
}

#[test]
fn older_files_go_when_there_are_too_many() {
    let mut plane = Plane::new();
    let log = Log { size: 100, keep: 2, ..plane.log("a.log") };
    let key = key("a", 1);
    let to = plane.merged(&key, &output(log));
    for line in 0..50 {
        write(&to, format!("{line:49}\n").as_bytes());
    }
    drop(to);
    plane.finish(&key);
    let line = |number: usize| format!("{number:49}\n");
    assert_eq!(plane.read("a.log"), (line(48) + &line(49)).as_bytes());
    assert_eq!(plane.read("a.log.1"), (line(46) + &line(47)).as_bytes());
    assert_eq!(plane.read("a.log.2"), (line(44) + &line(45)).as_bytes());
    assert_eq!(fs::read_dir(plane.folder.path()).expect("a folder").count(), 3);
}

#[test]
fn outputs_that_are_apart_keep_their_lines_whole() {
    let mut plane = Plane::new();
    let key = key("a", 1);
    let log = Log { stamps: true, ..plane.log("a.log") };
    let (out, err) = plane.apart(&key, &output(log));
    write(&out, b"out begins, ");
    write(&err, b"err is whole\n");
    plane.until_file("a.log", |log| log.ends_with(b" err err is whole\n"));
    write(&out, b"out ends\nlast");
    drop((out, err));
    let last = plane.finish(&key);
    let log = String::from_utf8(plane.read("a.log")).expect("utf-8");
    let lines: Vec<_> = log.lines().map(|line| &line[28..]).collect();
    assert_eq!(lines, ["err err is whole", "out out begins, out ends", "out last"]);
    assert!(!log.ends_with('\n'), "the last line waits for the next run");
    let last: Vec<_> = last.lines.iter().map(ToString::to_string).collect();
    assert_eq!(last, ["err is whole", "out begins, out ends", "last"]);
}

#[test]
fn a_log_that_was_there_goes_on() {
    let mut plane = Plane::new();
    fs::write(plane.path("a.log"), "an old line").expect("written");
    let key = key("a", 1);
    let to = plane.merged(&key, &output(plane.log("a.log")));
    assert_eq!(plane.read("a.log"), b"an old line", "nothing is written before there is something");
    write(&to, b"a new one");
    drop(to);
    plane.finish(&key);
    assert_eq!(plane.read("a.log"), b"an old line\na new one");
}

#[test]
fn a_log_that_cannot_be_opened_is_an_error_of_the_start() {
    let mut plane = Plane::new();
    let (read, _write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
    let log = plane.log("no/such/folder");
    let begun = plane.outputs.begin(&key("a", 1), Source::Merged(read), None, &output(log), None);
    let (step, error) = begun.expect_err("there is no folder");
    assert_eq!(step, mainstay_wire::keeper::Step::OpenLog);
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn the_last_lines_are_kept_without_a_log_too() {
    let mut plane = Plane::new();
    let key = key("a", 1);
    let settings = Output { last: Some(20), ..Output::default() };
    let to = plane.merged(&key, &settings);
    write(&to, b"the first line\nthe second\nthird\n");
    drop(to);
    let last = plane.finish(&key);
    assert_eq!(last.lines, [b"the second"[..].to_vec().into(), b"third"[..].to_vec().into()]);
}

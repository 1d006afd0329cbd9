//! What can be asked of a log: to be compressed, to age, to change, to be opened again, to be repeated.

use crate::harness::{Plane, Watch, key, output, stuck_log, wait_for, write};
use mainstay_keeper::output::{Outputs, Source, Told};
use mainstay_wire::process::{Format, Log, Output};
use rustix::event::PollFlags;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use std::fs;
use std::io::Read;
use std::time::Duration;

#[test]
fn older_files_are_compressed() {
    let mut plane = Plane::new();
    let key = key("a", 1);
    let log = Log { size: 1000, compress: true, ..plane.log("a.log") };
    let to = plane.merged(&key, &output(log));
    let line = [b"x".repeat(899), b"\n".to_vec()].concat();
    write(&to, &line);
    plane.until_file("a.log", |log| log.len() == 900);
    write(&to, b"0123456789".repeat(11).as_slice());
    let watch = Watch::new(plane.folder.path());
    while plane.path("a.log.1").exists() || !plane.path("a.log.1.gz").exists() {
        watch.wait(b"");
    }
    let file = fs::File::open(plane.path("a.log.1.gz")).expect("it is there");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(file).read_to_end(&mut unpacked).expect("it is whole");
    assert!(unpacked == line);
    assert!(!plane.path("a.log.gz.tmp").exists());
    drop(to);
    plane.finish(&key);
}

#[test]
fn a_file_that_is_old_is_followed_by_the_next_one() {
    let mut plane = Plane::new();
    let key = key("a", 1);
    let log = Log { age: Some(Duration::from_secs(1)), ..plane.log("a.log") };
    let to = plane.merged(&key, &output(log));
    write(&to, b"old, ");
    plane.until_file("a.log", |log| log == b"old, ");
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let later = u64::try_from(now.tv_sec).expect("after the epoch") + 1;
    plane.until_clock(Duration::from_secs(later));
    write(&to, b"its end\n");
    plane.until_file("a.log", |log| log == b"old, its end\n");
    write(&to, b"new\n");
    plane.until_file("a.log", |log| log == b"new\n");
    assert_eq!(plane.read("a.log.1"), b"old, its end\n");
    drop(to);
    plane.finish(&key);
}

#[test]
fn a_log_is_opened_again_where_somebody_has_moved_it_away() {
    let mut plane = Plane::new();
    let key = key("a", 1);
    let to = plane.merged(&key, &output(plane.log("a.log")));
    write(&to, b"before\n");
    plane.until_file("a.log", |log| log == b"before\n");
    fs::rename(plane.path("a.log"), plane.path("moved")).expect("moved");
    write(&to, b"meanwhile\n");
    plane.until_file("moved", |log| log == b"before\nmeanwhile\n");
    plane.outputs.reopen();
    write(&to, b"after\n");
    plane.until_file("a.log", |log| log == b"after\n");
    drop(to);
    plane.finish(&key);
    assert_eq!(plane.read("moved"), b"before\nmeanwhile\n");
}

#[test]
fn what_is_read_after_it_was_asked_for_goes_to_the_new_file() {
    // On a machine that is too busy the pump has read it before.
    while !is_read_after() {}
}

/// Has a log opened again while the pump stands still, so that it finds output before it finds the order. Returns
/// whether it stood still for all that time.
fn is_read_after() -> bool {
    let mut plane = Plane::new();
    let to = plane.merged(&key("a", 1), &output(plane.log("a.log")));
    let (log, reader) = stuck_log(&plane);
    let full = rustix::fs::open(log.path.as_path(), OFlags::WRONLY, Mode::empty()).expect("a fifo");
    write(&full, &[b'x'; 65536]);
    let other = plane.merged(&key("stuck", 1), &output(log));
    // More than a pipe holds: once it is written the pump has read some of it, and writes that.
    write(&other, &[b'x'; 70_000]);
    write(&to, b"line\n");
    fs::rename(plane.path("a.log"), plane.path("moved")).expect("moved");
    plane.outputs.reopen();
    let stood_still = plane.told().is_empty();
    if stood_still {
        plane.until_file("a.log", |log| log == b"line\n");
        assert_eq!(plane.read("moved"), b"");
    }
    drop(reader);
    stood_still
}

#[test]
fn settings_change_while_a_run_lives() {
    let mut plane = Plane::new();
    let key = key("a", 1);
    let to = plane.merged(&key, &output(plane.log("a.log")));
    write(&to, b"text\n");
    plane.until_file("a.log", |log| log == b"text\n");
    let json = Log { format: Format::Json, ..plane.log("a.log") };
    plane.outputs.change(&key, &output(json)).expect("changed");
    write(&to, b"json\n");
    plane.until_file("a.log", |log| log.ends_with(b"\"line\":\"json\"}\n"));
    write(&to, b"half a line, ");
    plane.outputs.change(&key, &output(plane.log("b.log"))).expect("changed");
    write(&to, b"elsewhere\n");
    let found = plane.until_file("b.log", |log| log.ends_with(b"elsewhere\n"));
    let first = plane.read("a.log");
    let all = [&first[..], &found].concat();
    assert!(all.windows(10).any(|part| part == b"half a lin"), "{}", String::from_utf8_lossy(&all));
    let none = plane.log("no/such/folder");
    plane.outputs.change(&key, &output(none)).expect_err("there is no folder");
    write(&to, b"goes on\n");
    plane.until_file("b.log", |log| log.ends_with(b"goes on\n"));
    drop(to);
    plane.finish(&key);
}

#[test]
fn the_line_that_says_ready_is_told_once() {
    let mut plane = Plane::new();
    let key = key("a", 1);
    let (read, to) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    let pattern = "listening on *:80".into();
    let begun =
        plane.outputs.begin(&key, Source::Merged(read), None, &Output::default(), Some(&pattern));
    begun.expect("it begins");
    write(&to, b"will be listening on\n0:80\nnow listen");
    write(&to, b"ing on 0:80\nlistening on 0:80\n");
    plane.until(|news| (*news == Told::Line { key: key.clone() }).then_some(()));
    drop(to);
    plane.finish(&key);
    assert_eq!(plane.told(), []);
}

/// A plane that repeats lines into a pipe.
fn with_echo() -> (Plane, OwnedFd) {
    let (screen, to) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    (Plane::with(|wake| Outputs::with_echo(wake, to)), screen)
}

fn read_until(screen: &OwnedFd, enough: impl Fn(&str) -> bool) -> String {
    let (mut all, mut block) = (Vec::new(), vec![0; 65536]);
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if enough(&text) {
            return text;
        }
        assert!(wait_for(screen, PollFlags::IN, Duration::from_secs(20)), "only {text}");
        let length = rustix::io::read(screen, &mut block).expect("it is read");
        all.extend_from_slice(&block[..length]);
    }
}

#[test]
fn whole_lines_are_repeated_behind_a_prefix() {
    let (mut plane, screen) = with_echo();
    let settings = |prefix: &str| Output { echo: Some(prefix.into()), ..Output::default() };
    let (a, b) = (key("a", 1), key("b", 1));
    let to_a = plane.merged(&a, &settings("a | "));
    let to_b = plane.merged(&b, &settings("b | "));
    write(&to_a, b"one\ntwo, ");
    read_until(&screen, |text| text == "a | one\n");
    write(&to_b, b"three\n");
    read_until(&screen, |text| text == "b | three\n");
    write(&to_a, b"and its end\nno newline");
    drop((to_a, to_b));
    plane.finish(&a);
    read_until(&screen, |text| text == "a | two, and its end\na | no newline\n");
    plane.finish(&b);
}

#[test]
fn a_screen_that_stands_still_holds_nobody_up() {
    let (mut plane, screen) = with_echo();
    let settings = Output { echo: Some("".into()), ..output(plane.log("a.log")) };
    let key = key("a", 1);
    let to = plane.merged(&key, &settings);
    let line = [b"y".repeat(99), b"\n".to_vec()].concat();
    write(&to, &line.repeat(10_000));
    plane.until_file("a.log", |log| log.len() == 1_000_000);
    // Now the screen takes what has waited. How much is missing stands behind that.
    let reading = std::thread::spawn(move || {
        let mut seen = String::new();
        fs::File::from(screen).read_to_string(&mut seen).expect("it ends with the plane");
        seen
    });
    drop(to);
    plane.finish(&key);
    drop(plane);
    let seen = reading.join().expect("it has read");
    let dropped: u64 = seen
        .lines()
        .filter_map(|line| {
            line.strip_prefix('[')?.strip_suffix(" lines dropped]")?.parse::<u64>().ok()
        })
        .sum();
    let shown = seen.lines().filter(|line| !line.ends_with("dropped]")).count() as u64;
    assert_eq!(shown + dropped, 10_000);
    assert!(dropped > 0);
}

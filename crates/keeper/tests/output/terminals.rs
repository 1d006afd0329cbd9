//! Terminals: many viewers, one window, and input that nobody reads.

use crate::harness::{Plane, key, output, write};
use mainstay_keeper::output::{Source, Told};
use mainstay_wire::keeper::Key;
use mainstay_wire::process::Output;
use rustix::fd::OwnedFd;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcgetwinsize, tcsetattr};
use std::process::{Command, Stdio};

/// Begins a run on a terminal; returns the child's side.
fn terminal(plane: &mut Plane, key: &Key, output: &Output) -> OwnedFd {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).expect("a terminal");
    grantpt(&master).expect("granted");
    unlockpt(&master).expect("unlocked");
    let slave = ioctl_tiocgptpeer(&master, flags).expect("its other side");
    plane.outputs.begin(key, Source::Terminal(master), None, output, None).expect("it begins");
    slave
}

/// Collects what a viewer sees until it is enough; returns how much was lost too.
fn see(plane: &mut Plane, viewer: u64, enough: impl Fn(&str) -> bool) -> (String, u64) {
    let (mut seen, mut all_lost) = (Vec::new(), 0);
    loop {
        let text = String::from_utf8_lossy(&seen).into_owned();
        if enough(&text) {
            return (text, all_lost);
        }
        let (bytes, lost) = plane.until(|news| match news {
            Told::Screen { viewer: of, bytes, lost } if *of == viewer => {
                Some((bytes.clone(), *lost))
            }
            _ => None,
        });
        plane.outputs.shown(viewer, bytes.len());
        seen.extend(bytes);
        all_lost += lost;
    }
}

#[test]
fn everybody_sees_the_screen_and_it_is_in_the_log() {
    let mut plane = Plane::new();
    let key = key("a", 1);
    let settings = output(plane.log("a.log"));
    let slave = terminal(&mut plane, &key, &settings);
    let both = slave.try_clone().expect("a descriptor");
    let mut command = Command::new("sh");
    command.args(["-c", "echo hello; read line; echo got $line"]);
    command.stdin(slave.try_clone().expect("a descriptor"));
    command.stdout(slave).stderr(Stdio::from(both));
    let mut child = command.spawn().expect("a shell");
    drop(command);
    plane.until_file("a.log", |log| log == b"hello\r\n");
    plane.outputs.attach("a", 1, false);
    assert_eq!(see(&mut plane, 1, |text| text == "hello\r\n").1, 0, "what was printed before");
    plane.outputs.attach("a", 2, true);
    see(&mut plane, 2, |text| text == "hello\r\n");
    plane.outputs.type_in(2, b"from one who may only look\n");
    plane.outputs.type_in(1, b"typed\n");
    for viewer in [1, 2] {
        see(&mut plane, viewer, |text| text == "typed\r\ngot typed\r\n");
    }
    child.wait().expect("it ends");
    let last = plane.finish(&key);
    assert_eq!(last.lines.last(), Some(&"got typed\r".into()));
    assert_eq!(plane.read("a.log"), b"hello\r\ntyped\r\ngot typed\r\n");
    // The viewers stay for the next run.
    let next = crate::harness::key("a", 2);
    let settings = output(plane.log("a.log"));
    let slave = terminal(&mut plane, &next, &settings);
    write(&slave, b"again");
    see(&mut plane, 1, |text| text == "again");
    plane.outputs.detach(1);
    drop(slave);
    plane.finish(&next);
    plane.outputs.forget("a");
    let gone = plane.until(|news| match news {
        Told::Left { viewer, .. } => Some(*viewer),
        _ => None,
    });
    assert_eq!(gone, 2);
}

#[test]
fn who_has_nothing_to_look_at_is_told() {
    let mut plane = Plane::new();
    let key = key("pipe", 1);
    let _to = plane.merged(&key, &Output::default());
    plane.outputs.attach("pipe", 1, false);
    plane.until(|news| match news {
        Told::Left { viewer: 1, .. } => Some(()),
        _ => None,
    });
}

#[test]
fn who_comes_before_the_first_run_sees_all_of_it() {
    let mut plane = Plane::new();
    plane.outputs.attach("a", 1, true);
    let key = key("a", 1);
    let settings = output(plane.log("a.log"));
    let slave = terminal(&mut plane, &key, &settings);
    let line = [b'x'; 4000];
    let mut seen = 0;
    // More than is shown again to who comes later.
    for part in 1..=10 {
        rustix::io::write(&slave, &line).expect("written");
        while seen < part * line.len() {
            let bytes = plane.until(|news| match news {
                Told::Screen { viewer: 1, bytes, lost: 0 } => Some(bytes.len()),
                _ => None,
            });
            plane.outputs.shown(1, bytes);
            seen += bytes;
        }
    }
    assert_eq!(seen, 10 * line.len());
}

#[test]
fn a_slow_viewer_holds_up_neither_the_child_nor_the_others() {
    let mut plane = Plane::new();
    let key = key("a", 1);
    let settings = output(plane.log("a.log"));
    let slave = terminal(&mut plane, &key, &settings);
    plane.outputs.attach("a", 1, false);
    plane.outputs.attach("a", 2, false);
    let line = [b"z".repeat(98), b"\n".to_vec()].concat();
    let block = line.repeat(100);
    let mut fast = 0;
    for _ in 0..100 {
        write(&slave, &block);
        // The terminal adds a carriage return to each line.
        let (text, lost) = see(&mut plane, 2, |text| text.len() >= 10_000);
        fast += text.len();
        assert_eq!(lost, 0);
    }
    assert_eq!(fast, 1_000_000);
    plane.until_file("a.log", |log| log.len() == 1_000_000);
    let (text, lost) = see(&mut plane, 1, |text| text.len() >= (64 + 256) * 1024);
    assert!(lost > 0, "beyond what was on its way and what waited");
    assert_eq!(text.len() as u64 + lost, 1_000_000);
    drop(slave);
    plane.finish(&key);
}

#[test]
fn the_window_is_that_of_the_viewer_who_typed_last() {
    let mut plane = Plane::new();
    let key = key("a", 1);
    let slave = terminal(&mut plane, &key, &Output::default());
    let size = |slave: &OwnedFd| {
        let size = tcgetwinsize(slave).expect("a size");
        (size.ws_row, size.ws_col)
    };
    plane.outputs.attach("a", 1, false);
    plane.outputs.resize(1, 10, 40);
    assert_eq!(size(&slave), (10, 40));
    plane.outputs.attach("a", 2, false);
    plane.outputs.resize(2, 20, 80);
    assert_eq!(size(&slave), (20, 80));
    plane.outputs.resize(1, 11, 41);
    assert_eq!(size(&slave), (20, 80), "the one who joined last counts");
    plane.outputs.type_in(1, b"x");
    assert_eq!(size(&slave), (11, 41));
    plane.outputs.detach(1);
    assert_eq!(size(&slave), (20, 80));
    drop(slave);
    plane.finish(&key);
    let next = crate::harness::key("a", 2);
    let slave = terminal(&mut plane, &next, &Output::default());
    assert_eq!(size(&slave), (20, 80), "the next run has the window too");
}

#[test]
fn input_that_nobody_reads_is_refused_beyond_a_bound() {
    let mut plane = Plane::new();
    let key = key("a", 1);
    let slave = terminal(&mut plane, &key, &Output::default());
    let mut modes = tcgetattr(&slave).expect("its modes");
    modes.make_raw();
    tcsetattr(&slave, OptionalActions::Now, &modes).expect("raw");
    plane.outputs.attach("a", 1, false);
    for _ in 0..16 {
        plane.outputs.type_in(1, &[b'p'; 65536]);
    }
    plane.until(|news| match news {
        Told::Trouble { what, .. } if what.contains("does not read its input") => Some(()),
        _ => None,
    });
    // Others do not notice.
    let other = crate::harness::key("b", 1);
    let to = plane.merged(&other, &output(plane.log("b.log")));
    write(&to, b"here\n");
    plane.until_file("b.log", |log| log == b"here\n");
    // Once it reads, it gets what has waited.
    let mut got = 0;
    let mut block = [0; 4096];
    while got < 64 * 1024 {
        got += rustix::io::read(&slave, &mut block).expect("there is more");
    }
    assert!(plane.told().iter().all(|news| !matches!(news, Told::Trouble { .. })), "told once");
}

#[test]
fn what_is_sent_to_standard_input_comes_in_order_and_ends() {
    let mut plane = Plane::new();
    let key = key("a", 1);
    let (read, to) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    let (stdin, input) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    let begun = plane.outputs.begin(
        &key,
        Source::Merged(read),
        Some(input),
        &output(plane.log("a.log")),
        None,
    );
    begun.expect("it begins");
    // More than the pipe holds, so that a part of it waits.
    let sent: Vec<u8> =
        (0..120_000_u32).map(|n| b'a' + u8::try_from(n % 26).expect("small")).collect();
    plane.outputs.input(&key, &sent, true);
    let mut command = Command::new("cat");
    let mut child = command.stdin(stdin).stdout(to).spawn().expect("cat");
    drop(command);
    child.wait().expect("it ends, because its input does");
    plane.finish(&key);
    assert!(plane.read("a.log") == sent);
}

//! From one keeper to the next.

use crate::harness::{Plane, key, output, write};
use mainstay_keeper::output::{Outputs, Source, Told};
use mainstay_wire::handover;
use mainstay_wire::process::{Format, Log, Output};
use rustix::pipe::{PipeFlags, pipe_with};

/// Becomes another program: its state goes through its written form.
fn become_another(plane: &mut Plane) -> Vec<Told> {
    let mut told = Vec::new();
    plane.replace(|outputs, wake| {
        let (state, news) = outputs.hand_over().expect("handed over");
        told = news;
        let written = serde_json::to_vec(&state).expect("written");
        let state: handover::Outputs = serde_json::from_slice(&written).expect("read");
        Outputs::take_over(state, wake).expect("taken over")
    });
    told
}

#[test]
fn no_byte_is_lost_or_comes_twice() {
    for (stamps, format, is_apart) in [
        (false, Format::Text, false),
        (true, Format::Text, false),
        (false, Format::Text, true),
        (false, Format::Json, false),
    ] {
        let mut plane = Plane::new();
        let key = key("a", 1);
        let log = Log { stamps, format, size: 0, ..plane.log("a.log") };
        let (to, other) = if is_apart {
            let (out, err) = plane.apart(&key, &output(log));
            (out, Some(err))
        } else {
            (plane.merged(&key, &output(log)), None)
        };
        let writer = std::thread::spawn(move || {
            for line in 0..20_000 {
                write(&to, format!("line {line} ").as_bytes());
                write(&to, b"ends\n");
            }
        });
        for _ in 0..20 {
            become_another(&mut plane);
        }
        writer.join().expect("it has written");
        drop(other);
        become_another(&mut plane);
        let last = plane.finish(&key);
        assert_eq!(last.lost, 0);
        assert_eq!(last.lines.last(), Some(&"line 19999 ends".into()));
        let log = String::from_utf8(plane.read("a.log")).expect("utf-8");
        let mut lines = log.lines();
        for number in 0..20_000 {
            let line = lines.next().expect("a line");
            let line = match format {
                Format::Json => {
                    let value: serde_json::Value = serde_json::from_str(line).expect("an object");
                    value["line"].as_str().expect("text").to_owned()
                }
                Format::Text => line[if stamps { 28 } else { 0 }..].to_owned(),
            };
            assert_eq!(line, format!("line {number} ends"));
        }
        assert_eq!(lines.next(), None);
    }
}

#[test]
fn everything_else_goes_on_too() {
    let mut plane = Plane::new();
    let key = key("a", 1);
    let (read, to) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    let (stdin, input) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    let settings = Output { last: Some(12), ..output(plane.log("a.log")) };
    let pattern = "ready".into();
    let begun =
        plane.outputs.begin(&key, Source::Merged(read), Some(input), &settings, Some(&pattern));
    begun.expect("it begins");
    write(&to, b"not yet\nrea");
    plane.until_file("a.log", |log| log.len() == 11);
    plane.outputs.input(&key, b"before ", false);
    become_another(&mut plane);
    plane.outputs.input(&key, b"after", true);
    let mut got = Vec::new();
    std::io::Read::read_to_end(&mut std::fs::File::from(stdin), &mut got).expect("read");
    assert_eq!(got, b"before after");
    write(&to, b"dy\nlast");
    plane.until(|news| (*news == Told::Line { key: key.clone() }).then_some(()));
    plane.until_file("a.log", |log| log == b"not yet\nready\nlast");
    become_another(&mut plane);
    drop(to);
    let last = plane.finish(&key);
    assert_eq!(last.lines, ["ready".into(), "last".into()]);
    // The next run ends the unfinished line of the last one.
    become_another(&mut plane);
    let next = crate::harness::key("a", 2);
    let to = plane.merged(&next, &settings);
    write(&to, b"next\n");
    drop(to);
    plane.finish(&next);
    assert_eq!(plane.read("a.log"), b"not yet\nready\nlast\nnext\n");
}

#[test]
fn a_run_that_is_being_drained_is_drained() {
    let mut plane = Plane::new();
    std::os::unix::fs::symlink("/dev/full", plane.path("a.log")).expect("a link");
    let key = key("a", 1);
    let to = plane.merged(&key, &output(plane.log("a.log")));
    write(&to, b"one\n");
    plane.until(|news| matches!(news, Told::Trouble { .. }).then_some(()));
    write(&to, b"two\n");
    drop(to);
    assert_eq!(plane.outputs.finish(&key), None);
    std::fs::remove_file(plane.path("a.log")).expect("removed");
    plane.outputs.reopen();
    become_another(&mut plane);
    let last = plane.until(|news| match news {
        Told::Drained { last, .. } => Some(last.clone()),
        _ => None,
    });
    assert_eq!((last.lines.len(), last.lost), (2, 0));
    assert_eq!(plane.read("a.log"), b"one\ntwo\n");
}

#[test]
fn the_keeper_after_a_dead_one_goes_on_in_the_middle_of_a_line() {
    let mut plane = Plane::new();
    let key = key("a", 1);
    let to = plane.merged(&key, &output(plane.log("a.log")));
    write(&to, b"one line, ");
    plane.until_file("a.log", |log| log == b"one line, ");
    // What the brain holds, when the keeper is gone.
    let held = plane.outputs.descriptors(&key).expect("it runs");
    let read = held.outputs[0].try_clone_to_owned().expect("a descriptor");
    plane.replace(|outputs, wake| {
        drop(outputs);
        Outputs::new(wake).expect("threads")
    });
    write(&to, b"two keepers\n");
    let settings = output(plane.log("a.log"));
    let adopted = plane.outputs.adopt(&key, Source::Merged(read), None, &settings, None);
    adopted.expect("it goes on");
    drop(to);
    plane.finish(&key);
    assert_eq!(plane.read("a.log"), b"one line, two keepers\n");
}

//! A keeper in somebody else's program: what the program is must not show in its children, and what the program
//! does itself must not be disturbed.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test waits for what it names and lets the rest go"
)]

mod support;

use mainstay_wire::keeper::{Fact, Order, Status};
use mainstay_wire::process::{Contain, Descriptor, Mode, Output, Process, Streams};
use rustix::io::FdFlags;
use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};
use support::apart::{apart, beside, is_apart};
use support::{Brain, field, folder, lives, path, program, puppet, shell};

/// The lines of `/proc/self/status` about signals, of a program that does nothing about them.
fn signals(brain: &Brain, child: &str) -> [u64; 3] {
    let told = brain.tells(child, program(&["/bin/cat", "/proc/self/status"]));
    ["SigBlk", "SigIgn", "SigCgt"]
        .map(|name| u64::from_str_radix(field(&told, name), 16).expect("a set"))
}

#[test]
fn signals_are_as_for_a_fresh_program() {
    let brain = Brain::new();
    assert_eq!(signals(&brain, "a"), [0; 3]);
}

#[test]
fn what_the_host_ignores_and_blocks_its_children_do_not() {
    let test = "what_the_host_ignores_and_blocks_its_children_do_not";
    let before = ["env", "--ignore-signal", "--block-signal=USR1,USR2,TERM,RTMIN+3"];
    apart(test, &before, || {
        let host = std::fs::read_to_string("/proc/self/status").expect("status");
        let set = |name| u64::from_str_radix(field(&host, name), 16).expect("a set");
        assert!(set("SigIgn") & 1 << 14 != 0 && set("SigBlk") & 1 << 11 != 0, "{host}");
        let brain = Brain::new();
        assert_eq!(signals(&brain, "a"), [0; 3]);
        // The kernel itself takes in the children of a program that ignores SIGCHLD.
        let (key, _) = brain.begin("b", 1, puppet(&["hang"]));
        brain.signal(&key, support::TERM, mainstay_wire::keeper::Whom::Main);
        match brain.ended(&key).status {
            Status::Signal { signal: 15, core: false } | Status::Unseen { .. } => {}
            status => panic!("{status:?}"),
        }
    });
}

#[test]
fn no_descriptor_of_the_host_leaks() {
    let test = "no_descriptor_of_the_host_leaks";
    apart(test, &[], || {
        let open: Vec<File> = (0..300)
            .map(|_| {
                let file = File::open("/etc/passwd").expect("open");
                rustix::io::fcntl_setfd(&file, FdFlags::empty()).expect("it passes on");
                file
            })
            .collect();
        let brain = Brain::new();
        let told = brain.tells("a", puppet(&["fds"]));
        let numbers: Vec<_> = told.lines().map(|line| line.split(' ').next()).collect();
        assert_eq!(numbers, [Some("0"), Some("1"), Some("2")], "{told}");
        // Above all that the host has open there is room too.
        let number = 310;
        let descriptors = vec![Descriptor { number, path: "/dev/zero".into(), mode: Mode::Read }];
        let told = brain.tells("b", Process { descriptors, ..puppet(&["fds"]) });
        assert_eq!(told.lines().last(), Some("310 /dev/zero"));
        let streams = Output { streams: Streams::Inherit, ..Output::default() };
        let ended = brain.run("c", Process { output: streams, ..shell("[ ! -e /proc/$$/fd/3 ]") });
        assert_eq!(ended.status, Status::Code(0));
        drop(open);
    });
}

#[test]
fn the_host_starts_children_of_its_own_at_the_same_time() {
    let test = "the_host_starts_children_of_its_own_at_the_same_time";
    apart(test, &[], || {
        let brain = Brain::new();
        let (_read, _write) = rustix::pipe::pipe().expect("a pipe that passes on");
        let host = std::thread::spawn(|| {
            for round in 0..1000 {
                let code = round % 200;
                let mut command = Command::new("/bin/sh");
                command.args(["-c", &format!("exit {code}")]);
                if round % 4 == 0 {
                    command.stdout(Stdio::piped());
                }
                let mut child = command.spawn().expect("started");
                if let Some(mut output) = child.stdout.take() {
                    // A process of the keeper's that held the other end would hold this up.
                    output.read_to_end(&mut Vec::new()).expect("its end");
                }
                assert_eq!(child.wait().expect("it is ours").code(), Some(code));
            }
        });
        let mut round = 0;
        let mut facts = [0; 3];
        while !host.is_finished() {
            round += 1;
            let lasting = brain.start("lasting", round, program(&["/bin/sleep", "1000"]));
            let short = brain.start("short", round, shell("exit 201"));
            brain.kill(&lasting);
            let mut open = 2;
            while open > 0 {
                match brain.fact() {
                    Fact::Ended { key, ended } if key == short => {
                        assert_eq!(ended.status, Status::Code(201));
                        facts[1] += 1;
                        open -= 1;
                    }
                    Fact::Ended { key, ended } if key == lasting => {
                        let killed = Status::Signal { signal: 9, core: false };
                        assert_eq!(ended.status, killed);
                        facts[2] += 1;
                        open -= 1;
                    }
                    Fact::Stranger { pid, .. } => panic!("it took in {pid}, which is not its own"),
                    Fact::Started { .. } => facts[0] += 1,
                    fact => drop(fact),
                }
            }
        }
        host.join().expect("the host lost nothing");
        assert_eq!(facts[1..], [round as usize; 2]);
    });
}

#[test]
fn a_host_that_takes_in_everybody_is_forgiven() {
    let test = "a_host_that_takes_in_everybody_is_forgiven";
    apart(test, &[], || {
        let brain = Brain::new();
        let greedy = std::thread::spawn(|| {
            let mut taken = 0;
            while taken < 40 {
                match rustix::process::wait(rustix::process::WaitOptions::empty()) {
                    Ok(_) => taken += 1,
                    // There is nobody just now.
                    Err(rustix::io::Errno::CHILD) => std::thread::yield_now(),
                    Err(error) => panic!("{error}"),
                }
            }
        });
        let mut round = 0;
        while !greedy.is_finished() {
            round += 1;
            let key = brain.start("a", round, shell("exit 7"));
            match brain.ended(&key).status {
                // The kernel still tells of a process that somebody else has taken in, since 6.15.
                Status::Code(7) | Status::Unseen { .. } => {}
                status => panic!("{status:?}"),
            }
        }
        greedy.join().expect("it was served");
    });
}

#[test]
fn a_large_host_starts_children_all_the_same() {
    const SIZE: usize = 256 << 20;
    apart("a_large_host_starts_children_all_the_same", &[], || {
        let heap = vec![1_u8; SIZE];
        let brain = Brain::new();
        for round in 1..=50 {
            let key = brain.start("a", round, program(&["/bin/true"]));
            let ended = brain.ended(&key);
            assert_eq!(ended.status, Status::Code(0));
            // The host's memory is not taken for the child's.
            assert!(ended.usage.memory < SIZE as u64 / 2, "{:?}", ended.usage);
        }
        let more = (SIZE * 2).to_string();
        let ended = brain.run("b", puppet(&[&format!("leak:{more}")]));
        assert!(ended.usage.memory > SIZE as u64, "{:?}", ended.usage);
        assert_eq!(
            heap.iter().step_by(4096).map(|byte| u64::from(*byte)).sum::<u64>(),
            SIZE as u64 / 4096
        );
    });
}

/// The host of a child that dies with it, and of one that does not.
#[test]
fn a_death_signal_comes_when_the_host_dies() {
    const TEST: &str = "a_death_signal_comes_when_the_host_dies";
    if is_apart(TEST) {
        let folder = std::env::var("FOLDER").expect("a folder");
        let brain = Brain::new();
        for (name, death_signal) in [("dies", Some(9)), ("lives", None)] {
            let steps = [format!("fifo:{folder}/{name}"), "hang".to_owned()];
            let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
            let process = Process { death_signal, contain: Contain::Main, ..puppet(&steps) };
            brain.begin(name, 1, process);
        }
        brain.keeper.order(Order::Reopen);
        // Whoever waits here is killed.
        std::io::stdin().read_to_end(&mut Vec::new()).expect("its end");
        return;
    }
    let folder = folder();
    for name in ["dies", "lives"] {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let fifo = path(&folder, name);
        rustix::fs::mknodat(rustix::fs::CWD, fifo, rustix::fs::FileType::Fifo, mode, 0)
            .expect("a fifo");
    }
    let mut host = beside(TEST, &[("FOLDER", folder.path().to_str().expect("text"))]);
    // A line comes once the child is there, and the end when it is gone.
    let read = |name: &str| {
        let mut fifo = File::open(path(&folder, name)).expect("open");
        let mut pid = Vec::new();
        let mut byte = [0];
        while fifo.read(&mut byte).expect("read") == 1 && byte != *b"\n" {
            pid.push(byte[0]);
        }
        let pid = String::from_utf8(pid).expect("text").parse::<u32>().expect("a number");
        (fifo, pid)
    };
    let (mut dies, _) = read("dies");
    let (mut lives_on, pid) = read("lives");
    host.kill().expect("killed");
    host.wait().expect("taken in");
    assert_eq!(dies.read(&mut [0]).expect("its end"), 0);
    assert!(lives(pid));
    let of = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a process");
    rustix::process::kill_process(of, rustix::process::Signal::KILL).expect("it is there");
    assert_eq!(lives_on.read(&mut [0]).expect("its end"), 0);
}

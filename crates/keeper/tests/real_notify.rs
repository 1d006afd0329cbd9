//! What a program says by `sd_notify`, from an implementation that is not ours: a few lines of Python.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test waits for what it names and lets the rest go"
)]

mod support;

use mainstay_wire::keeper::{Fact, Notice, Status, Whence};
use mainstay_wire::process::{Access, Contain, Process, Stdin};
use std::time::Duration;
use support::{Brain, program, text};

/// What every script begins with.
const BEGIN: &str = r#"
import array, os, socket, sys, time
where = os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1)
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.connect(where)
def say(message, *fds):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    notify.sendmsg([message.encode()], rights)
def barrier():
    ours, theirs = os.pipe()
    say("BARRIER=1", theirs)
    os.close(theirs)
    os.read(ours, 1)
"#;

fn python(script: &str) -> Process {
    let script = format!("{BEGIN}{script}");
    Process { notify: Some(Access::All), ..program(&["python3", "-c", &script]) }
}

/// Returns all that a run says up to its end, which is a good one.
fn all_said(brain: &Brain, child: &str, process: Process) -> Vec<Notice> {
    let key = brain.start(child, 1, process);
    let mut said = Vec::new();
    brain.wait(|fact| match fact {
        Fact::Said { key: of, notice } if of == key => {
            said.push(notice);
            None
        }
        Fact::Trouble { what, .. } => panic!("{what}"),
        Fact::Ended { key: of, ended } if of == key => {
            assert_eq!(ended.status, Status::Code(0), "{}", text(&ended.last));
            Some(())
        }
        _ => None,
    });
    said
}

#[test]
fn every_message_is_heard_and_the_last_one_before_the_end() {
    let brain = Brain::new();
    let script = r#"
say("STATUS=opening files\nERRNO=2")
say("READY=1\nSTATUS=up")
say("WATCHDOG=1")
say("WATCHDOG_USEC=2500000")
say("WATCHDOG=trigger")
say("EXTEND_TIMEOUT_USEC=30000000")
say("RELOADING=1\nMONOTONIC_USEC=123456789")
say("READY=1")
say("RESTART_RESET=1")
say("X_COLOUR=blue")
say("BUSERROR=org.example.Failed")
say("STOPPING=1")
say("STATUS=bye")
"#;
    let word = |name: &str, value: &str| Notice::Word { name: name.into(), value: value.into() };
    let said = all_said(&brain, "a", python(script));
    let expected = [
        Notice::Status("opening files".into()),
        Notice::Errno(2),
        Notice::Ready(Whence::Notify),
        Notice::Status("up".into()),
        Notice::Beat,
        Notice::Watchdog(Duration::from_millis(2500)),
        Notice::Trigger,
        Notice::Extend(Duration::from_secs(30)),
        Notice::Reloading(Some(Duration::from_micros(123_456_789))),
        Notice::Ready(Whence::Notify),
        Notice::ResetRestarts,
        word("X_COLOUR", "blue"),
        word("BUSERROR", "org.example.Failed"),
        Notice::Stopping,
        Notice::Status("bye".into()),
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_barrier_is_answered_once_all_before_it_is_heard() {
    let brain = Brain::new();
    let script = r#"
for count in range(100):
    say(f"STATUS={count}")
barrier()
say("READY=1")
barrier()
"#;
    let said = all_said(&brain, "a", python(script));
    assert_eq!(said.len(), 101);
    assert_eq!(said.last(), Some(&Notice::Ready(Whence::Notify)));
}

#[test]
fn what_is_refused_is_told_once_with_a_reason() {
    let brain = Brain::new();
    let script = r#"
for turn in range(3):
    say("WATCHDOG=maybe")
    say("no assignment")
    say("FDSTORE=1")
    say("MAINPID=1")
    say("BARRIER=1")
    say("READY=1\nSTATUS=" + 5000 * "x")
say("STATUS=done")
"#;
    let key = brain.start("a", 1, python(script));
    let (mut refused, mut said) = (Vec::new(), Vec::new());
    brain.wait(|fact| match fact {
        Fact::Trouble { what, error, .. } => {
            // With no error it would mean that all is well again.
            assert_ne!(error, 0, "{what}");
            refused.push(what);
            None
        }
        Fact::Said { key: of, notice } if of == key => {
            said.push(notice);
            None
        }
        Fact::Ended { key: of, .. } => (of == key).then_some(()),
        _ => None,
    });
    let expected = [
        "the value of WATCHDOG makes no sense",
        "a line is no assignment of printable text",
        "FDSTORE=1 came without a descriptor",
        "process 1 cannot become its main process: it is none of its own",
        "a barrier came with 0 descriptors instead of one",
        "a message is longer than 4096 bytes, or brought more descriptors than can be taken",
    ]
    .map(|why| format!("what {key} says on its notify socket was not heard: {why}"));
    assert_eq!(refused, expected);
    assert_eq!(said, [Notice::Status("done".into())]);
}

#[test]
fn only_who_may_speak_is_heard() {
    let brain = Brain::new();
    let script = r#"
if os.fork() == 0:
    say("STATUS=from a child")
    barrier()
    os._exit(0)
os.wait()
say("STATUS=from the main process")
"#;
    for (access, expected) in [
        (Access::All, &["from a child", "from the main process"][..]),
        (Access::Main, &["from the main process"]),
        (Access::Exec, &["from the main process"]),
        (Access::None, &[]),
    ] {
        let key = brain.start(
            &format!("{access:?}"),
            1,
            Process { notify: Some(access), ..python(script) },
        );
        let (mut said, mut refused) = (Vec::new(), 0);
        brain.wait(|fact| match fact {
            Fact::Said { notice: Notice::Status(text), .. } => {
                said.push(text.to_string());
                None
            }
            Fact::Trouble { what, .. } => {
                assert!(what.contains("may not speak for it"), "{what}");
                refused += 1;
                None
            }
            Fact::Ended { key: of, .. } if of == key => Some(()),
            _ => None,
        });
        assert_eq!(said, expected);
        assert!(refused > 0 || access == Access::All);
    }
}

#[test]
fn a_daemon_that_forks_hands_over_its_place() {
    let brain = Brain::new();
    // The parent says who goes on, then ends; the daemon serves until it is told.
    let script = r#"
heard, told = os.pipe()
daemon = os.fork()
if daemon == 0:
    os.setsid()
    os.read(heard, 1)
    say("STATUS=the daemon speaks")
    sys.stdin.readline()
    os._exit(5)
say(f"MAINPID={daemon}\nREADY=1")
barrier()
os.write(told, b"x")
os._exit(0)
"#;
    // The end of the first may be told together with what it said last.
    for round in 1..=12 {
        let contain = if round % 2 == 0 { Contain::Best } else { Contain::Descent };
        let process = Process { contain, stdin: Stdin::Pipe, ..python(script) };
        let (key, first) = brain.begin("a", round, process);
        let daemon = brain.wait(|fact| match fact {
            Fact::Said { notice: Notice::Main(pid), .. } => Some(pid),
            Fact::Trouble { what, .. } => panic!("{what}"),
            Fact::MainEnded { .. } | Fact::Ended { .. } => panic!("{fact:?}"),
            _ => None,
        });
        assert_ne!(daemon, first);
        brain.says(&key, &Notice::Ready(Whence::Notify));
        brain.status(&key, "the daemon speaks");
        let bytes = b"\n".to_vec();
        brain.keeper.order(mainstay_wire::keeper::Order::Input {
            key: key.clone(),
            bytes,
            close: true,
        });
        // Nobody here is its parent, so only a kernel since 6.15 tells.
        match brain.ended(&key).status {
            Status::Code(5) | Status::Unseen { .. } => {}
            status => panic!("{status:?}"),
        }
        assert!(!support::lives(daemon));
    }
}

#[test]
fn a_stranger_does_not_become_the_main_process() {
    let brain = Brain::new();
    let (key, stranger) = brain.begin("stranger", 1, program(&["/bin/sleep", "1000"]));
    let script = format!(
        "say('MAINPID={stranger}')\nsay('MAINPID=1')\nbarrier()\nsay('STATUS=still here')\n"
    );
    let run = brain.start("a", 1, python(&script));
    brain.wait(|fact| match fact {
        Fact::Said { notice: Notice::Main(pid), .. } => panic!("{pid} is none of it"),
        Fact::Ended { key: of, ended } if of == run => {
            assert_eq!(ended.status, Status::Code(0));
            Some(())
        }
        _ => None,
    });
    brain.kill(&key);
    brain.ended(&key);
}

#[test]
fn descriptors_of_all_kinds_come_back() {
    let brain = Brain::new();
    let first = r#"
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
file = os.memfd_create("state")
os.write(file, b"remembered")
say("FDSTORE=1\nFDNAME=listener", listener.fileno())
say("FDSTORE=1\nFDNAME=state", file)
say("FDSTORE=1\nFDNAME=state", file)
barrier()
print(listener.getsockname()[1])
"#;
    let second = r#"
assert os.environ["LISTEN_PID"] == str(os.getpid())
names = os.environ["LISTEN_FDNAMES"].split(":")
assert names == ["listener", "state"], names
assert os.environ["LISTEN_FDS"] == "2"
listener = socket.socket(fileno=3)
print(listener.getsockname()[1])
os.lseek(4, 0, 0)
assert os.read(4, 100) == b"remembered"
assert os.get_inheritable(3) and os.get_inheritable(4)
"#;
    let with = |script| Process { store: 8, ..python(script) };
    let key = brain.start("a", 1, with(first));
    let port = text(&brain.ended(&key).last);
    let key = brain.start("a", 2, with(second));
    let ended = brain.ended(&key);
    assert_eq!((ended.status, text(&ended.last)), (Status::Code(0), port));
}

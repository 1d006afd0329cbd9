//! Ten thousand damaged messages of each kind that others send us, from a seed: what `fuzz/` does without end.

use mainstay_keeper::notify::fuzzing::{check, hear};
use mainstay_wire::frame::check_stream;
use mainstay_wire::keeper::{
    Ended, Fact, Held, Key, Lost, Notice, Order, Report, Sequence, StartError, Status, Step, Usage,
    Whence, Whom,
};
use mainstay_wire::process::{Access, Address, Environment, Process, Readiness, Socket};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const ROUNDS: u64 = 10_000;

/// Numbers without a pattern, the same in every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).expect("31 bits") % below
    }

    fn pick<'a>(&mut self, of: &[&'a [u8]]) -> &'a [u8] {
        of[self.roll(of.len())]
    }

    /// Damages bytes: flips, inserts, removes, repeats, cuts, or puts in something that has a meaning.
    fn damage(&mut self, bytes: &mut Vec<u8>, words: &[&[u8]]) {
        for _ in 0..=self.roll(4) {
            let place = self.roll(bytes.len() + 1);
            let end = (place + self.roll(16)).min(bytes.len());
            match self.roll(7) {
                0 if place < bytes.len() => bytes[place] ^= 1 << self.roll(8),
                1 => bytes.insert(place, self.roll(256).to_le_bytes()[0]),
                2 => drop(bytes.drain(place..end)),
                3 => {
                    let part = bytes[place..end].repeat(1 + self.roll(40));
                    bytes.splice(place..place, part);
                }
                4 => bytes.truncate(place),
                _ => drop(bytes.splice(place..end, self.pick(words).iter().copied())),
            }
        }
    }
}

#[test]
fn damaged_datagrams() {
    let lines: [&[u8]; 22] = [
        b"READY=1",
        b"RELOADING=1",
        b"STOPPING=1",
        b"MONOTONIC_USEC=123456789",
        b"STATUS=at work: 66%",
        b"STATUS=\xc3\xa4",
        b"ERRNO=2",
        b"BUSERROR=org.freedesktop.DBus.Error.TimedOut",
        b"EXIT_STATUS=0",
        b"MAINPID=4711",
        b"MAINPIDFDID=1234",
        b"MAINPIDFD=1",
        b"NOTIFYACCESS=all",
        b"WATCHDOG=1",
        b"WATCHDOG=trigger",
        b"WATCHDOG_USEC=20000000",
        b"EXTEND_TIMEOUT_USEC=20000000",
        b"RESTART_RESET=1",
        b"FDSTORE=1\nFDNAME=a\nFDPOLL=0",
        b"FDSTOREREMOVE=1\nFDNAME=a",
        b"BARRIER=1",
        b"X_SYSTEMD_UNIT_ACTIVE=a",
    ];
    let words: [&[u8]; 8] =
        [b"\n", b"=", b"\0", b"\xff", b"\r\n", b"-1", b"99999999999999999999", b"READY=1"];
    let mut kinds = BTreeSet::new();
    for seed in 0..ROUNDS {
        let mut dice = Dice(seed);
        let mut datagrams: Vec<Vec<u8>> = Vec::new();
        for _ in 0..=dice.roll(2) {
            let text: Vec<&[u8]> = (0..=dice.roll(5)).map(|_| dice.pick(&lines)).collect();
            let mut text = text.join(&b'\n');
            dice.damage(&mut text, &words);
            datagrams.push(text);
        }
        let heard = hear(datagrams.iter().map(Vec::as_slice));
        check(&heard);
        kinds.extend(heard.iter().flatten().map(kind));
    }
    // There is no room to store anything, and all else is understood at times in spite of the damage.
    assert_eq!(kinds.len(), 12, "{kinds:?}");
}

fn kind(notice: &Notice) -> String {
    let text = format!("{notice:?}");
    text.split(|letter: char| !letter.is_alphanumeric()).next().expect("a name").to_owned()
}

#[test]
fn damaged_orders() {
    let write = |order| serde_json::to_vec(&order).expect("it can be written");
    damage_frames(&orders().into_iter().map(write).collect::<Vec<_>>(), check_stream::<Order>);
}

#[test]
fn damaged_reports() {
    let write = |report| serde_json::to_vec(&report).expect("it can be written");
    damage_frames(&reports().into_iter().map(write).collect::<Vec<_>>(), check_stream::<Report>);
}

fn damage_frames(heads: &[Vec<u8>], read: fn(&[u8]) -> usize) {
    let words: [&[u8]; 12] = [
        b"\"",
        b"{",
        b"}",
        b"[",
        b"]",
        b"null",
        b"-1",
        b"1e999",
        b"\\ud800",
        b"4294967296",
        b"\xff\xff\xff\xff",
        b"[[[[[[[[[[[[[[[[",
    ];
    let mut understood = 0;
    for seed in 0..ROUNDS {
        let mut dice = Dice(seed);
        let mut stream = Vec::new();
        for _ in 0..=dice.roll(2) {
            let mut head = heads[dice.roll(heads.len())].clone();
            // Half of the damage is within a frame whose lengths are right.
            if dice.roll(2) == 0 {
                dice.damage(&mut head, &words);
            }
            let body = vec![7; dice.roll(9)];
            let length = |of: &[u8]| u32::try_from(of.len()).expect("it is short").to_le_bytes();
            let parts = [&length(&head)[..], &length(&body), &head, &body];
            stream.extend(parts.concat());
        }
        if dice.roll(2) == 0 {
            dice.damage(&mut stream, &words);
        }
        understood += u64::from(read(&stream) > 0);
    }
    assert!((ROUNDS / 5..ROUNDS).contains(&understood), "{understood}");
}

fn key() -> Key {
    Key { child: "app/db".into(), run: 7 }
}

fn orders() -> Vec<Order> {
    let process = Process {
        command: vec!["/bin/sleep".into(), b"\xff\xfe".to_vec().into()],
        environment: Environment { inherit: Vec::new(), set: vec![("A".into(), "b\n".into())] },
        ready: Readiness::Line("ready *".into()),
        notify: Some(Access::Exec),
        watchdog: Some(Duration::from_millis(1500)),
        sockets: vec![Socket {
            name: "web".into(),
            address: Address::Tcp(([127, 0, 0, 1], 80).into()),
            backlog: Some(1),
            shared: true,
            nonblocking: false,
        }],
        ..Process::default()
    };
    let process = Arc::new(process);
    vec![
        Order::Acknowledge(Sequence(u64::MAX)),
        Order::Listen { child: "a".into(), process: Arc::clone(&process), demand: true },
        Order::Start { key: key(), process },
        Order::Signal { key: key(), signal: 15, whom: Whom::All },
        Order::Input { key: key(), bytes: Vec::new(), close: true },
        Order::Execute {
            key: key(),
            ticket: 1,
            command: vec!["true".into()],
            timeout: Duration::from_secs(1),
        },
        Order::Upgrade { program: None, arguments: vec!["keep".into()] },
        Order::Leave { kill: true },
        Order::Reopen,
    ]
}

fn reports() -> Vec<Report> {
    let fact = |fact| Report::Fact { seq: Sequence(3), at: Duration::from_nanos(5), fact };
    let error = StartError { step: Step::Execute, about: "/bin/none".into(), error: 2 };
    let ended = |status| Ended {
        status,
        out_of_memory: true,
        usage: Usage::default(),
        last: vec!["bye\u{1f44b}".into()],
        left: vec![Lost { pid: 9, name: b"\x80".to_vec().into() }],
        lost: 0,
    };
    let word = Notice::Word { name: "X_A".into(), value: "b".into() };
    vec![
        Report::Hello {
            version: 1,
            pid: 2,
            brain: 3,
            seq: Sequence(4),
            kept: 1,
            inventories: 1,
            silence: None,
        },
        Report::Inventory(vec![Held {
            key: key(),
            pid: Some(4),
            began: 5,
            ready: true,
            process: Arc::default(),
        }]),
        fact(Fact::Ended { key: key(), ended: ended(Status::NotStarted(error)) }),
        fact(Fact::Ended { key: key(), ended: ended(Status::Signal { signal: 9, core: false }) }),
        fact(Fact::Said { key: key(), notice: Notice::Ready(Whence::Line) }),
        fact(Fact::Said { key: key(), notice: Notice::Reloading(Some(Duration::MAX)) }),
        fact(Fact::Said { key: key(), notice: word }),
        fact(Fact::Demand("a".into())),
    ]
}

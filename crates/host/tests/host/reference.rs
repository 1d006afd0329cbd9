//! The reference shows bytes: they are what the code says.

use mainstay_host::protocol::{
    Asked, Beat, DESCRIPTORS, Failure, Head, Hello, Kind, SECRET, Secret, Told, VERSION, Welcome,
};
use mainstay_host::ring;
use mainstay_host::{EXIT_PANICKED, EXIT_PARENT_GONE, EXIT_STOP_OVERDUE};

const REFERENCE: &str = include_str!("../../../../docs/reference/host-protocol.md");

/// Returns the bytes that the reference shows under this name.
#[track_caller]
fn shown(name: &str) -> Vec<u8> {
    let mut lines = REFERENCE.lines().filter_map(|line| line.strip_prefix(name));
    let digits = lines.find_map(|rest| rest.strip_prefix("  ")).expect("it is shown");
    let digits: Vec<u8> = digits.bytes().filter(|byte| *byte != b' ').collect();
    let byte = |pair: &[u8]| {
        u8::from_str_radix(str::from_utf8(pair).expect("digits"), 16).expect("hexadecimal")
    };
    digits.chunks(2).map(byte).collect()
}

fn frame(kind: Kind, call: u64, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("a short body");
    [&Head { length, kind, call }.to_bytes()[..], body].concat()
}

#[test]
fn packets_are_as_shown() {
    let hello = Hello {
        version: VERSION,
        secret: Secret::new(std::array::from_fn(|at| u8::try_from(at).expect("small"))),
        contract_version: 3,
        contract: "echo".into(),
        speaker: "x 1".into(),
    };
    let told = [
        ("hello", Told::Hello(hello)),
        ("beat", Told::Beat(Beat { pending: 2, done: 40, oldest: 1_500 })),
        ("status", Told::Status("axis".into())),
        ("extend", Told::Extend(5_000)),
    ];
    for (name, told) in told {
        assert_eq!(told.to_packet(), shown(name), "{name}");
    }
    let asked = [
        ("welcome", Asked::Welcome(Welcome { run: 17, every: 2_000, most: 1 << 20 })),
        ("stop", Asked::Stop(5_000)),
        ("unbounded", Asked::Stop(u64::MAX)),
    ];
    for (name, asked) in asked {
        assert_eq!(asked.to_packet(), shown(name), "{name}");
    }
}

#[test]
fn frames_and_the_head_of_the_ring_are_as_shown() {
    let frames = [
        ("request", frame(Kind::Request, 7, b"a")),
        ("stream", frame(Kind::Stream, 8, b"\x02\0\0\0a")),
        ("credit", frame(Kind::Credit, 8, b"\x01\0\0\0")),
        ("cancel", frame(Kind::Cancel, 8, b"")),
        ("reply", frame(Kind::Reply, 7, b"ok")),
        ("failed", frame(Kind::Failed, 7, &Failure::new(1_007, "off").to_body())),
        ("item", frame(Kind::Item, 8, b"1")),
        ("end", frame(Kind::End, 8, b"")),
    ];
    for (name, frame) in frames {
        assert_eq!(frame, shown(name), "{name}");
    }
    assert_eq!(ring::head(ring::CAPACITY)[..32], shown("ring")[..]);
}

#[test]
fn names_and_numbers_are_as_shown() {
    for name in [DESCRIPTORS, SECRET] {
        assert!(REFERENCE.contains(&format!("| `{name}` |")), "{name}");
    }
    for code in [EXIT_STOP_OVERDUE, EXIT_PARENT_GONE, EXIT_PANICKED] {
        assert!(REFERENCE.contains(&format!("| {code} | ")), "{code}");
    }
    for letter in "HRBSYPELCwxslcqQmaeiz".chars() {
        assert!(REFERENCE.contains(&format!("| `{letter}` | ")), "{letter}");
    }
}

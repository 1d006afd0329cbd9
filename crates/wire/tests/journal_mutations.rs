//! The journal's decoders meet every kind of damage: they refuse, or read something else, and never panic.
//!
//! Records are checked before they are decoded, so this is what a checksum that fits by chance may let through.
#![cfg(feature = "journal")]

use mainstay_core::{Moment, Tree};
use mainstay_wire::journal::{Record, bring_to_life, snapshot_from_json};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// How often each line is damaged.
const TIMES: u64 = 60;

/// Numbers that are always the same (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most.max(1) as u64) as usize
    }

    /// A range of at most a few bytes.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length);
        start..(start + 1 + self.below(12)).min(length)
    }
}

fn lines(name: &str) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let text = fs::read_to_string(path).expect("the file of what is kept");
    text.lines().map(str::to_owned).collect()
}

const WORDS: [&str; 10] = [
    "null",
    "-1",
    "18446744073709551616",
    "1e999",
    "\"\"",
    "[]",
    "{}",
    "true",
    "0.5",
    "4294967295",
];

fn damage(line: &str, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = line.as_bytes().to_vec();
    for _ in 0..=dice.below(3) {
        let range = dice.range(bytes.len());
        match dice.below(6) {
            0 => bytes[range.start] = dice.below(256) as u8,
            1 => drop(bytes.drain(range)),
            2 => {
                let copy = bytes[range.clone()].to_vec();
                bytes.splice(range.start..range.start, copy);
            }
            3 => bytes.truncate(range.end),
            _ => replace_number(&mut bytes, range.start, WORDS[dice.below(WORDS.len())]),
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

/// Puts a word in the place of the next number, so that what is read is well formed and wrong.
fn replace_number(bytes: &mut Vec<u8>, from: usize, word: &str) {
    let start = bytes[from..].iter().position(|byte| matches!(byte, b':' | b',' | b'['));
    let Some(start) = start.map(|at| from + at + 1) else { return };
    let digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > 0 {
        bytes.splice(start..start + digits, word.bytes());
    }
}

/// Runs `read` on damaged lines; returns how many it took for whole.
fn damaged(name: &str, read: impl Fn(&[u8]) -> bool) -> usize {
    let (mut dice, mut taken) = (Dice(0x9e37_79b9_7f4a_7c15), 0);
    for line in lines(name) {
        assert!(read(line.as_bytes()), "as it is, it is whole: {line}");
        for _ in 0..TIMES {
            let bytes = damage(&line, &mut dice);
            match catch_unwind(AssertUnwindSafe(|| read(&bytes))) {
                Ok(whole) => taken += usize::from(whole),
                Err(_) => panic!("it panics at {}", String::from_utf8_lossy(&bytes)),
            }
        }
    }
    taken
}

#[test]
fn damaged_records_are_refused_or_read_otherwise() {
    for name in ["inputs.json", "events.json", "records.json"] {
        let taken = damaged(name, |bytes| Record::from_json(bytes).is_ok());
        assert!(taken > 0, "some damage to {name} is not to be seen");
    }
}

#[test]
fn damaged_snapshots_are_refused_or_become_a_tree() {
    let taken = damaged("snapshots.json", |bytes| {
        let Ok(mut stored) = snapshot_from_json(bytes) else { return false };
        let unmade = bring_to_life(&mut stored.snapshot, &mut |text| Err(text.into()));
        assert!(unmade.is_ok() || format!("{:?}", stored.snapshot).contains("Form("));
        _ = stored.snapshot.clone().begin_again(Moment::FAR);
        _ = Tree::restore(stored.snapshot);
        true
    });
    assert!(taken > 0, "some damage is not to be seen");
}

//! The flight recorder: a ring of operations in memory that a parent and its host share.
//!
//! The host notes what it is about to do; the parent reads it when the host has died, of whatever. Nobody locks
//! anything: an operation is written between two stores of its number, so one that was being written when the
//! process ended is seen as torn, and the others are whole.
//!
//! All numbers are little-endian and stand in words of eight bytes:
//!
//! | bytes of the head | field |
//! | --- | --- |
//! | 0 to 7 | `MNSTRING` |
//! | 8 to 15 | version of the form: 1 |
//! | 16 to 23 | how many operations fit |
//! | 24 to 31 | how many have been begun so far |
//! | 32 to 63 | zero |
//!
//! | bytes of an operation | field |
//! | --- | --- |
//! | 0 to 7 | its number, from 1 on; 0 while it is written, or where there is none |
//! | 8 to 15 | when: nanoseconds of the monotonic clock |
//! | 16 to 23 | the call it belongs to; 0: none |
//! | 24 to 27 | the thread |
//! | 28 to 29 | how many bytes of text it has |
//! | 30 | what it is: a [`Mark`] |
//! | 31 | zero |
//! | 32 to 255 | the text |
//!
//! Operation `n` stands at place `(n - 1) % capacity` behind the head.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Duration;

/// How many bytes the head has.
pub const HEAD: usize = 64;
/// How many bytes an operation has.
pub const OPERATION: usize = 256;
/// How many bytes of text fit.
pub const TEXT: usize = OPERATION - 32;
/// How many operations a ring holds unless somebody says otherwise.
pub const CAPACITY: usize = 1_024;
/// No ring holds more.
pub const CAPACITY_MOST: usize = 1 << 20;

const MAGIC: [u8; 8] = *b"MNSTRING";
const FORM: u64 = 1;
const WORDS: usize = OPERATION / 8;
const HEAD_WORDS: usize = HEAD / 8;

/// What an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mark {
    /// Something the host's own code noted.
    Note = 0,
    /// A call begins.
    Begins = 1,
    /// A call was answered.
    Answered = 2,
    /// A call failed.
    Failed = 3,
}

/// One operation, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its number in the run, from 1 on.
    pub number: u64,
    /// When, by the machine's monotonic clock.
    pub at: Duration,
    /// The call it belongs to; 0: none.
    pub call: u64,
    /// The thread.
    pub thread: u32,
    /// What it is.
    pub mark: Mark,
    /// What was noted.
    pub text: String,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, text, .. } = self;
        match self.mark {
            Mark::Note if *call == 0 => f.write_str(text),
            Mark::Note => write!(f, "in call {call}: {text}"),
            Mark::Begins => write!(f, "call {call} begins: {text}"),
            Mark::Answered => write!(f, "call {call} answered"),
            Mark::Failed => write!(f, "call {call} failed: {text}"),
        }
    }
}

/// What a ring held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// The last operations, oldest first.
    pub operations: Vec<Operation>,
    /// How many were begun in all.
    pub begun: u64,
    /// How many places hold something that makes no sense: it was being written, or written over.
    pub torn: u32,
}

/// Why there is nothing to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is too short for what it says, or for its head.
    #[error("the ring has {has} bytes where {needs} are needed")]
    Short {
        /// How many there are.
        has: usize,
        /// How many there would have to be.
        needs: usize,
    },
    /// Its head was overwritten, or never written.
    #[error("the head of the ring is overwritten")]
    Head,
    /// Another form than this one.
    #[error("the ring has the form {0}, which is not known here")]
    Form(u64),
}

/// Returns how many bytes a ring for so many operations has.
pub const fn size(capacity: usize) -> usize {
    HEAD + capacity * OPERATION
}

/// Returns the head of an empty ring. What follows it is zero.
pub fn head(capacity: usize) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..8].copy_from_slice(&MAGIC);
    head[8..16].copy_from_slice(&FORM.to_le_bytes());
    head[16..24].copy_from_slice(&(capacity as u64).to_le_bytes());
    head
}

/// Reads what a ring holds. Whoever wrote it may have died in the middle, or have written nonsense.
///
/// # Errors
///
/// Its head makes no sense.
pub fn read(bytes: &[u8]) -> Result<Recording, Unreadable> {
    let short = |needs| Unreadable::Short { has: bytes.len(), needs };
    let head: &[u8; HEAD] = bytes.first_chunk().ok_or_else(|| short(HEAD))?;
    if head[..8] != MAGIC {
        return Err(Unreadable::Head);
    }
    let field = |at: usize| number(&head[at..at + 8]);
    if field(8) != FORM {
        return Err(Unreadable::Form(field(8)));
    }
    let capacity = usize::try_from(field(16)).unwrap_or(usize::MAX);
    if capacity == 0 || capacity > CAPACITY_MOST {
        return Err(Unreadable::Head);
    }
    let places = bytes.get(HEAD..size(capacity)).ok_or_else(|| short(size(capacity)))?;
    let mut recording = Recording { begun: field(24), ..Recording::default() };
    for (place, entry) in places.chunks_exact(OPERATION).enumerate() {
        match operation(entry) {
            Some(found) if (found.number - 1) % capacity as u64 == place as u64 => {
                recording.operations.push(found);
            }
            // One that was begun and has no number was being written.
            None if entry.iter().all(|byte| *byte == 0) => {}
            Some(_) | None => recording.torn += 1,
        }
    }
    recording.operations.sort_by_key(|operation| operation.number);
    Ok(recording)
}

fn operation(entry: &[u8]) -> Option<Operation> {
    let number = number(&entry[..8]);
    let length = usize::from(u16::from_le_bytes([entry[28], entry[29]]));
    let text = entry[32..].get(..length)?;
    let mark = match entry[30] {
        0 => Mark::Note,
        1 => Mark::Begins,
        2 => Mark::Answered,
        3 => Mark::Failed,
        _ => return None,
    };
    (number != 0).then(|| Operation {
        number,
        at: Duration::from_nanos(self::number(&entry[8..16])),
        call: self::number(&entry[16..24]),
        thread: u32::from_le_bytes([entry[24], entry[25], entry[26], entry[27]]),
        mark,
        text: String::from_utf8_lossy(text).into_owned(),
    })
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Writes into a ring. Any number of threads may, at the same time.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    next: &'a AtomicU64,
    places: &'a [AtomicU64],
    capacity: u64,
}

/// What is noted.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// When, by the machine's monotonic clock.
    pub at: Duration,
    /// The call it belongs to; 0: none.
    pub call: u64,
    /// The thread.
    pub thread: u32,
    /// What it is.
    pub mark: Mark,
    /// What is noted. What does not fit is cut.
    pub text: &'a str,
}

impl<'a> Writer<'a> {
    /// Takes the words of a ring whose head somebody has written. Absent: they are none.
    pub fn new(words: &'a [AtomicU64]) -> Option<Self> {
        let (head, places) = words.split_at_checked(HEAD_WORDS)?;
        let word = |index: usize| u64::from_le(head[index].load(Ordering::Relaxed));
        let capacity = word(2);
        let is_ring = word(0) == u64::from_le_bytes(MAGIC) && word(1) == FORM;
        let fits = usize::try_from(capacity).ok().is_some_and(|capacity| {
            (1..=CAPACITY_MOST).contains(&capacity) && places.len() >= capacity * WORDS
        });
        (is_ring && fits).then_some(Self { next: &head[3], places, capacity })
    }

    /// Notes an operation, which takes the place of the oldest.
    pub fn note(self, entry: Entry<'_>) {
        // The head is memory that faulty code of the host may have written over: the place is bounded, not trusted.
        let number = self.next.fetch_add(1, Ordering::Relaxed).wrapping_add(1).max(1);
        let place = (number - 1) % self.capacity;
        let begin = usize::try_from(place).unwrap_or(0) * WORDS;
        let Some(words) = self.places.get(begin..begin + WORDS) else { return };
        words[0].store(0, Ordering::Relaxed);
        // Nothing of the operation is seen before its number is gone.
        fence(Ordering::Release);
        let text = &entry.text.as_bytes()[..entry.text.len().min(TEXT)];
        let nanos = u64::try_from(entry.at.as_nanos()).unwrap_or(u64::MAX);
        words[1].store(nanos.to_le(), Ordering::Relaxed);
        words[2].store(entry.call.to_le(), Ordering::Relaxed);
        let facts = u64::from(entry.thread) | (text.len() as u64) << 32 | (entry.mark as u64) << 48;
        words[3].store(facts.to_le(), Ordering::Relaxed);
        for (word, bytes) in words[4..].iter().zip(text.chunks(8)) {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_ne_bytes(whole), Ordering::Relaxed);
        }
        words[0].store(number.to_le(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(capacity: usize) -> Vec<AtomicU64> {
        let mut bytes = head(capacity).to_vec();
        bytes.resize(size(capacity), 0);
        bytes
            .chunks(8)
            .map(|word| AtomicU64::new(u64::from_ne_bytes(word.try_into().expect("8"))))
            .collect()
    }

    fn bytes(ring: &[AtomicU64]) -> Vec<u8> {
        ring.iter().flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes()).collect()
    }

    fn entry(text: &str, call: u64, mark: Mark) -> Entry<'_> {
        Entry { at: Duration::from_millis(5), call, thread: 77, mark, text }
    }

    #[test]
    fn the_last_operations_are_read_in_order() {
        let ring = ring(3);
        let writer = Writer::new(&ring).expect("a ring");
        let long = "x".repeat(TEXT + 1);
        for (text, mark) in [
            ("lost", Mark::Note),
            ("read axis", Mark::Begins),
            (&*long, Mark::Failed),
            ("", Mark::Answered),
        ] {
            writer.note(entry(text, 9, mark));
        }
        let read = read(&bytes(&ring)).expect("readable");
        assert_eq!((read.begun, read.torn), (4, 0));
        let told: Vec<String> = read.operations.iter().map(ToString::to_string).collect();
        let failed = format!("call 9 failed: {}", "x".repeat(TEXT));
        assert_eq!(told, ["call 9 begins: read axis", &failed, "call 9 answered"]);
        let first = &read.operations[0];
        assert_eq!((first.number, first.thread, first.at), (2, 77, Duration::from_millis(5)));
    }

    #[test]
    fn what_was_being_written_is_torn_and_the_rest_is_whole() {
        let ring = ring(4);
        let writer = Writer::new(&ring).expect("a ring");
        for text in ["a", "b", "c"] {
            writer.note(entry(text, 0, Mark::Note));
        }
        ring[HEAD_WORDS + WORDS].store(0, Ordering::Relaxed);
        let read = read(&bytes(&ring)).expect("readable");
        let told: Vec<&str> = read.operations.iter().map(|found| &*found.text).collect();
        assert_eq!((told, read.torn), (vec!["a", "c"], 1));
    }

    #[test]
    fn any_damage_is_survived() {
        let ring = ring(2);
        let writer = Writer::new(&ring).expect("a ring");
        for text in ["one", "two"] {
            writer.note(entry(text, 1, Mark::Note));
        }
        let whole = bytes(&ring);
        for at in 0..whole.len() {
            for damage in [0, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = damage;
                if let Ok(read) = read(&damaged) {
                    assert!(read.operations.len() <= 2, "at {at}");
                }
            }
        }
        for end in [0, HEAD - 1, HEAD, whole.len() - 1] {
            assert!(matches!(read(&whole[..end]), Err(Unreadable::Short { .. })), "{end}");
        }
        ring[3].store(u64::MAX - 1, Ordering::Relaxed);
        for _ in 0..4 {
            writer.note(entry("after the number was overwritten", 0, Mark::Note));
        }
        assert!(read(&bytes(&ring)).is_ok());
    }

    #[test]
    fn many_threads_write_at_once() {
        let ring = ring(64);
        let writer = Writer::new(&ring).expect("a ring");
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    for call in 1..=1_000 {
                        let text = format!("{thread} at {call}");
                        writer.note(Entry { thread, ..entry(&text, call, Mark::Note) });
                    }
                });
            }
        });
        let read = read(&bytes(&ring)).expect("readable");
        assert_eq!(read.begun, 4_000);
        // One that was overtaken by a whole round may have been written over by it.
        assert!(read.operations.len() + read.torn as usize == 64, "{read:?}");
    }
}

//! Any datagrams on a notify socket: nothing panics, and what comes of them is bounded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mainstay_keeper::notify::fuzzing::{check, hear};

// A byte that no text holds parts one datagram from the next.
fuzz_target!(|bytes: &[u8]| check(&hear(bytes.split(|byte| *byte == 0xff))));

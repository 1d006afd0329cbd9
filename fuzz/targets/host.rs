//! Any bytes where a parent and its host speak: frames, packets, failures and rings are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mainstay_host::fuzzing::check;
use mainstay_host::ring;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    // A frame whose length is right, and a ring whose head is: else few inputs come as far as being understood.
    let length = u32::try_from(bytes.len().saturating_sub(9)).unwrap_or(u32::MAX).to_le_bytes();
    check(&[&length, bytes].concat());
    let capacity = bytes.len() / ring::OPERATION;
    let read = ring::read(&[&ring::head(capacity), bytes].concat());
    assert_eq!(read.is_ok(), capacity > 0);
});

//! Any bytes where frames of the link are expected: nothing panics, and what is read can be written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mainstay_wire::frame::check_stream;
use mainstay_wire::keeper::Order;

fuzz_target!(|bytes: &[u8]| {
    check_stream::<Order>(bytes);
    // A head whose lengths are right: else few inputs come as far as being understood.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    check_stream::<Order>(&[&length, &[0; 4], bytes].concat());
});

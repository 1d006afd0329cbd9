//! Any bytes where a call of supervisord's interface is expected: nothing panics, and nothing takes long.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mainstay_daemon::supervisord::read;

fuzz_target!(|bytes: &[u8]| {
    drop(read(bytes));
    // Behind a beginning that is right: else few inputs come as far as values.
    let head = b"<methodCall><methodName>a.b</methodName><params><param><value>";
    drop(read(&[&head[..], bytes].concat()));
});

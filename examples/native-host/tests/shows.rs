//! What the example promises to show, it shows.

use std::process::Command;

#[test]
fn the_program_serves_through_all_that_the_library_does() {
    let output = Command::new(env!("CARGO_BIN_EXE_native-host")).output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{complaints}");
    let mut rest = told.as_str();
    for shown in [
        "[run 1 is available]",
        "axis 3 stands at Position(3017)",
        "axis 99: the host `cnc` says: the machine says error -4 (code 1000)",
        "axis 7, where the library reads through a null pointer:",
        "the caller hears: the host `cnc` is gone (run 1): it was ended by signal 11",
        "in call",
        "cnc_read(7)",
        "run 2 serves, with its subscriptions restored: Count(2)",
        "axis 8, where it never returns:",
        "is gone (run 2): it made no progress on pending work",
        "cnc_read(8)",
        "run 3 serves, with its subscriptions restored: Count(2)",
        "axis 10, where it frees what it has freed:",
        "is gone (run 3): it was ended by signal 6",
        "cnc_read(10)",
        "run 4 serves, with its subscriptions restored: Count(2)",
        "axis 9, where it keeps memory:",
        "run 4 was recycled, which is charged to nobody",
        "axis 7 again, the fourth failure in five minutes:",
        "nobody starts it for 1 h, which whoever asks is told at once",
        "an operator has looked at it: run 6 serves",
        "each within 0.5 s: true",
        "ended as asked",
    ] {
        let Some((_, after)) = rest.split_once(shown) else {
            panic!("`{shown}` is not shown, or not in its place:\n{told}");
        };
        rest = after;
    }
}

//! Tests that run again in a process of their own: as another user, with other signals or files.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

/// What makes a test run again, in a process of its own.
const APART: &str = "KEEPER_TEST_APART";

/// Returns whether this is the process of its own that a test has asked for.
pub(crate) fn is_apart(test: &str) -> bool {
    std::env::var_os(APART).is_some_and(|name| name == test)
}

/// Makes this program run one test again, behind the words of another program that becomes it.
pub(crate) fn again(test: &str, before: &[&str]) -> Command {
    // Whoever runs it may not be able to build one.
    let _ = puppet::program();
    let program = std::env::current_exe().expect("this program");
    let mut command = match before {
        [] => Command::new(program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    };
    command.args([test, "--exact", "--include-ignored", "--nocapture"]).env(APART, test);
    command
}

/// Runs a test in a process of its own.
pub(crate) fn apart(test: &str, before: &[&str], body: impl FnOnce()) {
    if is_apart(test) {
        return body();
    }
    passes(test, &again(test, before).output().expect("apart"));
}

/// Runs a test as an ordinary user: as the one that runs it, or as nobody.
pub(crate) fn as_nobody(test: &str, body: impl FnOnce()) {
    if is_apart(test) {
        assert!(!rustix::process::geteuid().is_root());
        return body();
    }
    if !rustix::process::geteuid().is_root() {
        return body();
    }
    let change = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
    let program = std::env::current_exe().expect("this program");
    let reaches = |program: &PathBuf| {
        let mut may = Command::new(change[0]);
        may.args(&change[1..]).args(["test", "-x"]).arg(program).current_dir("/");
        may.status().is_ok_and(|status| status.success())
    };
    if !reaches(&program) || !reaches(&puppet::program()) {
        eprintln!("not tested: an ordinary user does not reach {}", program.display());
        return;
    }
    let mut command = again(test, &change);
    passes(test, &command.current_dir("/").output().expect("apart"));
}

/// Begins a test apart, and goes on here. It can read to the end of its input until it is killed.
pub(crate) fn beside(test: &str, variables: &[(&str, &str)]) -> Child {
    let mut command = again(test, &[]);
    command.envs(variables.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("apart")
}

pub(crate) fn passes(test: &str, output: &Output) {
    let told = String::from_utf8_lossy(&output.stderr);
    eprint!("{told}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{told}");
    assert!(said.contains("1 passed"), "{test} is no test");
}

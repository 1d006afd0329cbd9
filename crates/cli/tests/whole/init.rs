//! One command as the first process of a namespace: tini, dumb-init, catatonit and `mainstay run` go through the same
//! table, and the page about moving in has it.
//!
//! The originals are there where `MAINSTAY_INITS` is set, as in CI; elsewhere those that are missing are left out.

mod case;
mod rows;
mod seats;

pub(crate) use case::NAMES;
use case::{Case, Program, programs};
use rows::ROWS;
use std::fs;

/// Asks every program about one row.
fn row(what: &str) {
    let row = ROWS.iter().find(|row| row.what == what).expect("there is such a row");
    for (program, expected) in programs().into_iter().zip(row.expected) {
        let Some(program) = program else { continue };
        eprintln!("{what}: {}", program.name);
        let seen = (row.see)(&program);
        // What is done by an option is done.
        let is_said =
            ["no", rows::NOT_ALWAYS].contains(&expected) || expected.parse::<u8>().is_ok();
        assert_eq!(seen, if is_said { expected } else { "yes" }, "{what}: {}", program.name);
    }
}

macro_rules! rows {
    ($($name:ident: $what:expr;)*) => {
        $(#[test]
        fn $name() {
            row($what);
        })*

        #[test]
        fn every_row_is_tested() {
            let tested = [$($what),*];
            assert!(ROWS.iter().all(|row| tested.contains(&row.what)));
            assert_eq!(tested.len(), ROWS.len());
        }
    };
}

rows! {
    codes: rows::CODES;
    ends_by_signals: rows::SIGNALLED;
    what_is_not_there: rows::ABSENT;
    what_cannot_be_executed: rows::CLOSED;
    signals: rows::SIGNALS;
    aborts: rows::ABORT;
    real_time_signals: rows::REAL_TIME;
    early_signals: rows::EARLY;
    standing_still: rows::STANDS_STILL;
    standing_still_together: rows::WITH_IT;
    the_group: rows::GROUP;
    rewriting: rows::REWRITE;
    dropping: rows::DROP;
    codes_that_are_0: rows::SUCCESS;
    orphans: rows::ORPHANS;
    descendants_get_time: rows::REST;
    descendants_are_ended: rows::LEFT;
    a_deadline: rows::GRACE;
    the_end_of_the_parent: rows::PARENT;
    bytes: rows::BYTES;
    descriptors: rows::DESCRIPTORS;
    sockets: rows::SOCKETS;
    job_control: rows::JOBS;
    back_to_the_shell: rows::SHELL;
    diagnosis: rows::VERBOSE;
    a_failure: rows::RESTART;
}

/// `BLESS=1` writes the table into the page.
#[test]
fn the_page_has_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/migrate/init.md");
    let page = fs::read_to_string(path).expect("the page");
    let mut table =
        format!("| | {} |\n| --- |{}\n", NAMES.join(" | "), " --- |".repeat(NAMES.len()));
    for row in ROWS {
        table.push_str(&format!("| {} | {} |\n", row.what, row.expected.join(" | ")));
    }
    let (before, rest) = page.split_once("<!-- table -->\n").expect("where it begins");
    let (_, after) = rest.split_once("<!-- end -->").expect("where it ends");
    let made = format!("{before}<!-- table -->\n{table}<!-- end -->{after}");
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, &made).expect("written");
    }
    assert!(page == made || std::env::var_os("BLESS").is_some(), "the table is:\n{table}");
}

/// Every command of the page prints what stands below it.
#[test]
fn the_page_shows_what_comes_out() {
    if case::contained().is_none() {
        return;
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/migrate/init.md");
    let page = fs::read_to_string(path).expect("the page");
    let folder = tempfile::TempDir::new().expect("a folder");
    let own = std::path::Path::new(super::harness::PROGRAM).parent().expect("a folder");
    let search = format!("{}:{}", own.display(), std::env::var("PATH").unwrap_or_default());
    let mut ran = 0;
    for block in page.split("```console\n").skip(1) {
        let (block, _) = block.split_once("```").expect("its end");
        for example in block.split("$ ").skip(1).filter(|example| !example.is_empty()) {
            let (command, expected) = example.split_once('\n').expect("what it prints");
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("exec 2>&1; {command}")])
                .current_dir(folder.path())
                .env("PATH", &search)
                .env("MAINSTAY_STATE", folder.path().join("state"))
                .env("MAINSTAY_RUNTIME", folder.path().join("run"))
                .output()
                .expect("it runs");
            assert_eq!(text(&output.stdout), expected, "{command}");
            ran += 1;
        }
    }
    assert_eq!(ran, 4);
}

/// A brain that does not run has no part in any of this.
#[test]
fn signals_arrive_while_the_brain_stands_still() {
    let program = &programs()[3].clone().expect("ours");
    let mut case = Case::new(
        program,
        &[],
        &["on:USR1=print:usr1", "on:TERM=[print:bye;exit:7]", "print:up", "hang"],
    );
    case.sees("up");
    let brain = case.brain();
    super::harness::halt(brain);
    case.signal(10);
    case.sees("usr1");
    case.signal(15);
    case.sees("bye");
    super::harness::kill(brain);
    assert_eq!(case.ends(), 7);
}

/// Nor is what the command answers to an end that was asked for a failure to the next brain.
#[test]
fn signals_arrive_after_the_brain_has_died() {
    let program = &programs()[3].clone().expect("ours");
    // This one starts again at once what ends so.
    let options = ["--preset", "supervisord"];
    for code in [7, 0] {
        let ends = format!("on:TERM=[print:bye;exit:{code}]");
        let mut case = Case::new(program, &options, &[&ends, "print:up", "hang"]);
        case.sees("up");
        super::harness::kill(case.brain());
        case.signal(15);
        case.sees("bye");
        assert_eq!(case.ends(), code);
    }
}

/// Nothing to write to, no `/proc`, no rights, a user that nobody knows.
#[test]
fn alone_needs_nothing() {
    let Some(program) = programs()[4].clone() else { return };
    let puppet = puppet::program().display().to_string();
    let bare = "umount /proc && mount --make-rprivate / && mount -t tmpfs none /dev/shm && mount -o remount,bind,ro /dev/shm \
                && cd / && exec setpriv --reuid 54321 --regid 54321 --clear-groups --bounding-set -all --inh-caps -all \"$@\"";
    let output = std::process::Command::new("unshare")
        .args([
            "--mount",
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child",
            "sh",
            "-c",
            bare,
            "sh",
        ])
        .args(&program.words)
        .args(["--", &puppet, "daemon:hang", "print:here", "exit:5"])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("here"), "{said}");
}

/// `up` as the first process of a namespace: an essential child ends all of it with its code.
#[test]
fn an_essential_child_ends_the_namespace_with_its_code() {
    for (steps, code) in [("exit:7", 7), ("exit:0", 0), ("signal:TERM", 143)] {
        let folder = tempfile::TempDir::new().expect("a folder");
        let spec = format!(
            "children:\n  side:\n    command: PUPPET hang\n  main:\n    command: PUPPET sleep:0.1 {steps}\n    \
             restart: never\n    criticality: critical\n"
        );
        let spec = spec.replace("PUPPET", &puppet::program().display().to_string());
        fs::write(folder.path().join("mainstay.yaml"), spec).expect("written");
        let Some(mut command) = case::contained() else { return };
        let output = command
            .args([super::harness::PROGRAM, "up", "mainstay.yaml"])
            .current_dir(folder.path())
            .env("MAINSTAY_STATE", folder.path().join("state"))
            .env("MAINSTAY_RUNTIME", folder.path().join("run"))
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{steps}: {said}");
    }
}

/// Where a case leaves its words to others.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Program {
    /// Runs steps to their end. Returns the exit code, and what was printed.
    fn run(&self, options: &[&str], steps: &[&str]) -> (i32, String) {
        let mut case = Case::new(self, options, steps);
        let code = case.ends();
        (code, case.rest())
    }
}

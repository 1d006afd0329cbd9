//! People at the terminals of children: real programs, driven at terminals of our own.

use super::harness::{Daemon, kill, text};
use super::pty::Terminal;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

const CALC: &str = "
children:
  calc:
    command: bc -q
    terminal: true
  plain: {command: PUPPET hang}
";

#[test]
fn somebody_joins_types_and_leaves_and_the_child_goes_on() {
    let mut daemon = Daemon::new(CALC);
    daemon.up();
    let pid = daemon.until_ready("calc")["pid"].clone();
    let mut alice = Terminal::start(&daemon, &["attach", "calc"]);
    alice.sees("-- at calc; nobody else is here; ctrl-] leaves --");
    assert!(!alice.is_as_found(), "each key comes at once");
    alice.types(b"6*7\n");
    alice.sees("42\r\n");
    let mut bob = Terminal::start(&daemon, &["attach", "calc", "--read-only"]);
    let seen = bob.sees("at calc, to look; here too:");
    assert!(!seen.contains("leaves"));
    bob.sees("42\r\n");
    alice.sees("who only looks --");
    bob.types(b"1+1\n");
    alice.types(b"100+1\n");
    let seen = bob.sees("101\r\n");
    assert!(!seen.contains("1+1\r\n2\r\n"), "who only looks types nothing: {seen}");
    bob.types(b"\x1d");
    assert_eq!(bob.ends().code(), Some(0));
    alice.sees("nobody else is here");
    alice.types(b"\x1d");
    alice.sees("-- left calc, which goes on --");
    assert_eq!(alice.ends().code(), Some(0));
    assert!(alice.is_as_found() && bob.is_as_found());
    assert_eq!(daemon.until_ready("calc")["pid"], pid);

    let notes = daemon.says(&["consoles", "calc"]);
    assert!(notes.contains("typed `6*7`") && notes.contains("typed `100+1`"), "{notes}");
    assert!(notes.contains("joined to look") && !notes.contains("typed `1+1`"), "{notes}");
}

#[test]
fn who_cannot_join_hears_why() {
    let mut daemon = Daemon::new(CALC);
    daemon.up();
    daemon.until_ready("plain");
    let table: [(&[&str], i32, &str); 4] = [
        (
            &["attach", "plain"],
            1,
            "plain has no terminal: `terminal: true` in its spec gives it one",
        ),
        (&["attach", "clac"], 4, "did you mean `calc`?"),
        (&["attach", "calc", "--detach-keys", "ctrl-1"], 2, "`ctrl-1` is no key"),
        (&["attach", "calc", "--json"], 2, "there is no JSON of it"),
    ];
    for (arguments, code, says) in table {
        let output = daemon.run(arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(says), "{arguments:?}: {told}");
    }
}

#[test]
fn without_a_terminal_it_types_what_it_reads() {
    let mut daemon = Daemon::new(CALC);
    daemon.up();
    daemon.until_ready("calc");
    let mut attach = daemon
        .command(&["attach", "calc"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // More than may be on its way at once.
    let mut sums = String::new();
    for number in 0..20_000 {
        sums.push_str(&format!("{number}+1\n"));
    }
    sums.push_str("1000000*3\n");
    let mut stdin = attach.stdin.take().expect("piped");
    let typing = std::thread::spawn(move || stdin.write_all(sums.as_bytes()));
    let output = attach.wait_with_output().expect("it ends");
    typing.join().expect("no panic").expect("all of it is taken");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(!err.contains("refused") && !err.contains("missing"), "{err}");
    // Its line editor says more than the answers.
    assert!(out.contains("3000000\r\n"), "{}", &out[out.len().saturating_sub(500)..]);
    assert!(out.contains("20000\r\n"), "the last of them");
}

#[test]
fn a_script_learns_that_what_it_typed_was_refused() {
    let mut daemon = Daemon::new(CALC);
    daemon.up();
    daemon.until_ready("calc");
    daemon.says(&["stop", "calc"]);
    let mut attach = daemon
        .command(&["attach", "calc"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    attach.stdin.take().expect("piped").write_all(b"6*7\n").expect("typed");
    let output = attach.wait_with_output().expect("it ends");
    let err = text(&output.stderr);
    assert!(err.contains("4 typed bytes were refused"), "{err}");
    assert!(err.contains("left calc: 4 bytes of the input may be missing"), "{err}");
    assert_eq!(output.status.code(), Some(1), "{err}");
}

#[test]
fn five_people_are_at_an_interpreter_and_one_of_them_never_looks() {
    let mut daemon = Daemon::new(
        "
children:
  python:
    command: python3 -q -i
    environment: {PYTHON_BASIC_REPL: '1'}
    terminal: true
",
    );
    daemon.up();
    daemon.until_ready("python");
    let mut people: Vec<_> =
        (0..4).map(|_| Terminal::start(&daemon, &["attach", "python"])).collect();
    let stalled = Terminal::start_unread(&daemon, &["attach", "python"]);
    for person in &mut people {
        person.sees(" --");
    }
    people[0].types(b"import sys; big = 'z' * 100000\n");
    // Far more than anything in between has room for.
    for round in 0..8 {
        let line = format!("print(big); print({round} + 1000)\n");
        people[round % 4].types(line.as_bytes());
        for person in &mut people {
            let seen = person.sees(&format!("{}\r\n", round + 1000));
            assert_eq!(seen.matches('z').count() - seen.matches("'z'").count(), 100_000);
            assert!(!seen.contains("missing here"), "nothing is lost for who reads");
        }
    }
    drop(stalled);
    assert_eq!(daemon.child("python")["standing"], "ready");
}

#[test]
fn a_paste_into_a_program_that_does_not_read_is_told_and_holds_up_nobody() {
    let mut daemon = Daemon::new(
        "
children:
  deaf:
    command: sh -c 'stty raw -echo; echo deaf; exec sleep 1000'
    terminal: true
  web: {command: PUPPET hang}
",
    );
    daemon.up();
    daemon.until_ready("deaf");
    let mut typist = Terminal::start(&daemon, &["attach", "deaf"]);
    typist.sees("leaves --");
    typist.sees("deaf");
    typist.types(&vec![b'x'; 1 << 20]);
    typist.sees("-- deaf does not read: ");
    daemon.says(&["restart", "web"]);
    daemon.until_ready("web");
    assert_eq!(daemon.child("deaf")["standing"], "ready");
    // The keys that leave are heard all the same.
    typist.types(b"\x1d");
    typist.sees("-- left deaf, which goes on --");
    assert_eq!(typist.ends().code(), Some(0));
}

#[test]
fn what_is_printed_just_before_an_abort_is_seen_to_the_last_byte() {
    const RUNS: usize = 50;
    let mut daemon = Daemon::new(
        "
children:
  aborts:
    command:
      - python3
      - -c
      - |
        import os, sys
        print('ready', flush=True)
        sys.stdin.readline()
        sys.stdout.write('z' * 20000 + 'END')
        sys.stdout.flush()
        os.abort()
    terminal: true
    restart: always
    backoff: none
    budget: none
    rlimits: {core: 0}
",
    );
    daemon.up();
    let mut attach = daemon
        .command(&["attach", "aborts", "--quiet"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("it starts");
    let mut stdin = attach.stdin.take().expect("piped");
    let mut out = BufReader::new(attach.stdout.take().expect("piped"));
    for run in 0..RUNS {
        let mut line = String::new();
        while !line.ends_with("ready\r\n") {
            line.clear();
            assert!(out.read_line(&mut line).expect("it is read") > 0, "run {run}");
        }
        stdin.write_all(b"\n").expect("it is taken");
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"END") {
            out.read_until(b'D', &mut bytes).expect("it is read");
        }
        let count = bytes.iter().filter(|byte| **byte == b'z').count();
        assert_eq!(count, 20_000, "run {run}");
    }
    drop(stdin);
    let mut rest = Vec::new();
    out.read_to_end(&mut rest).expect("it is read");
    assert_eq!(attach.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_console_goes_on_over_the_death_of_the_brain_and_of_the_keeper() {
    let mut daemon = Daemon::new(
        "
children:
  size:
    command: sh -c 'while read line; do stty size; echo \"<$line>\"; done'
    terminal: true
",
    );
    daemon.up();
    daemon.until_ready("size");
    let mut alice = Terminal::start(&daemon, &["attach", "size"]);
    alice.sees("leaves --");
    alice.types(b"one\n");
    alice.sees("30 100\r\n<one>\r\n");
    alice.becomes(40, 120);
    daemon.until("the size of the window has come through", || {
        alice.types(b"size\n");
        alice.sees("<size>\r\n").contains("40 120\r\n")
    });

    kill(daemon.brain());
    alice.sees("-- the connection has broken: joining again --");
    alice.sees("-- at size; nobody else is here; ctrl-] leaves --");
    alice.types(b"two\n");
    alice.sees("40 120\r\n<two>\r\n");

    kill(daemon.keeper());
    alice.sees("-- another keeper has taken over");
    alice.types(b"three\n");
    alice.sees("40 120\r\n<three>\r\n");

    let client = alice.pid();
    let client = rustix::process::Pid::from_raw(client.cast_signed()).expect("a pid");
    rustix::process::kill_process(client, rustix::process::Signal::TERM).expect("it lives");
    assert_eq!(alice.ends().code(), Some(0));
    assert!(alice.is_as_found(), "a signal leaves the terminal as it was found too");

    let mut bob = Terminal::start(&daemon, &["attach", "size"]);
    bob.sees("leaves --");
    daemon.says(&["down"]);
    bob.sees("-- the console of size has ended: the tree has ended --");
    assert_eq!(bob.ends().code(), Some(1));
    assert!(bob.is_as_found());
}

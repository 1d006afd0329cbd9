//! Each step does what the help says.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

fn puppet(steps: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_puppet"));
    command.args(steps).stdin(Stdio::null());
    command
}

fn run(steps: &[&str]) -> Output {
    puppet(steps).output().expect("a puppet runs")
}

/// Returns what the steps print, having ended with 0.
fn printed(steps: &[&str]) -> String {
    let output = run(steps);
    assert!(output.status.success(), "{steps:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// A puppet that goes with the test, however the test ends.
struct Started(Child);

impl Started {
    fn wait(&mut self) -> ExitStatus {
        self.0.wait().expect("it ends")
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("it lives");
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a puppet whose standard output is read line by line.
fn start(steps: &[&str]) -> (Started, BufReader<ChildStdout>) {
    let mut child = puppet(steps).stdout(Stdio::piped()).spawn().expect("a puppet runs");
    let lines = BufReader::new(child.stdout.take().expect("it is piped"));
    (Started(child), lines)
}

fn line(lines: &mut impl BufRead) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).expect("a pipe reads");
    line.trim_end().to_owned()
}

#[test]
fn it_prints() {
    assert_eq!(printed(&["print:a:b", "no-newline:c"]), "a:b\nc");
    assert_eq!(printed(&["print:\\ta\\nb\\\\"]), "\ta\nb\\\n");
    assert_eq!(run(&["bytes:00ff0a"]).stdout, b"\x00\xff\n");
    let output = run(&["eprint:wrong", "print:right"]);
    assert_eq!((&*output.stdout, &*output.stderr), (&b"right\n"[..], &b"wrong\n"[..]));
    assert_eq!(printed(&["repeat:3:[no-newline:a;no-newline:b]"]), "ababab");
    assert!(printed(&["help"]).contains("flood:BYTES"));
    assert_eq!(printed(&["[print:a;print:b]", "print:c"]), "a\nb\nc\n");
}

#[test]
fn a_flood_is_what_the_library_says() {
    for (step, line_length) in
        [("flood:100000", 80), ("flood:70001:33:1000", 33), ("flood:999:0", 0)]
    {
        let mut wanted = Vec::new();
        let bytes: u64 = step.split(':').nth(1).and_then(|n| n.parse().ok()).expect("a number");
        let mut flood = puppet::Flood::new(4, bytes, line_length);
        flood.read_to_end(&mut wanted).expect("a flood reads");
        assert_eq!(run(&["seed:4", step]).stdout, wanted, "{step}");
        assert_eq!(run(&["seed:4", &format!("e{step}")]).stderr, wanted, "{step}");
    }
}

#[test]
fn it_ends_as_it_is_told() {
    let codes = [("exit:0", 0), ("exit:3", 3), ("exit:255", 255), ("jump", 64), ("read-fd:99", 70)];
    for (step, code) in codes {
        assert_eq!(run(&[step]).status.code(), Some(code), "{step}");
    }
    let signals = [
        ("abort", 6),
        ("core", 6),
        ("signal:TERM", 15),
        ("signal:KILL", 9),
        ("signal:SEGV", 11),
        ("signal:PIPE", 13),
        ("signal:RTMIN+3", 37),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    for (step, signal) in signals {
        let output = puppet(&["print:before", step, "print:after"]).current_dir(&folder).output();
        let output = output.expect("a puppet runs");
        assert_eq!(output.status.signal(), Some(signal), "{step}");
        assert_eq!(output.stdout, b"before\n", "{step}");
    }
}

#[test]
fn what_is_not_understood_keeps_everything_from_being_done() {
    let output = run(&["print:a", "fork:[print:b;jump]"]);
    assert_eq!((output.status.code(), &*output.stdout), (Some(64), &b""[..]));
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(
        why.starts_with("puppet: `fork:[print:b;jump]`: `jump`: there is no such step"),
        "{why}"
    );
}

#[test]
fn signals_are_taken() {
    let (mut child, mut lines) = start(&["ignore:TERM", "on:INT=exit:3", "print:up", "hang"]);
    assert_eq!(line(&mut lines), "up");
    child.signal(Signal::TERM);
    child.signal(Signal::INT);
    assert_eq!(child.wait().code(), Some(3));

    let (mut child, mut lines) = start(&["on:USR1=print:told", "signals", "hang"]);
    let seen: Vec<String> = (0..3).map(|_| line(&mut lines)).collect();
    // The C library has some of the numbers from 32 on to itself, by a parent's hand or its own.
    assert_eq!(seen[0], "blocked=");
    // Whoever started the tests may have had them ignore more.
    let ignored = seen[1].strip_prefix("ignored=").expect("a list");
    assert!(ignored.split(',').any(|name| name == "PIPE"), "{seen:?}");
    assert!(seen[2].starts_with("caught=BUS,USR1,SEGV"), "{seen:?}");
    for _ in 0..3 {
        child.signal(Signal::USR1);
        assert_eq!(line(&mut lines), "told");
    }
    child.signal(Signal::TERM);
    assert_eq!(child.wait().signal(), Some(15));
}

#[test]
fn a_child_is_its_own_process_with_the_same_files() {
    let output = printed(&["fork:print:{ppid}", "wait", "print:{pid}"]);
    let (parent, own) = output.trim().split_once('\n').expect("two lines");
    assert_eq!(parent, own);
    let output = printed(&["fork:exit:0", "wait", "print:{child} {pid}"]);
    let (child, own) = output.trim().split_once(' ').expect("two numbers");
    assert_ne!(child, own);
    assert_eq!(printed(&["fork-quiet:print:lost", "wait"]), "");
    assert_eq!(printed(&["exec:[print:a;exec:print:b]", "print:c"]), "a\nb\n");
    assert_eq!(printed(&["thread:[no-newline:a;fork:no-newline:b;wait;exit:0]", "hang"]), "ab");
}

#[test]
fn a_daemon_leaves_its_parent_and_its_session() {
    let folder = tempfile::tempdir().expect("a folder");
    let fifo = folder.path().join("up");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .expect("a fifo");
    let steps = format!("daemon-quiet:[ids;fifo:{};hang]", fifo.display());
    let pid = printed(&[&steps]);
    let mut up = BufReader::new(fs::File::open(&fifo).expect("the fifo opens"));
    assert_eq!(line(&mut up), pid.trim());
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).expect("it lives");
    let session = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(3));
    assert_ne!(session, Some(pid.trim()));
    let raw = pid.trim().parse().ok().and_then(Pid::from_raw).expect("a pid");
    kill_process(raw, Signal::KILL).expect("it lives");
    // The fifo was held open until the end.
    assert_eq!(line(&mut up), "");
}

#[test]
fn a_daemon_holds_the_pipes_unless_it_is_quiet() {
    let (mut child, mut lines) = start(&["daemon:[await-fifo:/dev/null;print:late;exit:0]"]);
    let pid = line(&mut lines);
    assert!(pid.parse::<u32>().is_ok() || pid == "late", "{pid}");
    assert!(child.wait().success());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("a pipe reads");
    assert!(format!("{pid}\n{rest}").contains("late\n"));
}

#[test]
fn a_fork_bomb_has_the_size_it_was_told() {
    let (mut child, mut lines) = start(&["fork-bomb:5", "print:done", "hang"]);
    assert_eq!(line(&mut lines), "done");
    let path = format!("/proc/{0}/task/{0}/children", child.0.id());
    let children = fs::read_to_string(path).expect("the kernel lists children");
    let children: Vec<i32> = children.split_whitespace().flat_map(str::parse).collect();
    assert_eq!(children.len(), 5);
    for pid in children.into_iter().chain([child.0.id() as i32]) {
        let pid = Pid::from_raw(pid).expect("a pid");
        kill_process(pid, Signal::KILL).expect("it lives");
    }
    child.wait();
    // Nobody holds the pipe any more.
    assert_eq!(line(&mut lines), "");
}

#[test]
fn files_are_written_and_locked() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let file = path("file");
    run(&[&format!("touch:{file}")]);
    assert_eq!(fs::read(&file).expect("it is there"), b"");
    run(&[&format!("write:{file}:a\\n"), &format!("append:{file}:{{pid}}")]);
    let text = fs::read_to_string(&file).expect("it is there");
    assert!(text.strip_prefix("a\n").is_some_and(|pid| pid.parse::<u32>().is_ok()), "{text}");
    let lock = format!("lock:{}", path("lock"));
    let (first, mut lines) = start(&[&lock, "print:locked", "hang"]);
    assert_eq!(line(&mut lines), "locked");
    assert_eq!(run(&[&lock]).status.code(), Some(70));
    drop(first);
    assert_eq!(run(&[&lock]).status.code(), Some(0));
}

#[test]
fn standard_input_is_waited_for_and_echoed() {
    let mut child = puppet(&["wait-stdin", "print:go", "stdin-echo", "exit:9"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a puppet runs");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(b"first\nsecond").expect("it reads");
    assert_eq!(line(&mut lines), "go");
    drop(stdin);
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("a pipe reads");
    assert_eq!(rest, "second");
    assert_eq!(child.wait().expect("it ends").code(), Some(9));
    assert_eq!(run(&["wait-stdin"]).status.code(), Some(70));
}

#[test]
fn it_tells_what_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().canonicalize().expect("it is there");
    let output = puppet(&["env:A", "env:B", "pwd", "args", "tty"])
        .env("A", "1 2")
        .env_remove("B")
        .current_dir(&place)
        .output()
        .expect("a puppet runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let program = env!("CARGO_BIN_EXE_puppet");
    let words = format!("{program}\nenv:A\nenv:B\npwd\nargs\ntty\n");
    let place = place.display();
    assert!(text.starts_with(&format!("A=1 2\nB is not set\n{place}\n{words}stdin")), "{text}");
    let output = puppet(&["env"]).env_clear().env("B", "2").env("A", "1").output();
    assert_eq!(output.expect("a puppet runs").stdout, b"A=1\nB=2\n");

    let ids = printed(&["ids"]);
    let names: Vec<&str> = ids.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    let wanted = ["uid", "gid", "groups", "umask", "nice", "pid", "ppid", "pgid", "sid"];
    assert_eq!(names, wanted);
    assert!(ids.contains(&format!("ppid={}\n", std::process::id())));
    let ids = printed(&["fork:[setsid;ids]", "wait"]);
    let value = |name: &str| ids.lines().find_map(|line| line.strip_prefix(name));
    assert_eq!(value("pid="), value("sid="));
    let ids = printed(&["setpgid", "ids"]);
    let value = |name: &str| ids.lines().find_map(|line| line.strip_prefix(name));
    assert_eq!(value("pid="), value("pgid="));

    let fds = printed(&["fds"]);
    assert!(fds.starts_with("0 /dev/null\n1 pipe:["), "{fds}");
    assert!(printed(&["proc:limits"]).contains("Max open files"));
    let work = ["leak:1000000", "cpu:0.001", "sleep:0.001", "quiet", "print:lost"];
    assert_eq!(printed(&work), "");
}

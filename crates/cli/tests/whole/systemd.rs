//! Under systemd, or whoever speaks like it: what is told of the course of its life, sockets that are passed, units.

use super::harness::{Daemon, PROGRAM, halt, kill, text};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who supervises it in a test: hears what is told.
struct Above {
    socket: UnixDatagram,
    path: String,
}

impl Above {
    fn of(daemon: &Daemon) -> Self {
        let path = daemon.path("notify");
        let socket = UnixDatagram::bind(&path).expect("bound");
        Self { socket, path: path.display().to_string() }
    }

    /// Brings it up as `Type=notify-reload` with this `WatchdogSec`.
    fn up(&self, daemon: &mut Daemon, watchdog: Duration) {
        let watchdog = watchdog.as_micros().to_string();
        daemon.up_with(&[("NOTIFY_SOCKET", &self.path), ("WATCHDOG_USEC", &watchdog)]);
    }

    /// Returns the next message that comes within this time.
    fn next(&self, within: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(within)).expect("set");
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(text(&buffer[..length]))
    }

    /// Waits for a message that holds all of this.
    fn hears(&self, wanted: &[&str]) -> String {
        let until = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            let left =
                until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let message = self.next(left).unwrap_or_else(|| panic!("no {wanted:?} in {seen:#?}"));
            if wanted.iter().all(|part| message.contains(part)) {
                return message;
            }
            seen.push(message);
        }
    }

    /// Forgets what it was told so far.
    fn forget(&self) {
        while self.next(Duration::from_millis(1)).is_some() {}
    }
}

fn value<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {name} in {message}"))
}

fn number(message: &str, name: &str) -> u64 {
    value(message, name).parse().expect("a number")
}

#[test]
fn the_course_of_its_life_is_told() {
    let mut daemon = Daemon::new("drain_timeout: 200s\nchildren:\n  web: PUPPET hang\n");
    let above = Above::of(&daemon);
    above.up(&mut daemon, Duration::from_secs(20));
    let keeper = daemon.keeper();
    // While the journal is read it asks for time, without being ready.
    above.hears(&["EXTEND_TIMEOUT_USEC="]);
    let ready = above.hears(&["READY=1"]);
    assert_eq!(number(&ready, "MAINPID"), u64::from(keeper));
    above.hears(&["STATUS=1 of 1 child ready"]);
    above.hears(&["WATCHDOG=1"]);

    // `systemctl reload` of a unit of `Type=notify-reload`.
    daemon.declare("drain_timeout: 200s\nchildren:\n  web: PUPPET hang\n  db: PUPPET hang\n");
    let asked = monotonic();
    hang_up(keeper);
    let begun = above.hears(&["RELOADING=1"]);
    assert!(number(&begun, "MONOTONIC_USEC") >= asked, "{begun}");
    let done = above.hears(&["READY=1"]);
    assert!(
        value(&done, "STATUS").contains("2 children changed") || done.contains("1 child"),
        "{done}"
    );
    above.hears(&["STATUS=2 of 2 children ready"]);

    // A file that is wrong: the reload ends, and says so.
    daemon.declare("children:\n  web:\n    comand: x\n");
    hang_up(keeper);
    above.hears(&["RELOADING=1"]);
    assert!(value(&above.hears(&["READY=1"]), "STATUS").contains("the spec file is wrong"));

    // What an operator applies is a reload too.
    daemon.declare("drain_timeout: 200s\nchildren:\n  web: PUPPET hang\n");
    daemon.says(&["apply", "--yes"]);
    above.hears(&["RELOADING=1", "MONOTONIC_USEC="]);
    above.hears(&["READY=1"]);
    above.hears(&["STATUS=1 of 1 child ready"]);

    daemon.says(&["stop", "web", "--why", "for a test"]);
    above.hears(&["STATUS=0 of 0 children ready"]);
    daemon.says(&["start", "web", "--why", "for a test"]);

    daemon.says(&["down"]);
    let stopping = above.hears(&["STOPPING=1"]);
    let more = number(&stopping, "EXTEND_TIMEOUT_USEC");
    assert!((200_000_000..=230_000_000).contains(&more), "{stopping}");
    assert_eq!(number(&above.hears(&["EXIT_STATUS="]), "EXIT_STATUS"), 0);
    assert_eq!(daemon.ends().code(), Some(0));
}

#[test]
fn a_start_that_cannot_be_is_told_with_its_error() {
    let daemon = Daemon::new("children: {}\n");
    let above = Above::of(&daemon);
    // The journal cannot be where a file is.
    fs::write(daemon.path("state"), "in the way").expect("written");
    fs::create_dir_all(daemon.path("run")).expect("made");
    let spec = daemon.path("mainstay.yaml").display().to_string();
    let (state, socket) = (daemon.path("state"), daemon.path("run/api.sock"));
    let output = daemon
        .command(&["keeper", "--tree", "a", "--file", &spec, "--state"])
        .arg(state)
        .arg("--answers-at")
        .arg(socket)
        .env("NOTIFY_SOCKET", &above.path)
        .output()
        .expect("it runs");
    assert!(!output.status.success());
    let told = above.hears(&["STATUS=it cannot begin: "]);
    assert_eq!(number(&told, "ERRNO"), 20, "ENOTDIR: {told}");
}

#[test]
fn a_brain_that_hangs_is_replaced_before_those_above_end_all_of_it() {
    let mut daemon = Daemon::new("watchdog: 3s\nchildren:\n  web: PUPPET hang\n");
    let above = Above::of(&daemon);
    // Shorter than what the keeper needs to notice that its brain hangs.
    let watchdog = Duration::from_secs(2);
    above.up(&mut daemon, watchdog);
    daemon.until_ready("web");
    let (brain, web) = (daemon.brain(), daemon.pid("web"));
    above.forget();
    halt(brain);
    let mut fed = 0;
    // The next brain says that it is ready.
    loop {
        let message = above.next(PATIENCE).expect("it is spoken for");
        fed += u32::from(message.contains("WATCHDOG=1"));
        if message.contains("READY=1") {
            break;
        }
    }
    assert!(fed >= 3, "{fed} signs in more than three seconds");
    assert_ne!(daemon.brain(), brain);
    assert_eq!(daemon.pid("web"), web, "nobody has ended it");
    above.hears(&["WATCHDOG=1"]);
}

#[test]
fn a_brain_that_hangs_and_that_nobody_replaces_is_not_spoken_for() {
    let mut daemon = Daemon::new("watchdog: never\nchildren:\n  web: PUPPET hang\n");
    let above = Above::of(&daemon);
    above.up(&mut daemon, Duration::from_millis(200));
    daemon.until_ready("web");
    let brain = daemon.brain();
    above.hears(&["WATCHDOG=1"]);
    halt(brain);
    above.forget();
    // What was under way when it was stopped may still come.
    let late = above.next(Duration::from_secs(3)).into_iter();
    let late = late.chain(above.next(Duration::from_secs(3)));
    assert!(late.count() < 2, "somebody speaks for it");
    // One that has died is replaced, by the keeper alone.
    kill(brain);
    above.hears(&["WATCHDOG=1"]);
    above.hears(&["READY=1"]);
}

/// Python puts descriptors where systemd puts them, and becomes the program.
const PASS: &str = r#"
import os, socket, sys
names, place = sys.argv[1].split(":"), sys.argv[2]
made = []
for name in names:
    if name == "observe":
        one = socket.create_server(("127.0.0.1", 0))
        with open(place + ".port", "w") as file:
            file.write(str(one.getsockname()[1]))
    else:
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        one.bind(place if not made else place + "-next")
        one.listen()
    made.append(os.dup(one.fileno()))
high = [os.dup2(fd, 50 + index, inheritable=False) for index, fd in enumerate(made)]
for index, fd in enumerate(high):
    os.dup2(fd, 3 + index, inheritable=True)
os.environ.update(LISTEN_FDS=str(len(names)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=":".join(names))
os.execv(sys.argv[3], sys.argv[3:])
"#;

/// Returns a command that becomes the program with sockets of these names, the first of them at the usual place.
fn passing(daemon: &Daemon, names: &str) -> Command {
    fs::create_dir_all(daemon.path("run")).expect("made");
    let place = daemon.path("run/api.sock").display().to_string();
    let mut command = daemon.command(&[]);
    let inner = ["-c", PASS, names, &place, PROGRAM, "up"];
    let mut python = Command::new("python3");
    python.args(inner).current_dir(daemon.path(""));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => python.env(name, value),
            None => python.env_remove(name),
        };
    }
    command.env_clear();
    python
}

/// Waits until another brain or keeper is there than before.
fn until_another(daemon: &Daemon, which: &str, before: u32) {
    daemon.until("another one answers", || {
        let status = daemon.ask(&["status"]);
        status.is_ok_and(|status| status[which].is_u64() && status[which] != before)
    });
}

#[test]
fn a_socket_that_was_passed_is_served_by_every_brain() {
    let mut daemon = Daemon::new("children:\n  web: PUPPET env LISTEN_FDS MAINSTAY_SOCKETS hang\n");
    let command = passing(&daemon, "api:observe");
    daemon.up_by(command);
    let place = daemon.path("run/api.sock");
    let file = || fs::metadata(&place).expect("it is there").ino();
    let before = file();
    let port = fs::read_to_string(daemon.path("run/api.sock.port")).expect("written");
    let is_served = || {
        let address = format!("127.0.0.1:{port}");
        let Ok(mut stream) = std::net::TcpStream::connect(address) else { return false };
        let asked = stream
            .write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains(" 200 ")
    };
    daemon.until("numbers are served", is_served);

    let brain = daemon.brain();
    kill(brain);
    until_another(&daemon, "brain_pid", brain);
    assert_eq!(file(), before, "the same socket");
    daemon.until("numbers are served again", is_served);

    let (brain, keeper) = (daemon.brain(), daemon.keeper());
    daemon.says(&["upgrade"]);
    until_another(&daemon, "brain_pid", brain);
    assert_eq!((file(), daemon.keeper()), (before, keeper));
    daemon.until("numbers are served still", is_served);

    // The keeper dies: its brain makes another one, and the next brain has them from that.
    kill(keeper);
    until_another(&daemon, "keeper_pid", keeper);
    let brain = daemon.brain();
    kill(brain);
    until_another(&daemon, "brain_pid", brain);
    assert_eq!(file(), before);
    daemon.until("numbers are served as before", is_served);

    daemon.says(&["down"]);
    daemon.until("nobody answers", || daemon.ask(&["status"]).is_err());
    assert_eq!(file(), before, "whoever opened it removes it");
    let _ = daemon.ends();
}

#[test]
fn a_socket_that_nobody_knows_is_refused_by_its_name() {
    for (names, expected) in [
        (
            "web",
            "a socket named `web` was passed to this program, which knows `api` and `observe` alone",
        ),
        ("api:api", "two of the sockets that were passed to this program are `api`"),
    ] {
        let daemon = Daemon::new("children: {}\n");
        let output = passing(&daemon, names).output().expect("it runs");
        assert!(!output.status.success());
        let said = text(&output.stderr);
        assert!(said.contains(expected) && said.contains("hint: "), "{said}");
    }
}

/// Returns a command of systemd; in CI it is there.
fn systemd(program: &str) -> Option<Command> {
    let is_there = Command::new(program).arg("--version").output().is_ok();
    assert!(
        is_there || std::env::var_os("MAINSTAY_SYSTEMD").is_none(),
        "MAINSTAY_SYSTEMD says that there is a systemd, and {program} is not there"
    );
    if !is_there {
        eprintln!("skipped: there is no {program} on this machine");
    }
    is_there.then(|| Command::new(program))
}

#[test]
fn systemd_itself_opens_the_socket_and_the_first_question_brings_the_tree_up() {
    let mut daemon = Daemon::new("children:\n  web: PUPPET hang\n");
    let Some(mut activate) = systemd("systemd-socket-activate") else { return };
    fs::create_dir_all(daemon.path("run")).expect("made");
    let place = daemon.path("run/api.sock");
    activate.arg("--fdname=api").arg("-l").arg(&place).current_dir(daemon.path(""));
    for name in ["STATE", "RUNTIME"] {
        let folder = daemon.path(if name == "STATE" { "state" } else { "run" });
        activate.arg(format!("--setenv=MAINSTAY_{name}={}", folder.display()));
    }
    activate.args([PROGRAM, "up"]);
    daemon.begin(activate);
    daemon.until("systemd listens", || place.exists());
    daemon.until("the tree answers", || daemon.ask(&["status"]).is_ok());
    daemon.until_ready("web");
    daemon.says(&["down"]);
    assert_eq!(daemon.ends().code(), Some(0));
}

#[test]
fn a_unit_is_what_systemd_takes() {
    for (name, arguments) in [
        ("own", &["unit"][..]),
        ("with.a-dot", &["unit", "--with-socket"]),
        ("of-a-user", &["unit", "--user", "--with-socket"]),
    ] {
        let daemon = Daemon::new(&format!("name: \"{name}\"\nchildren: {{}}\n"));
        let folder = daemon.path("units");
        fs::create_dir(&folder).expect("made");
        let mut all = arguments.to_vec();
        let out = folder.display().to_string();
        all.extend(["-o", &out]);
        let said = daemon.says(&all);
        assert!(said.contains("daemon-reload"), "{said}");
        // A second time it would replace what is there.
        assert!(!daemon.run(&all).status.success());
        let Some(mut verify) = systemd("systemd-analyze") else { return };
        verify.env("XDG_RUNTIME_DIR", daemon.path(""));
        if arguments.contains(&"--user") {
            verify.arg("--user");
        }
        let units: Vec<_> = fs::read_dir(&folder).expect("it is there").flatten().collect();
        assert_eq!(units.len(), if arguments.contains(&"--with-socket") { 2 } else { 1 });
        let output = verify.arg("verify").args(units.iter().map(|unit| unit.path())).output();
        let output = output.expect("it runs");
        let complaints = text(&output.stderr);
        let ours: Vec<_> = complaints.lines().filter(|line| line.contains(&out)).collect();
        assert!(output.status.success() && ours.is_empty(), "{complaints}");
    }
}

fn hang_up(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).expect("it lives");
}

/// Returns the monotonic clock in microseconds.
fn monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1_000_000 + now.tv_nsec / 1_000).expect("it is above zero")
}

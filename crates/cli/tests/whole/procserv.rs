//! `mainstay procserv` as its users use it: sockets, keys, and texts that tools look for.
//!
//! Where the real procServ is installed, both are driven with the same keys and their texts compared.

use super::harness::{Daemon, PROGRAM, lives, read};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

const KILL: &[u8] = b"\x18";
const RESTART: &[u8] = b"\x12";
const TOGGLE: &[u8] = b"\x14";
const QUIT: &[u8] = b"\x11";

/// A server in a folder of its own, in the foreground.
struct Server {
    folder: TempDir,
    running: Option<Child>,
    /// What it listens at to type, and then to look.
    ports: Vec<u16>,
    pid: u32,
}

impl Server {
    /// Starts one; ports 0 in what is typed are chosen.
    fn new(typed: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        Self::within(
            folder,
            PROGRAM,
            &[&["procserv", "-f", "-q", "-I", "info"][..], typed].concat(),
        )
    }

    fn within(folder: TempDir, program: &str, typed: &[&str]) -> Self {
        let running = Command::new(program)
            .args(typed)
            .current_dir(folder.path())
            .env("MAINSTAY_STATE", folder.path().join("state"))
            .env("MAINSTAY_RUNTIME", folder.path().join("run"))
            .env("NO_COLOR", "1")
            .env_remove("NOTIFY_SOCKET")
            .env_remove("PROCSERV_PID")
            .env_remove("PROCSERV_DEBUG")
            .stdin(Stdio::null())
            .stdout(fs::File::create(folder.path().join("out")).expect("a file"))
            .stderr(fs::File::create(folder.path().join("err")).expect("a file"))
            .spawn()
            .expect("it starts");
        let mut server = Self { folder, running: Some(running), ports: Vec::new(), pid: 0 };
        let info = server.until("it says where it listens", |server| {
            let info = fs::read_to_string(server.path("info")).ok()?;
            // The last line is whole, or the file is not there yet.
            (info.ends_with('\n') && info.lines().count() > 1).then_some(info)
        });
        let port = |line: &str| line.strip_prefix("tcp:")?.rsplit(':').next()?.parse().ok();
        server.ports = info.lines().filter_map(port).collect();
        let pid = info.lines().find_map(|line| line.strip_prefix("pid:")?.parse().ok());
        server.pid = pid.expect("it says which process it is");
        server
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn until<T>(&self, what: &str, mut holds: impl FnMut(&Self) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = holds(self) {
                return found;
            }
            let said = ["err", "out", "log"].map(|name| read(&self.path(name)));
            assert!(Instant::now() < end, "{what}: {said:?}");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    fn connect(&self) -> Line {
        Line::of(TcpStream::connect(("127.0.0.1", self.ports[0])).expect("it listens"))
    }

    /// Waits until the child runs: before that nothing can be typed.
    fn runs(&self) {
        self.until("it runs", |server| server.asks(&["status"]).contains("ready").then_some(()));
    }

    fn ends(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("it runs");
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = running.try_wait().expect("it can be waited for") {
                return status;
            }
            assert!(Instant::now() < end, "it ends");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Asks the daemon of this server.
    fn asks(&self, arguments: &[&str]) -> String {
        let name = fs::read_dir(self.path("run")).expect("a folder").flatten().next();
        let socket = name.expect("a daemon").path().join("api.sock");
        let output = Command::new(PROGRAM)
            .args(["--socket", &socket.display().to_string()])
            .args(arguments)
            .env("NO_COLOR", "1")
            .output()
            .expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        let pid = rustix::process::Pid::from_child(&running);
        // Its children end with it.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let end = Instant::now() + PATIENCE;
        while matches!(running.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        let _ = running.kill();
        let _ = running.wait();
    }
}

/// A connection, and what it was shown and nobody has looked for yet.
struct Line {
    stream: Box<dyn Stream>,
    seen: Vec<u8>,
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Line {
    fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        Self { stream: Box::new(stream), seen: Vec::new() }
    }

    fn of_unix(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        Self { stream: Box::new(stream), seen: Vec::new() }
    }

    fn types(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("it can be typed");
    }

    /// Waits until this is shown, and returns all that came up to it.
    fn until(&mut self, what: &str) -> String {
        self.until_bytes(what.as_bytes())
    }

    fn until_bytes(&mut self, what: &[u8]) -> String {
        self.sees(what).unwrap_or_else(|| {
            let (what, seen) = (String::from_utf8_lossy(what), String::from_utf8_lossy(&self.seen));
            panic!("{what:?} is shown, and not only {seen:?}")
        })
    }

    /// Waits until this is shown; nothing where the connection ends, or it takes too long.
    fn sees(&mut self, what: &[u8]) -> Option<String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let at = self.seen.windows(what.len()).position(|part| part == what);
            if let Some(at) = at {
                let rest = self.seen.split_off(at + what.len());
                let seen = std::mem::replace(&mut self.seen, rest);
                return Some(String::from_utf8_lossy(&seen).into_owned());
            }
            if !self.reads() || Instant::now() >= end {
                return None;
            }
        }
    }

    /// Waits until it has been greeted, in telnet too.
    fn greeted(&mut self) -> String {
        self.until_bytes(b"\xff\xfb\x01\xff\xfd\"")
    }

    /// Waits for the end of the connection, and returns all that came before.
    fn rest(&mut self) -> String {
        let end = Instant::now() + PATIENCE;
        while self.reads() {
            assert!(Instant::now() < end, "the connection ends");
        }
        String::from_utf8_lossy(&std::mem::take(&mut self.seen)).into_owned()
    }

    /// Reads what there is. False: the connection has ended.
    fn reads(&mut self) -> bool {
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(length) => {
                self.seen.extend(&buffer[..length]);
                true
            }
            Err(error) => {
                matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
            }
        }
    }
}

/// What is said when a child begins, up to its end.
const BEGUN: &str = "is: ";
const RULE: &str = "@@@ @@@ @@@ @@@ @@@\r\n";
const MENU: &str = "quits the server\r\n";

#[test]
fn it_says_what_the_original_says() {
    let ours = conversation(PROGRAM, &["procserv", "-f", "-q"]);
    assert!(
        ours.contains("Received a sigChild for process PID. The process was killed by signal 9")
    );
    assert!(ours.contains("@@@ Toggled auto restart mode to OFF"));
    // Continuous integration installs it; elsewhere the texts beside the code are what is checked.
    let is_there = Command::new("procServ").arg("--version").output().is_ok();
    if !is_there {
        return;
    }
    let theirs = conversation("procServ", &["-f", "-q"]);
    let theirs = theirs
        // 2.8 says it so, of three modes where 2.7 had two.
        .replace("auto restart is ON", "auto restart mode is ON")
        .replace("Toggled auto restart to", "Toggled auto restart mode to");
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    assert_eq!(lines(&ours), lines(&theirs));
}

/// Greets, types, toggles, kills and starts; returns what was shown, without what differs from run to run.
fn conversation(program: &str, typed: &[&str]) -> String {
    let folder = TempDir::new().expect("a folder");
    let more = ["-I", "info", "-n", "ioc", "--holdoff", "1", "-w", "-i", "^C^D", "0", "/bin/cat"];
    let server = Server::within(folder, program, &[typed, &more[..]].concat());
    let mut line = server.connect();
    let mut shown = line.until("quits the server\r\n");
    shown += &line.greeted();
    line.types(RESTART);
    shown += &line.until(BEGUN);
    shown += &line.until(RULE);
    // Neither ^C nor ^D reaches it.
    line.types(b"a\x03\x04b\r");
    shown += &line.until("ab\r\nab\r\n");
    line.types(TOGGLE);
    shown += &line.until("to OFF\r\n");
    line.types(KILL);
    shown += &ends(&mut line);
    line.types(KILL);
    shown += &line.until(BEGUN);
    shown += &line.until(RULE);
    plain(&shown, server.folder.path().to_str().expect("a path"))
}

/// Returns what is said at the end of a run, its parts in one order: the original tells them as they come.
fn ends(line: &mut Line) -> String {
    let mut shown = line.until("signal 9\r\n");
    if !shown.contains("quits the server") {
        shown += &line.until(MENU);
    }
    let mut lines: Vec<&str> = shown
        .split_inclusive("\r\n")
        // That there was a kill is told since 2.8.
        .filter(|text| !text.contains("Got a kill command") && *text != "\r\n")
        .collect();
    lines.sort_unstable();
    lines.concat()
}

/// Leaves out what differs from run to run.
fn plain(text: &str, folder: &str) -> String {
    let mut plain = String::new();
    for line in text.replace(folder, "FOLDER").split_inclusive("\r\n") {
        let kept = ["PID: ", "is: ", "started at: ", "Current time: "];
        if let Some(lead) = kept.iter().find_map(|lead| line.split_once(lead).map(|_| *lead)) {
            let before = line.split_once(lead).map_or("", |(before, _)| before);
            plain += &format!("{before}{lead}..\r\n");
        } else if let Some((before, rest)) = line.split_once("for process ") {
            let after = rest.split_once('.').map_or("", |(_, after)| after);
            plain += &format!("{before}for process PID.{after}");
        } else if line.starts_with("@@@ Welcome to procServ (") {
            plain += "@@@ Welcome to procServ (..)\r\n";
        } else {
            plain += line;
        }
    }
    plain
}

#[test]
fn endpoints_are_listed_and_the_child_is_told() {
    let server = Server::new(&[
        "-P",
        "0",
        "-P",
        "unix:here.sock",
        "-l",
        "0",
        "-p",
        "pid",
        "-n",
        "ioc",
        "sh",
        "-c",
        "echo \"info=$PROCSERV_INFO\"; exec cat",
    ]);
    let (typing, looking) = (server.ports[0], server.ports[1]);
    let path = fs::canonicalize(server.folder.path()).expect("a folder").join("here.sock");
    let info = read(&server.path("info"));
    let pid = server.pid;
    let expected = format!(
        "pid:{pid}\ntcp:127.0.0.1:{typing}\nunix:{}\ntcp:127.0.0.1:{looking}\n",
        path.display()
    );
    assert_eq!(info, expected);
    assert_eq!(read(&server.path("pid")), format!("{pid}\n"));
    let mut line = server.connect();
    line.until(&format!(
        "info=PID={pid};CTL=tcp:127.0.0.1:{typing};CTL=unix:{};LOG=tcp:127.0.0.1:{looking}",
        path.display()
    ));
    // Who looks is counted, and cannot type.
    let mut logger = Line::of(TcpStream::connect(("127.0.0.1", looking)).expect("it listens"));
    logger.until("started at");
    logger.types(b"nobody hears this\r");
    logger.types(KILL);
    let mut other = Line::of_unix(UnixStream::connect(&path).expect("it listens"));
    other.until("@@@ 1 user(s) and 1 logger(s) connected (plus you)\r\n");
    other.types(b"all hear this\r");
    let seen = logger.until("all hear this\r\nall hear this\r\n");
    assert!(!seen.contains("nobody") && !seen.contains("kill command"), "{seen}");
    line.until("all hear this");
    // Every key is somebody's, and what was typed is taken down.
    other.types(KILL);
    line.until("killed by signal 9");
    let events = server.asks(&["events", "--json", "-n", "100"]);
    assert!(events.contains("by console:") && events.contains(": kill\""), "{events}");
}

#[test]
fn quitting_ends_all_of_it_with_0_and_leaves_no_file() {
    let mut server = Server::new(&["-p", "pid", "-P", "unix:here.sock", "-P", "0", "-w", "cat"]);
    let mut line = server.connect();
    line.until("is SHUT DOWN");
    line.types(QUIT);
    line.rest();
    assert_eq!(server.ends().code(), Some(0));
    for file in ["pid", "info", "here.sock"] {
        assert!(!server.path(file).exists(), "{file} is gone");
    }
}

#[test]
fn a_one_shot_that_crashes_ends_it_at_once_and_not_with_0() {
    let began = Instant::now();
    let mut server =
        Server::new(&["-o", "-L", "-", "-w", "0", "sh", "-c", "echo bye; kill -SEGV $$"]);
    let mut line = server.connect();
    line.types(RESTART);
    let shown = line.rest();
    assert!(shown.contains("bye\r\n"), "{shown}");
    assert!(shown.contains("killed by signal 11"), "{shown}");
    assert!(shown.contains("shutting down, oneshot mode: server will exit"), "{shown}");
    assert!(!shown.contains("restarted shortly"), "{shown}");
    assert_eq!(server.ends().code(), Some(128 + 11));
    assert!(read(&server.path("out")).contains("bye\r\n"), "it is in the log");
    assert!(began.elapsed() < Duration::from_secs(15), "no holdoff is waited for");
}

#[test]
fn off_within_the_holdoff_cancels_and_on_while_down_starts() {
    let server = Server::new(&["--holdoff", "3600", "0", "sh", "-c", "echo hello; read x; exit 3"]);
    let mut line = server.connect();
    line.until("hello");
    line.types(b"\r");
    line.until("Normal exit status = 3");
    line.until("a new one will be restarted shortly");
    line.types(TOGGLE);
    line.until("mode to OFF");
    assert!(server.asks(&["status"]).contains("paused"), "{}", server.asks(&["status"]));
    // Round to ON: it waits again, and nothing has ended.
    line.types(TOGGLE);
    line.until("mode to ONESHOT");
    line.types(TOGGLE);
    line.until("mode to ON");
    // The start key overrides the holdoff; ^Q does nothing while it runs.
    line.types(RESTART);
    line.until("hello");
    line.types(QUIT);
    line.types(TOGGLE);
    line.until("mode to OFF");
    line.types(b"\r");
    line.until("auto restart is disabled");
}

#[test]
fn a_pause_does_not_hide_that_a_breaker_is_open() {
    let mut daemon = Daemon::new(
        "
children:
  ioc:
    command: sh -c 'test -e good && echo hello && exec cat; exit 3'
    folder: .
    console: unix:ioc.sock
    backoff: none
    budget: {count: failures, most: 2, within: 1h}
    on_exhausted: cooldown
    cooldown: manual
",
    );
    daemon.up();
    daemon.until("its breaker is open", || {
        daemon.child("ioc")["alerts"].to_string().contains("breaker-opened")
    });
    let stream = UnixStream::connect(daemon.path("ioc.sock")).expect("it listens");
    let mut line = Line::of_unix(stream);
    line.until("is not restarted");
    line.types(TOGGLE);
    line.until("mode to OFF");
    fs::write(daemon.path("good"), "").expect("written");
    line.types(RESTART);
    line.until("hello");
    assert_eq!(daemon.child("ioc")["paused"], true);
}

#[test]
fn begun_off_it_runs_once_and_waits_for_a_key() {
    let mut server =
        Server::new(&["--noautorestart", "--holdoff", "0", "0", "sh", "-c", "echo hi"]);
    let mut line = server.connect();
    let shown = line.until("quits the server");
    assert!(shown.contains("auto restart mode is OFF"), "{shown}");
    server
        .until("it has run once", |server| server.asks(&["history"]).contains("#1").then_some(()));
    line.types(KILL);
    line.until("hi\r\n");
    line.until("auto restart is disabled");
    assert!(!server.asks(&["history"]).contains("#3"), "{}", server.asks(&["history"]));
    // ONESHOT while it is down starts it, and its end is that of all.
    line.types(TOGGLE);
    line.until("hi\r\n");
    let shown = line.rest();
    assert!(shown.contains("oneshot mode: server will exit"), "{shown}");
    assert_eq!(server.ends().code(), Some(0));
}

#[test]
fn the_last_words_of_a_child_reach_viewer_and_log() {
    const TIMES: usize = 25;
    let script = "i=0; while [ $i -lt 400 ]; do echo \"line $i ...........................................\"; i=$((i+1)); done; echo the end; kill -ABRT $$";
    let server = Server::new(&[
        "--holdoff",
        "0",
        "--noautorestart",
        "-L",
        "log",
        "-w",
        "0",
        "sh",
        "-c",
        script,
    ]);
    let mut line = server.connect();
    line.until("is SHUT DOWN");
    for time in 0..TIMES {
        line.types(RESTART);
        let shown = line.until("killed by signal 6");
        for number in 0..400 {
            assert!(shown.contains(&format!("line {number} .")), "{time}: {number} of {shown}");
        }
        let (end, over) = (shown.find("the end"), shown.find("Received a sigChild"));
        assert!(end.is_some() && end < over, "{time}: {shown}");
        line.until(MENU);
    }
    let log = server.until("the log has all of it", |server| {
        let log = read(&server.path("log"));
        (log.matches("killed by signal 6").count() == TIMES).then_some(log)
    });
    assert_eq!(log.matches("the end").count(), TIMES);
    assert_eq!(log.matches("line 399 ").count(), TIMES);
}

#[test]
fn viewers_that_stop_reading_hold_nobody_up() {
    let server = Server::new(&[
        "-P",
        "0",
        "sh",
        "-c",
        "while :; do echo ................................................................; done",
    ]);
    let stalled: Vec<TcpStream> = (0..3)
        .map(|_| TcpStream::connect(("127.0.0.1", server.ports[0])).expect("it listens"))
        .collect();
    for mut one in &stalled {
        // Once greeted it counts.
        one.read_exact(&mut [0; 4]).expect("it is greeted");
    }
    let mut line = server.connect();
    line.until("3 user(s)");
    // Far more than is kept for those who do not read.
    let mut read = 0;
    while read < 8 << 20 {
        assert!(line.reads(), "it goes on");
        read += std::mem::take(&mut line.seen).len();
    }
    // The key of one who reads nothing acts all the same.
    let mut one = &stalled[0];
    one.write_all(TOGGLE).and_then(|()| one.write_all(KILL)).expect("typed");
    line.until("mode to OFF");
    line.until("Got a kill command");
    line.until("auto restart is disabled");
}

#[test]
fn a_paste_to_a_deaf_program_is_told_and_keys_still_act() {
    // Raw, so that nothing of the terminal itself takes what is typed.
    let server =
        Server::new(&["-P", "0", "sh", "-c", "stty raw -echo; echo deaf; exec sleep 1000"]);
    let mut line = server.connect();
    line.until("deaf");
    let paste = vec![b'x'; 1 << 20];
    let port = server.ports[0];
    let mut typist = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    typist.write_all(&paste).expect("all of it is taken from the socket");
    let mut typist = Line::of(typist);
    typist.until("bytes that you typed were dropped: the child does not read");
    typist.types(KILL);
    line.until("killed by signal 9");
}

#[test]
fn a_large_paste_to_a_program_that_reads_is_whole() {
    let server = Server::new(&[
        "-P",
        "0",
        "sh",
        "-c",
        "stty raw -echo; echo ready; head -c 1000000 | cksum; exec cat",
    ]);
    let mut line = server.connect();
    line.until("ready");
    let paste: Vec<u8> = (0..1_000_000_u32).map(|number| b'a' + (number % 23) as u8).collect();
    line.types(&paste);
    let sum = Command::new("cksum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut sum = sum.expect("cksum");
    sum.stdin.take().expect("a pipe").write_all(&paste).expect("written");
    let sum = sum.wait_with_output().expect("a sum").stdout;
    line.until(String::from_utf8_lossy(&sum).trim());
}

#[test]
fn a_gentle_signal_is_given_its_time_and_grandchildren_go_too() {
    let script = "trap 'sleep 0.5; echo cleaned up; exit 7' INT; \
                  setsid sh -c 'echo $$ > grandchild; exec sleep 1000' & \
                  while [ ! -s grandchild ]; do sleep 0.05; done; \
                  grep -E '^Sig(Blk|Ign)' /proc/self/status; echo up; while :; do sleep 0.1; done";
    let server = Server::new(&[
        "--killsig",
        "2",
        "-G",
        "30",
        "--noautorestart",
        "-w",
        "0",
        "bash",
        "-c",
        script,
    ]);
    let mut line = server.connect();
    line.types(RESTART);
    let shown = line.until("up\r\n");
    for what in ["SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000"] {
        assert!(shown.contains(what), "{shown}");
    }
    let grandchild = read(&server.path("grandchild")).trim().parse().expect("a pid");
    assert!(lives(grandchild));
    line.types(KILL);
    line.until("cleaned up");
    line.until("Normal exit status = 7");
    assert!(!lives(grandchild), "it is gone before the end is told");
}

#[test]
fn the_log_is_stamped_and_begun_anew_at_a_hangup() {
    let server = Server::new(&["-L", "log", "--logstamp=<%Y> ", "0", "cat"]);
    server.runs();
    let mut line = server.connect();
    line.greeted();
    line.types(b"before\r");
    line.until("before\r\nbefore\r\n");
    server.until("it is in the log", |server| {
        read(&server.path("log")).contains("> before\r\n").then_some(())
    });
    fs::rename(server.path("log"), server.path("log.1")).expect("moved");
    let pid = rustix::process::Pid::from_raw(server.pid.cast_signed()).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).expect("signalled");
    server.until("it is begun anew", |server| server.path("log").exists().then_some(()));
    line.types(b"after\r");
    let log = server.until("it is in the new log", |server| {
        let log = read(&server.path("log"));
        log.contains("> after\r\n").then_some(log)
    });
    assert!(!log.contains("before") && read(&server.path("log.1")).contains("<20"), "{log}");
}

#[test]
fn the_console_comes_back_after_the_brain_has_died() {
    let server = Server::new(&["0", "cat"]);
    server.runs();
    let mut line = server.connect();
    let hello = line.greeted();
    let child = pid_in(&hello);
    let status = server.asks(&["status"]);
    let brain = status.split("brain ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let brain: i32 = brain.and_then(|pid| pid.parse().ok()).expect("a pid");
    let pid = rustix::process::Pid::from_raw(brain).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
    line.rest();
    // One that came while the old one died has been cut off.
    let (mut line, hello) = server.until("it listens again", |server| {
        let stream = TcpStream::connect(("127.0.0.1", server.ports[0])).ok()?;
        let mut line = Line::of(stream);
        let hello = line.sees(b"\xff\xfb\x01\xff\xfd\"")?;
        Some((line, hello))
    });
    assert_eq!(pid_in(&hello), child, "the same run: {hello}");
    line.types(b"still here\r");
    line.until("still here\r\nstill here\r\n");
}

fn pid_in(hello: &str) -> String {
    let pid = hello.split("@@@ Child \"cat\" PID: ").nth(1).and_then(|rest| rest.lines().next());
    pid.unwrap_or_else(|| panic!("{hello}")).to_owned()
}

#[test]
fn five_share_an_interactive_program_and_one_of_them_is_stalled() {
    if Command::new("bc").arg("--version").output().is_err() {
        // Continuous integration installs it.
        return;
    }
    let server = Server::new(&["-P", "unix:calc.sock", "-P", "0", "bc", "-q"]);
    server.runs();
    let connect = || UnixStream::connect(server.path("calc.sock")).expect("it listens");
    let stalled = connect();
    let mut lines: Vec<Line> = (0..4).map(|_| Line::of_unix(connect())).collect();
    lines[3].until("connected (plus you)");
    for round in 0..20_u64 {
        let typist = usize::try_from(round).expect("small") % lines.len();
        lines[typist].types(format!("{round}*1000003\n").as_bytes());
        for line in &mut lines {
            line.until(&format!("{}\r\n", round * 1_000_003));
        }
    }
    drop(stalled);
}

#[test]
fn socat_and_telnet_speak_with_it() {
    let server =
        Server::new(&["0", "sh", "-c", "stty -echo; while read x; do echo \"<$x>\"; done"]);
    let port = server.ports[0].to_string();
    let clients = [
        ("socat", vec!["-t", "30", "-", format!("TCP:127.0.0.1:{port}").leak()]),
        ("telnet", vec!["127.0.0.1", port.leak()]),
    ];
    for (program, arguments) in clients {
        let started = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        // Continuous integration installs them.
        let Ok(mut client) = started else { continue };
        let mut typing = client.stdin.take().expect("a pipe");
        let mut shown = client.stdout.take().expect("a pipe");
        let mut seen = Vec::new();
        let mut until = |what: &str| {
            let mut byte = [0];
            while !String::from_utf8_lossy(&seen).contains(what) {
                let length = shown.read(&mut byte).expect("it shows");
                let said = String::from_utf8_lossy(&seen).into_owned();
                assert!(length > 0, "{program} shows {what:?} after {said:?}");
                seen.extend(byte);
            }
        };
        until("connected (plus you)");
        typing.write_all(format!("by {program}\n").as_bytes()).expect("typed");
        until(&format!("<by {program}>"));
        drop(typing);
        let _ = client.kill();
        let _ = client.wait();
    }
}

#[test]
fn started_behind_it_serves_when_the_command_returns() {
    let folder = TempDir::new().expect("a folder");
    let command = |arguments: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .current_dir(folder.path())
            .env("MAINSTAY_STATE", folder.path().join("state"))
            .env("MAINSTAY_RUNTIME", folder.path().join("run"))
            .env_remove("PROCSERV_DEBUG")
            .stdin(Stdio::null());
        command
    };
    let started = command(&["procserv", "-I", "info", "-p", "pid", "-n", "ioc", "0", "cat"]);
    let started = { started }.output().expect("it runs");
    let said = String::from_utf8_lossy(&started.stderr).into_owned();
    assert!(started.status.success() && said.contains("spawning daemon process: "), "{said}");
    let info = read(&folder.path().join("info"));
    let port: u16 = info.trim().rsplit(':').next().and_then(|port| port.parse().ok()).expect(&info);
    // A second one on the same port is refused, and says why.
    let second = command(&["procserv", &port.to_string(), "cat"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && said.contains("cannot listen on"), "{said}");
    let mut line = Line::of(TcpStream::connect(("127.0.0.1", port)).expect("it listens"));
    line.until("started as: cat");
    line.types(b"\x14\x18");
    line.until("auto restart is disabled");
    line.types(QUIT);
    line.rest();
}

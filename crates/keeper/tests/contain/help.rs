//! Starting runs, and waiting for what they do.

use mainstay_keeper::contain::{Bond, Id, Instance, Ladder, Look, Means, Place, VARIABLE};
use mainstay_wire::keeper::Key;
use mainstay_wire::process::{Contain, Limits};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{getpid, getuid, set_child_subreaper};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

/// What makes a test run again, in a process of its own.
const APART: &str = "CONTAIN_TEST_APART";
/// Longer than anything here takes, in seconds.
const LONG: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

pub(crate) fn key(child: &str) -> Key {
    Key { child: Arc::from(child), run: 1 }
}

/// An instance that no other test has.
pub(crate) fn instance(test: &str) -> Instance {
    Instance::of(&format!("{test} of {}", std::process::id()))
}

/// Means that leave no folder behind.
pub(crate) struct Home(pub(crate) Ladder);

impl Home {
    pub(crate) fn new(test: &str) -> Self {
        Self(Ladder::new(instance(test)))
    }

    /// Makes one that has cgroups; absent: there are none here that are ours.
    pub(crate) fn with_cgroups(test: &str) -> Option<Self> {
        let mut home = Self::new(test);
        if home.0.cgroups().is_none() {
            eprintln!("not tested: no cgroup v2 here that is ours");
            return None;
        }
        Some(home)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(cgroups) = self.0.cgroups() {
            cgroups.remove();
        }
    }
}

/// A run with its main process.
pub(crate) struct Run {
    pub(crate) bond: Bond,
    pub(crate) main: Id,
    pub(crate) child: Child,
    pub(crate) output: BufReader<ChildStdout>,
}

impl Run {
    /// Begins a run of a script, in its cgroup where it has one.
    pub(crate) fn start(ladder: &mut Ladder, name: &str, contain: Contain, script: &str) -> Self {
        let key = key(name);
        let bond = ladder.bond(&key, contain, false, &Limits::default()).expect("bond");
        // It waits until it stands where it belongs.
        let mut child = Command::new("setsid")
            .args(["sh", "-c", &format!("read -r go\n{script}")])
            .env(VARIABLE, ladder.instance().mark(&key))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        if let Some(group) = bond.group() {
            let path = format!("/proc/self/fd/{}/cgroup.procs", group.dir().as_raw_fd());
            fs::write(path, child.id().to_string()).expect("entered");
        }
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let main = Id::of(child.id()).expect("it lives");
        let mut run = Self { bond, main, child, output };
        run.bond.set_main(main);
        run.tell("go");
        run
    }

    pub(crate) fn tell(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("its input");
        writeln!(input, "{line}").expect("told");
    }

    /// Reads a line that is a number.
    pub(crate) fn number(&mut self) -> u32 {
        self.line().parse().expect("a number")
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        line.trim().to_owned()
    }

    /// Waits until nobody has its output open any more.
    pub(crate) fn silence(&mut self) {
        self.output.read_to_end(&mut Vec::new()).expect("its end");
    }

    /// Returns whether nobody has its output open, as soon as it is so.
    pub(crate) fn is_silent_soon(&self) -> bool {
        let mut fds = [PollFd::new(self.output.get_ref(), PollFlags::HUP)];
        let soon = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
        poll(&mut fds, Some(&soon)).expect("poll") == 1
    }

    /// Waits for the main process.
    pub(crate) fn reap(&mut self) {
        self.child.wait().expect("reaped");
    }

    /// Waits until all of the run has ended, as a keeper does.
    pub(crate) fn wait_until_empty(&mut self, place: Place<'_>) {
        loop {
            let look = Look::new(place).expect("look");
            let Some(fd) = self.bond.watch(&look).expect("watch") else { break };
            let group = matches!(self.bond.means(), Means::Group(_));
            await_on(&fd, if group { PollFlags::PRI } else { PollFlags::IN });
        }
        let look = Look::new(place).expect("look");
        assert!(self.bond.is_empty(&look).expect("asked"));
        assert_eq!(self.bond.left(&look).expect("asked"), []);
    }
}

impl Drop for Run {
    /// A test that fails leaves nobody behind.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.bond.kill(Place::Guest);
        }
    }
}

/// Waits for an event.
pub(crate) fn await_on(fd: &impl AsFd, event: PollFlags) {
    let mut fds = [PollFd::new(fd, event)];
    assert_eq!(poll(&mut fds, Some(&LONG)), Ok(1), "nothing happened for very long");
}

/// Asks whether a process that was seen before still lives.
pub(crate) fn lives(pid: u32) -> bool {
    let mut proc = mainstay_keeper::contain::Proc::open().expect("/proc");
    proc.stat(pid).is_some_and(|stat| !stat.is_gone())
}

/// The children of this process that a test has started.
#[derive(Default)]
pub(crate) struct Known(pub(crate) BTreeSet<u32>);

impl Known {
    pub(crate) fn of<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Self {
        Self(runs.into_iter().map(|run| run.main.pid).collect())
    }

    pub(crate) fn has(&self) -> impl Fn(u32) -> bool {
        |pid| self.0.contains(&pid)
    }
}

/// Runs a test in a process of its own, where orphans come to it.
pub(crate) fn reaper(test: &str, body: impl FnOnce()) {
    apart(test, Command::new(std::env::current_exe().expect("this program")), || {
        set_child_subreaper(Some(getpid())).expect("subreaper");
        body();
    });
}

/// The same as an ordinary user, where this one can become one.
pub(crate) fn reaper_as_nobody(test: &str, body: impl FnOnce()) {
    let program = std::env::current_exe().expect("this program");
    let change = |program: &mut Command| {
        program.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
    };
    let mut may = Command::new("setpriv");
    change(&mut may);
    may.args(["test", "-x"]).arg(&program).current_dir("/");
    let command = if getuid().is_root() && may.status().is_ok_and(|status| status.success()) {
        let mut command = Command::new("setpriv");
        change(&mut command);
        command.arg(&program).current_dir("/");
        command
    } else {
        Command::new(program)
    };
    apart(test, command, || {
        set_child_subreaper(Some(getpid())).expect("subreaper");
        body();
    });
}

fn apart(test: &str, mut command: Command, body: impl FnOnce()) {
    if std::env::var_os(APART).is_some_and(|name| name == test) {
        return body();
    }
    command.args([test, "--exact", "--include-ignored", "--nocapture"]).env(APART, test);
    let output = command.output().expect("apart");
    let told = String::from_utf8_lossy(&output.stderr);
    eprint!("{told}");
    assert!(output.status.success(), "{}\n{told}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{test} is no test");
}

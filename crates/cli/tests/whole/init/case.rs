//! One program that runs one command in a namespace of its own.

use super::super::harness::{PROGRAM, kill, lives};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The columns of the table.
pub(crate) const NAMES: [&str; 5] = ["tini", "dumb-init", "catatonit", "`run`", "`run --alone`"];

/// A program that runs a command: `words OPTIONS -- COMMAND`.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) words: Vec<String>,
}

/// Returns all of them in the order of the columns; those that are not installed are absent.
pub(crate) fn programs() -> [Option<Program>; 5] {
    let must = std::env::var_os("MAINSTAY_INITS").is_some();
    let can = contained().is_some();
    let mut index = 0;
    NAMES.map(|name| {
        let words: &[&str] = match index {
            3 => &[PROGRAM, "run", "--restart", "never", "--grace", "60s"],
            4 => &[PROGRAM, "run", "--alone"],
            _ => &[name],
        };
        index += 1;
        let found = index > 3 || Command::new(name).arg("--version").output().is_ok();
        assert!(found || !must, "{name} is not installed");
        let words = words.iter().map(ToString::to_string).collect();
        (found && can).then_some(Program { name, words })
    })
}

/// Returns a command in which the next one becomes the first process of a namespace, where that is possible here.
pub(crate) fn contained() -> Option<Command> {
    let before = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    let made = Command::new("unshare").args(before).arg("true").output();
    let can = made.is_ok_and(|made| made.status.success());
    assert!(can || std::env::var_os("MAINSTAY_INITS").is_none(), "there are no namespaces here");
    can.then(|| {
        let mut command = Command::new("unshare");
        command.args(before);
        command
    })
}

/// How a program is started.
#[derive(Clone, Copy, Default)]
pub(crate) struct Manner<'a> {
    /// Options of the program.
    pub(crate) options: &'a [&'a str],
    /// A script that comes before the program, which is its arguments.
    pub(crate) script: Option<&'a str>,
    /// Whether it is one process among others, as below a shell.
    pub(crate) guest: bool,
    /// Another command than the puppet.
    pub(crate) command: Option<&'a str>,
}

/// A program that runs.
pub(crate) struct Case {
    child: Child,
    guest: bool,
    pub(crate) input: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
    seen: Vec<String>,
    _folder: TempDir,
}

impl Case {
    pub(crate) fn new(program: &Program, options: &[&str], steps: &[&str]) -> Self {
        Self::with(program, Manner { options, ..Manner::default() }, steps)
    }

    pub(crate) fn with(program: &Program, manner: Manner<'_>, steps: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut words: Vec<String> = match manner.script {
            Some(script) => ["sh", "-c", script, "sh"].map(str::to_owned).to_vec(),
            None => Vec::new(),
        };
        words.extend(program.words.iter().cloned());
        words.extend(manner.options.iter().map(ToString::to_string));
        words.push("--".into());
        let puppet = puppet::program().display().to_string();
        words.push(manner.command.map_or(puppet, str::to_owned));
        let mut command = if manner.guest {
            Command::new(words.remove(0))
        } else {
            contained().expect("there are namespaces: this was found out before")
        };
        command
            .args(words)
            .args(steps)
            .current_dir(folder.path())
            .env("MAINSTAY_STATE", folder.path().join("state"))
            .env("MAINSTAY_RUNTIME", folder.path().join("run"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let (tell, lines) = mpsc::channel();
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let streams: [Box<dyn Read + Send>; 2] =
            [Box::new(out.expect("piped")), Box::new(err.expect("piped"))];
        for stream in streams {
            let tell = tell.clone();
            std::thread::spawn(move || {
                let mut stream = BufReader::new(stream);
                let mut line = Vec::new();
                while stream.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                    // Nobody may listen any more.
                    let _ = tell.send(super::text(&line).trim_end().to_owned());
                    line.clear();
                }
            });
        }
        let input = child.stdin.take();
        Self { child, guest: manner.guest, input, lines, seen: Vec::new(), _folder: folder }
    }

    /// Waits for a line that holds this, and returns it.
    pub(crate) fn sees(&mut self, wanted: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen.iter().position(|line| line.contains(wanted)) {
                return self.seen.remove(at);
            }
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(error) => panic!("`{wanted}` is not seen ({error}) in {:?}", self.seen),
            }
        }
    }

    /// Returns whether a line was seen while others were waited for.
    pub(crate) fn saw(&self, wanted: &str) -> bool {
        self.seen.iter().any(|line| line.contains(wanted))
    }

    /// Returns the program's own process.
    pub(crate) fn pid(&self) -> u32 {
        if self.guest {
            return self.child.id();
        }
        let mut found = None;
        self.until(|| {
            found = children(self.child.id()).first().copied();
            found.is_some()
        });
        found.expect("it was found")
    }

    /// Returns the command's process.
    pub(crate) fn command(&self) -> u32 {
        let (own, mut found) = (self.pid(), None);
        self.until(|| {
            let all = children(own);
            found = all.into_iter().find(|pid| !is_brain(*pid));
            found.is_some()
        });
        found.expect("it was found")
    }

    /// Returns the brain's process.
    pub(crate) fn brain(&self) -> u32 {
        children(self.pid()).into_iter().find(|pid| is_brain(*pid)).expect("a brain")
    }

    pub(crate) fn signal(&self, signal: i32) {
        let pid = self.pid().to_string();
        let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {pid}")]).status();
        assert!(sent.expect("it runs").success());
    }

    pub(crate) fn until(&self, mut holds: impl FnMut() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < until, "it never came to be so; {:?}", self.seen);
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Waits for its end, and returns the exit code.
    pub(crate) fn ends(&mut self) -> i32 {
        drop(self.input.take());
        let mut ended = None;
        let until = Instant::now() + PATIENCE;
        while ended.is_none() {
            assert!(Instant::now() < until, "it never ends");
            ended = self.child.try_wait().expect("it can be waited for");
            std::thread::park_timeout(Duration::from_millis(2));
        }
        ended.and_then(|status| status.code()).unwrap_or(-1)
    }

    /// Returns all else that is printed, up to the end of all who could print.
    pub(crate) fn rest(&mut self) -> String {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.seen.push(line);
        }
        self.seen.join("\n")
    }
}

/// Nothing of it stays.
impl Drop for Case {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Without a namespace of its own nobody ends what is below.
            let below = children(self.child.id());
            kill(self.child.id());
            for pid in below.into_iter().filter(|pid| lives(*pid)) {
                kill(pid);
            }
            let _ = self.child.wait();
        }
    }
}

/// Returns the children of a process.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Returns the letter that stands for what a process does at present.
pub(crate) fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

pub(super) fn is_brain(pid: u32) -> bool {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    words.split(|byte| *byte == 0).nth(1) == Some(b"brain")
}

//! A root that has nothing in it but the program and a static busybox, whose first process the program is.

use crate::dist::{dist, printed, unpacked};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What surrounds the program in its root.
#[derive(Clone, Copy)]
pub(crate) struct With {
    pub(crate) proc: bool,
    /// Whether there is `/dev/null`.
    pub(crate) null: bool,
    /// Whether the root can only be read.
    pub(crate) read_only: bool,
    /// Whether `/run` and `/var/lib` are in memory.
    pub(crate) memory: bool,
}

impl With {
    /// What every container has.
    pub(crate) const USUAL: Self = Self { proc: true, null: true, read_only: false, memory: false };
}

pub(crate) struct Cage(TempDir);

impl Cage {
    /// Returns none where nothing has been made.
    pub(crate) fn new() -> Option<Self> {
        let made = unpacked(&dist()?);
        let folder = TempDir::new().expect("a folder");
        for place in ["bin", "dev", "etc/mainstay", "proc", "run", "tmp", "var/lib"] {
            fs::create_dir_all(folder.path().join(place)).expect("a folder");
        }
        let bin = folder.path().join("bin");
        fs::copy(made.path().join("usr/bin/mainstay"), bin.join("mainstay")).expect("the program");
        fs::copy(busybox(), bin.join("busybox")).expect("busybox");
        symlink("busybox", bin.join("sh")).expect("a shell");
        fs::write(folder.path().join("dev/null"), "").expect("a place to mount at");
        Some(Self(folder))
    }

    pub(crate) fn at(&self, place: &str) -> PathBuf {
        self.0.path().join(place)
    }

    /// Returns the command that makes this one the first process in there.
    fn first(&self, with: With, words: &[&str]) -> Command {
        let root = self.0.path().display();
        let mut steps = vec![format!("mount --bind {root} {root}")];
        if with.null {
            steps.push(format!("mount --bind /dev/null {root}/dev/null"));
        } else {
            steps.push(format!("mount -t tmpfs none {root}/dev"));
        }
        if with.read_only {
            steps.push(format!("mount -o remount,bind,ro {root}"));
        }
        if with.memory {
            steps.push(format!("mount -t tmpfs none {root}/run"));
            steps.push(format!("mount -t tmpfs none {root}/var/lib"));
        }
        let proc = if with.proc { "--mount-proc=/proc" } else { "" };
        let inner = format!("unshare --pid --fork --kill-child --root={root} --wd=/ {proc}");
        let script = format!("{} && exec {inner} -- \"$@\"", steps.join(" && "));
        let mut command = Command::new("unshare");
        let is_root = fs::metadata("/proc/self").expect("/proc").uid() == 0;
        // Who is not root is root of a namespace of its own.
        command.args(if is_root { &["--mount"][..] } else { &["--mount", "--map-root-user"] });
        command.args(["sh", "-c", &script, "sh"]).args(words).env_clear();
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command as the first process, to its end.
    pub(crate) fn ended(&self, with: With, words: &[&str]) -> Ended {
        let output = self.first(with, words).output().expect("unshare of util-linux");
        Ended::from(output)
    }

    /// Begins a command as the first process.
    pub(crate) fn begun(&self, words: &[&str]) -> First {
        let mut command = self.first(With::USUAL, words);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("unshare of util-linux");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        First { child, lines }
    }
}

/// Returns a busybox that needs no library.
fn busybox() -> &'static Path {
    let found = ["/bin/busybox", "/usr/bin/busybox"].into_iter().map(Path::new);
    let found = found.filter(|path| path.is_file()).max();
    let path = found.expect("the Debian package busybox-static");
    let headers = printed(Command::new("readelf").arg("-lW").arg(path));
    assert!(!headers.contains("INTERP"), "{} needs libraries", path.display());
    path
}

/// What became of a first process.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) said: String,
    pub(crate) complained: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().expect("unshare ends by itself");
        Self { code, said: text(&output.stdout), complained: text(&output.stderr) }
    }
}

/// A first process that lives. It ends with this.
pub(crate) struct First {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl First {
    /// Reads lines until one has this in it.
    pub(crate) fn until(&mut self, wanted: &str) {
        let mut seen = String::new();
        for line in self.lines.by_ref() {
            let line = line.expect("text");
            if line.contains(wanted) {
                return;
            }
            seen.push_str(&line);
            seen.push('\n');
        }
        panic!("it ended without `{wanted}`:\n{seen}");
    }

    /// Sends SIGTERM to the first process, and returns the exit code once it has ended.
    pub(crate) fn told_to_end(mut self) -> i32 {
        let unshare = self.child.id();
        let children = format!("/proc/{unshare}/task/{unshare}/children");
        let text = fs::read_to_string(children).expect("its children");
        let first = text.split_whitespace().next().expect("one").parse().expect("a pid");
        kill_process(Pid::from_raw(first).expect("a pid"), Signal::TERM).expect("sent");
        let until = Instant::now() + PATIENCE;
        for _ in self.lines.by_ref() {
            assert!(Instant::now() < until, "it talks, and does not end");
        }
        self.child.wait().expect("its end").code().expect("unshare ends by itself")
    }
}

impl Drop for First {
    fn drop(&mut self) {
        // Gone already, where all went well. The first process goes with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

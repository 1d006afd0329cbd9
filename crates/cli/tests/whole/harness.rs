//! A daemon of its own for each test.

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_mainstay");

/// A folder with a spec file, and the daemon that was started from it.
pub(crate) struct Daemon {
    folder: TempDir,
    running: Option<Child>,
    lines: Option<mpsc::Receiver<String>>,
}

impl Daemon {
    /// Makes a folder with this spec file. `PUPPET` in it stands for the scriptable program.
    pub(crate) fn new(spec: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let daemon = Self { folder, running: None, lines: None };
        daemon.declare(spec);
        daemon
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the spec file.
    pub(crate) fn declare(&self, spec: &str) {
        let puppet = puppet::program().display().to_string();
        fs::write(self.path("mainstay.yaml"), spec.replace("PUPPET", &puppet)).expect("written");
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("MAINSTAY_STATE", self.path("state"))
            .env("MAINSTAY_RUNTIME", self.path("run"))
            .env("NO_COLOR", "1")
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null());
        command
    }

    /// Brings it up in the foreground, and waits until it answers.
    pub(crate) fn up(&mut self) {
        self.up_with(&[]);
    }

    /// The same with these variables in its environment.
    pub(crate) fn up_with(&mut self, variables: &[(&str, &str)]) {
        let mut command = self.command(&["up"]);
        command.envs(variables.iter().copied());
        self.up_by(command);
    }

    /// The same by a command of the test's own, which becomes the program.
    pub(crate) fn up_by(&mut self, command: Command) {
        self.begin(command);
        self.until("the daemon answers", || self.ask(&["status"]).is_ok());
    }

    /// Begins what a command becomes, and listens to what it prints.
    pub(crate) fn begin(&mut self, mut command: Command) {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("it starts");
        let (tell, lines) = mpsc::channel();
        for stream in [
            Box::new(child.stdout.take().expect("piped")) as Box<dyn std::io::Read + Send>,
            Box::new(child.stderr.take().expect("piped")),
        ] {
            let tell = tell.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    // A test that has seen enough does not listen any more.
                    let _ = tell.send(line);
                }
            });
        }
        self.running = Some(child);
        self.lines = Some(lines);
    }

    /// Waits until one of the lines that it prints holds this, and returns it.
    pub(crate) fn hears(&self, wanted: &str) -> String {
        let lines = self.lines.as_ref().expect("it is up");
        let until = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match lines.recv_timeout(left) {
                Ok(line) if line.contains(wanted) => return line,
                Ok(line) => seen.push(line),
                Err(_) => panic!("`{wanted}` is not heard among:\n{}", seen.join("\n")),
            }
        }
    }

    /// Interrupts the whole group of the program, as a terminal does.
    pub(crate) fn interrupt(&self) {
        let pid = self.running.as_ref().expect("it is up").id();
        let group = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a pid");
        let interrupt = rustix::process::Signal::INT;
        rustix::process::kill_process_group(group, interrupt).expect("it is there");
    }

    /// Returns what it has printed and nobody has heard yet, once it has ended.
    pub(crate) fn rest(&self) -> String {
        let lines = self.lines.as_ref().expect("it was up");
        let mut rest = String::new();
        while let Ok(line) = lines.recv_timeout(PATIENCE) {
            rest.push_str(&line);
            rest.push('\n');
        }
        rest
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it runs")
    }

    /// Runs a command that must succeed, and returns what it prints.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {:?}\n{out}\n{err}", output.status);
        out
    }

    /// Asks for the answer of the API.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<Value, String> {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let output = self.run(&all);
        serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{error}: {}{}", text(&output.stdout), text(&output.stderr)))
    }

    /// Returns what is known of the tree, once somebody answers: a brain may be between two lives.
    pub(crate) fn status(&self) -> Value {
        let mut found = None;
        self.until("somebody answers", || {
            found = self.ask(&["status"]).ok().filter(|status| status["children"].is_array());
            found.is_some()
        });
        found.expect("it was found")
    }

    /// Returns what is known of a child.
    pub(crate) fn child(&self, path: &str) -> Value {
        let status = self.status();
        let children = status["children"].as_array().cloned().unwrap_or_default();
        children
            .into_iter()
            .find(|child| child["path"] == path)
            .unwrap_or_else(|| panic!("no child {path} in {status}"))
    }

    /// Waits until something holds of a child, and returns the child.
    pub(crate) fn until_child(
        &self,
        path: &str,
        what: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let child = self.child(path);
            if holds(&child) {
                return child;
            }
            assert!(Instant::now() < until, "{path} never came to be {what}: {child:#}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    pub(crate) fn until_ready(&self, path: &str) -> Value {
        self.until_child(path, "ready", |child| child["standing"] == "ready")
    }

    /// Waits until something holds.
    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < until, "{what}: never came to be so");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    pub(crate) fn pid(&self, path: &str) -> u32 {
        number(&self.child(path)["pid"])
    }

    pub(crate) fn brain(&self) -> u32 {
        number(&self.status()["brain_pid"])
    }

    pub(crate) fn keeper(&self) -> u32 {
        number(&self.status()["keeper_pid"])
    }

    /// Waits for the end of what was brought up.
    pub(crate) fn ends(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("it is up");
        running.wait().expect("it ends")
    }
}

/// Whatever a test leaves behind goes with it.
impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let asked = self.command(&["down", "--force"]).output();
            if asked.is_ok_and(|asked| asked.status.success()) {
                let _ = running.wait();
                return;
            }
            // Nobody answers: the test has failed, and nothing of it may stay.
            for (pid, environment) in environments() {
                let is_ours = environment.contains(&self.folder.path().display().to_string());
                if is_ours && pid != std::process::id() {
                    kill_if_alive(pid);
                }
            }
            let _ = running.wait();
        }
    }
}

/// Returns the environments of all processes.
fn environments() -> Vec<(u32, String)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.map(|pid| (pid, fs::read(format!("/proc/{pid}/environ")).unwrap_or_default()))
        .map(|(pid, bytes)| (pid, text(&bytes)))
        .collect()
}

fn kill_if_alive(pid: u32) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid.cast_signed()) {
        // It may have ended by itself.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Has a process stand still.
pub(crate) fn halt(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("it lives");
}

/// Kills a process at once.
pub(crate) fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it lives");
}

/// Returns whether a process lives.
pub(crate) fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| !rest.trim_start().starts_with(['Z', 'X']) && !rest.is_empty())
}

fn number(value: &Value) -> u32 {
    value
        .as_u64()
        .and_then(|number| u32::try_from(number).ok())
        .unwrap_or_else(|| panic!("no number: {value}"))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

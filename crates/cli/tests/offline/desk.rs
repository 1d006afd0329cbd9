//! A folder in which the program is run, with a journal or a daemon in it.

use mainstay_core::{Effect, Effects, Exit, Input, Moment, Path as ChildPath, Tree};
use mainstay_daemon::journal::{Journal, Reader, Settings};
use mainstay_daemon::spec;
use mainstay_wire::journal::{Opened, Record, StepRef, VERSION, snapshot_to_json};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// 2026-01-31 12:00:00 UTC.
const WALL: i64 = 1_769_860_800_000;

/// A folder of its own for each test. What was brought up in it is brought down with it.
pub(crate) struct Desk {
    folder: TempDir,
    is_up: bool,
}

impl Desk {
    pub(crate) fn new(spec: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("mainstay.yaml"), spec).unwrap();
        Self { folder, is_up: false }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the program with these arguments and nothing of this environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mainstay"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TZ", "UTC")
            .env("USER", "ada")
            .env("MAINSTAY_STATE", self.path("state"))
            .env("MAINSTAY_RUNTIME", self.path("run"))
            .current_dir(self.folder.path())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must end so, and returns what it prints and what it says beside it.
    #[track_caller]
    pub(crate) fn ends(&self, code: i32, arguments: &[&str]) -> (String, String) {
        let output = self.run(arguments);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
        (out, err)
    }

    /// Brings a daemon up, and waits until its children are as they should be.
    pub(crate) fn up(&mut self) {
        self.is_up = true;
        self.ends(0, &["up", "--detach"]);
    }

    /// Brings it down, and waits until it has let go of its journals.
    pub(crate) fn down(&mut self) {
        self.ends(0, &["down"]);
        self.is_up = false;
        for name in ["state/journal", "state/runs"] {
            File::open(self.path(name)).unwrap().lock().unwrap();
        }
    }

    /// Runs each command and compares all that is seen with one file.
    #[track_caller]
    pub(crate) fn expect(&self, name: &str, commands: &[&[&str]]) {
        let mut seen = String::new();
        for arguments in commands {
            page(&mut seen, arguments, &self.run(arguments));
        }
        let folder = self.folder.path().display().to_string();
        compare(name, &seen.replace(&folder, "FOLDER"));
    }

    /// Writes the journal of a daemon whose child `web` has failed three times, one second after each start.
    pub(crate) fn write_journal(&self) {
        let folder = self.path("state/journal");
        let text = fs::read_to_string(self.path("mainstay.yaml")).unwrap();
        let loaded = spec::load_text(&text, Path::new("/mainstay.yaml"), &|_| None, None).unwrap();
        let mut tree = Tree::new(&loaded.tree.into_spec().unwrap().0);
        let (journal, _) = Journal::open(&folder, settings()).unwrap();
        journal.snapshot(0, snapshot_to_json(&tree.snapshot(), 1, WALL));
        journal.append(&Record::Opened(opened()).to_json());
        let (mut now, mut first) = (Moment::ZERO, 1);
        let mut take = |now: Moment, input: Input| {
            let mut out = Effects::new();
            tree.handle(now, input.clone(), &mut out);
            let wall = WALL + i64::try_from(now.since(Moment::ZERO).as_millis()).unwrap();
            let step = StepRef { at: now, wall, first, input: &input, events: &out.events };
            journal.append(&step.to_json());
            first += out.events.len() as u64;
            (out.effects, tree.deadline().map(|(at, _)| at), tree.find(&ChildPath::from("web")))
        };
        let (mut effects, _, _) = take(now, Input::Boot);
        for _ in 0..3 {
            let start = effects.iter().find_map(|effect| {
                let Effect::Start { child, run, .. } = effect else { return None };
                Some((*child, *run))
            });
            let (child, run) = start.unwrap();
            take(now, Input::Started(child, run));
            now = now + Duration::from_secs(1);
            let failed = Input::Exited { child, run, exit: Exit::FAILED, detail: None };
            let (_, due, _) = take(now, failed);
            now = due.unwrap();
            (effects, _, _) = take(now, Input::Clock);
        }
        journal.close();
        let (runs, _) = Journal::open(&self.path("state/runs"), settings()).unwrap();
        let history = fs::read(answers().join("history.json")).unwrap();
        let history: Vec<serde_json::Value> = serde_json::from_slice(&history).unwrap();
        for run in history {
            runs.append(run.to_string().as_bytes());
        }
        runs.close();
    }

    /// Replaces a text in the first record that has it, in `state/journal`. Its frame stays right.
    pub(crate) fn edit_journal(&self, old: &str, new: &str) -> u64 {
        let (from, to) = (self.path("state/journal"), self.path("state/edited"));
        let reader = Reader::open(&from).unwrap();
        let (journal, _) = Journal::open(&to, settings()).unwrap();
        let mut edited = None;
        for record in reader.from(1) {
            let mut payload = text(&record.payload);
            if edited.is_none() && payload.contains(old) {
                payload = payload.replacen(old, new, 1);
                edited = Some(record.seq);
            }
            journal.append(payload.as_bytes());
        }
        journal.close();
        for upto in reader.snapshots() {
            let name = format!("{upto:020}.snap");
            fs::copy(from.join(&name), to.join(&name)).unwrap();
        }
        fs::remove_dir_all(&from).unwrap();
        fs::rename(&to, &from).unwrap();
        edited.unwrap_or_else(|| panic!("no record has `{old}`"))
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if self.is_up {
            // Whatever a failed test leaves behind goes with it.
            let _ = self.command(&["down", "--force"]).output();
        }
    }
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.wall = || WALL;
    settings
}

fn opened() -> Opened {
    let (at, monotonic) = (Moment::ZERO, Duration::ZERO);
    let why = "the tree begins".into();
    Opened { version: VERSION, boot: "a boot".into(), pid: 7, wall: WALL, at, monotonic, why }
}

/// Where canned answers are.
pub(crate) fn answers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/answers")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Writes what a command printed and how it ended.
pub(crate) fn page(seen: &mut String, arguments: &[&str], output: &Output) {
    let errors = text(&output.stderr);
    let beside = if errors.is_empty() { "" } else { "--- said beside it\n" };
    let code = output.status.code().unwrap();
    let printed = text(&output.stdout);
    let line = arguments.join(" ");
    writeln!(seen, "$ mainstay {line}\n{printed}{beside}{errors}--- exit {code}\n").unwrap();
}

/// Compares with a file in `tests/golden`, or writes it.
#[track_caller]
pub(crate) fn compare(name: &str, seen: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, seen).unwrap();
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(known, seen, "{name} is not what is printed: `BLESS=1` writes it anew");
}

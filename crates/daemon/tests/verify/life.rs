//! A tree whose life is taken down as a brain does it, and journals that were changed by hand.

use mainstay_core::spec::TreeSpec;
use mainstay_core::{
    Command, CommandId, Effect, Effects, Exit, Input, Moment, Path as ChildPath, RunId, Tree, Verb,
};
use mainstay_daemon::journal::{Journal, Reader, Settings};
use mainstay_daemon::spec;
use mainstay_wire::journal::{Opened, Record, StepRef, VERSION, snapshot_to_json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the wall clock says: 2023-11-14 22:13:20 UTC.
pub(crate) const WALL: i64 = 1_700_000_000_000;

pub(crate) const WEB: &str = "
children:
  web:
    command: serve
    backoff: { fixed: 4s }
    jitter: none
";

pub(crate) fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.wall = || WALL;
    settings
}

pub(crate) fn tree_spec(text: &str) -> TreeSpec {
    let loaded = spec::load_text(text, Path::new("/mainstay.yaml"), &|_| None, None).unwrap();
    loaded.tree.into_spec().unwrap().0
}

pub(crate) struct Life {
    folder: PathBuf,
    journal: Option<Journal>,
    pub(crate) tree: Tree,
    next_event: u64,
    now: Moment,
}

impl Life {
    /// Begins a journal with the tree of a spec file.
    pub(crate) fn begin(folder: &Path, text: &str) -> Self {
        let tree = Tree::new(&tree_spec(text));
        let (folder, journal) = (folder.to_owned(), None);
        let mut life = Self { folder, journal, tree, next_event: 1, now: Moment::ZERO };
        life.open("the tree begins");
        life.take(Input::Boot);
        life
    }

    /// A new beginning, with the snapshot before it. All that is queued is written first.
    pub(crate) fn open(&mut self, why: &str) {
        drop(self.journal.take());
        let (journal, _) = Journal::open(&self.folder, settings()).unwrap();
        let bytes = snapshot_to_json(&self.tree.snapshot(), self.next_event, WALL);
        journal.snapshot(journal.state().last, bytes);
        self.journal = Some(journal);
        self.open_without_snapshot(why);
    }

    fn append(&self, payload: &[u8]) {
        self.journal.as_ref().unwrap().append(payload);
    }

    pub(crate) fn open_without_snapshot(&self, why: &str) {
        let opened = Opened {
            version: VERSION,
            boot: "a boot".into(),
            pid: 7,
            wall: WALL,
            at: self.now,
            monotonic: Duration::ZERO,
            why: why.into(),
        };
        self.append(&Record::Opened(opened).to_json());
    }

    /// Takes an input, and at once what follows from its effects.
    pub(crate) fn take(&mut self, input: Input) {
        let mut out = Effects::new();
        self.tree.handle(self.now, input.clone(), &mut out);
        let (at, first, events) = (self.now, self.next_event, &*out.events);
        self.append(&StepRef { at, wall: WALL, first, input: &input, events }.to_json());
        self.next_event += out.events.len() as u64;
        for effect in out.effects {
            if let Effect::Start { child, run, .. } = effect {
                self.take(Input::Started(child, run));
            }
        }
    }

    /// Lets a child live for so long and fail, and waits for its next run.
    pub(crate) fn fails(&mut self, name: &str, lives: Duration) {
        self.now = self.now + lives;
        let child = self.tree.find(&ChildPath::from(name)).unwrap();
        let run = self.tree.child(child).unwrap().life().map_or(RunId(0), |life| life.run);
        self.take(Input::Exited { child, run, exit: Exit::FAILED, detail: None });
        let (due, _) = self.tree.deadline().unwrap();
        self.now = due;
        self.take(Input::Clock);
    }

    pub(crate) fn takes_command(&mut self, target: &str, verb: Verb) {
        self.take(Input::Command(Command {
            id: CommandId(1),
            who: "alice".into(),
            why: "by hand".into(),
            target: ChildPath::from(target),
            if_run: None,
            if_revision: None,
            verb,
        }));
    }

    pub(crate) fn last(&self) -> u64 {
        self.journal.as_ref().unwrap().state().last
    }

    /// Writes all that is queued.
    pub(crate) fn end(self) {
        drop(self.journal);
    }
}

/// Copies a journal with its payloads as `change` leaves them, by their number.
pub(crate) fn copy(from: &Path, to: &Path, mut change: impl FnMut(u64, String) -> String) {
    let reader = Reader::open(from).unwrap();
    let (journal, _) = Journal::open(to, settings()).unwrap();
    for record in reader.from(1) {
        let payload = String::from_utf8(record.payload).unwrap();
        assert_eq!(journal.append(change(record.seq, payload).as_bytes()), record.seq);
    }
    journal.close();
    for upto in reader.snapshots() {
        let name = format!("{upto:020}.snap");
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

//! A core tree in virtual time, played by hand, with a chronicle that follows it.

use jiff::tz::TimeZone;
use mainstay_core::spec::check::Problem;
use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::KindDraft;
use mainstay_core::spec::{ChildDraft, Kind, SupervisorDraft, TreeDraft};
use mainstay_core::{
    ChildId, Class, Command, CommandId, Effect, Effects, Event, Exit, Input, Moment, Path, RunId,
    Tree, Verb,
};
use mainstay_daemon::story::{self, Chronicle, Wall};
use mainstay_wire::api;
use std::time::Duration;

/// 2026-11-21 03:00:00 UTC.
pub(crate) const BEGAN: i64 = 1_795_230_000_000;

/// An end with this exit code.
pub(crate) const fn code(code: i32) -> Exit {
    Exit::Failed { code: Some(code), class: Class::Plain, retry_after: None }
}

/// A child that is a process, as a daemon declares it.
pub(crate) fn process(name: &str) -> ChildDraft {
    let kind = Some(KindDraft::Leaf(Kind::Process));
    ChildDraft { name: name.into(), kind, ..ChildDraft::default() }
}

/// A supervisor with these children, as a daemon declares it.
pub(crate) fn supervisor(name: &str, below: SupervisorDraft) -> ChildDraft {
    let kind = Some(KindDraft::Supervisor(below));
    ChildDraft { name: name.into(), kind, ..ChildDraft::default() }
}

pub(crate) struct Scene {
    pub(crate) tree: Tree,
    pub(crate) chronicle: Chronicle,
    pub(crate) runs: Vec<api::Run>,
    pub(crate) events: Vec<(Moment, Event)>,
    now: Moment,
    commands: u128,
    /// Whether starts are answered at once.
    pub(crate) starts: bool,
    /// Whether probes succeed.
    pub(crate) probes: bool,
}

impl Scene {
    pub(crate) fn new(children: impl IntoIterator<Item = ChildDraft>) -> Self {
        Self::try_new(children).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    /// A tree of which more is said than its children.
    pub(crate) fn of(draft: TreeDraft) -> Self {
        Self::try_of(draft).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    fn try_new(children: impl IntoIterator<Item = ChildDraft>) -> Result<Self, Vec<Problem>> {
        let mut draft = TreeDraft { seed: 7, ..TreeDraft::default() };
        draft.root.children.extend(children);
        Self::try_of(draft)
    }

    fn try_of(draft: TreeDraft) -> Result<Self, Vec<Problem>> {
        let (spec, _) = draft.build(Profile::Daemon)?;
        let mut scene = Self {
            tree: Tree::new(&spec),
            chronicle: Chronicle::new(),
            runs: Vec::new(),
            events: Vec::new(),
            now: Moment::ZERO,
            commands: 0,
            starts: true,
            probes: true,
        };
        scene.take(Input::Boot);
        Ok(scene)
    }

    /// Hands one input to the tree, what it states to the chronicle, and answers every start and probe.
    pub(crate) fn take(&mut self, input: Input) {
        let mut out = Effects::new();
        let wall = BEGAN + self.now.since(Moment::ZERO).as_millis() as i64;
        self.tree.handle(self.now, input, &mut out);
        for event in out.events {
            self.runs.extend(self.chronicle.note(wall, self.now, &event, &self.tree));
            self.events.push((self.now, event));
        }
        for effect in out.effects {
            match effect {
                Effect::Start { child, run, .. } if self.starts => {
                    self.take(Input::Started(child, run));
                }
                Effect::Probe { child, run, probe, .. } => {
                    let ok = self.probes;
                    self.take(Input::Probed { child, run, probe, ok });
                }
                Effect::Start { .. }
                | Effect::Stop { .. }
                | Effect::Kill(..)
                | Effect::Rehydrate(..)
                | Effect::Reload(..)
                | Effect::Freeze(..)
                | Effect::Thaw(..)
                | Effect::Change(..)
                | Effect::Abandon(..)
                | Effect::Forget(_)
                | Effect::End(_) => {}
            }
        }
    }

    /// Lets time pass; deadlines are met on the way.
    pub(crate) fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some((at, _)) = self.tree.deadline().filter(|(at, _)| *at <= until) {
            self.now = at;
            self.take(Input::Clock);
        }
        self.now = until;
    }

    pub(crate) fn secs(&mut self, seconds: u64) -> &mut Self {
        self.pass(Duration::from_secs(seconds));
        self
    }

    pub(crate) fn live(&self, path: &str) -> (ChildId, RunId) {
        let child = self.tree.find(&Path::from(path)).expect("it is in the tree");
        let life = self.tree.child(child).and_then(|child| child.life());
        (child, life.unwrap_or_else(|| panic!("{path} does not run")).run)
    }

    /// Ends the live run of a child.
    pub(crate) fn ends(&mut self, path: &str, exit: Exit, detail: &str) -> &mut Self {
        let (child, run) = self.live(path);
        let detail = (!detail.is_empty()).then(|| detail.into());
        self.take(Input::Exited { child, run, exit, detail });
        self
    }

    /// Somebody asks for something.
    pub(crate) fn asks(&mut self, path: &str, verb: Verb, who: &str, why: &str) -> &mut Self {
        self.commands += 1;
        self.take(Input::Command(Command {
            id: CommandId(self.commands),
            who: who.into(),
            why: why.into(),
            target: Path::from(path),
            if_run: None,
            if_revision: None,
            verb,
        }));
        self
    }

    pub(crate) fn millis(&mut self, millis: u64) -> &mut Self {
        self.pass(Duration::from_millis(millis));
        self
    }

    /// Says that the live run of a child is ready.
    pub(crate) fn ready(&mut self, path: &str) -> &mut Self {
        let (child, run) = self.live(path);
        self.take(Input::Ready(child, run));
        self
    }

    pub(crate) fn stop(&mut self, path: &str) -> &mut Self {
        self.asks(path, Verb::Stop, "alice", "a new disk")
    }

    /// Lets a child fail again and again, as soon as it runs, for so many times.
    pub(crate) fn fails(&mut self, path: &str, times: u32) -> &mut Self {
        for _ in 0..times {
            self.run_again(path).secs(2).ends(path, code(1), "cannot bind 0.0.0.0:80");
        }
        self
    }

    /// Lets time pass until a child runs.
    pub(crate) fn run_again(&mut self, path: &str) -> &mut Self {
        let child = self.tree.find(&Path::from(path)).expect("it is in the tree");
        while self.tree.child(child).is_some_and(|child| child.life().is_none()) {
            let (at, _) = self.tree.deadline().unwrap_or_else(|| panic!("{path} starts no more"));
            self.pass(at.since(self.now));
        }
        self
    }

    /// Says why a child does what it does.
    pub(crate) fn explain(&mut self, path: &str) -> api::Explanation {
        self.explain_scheduled(path, None)
    }

    /// Says so of a child that waits for its schedule, until this moment.
    pub(crate) fn explain_scheduled(
        &mut self,
        path: &str,
        scheduled: Option<i64>,
    ) -> api::Explanation {
        self.take(Input::Clock);
        let child = self.tree.find(&Path::from(path)).expect("it is in the tree");
        let explained = self.tree.explain(child).expect("it is in the tree");
        let view = mainstay::testing::view(&self.tree, child).expect("it is in the tree");
        let spec = self.tree.child(child).map(|child| child.spec.clone());
        let live = self.chronicle.open_runs().map(|(_, run)| run);
        let runs: Vec<_> = self.runs.iter().cloned().chain(live).collect();
        story::explain(&explained, &view, spec.as_deref(), (&runs, scheduled), &self.wall())
    }

    pub(crate) fn wall(&self) -> Wall {
        let now_at = BEGAN + self.now.since(Moment::ZERO).as_millis() as i64;
        Wall { now_at, now: self.now, zone: TimeZone::UTC }
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        let texts = self.events.iter().enumerate().map(|(seq, (at, event))| {
            let path = event.child().and_then(|child| self.tree.path(child));
            let path = path.unwrap_or_else(Path::root);
            let record = mainstay::Record { seq: seq as u64, at: *at, path, event: event.clone() };
            let told = story::event(&record, BEGAN, &self.tree);
            format!("{} {}: {}", told.path, told.kind, told.text)
        });
        texts.collect()
    }
}

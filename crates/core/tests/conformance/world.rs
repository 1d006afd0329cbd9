//! Virtual time and puppets: the smallest world in which a tree can be watched deciding.

use crate::declare::{self, Declared, Parsed, Puppet};
use crate::words;
use mainstay_core::spec::TreeSpec;
use mainstay_core::spec::defaults::Profile;
use mainstay_core::{
    ChildId, Class, Command, CommandId, Effect, Effects, Exit, Input, Moment, News, Path, RunId,
    StartStep, Tree, Verb,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct World {
    pub tree: Tree,
    pub now: Moment,
    pub trace: Vec<String>,
    pub starts: BTreeMap<String, u64>,
    /// How far the clock is back at the next input.
    pub behind: Duration,
    out: Effects,
    puppets: BTreeMap<String, Puppet>,
    profile: Profile,
    terse: bool,
    next: Option<Arc<TreeSpec>>,
    shown: Vec<String>,
    /// What puppets are about to do, in order of moment and of asking.
    coming: BTreeMap<(Moment, u64), Input>,
    asked: u64,
    names: BTreeMap<ChildId, String>,
}

impl World {
    pub(crate) fn new(tree: Tree, declared: &Declared) -> Self {
        let mut world = Self {
            tree,
            now: Moment::ZERO,
            trace: Vec::new(),
            starts: BTreeMap::new(),
            behind: Duration::ZERO,
            out: Effects::new(),
            puppets: declared.puppets.clone(),
            profile: declared.profile,
            terse: declared.terse,
            next: None,
            shown: declared.shown.clone(),
            coming: BTreeMap::new(),
            asked: 0,
            names: BTreeMap::new(),
        };
        if let Some(next) = &declared.next {
            world.puppets.extend(next.puppets.clone());
            let (spec, _) = next.tree.clone().build(next.profile).expect("a valid next spec");
            world.next = Some(Arc::new(spec));
        }
        world.learn_names();
        world
    }

    /// Lets time pass up to `until`; what happens on the way is listed with its moment.
    pub(crate) fn pass(&mut self, until: Moment) -> Vec<(Moment, Vec<String>)> {
        let mut happened: Vec<(Moment, Vec<String>)> = Vec::new();
        loop {
            let deadline = self.tree.deadline().map(|(at, _)| at);
            let coming = self.coming.keys().next().map(|(at, _)| *at);
            let next = match (deadline, coming) {
                (Some(a), Some(b)) => a.min(b),
                (Some(at), None) | (None, Some(at)) => at,
                (None, None) => break,
            };
            if next > until {
                break;
            }
            self.now = self.now.max(next);
            let said = if coming.is_some_and(|at| at <= next) && deadline.is_none_or(|at| at > next)
            {
                let (_, input) = self.coming.pop_first().expect("something is coming");
                self.take(input)
            } else {
                self.take(Input::Clock)
            };
            if !said.is_empty() {
                match happened.last_mut().filter(|(at, _)| *at == self.now) {
                    Some((_, earlier)) => earlier.extend(said),
                    None => happened.push((self.now, said)),
                }
            }
        }
        self.now = self.now.max(until);
        happened
    }

    /// Hands one input in and lets puppets answer what they answer at once.
    pub(crate) fn take(&mut self, input: Input) -> Vec<String> {
        let mut said = Vec::new();
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            self.out.clear();
            let behind = std::mem::take(&mut self.behind);
            self.tree.handle(self.now - behind, input, &mut self.out);
            self.learn_names();
            let out = std::mem::take(&mut self.out);
            for event in &out.events {
                self.trace.push(format!("{:>12}  {event:?}", self.now.to_string()));
            }
            said.extend(words::say(&out, &self.names, &self.shown, self.now));
            for effect in &out.effects {
                self.perform(effect);
            }
            self.out = out;
            // Answers that come at once come before anything else of this moment.
            if self.coming.keys().next().is_some_and(|(at, _)| *at <= self.now) {
                inputs.extend(self.coming.pop_first().map(|(_, input)| input));
            }
        }
        said
    }

    /// The tree is gone, and another one is made of its snapshot.
    pub(crate) fn be_reborn(&mut self) {
        self.tree = Tree::restore(self.tree.snapshot()).expect("a snapshot of a tree");
    }

    fn learn_names(&mut self) {
        for child in self.tree.children() {
            if !self.names.contains_key(&child.id) {
                let path = self.tree.path(child.id).expect("a child of the tree");
                self.names.insert(child.id, path.to_string());
            }
        }
    }

    fn puppet(&self, child: ChildId) -> Puppet {
        let name = &self.names[&child];
        let template = name.rsplit_once('/').map(|(above, _)| format!("{above}/*"));
        let found = self.puppets.get(name).or_else(|| self.puppets.get(&template?));
        found.cloned().unwrap_or_default()
    }

    fn perform(&mut self, effect: &Effect) {
        match *effect {
            Effect::Start { child, run, .. } => {
                *self.starts.entry(self.names[&child].clone()).or_default() += 1;
                let puppet = self.puppet(child);
                if puppet.unstartable {
                    let exit = Exit::StartFailed { step: StartStep::Factory, mendable: true };
                    self.later(puppet.takes, Input::Exited { child, run, exit, detail: None });
                    return;
                }
                self.later(puppet.takes, Input::Started(child, run));
                let after = |span: Option<Duration>| Some(puppet.takes? + span?);
                self.later(after(puppet.readies), Input::Ready(child, run));
                let exit = Exit::FAILED;
                self.later(after(puppet.dies), Input::Exited { child, run, exit, detail: None });
            }
            Effect::Stop { child, run, .. } => {
                self.end(child, run, self.puppet(child).stops, Exit::Completed);
            }
            Effect::Kill(child, run) => {
                self.end(child, run, self.puppet(child).kills, Exit::Aborted);
            }
            Effect::Probe { .. }
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

    fn end(&mut self, child: ChildId, run: RunId, after: Option<Duration>, exit: Exit) {
        if after.is_some() {
            // Whatever it was going to do, it ends now.
            self.coming.retain(|_, input| !is_about(input, child, run));
        }
        self.later(after, Input::Exited { child, run, exit, detail: None });
    }

    fn later(&mut self, after: Option<Duration>, input: Input) {
        if let Some(after) = after {
            self.asked += 1;
            self.coming.insert((self.now + after, self.asked), input);
        }
    }

    /// Makes an input of the words of a row.
    pub(crate) fn input(&self, text: &str) -> Parsed<Option<Input>> {
        let mut words = text.split_whitespace();
        let verb = words.next().unwrap_or(".");
        if matches!(verb, "." | "until" | "leap") {
            return Ok(None);
        }
        if verb == "boot" {
            return Ok(Some(Input::Boot));
        }
        if verb == "stalled" {
            let lasted = declare::span(words.next().ok_or("for how long?")?)?;
            return Ok(Some(Input::Stalled(lasted)));
        }
        if verb == "do" {
            return self
                .command(text.strip_prefix("do").unwrap_or("").trim())
                .map(|command| Some(Input::Command(command)));
        }
        let (child, run) = self.run(words.next().ok_or("whose?")?)?;
        let more: Vec<&str> = words.collect();
        let first = more.first().copied().unwrap_or("");
        Ok(Some(match verb {
            "started" => Input::Started(child, run),
            "ready" => Input::Ready(child, run),
            "exit" => Input::Exited { child, run, exit: exit(first)?, detail: None },
            "beat" => Input::Beat(child, run),
            "patience" => Input::Patience { child, run, within: declare::span(first)? },
            "probe" => {
                let ok = more.get(1).copied() == Some("ok");
                Input::Probed { child, run, probe: declare::number(first)?, ok }
            }
            "pending" => Input::Pending { child, run, pending: true },
            "idle" => Input::Pending { child, run, pending: false },
            "progress" => Input::Progress(child, run),
            "rehydrated" => Input::Rehydrated(child, run),
            "reloaded" => Input::Reloaded(child, run),
            "extend" => Input::Extend { child, run, by: declare::span(first)? },
            "recycles" => Input::WantsRecycle(child, run),
            "blocked" => Input::Blocked { child, run, lasted: declare::span(first)? },
            "tells" => {
                let news = Box::new(News::Acted { action: first.into() });
                Input::Told { child, run, news }
            }
            "positioned" => Input::Positioned { child, run, position: first.into() },
            "guard" => Input::Guard { child, run, hard: first == "hard" },
            "demand" => Input::Demand(child),
            other => return Err(format!("unknown input {other:?}")),
        }))
    }

    /// `PATH` or `PATH#RUN`; without a run, the present or last one.
    fn run(&self, text: &str) -> Parsed<(ChildId, RunId)> {
        let (path, run) =
            text.split_once('#').map_or((text, None), |(path, run)| (path, Some(run)));
        let id = self.tree.find(&Path::from(path));
        // A child that has left the tree can still be spoken about.
        let id = id
            .or_else(|| self.names.iter().rev().find(|(_, name)| *name == path).map(|(id, _)| *id));
        let id = id.ok_or_else(|| format!("no child {path:?}"))?;
        let last = self.tree.child(id).map_or(1, |child| child.runs);
        let run = run.map(declare::number).transpose()?.unwrap_or(last);
        Ok((id, RunId(run)))
    }

    /// `VERB PATH [WORD ...]`, with `who=`, `why=`, `id=`, `run=`, `rev=` anywhere.
    fn command(&self, text: &str) -> Parsed<Command> {
        let mut command = Command {
            id: CommandId(0),
            who: "ops".into(),
            why: "test".into(),
            target: Path::root(),
            if_run: None,
            if_revision: None,
            verb: Verb::Drain,
        };
        let mut rest = Vec::new();
        for word in text.split_whitespace() {
            match word.split_once('=') {
                Some(("who", who)) => command.who = who.into(),
                Some(("why", why)) => command.why = why.into(),
                Some(("id", id)) => command.id = CommandId(declare::number(id)?),
                Some(("run", run)) => command.if_run = Some(RunId(declare::number(run)?)),
                Some(("rev", revision)) => command.if_revision = Some(declare::number(revision)?),
                _ => rest.push(word),
            }
        }
        let verb = rest.first().copied().unwrap_or("");
        let path = rest.get(1).copied().unwrap_or("");
        command.target = Path::from(path);
        let declared = || declare::child(&rest.get(1..).unwrap_or(&[]).join(" "), self.terse);
        command.verb = match verb {
            "start" => Verb::Start { over: false },
            "start!" => Verb::Start { over: true },
            "stop" => Verb::Stop,
            "restart" => Verb::Restart,
            "reload" => Verb::Reload,
            "recycle" => Verb::Recycle,
            "pause" => Verb::Pause { freeze: false },
            "freeze" => Verb::Pause { freeze: true },
            "resume" => Verb::Resume,
            "quarantine" => Verb::Quarantine,
            "release" => Verb::Release,
            "acknowledge" => Verb::Acknowledge,
            "reset" => Verb::Reset { start: false },
            "reset+start" => Verb::Reset { start: true },
            "remove" => Verb::Remove,
            "drain" => Verb::Drain,
            "apply" => {
                Verb::Apply(self.next.clone().ok_or("`next` lines declare what is applied")?)
            }
            "add" => {
                let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
                command.target = Path::from(above);
                let spec = if rest.get(2).copied() == Some("template") {
                    None
                } else {
                    let (_, draft, _) = declared()?;
                    let draft = mainstay_core::spec::ChildDraft { name: name.into(), ..draft };
                    let built = draft.build(self.profile, &Path::from(above));
                    Some(built.map_err(|problems| format!("{problems:?}"))?.1)
                };
                Verb::Add { name: Arc::from(name), spec }
            }
            "replace" => {
                let (_, draft, _) = declared()?;
                let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
                let draft = mainstay_core::spec::ChildDraft { name: name.into(), ..draft };
                let built = draft.build(self.profile, &Path::from(above));
                Verb::Replace(built.map_err(|problems| format!("{problems:?}"))?.1)
            }
            other => return Err(format!("unknown command {other:?}")),
        };
        Ok(command)
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a puppet sends these three by itself")]
fn is_about(input: &Input, of: ChildId, this: RunId) -> bool {
    match input {
        Input::Started(child, run)
        | Input::Ready(child, run)
        | Input::Exited { child, run, .. } => *child == of && *run == this,
        _ => false,
    }
}

/// How a run ended, in words.
fn exit(text: &str) -> Parsed<Exit> {
    let (word, value) = text.split_once(':').unwrap_or((text, ""));
    let failed = |code, class, retry_after| Exit::Failed { code, class, retry_after };
    Ok(match word {
        "" | "failed" if value.is_empty() => Exit::FAILED,
        "failed" => failed(Some(declare::number(value)?), Class::Plain, None),
        "transient" => failed(None, Class::Transient, None),
        "permanent" => failed(None, Class::Permanent, None),
        "fatal" => failed(None, Class::Fatal, None),
        "retry" => failed(None, Class::Plain, Some(declare::span(value)?)),
        "completed" => Exit::Completed,
        "skipped" => Exit::Skipped,
        "signal" => Exit::Signaled { signal: declare::number(value)?, core: false },
        "core" => Exit::Signaled { signal: declare::number(value)?, core: true },
        "panic" => Exit::Panicked,
        "startfail" => Exit::StartFailed { step: StartStep::Connect, mendable: true },
        "unmendable" => Exit::StartFailed { step: StartStep::Program, mendable: false },
        "oom" => Exit::OutOfMemory,
        "overlimit" => Exit::OverLimit,
        "aborted" => Exit::Aborted,
        "unknown" => Exit::Unknown { from: Moment::ZERO, to: Moment::ZERO },
        other => return Err(format!("unknown exit {other:?}")),
    })
}

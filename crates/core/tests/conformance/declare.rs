//! The words that declare a tree, and how its puppets behave.

use crate::values::{cooldown, end, grace, jitter, limit, maybe, need, probe, ready, shape};
pub(crate) use crate::values::{number, span};
use mainstay_core::policy::backoff::{Jitter, Shape};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::{DynamicDraft, KindDraft};
use mainstay_core::spec::{
    Activation, AutoShutdown, ChildDraft, Criticality, Finished, Grace, Heartbeat, Kind, Liveness,
    OnExhausted, Overlap, Preset, Stop, StormRate, Strategy, SupervisorDraft, TreeDraft,
};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) type Parsed<T> = Result<T, String>;

/// A tree as a table declares it.
pub(crate) struct Declared {
    pub tree: TreeDraft,
    pub profile: Profile,
    pub puppets: BTreeMap<String, Puppet>,
    pub shown: Vec<String>,
    pub problems: Option<Vec<String>>,
    pub warnings: Option<Vec<String>>,
    /// Texts that the problems or warnings must contain.
    pub mentions: Vec<String>,
    pub terse: bool,
    /// The whole spec that `do apply` brings.
    pub next: Option<Box<Self>>,
}

/// How the child of one path answers what is asked of it.
#[derive(Clone, Debug)]
pub(crate) struct Puppet {
    /// From start to started; `None`: never by itself.
    pub takes: Option<Duration>,
    /// From started to ready, where a ready rule stands.
    pub readies: Option<Duration>,
    /// From a stop step to its end; `None`: it ignores the step.
    pub stops: Option<Duration>,
    /// From force to its end; `None`: it outlives force.
    pub kills: Option<Duration>,
    /// From started to a failure by itself.
    pub dies: Option<Duration>,
    /// From start to a failed start.
    pub unstartable: bool,
}

impl Default for Puppet {
    fn default() -> Self {
        let at_once = Some(Duration::ZERO);
        Self {
            takes: at_once,
            readies: None,
            stops: at_once,
            kills: at_once,
            dies: None,
            unstartable: false,
        }
    }
}

impl Declared {
    pub(crate) fn new() -> Self {
        Self {
            tree: TreeDraft::default(),
            profile: Profile::Library,
            puppets: BTreeMap::new(),
            shown: Vec::new(),
            problems: None,
            warnings: None,
            mentions: Vec::new(),
            terse: false,
            next: None,
        }
    }

    /// Takes one line of declaration.
    pub(crate) fn line(&mut self, line: &str) -> Parsed<()> {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match word {
            "tree" => self.tree_line(rest),
            "root" => {
                let mut draft = std::mem::take(&mut self.tree.root_policy);
                let mut group = std::mem::take(&mut self.tree.root);
                let mut puppet = Puppet::default();
                if self.terse {
                    terse(&mut draft, true);
                }
                for word in rest.split_whitespace() {
                    setting(&mut draft, &mut group, &mut puppet, word)?;
                }
                self.tree.root_policy = draft;
                self.tree.root = group;
                Ok(())
            }
            "child" | "template" => {
                let (path, draft, puppet) = child(rest, self.terse)?;
                self.puppets.insert(path.clone(), puppet);
                let (above, name) = path.rsplit_once('/').unwrap_or(("", &path));
                let group = group_at(&mut self.tree.root, above)?;
                if word == "template" {
                    let max = group.dynamic.take().and_then(|dynamic| dynamic.max);
                    group.dynamic = Some(DynamicDraft { template: Box::new(draft), max });
                } else {
                    group.children.push(ChildDraft { name: name.into(), ..draft });
                }
                Ok(())
            }
            "show" => {
                self.shown.extend(rest.split_whitespace().map(String::from));
                Ok(())
            }
            // Plain settings for rows about one thing: no delays, no budgets but the stated ones.
            "terse" => {
                self.terse = true;
                terse(&mut self.tree.root_policy, true);
                Ok(())
            }
            "next" => {
                let is_terse = self.terse;
                let next = self.next.get_or_insert_with(|| Box::new(Self::new()));
                if is_terse && !next.terse {
                    next.line("terse")?;
                }
                next.line(rest)
            }
            "problems" => {
                self.problems =
                    Some(rest.split(',').map(|problem| problem.trim().into()).collect());
                Ok(())
            }
            "warnings" => {
                let listed = rest.split(',').map(|warning| warning.trim().into());
                self.warnings = Some(listed.filter(|warning: &String| warning != "none").collect());
                Ok(())
            }
            "mentions" => {
                self.mentions.push(rest.into());
                Ok(())
            }
            other => Err(format!("unknown declaration {other:?}")),
        }
    }

    fn tree_line(&mut self, rest: &str) -> Parsed<()> {
        for word in rest.split_whitespace() {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            match key {
                "drain" => self.tree.drain_timeout = Some(span(value)?),
                "fatal" => self.tree.fatal_drain_timeout = Some(span(value)?),
                "seed" => self.tree.seed = number(value)?,
                "cores" => self.tree.cores = Some(number(value)?),
                "storm" => {
                    let (burst, rate) = value.split_once('/').ok_or("storm=BURST/PER_SECOND")?;
                    let per_second = rate.parse().map_err(|_| format!("not a rate: {rate}"))?;
                    self.tree.storm_rate = Some(StormRate { burst: number(burst)?, per_second });
                }
                "daemon" => self.profile = Profile::Daemon,
                "library" => self.profile = Profile::Library,
                other => return Err(format!("unknown setting {other:?} of the tree")),
            }
        }
        Ok(())
    }
}

/// No delay, no jitter, no holdoff, no budget of its own, a grace of a second, five to start.
fn terse(draft: &mut ChildDraft, is_root: bool) {
    draft.restart = Some(Restart::Always);
    draft.backoff = Some(Shape::None);
    draft.jitter = Some(Jitter::None);
    draft.holdoff = Some(Duration::ZERO);
    draft.budget = Some(Vec::new());
    draft.criticality = Some(Criticality::Required);
    draft.on_exhausted = (!is_root).then_some(OnExhausted::Escalate);
    draft.start_timeout = Some(Duration::from_secs(5));
    // The root's children have their own times; only the bound of the drain is over them.
    let grace = if is_root { Grace::Unbounded } else { Grace::For(Duration::from_secs(1)) };
    draft.stop = Some(Stop { steps: vec![grace], kill_wait: Duration::from_secs(5) });
}

/// A child in words: `PATH SETTING ...`.
pub(crate) fn child(text: &str, is_terse: bool) -> Parsed<(String, ChildDraft, Puppet)> {
    let mut words = text.split_whitespace();
    let path = words.next().ok_or("a child needs a path")?;
    let mut draft = ChildDraft { kind: Some(KindDraft::Leaf(Kind::Task)), ..ChildDraft::default() };
    let (mut group, mut puppet) = (SupervisorDraft::default(), Puppet::default());
    let words: Vec<&str> = words.collect();
    let is_supervisor = words.contains(&"supervisor");
    if is_terse && !words.iter().any(|word| word.starts_with("preset=")) {
        terse(&mut draft, false);
        if is_supervisor {
            draft.stop =
                Some(Stop { steps: vec![Grace::Unbounded], kill_wait: Duration::from_secs(5) });
        }
    }
    for word in words {
        setting(&mut draft, &mut group, &mut puppet, word)?;
    }
    if is_supervisor {
        draft.kind = Some(KindDraft::Supervisor(group));
    }
    // A plain `_` stands for a missing name.
    Ok((path.replace('_', ""), draft, puppet))
}

fn group_at<'a>(root: &'a mut SupervisorDraft, path: &str) -> Parsed<&'a mut SupervisorDraft> {
    let mut group = root;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let child = group.children.iter_mut().find(|child| child.name == name);
        match child.and_then(|child| child.kind.as_mut()) {
            Some(KindDraft::Supervisor(below)) => group = below,
            Some(KindDraft::Leaf(_)) | None => {
                return Err(format!("no supervisor {path:?} is declared above"));
            }
        }
    }
    Ok(group)
}

fn setting(
    draft: &mut ChildDraft,
    group: &mut SupervisorDraft,
    puppet: &mut Puppet,
    word: &str,
) -> Parsed<()> {
    let (key, value) = word.split_once('=').unwrap_or((word, ""));
    let liveness = |draft: &mut ChildDraft| draft.liveness.take().unwrap_or_default();
    match key {
        "task" => draft.kind = Some(KindDraft::Leaf(Kind::Task)),
        "process" => draft.kind = Some(KindDraft::Leaf(Kind::Process)),
        "blocking" => draft.kind = Some(KindDraft::Leaf(Kind::Blocking)),
        "supervisor" => {}
        "kindless" => draft.kind = None,
        "always" => draft.restart = Some(Restart::Always),
        "on-failure" => draft.restart = Some(Restart::OnFailure),
        "never" => draft.restart = Some(Restart::Never),
        "one-for-one" | "one-for-all" | "rest-for-one" => {
            let strategy = match key {
                "one-for-one" => Strategy::OneForOne,
                "one-for-all" => Strategy::OneForAll,
                _ => Strategy::RestForOne,
            };
            group.strategy = Some(strategy);
        }
        "strategy" => {
            let mut alone = SupervisorDraft::default();
            setting(&mut ChildDraft::default(), &mut alone, &mut Puppet::default(), value)?;
            draft.strategy = alone.strategy;
        }
        "critical" => draft.criticality = Some(Criticality::Critical),
        "required" => draft.criticality = Some(Criticality::Required),
        "optional" => draft.criticality = Some(Criticality::Optional),
        "significant" => draft.significant = Some(true),
        "any-significant" => group.auto_shutdown = Some(AutoShutdown::AnySignificant),
        "all-significant" => group.auto_shutdown = Some(AutoShutdown::AllSignificant),
        "concurrency" => group.start_concurrency = Some(number(value)?),
        "forget" => group.finished = Some(Finished::Forget),
        "revive" => group.revive = Some(true),
        "max" => {
            let template = Box::new(ChildDraft {
                kind: Some(KindDraft::Leaf(Kind::Task)),
                ..ChildDraft::default()
            });
            group.dynamic = Some(DynamicDraft { template, max: Some(number(value)?) });
        }
        "preset" => {
            let preset = Preset::named(value).ok_or_else(|| format!("no preset {value:?}"))?;
            draft.preset = Some(preset);
        }
        "backoff" => draft.backoff = Some(shape(value)?),
        "jitter" => draft.jitter = Some(jitter(value)?),
        "holdoff" => draft.holdoff = Some(span(value)?),
        "limit" if value == "none" => draft.budget = Some(Vec::new()),
        "limit" => draft.budget.get_or_insert_default().push(limit(value)?),
        "exhausted" => draft.on_exhausted = Some(end(value)?),
        "cooldown" => draft.cooldown = Some(value.split(',').map(cooldown).collect::<Parsed<_>>()?),
        "decay" => draft.level_decay = Some(span(value)?),
        "stable" => draft.stable_after = Some(span(value)?),
        "success" => {
            let codes = value.split(',').map(number).collect::<Parsed<_>>()?;
            draft.success = Some(mainstay_core::Success { codes, signals: Vec::new() });
        }
        "needs" => draft.needs = Some(value.split(',').map(need).collect::<Parsed<_>>()?),
        "start_timeout" => draft.start_timeout = Some(span(value)?),
        "ready_timeout" => draft.ready_timeout = Some(span(value)?),
        "ready" => draft.ready = Some(ready(value)?),
        "rehydrate" => draft.rehydrate = Some(span(value)?),
        "recycle" => draft.recycle = Some(span(value)?),
        "overlap" => draft.overlap = Some(Overlap::Allow),
        "on-demand" => {
            let idle = if value.is_empty() { None } else { Some(span(value)?) };
            draft.activation = Some(Activation::OnDemand { idle });
        }
        "grace" => {
            let steps = match value {
                "kill" => Vec::new(),
                value => value.split(',').map(grace).collect::<Parsed<_>>()?,
            };
            let kill_wait = draft.stop.take().map_or(Duration::from_secs(5), |stop| stop.kill_wait);
            draft.stop = Some(Stop { steps, kill_wait });
        }
        "kill_wait" => {
            let steps = draft
                .stop
                .take()
                .map_or_else(|| vec![Grace::For(Duration::from_secs(10))], |stop| stop.steps);
            draft.stop = Some(Stop { steps, kill_wait: span(value)? });
        }
        "heartbeat" if value == "none" => draft.liveness = Some(Liveness::default()),
        "heartbeat" => {
            let (every, rest) = value.split_once('*').ok_or("heartbeat=EVERY*MISSES[+STARTUP]")?;
            let (misses, startup) = rest
                .split_once('+')
                .map_or((rest, None), |(misses, startup)| (misses, Some(startup)));
            let startup = startup.map(span).transpose()?;
            let heartbeat =
                Some(Heartbeat { every: span(every)?, misses: number(misses)?, startup });
            draft.liveness = Some(Liveness { heartbeat, ..liveness(draft) });
        }
        "progress" => {
            draft.liveness = Some(Liveness { progress: Some(span(value)?), ..liveness(draft) });
        }
        "probe" => {
            let mut liveness = liveness(draft);
            liveness.probes.push(probe(value)?);
            draft.liveness = Some(liveness);
        }
        "takes" => puppet.takes = maybe(value)?,
        "readies" => puppet.readies = maybe(value)?,
        "stops" => puppet.stops = maybe(value)?,
        "kills" => puppet.kills = maybe(value)?,
        "dies" => puppet.dies = maybe(value)?,
        "unstartable" => puppet.unstartable = true,
        other => return Err(format!("unknown setting {other:?}")),
    }
    Ok(())
}

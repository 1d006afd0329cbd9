//! Whether a declaration makes sense. All problems at once, each with the path and the rule it breaks.

use super::draft::TreeDraft;
use super::{
    Activation, AutoShutdown, ChildSpec, Declared, Grace, Kind, OnExhausted, ProbeKind, Ready,
    SupervisorSpec, TreeSpec, circle, wiring,
};
use crate::id::Path;
use crate::moment::Brief;
use crate::policy::backoff::Shape;
use crate::policy::budget::{Admit, Count, Limit, Scope, Within};
use crate::policy::restart::Restart;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

/// The longest span a spec may name: 100 years, so that no deadline comes near the end of time.
pub const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 3_600);
/// The largest count of a limit; its window may hold that many moments.
pub const MOST: u32 = 65_536;
/// The deepest nesting of supervisors.
pub const DEEPEST: usize = 64;

/// Something that keeps a spec from being accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {text} ({})", rule.name())]
pub struct Problem {
    /// Where it stands.
    pub path: Path,
    /// The rule it breaks.
    pub rule: Rule,
    /// What is wrong and what to do.
    pub text: String,
}

/// Something worth knowing about a spec that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where it stands.
    pub path: Path,
    /// The rule that noticed it.
    pub rule: Rule,
    /// What it means in practice.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.path, self.text, self.rule.name())
    }
}

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $rule:ident = $name:literal,)+) => {
        /// A rule about specs, with a name that never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Rule { $($(#[doc = $doc])+ $rule,)+ }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$rule,)+];

            /// Returns the lasting name, for machines and for searching the documentation.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$rule => $name,)+ }
            }
        }
    };
}

rules! {
    /// A name is empty or has characters that paths cannot carry.
    Name = "spec.name",
    /// Two siblings have one name.
    Duplicate = "spec.duplicate",
    /// A child has no kind.
    NoKind = "spec.no-kind",
    /// A number is outside what makes sense.
    Range = "spec.range",
    /// A backoff contradicts itself.
    Backoff = "spec.backoff",
    /// A limit stands where it cannot count.
    Scope = "spec.scope",
    /// A need names nobody, or itself.
    Need = "spec.need",
    /// Children need each other in a circle.
    Cycle = "spec.cycle",
    /// `significant` contradicts the restart rule or `auto_shutdown`.
    Significant = "spec.significant",
    /// A setting would have no effect where it stands.
    NoEffect = "spec.no-effect",
    /// Supervisors are nested too deeply.
    Depth = "spec.depth",
    /// A limit can never be reached.
    CannotTrip = "warn.cannot-trip",
    /// A crash loop inside is invisible to the limit outside.
    HiddenLoop = "warn.hidden-loop",
    /// Stopping may take longer than the drain allows.
    DrainFit = "warn.drain-fit",
    /// A need on ready where ready means no more than started.
    NeedReady = "warn.need-ready",
    /// A need of a child that starts on demand, where nobody's need is a demand.
    NeedDemand = "warn.need-demand",
    /// Nothing keeps a crash loop from being a busy loop.
    BusyLoop = "warn.busy-loop",
    /// `auto_shutdown` waits for significant children, and there are none.
    NoneSignificant = "warn.none-significant",
}

impl Problem {
    pub(crate) fn new(path: &Path, rule: Rule, text: impl Into<String>) -> Self {
        Self { path: path.clone(), rule, text: text.into() }
    }
}

/// Collects problems of one place.
pub(super) struct Finder<'a> {
    path: &'a Path,
    pub(super) found: Vec<Problem>,
}

impl<'a> Finder<'a> {
    pub(super) const fn new(path: &'a Path) -> Self {
        Self { path, found: Vec::new() }
    }

    pub(super) fn require(&mut self, holds: bool, rule: Rule, text: impl Into<String>) {
        if !holds {
            self.found.push(Problem::new(self.path, rule, text));
        }
    }

    fn span(&mut self, field: &str, span: Duration) {
        self.require(span <= LONGEST, Rule::Range, format!("{field} is longer than 100 years"));
    }

    fn positive(&mut self, field: &str, span: Duration) {
        self.require(!span.is_zero(), Rule::Range, format!("{field} must be longer than zero"));
        self.span(field, span);
    }
}

/// Returns whether a child can be called so.
pub(crate) fn is_name(name: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '/' && c != '*';
    !name.is_empty() && name.len() <= 255 && name.chars().all(plain)
}

pub(crate) fn name(path: &Path, name: &str) -> Vec<Problem> {
    let mut finder = Finder::new(path);
    finder.require(!name.is_empty(), Rule::Name, "a child needs a name");
    finder.require(
        name.is_empty() || is_name(name),
        Rule::Name,
        format!("the name {name:?} must be at most 255 bytes without spaces, `/`, `*` or control characters"),
    );
    finder.found
}

pub(crate) fn tree_draft(draft: &TreeDraft) -> Vec<Problem> {
    let root = Path::root();
    let mut finder = Finder::new(&root);
    if let Some(rate) = draft.storm_rate {
        finder.require(rate.burst > 0, Rule::Range, "storm_rate.burst must be at least 1");
        finder.require(
            rate.per_second.is_finite() && rate.per_second > 1e-6 && rate.per_second <= 1e9,
            Rule::Range,
            "storm_rate.per_second must be a number above 0.000001 and at most a billion",
        );
    }
    finder.found
}

pub(crate) fn tree(spec: &TreeSpec) -> Vec<Problem> {
    let root = Path::root();
    let mut finder = Finder::new(&root);
    finder.positive("drain_timeout", spec.drain_timeout);
    finder.positive("fatal_drain_timeout", spec.fatal_drain_timeout);
    for (field, is_set) in [
        ("needs", !spec.root.needs.is_empty()),
        ("significant", spec.root.significant),
        ("recycle", spec.root.recycle.is_some()),
    ] {
        finder.require(
            !is_set,
            Rule::NoEffect,
            format!("the root has no siblings and no parent: {field} has no effect"),
        );
    }
    finder.require(
        spec.root.supervisor().is_none_or(|root| root.on_exhausted != OnExhausted::Quarantine),
        Rule::NoEffect,
        "the root cannot be quarantined: its on_exhausted is shutdown or cooldown",
    );
    let mut problems = finder.found;
    problems.extend(node(&root, &spec.root, true, 0));
    problems
}

/// Checks a child that is not the root, and what is below it.
pub(crate) fn child(path: &Path, spec: &ChildSpec) -> Vec<Problem> {
    node(path, spec, false, path.names().count())
}

fn node(path: &Path, spec: &ChildSpec, is_root: bool, depth: usize) -> Vec<Problem> {
    let mut finder = Finder::new(path);
    timings(&mut finder, spec);
    backoff(&mut finder, spec);
    liveness(&mut finder, spec);
    for (index, limit) in spec.budget.iter().enumerate() {
        self::limit(&mut finder, index, limit, spec.supervisor().is_some(), is_root);
    }
    for (at, need) in spec.needs.iter().enumerate() {
        let again = spec.needs.iter().take(at).any(|earlier| earlier.child == need.child);
        let text = format!("needs {:?} twice: one need says how far and what then", need.child);
        finder.require(!again, Rule::Need, text);
    }
    finder.require(
        spec.on_exhausted != OnExhausted::Cooldown || !spec.cooldown.is_empty(),
        Rule::Range,
        "on_exhausted is cooldown, so cooldown needs at least one rung",
    );
    let mut problems = finder.found;
    problems.extend(wiring::unwired(path, spec, is_root));
    if let Kind::Supervisor(supervisor) = &spec.kind {
        problems.extend(self::supervisor(path, supervisor, depth));
    }
    problems
}

fn timings(finder: &mut Finder<'_>, spec: &ChildSpec) {
    finder.positive("start_timeout", spec.start_timeout);
    finder.positive("ready_timeout", spec.ready_timeout);
    finder.positive("level_decay", spec.level_decay);
    finder.span("stable_after", spec.stable_after);
    if spec.kind == Kind::Blocking {
        // No force ends a thread: zero abandons it as soon as its graces are over.
        finder.span("stop.kill_wait", spec.stop.kill_wait);
    } else {
        finder.positive("stop.kill_wait", spec.stop.kill_wait);
    }
    finder.require(spec.stop.steps.len() <= 16, Rule::Range, "stop has more than 16 steps");
    for step in &spec.stop.steps {
        if let Grace::For(grace) = step {
            finder.span("stop.grace", *grace);
        }
    }
    if let Some(age) = spec.recycle {
        finder.positive("recycle", age);
    }
    if let Some(limit) = spec.rehydrate {
        finder.positive("rehydrate", limit);
    }
    if let Activation::OnDemand { idle: Some(idle) } = spec.activation {
        finder.positive("activation.idle", idle);
    }
    for rung in &spec.cooldown {
        if let crate::policy::breaker::Cooldown::For(span) = rung {
            finder.positive("cooldown", *span);
        }
    }
}

fn backoff(finder: &mut Finder<'_>, spec: &ChildSpec) {
    finder.span("holdoff", spec.backoff.holdoff);
    let below = |finder: &mut Finder<'_>, first: Duration, most: Duration| {
        let text =
            format!("backoff begins at {}, above its own most of {}", Brief(first), Brief(most));
        finder.require(first <= most, Rule::Backoff, text);
        finder.span("backoff.most", most);
    };
    match &spec.backoff.shape {
        Shape::None => {}
        Shape::Fixed(delay) => finder.span("backoff", *delay),
        Shape::Linear { first, step, most } => {
            below(finder, *first, *most);
            finder.span("backoff.step", *step);
        }
        Shape::Exponential { first, factor, most } => {
            below(finder, *first, *most);
            let text = format!("backoff.factor is {factor}; it must be a number of at least 1");
            finder.require(factor.is_finite() && *factor >= 1.0, Rule::Backoff, text);
        }
        Shape::Geometric { first, most, .. } => below(finder, *first, *most),
        Shape::Ladder(rungs) => {
            finder.require(
                !rungs.is_empty(),
                Rule::Backoff,
                "a backoff ladder needs at least one rung",
            );
            for rung in rungs {
                finder.span("backoff", *rung);
            }
        }
    }
}

fn liveness(finder: &mut Finder<'_>, spec: &ChildSpec) {
    let liveness = &spec.liveness;
    if spec.supervisor().is_some() {
        let watched =
            spec.is_watched() && spec.recycle.is_none() || spec.activation != Activation::Always;
        let text =
            "a supervisor sends no sign of life and waits for no demand: put this on its children";
        finder.require(!watched && spec.rehydrate.is_none(), Rule::NoEffect, text);
        let text = "a supervisor is ready when its children are: it takes no ready rule";
        finder.require(spec.ready == Ready::Immediate, Rule::NoEffect, text);
    }
    if let Some(heartbeat) = liveness.heartbeat {
        finder.positive("heartbeat.every", heartbeat.every);
        finder.require(heartbeat.misses > 0, Rule::Range, "heartbeat.misses must be at least 1");
    }
    if let Some(limit) = liveness.progress {
        finder.positive("progress", limit);
    }
    finder.require(liveness.probes.len() <= 16, Rule::Range, "a child has more than 16 probes");
    for probe in &liveness.probes {
        finder.positive("probe.every", probe.every);
        finder.positive("probe.timeout", probe.timeout);
        finder.span("probe.initial", probe.initial);
        let counts = probe.failures > 0 && probe.successes > 0;
        finder.require(
            counts,
            Rule::Range,
            "probe.failures and probe.successes must be at least 1",
        );
    }
    let has_readiness = liveness.probes.iter().any(|probe| probe.kind == ProbeKind::Readiness);
    let text = "ready waits for a readiness probe, and there is none";
    finder.require(spec.ready != Ready::Probe || has_readiness, Rule::NoEffect, text);
}

fn limit(finder: &mut Finder<'_>, index: usize, limit: &Limit, is_supervisor: bool, is_root: bool) {
    let text = format!("limit {index} allows {}; the most is {MOST}", limit.most);
    finder.require(limit.most <= MOST, Rule::Range, text);
    match limit.within {
        Within::Sliding(span) | Within::Tumbling(span) => finder.positive("a limit's span", span),
        Within::Consecutive => {
            let text = format!(
                "limit {index} counts starts in a row, but stability forgets failures, not starts"
            );
            finder.require(limit.count != Count::Starts, Rule::NoEffect, text);
        }
    }
    let text =
        format!("limit {index} is checked at the start, which only a limit on starts can be");
    finder.require(
        limit.admit == Admit::AtExit || limit.count == Count::Starts,
        Rule::NoEffect,
        text,
    );
    match limit.scope {
        Scope::Child => {
            let text = format!("limit {index} counts the root itself, which nobody restarts");
            finder.require(!is_root, Rule::Scope, text);
        }
        Scope::Supervisor => {
            let text = format!(
                "limit {index} counts the children of a supervisor, but this child has none"
            );
            finder.require(is_supervisor, Rule::Scope, text);
        }
        Scope::Tree => {
            let text = format!("limit {index} counts the whole tree: it stands on the root");
            finder.require(is_root, Rule::Scope, text);
        }
    }
    let counts_one = limit.scope == Scope::Child || limit.within != Within::Consecutive;
    let text = format!(
        "limit {index} counts several children in a row, but each becomes stable for itself"
    );
    finder.require(counts_one, Rule::Scope, text);
}

fn supervisor(path: &Path, supervisor: &SupervisorSpec, depth: usize) -> Vec<Problem> {
    let mut finder = Finder::new(path);
    finder.require(
        depth < DEEPEST,
        Rule::Depth,
        format!("supervisors are nested deeper than {DEEPEST}"),
    );
    finder.require(
        supervisor.start_concurrency != Some(0),
        Rule::Range,
        "start_concurrency must be at least 1",
    );
    if let Some(dynamic) = &supervisor.dynamic {
        let text = "a dynamic supervisor makes its children from the template: it takes no others in the spec";
        finder.require(supervisor.children.is_empty(), Rule::NoEffect, text);
        let text = "a dynamic supervisor is one-for-one: strategy has no effect";
        finder.require(supervisor.strategy == super::Strategy::OneForOne, Rule::NoEffect, text);
        finder.require(dynamic.max != Some(0), Rule::Range, "max must be at least 1");
    }
    let mut problems = finder.found;
    let named = supervisor.children.iter().enumerate().map(|(at, (name, _))| (&**name, at));
    let places: BTreeMap<&str, usize> = named.collect();
    if places.len() < supervisor.children.len() {
        problems.extend(duplicates(path, supervisor));
    }
    let mut before: Option<&Declared> = None;
    for (name, child) in &supervisor.children {
        // What is right for one is right for the next that is declared alike.
        let is_alike =
            before.is_some_and(|before| alloc::sync::Arc::ptr_eq(&before.spec, &child.spec));
        before = Some(child);
        if is_alike && child.needs.is_empty() && problems.is_empty() {
            continue;
        }
        let below = path.join(name);
        problems.extend(membership(&below, child, supervisor));
        problems.extend(circle::needs(&below, name, child, &places));
        problems.extend(node(&below, child, false, depth + 1));
    }
    problems.extend(circle::cycles(path, supervisor, &places));
    if let Some(dynamic) = &supervisor.dynamic {
        let below = path.join("*");
        problems.extend(membership(&below, &dynamic.template, supervisor));
        let mut finder = Finder::new(&below);
        let text =
            "children of a dynamic supervisor come and go: the template cannot need one of them";
        finder.require(dynamic.template.needs.is_empty(), Rule::Need, text);
        problems.extend(finder.found);
        problems.extend(node(&below, &dynamic.template, false, depth + 1));
    }
    problems
}

/// Checks what a child says about itself as a member of its supervisor.
pub(crate) fn membership(path: &Path, child: &ChildSpec, above: &SupervisorSpec) -> Vec<Problem> {
    let mut finder = Finder::new(path);
    if child.significant {
        let text =
            "a significant child that is always restarted never ends: make it on-failure or never";
        finder.require(child.restart != Restart::Always, Rule::Significant, text);
        let text = "significant has no effect while its supervisor's auto_shutdown is never";
        finder.require(above.auto_shutdown != AutoShutdown::Never, Rule::Significant, text);
    }
    if above.dynamic.is_some() {
        let text = "children of a dynamic supervisor are one-for-one: strategy has no effect";
        finder.require(child.strategy.is_none(), Rule::NoEffect, text);
    }
    finder.found
}

fn duplicates(path: &Path, supervisor: &SupervisorSpec) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    let names = supervisor.children.iter().map(|(name, _)| name);
    let again = names.filter(|name| !name.is_empty() && !seen.insert(*name));
    let problem = |name: &alloc::sync::Arc<str>| {
        let below = path.join(name);
        let text = format!("duplicate name {below}: rename one");
        Problem::new(&below, Rule::Duplicate, text)
    };
    again.map(problem).collect()
}

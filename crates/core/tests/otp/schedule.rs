//! A schedule: a supervisor, its children, and what happens to them step by step.
//!
//! The text form is that of `harness.escript`; its header is the reference.

use std::fmt;

#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub id: String,
    pub root: Flags,
    pub children: Vec<Decl>,
    pub steps: Vec<Step>,
}

/// What a supervisor is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flags {
    pub strategy: Strategy,
    pub most: u32,
    pub period: u64,
    pub auto_shutdown: When,
}

/// A child as declared; below a nested supervisor its name is `t/x`.
#[derive(Clone, Debug)]
pub(crate) struct Decl {
    pub name: String,
    pub restart: Restart,
    pub significant: bool,
    pub onstop: OnStop,
    /// Set for a nested supervisor.
    pub supervisor: Option<Flags>,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Go,
    Stop,
    /// What the next starts of a child come to.
    Plan(Outcome, String, u32),
    One(Act),
    Together(Vec<Act>),
}

/// Something that happens to a child, or is asked of its supervisor.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Ends(How, String),
    Asks(Verb, String),
    Adds(Decl),
}

/// A closed set of words, each with its spelling in a schedule.
macro_rules! words {
    ($($(#[doc = $doc:literal])* $set:ident { $($item:ident = $word:literal),+ $(,)? })+) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $set { $($item),+ }

        impl $set {
            pub(crate) const ALL: &[Self] = &[$(Self::$item),+];

            pub(crate) const fn word(self) -> &'static str {
                match self { $(Self::$item => $word),+ }
            }

            fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|item| item.word() == word)
            }
        }
    )+};
}

words! {
    Strategy {
        OneForOne = "one_for_one", OneForAll = "one_for_all", RestForOne = "rest_for_one",
        Simple = "simple_one_for_one",
    }
    Restart { Permanent = "permanent", Transient = "transient", Temporary = "temporary" }
    /// When the end of significant children ends their supervisor.
    When { Never = "never", Any = "any", All = "all" }
    /// The reason with which a child leaves when it is asked to stop.
    OnStop { Shutdown = "shutdown", Normal = "normal", Crash = "crash" }
    /// What one start comes to.
    Outcome {
        Fails = "failstart", Skips = "skipstart", Crashes = "crashstart", Finishes = "finishstart",
    }
    /// How a child ends by itself.
    How {
        Crash = "crash", Kill = "kill", Finish = "finish", Shutdown = "shutdown", Leave = "leave",
    }
    /// What is asked of a supervisor about a child.
    Verb {
        Terminate = "terminate", Restart = "restart", Delete = "delete", StartChild = "startchild",
    }
}

impl How {
    /// Returns the reason as Erlang writes it.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Kill => "killed",
            Self::Finish => "normal",
            Self::Shutdown => "shutdown",
            Self::Leave => "{shutdown,leave}",
        }
    }
}

/// Returns the supervisor of a child, `.` for the outermost.
pub(crate) fn parent(name: &str) -> &str {
    name.split_once('/').map_or(".", |(above, _)| above)
}

impl Act {
    pub(crate) fn child(&self) -> &str {
        match self {
            Self::Ends(_, name) | Self::Asks(_, name) => name,
            Self::Adds(decl) => &decl.name,
        }
    }
}

impl Schedule {
    /// Returns what a supervisor is, `.` being the outermost.
    pub(crate) fn flags(&self, supervisor: &str) -> Option<&Flags> {
        if supervisor == "." {
            return Some(&self.root);
        }
        self.children.iter().find(|decl| decl.name == supervisor)?.supervisor.as_ref()
    }

    pub(crate) fn is_dynamic(&self, supervisor: &str) -> bool {
        self.flags(supervisor).is_some_and(|flags| flags.strategy == Strategy::Simple)
    }

    /// Returns what in this schedule has no counterpart in the core, or is a defect of the original.
    ///
    /// Such a schedule is not compared at all; the generator makes none.
    pub(crate) fn outside(&self) -> Option<&'static str> {
        let is_nested = |name: &str| name != "." && self.flags(name).is_some();
        self.steps.iter().find_map(|step| {
            let acts = match step {
                Step::Plan(Outcome::Skips, name, _) if self.is_dynamic(parent(name)) => {
                    return Some("simple_one_for_one keeps an entry for an ignored restart");
                }
                Step::Plan(_, name, _) if is_nested(name) => {
                    return Some("the start of a supervisor of ours is no act that could fail");
                }
                Step::Go | Step::Stop | Step::Plan(..) => return None,
                Step::One(act) => std::slice::from_ref(act),
                Step::Together(acts) => acts,
            };
            let homes: Vec<&str> = acts.iter().map(|act| parent(act.child())).collect();
            if homes.windows(2).any(|pair| pair[0] != pair[1]) {
                return Some("ours has one inbox, so events of two supervisors have one order");
            }
            acts.iter().find_map(|act| match act {
                Act::Ends(_, name) if is_nested(name) => {
                    Some("a supervisor of ours is no process that could end by itself")
                }
                Act::Adds(decl) if decl.supervisor.is_some() => {
                    Some("nested supervisors are not added at run time here")
                }
                Act::Ends(..) | Act::Asks(..) | Act::Adds(_) => None,
            })
        })
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "schedule {}\nsupervisor {}", self.id, self.root)?;
        for child in &self.children {
            writeln!(f, "child {child}")?;
        }
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        writeln!(f, "end")
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} intensity {} period {}", self.strategy.word(), self.most, self.period)?;
        write!(f, " auto_shutdown {}", self.auto_shutdown.word())
    }
}

impl fmt::Display for Decl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let restart = self.restart.word();
        match &self.supervisor {
            Some(flags) => write!(f, "{} supervisor {flags} restart {restart}", self.name)?,
            None => write!(f, "{} {restart} onstop {}", self.name, self.onstop.word())?,
        }
        if self.significant { f.write_str(" significant true") } else { Ok(()) }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Go => f.write_str("go"),
            Self::Stop => f.write_str("stop"),
            Self::Plan(outcome, name, times) => write!(f, "{} {name} {times}", outcome.word()),
            Self::One(act) => act.fmt(f),
            Self::Together(acts) => {
                let acts: Vec<String> = acts.iter().map(ToString::to_string).collect();
                write!(f, "together {}", acts.join(" | "))
            }
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ends(how, name) => write!(f, "{} {name}", how.word()),
            Self::Asks(verb, name) => write!(f, "{} {name}", verb.word()),
            Self::Adds(decl) => write!(f, "addchild {decl}"),
        }
    }
}

/// Reads schedules as the harness does.
pub(crate) fn read(text: &str) -> Vec<Schedule> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or("").trim());
    let mut schedules = Vec::new();
    let mut present: Option<Schedule> = None;
    for line in lines.filter(|line| !line.is_empty()) {
        let done =
            take_line(&mut present, line).unwrap_or_else(|| panic!("{line:?}: not understood"));
        schedules.extend(done);
    }
    schedules
}

/// Adds a line to the present schedule and returns it once it is complete; `None` for a line that makes no sense.
fn take_line(present: &mut Option<Schedule>, line: &str) -> Option<Option<Schedule>> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let words: Vec<&str> = rest.split_whitespace().collect();
    match (verb, present.as_mut()) {
        ("schedule", None) => {
            let root = flags("one_for_one", &["intensity", "0"])?.0;
            let id = rest.to_owned();
            *present = Some(Schedule { id, root, children: Vec::new(), steps: Vec::new() });
        }
        ("supervisor", Some(schedule)) => {
            schedule.root = flags(words.first()?, words.get(1..)?)?.0;
        }
        ("child", Some(schedule)) => schedule.children.push(decl(&words)?),
        ("end", Some(_)) => return Some(present.take()),
        (_, Some(schedule)) => schedule.steps.push(step(verb, rest, &words)?),
        (_, None) => return None,
    }
    Some(None)
}

fn step(verb: &str, rest: &str, words: &[&str]) -> Option<Step> {
    if let Some(outcome) = Outcome::of(verb) {
        let times = words.get(1).map_or(Some(1), |times| times.parse().ok())?;
        return Some(Step::Plan(outcome, words.first()?.to_string(), times));
    }
    Some(match verb {
        "go" => Step::Go,
        "stop" => Step::Stop,
        "both" => Step::Together(
            words.iter().map(|name| Act::Ends(How::Crash, (*name).to_owned())).collect(),
        ),
        "together" => Step::Together(rest.split('|').map(act).collect::<Option<_>>()?),
        _ => Step::One(act(&format!("{verb} {rest}"))?),
    })
}

fn act(text: &str) -> Option<Act> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (verb, rest) = words.split_first()?;
    let name = || rest.first().map(|name| (*name).to_owned());
    if *verb == "addchild" {
        return Some(Act::Adds(decl(rest)?));
    }
    match (How::of(verb), Verb::of(verb)) {
        (Some(how), _) => Some(Act::Ends(how, name()?)),
        (None, Some(verb)) => Some(Act::Asks(verb, name()?)),
        (None, None) => None,
    }
}

fn decl(words: &[&str]) -> Option<Decl> {
    let name = words.first()?.to_string();
    let (restart, supervisor, pairs) = if *words.get(1)? == "supervisor" {
        let (flags, rest) = flags(words.get(2)?, words.get(3..)?)?;
        (Restart::Permanent, Some(flags), rest)
    } else {
        let pairs = words.get(2..)?.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        (Restart::of(words[1])?, None, pairs)
    };
    let onstop = OnStop::Shutdown;
    let mut decl = Decl { name, restart, significant: false, onstop, supervisor };
    for (key, value) in pairs {
        match key {
            "restart" => decl.restart = Restart::of(value)?,
            "significant" => decl.significant = value == "true",
            "onstop" => decl.onstop = OnStop::of(value)?,
            _ => return None,
        }
    }
    Some(decl)
}

fn flags<'a>(strategy: &str, words: &[&'a str]) -> Option<(Flags, Vec<(&'a str, &'a str)>)> {
    let strategy = Strategy::of(strategy)?;
    let mut flags = Flags { strategy, most: 0, period: 3_600, auto_shutdown: When::Never };
    let mut other = Vec::new();
    for pair in words.chunks_exact(2) {
        match pair[0] {
            "intensity" => flags.most = pair[1].parse().ok()?,
            "period" => flags.period = pair[1].parse().ok()?,
            "auto_shutdown" => {
                flags.auto_shutdown = When::of(pair[1].trim_end_matches("_significant"))?;
            }
            key => other.push((key, pair[1])),
        }
    }
    Some((flags, other))
}

//! The core, driven through a schedule as a supervisor of OTP would be.
//!
//! OTP's supervisors have a mailbox each and block while they work; the core has neither. So this
//! driver keeps a mailbox for each supervisor, and takes from it only when nothing is left to do:
//! every stop and every start that the core asks for is done, and answered, at once. Inner
//! supervisors come first. That a start failed is told behind what is in the mailbox by then: so does
//! OTP, which sends itself a message to try again.

use crate::declare;
use crate::deviation::Deviation;
use crate::erlang::Trace;
use crate::schedule::{Act, Decl, How, OnStop, Outcome, Schedule, Step, Verb, parent};
use mainstay_core::spec::defaults::Profile;
use mainstay_core::{
    ChildId, Effect, Effects, Exit, Input, Path, RunId, StartStep, Tree, Verb as Order,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{self, AssertUnwindSafe};

mod commands;
mod facts;

/// What the core made of a schedule.
pub(crate) struct Played {
    pub trace: Trace,
    /// The deviations met in each step, each with the number of facts before it.
    pub met: Vec<BTreeMap<Deviation, usize>>,
}

pub(crate) fn play(schedule: &Schedule) -> Played {
    let mut played = Played { trace: Vec::new(), met: Vec::new() };
    let mut driver = Driver::new(schedule);
    for step in &schedule.steps {
        let facts = match &mut driver {
            Some(driver) => {
                // A panic of the core is a difference like any other, and is made small like any other.
                let stepped = panic::catch_unwind(AssertUnwindSafe(|| driver.step(step)));
                stepped.unwrap_or_else(|_| vec!["panicked".to_owned()])
            }
            None => refused(step),
        };
        let met = driver.as_mut().map(|driver| std::mem::take(&mut driver.met));
        played.met.push(met.unwrap_or_default());
        let is_lost = facts.last().is_some_and(|fact| fact == "panicked");
        played.trace.push(facts);
        if is_lost {
            break;
        }
    }
    played
}

/// A tree that cannot be declared here cannot be started there.
fn refused(step: &Step) -> Vec<String> {
    match step {
        Step::Plan(..) => Vec::new(),
        Step::Go => {
            let reply = "reply go error {start_spec,bad_combination}";
            vec![reply.to_owned(), "state . gone".to_owned()]
        }
        Step::Stop | Step::One(_) | Step::Together(_) => vec!["gone".to_owned()],
    }
}

struct Driver<'a> {
    schedule: &'a Schedule,
    tree: Tree,
    out: Effects,
    /// The supervisors as they get to act: inner ones first, in order of declaration.
    supervisors: Vec<String>,
    /// What the core asked for and is not done yet, by supervisor.
    asked: BTreeMap<String, VecDeque<Effect>>,
    mailboxes: BTreeMap<String, VecDeque<Letter>>,
    names: BTreeMap<ChildId, String>,
    /// Children in the order in which their names first appeared.
    known: Vec<String>,
    decls: BTreeMap<String, Decl>,
    plans: BTreeMap<String, VecDeque<Outcome>>,
    starts: BTreeMap<String, u64>,
    /// Children that ever ran.
    ran: BTreeSet<String>,
    /// Runs that are over while the mailbox still holds the news.
    dead: BTreeMap<ChildId, Exit>,
    /// Runs whose failed start is still in the mailbox: OTP calls such a child restarting.
    failed: BTreeSet<ChildId>,
    /// Those of them, in this step, that were stopped for another restart before it was told.
    overtaken: BTreeSet<ChildId>,
    /// Supervisors in which, in this step, a start waits for one that has failed already.
    waiting: BTreeSet<String>,
    /// The child that the present command may start, and the place of its reply.
    commanded: Option<(String, usize)>,
    facts: Vec<String>,
    replies: Vec<(String, String)>,
    met: BTreeMap<Deviation, usize>,
    began: bool,
    /// Children that commands added, removed or stopped.
    changed: BTreeSet<String>,
    /// Whether a subtree came back with a child that OTP has as it was declared, and we as it was added.
    differs: bool,
}

enum Letter {
    Ended(ChildId, RunId, Exit),
    Asked(Request),
}

struct Request {
    act: Act,
    /// Its place among the replies.
    reply: usize,
    /// The run that the asker sees; OTP knows children of a dynamic supervisor by that only.
    run: Option<RunId>,
    /// Whether there ever was one.
    ran: bool,
}

impl<'a> Driver<'a> {
    fn new(schedule: &'a Schedule) -> Option<Self> {
        let (spec, _) = declare::tree(schedule).build(Profile::Library).ok()?;
        let is_template = |decl: &&Decl| schedule.is_dynamic(parent(&decl.name));
        let known = schedule.children.iter().filter(|decl| !is_template(decl));
        let inner = schedule.children.iter().filter(|decl| decl.supervisor.is_some());
        let inner = inner.map(|decl| decl.name.clone());
        let supervisors: Vec<String> = inner.chain([".".to_owned()]).collect();
        let mut driver = Self {
            schedule,
            tree: Tree::new(&spec),
            out: Effects::new(),
            asked: supervisors.iter().map(|name| (name.clone(), VecDeque::new())).collect(),
            mailboxes: supervisors.iter().map(|name| (name.clone(), VecDeque::new())).collect(),
            names: BTreeMap::new(),
            known: known.map(|decl| decl.name.clone()).collect(),
            supervisors,
            decls: schedule.children.iter().map(|decl| (decl.name.clone(), decl.clone())).collect(),
            plans: BTreeMap::new(),
            starts: BTreeMap::new(),
            ran: BTreeSet::new(),
            dead: BTreeMap::new(),
            failed: BTreeSet::new(),
            overtaken: BTreeSet::new(),
            waiting: BTreeSet::new(),
            commanded: None,
            facts: Vec::new(),
            replies: Vec::new(),
            met: BTreeMap::new(),
            began: false,
            changed: BTreeSet::new(),
            differs: false,
        };
        driver.learn_names();
        Some(driver)
    }

    fn step(&mut self, step: &Step) -> Vec<String> {
        if let Step::Plan(outcome, name, times) = step {
            let queue = self.plans.entry(name.clone()).or_default();
            queue.extend((0..*times).map(|_| *outcome));
            return Vec::new();
        }
        if self.tree.has_ended() || !(self.began || matches!(step, Step::Go)) {
            return vec!["gone".to_owned()];
        }
        if self.differs {
            self.meet(Deviation::SubtreeReturns);
        }
        match step {
            Step::Go if self.began => self.note("noop"),
            Step::Go => {
                self.began = true;
                self.replies.push(("go".to_owned(), "ok".to_owned()));
                self.handle(Input::Boot);
            }
            Step::Stop => _ = self.command(Path::root(), None, Order::Drain),
            Step::One(act) => self.post(act, false),
            Step::Together(acts) => acts.iter().for_each(|act| self.post(act, true)),
            Step::Plan(..) => {}
        }
        self.work();
        self.finish_step()
    }

    /// Puts what happens, or is asked, into the mailbox of the supervisor it concerns.
    fn post(&mut self, act: &Act, together: bool) {
        let name = act.child().to_owned();
        match act {
            Act::Ends(how, _) => {
                match self.live(&name).filter(|(id, _)| !self.dead.contains_key(id)) {
                    Some((id, run)) => self.end(&name, id, run, *how),
                    None => self.note("noop"),
                }
            }
            Act::Asks(Verb::StartChild, _)
                if (together && self.known.contains(&name))
                    || (!together && self.live(&name).is_some()) =>
            {
                self.note("noop");
            }
            Act::Asks(verb, _) => self.ask(act, verb.word(), *verb == Verb::StartChild),
            Act::Adds(_) => self.ask(act, "addchild", true),
        }
    }

    fn ask(&mut self, act: &Act, verb: &str, is_new: bool) {
        let name = act.child().to_owned();
        let reply = self.replies.len();
        self.replies.push((format!("{verb} {name}"), String::new()));
        if !self.is_up(parent(&name)) {
            self.meet(Deviation::SupervisorDown);
            self.replies[reply].1 = "error noproc".to_owned();
            return;
        }
        if is_new && !self.known.contains(&name) {
            self.known.push(name.clone());
        }
        let (run, ran) = (self.live(&name).map(|(_, run)| run), self.ran.contains(&name));
        let request = Request { act: act.clone(), reply, run, ran };
        self.mailbox(parent(&name)).push_back(Letter::Asked(request));
    }

    /// A run ends by itself; its supervisor hears of it when it comes to it.
    fn end(&mut self, name: &str, id: ChildId, run: RunId, how: How) {
        self.note(&format!("exit {name} {}", how.reason()));
        let exit = match how {
            How::Crash => Exit::FAILED,
            How::Kill => Exit::Signaled { signal: 9, core: false },
            How::Finish | How::Shutdown | How::Leave => Exit::Completed,
        };
        self.dead.insert(id, exit);
        self.mailbox(parent(name)).push_back(Letter::Ended(id, run, exit));
    }

    /// Goes on until every supervisor is quiet.
    fn work(&mut self) {
        for _ in 0..100_000 {
            let is_busy =
                |name: &&String| !self.asked[*name].is_empty() || !self.mailboxes[*name].is_empty();
            let Some(name) = self.supervisors.iter().find(is_busy).cloned() else { return };
            if let Some(effect) = self.asked.get_mut(&name).and_then(VecDeque::pop_front) {
                self.perform(&name, effect);
            } else if let Some(letter) = self.mailbox(&name).pop_front() {
                self.open(letter);
            }
        }
        panic!("no end of it:\n{}", self.schedule);
    }

    fn open(&mut self, letter: Letter) {
        self.commanded = None;
        match letter {
            Letter::Ended(child, run, exit) => {
                self.dead.remove(&child);
                self.failed.remove(&child);
                self.handle(Input::Exited { child, run, exit, detail: None });
            }
            Letter::Asked(request) => {
                let above = parent(request.act.child());
                if self.failed.iter().any(|child| parent(&self.names[child]) == above) {
                    self.meet(Deviation::BetweenAttempts);
                }
                let reply = self.obey(&request);
                self.replies[request.reply].1 = reply;
            }
        }
    }

    fn perform(&mut self, supervisor: &str, effect: Effect) {
        match effect {
            Effect::Start { child, run, .. } => self.start(child, run),
            Effect::Stop { child, run, .. } => self.stop(supervisor, child, run),
            Effect::Forget(_) | Effect::End(_) => {}
            Effect::Kill(..)
            | Effect::Probe { .. }
            | Effect::Rehydrate(..)
            | Effect::Reload(..)
            | Effect::Freeze(..)
            | Effect::Thaw(..)
            | Effect::Change(..)
            | Effect::Abandon(..) => panic!("{effect:?} has no place here:\n{}", self.schedule),
        }
    }

    fn start(&mut self, child: ChildId, run: RunId) {
        let name = self.names[&child].clone();
        *self.starts.entry(name.clone()).or_default() += 1;
        let by_command = self.commanded.take_if(|(commanded, _)| *commanded == name);
        let failed = Exit::StartFailed { step: StartStep::Factory, mendable: true };
        let exited = |exit| Input::Exited { child, run, exit, detail: None };
        let plan = self.plans.get_mut(&name).and_then(VecDeque::pop_front);
        if matches!(plan, None | Some(Outcome::Crashes | Outcome::Finishes)) {
            self.ran.insert(name.clone());
        }
        match plan {
            None => {
                self.note(&format!("start {name}"));
                self.handle(Input::Started(child, run));
            }
            Some(outcome @ (Outcome::Crashes | Outcome::Finishes)) => {
                self.note(&format!("start {name}"));
                let how = if outcome == Outcome::Crashes { How::Crash } else { How::Finish };
                self.end(&name, child, run, how);
                self.handle(Input::Started(child, run));
            }
            Some(Outcome::Skips) => {
                self.note(&format!("start {name} ignored"));
                self.handle(exited(Exit::Skipped));
            }
            Some(Outcome::Fails) => {
                self.note(&format!("start {name} failed"));
                if let Some((_, reply)) = by_command {
                    self.take_back(&name, reply);
                    self.handle(exited(failed));
                    return;
                }
                if self.is_opening(parent(&name)) {
                    self.meet(Deviation::FirstStartFails);
                }
                if self.overtaken.contains(&child) {
                    self.meet(Deviation::EarlierRetry);
                }
                self.failed.insert(child);
                self.mailbox(parent(&name)).push_back(Letter::Ended(child, run, failed));
            }
        }
    }

    fn stop(&mut self, supervisor: &str, child: ChildId, run: RunId) {
        let mailbox = self.mailboxes.get_mut(supervisor).expect("a supervisor");
        mailbox.retain(|letter| match letter {
            Letter::Ended(of, ..) => *of != child,
            Letter::Asked(_) => true,
        });
        let name = self.names[&child].clone();
        let never_began = self.failed.remove(&child);
        let exit = match self.dead.remove(&child) {
            Some(exit) => exit,
            None if never_began => {
                self.overtaken.insert(child);
                Exit::Aborted
            }
            None => {
                self.note(&format!("stop {name}"));
                let decl = self.decl(&name);
                if decl.is_some_and(|decl| decl.onstop == OnStop::Crash) {
                    Exit::FAILED
                } else {
                    Exit::Completed
                }
            }
        };
        self.handle(Input::Exited { child, run, exit, detail: None });
    }
}

//! Commands: one value is parsed, authorized, audited and carried out.

use super::apart::apart;
use super::look::{self, Wall};
use super::route::{Answer, Ask, json};
use super::trouble::Trouble;
use super::{Caller, Role, Service};
use crate::otlp::Commanded;
use axum::http::StatusCode;
use mainstay::{Done, Handle, Operator, Request, RunId, View};
use mainstay_wire::api::{Act, Command, Reply, Step, Verb};
use std::time::Instant;

/// The most letters a caller's own name may have.
const LONGEST_WHO: usize = 256;
/// The most letters a reason may have.
const LONGEST_WHY: usize = 4096;

/// Which role a command takes.
pub(super) fn role(command: &Command) -> Role {
    // What ends the root ends the tree.
    let is_whole = command.target.trim_matches('/').is_empty();
    match &command.verb {
        Verb::Stop {} | Verb::Restart {} | Verb::Recycle {} | Verb::Quarantine {} if is_whole => {
            Role::Admin
        }
        Verb::Start { over: false }
        | Verb::Stop {}
        | Verb::Restart {}
        | Verb::Reload {}
        | Verb::Recycle {}
        | Verb::Pause { .. }
        | Verb::Resume {}
        | Verb::Quarantine {}
        | Verb::Release {}
        | Verb::Acknowledge {}
        | Verb::Reset { .. }
        | Verb::TestHook { .. } => Role::Operator,
        Verb::Start { over: true }
        | Verb::Add { .. }
        | Verb::Remove {}
        | Verb::Apply { .. }
        | Verb::Drain {}
        | Verb::Upgrade { .. } => Role::Admin,
    }
}

pub(super) async fn command(ask: Ask) -> Answer {
    let command: Command = ask.form("a command")?;
    let parent = ask.header("traceparent");
    carry_out(&ask.service, &ask.caller, command, parent).await.map(|reply| json(&reply))
}

/// Carries out a command in the name of whoever asks, if they may. `parent` is the trace it belongs to.
pub(crate) async fn carry_out(
    service: &Service,
    asks: &Caller,
    command: Command,
    parent: Option<&str>,
) -> Result<Reply, Trouble> {
    let caller = asks.name();
    if let Err(trouble) = asks.require(role(&command)) {
        let (verb, target) = (command.verb.word(), command.target.as_str());
        tracing::warn!(who = caller, verb, target, why = command.why, "a command is forbidden");
        return Err(trouble);
    }
    check(&command)?;
    let who = match &command.who {
        Some(words) => format!("{words} ({caller})"),
        None => caller.to_owned(),
    };
    let (verb, target, why) = (command.verb.word(), command.target.clone(), command.why.clone());
    let began = Instant::now();
    let order = Order { service, who: who.clone(), command };
    let answer = order.carry_out().await;
    if let Some(telemetry) = service.telemetry() {
        telemetry.commanded(&Commanded {
            verb,
            target: &target,
            who: &who,
            why: &why,
            status: match &answer {
                Ok(_) => StatusCode::OK,
                Err(trouble) => trouble.status,
            }
            .as_u16(),
            took: began.elapsed(),
            parent,
        });
    }
    answer
}

/// Refuses what would make the audit trail unreadable.
fn check(command: &Command) -> Result<(), Trouble> {
    let is_shown = |letter: char| !letter.is_whitespace() && !letter.is_control();
    if !command.why.chars().any(is_shown) {
        return Err(Trouble::bad("anonymous", "a command must say why")
            .hint("give a reason in `why`: it stands in the audit trail"));
    }
    if command.why.chars().count() > LONGEST_WHY {
        let text = format!("`why` has more than {LONGEST_WHY} letters");
        return Err(Trouble::bad("bad-command", text));
    }
    if let Some(who) = &command.who {
        let is_short = (1..=LONGEST_WHO).contains(&who.chars().count());
        if !is_short || who.chars().any(char::is_control) {
            let text = format!("`who` must be 1 to {LONGEST_WHO} letters on one line");
            return Err(Trouble::bad("bad-command", text));
        }
    }
    id(command).map(drop)
}

fn id(command: &Command) -> Result<Option<u128>, Trouble> {
    let Some(text) = &command.id else { return Ok(None) };
    // Zeros in front do not make it longer than it may be.
    let is_plain = text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = u128::from_str_radix(text, 16).ok().filter(|id| is_plain && *id > 0);
    match id {
        Some(id) => Ok(Some(id)),
        None => {
            let text = "`id` must be 1 to 32 hexadecimal digits, and not zero";
            Err(Trouble::bad("bad-command", text))
        }
    }
}

/// Refuses what would have to be remembered while nothing can be.
pub(crate) fn refused_by_journal(service: &Service, verb: &Verb) -> Option<Trouble> {
    let needs_memory = match verb {
        Verb::Start { .. } | Verb::Stop {} | Verb::Drain {} | Verb::TestHook { .. } => false,
        Verb::Apply { dry_run, .. } => !dry_run,
        Verb::Restart {}
        | Verb::Reload {}
        | Verb::Recycle {}
        | Verb::Pause { .. }
        | Verb::Resume {}
        | Verb::Quarantine {}
        | Verb::Release {}
        | Verb::Acknowledge {}
        | Verb::Reset { .. }
        | Verb::Add { .. }
        | Verb::Remove {}
        | Verb::Upgrade { .. } => true,
    };
    let refuses = service.inner.book.as_ref().and_then(|book| book.refuses());
    let cause = refuses.filter(|_| needs_memory)?;
    let text = format!("it could not be remembered: {cause}");
    let hint = "`start`, `stop` and `drain` are carried out nevertheless";
    Some(Trouble::new(StatusCode::SERVICE_UNAVAILABLE, "journal", text).hint(hint))
}

/// A command that may be carried out, and in whose name.
struct Order<'a> {
    service: &'a Service,
    who: String,
    command: Command,
}

impl Order<'_> {
    async fn carry_out(self) -> Result<Reply, Trouble> {
        if let Some(trouble) = refused_by_journal(self.service, &self.command.verb) {
            return Err(trouble);
        }
        let handle = &self.service.handle;
        let by = handle.by(self.who.as_str());
        let (target, why) = (self.command.target.as_str(), self.command.why.as_str());
        let request = match &self.command.verb {
            Verb::Start { over: false } => by.start(target, why),
            Verb::Start { over: true } => by.start_over(target, why),
            Verb::Stop {} => by.stop(target, why),
            Verb::Restart {} => by.restart(target, why),
            Verb::Reload {} => by.reload(target, why),
            Verb::Recycle {} => by.recycle(target, why),
            Verb::Pause { freeze: false } => by.pause(target, why),
            Verb::Pause { freeze: true } => by.freeze(target, why),
            Verb::Resume {} => by.resume(target, why),
            Verb::Quarantine {} => by.quarantine(target, why),
            Verb::Release {} => by.release(target, why),
            Verb::Acknowledge {} => by.acknowledge(target, why),
            Verb::Reset { start: false } => by.reset(target, why),
            Verb::Reset { start: true } => by.reset_and_start(target, why),
            Verb::Remove {} => by.remove(target, why),
            Verb::Drain {} => {
                if !target.trim_matches('/').is_empty() {
                    let text = "the tree is drained as a whole";
                    let hint = format!("`mainstay stop {target}` stops a part of it");
                    return Err(Trouble::new(StatusCode::CONFLICT, "unfit", text).hint(hint));
                }
                by.drain(why)
            }
            Verb::Add { spec } => return self.add(&by, spec).await,
            Verb::Apply { spec, dry_run } => {
                return self.apply(&by, spec.as_deref(), *dry_run).await;
            }
            Verb::TestHook { hook } => return self.test_hook(hook.clone()).await,
            Verb::Upgrade { program } => return self.upgrade(program.clone()).await,
        };
        let done = self.send(request, 0).await?;
        self.reply(target, done).await
    }

    /// Sends a command; of several that one request makes, `part` is the number.
    async fn send(&self, mut request: Request, part: u128) -> Result<Done, Trouble> {
        if let Some(id) = id(&self.command)? {
            // Parts that only differ in the last digits would meet those of the next id.
            request = request.id(id ^ (part << 64));
        }
        if let Some(run) = self.command.if_run {
            request = request.if_run(RunId(run));
        }
        if let Some(revision) = self.command.if_revision {
            request = request.if_revision(revision);
        }
        match request.await {
            Ok(done) => Ok(done),
            Err(error) => Err(Trouble::command(&self.service.handle, error).await),
        }
    }

    async fn add(&self, by: &Operator, spec: &str) -> Result<Reply, Trouble> {
        let (handle, target) = (&self.service.handle, self.command.target.trim_matches('/'));
        let Some(specs) = self.service.inner.specs.clone() else { return Err(declared_in_code()) };
        self.view(target).await?;
        let (text, above) = (spec.to_owned(), target.to_owned());
        let nodes = apart(move || specs.fragment(&text, &above)).await?;
        let nodes = nodes.map_err(Trouble::of)?;
        if nodes.is_empty() {
            return Err(Trouble::bad("bad-command", "there is no child in `spec`"));
        }
        let mut added: Vec<(String, Done)> = Vec::new();
        for (part, node) in nodes.into_iter().enumerate() {
            let request = by.add(target, node, self.command.why.as_str());
            match self.send(request, part as u128).await {
                Ok(done) => added.push((path_of(handle, &done).await, done)),
                Err(mut trouble) => {
                    if !added.is_empty() {
                        let names: Vec<&str> =
                            added.iter().map(|(name, _)| name.as_str()).collect();
                        let text = &mut trouble.problem.text;
                        *text = format!("{text}; added before it: {}", names.join(", "));
                    }
                    return Err(trouble);
                }
            }
        }
        let names: Vec<String> = added.iter().map(|(name, _)| name.clone()).collect();
        let mut added = added.into_iter();
        let Some((path, done)) = added.next() else {
            return Err(Trouble::inside("command", "nothing was added"));
        };
        let changed = done.changed || added.any(|(_, done)| done.changed);
        let mut reply = self.reply(&path, Done { changed, ..done }).await?;
        reply.text = if changed {
            format!("added {}", names.join(", "))
        } else {
            format!("{} was added before", names.join(", "))
        };
        Ok(reply)
    }

    async fn apply(
        &self,
        by: &Operator,
        spec: Option<&str>,
        dry_run: bool,
    ) -> Result<Reply, Trouble> {
        let Some(specs) = self.service.inner.specs.clone() else { return Err(declared_in_code()) };
        let (loader, text) = (specs.clone(), spec.map(str::to_owned));
        let tree = apart(move || loader.load(text.as_deref())).await?.map_err(Trouble::of)?;
        let handle = &self.service.handle;
        if dry_run {
            let plan = match handle.plan(tree).await {
                Ok(plan) => steps(&plan),
                Err(error) => return Err(Trouble::command(handle, error).await),
            };
            let root = self.view("").await?;
            let standing = look::standing(root.standing);
            return Ok(Reply {
                child: String::new(),
                changed: false,
                before: standing,
                after: standing,
                durable: self.durable().await,
                next: None,
                text: format!("nothing was done; to do: {}", summary(&plan)),
                plan,
            });
        }
        let done = self.send(by.apply(tree, self.command.why.as_str()), 0).await?;
        specs.applied(spec);
        let plan = steps(&done.plan);
        let text = summary(&plan);
        let mut reply = self.reply("", done).await?;
        (reply.plan, reply.text) = (plan, text);
        Ok(reply)
    }

    async fn test_hook(&self, hook: String) -> Result<Reply, Trouble> {
        let Some(around) = self.service.inner.program.clone() else {
            return Err(Trouble::absent("this tree lives in a service, which has no hooks"));
        };
        tracing::info!(who = self.who, why = self.command.why, hook, "a hook is tried");
        let text = apart(move || around.test_hook(&hook)).await?.map_err(Trouble::of)?;
        self.about_itself(text).await
    }

    async fn upgrade(&self, program: Option<String>) -> Result<Reply, Trouble> {
        let Some(around) = self.service.inner.program.clone() else {
            let text = "this tree lives in a service, which is replaced in the service's own way";
            return Err(Trouble::absent(text));
        };
        tracing::info!(who = self.who, why = self.command.why, program, "upgrade");
        let text = apart(move || around.upgrade(program.as_deref())).await?;
        self.about_itself(text.map_err(Trouble::of)?).await
    }

    /// Answers a command that was about the program, and changed no child.
    async fn about_itself(&self, text: String) -> Result<Reply, Trouble> {
        let standing = look::standing(self.view("").await?.standing);
        let durable = self.durable().await;
        Ok(Reply {
            child: String::new(),
            changed: true,
            before: standing,
            after: standing,
            durable,
            next: None,
            text,
            plan: Vec::new(),
        })
    }

    async fn view(&self, path: &str) -> Result<View, Trouble> {
        let handle = &self.service.handle;
        match handle.child(path).await {
            Ok(view) => Ok(view),
            Err(error) => Err(Trouble::ask(handle, error).await),
        }
    }

    async fn durable(&self) -> bool {
        let Some(book) = self.service.inner.book.clone() else { return false };
        apart(move || book.durable()).await.unwrap_or(false)
    }

    async fn reply(&self, path: &str, done: Done) -> Result<Reply, Trouble> {
        let durable = self.durable().await;
        let path = path.trim_matches('/');
        let wall = Wall::now(&self.service.handle);
        // Who has been removed, or has ended with the tree, has nothing before it.
        let view = self.service.handle.child(path).await.ok();
        let next = view.and_then(|view| view.next).map(|(at, why)| look::next(at, why, wall));
        let (before, after) = (look::standing(done.before), look::standing(done.after));
        let name = if path.is_empty() { "/" } else { path };
        let text = if done.changed {
            format!("{name} {}", done.after)
        } else {
            format!("{name} {}: it was so already", done.after)
        };
        let plan = steps(&done.plan);
        let child = path.to_owned();
        Ok(Reply { child, changed: done.changed, before, after, durable, next, text, plan })
    }
}

/// Returns the path of the child that a command was carried out for.
async fn path_of(handle: &Handle, done: &Done) -> String {
    let views = handle.status().await.unwrap_or_default();
    let found = views.into_iter().find(|view| view.child == done.child);
    found.map_or_else(String::new, |view| view.path.to_string())
}

fn declared_in_code() -> Trouble {
    Trouble::absent("this program's tree is declared in its code")
        .hint("change the program, or start, stop and pause what it declares")
}

fn steps(plan: &[mainstay::Step]) -> Vec<Step> {
    let step = |step: &mainstay::Step| Step {
        path: step.path.as_str().to_owned(),
        act: match step.act {
            mainstay::Act::Keep => Act::Keep,
            mainstay::Act::Live => Act::Live,
            mainstay::Act::Restart => Act::Restart,
            mainstay::Act::Add => Act::Add,
            mainstay::Act::Remove => Act::Remove,
        },
    };
    plan.iter().map(step).collect()
}

fn summary(plan: &[Step]) -> String {
    let words = [
        (Act::Add, "added"),
        (Act::Remove, "removed"),
        (Act::Restart, "restarted"),
        (Act::Live, "changed live"),
        (Act::Keep, "kept"),
    ];
    let count = |act| plan.iter().filter(|step| step.act == act).count();
    let parts = words.into_iter().filter(|(act, _)| count(*act) > 0);
    let parts: Vec<String> = parts.map(|(act, word)| format!("{} {word}", count(act))).collect();
    parts.join(", ")
}

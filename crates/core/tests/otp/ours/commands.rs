//! What is asked of a supervisor, in our words, and our answers in OTP's.

use super::{Driver, Request};
use crate::declare;
use crate::deviation::Deviation;
use crate::schedule::{Act, Decl, Restart, Verb, When, parent};
use mainstay_core::spec::defaults::Profile;
use mainstay_core::{Command, CommandId, Done, Effect, Input, Path, Refusal, RunId, Verb as Order};

impl Driver<'_> {
    /// Carries out a request and returns the answer.
    pub(super) fn obey(&mut self, request: &Request) -> String {
        let name = request.act.child();
        let busy = self.live(name).map(|(id, _)| {
            if self.failed.contains(&id) { "error restarting" } else { "error running" }
        });
        let result = match &request.act {
            Act::Asks(verb, _) if self.is_unknown_by_name(*verb, request) => {
                return "error simple_one_for_one".to_owned();
            }
            Act::Asks(Verb::Terminate, _) => self.terminate(name, request.run),
            Act::Asks(Verb::Restart, _) => {
                self.commanded = Some((name.to_owned(), request.reply));
                self.command(Path::from(name), None, Order::Start { over: false })
            }
            Act::Asks(Verb::Delete, _) if let Some(busy) = busy => {
                self.meet(Deviation::RemoveOfRunning);
                return busy.to_owned();
            }
            Act::Asks(Verb::Delete, _) => {
                self.changed.insert(name.to_owned());
                self.command(Path::from(name), None, Order::Remove)
            }
            Act::Asks(Verb::StartChild, _) => {
                self.commanded = Some((name.to_owned(), request.reply));
                self.add(name, None)
            }
            Act::Adds(decl) => {
                self.commanded = Some((name.to_owned(), request.reply));
                self.add(name, Some(decl))
            }
            Act::Ends(..) => return String::new(),
        };
        self.answer(&request.act, result, busy)
    }

    /// OTP knows the children of a dynamic supervisor by their runs alone.
    fn is_unknown_by_name(&self, verb: Verb, request: &Request) -> bool {
        let by_name = match verb {
            Verb::Restart | Verb::Delete => true,
            Verb::Terminate => !request.ran,
            Verb::StartChild => false,
        };
        by_name && self.schedule.is_dynamic(parent(request.act.child()))
    }

    /// A temporary child, or one of a dynamic supervisor, is forgotten when it is terminated.
    fn terminate(&mut self, name: &str, run: Option<RunId>) -> Result<Done, Refusal> {
        self.changed.insert(name.to_owned());
        if self.schedule.is_dynamic(parent(name)) {
            return self.command(Path::from(name), run.or(Some(RunId(0))), Order::Remove);
        }
        let is_temporary = |decl: &Decl| decl.restart == Restart::Temporary;
        let forgets = self.decls.get(name).is_some_and(is_temporary);
        self.command(Path::from(name), None, if forgets { Order::Remove } else { Order::Stop })
    }

    fn answer(&self, act: &Act, result: Result<Done, Refusal>, busy: Option<&str>) -> String {
        let is_dynamic = self.schedule.is_dynamic(parent(act.child()));
        let is_restart = matches!(act, Act::Asks(Verb::Restart, _));
        let answer = match result {
            Ok(done) if is_restart && !done.changed => busy.unwrap_or("error running"),
            Ok(_) => "ok",
            // A run that is over is terminated.
            Err(Refusal::Unknown { .. } | Refusal::OtherRun { .. }) if is_dynamic => "ok",
            Err(Refusal::Unknown { .. }) => "error not_found",
            // OTP looks at the specification before it looks for the name.
            Err(Refusal::Exists { .. }) if self.is_misfit(act) => "error bad_combination",
            Err(Refusal::Exists { .. }) if busy.is_some() => "error already_started",
            Err(Refusal::Exists { .. }) => "error already_present",
            Err(Refusal::Spec { .. }) => "error bad_combination",
            Err(refusal) => return format!("error {refusal}"),
        };
        answer.to_owned()
    }

    /// Returns whether a child is to be significant where that means nothing.
    fn is_misfit(&self, act: &Act) -> bool {
        let Act::Adds(decl) = act else { return false };
        let flags = self.schedule.flags(parent(&decl.name));
        let rule = flags.map_or(When::Never, |flags| flags.auto_shutdown);
        decl.significant && (rule == When::Never || decl.restart == Restart::Permanent)
    }

    /// Adds a child, from the template where it has no declaration of its own.
    fn add(&mut self, name: &str, decl: Option<&Decl>) -> Result<Done, Refusal> {
        let (above, last) = name.rsplit_once('/').unwrap_or(("", name));
        let built = decl.map(|decl| {
            let draft = declare::child(self.schedule, decl);
            draft.build(Profile::Library, &Path::from(above)).map(|(_, spec)| spec)
        });
        let spec = built.transpose().map_err(|problems| Refusal::Spec { problems })?;
        let verb = Order::Add { name: last.into(), spec };
        let done = self.command(Path::from(above), None, verb)?;
        if let Some(decl) = decl {
            self.changed.insert(name.to_owned());
            self.decls.insert(name.to_owned(), decl.clone());
        }
        Ok(done)
    }

    pub(super) fn command(
        &mut self,
        target: Path,
        if_run: Option<RunId>,
        verb: Order,
    ) -> Result<Done, Refusal> {
        let (who, why) = ("a caller".into(), "the schedule says so".into());
        let (id, if_revision) = (CommandId(0), None);
        let command = Command { id, who, why, target, if_run, if_revision, verb };
        let mut replies = self.handle(Input::Command(command));
        replies.pop().expect("a reply to every command")
    }

    /// Does what OTP does itself when a start by command fails.
    pub(super) fn take_back(&mut self, name: &str, reply: usize) {
        self.meet(Deviation::CommandedStartFails);
        self.changed.insert(name.to_owned());
        let is_restart = self.replies[reply].0.starts_with(Verb::Restart.word());
        let undo = if is_restart { Order::Stop } else { Order::Remove };
        _ = self.command(Path::from(name), None, undo);
        // The failure itself answers the stop.
        let is_its_stop = |effect: &Effect| matches!(effect, Effect::Stop { child, .. } if self.names[child] == name);
        for asked in self.asked.values_mut() {
            asked.retain(|effect| !is_its_stop(effect));
        }
        self.replies[reply].1 = "error x".to_owned();
    }
}

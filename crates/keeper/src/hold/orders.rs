//! What the brain asks.

use super::Hold;
use super::child::Gift;
use crate::contain::Controller;
use mainstay_wire::keeper::{Order, StartError};
use mainstay_wire::process::Limits;
use std::sync::Arc;

impl Hold {
    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Acknowledge(seq) => self.link.acknowledge(seq),
            Order::Listen { child, process, demand } => self.listen(&child, &process, demand),
            // Who is to leave and to kill holds nothing any more.
            Order::Start { .. } | Order::Find { .. } if self.leaving == Some(true) => {}
            Order::Give { key, variables, descriptors } => {
                let slot = self.slot(&key.child);
                if let Some(child) = self.child(slot) {
                    child.given = Some(Gift { run: key.run, variables, descriptors });
                }
            }
            Order::Start { key, process } => self.starts.push_back((key, process)),
            Order::Find { key, process } => self.find_again(&key, &process),
            Order::Signal { key, signal, whom } => self.signal(&key, signal, whom),
            Order::Input { key, bytes, close } => {
                if self.find(&key).is_some() {
                    self.outputs.input(&key, &bytes, close);
                }
            }
            Order::Execute { key, ticket, command, timeout } => {
                self.execute(&key, ticket, command, timeout);
            }
            Order::Aside { ticket, process, input, timeout } => {
                self.aside(ticket, &process, &input, timeout);
            }
            Order::Alive { within } => self.brain_lives(within),
            Order::Kill(key) => self.kill(&key),
            Order::Freeze { key, frozen } => {
                if let Some(slot) = self.find(&key) {
                    self.with_bond(slot, |bond, place| bond.freeze(frozen, place));
                }
            }
            Order::Change { key, process } => self.change(&key, process),
            Order::Forget(child) => self.forget(&child),
            Order::Reopen => self.outputs.reopen(),
            Order::Attach { child, viewer, read_only } => {
                self.outputs.attach(&child, viewer, read_only);
            }
            Order::Type { viewer, bytes } => self.outputs.type_in(viewer, &bytes),
            Order::Resize { viewer, rows, columns } => self.outputs.resize(viewer, rows, columns),
            Order::Shown { viewer, bytes } => {
                self.outputs.shown(viewer, usize::try_from(bytes).unwrap_or(usize::MAX));
            }
            Order::Detach(viewer) => self.outputs.detach(viewer),
            Order::Upgrade { program, arguments } => self.upgrade(program, arguments),
            Order::Leave { kill } => self.leave(kill),
        }
    }

    fn change(
        &mut self,
        key: &mainstay_wire::keeper::Key,
        process: Arc<mainstay_wire::process::Process>,
    ) {
        let Some(slot) = self.find(key) else { return };
        let changed = self.outputs.change(key, &process.output);
        let limited = self.limit(slot, &process.limits);
        if let Some(run) = self.run(slot) {
            run.process = process;
        }
        let changed = changed.err().map(|(_, error)| {
            ("cannot change its log".to_owned(), error.raw_os_error().unwrap_or(0))
        });
        let limited =
            limited.err().map(|error| (format!("cannot change its limits: {error}"), error.error));
        for (what, error) in changed.into_iter().chain(limited) {
            let child = Arc::clone(&key.child);
            self.state(mainstay_wire::keeper::Fact::Trouble { child, what, error });
        }
    }

    fn limit(&mut self, slot: super::child::Slot, limits: &Limits) -> Result<(), StartError> {
        let group = self.children.get(slot as usize).and_then(Option::as_ref);
        let group = group.and_then(|child| child.run.as_ref()?.bond.group());
        let Some(group) = group else { return Ok(()) };
        if let Some(cgroups) = self.ladder.cgroups() {
            for controller in Controller::of(limits) {
                cgroups.enable(controller)?;
            }
        }
        group.apply(limits)
    }

    /// Ends once nothing is held; with `kill` everything that is held is ended by force.
    pub(super) fn leave(&mut self, kill: bool) {
        self.leaving = Some(kill);
        self.end_asides();
        if !kill {
            return;
        }
        self.starts.clear();
        let runs = self.children.iter().flatten().filter_map(|child| child.run.as_ref());
        let keys: Vec<_> = runs.map(|run| run.key.clone()).collect();
        for key in keys {
            self.kill(&key);
        }
    }
}

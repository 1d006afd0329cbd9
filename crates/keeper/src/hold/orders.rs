//! What the brain asks.

use super::Hold;
use mainstay_wire::keeper::Order;
use std::sync::Arc;

impl Hold {
    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Acknowledge(seq) => self.link.acknowledge(seq),
            Order::Listen { child, process, demand } => self.listen(&child, &process, demand),
            Order::Start { key, process } => self.starts.push_back((key, process)),
            Order::Signal { key, signal, whom } => self.signal(&key, signal, whom),
            Order::Input { key, bytes, close } => {
                if self.find(&key).is_some() {
                    self.outputs.input(&key, bytes, close);
                }
            }
            Order::Execute { key, ticket, command, timeout } => {
                self.execute(&key, ticket, command, timeout);
            }
            Order::Kill(key) => self.kill(&key),
            Order::Freeze { key, frozen } => {
                if let Some(slot) = self.find(&key)
                    && let Some(run) = self.run(slot)
                {
                    run.bond.freeze(frozen);
                }
            }
            Order::Change { key, process } => self.change(&key, process),
            Order::Forget(child) => self.forget(&child),
            Order::Reopen => self.outputs.reopen(),
            Order::Attach { child, viewer, read_only } => {
                self.outputs.attach(&child, viewer, read_only);
            }
            Order::Type { viewer, bytes } => self.outputs.type_in(viewer, bytes),
            Order::Resize { viewer, rows, columns } => self.outputs.resize(viewer, rows, columns),
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
        let changed = self.outputs.change(&key.child, &process.output);
        let limited = self.run(slot).map(|run| run.bond.apply(&process.limits));
        let trouble =
            changed.err().map(|error| ("cannot change its log".to_owned(), error)).or_else(|| {
                let (_, about, error) = limited?.err()?;
                Some((format!("cannot change its limits: {about}"), error))
            });
        if let Some(run) = self.run(slot) {
            run.process = process;
        }
        if let Some((what, error)) = trouble {
            let (child, error) = (Arc::clone(&key.child), error.raw_os_error().unwrap_or(0));
            self.state(mainstay_wire::keeper::Fact::Trouble { child, what, error });
        }
    }

    /// Ends once nothing is held; with `kill` everything that is held is ended by force.
    pub(super) fn leave(&mut self, kill: bool) {
        self.leaving = Some(kill);
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

//! Who wants to join the terminal of a child.

use super::{Processes, no_keeper};
use crate::caught;
use crate::console::{Console, ConsoleError, Join};
use crate::handle::AskError;
use crate::process::Settings;
use mainstay_core::Tree;
use mainstay_core::child::Child;
use mainstay_wire::process::Streams;
use std::sync::Arc;

impl Processes {
    /// Gives somebody a place at the terminal of a child.
    pub(crate) fn console(&mut self, tree: &Tree, join: Join) {
        let found = self.join(tree, &join);
        drop(caught::guard(|| join.answer.send(found)));
    }

    fn join(&mut self, tree: &Tree, join: &Join) -> Result<Console, ConsoleError> {
        let path = join.path.clone();
        let Some(child) = tree.find(&path).and_then(|id| tree.child(id)) else {
            return Err(AskError::Unknown { path }.into());
        };
        let Some(settings) = Settings::within(child.spec.payload.as_deref()) else {
            return Err(ConsoleError::NotAProcess { path });
        };
        if !has_terminal(settings) {
            return Err(ConsoleError::NoTerminal { path });
        }
        let open = self.open();
        open.map_err(|error| ConsoleError::NoKeeper { why: no_keeper(&error) })?;
        let (name, _) = self.place(child, settings.clone());
        let (shared, who) = (Arc::clone(&self.shared), Arc::clone(&join.who));
        shared.hall.join(&shared, name, who, join.mode)
    }

    /// Sends viewers away whose child has no terminal any more.
    pub(super) fn close_console(&self, child: &Child) {
        let settings = Settings::within(child.spec.payload.as_deref());
        if let Some(place) = self.children.get(&child.id)
            && !settings.is_some_and(has_terminal)
        {
            self.shared.hall.close(&place.name, "the child has no terminal any more");
        }
    }
}

fn has_terminal(settings: &Settings) -> bool {
    matches!(settings.parts().process.output.streams, Streams::Terminal { .. })
}

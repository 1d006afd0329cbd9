//! How listeners are connected with the brain: what they go on from, and who hears of their troubles.

use super::clock::Clocks;
use super::program::About;
use super::{BrainError, Program};
use crate::listener::{Listeners, Store, Untold};
use mainstay::StartError;
use mainstay_core::{Snapshot, Tree};
use mainstay_wire::listener::Kept;
use std::path::Path;
use std::sync::Arc;

/// Reads what listeners go on from, with what there is to say about it.
pub(super) fn kept(state: &Path) -> (Option<Kept>, Option<String>) {
    Store::new(state).read()
}

impl Program {
    /// Begins to translate for listeners, before the tree takes its first step in this life of the brain.
    pub(super) fn listeners(
        &mut self,
        clocks: Clocks,
        snapshot: &Snapshot,
        about: &Arc<About>,
    ) -> Result<Arc<Listeners>, BrainError> {
        let goes_on = self.recovered.goes_on;
        // What waited in an earlier life of the tree is over.
        let kept = self.unheard.take().filter(|_| goes_on).unwrap_or_default();
        let teller = Arc::downgrade(about);
        let tell = move |whose: &str, trouble| {
            if let Some(about) = teller.upgrade() {
                about.listener(whose, trouble);
            }
        };
        let clock = move || (clocks.now(), clocks.wall());
        let store = (Store::new(&self.settings.state), kept);
        let listeners = Listeners::new(&self.settings.name, store, Box::new(clock), Box::new(tell));
        let listeners = Arc::new(listeners);
        about.take_listeners(&listeners);
        let Some(loaded) = &self.loaded else { return Ok(listeners) };
        about.declare(loaded);
        if !loaded.listeners.is_empty() {
            let untold = match self.recovered.unheard.take().filter(|_| goes_on) {
                Some(untold) => untold,
                None => {
                    let tree = Tree::restore(snapshot.clone()).map_err(StartError::from)?;
                    Untold::begin(&tree, self.recovered.next_event)
                }
            };
            listeners.begin(untold, !goes_on);
        }
        Ok(listeners)
    }
}

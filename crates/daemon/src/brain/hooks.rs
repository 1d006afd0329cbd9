//! How hooks are connected with the brain: what they go on from, what they hear, and how they reach the keeper.

use super::clock::{self, Clocks};
use super::link::{Hear, Last, Orders};
use super::program::About;
use super::{Program, Voice, dump};
use crate::hook::{Answer, Asides, Carrier, Hooks, Store};
use crate::journal::{Journal, When};
use mainstay_wire::keeper::Report;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// The record of deliveries, as complaints and notices name it.
const RECORD: &str = "the record of deliveries";

impl Program {
    /// Begins to tell hooks, with what they were not told before.
    pub(super) fn hooks(
        &mut self,
        clocks: Clocks,
        orders: &Orders,
        about: &Arc<About>,
    ) -> (Arc<Hooks>, Arc<Asides>) {
        let give = orders.clone();
        let asides = Arc::new(Asides::new(move |order| give.send(order)));
        let carrier = Carrier::new(Arc::clone(&asides));
        let (complains, voice) = (Arc::clone(about), Arc::clone(&self.voice));
        let complain = move |trouble: Option<&str>| {
            complains.unwritten(RECORD, trouble);
            if let Some(why) = trouble {
                voice.say(&format!(
                    "{RECORD} cannot be written, and hooks are told nevertheless: {why}"
                ));
            }
        };
        let clock = move || (clocks.now(), clocks.wall());
        let store = Store::new(&self.settings.state);
        let kept = std::mem::take(&mut self.kept);
        let hooks = Hooks::new(
            &self.settings.name,
            (store, kept),
            carrier,
            Box::new(clock),
            Box::new(complain),
        );
        let hooks = Arc::new(hooks);
        about.tell(&hooks);
        if let Some(loaded) = &self.loaded {
            about.declare(loaded);
        }
        let journals =
            [(&self.journal, "journal"), (&self.runs, "runs"), (&self.consoles, "consoles")];
        for (journal, part) in journals {
            // A trouble of the life before may be over, and nobody else says so.
            if journal.state().trouble.is_none() {
                hooks.program(part, None);
            }
        }
        let signs = std::mem::take(&mut self.recovered.signs);
        if !signs.is_empty() {
            hooks.take(signs);
            // Before there is a snapshot, behind which nobody looks for them again.
            hooks.keep();
        }
        (hooks, asides)
    }
}

/// Returns who hears of what the keeper reports before the tree does.
pub(super) fn hear(
    asides: Arc<Asides>,
    about: Arc<About>,
    voice: Arc<Voice>,
    state: PathBuf,
) -> Hear {
    Box::new(move |report| match report {
        Report::Aside { ticket, status, output, error } => {
            asides.told(ticket, Answer { status, output, error });
            None
        }
        Report::Hello { silence, .. } => {
            // Whoever greets knows of none that was ordered before.
            asides.lost();
            if let Some(silence) = silence {
                voice.say(&about.silent(silence, dump::of(&state, silence.pid)));
            }
            Some(report)
        }
        Report::Inventory(_)
        | Report::Fact { .. }
        | Report::Descriptors { .. }
        | Report::Screen { .. }
        | Report::Typed { .. }
        | Report::Left { .. } => Some(report),
    })
}

/// How long the last deliveries may take at the end of a tree.
const LAST: Duration = Duration::from_secs(5);

/// Returns what waits for the last deliveries, while there is a keeper to run commands: what is not told by then is told
/// in the next life. It is called at the end of the loop, and makes room for others on its thread.
pub(super) fn last(hooks: Arc<Hooks>, journal: Arc<Journal>) -> Last {
    let runtime = Handle::current();
    Box::new(move || {
        let told = async {
            let (tell, told) = oneshot::channel();
            let last = journal.state().last;
            journal.when(last, When::Written, Box::new(move |_| _ = tell.send(())));
            // What cannot be written is told nevertheless.
            let _ = told.await;
            hooks.settled().await;
        };
        let wait = || runtime.block_on(tokio::time::timeout(LAST, told));
        let _ = tokio::task::block_in_place(wait);
    })
}

/// Reads what hooks go on from; what there is to say about it is added to the notices.
pub(super) fn kept(state: &std::path::Path) -> (mainstay_wire::hook::Kept, Option<String>) {
    Store::new(state).read(clock::wall())
}

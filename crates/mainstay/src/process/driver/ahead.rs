//! What a run is given ahead of its start: a connection, pipes.

use super::{Processes, host_of};
use crate::host::Session;
use mainstay_core::ChildId;
use mainstay_core::child::Child;
use mainstay_wire::keeper::Key;
use std::io;

impl Processes {
    /// Makes the connection to a run that is about to begin, if it is a host's.
    pub(super) fn connect(&mut self, child: &Child, key: &Key) -> io::Result<()> {
        let Some(host) = host_of(child).cloned() else { return Ok(()) };
        let Some(run) = self.runs.get_mut(key) else { return Ok(()) };
        let (session, give) = Session::open(&self.shared, (key.clone(), child), run.run, &host)?;
        run.session = Some(session);
        self.tell(give);
        Ok(())
    }

    /// Makes what this program talks with a run over, if it does.
    pub(super) fn begin_talk(&mut self, child: ChildId, key: &Key) -> io::Result<()> {
        let Some(run) = self.runs.get_mut(key) else { return Ok(()) };
        if run.settings.parts().talks && !std::mem::replace(&mut run.has_talk, true) {
            let give = self.shared.talks.begin(&self.shared, child, run.run, key)?;
            self.tell(give);
        }
        Ok(())
    }
}

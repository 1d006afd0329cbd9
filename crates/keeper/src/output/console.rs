//! What viewers do at the terminals of children.

use super::board::lock;
use super::{Child, Outputs, Told};
use std::sync::Arc;

impl Outputs {
    /// Has a viewer join the terminal of a child. [`Told::Screen`] follows with the last of what it
    /// printed, or [`Told::Left`] where there is no terminal. Who is there already stays as it is, and who comes
    /// before the first run waits for it.
    pub fn attach(&mut self, name: &str, viewer: u64, is_read_only: bool) {
        if self.viewers.get(&viewer).is_some_and(|of| &**of == name) {
            return;
        }
        if !self.children.contains_key(name) {
            // It has not run yet: who is there before its first run sees all of that.
            self.child(&Arc::from(name)).audience = Some(Arc::default());
        }
        let found = self.children.get_key_value(name);
        let Some((name, audience)) =
            found.and_then(|(name, child)| Some((name, child.audience.as_ref()?)))
        else {
            let why = "the child has no terminal".to_owned();
            return self.plane.board.tell(Told::Left { viewer, why });
        };
        lock(audience).join(viewer, is_read_only);
        self.plane.show(audience);
        self.viewers.insert(viewer, Arc::clone(name));
    }

    fn seen_by(&self, viewer: u64) -> Option<&Child> {
        self.children.get(self.viewers.get(&viewer)?)
    }

    /// Types what a viewer types, where it may. The window becomes that of this viewer. What becomes of every
    /// byte is [`Told::Typed`]: a terminal that takes nothing refuses what is beyond 64 KiB, which is
    /// [`Told::Trouble`] as well.
    pub fn type_in(&mut self, viewer: u64, bytes: &[u8]) {
        let refused = bytes.len() as u64;
        let refuse = || self.plane.board.tell(Told::Typed { viewer, taken: 0, refused });
        let Some(child) = self.seen_by(viewer) else { return refuse() };
        let Some(audience) = &child.audience else { return refuse() };
        if !lock(audience).touch(viewer) {
            return refuse();
        }
        child.fit_window();
        match &child.run {
            Some(run) => self.send(run, bytes, false, Some(viewer)),
            None => refuse(),
        }
    }

    /// Takes note of the size of a viewer's window.
    pub fn resize(&mut self, viewer: u64, rows: u16, columns: u16) {
        let Some(child) = self.seen_by(viewer) else { return };
        let Some(audience) = &child.audience else { return };
        lock(audience).resize(viewer, rows, columns);
        child.fit_window();
    }

    /// Takes note that so many bytes of [`Told::Screen`] have gone on to the viewer.
    pub fn shown(&mut self, viewer: u64, bytes: usize) {
        let Some(child) = self.seen_by(viewer) else { return };
        let Some(audience) = &child.audience else { return };
        let has_more = {
            let mut audience = lock(audience);
            audience.shown(viewer, bytes) && !std::mem::replace(&mut audience.is_told, true)
        };
        if has_more {
            self.plane.show(audience);
        }
    }

    /// Has a viewer leave.
    pub fn detach(&mut self, viewer: u64) {
        let child = self.viewers.remove(&viewer).and_then(|name| self.children.get(&name));
        let Some(child) = child else { return };
        if let Some(audience) = &child.audience {
            lock(audience).leave(viewer);
        }
        child.fit_window();
    }

    /// Has every viewer leave: whoever told them what is shown is gone.
    pub fn detach_all(&mut self) {
        for viewer in self.viewers.keys().copied().collect::<Vec<_>>() {
            self.detach(viewer);
        }
    }
}

impl Child {
    /// Gives the terminal the window of the viewer who was active last.
    pub(super) fn fit_window(&self) {
        if let (Some(audience), Some(run)) = (&self.audience, &self.run)
            && let Some(size) = lock(audience).window()
            && run.is_terminal()
            && let Some(port) = run.ports.first()
        {
            // A terminal that is gone has no window.
            let _ = rustix::termios::tcsetwinsize(&port.fd, size);
        }
    }
}

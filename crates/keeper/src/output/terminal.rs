//! Who looks at a child's terminal.
//!
//! Each viewer has a ring of its own: one that is slow loses its oldest bytes, which are counted, and holds
//! nobody else up. A new viewer first sees the last 16 KiB of output, which is enough to paint most
//! screens. The window follows the viewer who typed last, or else joined last; one that may not type does
//! not count.

use super::Told;
use rustix::termios::Winsize;
use std::collections::{BTreeMap, VecDeque};

/// How much of the output a new viewer sees again.
const REPLAY: usize = 16 * 1024;
/// How much waits for one viewer at most.
const RING: usize = 256 * 1024;
/// How much of it is on its way to the viewer at most.
const CREDIT: usize = 64 * 1024;

/// One viewer.
#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) is_read_only: bool,
    pub(super) ring: VecDeque<u8>,
    pub(super) lost: u64,
    pub(super) credit: usize,
    /// Rows and columns.
    pub(super) size: Option<(u16, u16)>,
}

/// All viewers of one child, over its runs.
#[derive(Debug, Default)]
pub(super) struct Audience {
    pub(super) replay: VecDeque<u8>,
    pub(super) viewers: BTreeMap<u64, Viewer>,
    /// Those who may type; the last one was active last.
    pub(super) active: Vec<u64>,
    /// Whether the keeper has been told that there is something to show.
    pub(super) is_told: bool,
}

impl Audience {
    /// Takes in what the terminal prints. Returns whether the keeper has to be woken.
    pub(super) fn show(&mut self, bytes: &[u8]) -> bool {
        push(&mut self.replay, bytes, REPLAY);
        for viewer in self.viewers.values_mut() {
            viewer.lost += push(&mut viewer.ring, bytes, RING);
        }
        !self.viewers.is_empty() && !std::mem::replace(&mut self.is_told, true)
    }

    pub(super) fn join(&mut self, number: u64, is_read_only: bool) {
        let ring = self.replay.clone();
        let viewer = Viewer { is_read_only, ring, lost: 0, credit: CREDIT, size: None };
        self.viewers.insert(number, viewer);
        self.touch(number);
    }

    /// Makes a viewer the active one. Returns whether it may type.
    pub(super) fn touch(&mut self, number: u64) -> bool {
        let may_type = self.viewers.get(&number).is_some_and(|viewer| !viewer.is_read_only);
        if may_type && self.active.last() != Some(&number) {
            self.active.retain(|other| *other != number);
            self.active.push(number);
        }
        may_type
    }

    pub(super) fn leave(&mut self, number: u64) {
        self.viewers.remove(&number);
        self.active.retain(|other| *other != number);
    }

    pub(super) fn resize(&mut self, number: u64, rows: u16, columns: u16) {
        if let Some(viewer) = self.viewers.get_mut(&number) {
            viewer.size = Some((rows, columns));
        }
    }

    /// Returns the size that the window has: that of the viewer who was active last and has said one.
    pub(super) fn window(&self) -> Option<Winsize> {
        let sizes = self.active.iter().rev();
        let (ws_row, ws_col) = sizes.filter_map(|number| self.viewers.get(number)?.size).next()?;
        Some(Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 })
    }

    /// Gives back what has reached a viewer. Returns whether there is more for it.
    pub(super) fn shown(&mut self, number: u64, bytes: usize) -> bool {
        self.viewers.get_mut(&number).is_some_and(|viewer| {
            viewer.credit = (viewer.credit + bytes).min(CREDIT);
            !viewer.ring.is_empty()
        })
    }

    /// Takes out what may be sent now.
    pub(super) fn take(&mut self, into: &mut Vec<Told>) {
        self.is_told = false;
        for (number, viewer) in &mut self.viewers {
            let length = viewer.ring.len().min(viewer.credit);
            if length == 0 {
                continue;
            }
            viewer.credit -= length;
            let bytes: Vec<u8> = viewer.ring.drain(..length).collect();
            if viewer.ring.is_empty() {
                viewer.ring.shrink_to(4096);
            }
            let lost = std::mem::take(&mut viewer.lost);
            into.push(Told::Screen { viewer: *number, bytes, lost });
        }
    }
}

/// Appends to a ring; returns how many of its oldest bytes had to go.
fn push(ring: &mut VecDeque<u8>, bytes: &[u8], bound: usize) -> u64 {
    let surplus = (ring.len() + bytes.len()).saturating_sub(bound);
    let old = surplus.min(ring.len());
    ring.drain(..old);
    ring.extend(&bytes[surplus - old..]);
    surplus as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_viewer_loses_its_oldest_bytes_and_hears_how_many() {
        let mut audience = Audience::default();
        audience.join(1, true);
        assert!(audience.show(&vec![b'a'; RING]), "the first bytes wake the keeper");
        assert!(!audience.show(b"bcd"));
        let mut told = Vec::new();
        audience.take(&mut told);
        let Some(Told::Screen { viewer: 1, bytes, lost: 3 }) = told.pop() else {
            panic!("{told:?}")
        };
        assert_eq!(bytes.len(), CREDIT);
        audience.take(&mut told);
        assert!(told.is_empty(), "no credit is left");
        assert!(audience.shown(1, CREDIT));
        for _ in 0..3 {
            audience.take(&mut told);
            audience.shown(1, CREDIT);
        }
        let mut all = bytes;
        for news in told {
            let Told::Screen { bytes, lost: 0, .. } = news else { panic!("{news:?}") };
            all.extend(bytes);
        }
        assert_eq!(all.len(), RING);
        assert!(all.ends_with(b"aabcd"));
    }

    #[test]
    fn the_window_follows_who_was_active_last() {
        let size = |audience: &Audience| audience.window().map(|window| window.ws_row);
        let mut audience = Audience::default();
        for (number, is_read_only) in [(1, false), (2, false), (3, true)] {
            audience.join(number, is_read_only);
            audience.resize(number, u16::try_from(number).expect("small") * 10, 80);
        }
        assert_eq!(size(&audience), Some(20), "who may not type does not count");
        assert!(audience.touch(1));
        assert!(!audience.touch(3));
        assert_eq!(size(&audience), Some(10));
        audience.leave(1);
        assert_eq!(size(&audience), Some(20));
        audience.leave(2);
        assert_eq!(size(&audience), None);
    }
}

//! The thread that writes: everything that is queued at once, and one sync for all who wait for the disk.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Settings;
use super::folder::{Folder, Lock};
use super::frame;
use super::keep;
use super::queue::{Shared, Work};
use super::segment::Segment;
use crate::fault;

/// What nobody waits for is on the disk this long after it was written.
const LAZY: Duration = Duration::from_secs(1);

/// Between two attempts while the disk fails.
const RETRY: Duration = Duration::from_secs(1);

/// Written at a time: what was written is answered for and not tried again when the next piece fails.
const PIECE: usize = 4 * 1024 * 1024;

/// A buffer as large as this is not kept for the next time.
const SPARE_MOST: usize = 1024 * 1024;

/// Writes what the queue holds.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) folder: Folder,
    pub(super) settings: Settings,
    /// The segment that grows, by the number of its first record.
    pub(super) segment: Option<(u64, Segment)>,
    /// Bytes in the segments before it.
    pub(super) before: u64,
    /// The readable snapshots, oldest first.
    pub(super) snapshots: Vec<u64>,
    /// Every record up to this one has been written or noted as lost.
    pub(super) upto: u64,
    /// When a sync is due that nobody waits for, or another attempt.
    pub(super) due: Option<Instant>,
    pub(super) _lock: Lock,
}

/// Tells the queue that nobody writes any more, in whatever way the writer ends.
struct Farewell(Arc<Shared>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.over();
    }
}

impl Writer {
    /// Writes until the journal is closed.
    pub(super) fn run(mut self) {
        let _farewell = Farewell(Arc::clone(&self.shared));
        let mut spare = Vec::new();
        let mut pending = None;
        loop {
            let Work { frames, upto, sync, snapshot, closing } = self.shared.take(self.due, spare);
            if let Err(left) = self.write(&frames) {
                self.shared.give_up(left);
                return;
            }
            self.upto = upto;
            self.shared.written(upto, self.bytes());
            spare = if frames.capacity() > SPARE_MOST { Vec::new() } else { frames };
            let now = Instant::now();
            let due = closing || self.due.is_some_and(|due| due <= now);
            let attempt = due || snapshot.is_some();
            pending = snapshot.or(pending);
            if sync || attempt {
                let planned = self.due.take();
                if let Err(error) = self.sync() {
                    self.trouble("a sync", &error);
                    self.due = Some(now + RETRY);
                } else if !attempt && pending.is_some() {
                    self.due = planned;
                } else if let Some((upto, bytes)) = pending.take()
                    && let Err(error) = self.snapshot(upto, &bytes)
                {
                    self.shared.upkeep(Some(format!("a snapshot cannot be written: {error}")));
                    pending = Some((upto, bytes));
                    self.due = Some(now + RETRY);
                }
            } else if self.due.is_none() && !self.is_synced() {
                self.due = Some(now + LAZY);
            }
            if closing {
                if let Some((_, segment)) = &mut self.segment {
                    let _ = segment.finish();
                }
                return;
            }
        }
    }

    /// Writes frames, however often it takes. When the journal is closed meanwhile it tries once more; returns how
    /// many records are left then.
    fn write(&mut self, mut frames: &[u8]) -> Result<(), u64> {
        let mut closing = false;
        while !frames.is_empty() {
            match self.write_some(frames) {
                Ok(written) => frames = &frames[written..],
                Err(_) if closing => return Err(frame::records(frames)),
                Err(error) => {
                    self.trouble("a write", &error);
                    // A sync afterwards shows that the disk works again.
                    self.due = Some(Instant::now());
                    closing = !self.shared.pause(RETRY);
                }
            }
        }
        Ok(())
    }

    /// Writes as many of the frames as belong into the present segment; returns their bytes.
    fn write_some(&mut self, frames: &[u8]) -> io::Result<usize> {
        let most = self.settings.segment_bytes;
        let first = frame::size(frames) as u64;
        if self
            .segment
            .as_ref()
            .is_some_and(|(_, last)| last.end() > 0 && last.end() + first > most)
        {
            self.rotate()?;
        }
        let segment = match &mut self.segment {
            Some((_, segment)) => segment,
            none => {
                let first = frame::seq(frames);
                let segment = Segment::make(&self.folder.segment(first))?;
                self.folder.sync()?;
                fault::point("journal.segment.made");
                &mut none.insert((first, segment)).1
            }
        };
        let room = most.saturating_sub(segment.end()).min(PIECE as u64) as usize;
        let mut size = frame::size(frames);
        while size < frames.len() {
            let next = frame::size(&frames[size..]);
            if size + next > room {
                break;
            }
            size += next;
        }
        segment.append(&frames[..size])?;
        Ok(size)
    }

    /// Ends the present segment; the next record begins another.
    fn rotate(&mut self) -> io::Result<()> {
        fault::point("journal.rotate.before");
        if let Some((_, segment)) = &mut self.segment {
            segment.finish()?;
            self.before += segment.end();
        }
        self.segment = None;
        fault::point("journal.rotate.after");
        self.prune();
        Ok(())
    }

    /// Returns when everything that was written is on the disk, and answers who waited for it.
    fn sync(&mut self) -> io::Result<()> {
        if let Some((_, segment)) = &mut self.segment
            && !segment.is_synced()
        {
            segment.sync()?;
        }
        self.shared.durable(self.upto);
        Ok(())
    }

    fn snapshot(&mut self, upto: u64, bytes: &[u8]) -> io::Result<()> {
        keep::write(&self.folder, upto, (self.settings.wall)(), bytes)?;
        self.snapshots.retain(|other| *other != upto);
        self.snapshots.push(upto);
        self.snapshots.sort_unstable();
        self.shared.kept(upto);
        self.shared.upkeep(None);
        self.prune();
        Ok(())
    }

    /// Removes what need not be kept. It is tried again after the next snapshot.
    fn prune(&mut self) {
        let present = self.segment.as_ref().map(|(first, _)| *first);
        match keep::prune(&self.folder, &self.settings, present, &mut self.snapshots) {
            Ok(bytes) => self.before = bytes,
            Err(error) => {
                self.shared.upkeep(Some(format!("old segments cannot be removed: {error}")));
            }
        }
        self.shared.bytes(self.bytes());
    }

    fn bytes(&self) -> u64 {
        self.before + self.segment.as_ref().map_or(0, |(_, segment)| segment.end())
    }

    fn is_synced(&self) -> bool {
        self.segment.as_ref().is_none_or(|(_, segment)| segment.is_synced())
    }

    fn trouble(&self, what: &str, error: &io::Error) {
        let folder = self.folder.path().display();
        self.shared.trouble(format!("{what} to the journal in `{folder}` failed: {error}"));
    }
}

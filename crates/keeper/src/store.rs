//! Descriptors that a child leaves with the keeper: its next run gets them back.

mod closing;

pub(crate) use closing::close_apart;

use crate::sys::same::is_same;
use mainstay_wire::Text;
use mainstay_wire::keeper::state::Stored;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, OFlags, StatxFlags, fcntl_getfl, statx};

/// The name of what is stored without one.
pub(crate) const UNNAMED: &str = "stored";

/// What one child has left with the keeper, in the order it came. It lasts from run to run.
#[derive(Debug, Default)]
pub(crate) struct Store {
    most: usize,
    entries: Vec<Entry>,
    /// Holds the entries that go when their other end closes. It is there once there was one.
    watch: Option<OwnedFd>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    name: Text,
    fd: OwnedFd,
    is_watched: bool,
}

/// What became of a descriptor that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is in the store.
    Stored,
    /// The same open file was already there: this one is closed.
    Known,
    /// There is no room: it is closed.
    Full,
}

impl Store {
    /// Sets how many descriptors there may be. What came last and is too many is closed.
    pub(crate) fn limit(&mut self, most: u32) {
        self.most = usize::try_from(most).unwrap_or(usize::MAX);
        let many = self.entries.split_off(self.most.min(self.entries.len()));
        self.close(many);
    }

    /// Stores a descriptor. With `watch` it leaves the store when its other end closes.
    pub(crate) fn add(&mut self, name: &Text, fd: OwnedFd, watch: bool) -> Added {
        let added = if self.entries.iter().any(|entry| is_one(entry.fd.as_fd(), fd.as_fd())) {
            Added::Known
        } else if self.entries.len() >= self.most {
            Added::Full
        } else {
            self.next += 1;
            let is_watched = watch && can_hang_up(fd.as_fd()) && self.watch(fd.as_fd(), self.next);
            self.entries.push(Entry { id: self.next, name: name.clone(), fd, is_watched });
            return Added::Stored;
        };
        close_apart(vec![fd]);
        added
    }

    /// Goes on with a descriptor that was in the store of an earlier keeper.
    pub(crate) fn adopt(&mut self, name: &Text, fd: OwnedFd, watch: bool) {
        self.most = self.most.max(self.entries.len() + 1);
        self.add(name, fd, watch);
    }

    /// Returns what is in the store, for the keeper that is next.
    pub(crate) fn to_state(&self) -> Vec<Stored> {
        let stored = |entry: &Entry| Stored {
            name: entry.name.clone(),
            number: entry.fd.as_raw_fd(),
            watched: entry.is_watched,
        };
        self.entries.iter().map(stored).collect()
    }

    /// Closes all of this name and returns how many there were.
    pub(crate) fn remove(&mut self, name: &Text) -> usize {
        self.take_out(|entry| entry.name == *name)
    }

    /// Returns what becomes readable when the other end of something stored closes: then [`Store::sweep`] is
    /// due. Once there, it stays the same.
    pub(crate) fn hangups(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().map(AsFd::as_fd)
    }

    /// Closes everything whose other end is closed and returns how many there were.
    pub(crate) fn sweep(&mut self) -> usize {
        let mut swept = 0;
        while let Some(watch) = &self.watch {
            let mut found = Vec::with_capacity(64);
            let room = rustix::buffer::spare_capacity(&mut found);
            // An interruption leaves the rest to the next turn: it is still readable then.
            let now = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
            if epoll::wait(watch, room, Some(&now)).is_err() || found.is_empty() {
                break;
            }
            let gone: Vec<u64> = found.iter().map(|event| { event.data }.u64()).collect();
            let closed = self.take_out(|entry| gone.contains(&entry.id));
            if closed == 0 {
                break;
            }
            swept += closed;
        }
        swept
    }

    /// Closes everything.
    pub(crate) fn clear(&mut self) {
        let all = std::mem::take(&mut self.entries);
        self.close(all);
    }

    /// Returns how many there are.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// Returns what the next run gets behind its sockets.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = (BorrowedFd<'_>, &Text)> {
        self.entries.iter().map(|entry| (entry.fd.as_fd(), &entry.name))
    }

    /// Returns the variable that tells a child how much it may store.
    pub(crate) fn variable(&self) -> Option<(Text, Text)> {
        (self.most > 0).then(|| ("FDSTORE".into(), self.most.to_string().into()))
    }

    fn watch(&mut self, fd: BorrowedFd<'_>, id: u64) -> bool {
        if self.watch.is_none() {
            self.watch = epoll::create(CreateFlags::CLOEXEC).ok();
        }
        // No flags: an error and a hangup are told without being asked for. What cannot be watched stays.
        self.watch.as_ref().is_some_and(|watch| {
            epoll::add(watch, fd, EventData::new_u64(id), EventFlags::empty()).is_ok()
        })
    }

    fn take_out(&mut self, mut is_out: impl FnMut(&Entry) -> bool) -> usize {
        let out: Vec<_> = self.entries.extract_if(.., |entry| is_out(entry)).collect();
        let count = out.len();
        self.close(out);
        count
    }

    fn close(&self, entries: Vec<Entry>) {
        for entry in entries.iter().filter(|entry| entry.is_watched) {
            if let Some(watch) = &self.watch {
                // The child may still hold the file open, and then closing it here does not take it out.
                _ = epoll::delete(watch, &entry.fd);
            }
        }
        close_apart(entries.into_iter().map(|entry| entry.fd).collect());
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Returns whether a name can stand in `LISTEN_FDNAMES`: at most 255 characters of ASCII, none of them a
/// control character or the colon that separates names.
pub(crate) fn is_name(name: &[u8]) -> bool {
    name.len() <= 255 && name.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b':')
}

fn is_one(a: BorrowedFd<'_>, b: BorrowedFd<'_>) -> bool {
    is_same(a, b).unwrap_or_else(|| looks_same(a, b))
}

/// For kernels that do not tell: one inode that is opened in the same way. Devices may mean something else
/// with each opening, and what has no type shares its inode with all others of its kind.
fn looks_same(a: BorrowedFd<'_>, b: BorrowedFd<'_>) -> bool {
    let place = |fd| {
        let wanted = StatxFlags::TYPE | StatxFlags::INO;
        let of = statx(fd, c"", STAY_HERE, wanted).ok()?;
        let of_type = FileType::from_raw_mode(of.stx_mode.into());
        let is_told = !matches!(
            of_type,
            FileType::CharacterDevice | FileType::BlockDevice | FileType::Unknown
        );
        let flags: OFlags = fcntl_getfl(fd).ok()?;
        is_told.then_some((of.stx_dev_major, of.stx_dev_minor, of.stx_ino, flags))
    };
    place(a).is_some_and(|of| place(b) == Some(of))
}

/// The descriptor itself, from what the kernel knows: a file system of its owner is not asked.
const STAY_HERE: AtFlags = AtFlags::EMPTY_PATH.union(AtFlags::STATX_DONT_SYNC);

/// Returns whether a descriptor can have another end. A file cannot, and asking a file system in user space
/// would wait for its answer.
fn can_hang_up(fd: BorrowedFd<'_>) -> bool {
    statx(fd, c"", STAY_HERE, StatxFlags::TYPE).is_ok_and(|of| {
        !matches!(
            FileType::from_raw_mode(of.stx_mode.into()),
            FileType::RegularFile | FileType::Directory | FileType::Symlink | FileType::BlockDevice
        )
    })
}

#[cfg(test)]
mod tests;

//! The cgroup of one run: a folder of the kernel that no process leaves by itself.

use super::limit;
use super::proc::{Id, Sent, numbers, read_all, signal};
use mainstay_wire::keeper::StartError;
use mainstay_wire::process::Limits;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstat, openat, unlinkat};
use rustix::io::{Errno, pread, write};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// The most that is read of a list of processes.
const PROCESSES: usize = 8 * 1024 * 1024;
/// How deep a child may nest cgroups of its own before they are not looked into any more.
const DEPTH: u32 = 32;
/// How often a list of processes is read again because there are new ones in it.
const ROUNDS: u32 = 64;

pub(super) const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The cgroup of one run.
#[derive(Debug)]
pub struct Group {
    dir: OwnedFd,
    base: Arc<OwnedFd>,
    name: String,
}

impl Group {
    /// Opens the folder `name` in `base`.
    pub(super) fn open(base: Arc<OwnedFd>, name: &str) -> io::Result<Self> {
        let dir = openat(&base, name, FOLDER, Mode::empty())?;
        Ok(Self { dir, base, name: name.to_owned() })
    }

    /// Returns its folder, for `CLONE_INTO_CGROUP`.
    pub fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    /// Returns the name of its folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets the limits that are given, before a run begins.
    pub(super) fn limit(&self, limits: &Limits) -> Result<(), StartError> {
        limit::set(self.dir(), limits, false)
    }

    /// Makes these the limits of a run that is alive. Those that are absent are lifted.
    ///
    /// The controllers must have been enabled before ([`Cgroups::enable`](super::Cgroups::enable)).
    pub fn apply(&self, limits: &Limits) -> Result<(), StartError> {
        limit::set(self.dir(), limits, true)
    }

    /// Kills every process in it, and those that they start meanwhile.
    pub fn kill(&self) -> io::Result<()> {
        match write_file(self.dir(), "cgroup.kill", b"1") {
            // A kernel before 5.14.
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.kill_by_hand(),
            result => result,
        }
    }

    /// Frozen processes start no others, and they can be killed.
    fn kill_by_hand(&self) -> io::Result<()> {
        let frozen = self.freeze(true);
        let killed = self.signal(Signal::KILL);
        if frozen.is_ok() {
            self.freeze(false)?;
        }
        killed.map(|_| ())
    }

    /// Sends a signal to every process in it, and to those that they start meanwhile. Returns whether one
    /// refused it.
    pub fn signal(&self, send: Signal) -> io::Result<bool> {
        let mut done = BTreeSet::new();
        let mut refused = false;
        for _ in 0..ROUNDS {
            let here = self.ids()?;
            let fresh: Vec<Id> = here.into_iter().filter(|id| !done.contains(id)).collect();
            if fresh.is_empty() {
                break;
            }
            // A process may have left between the list and its start's being read, and its number with
            // it: only who stands in the list again is who was meant.
            let still: BTreeSet<u32> = self.pids()?.into_iter().collect();
            for id in fresh {
                done.insert(id);
                refused |= still.contains(&id.pid) && signal(id, send) == Sent::Refused;
            }
        }
        Ok(refused)
    }

    /// Stops all of it where it stands, or lets it go on. It happens soon after the call;
    /// [`is_frozen`](Self::is_frozen) tells.
    pub fn freeze(&self, freeze: bool) -> io::Result<()> {
        write_file(self.dir(), "cgroup.freeze", if freeze { b"1" } else { b"0" })
    }

    /// Returns whether every process in it stands still.
    pub fn is_frozen(&self) -> bool {
        self.number("cgroup.events", "frozen") == Some(1)
    }

    /// Returns whether there is a process in it that has not ended.
    pub fn is_populated(&self) -> bool {
        is_populated(self.dir())
    }

    /// Returns the processes in it and in the cgroups that they made in it.
    pub fn pids(&self) -> io::Result<Vec<u32>> {
        let mut pids = Vec::new();
        each(self.dir(), DEPTH, &mut |dir| list(dir, &mut pids))?;
        // Zero stands for processes that are in no pid namespace of ours.
        pids.retain(|&pid| pid != 0);
        Ok(pids)
    }

    /// The same with their starts; those that are gone by now are left out.
    pub(super) fn ids(&self) -> io::Result<Vec<Id>> {
        let mut proc = super::Proc::open()?;
        Ok(self.pids()?.into_iter().filter_map(|pid| proc.stat(pid)).map(|stat| stat.id).collect())
    }

    /// Opens what tells by `EPOLLPRI` that the cgroup's last process has ended, or that it stands still.
    /// After each event [`is_still_populated`] tells, and arms it anew.
    pub fn events(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let events = openat(&self.dir, "cgroup.events", flags, Mode::empty())?;
        is_still_populated(&events)?;
        Ok(events)
    }

    /// Returns how many bytes it used at the most, where the memory controller is enabled.
    pub fn memory_peak(&self) -> Option<u64> {
        let text = read_file(self.dir(), "memory.peak").ok()?;
        str::from_utf8(&text).ok()?.trim().parse().ok()
    }

    /// Returns how many of its processes the kernel has killed for their memory.
    pub fn oom_kills(&self) -> u64 {
        self.number("memory.events", "oom_kill").unwrap_or(0)
    }

    /// Removes it. It is busy as long as a process in it has not ended.
    pub fn remove(&self) -> io::Result<()> {
        remove(self.base.as_fd(), &self.name)
    }

    fn number(&self, file: &str, name: &str) -> Option<u64> {
        value(&read_file(self.dir(), file).ok()?, name)
    }
}

/// Reads [`Group::events`] after an event: whether a process is left.
pub fn is_still_populated(events: impl AsFd) -> io::Result<bool> {
    let mut bytes = [0; 256];
    let count = pread(events, &mut bytes, 0)?;
    Ok(value(&bytes[..count], "populated") == Some(1))
}

/// Returns whether a cgroup holds a process that has not ended.
pub(super) fn is_populated(dir: BorrowedFd<'_>) -> bool {
    read_file(dir, "cgroup.events").is_ok_and(|text| value(&text, "populated") == Some(1))
}

/// Removes a cgroup and those in it.
pub(super) fn remove(base: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    remove_to(base, name, DEPTH)
}

fn remove_to(base: BorrowedFd<'_>, name: &str, depth: u32) -> io::Result<()> {
    match unlinkat(base, name, AtFlags::REMOVEDIR) {
        Err(Errno::BUSY | Errno::NOTEMPTY) if depth > 0 => {}
        Err(Errno::NOENT) => return Ok(()),
        result => return Ok(result?),
    }
    let dir = openat(base, name, FOLDER, Mode::empty())?;
    if is_populated(dir.as_fd()) {
        return Err(Errno::BUSY.into());
    }
    for inner in inner(dir.as_fd())? {
        remove_to(dir.as_fd(), &inner, depth - 1)?;
    }
    Ok(unlinkat(base, name, AtFlags::REMOVEDIR)?)
}

/// Calls `look` for a cgroup and those in it.
fn each(
    dir: BorrowedFd<'_>,
    depth: u32,
    look: &mut impl FnMut(BorrowedFd<'_>) -> io::Result<()>,
) -> io::Result<()> {
    look(dir)?;
    // The kernel counts two links and one for each folder in it: most have none and need no listing.
    if depth == 0 || fstat(dir).is_ok_and(|stat| stat.st_nlink == 2) {
        return Ok(());
    }
    for name in inner(dir)? {
        match openat(dir, name.as_str(), FOLDER, Mode::empty()) {
            Ok(dir) => each(dir.as_fd(), depth - 1, look)?,
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The names of the cgroups in a cgroup. The kernel lets them be text or anything; what is no text was
/// not made by us and is not looked at.
pub(super) fn inner(dir: BorrowedFd<'_>) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        if entry.file_type() == FileType::Directory && name != "." && name != ".." {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

fn list(dir: BorrowedFd<'_>, pids: &mut Vec<u32>) -> io::Result<()> {
    let mut bytes = Vec::new();
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let read = openat(dir, "cgroup.procs", flags, Mode::empty())
        .map_err(io::Error::from)
        .and_then(|file| read_all(file, PROCESSES, &mut bytes));
    match read {
        Ok(()) => numbers(&bytes, pids),
        // It was removed meanwhile, or its processes are listed by the one above it.
        Err(error)
            if matches!(
                Errno::from_io_error(&error),
                Some(Errno::NOENT | Errno::NODEV | Errno::OPNOTSUPP)
            ) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Finds the number that stands behind a name in a file of lines of both.
pub(super) fn value(text: &[u8], name: &str) -> Option<u64> {
    let text = str::from_utf8(text).ok()?;
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(key, _)| *key == name)?.1.trim().parse().ok()
}

/// Reads a short file of a cgroup.
pub(super) fn read_file(dir: BorrowedFd<'_>, name: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    read_all(openat(dir, name, flags, Mode::empty())?, 64 * 1024, &mut bytes)?;
    Ok(bytes)
}

/// Writes a file of a cgroup, all of it in one call as the kernel wants it.
pub(super) fn write_file(dir: BorrowedFd<'_>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let file = openat(dir, name, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    write(file, bytes)?;
    Ok(())
}

//! Reads a log, also while it is written and rotates.

use super::files::{Behind, Body, Entry, Found, behind, find, identity, list};
use super::since::Since;
use memchr::{memchr_iter, memrchr_iter};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::inotify;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How much is read at a time.
const BLOCK: usize = 64 * 1024;

/// A byte of a log. It stays the same when its file is renamed or compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What tells the file from all others.
    pub file: u64,
    /// The byte of the file.
    pub offset: u64,
}

/// Where reading begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// At the oldest line there is.
    Start,
    /// So many lines before the end.
    Last(usize),
    /// At a place that an earlier reader had come to. Where its file is gone, at the oldest line.
    Place(Place),
    /// At the first line of this moment or a later one: the time since the epoch. A log without stamps is
    /// read from the first file that was written then.
    Since(Duration),
}

/// Reads one log. Nothing is polled: it sleeps until the kernel says that something has changed.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    /// The file that is read, once there is one.
    current: Option<Current>,
    since: Option<Since>,
    watch: Option<Watch>,
    /// Whether files were gone before they were read.
    has_missed: bool,
}

#[derive(Debug)]
struct Current {
    body: Body,
    place: Place,
}

#[derive(Debug)]
struct Watch {
    fd: OwnedFd,
    /// The watch on the file that is read.
    file: Option<i32>,
}

impl Reader {
    /// Opens the log at `path`. It need not exist yet, but its folder must.
    ///
    /// # Errors
    ///
    /// The folder or a file of it cannot be read.
    pub fn open(path: impl AsRef<Path>, from: From) -> io::Result<Self> {
        let path = path.as_ref().to_owned();
        let entries = list(&path)?;
        let mut reader = Self { path, current: None, since: None, watch: None, has_missed: false };
        match from {
            From::Start => reader.begin(entries.first(), 0)?,
            From::Last(lines) => reader.begin_last(&entries, lines)?,
            From::Place(place) => match entries.iter().find(|entry| entry.identity == place.file) {
                Some(entry) => reader.begin(Some(entry), place.offset)?,
                None => {
                    reader.has_missed = true;
                    reader.begin(entries.first(), 0)?;
                }
            },
            From::Since(moment) => {
                let seconds = i64::try_from(moment.as_secs()).unwrap_or(i64::MAX);
                let first = entries.iter().find(|entry| entry.modified >= seconds);
                reader.begin(first.or_else(|| entries.last()), 0)?;
                reader.since = Some(Since::new(seconds, moment.subsec_micros()));
            }
        }
        Ok(reader)
    }

    /// Appends what there is to read, up to about 64 KiB. Returns how many bytes; 0: nothing at present.
    ///
    /// # Errors
    ///
    /// A file cannot be read.
    pub fn read(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        loop {
            let before = into.len();
            let length = self.read_some(into)?;
            let Some(since) = &mut self.since else { return Ok(length) };
            let is_over = length == 0;
            if since.filter(into, before, is_over) {
                self.since = None;
            }
            let length = into.len() - before;
            if length > 0 || is_over {
                return Ok(length);
            }
        }
    }

    fn read_some(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        loop {
            if self.current.is_none() {
                let entries = list(&self.path)?;
                self.begin(entries.first(), 0)?;
            }
            let Some(current) = &mut self.current else { return Ok(0) };
            let length = current.read(into)?;
            if length > 0 {
                return Ok(length);
            }
            let Some(next) = self.next()? else { return Ok(0) };
            // Now that there is another file, nothing more is written to this one: once more to its end.
            let Some(current) = &mut self.current else { return Ok(0) };
            let length = current.read(into)?;
            if length > 0 {
                return Ok(length);
            }
            self.begin_at(next, 0)?;
        }
    }

    /// Returns the file that comes behind the present one, where there is one.
    fn next(&mut self) -> io::Result<Option<Found>> {
        let Some(current) = &self.current else { return Ok(None) };
        let here = current.place.file;
        if matches!(current.body, Body::Plain(_))
            && std::fs::metadata(&self.path).is_ok_and(|about| identity(&about) == here)
        {
            return Ok(None);
        }
        match behind(&self.path, here)? {
            Behind::Next(next) => Ok(Some(next)),
            // What is renamed so fast changes again soon.
            Behind::Nothing | Behind::Unsure => Ok(None),
            // So is what was older.
            Behind::Gone => {
                let entries = list(&self.path)?;
                self.has_missed |= entries.len() > 1;
                let Some(first) = entries.first() else { return Ok(None) };
                find(&self.path, first.identity)
            }
        }
    }

    fn begin(&mut self, entry: Option<&Entry>, offset: u64) -> io::Result<()> {
        let Some(entry) = entry else { return Ok(()) };
        match find(&self.path, entry.identity)? {
            Some(found) => self.begin_at(found, offset),
            None => {
                self.has_missed = true;
                self.current = None;
                Ok(())
            }
        }
    }

    fn begin_at(&mut self, found: Found, offset: u64) -> io::Result<()> {
        let Found { mut body, entry, .. } = found;
        body.skip_to(offset)?;
        self.current = Some(Current { body, place: Place { file: entry.identity, offset } });
        self.watch_file()
    }

    fn begin_last(&mut self, entries: &[Entry], lines: usize) -> io::Result<()> {
        let mut wanted = lines;
        let (mut first, mut start) = (entries.last(), 0);
        for (age, entry) in entries.iter().rev().enumerate() {
            let Some(found) = find(&self.path, entry.identity)? else {
                // It has gone the way of the oldest meanwhile.
                break;
            };
            let (found, at) = last_lines(found.body, wanted)?;
            (first, start) = (Some(entry), at);
            wanted -= found.min(wanted);
            if wanted == 0 || age + 1 == entries.len() {
                break;
            }
        }
        self.begin(first, start)
    }

    /// Returns where the next byte comes from, for [`From::Place`].
    pub fn place(&self) -> Option<Place> {
        self.current.as_ref().map(|current| current.place)
    }

    /// Returns whether files were gone before they were read.
    pub fn has_missed(&self) -> bool {
        self.has_missed
    }

    /// Sleeps until there may be something to read, or for `most`. Returns whether there may be.
    ///
    /// # Errors
    ///
    /// The system has no more watches.
    pub fn wait(&mut self, most: Option<Duration>) -> io::Result<bool> {
        if self.watch.is_none() {
            // What has come since the last read made no event.
            self.descriptor()?;
            return Ok(true);
        }
        let fd = self.descriptor()?;
        let most = most.map(|most| Timespec {
            tv_sec: i64::try_from(most.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(most.subsec_nanos()),
        });
        let changed = match poll(&mut [PollFd::new(&fd, PollFlags::IN)], most.as_ref()) {
            Ok(ready) => ready > 0,
            Err(rustix::io::Errno::INTR) => true,
            Err(error) => return Err(error.into()),
        };
        let mut events = [0; 4096];
        while rustix::io::read(fd, &mut events).is_ok_and(|length| length > 0) {}
        Ok(changed)
    }

    /// Returns a descriptor that becomes readable when there may be something to read;
    /// [`wait`](Self::wait) with no time makes it unreadable again. Read once more after the first call.
    ///
    /// # Errors
    ///
    /// The system has no more watches.
    pub fn descriptor(&mut self) -> io::Result<BorrowedFd<'_>> {
        if self.watch.is_none() {
            let fd = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let changes = inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
            inotify::add_watch(&fd, folder.unwrap_or_else(|| Path::new(".")), changes)?;
            self.watch = Some(Watch { fd, file: None });
            self.watch_file()?;
        }
        match &self.watch {
            Some(watch) => Ok(watch.fd.as_fd()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Has the kernel say when the present file is written.
    fn watch_file(&mut self) -> io::Result<()> {
        let Some(watch) = &mut self.watch else { return Ok(()) };
        if let Some(file) = watch.file.take() {
            // The kernel has removed it already where the file is gone.
            let _ = inotify::remove_watch(&watch.fd, file);
        }
        if let Some(Current { body: Body::Plain(file), .. }) = &self.current {
            use std::os::fd::AsRawFd;
            // The file itself, whatever it is called by now.
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            watch.file = Some(inotify::add_watch(&watch.fd, path, inotify::WatchFlags::MODIFY)?);
        }
        Ok(())
    }
}

impl Current {
    fn read(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let before = into.len();
        into.resize(before + BLOCK, 0);
        let result = self.body.read(&mut into[before..]);
        let length = *result.as_ref().unwrap_or(&0);
        into.truncate(before + length);
        result?;
        self.place.offset += length as u64;
        if length == 0 && self.body.length()?.is_some_and(|length| length < self.place.offset) {
            // Somebody has cut it: it begins anew.
            self.body.skip_to(0)?;
            self.place.offset = 0;
            return self.read(into);
        }
        Ok(length)
    }
}

/// Returns how many of the last `wanted` lines a file has, and where they begin.
fn last_lines(body: Body, wanted: usize) -> io::Result<(usize, u64)> {
    match body {
        Body::Plain(file) => last_lines_plain(&file, wanted),
        Body::Compressed(decoder) => last_lines_any(decoder, wanted),
    }
}

/// Looks from the end.
fn last_lines_plain(file: &File, wanted: usize) -> io::Result<(usize, u64)> {
    let length = file.metadata()?.len();
    if wanted == 0 || length == 0 {
        return Ok((0, length));
    }
    let mut found = 0;
    let mut block = vec![0; BLOCK];
    // The newline at the very end begins no line.
    let mut end = length - 1;
    while end > 0 {
        let begin = end.saturating_sub(BLOCK as u64);
        let block = &mut block[..usize::try_from(end - begin).unwrap_or(BLOCK)];
        file.read_exact_at(block, begin)?;
        for at in memrchr_iter(b'\n', block) {
            found += 1;
            if found == wanted {
                return Ok((found, begin + at as u64 + 1));
            }
        }
        end = begin;
    }
    Ok((found + 1, 0))
}

/// Looks at all of it.
fn last_lines_any(mut body: impl Read, wanted: usize) -> io::Result<(usize, u64)> {
    let mut starts = VecDeque::from([0]);
    let mut block = vec![0; BLOCK];
    let mut length = 0;
    loop {
        let read = body.read(&mut block)?;
        if read == 0 {
            break;
        }
        for at in memchr_iter(b'\n', &block[..read]) {
            starts.push_back(length + at as u64 + 1);
            if starts.len() > wanted.saturating_add(1) {
                starts.pop_front();
            }
        }
        length += read as u64;
    }
    if starts.back() == Some(&length) {
        starts.pop_back();
    }
    while starts.len() > wanted {
        starts.pop_front();
    }
    Ok((starts.len(), starts.front().copied().unwrap_or(length)))
}

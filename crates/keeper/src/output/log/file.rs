//! The file that the output of a child is written to, and how the next one begins.

use super::compress::Compressor;
use super::older::Older;
use crate::output::record::Stream;
use crate::output::stamp::Stamp;
use crate::sys::inherit;
use mainstay_wire::handover::{self as wire, OpenLog};
use mainstay_wire::process::Log as Settings;
use memchr::{memchr, memrchr};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxFlags};
use rustix::io::Errno;
use std::io;
use std::sync::Arc;

/// The rights of a log that was not there before.
const RIGHTS: Mode = Mode::from_raw_mode(0o640);

/// Where the next byte of a log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::output) enum Place {
    /// At the beginning of a line.
    Start,
    /// In a line of this run's stream.
    Inside(u64, Stream),
    /// In a line whose rest will not come.
    Broken,
}

/// The log of one child. It is written at its end, and by nobody else.
#[derive(Debug)]
pub(in crate::output) struct Log {
    settings: Settings,
    child: Arc<str>,
    older: Older,
    file: OwnedFd,
    mode: Mode,
    inode: u64,
    /// Pipes and devices do not rotate.
    is_regular: bool,
    length: u64,
    /// The length at which the next file begins.
    ceiling: u64,
    /// When the file began, in seconds of the wall clock.
    began: i64,
    /// Where the unfinished line at the end of the file begins.
    line: Option<u64>,
    /// What the child printed and could not be written yet. It comes before anything else.
    backlog: Vec<u8>,
    /// Where the next byte stands, behind the backlog.
    pub(in crate::output) place: Place,
    /// The error of the last write.
    error: Option<i32>,
    /// What is to be told: in words, and the error.
    news: Vec<(String, i32)>,
}

impl Log {
    /// Opens the file, or makes it. What is there stays: it is written at the end.
    pub(in crate::output) fn open(child: Arc<str>, settings: Settings) -> io::Result<Self> {
        let found = find(&settings, RIGHTS)?;
        let mut log = Self::new(child, settings, found);
        if log.length > 0 && !log.ends_with_newline() {
            log.line = Some(log.length);
            log.place = Place::Broken;
        }
        Ok(log)
    }

    fn new(child: Arc<str>, settings: Settings, found: Found) -> Self {
        Self {
            ceiling: settings.size,
            settings,
            child,
            older: Older::default(),
            file: found.file,
            mode: found.mode,
            inode: found.inode,
            is_regular: found.is_regular,
            length: found.length,
            began: found.began,
            line: None,
            backlog: Vec::new(),
            place: Place::Start,
            error: None,
            news: Vec::new(),
        }
    }

    fn ends_with_newline(&self) -> bool {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let mut last = [b'\n'];
        // A file that cannot be read counts as whole: the worst is two lines in one.
        if let Ok(file) = rustix::fs::open(self.settings.path.as_path(), flags, Mode::empty()) {
            let _ = rustix::io::pread(&file, &mut last, self.length - 1);
        }
        last == *b"\n"
    }

    pub(in crate::output) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes new settings of the same file.
    pub(in crate::output) fn change(&mut self, settings: Settings) {
        self.ceiling = settings.size;
        self.settings = settings;
    }

    /// Closes the file and begins it anew by its path: somebody has moved it away.
    pub(in crate::output) fn reopen(&mut self) {
        match find(&self.settings, self.mode) {
            Ok(found) => self.turn_to(found),
            Err(error) => self.tell("cannot reopen its log", &error),
        }
    }

    fn turn_to(&mut self, found: Found) {
        self.line = self.line.filter(|_| found.length > 0).map(|_| found.length);
        if found.inode != self.inode && found.length > 0 && self.place != Place::Start {
            // Another file, which somebody has begun: a line that began elsewhere does not go on in it.
            self.place = Place::Broken;
        }
        self.file = found.file;
        self.mode = found.mode;
        self.inode = found.inode;
        self.is_regular = found.is_regular;
        self.length = found.length;
        self.began = found.began;
        self.ceiling = self.settings.size;
    }

    /// Returns whether something waits to be written before anything else can be.
    pub(in crate::output) fn is_behind(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Returns what waits to be written.
    pub(in crate::output) fn backlog(&self) -> &[u8] {
        &self.backlog
    }

    /// Lets bytes wait behind what waits already.
    pub(in crate::output) fn hold(&mut self, bytes: &[u8]) {
        self.backlog.extend_from_slice(bytes);
    }

    /// Tries again to write what waits.
    pub(in crate::output) fn retry(&mut self, now: Stamp, compressor: &Arc<Compressor>) {
        let backlog = std::mem::take(&mut self.backlog);
        if let Err(written) = self.put(&backlog, now, compressor) {
            self.backlog = backlog;
            self.backlog.drain(..written);
        }
    }

    /// Says that the rest of the line at the end of the file will not come.
    pub(in crate::output) fn break_line(&mut self) {
        self.place = if self.line.is_some() { Place::Broken } else { Place::Start };
    }

    /// Returns what is to be told.
    pub(in crate::output) fn take_news(&mut self) -> Vec<(String, i32)> {
        std::mem::take(&mut self.news)
    }

    fn tell(&mut self, what: &str, error: &io::Error) {
        let what = format!("{what} {}", self.settings.path);
        self.news.push((what, error.raw_os_error().unwrap_or_default()));
    }

    /// Writes bytes; the error is how many of them are written. Files are cut behind a newline, unless
    /// one line alone is longer than a file may be.
    pub(in crate::output) fn put(
        &mut self,
        mut bytes: &[u8],
        now: Stamp,
        compressor: &Arc<Compressor>,
    ) -> Result<(), usize> {
        let all = bytes.len();
        while !bytes.is_empty() {
            if self.line.is_none() && self.length > 0 && self.is_old(now) {
                self.rotate(now, compressor);
            }
            let room = self.room();
            let mut end = bytes.len();
            if (end as u64) > room {
                end = self.cut(bytes, usize::try_from(room).unwrap_or(usize::MAX));
                if end == 0 {
                    self.rotate(now, compressor);
                    continue;
                }
            }
            let (part, rest) = bytes.split_at(end);
            if let Err(written) = self.append(part) {
                return Err(all - bytes.len() + written);
            }
            bytes = rest;
        }
        Ok(())
    }

    fn room(&self) -> u64 {
        if self.is_regular && self.settings.size > 0 {
            self.ceiling.saturating_sub(self.length)
        } else {
            u64::MAX
        }
    }

    /// Returns how much of `bytes`, which do not fit into `room`, still belongs into this file.
    fn cut(&self, bytes: &[u8], room: usize) -> usize {
        if let Some(end) = memrchr(b'\n', &bytes[..room]) {
            return end + 1;
        }
        let begun = match self.line {
            Some(begun) => begun,
            None if self.length == 0 => 0,
            None => return 0,
        };
        // The line in progress stays whole, unless there is as much of it as fits into a file.
        let most = self.settings.size.saturating_sub(self.length - begun);
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len());
        memchr(b'\n', &bytes[..most]).map_or(most, |end| end + 1)
    }

    fn is_old(&self, now: Stamp) -> bool {
        let age = u64::try_from(now.seconds() - self.began).unwrap_or_default();
        let most = self.settings.age.filter(|most| !most.is_zero());
        self.is_regular && most.is_some_and(|most| age >= most.as_secs())
    }

    /// Writes to the file; the error is how many bytes are written.
    fn append(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let mut written = 0;
        while written < bytes.len() {
            match rustix::io::write(&self.file, &bytes[written..]) {
                Ok(length) => {
                    let part = &bytes[written..written + length];
                    self.line = match memrchr(b'\n', part) {
                        Some(end) if end + 1 == length => None,
                        Some(end) => Some(self.length + end as u64 + 1),
                        None if length == 0 => self.line,
                        None => self.line.or(Some(self.length)),
                    };
                    self.length += length as u64;
                    written += length;
                }
                Err(Errno::INTR) => {}
                Err(error) => {
                    if self.error.replace(error.raw_os_error()).is_none() {
                        self.tell("cannot write its log", &error.into());
                    }
                    return Err(written);
                }
            }
        }
        if self.error.take().is_some() {
            self.news.push((format!("can write its log {} again", self.settings.path), 0));
        }
        Ok(())
    }

    /// Begins the next file, where this one is still what its path and length say.
    fn rotate(&mut self, now: Stamp, compressor: &Arc<Compressor>) {
        let path = self.settings.path.as_path().to_owned();
        match look(rustix::fs::CWD, &path, AtFlags::empty()) {
            Ok((inode, length)) if inode == self.inode && length < self.length => {
                // Somebody has cut it.
                self.length = length;
                self.line = self.line.map(|begun| begun.min(length));
                return;
            }
            Ok((inode, _)) if inode == self.inode => {}
            // Somebody has moved it, and perhaps begun another one.
            Ok(_) | Err(Errno::NOENT) => match find(&self.settings, self.mode) {
                Ok(found) => return self.turn_to(found),
                Err(error) => return self.rotate_later("cannot reopen its log", &error),
            },
            Err(error) => return self.rotate_later("cannot find its log", &error.into()),
        }
        crate::fault::point("log.rotate");
        if let Err(error) = self.older.shift(&path, self.settings.keep) {
            return self.rotate_later("cannot rename its log", &error);
        }
        crate::fault::point("log.renamed");
        match find(&self.settings, self.mode) {
            Ok(mut found) => {
                found.began = now.seconds();
                self.turn_to(found);
                crate::fault::point("log.rotated");
            }
            Err(error) => {
                // The open file goes on under its old name.
                let _ = rustix::fs::rename(super::older::plain(&path, 1), &path);
                return self.rotate_later("cannot begin the next file of its log", &error);
            }
        }
        if self.settings.compress && self.settings.keep > 0 {
            compressor.submit(&self.child, &self.settings, &self.older);
        }
    }

    /// Goes on with the file as it is; the next attempt comes when as much again has been written.
    fn rotate_later(&mut self, what: &str, error: &io::Error) {
        self.tell(what, error);
        self.ceiling = self.length.saturating_add(self.settings.size.max(1));
        if self.settings.age.is_some() {
            self.began = Stamp::now().seconds();
        }
    }
}

/// A file that has been opened.
struct Found {
    file: OwnedFd,
    mode: Mode,
    inode: u64,
    is_regular: bool,
    length: u64,
    began: i64,
}

fn find(settings: &Settings, rights: Mode) -> io::Result<Found> {
    let flags = OFlags::WRONLY
        | OFlags::APPEND
        | OFlags::CREATE
        | OFlags::CLOEXEC
        | OFlags::NOCTTY
        // A pipe without a reader is an error, and nothing to wait for.
        | OFlags::NONBLOCK;
    let found = about(rustix::fs::open(settings.path.as_path(), flags, rights)?)?;
    if !found.is_regular {
        rustix::fs::fcntl_setfl(&found.file, OFlags::APPEND)?;
    }
    Ok(found)
}

fn about(file: OwnedFd) -> io::Result<Found> {
    let wish = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    let about = rustix::fs::statx(&file, "", AtFlags::EMPTY_PATH, wish)?;
    let is_regular = FileType::from_raw_mode(about.stx_mode.into()) == FileType::RegularFile;
    let has_birth = about.stx_mask & StatxFlags::BTIME.bits() != 0;
    Ok(Found {
        file,
        mode: Mode::from_raw_mode((about.stx_mode & 0o777).into()),
        inode: about.stx_ino,
        is_regular,
        length: if is_regular { about.stx_size } else { 0 },
        began: if has_birth { about.stx_btime.tv_sec } else { about.stx_mtime.tv_sec },
    })
}

fn look(
    folder: impl AsFd,
    path: &std::path::Path,
    flags: AtFlags,
) -> rustix::io::Result<(u64, u64)> {
    let about = rustix::fs::statx(folder, path, flags, StatxFlags::BASIC_STATS)?;
    Ok((about.stx_ino, about.stx_size))
}

impl Log {
    /// Describes the log for the next program; its file stays open for that.
    pub(in crate::output) fn describe(&self) -> io::Result<OpenLog> {
        Ok(OpenLog {
            settings: self.settings.clone(),
            file: Some(inherit::leave_open(self.file.as_fd())?),
            ceiling: self.ceiling,
            began: self.began,
            place: match self.place {
                Place::Start => wire::Place::Start,
                Place::Inside(run, Stream::Out) => wire::Place::Out(run),
                Place::Inside(run, Stream::Err) => wire::Place::Err(run),
                Place::Broken => wire::Place::Broken,
            },
            line: self.line,
            backlog: self.backlog.clone().into(),
            error: self.error,
        })
    }

    /// Goes on with a log that was described.
    pub(in crate::output) fn take_over(child: Arc<str>, state: OpenLog) -> io::Result<Self> {
        let Some(file) = state.file else { return Self::open(child, state.settings) };
        let found = about(inherit::take(file)?)?;
        let mut log = Self::new(child, state.settings, found);
        log.ceiling = state.ceiling;
        log.began = state.began;
        log.line = state.line;
        log.backlog = state.backlog.as_bytes().to_vec();
        log.error = state.error;
        log.place = match state.place {
            wire::Place::Start => Place::Start,
            wire::Place::Out(run) => Place::Inside(run, Stream::Out),
            wire::Place::Err(run) => Place::Inside(run, Stream::Err),
            wire::Place::Broken => Place::Broken,
        };
        Ok(log)
    }
}

//! What becomes of the bytes of one read.

use super::board::lock;
use super::line::{Piece, Splitter};
use super::log::file::{Log, Place};
use super::plane::Plane;
use super::record::{self, Stream};
use super::run::{Feed, Manner, Run};
use super::stamp::Stamp;
use super::{Key, Told};
use mainstay_wire::process::{Format, Pressure};
use memchr::memchr;
use std::sync::MutexGuard;

/// How many bytes are turned into lines before they are written.
const WRITE: usize = 128 * 1024;
/// How many bytes are turned into lines at a time; short lines become several times as long by it.
const PART: usize = 8 * 1024;

/// Lines that were dropped and have not been told yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dropped {
    pub(super) lines: u64,
    pub(super) bytes: u64,
    /// The last of them has not ended yet.
    pub(super) is_inside: bool,
}

impl Dropped {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
        self.bytes += bytes.len() as u64;
        self.is_inside = bytes.last().map_or(self.is_inside, |last| *last != b'\n');
    }

    /// Counts what was dropped before all that is counted here.
    fn add_earlier(&mut self, earlier: Self) {
        if self.bytes == 0 {
            self.is_inside = earlier.is_inside;
        }
        self.lines += earlier.lines;
        self.bytes += earlier.bytes;
    }
}

/// The way of bytes from one stream of a run to all who want them.
pub(super) struct Pass<'a> {
    run: &'a Run,
    plane: &'a Plane,
    stream: Stream,
    echo: Option<&'a [u8]>,
    writer: Option<Writer<'a>>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        run: &'a Run,
        manner: &'a Manner,
        stream: Stream,
        out: &'a mut Vec<u8>,
        plane: &'a Plane,
    ) -> Self {
        let writer = manner.sheet.as_ref().map(|sheet| Writer {
            log: sheet.open(),
            out,
            plane,
            key: &run.key,
            stream,
            stamp: Stamp::now(),
            pressure: manner.pressure,
            dropped: Dropped::default(),
            has_failed: false,
            is_apart: run.is_apart(),
        });
        Self { run, plane, stream, echo: manner.echo.as_deref(), writer }
    }

    /// Takes in what has been read.
    pub(super) fn bytes(&mut self, feed: &mut Feed, mut bytes: &[u8]) {
        if let Some(audience) = &self.run.audience
            && lock(audience).show(bytes)
        {
            self.plane.show(audience);
        }
        if !self.run.is_apart() {
            lock(&self.run.tail).push(bytes);
        }
        self.settle(feed);
        if !self.mend(feed, &mut bytes) {
            return;
        }
        let by_line = self.writer.as_ref().is_some_and(Writer::is_by_line);
        if let Some(writer) = &mut self.writer
            && !by_line
        {
            writer.bytes(bytes);
        }
        if by_line || self.run.is_apart() || self.echo.is_some() || feed.pattern.is_some() {
            self.lines(feed, |splitter, each| splitter.split(bytes, each));
        } else {
            feed.splitters[self.stream.index()] = Splitter::default();
        }
        if let Some(writer) = &mut self.writer {
            writer.flush();
        }
    }

    /// Takes note that nothing more comes.
    pub(super) fn end(&mut self, feed: &mut Feed) {
        self.settle(feed);
        self.mend(feed, &mut &[][..]);
        self.lines(feed, |splitter, each| splitter.finish(each));
        if let Some(writer) = &mut self.writer {
            writer.flush();
        }
    }

    /// Brings what is held in line with settings that have changed: no byte of it is to be missing in the
    /// log, or there twice.
    fn settle(&mut self, feed: &mut Feed) {
        let Some(writer) = &mut self.writer else {
            feed.is_by_line = false;
            return;
        };
        let was_by_line = std::mem::replace(&mut feed.is_by_line, writer.is_by_line());
        if was_by_line == feed.is_by_line {
            return;
        }
        for splitter in &mut feed.splitters {
            let held = std::mem::take(splitter);
            if was_by_line {
                writer.bytes(held.held());
            } else if !held.held().is_empty() || held.is_inside() {
                // The beginning of this line is in the log already.
                *splitter = Splitter::resume(Vec::new(), true);
            }
        }
    }

    fn lines(
        &mut self,
        feed: &mut Feed,
        split: impl FnOnce(&mut Splitter, &mut dyn FnMut(Piece<'_>)),
    ) {
        let Feed { splitters, pattern, .. } = feed;
        let by_line = self.writer.as_ref().is_some_and(Writer::is_by_line);
        let mut is_seen = false;
        split(&mut splitters[self.stream.index()], &mut |piece| {
            if let Some(writer) = &mut self.writer
                && by_line
            {
                writer.piece(piece);
            }
            if self.run.is_apart() {
                let mut tail = lock(&self.run.tail);
                tail.push(piece.bytes);
                if piece.has_newline {
                    tail.push(b"\n");
                }
            }
            if let Some(prefix) = self.echo {
                self.plane.echo.line(prefix, piece.bytes);
            }
            is_seen = is_seen || pattern.as_ref().is_some_and(|wanted| wanted.fits(piece.bytes));
        });
        if is_seen {
            *pattern = None;
            self.plane.board.tell(Told::Line { key: self.run.key.clone() });
        }
    }

    /// Says in the log what was dropped before these bytes, and skips the rest of a line whose beginning
    /// was. Returns whether the bytes go on to the log.
    fn mend(&mut self, feed: &mut Feed, bytes: &mut &[u8]) -> bool {
        let mut dropped = std::mem::take(&mut *lock(&self.run.dropped));
        if dropped.bytes == 0 {
            return true;
        }
        if dropped.is_inside {
            let end = memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
            let (rest, next) = bytes.split_at(end);
            dropped.add(rest);
            *bytes = next;
            if next.is_empty() && !rest.is_empty() {
                lock(&self.run.dropped).add_earlier(dropped);
                return false;
            }
        }
        // The beginning of a line whose rest was dropped.
        self.lines(feed, |splitter, each| splitter.finish(each));
        let Some(writer) = &mut self.writer else { return true };
        writer.flush();
        if writer.has_failed || !writer.mark(dropped) {
            dropped.add(bytes);
            lock(&self.run.dropped).add_earlier(dropped);
            return false;
        }
        lock(&self.run.tail).lost += dropped.bytes;
        true
    }

    /// Returns how many bytes of this run are in the log's backlog or dropped for good.
    pub(super) fn finish(self) -> usize {
        let Some(writer) = self.writer else { return 0 };
        let Writer { mut log, dropped, .. } = writer;
        // Counted before it is told that the log cannot be written: who hears of it may end the run.
        if dropped.bytes > 0 {
            // Another thread may have read on meanwhile.
            lock(&self.run.dropped).add_earlier(dropped);
        }
        for (what, error) in log.take_news() {
            self.plane.board.trouble(&self.run.key.child, what, error);
        }
        let behind = log.backlog().len();
        drop(log);
        if self.run.is_over() {
            // It was given up during this pass.
            self.plane.board.dropped_at_end(self.run);
        }
        behind
    }
}

/// Brings the bytes of one stream into the log.
struct Writer<'a> {
    log: MutexGuard<'a, Log>,
    /// Lines that wait for there to be many of them.
    out: &'a mut Vec<u8>,
    plane: &'a Plane,
    key: &'a Key,
    stream: Stream,
    stamp: Stamp,
    pressure: Pressure,
    /// What could not be written by a run that does not wait.
    dropped: Dropped,
    has_failed: bool,
    is_apart: bool,
}

impl Writer<'_> {
    /// Returns whether lines are written whole. Where the outputs are one, as text, bytes are written as
    /// they come.
    fn is_by_line(&self) -> bool {
        self.is_apart || self.log.settings().format == Format::Json
    }

    fn here(&self) -> Place {
        Place::Inside(self.key.run, self.stream)
    }

    /// Ends the line that stands in the log, if it is not the one that goes on here.
    fn begin(&mut self, goes_on: bool) -> bool {
        let is_inside = goes_on && self.log.place == self.here();
        if !is_inside && self.log.place != Place::Start {
            self.out.push(b'\n');
            self.log.place = Place::Start;
        }
        is_inside
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if !self.log.settings().stamps {
            self.begin(true);
            self.flush();
            self.log.place = self.place_behind(bytes);
            self.put(bytes);
            return;
        }
        for part in bytes.chunks(PART) {
            if self.has_failed {
                self.dropped.add(part);
                continue;
            }
            let is_inside = self.begin(true);
            record::stamped(part, self.stamp, is_inside, self.out);
            self.log.place = self.place_behind(part);
            if self.out.len() >= WRITE {
                self.flush();
            }
        }
    }

    fn place_behind(&self, bytes: &[u8]) -> Place {
        if bytes.ends_with(b"\n") { Place::Start } else { self.here() }
    }

    fn piece(&mut self, piece: Piece<'_>) {
        if self.has_failed {
            self.dropped.add(piece.bytes);
            if piece.has_newline {
                self.dropped.add(b"\n");
            }
            return;
        }
        if self.log.settings().format == Format::Json {
            self.begin(false);
            record::json(piece, self.stamp, self.key.run, self.stream, self.out);
        } else {
            self.begin(!piece.is_first);
            let stamp = self.log.settings().stamps.then_some((self.stamp, self.stream));
            record::text(piece, stamp, self.out);
            self.log.place = if piece.has_newline { Place::Start } else { self.here() };
        }
        if self.out.len() >= WRITE {
            self.flush();
        }
    }

    /// Writes that lines were dropped. Returns whether that went well.
    fn mark(&mut self, dropped: Dropped) -> bool {
        let is_json = (self.log.settings().format == Format::Json).then_some(self.key.run);
        self.begin(false);
        record::dropped(dropped.lines, dropped.bytes, self.stamp, is_json, self.out);
        let line = std::mem::take(self.out);
        let is_written = self.log.put(&line, self.stamp, &self.plane.compressor).is_ok();
        if is_written {
            let Dropped { lines, bytes, .. } = dropped;
            self.plane.board.tell(Told::Dropped { key: self.key.clone(), lines, bytes });
        } else {
            self.log.break_line();
        }
        is_written
    }

    fn flush(&mut self) {
        let mut out = std::mem::take(self.out);
        self.put(&out);
        out.clear();
        *self.out = out;
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.log.is_behind() {
            return self.log.hold(bytes);
        }
        if self.has_failed {
            return self.dropped.add(bytes);
        }
        let Err(written) = self.log.put(bytes, self.stamp, &self.plane.compressor) else { return };
        let rest = &bytes[written..];
        match self.pressure {
            Pressure::Lossless => self.log.hold(rest),
            Pressure::Dropping => {
                self.dropped.add(rest);
                self.has_failed = true;
                self.log.break_line();
            }
        }
    }
}

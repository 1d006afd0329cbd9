//! What children print: read, written to their logs, shown on their terminals.
//!
//! [`Outputs`] is the keeper's handle. One thread, the pump, reads the pipes and terminals of all children
//! and writes their logs; [`log::Reader`] reads such a log, also while it is written.
//!
//! - Logs: text is written as soon as it is read, an unfinished line too, so that a keeper that dies takes
//!   nothing along but what it was just writing. Where lines are written whole (JSON, or outputs that are
//!   apart), the unfinished line is held, up to 64 KiB. [`unwritten`] says how much a dead keeper held.
//!   The last line of a run gets its newline only when the next run begins to write.
//! - Terminals: the log keeps the bytes as the terminal gave them, with `\r\n` at the ends of lines.
//! - A log that cannot be written: a lossless child waits until it can, a dropping one goes on, and what
//!   was dropped is counted and marked in the log. Either is told once as [`Told::Trouble`], and again with
//!   error 0 when it is over.

mod begin;
mod board;
mod console;
mod echo;
mod handover;
mod input;
mod last;
mod line;
pub mod log;
mod pass;
mod pattern;
mod plane;
mod pump;
mod record;
mod run;
mod sheet;
mod stamp;
mod standby;
mod tally;
mod terminal;

use board::{Board, lock};
use echo::Echo;
use input::Sent;
use last::DEFAULT_BOUND;
use mainstay_wire::Text;
use mainstay_wire::keeper::{Key, Step};
use mainstay_wire::process::Output;
use plane::{Order, Plane};
use run::Run;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use sheet::Sheet;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use tally::Tally;
use terminal::Audience;

pub use tally::{Unwritten, unwritten};

/// How much is read at a time at most.
pub const MOST_READ: usize = 128 * 1024;

/// Where the output of a run comes from: the keeper's ends.
#[derive(Debug)]
pub enum Source {
    /// One pipe for both.
    Merged(OwnedFd),
    /// A pipe each.
    Apart {
        /// Standard output.
        out: OwnedFd,
        /// Standard error.
        err: OwnedFd,
    },
    /// The master of a terminal.
    Terminal(OwnedFd),
    /// Nowhere.
    Null,
}

/// What is left of a run's output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Last {
    /// Its last lines.
    pub lines: Vec<Text>,
    /// Bytes that were printed and could not be kept.
    pub lost: u64,
}

/// What the output plane tells the keeper.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// A run that is over has been read to its end.
    Drained {
        /// The run.
        key: Key,
        /// What is left of it.
        last: Last,
    },
    /// The line that says that a run is ready has come.
    Line {
        /// The run.
        key: Key,
    },
    /// Lines were dropped, and the log can be written again.
    Dropped {
        /// The run.
        key: Key,
        /// How many since the last time it was told.
        lines: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// Something does not work; with error 0: it works again.
    Trouble {
        /// The child.
        child: Arc<str>,
        /// What.
        what: String,
        /// The error of the kernel.
        error: i32,
    },
    /// What a terminal shows. Once it has gone on to the viewer, [`Outputs::shown`] lets more come.
    Screen {
        /// Who sees it.
        viewer: u64,
        /// What is shown.
        bytes: Vec<u8>,
        /// How many bytes were left out before it.
        lost: u64,
    },
    /// What became of bytes that a viewer typed.
    Typed {
        /// Who.
        viewer: u64,
        /// How many the terminal has taken.
        taken: u64,
        /// How many were refused.
        refused: u64,
    },
    /// A viewer sees nothing more.
    Left {
        /// Who.
        viewer: u64,
        /// Why.
        why: String,
    },
}

/// The descriptors of a run, for somebody who holds them too.
#[derive(Debug)]
pub struct Descriptors<'a> {
    /// What is read from: the only output, or standard output and standard error.
    pub outputs: Vec<BorrowedFd<'a>>,
    /// What is written to: its standard input, or the terminal again.
    pub input: Option<Arc<OwnedFd>>,
    /// Memory that says how much has been read and not written ([`unwritten`]); the same for all runs.
    pub tally: BorrowedFd<'a>,
    /// The place of this run in it.
    pub slot: u32,
}

/// One child, between its runs too.
#[derive(Debug, Default)]
struct Child {
    output: Output,
    sheet: Option<Arc<Sheet>>,
    run: Option<Arc<Run>>,
    audience: Option<Arc<Mutex<Audience>>>,
}

/// The keeper's handle on the outputs of all children. It owns the threads that do the work; no call waits
/// for them or for a child.
pub struct Outputs {
    plane: Arc<Plane>,
    children: BTreeMap<Arc<str>, Child>,
    viewers: BTreeMap<u64, Arc<str>>,
}

impl std::fmt::Debug for Outputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outputs").field("children", &self.children).finish_non_exhaustive()
    }
}

impl Outputs {
    /// Starts the threads. `wake` is an eventfd: it is written to when there is something in
    /// [`told`](Self::told). Lines are repeated on standard output. The threads inherit the caller's signal
    /// mask.
    ///
    /// # Errors
    ///
    /// The system has no more descriptors or threads.
    pub fn new(wake: Arc<OwnedFd>) -> io::Result<Self> {
        let echo = own_output()?;
        Self::with_echo(wake, echo)
    }

    /// Like [`new`](Self::new), with another place where lines are repeated.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn with_echo(wake: Arc<OwnedFd>, echo: OwnedFd) -> io::Result<Self> {
        Self::begin_all(wake, echo, Tally::new()?)
    }

    fn begin_all(wake: Arc<OwnedFd>, echo: OwnedFd, tally: Tally) -> io::Result<Self> {
        let board = Arc::new(Board::new(wake));
        let plane = Plane::new(board, Arc::new(Echo::new(echo)), tally)?;
        let outputs = Self { plane, children: BTreeMap::new(), viewers: BTreeMap::new() };
        standby::start(&outputs.plane)?;
        Ok(outputs)
    }

    fn child(&mut self, name: &Arc<str>) -> &mut Child {
        self.children.entry(Arc::clone(name)).or_default()
    }

    fn run(&self, key: &Key) -> Option<&Arc<Run>> {
        self.children.get(&key.child)?.run.as_ref().filter(|run| run.key == *key)
    }

    /// Ends a run: all its processes are gone. Returns what is left of it where nothing remains to be read;
    /// otherwise it is read to its end, and [`Told::Drained`] follows. The caller gives up by
    /// [`abandon`](Self::abandon).
    pub fn finish(&mut self, key: &Key) -> Option<Last> {
        let Some(run) = self.run(key).map(Arc::clone) else { return Some(Last::default()) };
        if self.is_dry(&run) {
            let last = run.last();
            self.plane.leave(&run);
            self.child(&key.child).run = None;
            return Some(last);
        }
        run.is_draining.store(true, Ordering::Release);
        self.plane.ask(Order::Drain(run));
        None
    }

    /// Returns whether all that a run printed has gone its way.
    fn is_dry(&self, run: &Run) -> bool {
        // What waits in a terminal is not always counted by the kernel.
        if run.is_terminal() {
            return false;
        }
        // Nobody is reading, and nobody is stuck.
        let Ok(feed) = run.feed.try_lock() else { return false };
        let is_dry = run.waiting() == 0
            && feed.splitters.iter().all(|splitter| splitter.held().is_empty())
            && lock(&run.dropped).bytes == 0;
        let manner = lock(&run.manner);
        is_dry
            && manner
                .sheet
                .as_ref()
                .is_none_or(|sheet| sheet.try_lock().is_some_and(|log| !log.is_behind()))
    }

    /// Gives up on reading a run to its end. What is still in its pipes is lost and counted; what waits for
    /// the log is still written when that can be. There may be something to [tell](Self::told) of it.
    pub fn abandon(&mut self, key: &Key) -> Last {
        if let Some(last) = self.plane.board.take_drained(key) {
            self.child(&key.child).run = None;
            return last;
        }
        let Some(run) = self.run(key).map(Arc::clone) else { return Last::default() };
        // What a pass that is under way drops from here on, it tells itself.
        self.plane.leave(&run);
        let mut last = run.last();
        // In this order: who reads without writing moves bytes from the one to the other until it knows of the end.
        let dropped = self.plane.board.dropped_at_end(&run);
        last.lost += run.waiting() + dropped;
        if let Ok(feed) = run.feed.try_lock()
            && run.is_apart()
        {
            last.lost += feed.splitters.iter().map(|held| held.held().len() as u64).sum::<u64>();
        }
        self.child(&key.child).run = None;
        last
    }

    /// Takes what there is to tell.
    pub fn told(&mut self, into: &mut Vec<Told>) {
        let mut news = Vec::new();
        self.plane.board.take(&mut news);
        // Taken after the news and told before them: who looks on sees all of a run before its end is told.
        for audience in self.plane.take_shows() {
            lock(&audience).take(into);
        }
        let mut index = into.len();
        into.append(&mut news);
        while index < into.len() {
            if let Told::Drained { key, .. } = &into[index] {
                if self.run(key).is_none() {
                    // It was abandoned meanwhile.
                    into.remove(index);
                    continue;
                }
                let child = Arc::clone(&key.child);
                self.child(&child).run = None;
            }
            index += 1;
        }
    }

    /// Applies new settings to a live run: its log, its pressure, what is repeated and kept.
    ///
    /// # Errors
    ///
    /// The new log cannot be opened; the run goes on with the old settings.
    pub fn change(&mut self, key: &Key, output: &Output) -> Result<(), (Step, io::Error)> {
        let Some(run) = self.run(key).map(Arc::clone) else { return Ok(()) };
        let sheet = self.sheet(&key.child, output).map_err(|error| (Step::OpenLog, error))?;
        let manner = self.plane.manner(output, sheet).map_err(|error| (Step::OpenLog, error))?;
        *lock(&run.manner) = manner;
        lock(&run.tail).rebound(output.last.unwrap_or(DEFAULT_BOUND));
        self.child(&key.child).output = output.clone();
        Ok(())
    }

    /// Closes what is kept for a child between its runs, and sends its viewers away.
    pub fn forget(&mut self, name: &str) {
        let Some(child) = self.children.remove(name) else { return };
        if let Some(run) = &child.run {
            self.plane.leave(run);
        }
        let plane = &self.plane;
        self.viewers.retain(|viewer, of| {
            if &**of != name {
                return true;
            }
            let why = "the child is forgotten".to_owned();
            plane.board.tell(Told::Left { viewer: *viewer, why });
            false
        });
    }

    /// Closes all logs and opens them by their paths: somebody has moved them away.
    pub fn reopen(&mut self) {
        for sheet in self.children.values().filter_map(|child| child.sheet.as_ref()) {
            // From here on nothing is written to the old file, whatever the pump does before it comes to this order.
            sheet.ask_reopen();
            self.plane.ask(Order::Reopen(Arc::clone(sheet)));
        }
    }

    /// Writes to the standard input or the terminal of a run. Like [`type_in`](Self::type_in), it refuses
    /// what the child does not take and what is beyond 64 KiB.
    pub fn input(&mut self, key: &Key, bytes: &[u8], close: bool) {
        if let Some(run) = self.run(key) {
            self.send(run, bytes, close, None);
        }
    }

    /// Sends bytes of a viewer, or what the brain says by itself.
    fn send(&self, run: &Run, bytes: &[u8], close: bool, viewer: Option<u64>) {
        let mut input = lock(&run.input);
        let sent = input.send(bytes, close, viewer);
        let must_watch = !input.queue.is_empty();
        let answers = input.take_answers();
        drop(input);
        self.plane.board.typed(answers);
        if must_watch {
            self.plane.watch_input(run);
        }
        match sent {
            Sent::Taken => {}
            Sent::Refused(bytes, is_new) => {
                if is_new {
                    let what =
                        format!("it does not read its input, so that {bytes} bytes were refused");
                    self.plane.board.trouble(&run.key.child, what, Errno::AGAIN.raw_os_error());
                }
            }
            Sent::Closed => {
                let what =
                    format!("its input is closed, so that {} bytes were refused", bytes.len());
                self.plane.board.trouble(&run.key.child, what, Errno::PIPE.raw_os_error());
            }
        }
    }

    /// Returns the descriptors of a run. The log is not among them: it changes when it rotates, and it has a
    /// path.
    pub fn descriptors(&self, key: &Key) -> Option<Descriptors<'_>> {
        let run = self.run(key)?;
        Some(Descriptors {
            outputs: run.ports.iter().map(|port| port.fd.as_fd()).collect(),
            input: lock(&run.input).fd.clone(),
            tally: self.plane.tally.file().as_fd(),
            slot: run.slot,
        })
    }
}

/// Returns the keeper's own output; without one, lines are repeated nowhere.
fn own_output() -> io::Result<OwnedFd> {
    let own = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3);
    own.or_else(|_| {
        let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CLOEXEC;
        rustix::fs::open("/dev/null", flags, rustix::fs::Mode::empty())
    })
    .map_err(io::Error::from)
}

impl Drop for Outputs {
    fn drop(&mut self) {
        standby::stop(&self.plane);
        self.plane.compressor.stop();
        self.plane.echo.stop();
    }
}

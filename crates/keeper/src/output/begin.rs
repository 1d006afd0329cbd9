//! The beginning of a run: its log, its pipes or terminal, and who reads them.

use super::input::Input;
use super::last::{DEFAULT_BOUND, Tail};
use super::log::file::{Log, Place};
use super::pattern::Pattern;
use super::record::Stream;
use super::run::{Feed, Port, Run};
use super::sheet::Sheet;
use super::{Key, Outputs, Source};
use mainstay_wire::Text;
use mainstay_wire::keeper::Step;
use mainstay_wire::process::Output;
use rustix::fd::OwnedFd;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

impl Outputs {
    /// Begins a run, before its process exists: opens its log, or finds it open and unchanged, and begins
    /// to read. `stdin` is the end that its standard input is written to; `line` is what a line has to hold
    /// for the run to be ready.
    ///
    /// # Errors
    ///
    /// The log cannot be opened, or the outputs not be watched.
    pub fn begin(
        &mut self,
        key: &Key,
        source: Source,
        stdin: Option<OwnedFd>,
        output: &Output,
        line: Option<&Text>,
    ) -> Result<(), (Step, io::Error)> {
        self.enter(key, source, stdin, output, line, false)
    }

    /// Goes on with a run of a keeper that died, with the descriptors that somebody else had: an
    /// unfinished line at the end of its log is taken for its own.
    ///
    /// # Errors
    ///
    /// As for [`begin`](Self::begin).
    pub fn adopt(
        &mut self,
        key: &Key,
        source: Source,
        stdin: Option<OwnedFd>,
        output: &Output,
        line: Option<&Text>,
    ) -> Result<(), (Step, io::Error)> {
        self.enter(key, source, stdin, output, line, true)
    }

    fn enter(
        &mut self,
        key: &Key,
        source: Source,
        stdin: Option<OwnedFd>,
        output: &Output,
        line: Option<&Text>,
        goes_on: bool,
    ) -> Result<(), (Step, io::Error)> {
        let sheet = self.sheet(&key.child, output).map_err(|error| (Step::OpenLog, error))?;
        if goes_on
            && let Some(sheet) = &sheet
            && let Some(mut log) = sheet.try_lock()
            && log.place == Place::Broken
        {
            log.place = Place::Inside(key.run, Stream::Out);
        }
        let child = self.child(&key.child);
        if let Some(run) = child.run.take() {
            // Its end was never asked for.
            self.plane.leave(&run);
        }
        let opened = self.open(key, source, stdin, output, line, sheet);
        opened.map_err(|error| (Step::OpenOutput, error))
    }

    fn open(
        &mut self,
        key: &Key,
        source: Source,
        stdin: Option<OwnedFd>,
        output: &Output,
        line: Option<&Text>,
        sheet: Option<Arc<Sheet>>,
    ) -> io::Result<()> {
        let child = self.children.entry(Arc::clone(&key.child)).or_default();
        let mut input = Input::default();
        let ends = match source {
            Source::Merged(fd) => vec![(fd, Stream::Out)],
            Source::Apart { out, err } => vec![(out, Stream::Out), (err, Stream::Err)],
            Source::Terminal(master) => {
                // A number of its own, so that epoll can look for either side apart.
                input.fd = Some(Arc::new(rustix::io::fcntl_dupfd_cloexec(&master, 3)?));
                input.is_terminal = true;
                vec![(master, Stream::Out)]
            }
            Source::Null => Vec::new(),
        };
        let audience =
            input.is_terminal.then(|| Arc::clone(child.audience.get_or_insert_default()));
        if let Some(stdin) = stdin.filter(|_| !input.is_terminal) {
            let flags = rustix::fs::fcntl_getfl(&stdin)?;
            rustix::fs::fcntl_setfl(&stdin, flags | rustix::fs::OFlags::NONBLOCK)?;
            input.fd = Some(Arc::new(stdin));
        }
        let ports = ends.into_iter().map(|(fd, stream)| Port::new(fd, stream, false));
        let ports = ports.collect::<io::Result<_>>()?;
        let manner = self.plane.manner(output, sheet)?;
        let feed = Feed { pattern: line.map(Pattern::new), ..Feed::default() };
        let run = self.plane.enter(None, |slot| {
            Ok(Run {
                key: key.clone(),
                slot,
                ports,
                manner: Mutex::new(manner),
                feed: Mutex::new(feed),
                tail: Mutex::new(Tail::new(output.last.unwrap_or(DEFAULT_BOUND))),
                dropped: Mutex::default(),
                input: Mutex::new(input),
                audience,
                is_draining: AtomicBool::new(false),
                is_over: AtomicBool::new(false),
                is_grown: AtomicBool::new(false),
            })
        })?;
        child.run = Some(run);
        child.output = output.clone();
        child.fit_window();
        Ok(())
    }

    /// Returns the log of a child as it is to be, opened where it is not.
    pub(super) fn sheet(
        &mut self,
        name: &Arc<str>,
        output: &Output,
    ) -> io::Result<Option<Arc<Sheet>>> {
        let child = self.child(name);
        let Some(wanted) = &output.log else {
            child.sheet = None;
            return Ok(None);
        };
        let present = child.output.log.as_ref();
        if let Some(sheet) = &child.sheet
            && present.is_some_and(|log| log.path == wanted.path)
        {
            if present != Some(wanted) {
                sheet.ask_change(wanted.clone());
            }
        } else {
            let log = Log::open(Arc::clone(name), wanted.clone())?;
            child.sheet = Some(Arc::new(Sheet::new(Arc::clone(name), log)));
        }
        child.output.log = Some(wanted.clone());
        Ok(child.sheet.clone())
    }
}

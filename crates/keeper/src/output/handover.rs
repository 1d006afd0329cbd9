//! From one program to the next that this process becomes: nothing is lost and nothing comes twice.

use super::board::lock;
use super::input::Input;
use super::last::{DEFAULT_BOUND, Tail};
use super::line::Splitter;
use super::log::file::Log;
use super::pass::Dropped;
use super::pattern::Pattern;
use super::plane::Order;
use super::record::Stream;
use super::run::{Feed, Port, Run};
use super::sheet::Sheet;
use super::tally::Tally;
use super::terminal::{Audience, Viewer};
use super::{Child, Key, Outputs, Told, standby};
use crate::sys::inherit;
use mainstay_wire::handover as wire;
use mainstay_wire::process::Format;
use rustix::fd::{AsFd, OwnedFd};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

impl Outputs {
    /// Stops the threads behind what they have in hand, and describes everything for the next program. Every
    /// descriptor that is named stays open over an execution. A log that somebody is stuck in is opened anew
    /// by its path; what was on its way to it is counted as lost.
    ///
    /// What the threads had still to tell comes with it. Where the execution fails,
    /// [`take_over`](Self::take_over) goes on in this program.
    ///
    /// # Errors
    ///
    /// A descriptor cannot be kept open.
    pub fn hand_over(mut self) -> io::Result<(wire::Outputs, Vec<Told>)> {
        standby::stop(&self.plane);
        self.plane.compressor.stop();
        let mut told = Vec::new();
        self.told(&mut told);
        for order in self.plane.take_orders() {
            match order {
                Order::Reopen(sheet) => sheet.ask_reopen(),
                // The run says itself that it is to be drained.
                Order::Drain(_) | Order::Look => {}
            }
        }
        let children = std::mem::take(&mut self.children);
        let children = children.into_iter().map(|(name, child)| {
            let run = child.run.as_ref().map(|run| describe_run(run, &self.plane.tally));
            Ok(wire::OutputOf {
                log: child.sheet.as_ref().map(describe_log).transpose()?,
                run: run.transpose()?,
                audience: child.audience.as_ref().map(|audience| lock(audience).describe()),
                output: child.output,
                child: name,
            })
        });
        let children = children.collect::<io::Result<_>>()?;
        let tally = inherit::leave_open(self.plane.tally.file().as_fd())?;
        std::mem::forget(Arc::clone(self.plane.tally.file()));
        let echo = self.plane.echo.stop().into();
        Ok((wire::Outputs { children, tally, echo }, told))
    }

    /// Goes on where [`hand_over`](Self::hand_over) has stopped.
    ///
    /// # Errors
    ///
    /// The threads cannot be started, or a descriptor is not open.
    pub fn take_over(state: wire::Outputs, wake: Arc<OwnedFd>) -> io::Result<Self> {
        let echo = super::own_output()?;
        Self::take_over_with_echo(state, wake, echo)
    }

    /// Like [`take_over`](Self::take_over), with another place where lines are repeated.
    ///
    /// # Errors
    ///
    /// As for [`take_over`](Self::take_over).
    pub fn take_over_with_echo(
        state: wire::Outputs,
        wake: Arc<OwnedFd>,
        echo: OwnedFd,
    ) -> io::Result<Self> {
        let tally = Tally::resume(inherit::take(state.tally)?)?;
        let mut outputs = Self::begin_all(wake, echo, tally)?;
        if !state.echo.as_bytes().is_empty() {
            outputs.plane.echo.resume(state.echo.as_bytes().to_vec());
            outputs.plane.echo.begin()?;
        }
        for child in state.children {
            outputs.take_child(child)?;
        }
        Ok(outputs)
    }

    fn take_child(&mut self, state: wire::OutputOf) -> io::Result<()> {
        let name = state.child;
        let mut child = Child { output: state.output, ..Child::default() };
        if let Some(state) = state.log {
            let is_behind = !state.backlog.as_bytes().is_empty();
            let log = Log::take_over(Arc::clone(&name), state)?;
            let sheet = Arc::new(Sheet::new(Arc::clone(&name), log));
            if is_behind {
                lock(&self.plane.behind).push(Arc::clone(&sheet));
                self.plane.ask(Order::Look);
            }
            child.sheet = Some(sheet);
        }
        if let Some(state) = state.audience {
            for viewer in &state.viewers {
                self.viewers.insert(viewer.viewer, Arc::clone(&name));
            }
            let audience = Arc::new(Mutex::new(Audience::resume(state)));
            self.plane.show(&audience);
            child.audience = Some(audience);
        }
        if let Some(state) = state.run {
            child.run = Some(self.take_run(&name, &child, state)?);
        }
        self.children.insert(name, child);
        Ok(())
    }

    fn take_run(
        &self,
        name: &Arc<str>,
        child: &Child,
        state: wire::OutputRun,
    ) -> io::Result<Arc<Run>> {
        let mut ports = Vec::new();
        let mut feed = Feed { pattern: state.line.as_ref().map(Pattern::new), ..Feed::default() };
        for (stream, port) in [Stream::Out, Stream::Err].into_iter().zip(state.streams) {
            ports.push(Port::new(inherit::take(port.descriptor)?, stream, port.ended)?);
            let held = port.held.as_bytes().to_vec();
            feed.splitters[stream.index()] = Splitter::resume(held, port.inside);
        }
        let is_json = child.output.log.as_ref().is_some_and(|log| log.format == Format::Json);
        feed.is_by_line = child.sheet.is_some() && (is_json || ports.len() > 1);
        let mut input = Input::default();
        if let Some(state) = state.input {
            input.fd = Some(Arc::new(inherit::take(state.descriptor)?));
            input.queue = state.queue.as_bytes().iter().copied().collect();
            input.is_closing = state.closing;
            input.is_terminal = child.audience.is_some();
        }
        let bound = child.output.last.unwrap_or(DEFAULT_BOUND);
        let last = state.last.as_bytes().to_vec();
        let tail = Tail::resume(bound, last, state.is_cut, state.lost);
        let dropped = Dropped {
            lines: state.dropped_lines,
            bytes: state.dropped_bytes,
            is_inside: state.dropped_inside,
        };
        let must_write = !input.queue.is_empty();
        let manner = self.plane.manner(&child.output, child.sheet.clone())?;
        let run = self.plane.enter(Some(state.slot), |slot| {
            Ok(Run {
                key: Key { child: Arc::clone(name), run: state.run },
                slot,
                ports,
                manner: Mutex::new(manner),
                feed: Mutex::new(feed),
                tail: Mutex::new(tail),
                dropped: Mutex::new(dropped),
                input: Mutex::new(input),
                audience: child.audience.clone(),
                is_draining: AtomicBool::new(state.draining),
                is_over: AtomicBool::new(false),
                is_grown: AtomicBool::new(false),
            })
        })?;
        if must_write {
            self.plane.watch_input(&run);
        }
        if state.draining {
            self.plane.ask(Order::Drain(Arc::clone(&run)));
        }
        Ok(run)
    }
}

fn describe_log(sheet: &Arc<Sheet>) -> io::Result<wire::OpenLog> {
    // Its descriptor is left to the next program: it must not be closed here.
    std::mem::forget(Arc::clone(sheet));
    if sheet.is_stalled() {
        return Ok(wire::OpenLog {
            settings: sheet.settings(),
            file: None,
            ceiling: 0,
            began: 0,
            place: wire::Place::Broken,
            line: None,
            backlog: mainstay_wire::Text::default(),
            error: None,
        });
    }
    sheet.open().describe()
}

fn describe_run(run: &Arc<Run>, tally: &Tally) -> io::Result<wire::OutputRun> {
    // As for the log.
    std::mem::forget(Arc::clone(run));
    let feed = run.feed.try_lock();
    let (mut streams, mut lost) = (Vec::new(), lock(&run.tail).lost);
    if feed.is_err() {
        // Somebody is stuck with it in a write.
        lost += tally.held(run.slot);
    }
    for port in &run.ports {
        let splitter = feed.as_ref().ok().map(|feed| &feed.splitters[port.stream.index()]);
        streams.push(wire::OutputStream {
            descriptor: inherit::leave_open(port.fd.as_fd())?,
            ended: port.has_ended(),
            held: splitter.map(|held| held.held().to_vec().into()).unwrap_or_default(),
            inside: splitter.is_some_and(Splitter::is_inside),
        });
    }
    let input = lock(&run.input);
    let input = input.fd.as_ref().map(|fd| {
        // Whoever else holds it may go at any time.
        std::mem::forget(Arc::clone(fd));
        Ok::<_, io::Error>(wire::OutputInput {
            descriptor: inherit::leave_open(fd.as_fd())?,
            queue: input.queue.iter().copied().collect::<Vec<_>>().into(),
            closing: input.is_closing,
        })
    });
    let input = input.transpose()?;
    let dropped = *lock(&run.dropped);
    let tail = lock(&run.tail);
    let (last, is_cut) = tail.parts();
    Ok(wire::OutputRun {
        run: run.key.run,
        slot: run.slot,
        streams,
        line: feed.ok().and_then(|feed| Some(feed.pattern.as_ref()?.text.clone())),
        draining: run.is_draining.load(Ordering::Acquire),
        last: last.to_vec().into(),
        is_cut,
        lost,
        dropped_lines: dropped.lines,
        dropped_bytes: dropped.bytes,
        dropped_inside: dropped.is_inside,
        input,
    })
}

impl Audience {
    fn describe(&self) -> wire::Audience {
        let text =
            |ring: &std::collections::VecDeque<u8>| ring.iter().copied().collect::<Vec<_>>().into();
        let viewers = self.viewers.iter().map(|(number, viewer)| wire::Viewer {
            viewer: *number,
            read_only: viewer.is_read_only,
            waiting: text(&viewer.ring),
            lost: viewer.lost,
            credit: viewer.credit as u64,
            size: viewer.size,
        });
        let viewers = viewers.collect();
        wire::Audience { replay: text(&self.replay), viewers, active: self.active.clone() }
    }

    fn resume(state: wire::Audience) -> Self {
        let viewers = state.viewers.into_iter().map(|viewer| {
            let seen = Viewer {
                is_read_only: viewer.read_only,
                ring: viewer.waiting.as_bytes().iter().copied().collect(),
                lost: viewer.lost,
                credit: usize::try_from(viewer.credit).unwrap_or_default(),
                size: viewer.size,
            };
            (viewer.viewer, seen)
        });
        Self {
            replay: state.replay.as_bytes().iter().copied().collect(),
            viewers: viewers.collect(),
            active: state.active,
            is_told: true,
        }
    }
}

//! The thread that reads what children print and writes their logs.
//!
//! The pump waits with epoll. Each run that has something gets one read of up to 128 KiB in turn, so that a
//! flood delays nobody by more than that. After short reads the pump waits for up to a millisecond before it
//! looks again, so that pipes fill and a read brings many lines; an order of the keeper ends that wait.
//! What happens when a log takes nothing for long is told in [`super::standby`].

use super::board::lock;
use super::pass::Pass;
use super::plane::{CONTROL, INPUT, Order, Plane};
use super::run::{Feed, Manner, Run};
use super::sheet::Sheet;
use super::stamp::Stamp;
use super::standby::{PATIENCE, milliseconds};
use super::{MOST_READ, Told};
use mainstay_wire::process::Pressure;
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, epoll, poll};
use rustix::time::Timespec;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long a write that failed rests.
const RETRY: Duration = Duration::from_secs(1);
/// The longest wait for pipes to fill, and the shortest that is worth it.
const LONGEST_PAUSE: Duration = Duration::from_millis(1);
const SHORTEST_PAUSE: Duration = Duration::from_micros(60);
/// How much is read of a run that is over; somebody else may hold its pipe and go on for ever.
const MOST_DRAINED: usize = 8 << 20;
/// What the pipe of a busy child holds, and how many children may have one.
const LARGE_PIPE: usize = 128 * 1024;
const MOST_LARGE: u32 = 64;

/// What became of a turn.
enum Turn {
    /// So many bytes came of a port that holds so many.
    Read(usize, usize),
    Nothing,
    /// It is time to stop, or another thread is the pump by now.
    Superseded,
}

/// The pump. There is one at a time, but for those that are stuck.
pub(super) struct Pump {
    plane: Arc<Plane>,
    epoch: u64,
    read: Vec<u8>,
    out: Vec<u8>,
    pause: Duration,
}

impl Pump {
    pub(super) fn new(plane: Arc<Plane>, epoch: u64) -> Self {
        Self { plane, epoch, read: vec![0; MOST_READ], out: Vec::new(), pause: Duration::ZERO }
    }

    pub(super) fn run(mut self) {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(64);
        loop {
            if self.plane.is_stopped.load(Ordering::SeqCst) {
                return;
            }
            let is_behind = !lock(&self.plane.behind).is_empty();
            let timeout = is_behind.then(|| timespec(RETRY));
            events.clear();
            match epoll::wait(&self.plane.epoll, spare_capacity(&mut events), timeout.as_ref()) {
                Ok(0) if is_behind => {
                    if !self.retry() {
                        return;
                    }
                }
                Ok(_) | Err(_) => {}
            }
            let (mut most, mut has_read) = (0.0_f32, false);
            for event in &events {
                let (token, flags) = (event.data.u64(), event.flags);
                if token == CONTROL {
                    let _ = rustix::io::read(&self.plane.control, &mut [0; 8]);
                    if !self.orders() {
                        return;
                    }
                    continue;
                }
                let Some((run, port)) = self.plane.find(token) else { continue };
                if port == INPUT {
                    self.go_on(&run, flags);
                    continue;
                }
                match self.turn(&run, usize::try_from(port).unwrap_or_default()) {
                    Turn::Read(length, capacity) => {
                        has_read = true;
                        most = most.max(length as f32 / capacity as f32);
                    }
                    Turn::Nothing => {}
                    Turn::Superseded => return,
                }
            }
            if has_read {
                self.rest(most);
            }
        }
    }

    /// Waits for pipes to fill, where they were not nearly full.
    fn rest(&mut self, fullest: f32) {
        self.pause = if fullest > 0.5 {
            self.pause / 2
        } else if fullest < 0.25 {
            (self.pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
        } else {
            self.pause
        };
        if self.pause >= SHORTEST_PAUSE {
            let mut control = [PollFd::new(&self.plane.control, PollFlags::IN)];
            let _ = poll(&mut control, Some(&timespec(self.pause)));
        }
    }

    /// Does something with a log that may get stuck. `None`: it is time to stop, or somebody else is the
    /// pump by now.
    fn in_log<T>(
        &mut self,
        sheet: Option<&Arc<Sheet>>,
        work: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        let Some(sheet) = sheet else { return Some(work(self)) };
        *lock(&self.plane.working) = Some(Arc::clone(sheet));
        self.plane.since.store(milliseconds(), Ordering::SeqCst);
        if !self.plane.is_guarded.swap(true, Ordering::SeqCst) {
            self.plane.arm(PATIENCE);
        }
        if self.plane.is_stopped.load(Ordering::SeqCst) {
            self.plane.since.store(0, Ordering::SeqCst);
            return None;
        }
        let result = work(self);
        let mut working = lock(&self.plane.working);
        if self.plane.epoch.load(Ordering::SeqCst) == self.epoch {
            *working = None;
            self.plane.since.store(0, Ordering::SeqCst);
            return Some(result);
        }
        drop(working);
        self.plane.stuck.fetch_sub(1, Ordering::SeqCst);
        sheet.set_stalled(false);
        let what = "its log takes lines again".to_owned();
        self.plane.board.trouble(&sheet.child, what, 0);
        if sheet.open().is_behind() {
            self.fall_behind(sheet);
        } else {
            self.release(sheet);
        }
        None
    }

    /// Gives a run one read.
    fn turn(&mut self, run: &Arc<Run>, port: usize) -> Turn {
        if port >= run.ports.len() {
            // The event was for the run that had this slot before.
            return Turn::Nothing;
        }
        let manner = run.manner();
        if let Some(sheet) = &manner.sheet
            && sheet.is_stalled()
        {
            self.go_without(run, port, &manner, sheet);
            return Turn::Nothing;
        }
        let sheet = manner.sheet.clone();
        let read = self.in_log(sheet.as_ref(), |pump| {
            let mut feed = lock(&run.feed);
            if run.is_over() || run.ports[port].has_ended() {
                return None;
            }
            let read = pump.read(run, port, &manner, &mut feed);
            if run.is_draining() && run.ports.iter().all(super::run::Port::has_ended) {
                pump.finish(run, &manner, feed);
            }
            read
        });
        match read {
            Some(Some((length, capacity))) => Turn::Read(length, capacity),
            Some(None) => Turn::Nothing,
            None => Turn::Superseded,
        }
    }

    /// Reads once and brings what came to all who want it.
    fn read(
        &mut self,
        run: &Arc<Run>,
        index: usize,
        manner: &Manner,
        feed: &mut Feed,
    ) -> Option<(usize, usize)> {
        let port = &run.ports[index];
        if let Some(sheet) = &manner.sheet
            && sheet.open().is_behind()
        {
            self.wait_for(run, sheet);
            return None;
        }
        let plane = Arc::clone(&self.plane);
        plane.tally.begin(run.slot);
        let Some(length) = port.read(&mut self.read) else {
            plane.tally.set(run.slot, held(feed, manner, run));
            if port.has_ended() {
                let _ = epoll::delete(&plane.epoll, &port.fd);
            }
            return None;
        };
        plane.tally.set(run.slot, held(feed, manner, run) + length);
        crate::fault::point("log.read");
        let mut pass = Pass::new(run, manner, port.stream, &mut self.out, &plane);
        pass.bytes(feed, &self.read[..length]);
        let behind = pass.finish();
        crate::fault::point("log.written");
        plane.tally.set(run.slot, held(feed, manner, run) + behind);
        if behind > 0
            && let Some(sheet) = &manner.sheet
        {
            self.fall_behind(sheet);
            self.wait_for(run, sheet);
        }
        let capacity = port.capacity.load(Ordering::Relaxed);
        if length * 4 >= capacity * 3 && capacity < LARGE_PIPE && !run.is_terminal() {
            self.grow(run, index);
        }
        Some((length, capacity))
    }

    /// Gives a busy child a larger pipe.
    fn grow(&self, run: &Run, index: usize) {
        if !run.is_grown.load(Ordering::Acquire) {
            if self.plane.grown.load(Ordering::Acquire) >= MOST_LARGE {
                return;
            }
            self.plane.grown.fetch_add(1, Ordering::AcqRel);
            run.is_grown.store(true, Ordering::Release);
        }
        let port = &run.ports[index];
        // Where the user has too many already, it stays as it is and is not asked again.
        let _ = rustix::pipe::fcntl_setpipe_size(&port.fd, LARGE_PIPE);
        port.capacity.store(LARGE_PIPE, Ordering::Relaxed);
    }

    /// Treats a run whose log somebody is stuck in.
    fn go_without(&mut self, run: &Arc<Run>, port: usize, manner: &Manner, sheet: &Arc<Sheet>) {
        if manner.pressure == Pressure::Lossless {
            self.wait_for(run, sheet);
            // The log may have been handed back before the run was in line for it.
            if !sheet.is_stalled() {
                self.release(sheet);
            }
            return;
        }
        let port = &run.ports[port];
        // Whoever looks finds these bytes in the pipe or among those that were dropped.
        let mut dropped = lock(&run.dropped);
        if run.is_over() {
            return;
        }
        let Some(length) = port.read(&mut self.read) else {
            if port.has_ended() {
                let _ = epoll::delete(&self.plane.epoll, &port.fd);
            }
            return;
        };
        let bytes = &self.read[..length];
        dropped.add(bytes);
        drop(dropped);
        if !run.is_apart() {
            lock(&run.tail).push(bytes);
        }
        if let Some(audience) = &run.audience
            && lock(audience).show(bytes)
        {
            self.plane.show(audience);
        }
    }

    fn wait_for(&self, run: &Arc<Run>, sheet: &Arc<Sheet>) {
        // In this order: whoever hands the log back reads again from all that are in line for it.
        self.plane.set_aside(run);
        sheet.wait(run);
    }

    /// Takes note that a log has to be tried again.
    fn fall_behind(&self, sheet: &Arc<Sheet>) {
        let mut behind = lock(&self.plane.behind);
        if !behind.iter().any(|other| Arc::ptr_eq(other, sheet)) {
            behind.push(Arc::clone(sheet));
        }
        drop(behind);
        if self.plane.epoch.load(Ordering::SeqCst) != self.epoch {
            self.plane.ask(Order::Look);
        }
    }

    /// Reads again from the runs of a log that something has been written to.
    fn release(&self, sheet: &Sheet) {
        for run in sheet.take_waiting() {
            self.plane.watch(&run);
            if run.is_draining() {
                self.plane.ask(Order::Drain(run));
            }
        }
    }

    /// Tries the logs that could not be written. Returns whether this is still the pump.
    fn retry(&mut self) -> bool {
        let behind = std::mem::take(&mut *lock(&self.plane.behind));
        let mut is_pump = true;
        for sheet in behind {
            if !is_pump || sheet.is_stalled() {
                lock(&self.plane.behind).push(sheet);
                continue;
            }
            let is_through = self.in_log(Some(&sheet), |pump| {
                let mut log = sheet.open();
                log.retry(Stamp::now(), &pump.plane.compressor);
                for (what, error) in log.take_news() {
                    pump.plane.board.trouble(&sheet.child, what, error);
                }
                !log.is_behind()
            });
            match is_through {
                Some(true) => self.release(&sheet),
                Some(false) => lock(&self.plane.behind).push(sheet),
                None => is_pump = false,
            }
        }
        is_pump
    }

    /// Does what the keeper has asked for. Returns whether this is still the pump.
    fn orders(&mut self) -> bool {
        let mut orders = self.plane.take_orders().into_iter();
        while let Some(order) = orders.next() {
            let is_pump = match order {
                Order::Drain(run) => self.drain(&run),
                // It is done by whoever opens the sheet next: at once, but for one that somebody is stuck in.
                Order::Reopen(sheet) => {
                    sheet.is_stalled()
                        || self.in_log(Some(&sheet), |_| drop(sheet.open())).is_some()
                }
                Order::Look => true,
            };
            if !is_pump {
                orders.for_each(|order| self.plane.ask(order));
                return false;
            }
        }
        true
    }

    /// Reads a run to its end. Returns whether this is still the pump.
    fn drain(&mut self, run: &Arc<Run>) -> bool {
        let manner = run.manner();
        let sheet = manner.sheet.clone();
        if let Some(sheet) = &sheet
            && sheet.is_stalled()
        {
            self.wait_for(run, sheet);
            if !sheet.is_stalled() {
                self.release(sheet);
            }
            return true;
        }
        let drained = self.in_log(sheet.as_ref(), |pump| {
            let mut feed = lock(&run.feed);
            let mut left = MOST_DRAINED;
            for index in 0..run.ports.len() {
                while !run.is_over()
                    && left > 0
                    && let Some((length, _)) = pump.read(run, index, &manner, &mut feed)
                {
                    left = left.saturating_sub(length);
                }
            }
            if !run.is_over()
                && !manner.sheet.as_ref().is_some_and(|sheet| sheet.open().is_behind())
            {
                pump.finish(run, &manner, feed);
            }
        });
        drained.is_some()
    }

    /// Brings what is left to the log and tells that the run is drained.
    fn finish(
        &mut self,
        run: &Arc<Run>,
        manner: &Manner,
        mut feed: std::sync::MutexGuard<'_, Feed>,
    ) {
        let plane = Arc::clone(&self.plane);
        for port in &run.ports {
            let mut pass = Pass::new(run, manner, port.stream, &mut self.out, &plane);
            pass.end(&mut feed);
            if pass.finish() > 0
                && let Some(sheet) = &manner.sheet
            {
                self.fall_behind(sheet);
            }
        }
        drop(feed);
        lock(&run.tail).lost += plane.board.dropped_at_end(run);
        let last = run.last();
        plane.leave(run);
        plane.board.tell(Told::Drained { key: run.key.clone(), last });
    }

    /// Writes more to a child that takes it.
    fn go_on(&self, run: &Run, flags: epoll::EventFlags) {
        let mut input = lock(&run.input);
        let Some(fd) = input.fd.clone() else { return };
        if flags.intersects(epoll::EventFlags::ERR) && !flags.contains(epoll::EventFlags::OUT) {
            input.close();
        }
        if !input.go_on() {
            let _ = epoll::delete(&self.plane.epoll, &fd);
            input.is_watched = false;
        }
        self.plane.board.typed(input.take_answers());
    }
}

/// Returns how many bytes of a run have been read and are in no log, because their lines are not whole.
fn held(feed: &Feed, manner: &Manner, run: &Run) -> usize {
    use mainstay_wire::process::Format;
    let by_line = manner
        .sheet
        .as_ref()
        .is_some_and(|sheet| run.is_apart() || sheet.open().settings().format == Format::Json);
    if by_line { feed.splitters.iter().map(|splitter| splitter.held().len()).sum() } else { 0 }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}

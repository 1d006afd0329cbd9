//! What the keeper's thread and the threads of the output plane share.

use super::board::{Board, lock};
use super::echo::Echo;
use super::log::compress::Compressor;
use super::run::{Manner, Run};
use super::sheet::Sheet;
use super::tally::Tally;
use super::terminal::Audience;
use mainstay_wire::process::Output;
use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::fd::OwnedFd;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Stands for the control descriptor among the tokens of epoll.
pub(super) const CONTROL: u64 = u64::MAX;
/// The port of a token that stands for a run's input.
pub(super) const INPUT: u64 = 3;

/// What the keeper asks of the pump.
#[derive(Debug)]
pub(super) enum Order {
    /// Reads a run to its end and tells so.
    Drain(Arc<Run>),
    /// Does what was asked of a log, also where nothing is printed.
    Reopen(Arc<Sheet>),
    /// Looks again: the end of everything, or a change.
    Look,
}

/// All runs that are read from, by their slots.
#[derive(Debug, Default)]
struct Table {
    runs: Vec<Option<Arc<Run>>>,
    free: Vec<u32>,
}

/// The present pump and the thread that stands by.
#[derive(Debug, Default)]
pub(super) struct Threads {
    pub(super) pump: Option<JoinHandle<()>>,
    pub(super) standby: Option<JoinHandle<()>>,
}

pub(super) struct Plane {
    pub(super) epoll: OwnedFd,
    pub(super) control: OwnedFd,
    pub(super) board: Arc<Board>,
    pub(super) echo: Arc<Echo>,
    pub(super) compressor: Arc<Compressor>,
    pub(super) tally: Tally,
    table: Mutex<Table>,
    orders: Mutex<Vec<Order>>,
    /// Audiences with something to show.
    shows: Mutex<Vec<Arc<Mutex<Audience>>>>,
    /// Logs that something waits to be written to.
    pub(super) behind: Mutex<Vec<Arc<Sheet>>>,
    /// The log that the pump is in, and since when (milliseconds of the monotonic clock, 0: in none).
    pub(super) working: Mutex<Option<Arc<Sheet>>>,
    pub(super) since: AtomicU64,
    /// Goes off when the pump may be stuck.
    pub(super) guard: OwnedFd,
    pub(super) is_guarded: AtomicBool,
    /// Which pump is the present one.
    pub(super) epoch: AtomicU64,
    /// How many earlier ones are stuck.
    pub(super) stuck: AtomicU32,
    pub(super) is_stopped: AtomicBool,
    pub(super) threads: Mutex<Threads>,
    /// How many pipes are larger than usual.
    pub(super) grown: AtomicU32,
}

impl Plane {
    pub(super) fn new(board: Arc<Board>, echo: Arc<Echo>, tally: Tally) -> io::Result<Arc<Self>> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let control = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &control, epoll::EventData::new_u64(CONTROL), epoll::EventFlags::IN)?;
        let guard = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
        Ok(Arc::new(Self {
            epoll,
            control,
            compressor: Arc::new(Compressor::new(Arc::clone(&board))),
            board,
            echo,
            tally,
            table: Mutex::default(),
            orders: Mutex::default(),
            shows: Mutex::default(),
            behind: Mutex::default(),
            working: Mutex::default(),
            since: AtomicU64::new(0),
            guard,
            is_guarded: AtomicBool::new(false),
            epoch: AtomicU64::new(0),
            stuck: AtomicU32::new(0),
            is_stopped: AtomicBool::new(false),
            threads: Mutex::default(),
            grown: AtomicU32::new(0),
        }))
    }

    /// Asks something of the pump.
    pub(super) fn ask(&self, order: Order) {
        lock(&self.orders).push(order);
        // The counter of an eventfd is full only when nobody has looked for ages.
        let _ = rustix::io::write(&self.control, &1_u64.to_ne_bytes());
    }

    pub(super) fn take_orders(&self) -> Vec<Order> {
        std::mem::take(&mut lock(&self.orders))
    }

    /// Has the keeper look what there is to show.
    pub(super) fn show(&self, audience: &Arc<Mutex<Audience>>) {
        lock(&self.shows).push(Arc::clone(audience));
        self.board.wake();
    }

    pub(super) fn take_shows(&self) -> Vec<Arc<Mutex<Audience>>> {
        std::mem::take(&mut lock(&self.shows))
    }

    /// Makes a run with a slot of its own, and begins to read from it.
    pub(super) fn enter(
        &self,
        slot: Option<u32>,
        make: impl FnOnce(u32) -> io::Result<Run>,
    ) -> io::Result<Arc<Run>> {
        let mut table = lock(&self.table);
        let slot = match slot {
            // One of an earlier keeper: the slots between are free.
            Some(slot) => {
                let next = u32::try_from(table.runs.len()).unwrap_or(u32::MAX);
                table.free.extend((next..slot).rev());
                if next <= slot {
                    table.runs.resize(slot as usize + 1, None);
                }
                table.free.retain(|free| *free != slot);
                slot
            }
            None => match table.free.pop() {
                Some(slot) => slot,
                None => {
                    table.runs.push(None);
                    u32::try_from(table.runs.len() - 1).unwrap_or(u32::MAX)
                }
            },
        };
        let entered = make(slot).map(Arc::new).and_then(|run| {
            self.add(&run)?;
            Ok(run)
        });
        match entered {
            Ok(run) => {
                table.runs[slot as usize] = Some(Arc::clone(&run));
                Ok(run)
            }
            Err(error) => {
                table.free.push(slot);
                Err(error)
            }
        }
    }

    /// Stops reading from a run for good.
    pub(super) fn leave(&self, run: &Run) {
        let mut table = lock(&self.table);
        if run.is_over.swap(true, Ordering::AcqRel) {
            return;
        }
        self.remove(run);
        let mut input = lock(&run.input);
        if let Some(fd) = &input.fd
            && input.is_watched
        {
            let _ = epoll::delete(&self.epoll, fd);
        }
        input.close();
        self.board.typed(input.take_answers());
        if run.is_grown.swap(false, Ordering::AcqRel) {
            self.grown.fetch_sub(1, Ordering::AcqRel);
        }
        self.tally.set(run.slot, 0);
        table.runs[run.slot as usize] = None;
        table.free.push(run.slot);
    }

    /// Returns the run and the port that a token of epoll stands for.
    pub(super) fn find(&self, token: u64) -> Option<(Arc<Run>, u64)> {
        let run = lock(&self.table).runs.get(usize::try_from(token >> 2).ok()?)?.clone()?;
        Some((run, token & 3))
    }

    /// Reads from a run again.
    pub(super) fn watch(&self, run: &Arc<Run>) {
        let _table = lock(&self.table);
        if !run.is_over() && self.add(run).is_err() {
            // It is read when it is drained, at the latest.
            let what = "cannot watch its output".to_owned();
            self.board.trouble(&run.key.child, what, rustix::io::Errno::NOMEM.raw_os_error());
        }
    }

    fn add(&self, run: &Run) -> io::Result<()> {
        for (index, port) in run.ports.iter().enumerate() {
            if port.has_ended() {
                continue;
            }
            let token = epoll::EventData::new_u64(u64::from(run.slot) << 2 | index as u64);
            match epoll::add(&self.epoll, &port.fd, token, epoll::EventFlags::IN) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(error) => {
                    self.remove(run);
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// Does not read from a run until it is watched again. The end of a pipe is reported whether it is
    /// asked for or not, so that its descriptors have to leave epoll.
    pub(super) fn set_aside(&self, run: &Run) {
        let _table = lock(&self.table);
        self.remove(run);
    }

    fn remove(&self, run: &Run) {
        for port in &run.ports {
            // What is not there needs not be removed.
            let _ = epoll::delete(&self.epoll, &port.fd);
        }
    }

    /// Looks whether the input of a run takes more.
    pub(super) fn watch_input(&self, run: &Run) {
        let mut input = lock(&run.input);
        let Some(fd) = &input.fd else { return };
        if input.is_watched || run.is_over() {
            return;
        }
        let token = epoll::EventData::new_u64(u64::from(run.slot) << 2 | INPUT);
        let is_watched = epoll::add(&self.epoll, fd, token, epoll::EventFlags::OUT).is_ok();
        input.is_watched = is_watched;
    }

    /// Has the guard go off after so many milliseconds.
    pub(super) fn arm(&self, milliseconds: u64) {
        let nanos = i64::try_from(milliseconds % 1000).unwrap_or_default() * 1_000_000;
        let seconds = i64::try_from(milliseconds / 1000).unwrap_or_default();
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Timespec { tv_sec: seconds, tv_nsec: nanos.max(1) };
        let time = Itimerspec { it_interval: zero, it_value: value };
        // Without a guard a stuck log holds the others up; nothing is lost by it.
        let _ = timerfd_settime(&self.guard, TimerfdTimerFlags::empty(), &time);
    }
}

impl Plane {
    /// Returns how a run with these settings is treated.
    pub(super) fn manner(&self, output: &Output, sheet: Option<Arc<Sheet>>) -> io::Result<Manner> {
        if output.echo.is_some() {
            self.echo.begin()?;
        }
        let echo = output.echo.as_ref().map(|prefix| Arc::from(prefix.as_bytes()));
        Ok(Manner { sheet, echo, pressure: output.pressure })
    }
}

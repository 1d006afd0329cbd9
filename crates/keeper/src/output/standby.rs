//! The thread that stands by while the pump writes.
//!
//! A write to a file cannot be told not to wait, so a disk that stands still would hold the pump up, and with
//! it every child. Therefore a second thread stands by. It sleeps while nothing is written, and when one
//! turn of the pump takes 200 ms it becomes the pump itself and leaves the first one with the log it is
//! stuck in. Runs of that log are not read from (lossless), or read from and dropped; all others go on. The
//! thread that was stuck hands its log back and ends. Eight threads may be stuck at a time; beyond that
//! everybody waits.

use super::board::lock;
use super::plane::{Order, Plane};
use super::pump::Pump;
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How long one turn may take before another thread becomes the pump, in milliseconds.
pub(super) const PATIENCE: u64 = 200;
/// How many threads may be stuck at a time.
const MOST_STUCK: u32 = 8;

/// Starts the pump and the thread that stands by. They inherit the caller's signal mask.
pub(super) fn start(plane: &Arc<Plane>) -> io::Result<()> {
    let pump = Arc::clone(plane);
    let pump = spawn("pump", move || Pump::new(pump, 0).run())?;
    lock(&plane.threads).pump = Some(pump);
    let standby = Arc::clone(plane);
    let standby = spawn("pump-standby", move || stand_by(&standby))?;
    lock(&plane.threads).standby = Some(standby);
    Ok(())
}

fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).stack_size(256 * 1024).spawn(work)
}

/// Ends both threads. One that is stuck is left behind.
pub(super) fn stop(plane: &Plane) {
    plane.is_stopped.store(true, Ordering::SeqCst);
    plane.ask(Order::Look);
    // The one that stands by takes the place of a pump that is stuck, and leaves another one in its own.
    loop {
        plane.arm(0);
        let standby = lock(&plane.threads).standby.take();
        let Some(standby) = standby else { break };
        let _ = standby.join();
    }
    let pump = lock(&plane.threads).pump.take();
    if let Some(pump) = pump {
        let _ = pump.join();
    }
}

/// Returns the time of the monotonic clock, never 0.
pub(super) fn milliseconds() -> u64 {
    let now = clock_gettime(ClockId::MonotonicCoarse);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    seconds * 1000 + u64::try_from(now.tv_nsec / 1_000_000).unwrap_or_default() + 1
}

/// Waits until the pump may be stuck, and takes its place where it is.
fn stand_by(plane: &Arc<Plane>) {
    loop {
        let _ = rustix::io::read(&plane.guard, &mut [0; 8]);
        if plane.is_stopped.load(Ordering::SeqCst) && plane.since.load(Ordering::SeqCst) == 0 {
            return;
        }
        plane.is_guarded.store(false, Ordering::SeqCst);
        let since = plane.since.load(Ordering::SeqCst);
        if since == 0 {
            // Idle, or about to begin a turn: then it sees that there is no guard.
            continue;
        }
        let stuck_for = milliseconds().saturating_sub(since);
        if stuck_for < PATIENCE || plane.stuck.load(Ordering::SeqCst) >= MOST_STUCK {
            plane.is_guarded.store(true, Ordering::SeqCst);
            plane.arm(PATIENCE.saturating_sub(stuck_for).max(PATIENCE / 4));
            continue;
        }
        let working = lock(&plane.working);
        let Some(sheet) = &*working else { continue };
        if plane.since.load(Ordering::SeqCst) != since {
            continue;
        }
        // Only where there is somebody to stand by in turn.
        let next = Arc::clone(plane);
        let Ok(standby) = spawn("pump-standby", move || stand_by(&next)) else { continue };
        let epoch = plane.epoch.fetch_add(1, Ordering::SeqCst) + 1;
        plane.stuck.fetch_add(1, Ordering::SeqCst);
        plane.since.store(0, Ordering::SeqCst);
        sheet.set_stalled(true);
        let what = "its log takes nothing at present".to_owned();
        plane.board.trouble(&sheet.child, what, Errno::TIMEDOUT.raw_os_error());
        drop(working);
        {
            // The handle of the stuck thread goes: nobody waits for it.
            let mut threads = lock(&plane.threads);
            threads.pump = threads.standby.replace(standby);
        }
        return Pump::new(Arc::clone(plane), epoch).run();
    }
}

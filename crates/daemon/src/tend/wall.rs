//! The clock on the wall: what cron expressions go by.

use jiff::Timestamp;
use rustix::io::read;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

/// The time of day, and a way to wait for one.
#[derive(Clone, Debug)]
pub(super) struct Wall {
    /// In tests the wall follows the runtime's clock from here on.
    start: Option<(Instant, Timestamp)>,
}

impl Wall {
    pub(super) const fn real() -> Self {
        Self { start: None }
    }

    #[cfg(test)]
    pub(super) fn from(start: Timestamp) -> Self {
        Self { start: Some((Instant::now(), start)) }
    }

    pub(super) fn now(&self) -> Timestamp {
        match self.start {
            None => Timestamp::now(),
            Some((at, start)) => start + Instant::now().saturating_duration_since(at),
        }
    }

    /// Waits until this time, or until somebody sets the clock: then it is to be asked again.
    pub(super) async fn until(&self, time: Timestamp) {
        let Some((at, start)) = self.start else {
            if let Err(error) = real(time).await {
                tracing::warn!(%error, "no timer follows the clock: it is waited for an hour at most");
                let left = Duration::try_from(time.duration_since(Timestamp::now()));
                tokio::time::sleep(left.unwrap_or_default().min(Duration::from_secs(3_600))).await;
            }
            return;
        };
        let left = Duration::try_from(time.duration_since(start)).unwrap_or_default();
        tokio::time::sleep_until(at + left).await;
    }
}

/// Has the runtime tell when a descriptor can be read.
pub(super) fn readable(descriptor: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    #[allow(
        deprecated,
        reason = "its successor is not safe code, and an owned descriptor stays open for as long as it is registered"
    )]
    AsyncFd::new(descriptor)
}

/// Waits by a timer that follows the clock through suspensions, and ends when it is set.
async fn real(time: Timestamp) -> std::io::Result<()> {
    let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
    let timer: OwnedFd = timerfd_create(TimerfdClockId::Realtime, flags)?;
    let value = Itimerspec {
        it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
        // A time of zero would disarm it.
        it_value: Timespec {
            tv_sec: time.as_second().max(1),
            tv_nsec: i64::from(time.subsec_nanosecond().max(0)),
        },
    };
    let timer = readable(timer)?;
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    timerfd_settime(timer.get_ref(), flags, &value)?;
    let mut ready = timer.readable().await?;
    // Whether it is over or was cancelled, the caller asks the clock.
    let _ = read(timer.get_ref(), &mut [0; 8][..]);
    ready.clear_ready();
    Ok(())
}

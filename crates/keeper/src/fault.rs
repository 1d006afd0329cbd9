//! Points at which a test lets the process die, as if somebody had killed it just there.

/// Marks a point. Without the feature `faults` it is nothing.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub(crate) const fn point(_name: &str) {}

/// Marks a point. `MAINSTAY_FAULT=NAME:N` kills the process when it comes to it for the n-th time; `*` as the
/// name counts all of them.
#[cfg(feature = "faults")]
pub(crate) fn point(name: &str) {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Mutex, OnceLock};
    static ASKED: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static SEEN: AtomicU32 = AtomicU32::new(0);
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let asked = ASKED.get_or_init(|| {
        let asked = std::env::var("MAINSTAY_FAULT").ok()?;
        let (name, time) = asked.rsplit_once(':')?;
        Some((name.to_owned(), time.parse().ok()?))
    });
    let Some((wanted, time)) = asked else { return };
    if wanted != "*" && wanted != name {
        return;
    }
    let _guard = ONE_AT_A_TIME.lock();
    if SEEN.fetch_add(1, Ordering::Relaxed) + 1 == *time {
        eprintln!("dies at {name}");
        crate::sys::signals::send_to(std::process::id(), libc::SIGKILL);
        loop {
            std::thread::park();
        }
    }
}

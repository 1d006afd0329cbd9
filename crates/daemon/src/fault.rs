//! Points at which a test lets the process die, as if somebody had killed it just there, or a thread stand still.

/// Marks a point. Without the feature `faults` it is nothing.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub(crate) const fn point(_name: &str) {}

/// Returns what to write in one piece each. Without the feature `faults` it is everything at once.
#[cfg(not(feature = "faults"))]
pub(crate) fn parts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::once(bytes)
}

/// Marks a point. `MAINSTAY_FAULT=NAME:N:FILE` kills the process when it comes to it for the n-th time, and
/// `MAINSTAY_FAULT=stall.NAME:N:FILE` has the thread stand still there for ever.
///
/// `*` at the end of the name stands for any rest. The variable passes to every later process. So that it is
/// heeded once among all of them, whoever dies first makes the file, with the name of the point in it.
#[cfg(feature = "faults")]
pub(crate) fn point(name: &str) {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Mutex, OnceLock, PoisonError};
    static ASKED: OnceLock<Option<Asked>> = OnceLock::new();
    static SEEN: AtomicU32 = AtomicU32::new(0);
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let Some(asked) = ASKED.get_or_init(Asked::read) else { return };
    if !asked.means(name) {
        return;
    }
    let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if SEEN.fetch_add(1, Ordering::Relaxed) + 1 == asked.time && asked.is_first(name) {
        if asked.stalls {
            drop(guard);
            loop {
                std::thread::park();
            }
        }
        let own = rustix::process::getpid();
        let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
    }
}

/// Returns what to write in one piece each: a part of a header, up to the middle, the rest.
#[cfg(feature = "faults")]
pub(crate) fn parts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (first, rest) = bytes.split_at(bytes.len().min(6));
    let (second, third) = rest.split_at(rest.len() / 2);
    [first, second, third].into_iter()
}

/// Where to die.
#[cfg(feature = "faults")]
struct Asked {
    name: String,
    stalls: bool,
    time: u32,
    file: std::path::PathBuf,
}

#[cfg(feature = "faults")]
impl Asked {
    fn read() -> Option<Self> {
        let asked = std::env::var("MAINSTAY_FAULT").ok()?;
        let mut parts = asked.splitn(3, ':');
        let (name, time, file) = (parts.next()?, parts.next()?, parts.next()?);
        let (name, stalls) = match name.strip_prefix("stall.") {
            Some(name) => (name, true),
            None => (name, false),
        };
        Some(Self { name: name.to_owned(), stalls, time: time.parse().ok()?, file: file.into() })
    }

    fn means(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == self.name,
        }
    }

    fn is_first(&self, name: &str) -> bool {
        use std::io::Write;
        let file = std::fs::File::options().write(true).create_new(true).open(&self.file);
        file.is_ok_and(|mut file| file.write_all(name.as_bytes()).is_ok())
    }
}

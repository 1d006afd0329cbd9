//! Panics of user code: caught where they happen, with what is known about them.
//!
//! The place and the backtrace of a panic are known to the panic hook alone, so one is installed that
//! notes them for code that runs under [`guard`] and then calls the hook that was there before.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::{Arc, Once};

/// A panic of user code.
#[derive(Clone, Debug)]
pub struct Panic {
    /// What it said. A payload that is no text is named by its type where that is a common one.
    pub message: Arc<str>,
    /// File, line and column; absent when another panic hook was installed after ours.
    pub place: Option<Arc<str>>,
    /// The calls that led there; absent unless `RUST_BACKTRACE` or `RUST_LIB_BACKTRACE` asks for them.
    pub backtrace: Option<Arc<Backtrace>>,
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.place {
            Some(place) => write!(f, ", at {place}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Panic {}

/// What the hook notes for the guard around it.
struct Noted {
    place: Option<Arc<str>>,
    backtrace: Option<Arc<Backtrace>>,
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static NOTED: RefCell<Option<Noted>> = const { RefCell::new(None) };
}

/// Installs the hook, once in the life of the process.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info| {
            if QUIET.try_with(Cell::get).unwrap_or(false) {
                return;
            }
            note(info);
            previous(info);
        }));
    });
}

fn note(info: &PanicHookInfo<'_>) {
    // A thread that is being torn down has no place to note anything.
    let is_guarded = DEPTH.try_with(|depth| depth.get() > 0).unwrap_or(false);
    if !is_guarded {
        return;
    }
    let place = info.location().map(|place| Arc::from(place.to_string()));
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| Arc::new(backtrace));
    let _ = NOTED.try_with(|noted| {
        if let Ok(mut noted) = noted.try_borrow_mut() {
            *noted = Some(Noted { place, backtrace });
        }
    });
}

/// Runs user code. Whatever it does about unwinding ends here.
pub(crate) fn guard<T>(code: impl FnOnce() -> T) -> Result<T, Panic> {
    let inner = Depth::enter();
    let result = catch_unwind(AssertUnwindSafe(code));
    drop(inner);
    result.map_err(|payload| {
        let noted = NOTED.with(|noted| noted.borrow_mut().take());
        let (place, backtrace) = noted.map_or((None, None), |noted| (noted.place, noted.backtrace));
        let message = message(&*payload);
        discard(payload);
        Panic { message, place, backtrace }
    })
}

/// Calls what panics where it could return an error. Nobody hears of the panic.
pub(crate) fn attempt<T>(call: impl FnOnce() -> T) -> Option<T> {
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    QUIET.set(false);
    result.ok()
}

/// Drops a value of the user's. Returns the panic of its destructor.
pub(crate) fn drop_guarded<T>(value: T) -> Option<Panic> {
    if std::mem::needs_drop::<T>() { guard(|| drop(value)).err() } else { None }
}

/// Counts nested guards on this thread, also when one is left by unwinding.
struct Depth;

impl Depth {
    fn enter() -> Self {
        DEPTH.with(|depth| depth.set(depth.get() + 1));
        Self
    }
}

impl Drop for Depth {
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get() - 1));
    }
}

fn message(payload: &(dyn Any + Send)) -> Arc<str> {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        return Arc::from(*text);
    }
    if let Some(text) = payload.downcast_ref::<String>() {
        return Arc::from(text.as_str());
    }
    macro_rules! common {
        ($($kind:ty),*) => {
            $(if payload.is::<$kind>() {
                return Arc::from(concat!("non-string payload (", stringify!($kind), ")"));
            })*
        };
    }
    common!(
        u8,
        u16,
        u32,
        u64,
        u128,
        usize,
        i8,
        i16,
        i32,
        i64,
        i128,
        isize,
        f32,
        f64,
        bool,
        char,
        ()
    );
    Arc::from("non-string payload")
}

/// Drops a payload whose own destructor may panic, with a payload whose destructor may panic, ...
fn discard(mut payload: Box<dyn Any + Send>) {
    for _ in 0..8 {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    std::mem::forget(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_keeps_message_and_place() {
        install_hook();
        let panic = guard(|| panic!("lost {}", 7)).expect_err("it panics");
        assert_eq!(&*panic.message, "lost 7");
        assert!(panic.place.expect("a place").contains("caught.rs:"));
    }

    #[test]
    fn a_payload_that_is_no_text_is_named_by_its_type() {
        let panic = guard(|| std::panic::panic_any(7_u32)).expect_err("it panics");
        assert_eq!(&*panic.message, "non-string payload (u32)");
    }

    #[test]
    fn a_payload_whose_destructor_panics_is_contained() {
        struct Hostile(u32);
        impl Drop for Hostile {
            fn drop(&mut self) {
                if self.0 > 0 {
                    std::panic::panic_any(Self(self.0 - 1));
                }
            }
        }
        for depth in [0, 1, 3, 100] {
            let panic = guard(|| std::panic::panic_any(Hostile(depth))).expect_err("it panics");
            assert_eq!(&*panic.message, "non-string payload");
        }
    }
}

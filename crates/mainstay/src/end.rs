//! How a run ends: what user code returns, and what its errors say about another try.

use crate::caught::{self, Panic};
use mainstay_core::{Class, Exit, StartStep};
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Any error that can cross threads; what `?` makes of most errors.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What a run may return.
///
/// - `()` is a clean end.
/// - [`Infallible`] and `!` never return: such a child ends by being stopped, or by a panic.
/// - [`Skipped`] says that there was nothing to do.
/// - `Result<T, E>` is `T`'s end, or a failure. Any error will do: a `std` error, a `String`, a [`BoxError`].
///   A [`Fault`] anywhere in its chain says what it means for the next try.
pub trait End {
    /// Returns how the run ended.
    fn end(self) -> Ended;
}

/// The type of what never returns, `!`, which cannot be written here yet: a future that loops or panics has it.
type Never = <fn() -> ! as Returns>::Type;

/// Names the type a function returns.
#[doc(hidden)]
pub trait Returns {
    /// That type.
    type Type;
}

impl<T> Returns for fn() -> T {
    type Type = T;
}

/// There was nothing to do: the run ends as `Skipped`, and the child rests until somebody starts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped;

/// How a run ended, with what it said about it.
#[derive(Debug)]
pub struct Ended {
    pub(crate) exit: Exit,
    pub(crate) detail: Option<Arc<str>>,
    pub(crate) panic: Option<Arc<Panic>>,
}

impl Ended {
    pub(crate) const fn plain(exit: Exit) -> Self {
        Self { exit, detail: None, panic: None }
    }

    /// Reports a panic of the run itself.
    pub(crate) fn panicked(panic: Panic) -> Self {
        let detail = Some(Arc::from(panic.to_string()));
        Self { exit: Exit::Panicked, detail, panic: Some(Arc::new(panic)) }
    }

    /// Reports a panic of the code that was to make the run.
    pub(crate) fn not_made(panic: Panic) -> Self {
        let exit = Exit::StartFailed { step: StartStep::Factory, mendable: true };
        Self { exit, ..Self::panicked(panic) }
    }

    /// Adds that a destructor panicked: the end stays what it was.
    pub(crate) fn with_drop_panic(mut self, panic: Panic) -> Self {
        let said = self.detail.as_deref().map_or(String::new(), |detail| format!("{detail}; "));
        self.detail = Some(Arc::from(format!("{said}a destructor panicked: {panic}")));
        self.panic.get_or_insert_with(|| Arc::new(panic));
        self
    }

    /// Reports an error.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let (class, retry_after) = Judged::within(error)
            .map_or((Class::Plain, None), |judged| (judged.class, judged.retry_after));
        let text = caught::guard(|| chain(error))
            .unwrap_or_else(|panic| format!("an error whose text cannot be made: {panic}"));
        let exit = Exit::Failed { code: None, class, retry_after };
        Self { exit, detail: Some(Arc::from(text)), panic: None }
    }

    fn failed(error: BoxError) -> Self {
        let ended = Self::of(&*error);
        match caught::drop_guarded(error) {
            Some(panic) => ended.with_drop_panic(panic),
            None => ended,
        }
    }
}

/// What has been judged already.
impl End for Ended {
    fn end(self) -> Ended {
        self
    }
}

impl End for () {
    fn end(self) -> Ended {
        Ended::plain(Exit::Completed)
    }
}

impl End for Infallible {
    fn end(self) -> Ended {
        match self {}
    }
}

impl End for Never {
    fn end(self) -> Ended {
        self
    }
}

impl End for Skipped {
    fn end(self) -> Ended {
        Ended::plain(Exit::Skipped)
    }
}

impl<T: End, E: Into<BoxError>> End for Result<T, E> {
    fn end(self) -> Ended {
        match self {
            Ok(value) => value.end(),
            Err(error) => Ended::failed(error.into()),
        }
    }
}

/// No honest error has more causes; one that is its own cause would have no end.
const MOST_CAUSES: usize = 64;

/// Returns the error and its causes in one line, without saying anything twice.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    for _ in 0..MOST_CAUSES {
        let Some(cause) = next else { break };
        let cause_text = cause.to_string();
        // Many errors repeat their cause in their own text.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// An error that says what it means for the next try.
///
/// ```
/// use mainstay::{BoxError, Fault, Judge};
/// use std::time::Duration;
///
/// async fn session() -> Result<(), BoxError> {
///     let port: u16 = std::env::var("PORT").permanent()?.parse().permanent()?;
///     connect(port).await.map_err(|error| Fault::transient(error).retry_after(Duration::from_secs(5)))?;
///     Ok(())
/// }
/// # async fn connect(_: u16) -> Result<(), std::io::Error> { Ok(()) }
/// ```
#[derive(Debug)]
pub struct Fault {
    judged: Judged,
}

/// The error of a fault, with what it means. It stands one step down the chain: error types that take
/// others in (such as anyhow's) may hide the first step from those who look for its type.
#[derive(Debug)]
struct Judged {
    class: Class,
    retry_after: Option<Duration>,
    error: BoxError,
}

impl Fault {
    /// It will pass: the policy decides, and people see that it is expected to.
    pub fn transient(error: impl Into<BoxError>) -> Self {
        Self::judge(Class::Transient, error.into())
    }

    /// Another try is useless: the child goes straight to what its spent budget would lead to.
    pub fn permanent(error: impl Into<BoxError>) -> Self {
        Self::judge(Class::Permanent, error.into())
    }

    /// The supervisor itself is in doubt: it gives up, and its own supervisor decides.
    pub fn fatal(error: impl Into<BoxError>) -> Self {
        Self::judge(Class::Fatal, error.into())
    }

    const fn judge(class: Class, error: BoxError) -> Self {
        Self { judged: Judged { class, retry_after: None, error } }
    }

    /// Asks that the next try comes no sooner. The backoff's `most` caps it.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.judged.retry_after = Some(wait);
        self
    }
}

/// Returns whether an error says what it means for another try.
pub(crate) fn is_judged(error: &(dyn Error + 'static)) -> bool {
    Judged::within(error).is_some()
}

impl Judged {
    /// Finds the first judgement in the chain of an error.
    fn within<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        for _ in 0..=MOST_CAUSES {
            let error = next?;
            if let Some(fault) = error.downcast_ref::<Fault>() {
                return Some(&fault.judged);
            }
            if let Some(judged) = error.downcast_ref() {
                return Some(judged);
            }
            // A hostile `source` is code of the user's like any other.
            next = caught::guard(|| error.source()).ok().flatten();
        }
        None
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.judged.fmt(f)
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.judged)
    }
}

impl Error for Judged {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// Says of the error of a `Result` what it means for the next try.
pub trait Judge<T> {
    /// See [`Fault::transient`].
    ///
    /// # Errors
    ///
    /// The same error, marked.
    fn transient(self) -> Result<T, Fault>;
    /// See [`Fault::permanent`].
    ///
    /// # Errors
    ///
    /// The same error, marked.
    fn permanent(self) -> Result<T, Fault>;
    /// See [`Fault::fatal`].
    ///
    /// # Errors
    ///
    /// The same error, marked.
    fn fatal(self) -> Result<T, Fault>;
}

impl<T, E: Into<BoxError>> Judge<T> for Result<T, E> {
    fn transient(self) -> Result<T, Fault> {
        self.map_err(Fault::transient)
    }

    fn permanent(self) -> Result<T, Fault> {
        self.map_err(Fault::permanent)
    }

    fn fatal(self) -> Result<T, Fault> {
        self.map_err(Fault::fatal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn exit(result: Result<(), impl Into<BoxError>>) -> Exit {
        result.end().exit
    }

    #[test]
    fn an_error_keeps_its_class_through_other_errors() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot open the session")]
        struct Outer(#[source] Fault);

        let wait = Duration::from_secs(7);
        let inner = Fault::transient(io::Error::other("busy")).retry_after(wait);
        let ended = Err::<(), _>(Outer(inner)).end();
        let expected =
            Exit::Failed { code: None, class: Class::Transient, retry_after: Some(wait) };
        assert_eq!(ended.exit, expected);
        assert_eq!(ended.detail.as_deref(), Some("cannot open the session: busy"));
    }

    #[test]
    fn an_error_that_hides_its_type_keeps_its_class() {
        /// Takes any error in, and shows nothing but its text and its causes, as anyhow's does.
        #[derive(Debug)]
        struct Opaque(BoxError);
        impl fmt::Display for Opaque {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl Error for Opaque {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                self.0.source()
            }
        }
        let ended = Err::<(), _>(Opaque(Fault::permanent("no such host").into())).end();
        let expected = Exit::Failed { code: None, class: Class::Permanent, retry_after: None };
        assert_eq!(ended.exit, expected);
        assert_eq!(ended.detail.as_deref(), Some("no such host"));
    }

    #[test]
    fn every_kind_of_error_is_a_failure() {
        assert_eq!(exit(Err("text")), Exit::FAILED);
        assert_eq!(exit(Err(String::from("text"))), Exit::FAILED);
        assert_eq!(exit(Err(io::Error::other("x"))), Exit::FAILED);
        assert_eq!(exit(Err(BoxError::from("x"))), Exit::FAILED);
        assert_eq!(exit(Ok::<_, BoxError>(())), Exit::Completed);
        assert_eq!(Ok::<_, BoxError>(Skipped).end().exit, Exit::Skipped);
    }

    #[test]
    fn a_hostile_error_is_a_failure_all_the_same() {
        #[derive(Debug)]
        struct Hostile;
        impl fmt::Display for Hostile {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                panic!("no words")
            }
        }
        impl Error for Hostile {}
        impl Drop for Hostile {
            fn drop(&mut self) {
                panic!("no end")
            }
        }
        let ended = Err::<(), _>(Hostile).end();
        assert_eq!(ended.exit, Exit::FAILED);
        let detail = ended.detail.expect("a detail");
        assert!(detail.contains("no words") && detail.contains("no end"), "{detail}");
    }
}

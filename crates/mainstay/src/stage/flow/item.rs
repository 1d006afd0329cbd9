//! What travels: values, and what is marked as an error.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// Something on its way from stage to stage.
#[derive(Debug)]
pub enum Item<T> {
    /// A value.
    Value(T),
    /// Something that a stage could not process. It passes every further stage unprocessed.
    Marked(Marked),
}

/// Something that could not be processed, with what was tried.
///
/// It carries the value as it was when that stage took it; [`take`](Self::take) gives it back.
#[non_exhaustive]
pub struct Marked {
    /// Which stage gave it up.
    pub stage: Arc<str>,
    /// The last error.
    pub error: Arc<str>,
    /// How often it was tried.
    pub tries: u32,
    value: Box<dyn Any + Send + Sync>,
}

impl Marked {
    pub(super) fn new<T: Send + Sync + 'static>(
        stage: Arc<str>,
        error: Arc<str>,
        tries: u32,
        value: T,
    ) -> Self {
        Self { stage, error, tries, value: Box::new(value) }
    }

    /// Returns the value, if it is one of this type.
    pub fn value<T: 'static>(&self) -> Option<&T> {
        self.value.downcast_ref()
    }

    /// Takes the value out, if it is one of this type.
    ///
    /// # Errors
    ///
    /// It is another: the mark is given back whole.
    pub fn take<T: 'static>(self) -> Result<T, Self> {
        let Self { stage, error, tries, value } = self;
        match value.downcast() {
            Ok(value) => Ok(*value),
            Err(value) => Err(Self { stage, error, tries, value }),
        }
    }
}

impl fmt::Debug for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Marked({self})")
    }
}

impl fmt::Display for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} gave it up after {} tries: {}", self.stage, self.tries, self.error)
    }
}

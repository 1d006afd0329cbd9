//! The journal: every input and event of the core, and the state of the core at a moment, as JSON.
//!
//! - [`Record`]: what stands in the journal, one after the other. A [`Step`] is an input with the events that followed.
//! - [`snapshot_to_json`], [`snapshot_from_json`]: the state.
//! - [`bring_to_life`]: payloads are text here; a driver makes its settings of them again.
//!
//! What is read equals what was written. Moments and spans are nanoseconds, moments by the clock of the tree; `wall` is
//! the time of day. Fields that say nothing (no value, an empty list, a flag that is off) are left out.

mod child;
mod command;
mod drain;
mod event;
mod exit;
mod input;
mod life;
mod news;
mod plain;
mod policy;
mod request;
mod snapshot;
mod spec;
mod table;

pub use life::{Form, Make, Unmade, bring_input_to_life, bring_to_life};
pub use snapshot::{Stored, snapshot_from_json, snapshot_to_json};

use event::EventForm;
use input::InputForm;
use mainstay_core::{Event, Input, Moment};
use plain::{MomentForm, SpanForm};
use serde::{Deserialize, Serialize};
use serde_with::serde_as;
use std::time::Duration;

/// The version of these forms. It grows when what an older program would read of them is wrong.
pub const VERSION: u32 = 1;

/// One record of the journal.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// A brain began to write.
    Opened(Opened),
    /// The tree took an input.
    Step(Step),
    /// A brain ended in order: nothing is missing behind this.
    Closed(Closed),
}

/// A brain began to write. What follows is by its clock.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The version of the forms that follow: [`VERSION`].
    pub version: u32,
    /// Which boot of the machine it is, in the kernel's words: monotonic time goes on only within one.
    pub boot: String,
    /// The brain's process id.
    pub pid: u32,
    /// The time of day, in milliseconds since 1970.
    pub wall: i64,
    /// The same by the clock of the tree.
    #[serde_as(as = "MomentForm")]
    pub at: Moment,
    /// The same by the monotonic clock of this boot.
    #[serde_as(as = "SpanForm")]
    pub monotonic: Duration,
    /// Why it began: the first start, after a death, after an upgrade.
    pub why: String,
}

/// A brain ended in order.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// The time of day, in milliseconds since 1970.
    pub wall: i64,
    /// The same by the clock of the tree.
    #[serde_as(as = "MomentForm")]
    pub at: Moment,
    /// Why it ended: the tree has ended, an upgrade.
    pub why: String,
}

/// An input that the tree took, and what it stated.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Step {
    /// The moment that the tree was given.
    #[serde_as(as = "MomentForm")]
    pub at: Moment,
    /// The time of day, in milliseconds since 1970.
    pub wall: i64,
    /// The number of the first event; the others follow without a gap.
    pub first: u64,
    /// The input. Its payloads are [`Form`]s.
    #[serde_as(as = "InputForm")]
    pub input: Input,
    /// What the tree stated, in its order.
    #[serde_as(as = "Vec<EventForm>")]
    #[serde(default)]
    pub events: Vec<Event>,
}

/// A [`Step`] that belongs to somebody else, for writing it without a copy.
#[serde_as]
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StepRef<'a> {
    /// The moment that the tree was given.
    #[serde_as(as = "MomentForm")]
    pub at: Moment,
    /// The time of day, in milliseconds since 1970.
    pub wall: i64,
    /// The number of the first event; the others follow without a gap.
    pub first: u64,
    /// The input.
    #[serde_as(as = "&InputForm")]
    pub input: &'a Input,
    /// What the tree stated, in its order.
    #[serde_as(as = "&[EventForm]")]
    #[serde(skip_serializing_if = "<[Event]>::is_empty")]
    pub events: &'a [Event],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum RecordRef<'a> {
    Opened(&'a Opened),
    Step(StepRef<'a>),
    Closed(&'a Closed),
}

/// Why something is none of the journal's forms.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormError {
    /// The text is not the form.
    #[error("this is not {what} of the journal: {source}")]
    Text {
        /// What it should have been.
        what: &'static str,
        /// Where it is wrong, and how.
        source: serde_json::Error,
    },
    /// Parts of it contradict each other.
    #[error("{what} of the journal contradicts itself: {text}")]
    Contradiction {
        /// What it is.
        what: &'static str,
        /// How.
        text: String,
    },
    /// It was written by a newer program.
    #[error(
        "it has version {found}, and this program reads versions up to {VERSION}: \
         use the program that wrote it, or a newer one"
    )]
    Newer {
        /// The version it has.
        found: u32,
    },
}

impl Record {
    /// Returns the record as one line of JSON, without its end.
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::Opened(opened) => written(&RecordRef::Opened(opened)),
            Self::Step(step) => step.as_ref().to_json(),
            Self::Closed(closed) => written(&RecordRef::Closed(closed)),
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    ///
    /// Where the text is wrong, or that a newer program wrote it.
    pub fn from_json(json: &[u8]) -> Result<Self, FormError> {
        let record = read(json, "a record")?;
        match &record {
            Self::Opened(opened) if opened.version > VERSION => {
                Err(FormError::Newer { found: opened.version })
            }
            Self::Opened(_) | Self::Step(_) | Self::Closed(_) => Ok(record),
        }
    }
}

impl Step {
    /// Returns the step as borrowed parts.
    pub fn as_ref(&self) -> StepRef<'_> {
        let Self { at, wall, first, input, events } = self;
        StepRef { at: *at, wall: *wall, first: *first, input, events }
    }
}

impl StepRef<'_> {
    /// Returns the record of this step as one line of JSON, without its end.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(256);
        self.append_to(&mut json);
        json
    }

    /// Appends what [`to_json`](Self::to_json) returns.
    pub fn append_to(&self, json: &mut Vec<u8>) {
        append(&RecordRef::Step(*self), json);
    }
}

fn written(form: &impl Serialize) -> Vec<u8> {
    let mut json = Vec::new();
    append(form, &mut json);
    json
}

fn append(form: &impl Serialize, json: &mut Vec<u8>) {
    // Writing to memory cannot fail, maps have text as keys, and a test writes every variant there is.
    serde_json::to_writer(json, form).expect("every value of the core has a form");
}

fn read<'de, T: Deserialize<'de>>(json: &'de [u8], what: &'static str) -> Result<T, FormError> {
    serde_json::from_slice(json).map_err(|source| FormError::Text { what, source })
}

//! XML-RPC as text: a strict reader of calls, and a writer of answers.
//!
//! The reader knows the elements of XML-RPC and nothing else of XML: no attributes, no document types, no entities but
//! the five and numbers, no comments. It is bounded in depth and in the number of values, and so never asks for more
//! memory than the text it is given is worth.

mod read;
mod write;

pub(crate) use read::base64;
pub use read::read;
pub(crate) use write::{fault, response};

/// How deep values may stand in each other.
const DEEPEST: usize = 16;
/// The most values of one call.
const MOST_VALUES: usize = 10_000;

/// Why a text is no call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct XmlError {
    /// What is wrong there.
    pub what: &'static str,
    /// Where.
    pub at: usize,
}

#[cfg(test)]
mod tests;

//! From values that fit to declarations of the library.

mod console;
mod hook;
mod listener;
mod policy;
mod process;
mod program;
mod supervisord;
mod telemetry;

pub(super) use console::{console, info, toggled};
pub(super) use hook::{hooks, watchdog};
pub(super) use listener::{listener, printed, told};
pub(super) use policy::{policy, root, supervisor};
pub(super) use process::{command, need, process};
pub(super) use program::{api, journal, observe, schedule, watch};
pub(super) use supervisord::{says as supervisord_says, supervisord};
pub(super) use telemetry::otlp;

use super::place::Problem;
use super::syntax::Node;

/// Collects what only shows when a value is made into what it means.
pub(super) struct Findings<'a>(pub(super) &'a mut Vec<Problem>);

impl Findings<'_> {
    pub(super) fn wrong(&mut self, at: &Node, text: impl Into<String>, help: &str) {
        self.0.push(Problem::new(at.at, text, help));
    }

    /// The same where something else may have been meant.
    pub(super) fn near(&mut self, at: &Node, text: String, hint: String, help: &str) {
        self.0.push(Problem { hint, ..Problem::new(at.at, text, help) });
    }

    /// The same of something that may be a secret: it is not shown.
    pub(super) fn hidden(&mut self, at: &Node, text: impl Into<String>) {
        self.0.push(Problem { is_secret: true, ..Problem::new(at.at, text, "") });
    }
}

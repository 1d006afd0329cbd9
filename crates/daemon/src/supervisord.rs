//! supervisord's own language, for the tools that speak it: `supervisorctl`, exporters, dashboards.
//!
//! ```text
//!  supervisorctl ─▶ listen.rs  who is there: kernel, or user and password
//!                ─▶ http.rs    /RPC2, /logtail, /mainlogtail
//!                ─▶ xml.rs     a call ─▶ methods.rs  one table ─▶ commands of the API, in the caller's name
//!                                                              ─▶ roster.rs  the tree in supervisord's words
//! ```
//!
//! - `state`: what a child is doing, in its states. `names`: where a child stands, in its groups.
//! - `log`: what children print, without what our logs add. `diary`: what has happened, as its main log.
//! - `value`, `xml`, `fault`: calls and answers.

mod diary;
mod fault;
mod http;
mod listen;
mod log;
mod methods;
pub(crate) mod names;
mod roster;
mod settings;
pub(crate) mod state;
#[cfg(test)]
mod tests;
mod value;
mod xml;

pub(crate) use listen::serve;
pub use settings::{Listen, Settings};
pub use value::{Call, Value};
pub use xml::{XmlError, read};

use crate::api::{Caller, Service};
use jiff::Timestamp;
use mainstay_wire::api::{ConsoleAct, ConsoleNote};
use mainstay_wire::keeper::Order;
use std::time::Duration;

/// How long a run must last to count as started where nothing else says when it can serve: supervisord's `startsecs`.
pub(crate) const SETTLES_WITHIN: Duration = Duration::from_secs(1);

/// Tells event listeners of a type and its data.
type Tell = dyn Fn(&str, &str) + Send + Sync;

/// What answers: the tree, its keeper, and those who hear of remote events.
pub(crate) struct Interface {
    service: Service,
    orders: Box<dyn Fn(Order) + Send + Sync>,
    remote: Box<Tell>,
}

impl Interface {
    /// Answers for this tree. `orders` hands over to its keeper what the tree knows nothing of; `remote` tells all event
    /// listeners something of somebody's own, its type and its data.
    pub(crate) fn new(
        service: Service,
        orders: impl Fn(Order) + Send + Sync + 'static,
        remote: impl Fn(&str, &str) + Send + Sync + 'static,
    ) -> Self {
        Self { service, orders: Box::new(orders), remote: Box::new(remote) }
    }

    fn tell(&self, kind: &str, data: &str) {
        (self.remote)(kind, data);
    }

    fn order(&self, order: Order) {
        (self.orders)(order);
    }

    /// Takes down what somebody did to a child that is no command of the tree.
    fn note(&self, caller: &Caller, path: &str, act: ConsoleAct, text: Option<&str>) {
        /// How much of a text is taken down.
        const MOST: usize = 1024;
        let Some(book) = self.service.book_of() else { return };
        let bytes = match act {
            ConsoleAct::Typed => text.map_or(0, str::len) as u64,
            ConsoleAct::Joined
            | ConsoleAct::Looked
            | ConsoleAct::Left
            | ConsoleAct::Signaled
            | ConsoleAct::Cleared => 0,
        };
        let text = text.map(|text| text.chars().take(MOST).collect());
        let at = Timestamp::now().as_millisecond();
        let (path, who) = (path.to_owned(), caller.name().to_owned());
        book.note(&ConsoleNote { at, path, who, act, text, bytes });
    }
}

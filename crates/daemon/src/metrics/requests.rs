//! What was asked of the API, in numbers.

use mainstay::Spread;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Counts requests by route. There are as many routes as the table has, and a few statuses of each.
#[derive(Debug, Default)]
pub(crate) struct Requests(Mutex<Counted>);

/// What was counted so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    /// By route, method and status.
    pub(crate) answers: BTreeMap<(&'static str, &'static str, u16), u64>,
    /// How long it took until an answer began, by route and method.
    pub(crate) took: BTreeMap<(&'static str, &'static str), Spread>,
}

impl Requests {
    /// Counts one answer.
    pub(crate) fn count(
        &self,
        route: &'static str,
        method: &'static str,
        status: u16,
        took: Duration,
    ) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counted.answers.entry((route, method, status)).or_default() += 1;
        counted.took.entry((route, method)).or_default().add(took);
    }

    pub(crate) fn read(&self) -> Counted {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

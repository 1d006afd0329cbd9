//! Numbers for Prometheus and whatever speaks like it: computed when somebody asks, from the state of the tree and from
//! what was counted since the program began.
//!
//! `table` names every family. The page and its reference are made of it, and nothing else may be written.

mod collect;
mod page;
mod requests;
mod table;
mod usage;

use crate::api::Service;
use crate::api::apart::apart;
use jiff::Timestamp;
use mainstay::{Handle, Tally};
pub(crate) use page::{Format, Page};
pub(crate) use requests::Requests;
use std::time::Duration;
pub use table::{Family, Kind, families, reference};

/// So many children have numbers of their own, unless the spec file says otherwise.
pub const MOST_CHILDREN: usize = 1_000;
/// The tree is given so long to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is counted for one service.
#[derive(Debug)]
pub(crate) struct Metrics {
    tally: Tally,
    /// What was asked of the API.
    pub(crate) requests: Requests,
    /// When counting began, in milliseconds since 1970.
    began: i64,
}

impl Metrics {
    pub(crate) fn new(handle: &Handle) -> Self {
        Self {
            tally: handle.tally(MOST_CHILDREN),
            requests: Requests::default(),
            began: Timestamp::now().as_millisecond(),
        }
    }

    /// Bounds how many children have numbers of their own.
    pub(crate) fn bound(&self, most: usize) {
        self.tally.bound(most);
    }
}

/// Writes the page of a service.
pub(crate) async fn render(service: &Service, format: Format) -> String {
    let asked = tokio::time::Instant::now();
    let measures = tokio::time::timeout(PATIENCE, service.handle.measures()).await;
    // A tree that has ended, or stands still, has no children to tell of; what is counted is told all the same.
    let measures = measures.ok().and_then(Result::ok);
    let lag = asked.elapsed();
    let looked = {
        let runs = measures.iter().flatten().filter_map(usage::Asked::of).collect();
        let keeper = service.about().keeper_pid;
        // It reads files of the system, one or two for each child.
        apart(move || usage::look(runs, keeper)).await.unwrap_or_default()
    };
    let mut page = Page::new(format);
    collect::collect(&mut page, service, measures.as_deref(), lag, &looked);
    page.end()
}

//! The control plane: HTTP/1.1 and JSON over a Unix socket, and over TCP with TLS where somebody wants that.
//!
//! It serves any tree: a [`Service`] needs a [`Handle`] alone, and tells more where the program around it adds a
//! [`Book`] (history), [`Specs`] (declarations as text) or a [`Program`] (itself). The forms of all that is asked
//! and answered are in `mainstay_wire::api`.
//!
//! ```no_run
//! # async fn example(handle: mainstay::Handle) -> Result<(), Box<dyn std::error::Error>> {
//! use mainstay_daemon::api::{Listener, Roles, Service, serve_unix};
//!
//! let service = Service::new(handle.clone()).name("shop");
//! let listener = Listener::bind("/run/shop/api.sock".as_ref(), 0o600)?;
//! let stop = async move { drop(handle.ended().await) };
//! serve_unix(listener, service, Roles::default(), stop).await; // `mainstay status --socket /run/shop/api.sock`
//! # Ok(()) }
//! ```
//!
//! Every request passes four gates: the connection's limits, the origin check, the role its route asks for, and the
//! form of what it says. A command is parsed once; that value is authorized, audited and carried out.

pub(crate) mod apart;
mod around;
mod caller;
mod choices;
mod command;
mod console;
mod events;
mod health;
pub(crate) mod logs;
mod look;
mod metrics;
mod near;
mod observe;
mod openapi;
mod query;
mod read;
mod route;
mod serve;
mod sign_in;
mod simulate;
mod socket;
mod tls;
mod trouble;
mod web;
mod words;

pub(crate) use apart::apart;
pub use around::{About, Book, Program, Specs};
pub use caller::{Caller, Role, Roles};
pub(crate) use command::{carry_out, refused_by_journal};
pub(crate) use look::{Wall, alert_kind};
pub use observe::{Observed, serve_observed};
pub use openapi::openapi;
pub use route::router;
pub(crate) use serve::{Door, Serving, refused};
pub use serve::{serve_tls, serve_unix};
pub use socket::{BindError, Listener};
pub use tls::{Secure, Tls, TlsError, Token};
pub(crate) use trouble::{Trouble, told};

use crate::metrics::Metrics;
use crate::otlp::Exporter;
use mainstay::Handle;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::Semaphore;

/// How many callers may have policies played at the same time.
const SIMULATIONS: usize = 2;

/// What answers: a tree, and what the program around it adds. Clones are cheap and answer for the same tree.
#[derive(Clone)]
pub struct Service {
    pub(crate) handle: Handle,
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    name: String,
    /// When it was made.
    since: i64,
    book: Option<Arc<dyn Book>>,
    specs: Option<Arc<dyn Specs>>,
    program: Option<Arc<dyn Program>>,
    origins: Vec<String>,
    /// Whether the tree has served once, which `/startupz` does not forget.
    has_served: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
    telemetry: Option<Arc<Exporter>>,
    /// How many policies may be played at once.
    simulations: Arc<Semaphore>,
}

impl Service {
    /// Answers for the tree of this handle, which it does not keep alive.
    pub fn new(handle: Handle) -> Self {
        let inner = Inner {
            name: String::from("tree"),
            since: Wall::now(&handle).at,
            book: None,
            specs: None,
            program: None,
            origins: Vec::new(),
            has_served: Arc::default(),
            metrics: Arc::new(Metrics::new(&handle)),
            telemetry: None,
            simulations: Arc::new(Semaphore::new(SIMULATIONS)),
        };
        Self { handle, inner: Arc::new(inner) }
    }

    /// Says what the tree is called; otherwise `tree`.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with(|inner| inner.name = name.into())
    }

    /// Answers about the past from here. Otherwise it knows what the tree remembers: the last run of each child, and
    /// the last events.
    #[must_use]
    pub fn book(self, book: Arc<dyn Book>) -> Self {
        self.with(|inner| inner.book = Some(book))
    }

    /// Takes declarations as text. Otherwise `add` and `apply` are refused: the tree is declared in code.
    #[must_use]
    pub fn specs(self, specs: Arc<dyn Specs>) -> Self {
        self.with(|inner| inner.specs = Some(specs))
    }

    /// Tells about the program around the tree. Otherwise it is a service that embeds the library.
    #[must_use]
    pub fn program(self, program: Arc<dyn Program>) -> Self {
        self.with(|inner| inner.program = Some(program))
    }

    /// Answers pages that a browser has from this origin, as `https://panel.example.org`; otherwise from none.
    #[must_use]
    pub fn origin(self, origin: impl Into<String>) -> Self {
        self.with(|inner| inner.origins.push(origin.into()))
    }

    /// Gives at most so many children numbers of their own in `/metrics`; otherwise a thousand.
    #[must_use]
    pub fn labelled_children(self, most: usize) -> Self {
        self.bound_labels(most);
        self
    }

    pub(crate) fn bound_labels(&self, most: usize) {
        self.inner.metrics.bound(most);
    }

    /// Tells a collector of commands, and in `/metrics` how that gets on.
    #[must_use]
    pub(crate) fn exporter(self, exporter: Arc<Exporter>) -> Self {
        self.with(|inner| inner.telemetry = Some(exporter))
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    pub(crate) fn telemetry(&self) -> Option<&Exporter> {
        self.inner.telemetry.as_deref()
    }

    pub(crate) fn specs_of(&self) -> Option<Arc<dyn Specs>> {
        self.inner.specs.clone()
    }

    pub(crate) fn name_of(&self) -> &str {
        &self.inner.name
    }

    pub(crate) fn book_of(&self) -> Option<&dyn Book> {
        self.inner.book.as_deref()
    }

    /// Returns when it was made, in milliseconds since 1970.
    pub(crate) fn since(&self) -> i64 {
        self.inner.since
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.inner));
        self
    }

    pub(crate) fn about(&self) -> About {
        self.inner.program.as_ref().map(|program| program.about()).unwrap_or_default()
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("name", &self.inner.name).finish_non_exhaustive()
    }
}

//! Checks that are made of a process while it runs.
//!
//! The tree decides when one is due and what its answers mean; here stands how an answer is got. A
//! command is run by the keeper, in the place of the process; the others are connections made from here.
//! What comes back is foreign: of no answer more is read than it takes to judge it.

mod connect;
mod grpc;
mod http;
#[cfg(test)]
mod tests;

use crate::process::argv;
use connect::Place;
pub(crate) use connect::plain;
use grpc::Grpc;
use http::Http;
use mainstay_core::spec;
use mainstay_core::spec::ProbeKind;
use mainstay_wire::Text;
use std::ffi::OsStr;
use std::ops::RangeInclusive;
use std::time::Duration;
use tokio::time::timeout;

/// A check of a process: how it is made, how often, and what its answers mean.
///
/// Unless it says otherwise it is a readiness probe, made every 10 s from the start on, that may take a
/// second; three failures in a row, or one success, are a verdict. These are the numbers of Kubernetes.
///
/// ```
/// use mainstay::process::{Command, Probe};
/// use std::time::Duration;
///
/// let web = Command::new("web-server")
///     .probe(Probe::http("http://127.0.0.1:8080/healthz").every(Duration::from_secs(5)))
///     .probe(Probe::tcp("127.0.0.1:8080").liveness().failures(5));
/// let db = Command::new("postgres").probe(Probe::exec(["pg_isready", "-q"]).startup());
/// # let _ = (web, db);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Probe {
    pub(crate) target: Target,
    pub(crate) rule: spec::Probe,
    pub(crate) wrong: Vec<String>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    /// A command that ends with 0.
    Exec(Vec<Text>),
    /// Whether somebody accepts a connection.
    Tcp(Place),
    /// A page.
    Http(Http),
    /// The health service of gRPC.
    Grpc(Grpc),
}

impl Probe {
    /// Runs a command in the place of the process: its user, folder and environment, and `MAINPID`. It
    /// succeeds when it ends with 0 in time.
    pub fn exec<A: AsRef<OsStr>>(command: impl IntoIterator<Item = A>) -> Self {
        let mut wrong = Vec::new();
        let command = argv(command, "a probe", &mut wrong);
        Self::new(Target::Exec(command), wrong)
    }

    /// Succeeds when a connection is accepted at `host:port`, `[::1]:port`, `unix:/path` or `unix:@abstract`.
    pub fn tcp(address: &str) -> Self {
        let mut wrong = Vec::new();
        let place = Place::parse_into(address, &mut wrong);
        Self::new(Target::Tcp(place), wrong)
    }

    /// Asks for a page, `http://127.0.0.1:8080/healthz`, with GET. It succeeds when the status is from 200 to
    /// 399. No redirect is followed, and there is no TLS.
    pub fn http(url: &str) -> Self {
        let mut wrong = Vec::new();
        let http = Http::parse_into(url, &mut wrong);
        Self::new(Target::Http(http), wrong)
    }

    /// Asks `grpc.health.v1.Health` at an address as [`tcp`](Self::tcp) takes it whether this service is
    /// serving; the empty name asks of the whole server. There is no TLS.
    pub fn grpc(address: &str, service: &str) -> Self {
        let mut wrong = Vec::new();
        let grpc = Grpc::parse_into(address, service, &mut wrong);
        Self::new(Target::Grpc(grpc), wrong)
    }

    const fn new(target: Target, wrong: Vec<String>) -> Self {
        let rule = spec::Probe {
            kind: ProbeKind::Readiness,
            initial: Duration::ZERO,
            every: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
            failures: 3,
            successes: 1,
        };
        Self { target, rule, wrong }
    }

    /// Until it succeeds the other probes wait; when it fails the run is ended.
    pub const fn startup(mut self) -> Self {
        self.rule.kind = ProbeKind::Startup;
        self
    }

    /// Says whether the run can serve. It never ends a run.
    pub const fn readiness(mut self) -> Self {
        self.rule.kind = ProbeKind::Readiness;
        self
    }

    /// When it fails the run is ended, as a failure.
    pub const fn liveness(mut self) -> Self {
        self.rule.kind = ProbeKind::Liveness;
        self
    }

    /// Sets the wait before the first; otherwise none.
    pub const fn initial(mut self, wait: Duration) -> Self {
        self.rule.initial = wait;
        self
    }

    /// Sets the time from one to the next; otherwise 10 s.
    pub const fn every(mut self, span: Duration) -> Self {
        self.rule.every = span;
        self
    }

    /// Sets how long an answer may take; otherwise 1 s.
    pub const fn timeout(mut self, limit: Duration) -> Self {
        self.rule.timeout = limit;
        self
    }

    /// Sets how many failures in a row are a verdict; otherwise 3.
    pub const fn failures(mut self, count: u32) -> Self {
        self.rule.failures = count;
        self
    }

    /// Sets how many successes in a row are a verdict; otherwise 1.
    pub const fn successes(mut self, count: u32) -> Self {
        self.rule.successes = count;
        self
    }

    /// Adds a header to the question of an [`http`](Self::http) probe; a `Host` replaces the one of the URL.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match &mut self.target {
            Target::Http(http) => http.header(name, value, &mut self.wrong),
            Target::Exec(_) | Target::Tcp(_) | Target::Grpc(_) => {
                self.wrong.push("only an http probe has headers".into());
            }
        }
        self
    }

    /// Says which statuses of an [`http`](Self::http) probe are a success; otherwise 200 to 399.
    pub fn status(mut self, statuses: RangeInclusive<u16>) -> Self {
        match &mut self.target {
            Target::Http(http) => http.status(statuses, &mut self.wrong),
            Target::Exec(_) | Target::Tcp(_) | Target::Grpc(_) => {
                self.wrong.push("only an http probe has a status".into());
            }
        }
        self
    }

    /// Connects an [`http`](Self::http) probe somewhere else than its URL says: `unix:/run/web.sock`.
    pub fn through(mut self, address: &str) -> Self {
        match &mut self.target {
            Target::Http(http) => http.through(address, &mut self.wrong),
            Target::Exec(_) | Target::Tcp(_) | Target::Grpc(_) => {
                self.wrong.push("only an http probe goes through another address".into());
            }
        }
        self
    }
}

impl Target {
    /// Asks, for at most so long. What is wrong is told in words.
    pub(crate) async fn ask(&self, limit: Duration) -> Result<(), String> {
        let answer = async {
            match self {
                Self::Exec(_) => Err("a command is run by the keeper".to_owned()),
                Self::Tcp(place) => place.connect().await.map(drop),
                Self::Http(http) => http.ask().await,
                Self::Grpc(grpc) => grpc.ask().await,
            }
        };
        match timeout(limit, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {}", mainstay_core::Brief(limit))),
        }
    }
}

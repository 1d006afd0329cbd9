//! A host as declared: its program, and what is agreed on with it.

use super::client::Client;
use super::desk::Desk;
use super::guard::MemoryGuard;
use super::hosted::Hosted;
use super::line::{CALLS, Line};
use crate::caught;
use crate::code::Theirs;
use crate::end::BoxError;
use crate::process::Command;
use mainstay_host::{Contract, ring};
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// How large a message may be unless somebody says otherwise.
const MESSAGE: u32 = 1 << 20;
/// How long it may take to restore what the last run had, unless somebody says otherwise.
const REHYDRATE: Duration = Duration::from_secs(30);

/// A program that serves a contract: what is run, and what holds between it and this program.
///
/// ```no_run
/// use mainstay::host::{Contract, Host, MemoryGuard, Raw};
/// use mainstay::process::Command;
/// use mainstay::{Preset, host, tree};
///
/// struct Plc;
/// impl Contract for Plc {
///     const NAME: &'static str = "plc";
///     const VERSION: u32 = 1;
///     type Request = String;
///     type Reply = String;
///     type Item = String;
///     type Codec = Raw;
/// }
///
/// let declared = Host::<Plc>::new(Command::new("./plc-host")).memory(MemoryGuard::default());
/// let plc = declared.hosted();
/// let tree = tree().child(host("plc", declared).preset(Preset::Focas));
/// # async fn ask(plc: mainstay::host::Hosted<Plc>) -> Result<(), Box<dyn std::error::Error>> {
/// let reply = plc.get()?.call(&"D100".into()).await?;
/// # drop(reply); Ok(()) }
/// # drop((tree, plc));
/// ```
#[must_use]
pub struct Host<C> {
    pub(crate) command: Command,
    parts: Parts,
    contract: PhantomData<fn() -> C>,
}

/// What is agreed on, whatever the types of the messages.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(super) contract: &'static str,
    pub(super) version: u32,
    pub(crate) desk: Arc<Desk>,
    pub(crate) rehydrate: Option<(Duration, Arc<dyn Rehydrate>)>,
    pub(super) memory: Option<MemoryGuard>,
    pub(super) most: u32,
    pub(super) calls: usize,
    pub(super) operations: usize,
    /// How long its one call may take, where it has one in its life.
    pub(crate) one_shot: Option<Duration>,
}

impl<C: Contract> Host<C> {
    /// Takes the program. All that holds for a process holds for it; its readiness and its stop go over its own
    /// connection, unless the command says otherwise for the stop.
    pub fn new(command: Command) -> Self {
        let parts = Parts {
            contract: C::NAME,
            version: C::VERSION,
            desk: Desk::new(),
            rehydrate: None,
            memory: None,
            most: MESSAGE,
            calls: CALLS,
            operations: ring::CAPACITY,
            one_shot: None,
        };
        Self { command, parts, contract: PhantomData }
    }

    /// Returns what reaches the host from anywhere in the program.
    pub fn hosted(&self) -> Hosted<C> {
        Hosted::new(Arc::clone(&self.parts.desk))
    }

    /// Restores in each further run what the one before had: subscriptions, settings, sessions. It is called with the
    /// fresh run once that is ready; the host serves when it returns. Where it fails, the run has failed.
    pub fn rehydrate<F, Fut>(mut self, restore: F) -> Self
    where
        F: Fn(Client<C>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let restore = Typed { restore: Theirs::new(restore), contract: PhantomData };
        let within = self.parts.rehydrate.as_ref().map_or(REHYDRATE, |(within, _)| *within);
        self.parts.rehydrate = Some((within, Arc::new(restore)));
        self
    }

    /// Sets how long [`rehydrate`](Self::rehydrate), which comes first, may take; otherwise 30 s.
    pub fn rehydrate_within(mut self, within: Duration) -> Self {
        if let Some((bound, _)) = &mut self.parts.rehydrate {
            *bound = within;
        } else {
            self.command = self.command.reject(
                "`rehydrate_within` bounds what `rehydrate` does, which has to be said before it",
            );
        }
        self
    }

    /// Watches the memory of its main process.
    pub fn memory(mut self, guard: MemoryGuard) -> Self {
        if let Some(wrong) = guard.wrong() {
            self.command = self.command.reject(&wrong);
        }
        self.parts.memory = Some(guard);
        self
    }

    /// Sets how many bytes a message may have, both ways; otherwise 1 MiB. A request that is larger is refused here,
    /// an answer there, and the connection goes on.
    pub fn message_limit(mut self, bytes: u32) -> Self {
        const LEAST: u32 = 1_024;
        if !(LEAST..=mainstay_host::protocol::BODY_MOST).contains(&bytes) {
            let wrong = format!("a message limit of {bytes} bytes: it can be 1 KiB to 1 GiB");
            self.command = self.command.reject(&wrong);
        }
        self.parts.most = bytes;
        self
    }

    /// Sets how many calls may be under way at once; otherwise 1 024. One more fails with
    /// [`CallError::Busy`](super::CallError::Busy).
    pub fn calls_limit(mut self, calls: usize) -> Self {
        if calls == 0 {
            self.command =
                self.command.reject("a host that takes no calls: `calls_limit` is at least 1");
        }
        self.parts.calls = calls;
        self
    }

    /// Sets how many operations its flight recorder holds; otherwise 1 024. Zero: it has none.
    pub fn recorder(mut self, operations: usize) -> Self {
        if operations > ring::CAPACITY_MOST {
            let wrong = format!(
                "a flight recorder of {operations} operations: it can hold {}",
                ring::CAPACITY_MOST
            );
            self.command = self.command.reject(&wrong);
        }
        self.parts.operations = operations.min(ring::CAPACITY_MOST);
        self
    }

    /// Gives each call a run of its own: it starts when somebody calls, takes one call, and ends. A call that moves
    /// nothing for `within` ends it by force, as a failure. Call it by
    /// [`Hosted::call_within`](super::Hosted::call_within), which waits for its turn.
    pub const fn one_shot(mut self, within: Duration) -> Self {
        self.parts.one_shot = Some(within);
        self
    }

    pub(crate) fn into_parts(self) -> (Command, Parts) {
        (self.command, self.parts)
    }
}

impl<C> fmt::Debug for Host<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("contract", &self.parts.contract)
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts({} {})", self.contract, self.version)
    }
}

/// Two declarations are the same only if they are one: callers hold on to the desk of theirs.
impl PartialEq for Parts {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.desk, &other.desk)
    }
}

type Restoring = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// Restores what the last run had, whatever the contract.
pub(crate) trait Rehydrate: Send + Sync {
    fn begin(&self, line: Arc<Line>) -> Restoring;
}

struct Typed<C, F: Send + 'static> {
    restore: Theirs<F>,
    contract: PhantomData<fn() -> C>,
}

impl<C, F, Fut> Rehydrate for Typed<C, F>
where
    C: Contract,
    F: Fn(Client<C>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    fn begin(&self, line: Arc<Line>) -> Restoring {
        Box::pin((self.restore)(Client::new(line)))
    }
}

/// Restores what the last run had. A panic is an answer too.
pub(super) async fn restore(rehydrate: &dyn Rehydrate, line: Arc<Line>) -> Result<(), String> {
    let mut restoring =
        caught::guard(|| rehydrate.begin(line)).map_err(|panic| panic.to_string())?;
    let restored = poll_fn(|cx| match caught::guard(|| restoring.as_mut().poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(restored)) => Poll::Ready(restored.map_err(|error| error.to_string())),
        Err(panic) => Poll::Ready(Err(panic.to_string())),
    })
    .await;
    caught::drop_guarded(restoring);
    restored
}

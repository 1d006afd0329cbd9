//! One run of a host, seen from its parent: its sockets, its ring, and the tasks that serve them.

mod control;
mod life;

use super::guard::Watch;
use super::line::{Line, Wish};
use super::parts::{Parts, restore};
use crate::shared::Shared;
use life::{Life, Looks};
use mainstay_core::RunId;
use mainstay_core::child::Child;
use mainstay_core::spec::Activation;
use mainstay_host::protocol::{self, Beat, Secret};
use mainstay_host::ring::{self, Mark, Operation};
use mainstay_wire::Text;
use mainstay_wire::keeper::{Key, Order, Passed};
use rustix::fd::OwnedFd;
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// The numbers of its descriptors in the host: above those that sockets take.
const NUMBERS: [u32; 3] = [60, 61, 62];
/// How long a host whose connection has ended may take to end itself before it is ended.
const LINGER: Duration = Duration::from_secs(5);
/// How long those who wait for an answer over a connection that has ended wait for the reason of that.
const KNOWN: Duration = Duration::from_millis(100);
/// How many of the last operations are kept of a run.
const OPERATIONS: usize = 64;

/// What a run tells its tree beside what processes tell.
#[derive(Debug)]
pub(crate) enum Said {
    /// It can serve.
    Ready,
    /// A sign of life.
    Beat,
    /// What it does.
    Status(String),
    /// It asks to be replaced.
    Recycle(String),
    /// Pending work has moved.
    Progress,
    /// Whether calls are under way.
    Pending(bool),
    /// It is in use.
    Used,
    /// It asks for more time.
    Extend(Duration),
    /// Its settings were read again.
    Reloaded,
    /// What the run before had is restored.
    Rehydrated,
    /// It has so much memory in use; with `hard` it is to be replaced.
    Guard {
        /// Whether that is more than it may have.
        hard: bool,
        /// How many bytes.
        memory: u64,
    },
    /// It is of no use any more, and has to be ended.
    Useless(Useless),
}

/// Why a run is of no use.
#[derive(Clone, Debug)]
pub(crate) struct Useless {
    pub(crate) why: String,
    pub(crate) kind: Fault,
}

/// What the end of a run that is of no use counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It could never have served: another try will not either.
    Unfit,
    /// It failed, whatever it says of its end.
    Failed,
    /// It failed, unless it was ending by itself.
    Lost,
}

/// What a run was told of the signs that are expected of it, or is looked at for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Signs {
    /// How often it beats.
    heartbeat: Option<Duration>,
    /// Within what pending work has to move.
    progress: Option<Duration>,
    /// For how long it may be idle.
    idle: Option<Duration>,
}

impl Signs {
    fn of(child: &Child) -> Self {
        Self {
            heartbeat: child.spec.liveness.heartbeat.map(|beat| beat.every),
            progress: child.spec.liveness.progress,
            idle: match child.spec.activation {
                Activation::OnDemand { idle } => idle,
                Activation::Always => None,
            },
        }
    }
}

/// One run.
pub(crate) struct Session {
    signs: Signs,
    line: Arc<Line>,
    ring: Option<OwnedFd>,
    pid: Arc<AtomicU32>,
    tasks: Mutex<Vec<AbortHandle>>,
    parts: Arc<Parts>,
    shared: Arc<Shared>,
    key: Key,
}

impl Session {
    /// Makes what a run and its parent share. The order that it returns is for the keeper, ahead of the start.
    pub(crate) fn open(
        shared: &Arc<Shared>,
        (key, child): (Key, &Child),
        run: RunId,
        parts: &Arc<Parts>,
    ) -> io::Result<(Self, Order)> {
        let pair = |kind| socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None);
        let (control, its_control) = pair(SocketType::SEQPACKET)?;
        let (calls, its_calls) = pair(SocketType::STREAM)?;
        for ours in [&control, &calls] {
            rustix::io::ioctl_fionbio(ours, true)?;
        }
        let mut open = vec![Arc::new(its_control), Arc::new(its_calls)];
        let ring = (parts.operations > 0).then(|| make_ring(parts.operations)).transpose()?;
        if let Some(ring) = &ring {
            open.push(Arc::new(ring.try_clone()?));
        }
        let mut bytes = [0; Secret::LENGTH];
        rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
        let secret = Secret::new(bytes);
        let numbers = NUMBERS[..open.len()].to_vec();
        let listed = numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let give = Order::Give {
            key: key.clone(),
            variables: vec![
                (protocol::DESCRIPTORS.into(), Text::from(listed.as_str())),
                (protocol::SECRET.into(), Text::from(secret.to_text().as_str())),
            ],
            descriptors: Passed { numbers, open },
        };
        let (wishes, wished) = mpsc::unbounded_channel();
        let path = shared.log.path(child.id);
        let bounds = (parts.most, parts.calls, parts.one_shot.is_some());
        let line = Line::new((path, run), bounds, wishes);
        parts.desk.offer(&line);
        let pid = Arc::new(AtomicU32::new(0));
        let signs = Signs::of(child);
        let life = Life {
            shared: Arc::clone(shared),
            key: key.clone(),
            parts: Arc::clone(parts),
            line: Arc::clone(&line),
            pid: Arc::clone(&pid),
            secret,
            heartbeat: signs.heartbeat,
            is_greeted: false,
            is_ready: false,
            is_stopping: false,
            stops_at: None,
            ends_by: None,
            memory: Watch::default(),
            beat: Beat::default(),
            moved: (0, 0),
            reconnecting: Vec::new(),
            looks: Looks { progress: signs.progress, idle: signs.idle },
        };
        let task = shared.runtime.spawn(life.serve(control, calls, wished));
        let tasks = Mutex::new(vec![task.abort_handle()]);
        let (shared, parts) = (Arc::clone(shared), Arc::clone(parts));
        Ok((Self { signs, line, ring, pid, tasks, parts, shared, key }, give))
    }

    /// Its child has other settings. What a run was told of its signs of life holds for all of it: where they are
    /// others now, a fresh run takes its place.
    pub(crate) fn learn(&self, child: &Child) {
        if self.signs != Signs::of(child) {
            let reason = "other signs of life are expected of it".to_owned();
            tell(&self.shared, &self.key, Said::Recycle(reason));
        }
    }

    /// Its process has begun.
    pub(crate) fn began(&self, pid: u32) {
        self.pid.store(pid, Ordering::Relaxed);
    }

    /// Asks it to end.
    pub(crate) fn stop(&self, within: Option<Duration>) {
        self.line.wish(Wish::Stop(within));
    }

    /// Asks it to read its settings again.
    pub(crate) fn reload(&self) {
        self.line.wish(Wish::Reload);
    }

    /// Restores what the run before had.
    pub(crate) fn rehydrate(&self) {
        let Some((_, rehydrate)) = self.parts.rehydrate.clone() else { return };
        let (shared, key, line) =
            (Arc::clone(&self.shared), self.key.clone(), Arc::clone(&self.line));
        let task = self.shared.runtime.spawn(async move {
            let said = match restore(&*rehydrate, line).await {
                Ok(()) => Said::Rehydrated,
                Err(why) => {
                    let why = format!("what its last run had could not be restored: {why}");
                    Said::Useless(Useless { why, kind: Fault::Failed })
                }
            };
            tell(&shared, &key, said);
        });
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task.abort_handle());
    }

    /// It is over. Returns what it had done last.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        let Some(ring) = &self.ring else { return Vec::new() };
        let mut bytes = vec![0; ring::size(self.parts.operations)];
        let mut read = 0;
        while let Ok(more @ 1..) = rustix::io::pread(ring, &mut bytes[read..], read as u64) {
            read += more;
        }
        let operations = ring::read(&bytes[..read]).unwrap_or_default().operations;
        let before = operations.len().saturating_sub(OPERATIONS);
        let is_end =
            |operation: &&Operation| matches!(operation.mark, Mark::Answered | Mark::Failed);
        let over: BTreeSet<u64> = operations.iter().filter(is_end).map(|end| end.call).collect();
        // The last ones, and before them the beginning of each call that was never answered.
        let is_kept = |(place, operation): &(usize, &Operation)| {
            *place >= before || operation.mark == Mark::Begins && !over.contains(&operation.call)
        };
        let kept = operations.iter().enumerate().filter(is_kept);
        kept.map(|(_, operation)| operation.clone()).collect()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The tree has told those who wait why, unless it had gone past this run before.
        self.line.end(&"its run is over".into());
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }
}

/// Makes the memory that a host writes its operations to. Its size is sealed: what we read is always there.
fn make_ring(operations: usize) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let ring = rustix::fs::memfd_create("mainstay-ring", flags)?;
    rustix::fs::ftruncate(&ring, ring::size(operations) as u64)?;
    rustix::io::pwrite(&ring, &ring::head(operations), 0)?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&ring, seals)?;
    Ok(ring)
}

fn tell(shared: &Shared, key: &Key, said: Said) {
    let at = shared.clock.now();
    shared.inbox.hold(|lane| lane.host(at, key, said));
}

//! A keeper as a process: the parent of all children, with a brain as its first child.

use crate::hold::{Brain, Hold, Relaying, STATE, Settings as HoldSettings, state_left};
use crate::keeper::{Settings, check, instance};
use crate::link::{Link, SocketLink};
use crate::passed::Passed;
use crate::relay::{Inherited, Relay};
use crate::sys::signals::{self, Signals};
use mainstay_wire::Text;
use mainstay_wire::keeper::Status;
use rustix::process::{Resource, getrlimit, set_child_subreaper, setrlimit};
use std::io;

/// What a keeper hears, and hands on to its brain but for the first.
const HEARD: [i32; 8] = [
    libc::SIGCHLD,
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGWINCH,
];

/// Keeps processes for a brain, which this starts with the command given and starts again whenever it dies.
///
/// It returns when the brain has said that it may leave and nothing is held any more: the exit code for this
/// process, which is that of the brain. To be called at the very beginning of a program, before there is
/// another thread: every child of this process is taken in.
///
/// # Errors
///
/// The identity is empty: a keeper that is a process can die, and the next one finds nothing without it. Or the system
/// does not let it wait for anything. Nothing has been started.
pub fn keep(settings: &Settings, brain: Vec<Text>) -> io::Result<u8> {
    check(&settings.identity)?;
    // What a keeper leaves open for the next is its own.
    let is_first = std::env::var_os(STATE).is_none();
    let inherited = if settings.relay.is_some() && is_first {
        Inherited::take(false)
    } else {
        Inherited::default()
    };
    let signals = match settings.relay {
        Some(_) => Signals::open(&Relay::heard())?,
        None => Signals::open(&HEARD)?,
    };
    signals::run_soon();
    // Whoever loses its parent becomes a child of this process.
    set_child_subreaper(Some(rustix::process::getpid()))?;
    let children_files = raise_files();
    let mut left = state_left()?;
    if let Some(left) = left.as_mut().filter(|_| !brain.is_empty()) {
        // The next brain is that of the program which is the keeper now.
        left.brain.command.clone_from(&brain);
    }
    let identity = left.as_ref().map_or(&settings.identity, |left| &left.identity);
    let hold = HoldSettings {
        instance: instance(identity),
        identity: identity.clone(),
        owns_all: true,
        program: std::env::current_exe().map(|path| path.as_path().into()).unwrap_or_default(),
        arguments: std::env::args_os().map(Text::from).collect(),
        files: children_files,
    };
    let (seq, facts) = left.as_ref().map(|left| (left.seq, left.facts.clone())).unwrap_or_default();
    let link = Link::Socket(SocketLink::new(seq, facts));
    let mut hold = Hold::new(hold, link, Hold::waker()?, Some(signals))?;
    if let Some(relay) = &settings.relay {
        hold.set_relaying(Relaying::new(relay.clone(), inherited));
    }
    match left {
        Some(left) => hold.take_over(left),
        None => {
            // Of one command everything is its own.
            if settings.relay.is_none() {
                hold.passed = Passed::take();
            }
            hold.find_leftovers();
            hold.set_brain(Brain::new(brain));
            hold.start_brain();
        }
    }
    hold.serve()?;
    let code = match hold.brain_status() {
        Some(Status::Code(code)) => u8::try_from(*code).unwrap_or(1),
        Some(Status::Signal { signal, .. }) => 128_u8.saturating_add(*signal),
        Some(Status::NotStarted(_) | Status::Unseen { .. }) => 1,
        None => 0,
    };
    Ok(hold.relaying().map_or(code, |relaying| relaying.code(code)))
}

/// Allows this process as many descriptors as it may have, and returns what its children get: what was
/// allowed before.
fn raise_files() -> Option<(u64, u64)> {
    let before = getrlimit(Resource::Nofile);
    let raised = rustix::process::Rlimit { current: before.maximum, maximum: before.maximum };
    setrlimit(Resource::Nofile, raised).ok()?;
    let number = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
    Some((number(before.current), number(before.maximum)))
}

//! What a run has said so far, and who may say it.

use super::parse::{NewMain, Said, Storing, parse};
use super::{Message, Unheard};
use crate::store::{Added, Store, UNNAMED, close_apart};
use mainstay_wire::Text;
use mainstay_wire::keeper::Notice;
use mainstay_wire::process::Access;
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{fstat, fstatfs};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// What a run has said so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Speech {
    /// Who may speak at present.
    pub(crate) access: Access,
    /// It has said that it is about to end. That is final.
    pub(crate) is_stopping: bool,
}

/// What the sender of a message is to the run on whose socket it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// Its main process.
    Main,
    /// The process of a command that is run for it.
    Command,
    /// Another process of it.
    Member,
    /// None of it.
    Stranger,
}

impl Speech {
    /// Begins with what the settings say of who may speak.
    pub(crate) fn new(access: Access) -> Self {
        Self { access, is_stopping: false }
    }

    /// Returns who may speak now: a run can change it.
    pub(crate) const fn access(&self) -> Access {
        self.access
    }

    /// Hears one message and appends what it means. [`Notice::Main`] is a wish: whether that process belongs
    /// to the run is for the caller to find out.
    ///
    /// Descriptors that nobody wants are closed; with a barrier that is the answer its sender waits for.
    ///
    /// # Errors
    ///
    /// Why the message, or a part of it, does not count. What came of the rest is in `out`.
    pub(crate) fn take(
        &mut self,
        message: Message,
        sender: Relation,
        store: &mut Store,
        out: &mut Vec<Notice>,
    ) -> Result<(), Unheard> {
        let Message { text, is_cut, pid, mut fds, .. } = message;
        let heard = if is_cut {
            Err(Unheard::Cut)
        } else if !self.may_speak(sender) {
            Err(Unheard::Access { pid, access: word(self.access) })
        } else {
            parse(&text).and_then(|said| self.apply(said, &mut fds, store, out))
        };
        close_apart(fds);
        heard
    }

    fn may_speak(&self, sender: Relation) -> bool {
        match (self.access, sender) {
            (Access::None, _) | (_, Relation::Stranger) => false,
            (Access::Main, sender) => sender == Relation::Main,
            (Access::Exec, sender) => matches!(sender, Relation::Main | Relation::Command),
            (Access::All, Relation::Main | Relation::Command | Relation::Member) => true,
        }
    }

    fn apply(
        &mut self,
        said: Said,
        fds: &mut Vec<OwnedFd>,
        store: &mut Store,
        out: &mut Vec<Notice>,
    ) -> Result<(), Unheard> {
        if said.is_barrier {
            return if fds.len() == 1 {
                Ok(())
            } else {
                Err(Unheard::BarrierDescriptors(fds.len()))
            };
        }
        let mut first = said.senseless.map_or(Ok(()), |name| Err(Unheard::Value(name)));
        if said.is_odd {
            first = first.and(Err(Unheard::Line));
        }
        if let Some(main) = said.main {
            match find(main, fds) {
                Ok(pid) => say(out, Notice::Main(pid)),
                Err(error) => first = first.and(Err(error)),
            }
        }
        for notice in said.notices {
            self.is_stopping |= notice == Notice::Stopping;
            let comes_back = matches!(notice, Notice::Ready(_) | Notice::Reloading(_));
            if !(comes_back && self.is_stopping) {
                say(out, notice);
            }
        }
        self.access = said.access.unwrap_or(self.access);
        let before = store.len();
        match said.store {
            None => {}
            Some(Storing::Remove { name }) => {
                store.remove(&name);
            }
            Some(Storing::Add { .. }) if fds.is_empty() => {
                first = first.and(Err(Unheard::NothingToStore));
            }
            Some(Storing::Add { name, watch }) => {
                let name = name.unwrap_or_else(|| Text::from(UNNAMED));
                let added = fds.drain(..).map(|fd| store.add(&name, fd, watch));
                let left_out = added.filter(|added| *added == Added::Full).count();
                if left_out > 0 {
                    first = first.and(Err(Unheard::StoreFull(left_out)));
                }
            }
        }
        if store.len() != before {
            say(out, Notice::Stored(store.len()));
        }
        first
    }
}

/// Appends a notice. Saying something twice in a row says it once: a flood of signs of life is one sign.
fn say(out: &mut Vec<Notice>, notice: Notice) {
    if out.last() != Some(&notice) {
        out.push(notice);
    }
}

fn word(access: Access) -> &'static str {
    match access {
        Access::None => "none",
        Access::Main => "main",
        Access::Exec => "exec",
        Access::All => "all",
    }
}

/// Returns the number of the process that is to be the main one, if it lives.
fn find(main: NewMain, fds: &mut Vec<OwnedFd>) -> Result<u32, Unheard> {
    match main {
        NewMain::Descriptor => {
            if fds.len() != 1 {
                return Err(Unheard::MainDescriptors(fds.len()));
            }
            let pidfd = fds.remove(0);
            let pid = of_pidfd(&pidfd);
            close_apart(vec![pidfd]);
            pid.ok_or(Unheard::MainGone)
        }
        NewMain::Number { pid, inode: None } => Ok(pid),
        NewMain::Number { pid, inode: Some(inode) } => {
            if has_inode(pid, inode) {
                Ok(pid)
            } else {
                Err(Unheard::MainGone)
            }
        }
    }
}

/// Reads the number of a process from its descriptor. For one that has ended, or is seen from elsewhere only,
/// the kernel writes none that is above zero; for what is no process it writes no such line.
fn of_pidfd(fd: &OwnedFd) -> Option<u32> {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).ok()?;
    let line = info.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    line.trim().parse().ok().filter(|pid| *pid > 0)
}

/// Returns whether the descriptor of a process has this inode. Before Linux 6.9 all share one, and then nobody
/// can have been told apart by it.
fn has_inode(pid: u32, inode: u64) -> bool {
    /// "PIDF"
    const PIDFS: u32 = 0x5049_4446;
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let Some(pidfd) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
        return false;
    };
    let is_told = fstatfs(&pidfd).is_ok_and(|of| u32::try_from(of.f_type) == Ok(PIDFS));
    !is_told || fstat(&pidfd).is_ok_and(|of| of.st_ino == inode)
}

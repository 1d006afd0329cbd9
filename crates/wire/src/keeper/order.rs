//! What a brain asks of its keeper. The keeper begins it at once; what comes of it is a fact.

use super::{Key, Sequence};
use crate::Text;
use crate::process::Process;
use serde::{Deserialize, Serialize};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Facts up to here have been taken in: they need not be kept any more.
    Acknowledge(Sequence),
    /// Opens the sockets of a child before it runs. With `demand` the first connection is a fact.
    Listen {
        /// The child.
        child: Arc<str>,
        /// What it will be started as.
        process: Arc<Process>,
        /// Whether the keeper watches for connections while the child does not run.
        demand: bool,
    },
    /// Begins a run. `Started`, or `Ended` with the step that failed, follows.
    Start {
        /// The run.
        key: Key,
        /// What to start.
        process: Arc<Process>,
    },
    /// Hands over what one run gets beside its settings; its `Start` follows. What is given for another run of the
    /// same child takes its place, and what no start has taken is closed with the child.
    Give {
        /// The run.
        key: Key,
        /// Variables that nothing else sets. Nobody writes them down.
        variables: Vec<(Text, Text)>,
        /// Descriptors, which travel beside the frame.
        descriptors: Passed,
    },
    /// Goes on with a run that an earlier keeper began, where that one and its brain have died. Nothing is ever
    /// started for it. What is left of the child is taken for this run, since a child has one run at most. The order
    /// is always answered, and may be given again by a brain that has heard no answer:
    ///
    /// - This keeper holds the run: `Adopted`, once more. Where its main process has ended, its end is told anyway,
    ///   and where a brain has acknowledged that, it is told again as `Unseen`.
    /// - Its main process is found: `leftovers` says what becomes of it. `adopt`: `Adopted` follows. `kill`: all of it
    ///   is killed, and `Ended` follows. `refuse`: it is left alone, and so that nobody takes it for over, `Ended`
    ///   follows as `NotStarted` at [`Step::Leftover`](super::Step::Leftover) with those who live on; a start is
    ///   refused for as long as they do.
    /// - Only others of it are found, and they are not refused: they are ended as those are whose main process ends,
    ///   or killed. `Ended` follows, as `Unseen`.
    /// - Nothing is found, or the run was over before: `Ended` as `Unseen`, from the beginning of the clock on.
    Find {
        /// The run.
        key: Key,
        /// What it was started as.
        process: Arc<Process>,
    },
    /// Sends a signal.
    Signal {
        /// The run.
        key: Key,
        /// Which signal.
        signal: u8,
        /// To whom.
        whom: Whom,
    },
    /// Writes to the run's standard input or terminal. The bytes are the body of the frame.
    Input {
        /// The run.
        key: Key,
        /// What to write.
        #[serde(skip)]
        bytes: Vec<u8>,
        /// Whether the pipe is closed behind it.
        close: bool,
    },
    /// Runs a command for a live run: in its place, as its user, with its environment and `MAINPID`.
    /// `Done` follows.
    Execute {
        /// The run.
        key: Key,
        /// The brain's own number for it.
        ticket: u64,
        /// The program and its arguments.
        command: Vec<Text>,
        /// How long it may take before it is killed.
        timeout: Duration,
    },
    /// Runs a command that belongs to no child, in a session of its own. [`Report::Aside`](super::Report::Aside)
    /// follows, unless the brain dies first: then it is ended, and nobody is told.
    Aside {
        /// The brain's own number for it.
        ticket: u64,
        /// The command and where it runs. What is said about its input, its output and how it is held counts for
        /// nothing here.
        process: Arc<Process>,
        /// What it reads. The bytes are the body of the frame.
        #[serde(skip)]
        input: Vec<u8>,
        /// How long it may take before it is killed, with its process group.
        timeout: Duration,
    },
    /// The brain's sign of life. Where none follows for this long, the keeper asks for a dump (SIGQUIT), ends the brain
    /// and starts it again; zero: no sign is to be waited for any more.
    Alive {
        /// How long.
        within: Duration,
    },
    /// Ends a run by force, with all that belongs to it. `Ended` follows once all of it is gone.
    Kill(Key),
    /// Suspends every process of a run, or lets them go on.
    Freeze {
        /// The run.
        key: Key,
        /// Whether it is suspended.
        frozen: bool,
    },
    /// Applies to a live run what can be: its log, its limits.
    Change {
        /// The run.
        key: Key,
        /// The new settings.
        process: Arc<Process>,
    },
    /// Closes what is kept for a child between its runs: sockets, stored descriptors, its log.
    Forget(Arc<str>),
    /// Closes log files that somebody has moved away, and begins them anew.
    Reopen,
    /// Joins the terminal of a child. Nothing happens where this viewer is there already.
    Attach {
        /// The child.
        child: Arc<str>,
        /// The brain's own number for the viewer.
        viewer: u64,
        /// Whether it may type.
        read_only: bool,
    },
    /// What a viewer types. The bytes are the body of the frame.
    Type {
        /// The viewer.
        viewer: u64,
        /// What is typed.
        #[serde(skip)]
        bytes: Vec<u8>,
    },
    /// A viewer's window has this size now.
    Resize {
        /// The viewer.
        viewer: u64,
        /// Its height.
        rows: u16,
        /// Its width.
        columns: u16,
    },
    /// So many bytes of what a viewer is shown have reached it: as many may follow.
    Shown {
        /// The viewer.
        viewer: u64,
        /// How many.
        bytes: u64,
    },
    /// A viewer leaves.
    Detach(u64),
    /// Becomes this program and keeps everything. `Hello` and the inventory follow.
    Upgrade {
        /// The program; absent: the file that the keeper was started from.
        program: Option<Text>,
        /// Its arguments.
        arguments: Vec<Text>,
    },
    /// Ends the keeper once it holds nothing, or at once and with everything it holds.
    Leave {
        /// Whether what it holds is killed.
        kill: bool,
    },
}

/// Descriptors that a process begins with, each under a number of its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Passed {
    /// Their numbers in the process. Below 3 they take the place of what it would read from or print to.
    pub numbers: Vec<u32>,
    /// What is open under them, in the same order.
    #[serde(skip)]
    pub open: Vec<Arc<OwnedFd>>,
}

impl Passed {
    /// Returns what is open under a number.
    pub fn at(&self, number: u32) -> Option<&OwnedFd> {
        let place = self.numbers.iter().position(|known| *known == number)?;
        self.open.get(place).map(|open| &**open)
    }
}

impl PartialEq for Passed {
    fn eq(&self, other: &Self) -> bool {
        let is_same = |(mine, theirs): (&Arc<OwnedFd>, &Arc<OwnedFd>)| Arc::ptr_eq(mine, theirs);
        self.numbers == other.numbers
            && self.open.len() == other.open.len()
            && self.open.iter().zip(&other.open).all(is_same)
    }
}

/// Who gets a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whom {
    /// The main process.
    Main,
    /// Every process of the run.
    All,
}

//! What a keeper tells its brain.

use super::{Key, Notice};
use crate::Text;
use crate::process::Process;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The number of a fact. It only grows, over the keeper's re-execution too.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Sequence(pub u64);

/// One message of a keeper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// Who speaks. The first message.
    Hello {
        /// [`VERSION`](super::VERSION).
        version: u32,
        /// The keeper's process.
        pid: u32,
        /// How often this keeper's brain has been started before.
        brain: u32,
        /// The number of the last fact so far.
        #[serde(default)]
        seq: Sequence,
        /// How many facts up to that one were not acknowledged, and are told after the inventory.
        #[serde(default)]
        kept: u64,
        /// In how many messages the inventory comes: one frame does not take all of very many children.
        #[serde(default = "one")]
        inventories: u32,
        /// The brain before this one gave no sign of life, and was ended for it.
        #[serde(default)]
        silence: Option<Silence>,
    },
    /// Everything that is held, or a part of it. The second message, and those behind it that the first has announced.
    Inventory(Vec<Held>),
    /// Something happened. It is told again until it is acknowledged.
    Fact {
        /// Its number.
        seq: Sequence,
        /// When, by the monotonic clock.
        at: Duration,
        /// What.
        fact: Fact,
    },
    /// Descriptors of a child, for a brain that may have to outlive its keeper. They travel beside the
    /// frame, in this order, and replace those that came before for this child.
    Descriptors {
        /// The child and the run they belong to.
        key: Key,
        /// What each is.
        names: Vec<Role>,
    },
    /// What a child's terminal shows. The bytes are the body of the frame.
    Screen {
        /// Who sees it.
        viewer: u64,
        /// What is shown.
        #[serde(skip)]
        bytes: Vec<u8>,
        /// How many bytes were left out before it, because the viewer was slow.
        lost: u64,
    },
    /// What became of bytes that a viewer typed. Every byte is told of once, unless the keeper dies before.
    Typed {
        /// The viewer.
        viewer: u64,
        /// How many the terminal has taken.
        taken: u64,
        /// How many were refused: the child does not read, or does not run.
        refused: u64,
    },
    /// A command that belongs to no child is over.
    Aside {
        /// The brain's number.
        ticket: u64,
        /// How; absent: it did not begin, or took too long and was killed.
        status: Option<Status>,
        /// The last it printed.
        output: Text,
        /// Why it did not begin.
        error: Option<StartError>,
    },
    /// The viewer sees nothing more: its child is forgotten, has no terminal, or was never there.
    Left {
        /// Who.
        viewer: u64,
        /// Why.
        why: String,
    },
}

/// A brain that gave no sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Silence {
    /// Its process; 0 where that is not known.
    pub pid: u32,
    /// For how long.
    pub lasted: Duration,
}

const fn one() -> u32 {
    1
}

/// One child that is held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Held {
    /// The present run, or the last one.
    pub key: Key,
    /// Its main process; absent: it does not run.
    pub pid: Option<u32>,
    /// When the main process began, in the kernel's ticks since boot.
    pub began: u64,
    /// Whether it has said that it is ready.
    pub ready: bool,
    /// What it was started as.
    pub process: Arc<Process>,
}

/// What a descriptor of a child is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The process itself.
    Process,
    /// Where its output is read, or its standard output alone.
    Out,
    /// Where its standard error is read.
    Err,
    /// The keeper's end of its terminal.
    Terminal,
    /// Where its input is written.
    Input,
    /// Its notify socket.
    Notify,
    /// Where it says that it is ready.
    Ready,
    /// Memory that counts what its keeper has read of its output and not written, and its place in there.
    Tally(u32),
    /// A socket of this name.
    Socket(Text),
    /// A descriptor it has left with the keeper, under this name.
    Stored(Text),
}

/// Something that happened to a child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// A run has begun: the program is executed.
    Started {
        /// The run.
        key: Key,
        /// Its main process.
        pid: u32,
        /// When it began, in the kernel's ticks since boot.
        began: u64,
        /// How the processes of it are held together.
        contain: Text,
    },
    /// A process of an earlier keeper is the present run now.
    Adopted {
        /// The run.
        key: Key,
        /// Its main process.
        pid: u32,
        /// When it began, in the kernel's ticks since boot.
        #[serde(default)]
        began: u64,
    },
    /// The main process is gone; what is left of the run is being ended.
    MainEnded {
        /// The run.
        key: Key,
        /// How.
        status: Status,
        /// Who is left.
        left: Vec<Lost>,
    },
    /// A run is over: every process of it is gone and its output is complete.
    Ended {
        /// The run.
        key: Key,
        /// How.
        ended: Ended,
    },
    /// Force did not end all of a run.
    Outlived {
        /// The run.
        key: Key,
        /// What is left of it.
        left: Vec<Lost>,
    },
    /// It said something on its notify socket, its notification descriptor or in its output.
    Said {
        /// The run.
        key: Key,
        /// What.
        notice: Notice,
    },
    /// Somebody connects to a child that does not run.
    Demand(Arc<str>),
    /// The sockets of a child stand open.
    Listening {
        /// The child.
        child: Arc<str>,
        /// Where, in order of declaration: with the port that was chosen.
        addresses: Vec<Text>,
    },
    /// A command that was run for a child is over.
    Done {
        /// The run it was for.
        key: Key,
        /// The brain's number.
        ticket: u64,
        /// How; absent: it took too long and was killed.
        status: Option<Status>,
        /// The last it printed.
        output: Text,
        /// Why it did not begin.
        error: Option<StartError>,
    },
    /// Lines were dropped because the child prints faster than they can be written.
    Dropped {
        /// The run.
        key: Key,
        /// How many since the last time it was said.
        lines: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// Something of a child does not work; it goes on without.
    Trouble {
        /// The child.
        child: Arc<str>,
        /// What: "cannot write its log /var/log/a.log".
        what: String,
        /// The error of the kernel.
        error: i32,
    },
    /// A process that belongs to no run was our child and is gone.
    Stranger {
        /// Which.
        pid: u32,
        /// How.
        status: Status,
    },
    /// Facts were not taken in for so long that the oldest were let go, or their keeper took them along when it died.
    /// What the inventory shows still holds.
    Forgotten {
        /// How many.
        facts: u64,
    },
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ended {
    /// What became of its main process.
    pub status: Status,
    /// Whether the kernel killed something of it for its memory.
    #[serde(default)]
    pub out_of_memory: bool,
    /// What it used.
    #[serde(default)]
    pub usage: Usage,
    /// The last lines it printed.
    #[serde(default)]
    pub last: Vec<Text>,
    /// What could not be ended and lives on.
    #[serde(default)]
    pub left: Vec<Lost>,
    /// Bytes of output that were read and could not be kept. Where a keeper died in the middle of a read, all that
    /// it can have read.
    #[serde(default)]
    pub lost: u64,
}

/// What became of a process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It ended with this code.
    Code(i32),
    /// A signal ended it.
    Signal {
        /// Which.
        signal: u8,
        /// Whether a core was dumped.
        core: bool,
    },
    /// It never began.
    NotStarted(StartError),
    /// Nobody saw it end; it happened in this interval of the monotonic clock.
    Unseen {
        /// Seen alive.
        from: Duration,
        /// Found gone.
        to: Duration,
    },
}

/// Why a run did not begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{} while {step}{}", errno_text(*error), quoted(about))]
#[serde(rename_all = "kebab-case")]
pub struct StartError {
    /// At which step.
    pub step: Step,
    /// What the step was about: a path, a name.
    #[serde(default)]
    pub about: String,
    /// The error of the kernel.
    pub error: i32,
}

fn errno_text(error: i32) -> String {
    let text = std::io::Error::from_raw_os_error(error).to_string();
    // "No such file or directory (os error 2)"
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

fn quoted(about: &str) -> String {
    if about.is_empty() { String::new() } else { format!(" `{about}`") }
}

/// What is done between the order to start and the first instruction of the program, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Step {
    /// Reading the settings: a number that is out of bounds, a rule that fits nothing.
    #[default]
    Settings,
    /// Looking up the user.
    FindUser,
    /// Looking up a group.
    FindGroup,
    /// Looking up a capability.
    FindCapability,
    /// Opening a socket.
    Listen,
    /// Opening the log.
    OpenLog,
    /// Making a pipe or terminal.
    OpenOutput,
    /// Opening the file it reads from.
    OpenInput,
    /// Opening a further file.
    OpenDescriptor,
    /// Opening its notify socket.
    OpenNotify,
    /// Making a cgroup.
    MakeCgroup,
    /// Setting a limit of the cgroup.
    SetLimit,
    /// A run of an earlier keeper lives, and `leftovers` is `refuse`.
    Leftover,
    /// Making the process.
    Clone,
    /// Entering the cgroup.
    EnterCgroup,
    /// Resetting signals.
    ResetSignals,
    /// Making a session or process group.
    MakeSession,
    /// Taking the terminal.
    TakeTerminal,
    /// Connecting standard input, output and error.
    ConnectStdio,
    /// Passing descriptors.
    PassDescriptors,
    /// Setting a limit of the kernel.
    SetRlimit,
    /// Setting the priority.
    SetNice,
    /// Setting the turn at the disk.
    SetIoPriority,
    /// Setting the score for when memory runs out.
    SetOomScore,
    /// Setting which rights new files lack.
    SetUmask,
    /// Changing to its groups.
    ChangeGroups,
    /// Changing to its group.
    ChangeGroup,
    /// Changing to its user.
    ChangeUser,
    /// Limiting its capabilities.
    SetCapabilities,
    /// Giving up new privileges.
    SetNoNewPrivileges,
    /// Asking for the parent-death signal.
    SetDeathSignal,
    /// Changing to the working folder.
    ChangeFolder,
    /// Looking for the program.
    FindProgram,
    /// Executing the program.
    Execute,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Settings => "reading its settings",
            Self::FindUser => "looking up the user",
            Self::FindGroup => "looking up the group",
            Self::FindCapability => "looking up the capability",
            Self::Listen => "opening the socket",
            Self::OpenLog => "opening the log",
            Self::OpenOutput => "opening its output",
            Self::OpenInput => "opening its input",
            Self::OpenDescriptor => "opening the file",
            Self::OpenNotify => "opening its notify socket",
            Self::MakeCgroup => "making the cgroup",
            Self::SetLimit => "setting the limit",
            Self::Leftover => "looking for what an earlier keeper left",
            Self::Clone => "making the process",
            Self::EnterCgroup => "entering the cgroup",
            Self::ResetSignals => "resetting its signals",
            Self::MakeSession => "making its session",
            Self::TakeTerminal => "taking the terminal",
            Self::ConnectStdio => "connecting its input and output",
            Self::PassDescriptors => "passing descriptors",
            Self::SetRlimit => "setting the resource limit",
            Self::SetNice => "setting its niceness",
            Self::SetIoPriority => "setting its io priority",
            Self::SetOomScore => "setting its oom score",
            Self::SetUmask => "setting its umask",
            Self::ChangeGroups => "changing to its groups",
            Self::ChangeGroup => "changing to group",
            Self::ChangeUser => "changing to user",
            Self::SetCapabilities => "limiting its capabilities",
            Self::SetNoNewPrivileges => "giving up new privileges",
            Self::SetDeathSignal => "asking for its parent-death signal",
            Self::ChangeFolder => "changing to the folder",
            Self::FindProgram => "looking for the program",
            Self::Execute => "executing",
        })
    }
}

/// What a run used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Usage {
    /// Time in its own code.
    pub user: Duration,
    /// Time in the kernel.
    pub system: Duration,
    /// Bytes of memory at the highest, of the main process or, with a cgroup that counts it, of all. Zero:
    /// not known, for a main process that used less than the program that started it.
    pub memory: u64,
    /// Blocks read from disks.
    pub read: u64,
    /// Blocks written.
    pub written: u64,
}

/// A process that is left of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Which.
    pub pid: u32,
    /// What it calls itself.
    pub name: Text,
}

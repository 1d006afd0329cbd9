//! What there is to say about an OS process before it starts. Every field has an effect in the keeper.

use crate::Text;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// How to start, hold and end one process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Process {
    /// The program and its arguments. A program without a slash is searched in the `PATH` of the
    /// child's own environment, at every start.
    pub command: Vec<Text>,
    /// The working folder; absent: the keeper's own.
    pub folder: Option<Text>,
    /// The environment.
    pub environment: Environment,
    /// Whom it runs as; absent: the keeper's own user.
    pub user: Option<Text>,
    /// Its group; absent: the user's own.
    pub group: Option<Text>,
    /// Further groups; absent: those the user is in.
    pub groups: Option<Vec<Text>>,
    /// Which rights new files lack.
    pub umask: Option<u32>,
    /// -20 (first) to 19 (last).
    pub nice: Option<i32>,
    /// Its turn at the disk.
    pub io_priority: Option<IoPriority>,
    /// Limits of the kernel for each process.
    pub rlimits: Vec<Rlimit>,
    /// -1000 (never) to 1000 (first), when memory runs out.
    pub oom_score: Option<i32>,
    /// The only capabilities it can ever have; absent: as the keeper.
    pub capabilities: Option<Vec<Text>>,
    /// Whether programs that raise their rights no longer do.
    pub no_new_privileges: bool,
    /// Its session and process group.
    pub session: Session,
    /// What it gets when the keeper dies. Without it the process lives on and is adopted.
    pub death_signal: Option<u8>,
    /// Whether it sees a world of processes of its own, in which it is number 1.
    pub pid_namespace: bool,
    /// Where it reads from.
    pub stdin: Stdin,
    /// What becomes of what it prints.
    pub output: Output,
    /// Files that are open when it begins.
    pub descriptors: Vec<Descriptor>,
    /// How it says that it is ready.
    pub ready: Readiness,
    /// Who may speak for it on its notify socket; absent: it has none.
    pub notify: Option<Access>,
    /// The heartbeat it is asked for (`WATCHDOG_USEC`).
    pub watchdog: Option<Duration>,
    /// Sockets that the keeper opens and passes (`LISTEN_FDS`).
    pub sockets: Vec<Socket>,
    /// How many descriptors it may leave with the keeper from run to run.
    pub store: u32,
    /// What all of it together may use; needs a cgroup with the controller.
    pub limits: Limits,
    /// How all of it is held together.
    pub contain: Contain,
    /// What is left of it when its main process has ended gets `SIGTERM`, and this long before force.
    pub rest: Rest,
    /// What becomes of a process of an earlier keeper that still lives.
    pub leftovers: Leftovers,
}

/// The environment of a process: clean, but for what is named. Its values may be secrets, and are not shown.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Environment {
    /// Names that are taken from the keeper's environment where they are set; `*` at the end stands for
    /// any rest.
    pub inherit: Vec<Text>,
    /// What is set beside and above those.
    pub set: Vec<(Text, Text)>,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&Text> = self.set.iter().map(|(name, _)| name).collect();
        f.debug_struct("Environment").field("inherit", &self.inherit).field("set", &names).finish()
    }
}

impl Default for Environment {
    /// What nearly every program relies on, and nothing else.
    fn default() -> Self {
        let names =
            ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_*", "TZ", "TERM", "TMPDIR"];
        Self { inherit: names.map(Text::from).to_vec(), set: Vec::new() }
    }
}

/// A process's turn at the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IoPriority {
    /// Before all others, 0 (first) to 7.
    Realtime(u8),
    /// As it comes, 0 (first) to 7.
    BestEffort(u8),
    /// When nobody else wants it.
    Idle,
}

/// A limit of the kernel for each process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rlimit {
    /// What is limited.
    pub resource: Resource,
    /// What the process may raise no further than `hard`; absent: unlimited.
    pub soft: Option<u64>,
    /// The ceiling; absent: unlimited.
    pub hard: Option<u64>,
}

/// What a limit of the kernel is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Resource {
    /// Bytes of address space.
    As,
    /// Bytes of a core file.
    Core,
    /// Seconds of processor time.
    Cpu,
    /// Bytes of data segments.
    Data,
    /// Bytes of a file it writes.
    Fsize,
    /// Bytes locked in memory.
    Memlock,
    /// Open descriptors.
    Nofile,
    /// Processes of the user.
    Nproc,
    /// Bytes of stack.
    Stack,
}

/// The session and process group of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Session {
    /// A session of its own, and so a process group.
    #[default]
    Own,
    /// A process group of its own in the keeper's session.
    Group,
    /// The keeper's. Signals to all reach only what other means find.
    Shared,
}

/// Where a process reads from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stdin {
    /// Nothing: its end at once.
    #[default]
    Null,
    /// What is sent to it.
    Pipe,
    /// A file.
    File(Text),
    /// The keeper's own.
    Inherit,
}

/// What becomes of what a process prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Output {
    /// How its outputs are connected.
    pub streams: Streams,
    /// Where they are written.
    pub log: Option<Log>,
    /// Repeats each line on the keeper's own output, behind this.
    pub echo: Option<Text>,
    /// What happens when it prints faster than it can be written.
    pub pressure: Pressure,
    /// How many bytes of its last lines are kept for each run; absent: 4096.
    pub last: Option<u32>,
}

/// How the outputs of a process are connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Streams {
    /// Both into one pipe: lines keep their order.
    #[default]
    Merged,
    /// A pipe each: lines say where they came from.
    Apart,
    /// A terminal, for input as well.
    Terminal {
        /// Its height at first.
        rows: u16,
        /// Its width at first.
        columns: u16,
    },
    /// The keeper's own: nothing is seen of it here.
    Inherit,
    /// Nowhere.
    Null,
}

/// The log of one child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Log {
    /// The file that is written. Older ones stand beside it, numbered from 1 (the newest).
    pub path: Text,
    /// The size at which the next file begins.
    pub size: u64,
    /// The age at which it does.
    pub age: Option<Duration>,
    /// How many older files are kept.
    pub keep: u32,
    /// Whether older files are compressed (gzip).
    pub compress: bool,
    /// Whether each line begins with the moment it was read.
    pub stamps: bool,
    /// How a line is written.
    pub format: Format,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            path: Text::default(),
            size: 10 * 1024 * 1024,
            age: None,
            keep: 10,
            compress: false,
            stamps: true,
            format: Format::Text,
        }
    }
}

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// As it came.
    #[default]
    Text,
    /// As a JSON object: time, run, stream, line.
    Json,
}

/// What happens when a child prints faster than it can be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pressure {
    /// It waits; nothing is lost.
    #[default]
    Lossless,
    /// Lines are dropped, counted and the count is shown.
    Dropping,
}

/// A file that is open when a process begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Descriptor {
    /// Its number in the process, from 3 on.
    pub number: u32,
    /// The file.
    pub path: Text,
    /// How it is opened.
    pub mode: Mode,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// For reading.
    Read,
    /// For writing at its end; it is made where there is none.
    Append,
    /// For both.
    ReadWrite,
}

/// How a process says that it is ready.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    /// Not to the keeper.
    #[default]
    Unsaid,
    /// `READY=1` on its notify socket.
    Notify,
    /// A line on this descriptor (s6). Its number is also in `NOTIFY_FD`.
    Fd(u32),
    /// A line of its output that holds this; `*` stands for any rest.
    Line(Text),
}

impl Readiness {
    /// Returns the line that says so.
    pub const fn line(&self) -> Option<&Text> {
        match self {
            Self::Line(line) => Some(line),
            Self::Unsaid | Self::Notify | Self::Fd(_) => None,
        }
    }
}

/// Who may speak for a process on its notify socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Nobody.
    None,
    /// Its main process.
    Main,
    /// Its main process, and the commands that are run for it.
    Exec,
    /// Every process of it.
    All,
}

/// A socket that the keeper opens. It stays open from run to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Socket {
    /// Its name in `LISTEN_FDNAMES`.
    pub name: Text,
    /// What it listens at.
    pub address: Address,
    /// How many connections may wait; absent: 4096.
    pub backlog: Option<u32>,
    /// Whether several sockets may stand at the address (`SO_REUSEPORT`).
    #[serde(default)]
    pub shared: bool,
    /// Whether it does not wait where nobody connects (`O_NONBLOCK`). Most programs set that themselves or want
    /// it to wait; some whose workers share a socket that they were passed, as those of nginx do, rely on it.
    #[serde(default)]
    pub nonblocking: bool,
}

/// What a socket listens at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Address {
    /// `127.0.0.1:80`, `[::]:80`.
    Tcp(std::net::SocketAddr),
    /// The same for datagrams.
    Udp(std::net::SocketAddr),
    /// A path; `@name` is an abstract one.
    Unix {
        /// Where it stands.
        path: Text,
        /// The rights of the file.
        mode: Option<u32>,
    },
    /// The same for datagrams.
    UnixDatagram {
        /// Where it stands.
        path: Text,
        /// The rights of the file.
        mode: Option<u32>,
    },
}

/// What all of a child together may use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Limits {
    /// Bytes; over it the kernel kills.
    pub memory: Option<u64>,
    /// Bytes; over it the kernel slows down and takes memory back.
    pub memory_high: Option<u64>,
    /// Bytes of swap.
    pub swap: Option<u64>,
    /// Hundredths of one processor.
    pub cpu: Option<u32>,
    /// Its share of processors beside others, 1 to 10000.
    pub cpu_weight: Option<u32>,
    /// Processes and threads.
    pub pids: Option<u64>,
    /// Its share of disks beside others, 1 to 10000.
    pub io_weight: Option<u32>,
}

impl Limits {
    /// Returns whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How all of a child is held together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contain {
    /// By the best means there is.
    #[default]
    Best,
    /// By a cgroup; without one it does not start.
    Cgroup,
    /// By its descent, session, group and environment.
    Descent,
    /// Not at all: the main process is all there is.
    Main,
}

/// How long the rest of a child gets when its main process has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest(pub Duration);

impl Default for Rest {
    fn default() -> Self {
        Self(Duration::from_secs(2))
    }
}

/// What becomes of a process of an earlier keeper that still lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leftovers {
    /// It is the present run.
    #[default]
    Adopt,
    /// It is ended, then the child starts.
    Kill,
    /// The child does not start.
    Refuse,
}

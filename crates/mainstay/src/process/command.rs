//! What is to be run, and how: the settings of a process as their author says them.

use super::log::Log;
use super::settings::Settings;
use super::socket::Socket;
use super::step::{Ready, Reload, StopStep};
use super::{
    Access, Contain, IoPriority, Leftovers, Mode, Resource, Session, Stdin, Streams, signal,
};
use crate::probe::Probe;
use mainstay_core::Success;
use mainstay_wire::Text;
use mainstay_wire::process::{Descriptor, Pressure, Process, Rest, Rlimit};
use std::ffi::OsStr;
use std::sync::Arc;
use std::time::Duration;

/// A program with its arguments and all that holds for its runs. The [module](super) has the defaults.
///
/// Nothing is started here. What is wrong is told when the tree is built, all of it at once.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Command {
    pub(super) process: Process,
    pub(super) is_shell: bool,
    pub(super) stop: Vec<StopStep>,
    pub(super) reload: Option<Reload>,
    pub(super) ready: Option<Ready>,
    pub(super) probes: Vec<Probe>,
    pub(super) success: Success,
    pub(super) lives_on: bool,
    pub(super) talks: bool,
    pub(super) form: Option<Arc<str>>,
    pub(super) lacks: Option<Arc<str>>,
    pub(super) wrong: Vec<String>,
}

/// Takes a command as it is given. What cannot be run is noted.
pub(crate) fn argv<A: AsRef<OsStr>>(
    command: impl IntoIterator<Item = A>,
    whose: &str,
    wrong: &mut Vec<String>,
) -> Vec<Text> {
    let command: Vec<Text> = command.into_iter().map(|part| part.as_ref().into()).collect();
    if command.first().is_none_or(|program| program.as_bytes().is_empty()) {
        wrong.push(format!("{whose} runs a command, and none is named"));
    }
    if command.iter().any(|part| part.as_bytes().contains(&0)) {
        wrong.push(format!("the command of {whose} contains a NUL byte"));
    }
    command
}

/// What is run.
impl Command {
    /// Runs a program. A name without a slash is searched in the `PATH` of the process's own environment, at
    /// every start.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            process: Process { command: vec![program.as_ref().into()], ..Process::default() },
            is_shell: false,
            stop: Vec::new(),
            reload: None,
            ready: None,
            probes: Vec::new(),
            success: Success::default(),
            lives_on: false,
            talks: false,
            form: None,
            lacks: None,
            wrong: Vec::new(),
        }
    }

    /// Runs a line by `/bin/sh -c`. Unless a [`stop`](Self::stop) says otherwise, every process of it is asked to
    /// end, for a shell does not pass signals on.
    pub fn shell(line: impl AsRef<OsStr>) -> Self {
        Self { is_shell: true, ..Self::new("/bin/sh").arg("-c").arg(line) }
    }

    /// Notes something that is wrong with what is declared beside it.
    pub(crate) fn reject(mut self, what: &str) -> Self {
        self.wrong.push(what.to_owned());
        self
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.process.command.push(argument.as_ref().into());
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.process.command.extend(arguments.into_iter().map(|argument| argument.as_ref().into()));
        self
    }
}

/// Where it runs, and as whom.
impl Command {
    /// Sets a variable of its environment, beside and above what it inherits.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        let set = &mut self.process.environment.set;
        let name: Text = name.as_ref().into();
        set.retain(|(known, _)| *known != name);
        set.push((name, value.as_ref().into()));
        self
    }

    /// Lets it inherit these variables too, where they are set; `*` at the end stands for any rest.
    pub fn inherit_env<N: AsRef<OsStr>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter().map(|name| name.as_ref().into());
        self.process.environment.inherit.extend(names);
        self
    }

    /// Lets it inherit the whole environment of this program.
    pub fn inherit_all_env(mut self) -> Self {
        self.process.environment.inherit = vec!["*".into()];
        self
    }

    /// Lets it inherit nothing, not even `PATH`.
    pub fn clean_env(mut self) -> Self {
        self.process.environment.inherit.clear();
        self
    }

    /// Sets its working folder; otherwise that of this program.
    pub fn folder(mut self, folder: impl AsRef<OsStr>) -> Self {
        self.process.folder = Some(folder.as_ref().into());
        self
    }

    /// Runs it as this user, by name or number, in all groups of that user.
    pub fn user(mut self, user: &str) -> Self {
        self.process.user = Some(user.into());
        self
    }

    /// Sets its group; otherwise the user's own.
    pub fn group(mut self, group: &str) -> Self {
        self.process.group = Some(group.into());
        self
    }

    /// Sets its further groups; otherwise those that the user is in.
    pub fn groups<'a>(mut self, groups: impl IntoIterator<Item = &'a str>) -> Self {
        self.process.groups = Some(groups.into_iter().map(Text::from).collect());
        self
    }

    /// Sets which rights new files lack: `0o027`.
    pub const fn umask(mut self, rights: u32) -> Self {
        self.process.umask = Some(rights);
        self
    }

    /// Sets its priority: -20 (first) to 19 (last).
    pub const fn nice(mut self, nice: i32) -> Self {
        self.process.nice = Some(nice);
        self
    }

    /// Sets its turn at the disk.
    pub const fn io_priority(mut self, priority: IoPriority) -> Self {
        self.process.io_priority = Some(priority);
        self
    }

    /// Limits something for each process of it: what it starts with, and how far it may raise that. `None` is
    /// unlimited.
    pub fn rlimit(mut self, resource: Resource, soft: Option<u64>, hard: Option<u64>) -> Self {
        self.process.rlimits.retain(|known| known.resource != resource);
        self.process.rlimits.push(Rlimit { resource, soft, hard });
        self
    }

    /// Sets its turn when memory runs out: -1000 (never) to 1000 (first).
    pub const fn oom_score(mut self, score: i32) -> Self {
        self.process.oom_score = Some(score);
        self
    }

    /// Takes away every capability but these: `CAP_NET_BIND_SERVICE`.
    pub fn capabilities<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.process.capabilities = Some(names.into_iter().map(Text::from).collect());
        self
    }

    /// Keeps it, and all it starts, from raising its rights.
    pub const fn no_new_privileges(mut self) -> Self {
        self.process.no_new_privileges = true;
        self
    }

    /// Says which session and process group it is in; otherwise a session of its own.
    pub const fn session(mut self, session: Session) -> Self {
        self.process.session = session;
        self
    }

    /// Says which signal its main process gets from the kernel when this program dies without ending it;
    /// otherwise `TERM`, or none in a tree with an [`identity`](crate::Tree::identity).
    pub fn death_signal(mut self, name: &str) -> Self {
        self.process.death_signal = Some(signal::number_into(name, &mut self.wrong));
        self
    }

    /// Lets it live on when this program dies without ending it.
    pub const fn lives_on(mut self) -> Self {
        self.lives_on = true;
        self
    }

    /// Gives it a world of processes of its own, in which it is number 1.
    pub const fn pid_namespace(mut self) -> Self {
        self.process.pid_namespace = true;
        self
    }

    /// Opens a file as this descriptor, from 3 on.
    pub fn descriptor(mut self, number: u32, path: impl AsRef<OsStr>, mode: Mode) -> Self {
        let path = path.as_ref().into();
        self.process.descriptors.push(Descriptor { number, path, mode });
        self
    }

    /// Passes a socket that stays open from run to run.
    pub fn socket(mut self, socket: Socket) -> Self {
        self.wrong.extend(socket.wrong);
        self.process.sockets.push(socket.socket);
        self
    }

    /// Lets it leave so many descriptors behind for its next run (`FDSTORE=1`).
    pub const fn store(mut self, descriptors: u32) -> Self {
        self.process.store = descriptors;
        self
    }
}

/// What it reads and prints.
impl Command {
    /// Says where it reads from; otherwise nowhere.
    pub fn stdin(mut self, stdin: Stdin) -> Self {
        self.process.stdin = stdin;
        self
    }

    /// Lets this program talk with each run of it: what it prints on its standard output comes to
    /// [`Handle::talk`](crate::Handle::talk), and what is written there it reads. What it prints on its standard error
    /// goes where its output would go.
    pub const fn talks(mut self) -> Self {
        self.talks = true;
        self
    }

    /// Writes what it prints to a file: `log("/var/log/web.log")`, or a [`Log`] that says how it is rotated.
    pub fn log(mut self, log: impl Into<Log>) -> Self {
        self.process.output.log = Some(log.into().0);
        self
    }

    /// Repeats each line it prints on the output of this program, behind a prefix.
    pub fn echo(mut self, prefix: &str) -> Self {
        self.process.output.echo = Some(prefix.into());
        self
    }

    /// Says how its outputs are connected; otherwise both to one pipe.
    pub const fn output(mut self, streams: Streams) -> Self {
        self.process.output.streams = streams;
        self
    }

    /// Drops lines and counts them where it prints faster than they can be written; otherwise it waits.
    pub const fn dropping(mut self) -> Self {
        self.process.output.pressure = Pressure::Dropping;
        self
    }

    /// Sets how many bytes of the last lines of each run are kept; otherwise 4096.
    pub const fn keep_last(mut self, bytes: u32) -> Self {
        self.process.output.last = Some(bytes);
        self
    }
}

/// How it says that it is well.
impl Command {
    /// Says what makes it ready; otherwise that it has started, or its readiness probes where it has some. The
    /// bound is 60 s, or [`ready_within`](crate::Child::ready_within).
    pub fn ready(mut self, ready: Ready) -> Self {
        self.ready = Some(ready);
        self
    }

    /// Adds a probe.
    pub fn probe(mut self, probe: Probe) -> Self {
        self.probes.push(probe);
        self
    }

    /// Gives it a notify socket, and says who may speak for it there. Otherwise it has one where something is
    /// waited for there (ready, a [heartbeat](crate::Child::heartbeat), a reload, stored descriptors), for its main process.
    pub const fn notify(mut self, access: Access) -> Self {
        self.process.notify = Some(access);
        self
    }

    /// Takes this exit code for a clean end too, beside 0.
    pub fn success_code(mut self, code: i32) -> Self {
        self.success.codes.push(code);
        self
    }

    /// Takes an end by this signal for a clean one.
    pub fn success_signal(mut self, name: &str) -> Self {
        self.success.signals.push(signal::number_into(name, &mut self.wrong));
        self
    }
}

/// How it is ended, and held together.
impl Command {
    /// Adds a step that asks it to end; the first call replaces the default. After the last one comes force.
    ///
    /// [`stop_within`](crate::Child::stop_within) on the child leaves the first step alone, with that grace.
    pub fn stop(mut self, mut step: StopStep) -> Self {
        self.wrong.append(&mut step.wrong);
        self.stop.push(step);
        self
    }

    /// Says how it is told to read its settings again.
    pub fn reload(mut self, mut reload: Reload) -> Self {
        self.wrong.append(&mut reload.wrong);
        self.reload = Some(reload);
        self
    }

    /// Says how all of it is held together; otherwise by the best means there is.
    pub const fn contain(mut self, contain: Contain) -> Self {
        self.process.contain = contain;
        self
    }

    /// Sets how long what is left of it gets to end when its main process has ended, before force; otherwise 2 s.
    pub const fn rest(mut self, grace: Duration) -> Self {
        self.process.rest = Rest(grace);
        self
    }

    /// Says what becomes of a process that an earlier life of this program left running; only in a tree with an
    /// [`identity`](crate::Tree::identity).
    pub const fn leftovers(mut self, leftovers: Leftovers) -> Self {
        self.process.leftovers = leftovers;
        self
    }
}

/// What it was made of.
impl Command {
    /// Notes that something it needs could not be had, a secret that cannot be read: a live run goes on, and every
    /// start fails with this for a reason, until other settings take its place.
    #[cfg(feature = "durable")]
    pub fn lacks(mut self, what: impl Into<Arc<str>>) -> Self {
        self.lacks = Some(what.into());
        self
    }

    /// Notes the text that these settings were made of, and can be made of again in a later life of the program. It
    /// is stored and shown, so no secret may stand in it.
    pub fn form(mut self, form: impl Into<Arc<str>>) -> Self {
        self.form = Some(form.into());
        self
    }
}

/// What all of it together may use. Each needs a cgroup with its controller; without one it does not start.
impl Command {
    /// Limits its memory in bytes; over it the kernel kills.
    pub const fn memory_limit(mut self, bytes: u64) -> Self {
        self.process.limits.memory = Some(bytes);
        self
    }

    /// Sets from how many bytes on the kernel slows it down and takes memory back.
    pub const fn memory_high(mut self, bytes: u64) -> Self {
        self.process.limits.memory_high = Some(bytes);
        self
    }

    /// Limits its swap in bytes.
    pub const fn swap_limit(mut self, bytes: u64) -> Self {
        self.process.limits.swap = Some(bytes);
        self
    }

    /// Limits its processor time, in hundredths of one processor.
    pub const fn cpu_limit(mut self, percent: u32) -> Self {
        self.process.limits.cpu = Some(percent);
        self
    }

    /// Sets its share of processors beside others, 1 to 10000.
    pub const fn cpu_weight(mut self, weight: u32) -> Self {
        self.process.limits.cpu_weight = Some(weight);
        self
    }

    /// Limits how many processes and threads it has.
    pub const fn pids_limit(mut self, count: u64) -> Self {
        self.process.limits.pids = Some(count);
        self
    }

    /// Sets its share of disks beside others, 1 to 10000.
    pub const fn io_weight(mut self, weight: u32) -> Self {
        self.process.limits.io_weight = Some(weight);
        self
    }
}

impl From<Command> for Settings {
    fn from(command: Command) -> Self {
        Self::of(command)
    }
}

//! The beginning of a run.

use super::child::{Gift, Run, Slot, Stage, Watched};
use super::{Hold, Ours, Source};
use crate::contain::{Group, Id, VARIABLE};
use crate::listen;
use crate::notify::{NotifySocket, Speech};
use crate::output::Source as Printed;
use crate::start::{Given, failed, start};
use mainstay_wire::Text;
use mainstay_wire::keeper::{Ended, Fact, Key, Lost, Passed, StartError, Status, Step, Usage};
use mainstay_wire::process::{Access, Process, Readiness, Stdin, Streams};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::pty::OpenptFlags;
use std::io;
use std::sync::Arc;

/// What stands for no input and no output.
const NULL: &str = "/dev/null";

/// Descriptors of a run: the keeper's ends.
#[derive(Default)]
struct Ends {
    /// What the process gets as standard input, output and error.
    stdio: [Option<OwnedFd>; 3],
    terminal: bool,
    /// Where its input is written.
    input: Option<OwnedFd>,
    notify: Option<NotifySocket>,
    /// Both ends of its notification descriptor, and its number.
    ready: Option<(OwnedFd, OwnedFd, u32)>,
}

impl Hold {
    /// Begins a run, or says at which step it failed.
    pub(super) fn begin(&mut self, key: &Key, process: &Arc<Process>) {
        let slot = self.slot(&key.child);
        let Some(child) = self.child(slot) else { return };
        if key.run == 0 {
            self.not_started(key, run_0());
            return;
        }
        if key.run == child.last_run {
            return; // A brain that died asks again for what it did not hear of; the facts are kept for it.
        }
        if key.run < child.last_run && child.run.is_some() {
            return;
        }
        // A tree whose journal could not be written is older than what was done for it: it counts anew.
        if let Some(live) = &child.run {
            // There is never a second copy.
            let about = format!("{}, which still lives as process {}", live.key, live.pid);
            let error = failed(Step::Leftover, about, Errno::BUSY);
            self.not_started(key, error);
            return;
        }
        child.last_run = key.run;
        self.disarm(slot);
        crate::fault::point("start.before");
        if !self.deal_with_leftover(slot, key, process) {
            return;
        }
        if let Err(error) = self.try_begin(slot, key, process) {
            drop(self.outputs.abandon(key));
            self.not_started(key, error);
            self.arm(slot);
        }
    }

    pub(super) fn not_started(&mut self, key: &Key, error: StartError) {
        let ended = Ended {
            status: Status::NotStarted(error),
            out_of_memory: false,
            usage: Usage::default(),
            last: Vec::new(),
            left: Vec::<Lost>::new(),
            lost: 0,
        };
        self.relay_ends(0, &ended.status);
        self.state(Fact::Ended { key: key.clone(), ended });
    }

    fn try_begin(
        &mut self,
        slot: Slot,
        key: &Key,
        process: &Arc<Process>,
    ) -> Result<(), StartError> {
        self.open_sockets(slot, process)?;
        let Process { contain, pid_namespace, limits, .. } = &**process;
        let mut bond = self.ladder.bond(key, *contain, *pid_namespace, limits)?;
        let mut ends = self.open_ends(key, process)?;
        let (owns_all, files) = (self.settings.owns_all, self.settings.files);
        let is_shared = self.link.shares();
        let born_with = Arc::clone(&self.born_with);
        let instance = self.settings.instance;
        let relaying = self.relaying.take();
        let Some(child) = self.child(slot) else {
            self.relaying = relaying;
            return Ok(());
        };
        let gift = child.given.take().filter(|gift| gift.run == key.run);
        let passed = child.passed();
        let mut variables: Vec<(Text, Text)> = Vec::new();
        let mut own_number = Vec::new();
        variables.push((Text::from(VARIABLE), instance.mark(key).into()));
        if !passed.is_empty() {
            variables.extend(listen::variables(passed.iter().map(|(_, name)| *name)));
            own_number.push(c"LISTEN_PID");
        }
        variables.extend(child.store.variable());
        if let Some(notify) = &ends.notify {
            variables.push((Text::from("NOTIFY_SOCKET"), notify.name()));
        }
        if let Some(watchdog) = process.watchdog {
            let micros = watchdog.as_micros().to_string();
            variables.push((Text::from("WATCHDOG_USEC"), micros.into()));
            own_number.push(c"WATCHDOG_PID");
        }
        let mut placed: Vec<(BorrowedFd<'_>, u32)> = Vec::new();
        if let Some((_, write, number)) = &ends.ready {
            variables.push((Text::from("NOTIFY_FD"), number.to_string().into()));
            placed.push((write.as_fd(), *number));
        }
        if let Some(Gift { variables: named, descriptors: Passed { numbers, open }, .. }) = &gift {
            variables.extend(named.iter().cloned());
            let others = open.iter().map(AsFd::as_fd).zip(numbers.iter().copied());
            placed.extend(others.filter(|(_, number)| *number > 2));
        }
        let mut given = Given {
            stdio: [0, 1, 2].map(|index| {
                let own = gift.as_ref().and_then(|gift| gift.descriptors.at(index as u32));
                own.or(ends.stdio[index].as_ref()).map(AsFd::as_fd)
            }),
            terminal: ends.terminal,
            foreground: false,
            passed,
            placed,
            variables,
            own_number,
            cgroup: bond.group().map(Group::dir),
            pidfd: !owns_all || is_shared,
            files,
            until_executed: is_shared.then(|| born_with.as_fd()),
        };
        Self::pass_to(relaying.as_ref(), &mut given);
        let (born, foreground) = (start(process, &given), given.foreground);
        self.relaying = relaying;
        let born = born?;
        crate::fault::point("start.born");
        let pid = born.pid.cast_unsigned();
        // It cannot have been taken in yet, so it is there.
        let main = Id::of(pid).unwrap_or(Id { pid, began: 0 });
        bond.set_main(main);
        self.by_pid.insert(born.pid, Ours::Main(slot));
        let mut run = Run {
            key: key.clone(),
            process: Arc::clone(process),
            pid,
            began: main.began,
            user: crate::start::user(process),
            pidfd: None,
            notify: None,
            speech: Speech::new(process.notify.unwrap_or(Access::None)),
            unheard: Vec::new(),
            ready_fd: None,
            is_ready: false,
            lost: 0,
            is_forced: false,
            stage: Stage::Live,
            left: None,
            commands: Vec::new(),
            deadlines: Vec::new(),
            bond,
        };
        let mut lent = None;
        if let Some(pidfd) = born.pidfd {
            if owns_all {
                lent = Some(pidfd);
            } else {
                run.pidfd = self.watch_or_tell(pidfd, Source::Main(slot), key);
            }
        }
        if let Some(socket) = ends.notify.take()
            && let Ok(token) = self.waiting.read(socket.as_fd(), Source::Notify(slot))
        {
            run.notify = Some((socket, token));
        }
        if let Some((read, _, _)) = ends.ready.take() {
            run.ready_fd = self.watch_or_tell(read, Source::Ready(slot), key);
        }
        let contain = run.bond.means().to_string().into();
        let began = main.began;
        if let Some(child) = self.child(slot) {
            child.run = Some(run);
        }
        if is_shared {
            self.lend(key, slot, lent.as_ref());
        }
        crate::fault::point("start.lent");
        self.state(Fact::Started { key: key.clone(), pid, began, contain });
        crate::fault::point("start.told");
        self.relay_begins(slot, pid, foreground);
        Ok(())
    }

    /// A descriptor that cannot be waited for leaves the run blind in one respect; it is said.
    fn watch_or_tell(&mut self, fd: OwnedFd, source: Source, key: &Key) -> Option<Watched> {
        match self.watch(fd, source) {
            Ok(watched) => Some(watched),
            Err(error) => {
                let what = format!("cannot wait for a descriptor of {key}");
                let error = error.raw_os_error().unwrap_or(0);
                self.state(Fact::Trouble { child: Arc::clone(&key.child), what, error });
                None
            }
        }
    }

    fn open_ends(&mut self, key: &Key, process: &Process) -> Result<Ends, StartError> {
        let mut ends = Ends::default();
        let output = |error: Errno| failed(Step::OpenOutput, String::new(), error);
        let mut printed = Printed::Null;
        match process.output.streams {
            Streams::Merged => {
                let (read, write) = pipe().map_err(output)?;
                ends.stdio[2] = Some(rustix::io::fcntl_dupfd_cloexec(&write, 3).map_err(output)?);
                ends.stdio[1] = Some(write);
                printed = Printed::Merged(read);
            }
            Streams::Apart => {
                let (out, write) = pipe().map_err(output)?;
                ends.stdio[1] = Some(write);
                let (err, write) = pipe().map_err(output)?;
                ends.stdio[2] = Some(write);
                printed = Printed::Apart { out, err };
            }
            Streams::Terminal { rows, columns } => {
                let (master, slave) = terminal(rows, columns).map_err(output)?;
                let copy = || rustix::io::fcntl_dupfd_cloexec(&slave, 3).map_err(output);
                ends.stdio = [Some(copy()?), Some(copy()?), Some(copy()?)];
                ends.terminal = true;
                printed = Printed::Terminal(master);
            }
            Streams::Inherit => {}
            Streams::Null => {
                let null = || null(OFlags::WRONLY).map_err(|error| absent(Step::OpenOutput, error));
                ends.stdio[1] = Some(null()?);
                ends.stdio[2] = Some(null()?);
            }
        }
        if !ends.terminal {
            self.open_input(&mut ends, process)?;
        }
        let input = ends.input.take();
        self.outputs
            .begin(key, printed, input, &process.output, process.ready.line())
            .map_err(|(step, error)| failed(step, log_path(process), errno(&error)))?;
        let says = process.notify.is_some() || process.ready == Readiness::Notify;
        if says || process.watchdog.is_some() {
            let socket = NotifySocket::open(self.settings.instance.0, key);
            ends.notify = Some(
                socket.map_err(|error| failed(Step::OpenNotify, String::new(), errno(&error)))?,
            );
        }
        if let Readiness::Fd(number) = process.ready {
            let (read, write) =
                pipe().map_err(|error| failed(Step::OpenNotify, String::new(), error))?;
            _ = rustix::io::ioctl_fionbio(&read, true);
            ends.ready = Some((read, write, number));
        }
        Ok(ends)
    }

    #[expect(clippy::unused_self, reason = "it stands with the other ends")]
    fn open_input(&self, ends: &mut Ends, process: &Process) -> Result<(), StartError> {
        let input = |error: Errno| failed(Step::OpenInput, String::new(), error);
        match &process.stdin {
            Stdin::Null => {
                let null = null(OFlags::RDONLY);
                ends.stdio[0] = Some(null.map_err(|error| absent(Step::OpenInput, error))?);
            }
            Stdin::Pipe => {
                let (read, write) = pipe().map_err(input)?;
                _ = rustix::io::ioctl_fionbio(&write, true);
                ends.stdio[0] = Some(read);
                ends.input = Some(write);
            }
            Stdin::File(path) => {
                let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
                let file = rustix::fs::open(path.as_path(), flags, Mode::empty());
                let file = file.and_then(|file| {
                    rustix::fs::fcntl_setfl(&file, OFlags::empty())?;
                    Ok(file)
                });
                let file =
                    file.map_err(|error| failed(Step::OpenInput, path.to_string(), error))?;
                ends.stdio[0] = Some(file);
            }
            Stdin::Inherit => {}
        }
        Ok(())
    }
}

pub(super) fn run_0() -> StartError {
    failed(Step::Settings, "run 0: runs are counted from 1".into(), Errno::INVAL)
}

fn log_path(process: &Process) -> String {
    process.output.log.as_ref().map(|log| log.path.to_string()).unwrap_or_default()
}

pub(super) fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

pub(super) fn pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    pipe_with(PipeFlags::CLOEXEC)
}

pub(super) fn null(flags: OFlags) -> Result<OwnedFd, Errno> {
    rustix::fs::open(NULL, flags | OFlags::CLOEXEC, Mode::empty())
}

/// A bare root may lack what every container has.
fn absent(step: Step, error: Errno) -> StartError {
    failed(step, NULL.into(), error)
}

/// Opens a terminal: the keeper's end and the child's.
fn terminal(rows: u16, columns: u16) -> Result<(OwnedFd, OwnedFd), Errno> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags)?;
    rustix::pty::grantpt(&master)?;
    rustix::pty::unlockpt(&master)?;
    let name = rustix::pty::ptsname(&master, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(&name, flags, Mode::empty())?;
    let size = rustix::termios::Winsize {
        ws_row: if rows == 0 { 24 } else { rows },
        ws_col: if columns == 0 { 80 } else { columns },
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    rustix::termios::tcsetwinsize(&master, size)?;
    Ok((master, slave))
}

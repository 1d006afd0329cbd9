//! From what there is to say about a process to the process.
//!
//! Everything that can be looked up or opened is, before there is a process: what fails here costs nothing.
//! What only the new process can do to itself becomes a list of acts, each with the step it belongs to.

mod bounds;
mod capability;
mod environment;
mod user;
mod window;

use crate::sys::act::Act;
use crate::sys::clone::{Born, Making, Program, Unborn, make_process};
use environment::Environment;
use mainstay_wire::Text;
use mainstay_wire::keeper::{StartError, Step};
use mainstay_wire::process::{Descriptor, IoPriority, Mode, Process, Resource, Rlimit, Session};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::fs::{Mode as Rights, OFlags};
use rustix::io::Errno;
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use user::User;

/// What a process gets from the keeper beside its settings.
#[derive(Debug, Default)]
pub(crate) struct Given<'a> {
    /// Standard input, output and error; absent: the keeper's own.
    pub(crate) stdio: [Option<BorrowedFd<'a>>; 3],
    /// Whether its standard input is a terminal, which becomes its own.
    pub(crate) terminal: bool,
    /// Whether it becomes the group that the keeper's own terminal listens to.
    pub(crate) foreground: bool,
    /// Sockets and stored descriptors with their names, from number 3 on.
    pub(crate) passed: Vec<(BorrowedFd<'a>, &'a Text)>,
    /// Descriptors under numbers of their own.
    pub(crate) placed: Vec<(BorrowedFd<'a>, u32)>,
    /// Variables that nothing else may set.
    pub(crate) variables: Vec<(Text, Text)>,
    /// Variables whose value is the number of the process.
    pub(crate) own_number: Vec<&'static std::ffi::CStr>,
    pub(crate) cgroup: Option<BorrowedFd<'a>>,
    pub(crate) pidfd: bool,
    /// How many descriptors it may have, where its settings do not say.
    pub(crate) files: Option<(u64, u64)>,
    /// What stays open in it until it executes its program.
    pub(crate) until_executed: Option<BorrowedFd<'a>>,
}

/// Starts a process.
pub(crate) fn start(process: &Process, given: &Given<'_>) -> Result<Born, StartError> {
    bounds::check(process)?;
    let files = open_all(&process.descriptors)?;
    let placed = files.iter().map(|(file, number)| (file.as_fd(), *number));
    let placed: Vec<_> = given.placed.iter().copied().chain(placed).collect();
    let who = User::find(process)?;
    let environment = Environment::make(process, who.as_ref(), given);
    let mut list = List::default();
    let lent = list.descriptors(given, &placed)?;
    list.session(process, given);
    list.limits(process, given)?;
    list.identity(process, who.as_ref())?;
    if let Some(folder) = &process.folder {
        list.add(Step::ChangeFolder, folder, Act::Folder(text(Step::ChangeFolder, folder)?));
    }
    let program = program(process, environment)?;
    let making = Making {
        cgroup: given.cgroup,
        pid_namespace: process.pid_namespace,
        pidfd: given.pidfd,
        shares_descriptors: true,
    };
    let born = make_process(making, &list.acts, &program);
    drop(lent);
    born.map_err(|unborn| list.explain(process, &program, unborn))
}

/// Returns whom a process runs as.
pub(crate) fn user(process: &Process) -> u32 {
    let found = User::find(process).ok().flatten();
    found.and_then(|user| user.uid).unwrap_or_else(|| rustix::process::geteuid().as_raw())
}

/// Numbers that a start has borrowed, and duplicates where they were not enough.
#[derive(Default)]
struct Lent {
    count: usize,
    raised: Vec<OwnedFd>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        window::take_back(self.count);
    }
}

/// What the new process does, and at which step of the start each act stands.
#[derive(Default)]
struct List {
    acts: Vec<Act>,
    steps: Vec<(Step, String)>,
}

impl List {
    fn add(&mut self, step: Step, about: &impl ToString, act: Act) {
        self.acts.push(act);
        self.steps.push((step, about.to_string()));
    }

    /// Puts every descriptor in its place and lets no other through.
    ///
    /// What is passed must not stand where something is placed, so it first gets numbers above those; the
    /// duplicates have to live until the process has its own.
    fn descriptors(
        &mut self,
        given: &Given<'_>,
        placed: &[(BorrowedFd<'_>, u32)],
    ) -> Result<Lent, StartError> {
        let stdio = given.stdio.iter().enumerate();
        let stdio = stdio.filter_map(|(to, from)| from.map(|from| (from, to)));
        let passed = given.passed.iter().enumerate().map(|(index, (from, _))| (*from, 3 + index));
        let placed = placed.iter().map(|(from, to)| (*from, *to as usize));
        let all: Vec<(BorrowedFd<'_>, RawFd)> = stdio
            .chain(passed)
            .chain(placed)
            .map(|(from, to)| (from, RawFd::try_from(to).unwrap_or(RawFd::MAX)))
            .collect();
        let above = all.iter().map(|(_, to)| *to).max().unwrap_or(2).max(2);
        if let Some((_, to)) = duplicate(&all) {
            let about = format!("number {to}, which is given twice");
            return Err(failed(Step::PassDescriptors, about, Errno::EXIST));
        }
        let sources: Vec<BorrowedFd<'_>> = all.iter().map(|(from, _)| *from).collect();
        let mut lent = Lent::default();
        let numbers = match window::lend(&sources, above) {
            Some(numbers) => {
                lent.count = numbers.len();
                numbers
            }
            None => {
                for (from, to) in &all {
                    let raised = rustix::io::fcntl_dupfd_cloexec(from, above.saturating_add(1));
                    let number = |error| match error {
                        // It is the highest that is out of bounds, not the one that has to stand above it.
                        Errno::INVAL => failed(step_of(above), format!("number {above}"), error),
                        error => failed(step_of(*to), format!("number {to}"), error),
                    };
                    lent.raised.push(raised.map_err(number)?);
                }
                lent.raised.iter().map(AsRawFd::as_raw_fd).collect()
            }
        };
        let kept = given.until_executed.map_or(2, |fd| fd.as_raw_fd());
        let highest = numbers.iter().copied().max().unwrap_or(2).max(kept);
        let first = u32::try_from(highest).unwrap_or(u32::MAX).saturating_add(1);
        self.add(Step::PassDescriptors, &"", Act::OwnDescriptors(first));
        self.add(Step::PassDescriptors, &"", Act::HideDescriptors(3));
        self.add(Step::ResetSignals, &"", Act::ResetSignals);
        for (from, (_, to)) in numbers.into_iter().zip(all) {
            self.add(step_of(to), &format!("number {to}"), Act::Place { from, to });
        }
        Ok(lent)
    }

    fn session(&mut self, process: &Process, given: &Given<'_>) {
        match process.session {
            Session::Own => self.add(Step::MakeSession, &"", Act::NewSession),
            Session::Group => self.add(Step::MakeSession, &"", Act::NewGroup),
            Session::Shared => {}
        }
        if given.foreground {
            self.add(Step::TakeTerminal, &"", Act::TakeForeground(0));
        }
        if given.terminal {
            self.add(Step::TakeTerminal, &"", Act::TakeTerminal(0));
        }
    }

    fn limits(&mut self, process: &Process, given: &Given<'_>) -> Result<(), StartError> {
        if let Some((soft, hard)) = given.files {
            let resource = rlimit(Resource::Nofile);
            let act = Act::Rlimit { resource, soft, hard };
            self.add(Step::SetRlimit, &"nofile", act);
        }
        for limit in &process.rlimits {
            let Rlimit { resource, soft, hard } = *limit;
            let name = format!("{resource:?}").to_lowercase();
            if soft.unwrap_or(u64::MAX) > hard.unwrap_or(u64::MAX) {
                let about = format!("{name}: its soft limit is above its hard one");
                return Err(failed(Step::SetRlimit, about, Errno::INVAL));
            }
            let [soft, hard] = [soft, hard].map(|limit| limit.unwrap_or(u64::MAX));
            let resource = rlimit(resource);
            self.add(Step::SetRlimit, &name, Act::Rlimit { resource, soft, hard });
        }
        if let Some(nice) = process.nice {
            self.add(Step::SetNice, &nice, Act::Nice(nice));
        }
        if let Some(priority) = process.io_priority {
            let number = match priority {
                IoPriority::Realtime(level) => 1 << 13 | u32::from(level),
                IoPriority::BestEffort(level) => 2 << 13 | u32::from(level),
                IoPriority::Idle => 3 << 13,
            };
            self.add(Step::SetIoPriority, &format!("{priority:?}"), Act::IoPriority(number));
        }
        if let Some(score) = process.oom_score {
            let written = text(Step::SetOomScore, &score.to_string().into())?;
            self.add(Step::SetOomScore, &score, Act::OomScore(written));
        }
        if let Some(mask) = process.umask {
            self.add(Step::SetUmask, &format!("{mask:04o}"), Act::Umask(mask));
        }
        Ok(())
    }

    fn identity(&mut self, process: &Process, who: Option<&User>) -> Result<(), StartError> {
        let kept = process.capabilities.as_deref().map(capability::set).transpose()?;
        let count = capability::count();
        if let Some(keep) = kept {
            self.add(Step::SetCapabilities, &"", Act::BoundCapabilities { keep, count });
        }
        let is_other = who.is_some_and(|who| who.uid.is_some_and(|uid| uid != 0));
        if let Some(who) = who {
            if let Some(groups) = &who.groups {
                self.add(Step::ChangeGroups, &who.name, Act::Groups(groups.clone()));
            }
            if let Some(gid) = who.gid {
                let about = process.group.as_ref().map_or_else(|| gid.to_string(), Text::to_string);
                self.add(Step::ChangeGroup, &about, Act::Group(gid));
            }
            if let Some(uid) = who.uid {
                if kept.is_some_and(|kept| kept != 0) {
                    self.add(Step::SetCapabilities, &"", Act::KeepCapabilities);
                }
                self.add(Step::ChangeUser, &who.name, Act::User(uid));
            }
        }
        if let Some(keep) = kept {
            let act = Act::Capabilities { keep, count, ambient: is_other };
            self.add(Step::SetCapabilities, &"", act);
        }
        if process.no_new_privileges {
            self.add(Step::SetNoNewPrivileges, &"", Act::NoNewPrivileges);
        }
        // A change of user takes it away, so it is asked for after that.
        if let Some(signal) = process.death_signal {
            let parent = std::process::id();
            self.add(Step::SetDeathSignal, &signal, Act::DeathSignal { signal, parent });
        }
        Ok(())
    }

    fn explain(&self, process: &Process, program: &Program, unborn: Unborn) -> StartError {
        let name = || process.command.first().map(Text::to_string).unwrap_or_default();
        let (step, about, error) = match unborn {
            Unborn::Clone(error) => (Step::Clone, String::new(), error),
            Unborn::Act(index, error) => {
                let (step, about) = self.steps.get(index).cloned().unwrap_or_default();
                (step, about, error)
            }
            Unborn::Execute(error) => {
                let folder = process.folder.as_ref().map_or_else(|| Path::new(""), Text::as_path);
                let place = |path: &CString| folder.join(OsStr::from_bytes(path.to_bytes()));
                let is_there = program.paths.iter().any(|path| place(path).exists());
                let is_searched = !name().contains('/');
                match Errno::from_io_error(&error) {
                    Some(Errno::NOENT) if is_there => {
                        (Step::Execute, format!("{}, whose interpreter is missing", name()), error)
                    }
                    Some(Errno::NOENT) => (Step::FindProgram, name(), error),
                    // A folder of the search path is closed to the child, and nothing is known to be in it.
                    Some(Errno::ACCESS) if is_searched && !is_there => {
                        (Step::FindProgram, name(), Errno::NOENT.into())
                    }
                    _ => (Step::Execute, name(), error),
                }
            }
        };
        StartError { step, about, error: error.raw_os_error().unwrap_or(libc::EIO) }
    }
}

fn duplicate<'a>(all: &[(BorrowedFd<'a>, RawFd)]) -> Option<(BorrowedFd<'a>, RawFd)> {
    let twice = |index: &usize| all[..*index].iter().any(|(_, to)| *to == all[*index].1);
    (0..all.len()).find(twice).map(|index| all[index])
}

const fn step_of(number: RawFd) -> Step {
    if number < 3 { Step::ConnectStdio } else { Step::PassDescriptors }
}

fn open_all(wanted: &[Descriptor]) -> Result<Vec<(OwnedFd, u32)>, StartError> {
    let open = |wanted: &Descriptor| {
        let flags = match wanted.mode {
            Mode::Read => OFlags::RDONLY,
            Mode::Append => OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE,
            Mode::ReadWrite => OFlags::RDWR | OFlags::CREATE,
        };
        // A fifo that nobody reads must not hold up everything else.
        let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let open = rustix::fs::open(wanted.path.as_path(), flags, Rights::from_raw_mode(0o644));
        let open = open.and_then(|file| {
            let flags = rustix::fs::fcntl_getfl(&file)?;
            rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
            Ok(file)
        });
        open.map(|file| (file, wanted.number))
            .map_err(|error| failed(Step::OpenDescriptor, wanted.path.to_string(), error))
    };
    wanted.iter().map(open).collect()
}

/// Resolves where the program may be. It is looked for anew at each start.
fn program(process: &Process, environment: Environment) -> Result<Program, StartError> {
    let Some(name) = process.command.first().filter(|name| !name.as_bytes().is_empty()) else {
        return Err(failed(Step::Settings, "no command".into(), Errno::INVAL));
    };
    let paths = if name.as_bytes().contains(&b'/') {
        vec![text(Step::FindProgram, name)?]
    } else {
        let search = environment.search_path();
        let places = search.split(|byte| *byte == b':').filter(|place| !place.is_empty());
        let mut paths = Vec::new();
        for place in places {
            let path = [place, b"/", name.as_bytes()].concat();
            paths.push(text(Step::FindProgram, &path.into())?);
        }
        paths
    };
    let arguments = process.command.iter().map(|argument| text(Step::Settings, argument));
    Ok(Program {
        paths,
        arguments: arguments.collect::<Result<_, _>>()?,
        own_number: environment.own_number.clone(),
        environment: environment.into_texts()?,
    })
}

/// Returns the kernel's number of a limit.
#[allow(
    clippy::unnecessary_cast,
    reason = "the C libraries disagree about its sign, not about its value"
)]
const fn rlimit(resource: Resource) -> u32 {
    let number = match resource {
        Resource::As => libc::RLIMIT_AS,
        Resource::Core => libc::RLIMIT_CORE,
        Resource::Cpu => libc::RLIMIT_CPU,
        Resource::Data => libc::RLIMIT_DATA,
        Resource::Fsize => libc::RLIMIT_FSIZE,
        Resource::Memlock => libc::RLIMIT_MEMLOCK,
        Resource::Nofile => libc::RLIMIT_NOFILE,
        Resource::Nproc => libc::RLIMIT_NPROC,
        // The form grows; who sends a limit that this keeper does not know is refused as it is read.
        Resource::Stack | _ => libc::RLIMIT_STACK,
    };
    number as u32
}

/// Returns what the kernel takes as a text: it has no zero in it.
fn text(step: Step, text: &Text) -> Result<CString, StartError> {
    CString::new(text.as_bytes())
        .map_err(|_| failed(step, format!("{text}, which has a zero in it"), Errno::INVAL))
}

pub(crate) fn failed(step: Step, about: String, error: Errno) -> StartError {
    StartError { step, about, error: error.raw_os_error() }
}

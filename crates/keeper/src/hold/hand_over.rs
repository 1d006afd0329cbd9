//! Everything that is held, from one program of the keeper to the next.

use super::child::{Run, Slot, Stage, Watched};
use super::{Brain, Hold, Ours, Source};
use crate::contain::{Id, Place};
use crate::link::{Link, MOST_DESCRIPTORS};
use crate::notify::{NotifySocket, Speech};
use crate::output::{Descriptors, Outputs, Source as Printing};
use crate::passed::Passed;
use crate::start::failed;
use crate::sys::{inherit, signals};
use mainstay_wire::keeper::state::{self, State};
use mainstay_wire::keeper::{Fact, Key, Report, Role, Sequence, StartError, Step, VERSION};
use mainstay_wire::process::{Access, Streams};
use mainstay_wire::{Text, handover};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::MemfdFlags;
use rustix::io::{Errno, FdFlags};
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::sync::Arc;
use std::time::Duration;

/// The variable that names the descriptor with the state.
pub(crate) const STATE: &str = "MAINSTAY_KEEPER_STATE";

/// What the keeper is to become.
#[derive(Debug)]
pub(crate) struct Upgrade {
    program: Text,
    arguments: Vec<Text>,
}

impl Hold {
    pub(super) fn upgrade(&mut self, program: Option<Text>, arguments: Vec<Text>) {
        if matches!(self.link, Link::Thread(_)) {
            return; // A thread cannot become another program.
        }
        let program = program.unwrap_or_else(|| self.settings.program.clone());
        let arguments =
            if arguments.is_empty() { self.settings.arguments.clone() } else { arguments };
        self.upgrade = Some(Upgrade { program, arguments });
        // The next program knows nothing of them; who ordered them orders them again.
        self.end_asides();
    }

    /// Becomes another program as soon as no run is in the middle of its end.
    pub(super) fn upgrade_when_quiet(&mut self) {
        if self.upgrade.is_none() {
            return;
        }
        self.flush();
        if self.is_cut_off() {
            return; // Not without the next brain.
        }
        let is_between = |run: &Run| {
            !matches!(run.stage, Stage::Live) || run.is_forced || !run.commands.is_empty()
        };
        let mut runs = self.children.iter().flatten().filter_map(|child| child.run.as_ref());
        let is_quiet = self.starts.is_empty() && self.after.is_empty() && !runs.any(is_between);
        // The next program knows nothing of half a message.
        let is_whole = match &self.link {
            Link::Thread(_) => true,
            Link::Socket(link) => link.is_between(),
        };
        if !is_quiet || !is_whole {
            return;
        }
        let Some(upgrade) = self.upgrade.take() else { return };
        let error = self.become_program(&upgrade);
        let what = format!("cannot become `{}`: {error}", upgrade.program);
        let child = Arc::from("");
        self.state(Fact::Trouble { child, what, error: error.error });
    }

    /// Hands everything over. It returns only if that fails, and then goes on as before.
    fn become_program(&mut self, upgrade: &Upgrade) -> StartError {
        let about = upgrade.program.to_string();
        let text = |text: &Text| CString::new(text.as_bytes()).unwrap_or_default();
        let program = text(&upgrade.program);
        // What can be known beforehand is looked at while everything still runs.
        let is_there = rustix::fs::access(program.as_c_str(), rustix::fs::Access::EXEC_OK);
        if let Err(error) = is_there {
            return failed(Step::FindProgram, about, error);
        }
        crate::fault::point("upgrade.before");
        let mut state = self.write_state();
        // The pump stands still from here on; whoever prints waits.
        let outputs = match Outputs::new(Arc::clone(&self.wake)) {
            Ok(fresh) => std::mem::replace(&mut self.outputs, fresh),
            Err(error) => return failed(Step::OpenOutput, about, super::begin::errno(&error)),
        };
        match outputs.hand_over() {
            Ok((outputs, told)) => {
                state.outputs = Some(outputs);
                for told in told {
                    self.output_told(told);
                }
                // What that said is to be told by the next program.
                (state.seq, state.facts) = self.kept_facts();
            }
            Err(error) => return failed(Step::OpenOutput, about, super::begin::errno(&error)),
        }
        let file = match put_state(&state) {
            Ok(file) => file,
            Err(error) => {
                self.take_outputs(state.outputs);
                return failed(Step::OpenDescriptor, "its state".into(), error);
            }
        };
        let kept: Vec<i32> = numbers(&state).chain([file.as_raw_fd()]).collect();
        pass_on(&kept, true);
        let mut environment: Vec<CString> = std::env::vars_os()
            .filter(|(name, _)| name != STATE)
            .map(|(name, value)| {
                Text::from([name, "=".into(), value].join(std::ffi::OsStr::new("")))
            })
            .map(|variable| text(&variable))
            .collect();
        environment.push(text(&format!("{STATE}={}", file.as_raw_fd()).into()));
        let arguments: Vec<CString> = upgrade.arguments.iter().map(text).collect();
        crate::fault::point("upgrade.exec");
        let error = inherit::become_program(&program, &arguments, &environment);
        pass_on(&kept, false);
        self.take_outputs(state.outputs);
        failed(Step::Execute, about, super::begin::errno(&error))
    }

    fn kept_facts(&self) -> (Sequence, Vec<(Sequence, Duration, Fact)>) {
        match &self.link {
            Link::Thread(_) => Default::default(),
            Link::Socket(link) => link.kept(),
        }
    }

    /// Goes on with what children print, as another program or this one has left it.
    fn take_outputs(&mut self, outputs: Option<handover::Outputs>) {
        let Some(outputs) = outputs else { return };
        match Outputs::take_over(outputs, Arc::clone(&self.wake)) {
            Ok(outputs) => self.outputs = outputs,
            Err(error) => {
                let what = "cannot go on reading what children print".to_owned();
                let error = error.raw_os_error().unwrap_or(0);
                self.state(Fact::Trouble { child: Arc::from(""), what, error });
            }
        }
    }

    /// Returns the state of everything but what is printed.
    fn write_state(&self) -> State {
        let (seq, facts) = self.kept_facts();
        let link = match &self.link {
            Link::Thread(_) => None,
            Link::Socket(link) => link.stream().map(|stream| stream.fd().as_raw_fd()),
        };
        let brain = self.brain.as_ref().map_or_else(state::Brain::default, |brain| state::Brain {
            command: brain.command.clone(),
            pid: brain.pid,
            starts: brain.starts,
            link,
        });
        let mut children = Vec::new();
        for child in self.children.iter().flatten() {
            let run = child.run.as_ref().map(Run::to_state);
            children.push(state::Child {
                name: Arc::clone(&child.name),
                last_run: child.last_run,
                ordered: None,
                demand: child.wants_demand,
                sockets: child.listeners.to_state(),
                stored: child.store.to_state(),
                run,
            });
        }
        let identity = self.settings.identity.clone();
        let outputs = None;
        State {
            version: VERSION,
            identity,
            seq,
            facts,
            brain,
            owned: true,
            seen: super::now(),
            passed: self.passed.to_state(),
            children,
            outputs,
        }
    }

    /// Takes over what another program held.
    pub(crate) fn take_over(&mut self, state: State) {
        let State { brain, owned, seen, passed, children, outputs, .. } = state;
        self.passed = Passed::adopt(passed);
        self.take_outputs(outputs);
        crate::fault::point("take.before");
        self.find_leftovers();
        for child in children {
            crate::fault::point("take.child");
            self.take_child(child, owned, seen);
        }
        let known = Brain::kept(brain.command, brain.pid.filter(|_| owned), brain.starts);
        if let Some(pid) = known.pid {
            self.by_pid.insert(pid.cast_signed(), Ours::Brain);
        }
        self.brain = Some(known);
        match brain.link.and_then(|number| inherit::take(number).ok()) {
            Some(link) if owned => self.greet(link),
            Some(link) => self.meet_brain(link),
            None => match self.brain.as_ref().and_then(|brain| brain.pid) {
                // It was killed, and its end is what lets the next one begin.
                Some(pid) => signals::send_to(pid, libc::SIGKILL),
                None => self.start_brain(),
            },
        }
        crate::fault::point("take.after");
        // Whoever ended on the way has been told to the program before.
        self.reap();
    }

    fn take_child(&mut self, from: state::Child, owned: bool, seen: Duration) {
        let slot = self.slot(&from.name);
        let open = |number: i32| inherit::take(number).ok();
        let sockets: Vec<_> =
            from.sockets.into_iter().filter_map(|(socket, fd)| Some((socket, open(fd)?))).collect();
        let stored: Vec<_> = from
            .stored
            .into_iter()
            .filter_map(|stored| Some((stored.name, open(stored.number)?, stored.watched)))
            .collect();
        if let Some(child) = self.child(slot) {
            child.last_run = from.last_run;
            child.wants_demand = from.demand;
            for (socket, fd) in sockets {
                child.listeners.adopt(socket, fd);
            }
            for (name, fd, is_watched) in stored {
                child.store.adopt(&name, fd, is_watched);
            }
        }
        self.watch_store(slot);
        if let Some(run) = from.ordered {
            self.end_half_begun(Key { child: Arc::clone(&from.name), run });
        }
        match from.run {
            Some(run) => self.take_run(slot, run, owned, seen),
            None => self.arm(slot),
        }
    }

    /// Ends a run that the keeper before has begun and told nobody of. The brain, which knows of none, orders it
    /// again.
    fn end_half_begun(&mut self, key: Key) {
        let Some(left) = self.leftovers.get_mut(&key.child).filter(|left| left.key == key) else {
            return;
        };
        if let Err(error) = left.bond.kill(Place::Guest) {
            let (child, error) = (Arc::clone(&key.child), error.raw_os_error().unwrap_or(0));
            let what = format!("cannot end {key}, which has begun and was not told of");
            self.state(Fact::Trouble { child, what, error });
        }
        self.half_begun.insert(key);
    }

    fn take_run(&mut self, slot: Slot, from: state::Run, owned: bool, seen: Duration) {
        let main = Id { pid: from.pid, began: from.began };
        // Whoever has another parent has a descriptor that tells of its end.
        let ours = owned && from.pidfd.is_none();
        let bond = self.bond_again(&from.key, &from.process, main, ours);
        let open = |number: Option<i32>| number.and_then(|number| inherit::take(number).ok());
        let printing = match (open(from.out), open(from.err), open(from.terminal)) {
            (_, _, Some(master)) => Some(Printing::Terminal(master)),
            (Some(out), Some(err), None) => Some(Printing::Apart { out, err }),
            (Some(out), None, None) => Some(Printing::Merged(out)),
            (None, _, None) => None,
        };
        if let Some(printing) = printing {
            let (input, line) = (open(from.input), from.process.ready.line());
            let line = line.filter(|_| !from.ready);
            let goes_on =
                self.outputs.adopt(&from.key, printing, input, &from.process.output, line);
            if let Err((_, error)) = goes_on {
                let child = Arc::clone(&from.key.child);
                let what = "cannot go on reading its output".to_owned();
                let error = error.raw_os_error().unwrap_or(0);
                self.state(Fact::Trouble { child, what, error });
            }
        }
        let mut run = Run {
            key: from.key,
            pid: from.pid,
            began: from.began,
            user: crate::start::user(&from.process),
            pidfd: None,
            bond,
            notify: None,
            speech: Speech::new(from.access.unwrap_or(Access::None)),
            unheard: Vec::new(),
            ready_fd: None,
            is_ready: from.ready,
            lost: from.lost,
            is_forced: false,
            stage: Stage::Live,
            left: None,
            commands: Vec::new(),
            deadlines: Vec::new(),
            process: from.process,
        };
        if owned && from.pidfd.is_none() {
            self.by_pid.insert(run.pid.cast_signed(), Ours::Main(slot));
        } else {
            // Only its descriptor tells us of the end of somebody else's child.
            let pidfd = open(from.pidfd).or_else(|| open_process(run.pid, run.began));
            run.pidfd = pidfd.and_then(|fd| self.watch(fd, Source::Main(slot)).ok());
        }
        if let Some(socket) = open(from.notify)
            && let Ok(socket) = NotifySocket::adopt(socket)
            && let Ok(token) = self.waiting.read(socket.as_fd(), Source::Notify(slot))
        {
            run.notify = Some((socket, token));
        }
        run.ready_fd = open(from.ready_fd).and_then(|fd| self.watch(fd, Source::Ready(slot)).ok());
        let is_lost = !owned && run.pidfd.is_none();
        if let Some(child) = self.child(slot) {
            child.run = Some(run);
        }
        if is_lost {
            self.main_lost(slot, seen);
        }
    }
}

impl Hold {
    /// Gives the brain what it needs of a child now, in place of what it was given before.
    pub(super) fn lend_again(&mut self, slot: Slot) {
        if !self.link.shares() {
            return;
        }
        let Some(child) = self.children.get(slot as usize).and_then(Option::as_ref) else { return };
        let key = Key { child: Arc::clone(&child.name), run: child.last_run };
        let process = child.run.as_ref().and_then(|run| match run.pidfd() {
            Some(fd) => rustix::io::dup(fd).ok(),
            None => open_process(run.pid, run.began),
        });
        self.lend(&key, slot, process.as_ref());
    }

    /// The same, where the descriptor of the process is at hand.
    pub(super) fn lend(&mut self, key: &Key, slot: Slot, process: Option<&OwnedFd>) {
        let Some(child) = self.children.get(slot as usize).and_then(Option::as_ref) else { return };
        let printed;
        let mut lent: Vec<(Role, BorrowedFd<'_>)> = Vec::new();
        lent.extend(process.map(|fd| (Role::Process, fd.as_fd())));
        if let Some(run) = &child.run {
            printed = self.outputs.descriptors(&run.key);
            lent.extend(printed.iter().flat_map(|printed| roles(run, printed)));
            lent.extend(run.notify.as_ref().map(|(socket, _)| (Role::Notify, socket.as_fd())));
            lent.extend(run.ready_fd.as_ref().map(|ready| (Role::Ready, ready.fd())));
        }
        lent.extend(child.kept());
        lent.truncate(MOST_DESCRIPTORS);
        let (names, fds): (Vec<Role>, Vec<BorrowedFd<'_>>) = lent.into_iter().unzip();
        let report = Report::Descriptors { key: key.clone(), names };
        self.link.share(&report, &fds);
    }
}

/// Returns what each descriptor of a run's output is.
fn roles<'a>(
    run: &Run,
    printed: &'a Descriptors<'a>,
) -> impl Iterator<Item = (Role, BorrowedFd<'a>)> {
    let is_terminal = matches!(run.process.output.streams, Streams::Terminal { .. });
    let outputs =
        if is_terminal { [Role::Terminal, Role::Terminal] } else { [Role::Out, Role::Err] };
    let input = printed.input.as_ref().filter(|_| !is_terminal);
    let tally = (Role::Tally(printed.slot), printed.tally);
    let outputs = outputs.into_iter().zip(printed.outputs.iter().copied());
    outputs.chain(input.map(|input| (Role::Input, input.as_fd()))).chain([tally])
}

/// Opens the process of this number, if it is still the one that began then.
fn open_process(pid: u32, began: u64) -> Option<OwnedFd> {
    Id { pid, began }.open()
}

impl Run {
    fn to_state(&self) -> state::Run {
        let number = |watched: &Option<Watched>| watched.as_ref().map(|it| it.fd.as_raw_fd());
        state::Run {
            key: self.key.clone(),
            process: Arc::clone(&self.process),
            pid: self.pid,
            began: self.began,
            ready: self.is_ready,
            access: Some(self.speech.access()),
            pidfd: number(&self.pidfd),
            notify: self.notify.as_ref().map(|(socket, _)| socket.as_fd().as_raw_fd()),
            ready_fd: number(&self.ready_fd),
            out: None,
            err: None,
            terminal: None,
            input: None,
            lost: 0,
        }
    }
}

/// Returns every descriptor that a state names.
pub(crate) fn numbers(state: &State) -> impl Iterator<Item = i32> + '_ {
    let of_child = |child: &state::Child| {
        let sockets = child.sockets.iter().map(|(_, number)| *number);
        let stored = child.stored.iter().map(|stored| stored.number);
        let run = child.run.iter().flat_map(|run| {
            let all =
                [run.pidfd, run.notify, run.ready_fd, run.out, run.err, run.terminal, run.input];
            all.into_iter().flatten()
        });
        sockets.chain(stored).chain(run).collect::<Vec<_>>()
    };
    let of_output = |of: &handover::OutputOf| {
        let streams = of.run.iter().flat_map(|run| &run.streams).map(|stream| stream.descriptor);
        let input = of.run.iter().filter_map(|run| run.input.as_ref()).map(|it| it.descriptor);
        let log = of.log.as_ref().and_then(|log| log.file);
        streams.chain(input).chain(log).collect::<Vec<_>>()
    };
    let outputs = state.outputs.iter();
    let outputs = outputs.flat_map(move |outputs| {
        outputs.children.iter().flat_map(of_output).chain([outputs.tally]).collect::<Vec<_>>()
    });
    let passed = state.passed.iter().map(|(_, number)| *number);
    state.children.iter().flat_map(of_child).chain(state.brain.link).chain(outputs).chain(passed)
}

/// Lets descriptors pass to the next program, or not.
pub(crate) fn pass_on(numbers: &[i32], pass: bool) {
    let flags = if pass { FdFlags::empty() } else { FdFlags::CLOEXEC };
    for number in numbers {
        inherit::set_flags(*number, flags);
    }
}

/// Writes a state where the next program finds it.
pub(crate) fn put_state(state: &State) -> Result<OwnedFd, Errno> {
    let file = rustix::fs::memfd_create("mainstay-keeper", MemfdFlags::empty())?;
    let mut file = File::from(file);
    let bytes = serde_json::to_vec(state).map_err(|_| Errno::INVAL)?;
    let written = file.write_all(&bytes).and_then(|()| file.rewind());
    written.map_err(|error| super::begin::errno(&error))?;
    Ok(file.into())
}

/// Reads the state that the program before has left, if it did.
pub(crate) fn state_left() -> io::Result<Option<State>> {
    let Some(number) = std::env::var_os(STATE) else { return Ok(None) };
    let number = number.to_str().and_then(|number| number.parse().ok());
    let file = number.and_then(|number| inherit::take(number).ok());
    let mut file = File::from(file.ok_or_else(|| io::Error::other("its state is not open"))?);
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some(serde_json::from_slice(&bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back_as_it_was() {
        let state =
            State { version: VERSION, identity: "a".into(), owned: true, ..State::default() };
        let file = put_state(&state).expect("it is written");
        let mut text = String::new();
        File::from(file).read_to_string(&mut text).expect("it is read");
        assert_eq!(serde_json::from_str::<State>(&text).expect("a state"), state);
    }
}

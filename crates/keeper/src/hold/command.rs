//! Commands that run for a child: probes, stop steps, reloads.

use super::begin::{errno, null, pipe};
use super::child::{Command, Slot};
use super::wait::now;
use super::{Due, Hold, Ours, Settings as HoldSettings, Source};
use crate::contain::{Group, VARIABLE};
use crate::start::{Given, failed, start};
use crate::sys::{reap, signals};
use mainstay_wire::Text;
use mainstay_wire::keeper::{Fact, Key, StartError, Status, Step};
use mainstay_wire::process::{Process, Readiness, Session, Stdin};
use rustix::fd::AsFd;
use rustix::fs::OFlags;
use std::time::Duration;

/// How much of what a command prints is kept: its end.
const KEPT: usize = 4096;

impl Hold {
    /// Runs a command for a live run.
    pub(super) fn execute(
        &mut self,
        key: &Key,
        ticket: u64,
        command: Vec<Text>,
        timeout: Duration,
    ) {
        if let Err(error) = self.try_execute(key, ticket, command, timeout) {
            let (status, output) = (None, Text::default());
            let error = Some(error);
            self.state(Fact::Done { key: key.clone(), ticket, status, output, error });
        }
    }

    fn try_execute(
        &mut self,
        key: &Key,
        ticket: u64,
        command: Vec<Text>,
        timeout: Duration,
    ) -> Result<(), StartError> {
        let gone = || {
            failed(Step::Settings, format!("{key}, which does not run"), rustix::io::Errno::SRCH)
        };
        let slot = self.find(key).ok_or_else(gone)?;
        let HoldSettings { owns_all, instance, files, .. } = self.settings;
        let run = self.run(slot).ok_or_else(gone)?;
        let process = Process {
            command,
            stdin: Stdin::Null,
            ready: Readiness::Unsaid,
            session: Session::Own,
            pid_namespace: false,
            descriptors: Vec::new(),
            ..Process::clone(&run.process)
        };
        let io = |error| failed(Step::OpenOutput, String::new(), error);
        let (read, write) = pipe().map_err(io)?;
        _ = rustix::io::ioctl_fionbio(&read, true);
        let error = rustix::io::fcntl_dupfd_cloexec(&write, 3).map_err(io)?;
        let input = null(OFlags::RDONLY).map_err(io)?;
        let mut variables = vec![
            (Text::from("MAINPID"), run.pid.to_string().into()),
            (Text::from(VARIABLE), instance.mark(key).into()),
        ];
        if let Some((socket, _)) = &run.notify {
            variables.push((Text::from("NOTIFY_SOCKET"), socket.name()));
        }
        let given = Given {
            stdio: [Some(input.as_fd()), Some(write.as_fd()), Some(error.as_fd())],
            variables,
            cgroup: run.bond.group().map(Group::dir),
            pidfd: !owns_all,
            files,
            ..Given::default()
        };
        let born = start(&process, &given)?;
        crate::fault::point("command.born");
        drop((write, error));
        self.by_pid.insert(born.pid, Ours::Command(slot, ticket));
        let pidfd = born.pidfd.and_then(|fd| self.watch(fd, Source::Command(slot, ticket)).ok());
        let printed = self.watch(read, Source::Printed(slot, ticket));
        let printed =
            printed.map_err(|error| failed(Step::OpenOutput, String::new(), errno(&error)));
        let deadline = self.waiting.at(now() + timeout, Due::Command(slot, ticket));
        let command = Command {
            ticket,
            pid: born.pid.cast_unsigned(),
            pidfd,
            printed: printed.ok(),
            output: Vec::new(),
            is_late: false,
            deadline,
        };
        if let Some(run) = self.run(slot) {
            run.commands.push(command);
        }
        Ok(())
    }

    pub(super) fn command_told(&mut self, slot: Slot, ticket: u64) {
        self.take_in_former();
        let Some(command) = self.command(slot, ticket) else { return };
        let Some(pidfd) = &command.pidfd else { return };
        let pid = command.pid.cast_signed();
        match reap::one(pid, pidfd.fd()) {
            Ok(None) => {}
            Ok(Some(reaped)) => self.command_ended(slot, ticket, Some(reaped.status)),
            Err(_) => self.command_ended(slot, ticket, None),
        }
    }

    pub(super) fn command_printed(&mut self, slot: Slot, ticket: u64) {
        let Some(command) = self.command(slot, ticket) else { return };
        let Some(printed) = &command.printed else { return };
        let mut bytes = [0; 4096];
        // A few times: what prints without end must not hold up the loop.
        for _ in 0..16 {
            match rustix::io::read(printed.fd(), &mut bytes) {
                Ok(0) => {
                    let printed = command.printed.take();
                    self.unwatch(printed);
                    return;
                }
                Ok(read) => {
                    command.output.extend_from_slice(&bytes[..read]);
                    let over = command.output.len().saturating_sub(KEPT);
                    command.output.drain(..over);
                }
                Err(_) => return,
            }
        }
    }

    pub(super) fn command_ended(&mut self, slot: Slot, ticket: u64, status: Option<Status>) {
        crate::fault::point("command.told");
        self.command_printed(slot, ticket);
        let Some(run) = self.run(slot) else { return };
        let key = run.key.clone();
        let is_it = |command: &Command| command.ticket == ticket;
        let Some(index) = run.commands.iter().position(is_it) else { return };
        let command = run.commands.swap_remove(index);
        self.waiting.cancel(command.deadline);
        if status.is_some() {
            self.by_pid.remove(&command.pid.cast_signed());
        }
        self.unwatch(command.pidfd);
        self.unwatch(command.printed);
        let status = status.filter(|_| !command.is_late);
        let output = command.output.into();
        self.state(Fact::Done { key, ticket, status, output, error: None });
    }

    pub(super) fn command_over(&mut self, slot: Slot, ticket: u64) {
        let Some(command) = self.command(slot, ticket) else { return };
        command.is_late = true;
        command.kill();
    }

    /// The run is over, and what was run for it with it.
    pub(super) fn end_commands(&mut self, slot: Slot) {
        let Some(run) = self.run(slot) else { return };
        let tickets: Vec<u64> = run.commands.iter().map(|command| command.ticket).collect();
        for command in &run.commands {
            command.kill();
        }
        for ticket in tickets {
            let Some(command) = self.command(slot, ticket) else { continue };
            let (pid, pidfd) = (command.pid.cast_signed(), command.pidfd.take());
            // It is taken in like any other, and then nobody asks.
            self.by_pid.insert(pid, Ours::Former);
            self.former.extend(pidfd);
            self.command_ended(slot, ticket, None);
        }
    }

    fn command(&mut self, slot: Slot, ticket: u64) -> Option<&mut Command> {
        self.run(slot)?.commands.iter_mut().find(|command| command.ticket == ticket)
    }
}

impl Command {
    /// Ends the command and its session. Its number is its own until it is taken in, on this thread.
    fn kill(&self) {
        signals::send_to_group(self.pid, libc::SIGKILL);
        match &self.pidfd {
            Some(pidfd) => signals::send(pidfd.fd(), libc::SIGKILL),
            None => signals::send_to(self.pid, libc::SIGKILL),
        }
    }
}

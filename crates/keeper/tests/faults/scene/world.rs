//! What the kernel tells of the processes of a scene.

use mainstay_keeper::contain::Instance;
use mainstay_wire::keeper::Key;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command};

/// A living process of a run.
#[derive(Debug)]
pub(crate) struct Living {
    pub key: Key,
    pub pid: u32,
    pub command: String,
    pub fd: OwnedFd,
}

/// Returns every living process that has the mark of a run of this instance.
pub(crate) fn marked(instance: Instance) -> Vec<Living> {
    let of = |pid: u32| {
        let fd = open(pid)?;
        let key = instance.run_of(&variable(pid, "MAINSTAY_RUN")?)?;
        let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        (!is_over(&fd)).then_some(Living { key, pid, command, fd })
    };
    pids().filter_map(of).collect()
}

/// Returns every living relay of this identity, keepers and brains.
pub(crate) fn relays(identity: &str) -> Vec<OwnedFd> {
    let of = |pid: u32| {
        let fd = open(pid)?;
        let own = variable(pid, "RELAY_IDENTITY")?;
        (own == identity.as_bytes() && !is_over(&fd)).then_some(fd)
    };
    pids().filter_map(of).collect()
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").expect("there is /proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn variable(pid: u32, name: &str) -> Option<Vec<u8>> {
    let read = || fs::read(format!("/proc/{pid}/environ")).ok();
    // A process that is just being executed has its program, and not its arguments and environment yet.
    let has_program = || fs::read_link(format!("/proc/{pid}/exe")).is_ok();
    let has_words = || fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|it| !it.is_empty());
    let mut all = read()?;
    while all.is_empty() && has_program() {
        let is_executed = has_words();
        all = read()?;
        if is_executed {
            break;
        }
        std::thread::yield_now();
    }
    let mut variables = all.split(|byte| *byte == 0);
    variables
        .find_map(|it| it.strip_prefix(name.as_bytes())?.strip_prefix(b"=").map(<[u8]>::to_vec))
}

pub(crate) fn open(pid: u32) -> Option<OwnedFd> {
    pidfd_open(Pid::from_raw(pid.cast_signed())?, PidfdFlags::empty()).ok()
}

/// Returns whether a process has ended.
pub(crate) fn is_over(fd: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::default())).expect("it is asked") > 0
}

/// Waits for the end of a process.
pub(crate) fn wait_for(fd: &OwnedFd) {
    assert!(ends(fd), "a process does not end");
}

/// Waits for the end of a process, and returns whether it came.
pub(crate) fn ends(fd: &OwnedFd) -> bool {
    let patience = Timespec::try_from(super::PATIENCE).expect("a short time");
    let mut fds = [PollFd::new(fd, PollFlags::IN)];
    let found = rustix::io::retry_on_intr(|| poll(&mut fds, Some(&patience)));
    found.expect("it is waited for") > 0
}

pub(crate) fn kill(fd: &OwnedFd) {
    signal(fd, Signal::KILL);
}

pub(crate) fn signal(fd: &OwnedFd, signal: Signal) {
    // One that is gone does not hear it.
    _ = pidfd_send_signal(fd, signal);
}

/// Returns the number, state and parent of a process.
pub(crate) fn stat(pid: u32) -> Option<(char, u32)> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut rest = line[line.rfind(')')? + 1..].split_whitespace();
    Some((rest.next()?.chars().next()?, rest.next()?.parse().ok()?))
}

/// Returns all processes with their parents that have ended and were not taken in.
pub(crate) fn zombies_of(parent: u32) -> Vec<u32> {
    pids().filter(|pid| stat(*pid) == Some(('Z', parent))).collect()
}

/// Returns the only child of a process.
pub(crate) fn only_child(pid: u32) -> u32 {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.expect("the kernel tells children");
    children.trim().parse().expect("one child")
}

/// Lets an ordinary user have what a scene needs.
pub(crate) fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).expect("its rights change");
    let socket = folder.join("s");
    fs::set_permissions(socket, fs::Permissions::from_mode(0o777)).expect("its rights change");
    for (from, to) in [(crate::program::example("relay"), "relay"), (puppet::program(), "puppet")] {
        fs::copy(from, folder.join(to)).expect("a copy of a program");
    }
}

/// Waits until a process that has ended is taken in by its parent. Nothing tells of that.
pub(crate) fn until_taken_in(pid: u32) {
    let deadline = std::time::Instant::now() + super::PATIENCE;
    while stat(pid).is_some_and(|(state, _)| state == 'Z') {
        assert!(std::time::Instant::now() < deadline, "process {pid} stays a zombie");
        std::thread::yield_now();
    }
}

/// Waits until so many processes of a scene have started. Nothing tells of those that others start.
pub(crate) fn until_marked(scene: &super::Scene, count: usize) {
    let deadline = std::time::Instant::now() + super::PATIENCE;
    let are_there = || {
        let all = marked(scene.instance());
        // Who makes a daemon is there only until that is made, and begins as a copy of its parent.
        let is_on_its_way = all.iter().any(|living| living.command.contains("setsid"));
        let makers = all.iter().filter(|living| living.command.contains("daemon")).count();
        let runs = all.iter().map(|living| &living.key).collect::<BTreeSet<_>>().len();
        all.len() == count && !is_on_its_way && makers <= runs
    };
    while !are_there() {
        assert!(std::time::Instant::now() < deadline, "{}", scene.dump("they do not start"));
        std::thread::yield_now();
    }
}

/// Waits until a process has one child left, none of those that it was left with by others.
pub(crate) fn until_only_child(pid: u32) {
    let deadline = std::time::Instant::now() + super::PATIENCE;
    let path = format!("/proc/{pid}/task/{pid}/children");
    while fs::read_to_string(&path).expect("it lives").split_whitespace().count() != 1 {
        assert!(
            std::time::Instant::now() < deadline,
            "process {pid} does not take in its children"
        );
        std::thread::yield_now();
    }
}

/// Starts a relay.
pub(crate) fn run_relay(manner: &super::Manner, folder: &Path, identity: &str) -> Child {
    let relay =
        if manner.ordinary { folder.join("relay") } else { crate::program::example("relay") };
    let mut words: Vec<String> = manner.before.iter().map(ToString::to_string).collect();
    if manner.ordinary {
        let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
        words.extend(user.map(str::to_owned));
    }
    words.extend([relay.display().to_string(), "--dial".to_owned()]);
    words.push(folder.join("s").display().to_string());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).env("RELAY_IDENTITY", identity);
    let errors = fs::File::options().create(true).append(true).open(folder.join("errors"));
    let errors = errors.expect("a file for errors");
    command.stdout(errors.try_clone().expect("a duplicate")).stderr(errors);
    command.current_dir("/");
    if let Some(fault) = &manner.fault {
        command.env("MAINSTAY_FAULT", format!("{fault}:{}/fault", folder.display()));
    }
    command.spawn().expect("a relay")
}

//! Starts children of its own, and lets go of what ties it to its parent.
//!
//! A child is this program again, with the steps that it is to take. What it has of its parent is what it would have
//! after a fork: environment, folder, ids and inherited files.

use crate::step::Words;
use rustix::io::Errno;
use rustix::process::{WaitOptions, wait};
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Starts a child and returns its pid. Nobody waits for it, unless `wait` is a later step.
pub(super) fn fork(steps: &Words, quiet: bool) -> io::Result<u32> {
    let mut command = itself(&[&steps.0]);
    if quiet {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    }
    Ok(command.spawn()?.id())
}

pub(super) fn fork_bomb(count: u32) -> io::Result<()> {
    let hang = Words("hang".into());
    (0..count).try_for_each(|_| fork(&hang, false).map(drop))
}

/// Starts a child that begins a session, starts the grandchild, says its pid and ends.
pub(super) fn daemon(steps: &Words, quiet: bool) -> io::Result<()> {
    let fork = if quiet { "fork-quiet" } else { "fork" };
    let fork = format!("{fork}:{}", steps.0);
    let middle = itself(&["setsid", &fork, "print:{child}"]).status()?;
    if middle.success() { Ok(()) } else { Err(io::Error::other(format!("{middle}"))) }
}

/// Becomes a puppet with other steps. It returns only when that fails.
pub(super) fn execute(steps: &Words) -> io::Error {
    itself(&[&steps.0]).exec()
}

pub(super) fn wait_for_all() -> io::Result<()> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::CHILD) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Lets go of the pipes of standard output and standard error.
pub(super) fn let_go() -> io::Result<()> {
    let null = File::options().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

fn itself(words: &[&str]) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("puppet").args(words);
    command
}

//! Real processes under a real keeper.

#[path = "../common/mod.rs"]
mod common;

mod console;
mod dies;
mod ends;
mod mixed;
mod output;
mod signs;
mod sockets;

use mainstay::process::{Command, Streams};
use mainstay::{Child, Handle, Owner, Standing, View, process, tree};

/// Returns a command that takes these steps, and of whose output nothing is read.
fn puppet<const N: usize>(steps: [&str; N]) -> Command {
    Command::new(puppet::program()).args(steps).output(Streams::Null)
}

/// Starts a tree of these children.
fn start<const N: usize>(children: [Child; N]) -> Owner {
    tree().seed(1).watchdog(None).children(children).start().expect("a valid tree")
}

/// Starts one child called `x`.
fn start_one(command: Command, say: impl FnOnce(Child) -> Child) -> (Owner, Handle) {
    let owner = start([say(process("x", command))]);
    let handle = owner.handle();
    (owner, handle)
}

async fn stands(handle: &Handle, path: &str, standing: Standing) -> View {
    common::soon(handle.wait_for(path, standing)).await.expect("it comes to stand so")
}

/// Returns the main process of a child.
fn pid(view: &View) -> u32 {
    let process = view.process.as_ref().expect("it is a process");
    process.pid.expect("it runs")
}

/// Returns whether a process is there and no zombie.
fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

//! The ways to start a program, side by side, from processes of several sizes.
//!
//! The figures behind `docs/design/015-how-a-process-is-started.md`.

#[allow(dead_code, reason = "each bench takes what it needs")]
mod measure;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// How much memory the process that starts has touched, in MiB, and how often each way is tried.
const BALLASTS: [(u32, u32); 3] = [(0, 1000), (64, 1000), (1024, 200)];

fn main() {
    let compile = measure::compile;
    let nothing = compile("nothing.c", "nothing", &["-static"]);
    let shim = compile("shim.c", "shim", &["-static"]);
    let dynamic = compile("shim.c", "shim-dynamic", &[]);
    let starts = compile("starts.c", "starts", &[]);
    let cgroup = Cgroup::new();
    if cgroup.is_none() {
        println!("no cgroup can be made here: starts into one are left out");
    }
    println!("| way | MiB | call p50 us | whole p50 us | whole p99 us |\n|---|---|---|---|---|");
    for (ballast, rounds) in BALLASTS {
        let mut command = Command::new(&starts);
        command.arg(ballast.to_string()).arg(rounds.to_string());
        command.arg(&nothing).arg(&shim).arg(&dynamic);
        command.args(cgroup.as_ref().map(|cgroup| &cgroup.0));
        let output = command.output().expect("it was compiled");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let mut parts = line.split(' ');
            let way = parts.next().unwrap_or_default();
            let figures = parts.collect::<Vec<_>>().join(" | ");
            println!("| {way} | {ballast} | {figures} |");
        }
    }
}

/// A cgroup of version 2 for as long as it is measured.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new() -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
        let mount = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"))?;
        let root = mount.split(' ').nth(1)?;
        let folder = PathBuf::from(root).join(format!("mainstay-starts-{}", std::process::id()));
        fs::create_dir(&folder).ok()?;
        Some(Self(folder))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

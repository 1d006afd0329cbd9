//! What runs use, as the system tells it at the moment somebody asks. Linux.

use mainstay::{ChildId, Measure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Of which run it is asked.
#[derive(Debug)]
pub(super) struct Asked {
    child: ChildId,
    pid: Option<u32>,
    /// Whether all its processes are in a group of their own.
    is_grouped: bool,
    log: Option<PathBuf>,
}

impl Asked {
    pub(super) fn of(measure: &Measure) -> Option<Self> {
        let process = measure.view.process.as_deref()?;
        Some(Self {
            child: measure.view.child,
            pid: process.pid.filter(|_| measure.view.run.is_some()),
            is_grouped: process.contain.as_deref() == Some("cgroup"),
            log: process.log.clone(),
        })
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Looked {
    pub(super) runs: BTreeMap<ChildId, Used>,
    pub(super) brain: Option<Program>,
    pub(super) keeper: Option<Program>,
}

/// What one run uses.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    pub(super) memory: Option<u64>,
    pub(super) cpu_seconds: Option<f64>,
    pub(super) log_bytes: Option<u64>,
}

/// What one process uses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Program {
    pub(super) memory: u64,
    pub(super) cpu_seconds: f64,
    pub(super) open_files: Option<u64>,
}

/// Looks at these runs, at this program and at its keeper. It reads files, and waits for nothing else.
pub(super) fn look(runs: Vec<Asked>, keeper: Option<u32>) -> Looked {
    let own = std::process::id();
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let groups = groups(&mounts);
    let look = |asked: Asked| {
        let mut used = Used::default();
        if let Some(pid) = asked.pid {
            let groups = groups.filter(|_| asked.is_grouped);
            let (memory, cpu) = groups.and_then(|groups| group(groups, pid)).unwrap_or_default();
            // A group without the controller of one of them does not say: then the main process does.
            let main = program(pid);
            used.memory = memory.or_else(|| Some(main?.memory));
            used.cpu_seconds = cpu.or_else(|| Some(main?.cpu_seconds));
        }
        used.log_bytes = asked.log.and_then(|log| fs::metadata(log).ok()).map(|about| about.len());
        (asked.child, used)
    };
    Looked {
        runs: runs.into_iter().map(look).collect(),
        brain: program(own),
        // In a service that embeds the library both are one process.
        keeper: keeper.filter(|pid| *pid != own).and_then(program),
    }
}

/// Returns where the system has its groups of processes: beside those of the first version on some.
fn groups(mounts: &str) -> Option<&Path> {
    let mut fields = mounts.lines().map(|line| line.split(' '));
    let place = fields.find_map(|mut fields| {
        let place = fields.nth(1)?;
        (fields.next()? == "cgroup2").then_some(place)
    });
    place.map(Path::new)
}

/// Returns the memory and the time of all processes in the group of this one.
fn group(groups: &Path, pid: u32) -> Option<(Option<u64>, Option<f64>)> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let folder = groups.join(path);
    let memory = fs::read_to_string(folder.join("memory.current")).ok();
    let stat = fs::read_to_string(folder.join("cpu.stat")).ok();
    let micros = stat.as_deref().and_then(|stat| {
        let mut lines = stat.lines();
        lines.find_map(|line| line.strip_prefix("usage_usec ")?.trim().parse::<u64>().ok())
    });
    let memory = memory.and_then(|memory| memory.trim().parse().ok());
    Some((memory, micros.map(|micros| micros as f64 / 1e6)))
}

fn program(pid: u32) -> Option<Program> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let ticks = ticks(&stat)?;
    let open = fs::read_dir(format!("/proc/{pid}/fd")).ok().map(|all| all.count() as u64);
    Some(Program {
        memory: pages * rustix::param::page_size() as u64,
        cpu_seconds: ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
        open_files: open,
    })
}

/// Returns the time in its own code and in the kernel. Its name may have spaces and parentheses in it.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_process_with_a_strange_name_is_read() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 2 3 4 120 30 5 6 20 0 1 0 99 1 2";
        assert_eq!(ticks(stat), Some(150));
        assert_eq!(ticks("7 (a"), None);
        assert_eq!(ticks("7 (a) S 1"), None);
    }

    #[test]
    fn groups_are_where_the_system_has_them() {
        let table = [
            ("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n", Some("/sys/fs/cgroup")),
            (
                "proc /proc proc rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
                 cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n",
                Some("/sys/fs/cgroup/unified"),
            ),
            ("proc /proc proc rw 0 0\n", None),
        ];
        for (mounts, expected) in table {
            assert_eq!(groups(mounts), expected.map(Path::new), "{mounts}");
        }
    }

    #[test]
    fn this_program_uses_something() {
        let own = program(std::process::id()).expect("it runs");
        assert!(own.memory > 100_000 && own.open_files.is_some_and(|files| files > 2), "{own:?}");
        let none: Looked = look(Vec::new(), Some(0));
        assert!(none.brain.is_some() && none.keeper.is_none());
        let asked = Asked {
            child: ChildId::ROOT,
            pid: Some(std::process::id()),
            is_grouped: true,
            log: None,
        };
        let looked = look(vec![asked], None);
        let used = looked.runs[&ChildId::ROOT];
        assert!(used.memory.is_some_and(|bytes| bytes > 100_000) && used.cpu_seconds.is_some());
    }
}

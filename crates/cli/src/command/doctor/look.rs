//! What is looked at on the machine itself.

use super::Finding;
use crate::place::Surroundings;
use crate::show;
use rustix::fs::Access;
use rustix::process::{PidfdFlags, Resource};
use std::fs;
use std::path::{Path, PathBuf};

/// The first kernel with all that is used: its `cgroup.kill` ends everything in a group at once.
const KERNEL: (u32, u32) = (5, 14);
/// The first kernel that can do without it.
const KERNEL_LEAST: (u32, u32) = (5, 4);
/// Descriptors for a thousand children: pipes, a log, a pidfd, in keeper and brain.
const FILES: u64 = 16_384;
/// Where groups of processes are.
const GROUPS: &str = "/sys/fs/cgroup";
/// Less room than this is soon none.
const ROOM: u64 = 512 << 20;

/// Looks at the kernel and what surrounds this process.
pub(super) fn machine() -> Vec<Finding> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let mut findings = vec![kernel(read("/proc/sys/kernel/osrelease").trim()), pidfd()];
    findings.extend(groups(Path::new(GROUPS), &read("/proc/self/cgroup")));
    findings.push(files(rustix::process::getrlimit(Resource::Nofile)));
    findings.push(watches(read("/proc/sys/fs/inotify/max_user_instances").trim()));
    findings.push(time(jiff::Timestamp::now()));
    findings.push(home());
    findings
}

/// Judges the version of the kernel.
fn kernel(release: &str) -> Finding {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        let text = format!("its version `{release}` cannot be read");
        return Finding::warn("kernel", text, "is /proc mounted?");
    };
    if (major, minor) < KERNEL_LEAST {
        let hint = format!("{}.{} or later is needed", KERNEL_LEAST.0, KERNEL_LEAST.1);
        return Finding::fail("kernel", format!("Linux {release} is too old"), hint);
    }
    if (major, minor) < KERNEL {
        let text = format!("Linux {release} cannot kill a control group at once");
        let hint =
            format!("from {}.{} on it can; until then each process is killed", KERNEL.0, KERNEL.1);
        return Finding::warn("kernel", text, hint);
    }
    Finding::fine("kernel", format!("Linux {release}"))
}

/// Tries to hold a process by a descriptor.
fn pidfd() -> Finding {
    let tried = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty());
    match tried {
        Ok(_) => Finding::fine("pidfd", "processes can be held by descriptors"),
        Err(error) => {
            let text = format!("processes cannot be held by descriptors: {error}");
            Finding::fail("pidfd", text, "allow pidfd_open in the container's seccomp profile")
        }
    }
}

/// Judges the control groups: `own` is what `/proc/self/cgroup` says.
fn groups(root: &Path, own: &str) -> Vec<Finding> {
    let Ok(offered) = fs::read_to_string(root.join("cgroup.controllers")) else {
        let text = format!("no control groups of version 2 at `{}`", root.display());
        let hint = "without them processes are held by descent, and have no limits of memory: mount \
                    them, or boot with systemd.unified_cgroup_hierarchy=1";
        return vec![Finding::warn("cgroup", text, hint)];
    };
    let path = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    let folder = root.join(path.trim_start_matches('/'));
    let mut findings = Vec::new();
    let may_write = rustix::fs::access(&folder, Access::WRITE_OK).is_ok();
    findings.push(if may_write {
        Finding::fine("cgroup", format!("version 2, and `{}` may be divided", folder.display()))
    } else {
        let text = format!("version 2, but `{}` may not be divided", folder.display());
        let hint = "run as root, or below a unit with Delegate=yes, or mount it writable in the \
                    container; until then processes are held by descent";
        Finding::warn("cgroup", text, hint)
    });
    let missing: Vec<&str> = ["cpu", "memory", "pids", "io"]
        .into_iter()
        .filter(|wanted| !offered.split_whitespace().any(|offered| offered == *wanted))
        .collect();
    findings.push(if missing.is_empty() {
        Finding::fine("limits", format!("groups can limit {}", offered.trim()))
    } else {
        let text = format!("groups cannot limit {}", missing.join(", "));
        let hint = "limits of these are refused: enable the controllers above this group";
        Finding::warn("limits", text, hint)
    });
    findings
}

/// Judges how many descriptors there may be.
fn files(limit: rustix::process::Rlimit) -> Finding {
    match limit.maximum {
        Some(most) if most < FILES => {
            let text =
                format!("at most {most} open descriptors: enough for {} children", most / 16);
            let hint = format!("raise it: `ulimit -Hn {FILES}`, or LimitNOFILE= of the unit");
            Finding::warn("files", text, hint)
        }
        Some(most) => Finding::fine("files", format!("up to {most} open descriptors")),
        None => Finding::fine("files", "any number of open descriptors"),
    }
}

/// Judges how many folders can be watched.
fn watches(most: &str) -> Finding {
    match most.parse::<u64>() {
        Ok(most) if most < 128 => {
            let text = format!("at most {most} watches of files for all programs of a user");
            Finding::warn("watches", text, "raise fs.inotify.max_user_instances")
        }
        Ok(most) => Finding::fine("watches", format!("up to {most} watches of files")),
        Err(_) => {
            let hint = "`restart_on_change` and following logs do not work without inotify";
            Finding::warn("watches", "files cannot be watched", hint)
        }
    }
}

/// Judges the wall clock, which decides nothing and is shown everywhere.
fn time(now: jiff::Timestamp) -> Finding {
    let zone = jiff::tz::TimeZone::try_system();
    let year = now.to_zoned(jiff::tz::TimeZone::UTC).year();
    if year < 2026 {
        let hint = "set it: history and schedules are shown by it; restarts are not decided by it";
        return Finding::warn("time", format!("the clock says {now}"), hint);
    }
    match zone {
        Ok(zone) => {
            let name = zone.iana_name().unwrap_or("of the system").to_owned();
            let now = now.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string();
            Finding::fine("time", format!("{now}, zone {name}"))
        }
        Err(error) => {
            let hint = "set TZ or /etc/localtime; until then times are shown in UTC";
            Finding::warn("time", format!("the time zone is not known: {error}"), hint)
        }
    }
}

/// Says what surrounds this process: a container, systemd, or neither.
fn home() -> Finding {
    let has = |path: &str| Path::new(path).exists();
    let is_container =
        has("/.dockerenv") || has("/run/.containerenv") || std::env::var_os("container").is_some();
    let first = fs::read_to_string("/proc/1/comm").unwrap_or_default();
    let first = first.trim();
    let text = match (is_container, has("/run/systemd/system")) {
        (true, _) => format!("a container whose first process is `{first}`"),
        (false, true) => "a machine with systemd".into(),
        (false, false) => format!("a machine whose first process is `{first}`"),
    };
    Finding::fine("home", text)
}

/// Tries whether a folder can be made and written to.
pub(super) fn folder(name: &'static str, folder: &Path, around: &Surroundings) -> Finding {
    let shown = folder.display();
    if folder.exists() && !folder.is_dir() {
        let hint = "move it, or name another folder with MAINSTAY_RUNTIME or MAINSTAY_STATE";
        return Finding::fail(name, format!("`{shown}` is not a folder"), hint);
    }
    let near = nearest(folder);
    if rustix::fs::access(&near, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let text = format!("user {} may not write to `{}`", around.uid, near.display());
        let hint = "name another folder with MAINSTAY_RUNTIME or MAINSTAY_STATE, or ask root to make \
                    this one";
        return Finding::fail(name, text, hint);
    }
    let state = if folder.exists() { "can be written" } else { "can be made" };
    Finding::fine(name, format!("`{shown}` {state}"))
}

/// Judges the room on the disk of a folder.
pub(super) fn space(folder: &Path) -> Finding {
    let near = nearest(folder);
    match rustix::fs::statvfs(&near) {
        Ok(about) => {
            let free = about.f_bavail.saturating_mul(about.f_frsize);
            let text = format!("{} free for the journal", show::bytes(free));
            if free < ROOM {
                return Finding::warn("disk", text, "make room, or set `journal:` to less");
            }
            Finding::fine("disk", text)
        }
        Err(error) => {
            let text = format!("the room at `{}` is not known: {error}", near.display());
            Finding::warn("disk", text, "look at the file system")
        }
    }
}

/// Returns the nearest folder that exists, the given one or above it.
fn nearest(folder: &Path) -> PathBuf {
    let found = folder.ancestors().find(|folder| folder.exists());
    found.unwrap_or_else(|| Path::new("/")).into()
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn kernels_are_judged_by_their_version() {
        let table = [
            ("6.8.0-45-generic", Verdict::Fine),
            ("5.14.0", Verdict::Fine),
            ("5.10.0-8-amd64", Verdict::Warn),
            ("4.19.0", Verdict::Fail),
            ("", Verdict::Warn),
        ];
        for (release, verdict) in table {
            assert_eq!(kernel(release).verdict, verdict, "{release}");
        }
    }

    #[test]
    fn groups_are_judged_by_what_may_be_done() {
        let root = tempfile::tempdir().unwrap();
        let verdicts = |own: &str| -> Vec<Verdict> {
            groups(root.path(), own).iter().map(|finding| finding.verdict).collect()
        };
        assert_eq!(verdicts("0::/\n"), [Verdict::Warn], "there are none");
        fs::write(root.path().join("cgroup.controllers"), "cpu io memory pids\n").unwrap();
        assert_eq!(verdicts("0::/\n"), [Verdict::Fine, Verdict::Fine]);
        assert_eq!(verdicts("0::/not/there\n"), [Verdict::Warn, Verdict::Fine]);
        fs::write(root.path().join("cgroup.controllers"), "cpu memory\n").unwrap();
        let limits = groups(root.path(), "0::/\n").remove(1);
        assert_eq!(limits.text, "groups cannot limit pids, io");
    }

    #[test]
    fn folders_and_clocks_are_judged() {
        let around = Surroundings::here().unwrap();
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b");
        assert!(folder("state", &deep, &around).text.ends_with("can be made"));
        fs::create_dir_all(&deep).unwrap();
        assert!(folder("state", &deep, &around).text.ends_with("can be written"));
        fs::write(deep.join("c"), "").unwrap();
        assert_eq!(folder("state", &deep.join("c"), &around).verdict, Verdict::Fail);
        assert_eq!(time(jiff::Timestamp::UNIX_EPOCH).verdict, Verdict::Warn);
        let limit = |maximum| rustix::process::Rlimit { current: maximum, maximum };
        assert_eq!(files(limit(Some(1_024))).verdict, Verdict::Warn);
        assert_eq!(files(limit(None)).verdict, Verdict::Fine);
        assert_eq!(watches("8").verdict, Verdict::Warn);
    }
}

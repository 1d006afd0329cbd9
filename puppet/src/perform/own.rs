//! Prints what it finds out about itself.

use super::output::write_all;
use crate::step::{SIGNALS, Stream};
use rustix::process;
use std::fmt::Write;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;

pub(super) fn args() -> io::Result<()> {
    for word in std::env::args_os() {
        print(word.as_bytes())?;
    }
    Ok(())
}

pub(super) fn env(name: Option<&str>) -> io::Result<()> {
    if let Some(name) = name {
        let line = match std::env::var_os(name) {
            Some(value) => [name.as_bytes(), b"=", value.as_bytes()].concat(),
            None => format!("{name} is not set").into_bytes(),
        };
        return print(&line);
    }
    let mut all: Vec<_> = std::env::vars_os().collect();
    all.sort();
    for (name, value) in all {
        print(&[name.as_bytes(), b"=", value.as_bytes()].concat())?;
    }
    Ok(())
}

pub(super) fn pwd() -> io::Result<()> {
    print(fs::read_link("/proc/self/cwd")?.as_os_str().as_bytes())
}

pub(super) fn fds() -> io::Result<()> {
    let mut open = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        open.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    open.sort_unstable();
    for fd in open {
        // The descriptor by which the folder was read is closed by now.
        if let Ok(what) = fs::read_link(format!("/proc/self/fd/{fd}")) {
            print(format!("{fd} {}", what.display()).as_bytes())?;
        }
    }
    Ok(())
}

pub(super) fn ids() -> io::Result<()> {
    let status = fs::read_to_string("/proc/self/status")?;
    let list = |name| field(&status, name).split_whitespace().collect::<Vec<_>>().join(",");
    let mut text = String::new();
    // Real, effective, saved and that for files.
    for (name, of) in [("uid", "Uid"), ("gid", "Gid"), ("groups", "Groups"), ("umask", "Umask")] {
        let _ = writeln!(text, "{name}={}", list(of));
    }
    let _ = writeln!(text, "nice={}", process::getpriority_process(None)?);
    let _ = writeln!(text, "pid={}", process::getpid());
    let _ = writeln!(text, "ppid={}", std::os::unix::process::parent_id());
    // By its own PID namespace, which is the last; 0 where the leader lives outside of it.
    for (name, of) in [("pgid", "NSpgid"), ("sid", "NSsid")] {
        let id = field(&status, of).split_whitespace().next_back().unwrap_or_default();
        let _ = writeln!(text, "{name}={id}");
    }
    write_all(Stream::Out, text.as_bytes())
}

pub(super) fn signals() -> io::Result<()> {
    let status = fs::read_to_string("/proc/self/status")?;
    for (name, of) in [("blocked", "SigBlk"), ("ignored", "SigIgn"), ("caught", "SigCgt")] {
        let bits = u64::from_str_radix(field(&status, of), 16).map_err(io::Error::other)?;
        let set = (0..64).filter(|at| bits & 1 << at != 0);
        let names: Vec<String> = set
            .map(|at| SIGNALS.get(at).map_or_else(|| (at + 1).to_string(), ToString::to_string))
            .collect();
        print(format!("{name}={}", names.join(",")).as_bytes())?;
    }
    Ok(())
}

pub(super) fn proc(file: &str) -> io::Result<()> {
    write_all(Stream::Out, &fs::read(format!("/proc/self/{file}"))?)
}

pub(super) fn tty() -> io::Result<()> {
    let standard = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
    for (name, fd) in ["stdin", "stdout", "stderr"].into_iter().zip(standard) {
        let line = match rustix::termios::tcgetwinsize(fd) {
            Ok(size) => {
                let path = rustix::termios::ttyname(fd, Vec::new())?;
                format!("{name} {} {}x{}", path.to_string_lossy(), size.ws_row, size.ws_col)
            }
            Err(_) => format!("{name} is no terminal"),
        };
        print(line.as_bytes())?;
    }
    Ok(())
}

/// Returns the value of a line of `/proc/self/status`.
fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim()
}

fn print(line: &[u8]) -> io::Result<()> {
    write_all(Stream::Out, &[line, b"\n"].concat())
}

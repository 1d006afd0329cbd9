//! What the processes of a cgroup together may use.

use super::group::write_file;
use mainstay_wire::keeper::{StartError, Step};
use mainstay_wire::process::Limits;
use rustix::io::Errno;
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;

/// The period in which processor time is counted, in microseconds.
const PERIOD: u64 = 100_000;

/// A part of the kernel that limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Controller {
    /// Memory and swap.
    Memory,
    /// Processor time.
    Cpu,
    /// How many processes.
    Pids,
    /// Disks.
    Io,
}

impl Controller {
    /// All that are used here.
    pub const ALL: [Self; 4] = [Self::Memory, Self::Cpu, Self::Pids, Self::Io];

    /// Returns the kernel's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
            Self::Io => "io",
        }
    }

    /// Returns those that limits need.
    pub fn of(limits: &Limits) -> impl Iterator<Item = Self> {
        let needed = settings(limits).map(|s| (s.controller, s.value.is_some()));
        Self::ALL.into_iter().filter(move |&c| needed.contains(&(c, true)))
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One limit as its file has it.
struct Setting {
    /// Its name in a spec.
    name: &'static str,
    controller: Controller,
    /// The files that take it; the first that is there counts.
    files: &'static [&'static str],
    value: Option<String>,
    /// What the file holds without a limit.
    none: &'static str,
}

fn settings(limits: &Limits) -> [Setting; 7] {
    use Controller::{Cpu, Io, Memory, Pids};
    let Limits { memory, memory_high, swap, cpu, cpu_weight, pids, io_weight } = limits;
    let setting =
        |name, controller, files, value, none| Setting { name, controller, files, value, none };
    let text = |number: &Option<u64>| number.map(|n| n.to_string());
    // A hundredth of a processor is a hundredth of each period.
    let share = cpu.map(|hundredths| format!("{} {PERIOD}", u64::from(hundredths) * PERIOD / 100));
    let disk = io_weight.map(|weight| format!("default {weight}"));
    [
        // The lower bound first: it would be in the way of no process that the upper one then kills.
        setting("memory-high", Memory, &["memory.high"], text(memory_high), "max"),
        setting("memory", Memory, &["memory.max"], text(memory), "max"),
        setting("swap", Memory, &["memory.swap.max"], text(swap), "max"),
        setting("cpu", Cpu, &["cpu.max"], share, "max"),
        setting("cpu-weight", Cpu, &["cpu.weight"], cpu_weight.map(|w| w.to_string()), "100"),
        setting("pids", Pids, &["pids.max"], text(pids), "max"),
        setting("io-weight", Io, &["io.weight", "io.bfq.weight"], disk, "default 100"),
    ]
}

/// Writes limits into the folder of a cgroup; with `all` those that are absent are lifted.
pub(super) fn set(dir: BorrowedFd<'_>, limits: &Limits, all: bool) -> Result<(), StartError> {
    for setting in settings(limits) {
        let value = match &setting.value {
            Some(value) => value,
            None if all => setting.none,
            None => continue,
        };
        match write_first(dir, setting.files, value) {
            // Where there is no file there is no limit to lift.
            Err(error) if setting.value.is_none() && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = setting.files[0];
                let why = format!("{} {value} (the cgroup has no {file})", setting.name);
                return Err(failed(Step::SetLimit, why, &error));
            }
            Err(error) => {
                return Err(failed(Step::SetLimit, format!("{} {value}", setting.name), &error));
            }
            Ok(()) => {}
        }
    }
    Ok(())
}

fn write_first(dir: BorrowedFd<'_>, files: &[&str], value: &str) -> io::Result<()> {
    let mut result = Err(Errno::NOENT.into());
    for file in files {
        result = write_file(dir, file, value.as_bytes());
        if !matches!(&result, Err(error) if error.kind() == io::ErrorKind::NotFound) {
            break;
        }
    }
    result
}

/// The error of a step. One without a number of the kernel counts as an error of input and output.
pub(super) fn failed(step: Step, about: impl Into<String>, error: &io::Error) -> StartError {
    let error = error.raw_os_error().unwrap_or(Errno::IO.raw_os_error());
    StartError { step, about: about.into(), error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contain::group::FOLDER;
    use rustix::fs::{Mode, open};
    use std::fs;
    use std::os::fd::AsFd;

    const FILES: [&str; 6] =
        ["memory.max", "memory.high", "memory.swap.max", "cpu.max", "cpu.weight", "pids.max"];

    #[test]
    fn every_limit_is_written_as_the_kernel_wants_it() {
        let folder = tempfile::tempdir().expect("folder");
        for file in FILES.iter().chain(&["io.bfq.weight"]) {
            fs::write(folder.path().join(file), "").expect("file");
        }
        let dir = open(folder.path(), FOLDER, Mode::empty()).expect("open");
        let limits = Limits {
            memory: Some(1 << 30),
            memory_high: Some(1 << 20),
            swap: Some(0),
            cpu: Some(150),
            cpu_weight: Some(7),
            pids: Some(64),
            io_weight: Some(300),
        };
        set(dir.as_fd(), &limits, false).expect("set");
        let told = |file: &str| fs::read_to_string(folder.path().join(file)).expect("read");
        for (file, value) in FILES.iter().chain(&["io.bfq.weight"]).zip([
            "1073741824",
            "1048576",
            "0",
            "150000 100000",
            "7",
            "64",
            "default 300",
        ]) {
            assert_eq!(told(file), value, "{file}");
        }
        for file in FILES {
            fs::write(folder.path().join(file), "").expect("emptied");
        }
        set(dir.as_fd(), &Limits { pids: Some(3), ..Limits::default() }, true).expect("lift");
        assert_eq!(told("pids.max"), "3");
        assert_eq!(told("memory.max"), "max");
        assert_eq!(told("cpu.max"), "max");
        assert_eq!(told("cpu.weight"), "100");
    }

    #[test]
    fn a_limit_without_a_file_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        let dir = open(folder.path(), FOLDER, Mode::empty()).expect("open");
        let limits = Limits { swap: Some(4096), ..Limits::default() };
        let error = set(dir.as_fd(), &limits, false).expect_err("no file");
        assert_eq!(error.step, Step::SetLimit);
        assert_eq!(error.about, "swap 4096 (the cgroup has no memory.swap.max)");
        set(dir.as_fd(), &Limits::default(), true).expect("nothing to lift");
    }

    #[test]
    fn limits_need_their_controllers() {
        let limits = Limits { swap: Some(0), io_weight: Some(1), ..Limits::default() };
        let needed: Vec<_> = Controller::of(&limits).collect();
        assert_eq!(needed, [Controller::Memory, Controller::Io]);
        assert_eq!(Controller::of(&Limits::default()).count(), 0);
    }
}

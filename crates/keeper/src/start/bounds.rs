//! Settings that mean nothing: the kernel would cut them to what it knows and say nothing, or say it in terms
//! that nobody has written.

use super::failed;
use mainstay_wire::Text;
use mainstay_wire::keeper::{StartError, Step};
use mainstay_wire::process::{IoPriority, Process};
use rustix::io::Errno;

/// Returns the first setting that is out of bounds.
pub(super) fn check(process: &Process) -> Result<(), StartError> {
    let Process { umask, nice, io_priority, oom_score, death_signal, .. } = process;
    if let Some(umask) = umask.filter(|umask| *umask > 0o777) {
        return outside(format!("umask {umask:04o}: it is 0777 at the most"));
    }
    if let Some(nice) = nice.filter(|nice| !(-20..=19).contains(nice)) {
        return outside(format!("nice {nice}: it is -20 to 19"));
    }
    if let Some(IoPriority::Realtime(level) | IoPriority::BestEffort(level)) = io_priority
        && *level > 7
    {
        return outside(format!("io-priority {level}: it is 0 to 7"));
    }
    if let Some(score) = oom_score.filter(|score| !(-1000..=1000).contains(score)) {
        return outside(format!("oom-score {score}: it is -1000 to 1000"));
    }
    if let Some(signal) = death_signal.filter(|signal| !(1..=64).contains(signal)) {
        return outside(format!("death-signal {signal}: there is no such signal"));
    }
    // The first three are standard input, output and error.
    if let Some(found) = process.descriptors.iter().find(|descriptor| descriptor.number < 3) {
        return outside(format!("descriptor {}: they begin at 3", found.number));
    }
    if let mainstay_wire::process::Readiness::Fd(number @ 0..3) = process.ready {
        return outside(format!("ready descriptor {number}: they begin at 3"));
    }
    let is_name = |name: &Text| !name.as_bytes().is_empty() && !name.as_bytes().contains(&b'=');
    match process.environment.set.iter().find(|(name, _)| !is_name(name)) {
        Some((name, _)) => outside(format!("{name}, which is no name of a variable")),
        None => Ok(()),
    }
}

fn outside(about: String) -> Result<(), StartError> {
    Err(failed(Step::Settings, about, Errno::INVAL))
}

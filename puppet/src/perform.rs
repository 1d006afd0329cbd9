//! Takes the steps, one after the other.

mod family;
mod files;
mod host;
mod listen;
mod notify;
mod output;
mod own;
mod signals;

use crate::step::{Step, Stream};
use rustix::thread::{NanosleepRelativeResult, nanosleep};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::fmt;
use std::io;
use std::time::Duration;

/// What steps leave for those that follow.
#[derive(Clone, Default)]
pub(crate) struct Puppet {
    seed: u64,
    /// The child started last.
    child: Option<u32>,
}

/// A step that did not come off.
pub(crate) struct Failure {
    step: String,
    why: io::Error,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.step, self.why)
    }
}

impl Puppet {
    /// Takes the steps in order, up to the first that fails.
    pub(crate) fn perform(&mut self, steps: &[Step]) -> Result<(), Failure> {
        for step in steps {
            self.take(step).map_err(|why| Failure { step: format!("{step:?}"), why })?;
        }
        Ok(())
    }

    fn take(&mut self, step: &Step) -> io::Result<()> {
        match step {
            Step::Print { to, text } => output::write_all(*to, self.expand(text).as_bytes()),
            Step::Bytes(bytes) => output::write_all(Stream::Out, bytes),
            Step::Flood { to, bytes, line, write } => {
                output::flood(*to, puppet::Flood::new(self.seed, *bytes, *line), *write)
            }
            Step::Seed(seed) => {
                self.seed = *seed;
                Ok(())
            }
            Step::Exit(code) => leave(*code),
            Step::Abort => abort(),
            Step::Core => {
                signals::allow_core()?;
                abort()
            }
            Step::Signal(signal) => signals::raise(*signal),
            Step::Ignore(signal) => signals::ignore(*signal),
            Step::On(signal, steps) => signals::on(*signal, self.clone(), steps.clone()),
            Step::Hang => loop {
                rustix::event::pause();
            },
            Step::Sleep(seconds) => {
                sleep(Duration::from_secs_f64(*seconds));
                Ok(())
            }
            Step::Cpu(seconds) => {
                burn(*seconds);
                Ok(())
            }
            Step::Leak(bytes) => {
                // Every page is written to: memory that was only asked for costs nothing.
                vec![0xa5_u8; *bytes].leak();
                Ok(())
            }
            Step::Repeat(count, steps) => self.repeat(*count, steps),
            Step::Thread(steps) => {
                let (puppet, steps) = (self.clone(), steps.clone());
                std::thread::Builder::new().spawn(move || puppet.beside(&steps))?;
                Ok(())
            }
            Step::Fork { steps, quiet } => {
                self.child = Some(family::fork(steps, *quiet)?);
                Ok(())
            }
            Step::Daemon { steps, quiet } => family::daemon(steps, *quiet),
            Step::ForkBomb(count) => family::fork_bomb(*count),
            Step::Exec(steps) => Err(family::execute(steps)),
            Step::Wait => family::wait_for_all(),
            Step::Setsid => Ok(rustix::process::setsid().map(drop)?),
            Step::Setpgid => Ok(rustix::process::setpgid(None, None)?),
            Step::Quiet => family::let_go(),
            Step::Touch(path) => files::write(path, "", true),
            Step::Write { path, text, append } => files::write(path, &self.expand(text), *append),
            Step::Lock(path) => files::lock(path),
            Step::Fifo(path) => files::fifo(path),
            Step::AwaitFifo(path) => files::await_fifo(path),
            Step::WaitStdin => files::wait_stdin(),
            Step::StdinEcho => files::echo(),
            Step::ReadFd(number) => files::read_fd(*number),
            Step::WriteFd(number, text) => files::write_fd(*number, &self.expand(text)),
            Step::Args => own::args(),
            Step::Env(name) => own::env(name.as_deref()),
            Step::Pwd => own::pwd(),
            Step::Fds => own::fds(),
            Step::Ids => own::ids(),
            Step::Signals => own::signals(),
            Step::Proc(file) => own::proc(file),
            Step::Tty => own::tty(),
            Step::Notify(text) => notify::send(&self.expand(text), &[]),
            Step::NotifyFd(number) => notify::newline(*number),
            Step::NotifyPidfd => notify::pidfd(self.child),
            Step::Barrier => notify::barrier(),
            Step::Store { name, text } => notify::store(name, &self.expand(text)),
            Step::StorePipe(name) => notify::store_pipe(name),
            Step::Heartbeat { milliseconds, count } => notify::heartbeat(*milliseconds, *count),
            Step::Host(version) => host::serve(self, *version),
            Step::ListenFds => listen::print(),
            Step::ListenServe(count) => listen::serve(*count),
        }
    }

    fn repeat(&mut self, count: u64, steps: &[Step]) -> io::Result<()> {
        for _ in 0..count {
            self.perform(steps).map_err(|failure| io::Error::other(failure.to_string()))?;
        }
        Ok(())
    }

    /// Takes the steps beside the others. When one fails, all of the puppet ends.
    fn beside(mut self, steps: &[Step]) {
        if let Err(failure) = self.perform(steps) {
            crate::failed(&failure);
            let _ = leave(crate::FAILED);
        }
    }

    /// Fills in what stands in braces.
    fn expand(&self, text: &str) -> String {
        if !text.contains('{') {
            return text.to_owned();
        }
        let now = clock_gettime(ClockId::Monotonic);
        text.replace("{pid}", &std::process::id().to_string())
            .replace("{ppid}", &std::os::unix::process::parent_id().to_string())
            .replace("{child}", &self.child.unwrap_or_default().to_string())
            .replace("{usec}", &(now.tv_sec * 1_000_000 + now.tv_nsec / 1_000).to_string())
    }
}

#[expect(clippy::disallowed_methods, reason = "to end at this very point is what was asked for")]
fn leave(code: u8) -> io::Result<()> {
    std::process::exit(code.into())
}

#[expect(clippy::disallowed_methods, reason = "to abort is what was asked for")]
fn abort() -> io::Result<()> {
    std::process::abort()
}

fn sleep(time: Duration) {
    let Ok(mut left) = Timespec::try_from(time) else { return };
    while let NanosleepRelativeResult::Interrupted(rest) = nanosleep(&left) {
        left = rest;
    }
}

fn burn(seconds: f64) {
    let used = || {
        let used = clock_gettime(ClockId::ThreadCPUTime);
        used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
    };
    let end = used() + seconds;
    while used() < end {
        std::hint::spin_loop();
    }
}

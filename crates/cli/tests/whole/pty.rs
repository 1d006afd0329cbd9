//! The program at a terminal of its own, driven as a person would.

use super::harness::Daemon;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A program at a terminal: what it prints is read as it comes, unless nobody is to.
pub(crate) struct Terminal {
    master: OwnedFd,
    /// Kept open, so that the terminal can be looked at once the program has gone.
    slave: OwnedFd,
    program: Child,
    printed: Option<mpsc::Receiver<Vec<u8>>>,
    seen: Vec<u8>,
}

impl Terminal {
    /// Starts `mainstay` with these arguments at a terminal of its own.
    pub(crate) fn start(daemon: &Daemon, arguments: &[&str]) -> Self {
        Self::of(&daemon.command(arguments))
    }

    /// Starts any command at a terminal of its own.
    pub(crate) fn of(command: &Command) -> Self {
        let mut terminal = Self::unread(command);
        let master = rustix::io::dup(&terminal.master).expect("a descriptor");
        let (tell, printed) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 65536];
            // The terminal has gone when the last of its other ends is closed.
            while let Ok(length @ 1..) = rustix::io::read(&master, &mut bytes) {
                if tell.send(bytes[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        terminal.printed = Some(printed);
        terminal
    }

    /// The same, and nobody ever reads what it prints.
    pub(crate) fn start_unread(daemon: &Daemon, arguments: &[&str]) -> Self {
        Self::unread(&daemon.command(arguments))
    }

    fn unread(own: &Command) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).expect("a terminal");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it is new");
        let name = ptsname(&master, Vec::new()).expect("a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = rustix::fs::open(name, flags, Mode::empty()).expect("its other end");
        let size = Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&slave, size).expect("a size");
        let end = || slave.try_clone().expect("a descriptor");
        // So that the terminal is its own, and signals for its window reach it.
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait"]).arg(own.get_program()).args(own.get_args());
        for (name, value) in own.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.current_dir(own.get_current_dir().expect("a folder"));
        command.stdin(end()).stdout(end()).stderr(end());
        let program = command.spawn().expect("it starts");
        Self { master, slave, program, printed: None, seen: Vec::new() }
    }

    /// Types.
    pub(crate) fn types(&self, keys: &[u8]) {
        let mut left = keys;
        while !left.is_empty() {
            let length = rustix::io::write(&self.master, left).expect("the terminal is there");
            left = &left[length..];
        }
    }

    /// Returns whether this is printed within a while.
    pub(crate) fn shows(&mut self, wanted: &str, within: Duration) -> bool {
        let until = Instant::now() + within;
        let printed = self.printed.as_ref().expect("somebody reads");
        while find(&self.seen, wanted.as_bytes()).is_none() {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(bytes) = printed.recv_timeout(left) else { return false };
            self.seen.extend(bytes);
        }
        true
    }

    /// Waits until this is printed, behind all that was waited for before. Returns what came up to its end.
    pub(crate) fn sees(&mut self, wanted: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = find(&self.seen, wanted.as_bytes()) {
                let rest = self.seen.split_off(at + wanted.len());
                let seen = std::mem::replace(&mut self.seen, rest);
                return String::from_utf8_lossy(&seen).into_owned();
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.printed.as_ref().expect("somebody reads").recv_timeout(left) {
                Ok(bytes) => self.seen.extend(bytes),
                Err(_) => {
                    panic!("`{wanted}` is not seen in:\n{}", String::from_utf8_lossy(&self.seen))
                }
            }
        }
    }

    /// Changes the size of its window.
    pub(crate) fn becomes(&self, rows: u16, columns: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.master, size).expect("a size");
    }

    /// Returns whether the terminal hands over lines, as at first, and not each key.
    pub(crate) fn is_as_found(&self) -> bool {
        let modes = tcgetattr(self.slave.as_fd()).expect("a terminal").local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Returns the process of the program itself.
    pub(crate) fn pid(&self) -> u32 {
        let wrapper = self.program.id();
        let path = format!("/proc/{wrapper}/task/{wrapper}/children");
        let children = std::fs::read_to_string(path).unwrap_or_default();
        children.split_whitespace().next().and_then(|pid| pid.parse().ok()).unwrap_or(wrapper)
    }

    /// Waits for the end of the program.
    pub(crate) fn ends(&mut self) -> ExitStatus {
        self.program.wait().expect("it ends")
    }

    pub(crate) fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.program.try_wait()?.is_some())
    }
}

/// Whatever still runs goes with the test.
impl Drop for Terminal {
    fn drop(&mut self) {
        if matches!(self.has_ended(), Ok(false)) {
            super::harness::kill(self.pid());
            let _ = self.program.kill();
            let _ = self.program.wait();
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

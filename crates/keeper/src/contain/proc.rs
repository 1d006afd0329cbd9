//! What `/proc` tells of processes. They write part of it themselves, so every read has an end.

use memchr::memmem;
use rustix::fs::{Dir, FileType, Mode, OFlags, open, openat};
use rustix::io::{Errno, read, retry_on_intr};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use std::fmt::Write as _;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// The most that is read of an environment. The mark stands early in it, unless a process hides it.
const ENVIRONMENT: usize = 1024 * 1024;
/// How long one look waits for all programs that are being executed: long enough for a slow disk.
const EXECUTION: Duration = Duration::from_millis(50);
/// The most that is read of a list of children: a million of them.
const CHILDREN: usize = 8 * 1024 * 1024;

/// One process. The number alone is given again to others; with the start it is not, until the next boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Its number.
    pub pid: u32,
    /// When it began, in the kernel's ticks since boot.
    pub began: u64,
}

impl Id {
    /// Returns who has this number now.
    pub fn of(pid: u32) -> Option<Self> {
        Proc::open().ok()?.stat(pid).map(|stat| stat.id)
    }

    /// Opens the process, if it is still this one. It can be waited for by `poll`, and signalled.
    pub fn open(self) -> Option<OwnedFd> {
        let fd = pidfd_open(raw(self.pid)?, PidfdFlags::empty()).ok()?;
        // Asked after it was opened: a number that had been passed on before tells another start.
        (Self::of(self.pid) == Some(self)).then_some(fd)
    }
}

/// What the kernel tells of a process in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Which.
    pub id: Id,
    /// What it calls itself: up to 15 bytes, any bytes.
    pub name: Vec<u8>,
    /// A letter: `R`, `S`, `D`, `Z`, ...
    pub state: u8,
    /// Its parent.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// How many threads it has.
    pub threads: u32,
}

impl Stat {
    /// Returns whether it has ended and only waits to be reaped. One whose first thread alone has ended
    /// looks the same but for the number of its threads.
    pub fn is_gone(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x') && self.threads <= 1
    }

    /// Reads the line of `/proc/<pid>/stat`.
    pub fn parse(line: &[u8]) -> Option<Self> {
        // The name may hold anything, parentheses and blanks too; nothing behind it holds a parenthesis.
        let open = memchr::memchr(b'(', line)?;
        let close = memchr::memrchr(b')', line)?;
        let name = line.get(open + 1..close)?;
        let mut rest = line[close + 1..].split(u8::is_ascii_whitespace).filter(|f| !f.is_empty());
        let pid = number(line[..open].trim_ascii())?;
        let state = *rest.next()?.first()?;
        let parent = number(rest.next()?)?;
        let group = number(rest.next()?)?;
        let session = number(rest.next()?)?;
        // Fields 7 to 19 are about the terminal and what was used.
        let threads = number(rest.nth(13)?)?;
        let began = number(rest.nth(1)?)?;
        let name = unescaped(name);
        Some(Self { id: Id { pid, began }, name, state, parent, group, session, threads })
    }
}

/// The kernel writes a line break and a backslash of a name as two characters.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut bytes = name.iter();
    while let Some(&byte) = bytes.next() {
        plain.push(match (byte, bytes.as_slice().first()) {
            (b'\\', Some(b'n')) => {
                bytes.next();
                b'\n'
            }
            (b'\\', Some(b'\\')) => {
                bytes.next();
                b'\\'
            }
            (byte, _) => byte,
        });
    }
    plain
}

/// Negative numbers stand for "none" (another pid namespace, no session) and become zero.
fn number<N: TryFrom<i64> + Default>(text: &[u8]) -> Option<N> {
    let number: i64 = str::from_utf8(text).ok()?.parse().ok()?;
    Some(N::try_from(number).unwrap_or_default())
}

fn raw(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

/// An open `/proc`, with the buffers for its files.
#[derive(Debug)]
pub struct Proc {
    dir: OwnedFd,
    path: String,
    bytes: Vec<u8>,
    /// Since when programs that are being executed are waited for.
    waited: Option<Instant>,
}

impl Proc {
    /// Opens `/proc`.
    pub fn open() -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = open("/proc", flags, Mode::empty())?;
        Ok(Self { dir, path: String::new(), bytes: Vec::new(), waited: None })
    }

    /// Returns what the kernel tells of a process; absent: there is none of this number.
    pub fn stat(&mut self, pid: u32) -> Option<Stat> {
        self.read(4096, |path| write!(path, "{pid}/stat")).ok()?;
        Stat::parse(&self.bytes)
    }

    /// Returns what the variable `name` is in the environment that a process was started with; absent: it
    /// has none, or it may not be read.
    pub fn variable(&mut self, pid: u32, name: &str) -> Option<Vec<u8>> {
        self.read(ENVIRONMENT, |path| write!(path, "{pid}/environ")).ok()?;
        while self.bytes.is_empty() && self.is_being_executed(pid) {
            std::thread::yield_now();
            self.read(ENVIRONMENT, |path| write!(path, "{pid}/environ")).ok()?;
        }
        let environment = &self.bytes;
        let starts = memmem::find_iter(environment, name);
        for at in starts {
            let value = at + name.len() + 1;
            let begins = at == 0 || environment[at - 1] == 0;
            if begins && environment.get(value - 1) == Some(&b'=') {
                let value = &environment[value..];
                let end = memchr::memchr(0, value).unwrap_or(value.len());
                return Some(value[..end].to_vec());
            }
        }
        None
    }

    /// Returns whether a process without an environment may have one in a moment: while a program is being
    /// executed it has neither that nor arguments. Whoever hides both is not waited for any longer.
    fn is_being_executed(&mut self, pid: u32) -> bool {
        // What the kernel runs for itself has no program.
        self.path.clear();
        let has_program = write!(self.path, "{pid}/exe").is_ok()
            && rustix::fs::readlinkat(&self.dir, self.path.as_str(), Vec::new()).is_ok();
        if !has_program || self.waited.get_or_insert_with(Instant::now).elapsed() > EXECUTION {
            return false;
        }
        let read = self.read(1, |path| write!(path, "{pid}/cmdline"));
        // With arguments there is an environment: it was empty at a moment before.
        read.is_ok() && (self.bytes.is_empty() || self.has_come(pid))
    }

    /// Returns whether there is an environment after all.
    fn has_come(&mut self, pid: u32) -> bool {
        let read = self.read(1, |path| write!(path, "{pid}/environ"));
        read.is_ok() && !self.bytes.is_empty()
    }

    /// Appends the children of a process, those of all its threads. An error of [`Errno::NOENT`] can also
    /// mean that this kernel does not tell.
    pub fn children(&mut self, pid: u32, threads: u32, out: &mut Vec<u32>) -> io::Result<()> {
        if threads == 1 {
            // The only thread has the number of the process.
            self.read(CHILDREN, |path| write!(path, "{pid}/task/{pid}/children"))?;
            numbers(&self.bytes, out);
            return Ok(());
        }
        self.path.clear();
        let _ = write!(self.path, "{pid}/task");
        for tid in folders(openat(&self.dir, self.path.as_str(), FOLDER, Mode::empty())?)? {
            match self.read(CHILDREN, |path| write!(path, "{pid}/task/{tid}/children")) {
                Ok(()) => numbers(&self.bytes, out),
                Err(error) if tid == pid => return Err(error),
                // This thread has ended; another one inherited its children.
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Returns the numbers of all processes.
    pub fn all(&self) -> io::Result<Vec<u32>> {
        folders(openat(&self.dir, ".", FOLDER, Mode::empty())?)
    }

    /// Reads a file into the buffer, up to `bound` bytes.
    fn read(
        &mut self,
        bound: usize,
        path: impl FnOnce(&mut String) -> std::fmt::Result,
    ) -> io::Result<()> {
        self.path.clear();
        path(&mut self.path).map_err(io::Error::other)?;
        self.bytes.clear();
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = openat(&self.dir, self.path.as_str(), flags, Mode::empty())?;
        read_all(file, bound, &mut self.bytes)
    }
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Appends what a file holds to `bytes`, up to `bound` bytes.
pub(super) fn read_all(file: impl AsFd, bound: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut length = bytes.len();
    let bound = length.saturating_add(bound);
    loop {
        bytes.resize((length + 16 * 1024).min(bound), 0);
        let count = retry_on_intr(|| read(&file, &mut bytes[length..]))?;
        length += count;
        if count == 0 || length >= bound {
            bytes.truncate(length);
            return Ok(());
        }
    }
}

/// Reads the numbers that a file of them holds. What is none is left out.
pub(super) fn numbers(bytes: &[u8], out: &mut Vec<u32>) {
    let words = bytes.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    out.extend(words.filter_map(|word| {
        word.iter().try_fold(0_u32, |number, digit| match digit {
            b'0'..=b'9' => number.checked_mul(10)?.checked_add(u32::from(digit - b'0')),
            _ => None,
        })
    }));
}

/// The folders whose name is a number.
fn folders(dir: OwnedFd) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in Dir::new(dir)? {
        let entry = entry?;
        if entry.file_type() == FileType::Directory {
            numbers(entry.file_name().to_bytes(), &mut found);
        }
    }
    Ok(found)
}

/// What became of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is delivered.
    Yes,
    /// The process is gone.
    Gone,
    /// It is not ours to signal.
    Refused,
}

/// Sends a signal to a process, and to no other that has its number meanwhile.
pub fn signal(id: Id, signal: Signal) -> Sent {
    let Some(pid) = raw(id.pid) else { return Sent::Gone };
    let sent = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(_) if Id::of(id.pid) != Some(id) => return Sent::Gone,
        Ok(fd) => pidfd_send_signal(fd, signal),
        Err(Errno::SRCH) => return Sent::Gone,
        // No descriptors left, or a kernel without pidfds: the moment between the two calls is the risk.
        Err(_) if Id::of(id.pid) != Some(id) => return Sent::Gone,
        Err(_) => kill_process(pid, signal),
    };
    match sent {
        Ok(()) => Sent::Yes,
        Err(Errno::SRCH) => Sent::Gone,
        Err(_) => Sent::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whatever_the_name_holds() {
        let tail = "S 1 42 40 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 3 0 2414934 4063232";
        for (written, name) in [
            ("sh", "sh"),
            (") (", ") ("),
            (") S 7 7 7 (x", ") S 7 7 7 (x"),
            ("a\\nb\\\\c", "a\nb\\c"),
            ("", ""),
        ] {
            let stat = Stat::parse(format!("42 ({written}) {tail}\n").as_bytes()).expect(written);
            assert_eq!(stat.id, Id { pid: 42, began: 2_414_934 });
            assert_eq!(stat.name, name.as_bytes());
            assert_eq!((stat.state, stat.parent, stat.group, stat.session), (b'S', 1, 42, 40));
            assert_eq!(stat.threads, 3);
            assert!(!stat.is_gone());
        }
    }

    #[test]
    fn a_broken_line_is_none() {
        for line in ["", "42", "42 (a", "42 (a)", "42 )a( S 1", "x (a) S 1 2 3", "42 (a) S 1 2 3 0"]
        {
            assert_eq!(Stat::parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn the_own_process_is_found() {
        let mut proc = Proc::open().expect("/proc");
        let pid = std::process::id();
        let stat = proc.stat(pid).expect("own line");
        assert_eq!(Some(stat.id), Id::of(pid));
        assert!(proc.all().expect("all").contains(&pid));
        assert!(stat.id.open().is_some());
        assert!(Id { began: stat.id.began + 1, ..stat.id }.open().is_none());
        assert_eq!(signal(Id { began: stat.id.began + 1, ..stat.id }, Signal::KILL), Sent::Gone);
    }
}

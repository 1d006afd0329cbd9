//! An output plane, and a keeper's thread that only listens to it.

use mainstay_keeper::output::{Last, Outputs, Source, Told};
use mainstay_wire::keeper::Key;
use mainstay_wire::process::{Log, Output};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::OwnedFd;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take before the test has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Plane {
    pub(crate) outputs: Outputs,
    wake: Arc<OwnedFd>,
    told: Vec<Told>,
    pub(crate) folder: TempDir,
}

impl Plane {
    pub(crate) fn new() -> Self {
        Self::with(Outputs::new)
    }

    pub(crate) fn with(make: impl FnOnce(Arc<OwnedFd>) -> std::io::Result<Outputs>) -> Self {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).expect("an eventfd");
        let wake = Arc::new(wake);
        let outputs = make(Arc::clone(&wake)).expect("threads");
        Self { outputs, wake, told: Vec::new(), folder: tempfile::tempdir().expect("a folder") }
    }

    /// Puts another output plane in the place of this one.
    pub(crate) fn replace(&mut self, make: impl FnOnce(Outputs, Arc<OwnedFd>) -> Outputs) {
        let spare = Arc::clone(&self.wake);
        let idle = Outputs::new(Arc::clone(&spare)).expect("threads");
        let old = std::mem::replace(&mut self.outputs, idle);
        self.outputs = make(old, spare);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("the file is there")
    }

    /// Waits until something is told for which `wanted` has an answer.
    pub(crate) fn until<T>(&mut self, mut wanted: impl FnMut(&Told) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            let found =
                self.told.iter().enumerate().find_map(|(at, news)| Some((at, wanted(news)?)));
            if let Some((at, found)) = found {
                self.told.remove(at);
                return found;
            }
            let left = PATIENCE.saturating_sub(begun.elapsed());
            assert!(!left.is_zero(), "nothing of the kind was told: {:?}", self.told);
            self.listen(left);
        }
    }

    /// Waits until the file is there and holds what is wanted.
    pub(crate) fn until_file(&self, name: &str, mut wanted: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
        let watch = Watch::new(self.folder.path());
        loop {
            let held = fs::read(self.path(name));
            match held {
                Ok(held) if wanted(&held) => return held,
                held => watch.wait(&held.unwrap_or_default()),
            }
        }
    }

    /// Waits until the wall clock has passed a moment.
    pub(crate) fn until_clock(&self, moment: Duration) {
        use rustix::time::{ClockId, clock_gettime};
        let now = || {
            let now = clock_gettime(ClockId::Realtime);
            Duration::new(
                u64::try_from(now.tv_sec).expect("after the epoch"),
                u32::try_from(now.tv_nsec).expect("below a second"),
            )
        };
        while now() <= moment {
            std::hint::spin_loop();
        }
    }

    fn listen(&mut self, most: Duration) {
        wait_for(&self.wake, PollFlags::IN, most);
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
        self.outputs.told(&mut self.told);
    }

    /// Takes everything that has been told.
    pub(crate) fn told(&mut self) -> Vec<Told> {
        self.outputs.told(&mut self.told);
        std::mem::take(&mut self.told)
    }

    /// Begins a run with one pipe; returns the end that the child writes to.
    pub(crate) fn merged(&mut self, key: &Key, output: &Output) -> OwnedFd {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
        self.outputs.begin(key, Source::Merged(read), None, output, None).expect("it begins");
        write
    }

    /// Begins a run with a pipe for each output.
    pub(crate) fn apart(&mut self, key: &Key, output: &Output) -> (OwnedFd, OwnedFd) {
        let (out, out_end) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
        let (err, err_end) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
        let source = Source::Apart { out, err };
        self.outputs.begin(key, source, None, output, None).expect("it begins");
        (out_end, err_end)
    }

    /// Ends a run and waits until it has been read to its end.
    pub(crate) fn finish(&mut self, of: &Key) -> Last {
        if let Some(last) = self.outputs.finish(of) {
            return last;
        }
        self.until(|news| match news {
            Told::Drained { key, last } if key == of => Some(last.clone()),
            _ => None,
        })
    }

    pub(crate) fn log(&self, name: &str) -> Log {
        Log { path: (&*self.path(name)).into(), stamps: false, ..Log::default() }
    }
}

/// Wakes when something in a folder changes.
pub(crate) struct Watch {
    fd: OwnedFd,
    begun: Instant,
}

impl Watch {
    pub(crate) fn new(folder: &Path) -> Self {
        use rustix::fs::inotify;
        let fd = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
            .expect("an inotify");
        let wanted = inotify::WatchFlags::MODIFY
            | inotify::WatchFlags::CREATE
            | inotify::WatchFlags::DELETE
            | inotify::WatchFlags::MOVE;
        inotify::add_watch(&fd, folder, wanted).expect("a watch");
        Self { fd, begun: Instant::now() }
    }

    pub(crate) fn wait(&self, held: &[u8]) {
        let left = PATIENCE.saturating_sub(self.begun.elapsed());
        let shown = String::from_utf8_lossy(&held[held.len().saturating_sub(500)..]);
        assert!(!left.is_zero(), "it did not come to hold what is wanted: {shown}");
        wait_for(&self.fd, PollFlags::IN, left);
        let _ = rustix::io::read(&self.fd, &mut [0; 4096]);
    }
}

/// Waits for a descriptor; returns whether it came.
pub(crate) fn wait_for(fd: &OwnedFd, what: PollFlags, most: Duration) -> bool {
    let most = Timespec {
        tv_sec: i64::try_from(most.as_secs()).expect("a short time"),
        tv_nsec: i64::from(most.subsec_nanos()),
    };
    poll(&mut [PollFd::new(fd, what)], Some(&most)).expect("poll works") > 0
}

pub(crate) fn key(child: &str, run: u64) -> Key {
    Key { child: child.into(), run }
}

pub(crate) fn output(log: Log) -> Output {
    Output { log: Some(log), ..Output::default() }
}

/// Starts a shell that prints into the pipe.
pub(crate) fn shell(script: &str, to: OwnedFd) -> Child {
    let both = to.try_clone().expect("a descriptor");
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdin(Stdio::null()).stdout(to).stderr(both);
    command.spawn().expect("a shell")
}

/// A log that is a pipe which nobody reads before the test does: a disk that stands still.
pub(crate) fn stuck_log(plane: &Plane) -> (Log, OwnedFd) {
    let log = plane.log("stuck.log");
    let path = log.path.as_path();
    rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, Mode::RWXU, 0).expect("a fifo");
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let reader = rustix::fs::open(path, flags, Mode::empty()).expect("a reader");
    (log, reader)
}

/// Writes all of it, waiting where that is needed.
pub(crate) fn write(to: &OwnedFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let written = rustix::io::write(to, bytes).expect("it is written");
        bytes = &bytes[written..];
    }
}

/// Numbers that a seed decides (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).expect("it is below")
    }

    /// Returns bytes with newlines, zeros and what is no UTF-8 among them.
    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let letters = b"abc \r\n\0\xff\xc3\xa9\"\\";
        (0..length).map(|_| letters[self.below(letters.len())]).collect()
    }
}

//! Reads several logs at once, on a thread that sleeps until the kernel says that something has changed.

use super::MOST_LINES;
use super::line::Lines;
use mainstay_keeper::output::log::{From, Reader};
use mainstay_wire::api::LogLine;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc;

/// Lines that wait for a slow reader; then the log itself is what remembers.
const AHEAD: usize = 256;

/// Whose log, and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) path: String,
    pub(crate) file: PathBuf,
}

/// What a reader of logs is told.
#[derive(Debug)]
pub(crate) enum Told {
    Line(LogLine),
    /// Files of this child were gone before they were read.
    Missed(String),
}

/// Returns the last lines of each log, in order of time as far as they have stamps.
pub(super) fn last(logs: &[Log], from: &From, most: usize) -> io::Result<Vec<LogLine>> {
    let mut all = Vec::new();
    for log in logs {
        all.extend(last_of(log, from, most)?);
    }
    sort(&mut all);
    Ok(all)
}

fn last_of(log: &Log, from: &From, most: usize) -> io::Result<VecDeque<LogLine>> {
    let most = most.min(usize::try_from(MOST_LINES).unwrap_or(usize::MAX));
    let mut kept = VecDeque::new();
    let mut keep = |line| {
        if kept.len() >= most {
            kept.pop_front();
        }
        if most > 0 {
            kept.push_back(line);
        }
    };
    let (mut reader, mut lines, mut bytes) = (open(log, from)?, Lines::default(), Vec::new());
    while reader.read(&mut bytes)? > 0 {
        lines.take(&log.path, &bytes, &mut keep);
        bytes.clear();
    }
    lines.end(&log.path, &mut keep);
    Ok(kept)
}

fn open(log: &Log, from: &From) -> io::Result<Reader> {
    let told =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", log.file.display()));
    Reader::open(&log.file, from.clone()).map_err(told)
}

/// Puts lines in order of time; a line without a stamp stays behind the one it came after.
fn sort(lines: &mut Vec<LogLine>) {
    let (mut path, mut last) = (String::new(), i64::MIN);
    let mut keyed: Vec<(i64, LogLine)> = Vec::with_capacity(lines.len());
    for line in lines.drain(..) {
        if line.path != path {
            path.clone_from(&line.path);
            last = i64::MIN;
        }
        last = line.at.unwrap_or(last);
        keyed.push((last, line));
    }
    keyed.sort_by_key(|(at, _)| *at);
    lines.extend(keyed.into_iter().map(|(_, line)| line));
}

/// Hands over what a thread reads; the thread ends when this is dropped.
pub(crate) struct Following {
    told: mpsc::Receiver<Told>,
    stop: Arc<OwnedFd>,
}

impl Following {
    pub(crate) async fn recv(&mut self) -> Option<Told> {
        self.told.recv().await
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.told.close();
        // A counter that cannot be raised is raised already.
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
    }
}

/// Reads the logs from here on. Unless it `follows`, it comes to an end at their ends.
pub(super) fn follow(
    logs: Vec<Log>,
    from: From,
    most: usize,
    follows: bool,
) -> io::Result<Following> {
    let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let (tell, told) = mpsc::channel(AHEAD);
    let following = Following { told, stop: Arc::clone(&stop) };
    let mut readers = Vec::new();
    for log in logs {
        // What is there already is told in order of time, and what comes as it comes.
        let reader = open(&log, &from)?;
        readers.push(Follow { log, reader, lines: Lines::default(), has_told: false });
    }
    let body = move || {
        // Nobody listens any more, or the kernel has no more watches: the stream ends, and the client begins anew.
        let _ = run(readers, &tell, &stop, most, follows);
    };
    thread::Builder::new().name("mainstay-logs".into()).spawn(body)?;
    Ok(following)
}

struct Follow {
    log: Log,
    reader: Reader,
    lines: Lines,
    has_told: bool,
}

impl Follow {
    /// Reads what there is, and hands over each line.
    fn read(&mut self, tell: &mut dyn FnMut(LogLine)) -> io::Result<bool> {
        let mut bytes = Vec::new();
        let length = self.reader.read(&mut bytes)?;
        self.lines.take(&self.log.path, &bytes, tell);
        Ok(length > 0)
    }
}

fn run(
    mut readers: Vec<Follow>,
    tell: &mpsc::Sender<Told>,
    stop: &OwnedFd,
    most: usize,
    follows: bool,
) -> io::Result<()> {
    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    let mut first = Vec::new();
    for reader in &mut readers {
        let mut kept = VecDeque::new();
        let mut keep = |line| {
            kept.push_back(line);
            if kept.len() > most {
                kept.pop_front();
            }
        };
        while reader.read(&mut keep)? {}
        if !follows {
            reader.lines.end(&reader.log.path, &mut keep);
        }
        first.extend(kept);
    }
    sort(&mut first);
    for line in first {
        tell.blocking_send(Told::Line(line)).map_err(gone)?;
    }
    if !follows {
        return Ok(());
    }
    loop {
        for reader in &mut readers {
            // The first call begins the watch: what came before it is read by the rounds below.
            reader.reader.descriptor()?;
            let mut is_open = true;
            let mut send = |line| is_open &= tell.blocking_send(Told::Line(line)).is_ok();
            while reader.read(&mut send)? {}
            if !is_open {
                return Ok(());
            }
            if reader.reader.has_missed() && !reader.has_told {
                reader.has_told = true;
                let path = reader.log.path.clone();
                tell.blocking_send(Told::Missed(path)).map_err(gone)?;
            }
        }
        if sleep(&mut readers, stop)? {
            return Ok(());
        }
    }
}

/// Sleeps until there may be something to read. Returns whether nobody listens any more.
fn sleep(readers: &mut [Follow], stop: &OwnedFd) -> io::Result<bool> {
    let has_stopped = {
        let mut fds = vec![PollFd::new(stop, PollFlags::IN)];
        for reader in readers.iter_mut() {
            fds.push(PollFd::from_borrowed_fd(reader.reader.descriptor()?, PollFlags::IN));
        }
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        !fds[0].revents().is_empty()
    };
    for reader in readers {
        reader.reader.wait(Some(Duration::ZERO))?;
    }
    Ok(has_stopped)
}

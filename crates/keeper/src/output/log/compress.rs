//! Compresses older files of logs, on a thread that gives way to everybody else.

use super::files::{self, COMMENT};
use super::older::{self, Older};
use crate::output::board::{Board, lock};
use flate2::{Compression, GzBuilder};
use mainstay_wire::process::Log as Settings;
use rustix::fs::{Timestamps, futimens};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// How many bytes are compressed between two looks whether it is time to stop.
const PORTION: usize = 64 * 1024;

/// The older files of one log that are to be compressed.
struct Job {
    child: Arc<str>,
    settings: Settings,
    older: Older,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    is_running: bool,
    thread: Option<JoinHandle<()>>,
}

/// The queue of logs with files to compress. There is a thread for it only while it is not empty.
pub(in crate::output) struct Compressor {
    queue: Mutex<Queue>,
    board: Arc<Board>,
    is_stopped: AtomicBool,
}

impl Compressor {
    pub(in crate::output) fn new(board: Arc<Board>) -> Self {
        Self { queue: Mutex::default(), board, is_stopped: AtomicBool::new(false) }
    }

    /// Compresses every older file of this log that is not compressed yet: what a keeper that died had
    /// begun is begun anew with the next rotation.
    pub(in crate::output) fn submit(
        self: &Arc<Self>,
        child: &Arc<str>,
        settings: &Settings,
        older: &Older,
    ) {
        let mut queue = lock(&self.queue);
        if queue.jobs.iter().any(|job| job.settings.path == settings.path) {
            return;
        }
        let (child, settings, older) = (Arc::clone(child), settings.clone(), older.clone());
        queue.jobs.push_back(Job { child, settings, older });
        if !queue.is_running {
            let compressor = Arc::clone(self);
            let thread = std::thread::Builder::new()
                .name("compress".to_owned())
                .spawn(move || compressor.work());
            // Without a thread the jobs wait for the next rotation of any log.
            queue.is_running = thread.is_ok();
            queue.thread = thread.ok();
        }
    }

    /// Stops within a portion. What is not done is found by the next rotation.
    pub(in crate::output) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        let thread = lock(&self.queue).thread.take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    fn work(&self) {
        // Where the system refuses it, it works at the priority of the others.
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 19);
        loop {
            let job = {
                let mut queue = lock(&self.queue);
                let job = queue.jobs.pop_front();
                if job.is_none() || self.is_stopped.load(Ordering::Acquire) {
                    queue.is_running = false;
                    return;
                }
                job
            };
            if let Some(job) = job
                && let Err(error) = self.compress_all(&job)
            {
                let what =
                    format!("cannot compress the older files of its log {}", job.settings.path);
                self.board.trouble(&job.child, what, error.raw_os_error().unwrap_or_default());
            }
        }
    }

    fn compress_all(&self, job: &Job) -> io::Result<()> {
        let path = job.settings.path.as_path();
        for number in 1..=job.settings.keep {
            if self.is_stopped.load(Ordering::Acquire) {
                break;
            }
            match File::open(older::plain(path, number)) {
                Ok(file) => self.compress(job, file)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Compresses one file beside it. It takes the place of the plain one under whatever number that has
    /// by then; a crash before leaves a `.gz.tmp` that the next one overwrites.
    fn compress(&self, job: &Job, mut from: File) -> io::Result<()> {
        let path = job.settings.path.as_path();
        let unfinished = older::unfinished(path);
        let about = from.metadata()?;
        let to = File::create(&unfinished)?;
        to.set_permissions(about.permissions())?;
        // It says which file it was, so that a reader finds the place it was at.
        let mut to = GzBuilder::new()
            .comment(format!("{COMMENT}{}", files::identity(&about)))
            .write(to, Compression::fast());
        let mut portion = vec![0; PORTION];
        loop {
            if self.is_stopped.load(Ordering::Acquire) {
                older::remove(&unfinished)?;
                return Ok(());
            }
            match from.read(&mut portion) {
                Ok(0) => break,
                Ok(length) => to.write_all(&portion[..length])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let to = to.finish()?;
        let modified = rustix::fs::Timespec { tv_sec: about.mtime(), tv_nsec: about.mtime_nsec() };
        futimens(&to, &Timestamps { last_access: modified, last_modification: modified })?;
        to.sync_all()?;
        job.older.hold(|| {
            let number = (1..=job.settings.keep).find(|number| {
                std::fs::symlink_metadata(older::plain(path, *number))
                    .is_ok_and(|found| (found.dev(), found.ino()) == (about.dev(), about.ino()))
            });
            match number {
                Some(number) => {
                    crate::fault::point("log.compressed");
                    std::fs::rename(&unfinished, older::compressed(path, number))?;
                    crate::fault::point("log.placed");
                    older::remove(&older::plain(path, number))?;
                }
                // It has gone the way of the oldest meanwhile.
                None => {
                    older::remove(&unfinished)?;
                }
            }
            Ok(())
        })
    }
}

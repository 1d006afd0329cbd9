//! The log of a child as the threads of the output plane share it.

use super::board::lock;
use super::log::file::Log;
use super::run::Run;
use mainstay_wire::process::Log as Settings;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// A log, and what is asked of it while somebody may be stuck in a write to it.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) child: Arc<str>,
    log: Mutex<Log>,
    /// What it is written to be, also while somebody is stuck in it.
    settings: Mutex<Settings>,
    /// A thread is stuck in a write: nobody else may wait for the lock.
    is_stalled: AtomicBool,
    /// Runs that are not read from until something has been written.
    waiting: Mutex<Vec<Arc<Run>>>,
    must_reopen: AtomicBool,
    change: Mutex<Option<Settings>>,
}

impl Sheet {
    pub(super) fn new(child: Arc<str>, log: Log) -> Self {
        Self {
            child,
            settings: Mutex::new(log.settings().clone()),
            log: Mutex::new(log),
            is_stalled: AtomicBool::new(false),
            waiting: Mutex::default(),
            must_reopen: AtomicBool::new(false),
            change: Mutex::default(),
        }
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.is_stalled.load(Ordering::SeqCst)
    }

    pub(super) fn set_stalled(&self, is_stalled: bool) {
        self.is_stalled.store(is_stalled, Ordering::SeqCst);
    }

    /// Locks the log, with everything done that was asked for meanwhile.
    pub(super) fn open(&self) -> MutexGuard<'_, Log> {
        let mut log = lock(&self.log);
        if self.must_reopen.swap(false, Ordering::AcqRel) {
            log.reopen();
        }
        if let Some(settings) = lock(&self.change).take() {
            log.change(settings);
        }
        log
    }

    /// Locks the log, unless somebody has it.
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, Log>> {
        self.log.try_lock().ok()
    }

    /// Asks for the file to be opened again before the next write.
    pub(super) fn ask_reopen(&self) {
        self.must_reopen.store(true, Ordering::Release);
    }

    /// Asks for new settings from the next write on.
    pub(super) fn ask_change(&self, settings: Settings) {
        lock(&self.settings).clone_from(&settings);
        *lock(&self.change) = Some(settings);
    }

    pub(super) fn settings(&self) -> Settings {
        lock(&self.settings).clone()
    }

    pub(super) fn wait(&self, run: &Arc<Run>) {
        let mut waiting = lock(&self.waiting);
        if !waiting.iter().any(|other| Arc::ptr_eq(other, run)) {
            waiting.push(Arc::clone(run));
        }
    }

    pub(super) fn take_waiting(&self) -> Vec<Arc<Run>> {
        std::mem::take(&mut lock(&self.waiting))
    }
}

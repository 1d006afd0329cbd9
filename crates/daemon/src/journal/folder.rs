//! The folder of a journal: how its files are called, and the lock that keeps a second writer out.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::OpenError;

/// Cut tails and unreadable snapshots that are kept beside the segments; older ones are removed.
const LOST_MOST: usize = 8;

/// A higher number in a name is none that a journal has given.
const NUMBER_MOST: u64 = 1 << 62;

/// Names the files of one journal.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

/// Held while a journal is open for writing; the kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    folder: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A process that is just being started may hold a duplicate of the file, and with it the lock.
        let _ = self.folder.unlock();
    }
}

/// What stands in a folder, each by the number in its name and in order.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) segments: Vec<u64>,
    pub(super) snapshots: Vec<u64>,
    pub(super) lost: Vec<PathBuf>,
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the segment whose first record has this number.
    pub(super) fn segment(&self, first: u64) -> PathBuf {
        self.0.join(format!("{first:020}.seg"))
    }

    /// Returns the snapshot of the state after this record.
    pub(super) fn snapshot(&self, upto: u64) -> PathBuf {
        self.0.join(format!("{upto:020}.snap"))
    }

    /// Returns where a snapshot is written before it has its name.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.0.join("snapshot.tmp")
    }

    /// Makes the folder if it is missing, for its owner alone.
    pub(super) fn make(&self) -> Result<(), OpenError> {
        let fail = |step, source| OpenError::Folder { folder: self.0.clone(), step, source };
        match fs::metadata(&self.0) {
            Ok(found) if found.is_dir() => return Ok(()),
            Ok(_) => return Err(OpenError::NotAFolder { path: self.0.clone() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(fail("looking at it", error)),
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
        made.map_err(|error| fail("making it", error))?;
        // Without it the folder itself could be missing after a power failure.
        if let Some(parent) = self.0.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            let _ = File::open(parent).and_then(|parent| parent.sync_all());
        }
        Ok(())
    }

    /// Keeps every other writer out, or says who is in. The folder itself is locked, so that a full disk cannot
    /// prevent it; `lock` only says by whom. The text returned says why it could not be written.
    pub(super) fn lock(&self, owner: &str) -> Result<(Lock, Option<String>), OpenError> {
        let fail = |step, source| OpenError::Folder { folder: self.0.clone(), step, source };
        let folder = File::open(&self.0).map_err(|error| fail("opening it", error))?;
        match folder.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::Locked { folder: self.0.clone(), by: self.holder() });
            }
            Err(TryLockError::Error(error)) => return Err(fail("locking it", error)),
        }
        let path = self.0.join("lock");
        let said = format!("{} {owner}\n", std::process::id());
        let written = File::create(&path).and_then(|mut file| file.write_all(said.as_bytes()));
        let report = match written {
            Ok(()) => None,
            Err(error) if forbids(&error) => return Err(fail("writing to it", error)),
            Err(error) => Some(format!("`{}` cannot be written: {error}", path.display())),
        };
        Ok((Lock { folder }, report))
    }

    /// Returns who says to hold the lock, in words.
    fn holder(&self) -> String {
        let said = fs::read_to_string(self.0.join("lock")).unwrap_or_default();
        match said.trim().split_once(' ') {
            Some((pid, name)) => format!("`{name}` with pid {pid}"),
            None => "a process that does not say who it is".to_owned(),
        }
    }

    /// Returns what stands in the folder. Other files are left alone.
    pub(super) fn contents(&self) -> io::Result<Contents> {
        let mut contents = Contents::default();
        for entry in fs::read_dir(&self.0)? {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else { continue };
            let numbered = |suffix| {
                let digits = name.strip_suffix(suffix)?;
                let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
                let number: u64 = plain.then(|| digits.parse().ok()).flatten()?;
                (number <= NUMBER_MOST).then_some(number)
            };
            if let Some(first) = numbered(".seg") {
                contents.segments.push(first);
            } else if let Some(upto) = numbered(".snap") {
                contents.snapshots.push(upto);
            } else if name.starts_with("lost-") {
                contents.lost.push(self.0.join(name));
            }
        }
        contents.segments.sort_unstable();
        contents.snapshots.sort_unstable();
        contents.lost.sort_unstable();
        Ok(contents)
    }

    /// Puts aside what cannot be used: the path says which number it was found at. Of older ones few are kept.
    pub(super) fn put_aside(&self, seq: u64, suffix: &str, bytes: &[u8]) -> io::Result<PathBuf> {
        let mut again = 0;
        let (path, mut file) = loop {
            let path = self.0.join(match again {
                0 => format!("lost-{seq:020}.{suffix}"),
                _ => format!("lost-{seq:020}-{again}.{suffix}"),
            });
            match File::create_new(&path) {
                Ok(file) => break (path, file),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => again += 1,
                Err(error) => return Err(error),
            }
        };
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        if let Err(error) = written {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        let lost = self.contents()?.lost;
        let others = lost.iter().filter(|other| **other != path);
        for old in others.take(lost.len().saturating_sub(LOST_MOST)) {
            let _ = fs::remove_file(old);
        }
        self.sync()?;
        Ok(path)
    }

    /// Makes names that were given or taken away last.
    pub(super) fn sync(&self) -> io::Result<()> {
        match File::open(&self.0)?.sync_all() {
            // There are file systems that cannot, and no better way on them.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            synced => synced,
        }
    }
}

/// Returns whether somebody forbids it, as opposed to a disk that is full or broken.
fn forbids(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

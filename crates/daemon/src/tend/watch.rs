//! Children that are restarted when a file changes.

use super::is_like;
use super::schedule::is_held;
use mainstay::{AskError, Brief, Handle, Standing};
use mainstay_wire::spec::Watch;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until};

/// Restarts children when one of their files changes, until the tree ends.
pub(super) async fn keep(handle: Handle, files: Files) {
    // Who is restarted when, and because of what.
    let mut due: BTreeMap<String, (Instant, PathBuf)> = BTreeMap::new();
    loop {
        let next = due.values().map(|(at, _)| *at).min();
        let quiet = async {
            match next {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = files.changed() => match changed {
                Ok(changes) => {
                    for change in changes {
                        files.due(&change, &mut due);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "files are no longer watched");
                    return;
                }
            },
            () = quiet => {
                let now = Instant::now();
                let (over, rest): (BTreeMap<_, _>, BTreeMap<_, _>) =
                    std::mem::take(&mut due).into_iter().partition(|(_, (at, _))| *at <= now);
                due = rest;
                for (child, (_, file)) in over {
                    if restart(&handle, &child, &file).await.is_err() && !handle.is_alive() {
                        return;
                    }
                }
            }
        }
    }
}

async fn restart(handle: &Handle, child: &str, file: &Path) -> Result<(), AskError> {
    let view = handle.child(child).await?;
    let file = file.display();
    let is_down = view.run.is_none() && view.standing != Standing::Waiting;
    if is_held(&view) || is_down {
        tracing::info!(child, %file, "a file of it has changed, and it is down");
        return Ok(());
    }
    let why = format!("{file} has changed");
    if let Err(error) = handle.by("watch").restart(child, why).await {
        tracing::warn!(child, %error, "it is not restarted at the change of a file");
    }
    Ok(())
}

/// What has changed.
#[derive(Debug)]
enum Change {
    File(PathBuf),
    /// More than the kernel could tell.
    Anything,
}

/// The watched folders. A file is watched by its folder, for editors and tools put another file in its place.
pub(super) struct Files {
    inotify: AsyncFd<OwnedFd>,
    folders: BTreeMap<i32, PathBuf>,
    watches: BTreeMap<String, Watch>,
}

impl Files {
    /// Begins to watch. What changes from now on is seen.
    pub(super) fn of(watches: BTreeMap<String, Watch>) -> std::io::Result<Self> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let mut files =
            Self { inotify: super::wall::readable(inotify)?, folders: BTreeMap::new(), watches };
        let paths: Vec<(String, PathBuf)> = files
            .watches
            .iter()
            .flat_map(|(child, watch)| watch.paths.iter().map(|path| (child.clone(), path.clone())))
            .collect();
        for (child, path) in paths {
            let folder = if path.is_dir() { Some(path.as_path()) } else { path.parent() };
            if let Err(error) = files.watch(folder.unwrap_or_else(|| Path::new("/"))) {
                let path = path.display();
                tracing::warn!(child, %path, %error, "it is not restarted when this changes");
            }
        }
        Ok(files)
    }

    fn watch(&mut self, folder: &Path) -> std::io::Result<()> {
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::DELETE;
        let number = inotify::add_watch(self.inotify.get_ref(), folder, flags)?;
        self.folders.insert(number, folder.to_path_buf());
        Ok(())
    }

    /// Waits for changes, and returns those that are known by then.
    async fn changed(&self) -> std::io::Result<Vec<Change>> {
        let mut ready = self.inotify.readable().await?;
        let mut changes = Vec::new();
        let mut buffer = [MaybeUninit::<u8>::uninit(); 4_096];
        let mut reader = inotify::Reader::new(self.inotify.get_ref(), &mut buffer);
        loop {
            match reader.next() {
                Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => {
                    changes.push(Change::Anything);
                }
                Ok(event) => {
                    let folder = self.folders.get(&event.wd());
                    if let (Some(folder), Some(name)) = (folder, event.file_name()) {
                        let name = OsStr::from_bytes(name.to_bytes());
                        changes.push(Change::File(folder.join(name)));
                    }
                }
                Err(rustix::io::Errno::AGAIN) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        ready.clear_ready();
        Ok(changes)
    }

    /// Notes whom a change concerns.
    fn due(&self, change: &Change, due: &mut BTreeMap<String, (Instant, PathBuf)>) {
        for (child, watch) in &self.watches {
            let file = match change {
                Change::File(file) => {
                    watch.paths.iter().any(|path| concerns(path, file)).then_some(file)
                }
                Change::Anything => watch.paths.first(),
            };
            if let Some(file) = file {
                tracing::debug!(child, file = %file.display(), "changed; restarted in {}", Brief(watch.debounce));
                due.insert(child.clone(), (Instant::now() + watch.debounce, file.clone()));
            }
        }
    }
}

/// Returns whether a change of this file is one of that path: the file, one in that folder, or one that is called so.
fn concerns(path: &Path, file: &Path) -> bool {
    if path == file {
        // A file that is gone is nothing to begin anew with; what takes its place is another change.
        return file.exists();
    }
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let (Some(last), Some(named)) = (name(path), name(file)) else { return false };
    if named.starts_with('.') || named.ends_with('~') {
        return false;
    }
    let is_within = file.parent() == Some(path);
    let is_called =
        file.parent() == path.parent() && last.contains(['*', '?']) && is_like(&named, &last);
    is_within || is_called
}

#[cfg(test)]
mod tests {
    use super::concerns;
    use std::path::Path;

    #[test]
    fn folders_and_patterns_stand_for_files() {
        let here = std::env::current_exe().expect("this program is a file");
        let folder = here.parent().expect("it stands in a folder");
        assert!(concerns(&here, &here));
        assert!(!concerns(Path::new("/a/gone"), Path::new("/a/gone")));
        let table = [
            ("/a", "/a/b.conf", true),
            ("/a", "/a/.b.swp", false),
            ("/a", "/a/b.conf~", false),
            ("/a/*.conf", "/a/b.conf", true),
            ("/a/*.conf", "/a/b.txt", false),
            ("/a/*.conf", "/c/b.conf", false),
            ("/a/b", "/a/c", false),
        ];
        for (path, file, expected) in table {
            assert_eq!(concerns(Path::new(path), Path::new(file)), expected, "{path} and {file}");
        }
        assert!(concerns(folder, &here));
    }
}

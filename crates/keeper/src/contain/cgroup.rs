//! Our place among the cgroups (version 2), and the folder in it that holds those of the runs.

use super::group::{FOLDER, Group, inner, is_populated, read_file, remove, write_file};
use super::limit::{Controller, failed};
use super::mark::{Folder, Instance};
use super::proc::read_all;
use mainstay_wire::keeper::{Key, StartError, Step};
use mainstay_wire::process::Limits;
use rustix::fs::{
    Access, AtFlags, FlockOperation, Mode, OFlags, XattrFlags, accessat, fgetxattr, flock,
    fsetxattr, mkdirat, open, openat,
};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the folder of every instance begins with.
const PREFIX: &str = "mainstay-";
/// Where a keeper moves itself, because a cgroup that passes controllers on may hold no process.
const LEAF: &str = "keeper";
/// Where a folder with a shortened name keeps the path of its child.
const ATTRIBUTE: &str = "user.mainstay.run";
/// How many runs of the same key can be held side by side: what is left of earlier ones, and the new one.
const COPIES: u32 = 100;

/// The cgroups of one instance. Its folder is made when it is needed, and again when it was removed.
#[derive(Debug)]
pub struct Cgroups {
    /// Where the tree of cgroups begins for us.
    mount: PathBuf,
    /// Where we stand in it.
    path: PathBuf,
    own: OwnedFd,
    instance: Instance,
    base: Option<Arc<OwnedFd>>,
    /// Which controllers the folder passes on to the runs.
    enabled: BTreeSet<Controller>,
}

impl Cgroups {
    /// Finds our place; absent: there is no version 2 here, or nothing of it is ours to change.
    pub fn find(instance: Instance) -> Option<Self> {
        let read = |path| {
            let mut bytes = Vec::new();
            let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
            read_all(file, 1024 * 1024, &mut bytes).ok()?;
            Some(bytes)
        };
        let (mount, path) = locate(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?)?;
        Self::at(mount, path, instance).ok()
    }

    fn at(mount: PathBuf, mut path: PathBuf, instance: Instance) -> io::Result<Self> {
        // A keeper that was started by one in its leaf stands below the folder that it looks for.
        let name = format!("{PREFIX}{instance}");
        let above = path.ancestors().find(|above| above.file_name() == Some(name.as_ref()));
        if let Some(parent) = above.and_then(Path::parent)
            && parent.starts_with(&mount)
        {
            path = parent.to_owned();
        }
        let own = open(&path, FOLDER, Mode::empty())?;
        accessat(&own, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)?;
        accessat(&own, "cgroup.procs", Access::WRITE_OK, AtFlags::EACCESS)?;
        Ok(Self { mount, path, own, instance, base: None, enabled: BTreeSet::new() })
    }

    /// Returns the folder of this instance, for people.
    pub fn path(&self) -> PathBuf {
        self.path.join(self.name())
    }

    fn name(&self) -> String {
        format!("{PREFIX}{}", self.instance)
    }

    /// Lets every controller that is offered here reach the folder of the runs. Where that asks for it,
    /// the calling process moves into a cgroup of its own in there: only a keeper that is a process may
    /// call this, before it starts another.
    ///
    /// What does not work is told again, with its reason, by the first run that needs it.
    pub fn prepare(&mut self) {
        for controller in Controller::ALL {
            if let Err(error) = self.offer(controller)
                && Errno::from_io_error(&error) == Some(Errno::BUSY)
                && self.move_in().is_ok()
            {
                let _ = self.offer(controller);
            }
        }
    }

    /// Moves the calling process into the leaf.
    fn move_in(&mut self) -> io::Result<()> {
        let base = self.base()?;
        make(base.as_fd(), LEAF)?;
        let leaf = openat(&base, LEAF, FOLDER, Mode::empty())?;
        write_file(leaf.as_fd(), "cgroup.procs", b"0")
    }

    /// Makes the cgroup of a run, with its limits. A limit whose controller is not to be had is an error.
    pub fn make(&mut self, key: &Key, limits: &Limits) -> Result<Group, StartError> {
        for controller in Controller::of(limits) {
            self.enable(controller)?;
        }
        let group = self.make_folder(key).map_err(|error| {
            let path = self.path().join(Folder::of(key, 0).name);
            failed(Step::MakeCgroup, path.display().to_string(), &error)
        })?;
        group.limit(limits).inspect_err(|_| {
            let _ = group.remove();
        })?;
        Ok(group)
    }

    fn make_folder(&mut self, key: &Key) -> io::Result<Group> {
        let mut gone = false;
        let mut copy = 0;
        loop {
            let base = self.base()?;
            let Folder { name, short } = Folder::of(key, copy);
            match mkdirat(&base, &name, Mode::from_raw_mode(0o755)) {
                Ok(()) => {
                    let group = Group::open(base, &name)?;
                    if short {
                        // Without it the environment of the processes in there still tells the path.
                        let told = key.to_string();
                        let _ =
                            fsetxattr(group.dir(), ATTRIBUTE, told.as_bytes(), XattrFlags::empty());
                    }
                    return Ok(group);
                }
                // An empty one is of a run that is over; one that is not is somebody's still.
                Err(Errno::EXIST) if remove(base.as_fd(), &name).is_ok() => {}
                Err(Errno::EXIST) if copy < COPIES => copy += 1,
                // Another instance took our empty folder for that of a dead one.
                Err(Errno::NOENT | Errno::NODEV) if !gone => {
                    gone = true;
                    self.base = None;
                    self.enabled.clear();
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The folder of this instance. A lock on it shows others that somebody lives who uses it.
    fn base(&mut self) -> io::Result<Arc<OwnedFd>> {
        if let Some(base) = &self.base {
            return Ok(Arc::clone(base));
        }
        let name = self.name();
        make(self.own.as_fd(), &name)?;
        let base = openat(&self.own, &name, FOLDER, Mode::empty())?;
        let _ = flock(&base, FlockOperation::NonBlockingLockShared);
        let base = Arc::new(base);
        self.base = Some(Arc::clone(&base));
        Ok(base)
    }

    /// Makes a controller work in the cgroups of the runs.
    pub fn enable(&mut self, controller: Controller) -> Result<(), StartError> {
        if self.enabled.contains(&controller) {
            return Ok(());
        }
        self.try_enable(controller).map_err(|error| {
            let place = self.path.display();
            let why = match Errno::from_io_error(&error) {
                Some(Errno::OPNOTSUPP) => format!("no controller here: {}", self.offered()),
                Some(Errno::BUSY) => {
                    format!("{place} holds processes, so it passes no controller on")
                }
                Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => {
                    format!("{place} is not ours to change")
                }
                _ => format!("not enabled in {place}"),
            };
            failed(Step::SetLimit, format!("{controller} ({why})"), &error)
        })?;
        self.enabled.insert(controller);
        Ok(())
    }

    fn try_enable(&mut self, controller: Controller) -> io::Result<()> {
        self.offer(controller)?;
        let base = self.base()?;
        pass_on(&base, controller)
    }

    /// Passes a controller down to our place, from the nearest cgroup above that has it.
    fn offer(&self, controller: Controller) -> io::Result<()> {
        let above = self.path.ancestors().take_while(|above| above.starts_with(&self.mount));
        let mut dirs = Vec::new();
        for path in above {
            let dir = open(path, FOLDER, Mode::empty())?;
            let has = has(&dir, "cgroup.controllers", controller);
            dirs.push(dir);
            if has {
                return dirs.iter().rev().try_for_each(|dir| pass_on(dir, controller));
            }
        }
        Err(Errno::OPNOTSUPP.into())
    }

    /// What there is instead of a controller that is not there.
    fn offered(&self) -> String {
        let text = read_file(self.own.as_fd(), "cgroup.controllers").unwrap_or_default();
        let names = String::from_utf8_lossy(&text);
        let names: Vec<_> = names.split_whitespace().collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        format!("{} offers {names}", self.path.display())
    }

    /// Returns the cgroups of runs of an earlier keeper that still hold processes, with the run that each
    /// is of where that is told. The empty ones are removed.
    pub(super) fn left(&mut self) -> io::Result<Vec<(Option<Key>, Group)>> {
        if accessat(&self.own, self.name(), Access::EXISTS, AtFlags::empty()).is_err() {
            return Ok(Vec::new());
        }
        let base = self.base()?;
        let mut left = Vec::new();
        for name in inner(base.as_fd())? {
            if !Folder::is_run(&name) || remove(base.as_fd(), &name).is_ok() {
                continue;
            }
            let Ok(group) = Group::open(Arc::clone(&base), &name) else { continue };
            let key = Folder::run_of(&name).or_else(|| told(&group));
            left.push((key, group));
        }
        Ok(left)
    }

    /// Removes what other instances left here that are dead, as far as it is empty.
    pub fn tidy(&self) {
        let ours = self.name();
        let others = inner(self.own.as_fd()).unwrap_or_default();
        for name in others.iter().filter(|name| name.starts_with(PREFIX) && **name != ours) {
            let Ok(base) = openat(&self.own, name.as_str(), FOLDER, Mode::empty()) else {
                continue;
            };
            if flock(&base, FlockOperation::NonBlockingLockExclusive).is_err() {
                continue;
            }
            if !is_populated(base.as_fd()) {
                let _ = remove(self.own.as_fd(), name);
            }
        }
    }

    /// Removes the folder of this instance, at its orderly end. A leaf that the keeper still stands in
    /// stays, and goes when [`tidy`](Self::tidy) finds it.
    pub fn remove(&mut self) {
        self.base = None;
        self.enabled.clear();
        let _ = remove(self.own.as_fd(), &self.name());
    }
}

/// The run that a folder with a shortened name is of.
fn told(group: &Group) -> Option<Key> {
    let mut bytes = vec![0; 64 * 1024];
    let count = fgetxattr(group.dir(), ATTRIBUTE, &mut bytes).ok()?;
    let (child, run) = str::from_utf8(&bytes[..count]).ok()?.rsplit_once('#')?;
    Some(Key { child: Arc::from(child), run: run.parse().ok()? })
}

fn make(dir: std::os::fd::BorrowedFd<'_>, name: &str) -> io::Result<()> {
    match mkdirat(dir, name, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn has(dir: &OwnedFd, file: &str, controller: Controller) -> bool {
    let text = read_file(dir.as_fd(), file).unwrap_or_default();
    text.split(u8::is_ascii_whitespace).any(|name| name == controller.name().as_bytes())
}

fn pass_on(dir: &OwnedFd, controller: Controller) -> io::Result<()> {
    if has(dir, "cgroup.subtree_control", controller) {
        return Ok(());
    }
    write_file(dir.as_fd(), "cgroup.subtree_control", format!("+{controller}").as_bytes())
}

/// Returns where the tree of cgroups is mounted and where we stand in it, from `/proc/self/mountinfo` and
/// `/proc/self/cgroup`.
fn locate(mountinfo: &[u8], cgroup: &[u8]) -> Option<(PathBuf, PathBuf)> {
    let mut lines = cgroup.split(|&byte| byte == b'\n');
    let place = Path::new(std::ffi::OsStr::from_bytes(lines.find_map(|l| l.strip_prefix(b"0::"))?));
    mountinfo.split(|&byte| byte == b'\n').find_map(|line| {
        // 41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
        let mut fields = line.split(|&byte| byte == b' ');
        let root = plain(fields.nth(3)?);
        let mount = plain(fields.next()?);
        let kind = fields.skip_while(|&field| field != b"-").nth(1)?;
        // A place above what is mounted, as `/../x` is one, can not be reached through it.
        let inside = place.strip_prefix(&root).ok()?;
        let above = inside.components().any(|c| c == std::path::Component::ParentDir);
        (kind == b"cgroup2" && !above).then(|| (mount.clone(), mount.join(inside)))
    })
}

/// A path of mountinfo: blanks and the like stand as `\040` there.
fn plain(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, tail)) = rest.split_first() {
        let code = tail.get(..3).filter(|_| byte == b'\\');
        let code = code.and_then(|code| u8::from_str_radix(str::from_utf8(code).ok()?, 8).ok());
        bytes.push(code.unwrap_or(byte));
        rest = if code.is_some() { &tail[3..] } else { tail };
    }
    PathBuf::from(OsString::from_vec(bytes))
}

//! The Unix socket: nobody listens twice, nothing stale stays in the way.

use rustix::fs::{FlockOperation, Mode, fchmod, flock};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Connections that may wait to be taken.
const BACKLOG: i32 = 128;
/// The longest path of a socket, as the system sets it.
const LONGEST: usize = 107;

/// A Unix socket that is listened on. When it is dropped its file is removed, where that is still its own.
#[derive(Debug)]
pub struct Listener {
    pub(crate) listener: tokio::net::UnixListener,
    path: PathBuf,
    /// Nothing where somebody else has opened it, and removes it.
    own: Option<Own>,
}

/// What belongs to a socket that was opened here.
#[derive(Debug)]
struct Own {
    identity: (u64, u64),
    /// Held while it listens, so that two programs that begin at once cannot remove each other's socket.
    _lock: File,
}

/// Why a socket is not listened on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Somebody listens there.
    #[error("{} is already served{}", path.display(), By(*pid))]
    Served {
        /// Where.
        path: PathBuf,
        /// By which process, where that is known.
        pid: Option<u32>,
    },
    /// The system takes no path that long.
    #[error("the path of the socket {} has {length} bytes, and the system takes {LONGEST}: choose a shorter one", path.display())]
    TooLong {
        /// The path.
        path: PathBuf,
        /// How long it is.
        length: usize,
    },
    /// Its folder is missing.
    #[error("there is no folder {} for the socket: make it first", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// Something else is there.
    #[error("{} is in the way: it is no socket, so it is not removed", path.display())]
    InTheWay {
        /// What.
        path: PathBuf,
    },
    /// The system refused a step.
    #[error("cannot listen on {} while {step}", path.display())]
    Step {
        /// Where.
        path: PathBuf,
        /// Which step.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// The end of a sentence: by whom.
struct By(Option<u32>);

impl std::fmt::Display for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(pid) => write!(f, " by process {pid}: end that one first, or choose another path"),
            None => f.write_str(": end whoever does, or choose another path"),
        }
    }
}

impl Listener {
    /// Listens at a path, with this mode of its file: 0o600 lets in nobody but its user and root.
    ///
    /// What an earlier program left behind is removed. A file `PATH.lock` beside it says who listens.
    ///
    /// # Errors
    ///
    /// Somebody listens there already, or the system refuses it.
    pub fn bind(path: &Path, mode: u32) -> Result<Self, BindError> {
        let length = path.as_os_str().len();
        if length > LONGEST {
            return Err(BindError::TooLong { path: path.into(), length });
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        if !folder.is_dir() {
            return Err(BindError::NoFolder { folder: folder.into() });
        }
        let failed = |step| move |source| BindError::Step { path: path.into(), step, source };
        let lock = lock(path)?;
        clear(path)?;
        let kind = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, kind, None)
            .map_err(|error| failed("making the socket")(error.into()))?;
        // Before it has a name: nobody finds it with another mode, even for a moment.
        fchmod(&socket, Mode::from_raw_mode(mode))
            .map_err(|error| failed("setting its mode")(error.into()))?;
        let address = SocketAddrUnix::new(path)
            .map_err(|error| failed("making its address")(error.into()))?;
        bind(&socket, &address).map_err(|error| failed("giving it its name")(error.into()))?;
        // What the mask of this process took away.
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .map_err(failed("setting its mode"))?;
        let about = fs::symlink_metadata(path).map_err(failed("looking at it"))?;
        listen(&socket, BACKLOG).map_err(|error| failed("listening")(error.into()))?;
        let listener = tokio::net::UnixListener::from_std(socket.into())
            .map_err(failed("handing it to the runtime"))?;
        let identity = (about.dev(), about.ino());
        Ok(Self { listener, path: path.into(), own: Some(Own { identity, _lock: lock }) })
    }

    /// Listens on a socket that whoever started this program has opened at this path (`LISTEN_FDS`). Its mode and its
    /// end are theirs.
    ///
    /// # Errors
    ///
    /// The system refuses it.
    pub fn passed(
        path: &Path,
        listener: std::os::unix::net::UnixListener,
    ) -> Result<Self, BindError> {
        let failed = |step| move |source| BindError::Step { path: path.into(), step, source };
        listener.set_nonblocking(true).map_err(failed("making it wait for nobody"))?;
        let listener = tokio::net::UnixListener::from_std(listener)
            .map_err(failed("handing it to the runtime"))?;
        Ok(Self { listener, path: path.into(), own: None })
    }

    /// Returns where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let Some(own) = &self.own else { return };
        let about = fs::symlink_metadata(&self.path);
        if about.is_ok_and(|about| (about.dev(), about.ino()) == own.identity) {
            // Who begins next removes what cannot be removed here.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Takes the lock beside a socket, or says who holds it.
fn lock(path: &Path) -> Result<File, BindError> {
    let mut name = OsString::from(path);
    name.push(".lock");
    let failed =
        |source| BindError::Step { path: path.into(), step: "taking the lock beside it", source };
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(&name).map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            let mut pid = String::new();
            // Who holds it may not have written its number yet.
            let _ = file.read_to_string(&mut pid);
            return Err(BindError::Served { path: path.into(), pid: pid.trim().parse().ok() });
        }
        Err(error) => return Err(failed(error.into())),
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(file)
}

/// Removes a socket on which nobody listens any more.
fn clear(path: &Path) -> Result<(), BindError> {
    let step = "looking for an earlier one";
    let failed = |source| BindError::Step { path: path.into(), step, source };
    match fs::symlink_metadata(path) {
        Ok(about) if about.file_type().is_socket() => {}
        Ok(_) => return Err(BindError::InTheWay { path: path.into() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    }
    match UnixStream::connect(path) {
        Ok(stream) => {
            let peer = rustix::net::sockopt::socket_peercred(&stream).ok();
            let pid = peer.and_then(|peer| u32::try_from(peer.pid.as_raw_nonzero().get()).ok());
            Err(BindError::Served { path: path.into(), pid })
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

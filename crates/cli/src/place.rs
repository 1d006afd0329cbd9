//! Where daemons live: their names, their folders, and which one is meant.
//!
//! A daemon has a name, a runtime folder with its control socket, and a state folder with its journal:
//!
//! | | runtime folder | state folder |
//! | --- | --- | --- |
//! | root | `/run/mainstay/NAME` | `/var/lib/mainstay/NAME` |
//! | others | `$XDG_RUNTIME_DIR/mainstay/NAME`, else `/tmp/mainstay-UID/NAME` | `$XDG_STATE_HOME/mainstay/NAME`, else `~/.local/state/mainstay/NAME` |
//! | by hand | `$MAINSTAY_RUNTIME`, with `--name` `$MAINSTAY_RUNTIME/NAME` | `$MAINSTAY_STATE` |

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The name of a spec file where none is given.
pub(crate) const SPEC_FILE: &str = "mainstay.yaml";
/// The name of the control socket in a runtime folder.
pub(crate) const SOCKET: &str = "api.sock";
/// The longest path that a socket can be bound to.
const SOCKET_MOST: usize = 107;
/// The longest name of a daemon.
const NAME_MOST: usize = 64;

/// Looks up a variable of the environment.
pub(crate) type Variable = dyn Fn(&str) -> Option<OsString>;

/// What places follow from: who asks, from where, with which environment.
pub(crate) struct Surroundings {
    /// The effective user.
    pub(crate) uid: u32,
    /// The folder that spec files are looked for in and above.
    pub(crate) folder: PathBuf,
    /// Looks up a variable of the environment.
    pub(crate) variable: Box<Variable>,
}

impl Surroundings {
    /// Returns those of this process.
    pub(crate) fn here() -> Result<Self, PlaceError> {
        Ok(Self {
            uid: rustix::process::geteuid().as_raw(),
            folder: std::env::current_dir().map_err(PlaceError::Here)?,
            variable: Box::new(|name| std::env::var_os(name)),
        })
    }

    /// Returns the path in a variable; one that is empty or relative counts as absent.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        (self.variable)(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    /// Returns the folder that holds the runtime folders of all daemons of this user.
    fn runtime(&self) -> PathBuf {
        if self.uid == 0 {
            return "/run/mainstay".into();
        }
        self.path("XDG_RUNTIME_DIR").map_or_else(
            || format!("/tmp/mainstay-{}", self.uid).into(),
            |folder| folder.join("mainstay"),
        )
    }

    /// Returns the folder that holds the state folders of all daemons of this user.
    fn state(&self) -> Result<PathBuf, PlaceError> {
        if self.uid == 0 {
            return Ok("/var/lib/mainstay".into());
        }
        let home = || self.path("HOME").map(|home| home.join(".local/state"));
        let folder = self.path("XDG_STATE_HOME").or_else(home).ok_or(PlaceError::Homeless)?;
        Ok(folder.join("mainstay"))
    }
}

/// Where one daemon lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// What it is called.
    pub(crate) name: String,
    /// Holds its control socket; gone after a reboot.
    pub(crate) runtime: PathBuf,
    /// Holds its journal.
    pub(crate) state: PathBuf,
}

impl Place {
    /// Returns the place of the daemon of this name. Nothing is made yet.
    pub(crate) fn of(name: &str, around: &Surroundings) -> Result<Self, PlaceError> {
        check_name(name)?;
        let runtime = around.path("MAINSTAY_RUNTIME");
        let state = match around.path("MAINSTAY_STATE") {
            Some(state) => state,
            None => around.state()?.join(name),
        };
        let runtime = runtime.unwrap_or_else(|| around.runtime().join(name));
        let place = Self { name: name.into(), runtime, state };
        place.check()?;
        Ok(place)
    }

    /// The same for a name that was typed, which comes before what the environment says: in `MAINSTAY_RUNTIME` it is
    /// a folder of its own, so that nobody else's daemon is taken for the one that was named.
    pub(crate) fn named(name: &str, around: &Surroundings) -> Result<Self, PlaceError> {
        let mut place = Self::of(name, around)?;
        if let Some(given) = around.path("MAINSTAY_RUNTIME") {
            place.runtime = given.join(name);
            place.check()?;
        }
        Ok(place)
    }

    fn check(&self) -> Result<(), PlaceError> {
        let socket = self.socket();
        if socket.as_os_str().len() > SOCKET_MOST {
            return Err(PlaceError::Long { socket });
        }
        Ok(())
    }

    /// Returns the path of its control socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.runtime.join(SOCKET)
    }

    /// Makes its folders, for its user alone, and refuses those that belong to somebody else.
    pub(crate) fn make(&self, around: &Surroundings) -> Result<(), PlaceError> {
        // The folder above may be shared: whoever owns it could put another socket in our place.
        if let Some(above) = self.runtime.parent().filter(|above| *above == around.runtime()) {
            make_folder(above, around.uid)?;
        }
        make_folder(&self.runtime, around.uid)?;
        make_folder(&self.state, around.uid)
    }
}

/// Why a place cannot be told or used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    #[error("cannot tell the present folder")]
    Here(#[source] io::Error),
    #[error(
        "`{name}` cannot name a daemon: {why}\nletters, digits, `-`, `_` and `.` can, 64 at most: \
         give it one with `--name`, or with `name:` in the spec file"
    )]
    Name { name: String, why: &'static str },
    #[error(
        "neither HOME nor XDG_STATE_HOME is set\nset MAINSTAY_STATE to a folder for the journal"
    )]
    Homeless,
    #[error(
        "`{}` is longer than the 107 bytes that a socket's path may have\n\
         choose a shorter name, or set MAINSTAY_RUNTIME to a shorter folder", .socket.display()
    )]
    Long { socket: PathBuf },
    #[error("cannot {step} the folder `{}`", .folder.display())]
    Folder { folder: PathBuf, step: &'static str, source: io::Error },
    #[error(
        "the folder `{}` belongs to user {owner}, and this is user {uid}\n\
         remove it, or set {variable} to a folder of your own", .folder.display()
    )]
    Foreign { folder: PathBuf, owner: u32, uid: u32, variable: &'static str },
    #[error("`{}` is not a folder", .folder.display())]
    NoFolder { folder: PathBuf },
    #[error("cannot read the spec file `{}`", .file.display())]
    Spec { file: PathBuf, source: io::Error },
    #[error(
        "no daemon runs, and there is no `mainstay.yaml` here or above\n\
             begin with `mainstay init`, or name a daemon with `--name` or `--socket`"
    )]
    None,
    #[error("{} daemons run: {}\nsay which with `--name`", .names.len(), .names.join(", "))]
    Several { names: Vec<String> },
}

/// Checks that a daemon can have this name: it is a part of paths, and is typed.
pub(crate) fn check_name(name: &str) -> Result<(), PlaceError> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let why = match name.chars().next() {
        None => "it is empty",
        Some('.' | '-') => "it begins with a sign",
        Some(_) if name.len() > NAME_MOST => "it is too long",
        Some(_) if !name.chars().all(is_fit) => "it has other signs",
        Some(_) => return Ok(()),
    };
    Err(PlaceError::Name { name: name.into(), why })
}

/// Makes a folder with mode 0700, with what is above it, or checks the one that is there.
fn make_folder(folder: &Path, uid: u32) -> Result<(), PlaceError> {
    let fault = |step, source| PlaceError::Folder { folder: folder.into(), step, source };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder).map_err(|source| {
        if source.kind() == io::ErrorKind::AlreadyExists {
            return PlaceError::NoFolder { folder: folder.into() };
        }
        fault("make", source)
    })?;
    let about = fs::symlink_metadata(folder).map_err(|source| fault("look at", source))?;
    if !about.is_dir() {
        return Err(PlaceError::NoFolder { folder: folder.into() });
    }
    if about.uid() != uid {
        let (folder, owner) = (folder.into(), about.uid());
        return Err(PlaceError::Foreign { folder, owner, uid, variable: "MAINSTAY_RUNTIME" });
    }
    // What others may write to is closed to them; what they may only read is left as it was made.
    if about.mode() & 0o022 != 0 {
        let mode = fs::Permissions::from_mode(about.mode() & 0o755);
        fs::set_permissions(folder, mode).map_err(|source| fault("protect", source))?;
    }
    Ok(())
}

/// Returns whether a process writes the journal in this folder: it holds the lock of it. Where that cannot be told,
/// because there is no such folder or it is not ours to open, nobody counts as doing so.
pub(crate) fn is_in_use(journal: &Path) -> bool {
    let Ok(folder) = fs::File::open(journal) else { return false };
    // The lock goes with the file. A shared one is enough to find out, and hinders nobody else who does.
    matches!(folder.try_lock_shared(), Err(fs::TryLockError::WouldBlock))
}

/// Returns the spec file in the present folder, or in the nearest one above that has one.
pub(crate) fn spec_file(around: &Surroundings) -> Option<PathBuf> {
    around.folder.ancestors().map(|folder| folder.join(SPEC_FILE)).find(|file| file.is_file())
}

/// Returns what a spec file calls its daemon: its `name:`, else its folder.
///
/// Nothing else of the file is read: a daemon is found although its file has become wrong.
pub(crate) fn name_of(file: &Path) -> Result<String, PlaceError> {
    let fault = |source| PlaceError::Spec { file: file.into(), source };
    let text = fs::read(file).map_err(fault)?;
    if let Some(name) = name_in(&String::from_utf8_lossy(&text)) {
        check_name(&name)?;
        return Ok(name);
    }
    let file = fs::canonicalize(file).map_err(fault)?;
    let folder = file.parent().and_then(Path::file_name).map(|name| name.to_string_lossy());
    Ok(folder_name(&folder.unwrap_or_default()))
}

/// Returns the value of the key `name` at the root of a spec file.
fn name_in(text: &str) -> Option<String> {
    let rest = text.lines().find_map(|line| line.strip_prefix("name:"))?;
    let rest = rest.trim();
    let value = match rest.chars().next()? {
        quote @ ('"' | '\'') => rest[1..].split(quote).next()?,
        _ => rest.split(" #").next()?.trim_end(),
    };
    (!value.is_empty() && !value.starts_with('#')).then(|| value.into())
}

/// Makes a name of that of a folder: what cannot stand in one becomes `-`.
pub(crate) fn folder_name(folder: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = folder.chars().map(fit).take(NAME_MOST).collect();
    let name = name.trim_start_matches(['.', '-']);
    if name.is_empty() { "mainstay".into() } else { name.into() }
}

/// Returns the names of the daemons of this user whose sockets are served.
pub(crate) fn running(around: &Surroundings) -> Vec<String> {
    running_in(&around.runtime())
}

fn running_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            UnixStream::connect(entry.path().join(SOCKET)).ok()?;
            entry.file_name().into_string().ok()
        })
        .collect();
    names.sort();
    names
}

/// Returns the name of the daemon that is meant where no socket is given: the one that is named, else
/// that of the spec file found here or above, else the only one that runs.
pub(crate) fn choose(name: Option<&str>, around: &Surroundings) -> Result<String, PlaceError> {
    if let Some(name) = name {
        check_name(name)?;
        return Ok(name.into());
    }
    if let Some(file) = spec_file(around) {
        return name_of(&file);
    }
    let mut names = running(around);
    match names.len() {
        0 => Err(PlaceError::None),
        1 => Ok(names.remove(0)),
        2.. => Err(PlaceError::Several { names }),
    }
}

/// Returns the socket of the daemon that is meant.
pub(crate) fn socket(
    socket: Option<&Path>,
    name: Option<&str>,
    around: &Surroundings,
) -> Result<PathBuf, PlaceError> {
    if let Some(socket) = socket {
        if socket.as_os_str().as_bytes().len() > SOCKET_MOST {
            return Err(PlaceError::Long { socket: socket.into() });
        }
        return Ok(socket.into());
    }
    let Some(name) = name else {
        // What was typed comes before what the environment says.
        if let Some(socket) = around.path("MAINSTAY_SOCKET") {
            return Ok(socket);
        }
        if let Some(runtime) = around.path("MAINSTAY_RUNTIME") {
            let socket = runtime.join(SOCKET);
            // One that was brought up with a name has a folder below.
            return Ok(match running_in(&runtime).as_slice() {
                [only] if !socket.exists() => runtime.join(only).join(SOCKET),
                _ => socket,
            });
        }
        return Ok(Place::of(&choose(None, around)?, around)?.socket());
    };
    Ok(Place::named(name, around)?.socket())
}

#[cfg(test)]
mod tests;

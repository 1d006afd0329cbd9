//! The log of a process.

use mainstay_wire::process as wire;
use std::ffi::OsStr;
use std::time::Duration;

/// A file that takes what a process prints, and how it is rotated.
///
/// Unless it says otherwise each line begins with the moment it was read, the next file begins at 10 MiB, and ten
/// older ones are kept beside it: `web.log.1` is the newest.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Log(pub(super) wire::Log);

impl Log {
    /// Writes to this file.
    pub fn at(path: impl AsRef<OsStr>) -> Self {
        Self(wire::Log { path: path.as_ref().into(), ..wire::Log::default() })
    }

    /// Begins the next file at this size in bytes; otherwise 10 MiB.
    pub const fn size(mut self, bytes: u64) -> Self {
        self.0.size = bytes;
        self
    }

    /// Begins the next file at this age too; otherwise at none.
    pub const fn age(mut self, age: Duration) -> Self {
        self.0.age = Some(age);
        self
    }

    /// Keeps so many older files; otherwise 10.
    pub const fn keep(mut self, files: u32) -> Self {
        self.0.keep = files;
        self
    }

    /// Compresses older files (gzip).
    pub const fn compressed(mut self) -> Self {
        self.0.compress = true;
        self
    }

    /// Writes lines as they come, without the moment in front.
    pub const fn without_stamps(mut self) -> Self {
        self.0.stamps = false;
        self
    }

    /// Writes each line as a JSON object.
    pub const fn json(mut self) -> Self {
        self.0.format = wire::Format::Json;
        self
    }
}

impl From<&str> for Log {
    fn from(path: &str) -> Self {
        Self::at(path)
    }
}

impl From<&std::path::Path> for Log {
    fn from(path: &std::path::Path) -> Self {
        Self::at(path)
    }
}

//! The files of a log in the order they were written, as somebody finds them who does not write them.

use flate2::read::GzDecoder;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// How often the files are looked at again while they are being renamed.
const ATTEMPTS: usize = 20;

/// What a compressed file says before the identity of the plain one.
pub(super) const COMMENT: &str = "file=";

/// Returns what tells a file from all others of its log: its number, and the moment it was made, because
/// numbers are used again.
pub(super) fn identity(about: &Metadata) -> u64 {
    let made = about.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    let made = made.map(|made| made.as_nanos() as u64).unwrap_or_default();
    about.ino().rotate_left(40) ^ made
}

/// One file of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    /// It stays the same when the file is renamed or compressed.
    pub(super) identity: u64,
    pub(super) is_compressed: bool,
    /// When it was last written, in seconds of the wall clock.
    pub(super) modified: i64,
}

/// A file that is read.
#[derive(Debug)]
pub(super) enum Body {
    Plain(File),
    Compressed(Box<GzDecoder<File>>),
}

impl Body {
    /// Opens a file; returns its identity too.
    pub(super) fn open(path: &Path, is_compressed: bool) -> io::Result<(Self, u64, i64)> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        if !is_compressed {
            return Ok((Self::Plain(file), identity(&about), about.mtime()));
        }
        let decoder = GzDecoder::new(file);
        // One that somebody else has compressed is known by its own number.
        let said = decoder.header().and_then(|header| header.comment()).map(<[u8]>::to_vec);
        let said = said.and_then(|said| String::from_utf8(said).ok());
        let identity = said.and_then(|said| said.strip_prefix(COMMENT)?.parse().ok());
        let identity = identity.unwrap_or_else(|| self::identity(&about));
        Ok((Self::Compressed(Box::new(decoder)), identity, about.mtime()))
    }

    /// Goes on at a byte, counted as if the file were not compressed.
    pub(super) fn skip_to(&mut self, offset: u64) -> io::Result<()> {
        match self {
            Self::Plain(file) => {
                file.seek(SeekFrom::Start(offset))?;
            }
            Self::Compressed(decoder) => {
                io::copy(&mut decoder.take(offset), &mut io::sink())?;
            }
        }
        Ok(())
    }

    /// Returns how long a plain file is.
    pub(super) fn length(&self) -> io::Result<Option<u64>> {
        match self {
            Self::Plain(file) => Ok(Some(file.metadata()?.len())),
            Self::Compressed(_) => Ok(None),
        }
    }
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(into),
            Self::Compressed(decoder) => decoder.read(into),
        }
    }
}

/// Returns the files of the log at `path`, the oldest first. Names change while a log rotates, so it looks
/// until it has seen the same twice.
pub(super) fn list(path: &Path) -> io::Result<Vec<Entry>> {
    let mut before = look(path)?;
    for _ in 0..ATTEMPTS {
        let now = look(path)?;
        if now.iter().map(|entry| entry.identity).eq(before.iter().map(|entry| entry.identity)) {
            return Ok(now);
        }
        before = now;
    }
    Ok(before)
}

fn look(path: &Path) -> io::Result<Vec<Entry>> {
    let missing = || io::Error::from(io::ErrorKind::InvalidInput);
    let name = path.file_name().ok_or_else(missing)?.as_encoded_bytes();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.unwrap_or_else(|| Path::new(".")))? {
        let entry = entry?;
        let file_name = entry.file_name();
        let rest = file_name.as_encoded_bytes().strip_prefix(name);
        let Some(rest) = rest.and_then(|rest| str::from_utf8(rest).ok()) else { continue };
        let (number, is_compressed) = match rest.strip_suffix(".gz") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let number = match number.strip_prefix('.') {
            Some(number) if !number.starts_with('+') => number.parse().ok(),
            None if number.is_empty() && !is_compressed => Some(0),
            Some(_) | None => None,
        };
        if let Some(number) = number {
            let number: u32 = number;
            found.push((number, is_compressed, entry.path()));
        }
    }
    // The highest number is the oldest; where a file is there twice, the plain one comes first.
    found.sort_by(|(a, a_compressed, _), (b, b_compressed, _)| {
        b.cmp(a).then(a_compressed.cmp(b_compressed))
    });
    found.dedup_by_key(|(number, _, _)| *number);
    let mut entries: Vec<Entry> = Vec::new();
    for (_, is_compressed, path) in found {
        let (identity, modified) = match Body::open(&path, is_compressed) {
            Ok((_, identity, modified)) => (identity, modified),
            // It has been renamed since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        entries.retain(|other| other.identity != identity);
        entries.push(Entry { path, identity, is_compressed, modified });
    }
    Ok(entries)
}

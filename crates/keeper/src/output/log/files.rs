//! The files of a log in the order they were written, as somebody finds them who does not write them.

use super::older::{compressed, plain};
use flate2::read::GzDecoder;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// It stays the same when the file is renamed or compressed.
    pub(super) identity: u64,
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
    /// Opens a file, and says which it is.
    fn open(path: &Path, is_compressed: bool) -> io::Result<(Self, Entry)> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        let entry = |identity: u64| Entry { identity, modified: about.mtime() };
        if !is_compressed {
            return Ok((Self::Plain(file), entry(identity(&about))));
        }
        let decoder = GzDecoder::new(file);
        // One that somebody else has compressed is known by its own number.
        let said = decoder.header().and_then(|header| header.comment()).map(<[u8]>::to_vec);
        let said = said.and_then(|said| String::from_utf8(said).ok());
        let identity = said.and_then(|said| said.strip_prefix(COMMENT)?.parse().ok());
        let identity = identity.unwrap_or_else(|| self::identity(&about));
        Ok((Self::Compressed(Box::new(decoder)), entry(identity)))
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
    let mut numbers = numbers(path)?;
    // The highest number is the oldest.
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers.dedup();
    let mut entries: Vec<Entry> = Vec::new();
    for number in numbers {
        // It may have been renamed since.
        let Some(Found { entry, .. }) = open_number(path, number)? else { continue };
        entries.retain(|other| other.identity != entry.identity);
        entries.push(entry);
    }
    Ok(entries)
}

/// Returns the numbers of a log's files, in no order; one that is being compressed may be there twice.
fn numbers(path: &Path) -> io::Result<Vec<u32>> {
    let missing = || io::Error::from(io::ErrorKind::InvalidInput);
    let name = path.file_name().ok_or_else(missing)?.as_encoded_bytes();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.unwrap_or_else(|| Path::new(".")))? {
        let file_name = entry?.file_name();
        let rest = file_name.as_encoded_bytes().strip_prefix(name);
        let Some(rest) = rest.and_then(|rest| str::from_utf8(rest).ok()) else { continue };
        let (number, is_compressed) = match rest.strip_suffix(".gz") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        found.extend(match number.strip_prefix('.') {
            Some(number) if !number.starts_with('+') => number.parse().ok(),
            None if number.is_empty() && !is_compressed => Some(0),
            Some(_) | None => None,
        });
    }
    Ok(found)
}

/// A file of a log that has been opened.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) number: u32,
    pub(super) entry: Entry,
    pub(super) body: Body,
}

/// Opens the file that has this number, plain or compressed.
fn open_number(path: &Path, number: u32) -> io::Result<Option<Found>> {
    let open = |name: &Path, is_compressed| match Body::open(name, is_compressed) {
        Ok((body, entry)) => Ok(Some(Found { number, entry, body })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    if number == 0 {
        return open(path, false);
    }
    // The plain one goes only once the compressed one is there.
    match open(&plain(path, number), false)? {
        None => open(&compressed(path, number), true),
        found => Ok(found),
    }
}

/// Finds a file whatever it is called by now.
pub(super) fn find(path: &Path, identity: u64) -> io::Result<Option<Found>> {
    let mut number = 0;
    loop {
        let Some(highest) = numbers(path)?.into_iter().max() else { return Ok(None) };
        // One may be on its way to the next number.
        if number > highest.saturating_add(1) {
            return Ok(None);
        }
        // Upwards, as they are renamed: who is above once stays above.
        while number <= highest.saturating_add(1) {
            if let Some(found) = open_number(path, number)?
                && found.entry.identity == identity
            {
                return Ok(Some(found));
            }
            number = number.saturating_add(1);
        }
    }
}

/// What comes behind a file of a log.
#[derive(Debug)]
pub(super) enum Behind {
    /// The next file.
    Next(Found),
    /// It is the newest.
    Nothing,
    /// It is not there any more.
    Gone,
    /// The files are renamed so fast that it cannot be told now.
    Unsure,
}

/// Returns the file that was begun after this one.
///
/// The number of a file only grows, and of two files the older one is renamed first. So whoever is found right below
/// a file that keeps its number meanwhile was begun right after it, however fast the others are renamed.
pub(super) fn behind(path: &Path, identity: u64) -> io::Result<Behind> {
    for _ in 0..ATTEMPTS {
        let Some(here) = find(path, identity)? else {
            // A file that could not be replaced goes back to the number that it had before.
            if find(path, identity)?.is_none() {
                return Ok(Behind::Gone);
            }
            continue;
        };
        let mut below = None;
        for number in (0..here.number).rev() {
            below = open_number(path, number)?;
            if below.is_some() {
                break;
            }
        }
        let from = below.as_ref().map_or(0, |below| below.number + 1);
        let mut is_sure = true;
        for number in from..here.number {
            is_sure = is_sure && open_number(path, number)?.is_none();
        }
        let still = open_number(path, here.number)?;
        if is_sure && still.is_some_and(|still| still.entry.identity == identity) {
            return Ok(below.map_or(Behind::Nothing, Behind::Next));
        }
    }
    Ok(Behind::Unsure)
}

#[cfg(test)]
mod tests {
    use super::super::older::Older;
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// How many files there are, and how often all of them are renamed.
    const FILES: u32 = 20;
    const TIMES: u32 = 100;

    #[test]
    fn the_next_file_is_found_while_all_are_renamed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        let rotate = || {
            fs::write(&path, "").expect("written");
            let identity = identity(&fs::metadata(&path).expect("there"));
            Older::default().shift(&path, 1000).expect("shifted");
            identity
        };
        let files: Vec<u64> = (0..FILES).map(|_| rotate()).collect();
        let is_over = AtomicBool::new(false);
        let mut found = 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..TIMES {
                    rotate();
                }
                is_over.store(true, Ordering::Release);
            });
            while !is_over.load(Ordering::Acquire) {
                for pair in files.windows(2) {
                    match behind(&path, pair[0]).expect("it can be looked for") {
                        Behind::Next(next) => {
                            assert_eq!(next.entry.identity, pair[1]);
                            found += 1;
                        }
                        Behind::Unsure => {}
                        other @ (Behind::Nothing | Behind::Gone) => panic!("{other:?}"),
                    }
                }
            }
        });
        assert!(found > 0);
        assert!(matches!(behind(&path, files[0] + 1).expect("looked for"), Behind::Gone));
    }

    #[test]
    fn the_newest_file_has_none_behind_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        assert!(matches!(behind(&path, 1).expect("looked for"), Behind::Gone));
        fs::write(&path, "").expect("written");
        let here = identity(&fs::metadata(&path).expect("there"));
        assert!(matches!(behind(&path, here).expect("looked for"), Behind::Nothing));
        fs::rename(&path, plain(&path, 3)).expect("renamed");
        assert!(matches!(behind(&path, here).expect("looked for"), Behind::Nothing));
        fs::write(plain(&path, 1), "").expect("written");
        let next = identity(&fs::metadata(plain(&path, 1)).expect("there"));
        match behind(&path, here).expect("looked for") {
            // There is a gap while one is renamed.
            Behind::Next(found) => assert_eq!(found.entry.identity, next),
            other => panic!("{other:?}"),
        }
    }
}

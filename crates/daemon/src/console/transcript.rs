//! What is seen on a console, in a file: the child's output and the console's own lines, stamped where that is wanted.
//!
//! The log of the child is the keeper's, and nothing is ever missing there. This file is for people and tools that read
//! procServ's: it is written by the brain, and what it could not see is told in it.

use super::feed::{Feed, Piece};
use super::text::written;
use crate::api::apart;
use jiff::Zoned;
use mainstay_wire::spec::Transcript;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use tokio::sync::watch;

/// A file that is written.
#[derive(Debug)]
pub(super) struct Writer {
    transcript: Transcript,
    file: Option<File>,
    stamps: Stamps,
}

impl Writer {
    pub(super) fn new(transcript: Transcript) -> Self {
        let stamps = Stamps { format: transcript.stamp.clone(), is_inside: false };
        Self { transcript, file: None, stamps }
    }

    /// Opens the file, anew where it was open: somebody may have moved it away.
    pub(super) fn open(&mut self) -> io::Result<()> {
        self.file = None;
        if self.transcript.path != Path::new("-") {
            let mut options = OpenOptions::new();
            self.file = Some(options.create(true).append(true).open(&self.transcript.path)?);
        }
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut stamped = Vec::with_capacity(bytes.len());
        self.stamps.put(bytes, &Zoned::now(), &mut stamped);
        match &mut self.file {
            Some(file) => file.write_all(&stamped),
            None => {
                let mut out = io::stdout().lock();
                out.write_all(&stamped).and_then(|()| out.flush())
            }
        }
    }
}

/// Stamps at the beginnings of lines, whatever pieces they come in.
#[derive(Debug, Default)]
struct Stamps {
    format: Option<String>,
    is_inside: bool,
}

impl Stamps {
    fn put(&mut self, bytes: &[u8], now: &Zoned, into: &mut Vec<u8>) {
        let Some(format) = &self.format else { return into.extend_from_slice(bytes) };
        let stamp = written(format, now);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.is_inside {
                into.extend_from_slice(stamp.as_bytes());
            }
            into.extend_from_slice(line);
            self.is_inside = line.last() != Some(&b'\n');
        }
    }
}

/// Writes what comes, until nothing more does. What cannot be written is given to `tell`, once for each reason.
pub(super) async fn keep(
    mut feed: Feed,
    transcript: Transcript,
    mut reopen: watch::Receiver<u64>,
    tell: impl Fn(Option<String>),
) {
    let path = transcript.path.display().to_string();
    let mut trouble: Option<String> = None;
    let mut note = |result: io::Result<()>| {
        let found = result.err().map(|error| format!("{path} cannot be written: {error}"));
        if found != trouble {
            tell(found.clone());
            trouble = found;
        }
    };
    let Some((mut writer, opened)) = with(Writer::new(transcript), Writer::open).await else {
        return;
    };
    note(opened);
    let mut is_reopened = true;
    loop {
        let piece = tokio::select! {
            biased;
            changed = reopen.changed(), if is_reopened => match changed {
                Ok(()) => None,
                Err(_) => {
                    is_reopened = false;
                    continue;
                }
            },
            piece = feed.next() => match piece {
                Some(piece) => Some(piece),
                None => return,
            },
        };
        let bytes = match piece {
            None => None,
            Some(Piece::Bytes(bytes)) => Some(bytes),
            Some(Piece::Said(text)) => Some(text.as_bytes().to_vec()),
            Some(Piece::Lost(missing)) => {
                Some(format!("\r\n@@@ {missing} bytes are missing here\r\n").into_bytes())
            }
            Some(Piece::Gap) => Some(b"\r\n@@@ Something may be missing here\r\n".to_vec()),
            Some(Piece::Typed(_) | Piece::Refused(_)) => continue,
        };
        let step = move |writer: &mut Writer| match bytes {
            Some(bytes) => writer.write(&bytes),
            None => writer.open(),
        };
        let Some((next, result)) = with(writer, step).await else { return };
        writer = next;
        note(result);
    }
}

/// Does something with a file where a disk that stands still holds nobody up; what is printed meanwhile waits at the
/// keeper.
async fn with(
    mut writer: Writer,
    step: impl FnOnce(&mut Writer) -> io::Result<()> + Send + 'static,
) -> Option<(Writer, io::Result<()>)> {
    let work = apart(move || {
        let result = step(&mut writer);
        (writer, result)
    });
    work.await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_one_stamp_however_it_comes() {
        let now = Zoned::now();
        let mut stamps = Stamps { format: Some("> ".into()), is_inside: false };
        let mut out = Vec::new();
        for piece in ["a", "b\nc", "\n\n", "d\ne\n", "f"] {
            stamps.put(piece.as_bytes(), &now, &mut out);
        }
        assert_eq!(String::from_utf8_lossy(&out), "> ab\n> c\n> \n> d\n> e\n> f");
        let mut plain = Vec::new();
        Stamps::default().put(b"a\nb", &now, &mut plain);
        assert_eq!(plain, b"a\nb");
    }

    #[test]
    fn a_file_that_was_moved_away_is_begun_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut writer = Writer::new(Transcript { path: path.clone(), stamp: None });
        writer.open().and_then(|()| writer.write(b"one\n")).expect("written");
        std::fs::rename(&path, folder.path().join("log.1")).expect("moved");
        writer.write(b"two\n").expect("written");
        writer.open().and_then(|()| writer.write(b"three\n")).expect("written");
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("a file");
        assert_eq!((read("log.1").as_str(), read("log").as_str()), ("one\ntwo\n", "three\n"));
    }
}

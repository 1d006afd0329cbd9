//! The log of a child as supervisord would have it: what one of its outputs has printed, without what our own logs add.
//!
//! Places in it are counted in these bytes, not in those of the file.

mod follow;
mod sieve;

use super::fault::{Fault, FaultKind};
pub(crate) use follow::follow;
use serde_json::Value as Json;
pub(crate) use sieve::{Channel, Sieve, Style};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

/// The most bytes of one answer.
const MOST: usize = 16 << 20;
/// How much is read at a time.
const BLOCK: usize = 64 * 1024;

impl Style {
    /// Returns how the log of a child is written, from what was said about it.
    pub(crate) fn of(form: &Json) -> Self {
        let log = form.get("log");
        let said = |key: &str| log.and_then(|log| log.get(key));
        let is_terminal = ["terminal", "console"]
            .iter()
            .any(|key| form.get(key).is_some_and(|said| *said != Json::Bool(false)));
        Self {
            is_json: said("format").and_then(Json::as_str) == Some("json"),
            has_stamps: said("stamps") != Some(&Json::Bool(false)),
            is_apart: !is_terminal && form.get("output").and_then(Json::as_str) == Some("apart"),
        }
    }
}

/// Returns what `length` bytes from `offset` on are; 0: all that follow. An offset below zero counts from the end, and
/// then there is no length. As supervisord reads it.
pub(crate) fn read(
    path: &Path,
    style: Style,
    channel: Channel,
    (offset, length): (i64, i64),
) -> Result<Vec<u8>, Fault> {
    let bad = || FaultKind::BadArguments.alone();
    let failed = |error: io::Error| {
        if error.kind() == ErrorKind::NotFound {
            FaultKind::NoFile.about(path.display().to_string())
        } else {
            FaultKind::Failed.about(format!("{}: {error}", path.display()))
        }
    };
    if offset < 0 {
        if length != 0 {
            return Err(bad());
        }
        let wanted = usize::try_from(offset.unsigned_abs()).unwrap_or(MOST).min(MOST);
        return last(path, style, channel, wanted).map_err(failed);
    }
    let (Ok(from), Ok(length)) = (u64::try_from(offset), usize::try_from(length)) else {
        return Err(bad());
    };
    let most = if length == 0 { MOST } else { length.min(MOST) };
    let mut kept = Vec::new();
    let mut passed = 0_u64;
    let whole = each(path, style, channel, |bytes| {
        let skipped = usize::try_from(from.saturating_sub(passed)).unwrap_or(usize::MAX);
        passed += bytes.len() as u64;
        let bytes = bytes.get(skipped..).unwrap_or_default();
        kept.extend_from_slice(&bytes[..bytes.len().min(most - kept.len())]);
        kept.len() < most
    });
    whole.map_err(failed)?;
    Ok(kept)
}

/// What [`tail`] returns: the bytes, the place behind the last one, and whether something was passed over.
pub(crate) type Tail = (Vec<u8>, u64, bool);

/// Returns at most `length` bytes at the end, for whoever has come to `offset`. As supervisord has it, an offset that is
/// too far behind is moved to the end.
pub(crate) fn tail(
    path: &Path,
    style: Style,
    channel: Channel,
    (offset, length): (i64, i64),
) -> Result<Tail, Fault> {
    let most = usize::try_from(length).unwrap_or(0).min(MOST);
    let (mut size, mut kept) = (0_u64, Vec::new());
    let read = each(path, style, channel, |bytes| {
        size += bytes.len() as u64;
        kept.extend_from_slice(bytes);
        let surplus = kept.len().saturating_sub(most.max(BLOCK) * 2);
        kept.drain(..surplus);
        true
    });
    match read {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Vec::new(), 0, false)),
        Err(error) => {
            return Err(FaultKind::Failed.about(format!("{}: {error}", path.display())));
        }
    }
    let offset = u64::try_from(offset).unwrap_or(0);
    let is_behind = size > offset.saturating_add(most as u64);
    let left = if is_behind { most as u64 } else { size.saturating_sub(offset) };
    let left = usize::try_from(left).unwrap_or(most).min(most).min(kept.len());
    Ok((kept.split_off(kept.len() - left), size, is_behind))
}

/// Hands over the bytes of an output, piece by piece, until that is enough.
fn each(
    path: &Path,
    style: Style,
    channel: Channel,
    mut take: impl FnMut(&[u8]) -> bool,
) -> io::Result<()> {
    let mut file = File::open(path)?;
    let (mut sieve, mut out) = (Sieve::new(style, channel), Vec::new());
    let mut block = vec![0; BLOCK];
    loop {
        let length = file.read(&mut block)?;
        if length == 0 {
            sieve.end(&mut out);
            take(&out);
            return Ok(());
        }
        sieve.take(&block[..length], &mut out);
        if !take(&out) {
            return Ok(());
        }
        out.clear();
    }
}

/// Returns the last bytes of an output. No more of the file is read than that takes.
fn last(path: &Path, style: Style, channel: Channel, wanted: usize) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut span = (wanted as u64 * 2).max(BLOCK as u64);
    loop {
        let from = size.saturating_sub(span);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        (&mut file).take(span).read_to_end(&mut bytes)?;
        let mut sieve = Sieve::new(style, channel);
        // It begins in the middle of a line.
        let whole = match bytes.iter().position(|byte| *byte == b'\n') {
            Some(end) if from > 0 && !style.is_plain() => &bytes[end + 1..],
            Some(_) | None => &bytes[..],
        };
        let mut out = Vec::new();
        sieve.take(whole, &mut out);
        sieve.end(&mut out);
        if out.len() >= wanted || from == 0 {
            return Ok(out.split_off(out.len().saturating_sub(wanted)));
        }
        span = span.saturating_mul(4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const PLAIN: Style = Style { is_json: false, has_stamps: false, is_apart: false };
    const STAMPED: Style = Style { has_stamps: true, ..PLAIN };

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(text.as_bytes()).expect("written");
        file
    }

    #[test]
    fn places_are_those_of_what_the_child_printed() {
        let stamp = "2026-11-22T02:03:04.000000Z ";
        let stamped = file(&format!("{stamp}one\n{stamp}two\n{stamp}three\n"));
        let plain = file("one\ntwo\nthree\n");
        for (file, style) in [(&stamped, STAMPED), (&plain, PLAIN)] {
            let read = |offset, length| {
                let read = read(file.path(), style, Channel::Out, (offset, length));
                read.map(|bytes| String::from_utf8(bytes).expect("text")).map_err(|e| e.text())
            };
            let bad = || Err("BAD_ARGUMENTS".to_owned());
            assert_eq!(read(0, 0).as_deref(), Ok("one\ntwo\nthree\n"));
            assert_eq!(read(4, 3).as_deref(), Ok("two"));
            assert_eq!(read(8, 0).as_deref(), Ok("three\n"));
            assert_eq!(read(99, 0).as_deref(), Ok(""));
            assert_eq!(read(-6, 0).as_deref(), Ok("three\n"));
            assert_eq!(read(-99, 0).as_deref(), Ok("one\ntwo\nthree\n"));
            assert_eq!(read(-6, 1), bad());
            assert_eq!(read(0, -1), bad());
            let tail = |offset, length| {
                let tail = tail(file.path(), style, Channel::Out, (offset, length));
                tail.map(|(bytes, at, over)| (String::from_utf8(bytes).expect("text"), at, over))
            };
            assert_eq!(tail(0, 100), Ok(("one\ntwo\nthree\n".into(), 14, false)));
            assert_eq!(tail(8, 100), Ok(("three\n".into(), 14, false)));
            assert_eq!(tail(0, 6), Ok(("three\n".into(), 14, true)));
            assert_eq!(tail(14, 100), Ok((String::new(), 14, false)));
        }
        let none = Path::new("/nowhere/at/all");
        assert_eq!(tail(none, PLAIN, Channel::Out, (0, 9)), Ok((Vec::new(), 0, false)));
        let missing = read(none, PLAIN, Channel::Out, (0, 0)).expect_err("it is not there");
        assert_eq!(missing.kind, FaultKind::NoFile);
    }

    #[test]
    fn the_end_of_a_long_log_is_found_without_all_of_it() {
        let stamp = "2026-11-22T02:03:04.000000Z ";
        let lines: String = (0..20_000).map(|number| format!("{stamp}{number}\n")).collect();
        let log = file(&lines);
        let read = |style, wanted: i64| {
            let read = read(log.path(), style, Channel::Out, (-wanted, 0)).expect("it is read");
            String::from_utf8(read).expect("text")
        };
        assert_eq!(read(STAMPED, 12), "19998\n19999\n");
        let all: String = (0..20_000).map(|number| format!("{number}\n")).collect();
        assert_eq!(read(STAMPED, 100_000), all[all.len() - 100_000..]);
        assert_eq!(read(PLAIN, 6), "19999\n");
    }

    #[test]
    fn the_style_of_a_log_is_what_was_said_of_it() {
        let style = |form: &str| Style::of(&serde_json::from_str(form).expect("JSON"));
        assert_eq!(style("{}"), STAMPED);
        assert_eq!(style(r#"{"log":"/x"}"#), STAMPED);
        assert_eq!(style(r#"{"log":{"path":"/x","stamps":false}}"#), PLAIN);
        assert_eq!(style(r#"{"output":"apart"}"#), Style { is_apart: true, ..STAMPED });
        assert_eq!(style(r#"{"output":"apart","terminal":true}"#), STAMPED);
        assert!(style(r#"{"log":{"format":"json"}}"#).is_json);
    }
}

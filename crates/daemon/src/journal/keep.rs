//! Snapshots, and which segments are still needed beside them.

use std::fs::{self, File};
use std::io::{self, Read, Write};

use super::Settings;
use super::folder::Folder;
use super::frame::{self, Decoded, Frame};
use crate::fault;

/// Snapshots that are kept: the newest, and the one before it in case the newest is damaged.
const SNAPSHOTS: usize = 2;

/// A snapshot beyond it is refused: its length must fit into a frame.
const SNAPSHOT_MOST: usize = 1 << 30;

/// Writes a snapshot of the state after record `upto`. It is there as a whole or not at all.
pub(super) fn write(folder: &Folder, upto: u64, wall: i64, payload: &[u8]) -> io::Result<()> {
    if payload.len() > SNAPSHOT_MOST {
        let why = format!("it has {} bytes, more than a snapshot may", payload.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let mut bytes = Vec::new();
    frame::encode(&mut bytes, Frame { seq: upto, wall, note: false, payload });
    let unfinished = folder.unfinished();
    fault::point("journal.snapshot.begin");
    let mut file = File::create(&unfinished)?;
    for part in fault::parts(&bytes) {
        file.write_all(part)?;
        fault::point("journal.snapshot.part");
    }
    file.sync_all()?;
    fault::point("journal.snapshot.written");
    fs::rename(&unfinished, folder.snapshot(upto))?;
    fault::point("journal.snapshot.named");
    folder.sync()?;
    fault::point("journal.snapshot.done");
    Ok(())
}

/// Reads a snapshot, or says what is wrong with it.
pub(super) fn read(folder: &Folder, upto: u64) -> Result<Vec<u8>, String> {
    let mut bytes = fs::read(folder.snapshot(upto)).map_err(|error| error.to_string())?;
    match frame::decode(&bytes) {
        Decoded::Whole(frame) if frame.seq != upto => {
            Err(format!("its name says {upto}, its content {}", frame.seq))
        }
        Decoded::Whole(frame) if frame.size() != bytes.len() => {
            Err("something stands behind it".to_owned())
        }
        Decoded::Whole(_) => {
            bytes.pop();
            bytes.drain(..frame::HEADER);
            Ok(bytes)
        }
        Decoded::Short(_) => Err(format!("it ends after {} bytes", bytes.len())),
        Decoded::Bad => Err("its checksum does not match".to_owned()),
    }
}

/// Removes snapshots beyond the two newest, and the oldest segments that neither they nor the settings ask for.
///
/// The segment that grows is `present` and stays. Returns the bytes of those that remain beside it.
pub(super) fn prune(
    folder: &Folder,
    settings: &Settings,
    present: Option<u64>,
    snapshots: &mut Vec<u64>,
) -> io::Result<u64> {
    let mut removed = false;
    while snapshots.len() > SNAPSHOTS {
        fs::remove_file(folder.snapshot(snapshots[0]))?;
        snapshots.remove(0);
        removed = true;
        fault::point("journal.prune.snapshot");
    }
    let mut segments = Vec::new();
    for first in folder.contents()?.segments {
        let bytes = fs::metadata(folder.segment(first))?.len();
        segments.push((first, bytes));
    }
    segments.retain(|(first, _)| Some(*first) != present);
    let mut total: u64 = segments.iter().map(|(_, bytes)| bytes).sum();
    // With one snapshot alone everything is kept: if it is damaged, all is told again from the beginning.
    let covered = if snapshots.len() < SNAPSHOTS { 0 } else { snapshots[0] };
    let oldest = (settings.wall)().saturating_sub_unsigned(millis(settings.age));
    for (index, (first, bytes)) in segments.iter().enumerate() {
        let Some(next) = segments.get(index + 1).map(|(next, _)| *next).or(present) else { break };
        // The next segment's first record is not older than any of this one's.
        let old = || begins(folder, next).is_some_and(|wall| wall < oldest);
        if next > covered.saturating_add(1) || !(total > settings.most_bytes || old()) {
            break;
        }
        fs::remove_file(folder.segment(*first))?;
        total -= bytes;
        removed = true;
        fault::point("journal.prune.segment");
    }
    if removed {
        folder.sync()?;
    }
    Ok(total)
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the wall time of a segment's first record.
fn begins(folder: &Folder, first: u64) -> Option<i64> {
    let mut header = [0; frame::HEADER];
    File::open(folder.segment(first)).ok()?.read_exact(&mut header).ok()?;
    (frame::seq(&header) == first).then(|| frame::wall(&header))
}

//! What live runs have gone through so far, kept beside each snapshot: a brain that starts again tells on.

use mainstay_wire::api::Run;
use std::path::Path;

/// Writes them down. What is lost if it fails is the beginning of a story, and no decision.
pub(super) fn write(path: &Path, next_event: u64, runs: &[Run]) {
    let Ok(text) = serde_json::to_vec(&(next_event, runs)) else { return };
    let fresh = path.with_extension("new");
    if std::fs::write(&fresh, text).is_ok() {
        // The file before it stays whole where this fails.
        let _ = std::fs::rename(&fresh, path);
    }
}

/// Reads those that belong to the snapshot before this event.
pub(super) fn read(path: &Path, next_event: u64) -> Vec<Run> {
    let text = std::fs::read(path).unwrap_or_default();
    match serde_json::from_slice::<(u64, Vec<Run>)>(&text) {
        Ok((next, runs)) if next == next_event => runs,
        Ok(_) | Err(_) => Vec::new(),
    }
}

//! Alerts about the program itself: what a person must see and no child can have.

use mainstay_wire::api::Alert;
use std::io;
use std::path::{Path, PathBuf};

/// The name of the file in the folder of the state.
const NAME: &str = "alerts.json";

/// The alerts that stand, kept in a file over the death of the brain.
///
/// The file is a help and no promise: it is not waited for until it is on the disk, since what is reported here may be
/// just that the disk takes nothing, and an alert that still has its reason is raised anew anyway.
#[derive(Debug)]
pub(super) struct Own {
    alerts: Vec<Alert>,
    file: PathBuf,
}

impl Own {
    /// Takes up what the brain before this one left. Whether the reasons still hold is not known: whoever finds one
    /// again raises it again.
    pub(super) fn open(folder: &Path) -> Self {
        let file = folder.join(NAME);
        let kept = std::fs::read(&file).ok();
        let kept = kept.and_then(|bytes| serde_json::from_slice::<Vec<Alert>>(&bytes).ok());
        let mut own = Self { alerts: kept.unwrap_or_default(), file };
        own.alerts.iter_mut().for_each(|alert| alert.over = true);
        own.alerts.retain(|alert| alert.seen_at.is_none());
        own
    }

    fn keep(&self) {
        // The alert itself stands in any case.
        let _ = self.write();
    }

    fn write(&self) -> io::Result<()> {
        if self.alerts.is_empty() {
            return std::fs::remove_file(&self.file);
        }
        let next = self.file.with_extension("json.next");
        std::fs::write(&next, serde_json::to_vec(&self.alerts)?)?;
        std::fs::rename(next, &self.file)
    }

    /// Raises one; what stands already happens again.
    pub(super) fn raise(&mut self, kind: &str, text: &str, at: i64) {
        let standing = self.alerts.iter_mut().find(|alert| alert.kind == kind);
        match standing.filter(|alert| alert.seen_at.is_none()) {
            Some(alert) => {
                // The same trouble in other words is no other trouble.
                alert.again += u32::from(alert.over);
                alert.over = false;
                text.clone_into(&mut alert.text);
            }
            None => {
                self.alerts.retain(|alert| alert.kind != kind);
                self.alerts.push(Alert {
                    path: String::new(),
                    kind: kind.to_owned(),
                    text: text.to_owned(),
                    since_at: at,
                    again: 0,
                    over: false,
                    seen_by: None,
                    seen_why: None,
                    seen_at: None,
                });
            }
        }
        self.keep();
    }

    /// What it was about is over. It stays until somebody has seen it.
    pub(super) fn end(&mut self, kind: &str) {
        self.alerts
            .iter_mut()
            .filter(|alert| alert.kind == kind)
            .for_each(|alert| alert.over = true);
        self.alerts.retain(|alert| !(alert.over && alert.seen_at.is_some()));
        self.keep();
    }

    /// Somebody has seen them all.
    pub(super) fn acknowledge(&mut self, who: &str, why: &str, at: i64) {
        self.alerts.retain(|alert| !alert.over);
        for alert in self.alerts.iter_mut().filter(|alert| alert.seen_at.is_none()) {
            (alert.seen_by, alert.seen_why) = (Some(who.to_owned()), Some(why.to_owned()));
            alert.seen_at = Some(at);
        }
        self.keep();
    }

    pub(super) fn all(&self) -> Vec<Alert> {
        self.alerts.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_stays_until_it_is_over_and_somebody_has_seen_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut own = Own::open(folder.path());
        own.raise("journal", "no space", 1);
        own.raise("journal", "no space at all", 2);
        own.end("journal");
        own.raise("journal", "no space", 3);
        let all = own.all();
        assert_eq!((all.len(), all[0].again, all[0].since_at), (1, 1, 1));
        own.acknowledge("ann", "making room", 4);
        assert_eq!(own.all()[0].seen_by.as_deref(), Some("ann"), "it is not over");
        own.end("journal");
        assert!(own.all().is_empty());
        own.raise("brain", "silent", 5);
        own.end("brain");
        assert_eq!(own.all().len(), 1, "nobody has seen it");
        own.acknowledge("ann", "seen", 6);
        assert!(own.all().is_empty());
    }

    #[test]
    fn what_nobody_has_seen_is_there_in_the_next_life() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut own = Own::open(folder.path());
        own.raise("brain-silent", "silent", 5);
        own.raise("journal", "no space", 6);
        drop(own);
        let mut own = Own::open(folder.path());
        let all = own.all();
        assert!(all.len() == 2 && all.iter().all(|alert| alert.over), "{all:?}");
        own.raise("journal", "no space", 7);
        assert_eq!((own.all()[1].again, own.all()[1].over), (1, false));
        own.acknowledge("ann", "seen", 8);
        own.end("journal");
        drop(own);
        assert!(Own::open(folder.path()).all().is_empty());
        assert!(!folder.path().join(NAME).exists());
        std::fs::write(folder.path().join(NAME), "[{").expect("written");
        assert!(Own::open(folder.path()).all().is_empty(), "damage is no reason not to begin");
    }
}

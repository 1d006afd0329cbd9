//! The one file of what is told: written whole, beside the one before, and put in its place once it is on the disk.

use mainstay_wire::hook::{Kept, VERSION};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The name of the file in the folder of the state.
const NAME: &str = "hooks.json";

/// The file.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    folder: PathBuf,
}

impl Store {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Reads what was kept. What cannot be read is put aside, and begun anew; then there is something to say.
    pub(crate) fn read(&self, wall: i64) -> (Kept, Option<String>) {
        let path = self.folder.join(NAME);
        let new = || Kept {
            origin: format!("{wall:x}-{:x}", std::process::id()),
            version: VERSION,
            ..Kept::default()
        };
        let why = match std::fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice::<Kept>(&bytes) {
                Ok(kept) if kept.version == VERSION => return (kept, None),
                Ok(kept) => {
                    format!("it is of version {}, and this program knows {VERSION}", kept.version)
                }
                Err(error) => error.to_string(),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => return (new(), None),
            Err(error) => error.to_string(),
        };
        let aside = self.folder.join(format!("{NAME}.damaged"));
        // Where it cannot be moved it is written over.
        let _ = std::fs::rename(&path, &aside);
        let notice = format!(
            "the record of deliveries cannot be read ({why}): it is put aside as `{}`, and what hooks had \
             not been told yet is not told",
            aside.display()
        );
        (new(), Some(notice))
    }

    /// Writes what is to be kept. It waits for the disk.
    ///
    /// # Errors
    ///
    /// It is not kept; what was kept before still is.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let next = self.folder.join(format!("{NAME}.next"));
        let mut file =
            File::options().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        std::fs::rename(&next, self.folder.join(NAME))?;
        File::open(&self.folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_read_and_damage_is_put_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path());
        let (mut kept, notice) = store.read(255);
        assert_eq!((kept.next, notice), (0, None));
        assert!(kept.origin.starts_with("ff-"), "{}", kept.origin);
        kept.next = 17;
        store.write(&serde_json::to_vec(&kept).expect("a form")).expect("written");
        assert_eq!(store.read(0), (kept, None));
        store.write(b"{\"version\":1,\"next\":").expect("written");
        let (kept, notice) = store.read(0);
        assert_eq!(kept.next, 0);
        assert!(notice.is_some_and(|text| text.contains("put aside")));
        assert!(folder.path().join("hooks.json.damaged").exists());
    }

    #[test]
    fn what_cannot_be_written_leaves_what_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path());
        let (kept, _) = store.read(1);
        store.write(&serde_json::to_vec(&kept).expect("a form")).expect("written");
        // A folder in the place of the next file: nobody can write there, whoever they are.
        std::fs::create_dir(folder.path().join("hooks.json.next")).expect("made");
        assert!(store.write(b"{}").is_err());
        assert_eq!(store.read(2), (kept, None));
    }
}

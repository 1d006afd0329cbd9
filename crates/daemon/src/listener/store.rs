//! The one file of what listeners wait for: written whole, and put in the place of the one before.

use mainstay_wire::listener::{Kept, VERSION};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The name of the file in the folder of the state.
const NAME: &str = "listeners.json";

/// The file.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    folder: PathBuf,
}

impl Store {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Reads what was kept; nothing where nothing was, or where it cannot be read, with something to say of it.
    pub(crate) fn read(&self) -> (Option<Kept>, Option<String>) {
        let why = match std::fs::read(self.folder.join(NAME)) {
            Ok(bytes) => match serde_json::from_slice::<Kept>(&bytes) {
                Ok(kept) if kept.version == VERSION => return (Some(kept), None),
                Ok(kept) => format!("it is of version {}", kept.version),
                Err(error) => error.to_string(),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => return (None, None),
            Err(error) => error.to_string(),
        };
        let notice = format!(
            "what waited for event listeners cannot be read ({why}): they are told of what happens from now on"
        );
        (None, Some(notice))
    }

    /// Writes what is to be kept. It outlives this program; whether it outlives a loss of power is left to the system, for
    /// nobody is to wait for a disk at every event.
    ///
    /// # Errors
    ///
    /// It is not kept; what was kept before still is.
    pub(super) fn write(&self, kept: &Kept) -> io::Result<()> {
        use io::Write;
        let next = self.folder.join(format!("{NAME}.next"));
        let mut options = std::fs::File::options();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&next)?;
        file.write_all(&serde_json::to_vec(kept).map_err(io::Error::other)?)?;
        std::fs::rename(&next, self.folder.join(NAME))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_read_and_what_cannot_be_read_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path());
        assert_eq!(store.read(), (None, None));
        let kept = Kept { version: VERSION, next: 17, ..Kept::default() };
        store.write(&kept).expect("written");
        assert_eq!(store.read(), (Some(kept.clone()), None));
        for damage in ["{\"version\":1,", "{\"version\":99,\"next\":1,\"serial\":1,\"pools\":{}}"] {
            std::fs::write(folder.path().join(NAME), damage).expect("written");
            let (found, notice) = store.read();
            assert_eq!(found, None, "{damage}");
            assert!(notice.is_some_and(|text| text.contains("cannot be read")));
        }
        store.write(&kept).expect("written over");
        assert_eq!(store.read().0, Some(kept));
    }
}

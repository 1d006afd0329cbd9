//! How a process is known as one of ours: by a variable of its environment, and by the name of its cgroup.

use mainstay_wire::keeper::Key;
use std::fmt;
use std::sync::Arc;

/// The variable that is set for every process of a run.
pub const VARIABLE: &str = "MAINSTAY_RUN";

/// Which of all keepers of a machine this is: the same over restarts and boots, another one for another
/// daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance(pub u64);

impl Instance {
    /// Returns the instance of what the daemon is known by, such as the path of its state.
    pub fn of(identity: &str) -> Self {
        Self(hash(identity.as_bytes()))
    }

    /// Returns the value of [`VARIABLE`] in every process of a run.
    pub fn mark(self, key: &Key) -> String {
        format!("{self}:{key}")
    }

    /// Returns the run that a value of [`VARIABLE`] names, if it is one of this instance.
    pub fn run_of(self, mark: &[u8]) -> Option<Key> {
        let mark = str::from_utf8(mark).ok()?;
        let (instance, key) = mark.split_once(':')?;
        let (child, run) = key.rsplit_once('#')?;
        if instance != self.to_string() || child.is_empty() {
            return None;
        }
        Some(Key { child: Arc::from(child), run: canonical(run)? })
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// FNV-1a: it need not resist anybody, only stay the same for ever.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Only the form that is written is read: `+1` and `01` are nobody's run.
fn canonical(number: &str) -> Option<u64> {
    let value: u64 = number.parse().ok()?;
    (value.to_string() == number).then_some(value)
}

/// How long the child's part of a folder's name gets. The kernel allows 255 bytes for all of it.
const LONGEST: usize = 200;
/// What stands before the number of the run. No file of the kernel begins like this.
const RUN: &str = "run-";

/// The name of the folder of a run, `run-7-app:db`. `copy` tells those apart whose key is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folder {
    /// The name.
    pub(super) name: String,
    /// Whether the name had to be shortened, so that it does not tell the whole path.
    pub(super) short: bool,
}

impl Folder {
    pub(super) fn of(key: &Key, copy: u32) -> Self {
        let mut child = String::with_capacity(key.child.len());
        for &byte in key.child.as_bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => {
                    child.push(char::from(byte));
                }
                b'/' => child.push(':'),
                byte => child.push_str(&format!("%{byte:02X}")),
            }
        }
        let short = child.len() > LONGEST;
        if short {
            child.truncate(LONGEST - 17);
            child.push_str(&format!("~{:016x}", hash(key.child.as_bytes())));
        }
        let copy = if copy == 0 { String::new() } else { format!(".{copy}") };
        Self { name: format!("{RUN}{}{copy}-{child}", key.run), short }
    }

    /// Returns whether a folder of this name is one of a run.
    pub(super) fn is_run(name: &str) -> bool {
        name.starts_with(RUN)
    }

    /// Returns the run that a folder's name tells, if it was not shortened.
    pub(super) fn run_of(name: &str) -> Option<Key> {
        let (number, child) = name.strip_prefix(RUN)?.split_once('-')?;
        let number = number.split('.').next()?;
        let mut path = Vec::with_capacity(child.len());
        let mut bytes = child.bytes();
        while let Some(byte) = bytes.next() {
            path.push(match byte {
                b'~' => return None,
                b':' => b'/',
                b'%' => {
                    let digits = [bytes.next()?, bytes.next()?];
                    u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?
                }
                byte => byte,
            });
        }
        Some(Key { child: Arc::from(String::from_utf8(path).ok()?), run: canonical(number)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(child: &str, run: u64) -> Key {
        Key { child: Arc::from(child), run }
    }

    #[test]
    fn a_mark_names_the_run_of_its_own_instance_only() {
        let (ours, theirs) = (Instance::of("/var/lib/a"), Instance::of("/var/lib/b"));
        for key in [key("app/db", 7), key("a#b:c", u64::MAX), key("größe", 1)] {
            let mark = ours.mark(&key);
            assert_eq!(ours.run_of(mark.as_bytes()), Some(key));
            assert_eq!(theirs.run_of(mark.as_bytes()), None);
        }
        for broken in ["", ":", "a#1", "x:a#1", ":a#1"] {
            assert_eq!(ours.run_of(broken.as_bytes()), None, "{broken}");
        }
        for broken in ["a", "#1", "a#", "a#+1", "a#01", "a#-1", "a#99999999999999999999"] {
            assert_eq!(ours.run_of(format!("{ours}:{broken}").as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn a_folder_tells_its_run() {
        for (key, name) in [
            (key("app/db", 7), "run-7-app:db"),
            (key("a:b%~c", 1), "run-1-a%3Ab%25%7Ec"),
            (key("../x", 2), "run-2-..:x"),
            (key("ö\n", 3), "run-3-%C3%B6%0A"),
        ] {
            let folder = Folder::of(&key, 0);
            assert_eq!(folder, Folder { name: name.to_owned(), short: false });
            assert_eq!(Folder::run_of(name), Some(key.clone()));
            assert_eq!(Folder::run_of(&Folder::of(&key, 3).name), Some(key));
        }
        for broken in
            ["", "keeper", "run-", "run-1", "run-x-a", "run-1-%G", "run-1-a%4", "run-01-a"]
        {
            assert_eq!(Folder::run_of(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_long_path_gets_a_short_name_of_its_own() {
        let (one, two) = ("x/".repeat(300) + "a", "x/".repeat(300) + "b");
        let (one, two) = (Folder::of(&key(&one, 1), 0), Folder::of(&key(&two, 1), 0));
        assert!(one.short && two.short && one.name != two.name);
        assert!(one.name.len() <= 230);
        assert_eq!(Folder::run_of(&one.name), None);
    }
}

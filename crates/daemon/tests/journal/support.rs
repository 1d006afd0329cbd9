//! Small journals whose records say which they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use mainstay_daemon::journal::{Found, Journal, Outcome, Record, Settings, When};

/// Nobody waits longer than this for something that happens.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// What makes a test run again, in a process of its own.
const APART: &str = "JOURNAL_TEST_APART";

/// Settings with segments so small that a few records fill one, and the same bytes whenever a test runs.
pub(crate) fn small() -> Settings {
    let mut settings = Settings::default();
    settings.segment_bytes = 300;
    settings.wall = || 1_700_000_000_000;
    settings
}

pub(crate) fn open(folder: &Path) -> (Journal, Found) {
    Journal::open(folder, small()).unwrap()
}

/// What the record of this number says, so that one at a wrong place is noticed.
pub(crate) fn text(seq: u64) -> Vec<u8> {
    format!("{{\"record\":{seq},\"fill\":\"{}\"}}", "x".repeat(seq as usize % 20)).into_bytes()
}

pub(crate) fn append(journal: &Journal, count: u64) {
    for _ in 0..count {
        let next = journal.state().last + 1;
        assert_eq!(journal.append(&text(next)), next);
    }
}

/// Waits until something has become of a record.
pub(crate) fn wait(journal: &Journal, seq: u64, when: When) -> Outcome {
    let (tell, told) = mpsc::channel();
    journal.when(seq, when, Box::new(move |outcome| tell.send(outcome).unwrap()));
    told.recv_timeout(SOON).expect("everybody is answered")
}

/// Makes a journal of so many records.
pub(crate) fn fill(folder: &Path, count: u64) {
    let (journal, _) = open(folder);
    append(&journal, count);
    journal.close();
}

/// Asserts that these are records as they were appended; returns their numbers.
pub(crate) fn numbers(records: impl Iterator<Item = Record>) -> Vec<u64> {
    records
        .map(|record| {
            let (is, should) = (record.payload, text(record.seq));
            assert_eq!(String::from_utf8_lossy(&is), String::from_utf8_lossy(&should));
            record.seq
        })
        .collect()
}

/// Returns the files of a folder whose name ends like this, in order.
pub(crate) fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(suffix))
        .collect();
    files.sort();
    files
}

/// The content of a folder, so that it can be damaged and laid out again.
pub(crate) fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    files(folder, "").into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Makes a folder hold exactly this.
pub(crate) fn restore(folder: &Path, content: &BTreeMap<PathBuf, Vec<u8>>) {
    for path in files(folder, "") {
        if !content.contains_key(&path) {
            fs::remove_file(path).unwrap();
        }
    }
    for (path, bytes) in content {
        fs::write(path, bytes).unwrap();
    }
}

/// A folder in memory, where nobody waits for a disk; an ordinary one where there is none.
pub(crate) fn quick() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Returns whether this is the process of its own that a test has asked for.
pub(crate) fn is_apart() -> bool {
    std::env::var_os(APART).is_some()
}

/// Makes this program run one test again in a process of its own, behind the words of another program.
pub(crate) fn again(test: &str, before: &[&str]) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut words = before.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    words.push(program.to_str().unwrap().to_owned());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args([test, "--exact", "--nocapture"]).env(APART, test);
    command
}

/// Runs a test with a small file system of its own at `folder`, which only its process sees.
pub(crate) fn on_a_small_disk(test: &str, options: &str, body: impl FnOnce(&Path)) {
    let folder = Path::new("/mnt");
    if is_apart() {
        return body(folder);
    }
    let mount = format!("mount -t tmpfs -o {options} none {} && exec \"$@\"", folder.display());
    let own = ["unshare", "-Urm", "--"];
    let mut may = Command::new(own[0]);
    if !may.args(&own[1..]).arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("not tested: this system gives nobody a mount namespace");
        return;
    }
    let before = [&own[..], &["sh", "-c", &mount, "sh"]].concat();
    let output = again(test, &before).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

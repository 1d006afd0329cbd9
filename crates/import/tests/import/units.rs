//! Units as Debian ships them, which `.ci/units` fetches; the sample that supervisord ships.

use crate::support::{load, try_import};
use mainstay_import::{Neighbour, Report};
use std::path::{Path, PathBuf};

/// The folder with the units. A machine without them does not fail: CI has them, and says so.
fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("MAINSTAY_UNITS");
    if named.is_none() {
        let text = "skipped: no real units; `bash .ci/units FOLDER`, then MAINSTAY_UNITS=FOLDER";
        std::io::Write::write_all(&mut std::io::stderr(), format!("{text}\n").as_bytes())
            .expect("said");
    }
    named.map(PathBuf::from)
}

/// Counts the keys of a unit in the plainest way: lines with `=` that go on nothing.
fn keys(path: &Path) -> usize {
    let text = std::fs::read_to_string(path).expect("a unit");
    let mut goes_on = false;
    let mut count = 0;
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', ';']) || line.is_empty() && !goes_on {
            continue;
        }
        count += usize::from(!goes_on && line.contains('=') && !line.starts_with('['));
        goes_on = line.ends_with('\\');
    }
    count
}

fn unknown(report: &Report) -> Vec<String> {
    let lost = report.lost().filter(|item| item.verdict.text().starts_with("no key that"));
    lost.map(|item| format!("{}: {}", item.place, item.key)).collect()
}

#[test]
fn units_of_debian_are_imported_and_nothing_of_them_is_dropped() {
    let Some(folder) = folder() else { return };
    let mut services = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder of the units") {
        let path = entry.expect("a unit").path();
        let is_link = path.symlink_metadata().expect("there").is_symlink();
        if is_link || path.extension().is_none_or(|end| end != "service") {
            continue;
        }
        // Beside a template its instances have no file of their own.
        let made = try_import(Neighbour::Systemd, std::slice::from_ref(&path));
        let made = match made {
            Ok(made) => made,
            Err(error) => {
                let text = std::fs::read_to_string(&path).expect("a unit");
                assert!(!text.contains("ExecStart="), "{error}");
                continue;
            }
        };
        services += 1;
        load(&made.spec, &folder);
        let template = made.report.items.iter().filter(|item| item.section.is_empty()).count();
        assert_eq!(
            made.report.items.len() - template,
            keys(&path),
            "{}\n{}",
            path.display(),
            made.report
        );
        assert_eq!(unknown(&made.report), Vec::<String>::new(), "systemd knows them");
    }
    assert!(services >= 50, "only {services} units");
}

#[test]
fn all_units_of_a_machine_become_one_tree() {
    let Some(folder) = folder() else { return };
    let made = try_import(Neighbour::Systemd, std::slice::from_ref(&folder)).expect("it is right");
    let loaded = load(&made.spec, &folder);
    assert!(loaded.names().count() >= 50);
    assert_eq!(unknown(&made.report), Vec::<String>::new());
}

#[test]
fn the_sample_of_supervisord_is_known_to_the_last_key() {
    let Some(folder) = folder() else { return };
    let text = std::fs::read_to_string(folder.join("supervisord.sample")).expect("the sample");
    // All keys of the sample are comments, but for those of the daemon.
    let told: String = text
        .lines()
        .map(|line| match line.strip_prefix(';') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => {
                format!("{rest}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let made = tempfile::tempdir().expect("a folder");
    let path = made.path().join("supervisord.conf");
    std::fs::write(&path, &told).expect("written");
    let imported = try_import(Neighbour::Supervisord, &[path]).expect("it is right");
    load(&imported.spec, made.path());
    assert_eq!(unknown(&imported.report), Vec::<String>::new());
    let count =
        told.lines().filter(|line| !line.starts_with([';', '[']) && line.contains('=')).count();
    assert_eq!(imported.report.items.len(), count);
}

//! Folders with files, what is made of them, and tables of keys.

use mainstay_daemon::spec::{Loaded, load_text};
use mainstay_import::{Disk, Imported, Item, Neighbour, Verdict, import};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder with these files.
pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("below the folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }
    folder
}

/// Imports the first of some files, and has the loader read what comes out.
#[track_caller]
pub(crate) fn imported(neighbour: Neighbour, files: &[(&str, &str)]) -> Imported {
    let folder = folder(files);
    let imported = try_import(neighbour, &[folder.path().join(files[0].0)]);
    let imported = imported.unwrap_or_else(|error| panic!("it is refused: {error}"));
    load(&imported.spec, folder.path());
    imported
}

/// The same where a variable is set.
#[track_caller]
pub(crate) fn imported_with(
    neighbour: Neighbour,
    files: &[(&str, &str)],
    variable: &str,
) -> Imported {
    let folder = folder(files);
    let imported = try_import(neighbour, &[folder.path().join(files[0].0)]).expect("it is right");
    let environment = |name: &str| (name == variable).then(|| "1".to_owned());
    load_text(&imported.spec, &folder.path().join("mainstay.yaml"), &environment, None)
        .unwrap_or_else(|problems| panic!("it is refused:\n{problems}\n{}", imported.spec));
    imported
}

pub(crate) fn try_import(neighbour: Neighbour, paths: &[PathBuf]) -> Result<Imported, String> {
    import(neighbour, paths, &Disk).map_err(|error| error.to_string())
}

/// Reads a spec file as `mainstay check` does.
#[track_caller]
pub(crate) fn load(spec: &str, folder: &Path) -> Loaded {
    let none = |_: &str| None;
    load_text(spec, &folder.join("mainstay.yaml"), &none, None)
        .unwrap_or_else(|problems| panic!("check refuses what was written:\n{problems}\n{spec}"))
}

pub(crate) fn word(item: &Item) -> &'static str {
    match item.verdict {
        Verdict::Kept(_) => "kept",
        Verdict::Changed(_) => "changed",
        Verdict::Lost(_) => "lost",
    }
}

/// Checks rows `INPUT | VERDICT | LINE`: each is put where `around` has `KEY`, must be judged so, and the line must
/// stand in what is written; `-` where nothing is, and nothing differs from what is written without the row.
#[track_caller]
pub(crate) fn table(neighbour: Neighbour, name: &str, around: &str, rows: &str) {
    let without = imported(neighbour, &[(name, &around.replace("KEY", ""))]);
    for row in rows.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let cells: Vec<&str> = row.split(" | ").map(str::trim).collect();
        let [input, verdict, line] = cells.as_slice() else { panic!("no row: {row}") };
        let input = input.replace("\\n", "\n");
        let made = imported(neighbour, &[(name, &around.replace("KEY", &input))]);
        let mut before: BTreeMap<(String, String), usize> = BTreeMap::new();
        for item in &without.report.items {
            *before.entry((item.key.clone(), item.value.clone())).or_default() += 1;
        }
        let added = made.report.items.iter().filter(|item| {
            match before.get_mut(&(item.key.clone(), item.value.clone())) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    false
                }
                _ => true,
            }
        });
        // Of several keys in a row, the worst verdict counts.
        let worst = added.max_by_key(|item| {
            ["kept", "changed", "lost"].iter().position(|one| *one == word(item))
        });
        let worst =
            worst.unwrap_or_else(|| panic!("{row}: the report does not know it\n{}", made.report));
        assert_eq!(word(worst), *verdict, "{row}\n{}", made.report);
        if *line == "-" {
            let plain = |spec: &str| -> String {
                spec.lines().filter(|line| !line.trim_start().starts_with('#')).collect()
            };
            assert_eq!(plain(&made.spec), plain(&without.spec), "{row}");
        } else {
            let has = made.spec.lines().any(|written| written.trim() == *line);
            assert!(has, "{row}: no such line in\n{}", made.spec);
        }
    }
}

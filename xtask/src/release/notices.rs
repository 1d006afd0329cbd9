//! The licence texts of what is linked into the program: most of them ask to go along with it.

use super::Failed;
use super::parts::Parts;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// What the names of such files begin with.
const NAMES: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

/// A line that stands in no licence.
fn ruler() -> String {
    "~".repeat(78)
}

/// Returns each text once, behind the names of the crates that have it.
pub(super) fn gather(parts: &Parts) -> Result<String, Failed> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for part in parts.others.iter().filter(|part| !part.is_ours()) {
        let found = texts_in(&part.folder)
            .map_err(|error| Failed::new(format!("reading {}", part.folder.display()), error))?;
        let name = format!("{} {}", part.name, part.version);
        if found.is_empty() {
            let text = format!("{name} has no file with its licence");
            return Err(Failed::new("gathering licences", text));
        }
        for text in found {
            let crates = texts.entry(text).or_default();
            if crates.last() != Some(&name) {
                crates.push(name.clone());
            }
        }
    }
    let mut entries: Vec<(Vec<String>, String)> =
        texts.into_iter().map(|(text, crates)| (crates, text)).collect();
    entries.sort();
    let mut out = String::from(
        "Mainstay is licensed under MIT or Apache-2.0, at your choice. It has these crates in it, under these \
         licences.\n",
    );
    for (crates, text) in entries {
        // Writing to a string cannot fail.
        let _ = write!(out, "\n{}\n\n{}\n\n{text}\n", ruler(), crates.join(", "));
    }
    Ok(out)
}

/// Returns the licences in the uppermost folder of a crate.
fn texts_in(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        if path.is_file() && NAMES.iter().any(|lead| name.starts_with(lead)) {
            files.push(path);
        }
    }
    files.sort();
    let trimmed = |bytes: Vec<u8>| {
        let text = String::from_utf8_lossy(&bytes);
        text.trim().lines().map(str::trim_end).collect::<Vec<&str>>().join("\n")
    };
    files.into_iter().map(|file| fs::read(file).map(trimmed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_once_for_all_who_have_it() {
        let parts = Parts::read(&crate::root()).expect("cargo");
        let text = gather(&parts).expect("licences");
        for part in parts.others.iter().filter(|part| !part.is_ours()) {
            assert!(text.contains(&format!("{} {}", part.name, part.version)), "{}", part.name);
        }
        let ruler = ruler();
        let blocks = text.split(&ruler).skip(1).filter_map(|block| block.trim().split_once("\n\n"));
        let mut texts: Vec<&str> = blocks.map(|(_, text)| text).collect();
        let all = texts.len();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), all, "two blocks with one text");
        assert!(all < parts.others.len(), "most crates share theirs: {all}");
        assert!(!text.contains("mainstay-core "), "it is not somebody else's");
    }
}

//! What the program is made of, as CycloneDX 1.6: every crate that is linked into it or runs while it is built.

use super::archive::About;
use super::build::TARGET;
use super::{Failed, printed};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = "mainstay-cli";

/// Writes the list into a folder.
pub(super) fn write(root: &Path, out: &Path, about: &About) -> Result<PathBuf, Failed> {
    let asked = printed(
        Command::new("cargo")
            .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", TARGET])
            .current_dir(root),
    )?;
    let step = "listing what the program is made of";
    let metadata: Value = serde_json::from_str(&asked).map_err(|error| Failed::new(step, error))?;
    let lock = std::fs::read_to_string(root.join("Cargo.lock"))
        .map_err(|error| Failed::new("reading Cargo.lock", error))?;
    let list = list(&metadata, &checksums(&lock), about).map_err(|text| Failed::new(step, text))?;
    let text = serde_json::to_string_pretty(&list).map_err(|error| Failed::new(step, error))?;
    let file = out.join(format!("mainstay-{}.cdx.json", about.version));
    std::fs::write(&file, text + "\n")
        .map_err(|error| Failed::new(format!("writing {}", file.display()), error))?;
    Ok(file)
}

/// Makes the list from what cargo says.
fn list(
    metadata: &Value,
    checksums: &BTreeMap<(String, String), String>,
    about: &About,
) -> Result<Value, String> {
    let packages: BTreeMap<&str, &Value> = each(metadata, "/packages")
        .filter_map(|package| Some((package["id"].as_str()?, package)))
        .collect();
    let nodes: BTreeMap<&str, &Value> = each(metadata, "/resolve/nodes")
        .filter_map(|node| Some((node["id"].as_str()?, node)))
        .collect();
    let program = packages.iter().find(|(_, package)| package["name"] == PROGRAM);
    let (&program, _) = program.ok_or_else(|| format!("cargo knows no package `{PROGRAM}`"))?;
    let (mut seen, mut next) = (BTreeSet::from([program]), vec![program]);
    let mut dependencies = BTreeMap::new();
    while let Some(id) = next.pop() {
        let node = nodes.get(id).ok_or_else(|| format!("cargo did not resolve `{id}`"))?;
        let on: BTreeSet<&str> = needed(node).collect();
        next.extend(on.iter().filter(|id| seen.insert(id)));
        dependencies.insert(id, on);
    }
    let component = |id: &str| -> Result<Value, String> {
        let package = packages.get(id).ok_or_else(|| format!("cargo does not describe `{id}`"))?;
        Ok(describe(package, checksums))
    };
    let others: Result<Vec<Value>, String> =
        seen.iter().filter(|id| **id != program).map(|id| component(id)).collect();
    let mut whole = component(program)?;
    whole["type"] = json!("application");
    whole["name"] = json!("mainstay");
    let reference = |id: &str| packages.get(id).map(|package| address(package)).unwrap_or_default();
    let edges: Vec<Value> = dependencies
        .iter()
        .map(|(id, on)| {
            let on: Vec<String> = on.iter().map(|id| reference(id)).collect();
            json!({ "ref": reference(id), "dependsOn": on })
        })
        .collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "timestamp": stamp(about.moment), "component": whole },
        "components": others?,
        "dependencies": edges,
    }))
}

/// Returns what a crate needs to be built or linked; not what its tests need.
fn needed(node: &Value) -> impl Iterator<Item = &str> {
    each(node, "/deps").filter_map(|dependency| {
        let mut kinds = each(dependency, "/dep_kinds");
        let counts = kinds.any(|kind| kind["kind"] != "dev");
        dependency["pkg"].as_str().filter(|_| counts)
    })
}

fn describe(package: &Value, checksums: &BTreeMap<(String, String), String>) -> Value {
    let text = |field: &str| package[field].as_str().unwrap_or_default().to_owned();
    let (name, version) = (text("name"), text("version"));
    let mut component = json!({
        "type": "library",
        "bom-ref": address(package),
        "purl": address(package),
        "name": name,
        "version": version,
    });
    if let Some(license) = package["license"].as_str() {
        // Before there was an operator for it, a slash meant a choice.
        component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
    }
    if let Some(sum) = checksums.get(&(name, version)) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
    }
    component
}

/// Returns the name by which the world knows a crate.
fn address(package: &Value) -> String {
    let text = |field: &str| package[field].as_str().unwrap_or_default();
    format!("pkg:cargo/{}@{}", text("name"), text("version"))
}

fn each<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// Returns the checksum of each crate that a lock file names, by its name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |block: &str, key: &str| {
        let lines = block.lines().filter_map(|line| line.split_once(" = "));
        let mut found = lines.filter(|(name, _)| *name == key);
        found.next().map(|(_, value)| value.trim_matches('"').to_owned())
    };
    let blocks = lock.split("[[package]]");
    let sums = blocks.filter_map(|block| {
        Some(((value(block, "name")?, value(block, "version")?), value(block, "checksum")?))
    });
    sums.collect()
}

/// Writes a moment as `2026-11-21T23:04:26Z`.
fn stamp(moment: u64) -> String {
    let (days, second) = (moment / 86_400, moment % 86_400);
    // Days since March 1st of the year 0, in eras of 400 years: the leap day comes last.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_days_and_hours() {
        for (moment, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_302_266, "2026-11-21T23:04:26Z"),
        ] {
            assert_eq!(stamp(moment), text);
        }
    }

    #[test]
    fn every_crate_is_listed_once_with_licence_checksum_and_what_it_needs() {
        let root = crate::root();
        let folder = std::env::temp_dir().join(format!("mainstay-sbom-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let about = About { version: "1.2.3".into(), moment: 0 };
        let file = write(&root, &folder, &about).expect("a list");
        let list = std::fs::read_to_string(&file).expect("a file");
        std::fs::remove_dir_all(&folder).expect("no folder");
        let list: Value = serde_json::from_str(&list).expect("JSON");
        let components: Vec<&Value> = each(&list, "/components").collect();
        let references: BTreeSet<&str> =
            components.iter().filter_map(|component| component["bom-ref"].as_str()).collect();
        assert_eq!(references.len(), components.len(), "each is there once");
        assert!(references.iter().any(|one| one.starts_with("pkg:cargo/tokio@")));
        assert!(!references.iter().any(|one| one.starts_with("pkg:cargo/proptest@")));
        for component in &components {
            assert!(component["licenses"][0]["expression"].is_string(), "{component}");
            let is_ours =
                component["name"].as_str().is_some_and(|name| name.starts_with("mainstay"));
            assert_eq!(component["hashes"][0]["content"].is_string(), !is_ours, "{component}");
        }
        for edge in each(&list, "/dependencies") {
            for on in each(edge, "/dependsOn") {
                assert!(references.contains(on.as_str().expect("a reference")), "{on}");
            }
        }
        assert_eq!(list["metadata"]["component"]["name"], "mainstay");
    }
}

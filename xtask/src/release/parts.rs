//! What the program is made of: every crate that is linked into it or runs while it is built.

use super::build::target;
use super::{Failed, printed};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = "mainstay-cli";

/// One crate.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) version: String,
    /// As its authors wrote it.
    pub(super) licence: Option<String>,
    /// The SHA-256 of what the registry gave; crates of this workspace have none.
    pub(super) checksum: Option<String>,
    /// The folder of its sources on this machine.
    pub(super) folder: PathBuf,
    /// The names by which the world knows what it needs.
    pub(super) needs: BTreeSet<String>,
}

impl Part {
    /// Returns the name by which the world knows it.
    pub(super) fn address(&self) -> String {
        address(&self.name, &self.version)
    }

    pub(super) fn is_ours(&self) -> bool {
        self.checksum.is_none()
    }
}

fn address(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{version}")
}

/// The program and all its parts.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) program: Part,
    /// In the order of their names and versions.
    pub(super) others: Vec<Part>,
}

impl Parts {
    /// Asks cargo. What it resolves is for all crates of the workspace and their tests: only its tree tells what one
    /// program takes, with the features that it asks for.
    pub(super) fn read(root: &Path) -> Result<Self, Failed> {
        let target = target();
        let mut metadata = Command::new("cargo");
        metadata.args(["metadata", "--format-version", "1", "--locked"]);
        let metadata = printed(metadata.args(["--filter-platform", &target]).current_dir(root))?;
        let mut tree = Command::new("cargo");
        tree.args(["tree", "--locked", "-p", PROGRAM, "--target", &target]);
        tree.args(["--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
        let tree = printed(tree.current_dir(root))?;
        let lock = std::fs::read_to_string(root.join("Cargo.lock"))
            .map_err(|error| Failed::new("reading Cargo.lock", error))?;
        let step = "listing what the program is made of";
        let metadata = serde_json::from_str(&metadata).map_err(|error| Failed::new(step, error))?;
        gather(&metadata, &tree, &checksums(&lock)).map_err(|text| Failed::new(step, text))
    }
}

fn gather(
    metadata: &Value,
    tree: &str,
    checksums: &BTreeMap<(String, String), String>,
) -> Result<Parts, String> {
    // `serde v1.0.228 (proc-macro)`, `mainstay-core v0.1.0 (/path)`.
    let taken: BTreeSet<String> = tree
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(" v")?;
            Some(address(name, rest.split_whitespace().next()?))
        })
        .collect();
    let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
    let mut addresses = BTreeMap::new();
    for package in each(metadata, "/packages") {
        let address = address(&text(package, "name"), &text(package, "version"));
        addresses.insert(text(package, "id"), address);
    }
    let mut needs = BTreeMap::new();
    for node in each(metadata, "/resolve/nodes") {
        let found = needed(node).filter_map(|id| addresses.get(id));
        let found: BTreeSet<String> = found.filter(|one| taken.contains(*one)).cloned().collect();
        needs.insert(text(node, "id"), found);
    }
    let mut program = None;
    let mut others = Vec::new();
    for package in each(metadata, "/packages") {
        let (name, version) = (text(package, "name"), text(package, "version"));
        if !taken.contains(&address(&name, &version)) {
            continue;
        }
        let manifest = PathBuf::from(text(package, "manifest_path"));
        let part = Part {
            licence: package["license"].as_str().map(Into::into),
            checksum: checksums.get(&(name.clone(), version.clone())).cloned(),
            folder: manifest.parent().unwrap_or(&manifest).to_path_buf(),
            needs: needs.remove(&text(package, "id")).unwrap_or_default(),
            name,
            version,
        };
        if part.name == PROGRAM { program = Some(part) } else { others.push(part) }
    }
    if others.len() + 1 != taken.len() {
        return Err(format!("cargo names {} crates, and describes others", taken.len()));
    }
    others.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
    let program = program.ok_or_else(|| format!("cargo knows no package `{PROGRAM}`"))?;
    Ok(Parts { program, others })
}

/// Returns what a crate needs to be built or linked; not what its tests need.
fn needed(node: &Value) -> impl Iterator<Item = &str> {
    each(node, "/deps").filter_map(|dependency| {
        let mut kinds = each(dependency, "/dep_kinds");
        let counts = kinds.any(|kind| kind["kind"] != "dev");
        dependency["pkg"].as_str().filter(|_| counts)
    })
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

//! What the program is made of, as CycloneDX 1.6.

use super::parts::{Part, Parts};
use super::{About, Failed, printed};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Writes the list into a folder.
pub(super) fn write(parts: &Parts, out: &Path, about: &About) -> Result<PathBuf, Failed> {
    let rustc = printed(Command::new("rustc").arg("--version"))?;
    let text = serde_json::to_string_pretty(&list(parts, about, &rustc))
        .map_err(|error| Failed::new("writing what the program is made of", error))?;
    let file = out.join(format!("mainstay-{}.cdx.json", about.version));
    std::fs::write(&file, text + "\n")
        .map_err(|error| Failed::new(format!("writing {}", file.display()), error))?;
    Ok(file)
}

fn list(parts: &Parts, about: &About, rustc: &str) -> Value {
    let mut whole = describe(&parts.program);
    whole["type"] = json!("application");
    whole["name"] = json!("mainstay");
    let components: Vec<Value> = parts.others.iter().map(describe).collect();
    let all = std::iter::once(&parts.program).chain(&parts.others);
    let edges: Vec<Value> =
        all.map(|part| json!({ "ref": part.address(), "dependsOn": part.needs })).collect();
    // `rustc 1.95.0 (f8297e351 2026-10-28)`
    let compiler = rustc.trim().strip_prefix("rustc ").unwrap_or(rustc);
    let tool = json!({ "type": "application", "name": "rustc", "version": compiler });
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": about.stamp,
            "tools": { "components": [tool] },
            "component": whole,
        },
        "components": components,
        "dependencies": edges,
    })
}

fn describe(part: &Part) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": part.address(),
        "purl": part.address(),
        "name": part.name,
        "version": part.version,
    });
    if let Some(licence) = &part.licence {
        // Before there was an operator for it, a slash meant a choice.
        component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
    }
    if let Some(sum) = &part.checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_crate_is_listed_once_with_licence_checksum_and_what_it_needs() {
        let parts = Parts::read(&crate::root()).expect("cargo");
        let about = About { version: "1.2.3".into(), moment: 0, stamp: "then".into(), effort: 1 };
        let list = list(&parts, &about, "rustc 1.2.3 (abc)\n");
        let array = |value: &Value| value.as_array().expect("an array").clone();
        let components = array(&list["components"]);
        let references: BTreeSet<&str> =
            components.iter().filter_map(|component| component["bom-ref"].as_str()).collect();
        assert_eq!(references.len(), components.len(), "each is there once");
        assert!(references.iter().any(|one| one.starts_with("pkg:cargo/tokio@")));
        // One is for tests, the other belongs to a feature that nobody takes.
        for absent in ["pkg:cargo/proptest@", "pkg:cargo/chrono@"] {
            assert!(!references.iter().any(|one| one.starts_with(absent)), "{absent}");
        }
        for component in &components {
            assert!(component["licenses"][0]["expression"].is_string(), "{component}");
            let is_ours =
                component["name"].as_str().is_some_and(|name| name.starts_with("mainstay"));
            assert_eq!(component["hashes"][0]["content"].is_string(), !is_ours, "{component}");
        }
        let edges = array(&list["dependencies"]);
        assert_eq!(edges.len(), components.len() + 1);
        for edge in &edges {
            for on in array(&edge["dependsOn"]) {
                assert!(references.contains(on.as_str().expect("a reference")), "{on}");
            }
        }
        assert_eq!(list["metadata"]["component"]["name"], "mainstay");
        assert_eq!(list["metadata"]["tools"]["components"][0]["version"], "1.2.3 (abc)");
    }
}

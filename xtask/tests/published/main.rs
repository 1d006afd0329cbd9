//! What `cargo xtask release` has made, met as its users meet it: `MAINSTAY_DIST=FOLDER cargo test -p xtask --test published`.

mod cage;
mod debian;
mod dist;
mod first;

use dist::{dist, printed, run};
use serde_json::Value;
use std::fs;
use std::process::Command;

#[test]
fn every_file_is_what_the_checksums_say() {
    let Some(dist) = dist() else { return };
    run(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&dist));
    let listed = fs::read_to_string(dist.join("SHA256SUMS")).expect("checksums");
    // The tarball, the package, the list, and this file itself.
    assert_eq!(fs::read_dir(&dist).expect("the folder").count(), listed.lines().count() + 1);
    assert_eq!(listed.lines().count(), 3, "{listed}");
}

#[test]
fn the_program_needs_no_library_and_no_loader() {
    let Some(dist) = dist() else { return };
    let folder = dist::unpacked(&dist);
    let program = folder.path().join("usr/bin/mainstay");
    let headers = printed(Command::new("readelf").arg("-lW").arg(&program));
    assert!(headers.contains("LOAD"), "{headers}");
    assert!(!headers.contains("INTERP"), "{headers}");
    let needed = printed(Command::new("readelf").arg("-dW").arg(&program));
    assert!(!needed.contains("(NEEDED)"), "{needed}");
}

#[test]
fn nothing_in_the_program_tells_where_it_was_built() {
    let Some(dist) = dist() else { return };
    let folder = dist::unpacked(&dist);
    let bytes = fs::read(folder.path().join("usr/bin/mainstay")).expect("the program");
    let home = std::env::var("HOME").expect("a home");
    let here = env!("CARGO_MANIFEST_DIR").strip_suffix("/xtask").expect("the root");
    for place in [format!("{home}/.cargo"), format!("{home}/.rustup"), format!("{here}/")] {
        let found = bytes.windows(place.len()).position(|window| window == place.as_bytes());
        assert_eq!(found, None, "{place}");
    }
}

#[test]
fn the_tarball_has_all_that_the_program_can_say_of_itself() {
    let Some(dist) = dist() else { return };
    let folder = dist::unpacked(&dist);
    let at = |name: &str| folder.path().join(name);
    for name in [
        "usr/lib/systemd/system/mainstay.service",
        "usr/share/doc/mainstay/LICENSE-APACHE",
        "usr/share/doc/mainstay/LICENSE-MIT",
        "usr/share/doc/mainstay/NOTICES.gz",
        "usr/share/doc/mainstay/README.md",
        "usr/share/doc/mainstay/docs/guide/daemon.md",
        "usr/share/fish/vendor_completions.d/mainstay.fish",
        "usr/share/man/man1/mainstay.1.gz",
        "usr/share/man/man1/mainstay-explain.1.gz",
        "usr/share/zsh/vendor-completions/_mainstay",
    ] {
        assert!(at(name).metadata().is_ok_and(|about| about.len() > 0), "{name}");
    }
    let script = at("usr/share/bash-completion/completions/mainstay");
    let typed = "COMP_WORDS=(mainstay expl); COMP_CWORD=1; _mainstay_children mainstay expl mainstay; echo ${COMPREPLY[*]}";
    let text = format!(". {}; {typed}", script.display());
    assert_eq!(printed(Command::new("bash").args(["--norc", "-c", &text])), "explain\n");
    let example = at("usr/share/doc/mainstay/examples/mainstay.yaml");
    run(Command::new(at("usr/bin/mainstay")).arg("check").arg(example));
}

#[test]
fn the_list_names_what_the_lock_file_names() {
    let Some(dist) = dist() else { return };
    let file = dist::the(&dist, ".cdx.json");
    let list: Value =
        serde_json::from_slice(&fs::read(file).expect("the list")).expect("it is JSON");
    assert_eq!(list["bomFormat"], "CycloneDX");
    let folder = dist::unpacked(&dist);
    let version = printed(Command::new(folder.path().join("usr/bin/mainstay")).arg("--version"));
    let named = list["metadata"]["component"]["version"].as_str().expect("a version");
    assert_eq!(version.trim(), format!("mainstay {named}"));
    let lock = include_str!("../../../Cargo.lock");
    let components = list["components"].as_array().expect("components");
    assert!(components.len() > 100);
    for component in components {
        let [name, version] = ["name", "version"].map(|key| component[key].as_str().expect("text"));
        let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
        assert!(lock.contains(&entry), "{entry}");
    }
}

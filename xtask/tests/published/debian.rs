//! The Debian package, installed into an empty root.

use crate::dist::{dist, printed, run, the};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A root with no package in it.
struct Root(TempDir);

impl Root {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        for place in ["info", "updates"] {
            fs::create_dir_all(folder.path().join("var/lib/dpkg").join(place)).expect("a folder");
        }
        fs::write(folder.path().join("var/lib/dpkg/status"), "").expect("a file");
        Self(folder)
    }

    fn dpkg(&self, words: &[&str]) -> String {
        let mut dpkg = Command::new("dpkg");
        let root = format!("--root={}", self.0.path().display());
        // There is no shell in it, and whoever tests need not be root.
        dpkg.args([&root, "--force-script-chrootless", "--force-not-root"]);
        printed(dpkg.args(words))
    }

    fn install(&self, package: &Path) {
        self.dpkg(&["--install", package.to_str().expect("a plain path")]);
    }

    fn at(&self, place: &str) -> PathBuf {
        self.0.path().join(place)
    }

    fn put(&self, place: &str) {
        let path = self.at(place);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "mine").expect("a file");
    }

    fn keeps(&self, place: &str) -> bool {
        fs::read(self.at(place)).is_ok_and(|text| text == b"mine")
    }
}

#[test]
fn it_is_installed_upgraded_and_removed_and_what_operators_have_stays() {
    let Some(dist) = dist() else { return };
    let first = the(&dist, ".deb");
    let version = printed(Command::new("dpkg-deb").arg("-f").arg(&first).arg("Version"));
    let root = Root::new();
    root.install(&first);
    assert_eq!(root.dpkg(&["--verify", "mainstay"]), "", "every file is as its checksum says");
    assert!(root.at("usr/bin/mainstay").is_file() && root.at("etc/mainstay").is_dir());
    run(Command::new(root.at("usr/bin/mainstay")).arg("--version"));

    let (spec, state) = ("etc/mainstay/mainstay.yaml", "var/lib/mainstay/shop/journal/1");
    root.put(spec);
    root.put(state);
    let later = format!("{}+later", version.trim());
    let second = remade(&first, &version, &later);
    root.install(&second.path().join("later.deb"));
    assert!(root.dpkg(&["--status", "mainstay"]).contains(&format!("Version: {later}\n")));
    assert!(root.keeps(spec) && root.keeps(state), "an upgrade touches neither");

    root.dpkg(&["--remove", "mainstay"]);
    assert!(!root.at("usr/bin/mainstay").exists());
    assert!(!root.at("usr/lib/systemd/system/mainstay.service").exists());
    assert!(root.keeps(spec) && root.keeps(state), "nor does a removal");

    root.install(&first);
    root.dpkg(&["--purge", "mainstay"]);
    assert!(root.keeps(spec), "the package has not written it");
    assert!(!root.at("var/lib/mainstay").exists(), "history is its own, and was to be purged");
}

/// Makes the same package with another version, as `later.deb`.
fn remade(package: &Path, version: &str, later: &str) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let tree = folder.path().join("tree");
    run(Command::new("dpkg-deb").arg("--raw-extract").arg(package).arg(&tree));
    let control = tree.join("DEBIAN/control");
    let text = fs::read_to_string(&control).expect("a control file");
    let (from, to) = (format!("Version: {}\n", version.trim()), format!("Version: {later}\n"));
    assert!(text.contains(&from), "{text}");
    fs::write(&control, text.replace(&from, &to)).expect("a control file");
    let mut make = Command::new("dpkg-deb");
    make.args(["--root-owner-group", "-Znone", "--build"]).arg(&tree);
    run(make.arg(folder.path().join("later.deb")));
    folder
}

#[test]
fn it_says_what_debian_asks_of_a_package() {
    let Some(dist) = dist() else { return };
    let package = the(&dist, ".deb");
    let about = printed(Command::new("dpkg-deb").arg("--info").arg(&package));
    for line in [" Package: mainstay\n", " Section: admin\n", " Priority: optional\n"] {
        assert!(about.contains(line), "{about}");
    }
    assert!(!about.contains('{'), "every blank is filled in: {about}");
    let content = printed(Command::new("dpkg-deb").arg("--contents").arg(&package));
    for (mode, place) in [
        ("-rwxr-xr-x", "./usr/bin/mainstay"),
        ("drwxr-xr-x", "./etc/mainstay/"),
        ("-rw-r--r--", "./usr/lib/systemd/system/mainstay.service"),
        ("-rw-r--r--", "./usr/share/doc/mainstay/changelog.gz"),
        ("-rw-r--r--", "./usr/share/doc/mainstay/copyright"),
        ("-rw-r--r--", "./usr/share/bash-completion/completions/mainstay"),
    ] {
        let line = content.lines().find(|line| line.ends_with(&format!(" {place}")));
        let line = line.unwrap_or_else(|| panic!("{place} is not in\n{content}"));
        assert!(line.starts_with(&format!("{mode} root/root")), "{line}");
    }
    let strangers = content.lines().filter(|line| !line.contains(" root/root "));
    assert_eq!(strangers.count(), 0, "{content}");
}

//! Whom a process runs as, and what it may do.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test waits for what it names and lets the rest go"
)]

mod support;

use mainstay_wire::keeper::Step;
use mainstay_wire::process::{Process, Session};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use support::{Brain, clean, field, is_root, program, puppet, value};

/// Four times: real, effective, saved and that for files.
fn all(number: u32) -> String {
    [number; 4].map(|number| number.to_string()).join(",")
}

fn set(list: &str) -> BTreeSet<&str> {
    list.split([',', ' ']).filter(|number| !number.is_empty()).collect()
}

#[test]
fn a_user_by_name_brings_its_groups_and_its_home() {
    if !is_root() {
        return;
    }
    let brain = Brain::new();
    let users = fs::read_to_string("/etc/passwd").expect("users");
    let groups = fs::read_to_string("/etc/group").expect("groups");
    let member = groups.lines().find_map(|line| line.rsplit(':').next()?.split(',').next());
    for name in
        ["nobody", "daemon", member.unwrap_or("nobody")].into_iter().filter(|n| !n.is_empty())
    {
        let entry = users.lines().find(|line| line.starts_with(&format!("{name}:"))).expect(name);
        let fields: Vec<&str> = entry.split(':').collect();
        let uid: u32 = fields[2].parse().expect("a number");
        let gid: u32 = fields[3].parse().expect("a number");
        let steps = ["ids", "env:USER", "env:LOGNAME", "env:HOME", "env:SHELL"];
        let process = Process { user: Some(name.into()), ..puppet(&steps) };
        let told = brain.tells(name, process);
        assert_eq!((value(&told, "uid"), value(&told, "gid")), (&*all(uid), &*all(gid)), "{name}");
        let known = Command::new("id").args(["-G", name]).output().expect("id");
        let known = String::from_utf8(known.stdout).expect("text");
        assert_eq!(set(value(&told, "groups")), set(known.trim()), "{name}");
        assert_eq!((value(&told, "USER"), value(&told, "LOGNAME")), (name, name));
        assert_eq!((value(&told, "HOME"), value(&told, "SHELL")), (fields[5], fields[6]));
        // What is set in its own settings wins.
        let environment = clean(&[("HOME", "/elsewhere")]);
        let process =
            Process { user: Some(name.into()), environment, ..puppet(&["env:HOME", "env:USER"]) };
        let told = brain.tells(&format!("{name} set"), process);
        assert_eq!((value(&told, "HOME"), value(&told, "USER")), ("/elsewhere", name));
    }
}

#[test]
fn users_and_groups_by_number() {
    if !is_root() {
        return;
    }
    let brain = Brain::new();
    let text = |words: &[&str]| words.iter().map(|word| (*word).into()).collect::<Vec<_>>();
    let daemon = Command::new("getent").args(["group", "daemon"]).output().expect("getent");
    let daemon = String::from_utf8(daemon.stdout).expect("text");
    let daemon: u32 = daemon.split(':').nth(2).expect("a number").parse().expect("a number");
    // User, group, groups; and what comes of it.
    let table = [
        (Some("4711"), None, None, 4711, 4711, "4711".to_owned()),
        (Some("4711"), Some("77"), None, 4711, 77, "4711".to_owned()),
        (Some("4711"), Some("daemon"), Some(vec![]), 4711, daemon, String::new()),
        (Some("65534"), None, Some(vec!["daemon", "99"]), 65534, 65534, format!("{daemon},99")),
        (None, None, Some(vec!["12", "13"]), 0, 0, "12,13".to_owned()),
        (Some("root"), None, Some(vec!["0"]), 0, 0, "0".to_owned()),
    ];
    for (index, (user, group, groups, uid, gid, expected)) in table.into_iter().enumerate() {
        let process = Process {
            user: user.map(Into::into),
            group: group.map(Into::into),
            groups: groups.map(|groups| text(&groups)),
            ..puppet(&["ids"])
        };
        let told = brain.tells(&format!("a{index}"), process);
        let found = (value(&told, "uid"), value(&told, "gid"), set(value(&told, "groups")));
        assert_eq!(found, (&*all(uid), &*all(gid), set(&expected)), "row {index}");
    }
}

fn capabilities(brain: &Brain, child: &str, process: Process) -> [u64; 5] {
    let process =
        Process { command: program(&["/bin/cat", "/proc/self/status"]).command, ..process };
    let told = brain.tells(child, process);
    ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]
        .map(|name| u64::from_str_radix(field(&told, name), 16).expect("a set"))
}

#[test]
fn capabilities_are_those_that_are_named() {
    if !is_root() {
        return;
    }
    let (bind, kill) = (1 << 10, 1 << 5);
    let brain = Brain::new();
    let with = |user: Option<&str>, names: &[&str]| Process {
        user: user.map(Into::into),
        capabilities: Some(names.iter().map(|name| (*name).into()).collect()),
        ..program(&[])
    };
    let both = ["CAP_NET_BIND_SERVICE", "kill"];
    // Root executes with all that is in bounds.
    assert_eq!(
        capabilities(&brain, "a", with(None, &both)),
        [bind | kill, bind | kill, bind | kill, bind | kill, 0]
    );
    assert_eq!(capabilities(&brain, "b", with(None, &[])), [0; 5]);
    // Another user has them because they pass on.
    assert_eq!(capabilities(&brain, "c", with(Some("nobody"), &both)), [bind | kill; 5]);
    assert_eq!(capabilities(&brain, "d", with(Some("nobody"), &[])), [0; 5]);
    // Without a list another user has none, and could have what the keeper could.
    let host = fs::read_to_string("/proc/self/status").expect("status");
    let bounds = u64::from_str_radix(field(&host, "CapBnd"), 16).expect("a set");
    let process = Process { user: Some("nobody".into()), ..program(&[]) };
    assert_eq!(capabilities(&brain, "e", process), [0, 0, 0, bounds, 0]);
    let process = Process {
        no_new_privileges: true,
        session: Session::Group,
        ..with(Some("65534"), &["kill"])
    };
    assert_eq!(capabilities(&brain, "f", process), [kill; 5]);
}

#[test]
fn a_capability_that_the_keeper_lacks_is_refused() {
    if !is_root() {
        return;
    }
    let host = fs::read_to_string("/proc/self/status").expect("status");
    let held = u64::from_str_radix(field(&host, "CapPrm"), 16).expect("a set");
    let names = [("sys_resource", 24), ("sys_module", 16), ("sys_boot", 22)];
    let Some((name, _)) = names.iter().find(|(_, bit)| held & 1 << bit == 0) else {
        return eprintln!("not tested: it has every capability");
    };
    let brain = Brain::new();
    let process = Process { capabilities: Some(vec![(*name).into()]), ..puppet(&["exit:0"]) };
    let error = brain.refused("a", process);
    assert_eq!(error.step, Step::SetCapabilities);
    assert_eq!(error.to_string(), "operation not permitted while limiting its capabilities");
}

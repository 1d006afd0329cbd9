use super::help::{Home, Run, await_on, instance, key, lives, reaper};
use mainstay_keeper::contain::{Controller, Ladder, Look, Place};
use mainstay_wire::keeper::Step;
use mainstay_wire::process::{Contain, Limits};
use rustix::event::PollFlags;
use rustix::process::Signal;

/// A grandchild with a session of its own, no parent and a clean environment.
const DAEMON: &str = "(env -i setsid sh -c 'echo $$; exec sleep 1000' &) ; read -r end";

#[test]
fn a_daemon_does_not_survive() {
    let Some(mut home) = Home::with_cgroups("a_daemon_does_not_survive") else { return };
    let mut run = Run::start(&mut home.0, "app/daemon", Contain::Cgroup, DAEMON);
    assert_eq!(run.bond.means().to_string(), "cgroup");
    let daemon = run.number();
    let look = Look::new(Place::Guest).expect("look");
    let members = run.bond.members(&look).expect("members");
    // The shell between the two may not have ended yet.
    let has = |pid| members.iter().any(|stat| stat.id.pid == pid);
    assert!(has(run.main.pid) && has(daemon));
    run.tell("end");
    run.reap();
    let look = Look::new(Place::Guest).expect("look");
    let left = run.bond.left(&look).expect("left");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].pid, daemon);
    // It says its number just before it becomes the second.
    assert!([&b"sh"[..], b"sleep"].contains(&left[0].name.as_bytes()));
    let group = run.bond.group().expect("group");
    assert!(group.is_populated());
    assert!(group.remove().is_err());
    run.bond.kill(Place::Guest).expect("killed");
    run.wait_until_empty(Place::Guest);
    run.silence();
    assert!(!lives(daemon));
    run.bond.group().expect("group").remove().expect("removed");
}

#[test]
fn a_signal_reaches_all() {
    let Some(mut home) = Home::with_cgroups("a_signal_reaches_all") else { return };
    // They only wait, for a line that never comes: who forks can do so once more before it takes a signal.
    let script = "trap 'echo main; exit' TERM
        exec 3<&0
        setsid sh -c 'trap \"echo grandchild; exit\" TERM; echo ready; read -r end' <&3 &
        read -r end";
    let mut run = Run::start(&mut home.0, "a", Contain::Cgroup, script);
    assert_eq!(run.line(), "ready");
    assert!(!run.bond.signal(Signal::TERM, Place::Guest).expect("sent"));
    let mut lines = [run.line(), run.line()];
    lines.sort();
    assert_eq!(lines, ["grandchild", "main"]);
    run.reap();
    run.wait_until_empty(Place::Guest);
}

#[test]
fn a_bomb_ends() {
    let Some(mut home) = Home::with_cgroups("a_bomb_ends") else { return };
    let mut run = Run::start(&mut home.0, "bomb", Contain::Cgroup, &super::descent::bomb());
    assert_eq!(run.line(), "50");
    run.bond.kill(Place::Guest).expect("killed");
    run.wait_until_empty(Place::Guest);
    run.silence();
    run.reap();
}

#[test]
fn it_stands_still_and_goes_on() {
    let Some(mut home) = Home::with_cgroups("it_stands_still_and_goes_on") else { return };
    let script = "while read -r line; do echo \"$line\"; done";
    let mut run = Run::start(&mut home.0, "a", Contain::Cgroup, script);
    run.tell("before");
    assert_eq!(run.line(), "before");
    let group = run.bond.group().expect("group");
    let events = group.events().expect("events");
    group.freeze(true).expect("frozen");
    while !run.bond.group().expect("group").is_frozen() {
        await_on(&events, PollFlags::PRI);
    }
    run.tell("after");
    run.bond.freeze(false, Place::Guest).expect("thawed");
    assert_eq!(run.line(), "after");
    // What stands still can be killed.
    run.bond.freeze(true, Place::Guest).expect("frozen");
    run.bond.kill(Place::Guest).expect("killed");
    run.wait_until_empty(Place::Guest);
    run.reap();
}

#[test]
fn cgroups_inside_are_of_the_run() {
    let Some(mut home) = Home::with_cgroups("cgroups_inside_are_of_the_run") else { return };
    let script = "read -r folder
        mkdir \"$folder/inner\" \"$folder/inner/most\"
        sh -c \"echo \\$\\$ > '$folder/inner/most/cgroup.procs'; echo \\$\\$; exec sleep 1000\" &
        wait";
    let mut run = Run::start(&mut home.0, "nested", Contain::Cgroup, script);
    let name = run.bond.group().expect("group").name().to_owned();
    let folder = home.0.cgroups().expect("cgroups").path().join(name);
    run.tell(&folder.display().to_string());
    let inner = run.number();
    let group = run.bond.group().expect("group");
    assert!(group.pids().expect("pids").contains(&inner));
    run.bond.kill(Place::Guest).expect("killed");
    run.wait_until_empty(Place::Guest);
    run.bond.group().expect("group").remove().expect("removed");
    assert!(!folder.exists());
    run.reap();
}

#[test]
fn a_limit_works_or_says_why_not() {
    let Some(mut home) = Home::with_cgroups("a_limit_works_or_says_why_not") else { return };
    let cgroups = home.0.cgroups().expect("cgroups");
    let limits = Limits { pids: Some(5), ..Limits::default() };
    if let Err(error) = cgroups.enable(Controller::Pids) {
        assert_eq!(error.step, Step::SetLimit);
        assert!(error.about.starts_with("pids ("), "{error}");
        let bond = home.0.bond(&key("a"), Contain::Best, false, &limits);
        assert_eq!(bond.expect_err("no controller"), error);
        eprintln!("only its error is tested: {error}");
        return;
    }
    let bond = home.0.bond(&key("a"), Contain::Best, false, &limits).expect("limited");
    let group = bond.group().expect("group");
    let path = home.0.cgroups().expect("cgroups").path().join(group.name()).join("pids.max");
    assert_eq!(std::fs::read_to_string(&path).expect("read"), "5\n");
    group.apply(&Limits::default()).expect("lifted");
    assert_eq!(std::fs::read_to_string(&path).expect("read"), "max\n");
    group.remove().expect("removed");
}

#[test]
fn a_limit_without_a_cgroup_says_so() {
    let mut home = Home::new("a_limit_without_a_cgroup_says_so");
    let limits = Limits { memory: Some(1 << 30), ..Limits::default() };
    let error = home.0.bond(&key("a"), Contain::Descent, false, &limits).expect_err("no cgroup");
    assert_eq!(error.step, Step::SetLimit);
    assert_eq!(error.about, "memory (no cgroup: it is held by descent)");
}

#[test]
fn runs_of_the_same_key_stand_side_by_side() {
    let Some(mut home) = Home::with_cgroups("runs_of_the_same_key") else { return };
    let mut old = Run::start(&mut home.0, "a", Contain::Cgroup, "echo ready; read -r end");
    assert_eq!(old.line(), "ready");
    let new = home.0.bond(&key("a"), Contain::Cgroup, false, &Limits::default()).expect("new");
    let (one, two) = (old.bond.group().expect("old"), new.group().expect("new"));
    assert_ne!(one.name(), two.name());
    assert!(!two.is_populated());
    two.remove().expect("removed");
    old.tell("end");
    old.reap();
    old.wait_until_empty(Place::Guest);
}

#[test]
fn what_dead_instances_left_is_removed() {
    // Apart: a process that another test starts would have the lock for a moment too.
    reaper("cgroup::what_dead_instances_left_is_removed", || {
        let Some(mut home) = Home::with_cgroups("tidy: this") else { return };
        let mut living = Home::new("tidy: living");
        let mut dead = Ladder::new(instance("tidy: dead"));
        let none = Limits::default();
        let make = |ladder: &mut Ladder| {
            ladder.bond(&key("a"), Contain::Cgroup, false, &none).expect("made");
            ladder.cgroups().expect("cgroups").path()
        };
        let (there, gone) = (make(&mut living.0), make(&mut dead));
        drop(dead);
        assert!(there.exists() && gone.exists());
        home.0.cgroups().expect("cgroups").tidy();
        assert!(there.exists() && !gone.exists());
    });
}

#[test]
fn a_folder_that_was_removed_is_made_again() {
    let Some(mut home) = Home::with_cgroups("a_folder_that_was_removed") else { return };
    let none = Limits::default();
    let bond = home.0.bond(&key("a"), Contain::Cgroup, false, &none).expect("made");
    bond.group().expect("group").remove().expect("removed");
    std::fs::remove_dir(home.0.cgroups().expect("cgroups").path()).expect("removed");
    home.0.bond(&key("a"), Contain::Cgroup, false, &none).expect("made again");
}

use super::help::{Home, Run, instance, lives};
use mainstay_keeper::contain::{Id, Ladder, Place};
use mainstay_wire::process::Contain;

/// A main process that leaves a child, and says who the child is.
const SCRIPT: &str = "sh -c 'echo $$; exec sleep 1000' & read -r end; wait";

fn found_again(test: &str, contain: Contain) {
    let mut home = Home::new(test);
    let mut stranger = Home::new(&format!("not {test}"));
    let mut run = Run::start(&mut home.0, "app/left", contain, SCRIPT);
    let mut other = Run::start(&mut stranger.0, "app/left", contain, SCRIPT);
    let (child, survivor) = (run.number(), other.number());

    let mut next = Ladder::new(instance(test));
    let mut left = next.leftovers().expect("looked");
    assert_eq!(left.len(), 1, "{left:?}");
    let leftover = &mut left[0];
    assert_eq!(leftover.key.to_string(), "app/left#1");
    assert_eq!(leftover.main, run.main);
    assert!(leftover.processes.contains(&Id::of(child).expect("it lives")));
    assert!(leftover.set_main(run.main));
    assert!(!leftover.set_main(Id { began: run.main.began + 1, ..run.main }));
    assert!(leftover.open().is_some());
    leftover.bond.kill(Place::Guest).expect("killed");
    run.silence();
    run.reap();
    run.wait_until_empty(Place::Guest);
    assert!(next.leftovers().expect("looked").is_empty());

    assert!(lives(survivor) && lives(other.main.pid));
    other.bond.kill(Place::Guest).expect("killed");
    other.silence();
    other.reap();
    other.wait_until_empty(Place::Guest);
}

#[test]
fn a_run_in_a_cgroup_is_found_again() {
    if Home::with_cgroups("whether").is_some() {
        found_again("a_run_in_a_cgroup_is_found_again", Contain::Cgroup);
    }
}

#[test]
fn a_run_with_a_mark_is_found_again() {
    found_again("a_run_with_a_mark_is_found_again", Contain::Descent);
}

#[test]
fn a_folder_with_a_short_name_tells_its_run() {
    let Some(mut home) = Home::with_cgroups("a_folder_with_a_short_name") else { return };
    let child = "long/".repeat(100) + "child";
    let script = "exec env -i sh -c 'echo $$; exec sleep 1000'";
    let mut run = Run::start(&mut home.0, &child, Contain::Cgroup, script);
    assert_eq!(run.number(), run.main.pid);
    let mut left = Ladder::new(instance("a_folder_with_a_short_name")).leftovers().expect("looked");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].key.to_string(), format!("{child}#1"));
    left[0].bond.kill(Place::Guest).expect("killed");
    run.reap();
    run.wait_until_empty(Place::Guest);
}

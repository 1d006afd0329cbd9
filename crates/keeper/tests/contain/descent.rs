use super::help::{Home, Known, Run, lives, reaper, reaper_as_nobody};
use mainstay_keeper::contain::{Look, Place, Proc};
use mainstay_wire::process::Contain;
use rustix::process::{Pid, WaitOptions, waitpid};
use std::time::{Duration, Instant};

/// Before the bomb ends by itself. It takes a moment to end it, and much longer where there is little time to be had
/// of a busy machine.
const SELF_ENDING: Duration = Duration::from_secs(500);

/// A script of fifty processes that each start the next one and end.
pub(crate) fn bomb() -> String {
    let program = "
import os, sys, time
end = time.monotonic() + 600
for _ in range(50):
    if os.fork() == 0:
        os.setsid()
        while time.monotonic() < end:
            time.sleep(0.1)
            if os.fork():
                os._exit(0)
        os._exit(0)
print(50, flush=True)
time.sleep(600)
";
    format!("exec python3 -c '{program}'")
}

fn bomb_ends(reaper: bool, home: &mut Home) {
    let mut run = Run::start(&mut home.0, "bomb", Contain::Descent, &bomb());
    assert_eq!(run.line(), "50");
    let known = Known::of([&run]);
    let known = known.has();
    let place = if reaper { Place::Reaper { known: &known, alone: false } } else { Place::Guest };
    let begin = Instant::now();
    let mut kills = 0;
    loop {
        run.bond.kill(place).expect("killed");
        kills += 1;
        if reaper {
            reap_strangers(&known);
        }
        let empty = run.bond.is_empty(&Look::new(place).expect("look")).expect("asked");
        // A guest can not be sure; nobody has its output open when it is true.
        if empty && (reaper || run.is_silent_soon()) {
            break;
        }
    }
    eprintln!("ended by {kills} kills in {:?}", begin.elapsed());
    run.silence();
    assert!(begin.elapsed() < SELF_ENDING, "the bomb has ended by itself");
    run.reap();
}

fn reap_strangers(known: &dyn Fn(u32) -> bool) {
    let mut children = Vec::new();
    let mut proc = Proc::open().expect("/proc");
    proc.children(std::process::id(), 0, &mut children).expect("children");
    for pid in children.into_iter().filter(|&pid| !known(pid)) {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let _ = waitpid(pid, WaitOptions::NOHANG);
    }
}

#[test]
fn a_bomb_ends_in_a_reaper() {
    reaper("descent::a_bomb_ends_in_a_reaper", || bomb_ends(true, &mut Home::new("bomb")));
}

#[test]
fn a_bomb_ends_in_a_guest() {
    bomb_ends(false, &mut Home::new("a_bomb_ends_in_a_guest"));
}

/// The mark alone tells of a daemon: its session is its own and its parent is gone.
const DAEMON: &str = "(setsid sh -c 'echo $$; exec sleep 1000' &) ; read -r end";

#[test]
fn a_daemon_does_not_survive_in_a_guest() {
    let mut home = Home::new("a_daemon_does_not_survive_in_a_guest");
    let mut run = Run::start(&mut home.0, "app/daemon", Contain::Descent, DAEMON);
    assert_eq!(run.bond.means().to_string(), "descent");
    let daemon = run.number();
    run.tell("end");
    run.reap();
    let left = run.bond.left(&Look::new(Place::Guest).expect("look")).expect("left");
    assert_eq!(left.iter().map(|lost| lost.pid).collect::<Vec<_>>(), [daemon]);
    run.bond.kill(Place::Guest).expect("killed");
    run.silence();
    run.wait_until_empty(Place::Guest);
}

#[test]
fn daemons_of_two_runs_do_not_survive_each_other_in_a_reaper() {
    reaper_as_nobody("descent::daemons_of_two_runs_do_not_survive_each_other_in_a_reaper", || {
        let mut home = Home::new("two");
        let mut one = Run::start(&mut home.0, "one", Contain::Descent, DAEMON);
        let mut two = Run::start(&mut home.0, "two", Contain::Descent, DAEMON);
        let (first, second) = (one.number(), two.number());
        let known = Known::of([&one, &two]);
        let known = known.has();
        let place = Place::Reaper { known: &known, alone: false };
        one.tell("end");
        one.reap();
        one.bond.kill(place).expect("killed");
        one.silence();
        one.wait_until_empty(place);
        assert!(!lives(first));
        assert!(lives(second) && lives(two.main.pid));
        two.bond.kill(place).expect("killed");
        two.silence();
        two.wait_until_empty(place);
        two.reap();
    });
}

#[test]
fn who_was_seen_can_not_hide_afterwards() {
    reaper_as_nobody("descent::who_was_seen_can_not_hide_afterwards", || {
        let mut home = Home::new("seen");
        // A child with a session of its own and a clean environment, whose parent lives for now.
        let script = "env -i setsid sh -c 'echo $$; exec sleep 1000' & read -r end";
        let mut run = Run::start(&mut home.0, "a", Contain::Descent, script);
        let mut other = Run::start(&mut home.0, "b", Contain::Descent, "read -r end");
        let hidden = run.number();
        let known = Known::of([&run, &other]);
        let known = known.has();
        let place = Place::Reaper { known: &known, alone: false };
        let members = run.bond.members(&Look::new(place).expect("look")).expect("members");
        assert!(members.iter().any(|stat| stat.id.pid == hidden));
        run.tell("end");
        run.reap();
        let left = run.bond.left(&Look::new(place).expect("look")).expect("left");
        assert_eq!(left.iter().map(|lost| lost.pid).collect::<Vec<_>>(), [hidden]);
        run.bond.kill(place).expect("killed");
        run.silence();
        run.wait_until_empty(place);
        assert!(lives(other.main.pid));
        other.tell("end");
        other.reap();
    });
}

#[test]
fn an_orphan_that_tells_nothing_is_of_the_only_run() {
    reaper("descent::an_orphan_that_tells_nothing_is_of_the_only_run", || {
        let mut home = Home::new("only");
        let script = "(env -i setsid sh -c 'echo $$; exec sleep 1000' &) ; exit";
        let mut run = Run::start(&mut home.0, "a", Contain::Descent, script);
        let daemon = run.number();
        run.reap();
        let known = Known::of([&run]);
        let known = known.has();
        let among = Place::Reaper { known: &known, alone: false };
        assert!(run.bond.is_empty(&Look::new(among).expect("look")).expect("asked"));
        let place = Place::Reaper { known: &known, alone: true };
        let left = run.bond.left(&Look::new(place).expect("look")).expect("left");
        assert_eq!(left.iter().map(|lost| lost.pid).collect::<Vec<_>>(), [daemon]);
        run.bond.kill(place).expect("killed");
        run.silence();
        run.wait_until_empty(place);
    });
}

#[test]
fn it_stands_still_and_goes_on() {
    let mut home = Home::new("descent_stands_still");
    let script = "exec 3<&0
        setsid sh -c 'while read -r line; do echo \"$line\"; done' <&3 & wait";
    let mut run = Run::start(&mut home.0, "a", Contain::Descent, script);
    run.tell("before");
    assert_eq!(run.line(), "before");
    run.bond.freeze(true, Place::Guest).expect("frozen");
    let members = run.bond.members(&Look::new(Place::Guest).expect("look")).expect("members");
    assert_eq!(members.len(), 2);
    let mut proc = Proc::open().expect("/proc");
    for stat in members {
        // A signal is delivered at once, but a process that runs takes it when it next can.
        while proc.stat(stat.id.pid).expect("it lives").state != b'T' {
            std::thread::yield_now();
        }
    }
    run.tell("after");
    run.bond.freeze(false, Place::Guest).expect("goes on");
    assert_eq!(run.line(), "after");
    run.bond.kill(Place::Guest).expect("killed");
    run.silence();
    run.wait_until_empty(Place::Guest);
    run.reap();
}

#[test]
fn a_name_may_hold_anything() {
    let mut home = Home::new("a_name_may_hold_anything");
    let program =
        "open(\"/proc/self/comm\", \"w\").write(\") (\\nx) S 1\"); print(1, flush=True); input()";
    let script = format!("exec python3 -c '{program}'");
    let mut run = Run::start(&mut home.0, "a", Contain::Descent, &script);
    assert_eq!(run.number(), 1);
    let left = run.bond.left(&Look::new(Place::Guest).expect("look")).expect("left");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].name.as_bytes(), b") (\nx) S 1");
    run.bond.kill(Place::Guest).expect("killed");
    run.wait_until_empty(Place::Guest);
    run.reap();
}

#[test]
fn two_instances_do_not_touch_each_other() {
    let mut ours = Home::new("two_instances: ours");
    let mut theirs = Home::new("two_instances: theirs");
    let mut run = Run::start(&mut ours.0, "a", Contain::Descent, DAEMON);
    let mut other = Run::start(&mut theirs.0, "a", Contain::Descent, DAEMON);
    let (daemon, survivor) = (run.number(), other.number());
    run.bond.kill(Place::Guest).expect("killed");
    run.silence();
    run.wait_until_empty(Place::Guest);
    run.reap();
    assert!(!lives(daemon) && lives(survivor) && lives(other.main.pid));
    other.bond.kill(Place::Guest).expect("killed");
    other.silence();
    other.wait_until_empty(Place::Guest);
    other.reap();
}

//! The scripted world itself: what each script makes of a run, what each command does, and that the
//! same test always tells the same story.
#![cfg(feature = "testing")]

use mainstay::testing::{Run, Script, World, hours, millis, minutes, secs};
use mainstay::{
    Asked, Cause, Child, Ending, Event, Exit, Finish, Jitter, Overall, Preset, Refusal, Rest,
    Shape, Standing, State, Tree, blocking, consecutive, need, pool, restarts, supervisor, task,
    tree,
};
use std::time::Duration;

/// A child whose code must not be run.
fn child(name: &str) -> Child {
    task(name, async |_| panic!("the world runs no code")).jitter(Jitter::None)
}

fn world(tree: Tree) -> World {
    World::new(tree).expect("a valid tree")
}

/// One child that is tried again a second after each end, for ever.
fn lone(child: Child) -> World {
    let backoff = Shape::Fixed(secs(1));
    world(tree().child(child.always().backoff(backoff).holdoff(Duration::ZERO).unlimited()))
}

/// Returns when and why each run of a child ended.
fn ends(world: &World, path: &str) -> Vec<(Duration, Cause)> {
    let ends = world.events_of(path).filter_map(|record| {
        if let Event::Exited { cause, .. } = record.event {
            Some((record.at.since(mainstay::Moment::ZERO), cause))
        } else {
            None
        }
    });
    ends.collect()
}

const FAILED: Cause = Cause::Failed { code: None, class: mainstay::Class::Plain };

const fn failed(class: mainstay::Class) -> Cause {
    Cause::Failed { code: None, class }
}

#[test]
fn each_word_makes_its_end() {
    use mainstay::Class::{Fatal, Permanent, Transient};
    let step = mainstay_core::StartStep::Factory;
    // The script, when the first run of it ends, and how.
    let table = [
        (Run::fails_after(secs(3)), secs(3), FAILED),
        (Run::panics_after(secs(3)), secs(3), Cause::Panicked),
        (Run::completes_after(secs(3)), secs(3), Cause::Completed),
        (Run::transient_after(secs(3)), secs(3), failed(Transient)),
        (Run::permanent_after(secs(3)), secs(3), failed(Permanent)),
        (Run::fatal_after(secs(3)), secs(3), failed(Fatal)),
        (Run::ends_after(secs(3), Exit::Aborted), secs(3), Cause::Aborted),
        (Run::skips(), secs(0), Cause::Skipped),
        (Run::fails_to_start(), secs(0), Cause::StartFailed { step, mendable: true }),
        // The end is counted from the moment it has started.
        (Run::starts_after(secs(2)).and(Run::fails_after(secs(3))), secs(5), FAILED),
        (
            Run::starts_after(secs(2)).and(Run::fails_to_start()),
            secs(2),
            Cause::StartFailed { step, mendable: true },
        ),
        // The graces: 60 s for a start, then 10 s for the stop.
        (Run::hangs_at_start().and(Run::stops_after(secs(1))), secs(61), Cause::StartTimeout),
        (Run::never_ready(), secs(30), Cause::ReadyTimeout),
        (Run::ready_after(secs(31)), secs(30), Cause::ReadyTimeout),
        (Run::never_ready().and(Run::stops_after(secs(4))), secs(34), Cause::ReadyTimeout),
        (Run::never_ready().and(Run::ignores_stop()), secs(40), Cause::ReadyTimeout),
        // The last heartbeat, then two that are missing.
        (Run::silent_after(secs(7)), secs(17), Cause::HeartbeatLost),
        (Run::silent_after(secs(0)), secs(10), Cause::HeartbeatLost),
        (Run::stuck_after(secs(7)), secs(27), Cause::NoProgress),
    ];
    for (run, at, cause) in table {
        let declared =
            child("a").ready_within(secs(30)).heartbeat(secs(5), 2).progress_within(secs(20));
        let mut world = lone(declared.optional());
        world.script("a", run.clone());
        assert!(world.run_until(hours(1), |world| !ends(world, "a").is_empty()), "{run:?}");
        assert_eq!(ends(&world, "a")[0], (at, cause), "{run:?}\n{}", world.transcript());
    }
}

#[test]
fn without_a_script_a_child_lives_until_it_is_stopped() {
    let declared =
        child("a").ready_within(secs(30)).heartbeat(secs(5), 1).progress_within(secs(20));
    let mut world = lone(declared);
    world.run_for(hours(24));
    assert_eq!((world.starts("a"), world.standing("a")), (1, Standing::Ready));
    world.by("alice").stop("a", "maintenance").unwrap();
    assert_eq!(ends(&world, "a"), [(hours(24), Cause::Stopped)]);
}

#[test]
fn runs_follow_their_script_one_by_one_and_the_last_repeats() {
    let mut world = lone(child("a"));
    world.script(
        "a",
        Script::each([
            Run::fails_after(secs(9)),
            Run::panics_after(secs(4)),
            Run::completes_after(secs(1)),
        ]),
    );
    world.run_for(secs(20));
    let expected =
        [(9, FAILED), (14, Cause::Panicked), (16, Cause::Completed), (18, Cause::Completed)];
    assert_eq!(ends(&world, "a")[..4], expected.map(|(at, cause)| (secs(at), cause)));
    // Another script speaks of the next run on, and begins with its own first.
    world.script("a", Script::each([Run::fails_after(secs(2)), Run::lives()]));
    world.run_for(hours(1));
    assert_eq!(ends(&world, "a")[5..], [(secs(23), FAILED)]);
    assert_eq!(world.standing("a"), Standing::Ready);
}

#[test]
fn a_star_speaks_of_those_without_a_script() {
    let backoff = Shape::Fixed(hours(9));
    let each = child("web").backoff(backoff);
    let mut world = world(tree().child(supervisor("pool").replicas(3, &each)));
    world.script("pool/*", Script::dies_after(secs(5))).script("pool/web-2", Script::runs());
    world.run_for(minutes(1));
    let standing = ["pool/web-1", "pool/web-2", "pool/web-3"].map(|path| world.standing(path));
    assert_eq!(standing, [Standing::Waiting, Standing::Ready, Standing::Waiting]);
}

#[test]
fn an_error_may_ask_for_a_later_try_and_say_why() {
    let mut world = world(tree().child(child("a")));
    world.script("a", Run::fails_after(secs(1)).retry_after(secs(20)).saying("busy"));
    world.run_for(secs(1));
    assert_eq!(world.child("a").next.map(|(at, _)| at.to_string()).as_deref(), Some("21.000s"));
    assert!(world.transcript_of("a").contains("failed after 1s: \"busy\""));
}

#[test]
fn what_cannot_be_ended_is_abandoned_and_found_gone_by_hand() {
    let step = |child: Child| child.stop_within(secs(10)).kill_wait(secs(5));
    let table = [
        // Who is abandoned, and who is not.
        (step(child("a")), Run::ignores_stop(), false),
        (step(child("a")), Run::outlives_force(), true),
        (step(child("a")), Run::hangs_at_start(), true),
        (step(child("a")), Run::outlives_force().and(Run::stops_after(secs(14))), false),
        (step(blocking("a", |_| ())), Run::ignores_stop(), true),
        (step(blocking("a", |_| ())), Run::stops_after(secs(14)), false),
        (step(blocking("a", |_| ())), Run::stops_after(secs(16)), true),
    ];
    for (declared, run, abandoned) in table {
        let mut world = lone(declared);
        world.script("a", Script::each([run.clone(), Run::lives()]));
        world.run_for(secs(1));
        world.by("alice").restart("a", "test").unwrap();
        world.run_for(secs(15));
        let standing = world.standing("a");
        assert_eq!(standing == Standing::Abandoned, abandoned, "{run:?}\n{}", world.transcript());
        if abandoned {
            let refused = world.by("alice").start("a", "impatience");
            assert!(matches!(refused, Err(Refusal::Occupied { .. })), "{refused:?}");
            world.exit_now("a", Exit::Completed);
        }
        assert_eq!(world.standing("a"), Standing::Ready, "{run:?}\n{}", world.transcript());
        world.run_for(hours(1));
        assert_eq!(world.counts().stale, 0, "what is gone says nothing any more");
    }
}

#[test]
fn the_epics_gateway_is_started_ten_times_in_600_seconds() {
    let mut world = world(tree().child(child("gateway").preset(Preset::Epics).optional()));
    world.script("gateway", Script::dies_after(secs(0)));
    world.run_for(secs(90));
    assert_eq!(world.starts("gateway"), 10);
    assert_eq!(world.counts().openings, 1);

    let mut world = self::world(tree().child(child("gateway").preset(Preset::Epics)));
    world.script("gateway", Script::dies_after(secs(0)));
    world.run_for(secs(600));
    assert_eq!(world.starts("gateway"), 10);
    assert!(world.has_ended(), "nobody is left to try it");
}

#[test]
fn the_oxios_ladder_ends_in_a_fatal_end() {
    let web = task("web", async |_| {}).preset(Preset::OxiosWeb);
    let mut world = world(tree().child(child("api").preset(Preset::OxiosCritical)).child(web));
    world.script("web", Run::panics_after(secs(0)).saying("no route"));
    assert!(world.run_until(minutes(1), World::has_ended));
    let starts = world.events_of("web").filter(|it| matches!(it.event, Event::Starting { .. }));
    let gaps: Vec<String> = starts.map(|record| record.at.to_string()).collect();
    // After waits of 0.5, 1, 2, 4 and 8 s.
    assert_eq!(gaps, ["0.000s", "0.500s", "1.500s", "3.500s", "7.500s", "15.500s"]);
    let report = world.report().unwrap();
    assert_eq!(report.code(), 1);
    let Ending::Fatal { path, cause, detail, .. } = &report.ending else { panic!("{report}") };
    assert_eq!(
        (path.as_str(), *cause, detail.as_deref()),
        ("web", Cause::Panicked, Some("no route"))
    );
    assert_eq!(ends(&world, "api"), [(millis(15_500), Cause::Stopped)]);
}

#[test]
fn one_for_all_restarts_the_session_and_nobody_else() {
    let session = supervisor("session")
        .one_for_all()
        .child(child("reader").backoff(Shape::Fixed(secs(1))))
        .child(child("writer").needs("reader"));
    let mut world = world(tree().child(session).child(child("other")));
    world.script("session/reader", Script::each([Run::fails_after(secs(10)), Run::lives()]));
    world.script("session/writer", Run::stops_after(secs(3)));
    world.run_for(minutes(1));
    let starts = ["session/reader", "session/writer", "other"].map(|path| world.starts(path));
    assert_eq!(starts, [2, 2, 1]);
    assert_eq!(ends(&world, "session/writer"), [(secs(13), Cause::Stopped)]);
    let again = world.events_of("session/reader").filter_map(|record| {
        if let Event::Ready { .. } = record.event { Some(record.at.to_string()) } else { None }
    });
    // The writer's 3 s to end, then the reader's delay.
    assert_eq!(again.collect::<Vec<_>>(), ["0.000s", "14.000s"]);
    assert_eq!(world.health().overall, Overall::Serving);
}

#[test]
fn a_drain_names_who_did_not_go() {
    let mut world =
        world(tree().child(child("good")).child(blocking("bad", |_| ())).drain_within(secs(30)));
    world.script("good", Run::stops_after(secs(2)));
    world.script("bad", Run::ignores_stop());
    world.run_for(minutes(1));
    assert!(world.report().is_none());
    world.by("alice").drain("the machine goes down").unwrap();
    assert!(matches!(world.by("bob").start("good", "no"), Err(Refusal::Draining)));
    assert!(world.run_until(secs(30), World::has_ended), "{}", world.transcript());
    let report = world.report().unwrap();
    let left: Vec<&str> = report.abandoned().map(|line| line.path.as_str()).collect();
    assert_eq!((report.code(), &left[..]), (0, &["bad"][..]));
    assert_eq!(ends(&world, "good"), [(secs(62), Cause::Stopped)]);
    assert_eq!(world.step(), None, "nothing happens after the end");
}

#[test]
fn commands_are_the_ones_of_a_program() {
    let mut world = world(tree().child(child("a").optional().limit(consecutive(0))));
    let done = world.by("alice").pause("a", "look").unwrap();
    assert!(done.changed && !world.by("bob").pause("a", "look").unwrap().changed);
    world.exit_now("a", Exit::Panicked);
    assert!(matches!(world.child("a").state, State::Rest { why: Rest::Paused, .. }));
    world.by("alice").resume("a", "seen").unwrap();
    assert!(matches!(world.child("a").state, State::Rest { why: Rest::Broken { .. }, .. }));
    assert!(matches!(world.by("alice").start("a", "now"), Err(Refusal::BreakerOpen)));
    world.by("alice").reset("a", "mended").unwrap();
    assert!(matches!(
        world.child("a").state,
        State::Rest { why: Rest::Finished(Finish::AwaitsStart), .. }
    ));
    world.by("alice").reset_and_start("a", "mended").unwrap();
    world.by("alice").acknowledge("a", "seen").unwrap();
    world.by("alice").reload("a", "settings").unwrap();
    world.by("alice").recycle("a", "memory").unwrap();
    assert_eq!(world.starts("a"), 3);
    world.by("alice").quarantine("a", "wild").unwrap();
    assert!(matches!(world.by("alice").start("a", "now"), Err(Refusal::Quarantined)));
    world.by("alice").release("a", "tame").unwrap();
    world.by("alice").restart("a", "fresh").unwrap();
    world.by("alice").stop("a", "enough").unwrap();
    world.by("alice").start_over("a", "after all").unwrap();
    assert_eq!((world.starts("a"), world.standing("a")), (6, Standing::Ready));
    world.by("alice").remove("a", "gone").unwrap();
    assert!(matches!(world.by("alice").start("a", "now"), Err(Refusal::Unknown { .. })));
    assert!(matches!(world.by(" ").drain("why"), Err(Refusal::Anonymous)));
    assert_eq!(world.events_of("a").filter(|it| matches!(it.event, Event::Removed(_))).count(), 1);
    assert_eq!((world.counts().commands, world.counts().refused), (14, 4));
}

#[test]
fn a_tree_changes_while_it_runs() {
    let mut jobs = pool("jobs", async |_: u8, _| panic!("the world runs no code")).max(2);
    let reference = jobs.reference();
    let mut world = world(tree().child(jobs).child(child("db")));
    world
        .script("jobs/*", Script::each([Run::fails_after(secs(5)), Run::completes_after(secs(5))]));
    world.by("alice").add_to(&reference, "one", "work").unwrap();
    world.by("alice").add_to("jobs", "two", "work").unwrap();
    let full = world.by("alice").add_to("jobs", "three", "work");
    assert!(matches!(full, Err(Refusal::Full { max: 2 })));
    world.run_for(secs(6));
    assert_eq!((world.starts("jobs/one"), world.starts("jobs/two")), (2, 2));
    world.run_for(minutes(1));
    assert_eq!(ends(&world, "jobs/one").len(), 2, "a job that is done has left the tree");

    let session = supervisor("session").child(child("reader"));
    world.by("alice").add("/", session, "more").unwrap();
    assert_eq!(world.standing("session/reader"), Standing::Ready);
    let bad = world.by("alice").add("/", child("a/b"), "a wrong name");
    assert!(matches!(bad, Err(Refusal::Spec { .. })));
    world.by("alice").replace("db", child("db").always().stop_within(secs(1)), "slower").unwrap();
    assert_eq!(world.child("db").revision, 1);
    let next = tree().child(child("db").needs(need("cache").started())).child(child("cache"));
    world.by("alice").apply(next, "the new release").unwrap();
    world.run_for(secs(1));
    assert_eq!((world.standing("cache"), world.standing("db")), (Standing::Ready, Standing::Ready));
    assert_eq!(world.starts("session/reader"), 1, "what was added by hand stays");
}

#[test]
fn on_demand_children_come_and_go() {
    let mut world = world(tree().child(child("a").on_demand(Some(secs(30)))));
    world.run_for(hours(1));
    assert_eq!(world.starts("a"), 0);
    world.demand("a").run_for(secs(20));
    world.demand("a").run_for(secs(29));
    assert_eq!(world.standing("a"), Standing::Ready);
    world.run_for(secs(1));
    assert_eq!(world.starts("a"), 1);
    assert!(matches!(world.child("a").state, State::Rest { why: Rest::Demand, .. }));
    let asked = world.events_of("a").find_map(|record| {
        if let Event::Stopping { asked, .. } = record.event { Some(asked) } else { None }
    });
    assert_eq!(asked, Some(Asked::Idle));
}

#[test]
fn time_goes_from_one_thing_to_the_next() {
    let mut world = lone(child("a").stable_after(secs(2)));
    world.script("a", Script::dies_after(secs(5)));
    let steps: Vec<String> = (0..4).filter_map(|_| world.step()).map(|at| at.to_string()).collect();
    assert_eq!(steps, ["2.000s", "5.000s", "6.000s", "8.000s"]);
    assert_eq!(world.now().to_string(), "8.000s");
    assert!(!world.run_until(secs(1), |world| world.starts("a") == 3));
    assert_eq!(world.now().to_string(), "9.000s");
    assert!(world.run_until(hours(1), |world| world.standing("a") == Standing::Starting));
    assert_eq!((world.now().to_string(), world.starts("a")), ("12.000s".into(), 3));
    assert!(world.explain("a").to_string().contains("a is starting: run #3"));
}

#[test]
fn chance_is_the_same_in_every_world() {
    let spread = |seed: Option<u64>| {
        let tree = tree().child(task("a", async |_| {}));
        let mut world = world(match seed {
            Some(seed) => tree.seed(seed),
            None => tree,
        });
        world.script("a", Script::dies_after(secs(1))).run_for(minutes(1));
        world.transcript()
    };
    assert_eq!(spread(None), spread(None));
    assert_eq!(spread(Some(7)), spread(Some(7)));
    assert_ne!(spread(Some(7)), spread(Some(8)));
    assert_ne!(spread(Some(7)), spread(None));
}

#[test]
fn a_transcript_tells_the_whole_story() {
    let web = child("web").needs("db").optional().limit(consecutive(1));
    let mut world = world(tree().child(supervisor("app").child(child("db")).child(web)));
    world.script("app/web", Run::fails_after(secs(3)).saying("no such table"));
    world.script("app/db", Run::starts_after(millis(120)).and(Run::stops_after(secs(1))));
    world.run_for(minutes(1));
    world.by("alice").acknowledge("app/web", "I look into it").unwrap();
    world.by("alice").start("app/web", "is it better?").unwrap_err();
    world.by("alice").drain("enough").unwrap();
    world.run_for(minutes(1));
    let transcript = world.transcript();
    let snapshot = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testing/transcript.txt");
    if std::env::var_os("MAINSTAY_ACCEPT").is_some() {
        std::fs::write(snapshot, &transcript).unwrap();
    }
    assert_eq!(transcript, std::fs::read_to_string(snapshot).unwrap());
    assert!(
        transcript.ends_with(
            &world.transcript_of("/").lines().last().map(|it| format!("{it}\n")).unwrap()
        )
    );
}

#[test]
fn a_wrong_path_names_the_near_ones() {
    complains("there is no child `app/wbe`; did you mean `app/web`?", || {
        let mut world =
            world(tree().child(supervisor("app").child(child("web")).child(child("db"))));
        world.script("app/wbe", Script::runs());
    });
}

#[test]
fn where_none_is_near_all_are_named() {
    complains("there is no child `frontend`; there are `app`, `app/web`", || {
        world(tree().child(supervisor("app").child(child("web")))).starts("frontend");
    });
}

#[test]
fn a_script_that_cannot_take_place_is_a_mistake() {
    complains(
        "the script of `a` speaks of its heartbeat, and it is declared without `heartbeat`",
        || {
            let mut world = lone(child("a"));
            world.script("a", Run::silent_after(secs(1))).run_for(secs(1));
        },
    );
}

#[test]
fn a_tree_that_never_gets_on_is_found_out() {
    complains("time stands still at 2.000s: `a` is started again and again", || {
        let circle = child("a").always().backoff(Shape::None).holdoff(Duration::ZERO).unlimited();
        let mut world = world(tree().child(circle).limit_children(restarts(60_000, secs(1))));
        world.script("a", Script::each([Run::fails_after(secs(2)), Run::fails_after(secs(0))]));
        world.run_for(minutes(1));
    });
}

#[test]
fn only_a_live_run_can_end() {
    complains("`a` has no run that could end: it is down", || {
        let mut world = lone(child("a"));
        world.by("alice").stop("a", "test").unwrap();
        world.exit_now("a", Exit::FAILED);
    });
}

#[test]
fn a_wrong_declaration_says_so() {
    let error = World::new(tree().child(child("a").needs("b"))).unwrap_err();
    assert!(error.to_string().contains('b'), "{error}");
}

/// Expects that the world refuses what it is asked, with this text.
#[track_caller]
fn complains(expected: &str, act: impl FnOnce() + std::panic::UnwindSafe) {
    let payload = std::panic::catch_unwind(act).expect_err("it is a mistake");
    let text = payload.downcast_ref::<String>().map_or("", String::as_str);
    assert!(text.contains(expected), "{text}");
}

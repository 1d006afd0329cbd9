//! Every verb in every state of a child, and of a supervisor: what is answered, and what is done.
//!
//! A cell is the answer (`ok`, `same` for "it was already so", or why it was refused), then what is done
//! at once: `>` a start, `.` a stop, `!` force, `*` frozen, `'` thawed, `@` reloaded, `-` forgotten.

use crate::declare::{self, Declared};
use crate::world::World;
use mainstay_core::{Moment, Tree};

/// A state, the declarations, and the inputs with their moments that lead there.
type State = (&'static str, &'static [&'static str], &'static [&'static str]);

/// How a child called `a` comes into each state.
const STATES: &[State] = &[
    ("waiting", &["child a backoff=fixed:1h"], &["10 exit a"]),
    ("stopped", &["child a"], &["10 do stop a"]),
    ("paused", &["child a"], &["10 do pause a", "20 exit a"]),
    ("quarantined", &["child a"], &["10 do quarantine a"]),
    ("broken", &["child a limit=failures:1/1h exhausted=cooldown cooldown=1h"], &["10 exit a"]),
    (
        "broken-manual",
        &["child a limit=failures:1/1h exhausted=cooldown cooldown=manual"],
        &["10 exit a"],
    ),
    (
        "awaits-start",
        &["child a limit=failures:1/1h exhausted=cooldown cooldown=1h"],
        &["10 exit a", "20 do reset a"],
    ),
    ("completed", &["child a on-failure"], &["10 exit a completed"]),
    ("failed", &["child a never"], &["10 exit a failed"]),
    ("skipped", &["child a takes=never"], &["10 exit a skipped"]),
    ("demand", &["child a on-demand"], &[]),
    ("need", &["child b", "child a needs=b"], &["10 do stop b", "20 exit a"]),
    ("need-lost", &["child b", "child a needs=b:ready:stop"], &["10 do stop b"]),
    ("slot", &["root concurrency=1", "child b takes=never", "child a"], &[]),
    ("storm", &["tree storm=1/0.001", "root", "child b", "child a"], &[]),
    (
        "cooling",
        &["root limit=restarts:0/1h:supervisor exhausted=cooldown cooldown=1h", "child a"],
        &["10 exit a"],
    ),
    ("group", &["root one-for-all", "child a", "child b stops=never grace=1h"], &["10 exit a"]),
    ("group-delay", &["root one-for-all", "child a backoff=fixed:1h"], &["10 exit a"]),
    ("starting", &["child a takes=never"], &[]),
    ("up", &["child a ready=explicit"], &[]),
    ("ready", &["child a stops=never"], &[]),
    ("frozen", &["child a stops=never"], &["10 do freeze a"]),
    (
        "unready",
        &["child a stops=never probe=readiness:1:1h:1:1:1"],
        &["1 probe a 0 ok", "3600001 probe a 0 fail"],
    ),
    (
        "trial",
        &["child a limit=failures:1/1h exhausted=cooldown cooldown=1"],
        &["10 exit a", "20 ."],
    ),
    ("stopping", &["child a stops=never grace=1h"], &["10 do stop a"]),
    ("restarting", &["child a stops=never grace=1h"], &["10 do restart a"]),
    ("killing", &["child a grace=kill kills=never kill_wait=1h"], &["10 do stop a"]),
    ("abandoned", &["child a grace=kill kills=never kill_wait=1"], &["10 do stop a", "20 ."]),
    ("leaving", &["child a stops=never grace=1h"], &["10 do remove a"]),
    ("draining", &["child a stops=never grace=1h"], &["10 do drain"]),
    ("ended", &["child a"], &["10 do drain"]),
];

/// The same for a supervisor called `s`; the marks are what happens to the children below it.
const SUPERVISORS: &[State] = &[
    ("serving", &["child s supervisor", "child s/a"], &[]),
    ("empty", &["child s supervisor"], &[]),
    ("opening", &["child s supervisor", "child s/a ready=explicit"], &[]),
    ("closing", &["child s supervisor", "child s/a stops=never grace=1h"], &["10 do stop s"]),
    ("stopped", &["child s supervisor", "child s/a"], &["10 do stop s"]),
    ("paused", &["child s supervisor", "child s/a"], &["10 do pause s", "20 exit s/a"]),
    ("quarantined", &["child s supervisor", "child s/a"], &["10 do quarantine s"]),
    (
        "cooling",
        &[
            "child s supervisor limit=restarts:0/1h:supervisor exhausted=cooldown cooldown=1h",
            "child s/a",
        ],
        &["10 exit s/a"],
    ),
    (
        "grouping",
        &["child s supervisor one-for-all", "child s/a backoff=fixed:1h", "child s/b"],
        &["10 exit s/a"],
    ),
    (
        "giving-up",
        &[
            "child s supervisor limit=restarts:0/1h:supervisor",
            "child s/a",
            "child s/b stops=never grace=1h",
        ],
        &["10 exit s/a"],
    ),
    (
        "gave-up",
        &["child s supervisor never limit=restarts:0/1h:supervisor", "child s/a"],
        &["10 exit s/a"],
    ),
    ("leaving", &["child s supervisor", "child s/a stops=never grace=1h"], &["10 do remove s"]),
    ("full-pool", &["child s supervisor max=1"], &["10 do add s/a"]),
];

const VERBS: &[&str] = &[
    "start",
    "start!",
    "stop",
    "restart",
    "reload",
    "recycle",
    "pause",
    "freeze",
    "resume",
    "quarantine",
    "release",
    "acknowledge",
    "reset",
    "reset+start",
    "remove",
    "replace",
    "drain",
];

const ANSWERS: &str = include_str!("commands.txt");

fn in_state(declarations: &[&str], inputs: &[&str]) -> World {
    let mut declared = Declared::new();
    declared.line("terse").expect("a known word");
    for line in declarations {
        declared.line(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    let built = std::mem::take(&mut declared.tree).build(declared.profile);
    let (spec, _) = built.unwrap_or_else(|problems| panic!("{declarations:?}: {problems:?}"));
    let mut world = World::new(Tree::new(&spec), &declared);
    put(&mut world, "0 boot");
    for input in inputs {
        put(&mut world, input);
    }
    world
}

fn put(world: &mut World, row: &str) -> Vec<String> {
    let (at, input) = row.split_once(' ').expect("a moment and an input");
    world.pass(Moment::ZERO + declare::span(at).expect("a moment"));
    let input = world.input(input).unwrap_or_else(|error| panic!("{row}: {error}"));
    input.map_or_else(Vec::new, |input| world.take(input))
}

/// The answer and what was asked of the world, as a cell.
fn cell(said: &[String], of: &str) -> String {
    let answers: Vec<&str> = said
        .iter()
        .filter_map(|word| match word.as_str() {
            "ok" => Some("ok"),
            "already" => Some("same"),
            word => word.strip_prefix("refused: "),
        })
        .collect();
    let [answer] = answers.as_slice() else { return format!("{answers:?}") };
    let marks = [
        ("stop ", '.'),
        ("kill ", '!'),
        ("freeze ", '*'),
        ("thaw ", '\''),
        ("reload ", '@'),
        ("forget ", '-'),
        ("start ", '>'),
    ];
    let mut cell = (*answer).to_owned();
    for word in said {
        let is_its = word.split(' ').nth(1).is_some_and(|child| child.starts_with(of));
        let mark = marks.iter().find(|(verb, _)| is_its && word.starts_with(verb));
        cell.extend(mark.map(|(_, mark)| mark));
    }
    cell
}

/// Plays every verb on `target` in every state. Returns a table of what came of it.
fn play(states: &[State], target: &str) -> String {
    let mut found = format!("{target:<14}");
    found.extend(VERBS.iter().map(|verb| format!("{verb:<13}")));
    let declared = format!("child {target}");
    for (state, declarations, inputs) in states {
        found = format!("{}\n{state:<14}", found.trim_end());
        for verb in VERBS {
            let mut world = in_state(declarations, inputs);
            let replaced = declarations.iter().find_map(|line| line.strip_prefix(&*declared));
            let words = if *verb == "replace" { replaced.unwrap_or("") } else { "" };
            let command = format!("{}ns do {verb} {target}{words} id=1", world.now.as_nanos());
            let said = put(&mut world, &command);
            let here = cell(&said, target);
            found.push_str(&format!("{here:<13}"));
            let again = put(&mut world, &command);
            let same_reply = here.starts_with(&cell(&again, target));
            assert!(same_reply, "{verb} in {state}, again: {again:?}");
            assert_eq!(again.len(), 1, "{verb} in {state} twice is one effect: {again:?}");
            let deadline = world.tree.deadline().map(|(at, _)| at);
            assert!(
                deadline.is_none_or(|at| at > world.now),
                "{verb} in {state}: a deadline passed"
            );
        }
    }
    found.trim_end().to_owned()
}

#[test]
fn every_verb_is_answered_in_every_state() {
    let found = format!("{}\n{}", play(STATES, "a"), play(SUPERVISORS, "s"));
    let expected: Vec<&str> = ANSWERS.lines().filter(|line| !line.starts_with('#')).collect();
    let found: Vec<&str> = found.lines().map(str::trim_end).collect();
    let differs: Vec<String> = expected
        .iter()
        .zip(&found)
        .filter(|(expected, found)| expected != found)
        .map(|(expected, found)| format!("expected {expected}\n   found {found}"))
        .collect();
    assert!(differs.is_empty(), "\n{}", differs.join("\n"));
    assert_eq!(expected.len(), found.len(), "\n{}", found.join("\n"));
}

//! What is told of a child in every situation there is.

use crate::golden;
use crate::scene::{Scene, code, process, supervisor};
use mainstay_core::policy::backoff::Shape;
use mainstay_core::policy::breaker::Cooldown;
use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Within};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::draft::KindDraft;
use mainstay_core::spec::{
    Activation, ChildDraft, Criticality, Grace, Heartbeat, Kind, Liveness, Need, OnExhausted,
    OnRestart, Preset, Probe, ProbeKind, Ready, Stop, StormRate, Strategy, SupervisorDraft,
    TreeDraft, Until,
};
use mainstay_core::{Class, Exit, Input, StartStep, Verb};
use std::fmt::Write as _;
use std::time::Duration;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn needing(name: &str, other: &str, until: Until) -> ChildDraft {
    let need = Need { child: other.into(), until, on_restart: OnRestart::Restart };
    ChildDraft { needs: Some(vec![need]), ..process(name) }
}

fn notified(name: &str) -> ChildDraft {
    ChildDraft { ready: Some(Ready::Notify), ..process(name) }
}

fn probed(kind: ProbeKind) -> ChildDraft {
    let probe = Probe {
        kind,
        initial: secs(0),
        every: secs(10),
        timeout: secs(1),
        failures: 3,
        successes: 1,
    };
    let liveness = Some(Liveness { probes: vec![probe], ..Liveness::default() });
    let ready = (kind == ProbeKind::Readiness).then_some(Ready::Probe);
    ChildDraft { liveness, ready, ..process("web") }
}

fn beating() -> ChildDraft {
    let heartbeat = Heartbeat { every: secs(2), misses: 3, startup: None };
    let liveness = Some(Liveness { heartbeat: Some(heartbeat), ..Liveness::default() });
    ChildDraft { liveness, ..process("web") }
}

fn never(name: &str) -> ChildDraft {
    ChildDraft { restart: Some(Restart::Never), ..process(name) }
}

fn limited(count: Count, most: u32, scope: Scope) -> Limit {
    Limit { count, most, within: Within::Sliding(secs(60)), scope, admit: Admit::AtExit }
}

fn pair(strategy: Strategy) -> ChildDraft {
    let children = vec![process("db"), process("web")];
    let strategy = Some(strategy);
    supervisor("app", SupervisorDraft { children, strategy, ..SupervisorDraft::default() })
}

fn signal(signal: u8) -> Exit {
    Exit::Signaled { signal, core: false }
}

struct Told(String);

impl Told {
    fn tell(&mut self, title: &str, scene: &mut Scene, path: &str) {
        let text = golden::write(&scene.explain(path));
        writeln!(self.0, "{title}\n{text}").expect("a string takes it all");
    }
}

#[test]
fn every_situation_is_told() {
    let mut told = Told(String::new());
    lives(&mut told);
    fails(&mut told);
    gives_up(&mut told);
    rests(&mut told);
    waits(&mut told);
    ends(&mut told);
    let stories = told.0.lines().filter(|line| line.starts_with("= ")).count();
    assert!(stories >= 40, "{stories}");
    golden::compare("explain.txt", &told.0);
}

fn lives(told: &mut Told) {
    let mut scene = Scene::new([process("web")]);
    told.tell("= it has just begun", scene.secs(5), "web");
    told.tell("= it is stable", scene.secs(3_600), "web");
    scene.ends("web", signal(9), "").secs(1);
    told.tell("= it is up again after a kill", &mut scene, "web");
    told.tell("= ... and stable again", scene.secs(86_400), "web");
    told.tell("= the root", &mut scene, "");

    let mut scene = Scene::new([notified("web")]);
    told.tell("= it is not ready yet", scene.secs(4), "web");
    let mut scene = Scene::new([probed(ProbeKind::Readiness)]);
    scene.secs(70).probes = false;
    told.tell("= its readiness probe fails", scene.secs(60), "web");
    let mut scene = Scene::new([process("web")]);
    scene.ends("web", code(1), "").starts = false;
    told.tell("= it is starting", scene.secs(2), "web");
    scene.stop("web");
    told.tell("= it is stopping while it starts", &mut scene, "web");
    told.tell("= ... and ended by force", scene.secs(11), "web");
    told.tell("= ... and abandoned", scene.secs(30), "web");
}

fn fails(told: &mut Told) {
    let mut scene = Scene::new([process("web")]);
    told.tell("= it failed once", scene.fails("web", 1), "web");
    told.tell("= it failed four times", scene.fails("web", 3).millis(200), "web");
    let mut scene = Scene::new([process("web")]);
    scene.secs(30).ends("web", Exit::OutOfMemory, "");
    told.tell("= it ran out of memory", &mut scene, "web");
    scene.run_again("web").secs(3).ends("web", signal(11), "");
    told.tell("= a segmentation fault", &mut scene, "web");
    let mut scene = Scene::new([process("web")]);
    scene.secs(3).ends("web", Exit::Completed, "");
    told.tell("= a clean end under restart: always", &mut scene, "web");

    let missing = Exit::StartFailed { step: StartStep::Program, mendable: false };
    let mut scene = Scene::new([process("web")]);
    scene.secs(1).ends("web", missing, "looking for the program `wbe`: no such file or directory");
    told.tell("= its program is missing", &mut scene, "web");
    let mut scene = Scene::new([beating()]);
    let (child, run) = scene.live("web");
    scene.secs(3).take(Input::Beat(child, run));
    scene.secs(8).ends("web", signal(15), "");
    told.tell("= its heartbeat was lost", &mut scene, "web");
    let mut scene = Scene::new([probed(ProbeKind::Liveness)]);
    scene.secs(15).probes = false;
    scene.secs(25);
    told.tell("= it is ended for a failed probe", &mut scene, "web");
    told.tell("= ... and has ended", scene.ends("web", signal(15), ""), "web");
    let mut scene = Scene::new([notified("web")]);
    scene.secs(61).ends("web", signal(15), "");
    told.tell("= it never became ready", &mut scene, "web");
    let wish = Exit::Failed { code: None, class: Class::Transient, retry_after: Some(secs(20)) };
    let mut scene = Scene::new([process("web")]);
    told.tell("= its error asks for a wait", scene.secs(1).ends("web", wish, "busy"), "web");
    let mut scene = Scene::new([ChildDraft { preset: Some(Preset::Epics), ..process("web") }]);
    scene.secs(2).ends("web", code(1), "");
    told.tell("= starts keep a distance", &mut scene, "web");
    let mut scene = Scene::new([process("web")]);
    let unseen = Exit::Unknown { from: scene.wall().now, to: scene.wall().now + secs(4) };
    scene.secs(4).ends("web", unseen, "");
    told.tell("= nobody saw it end", &mut scene, "web");
}

fn gives_up(told: &mut Told) {
    let mut scene = Scene::new([process("web")]);
    told.tell("= the default budget is spent", scene.fails("web", 11).secs(10), "web");
    scene.run_again("web").secs(2);
    told.tell("= its trial runs", &mut scene, "web");
    scene.ends("web", code(1), "still not");
    told.tell("= its trial failed", &mut scene, "web");
    scene.asks("web", Verb::Acknowledge, "bob", "I am on it");
    told.tell("= its alert was seen", &mut scene, "web");
    scene.asks("web", Verb::Reset { start: false }, "bob", "mended");
    told.tell("= it was reset without a start", &mut scene, "web");

    let by_hand = Some(vec![Cooldown::Manual]);
    let mut scene = Scene::new([ChildDraft { cooldown: by_hand, ..process("web") }]);
    told.tell("= a cooldown without an end", scene.fails("web", 11), "web");
    let mut scene = Scene::new([ChildDraft { preset: Some(Preset::Systemd), ..process("web") }]);
    for _ in 0..5 {
        scene.run_again("web").ends("web", code(1), "no such table");
    }
    told.tell("= systemd's limit on starts", scene.secs(1), "web");
    let mut scene = Scene::new([ChildDraft { preset: Some(Preset::Pm2), ..process("web") }]);
    let permanent = Exit::Failed { code: Some(78), class: Class::Permanent, retry_after: None };
    scene.secs(1).ends("web", permanent, "the setting `port` is missing");
    told.tell("= a permanent error", &mut scene, "web");

    let children = vec![
        ChildDraft { criticality: Some(Criticality::Required), ..process("web") },
        process("db"),
    ];
    let app = supervisor("app", SupervisorDraft { children, ..SupervisorDraft::default() });
    let mut scene = Scene::new([app]);
    scene.fails("app/web", 11);
    told.tell("= a required child is given up: itself", &mut scene, "app/web");
    told.tell("= ... its supervisor", &mut scene, "app");
    scene.ends("app/db", Exit::Completed, "");
    told.tell("= ... its supervisor, once all have stopped", &mut scene, "app");
    told.tell("= ... its sibling", &mut scene, "app/db");

    let budget = Some(vec![limited(Count::Restarts, 2, Scope::Supervisor)]);
    let children = vec![process("a"), process("b")];
    let on_exhausted = Some(OnExhausted::Cooldown);
    let below = SupervisorDraft { children, ..SupervisorDraft::default() };
    let mut scene = Scene::new([ChildDraft { budget, on_exhausted, ..supervisor("app", below) }]);
    scene.fails("app/a", 1).fails("app/b", 1).fails("app/a", 1).secs(1);
    told.tell("= a supervisor cools down: a child", &mut scene, "app/a");
    told.tell("= ... itself", &mut scene, "app");
    told.tell("= ... and its trial", scene.run_again("app/a").secs(2), "app");
}

fn rests(told: &mut Told) {
    let mut scene = Scene::new([process("web")]);
    scene.secs(10).stop("web");
    told.tell("= it is being stopped", scene.millis(1_500), "web");
    told.tell("= it was stopped", scene.ends("web", Exit::Completed, "").secs(60), "web");
    let mut scene = Scene::new([process("web")]);
    scene.secs(10).asks("web", Verb::Quarantine, "bob", "it eats the data");
    scene.ends("web", Exit::Completed, "").secs(60);
    told.tell("= a person quarantined it", &mut scene, "web");
    let mut scene = Scene::new([process("web")]);
    scene.asks("web", Verb::Pause { freeze: false }, "bob", "I look at it");
    told.tell("= it is paused and lives", scene.secs(1), "web");
    told.tell("= it is paused and failed", scene.fails("web", 1).secs(5), "web");
    let mut scene = Scene::new([pair(Strategy::OneForOne)]);
    scene.asks("app", Verb::Pause { freeze: false }, "bob", "maintenance");
    told.tell("= its supervisor is paused", scene.fails("app/web", 1).secs(5), "app/web");
    let mut scene = Scene::new([pair(Strategy::OneForOne)]);
    scene.stop("app").ends("app/db", Exit::Completed, "").ends("app/web", Exit::Completed, "");
    told.tell("= its supervisor was stopped", scene.secs(5), "app/web");
    let mut scene = Scene::new([never("web")]);
    told.tell("= done", scene.secs(9).ends("web", Exit::Completed, ""), "web");
    let mut scene = Scene::new([never("web")]);
    told.tell("= failed for good", scene.secs(9).ends("web", code(4), "no input"), "web");
    let mut scene = Scene::new([process("web")]);
    told.tell("= nothing to do", scene.secs(1).ends("web", Exit::Skipped, ""), "web");
    let idle = Some(Activation::OnDemand { idle: Some(secs(300)) });
    let mut scene = Scene::new([ChildDraft { activation: idle, ..process("web") }]);
    told.tell("= nobody has wanted it", scene.secs(9), "web");
    let child = scene.tree.find(&"web".into()).expect("it is in the tree");
    scene.take(Input::Demand(child));
    scene.secs(300).ends("web", Exit::Completed, "");
    told.tell("= nobody uses it any more", scene.secs(9), "web");
}

fn waits(told: &mut Told) {
    let mut scene = Scene::new([notified("db"), needing("web", "db", Until::Ready)]);
    told.tell("= it waits for another to be ready", scene.secs(7), "web");
    scene.ready("db").secs(1).ends("db", code(1), "disk full");
    told.tell("= what it needs went away", &mut scene, "web");
    scene.ends("web", Exit::Completed, "");
    told.tell("= ... and it has stopped for that", &mut scene, "web");

    let mut scene = Scene::new([pair(Strategy::OneForAll)]);
    scene.secs(5).ends("app/db", code(1), "disk full");
    told.tell("= it stops with its siblings", &mut scene, "app/web");
    told.tell("= ... and waits for them", scene.ends("app/web", Exit::Completed, ""), "app/web");
    told.tell("= ... whose end began it", &mut scene, "app/db");
    scene.run_again("app/web").secs(2).asks("app/web", Verb::Restart, "alice", "new certificate");
    scene.ends("app/web", Exit::Completed, "").run_again("app/web").secs(2).ends(
        "app/db",
        code(1),
        "",
    );
    scene.ends("app/web", Exit::Completed, "");
    told.tell("= ... who began by hand and stopped with its siblings", &mut scene, "app/web");

    let children = vec![notified("a"), notified("b"), notified("c")];
    let start_concurrency = Some(1);
    let below = SupervisorDraft { children, start_concurrency, ..SupervisorDraft::default() };
    let mut scene = Scene::new([supervisor("app", below)]);
    told.tell("= it waits for its turn", scene.secs(2), "app/c");
    let storm_rate = Some(StormRate { burst: 1, per_second: 0.1 });
    let mut draft = TreeDraft { seed: 7, storm_rate, ..TreeDraft::default() };
    draft.root.children.extend([process("a"), process("b"), process("c")]);
    let mut scene = Scene::of(draft);
    told.tell("= the storm rate delays it", scene.secs(2), "c");
}

fn ends(told: &mut Told) {
    let mut scene = Scene::new([process("web"), process("db")]);
    scene.secs(60).asks("", Verb::Drain, "carol", "reboot").millis(500);
    told.tell("= the tree ends: it is stopping", &mut scene, "web");
    scene.ends("web", signal(15), "");
    told.tell("= ... and has stopped", &mut scene, "web");
    let stop =
        Some(Stop { steps: vec![Grace::For(secs(5)), Grace::For(secs(20))], kill_wait: secs(5) });
    let mut scene = Scene::new([ChildDraft { stop, ..process("web") }]);
    scene.asks("web", Verb::Restart, "alice", "new certificate").secs(6);
    told.tell("= it takes its time to stop", &mut scene, "web");
    let shape = Some(Shape::Fixed(secs(30)));
    let critical = Some(Criticality::Critical);
    let always = Some(Restart::Always);
    let web =
        ChildDraft { backoff: shape, criticality: critical, restart: always, ..process("web") };
    let mut scene = Scene::new([web]);
    told.tell("= a critical child fails", scene.fails("web", 1), "web");
}

#[test]
fn the_policy_says_where_each_value_came_from() {
    let mut scene = Scene::new([ChildDraft { preset: Some(Preset::Focas), ..process("plc") }]);
    let policy = scene.explain("plc").policy;
    let line = |name: &str| {
        let line = policy.iter().find(|line| line.name == name).expect("it is a setting");
        format!("{} ({})", line.value, line.source)
    };
    assert_eq!(line("backoff"), "ladder 5s, 15s, 1m (preset focas)");
    assert_eq!(line("criticality"), "optional (default)");
}

#[test]
fn a_child_that_waits_for_its_schedule_says_so() {
    let restart = Some(Restart::Never);
    let mut scene = Scene::new([ChildDraft { restart, ..process("job") }]);
    scene.secs(3).ends("job", code(1), "");
    let at = scene.wall().now_at + 60_000;
    let explained = scene.explain_scheduled("job", Some(at));
    let next = explained.next.expect("its schedule");
    assert_eq!(
        (next.at, next.in_ms, next.what.as_str()),
        (at, 60_000, "is started by its schedule")
    );
    let (first, last) = (explained.story.first().unwrap(), explained.story.last().unwrap());
    assert!(first.ends_with("until its schedule starts it: it failed."), "{first}");
    assert_eq!(last, "Next: `job` is started by its schedule, in 1m, at 03:01:03.");
}

#[test]
fn limits_alerts_and_the_next_deadline_have_times() {
    let mut scene = Scene::new([process("web")]);
    let explained = scene.fails("web", 11).explain("web");
    let next = explained.next.expect("it is tried again");
    assert_eq!((next.in_ms, next.what.as_str()), (60_000, "is tried once"));
    assert_eq!(next.at, explained.now_at + 60_000);
    assert_eq!((explained.breaker.as_str(), explained.level), ("open", 1));
    let alert = explained.alerts.first().expect("somebody must see it");
    assert_eq!((alert.kind.as_str(), alert.since_at), ("breaker-opened", explained.now_at));
    let limit = explained.limits.first().expect("it has a budget");
    assert_eq!((limit.used, limit.most, limit.frees_at), (0, 10, None));
    assert_eq!(limit.text, "at most 10 restarts in any 10m");
}

#[test]
fn the_call_that_a_host_died_in_is_evidence() {
    let mut scene = Scene::new([process("plc")]);
    scene.secs(3).ends("plc", signal(11), "it closed its calls socket");
    let told = |scene: &mut Scene| scene.explain("plc").evidence[0].text.clone();
    let plain = "was killed by signal 11 (SEGV): it closed its calls socket";
    assert_eq!(told(&mut scene), plain);
    scene.runs[0].open_calls = vec!["call 17: read axis 3".into()];
    assert_eq!(told(&mut scene), format!("{plain}; in call 17: read axis 3"));
}

#[test]
fn a_host_that_rests_is_started_by_a_call() {
    let kind = Some(KindDraft::Leaf(Kind::Host));
    let activation = Some(Activation::OnDemand { idle: None });
    let mut scene = Scene::new([ChildDraft { kind, activation, ..process("plc") }]);
    let wishes = scene.explain("plc").wishes;
    assert!(
        wishes.iter().any(|wish| wish.text == "somebody calls it: that starts it"),
        "{wishes:?}"
    );
    let activation = Some(Activation::OnDemand { idle: None });
    let mut scene = Scene::new([ChildDraft { activation, ..process("web") }]);
    assert!(scene.explain("web").wishes.iter().all(|wish| !wish.text.contains("calls it")));
}

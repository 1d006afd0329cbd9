//! What hooks are told, from facts to receivers: the decisions by the second, and real receivers that misbehave.

use super::desk::{Desk, Labels};
use super::fact::{Sign, SignKind};
use super::queue::{Outcome, Try};
use super::serve::Hooks;
use super::{Address, Answer, Asides, Carrier, Hook, Receiver, Retry, Store};
use mainstay::{Moment, Shape};
use mainstay_wire::api::{Delivery, DeliveryState, FactKind};
use mainstay_wire::hook::{CloudEvent, Kept};
use mainstay_wire::keeper::{Order, Status};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Long enough for any machine; where it passes the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

fn at(second: u64) -> (Moment, i64) {
    (Moment::from_nanos(second * 1_000_000_000), second.cast_signed() * 1_000)
}

fn hook(name: &str, to: Receiver) -> Hook {
    Hook {
        name: name.into(),
        on: FactKind::ALL.to_vec(),
        children: Vec::new(),
        labels: BTreeMap::new(),
        program: true,
        to,
        secrets: Vec::new(),
        timeout: Duration::from_secs(10),
        fold: Duration::ZERO,
        retry: Retry::default(),
    }
}

fn run(name: &str) -> Hook {
    let command = vec!["./page".to_owned()];
    hook(name, Receiver::Run { command, folder: PathBuf::from("/"), environment: BTreeMap::new() })
}

fn sign(seq: u64, about: &str, kind: SignKind) -> Sign {
    let text = "exited with code 3".to_owned();
    Sign { seq, about: about.into(), run: Some(seq), at: 0, kind, text }
}

fn desk(hooks: Vec<Hook>) -> Desk {
    let kept = Kept { origin: "o".into(), ..Kept::default() };
    let mut desk = Desk::of(kept, "shop", Moment::ZERO);
    desk.declare(at(0), hooks, Labels::new());
    desk
}

fn ids(tries: &[Try]) -> Vec<(&str, &str)> {
    tries.iter().map(|one| (one.hook.as_str(), one.event.id.as_str())).collect()
}

fn states(desk: &Desk) -> Vec<(String, DeliveryState, u32)> {
    let all = desk.deliveries(at(0));
    all.into_iter().map(|one| (one.event, one.state, one.tries)).collect()
}

/// Children and labels of a hook; about whom; whether it is told.
type Row = (&'static [&'static str], &'static [(&'static str, &'static str)], &'static str, bool);

#[test]
fn whom_a_hook_is_about() {
    let table: [Row; 10] = [
        (&[], &[], "web", true),
        (&["web"], &[], "web", true),
        (&["web"], &[], "web/a", true),
        (&["web"], &[], "webs", false),
        (&["web-*"], &[], "web-1", true),
        (&["app/*"], &[], "app/db/writer", true),
        (&[], &[("team", "a")], "web", true),
        (&[], &[("team", "b")], "web", false),
        (&["db"], &[("team", "a")], "web", false),
        (&["db"], &[], "/journal", true),
    ];
    let has = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
    for (children, labels, about, expected) in table {
        let mut hook = run("pager");
        hook.children = children.iter().map(|&path| path.to_owned()).collect();
        let label = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        hook.labels = labels.iter().map(label).collect();
        assert_eq!(hook.is_about(about, Some(&has)), expected, "{children:?} {labels:?} {about}");
    }
    let deaf = Hook { program: false, ..run("pager") };
    assert!(!deaf.is_about("/journal", None));
}

#[test]
fn a_fact_is_a_cloud_event_for_each_hook_that_wants_it() {
    let only = Hook { on: vec![FactKind::GivenUp], ..run("only") };
    let mut desk = desk(vec![only, run("all")]);
    desk.take(at(1), sign(7, "app/web", SignKind::Failed));
    let tries = desk.begin(at(1));
    assert_eq!(ids(&tries), [("all", "o-7")]);
    let json = serde_json::to_value(&tries[0].event).expect("a form");
    let expected = serde_json::json!({
        "specversion": "1.0",
        "id": "o-7",
        "source": "/mainstay/shop",
        "type": "io.mainstay.failure",
        "subject": "app/web",
        "time": "1970-01-01T00:00:00Z",
        "datacontenttype": "application/json",
        "data": {
            "tree": "shop", "child": "app/web", "fact": "failure", "run": 7,
            "text": "exited with code 3", "count": 1, "at": 0,
        },
    });
    assert_eq!(json, expected);
    desk.program(at(2), "journal", Some("no space"));
    desk.program(at(3), "journal", None);
    desk.program(at(4), "journal", None);
    let told: Vec<_> =
        desk.deliveries(at(4)).into_iter().map(|one| (one.fact, one.program)).collect();
    let part = || Some("journal".to_owned());
    let program = [(FactKind::Recovered, part()), (FactKind::Failure, part())];
    assert_eq!(told[..2], program, "the end of a trouble is told once");
}

#[test]
fn a_receiver_is_left_alone_after_failed_tries_and_each_has_an_end() {
    let backoff = Shape::Ladder(vec![Duration::from_secs(1), Duration::from_secs(5)]);
    let retry = Retry { backoff, tries: 3, most: 100, within: Duration::from_secs(3_600) };
    let mut desk = desk(vec![Hook { retry, ..run("pager") }]);
    desk.take(at(1), sign(1, "web", SignKind::Failed));
    desk.take(at(1), sign(2, "db", SignKind::Failed));
    let mut tried = Vec::new();
    for second in 1..20 {
        for one in desk.begin(at(second)) {
            tried.push((second, one.event.id.clone()));
            desk.over(at(second), "pager", &one.event.id, Outcome::Failed("500".into(), None));
        }
    }
    let expected = [(1, "o-1"), (2, "o-1"), (7, "o-1"), (12, "o-2"), (17, "o-2")];
    assert_eq!(tried, expected.map(|(second, id)| (second, id.to_owned())));
    let last = desk.deliveries(at(20));
    assert_eq!(last[1].last.as_deref(), Some("500; given up after 3 tries"));
    assert_eq!((last[0].state, last[0].next_at), (DeliveryState::Waiting, Some(22_000)));
    // What a receiver asks for goes first, and what it takes ends the backoff.
    let again = desk.begin(at(22));
    let wish = Some(Duration::from_secs(60));
    desk.over(at(22), "pager", &again[0].event.id, Outcome::Failed("429".into(), wish));
    assert_eq!(desk.waiting(), 0, "the third try was the last");
    desk.take(at(23), sign(3, "web", SignKind::Failed));
    assert!(desk.begin(at(81)).is_empty());
    let next = desk.begin(at(82));
    desk.over(at(82), "pager", &next[0].event.id, Outcome::Taken("200".into()));
    desk.take(at(83), sign(4, "web", SignKind::Failed));
    assert_eq!(ids(&desk.begin(at(83))), [("pager", "o-4")]);
}

#[test]
fn failed_tries_have_a_budget_over_all_deliveries() {
    let within = Duration::from_secs(100);
    let retry = Retry { backoff: Shape::None, tries: 1, most: 2, within };
    let mut desk = desk(vec![Hook { retry, ..run("pager") }]);
    for seq in 1..5 {
        desk.take(at(1), sign(seq, &format!("child-{seq}"), SignKind::Failed));
    }
    let mut tried = Vec::new();
    for second in 1..250 {
        for one in desk.begin(at(second)) {
            tried.push(second);
            desk.over(at(second), "pager", &one.event.id, Outcome::Failed("500".into(), None));
        }
    }
    assert_eq!(tried, [1, 2, 101, 102]);
}

#[test]
fn what_a_receiver_never_wants_is_not_tried_again() {
    let mut desk = desk(vec![run("pager")]);
    desk.take(at(1), sign(1, "web", SignKind::Failed));
    desk.take(at(1), sign(2, "web", SignKind::GivenUp));
    drop(desk.begin(at(1)));
    desk.over(at(1), "pager", "o-1", Outcome::Refused("400".into()));
    assert_eq!(ids(&desk.begin(at(1))), [("pager", "o-2")]);
    desk.declare(at(2), Vec::new(), Labels::new());
    let last = desk.deliveries(at(2));
    assert_eq!(last[0].last.as_deref(), Some("there is no hook `pager` any more"));
    assert_eq!(desk.waiting(), 0);
}

#[test]
fn another_life_goes_on_with_the_same_ids() {
    let mut desk = desk(vec![run("pager")]);
    desk.take(at(1), sign(1, "web", SignKind::Failed));
    desk.take(at(1), sign(2, "db", SignKind::Failed));
    // Under way, and nobody knows how far it came.
    assert_eq!(ids(&desk.begin(at(1))), [("pager", "o-1")]);
    let kept = serde_json::to_vec(&desk.kept()).expect("a form");
    let kept: Kept = serde_json::from_slice(&kept).expect("a form");
    let mut next = Desk::of(kept, "shop", at(2).0);
    // What the journal tells once more, and one that it alone knows; hooks are not declared yet.
    next.take(at(2), sign(2, "db", SignKind::Failed));
    next.take(at(2), sign(3, "web", SignKind::Stable));
    assert!(next.begin(at(2)).is_empty());
    next.declare(at(2), vec![run("pager")], Labels::new());
    let waiting = DeliveryState::Waiting;
    let expected = [("o-3", waiting, 0), ("o-2", waiting, 0), ("o-1", waiting, 1)];
    let expected = expected.map(|(id, state, tries)| (id.to_owned(), state, tries));
    assert_eq!(states(&next), expected);
    assert_eq!(ids(&next.begin(at(2))), [("pager", "o-1")]);
}

#[test]
fn what_waits_and_what_is_remembered_is_bounded() {
    let mut desk = desk(vec![run("pager")]);
    for seq in 1..=1_010 {
        desk.take(at(1), sign(seq, &format!("child-{seq}"), SignKind::Failed));
    }
    assert_eq!(desk.waiting(), 1_000);
    let given_up = desk.deliveries(at(1));
    let given_up = given_up.iter().filter(|one| one.state == DeliveryState::GivenUp);
    assert_eq!(given_up.count(), 10);
    for _ in 0..500 {
        let one = desk.begin(at(1)).remove(0);
        desk.over(at(1), "pager", &one.event.id, Outcome::Taken(String::new()));
    }
    assert_eq!(desk.deliveries(at(1)).len(), 500 + 200);
}

/// Hooks that really tell, with a clock of their own, until the test is over.
struct World {
    hooks: Arc<Hooks>,
    folder: tempfile::TempDir,
    complaints: Arc<Mutex<Vec<Option<String>>>>,
    _serving: tokio::task::JoinSet<()>,
}

impl World {
    fn new(hooks: Vec<Hook>, asides: Asides) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::on(folder, hooks, asides)
    }

    fn on(folder: tempfile::TempDir, declared: Vec<Hook>, asides: Asides) -> Self {
        let began = tokio::time::Instant::now();
        let clock = move || {
            let passed = u64::try_from(began.elapsed().as_nanos()).expect("not for so long");
            (Moment::from_nanos(passed), 0)
        };
        let store = Store::new(folder.path());
        let kept = store.read(1).0;
        let complaints = Arc::<Mutex<Vec<Option<String>>>>::default();
        let heard = Arc::clone(&complaints);
        let complain = move |trouble: Option<&str>| {
            heard.lock().expect("nobody panicked").push(trouble.map(str::to_owned));
        };
        let carrier = Carrier::new(Arc::new(asides));
        let hooks = Hooks::new("shop", (store, kept), carrier, Box::new(clock), Box::new(complain));
        let hooks = Arc::new(hooks);
        hooks.declare(declared, Labels::new());
        let mut serving = tokio::task::JoinSet::new();
        let serves = Arc::clone(&hooks);
        serving.spawn(async move { serves.serve().await });
        Self { hooks, folder, complaints, _serving: serving }
    }

    /// Waits until something holds of the latest delivery.
    async fn until(&self, holds: impl Fn(&Delivery) -> bool) -> Delivery {
        let wait = async {
            loop {
                if let Some(latest) = self.hooks.deliveries().into_iter().next()
                    && holds(&latest)
                {
                    return latest;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(latest) => latest,
            Err(_) => panic!("it never came to be so: {:?}", self.hooks.deliveries()),
        }
    }
}

fn no_keeper() -> Asides {
    Asides::new(|order| panic!("nothing is to be run: {order:?}"))
}

fn post(url: String, timeout: Duration) -> Hook {
    let to =
        Receiver::Post { url: Address::Plain(url), headers: BTreeMap::new(), authorities: None };
    let retry = Retry { backoff: Shape::None, ..Retry::default() };
    Hook { timeout, retry, ..hook("pager", to) }
}

/// Answers requests in turn with these statuses, and returns the ids of the events that came.
async fn answer(listener: TcpListener, statuses: &[u16]) -> Vec<String> {
    let mut ids = Vec::new();
    for status in statuses {
        let (mut stream, _) = listener.accept().await.expect("somebody comes");
        let mut heard = Vec::new();
        while !heard.ends_with(b"}}") {
            assert_ne!(stream.read_buf(&mut heard).await.expect("it speaks"), 0, "it went");
        }
        let text = String::from_utf8(heard).expect("it is text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains("content-type: application/cloudevents+json"), "{head}");
        let event: CloudEvent = serde_json::from_str(body).expect("a CloudEvent");
        ids.push(event.id);
        let reply = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(reply.as_bytes()).await.expect("it listens");
    }
    ids
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("there are ports");
    let port = listener.local_addr().expect("it listens").port();
    (listener, port)
}

#[tokio::test]
async fn a_receiver_that_fails_first_is_told_again_with_the_same_id() {
    let (listener, port) = listen().await;
    let world = World::new(vec![post(format!("http://127.0.0.1:{port}/"), PATIENCE)], no_keeper());
    world.hooks.take(vec![sign(9, "web", SignKind::Failed)]);
    let ids = answer(listener, &[500, 429, 204]).await;
    assert!(ids[0].ends_with("-9") && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let told = world.until(|one| one.state == DeliveryState::Delivered).await;
    assert_eq!((told.tries, told.last.as_deref()), (3, Some("204 No Content")));
    tokio::time::timeout(PATIENCE, world.hooks.settled()).await.expect("nothing is left to do");
}

#[tokio::test]
async fn a_receiver_that_stalls_or_is_gone_is_told_later() {
    let (listener, port) = listen().await;
    let short = Duration::from_millis(100);
    let world = World::new(vec![post(format!("http://127.0.0.1:{port}/"), short)], no_keeper());
    world.hooks.take(vec![sign(1, "web", SignKind::Failed)]);
    let late = world.until(|one| one.last.is_some()).await;
    let why = late.last.expect("it was looked at");
    assert_eq!(why, format!("no answer from 127.0.0.1:{port} within 100 ms"));
    drop(listener);
    let gone =
        world.until(|one| one.last.as_ref().is_some_and(|why| why.contains("connect"))).await;
    assert_eq!(gone.state, DeliveryState::Waiting);
}

#[tokio::test]
async fn a_receiver_whose_certificate_nobody_knows_is_told_nothing() {
    let certificates = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/certs");
    let (listener, port) = listen().await;
    let serve = async move {
        // It never gets as far as a request: the caller goes before.
        let (mut stream, _) = listener.accept().await.expect("somebody comes");
        let mut heard = Vec::new();
        let _ = stream.read_buf(&mut heard).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        assert!(!String::from_utf8_lossy(&heard).contains("specversion"));
    };
    let to = Receiver::Post {
        url: Address::Plain(format!("https://localhost:{port}/")),
        headers: BTreeMap::new(),
        authorities: Some(certificates.join("ca.pem")),
    };
    let retry = Retry { tries: 1, ..Retry::default() };
    let world = World::new(vec![Hook { retry, ..hook("pager", to) }], no_keeper());
    world.hooks.take(vec![sign(1, "web", SignKind::Failed)]);
    serve.await;
    let told = world.until(|one| one.state == DeliveryState::GivenUp).await;
    let why = told.last.expect("it was looked at");
    assert!(why.starts_with(&format!("cannot agree with localhost:{port} on TLS")), "{why}");
}

#[tokio::test]
async fn a_secret_is_sent_and_neither_kept_nor_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = "
children: {}
hooks:
  pager:
    run: [./page]
    secrets: {TOKEN: {file: token}}
    on: failure
";
    std::fs::write(folder.path().join("token"), "much-too-secret\n").expect("written");
    let file = folder.path().join("mainstay.yaml");
    let loaded = crate::spec::load_text(spec, &file, &|_| None, None).expect("it is right");
    assert!(!format!("{:?}", loaded.hooks).contains("much-too"));
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let asides = Asides::new(move |order| drop(tell.send(order)));
    let asides = Arc::new(asides);
    let world = {
        let (clock, complain) = (|| (Moment::ZERO, 0), |_: Option<&str>| ());
        let store = Store::new(folder.path());
        let kept = store.read(1).0;
        let carrier = Carrier::new(Arc::clone(&asides));
        Hooks::new("shop", (store, kept), carrier, Box::new(clock), Box::new(complain))
    };
    world.declare(loaded.hooks, Labels::new());
    let answers = async {
        let Some(Order::Aside { ticket, process, input, .. }) = told.recv().await else {
            panic!("no command is run");
        };
        let set = &process.environment.set;
        assert!(
            set.iter().any(|(name, value)| name.as_bytes() == b"TOKEN"
                && value.as_bytes() == b"much-too-secret")
        );
        assert!(set.iter().any(
            |(name, value)| name.as_bytes() == b"MAINSTAY_HOOK" && value.as_bytes() == b"pager"
        ));
        let event: CloudEvent = serde_json::from_slice(&input).expect("a CloudEvent");
        assert!(event.data.test);
        let (status, error) = (Some(Status::Code(1)), None);
        let output = "curl: token much-too-secret refused\n".into();
        asides.told(ticket, Answer { status, output, error });
    };
    let (tested, ()) = tokio::join!(world.test("pager"), answers);
    assert_eq!(tested, Err("it ended with code 1: curl: token *** refused".into()));
    world.keep();
    let kept = std::fs::read_to_string(folder.path().join("hooks.json")).expect("kept");
    assert!(kept.contains("***") && !kept.contains("much-too"), "{kept}");
    assert!(!world.deliveries()[0].last.as_deref().unwrap_or("").contains("much-too"));
    let unknown = world.test("pagr").await.expect_err("there is none");
    assert_eq!(unknown, "there is no hook `pagr`; there are pager");
    // Without the secret nothing is sent, and it is said which.
    std::fs::remove_file(folder.path().join("token")).expect("removed");
    let lacking = world.test("pager").await.expect_err("there is no secret");
    assert!(lacking.starts_with("the secret `TOKEN` cannot be read"), "{lacking}");
}

#[tokio::test]
async fn what_cannot_be_kept_is_told_nevertheless() {
    let (listener, port) = listen().await;
    let folder = tempfile::tempdir().expect("a folder");
    // Nobody can write a file where there is a folder, whoever they are.
    std::fs::create_dir(folder.path().join("hooks.json.next")).expect("made");
    let hooks = vec![post(format!("http://127.0.0.1:{port}/"), PATIENCE)];
    let world = World::on(folder, hooks, no_keeper());
    world.hooks.take(vec![sign(1, "web", SignKind::Failed)]);
    assert_eq!(answer(listener, &[200]).await.len(), 1);
    drop(world.until(|one| one.state == DeliveryState::Delivered).await);
    let said = world.complaints.lock().expect("nobody panicked").clone();
    assert_eq!(said.len(), 1, "it is said once: {said:?}");
    assert!(said[0].is_some());
    // With room again it is kept, and that is said too.
    std::fs::remove_dir(world.folder.path().join("hooks.json.next")).expect("removed");
    world.hooks.program("journal", None);
    world.hooks.take(vec![sign(2, "web", SignKind::Stable)]);
    let wait = async {
        while world.complaints.lock().expect("nobody panicked").last() != Some(&None) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it is kept again");
    assert!(world.folder.path().join("hooks.json").exists());
}

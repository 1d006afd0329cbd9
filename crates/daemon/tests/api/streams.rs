//! Events and lines, as pages and as streams.

use crate::world::{Stream, World, request};
use mainstay::{Standing, process, tree};
use mainstay_daemon::api::{Book, Service};
use mainstay_wire::api;
use serde_json::{from_value, json};
use std::io;
use std::sync::Arc;

#[tokio::test]
async fn events_come_in_pages_that_leave_nothing_out() {
    let world = World::new().await;
    let (code, all) = world.get("/v1/events?from=1&limit=1000").await;
    let all: api::EventPage = from_value(all).expect("a page");
    assert_eq!((code, all.missed, all.events[0].seq), (200, 0, 1));
    let mut pieces = Vec::new();
    let mut from = 1;
    while pieces.len() < all.events.len() {
        let (_, page) = world.get(&format!("/v1/events?from={from}&limit=3")).await;
        let page: api::EventPage = from_value(page).expect("a page");
        assert!(!page.events.is_empty(), "from {from}");
        from = page.next;
        pieces.extend(page.events);
    }
    let numbers: Vec<u64> = pieces.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=all.events.len() as u64).collect::<Vec<_>>());
    let (_, last) = world.get("/v1/events?limit=2").await;
    let last: api::EventPage = from_value(last).expect("a page");
    assert_eq!(last.events.len(), 2);
    assert_eq!(last.next, all.next, "without a number it is the latest that count");
    let (_, below) = world.get("/v1/events?from=1&path=app&path=web&limit=1000").await;
    let below: api::EventPage = from_value(below).expect("a page");
    let is_wanted = |path: &str| matches!(path, "app" | "app/db" | "app/cache" | "web");
    assert!(below.events.len() > 5 && below.events.iter().all(|event| is_wanted(&event.path)));
    let exited = all.events.iter().find(|event| event.kind == "exited").expect("flaky has ended");
    assert_eq!((exited.path.as_str(), exited.run), ("flaky", Some(1)));
    let expected = "failed (permanent: it says that another try is useless) after";
    assert!(exited.text.starts_with(expected), "{}", exited.text);
    let (_, beyond) = world.get("/v1/events?from=100000").await;
    let beyond: api::EventPage = from_value(beyond).expect("a page");
    assert_eq!((beyond.events.len(), beyond.next), (0, all.next));
}

#[tokio::test]
async fn a_stream_goes_on_where_it_broke_off() {
    let world = World::new().await;
    let (_, all) = world.get("/v1/events?from=1&limit=1000").await;
    let next = all["next"].as_u64().expect("a number");
    let mut stream = Stream::open(&world, "/v1/events?from=1", &[]).await;
    for number in 1..next {
        let said = stream.next().await;
        assert_eq!(
            (said.name.as_str(), said.id, said.data["seq"].as_u64()),
            ("event", Some(number), Some(number))
        );
    }
    drop(stream);
    let last = (next - 2).to_string();
    let mut stream = Stream::open(&world, "/v1/events?from=1", &[("last-event-id", &last)]).await;
    assert_eq!(stream.next().await.id, Some(next - 1), "the header tells more than the address");
    world.done(json!({"pause": {}}), "web").await;
    let said = stream.next().await;
    assert_eq!((said.id, said.data["kind"].as_str()), (Some(next), Some("commanded")));
    // Without a number it begins with what comes.
    let mut stream = Stream::open(&world, "/v1/events?path=app", &[]).await;
    world.done(json!({"resume": {}}), "web").await;
    world.done(json!({"pause": {}}), "app").await;
    let said = stream.next().await;
    assert_eq!(
        (said.data["path"].as_str(), said.data["kind"].as_str()),
        (Some("app"), Some("commanded"))
    );
}

#[tokio::test]
async fn a_stream_for_another_tree_says_so_and_begins_with_what_comes() {
    let world = World::new().await;
    let mut stream = Stream::open(&world, "/v1/events?from=100000", &[]).await;
    let said = stream.next().await;
    assert_eq!((said.name.as_str(), said.id), ("lagged", None));
    world.done(json!({"pause": {}}), "web").await;
    assert_eq!(stream.next().await.data["kind"], "commanded");
    let bad = request(
        "GET",
        "/v1/events",
        &[("accept", "text/event-stream"), ("last-event-id", "x")],
        "",
    );
    assert_eq!(world.send(bad).await.status().as_u16(), 400);
}

#[tokio::test]
async fn a_stream_ends_with_the_tree() {
    let mut world = World::new().await;
    let mut stream = Stream::open(&world, "/v1/events", &[]).await;
    world.drain().await;
    let mut last = stream.try_next().await.expect("its end is told");
    while let Some(said) = stream.try_next().await {
        last = said;
    }
    assert_eq!(last.data["kind"], "drained");
}

/// A book that knows the events 3 to 8, and can be told to refuse.
struct Shelf {
    is_durable: bool,
}

impl Book for Shelf {
    fn runs(&self, path: Option<&str>, _: Option<i64>, _: usize) -> io::Result<Vec<api::Run>> {
        match path {
            Some("web") => Err(io::Error::other("the disk is gone")),
            _ => Ok(Vec::new()),
        }
    }

    fn run(&self, _: &str, _: u64) -> io::Result<Option<api::Run>> {
        Ok(None)
    }

    fn events(&self, from: u64, limit: usize) -> io::Result<Vec<api::Event>> {
        let event = |seq| api::Event {
            seq,
            at: 0,
            path: "web".into(),
            run: None,
            kind: "ready".into(),
            text: "from the book".into(),
        };
        Ok((from.max(3)..9).take(limit).map(event).collect())
    }

    fn note(&self, _: &api::ConsoleNote) {}

    fn notes(
        &self,
        _: Option<&str>,
        _: Option<i64>,
        _: usize,
    ) -> io::Result<Vec<api::ConsoleNote>> {
        Ok(Vec::new())
    }

    fn journal(&self) -> api::Journal {
        let trouble = (!self.is_durable).then(|| String::from("no space left on device"));
        let (folder, durable) = ("/nowhere".into(), self.is_durable);
        api::Journal { folder, durable, trouble, lost: 0, last: 8, bytes: 0 }
    }

    fn durable(&self) -> bool {
        self.is_durable
    }

    fn refuses(&self) -> Option<String> {
        self.journal().trouble
    }
}

#[tokio::test]
async fn what_the_tree_has_forgotten_comes_from_the_book() {
    let owner = tree()
        .history(4)
        .child(mainstay::task("web", async |cx: mainstay::Context| cx.stopped().await))
        .start()
        .expect("a valid tree");
    let handle = owner.handle();
    handle.wait_for("web", Standing::Ready).await.expect("it starts");
    while handle.events().position() <= 15 {
        handle.by("a test").pause("web", "to fill the ring").await.expect("it is carried out");
    }
    let next = handle.events().position();
    let service = Service::new(handle).book(Arc::new(Shelf { is_durable: true }));
    let world = World::of(owner, service);
    let (_, page) = world.get("/v1/events?from=1&limit=1000").await;
    let page: api::EventPage = from_value(page).expect("a page");
    let numbers: Vec<u64> = page.events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (3..9).chain(next - 4..next).collect::<Vec<_>>());
    assert_eq!(page.missed, 2 + (next - 4 - 9), "before the book's first, and after its last");
    let mut stream = Stream::open(&world, "/v1/events?from=7", &[]).await;
    assert_eq!(stream.next().await.id, Some(7));
    assert_eq!(stream.next().await.id, Some(8));
    let lag = stream.next().await;
    assert_eq!((lag.name.as_str(), lag.data["missed"].as_u64()), ("lagged", Some(next - 4 - 9)));
    assert_eq!(stream.next().await.id, Some(next - 4));
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_refuses_what_must_be_remembered() {
    let book = Arc::new(Shelf { is_durable: false });
    let world = World::with(|service| service.book(book)).await;
    let table = [
        (json!({"pause": {}}), 503),
        (json!({"quarantine": {}}), 503),
        (json!({"remove": {}}), 503),
        (json!({"stop": {}}), 200),
        (json!({"start": {}}), 200),
    ];
    for (verb, expected) in table {
        let command = json!({"verb": verb, "target": "web", "why": "a test"});
        let (code, answer) = world.post(&command.to_string()).await;
        assert_eq!(code, expected, "{verb}: {answer}");
        if code == 200 {
            assert_eq!(answer["durable"], false);
        } else {
            assert!(
                answer["text"].as_str().is_some_and(|text| text.contains("no space left")),
                "{answer}"
            );
        }
    }
    let (code, problem) = world.get("/v1/history?path=web").await;
    assert_eq!((code, problem["code"].as_str()), (500, Some("unreadable")));
    let (_, status) = world.get("/v1/status").await;
    assert_eq!(status["journal"]["trouble"], "no space left on device");
    let (code, checks) = world.get("/readyz").await;
    assert_eq!(code, 200, "a full disk keeps nobody from serving: {checks}");
}

#[tokio::test]
async fn lines_come_from_the_logs_of_children() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let talks = |line: &str| process::Command::shell(line);
    let gate = file("gate");
    let line = format!(
        "echo one; echo two; mkfifo {0}; read x < {0}; echo three; exec sleep 1000",
        gate.display()
    );
    let owner = tree()
        .child(process("web", talks(&line).log(process::Log::at(file("web.log")))))
        .child(process(
            "json",
            talks("echo four; exec sleep 1000").log(process::Log::at(file("json.log")).json()),
        ))
        .child(process(
            "plain",
            talks("echo five; exec sleep 1000")
                .log(process::Log::at(file("plain.log")).without_stamps()),
        ))
        .child(process("mute", talks("exec sleep 1000")))
        .start()
        .expect("a valid tree");
    let service = Service::new(owner.handle());
    let world = World::of(owner, service);
    for name in ["web", "json", "plain", "mute"] {
        world.handle.wait_for(name, Standing::Ready).await.expect("it starts");
    }
    let mut stream = Stream::open(&world, "/v1/logs?follow=true", &[]).await;
    let mut told = Vec::new();
    while told.len() < 4 {
        let said = stream.next().await;
        assert_eq!(said.name, "line");
        told.push(from_value::<api::LogLine>(said.data).expect("a line"));
    }
    told.sort_by(|a, b| a.text.cmp(&b.text));
    let shown: Vec<(&str, &str, bool, Option<u64>)> = told
        .iter()
        .map(|line| (line.path.as_str(), line.text.as_str(), line.at.is_some(), line.run))
        .collect();
    let expected = [
        ("plain", "five", false, None),
        ("json", "four", true, Some(1)),
        ("web", "one", true, None),
        ("web", "two", true, None),
    ];
    assert_eq!(shown, expected);
    let open = gate.clone();
    let opened = tokio::task::spawn_blocking(move || {
        while !open.exists() {
            std::thread::yield_now();
        }
        std::fs::write(open, "x\n")
    });
    opened.await.expect("it is opened").expect("it is written");
    assert_eq!(stream.next().await.data["text"], "three");
    drop(stream);
    let (code, page) = world.get("/v1/logs?path=web&path=mute&lines=2").await;
    let page: api::LogPage = from_value(page).expect("a page");
    let texts: Vec<&str> = page.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!((code, texts), (200, vec!["two", "three"]));
    assert_eq!(page.without, ["mute"]);
    let (_, page) = world.get("/v1/logs?path=web&since=1h").await;
    assert_eq!(page["lines"].as_array().map(Vec::len), Some(3), "{page}");
    let (_, page) = world.get("/v1/logs?path=web&since=99999999999999").await;
    assert_eq!(page["lines"], json!([]));
    let (_, page) = world.get("/v1/logs?path=web&lines=0").await;
    assert_eq!(page["lines"], json!([]));
    let (code, problem) = world.get("/v1/logs?path=mute").await;
    assert_eq!((code, problem["code"].as_str()), (404, Some("no-log")));
    // A stream that does not follow comes to an end.
    let mut stream = Stream::open(&world, "/v1/logs?path=web", &[]).await;
    let mut count = 0;
    while stream.try_next().await.is_some() {
        count += 1;
    }
    assert_eq!(count, 3);
}

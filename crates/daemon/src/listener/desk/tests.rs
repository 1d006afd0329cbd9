use super::*;
use crate::listener::kinds;
use crate::listener::payload::{remote, tick};
use std::time::Duration;

const NOW: Moment = Moment::ZERO;

fn listener(events: &str, pool: &str) -> Listener {
    let timeout = Duration::from_secs(60);
    Listener { kinds: kinds(events), pool: pool.into(), buffer: 10, timeout }
}

fn desk(listeners: &[(&str, Listener)]) -> Desk {
    let mut desk = Desk::new("shop", Kept::default());
    assert_eq!(desk.declare(map(listeners)), [""; 0]);
    desk
}

fn map(listeners: &[(&str, Listener)]) -> BTreeMap<String, Listener> {
    listeners.iter().map(|(path, listener)| ((*path).to_owned(), listener.clone())).collect()
}

/// The headers of what is sent, to whom.
fn sent(desk: &mut Desk) -> Vec<String> {
    let header = |act| match act {
        Act::Send { path, bytes } => {
            let text = String::from_utf8(bytes).expect("text");
            let header = text.lines().next().expect("a line").replace("ver:3.0 server:shop ", "");
            format!("{path} < {header}")
        }
        Act::Trouble { path, what } => format!("{path}: {what:?}"),
        Act::Dropped { serial, .. } => format!("drop {serial}"),
    };
    desk.asked().into_iter().map(|(_, act)| header(act)).collect()
}

#[test]
fn an_event_has_one_number_for_all_and_one_for_each_pool() {
    let mut desk = desk(&[("a", listener("TICK", "p")), ("b", listener("EVENT", "q"))]);
    for path in ["a", "b"] {
        assert!(desk.joined(NOW, path, 1));
        desk.heard(NOW, path, 1, Some(b"READY\n"));
    }
    assert!(!desk.joined(NOW, "c", 1), "nobody listens of this name");
    desk.happen(NOW, remote("x", ""));
    desk.heard(NOW, "b", 1, Some(b"RESULT 2\nOKREADY\n"));
    desk.happen(NOW, tick(Kind::Tick5, 5));
    assert_eq!(
        sent(&mut desk),
        [
            "b < serial:0 pool:q poolserial:0 eventname:REMOTE_COMMUNICATION len:7",
            "a < serial:1 pool:p poolserial:0 eventname:TICK_5 len:6",
            "b < serial:1 pool:q poolserial:1 eventname:TICK_5 len:6",
        ]
    );
}

#[test]
fn what_nobody_hears_of_has_no_number() {
    let mut desk = desk(&[("a", listener("TICK_5", "p"))]);
    desk.happen(NOW, tick(Kind::Tick60, 60));
    desk.happen(NOW, tick(Kind::Tick5, 60));
    assert!(desk.hears(Kind::Tick5) && !desk.hears(Kind::Tick60));
    assert_eq!(desk.kept().pools["p"].waiting[0].serial, 0);
}

#[test]
fn what_waits_goes_on_in_the_next_life() {
    let mut before = desk(&[("a", listener("TICK", "p"))]);
    before.joined(NOW, "a", 1);
    before.heard(NOW, "a", 1, Some(b"READY\n"));
    for second in [5, 10] {
        before.happen(NOW, tick(Kind::Tick5, second));
    }
    let kept = before.kept();
    let mut desk = Desk::new("shop", kept.clone());
    assert_eq!(desk.kept(), kept, "also before anybody has declared anything");
    desk.declare(map(&[("a", listener("TICK", "p"))]));
    desk.happen(NOW, tick(Kind::Tick5, 15));
    desk.joined(NOW, "a", 2);
    // What an earlier run says late is nobody's.
    desk.heard(NOW, "a", 1, Some(b"READY\n"));
    assert_eq!(sent(&mut desk), [""; 0]);
    for _ in 0..3 {
        desk.heard(NOW, "a", 2, Some(b"READY\n"));
        desk.heard(NOW, "a", 2, Some(b"RESULT 2\nOK"));
    }
    let numbers: Vec<String> = sent(&mut desk);
    let numbers: Vec<&str> = numbers.iter().map(|text| &text[4..12]).collect();
    assert_eq!(numbers, ["serial:0", "serial:1", "serial:2"]);
    assert_eq!(desk.kept().pools["p"].waiting, []);
}

#[test]
fn who_is_in_another_pool_gets_another_run() {
    let mut desk = desk(&[("a", listener("TICK", "p")), ("b", listener("TICK", "p"))]);
    let next = map(&[("a", listener("TICK", "q")), ("b", listener("TICK", "p"))]);
    assert_eq!(desk.declare(next), ["a"]);
    assert_eq!(desk.declare(BTreeMap::new()), [""; 0]);
    desk.happen(NOW, tick(Kind::Tick5, 5));
    assert_eq!(desk.kept().serial, 0, "nobody listens any more");
}

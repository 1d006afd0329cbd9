//! Event listeners: what each key of `listener` and of `output_events` makes.

use crate::support::{bad, declared, good, spec};
use mainstay_daemon::listener::{Channel, Kind};
use std::time::Duration;

#[test]
fn a_listener_hears_of_what_is_named_and_shares_it_with_its_pool() {
    let loaded = good(
        "children: {a: {command: ./a, listener: tick_60}, b@1..2: {command: ./b, listener: [TICK, PROCESS_GROUP]}, \
         c: {children: {d: {command: ./d, listener: {events: TICK_5, pool: p, buffer: 3, timeout: 5s}}}}}",
    );
    let of = |path: &str| &loaded.listeners[path];
    assert_eq!((of("a").kinds.len(), of("a").buffer, of("a").pool.as_str()), (1, 10, "a"));
    assert!(of("a").kinds.contains(&Kind::Tick60));
    assert_eq!(of("a").timeout, Duration::from_secs(60));
    assert_eq!((of("b@1").pool.as_str(), of("b@1").kinds.len()), ("b", 5));
    assert_eq!(of("b@1"), of("b@2"));
    let d = of("c/d");
    assert_eq!((d.pool.as_str(), d.buffer, d.timeout), ("p", 3, Duration::from_secs(5)));
    let meaning = &loaded.meanings["c/d"];
    assert!(meaning.contains("as one of the pool p: TICK_5"), "{meaning}");
    let shown = format!("{:?}", declared(&spec(&loaded), "c/d"));
    for part in ["talks: true", "SUPERVISOR_ENABLED", "SUPERVISOR_SERVER_URL"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
}

#[test]
fn what_is_printed_becomes_events_of_the_outputs_that_are_named() {
    let loaded = good(
        "children: {web: {command: ./web, output: apart, log: /tmp/web.log, \
         output_events: {lines: [out, err], messages: err}}}",
    );
    let printed = &loaded.printed["web"];
    assert_eq!(printed.lines, [Channel::Out, Channel::Err].into());
    assert_eq!(printed.messages, [Channel::Err].into());
    assert!(printed.is_apart && printed.log.ends_with("web.log"));
}

#[test]
fn what_stands_in_defaults_keeps_nobody_from_listening() {
    let loaded = good(
        "defaults: {stdin: pipe, output: apart}\n\
         children: {a: {command: ./a, listener: TICK}, b: {command: ./b}}",
    );
    let shown = |path: &str| format!("{:?}", declared(&spec(&loaded), path));
    assert!(shown("a").contains("stdin: Null") && shown("a").contains("streams: Merged"));
    assert!(shown("b").contains("stdin: Pipe") && shown("b").contains("streams: Apart"));
}

#[test]
fn pools_that_differ_are_told() {
    let text = bad("children: {a: {command: ./a, listener: {events: TICK, pool: p}}, \
         b: {command: ./b, listener: {events: TICK_5, pool: p}}}")
    .to_string();
    assert!(text.contains("b and a are of the pool p, and differ"), "{text}");
}

#[test]
fn events_that_nobody_makes_or_hears_of_are_worth_knowing() {
    let texts = |written: &str| -> Vec<String> {
        good(written).warnings.into_iter().map(|warning| warning.text).collect()
    };
    let alone = texts("children: {a: {command: ./a, listener: PROCESS_LOG_STDOUT}}");
    assert!(alone.iter().any(|text| text.contains("never told of anything")), "{alone:?}");
    let unheard = texts(
        "children: {a: {command: ./a, listener: TICK}, \
         b: {command: ./b, log: /tmp/b.log, output_events: {lines: out}}}",
    );
    assert!(unheard.iter().any(|text| text.contains("nobody hears")), "{unheard:?}");
    let both = texts(
        "children: {a: {command: ./a, listener: EVENT}, \
         b: {command: ./b, log: /tmp/b.log, output_events: {lines: out}}}",
    );
    assert!(!both.iter().any(|text| text.contains("output_events")), "{both:?}");
}

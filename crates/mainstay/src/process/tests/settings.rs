//! What a change of the settings takes.

use super::fake::start;
use crate::process::{Command, Contain, Log, Probe, Reload, Settings, StopStep};
use crate::{Standing, process};
use mainstay_core::spec::{Change, Payload};
use mainstay_wire::keeper::Order;
use std::time::Duration;

#[test]
fn a_change_is_made_live_where_that_can_be() {
    let base = || Command::new("x").arg("y").log("/x");
    let table = [
        (base(), Change::Same),
        (base().log(Log::at("/x").size(1 << 20)), Change::Live),
        (base().memory_limit(1 << 20), Change::Live),
        (base().rest(Duration::from_secs(9)), Change::Live),
        (base().stop(StopStep::signal("INT")), Change::Live),
        (base().reload(Reload::signal("HUP")), Change::Live),
        (base().probe(Probe::tcp("127.0.0.1:1").liveness()), Change::Live),
        (base().reload(Reload::notify("HUP")), Change::Restart),
        (base().arg("z"), Change::Restart),
        (base().env("A", "1"), Change::Restart),
        (base().folder("/"), Change::Restart),
        (base().contain(Contain::Main), Change::Restart),
        (base().lives_on(), Change::Restart),
    ];
    for (next, expected) in table {
        let text = format!("{next:?}");
        assert_eq!(Settings::from(base()).change(&Settings::from(next)), expected, "{text}");
    }
}

#[test]
fn the_form_goes_along_and_is_no_change() {
    let base = || Command::new("x").env("TOKEN", "hush");
    let one = process::payload(base().form("{1}"));
    assert_eq!(one.form(), Some("{1}"));
    assert_eq!(one.change(&*process::payload(base().form("{2}"))), Change::Same);
    assert_eq!(one.change(&*process::payload(base().arg("y").form("{1}"))), Change::Restart);
    let shown = format!("{one:?}");
    assert!(shown.contains("TOKEN") && !shown.contains("hush"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_live_run_gets_its_new_settings() {
    let mut fake = start([process("x", Command::new("x"))]);
    let key = fake.starts().await;
    fake.is("x", Standing::Ready).await;
    let me = fake.handle().by("me");
    let next = Command::new("x").memory_limit(1 << 20).stop(StopStep::signal("INT"));
    me.replace("x", process("x", next), "it eats memory").await.expect("it is replaced");
    let Order::Change { key: changed, process } = fake.next().await else {
        panic!("the live run is changed")
    };
    assert_eq!((changed, process.limits.memory), (key.clone(), Some(1 << 20)));

    let other = Command::new("other");
    me.replace("x", crate::process("x", other), "a new make").await.expect("it is replaced");
    assert!(matches!(fake.next().await, Order::Signal { signal: 2, .. }), "by its own steps");
    fake.ends(&key, mainstay_wire::keeper::Status::Code(0));
    let (key, what) = fake.started().await;
    assert_eq!((key.run, &what.command), (2, &vec!["other".into()]));
}

#[tokio::test(start_paused = true)]
async fn a_run_is_suspended_with_its_pause() {
    let mut fake = start([process("x", Command::new("x"))]);
    fake.starts().await;
    fake.is("x", Standing::Ready).await;
    let me = fake.handle().by("me");
    me.freeze("x", "a snapshot").await.expect("it is frozen");
    assert!(matches!(fake.next().await, Order::Freeze { frozen: true, .. }));
    me.resume("x", "the snapshot is there").await.expect("it goes on");
    assert!(matches!(fake.next().await, Order::Freeze { frozen: false, .. }));
    fake.drain().await;
}

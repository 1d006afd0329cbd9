//! Many orders and many exits at once.

mod support;

use mainstay_wire::keeper::{Fact, Order, Status};
use std::collections::BTreeSet;
use std::sync::Arc;
use support::{Brain, key, shell};

/// Orders come from another thread while the keeper takes them and hears of outputs: none may wait for the next.
#[test]
fn no_order_waits_for_another_to_wake_the_keeper() {
    let brain = Brain::new();
    let process = Arc::new(shell("echo a; exit 7"));
    let all: BTreeSet<_> = (0..300).map(|number| key(&format!("child-{number}"), 1)).collect();
    for key in &all {
        brain.keeper.order(Order::Start { key: key.clone(), process: Arc::clone(&process) });
    }
    let mut left = all;
    while !left.is_empty() {
        let (key, ended) = brain.wait(|fact| match fact {
            Fact::Ended { key, ended } => Some((key, ended)),
            _ => None,
        });
        assert_eq!(ended.status, Status::Code(7));
        assert_eq!(ended.last, ["a".into()]);
        assert!(left.remove(&key), "{key} ended twice");
    }
}

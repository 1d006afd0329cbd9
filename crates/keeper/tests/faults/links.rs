//! What comes over the link and is no order.

use crate::scene::{Manner, Scene};
use mainstay_wire::keeper::{Order, Status};

/// What a broken brain says: lengths beyond all bounds, heads that are no message.
const GARBAGE: [&str; 4] = [
    "!\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f} and so on",
    "!\u{2}\0\0\0\0\0\0\0{}",
    "!\u{7}\0\0\0\0\0\0\0\"reopen",
    "!\u{7}\0\0\0\0\0\0\0no json",
];

#[test]
fn a_brain_that_talks_nonsense_is_replaced() {
    for garbage in GARBAGE {
        let mut scene = Scene::new(Manner::default());
        scene.until_ready();
        let process = scene.puppet("a", &["hang"]);
        let key = scene.start("a", process);
        let pid = scene.until_started(&key);
        scene.send(garbage);
        scene.until("the next brain", |scene| scene.brains == 2 && scene.hellos == 2);
        assert_eq!((scene.keepers, scene.model.run(&key).pid), (1, Some(pid)));
        scene.settle();
        scene.end();
    }
}

#[test]
fn what_was_said_before_the_nonsense_counts() {
    let mut scene = Scene::new(Manner::default());
    scene.until_ready();
    let process = scene.puppet("a", &["exit:3"]);
    let key = scene.start("a", process);
    scene.send(GARBAGE[0]);
    assert_eq!(scene.until_ended(&key), Status::Code(3));
    scene.until("the next brain", |scene| scene.brains == 2 && scene.hellos == 2);
    scene.end();
}

#[test]
fn half_an_order_before_an_upgrade_is_no_loss() {
    let mut scene = Scene::new(Manner::default());
    scene.until_ready();
    let process = scene.puppet("a", &["hang"]);
    let key = scene.start("a", process);
    scene.until_started(&key);
    let hellos = scene.hellos;
    scene.order(&Order::Upgrade { program: None, arguments: Vec::new() });
    // The head of a frame, and its end in another message.
    let order =
        serde_json::to_string(&Order::Forget("nobody".into())).expect("an order is written");
    let (first, second) = order.split_at(5);
    let length = char::from(u8::try_from(order.len()).expect("a short order"));
    scene.send(&format!("!{length}\0\0\0\0\0\0\0{first}"));
    scene.send(&format!("!{second}"));
    scene.until("greeting", |scene| scene.hellos > hellos);
    let short = scene.puppet("short", &["exit:4"]);
    let short = scene.start("short", short);
    assert_eq!(scene.until_ended(&short), Status::Code(4));
    assert_eq!((scene.brains, scene.keepers), (1, 1));
    scene.end();
}

//! Calls that a stream of items answers.

use crate::parent::{Echo, MOST, Parent};
use mainstay_host::protocol::{Asked, Failure, Kind, Told, code};
use mainstay_host::{Call, Connect, Host, ItemError, Items, ParentGone, Serves, Stopped};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

/// Counts as far as it is asked to, and says what came of it.
struct Counts(Sender<String>);

impl Counts {
    fn say(&self, told: String) {
        self.0.send(told).expect("the test");
    }
}

impl Serves<Echo> for Counts {
    fn reply(&mut self, _: &mut Call<'_>, request: String) -> Result<String, Failure> {
        Ok(request)
    }

    fn stream(&mut self, items: &mut Items<'_, Echo>, request: String) -> Result<(), Failure> {
        let most: u32 = request.parse().map_err(|_| Failure::new(1_001, "not a number"))?;
        let said = (1..=most).try_for_each(|number| items.send(&number.to_string()));
        let told = match &said {
            Ok(()) => "all".into(),
            Err(error) => error.to_string(),
        };
        self.say(told);
        match items.send(&"x".repeat(MOST as usize + 1)) {
            Err(ItemError::TooLarge { has, most }) => assert_eq!((has, most), (1_001, 1_000)),
            other => panic!("{other:?}"),
        }
        Ok(said?)
    }
}

fn host() -> (Parent, Receiver<String>, JoinHandle<Result<Stopped, ParentGone>>) {
    let (parent, descriptors) = Parent::new();
    let (said, says) = channel();
    let host = thread::spawn(move || {
        let host: Host<Echo> = Connect::new().over(descriptors).expect("welcome");
        host.serve_with(&mut Counts(said))
    });
    parent.greet(0);
    parent.expect(&Told::Ready);
    (parent, says, host)
}

#[test]
fn items_come_as_far_as_there_is_credit() {
    let (parent, says, host) = host();
    parent.stream(1, 2, "5");
    assert_eq!(parent.text(), (Kind::Item, 1, "1".into()));
    assert_eq!(parent.text(), (Kind::Item, 1, "2".into()));
    // A failure that is told while the stream waits shows that nothing but credit was missing.
    parent.request(2, &"x".repeat(MOST as usize + 1));
    assert_eq!(parent.failure().1, code::TOO_LARGE);
    parent.send(Kind::Credit, 1, &1_u32.to_le_bytes());
    assert_eq!(parent.text(), (Kind::Item, 1, "3".into()));
    parent.send(Kind::Credit, 1, &u32::MAX.to_le_bytes());
    assert_eq!(parent.text(), (Kind::Item, 1, "4".into()));
    assert_eq!(parent.text(), (Kind::Item, 1, "5".into()));
    assert_eq!(parent.text(), (Kind::End, 1, String::new()));
    assert_eq!(says.recv().expect("the host"), "all");
    parent.stream(3, 0, "a");
    assert_eq!(parent.failure(), (3, 1_001, "not a number".into()));
    parent.ask(&Asked::Stop(u64::MAX));
    assert!(host.join().expect("no panic").is_ok());
}

#[test]
fn a_cancelled_stream_ends_without_a_word() {
    let (parent, says, host) = host();
    parent.stream(1, 1, "1000000");
    assert_eq!(parent.text(), (Kind::Item, 1, "1".into()));
    parent.request(2, "behind it");
    parent.send(Kind::Cancel, 1, &[]);
    assert_eq!(says.recv().expect("the host"), "nobody waits for the rest of the stream");
    assert_eq!(parent.text(), (Kind::Reply, 2, "behind it".into()));
    parent.ask(&Asked::Stop(u64::MAX));
    assert!(host.join().expect("no panic").is_ok());
}

#[test]
fn requests_behind_a_stream_wait_up_to_a_bound_and_its_credit_gets_through() {
    let (parent, says, host) = host();
    parent.stream(1, 0, "1");
    for call in 2..=1_126 {
        parent.request(call, "");
    }
    parent.send(Kind::Credit, 1, &1_u32.to_le_bytes());
    for call in 1_026..=1_126 {
        let (refused, failed, message) = parent.failure();
        assert_eq!((refused, failed), (call, code::BUSY), "{message}");
    }
    assert_eq!(parent.text(), (Kind::Item, 1, "1".into()));
    assert_eq!(parent.text(), (Kind::End, 1, String::new()));
    assert_eq!(says.recv().expect("the host"), "all");
    for call in 2..=1_025 {
        assert_eq!(parent.text(), (Kind::Reply, call, String::new()));
    }
    parent.ask(&Asked::Stop(u64::MAX));
    assert!(host.join().expect("no panic").is_ok());
}

#[test]
fn a_stream_ends_when_its_parent_is_gone() {
    let (parent, says, host) = host();
    parent.stream(1, 1, "2");
    assert_eq!(parent.text(), (Kind::Item, 1, "1".into()));
    drop(parent);
    assert_eq!(says.recv().expect("the host"), "nobody waits for the rest of the stream");
    assert_eq!(host.join().expect("no panic"), Err(ParentGone));
}

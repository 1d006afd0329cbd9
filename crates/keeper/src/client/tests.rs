use super::*;

fn held(child: &str) -> Held {
    let key = Key { child: child.into(), run: 7 };
    Held { key, pid: Some(1), began: 2, ready: true, process: Arc::default() }
}

#[test]
fn an_inventory_in_several_messages_is_heard_as_one() {
    let flags = SocketFlags::CLOEXEC;
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).expect("two sockets");
    let mut brain = Client::new(ours, None, "a");
    let mut keeper = Stream::new(theirs);
    let mut say = |report: &Report| {
        let mut bytes = Vec::new();
        frame::put(report, &[], &mut bytes).expect("a frame");
        keeper.put(bytes, Vec::new()).expect("it is taken");
        keeper.flush().expect("it is sent");
    };
    let hello = |inventories| {
        let (seq, kept) = (Sequence(0), 0);
        Report::Hello { version: VERSION, pid: 1, brain: 0, seq, kept, inventories, silence: None }
    };
    let mut hear = || brain.next(Some(Duration::ZERO)).expect("the keeper is there");
    // A keeper that dies on the way has said nothing: the next one says all of it.
    say(&hello(2));
    say(&Report::Inventory(vec![held("lost")]));
    assert_eq!(hear(), Some(hello(2)));
    assert_eq!(hear(), None);
    say(&hello(3));
    for child in ["a", "b", "c"] {
        say(&Report::Inventory(vec![held(child)]));
    }
    assert_eq!(hear(), Some(hello(3)));
    assert_eq!(hear(), Some(Report::Inventory(vec![held("a"), held("b"), held("c")])));
    assert_eq!(hear(), None);
    assert!(brain.knows && brain.known.len() == 3, "{:?}", brain.known.keys());
}

use super::*;
use crate::listener::payload::tick;

const OK: &[u8] = b"RESULT 2\nOKREADY\n";

/// A pool with a clock in seconds, and what it asks for.
struct World {
    pool: Pool,
    now: u64,
    serial: u64,
}

impl World {
    fn new(buffer: usize) -> Self {
        let kinds = [Kind::Tick5, Kind::Tick60].into();
        let terms = Terms { kinds, buffer, timeout: Duration::from_secs(60) };
        Self { pool: Pool::new("mail", "shop", terms), now: 0, serial: 100 }
    }

    fn moment(&self) -> Moment {
        Moment::ZERO + Duration::from_secs(self.now)
    }

    /// What is done, in one word each: `a<100` is event 100 sent to `a`.
    fn told(acts: Vec<Act>) -> Vec<String> {
        let word = |act| match act {
            Act::Send { path, bytes } => {
                let text = String::from_utf8(bytes).expect("text");
                let serial = text.split("serial:").nth(1).and_then(|rest| rest.split(' ').next());
                format!("{path}<{}", serial.expect("a number"))
            }
            Act::Trouble { path, what: Some(what) } => format!("{path}: {what}"),
            Act::Trouble { path, what: None } => format!("{path} is well"),
            Act::Dropped { serial, .. } => format!("drop {serial}"),
        };
        acts.into_iter().map(word).collect()
    }

    fn event(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        let event = tick(Kind::Tick5, 0);
        self.pool.accept(self.moment(), self.serial, event, &mut out);
        self.serial += 1;
        Self::told(out)
    }

    fn join(&mut self, path: &str, run: u64) -> Vec<String> {
        let mut out = Vec::new();
        self.pool.join(self.moment(), path, run, &mut out);
        Self::told(out)
    }

    fn leave(&mut self, path: &str) -> Vec<String> {
        let mut out = Vec::new();
        self.pool.leave(self.moment(), path, &mut out);
        Self::told(out)
    }

    fn says(&mut self, path: &str, bytes: &[u8]) -> Vec<String> {
        let mut out = Vec::new();
        self.pool.hear(self.moment(), path, bytes, &mut out);
        Self::told(out)
    }

    fn look(&mut self, now: u64) -> Vec<String> {
        self.now = now;
        let mut out = Vec::new();
        self.pool.look(self.moment(), &mut out);
        Self::told(out)
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn events_wait_in_order_for_whoever_is_ready() {
    let mut world = World::new(10);
    assert_eq!(world.event(), NOTHING);
    assert_eq!(world.event(), NOTHING);
    assert_eq!(world.join("a", 1), NOTHING);
    assert_eq!(world.says("a", b"READY\n"), ["a<100"]);
    assert_eq!(world.event(), NOTHING, "it is busy");
    assert_eq!(world.says("a", OK), ["a<101"]);
    assert_eq!(world.says("a", OK), ["a<102"]);
    assert_eq!(world.says("a", OK), NOTHING);
    assert_eq!(world.event(), ["a<103"], "who waits gets it at once");
}

#[test]
fn a_pool_shares_its_events_out() {
    let mut world = World::new(10);
    for path in ["a", "b"] {
        world.join(path, 1);
        world.says(path, b"READY\n");
    }
    assert_eq!(world.event(), ["a<100"]);
    assert_eq!(world.event(), ["b<101"]);
    assert_eq!(world.event(), NOTHING);
    assert_eq!(world.says("b", OK), ["b<102"]);
}

#[test]
fn what_is_not_dealt_with_is_sent_again_before_all_others() {
    let mut world = World::new(10);
    for path in ["a", "b"] {
        world.join(path, 1);
        world.says(path, b"READY\n");
    }
    assert_eq!(world.event(), ["a<100"]);
    assert_eq!(world.event(), ["b<101"]);
    assert_eq!(world.event(), NOTHING);
    // It ends: another of the pool gets what it had.
    assert_eq!(world.leave("a"), NOTHING);
    assert_eq!(world.says("b", OK), ["b<100"]);
    // It refuses: the same event comes again, once it is ready.
    let refused = "b: it refuses event 100 (TICK_5), which is sent again: `FAIL`";
    assert_eq!(world.says("b", b"RESULT 4\nFAIL"), [refused]);
    assert_eq!(world.says("b", b"READY\n"), ["b<100"]);
    assert_eq!(world.says("b", b"RESULT 4\nFAILREADY\n"), ["b<100"], "that was told");
    assert_eq!(world.says("b", OK), ["b is well", "b<102"]);
    // Its next run begins silent.
    assert_eq!(world.join("b", 2), NOTHING);
    assert!(world.pool.has("b", 2) && !world.pool.has("b", 1));
    assert_eq!(world.says("b", b"READY\n"), ["b<102"]);
}

#[test]
fn who_breaks_the_protocol_gets_nothing_until_its_next_run() {
    let mut world = World::new(10);
    for path in ["a", "b"] {
        world.join(path, 1);
        world.says(path, b"READY\n");
    }
    assert_eq!(world.event(), ["a<100"]);
    let told = world.says("a", b"done, thanks\n");
    assert!(told[0].starts_with("a: it breaks the protocol") && told[0].contains("done, thanks"));
    assert_eq!(told[1..], ["b<100"]);
    assert_eq!(world.says("a", b"READY\n"), NOTHING);
    assert_eq!(world.event(), NOTHING);
    assert_eq!(world.join("a", 2), ["a is well"]);
    assert_eq!(world.says("a", b"READY\n"), ["a<101"]);
}

#[test]
fn the_oldest_is_dropped_where_more_wait_than_the_buffer_holds() {
    let mut world = World::new(2);
    assert_eq!([world.event(), world.event()], [NOTHING; 2]);
    assert_eq!(world.event(), ["drop 100"]);
    world.join("a", 1);
    assert_eq!(world.says("a", b"READY\n"), ["a<101"]);
    assert_eq!([world.event(), world.event()].concat(), ["drop 102"]);
    // There is no room for what comes back either: as in supervisord the oldest goes.
    assert_eq!(world.leave("a"), ["drop 103"]);
    assert_eq!(world.pool.dropped(), 3);
    let (next, open) = world.pool.open();
    assert_eq!(next, 5);
    assert_eq!(open.iter().map(|queued| queued.serial).collect::<Vec<_>>(), [101, 104]);
}

#[test]
fn a_late_answer_is_told_once_and_may_still_come() {
    let mut world = World::new(10);
    world.join("a", 1);
    world.says("a", b"READY\n");
    assert_eq!(world.pool.due(), None);
    world.now = 5;
    assert_eq!(world.event(), ["a<100"]);
    assert_eq!(world.pool.due(), Some(Moment::ZERO + Duration::from_secs(65)));
    assert_eq!(world.look(64), NOTHING);
    let told = world.look(65);
    let late = "a: it has not answered for 1m: it was sent event 100 (TICK_5), and gets no other event before";
    assert_eq!(told, [late]);
    assert_eq!((world.look(66), world.pool.due()), (vec![], None), "once");
    assert_eq!(world.says("a", OK), ["a is well"]);
    assert_eq!(world.event(), ["a<101"]);
    assert!(world.pool.due().is_some(), "the next one is waited for again");
}

#[test]
fn what_waited_in_an_earlier_life_comes_first() {
    let mut world = World::new(10);
    let queued = |serial, pool_serial| {
        let event = tick(Kind::Tick5, 0);
        Queued { serial, pool_serial, event }
    };
    world.pool.resume(7, [queued(40, 5), queued(41, 6)]);
    assert_eq!(world.event(), NOTHING);
    world.join("a", 1);
    assert_eq!(world.says("a", b"READY\n"), ["a<40"]);
    let (next, open) = world.pool.open();
    let open: Vec<u64> = open.iter().map(|queued| queued.pool_serial).collect();
    assert_eq!((next, open), (8, vec![5, 6, 7]), "what is under way is not dealt with");
}

#[test]
fn a_smaller_buffer_drops_at_once() {
    let mut world = World::new(3);
    let _ = [world.event(), world.event(), world.event()];
    let mut out = Vec::new();
    let terms = Terms { buffer: 1, ..world.pool.terms.clone() };
    world.pool.change(terms, &mut out);
    assert_eq!(World::told(out), ["drop 100", "drop 101"]);
    assert!(world.pool.hears(Kind::Tick60) && !world.pool.hears(Kind::Exited));
}

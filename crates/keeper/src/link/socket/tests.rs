use super::*;
use mainstay_wire::keeper::{Notice, Passed};
use mainstay_wire::process::Environment;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::sync::Arc;

fn hello(seq: Sequence, kept: u64, inventories: u32) -> Report {
    Report::Hello { version: 1, pid: 2, brain: 0, seq, kept, inventories, silence: None }
}

/// A link, greeted by a brain that has read nothing so far.
fn greeted(link: &mut SocketLink, held: Vec<Held>) -> Stream {
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .expect("two sockets");
    link.greet(ours, Duration::ZERO, held, hello);
    link.tell_kept();
    Stream::new(theirs)
}

/// Reads all that the link has to say.
fn all(link: &mut SocketLink, brain: &mut Stream) -> Vec<Report> {
    let mut all = Vec::new();
    loop {
        let is_full = link.flush();
        brain.fill().expect("the link is whole");
        while let Some((report, _)) = brain.next::<Report>().expect("a frame") {
            all.push(report);
        }
        if !is_full && brain.incoming.is_empty() {
            return all;
        }
    }
}

fn said(status: u32, length: usize) -> Fact {
    let key = Key { child: "a".into(), run: 1 };
    Fact::Said { key, notice: Notice::Status(format!("{status:0length$}").as_str().into()) }
}

#[test]
fn a_brain_that_stands_still_costs_no_more_than_a_bound_and_hears_the_last() {
    let mut link = SocketLink::new(Sequence::default(), Vec::new());
    let mut brain = greeted(&mut link, Vec::new());
    for status in 0..50_000 {
        link.state(Duration::ZERO, said(status, 4000));
        link.flush();
    }
    assert!(!link.is_broken(), "it lives");
    let unsent = link.stream.as_ref().map_or(0, |stream| stream.unsent);
    assert!(unsent < AHEAD + 8192, "{unsent} bytes wait");
    assert_eq!(link.kept.len(), 1, "those that were told are superseded as well");
    let reports = all(&mut link, &mut brain);
    let heard: Vec<(u64, &Fact)> = reports
        .iter()
        .filter_map(|report| match report {
            Report::Fact { seq, fact, .. } => Some((seq.0, fact)),
            _ => None,
        })
        .collect();
    assert!(heard.is_sorted_by_key(|(seq, _)| *seq), "in order");
    assert_eq!(heard.last(), Some(&(50_000, &said(49_999, 4000))));
    assert!(heard.len() < 2000, "{} were told", heard.len());
}

#[test]
fn what_was_let_go_is_counted_for_the_next_brain() {
    let mut link = SocketLink::new(Sequence::default(), Vec::new());
    let words = |number: u32| Fact::Said {
        key: Key { child: "a".into(), run: 1 },
        notice: Notice::Word {
            name: "X_A".into(),
            value: format!("{number:04000}").as_str().into(),
        },
    };
    for number in 0..10_000 {
        link.state(Duration::ZERO, words(number));
    }
    let mut brain = greeted(&mut link, Vec::new());
    let reports = all(&mut link, &mut brain);
    let Some(Report::Hello { seq, kept, .. }) = reports.first() else { panic!("no greeting") };
    assert_eq!((seq.0, *kept), (10_001, reports.len() as u64 - 2));
    let Some(Report::Fact { fact: Fact::Forgotten { facts }, .. }) = reports.last() else {
        panic!("{:?}", reports.last());
    };
    assert_eq!(*facts + kept, 10_001);
    // A brain that is up to date and acknowledges nothing hears of each.
    link.state(Duration::ZERO, words(0));
    let reports = all(&mut link, &mut brain);
    assert_eq!(reports.len(), 1, "what is let go now is told with the next: {reports:?}");
    link.state(Duration::ZERO, words(1));
    let reports = all(&mut link, &mut brain);
    let forgotten =
        |report: &Report| matches!(report, Report::Fact { fact: Fact::Forgotten { .. }, .. });
    assert!(reports.len() == 2 && forgotten(&reports[0]), "{reports:?}");
}

#[test]
fn very_many_children_with_large_environments_are_told_in_several_frames() {
    let set = (0..8)
        .map(|number| (format!("V{number}").as_str().into(), "x".repeat(230).as_str().into()));
    let environment = Environment { set: set.collect(), ..Environment::default() };
    let process = Arc::new(Process { environment, ..Process::default() });
    let held: Vec<Held> = (0..10_000)
        .map(|number| Held {
            key: Key { child: format!("many/{number}").as_str().into(), run: 1 },
            pid: Some(number),
            began: 1,
            ready: false,
            process: Arc::clone(&process),
        })
        .collect();
    let mut link = SocketLink::new(Sequence::default(), Vec::new());
    let mut brain = greeted(&mut link, held.clone());
    let reports = all(&mut link, &mut brain);
    let Some(Report::Hello { inventories, .. }) = reports.first() else { panic!("no greeting") };
    assert_eq!(*inventories as usize, reports.len() - 1);
    assert!(*inventories > 1, "it is more than one frame takes");
    let told = reports.into_iter().skip(1).flat_map(|report| match report {
        Report::Inventory(held) => held,
        other => panic!("{other:?}"),
    });
    assert!(told.eq(held));
}

#[test]
fn what_one_child_was_started_as_is_left_out_where_no_frame_takes_it() {
    let key = |number: u32| Key { child: format!("{number}").as_str().into(), run: 1 };
    let command = vec!["x".repeat(17 << 20).as_str().into()];
    let large = Arc::new(Process { command, ..Process::default() });
    let held =
        |number, process| Held { key: key(number), pid: Some(1), began: 1, ready: true, process };
    let mut frames = Vec::new();
    in_frames(vec![held(0, Arc::default()), held(1, large), held(2, Arc::default())], &mut frames);
    let keys: Vec<Key> = frames
        .iter()
        .flat_map(|bytes| match frame::take(bytes).expect("a frame").expect("all of it").message {
            Report::Inventory(held) => held.into_iter().map(|held| held.key),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(keys, [key(0), key(1), key(2)]);
}

#[test]
fn descriptors_come_with_the_order_they_stand_beside() {
    let mut link = SocketLink::new(Sequence::default(), Vec::new());
    let mut brain = greeted(&mut link, Vec::new());
    let give = |run: u64, numbers: Vec<u32>| Order::Give {
        key: Key { child: "a".into(), run },
        variables: vec![("SECRET".into(), "s".into())],
        descriptors: Passed { numbers, open: Vec::new() },
    };
    let mut sent = Vec::new();
    for (run, numbers) in [(1, vec![60, 61]), (2, Vec::new()), (3, vec![7])] {
        let pipes: Vec<OwnedFd> = numbers
            .iter()
            .map(|number: &u32| {
                let (read, write) = rustix::pipe::pipe().expect("a pipe");
                rustix::io::write(&write, &[u8::try_from(*number).expect("small")])
                    .expect("written");
                read
            })
            .collect();
        let mut bytes = Vec::new();
        frame::put(&give(run, numbers.clone()), &[], &mut bytes).expect("it is written");
        brain.put(bytes, pipes).expect("it is taken");
        sent.push(numbers);
    }
    brain.flush().expect("it is sent");
    let mut heard = Vec::new();
    while heard.len() < 3 {
        assert!(matches!(link.hear(&mut heard), Heard::Orders));
    }
    for (order, numbers) in heard.into_iter().zip(sent) {
        let Order::Give { descriptors, .. } = order else { panic!("{order:?}") };
        let read = |open: &Arc<OwnedFd>| {
            let mut byte = [0];
            rustix::io::read(open, &mut byte).expect("read");
            u32::from(byte[0])
        };
        assert_eq!(descriptors.open.iter().map(read).collect::<Vec<_>>(), numbers);
        assert_eq!(descriptors.numbers, numbers);
    }
}

//! Messages with descriptors: each of them is stored, used or closed.

use super::*;

fn names(store: &Store) -> Vec<String> {
    store.descriptors().map(|(_, name)| name.to_string()).collect()
}

#[test]
fn descriptors_are_stored_under_a_name_and_removed_by_it() {
    let mut run = Run::new("store", Access::All, 4);
    let client = run.client();
    let (reader, writer) = pipe().expect("a pipe");
    let (other, other_writer) = pipe().expect("a pipe");
    send(&client, b"FDSTORE=1\nFDNAME=in", &[reader.as_fd(), other.as_fd()]);
    run.hear(Relation::Main).expect("stored");
    send(&client, b"FDSTORE=1", &[writer.as_fd()]);
    run.hear(Relation::Main).expect("stored");
    assert_eq!(names(&run.store), ["in", "in", "stored"]);
    // The same open file again.
    send(&client, b"FDSTORE=1\nFDNAME=again", &[writer.as_fd()]);
    run.hear(Relation::Main).expect("known");
    assert_eq!(run.said(), [Notice::Stored(2), Notice::Stored(3)]);
    drop(writer);
    send(&client, b"FDSTORE=1\nFDNAME=\x07bad", &[other_writer.as_fd()]);
    assert_eq!(run.hear(Relation::Main), Err(Unheard::Value("FDNAME")));
    assert_eq!(names(&run.store), ["in", "in", "stored", "stored"]);
    send(&client, b"FDSTORE=1", &[client.as_fd()]);
    assert_eq!(run.hear(Relation::Main), Err(Unheard::StoreFull(1)));
    send(&client, b"FDSTOREREMOVE=1\nFDNAME=stored", &[]);
    run.hear(Relation::Main).expect("removed");
    assert_eq!(run.said(), [Notice::Stored(4), Notice::Stored(2)]);
    wait_for_end(reader);
}

#[test]
fn a_child_without_a_store_stores_nothing() {
    let mut run = Run::new("no-store", Access::All, 0);
    let (reader, writer) = pipe().expect("a pipe");
    send(&run.client(), b"FDSTORE=1\nREADY=1", &[writer.as_fd()]);
    drop(writer);
    assert_eq!(run.hear(Relation::Main), Err(Unheard::StoreFull(1)));
    assert_eq!(run.said(), [Notice::Ready(Whence::Notify)]);
    wait_for_end(reader);
}

#[test]
fn a_barrier_is_answered_by_closing_its_descriptor() {
    let mut run = Run::new("barrier", Access::Main, 0);
    let client = run.client();
    // What does not count is answered, too: nobody is left waiting.
    let table: [(&[u8], Relation, usize, bool); 5] = [
        (b"BARRIER=1", Relation::Main, 1, true),
        (b"BARRIER=1\n", Relation::Main, 1, true),
        (b"BARRIER=1", Relation::Main, 2, false),
        (b"BARRIER=1\nREADY=1", Relation::Main, 1, false),
        (b"BARRIER=1", Relation::Stranger, 1, false),
    ];
    for (text, sender, count, is_right) in table {
        let (reader, writer) = pipe().expect("a pipe");
        send(&client, text, &vec![writer.as_fd(); count]);
        drop(writer);
        let heard = run.hear(sender);
        assert_eq!(heard.is_ok(), is_right, "{heard:?}");
        assert_eq!(run.said(), []);
        wait_for_end(reader);
    }
}

#[test]
fn the_main_process_is_told_by_its_descriptor() {
    use rustix::process::{PidfdFlags, getpid, pidfd_open};
    let mut run = Run::new("mainpidfd", Access::All, 0);
    let client = run.client();
    let own = pidfd_open(getpid(), PidfdFlags::empty()).expect("a descriptor of ourselves");
    send(&client, b"MAINPIDFD=1\nMAINPID=1", &[own.as_fd()]);
    run.hear(Relation::Main).expect("found");
    assert_eq!(run.said(), [Notice::Main(std::process::id())]);

    send(&client, b"MAINPIDFD=1", &[own.as_fd(), own.as_fd()]);
    assert_eq!(run.hear(Relation::Main), Err(Unheard::MainDescriptors(2)));
    send(&client, b"MAINPIDFD=1\nREADY=1", &[client.as_fd()]);
    assert_eq!(run.hear(Relation::Main), Err(Unheard::MainGone));
    assert_eq!(run.said(), [Notice::Ready(Whence::Notify)]);

    let mut gone = Command::new("/bin/true").spawn().expect("it starts");
    let pid = rustix::process::Pid::from_child(&gone);
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).expect("it is not reaped");
    gone.wait().expect("it ends");
    send(&client, b"MAINPIDFD=1", &[pidfd.as_fd()]);
    assert_eq!(run.hear(Relation::Main), Err(Unheard::MainGone));
}

#[test]
fn hostile_datagrams_leave_nothing_open() {
    let mut run = Run::new("hostile", Access::All, 2);
    let client = run.client();
    let huge = vec![b'A'; 100_000];
    let zeros = [0; 64];
    let barriers = b"BARRIER=1\n".repeat(400);
    let senders = [Relation::Main, Relation::Stranger];
    for text in [&huge[..], &zeros, &barriers, b"FDSTORE=1", b"MAINPIDFD=1", b"", b"\xff\xfe"] {
        for (sender, count) in senders.into_iter().flat_map(|of| [(of, 1), (of, 253)]) {
            let (reader, writer) = pipe().expect("a pipe");
            send(&client, text, &vec![writer.as_fd(); count]);
            drop(writer);
            drop(run.hear(sender));
            assert!(run.store.len() <= 2);
            run.store.clear();
            wait_for_end(reader);
        }
    }
    // Longer than is heard, by one byte, and just short enough.
    let long = [b"READY=1\n", &*vec![b'\n'; LONGEST - 8]].concat();
    send(&client, &long, &[]);
    run.hear(Relation::Main).expect("it is heard");
    assert_eq!(run.said().last(), Some(&Notice::Ready(Whence::Notify)));
    send(&client, &[&*long, b"\n"].concat(), &[]);
    assert_eq!(run.hear(Relation::Main), Err(Unheard::Cut));
}

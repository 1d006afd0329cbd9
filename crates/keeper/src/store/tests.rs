use super::*;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::pipe;

fn stored(store: &Store) -> Vec<String> {
    store.descriptors().map(|(_, name)| name.to_string()).collect()
}

fn with(most: u32) -> Store {
    let mut store = Store::default();
    store.limit(most);
    store
}

#[test]
fn the_order_is_that_of_storing_and_the_limit_holds() {
    let mut store = with(2);
    let add = |store: &mut Store, name: &str| {
        let fd = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC);
        store.add(&name.into(), fd.expect("a descriptor"), true)
    };
    assert_eq!(add(&mut store, "b"), Added::Stored);
    assert_eq!(add(&mut store, "a"), Added::Stored);
    assert_eq!(add(&mut store, "c"), Added::Full);
    assert_eq!(stored(&store), ["b", "a"]);
    store.limit(3);
    assert_eq!(add(&mut store, "c"), Added::Stored);
    assert_eq!(store.remove(&"b".into()), 1);
    assert_eq!(store.remove(&"b".into()), 0);
    assert_eq!(stored(&store), ["a", "c"]);
    store.limit(1);
    assert_eq!(stored(&store), ["a"]);
    assert_eq!(store.variable(), Some(("FDSTORE".into(), "1".into())));
    store.limit(0);
    assert_eq!((store.len(), store.variable()), (0, None));
}

#[test]
fn one_open_file_is_stored_once() {
    let mut store = with(8);
    let (reader, writer) = pipe().expect("a pipe");
    let again = reader.try_clone().expect("a duplicate");
    assert_eq!(store.add(&"a".into(), reader, true), Added::Stored);
    assert_eq!(store.add(&"b".into(), again, true), Added::Known);
    // The other end of the pipe has the same inode.
    assert_eq!(store.add(&"b".into(), writer, true), Added::Stored);
    assert_eq!(stored(&store), ["a", "b"]);
}

#[test]
fn without_help_of_the_kernel_looks_decide() {
    let (reader, writer) = pipe().expect("a pipe");
    let again = reader.try_clone().expect("a duplicate");
    assert!(looks_same(reader.as_fd(), again.as_fd()));
    assert!(!looks_same(reader.as_fd(), writer.as_fd()));
    let event = || {
        let flags = rustix::event::EventfdFlags::CLOEXEC;
        rustix::event::eventfd(0, flags).expect("a descriptor")
    };
    assert!(!looks_same(event().as_fd(), event().as_fd()), "they share an inode and nothing else");
}

#[test]
fn what_hangs_up_leaves_unless_it_is_not_watched() {
    let mut store = with(8);
    assert!(store.hangups().is_none());
    let (watched, watched_end) = pipe().expect("a pipe");
    let (kept, kept_end) = pipe().expect("a pipe");
    let (live, live_end) = pipe().expect("a pipe");
    // The child still has its own duplicate of what hangs up.
    let duplicate = watched.try_clone().expect("a duplicate");
    store.add(&"watched".into(), watched, true);
    store.add(&"kept".into(), kept, false);
    store.add(&"live".into(), live, true);
    store.add(&"file".into(), tempfile::tempfile().expect("a file").into(), true);
    assert_eq!(store.sweep(), 0);
    drop((watched_end, kept_end));
    let hangups = store.hangups().expect("something is watched");
    poll(&mut [PollFd::new(&hangups, PollFlags::IN)], None).expect("it waits");
    assert_eq!(store.sweep(), 1);
    assert_eq!(stored(&store), ["kept", "live", "file"]);
    let hangups = store.hangups().expect("it stays");
    let now = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
    let found = poll(&mut [PollFd::new(&hangups, PollFlags::IN)], Some(&now)).expect("it looks");
    assert_eq!(found, 0, "nothing is told twice");
    drop((duplicate, live_end));
    assert_eq!(store.sweep(), 1);
}

#[test]
fn names_are_those_that_can_be_passed() {
    let long = [b'x'; 256];
    let table: [(&[u8], bool); 8] = [
        (b"http", true),
        (b"", true),
        (b"a b~!", true),
        (b"a:b", false),
        (b"a\x7f", false),
        (b"\xc3\xa4", false),
        (&long, false),
        (&long[1..], true),
    ];
    for (name, is_right) in table {
        assert_eq!(is_name(name), is_right, "{}", name.escape_ascii());
    }
}

#[test]
fn everything_is_closed_in_the_end() {
    use std::io::Read;
    let (reader, writer) = std::io::pipe().expect("a pipe");
    // A socket is closed by another thread: its other end hears of it all the same.
    let (mut far, near) = std::os::unix::net::UnixStream::pair().expect("a pair");
    let mut store = with(8);
    store.add(&"a".into(), writer.into(), true);
    store.add(&"b".into(), near.into(), true);
    drop(store);
    let mut rest = Vec::new();
    { reader }.read_to_end(&mut rest).expect("its end");
    far.read_to_end(&mut rest).expect("its end");
    assert_eq!(rest, b"");
}

#[test]
fn a_connection_that_lingers_holds_nobody_up() {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    let patience = std::time::Duration::from_secs(30);
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a listener");
    let near = TcpStream::connect(listener.local_addr().expect("a port")).expect("connected");
    let (mut far, _) = listener.accept().expect("accepted");
    near.set_nonblocking(true).expect("set");
    let mut sent = 0;
    while let Ok(length) = (&near).write(&[7; 65536]) {
        sent += length;
    }
    // Closing it would wait until all of this is taken.
    rustix::net::sockopt::set_socket_linger(&near, Some(patience)).expect("set");
    let mut store = with(8);
    store.add(&"slow".into(), near.into(), true);
    let before = std::time::Instant::now();
    assert_eq!(store.remove(&"slow".into()), 1);
    assert!(before.elapsed() < patience / 2, "{:?}", before.elapsed());
    let mut taken = Vec::new();
    far.read_to_end(&mut taken).expect("its end");
    assert_eq!(taken.len(), sent);
}

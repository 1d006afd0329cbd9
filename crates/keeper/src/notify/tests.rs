use super::*;
use crate::store::Store;
use mainstay_wire::keeper::{Notice, Whence};
use mainstay_wire::process::Access;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::pipe;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

mod fds;
mod programs;
mod table;

/// A run as the keeper sees it: its socket, what it said, what it stored.
struct Run {
    socket: NotifySocket,
    speech: Speech,
    store: Store,
    out: Vec<Notice>,
    /// Whom the last message was from.
    sender: (u32, u32),
}

impl Run {
    fn new(name: &str, access: Access, most: u32) -> Self {
        let key = Key { child: name.into(), run: 1 };
        let socket = NotifySocket::open(std::process::id().into(), &key).expect("a socket");
        let mut store = Store::default();
        store.limit(most);
        Self { socket, speech: Speech::new(access), store, out: Vec::new(), sender: (0, 0) }
    }

    /// Waits for one message and hears it.
    fn hear(&mut self, sender: Relation) -> Result<(), Unheard> {
        let message = self.wait();
        self.sender = (message.pid, message.uid);
        self.speech.take(message, sender, &mut self.store, &mut self.out)
    }

    fn wait(&self) -> Message {
        let mut waiting = [PollFd::new(&self.socket, PollFlags::IN)];
        poll(&mut waiting, None).expect("it waits");
        let mut buffer = [0; LONGEST];
        self.socket.receive(&mut buffer).expect("received").expect("a message")
    }

    /// Hears everything a program says until it ends, which it must do well.
    fn hear_program(&mut self, program: &mut Child) {
        let pid = rustix::process::Pid::from_child(program);
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty());
        let pidfd = pidfd.expect("it was started");
        loop {
            let mut waiting =
                [PollFd::new(&self.socket, PollFlags::IN), PollFd::new(&pidfd, PollFlags::IN)];
            poll(&mut waiting, None).expect("it waits");
            if waiting[0].revents().contains(PollFlags::IN) {
                self.hear(Relation::Main).expect("it is heard");
            } else {
                let status = program.wait().expect("it ended");
                assert!(status.success(), "{status}");
                return;
            }
        }
    }

    /// Returns a client, as a run would make it.
    fn client(&self) -> OwnedFd {
        let name = self.socket.name();
        let name = name.as_bytes().strip_prefix(b"@").expect("an abstract name");
        let client =
            socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None);
        let client = client.expect("a socket");
        let address = SocketAddrUnix::new_abstract_name(name).expect("a name");
        rustix::net::connect(&client, &address).expect("it is there");
        client
    }

    fn said(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.out)
    }
}

/// Sends a message with descriptors.
fn send(client: &OwnedFd, text: &[u8], fds: &[BorrowedFd<'_>]) {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    let mut space = vec![std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        assert!(control.push(SendAncillaryMessage::ScmRights(fds)));
    }
    let parts = [io::IoSlice::new(text)];
    sendmsg(client, &parts, &mut control, SendFlags::empty()).expect("sent");
}

/// Waits until nobody has the other end of a pipe open any more.
fn wait_for_end(reader: OwnedFd) {
    let mut rest = Vec::new();
    std::fs::File::from(reader).read_to_end(&mut rest).expect("its end");
    assert_eq!(rest, b"");
}

#[test]
fn names_differ_by_keeper_child_and_run() {
    let key = |child: &str, run| Key { child: child.into(), run };
    let long = "x".repeat(300);
    let keys =
        [key("app/db", 1), key("app/db", 2), key("app/a b", 1), key("app/a\nb", 1), key(&long, 1)];
    let mut names: Vec<_> = keys.iter().map(|key| name_of(1, key, 0)).collect();
    names.push(name_of(2, &keys[0], 0));
    names.push(name_of(1, &keys[0], 1));
    assert_eq!(names[0], "mainstay/0000000000000001/app/db/1");
    for name in &names {
        assert!(name.len() < 107 && name.bytes().all(|byte| byte.is_ascii_graphic()), "{name}");
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 7);
}

#[test]
fn a_name_that_somebody_has_taken_is_not_in_the_way() {
    let key = Key { child: "taken".into(), run: 1 };
    let instance = u64::from(std::process::id()) << 32;
    let first = NotifySocket::open(instance, &key).expect("a socket");
    let second = NotifySocket::open(instance, &key).expect("another");
    assert_ne!(first.name(), second.name());
    let name = second.name();
    let adopted = NotifySocket::adopt(second.socket).expect("it goes on");
    assert_eq!(adopted.name(), name);
}

#[test]
fn the_kernel_vouches_for_the_sender() {
    let mut run = Run::new("sender", Access::All, 0);
    send(&run.client(), b"READY=1", &[]);
    run.hear(Relation::Member).expect("it is heard");
    let own = (std::process::id(), rustix::process::getuid().as_raw());
    assert_eq!(run.sender, own);
    assert_eq!(run.said(), [Notice::Ready(Whence::Notify)]);
    let mut buffer = [0; LONGEST];
    assert!(run.socket.receive(&mut buffer).expect("nothing is no error").is_none());
}

#[test]
fn access_decides_who_is_heard() {
    use Access::{All, Exec, Main, None};
    let table = [
        (None, [false, false, false, false]),
        (Main, [true, false, false, false]),
        (Exec, [true, true, false, false]),
        (All, [true, true, true, false]),
    ];
    let relations = [Relation::Main, Relation::Command, Relation::Member, Relation::Stranger];
    for (access, expected) in table {
        for (sender, is_heard) in relations.into_iter().zip(expected) {
            let mut run = Run::new("access", access, 9);
            let (reader, writer) = pipe().expect("a pipe");
            send(&run.client(), b"READY=1\nFDSTORE=1", &[writer.as_fd()]);
            drop(writer);
            let heard = run.hear(sender);
            assert_eq!(heard.is_ok(), is_heard, "{access:?} {sender:?}: {heard:?}");
            assert_eq!(run.said().is_empty(), !is_heard);
            // What came with a message that does not count is closed, and what is stored is not.
            assert_eq!(run.store.len(), u32::from(is_heard));
            run.store.clear();
            wait_for_end(reader);
        }
    }
}

#[test]
fn a_run_can_change_who_may_speak() {
    let mut run = Run::new("change", Access::Main, 0);
    let client = run.client();
    send(&client, b"NOTIFYACCESS=all", &[]);
    run.hear(Relation::Member).expect_err("a member may not");
    send(&client, b"NOTIFYACCESS=all", &[]);
    run.hear(Relation::Main).expect("the main process may");
    send(&client, b"STOPPING=1\nNOTIFYACCESS=everybody", &[]);
    assert_eq!(run.hear(Relation::Member), Err(Unheard::Value("NOTIFYACCESS")));
    send(&client, b"NOTIFYACCESS=none", &[]);
    run.hear(Relation::Member).expect("now a member may");
    send(&client, b"READY=1", &[]);
    run.hear(Relation::Main).expect_err("nobody may any more");
    assert_eq!(run.said(), [Notice::Stopping]);
}

#[test]
fn a_run_that_stops_does_not_come_back() {
    let mut run = Run::new("stopping", Access::All, 0);
    for text in [&b"READY=1"[..], b"STOPPING=1", b"RELOADING=1", b"READY=1", b"STATUS=bye"] {
        send(&run.client(), text, &[]);
        run.hear(Relation::Main).expect("it is heard");
    }
    let expected = [Notice::Ready(Whence::Notify), Notice::Stopping, Notice::Status("bye".into())];
    assert_eq!(run.said(), expected);
}

#[test]
fn a_flood_of_one_sign_is_one_sign() {
    let mut run = Run::new("flood", Access::All, 0);
    for _ in 0..100 {
        send(&run.client(), b"WATCHDOG=1", &[]);
        run.hear(Relation::Main).expect("it is heard");
    }
    assert_eq!(run.said(), [Notice::Beat]);
}

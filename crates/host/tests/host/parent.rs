//! A parent that does what a test says, and waits ten seconds at most for what it expects.

use mainstay_host::protocol::{
    Asked, Failure, Head, Hello, Kind, PACKET_MOST, Secret, Told, Welcome,
};
use mainstay_host::ring::{self, Operation, Recording};
use mainstay_host::{Contract, Descriptors, Raw};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::io::{dup, pread, pwrite, read, write};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags,
    SocketType, recv, send, sendmsg, socketpair,
};
use std::io::IoSlice;
use std::mem::MaybeUninit;

/// What most tests serve.
pub(crate) struct Echo;

impl Contract for Echo {
    const NAME: &'static str = "echo";
    const VERSION: u32 = 3;
    type Request = String;
    type Reply = String;
    type Item = String;
    type Codec = Raw;
}

pub(crate) struct Parent {
    pub(crate) control: OwnedFd,
    pub(crate) calls: OwnedFd,
    ring: OwnedFd,
}

pub(crate) const MOST: u32 = 1_000;

pub(crate) fn secret() -> Secret {
    Secret::new([0xa5; Secret::LENGTH])
}

pub(crate) fn sockets(kind: SocketType) -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).expect("sockets")
}

impl Parent {
    /// Makes a parent, and what it hands over.
    pub(crate) fn new() -> (Self, Descriptors) {
        let (control, its_control) = sockets(SocketType::SEQPACKET);
        let (calls, its_calls) = sockets(SocketType::STREAM);
        let ring = memfd_create("ring", MemfdFlags::CLOEXEC).expect("memory");
        ftruncate(&ring, ring::size(16) as u64).expect("a size");
        pwrite(&ring, &ring::head(16), 0).expect("a head");
        let its_ring = dup(&ring).expect("another descriptor");
        let descriptors = Descriptors {
            control: its_control,
            calls: its_calls,
            ring: Some(its_ring),
            secret: secret(),
        };
        (Self { control, calls, ring }, descriptors)
    }

    /// Takes hello and answers it. There are no beats but the ones that a test asks for.
    pub(crate) fn greet(&self, every: u32) -> Hello {
        let Told::Hello(hello) = self.told() else { panic!("hello comes first") };
        self.ask(&Asked::Welcome(Welcome { run: 17, every, most: MOST }));
        hello
    }

    pub(crate) fn told(&self) -> Told {
        self.told_or_gone().expect("a packet, not the end")
    }

    /// Takes a packet; absent: the host is gone.
    pub(crate) fn told_or_gone(&self) -> Option<Told> {
        readable(self.control.as_fd());
        let mut packet = [0; PACKET_MOST];
        let (count, _) = recv(&self.control, &mut packet, RecvFlags::empty()).expect("a packet");
        (count > 0).then(|| Told::parse(&packet[..count]).expect("a packet with sense"))
    }

    /// Waits for this, past signs of life.
    #[track_caller]
    pub(crate) fn expect(&self, expected: &Told) {
        loop {
            let told = self.told();
            if !matches!(told, Told::Beat(_)) {
                return assert_eq!(&told, expected);
            }
        }
    }

    pub(crate) fn ask(&self, asked: &Asked) {
        self.ask_bytes(&asked.to_packet());
    }

    pub(crate) fn ask_bytes(&self, packet: &[u8]) {
        send(&self.control, packet, SendFlags::NOSIGNAL).expect("room for a packet");
    }

    /// Sends a packet with a descriptor.
    pub(crate) fn ask_with(&self, asked: &Asked, descriptor: impl AsFd) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = [descriptor.as_fd()];
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
        let packet = asked.to_packet();
        let parts = [IoSlice::new(&packet)];
        sendmsg(&self.control, &parts, &mut ancillary, SendFlags::NOSIGNAL).expect("a packet");
    }

    pub(crate) fn send(&self, kind: Kind, call: u64, body: &[u8]) {
        let length = u32::try_from(body.len()).expect("a short body");
        let mut frame = Head { length, kind, call }.to_bytes().to_vec();
        frame.extend(body);
        self.send_bytes(&frame);
    }

    pub(crate) fn send_bytes(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let count = write(&self.calls, bytes).expect("the host reads");
            bytes = &bytes[count..];
        }
    }

    pub(crate) fn request(&self, call: u64, body: &str) {
        self.send(Kind::Request, call, body.as_bytes());
    }

    /// Asks for a stream, with credit for so many items.
    pub(crate) fn stream(&self, call: u64, credit: u32, body: &str) {
        self.send(Kind::Stream, call, &[&credit.to_le_bytes(), body.as_bytes()].concat());
    }

    pub(crate) fn frame(&self) -> (Kind, u64, Vec<u8>) {
        let mut head = [0; Head::LENGTH];
        self.fill(&mut head);
        let Head { length, kind, call } = Head::parse(head).expect("a head");
        let mut body = vec![0; length as usize];
        self.fill(&mut body);
        (kind, call, body)
    }

    /// Takes a frame whose body is a text.
    pub(crate) fn text(&self) -> (Kind, u64, String) {
        let (kind, call, body) = self.frame();
        (kind, call, String::from_utf8(body).expect("a text"))
    }

    /// Takes a failure: of which call, with which code and message.
    pub(crate) fn failure(&self) -> (u64, u32, String) {
        let (kind, call, body) = self.frame();
        assert_eq!(kind, Kind::Failed);
        let Failure { code, message } = Failure::parse(&body).expect("a failure");
        (call, code, message)
    }

    /// Returns whether the host has closed the calls socket.
    pub(crate) fn calls_are_closed(&self) -> bool {
        readable(self.calls.as_fd());
        matches!(read(&self.calls, &mut [0_u8]), Ok(0) | Err(rustix::io::Errno::CONNRESET))
    }

    pub(crate) fn recording(&self) -> Recording {
        let mut bytes = vec![0; ring::size(16)];
        pread(&self.ring, &mut bytes, 0).expect("the ring");
        ring::read(&bytes).expect("a readable ring")
    }

    /// Returns what was noted, in words.
    pub(crate) fn noted(&self) -> Vec<String> {
        self.recording().operations.iter().map(Operation::to_string).collect()
    }

    fn fill(&self, mut rest: &mut [u8]) {
        while !rest.is_empty() {
            readable(self.calls.as_fd());
            let count = read(&self.calls, &mut *rest).expect("bytes");
            assert_ne!(count, 0, "the host closed the calls socket");
            rest = &mut rest[count..];
        }
    }
}

/// Waits until there is something to read.
#[track_caller]
fn readable(descriptor: BorrowedFd<'_>) {
    let ten = Timespec { tv_sec: 10, tv_nsec: 0 };
    let mut one = [PollFd::new(&descriptor, PollFlags::IN)];
    let count = poll(&mut one, Some(&ten)).expect("a poll");
    assert_eq!(count, 1, "nothing came within ten seconds");
}

//! A brain behind a socket: frames, with descriptors beside them.

use super::Heard;
use mainstay_wire::frame;
use mainstay_wire::keeper::{Fact, Order, Report, Sequence};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::time::Duration;

/// How many facts are kept for a brain that is not there; the oldest are let go beyond that, and counted.
const MOST_FACTS: usize = 65_536;
/// How much may wait for a brain that does not read; beyond that it counts as dead.
const MOST_UNSENT: usize = 64 << 20;
/// How often is read in one turn: more than a socket holds.
const MOST_READS: usize = 32;
/// How many descriptors one message carries at most, by the kernel.
pub(crate) const MOST_DESCRIPTORS: usize = 253;

/// One end of a stream of frames.
pub(crate) struct Stream {
    socket: OwnedFd,
    incoming: Vec<u8>,
    /// Descriptors that came, in order, and belong to frames that may not be complete yet.
    arrived: VecDeque<OwnedFd>,
    outgoing: VecDeque<Piece>,
    unsent: usize,
}

/// What is sent in one go: bytes, and the descriptors that travel beside the first of them.
struct Piece {
    bytes: Vec<u8>,
    sent: usize,
    descriptors: Vec<OwnedFd>,
}

/// Why a stream is of no more use.
#[derive(Debug)]
pub(crate) struct Closed;

impl Stream {
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            incoming: Vec::new(),
            arrived: VecDeque::new(),
            outgoing: VecDeque::new(),
            unsent: 0,
        }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Returns whether something waits to be sent until the other end reads.
    pub(crate) fn is_full(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Takes a frame to be sent, with descriptors beside it.
    pub(crate) fn put(&mut self, bytes: Vec<u8>, descriptors: Vec<OwnedFd>) -> Result<(), Closed> {
        self.unsent += bytes.len();
        match self.outgoing.back_mut() {
            // Small frames go together, for as long as no descriptor has to stand between them.
            Some(last) if descriptors.is_empty() && last.bytes.len() < 64 * 1024 => {
                last.bytes.extend_from_slice(&bytes);
            }
            Some(_) | None => self.outgoing.push_back(Piece { bytes, sent: 0, descriptors }),
        }
        if self.unsent > MOST_UNSENT { Err(Closed) } else { Ok(()) }
    }

    /// Sends as much as the other end takes.
    pub(crate) fn flush(&mut self) -> Result<(), Closed> {
        while let Some(piece) = self.outgoing.front_mut() {
            let fds: Vec<BorrowedFd<'_>> = piece.descriptors.iter().map(AsFd::as_fd).collect();
            let mut room =
                vec![MaybeUninit::uninit(); SendAncillaryMessage::ScmRights(&fds).size()];
            let mut beside = SendAncillaryBuffer::new(&mut room);
            if !fds.is_empty() {
                beside.push(SendAncillaryMessage::ScmRights(&fds));
            }
            let bytes = [IoSlice::new(&piece.bytes[piece.sent..])];
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match sendmsg(&self.socket, &bytes, &mut beside, flags) {
                Ok(sent) => {
                    piece.descriptors.clear();
                    piece.sent += sent;
                    self.unsent = self.unsent.saturating_sub(sent);
                    if piece.sent == piece.bytes.len() {
                        self.outgoing.pop_front();
                    }
                }
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(_) => return Err(Closed),
            }
        }
        Ok(())
    }

    /// Reads what is there, up to a bound: who writes without end is read again in the next turn.
    pub(crate) fn fill(&mut self) -> Result<(), Closed> {
        for _ in 0..MOST_READS {
            let mut bytes = [0_u8; 64 * 1024];
            let mut room =
                [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
            let mut beside = RecvAncillaryBuffer::new(&mut room);
            let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
            let mut into = [IoSliceMut::new(&mut bytes)];
            match recvmsg(&self.socket, &mut into, &mut beside, flags) {
                Ok(message) => {
                    for message in beside.drain() {
                        if let RecvAncillaryMessage::ScmRights(fds) = message {
                            self.arrived.extend(fds);
                        }
                    }
                    let (read, was_cut) =
                        (message.bytes, message.flags.contains(rustix::net::ReturnFlags::CTRUNC));
                    // Without its descriptors a message cannot be told from its neighbours.
                    if read == 0 || was_cut {
                        return Err(Closed);
                    }
                    self.incoming.extend_from_slice(&bytes[..read]);
                    if read < bytes.len() {
                        return Ok(());
                    }
                }
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(_) => return Err(Closed),
            }
        }
        Ok(())
    }

    /// Takes the next message that is complete, with its body.
    pub(crate) fn next<M: serde::de::DeserializeOwned>(
        &mut self,
    ) -> Result<Option<(M, Vec<u8>)>, Closed> {
        match frame::take(&self.incoming) {
            Ok(None) => Ok(None),
            Ok(Some(frame)) => {
                let (body, length) = (frame.body.to_vec(), frame.length);
                let message = frame.message;
                self.incoming.drain(..length);
                Ok(Some((message, body)))
            }
            Err(_) => Err(Closed),
        }
    }

    /// Takes the descriptors of a message that came with this many.
    pub(crate) fn descriptors(&mut self, count: usize) -> Vec<OwnedFd> {
        let count = count.min(self.arrived.len());
        self.arrived.drain(..count).collect()
    }
}

/// The keeper's end. It outlives its brains: what they did not acknowledge is told to the next one.
pub(crate) struct SocketLink {
    /// Absent: there is no brain.
    stream: Option<Stream>,
    facts: VecDeque<(Sequence, Duration, Fact)>,
    seq: Sequence,
    /// How many were let go since the last time it was said.
    forgotten: u64,
    /// Set once nothing more can be said over the stream. It stays open until the brain was dealt with.
    is_broken: bool,
}

impl SocketLink {
    pub(crate) fn new(seq: Sequence, facts: Vec<(Sequence, Duration, Fact)>) -> Self {
        Self { stream: None, facts: facts.into(), seq, forgotten: 0, is_broken: false }
    }

    /// A brain is there. What it has to hear first comes before the facts that are kept.
    pub(crate) fn connect(&mut self, socket: OwnedFd) {
        self.stream = Some(Stream::new(socket));
        self.is_broken = false;
    }

    /// Tells the present brain all that no earlier one has acknowledged.
    pub(crate) fn tell_kept(&mut self) {
        for (seq, at, fact) in self.facts.clone() {
            self.say(&Report::Fact { seq, at, fact }, &[]);
        }
    }

    /// Returns the number of the last fact.
    pub(crate) const fn last(&self) -> Sequence {
        self.seq
    }

    /// Returns how many facts are kept.
    pub(crate) fn kept_count(&self) -> u64 {
        self.facts.len() as u64
    }

    pub(crate) fn stream(&self) -> Option<&Stream> {
        self.stream.as_ref()
    }

    pub(crate) fn disconnect(&mut self) -> Option<Stream> {
        self.stream.take()
    }

    /// Returns what the next program of this keeper has to know: the last number, and what is kept.
    pub(crate) fn kept(&self) -> (Sequence, Vec<(Sequence, Duration, Fact)>) {
        (self.seq, self.facts.iter().cloned().collect())
    }

    pub(super) fn state(&mut self, at: Duration, fact: Fact) {
        if self.facts.len() >= MOST_FACTS {
            self.facts.pop_front();
            self.forgotten += 1;
        } else if self.forgotten > 0 && self.stream.is_some() {
            let facts = std::mem::take(&mut self.forgotten);
            self.keep(at, Fact::Forgotten { facts });
        }
        self.keep(at, fact);
    }

    fn keep(&mut self, at: Duration, fact: Fact) {
        self.seq.0 += 1;
        self.facts.push_back((self.seq, at, fact.clone()));
        self.say(&Report::Fact { seq: self.seq, at, fact }, &[]);
    }

    pub(super) fn acknowledge(&mut self, seq: Sequence) {
        while self.facts.front().is_some_and(|(first, _, _)| *first <= seq) {
            self.facts.pop_front();
        }
    }

    pub(super) fn say(&mut self, report: &Report, descriptors: &[BorrowedFd<'_>]) {
        let Some(stream) = self.stream.as_mut().filter(|_| !self.is_broken) else { return };
        let body: &[u8] = match report {
            Report::Screen { bytes, .. } => bytes,
            Report::Hello { .. }
            | Report::Inventory(_)
            | Report::Descriptors { .. }
            | Report::Fact { .. }
            | Report::Left { .. } => &[],
        };
        let mut bytes = Vec::new();
        if frame::put(report, body, &mut bytes).is_err() {
            return; // Longer than anything that is ever said.
        }
        // A duplicate lives on when the original is closed before it could be sent.
        let copies: Result<_, _> = descriptors.iter().map(rustix::io::dup).collect();
        let Ok(copies) = copies else { return }; // With one missing the others could not be told apart.
        self.is_broken = stream.put(bytes, copies).is_err();
    }

    /// Sends what is to be sent. Returns whether the brain has yet to read some of it.
    pub(crate) fn flush(&mut self) -> bool {
        let Some(stream) = self.stream.as_mut().filter(|_| !self.is_broken) else { return false };
        self.is_broken = stream.flush().is_err();
        stream.is_full()
    }

    /// Returns whether the brain is gone, or has not read for so long that it counts as dead.
    pub(crate) const fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Returns whether no message is half sent or half read.
    pub(crate) fn is_between(&self) -> bool {
        let is_between = |stream: &Stream| stream.outgoing.is_empty() && stream.incoming.is_empty();
        self.stream.as_ref().is_none_or(is_between)
    }

    pub(super) fn hear(&mut self, into: &mut Vec<Order>) -> Heard {
        let Some(stream) = &mut self.stream else { return Heard::Gone };
        // What was sent before the end still counts.
        let end = stream.fill();
        // No order has a descriptor beside it.
        stream.arrived.clear();
        loop {
            match stream.next::<Order>() {
                Ok(Some((order, body))) => into.push(with_body(order, body)),
                Ok(None) => break,
                Err(Closed) => return Heard::Gone,
            }
        }
        if end.is_err() { Heard::Gone } else { Heard::Orders }
    }
}

/// Puts the body of its frame where an order has its bytes.
fn with_body(mut order: Order, body: Vec<u8>) -> Order {
    match &mut order {
        Order::Input { bytes, .. } | Order::Type { bytes, .. } => *bytes = body,
        _ => {}
    }
    order
}

//! A brain behind a socket: frames, with descriptors beside them.

use super::Heard;
use super::kept::Kept;
use mainstay_wire::frame;
use mainstay_wire::keeper::{Fact, Held, Key, Order, Report, Sequence};
use mainstay_wire::process::Process;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Duration;

/// How much may wait for a brain that does not read, with facts and greetings not counted; beyond that it counts as
/// dead.
const MOST_UNSENT: usize = 64 << 20;
/// How much waits before facts wait where they are kept.
const AHEAD: usize = 1 << 20;
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
    /// How much may wait to be sent.
    most: usize,
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
            most: MOST_UNSENT,
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
        if self.unsent > self.most { Err(Closed) } else { Ok(()) }
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
    kept: Kept,
    /// The number of the last fact.
    seq: Sequence,
    /// The last fact that the present brain was told, or that its stream has taken.
    told: Sequence,
    /// The last fact that the present brain was greeted with: so many it waits for.
    greeted: Sequence,
    /// Whether it is still being greeted, and no fact comes between.
    is_greeting: bool,
    /// Set once nothing more can be said over the stream. It stays open until the brain was dealt with.
    is_broken: bool,
}

impl SocketLink {
    pub(crate) fn new(seq: Sequence, facts: Vec<(Sequence, Duration, Fact)>) -> Self {
        Self {
            stream: None,
            kept: Kept::new(facts),
            seq,
            told: Sequence::default(),
            greeted: Sequence::default(),
            is_greeting: false,
            is_broken: false,
        }
    }

    /// A brain is there: it hears who speaks, by way of how many messages of the inventory there are, and what is held.
    /// What else it has to hear before the facts follows, then [`tell_kept`](Self::tell_kept).
    pub(crate) fn greet(
        &mut self,
        socket: OwnedFd,
        at: Duration,
        held: Vec<Held>,
        hello: impl FnOnce(Sequence, u64, u32) -> Report,
    ) {
        let mut stream = Stream::new(socket);
        // However much is held, it is what a brain has to hear.
        stream.most = usize::MAX;
        self.stream = Some(stream);
        self.is_broken = false;
        self.is_greeting = true;
        self.told = Sequence::default();
        self.state_forgotten(at);
        self.greeted = self.seq;
        let mut inventories = Vec::new();
        in_frames(held, &mut inventories);
        let count = u32::try_from(inventories.len()).unwrap_or(u32::MAX);
        self.say(&hello(self.seq, self.kept.len() as u64, count), &[]);
        for inventory in inventories {
            self.put(inventory, Vec::new());
        }
    }

    /// Tells the present brain all that no earlier one has acknowledged.
    pub(crate) fn tell_kept(&mut self) {
        self.is_greeting = false;
        if let Some(stream) = &mut self.stream {
            stream.most = stream.unsent.saturating_add(MOST_UNSENT);
        }
        self.tell();
    }

    /// Tells facts for as long as not too much waits to be read.
    fn tell(&mut self) {
        while !self.is_greeting
            && let Some(stream) = &self.stream
            && !self.is_broken
            && stream.unsent < AHEAD
            && let Some((seq, at, fact)) = self.kept.after(self.told)
        {
            let report = Report::Fact { seq, at, fact: fact.clone() };
            self.told = seq;
            self.say(&report, &[]);
        }
    }

    /// Returns whether the end of a run is among the facts that are kept.
    pub(super) fn keeps_end(&self, run: &Key) -> bool {
        let is_end = |fact: &Fact| matches!(fact, Fact::Ended { key, .. } if key == run);
        self.kept.iter().any(|(_, _, fact)| is_end(fact))
    }

    pub(crate) fn stream(&self) -> Option<&Stream> {
        self.stream.as_ref()
    }

    pub(crate) fn disconnect(&mut self) -> Option<Stream> {
        self.stream.take()
    }

    /// Returns what the next program of this keeper has to know: the last number, and what is kept.
    pub(crate) fn kept(&self) -> (Sequence, Vec<(Sequence, Duration, Fact)>) {
        (self.seq, self.kept.iter().map(|(seq, at, fact)| (seq, at, fact.clone())).collect())
    }

    pub(super) fn state(&mut self, at: Duration, fact: Fact) {
        // A brain that is far behind hears of it once it has caught up.
        let is_up_to_date = !self.is_greeting && self.kept.after(self.told).is_none();
        if self.stream.is_some() && is_up_to_date {
            self.state_forgotten(at);
        }
        self.keep(at, fact);
    }

    /// States how many facts were let go, where a brain hears it.
    fn state_forgotten(&mut self, at: Duration) {
        let facts = self.kept.take_forgotten();
        if facts > 0 {
            self.keep(at, Fact::Forgotten { facts });
        }
    }

    fn keep(&mut self, at: Duration, fact: Fact) {
        self.seq.0 += 1;
        // Who was greeted with so many facts hears so many.
        let is_awaited = |seq| self.stream.is_some() && self.told < seq && seq <= self.greeted;
        self.kept.add(self.seq, at, fact, |before| !is_awaited(before));
        self.tell();
    }

    pub(super) fn acknowledge(&mut self, seq: Sequence) {
        self.kept.acknowledge(seq);
    }

    pub(super) fn say(&mut self, report: &Report, descriptors: &[BorrowedFd<'_>]) {
        if self.stream.is_none() || self.is_broken {
            return;
        }
        let body: &[u8] = match report {
            Report::Screen { bytes, .. } => bytes,
            Report::Hello { .. }
            | Report::Inventory(_)
            | Report::Descriptors { .. }
            | Report::Fact { .. }
            | Report::Typed { .. }
            | Report::Aside { .. }
            | Report::Left { .. } => &[],
        };
        let mut bytes = Vec::new();
        if let Err(error) = frame::put(report, body, &mut bytes) {
            // It would have to be told itself, and to whom?
            eprintln!("mainstay: a report that the brain cannot read is left out: {error}");
            return;
        }
        // A duplicate lives on when the original is closed before it could be sent.
        let copies: Result<_, _> = descriptors.iter().map(rustix::io::dup).collect();
        let Ok(copies) = copies else { return }; // With one missing the others could not be told apart.
        self.put(bytes, copies);
    }

    fn put(&mut self, bytes: Vec<u8>, descriptors: Vec<OwnedFd>) {
        let Some(stream) = self.stream.as_mut().filter(|_| !self.is_broken) else { return };
        self.is_broken = stream.put(bytes, descriptors).is_err();
    }

    /// Sends what is to be sent. Returns whether the brain has yet to read some of it.
    pub(crate) fn flush(&mut self) -> bool {
        loop {
            let Some(stream) = self.stream.as_mut().filter(|_| !self.is_broken) else {
                return false;
            };
            self.is_broken = stream.flush().is_err();
            if stream.is_full() {
                return true;
            }
            // There is room for those that have waited.
            self.tell();
            if !self.stream.as_ref().is_some_and(Stream::is_full) {
                return false;
            }
        }
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
        loop {
            match stream.next::<Order>() {
                Ok(Some((order, body))) => {
                    let mut order = with_body(order, body);
                    if let Order::Give { descriptors, .. } = &mut order {
                        let arrived = stream.descriptors(descriptors.numbers.len());
                        descriptors.open = arrived.into_iter().map(Arc::new).collect();
                    }
                    into.push(order);
                }
                Ok(None) => break,
                Err(Closed) => return Heard::Gone,
            }
        }
        if stream.incoming.is_empty() {
            stream.arrived.clear(); // They came beside an order that takes none.
        }
        if end.is_err() { Heard::Gone } else { Heard::Orders }
    }
}

/// Writes what is held in as many frames as it takes.
fn in_frames(held: Vec<Held>, frames: &mut Vec<Vec<u8>>) {
    let report = Report::Inventory(held);
    let mut bytes = Vec::new();
    match frame::put(&report, &[], &mut bytes) {
        Ok(()) => frames.push(bytes),
        Err(error) => {
            let Report::Inventory(mut held) = report else { return };
            if let [one] = &mut held[..] {
                // It was started by an order that is as long: its name and number are what matters.
                eprintln!("mainstay: what {} was started as is left out: {error}", one.key);
                if std::mem::take(&mut one.process) != Arc::<Process>::default() {
                    in_frames(held, frames);
                }
                return;
            }
            let rest = held.split_off(held.len() / 2);
            in_frames(held, frames);
            in_frames(rest, frames);
        }
    }
}

/// Puts the body of its frame where an order has its bytes.
fn with_body(mut order: Order, body: Vec<u8>) -> Order {
    match &mut order {
        Order::Input { bytes, .. }
        | Order::Type { bytes, .. }
        | Order::Aside { input: bytes, .. } => *bytes = body,
        _ => {}
    }
    order
}

#[cfg(test)]
mod tests;

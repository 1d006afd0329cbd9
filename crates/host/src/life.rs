//! The thread that gives signs of life, hears the parent, and sees to it that the process ends when it must.
//!
//! It runs no code of the host's author and waits for nothing but descriptors and time.

use crate::calls::{Calls, Ending};
use crate::protocol::{Asked, PACKET_MOST};
use crate::record;
use crate::voice::Voice;
use rustix::cmsg_space;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SocketType, recvmsg, sockopt,
};
use rustix::process::{Signal, getpid, kill_process};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How a process ends that was asked to and had not let go of its [`Host`](crate::Host) in time.
pub const EXIT_STOP_OVERDUE: i32 = 121;
/// How a process ends whose parent was gone and that had not let go of its [`Host`](crate::Host) in time.
pub const EXIT_PARENT_GONE: i32 = 122;

/// How long what is registered with the C library for the end of the process may take before the process is killed.
const LAST_ACTS_MOST: Duration = Duration::from_secs(1);

/// So many packets are taken before it is seen whether a sign of life is due.
const HEARD_AT_ONCE: usize = 64;

/// What the thread goes by.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) voice: Voice,
    pub(crate) calls: Arc<Calls>,
    /// How often to give a sign of life; absent: never.
    pub(crate) every: Option<Duration>,
    /// How long after it must have ended the process is ended.
    pub(crate) bound: Duration,
    /// Set, and the bell of the voice rung, when the host is let go of.
    pub(crate) is_over: Arc<AtomicBool>,
}

/// What came on the control socket.
enum Came {
    Asked(Asked, Option<OwnedFd>),
    /// Something that is not understood.
    Noise(String),
    Nothing,
    Gone,
}

impl Life {
    pub(crate) fn run(self) {
        let mut beat = self.every.map(|_| Instant::now());
        let mut overdue: Option<(Instant, i32)> = None;
        let mut hears = true;
        while !self.is_over.load(Ordering::Acquire) {
            let now = Instant::now();
            if beat.is_some_and(|at| at <= now) {
                self.voice.beat(self.calls.beat());
                // One that was late is given once.
                beat = self.every.map(|every| now + every);
            }
            if let Some((at, code)) = overdue
                && at <= now
            {
                record!(self.voice, "does not come to its end: ended with code {code}");
                end_process(code);
            }
            let until = [beat, overdue.map(|(at, _)| at)].into_iter().flatten().min();
            self.wait(until.map(|until| until.saturating_duration_since(now)), hears);
            for _ in 0..HEARD_AT_ONCE {
                if !hears {
                    break;
                }
                match hear(&self.voice) {
                    Came::Asked(asked, descriptor) => self.take(asked, descriptor, &mut overdue),
                    Came::Noise(text) => record!(self.voice, "heard nonsense: {text}"),
                    Came::Nothing => break,
                    Came::Gone => {
                        hears = false;
                        beat = None;
                        overdue = Some((Instant::now() + self.bound, EXIT_PARENT_GONE));
                        record!(self.voice, "the parent is gone");
                        self.calls.end(Ending::ParentGone);
                    }
                }
            }
            self.voice.settle();
        }
    }

    fn wait(&self, longest: Option<Duration>, hears: bool) {
        let mut flags = if hears { PollFlags::IN } else { PollFlags::empty() };
        if hears && self.voice.owes() {
            flags |= PollFlags::OUT;
        }
        let control = self.voice.control();
        let bell = self.voice.bell();
        let mut both = [PollFd::new(bell, PollFlags::IN), PollFd::new(&control, flags)];
        // A socket whose other end is gone is always ready: it is not asked about any more.
        let asked = if hears { &mut both[..] } else { &mut both[..1] };
        let longest = longest.and_then(|longest| Timespec::try_from(longest).ok());
        // That it was interrupted is seen like any other wake-up.
        _ = poll(asked, longest.as_ref());
        if !both[0].revents().is_empty() {
            bell.hush();
        }
    }

    fn take(
        &self,
        asked: Asked,
        descriptor: Option<OwnedFd>,
        overdue: &mut Option<(Instant, i32)>,
    ) {
        match (asked, descriptor) {
            (Asked::Stop(within), _) => {
                let by = (within != u64::MAX).then(|| Duration::from_millis(within));
                let by = by.and_then(|within| Instant::now().checked_add(within));
                let bounded = by.and_then(|by| by.checked_add(self.bound));
                *overdue = bounded.map(|at| (at, EXIT_STOP_OVERDUE));
                record!(self.voice, "asked to end");
                self.calls.end(Ending::Stop { by });
            }
            (Asked::Reload, _) => self.calls.reload(),
            (Asked::Reconnect, Some(socket)) if is_stream(&socket) => self.calls.reconnect(socket),
            (Asked::Reconnect, _) => {
                record!(self.voice, "asked to reconnect without a socket to do it on");
            }
            (Asked::Welcome(_) | Asked::Refused(_), _) => {
                record!(self.voice, "heard an answer to a hello that was answered before");
            }
        }
    }
}

fn is_stream(socket: &OwnedFd) -> bool {
    sockopt::socket_type(socket) == Ok(SocketType::STREAM)
}

/// Takes the next packet, if there is one.
fn hear(voice: &Voice) -> Came {
    // One byte more than a packet has: one that is longer is seen to be.
    let mut packet = [0; PACKET_MOST + 1];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let parts = &mut [IoSliceMut::new(&mut packet)];
    let got = match recvmsg(voice.control(), parts, &mut ancillary, flags) {
        Ok(got) => got,
        Err(Errno::AGAIN | Errno::INTR) => return Came::Nothing,
        Err(_) => return Came::Gone,
    };
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    // No packet is empty: this is the end.
    if got.bytes == 0 {
        return Came::Gone;
    }
    if got.bytes > PACKET_MOST || got.flags.contains(ReturnFlags::TRUNC) {
        return Came::Noise(format!("a packet of more than {PACKET_MOST} bytes"));
    }
    match Asked::parse(&packet[..got.bytes]) {
        Ok(asked) => Came::Asked(asked, descriptors.into_iter().next()),
        Err(error) => Came::Noise(error.to_string()),
    }
}

/// What came of a hello.
#[derive(Debug)]
pub(crate) enum Answer {
    Asked(Asked),
    /// Something that is not understood.
    Noise(String),
    /// Nothing, for too long.
    Silence,
    /// The parent is gone.
    Gone,
}

/// Waits for the answer to a hello.
///
/// # Errors
///
/// The system does not let it wait.
pub(crate) fn answer(voice: &Voice, within: Duration) -> io::Result<Answer> {
    let until = Instant::now() + within;
    loop {
        match hear(voice) {
            Came::Asked(Asked::Reload, _) => {}
            Came::Asked(asked, _) => return Ok(Answer::Asked(asked)),
            Came::Noise(text) => return Ok(Answer::Noise(text)),
            Came::Gone => return Ok(Answer::Gone),
            Came::Nothing => {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(Answer::Silence);
                }
                let control = voice.control();
                let left = Timespec::try_from(left).ok();
                match poll(&mut [PollFd::new(&control, PollFlags::IN)], left.as_ref()) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}

/// Ends this process, whatever its threads are doing.
fn end_process(code: i32) -> ! {
    // What a vendor's library does at the end may hang as well, so it is done by a thread that is not waited for.
    let last = thread::Builder::new().name("mainstay-end".into());
    #[expect(
        clippy::disallowed_methods,
        reason = "the thread that should return from `main` hangs"
    )]
    let exits = last.spawn(move || std::process::exit(code));
    if exits.is_ok() {
        let until = Instant::now() + LAST_ACTS_MOST;
        while Instant::now() < until {
            thread::park_timeout(until.saturating_duration_since(Instant::now()));
        }
    }
    loop {
        // There is no process that may not kill itself.
        _ = kill_process(getpid(), Signal::KILL);
        thread::park();
    }
}

//! The calls of one run: who waits for which answer, and what is still to be sent.
//!
//! Whoever calls writes as much as the socket takes, there and then; what is left is written by the run's task,
//! which also reads the answers. So a small call costs one system call and wakes nobody on its way out.

mod inner;

use super::error::CallError;
use inner::{Inner, Waiter};
use mainstay_core::{Path, RunId};
use mainstay_host::Failure;
use mainstay_host::protocol::{Head, Kind};
use rustix::net::RecvFlags;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::{Notify, mpsc, oneshot};

/// How many calls may be under way unless somebody says otherwise.
pub(super) const CALLS: usize = 1_024;
/// How many items of a stream are on their way at most.
pub(super) const CREDIT: u32 = 32;
/// How many bytes may wait for a host that does not read, or two messages of the largest size where that is more.
const UNSENT: usize = 16 << 20;
/// So much is read at once.
const CHUNK: usize = 64 * 1024;
/// So many times in a row is read before others have their turn.
const READS: usize = 4;
/// So many times is read at the end of a run: more than a socket holds.
const LAST_READS: usize = 64;

/// The connection to one run of a host. It is opened with the run and closed with it, and never opened again.
pub(crate) struct Line {
    pub(super) path: Path,
    pub(super) run: RunId,
    /// How large a message may be.
    pub(super) most: u32,
    /// How many calls may be under way.
    calls: usize,
    /// Whether it takes one call in its life.
    is_one_shot: bool,
    inner: Mutex<Inner>,
    /// What has come and is no whole frame yet. It is locked before the rest.
    come: Mutex<Vec<u8>>,
    /// Wakes the task that writes.
    has_output: Notify,
    /// What is wished of the run beside calls.
    wishes: mpsc::UnboundedSender<Wish>,
    /// How many answers and items have come.
    answers: AtomicU64,
    /// Whether the connection has ended. What the run ended of is told to those who wait, as soon as it is known.
    is_broken: AtomicBool,
}

/// What a host is told over its control socket.
pub(super) enum Wish {
    /// To end, within this long where there is a bound.
    Stop(Option<Duration>),
    /// To read its settings again.
    Reload,
    /// To be called over another socket; told when it is.
    Reconnect(oneshot::Sender<()>),
    /// To end, for it has had its one call.
    Done,
    /// To end, for nobody waits for its one call any more.
    Unwanted,
}

/// What came of a call: bytes of a reply or an item.
pub(super) type Answer = Result<Vec<u8>, CallError>;

/// Why a connection is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    #[error("it closed its calls socket")]
    Closed,
    #[error("it sent something that is no frame on its calls socket")]
    Nonsense,
    #[error("it sent a message of {0} bytes, which is more than is allowed")]
    TooLarge(u32),
}

impl Line {
    pub(super) fn new(
        (path, run): (Path, RunId),
        (most, calls, is_one_shot): (u32, usize, bool),
        wishes: mpsc::UnboundedSender<Wish>,
    ) -> Arc<Self> {
        Arc::new(Self {
            path,
            run,
            most,
            calls,
            is_one_shot,
            inner: Mutex::default(),
            come: Mutex::default(),
            has_output: Notify::new(),
            wishes,
            answers: AtomicU64::new(0),
            is_broken: AtomicBool::new(false),
        })
    }

    /// Says what is wished. Once the run is over nobody hears it.
    pub(super) fn wish(&self, wish: Wish) {
        _ = self.wishes.send(wish);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns why nothing can be asked any more, once that is so.
    pub(super) fn gone(&self) -> Option<Arc<str>> {
        self.lock().gone.clone()
    }

    /// Returns whether it can be asked for nothing more, because it is gone or has had its one call.
    pub(super) fn is_over(&self) -> bool {
        let inner = self.lock();
        let is_broken = self.is_broken.load(Ordering::Relaxed);
        is_broken || inner.gone.is_some() || self.is_taken(&inner)
    }

    /// The connection has ended.
    pub(super) fn is_cut(&self) {
        self.is_broken.store(true, Ordering::Relaxed);
    }

    /// Returns whether it takes one call in its life.
    pub(super) const fn is_one_shot(&self) -> bool {
        self.is_one_shot
    }

    const fn is_taken(&self, inner: &Inner) -> bool {
        self.is_one_shot && inner.next > 0
    }

    /// Returns how many calls are under way.
    pub(super) fn pending(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Returns how many answers and items have come so far.
    pub(super) fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    /// The run is over. What it answered before is told, and the rest fails.
    pub(super) fn end(&self, why: &Arc<str>) {
        self.read_last();
        self.close(why);
    }

    /// Fails every call that is under way, and every one that is made from now on.
    pub(super) fn close(&self, why: &Arc<str>) {
        let mut inner = self.lock();
        inner.gone.get_or_insert_with(|| Arc::clone(why));
        (inner.stream, inner.out, inner.sent) = (None, Vec::new(), 0);
        let waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        self.fail(waiting, why);
        self.has_output.notify_one();
    }

    /// Goes on over another socket. What was under way has been forgotten at the other end.
    pub(super) fn connect(&self, stream: &Arc<UnixStream>) {
        let mut inner = self.lock();
        if inner.gone.is_some() {
            return;
        }
        inner.stream = Some(Arc::clone(stream));
        (inner.out, inner.sent) = (Vec::new(), 0);
        let waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        // The one call of its life was among them.
        if self.is_one_shot && !waiting.is_empty() {
            self.wish(Wish::Unwanted);
        }
        self.fail(waiting, &"the connection was made anew while it was asked".into());
        self.has_output.notify_one();
    }

    fn fail(&self, waiting: HashMap<u64, Waiter>, why: &Arc<str>) {
        for waiter in waiting.into_values() {
            waiter.tell(Err(self.is_gone(why)));
        }
    }

    pub(super) fn is_gone(&self, why: &Arc<str>) -> CallError {
        CallError::Gone { path: self.path.clone(), run: self.run, why: Arc::clone(why) }
    }

    /// Asks for one reply.
    pub(super) fn call(&self, body: &[u8]) -> Result<(u64, oneshot::Receiver<Answer>), CallError> {
        let (tell, answer) = oneshot::channel();
        let call = self.begin(Waiter::Reply(tell), Kind::Request, &[], body)?;
        Ok((call, answer))
    }

    /// Asks for a stream of items.
    pub(super) fn stream(&self, body: &[u8]) -> Result<(u64, mpsc::Receiver<Answer>), CallError> {
        // One more place than there is credit: the end comes behind the last item.
        let (tell, items) = mpsc::channel(CREDIT as usize + 1);
        let call = self.begin(Waiter::Items(tell), Kind::Stream, &CREDIT.to_le_bytes(), body)?;
        Ok((call, items))
    }

    fn begin(
        &self,
        waiter: Waiter,
        kind: Kind,
        before: &[u8],
        body: &[u8],
    ) -> Result<u64, CallError> {
        let size = before.len() + body.len();
        let length = u32::try_from(size).ok().filter(|size| *size <= self.most);
        let Some(length) = length else {
            return Err(CallError::TooLarge { path: self.path.clone(), size, most: self.most });
        };
        let mut inner = self.lock();
        if let Some(why) = &inner.gone {
            return Err(self.is_gone(why));
        }
        if inner.waiting.len() >= self.calls || self.is_taken(&inner) {
            return Err(CallError::Busy { path: self.path.clone(), most: self.calls });
        }
        let unsent = inner.out.len() - inner.sent;
        if unsent > 0 && unsent + size > UNSENT.max(2 * self.most as usize) {
            return Err(CallError::Full { path: self.path.clone(), bytes: unsent });
        }
        inner.next += 1;
        let call = inner.next;
        inner.waiting.insert(call, waiter);
        inner.put(Head { length, kind, call }, before, body);
        if !inner.flush() {
            self.has_output.notify_one();
        }
        Ok(call)
    }

    /// Nobody waits for this call any more.
    pub(super) fn cancel(&self, call: u64) {
        let mut inner = self.lock();
        if inner.waiting.remove(&call).is_some() {
            inner.put(Head { length: 0, kind: Kind::Cancel, call }, &[], &[]);
            if !inner.flush() {
                self.has_output.notify_one();
            }
            // No answer will come of which it could be seen that the call is over.
            if self.is_one_shot {
                self.wish(Wish::Unwanted);
            }
        }
    }

    /// Lets more items come.
    pub(super) fn credit(&self, call: u64, more: u32) {
        let mut inner = self.lock();
        if inner.waiting.contains_key(&call) {
            inner.put(Head { length: 4, kind: Kind::Credit, call }, &more.to_le_bytes(), &[]);
            if !inner.flush() {
                self.has_output.notify_one();
            }
        }
    }

    /// Writes what waits whenever the socket takes it. Returns when the line is closed.
    pub(super) async fn write(&self) {
        loop {
            let stream = {
                let mut inner = self.lock();
                if inner.gone.is_some() {
                    return;
                }
                if inner.flush() { None } else { inner.stream.clone() }
            };
            match stream {
                // An error shows at the next attempt, and to who reads.
                Some(stream) => _ = stream.writable().await,
                None => self.has_output.notified().await,
            }
        }
    }

    /// Reads answers until the socket is of no more use.
    pub(super) async fn read(&self, stream: &UnixStream) -> Broken {
        self.come().clear();
        loop {
            if stream.readable().await.is_err() {
                return Broken::Closed;
            }
            let mut reads = 0;
            while reads < READS {
                reads += 1;
                let mut come = self.come();
                come.reserve(CHUNK);
                match stream.try_read_buf(&mut *come) {
                    Ok(0) => return Broken::Closed,
                    Ok(_) => {
                        if let Err(broken) = self.take_all(&mut come) {
                            return broken;
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(_) => return Broken::Closed,
                }
            }
            // A host that never stops to send has no more than its share of the thread.
            if reads == READS {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Reads what is still in the socket of a run that is over.
    fn read_last(&self) {
        let Some(stream) = self.lock().stream.clone() else { return };
        let mut come = self.come();
        for _ in 0..LAST_READS {
            let before = come.len();
            come.resize(before + CHUNK, 0);
            let read = rustix::net::recv(&*stream, &mut come[before..], RecvFlags::DONTWAIT);
            let read = read.map_or(0, |(read, _)| read);
            come.truncate(before + read);
            if read == 0 || self.take_all(&mut come).is_err() {
                return;
            }
        }
    }

    fn come(&self) -> MutexGuard<'_, Vec<u8>> {
        self.come.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes every frame that is complete.
    fn take_all(&self, come: &mut Vec<u8>) -> Result<(), Broken> {
        let mut rest = &come[..];
        while self.take(&mut rest)? {}
        let taken = come.len() - rest.len();
        come.drain(..taken);
        Ok(())
    }

    /// Takes one frame, if it is complete.
    fn take(&self, come: &mut &[u8]) -> Result<bool, Broken> {
        let Some((head, rest)) = come.split_first_chunk() else { return Ok(false) };
        let head = Head::parse(*head).ok_or(Broken::Nonsense)?;
        if head.length > self.most {
            return Err(Broken::TooLarge(head.length));
        }
        let Some((body, rest)) = rest.split_at_checked(head.length as usize) else {
            return Ok(false);
        };
        *come = rest;
        self.answer(head, body)?;
        Ok(true)
    }

    fn answer(&self, Head { kind, call, .. }: Head, body: &[u8]) -> Result<(), Broken> {
        let mut inner = self.lock();
        match kind {
            Kind::Item => {
                // Of a call that nobody waits for any more: it was cancelled meanwhile.
                let Some(waiter) = inner.waiting.get(&call) else { return Ok(()) };
                let Waiter::Items(tell) = waiter else { return Err(Broken::Nonsense) };
                // The last place is for the last word: who sends that much has no credit for it.
                if tell.capacity() <= 1 && !tell.is_closed() {
                    return Err(Broken::Nonsense);
                }
                _ = tell.try_send(Ok(body.to_vec()));
                drop(inner);
                self.answers.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Kind::Reply | Kind::Failed | Kind::End => {
                // Nobody waits for it any more: it was cancelled meanwhile.
                let is_reply = match inner.waiting.get(&call) {
                    Some(waiter) => matches!(waiter, Waiter::Reply(_)),
                    None => return Ok(()),
                };
                // What makes no sense answers nobody: who waits is told why the connection ended.
                let answer = if kind == Kind::Failed {
                    let failure = Failure::parse(body).ok_or(Broken::Nonsense)?;
                    Some(Err(CallError::Failed { path: self.path.clone(), failure }))
                } else if is_reply != (kind == Kind::Reply) {
                    return Err(Broken::Nonsense);
                } else {
                    // The end of a stream is told by nobody being there to send more.
                    is_reply.then(|| Ok(body.to_vec()))
                };
                let waiter = inner.waiting.remove(&call);
                drop(inner);
                if self.is_one_shot {
                    self.wish(Wish::Done);
                }
                self.answers.fetch_add(1, Ordering::Relaxed);
                if let (Some(waiter), Some(answer)) = (waiter, answer) {
                    waiter.tell(answer);
                }
                Ok(())
            }
            Kind::Request | Kind::Stream | Kind::Cancel | Kind::Credit => Err(Broken::Nonsense),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_answered_before_the_end_is_told() {
        let (ours, its) = UnixStream::pair().expect("a pair");
        let (wishes, _wished) = mpsc::unbounded_channel();
        let line = Line::new((Path::root(), RunId(1)), (1 << 20, CALLS, false), wishes);
        line.connect(&Arc::new(ours));
        let (first, answered) = line.call(b"a").expect("there is room");
        let (_, unanswered) = line.call(b"b").expect("there is room");
        let head = Head { length: 2, kind: Kind::Reply, call: first }.to_bytes();
        its.writable().await.expect("it is open");
        assert_eq!(its.try_write(&[&head[..], b"ok"].concat()).ok(), Some(head.len() + 2));
        drop(its);
        // Nobody has read it yet.
        line.end(&"it was stopped".into());
        assert_eq!(answered.await.expect("it is told").expect("an answer"), b"ok");
        let error = unanswered.await.expect("it is told").expect_err("it was not answered");
        assert!(error.to_string().ends_with("it was stopped"), "{error}");
    }

    #[tokio::test]
    async fn what_was_written_does_not_pile_up_while_something_is_always_left() {
        let (ours, its) = UnixStream::pair().expect("a pair");
        let (wishes, _wished) = mpsc::unbounded_channel();
        let line = Line::new((Path::root(), RunId(1)), (1 << 20, CALLS, false), wishes);
        let ours = Arc::new(ours);
        line.connect(&ours);
        let unsent = || {
            let inner = line.lock();
            inner.out.len() - inner.sent
        };
        let body = vec![0; 1 << 20];
        let mut bytes = vec![0; 1 << 20];
        for _ in 0..200 {
            while unsent() < 2 << 20 {
                let (call, _) = line.call(&body).expect("there is room");
                line.cancel(call);
            }
            its.readable().await.expect("it is open");
            while its.try_read(&mut bytes).is_ok() {}
            ours.writable().await.expect("it is open");
            line.lock().flush();
            let kept = line.lock().out.len();
            assert!(kept < 8 << 20, "{kept} bytes are kept");
        }
    }
}

//! Serving: one call after the other, on the threads that the host's author gives.

mod items;

use crate::calls::frames::Form;
use crate::calls::{Begun, Calls, Cancelled, Ending, Key, Next};
use crate::contract::{Codec, Contract};
use crate::host::{Host, Requests};
use crate::protocol::{Failure, Kind, code};
use crate::recorder::Recorder;
use crate::ring::Mark;
use crate::voice::Voice;
pub use items::{ItemError, Items};
use std::any::Any;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::Instant;

/// How a process ends after a panic, where that was chosen.
pub const EXIT_PANICKED: i32 = 101;

/// So much of the memory of one answer is kept for the next.
const KEPT_MOST: usize = 128 << 10;

/// So much of a request is noted where it begins.
const SHOWN_MOST: usize = 160;

/// What becomes of the process after a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Panics {
    /// The caller is told, and the host goes on.
    Answered,
    /// The caller is told, and the process ends.
    Exit,
}

/// What answers the calls of a contract, on one thread.
pub trait Serves<C: Contract> {
    /// Answers a request.
    ///
    /// # Errors
    ///
    /// What the caller is told instead of a reply. The contract's own codes begin at
    /// [`FIRST_OWN`](crate::protocol::code::FIRST_OWN).
    fn reply(&mut self, call: &mut Call<'_>, request: C::Request) -> Result<C::Reply, Failure>;

    /// Answers a request by a stream of items, which is over when this returns.
    ///
    /// Unless it is written, requests for streams are refused.
    ///
    /// # Errors
    ///
    /// What the caller is told at the end of the stream.
    fn stream(&mut self, items: &mut Items<'_, C>, request: C::Request) -> Result<(), Failure> {
        let _ = (items, request);
        Err(Failure::new(code::WRONG_FORM, "this host answers no request by a stream"))
    }

    /// Reads the settings again, between two calls. The parent is told when all threads have.
    ///
    /// Unless it is written there are no settings, and nothing to do.
    fn reload(&mut self) {}
}

/// What answers by one reply.
struct Replies<F>(F);

impl<C, F> Serves<C> for Replies<F>
where
    C: Contract,
    F: FnMut(&mut Call<'_>, C::Request) -> Result<C::Reply, Failure>,
{
    fn reply(&mut self, call: &mut Call<'_>, request: C::Request) -> Result<C::Reply, Failure> {
        (self.0)(call, request)
    }
}

/// A call that is being answered. All that a [`Voice`] can tell, it can.
#[derive(Debug)]
pub struct Call<'a> {
    voice: &'a Voice,
    calls: &'a Calls,
    key: Key,
}

impl Call<'_> {
    /// Returns its number, which the flight recorder notes with all that is done for it.
    pub fn number(&self) -> u64 {
        self.key.call
    }

    /// Returns whether nobody waits for the answer any more. It looks, which is one system call.
    pub fn is_cancelled(&self) -> bool {
        self.calls.is_cancelled(self.key)
    }

    /// Returns why this host is to end, if it is. The call may still be answered.
    pub fn ending(&self) -> Option<Ending> {
        self.calls.ending()
    }

    fn credit(&self) -> Result<(), Cancelled> {
        self.calls.credit(self.key)
    }
}

impl Deref for Call<'_> {
    type Target = Voice;

    fn deref(&self) -> &Voice {
        self.voice
    }
}

/// Serving is over because the parent asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// By when the process is to have ended; absent: nothing bounds it.
    pub by: Option<Instant>,
}

/// The parent is gone. There is nothing left to do but to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the parent of this host is gone")]
pub struct ParentGone;

impl<C: Contract> Host<C> {
    /// Answers requests on this thread until the parent asks the host to end. Tells that it is ready, where nobody has.
    ///
    /// A call that is being answered when the host is asked to end is answered; those that wait are refused.
    ///
    /// # Errors
    ///
    /// The parent is gone.
    pub fn serve<F>(&self, reply: F) -> Result<Stopped, ParentGone>
    where
        F: FnMut(&mut Call<'_>, C::Request) -> Result<C::Reply, Failure>,
    {
        self.serve_with(&mut Replies(reply))
    }

    /// As [`serve`](Self::serve), for what also answers by streams or has settings to read again.
    ///
    /// # Errors
    ///
    /// The parent is gone.
    pub fn serve_with(&self, serves: &mut impl Serves<C>) -> Result<Stopped, ParentGone> {
        let reloads = self.calls.join();
        self.voice.ready_at_last();
        self.serve_one_by_one(serves, reloads)
    }

    /// As [`serve_with`](Self::serve_with), on so many threads, each with what `make` makes on it of its number from 0
    /// on. Returns when all of them have ended.
    ///
    /// # Errors
    ///
    /// The parent is gone.
    ///
    /// # Panics
    ///
    /// `make` panics, or the system has no thread left.
    pub fn serve_on<S: Serves<C>>(
        &self,
        threads: NonZeroUsize,
        make: impl Fn(usize) -> S + Sync,
    ) -> Result<Stopped, ParentGone> {
        let make = &make;
        let reloads = (0..threads.get()).map(|_| self.calls.join()).collect::<Vec<_>>();
        thread::scope(|scope| {
            let serving = reloads.into_iter().enumerate().map(|(number, reloads)| {
                scope.spawn(move || {
                    let mut serves = match catch_unwind(AssertUnwindSafe(|| make(number))) {
                        Ok(serves) => serves,
                        Err(panic) => {
                            // The others come back, so that it is heard of.
                            self.calls.end(Ending::Stop { by: None });
                            resume_unwind(panic);
                        }
                    };
                    self.voice.ready_at_last();
                    self.serve_one_by_one(&mut serves, reloads)
                })
            });
            let serving = serving.collect::<Vec<_>>();
            let mut ended = Ok(Stopped { by: None });
            for one in serving {
                match one.join() {
                    Ok(Ok(stopped)) if ended.is_ok() => ended = Ok(stopped),
                    Ok(Ok(_)) => {}
                    Ok(Err(gone)) => ended = Err(gone),
                    Err(panic) => resume_unwind(panic),
                }
            }
            ended
        })
    }

    fn serve_one_by_one(
        &self,
        serves: &mut impl Serves<C>,
        mut reloads: u64,
    ) -> Result<Stopped, ParentGone> {
        let mut out = Vec::new();
        let ended = loop {
            match self.calls.next(&mut reloads) {
                Next::Call(begun) => {
                    self.answer(serves, begun, &mut out);
                    out.clear();
                    out.shrink_to(KEPT_MOST);
                }
                Next::Reload => {
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| serves.reload())) {
                        self.panicked("while its settings were read again", &*panic);
                    }
                    self.calls.reloaded(reloads);
                }
                Next::End(Ending::Stop { by }) => break Ok(Stopped { by }),
                Next::End(Ending::ParentGone) => break Err(ParentGone),
            }
        };
        self.calls.leave(reloads);
        ended
    }

    /// Answers a call. The body of the answer is made in `out`, which is empty.
    fn answer(&self, serves: &mut impl Serves<C>, begun: Begun, out: &mut Vec<u8>) {
        let Begun { key, transport, form, body } = begun;
        let within = Recorder::within(key.call);
        let recorder = self.voice.recorder();
        match shown(&body).filter(|_| self.requests == Requests::Shown) {
            Some(text) => recorder.mark(Mark::Begins, format_args!("{text}")),
            None => recorder.mark(Mark::Begins, format_args!("{} bytes", body.len())),
        }
        #[cfg(feature = "faults")]
        let spoils = self.faults.strike(&self.voice, &body);
        let call = Call { voice: &self.voice, calls: &self.calls, key };
        let caught = catch_unwind(AssertUnwindSafe(|| match form {
            Form::Reply => self.reply(serves, call, &body, out),
            Form::Stream(_) => self.stream(serves, Items::new(call, &transport), &body),
        }));
        let panicked = caught.is_err();
        let answer = caught.unwrap_or_else(|panic| {
            Err(Failure::new(code::PANICKED, said(&*panic).unwrap_or("it said nothing")))
        });
        match &answer {
            Ok(_) => recorder.mark(Mark::Answered, format_args!("")),
            Err(failure) => recorder.mark(Mark::Failed, format_args!("{failure}")),
        }
        if self.calls.is_awaited(key) {
            let kind = answer.unwrap_or_else(|failure| {
                *out = bounded(&failure, self.calls.most());
                Kind::Failed
            });
            #[cfg(feature = "faults")]
            spoils.spoil(&transport, kind, key.call, out);
            transport.write(kind, key.call, out);
        }
        self.calls.finish(key, body);
        drop(within);
        if panicked && self.panics == Panics::Exit {
            exit_panicked();
        }
    }

    fn reply(
        &self,
        serves: &mut impl Serves<C>,
        mut call: Call<'_>,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Kind, Failure> {
        let request = request::<C>(body)?;
        let reply = serves.reply(&mut call, request)?;
        <C::Codec as Codec<C::Reply>>::encode(&reply, out).map_err(|error| {
            Failure::new(code::MALFORMED, format!("the reply has no form: {error}"))
        })?;
        if out.len() > self.calls.most() {
            let why = format!("the reply has {} bytes of at most {}", out.len(), self.calls.most());
            return Err(Failure::new(code::TOO_LARGE, why));
        }
        Ok(Kind::Reply)
    }

    fn stream(
        &self,
        serves: &mut impl Serves<C>,
        mut items: Items<'_, C>,
        body: &[u8],
    ) -> Result<Kind, Failure> {
        serves.stream(&mut items, request::<C>(body)?)?;
        Ok(Kind::End)
    }

    /// Notes a panic that no caller is told of.
    fn panicked(&self, when: &str, panic: &(dyn Any + Send)) {
        let said = said(panic).unwrap_or("it said nothing");
        self.voice.recorder().note(format_args!("panicked {when}: {said}"));
        if self.panics == Panics::Exit {
            exit_panicked();
        }
    }
}

fn request<C: Contract>(body: &[u8]) -> Result<C::Request, Failure> {
    <C::Codec as Codec<C::Request>>::decode(body)
        .map_err(|error| Failure::new(code::MALFORMED, error.to_string()))
}

/// Returns the body of a failure, its text cut to what fits.
fn bounded(failure: &Failure, most: usize) -> Vec<u8> {
    let mut body = failure.to_body();
    body.truncate(most.max(size_of::<u32>()));
    body
}

/// Returns what a panic says.
fn said(panic: &(dyn Any + Send)) -> Option<&str> {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref().map(String::as_str))
}

/// Returns how a request begins, where it is a text.
fn shown(body: &[u8]) -> Option<&str> {
    let begins = &body[..body.len().min(SHOWN_MOST)];
    let text = match str::from_utf8(begins) {
        Ok(text) => text,
        // A letter that is cut in two is none of its faults.
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&begins[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    (!text.chars().any(char::is_control)).then_some(text)
}

#[expect(
    clippy::disallowed_methods,
    reason = "its author chose it: nothing is trusted after a panic"
)]
fn exit_panicked() -> ! {
    std::process::exit(EXIT_PANICKED)
}

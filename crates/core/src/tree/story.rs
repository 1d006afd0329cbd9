//! The words of an explanation.

use super::explain::{Blocker, Chance, Explanation, LimitView};
use crate::child::{Rest, State};
use crate::command::Standing;
use crate::event::{Action, Rule};
use crate::exit::Asked;
use crate::moment::Brief;
use crate::policy::breaker::BreakerState;
use crate::policy::budget::Count;
use core::fmt;

/// As the predicate of a sentence about the child.
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "is down",
            Self::Waiting => "waits for its next run",
            Self::Blocked => "waits for others",
            Self::Starting => "is starting",
            Self::Up => "is up and not ready",
            Self::Ready => "is ready",
            Self::Stopping => "is stopping",
            Self::Abandoned => "could not be ended and was abandoned",
            Self::Removed => "has left the tree",
        })
    }
}

/// A short story with numbers and times.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.path)?;
        match &self.state {
            State::Live(life) => {
                write!(f, "{}: run {}", self.standing, life.run)?;
                if let Some((asked, at)) = life.asked {
                    write!(f, ", asked to end {} ago because {asked}", Brief(self.now.since(at)))?;
                }
            }
            State::Rest { why, since } => {
                write!(f, "does not run: {why}, for {}", Brief(self.now.since(*since)))?;
            }
        }
        f.write_str(".\n")?;
        if let Some(blocker) = &self.blocker {
            writeln!(f, "  {blocker}.")?;
        }
        for (path, last) in &self.chain {
            write!(
                f,
                "  {path} {} {} after {}, at {}",
                last.run,
                last.cause,
                Brief(last.ended.since(last.began)),
                last.ended
            )?;
            if let Some(detail) = &last.detail {
                write!(f, ": {detail:?}")?;
            }
            writeln!(f, ".\n    {}: {}.", last.decision.0, last.decision.1)?;
        }
        match self.next {
            Some((at, why)) => {
                writeln!(f, "  Next, in {}, at {at}: {why}.", Brief(at.since(self.now)))?;
            }
            None => f.write_str("  Nothing is due by itself.\n")?,
        }
        for chance in &self.chances {
            writeln!(f, "  What would change it: {chance}.")?;
        }
        for LimitView { owner, limit, reading } in &self.limits {
            write!(f, "  Limit of {owner}: {limit}; {} of {} used", reading.count, reading.most)?;
            match reading.falls {
                Some(falls) => writeln!(f, ", one less in {}.", Brief(falls.since(self.now)))?,
                None => f.write_str(".\n")?,
            }
        }
        if self.breaker.state != BreakerState::Closed || self.level > 0 {
            writeln!(f, "  Its breaker is {}, level {}.", self.breaker.state, self.level)?;
        }
        for alert in self.alerts.iter().filter(|alert| alert.seen.is_none()) {
            writeln!(f, "  An alert waits for a person since {}: {}.", alert.since, alert.kind)?;
        }
        Ok(())
    }
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Needed(path, state) => write!(f, "It needs {path}, which {}", Doing(state)),
            Self::Above(path, state) => {
                write!(f, "Its supervisor is {path}, which {}", Doing(state))
            }
            Self::Leader(path) => write!(f, "The end of {path} began it"),
            Self::Paused(path) => write!(f, "Who is paused is {path}"),
            Self::Cooling(path) => write!(f, "Who cools down is {path}"),
            Self::Queue(0) => f.write_str("It is the next in the queue"),
            Self::Queue(ahead) => write!(f, "Before it in the queue are {ahead}"),
        }
    }
}

/// What another child is doing, as the predicate of a sentence.
struct Doing<'a>(&'a State);

impl fmt::Display for Doing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            State::Live(life) => life.standing().fmt(f),
            State::Rest { why, .. } => write!(f, "does not run: {why}"),
        }
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("`start` begins the next run now"),
            Self::StartOver => f.write_str("`start --override` runs it in spite of that"),
            Self::Resume(path) => write!(f, "`resume {path}`"),
            Self::Release => f.write_str("`release`"),
            Self::Reset(path) => write!(f, "`reset {path}`"),
            Self::Child(path) => write!(f, "what {path} does"),
            Self::Demand => f.write_str("somebody wants to use it"),
            Self::Gone(run) => write!(f, "run {run} is found gone"),
        }
    }
}

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draining => f.write_str("the tree is draining"),
            Self::Above => f.write_str("its supervisor is not up"),
            Self::Group => f.write_str("its siblings are being restarted with it"),
            Self::Quarantined => f.write_str("it is quarantined"),
            Self::Paused => f.write_str("automatic starts are paused"),
            Self::Broken { until: Some(until) } => write!(f, "its breaker is open until {until}"),
            Self::Broken { until: None } => f.write_str("its breaker is open until it is reset"),
            Self::Stopped => f.write_str("an operator stopped it"),
            Self::Finished(finish) => write!(f, "{finish}"),
            Self::Waiting { until } => write!(f, "it waits until {until} before the next run"),
            Self::Demand => f.write_str("nobody has wanted to use it yet"),
            Self::Need { .. } => f.write_str("a child it needs has not come far enough"),
            Self::Cooldown { until: Some(until), .. } => {
                write!(f, "its supervisor cools down until {until}")
            }
            Self::Cooldown { until: None, .. } => {
                f.write_str("its supervisor cools down until it is reset")
            }
            Self::Slot { .. } => f.write_str("enough siblings are starting already"),
            Self::Storm { .. } => f.write_str("the storm rate of the tree delays it"),
        }
    }
}

impl fmt::Display for crate::child::Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Completed => "it completed",
            Self::Failed => "it failed and gets no further run",
            Self::Skipped => "it had nothing to do",
            Self::Stopped => "it was stopped with its group and gets no further run",
            Self::NeedLost => "a child it needs went away",
            Self::AwaitsStart => "its breaker was reset and it awaits a start",
        })
    }
}

impl fmt::Display for crate::child::AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BreakerOpened => f.write_str("its breaker opened"),
            Self::GroupCooling => {
                f.write_str("the budget over its children is spent, they cool down")
            }
            Self::Quarantined => f.write_str("its budget is spent, it stays down until released"),
            Self::CannotStart(step) => {
                write!(f, "it failed while {step}, which retrying cannot mend: {}", step.remedy())
            }
            Self::Permanent => f.write_str("its error said that another try is useless"),
            Self::GaveUp => f.write_str("it gave up"),
            Self::Abandoned => f.write_str("a run of it could not be ended"),
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stop => "an operator stopped it",
            Self::Restart => "an operator restarted it",
            Self::Recycle => "it makes place for a fresh run",
            Self::Guard => "it passed its hard memory limit",
            Self::Group => "its siblings are being restarted with it",
            Self::Close => "its supervisor is closing",
            Self::Dependency => "a child it needs went away",
            Self::Quarantine => "it was quarantined",
            Self::Remove => "it is being removed",
            Self::Replace => "it has another spec",
            Self::Idle => "nobody used it",
            Self::StartTimeout => "it did not start in time",
            Self::ReadyTimeout => "it did not become ready in time",
            Self::HeartbeatLost => "its heartbeat was lost",
            Self::ProbeFailed => "its probe failed",
            Self::NoProgress => "its pending work stood still",
        })
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed"),
            Self::Open(Some(until)) => write!(f, "open until {until}"),
            Self::Open(None) => f.write_str("open until reset"),
            Self::Trial => f.write_str("on trial"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked(asked) => write!(f, "It was asked to end because {asked}"),
            Self::Draining => f.write_str("The tree was draining"),
            Self::Closing => f.write_str("Its supervisor was closing"),
            Self::GroupUnderWay => f.write_str("Its group was being restarted already"),
            Self::Always => f.write_str("By `restart: always`"),
            Self::OnFailure => f.write_str("By `restart: on-failure`"),
            Self::CleanEnd => f.write_str("A clean end under `restart: on-failure`"),
            Self::Never => f.write_str("By `restart: never`"),
            Self::Skipped => f.write_str("There was nothing to do"),
            Self::Permanent => f.write_str("The error was permanent"),
            Self::Fatal => f.write_str("The error was fatal"),
            Self::Unmendable => f.write_str("Retrying cannot mend that"),
            Self::Spent(_) => f.write_str("A limit was spent"),
            Self::TrialFailed => f.write_str("It was the trial of an open breaker"),
            Self::Disowned => f.write_str("An operator went past the abandoned run"),
            Self::BegunAgain => f.write_str("Nobody saw it end, and the tree was begun again"),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::spec::OnExhausted;
        match self {
            Self::AsWanted => f.write_str("what is wanted decides"),
            Self::Restart { at, delay } => {
                write!(f, "the next run at {at}, after {}", Brief(delay.wait))?;
                if delay.holdoff.is_zero() {
                    Ok(())
                } else {
                    write!(f, " and {} of holdoff", Brief(delay.holdoff))
                }
            }
            Self::Regroup { delay } => {
                write!(f, "its siblings are stopped, then all start after {}", Brief(delay.wait))
            }
            Self::Finish => f.write_str("no further run"),
            Self::Exhaust { end, .. } => f.write_str(match end {
                OnExhausted::Cooldown => "the breaker opens",
                OnExhausted::Quarantine => "down until released",
                OnExhausted::Escalate => "the supervisor gives up",
                OnExhausted::Shutdown => "the tree ends",
            }),
        }
    }
}

impl Count {
    /// Returns the word a spec file uses.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Starts => "starts",
            Self::Restarts => "restarts",
            Self::Failures => "failures",
        }
    }
}

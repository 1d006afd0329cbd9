//! How well a child is, in one word that can be counted.

use super::{Child, Finish, Life, Phase, Rest, State};
use crate::exit::Asked;
use crate::spec::Criticality;

/// How well a child is, weighed by its criticality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// It serves, or is down because nothing more is wanted of it.
    Fine,
    /// It is on its way: nobody has to do anything.
    Coming,
    /// It is not as it should be, and the rest can do without it.
    Degraded,
    /// It is down although it should not be.
    Faulted,
}

impl Child {
    /// Returns how well it is.
    ///
    /// An optional child is never more than degraded, and nobody waits for it to come. A run that ends
    /// is judged by why it was asked to: one that makes place for another is coming, one that was to go
    /// is fine. So the word follows from the state and the spec alone, and changes only with them.
    pub fn condition(&self) -> Condition {
        let plain = match &self.state {
            State::Live(life) => of_life(life),
            State::Rest { why, .. } => of_rest(*why),
        };
        match (self.spec.criticality, plain) {
            (Criticality::Optional, Condition::Faulted) => Condition::Degraded,
            (Criticality::Optional, Condition::Coming) => Condition::Fine,
            (_, plain) => plain,
        }
    }
}

const fn of_life(life: &Life) -> Condition {
    match life.phase {
        Phase::Ready { .. } => Condition::Fine,
        Phase::Starting { .. }
        | Phase::Started { .. }
        | Phase::Rehydrating { .. }
        | Phase::Unready => Condition::Coming,
        Phase::Abandoned { .. } => Condition::Degraded,
        Phase::Stopping { .. } | Phase::Killing { .. } => match life.asked {
            Some((
                Asked::Stop | Asked::Close | Asked::Quarantine | Asked::Remove | Asked::Idle,
                _,
            )) => Condition::Fine,
            Some((
                Asked::Restart
                | Asked::Recycle
                | Asked::Guard
                | Asked::Group
                | Asked::Dependency
                | Asked::Replace
                | Asked::StartTimeout
                | Asked::ReadyTimeout
                | Asked::HeartbeatLost
                | Asked::ProbeFailed
                | Asked::NoProgress,
                _,
            ))
            // A supervisor that ends by itself: its own supervisor decides what follows.
            | None => Condition::Coming,
        },
    }
}

const fn of_rest(why: Rest) -> Condition {
    match why {
        Rest::Draining
        | Rest::Above
        | Rest::Paused
        | Rest::Stopped
        | Rest::Demand
        | Rest::Finished(Finish::Completed | Finish::Skipped | Finish::Stopped) => Condition::Fine,
        Rest::Group
        | Rest::Waiting { .. }
        | Rest::Need { .. }
        | Rest::Slot { .. }
        | Rest::Storm { .. } => Condition::Coming,
        Rest::Broken { .. }
        | Rest::Cooldown { .. }
        | Rest::Quarantined
        | Rest::Finished(Finish::Failed | Finish::NeedLost | Finish::AwaitsStart) => {
            Condition::Faulted
        }
    }
}

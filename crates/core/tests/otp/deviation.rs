//! Where the core decides otherwise than OTP, on purpose. `docs/otp.md` tells each at length.

/// A known difference. It explains a step only when it was met in that very step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deviation {
    /// The driver undoes a start by command that failed, then the comparison goes on.
    CommandedStartFails,
    /// The driver keeps back what OTP refuses, then the comparison goes on.
    RemoveOfRunning,
    /// The driver keeps back what OTP refuses, then the comparison goes on.
    SupervisorDown,
    /// The comparison of a schedule ends where this makes a difference, as do all that follow.
    FirstStartFails,
    /// A nested supervisor of restart type transient gave up.
    GaveUpIsFailure,
    /// A command met a supervisor between two attempts of a restart.
    BetweenAttempts,
    /// A nested supervisor came back whose children had changed since it was declared.
    SubtreeReturns,
    /// A nested supervisor ended by itself while the one above was at work.
    NestedEndAtOnce,
    /// A child whose start had failed held the only start slot while the supervisor gave up.
    FailedStartHoldsSlot,
    /// A child whose failed start was overtaken by another restart failed again.
    EarlierRetry,
    OpenForgotten,
}

impl Deviation {
    /// Returns whether the two cannot be compared from a step on in which this made a difference.
    pub(crate) const fn parts(self) -> bool {
        match self {
            Self::CommandedStartFails | Self::RemoveOfRunning | Self::SupervisorDown => false,
            Self::FirstStartFails
            | Self::GaveUpIsFailure
            | Self::BetweenAttempts
            | Self::OpenForgotten
            | Self::NestedEndAtOnce
            | Self::FailedStartHoldsSlot
            | Self::EarlierRetry
            | Self::SubtreeReturns => true,
        }
    }

    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::CommandedStartFails => {
                "a start by command is answered at once and then under the child's policy; OTP waits and takes it back"
            }
            Self::RemoveOfRunning => "remove stops a running child first; OTP refuses delete_child",
            Self::SupervisorDown => {
                "a command for a child whose supervisor is down holds once it is up; in OTP there is nobody to ask"
            }
            Self::FirstStartFails => {
                "a start that fails at first boot is under the same policy; in OTP it ends the supervisor"
            }
            Self::GaveUpIsFailure => {
                "giving up is a failure, so a transient supervisor is restarted; in OTP it looks like a stop"
            }
            Self::BetweenAttempts => {
                "a group restart has one attempt under way and joins what is asked; OTP has none and is called off"
            }
            Self::OpenForgotten => "open",
            Self::FailedStartHoldsSlot => {
                "a start is under way until its failure is told, and the next one waits for it; in OTP it is over"
            }
            Self::EarlierRetry => {
                "one restart under way takes in what failed before it; in OTP the earlier try still comes"
            }
            Self::NestedEndAtOnce => {
                "the end of a subtree is decided at once; in OTP it waits in the mailbox of the supervisor above"
            }
            Self::SubtreeReturns => {
                "what operators added, removed and stopped outlives a subtree's restart; OTP declares it anew"
            }
        }
    }
}

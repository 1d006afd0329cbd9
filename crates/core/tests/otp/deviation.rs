//! Where the core decides otherwise than OTP, on purpose. `docs/otp.md` tells each at length.

/// What becomes of the comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// The driver does or answers what OTP would, and the comparison goes on.
    Bridged,
    /// The two go different ways: the comparison of this schedule ends in that step.
    Parts,
}

macro_rules! deviations {
    ($($how:ident $deviation:ident = $reason:literal,)+) => {
        /// A known difference. It explains a step only if it was met in that step, and nothing before
        /// it was met.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Deviation { $($deviation),+ }

        impl Deviation {
            pub(crate) const fn reason(self) -> &'static str {
                match self { $(Self::$deviation => $reason),+ }
            }

            /// Returns whether the two go different ways from here.
            pub(crate) const fn parts(self) -> bool {
                let how = match self { $(Self::$deviation => How::$how),+ };
                matches!(how, How::Parts)
            }
        }
    };
}

deviations! {
    Bridged CommandedStartFails =
        "a command is answered at once and its start is then under the child's policy; OTP waits for it and takes it back",
    Bridged RemoveOfRunning = "remove stops a running child first; OTP refuses delete_child",
    Bridged SupervisorDown =
        "a command for a child whose supervisor is down holds once it is up; in OTP there is nobody to ask",
    Parts FirstStartFails =
        "a start that fails while a supervisor comes up is under the child's policy; in OTP it ends the supervisor",
    Parts GaveUpIsFailure =
        "giving up is a failure, so a transient supervisor is restarted; in OTP it looks like a stop",
    Parts SubtreeReturns =
        "what operators added, removed and stopped outlives a subtree's restart; OTP declares it anew",
    Parts BetweenAttempts =
        "between two attempts a command finds a group restart under way and joins it; OTP calls the group off",
    Parts FailedStartHoldsSlot =
        "a start is under way until its failure is told, and the next one waits for it; in OTP it is over",
    Parts EarlierRetry =
        "one restart takes in whatever had failed before it; in OTP the earlier retry still comes",
    Parts NestedEndAtOnce =
        "the end of a subtree is decided at once; in OTP it waits in the mailbox of the supervisor above",
    Parts NextBegins =
        "a ready subtree lets the next one begin at once; the harness lets it settle before its start returns",
}

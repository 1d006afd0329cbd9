//! Whether an exit deserves another run.

use crate::exit::Cause;

/// When a child is run again after its run ended unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// After every end (OTP: permanent).
    Always,
    /// After a failure; a clean end is final (OTP: transient).
    OnFailure,
    /// Never (OTP: temporary).
    Never,
}

impl Restart {
    /// Returns whether this rule wants another run after `cause`. A skipped start never wants one.
    pub const fn wants_another(self, cause: &Cause) -> bool {
        match self {
            Self::Always => !matches!(cause, Cause::Skipped),
            Self::OnFailure => !cause.is_clean(),
            Self::Never => false,
        }
    }

    /// Returns whether `cause` counts as a failure under this rule.
    ///
    /// Where a child is always to be up, every unasked end is a failure, a clean one included.
    pub const fn is_failure(self, cause: &Cause) -> bool {
        !cause.is_asked()
            && (!cause.is_clean() || matches!((self, cause), (Self::Always, Cause::Completed)))
    }
}

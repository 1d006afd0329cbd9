//! Whether an exit deserves another run.

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

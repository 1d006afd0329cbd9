//! The one table of defaults. `docs/defaults.md` gives the reason of each.

use super::draft::Owner;
use super::{Criticality, Grace, Kind, OnExhausted, Preset, Stop};
use crate::policy::backoff::Shape;
use crate::policy::breaker::Cooldown;
use crate::policy::budget::{Admit, Count, Limit, Scope, Within};
use crate::policy::restart::Restart;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// Whose defaults apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// The standalone program: children are optional and always restarted.
    Daemon,
    /// The library: children are required and restarted on failure.
    Library,
}

/// A start that takes longer than this is not going to happen.
pub const START_TIMEOUT: Duration = Duration::from_secs(60);
/// The same for becoming ready.
pub const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// A minute without a failure is what operators call "it runs".
pub const STABLE_AFTER: Duration = Duration::from_secs(60);
/// Below this a crash loop would be a busy loop.
pub const HOLDOFF: Duration = Duration::from_millis(1);
/// What a child gets to put its affairs in order.
pub const GRACE: Duration = Duration::from_secs(10);
/// Force is final; what outlives it this long hangs in the kernel.
pub const KILL_WAIT: Duration = Duration::from_secs(5);
/// A drain that was asked for; below the 90 s after which a machine's own init loses patience.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(60);
/// A drain that a failure caused: the outer supervisor is to act soon.
pub const FATAL_DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// A day without an opening lets a breaker's level fall by one.
pub const LEVEL_DECAY: Duration = Duration::from_secs(24 * 3_600);

pub(crate) fn criticality(profile: Profile) -> Criticality {
    match profile {
        Profile::Daemon => Criticality::Optional,
        Profile::Library => Criticality::Required,
    }
}

pub(crate) fn restart(profile: Profile, criticality: Criticality) -> Restart {
    match (criticality, profile) {
        (Criticality::Critical, _) => Restart::Never,
        (Criticality::Required | Criticality::Optional, Profile::Daemon) => Restart::Always,
        (Criticality::Required | Criticality::Optional, Profile::Library) => Restart::OnFailure,
    }
}

/// What a child's own exhausted budget leads to.
pub(crate) fn on_exhausted(criticality: Criticality) -> OnExhausted {
    match criticality {
        Criticality::Critical => OnExhausted::Shutdown,
        Criticality::Required => OnExhausted::Escalate,
        Criticality::Optional => OnExhausted::Cooldown,
    }
}

/// What a budget over the children of a supervisor, or over the tree, leads to.
pub(crate) fn on_group_exhausted(owner: Owner) -> OnExhausted {
    match owner {
        Owner::Nobody => OnExhausted::Shutdown,
        Owner::Supervisor => OnExhausted::Escalate,
    }
}

pub(crate) fn backoff() -> Shape {
    Shape::Exponential {
        first: Duration::from_millis(500),
        factor: 2.0,
        most: Duration::from_secs(30),
    }
}

/// Returns how a child of this kind is ended where nothing is said.
pub fn stop(kind: &Kind) -> Stop {
    // The children of a supervisor have their own graces; it takes as long as they do.
    let is_supervisor = matches!(kind, Kind::Supervisor(_));
    let grace = if is_supervisor { Grace::Unbounded } else { Grace::For(GRACE) };
    Stop { steps: vec![grace], kill_wait: kill_wait(kind, KILL_WAIT) }
}

/// How long force gets where the child itself says nothing: no force ends a thread, so nobody waits for it.
pub(crate) const fn kill_wait(kind: &Kind, general: Duration) -> Duration {
    match kind {
        Kind::Blocking => Duration::ZERO,
        Kind::Task | Kind::Process | Kind::Host | Kind::Stage | Kind::Supervisor(_) => general,
    }
}

/// Returns the limits that hold where nothing is said about them: the preset's, else the default's, as
/// far as they can count in this place.
pub fn stock_budget(
    profile: Profile,
    preset: Option<Preset>,
    is_supervisor: bool,
    is_root: bool,
) -> Vec<Limit> {
    let owner = if is_root { Owner::Nobody } else { Owner::Supervisor };
    let stock = preset.and_then(|preset| preset.expand().0.budget);
    let stock = stock.unwrap_or_else(|| budget(profile, owner));
    stock.into_iter().filter(|limit| limit.scope.fits(is_supervisor, is_root)).collect()
}

pub(crate) fn budget(profile: Profile, owner: Owner) -> Vec<Limit> {
    let restarts = |most, seconds, scope| Limit {
        count: Count::Restarts,
        most,
        within: Within::Sliding(Duration::from_secs(seconds)),
        scope,
        admit: Admit::AtExit,
    };
    let own = restarts(10, 600, Scope::Child);
    match (profile, owner) {
        // What stands below a daemon's root is optional: all of it failing at once must not end the daemon.
        (Profile::Daemon, Owner::Nobody) => vec![own],
        (Profile::Daemon | Profile::Library, _) => vec![own, restarts(30, 60, Scope::Supervisor)],
    }
}

pub(crate) fn cooldown() -> Vec<Cooldown> {
    [60, 600, 3_600].map(|seconds| Cooldown::For(Duration::from_secs(seconds))).into()
}

//! Where each effective value of a spec came from: said, by preset, or by default.

use super::Preset;

/// A field of a child's policy, for [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// `restart`
    Restart,
    /// `success`
    Success,
    /// `criticality`
    Criticality,
    /// `start_timeout`
    StartTimeout,
    /// `ready`
    Ready,
    /// `ready_timeout`
    ReadyTimeout,
    /// `stop`
    Stop,
    /// `backoff`
    Backoff,
    /// `jitter`
    Jitter,
    /// `holdoff`
    Holdoff,
    /// `budget`
    Budget,
    /// `on_exhausted`
    OnExhausted,
    /// `cooldown`
    Cooldown,
    /// `level_decay`
    LevelDecay,
    /// `stable_after`
    StableAfter,
    /// `liveness`
    Liveness,
}

impl Field {
    /// Every field, in the order in which people are shown them.
    pub const ALL: [Self; 16] = [
        Self::Restart,
        Self::Success,
        Self::Criticality,
        Self::StartTimeout,
        Self::Ready,
        Self::ReadyTimeout,
        Self::Stop,
        Self::Backoff,
        Self::Jitter,
        Self::Holdoff,
        Self::Budget,
        Self::OnExhausted,
        Self::Cooldown,
        Self::LevelDecay,
        Self::StableAfter,
        Self::Liveness,
    ];

    /// Returns the name the field has in a spec file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Success => "success",
            Self::Criticality => "criticality",
            Self::StartTimeout => "start_timeout",
            Self::Ready => "ready",
            Self::ReadyTimeout => "ready_timeout",
            Self::Stop => "stop",
            Self::Backoff => "backoff",
            Self::Jitter => "jitter",
            Self::Holdoff => "holdoff",
            Self::Budget => "budget",
            Self::OnExhausted => "on_exhausted",
            Self::Cooldown => "cooldown",
            Self::LevelDecay => "level_decay",
            Self::StableAfter => "stable_after",
            Self::Liveness => "liveness",
        }
    }
}

/// Where an effective value came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    #[default]
    Default,
    /// The preset.
    Preset(Preset),
    /// The spec.
    Explicit,
}

/// Where each effective value of a spec came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sources([Source; Field::ALL.len()]);

impl Sources {
    /// Returns sources that say of each field what `of` says of it.
    pub fn new(of: impl Fn(Field) -> Source) -> Self {
        let mut sources = Self::default();
        for field in Field::ALL {
            sources.0[field as usize] = of(field);
        }
        sources
    }

    /// Returns where the value of `field` came from.
    pub const fn of(&self, field: Field) -> Source {
        self.0[field as usize]
    }
}

/// Picks each value and remembers from where.
pub(super) struct Picker {
    pub(super) preset: Option<Preset>,
    pub(super) sources: Sources,
}

impl Picker {
    pub(super) fn pick<T>(
        &mut self,
        field: Field,
        explicit: Option<T>,
        preset: Option<T>,
        default: impl FnOnce() -> T,
    ) -> T {
        let (value, source) = match (explicit, preset, self.preset) {
            (Some(value), _, _) => (value, Source::Explicit),
            (None, Some(value), Some(preset)) => (value, Source::Preset(preset)),
            (None, _, _) => (default(), Source::Default),
        };
        self.sources.0[field as usize] = source;
        value
    }
}

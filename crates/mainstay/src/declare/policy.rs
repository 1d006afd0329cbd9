//! The words of a policy, the same for everything that has one.

use mainstay_core::policy::backoff::{Jitter, Shape};
use mainstay_core::policy::breaker::Cooldown;
use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Within};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::defaults::{self, Profile};
use mainstay_core::spec::draft::KindDraft;
use mainstay_core::spec::{
    ChildDraft, Criticality, Grace, Kind, OnExhausted, Payload, Preset, Stop,
};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Allows so many restarts in any span of this length; the next one is refused. Zero: no restart.
pub const fn restarts(most: u32, within: Duration) -> Limit {
    limit(Count::Restarts, most, Within::Sliding(within))
}

/// Allows so many starts in any span of this length, the first start included. Zero still runs once.
pub const fn starts(most: u32, within: Duration) -> Limit {
    limit(Count::Starts, most, Within::Sliding(within))
}

/// Ends it at the so-many-th failure in any span of this length.
pub const fn failures(most: u32, within: Duration) -> Limit {
    limit(Count::Failures, most, Within::Sliding(within))
}

/// Allows so many restarts in a row, until the child becomes stable; the next one is refused.
pub const fn consecutive(most: u32) -> Limit {
    limit(Count::Restarts, most, Within::Consecutive)
}

const fn limit(count: Count, most: u32, within: Within) -> Limit {
    Limit { count, most, within, scope: Scope::Child, admit: Admit::AtExit }
}

/// A policy without a child: for [`supervise`](crate::supervise()), and for many children alike.
///
/// ```
/// use mainstay::{Policy, Preset, Shape, consecutive};
/// use std::time::Duration;
///
/// let ours = Policy::new().backoff(Shape::Fixed(Duration::from_secs(1))).limit(consecutive(3));
/// let theirs = Policy::from(Preset::Epics);
/// # let _ = (ours, theirs);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Policy {
    words: Words,
}

/// What is said about one child, beside its code.
///
/// Children that are declared by the same policy, or by none, share what is said until one says more.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    pub(crate) name: Arc<str>,
    /// What kind of leaf it is; none for a supervisor.
    pub(crate) kind: Option<Kind>,
    pub(crate) code: Option<Arc<dyn Payload>>,
    said: Arc<Said>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    draft: ChildDraft,
    pub(super) steps: Option<Vec<Grace>>,
    pub(super) kill_wait: Option<Duration>,
    /// Its limits by scope: on itself, over its children, over the tree. What is not said of a scope stays.
    limits: [Option<Vec<Limit>>; 3],
}

static NOTHING: LazyLock<Arc<Said>> = LazyLock::new(Arc::default);

impl Words {
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.into(), kind: None, code: None, said: Arc::clone(&NOTHING) }
    }

    /// Returns the draft, to say more.
    pub(super) fn say(&mut self) -> &mut ChildDraft {
        &mut self.say_all().draft
    }

    pub(super) fn say_all(&mut self) -> &mut Said {
        Arc::make_mut(&mut self.said)
    }

    /// Adds a limit in place of the stock ones of its scope.
    pub(super) fn limit(&mut self, limit: Limit, scope: Scope) {
        let limits = &mut self.say_all().limits[scope as usize];
        limits.get_or_insert_default().push(Limit { scope, ..limit });
    }

    /// Takes away every limit of a scope, the stock ones too.
    pub(super) fn unlimited(&mut self, scope: Scope) {
        self.say_all().limits[scope as usize] = Some(Vec::new());
    }

    /// Takes from `policy` what is not said here.
    pub(crate) fn fill(&mut self, policy: &Policy) {
        if Arc::ptr_eq(&self.said, &NOTHING) {
            self.said = Arc::clone(&policy.words.said);
            return;
        }
        let from = Said::clone(&policy.words.said);
        let said = self.say_all();
        macro_rules! fill {
            ($($field:ident),*) => {
                $(said.draft.$field = said.draft.$field.take().or(from.draft.$field);)*
            };
        }
        fill!(preset, restart, criticality, backoff, jitter, holdoff);
        fill!(on_exhausted, cooldown, level_decay, stable_after);
        said.steps = said.steps.take().or(from.steps);
        said.kill_wait = said.kill_wait.or(from.kill_wait);
        for (mine, theirs) in said.limits.iter_mut().zip(from.limits) {
            *mine = mine.take().or(theirs);
        }
    }

    /// Returns whether both are declared alike, but for their names and code.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.said, &other.said) && self.kind == other.kind
    }

    /// Returns how it would be ended if nothing were said about that.
    fn base(&self) -> Stop {
        let preset = self.said.draft.preset.and_then(|preset| preset.expand().0.stop);
        preset.unwrap_or_else(|| match &self.kind {
            Some(kind) => defaults::stop(kind),
            None => Stop { steps: vec![Grace::Unbounded], kill_wait: defaults::KILL_WAIT },
        })
    }

    /// Returns the declaration that the core takes, of a leaf.
    pub(crate) fn finish(self) -> ChildDraft {
        let kind = self.kind.clone().map(KindDraft::Leaf);
        // Of what stands below the root, both profiles say the same about limits.
        self.finish_as(kind, Profile::Library)
    }

    /// Returns the declaration that the core takes.
    pub(crate) fn finish_as(self, kind: Option<KindDraft>, profile: Profile) -> ChildDraft {
        let Said { mut draft, steps, kill_wait, limits } = Said::clone(&self.said);
        if limits.iter().any(Option::is_some) {
            let (is_supervisor, is_root) = (self.kind.is_none(), self.name.is_empty());
            let stock = defaults::stock_budget(profile, draft.preset, is_supervisor, is_root);
            let kept = stock.into_iter().filter(|limit| limits[limit.scope as usize].is_none());
            draft.budget = Some(kept.chain(limits.iter().flatten().flatten().copied()).collect());
        }
        if steps.is_some() || kill_wait.is_some() {
            let base = self.base();
            let (steps, kill_wait) =
                (steps.unwrap_or(base.steps), kill_wait.unwrap_or(base.kill_wait));
            draft.stop = Some(Stop { steps, kill_wait });
        }
        ChildDraft { name: String::from(&*self.name), kind, payload: self.code, ..draft }
    }
}

impl Default for Words {
    fn default() -> Self {
        Self::named("")
    }
}

impl Policy {
    /// Returns the policy that says nothing: every value is its default.
    pub fn new() -> Self {
        Self::default()
    }
}

impl From<Preset> for Policy {
    fn from(preset: Preset) -> Self {
        Self::new().preset(preset)
    }
}

/// The setters of a policy, for a type with a field `words`.
macro_rules! policy_setters {
    ($owner:ty) => {
        /// What a policy says; what is not said has its default.
        impl $owner {
            /// Takes a named policy for all that is not said otherwise, in whatever order.
            #[must_use]
            pub fn preset(mut self, preset: Preset) -> Self {
                self.words.say().preset = Some(preset);
                self
            }

            /// Says when an end is followed by another run; otherwise on failure, or never where critical.
            #[must_use]
            pub fn restart(mut self, restart: Restart) -> Self {
                self.words.say().restart = Some(restart);
                self
            }

            /// Runs it again after every end, a clean one too.
            #[must_use]
            pub fn always(self) -> Self {
                self.restart(Restart::Always)
            }

            /// Never runs it again by itself.
            #[must_use]
            pub fn once(self) -> Self {
                self.restart(Restart::Never)
            }

            /// The whole tree ends when it ends and gets no further run, a clean end included.
            /// Unless said otherwise it is never run again.
            #[must_use]
            pub fn critical(self) -> Self {
                self.criticality(Criticality::Critical)
            }

            /// Its spent budget opens its breaker: it cools down and is tried again, and nobody else is touched.
            #[must_use]
            pub fn optional(self) -> Self {
                self.criticality(Criticality::Optional)
            }

            /// Says what its final end means for others; otherwise required: its supervisor gives up.
            #[must_use]
            pub fn criticality(mut self, criticality: Criticality) -> Self {
                self.words.say().criticality = Some(criticality);
                self
            }

            /// Says how long to wait before the next run; otherwise 0.5 s, doubling up to 30 s.
            #[must_use]
            pub fn backoff(mut self, shape: Shape) -> Self {
                self.words.say().backoff = Some(shape);
                self
            }

            /// Says how delays are spread; otherwise each is between a half and the whole of itself.
            #[must_use]
            pub fn jitter(mut self, jitter: Jitter) -> Self {
                self.words.say().jitter = Some(jitter);
                self
            }

            /// Sets the least time from one start to the next; otherwise 1 ms. Zero touches no timer.
            #[must_use]
            pub fn holdoff(mut self, holdoff: Duration) -> Self {
                self.words.say().holdoff = Some(holdoff);
                self
            }

            /// Adds a limit on it; the first call replaces the default, 10 restarts in 10 minutes.
            #[must_use]
            pub fn limit(mut self, limit: Limit) -> Self {
                self.words.limit(limit, Scope::Child);
                self
            }

            /// Takes away every limit on it, the default too.
            #[must_use]
            pub fn unlimited(mut self) -> Self {
                self.words.unlimited(Scope::Child);
                self
            }

            /// Says what its spent budget leads to; otherwise by criticality.
            #[must_use]
            pub fn on_exhausted(mut self, end: OnExhausted) -> Self {
                self.words.say().on_exhausted = Some(end);
                self
            }

            /// Sets how long its breaker stays open, opening by opening; otherwise 1 min, 10 min, 1 h. The last repeats.
            #[must_use]
            pub fn cooldown(mut self, ladder: impl IntoIterator<Item = Cooldown>) -> Self {
                self.words.say().cooldown = Some(ladder.into_iter().collect());
                self
            }

            /// Sets after how long without an opening the breaker's level falls by one; otherwise a day.
            #[must_use]
            pub fn level_decay(mut self, decay: Duration) -> Self {
                self.words.say().level_decay = Some(decay);
                self
            }

            /// Sets how long it must be ready without a break for earlier failures to be forgotten; otherwise 60 s.
            #[must_use]
            pub fn stable_after(mut self, ready_for: Duration) -> Self {
                self.words.say().stable_after = Some(ready_for);
                self
            }

            /// Sets how long it gets to end when it is asked to, before force; otherwise 10 s.
            #[must_use]
            pub fn stop_within(mut self, grace: Duration) -> Self {
                self.words.say_all().steps = Some(vec![Grace::For(grace)]);
                self
            }

            /// Lets it take as long as it wants to end. The bound on a drain still holds.
            #[must_use]
            pub fn stop_unbounded(mut self) -> Self {
                self.words.say_all().steps = Some(vec![Grace::Unbounded]);
                self
            }

            /// Ends it by force at once: it is not asked first.
            #[must_use]
            pub fn abort_at_once(mut self) -> Self {
                self.words.say_all().steps = Some(Vec::new());
                self
            }

            /// Sets how long force may take before the run is abandoned; otherwise 5 s, for blocking children none.
            #[must_use]
            pub fn kill_wait(mut self, wait: Duration) -> Self {
                self.words.say_all().kill_wait = Some(wait);
                self
            }
        }
    };
}
pub(crate) use policy_setters;

policy_setters!(Policy);

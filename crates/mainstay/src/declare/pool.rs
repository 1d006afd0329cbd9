//! Dynamic supervisors: children made from one template at run time, each with arguments of its own.

use super::child::Child;
use super::policy::Words;
use super::reference::Reference;
use crate::code::{self, Begin, Theirs};
use crate::context::Context;
use crate::end::{End, Skipped};
use crate::handle::Target;
use mainstay_core::policy::budget::{Limit, Scope};
use mainstay_core::spec::draft::DynamicDraft;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

type Bind<A> = dyn Fn(A) -> Arc<dyn Begin> + Send + Sync;

/// Declares a pool: children are added to it while it runs, each with an argument.
///
/// A child that has ended for good leaves the tree. One that spends its budget makes the pool give up, and a
/// pool that is run again is empty: say `each(|child| child.once())`, or `optional`, where that is too much.
///
/// ```
/// use mainstay::{Context, pool};
///
/// #[derive(Clone)]
/// struct Job { url: String }
///
/// let mut jobs = pool("jobs", async |job: Job, cx: Context| { /* fetch job.url */ }).max(100);
/// let reference = jobs.reference(); // for `handle.by("me").add_to(&reference, "first", job, "why")`
/// # let _ = reference;
/// ```
pub fn pool<A, F, Fut>(name: &str, make: F) -> PoolOf<A>
where
    A: Clone + Send + Sync + 'static,
    F: Fn(A, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: End> + Send + 'static,
{
    let make = Arc::new(make);
    let bind: Arc<Bind<A>> = Arc::new(move |with: A| {
        let (make, with) = (Arc::clone(&make), Theirs::new(with));
        code::begin(move |cx| make(A::clone(&with), cx))
    });
    // Nobody is added without an argument.
    let template = super::child("template").task(|_| async { Skipped });
    PoolOf {
        words: Words::named(name),
        template,
        max: None,
        pool: Pool { bind, reference: Reference::new(name) },
    }
}

/// A pool as declared. Made by [`pool`].
pub struct PoolOf<A> {
    pub(crate) words: Words,
    template: Child,
    max: Option<u32>,
    pool: Pool<A>,
}

impl<A> PoolOf<A> {
    /// Sets how many children there may be at once, those that wait for a restart included.
    #[must_use]
    pub const fn max(mut self, max: u32) -> Self {
        self.max = Some(max);
        self
    }

    /// Says what holds for each child: `each(|child| child.once())`.
    #[must_use]
    pub fn each(mut self, say: impl FnOnce(Child) -> Child) -> Self {
        self.template = say(self.template);
        self
    }

    /// Adds a limit over all its children together; the first call replaces the default, 30 restarts in a minute.
    #[must_use]
    pub fn limit_children(mut self, limit: Limit) -> Self {
        self.words.limit(limit, Scope::Supervisor);
        self
    }

    /// Takes away every limit over all its children together, the default too.
    #[must_use]
    pub fn unlimited_children(mut self) -> Self {
        self.words.unlimited(Scope::Supervisor);
        self
    }

    /// Returns a reference, to add children to it in the running tree.
    pub fn reference(&mut self) -> Pool<A> {
        self.pool.clone()
    }

    pub(crate) fn into_parts(self) -> (Words, DynamicDraft, Reference) {
        let template = self.template.words.finish();
        let dynamic = DynamicDraft { template: Box::new(template), max: self.max };
        (self.words, dynamic, self.pool.reference)
    }
}

impl<A> fmt::Debug for PoolOf<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PoolOf({})", self.words.name)
    }
}

/// Reaches a pool in the running tree.
pub struct Pool<A> {
    bind: Arc<Bind<A>>,
    reference: Reference,
}

impl<A> Pool<A> {
    pub(crate) fn bind(&self, with: A) -> Arc<dyn Begin> {
        (self.bind)(with)
    }

    /// Returns a reference that knows nothing of the arguments.
    pub const fn reference(&self) -> &Reference {
        &self.reference
    }
}

impl<A> Clone for Pool<A> {
    fn clone(&self) -> Self {
        Self { bind: Arc::clone(&self.bind), reference: self.reference.clone() }
    }
}

impl<A> fmt::Debug for Pool<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reference.fmt(f)
    }
}

impl<A> From<&Pool<A>> for Target {
    fn from(pool: &Pool<A>) -> Self {
        Self::from(&pool.reference)
    }
}

/// What holds for the pool as a child of its supervisor.
impl<A> PoolOf<A> {
    /// Takes from a policy what is not said otherwise.
    #[must_use]
    pub fn policy(mut self, policy: &super::Policy) -> Self {
        self.words.fill(policy);
        self
    }

    /// Makes it start after a sibling.
    #[must_use]
    pub fn needs(mut self, need: impl Into<super::Need>) -> Self {
        self.words.say().needs.get_or_insert_default().push(need.into().0);
        self
    }
}

//! Supervisors: what ties children together.

use super::child::{Child, Need};
use super::policy::{Words, policy_setters};
use super::pool::PoolOf;
use super::reference::Reference;
use mainstay_core::Path;
use mainstay_core::policy::backoff::{Jitter, Shape};
use mainstay_core::policy::breaker::Cooldown;
use mainstay_core::policy::budget::{Limit, Scope};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::{DynamicDraft, KindDraft, Twin};
use mainstay_core::spec::{
    AutoShutdown, ChildDraft, Criticality, Grace, OnExhausted, Preset, Strategy, SupervisorDraft,
};
use std::sync::Arc;
use std::time::Duration;

/// Declares a supervisor of its own for some children: what happens among them stays among them.
///
/// ```
/// use mainstay::{restarts, supervisor, task};
/// use std::time::Duration;
///
/// let session = supervisor("session")
///     .one_for_all()
///     .limit_children(restarts(3, Duration::from_secs(5)))
///     .child(task("reader", |_| async {}))
///     .child(task("writer", |_| async {}).needs("reader"));
/// # let _ = session;
/// ```
pub fn supervisor(name: &str) -> Supervisor {
    Supervisor {
        words: Words::named(name),
        draft: SupervisorDraft::default(),
        children: Vec::new(),
        reference: None,
    }
}

/// A supervisor as declared. Made by [`supervisor`].
#[derive(Clone, Debug)]
pub struct Supervisor {
    pub(crate) words: Words,
    pub(crate) draft: SupervisorDraft,
    pub(crate) children: Vec<Node>,
    reference: Option<Reference>,
}

/// Anything that can stand below a supervisor.
#[derive(Clone, Debug)]
pub struct Node(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Child(Child),
    Supervisor(Box<Supervisor>),
    Pool(Words, Box<DynamicDraft>, Reference),
}

impl From<Child> for Node {
    fn from(child: Child) -> Self {
        Self(Kind::Child(child))
    }
}

impl From<Supervisor> for Node {
    fn from(supervisor: Supervisor) -> Self {
        Self(Kind::Supervisor(Box::new(supervisor)))
    }
}

impl<A> From<PoolOf<A>> for Node {
    fn from(pool: PoolOf<A>) -> Self {
        let (words, dynamic, reference) = pool.into_parts();
        Self(Kind::Pool(words, Box::new(dynamic), reference))
    }
}

impl Node {
    /// Returns its name among its siblings.
    pub fn name(&self) -> &str {
        match &self.0 {
            Kind::Child(child) => &child.words.name,
            Kind::Supervisor(supervisor) => &supervisor.words.name,
            Kind::Pool(words, ..) => &words.name,
        }
    }

    /// Returns what stands below it; nothing below a child, and below a pool before it runs.
    pub fn children(&self) -> &[Self] {
        match &self.0 {
            Kind::Supervisor(supervisor) => &supervisor.children,
            Kind::Child(_) | Kind::Pool(..) => &[],
        }
    }

    /// Returns whether children can stand below it.
    pub const fn is_supervisor(&self) -> bool {
        match &self.0 {
            Kind::Supervisor(_) | Kind::Pool(..) => true,
            Kind::Child(_) => false,
        }
    }

    /// Leaves out those directly below it of which this does not hold.
    #[must_use]
    pub fn retain(mut self, holds: impl FnMut(&Self) -> bool) -> Self {
        if let Kind::Supervisor(supervisor) = &mut self.0 {
            supervisor.children.retain(holds);
        }
        self
    }

    /// Returns the declaration that the core takes; references learn their place below `above`.
    pub(crate) fn draft(self, above: &Path) -> ChildDraft {
        match self.0 {
            Kind::Child(child) => {
                child.put_below(above);
                child.words.finish()
            }
            Kind::Supervisor(supervisor) => {
                let mut supervisor = *supervisor;
                let path = above.join(&supervisor.words.name);
                if let Some(reference) = &supervisor.reference {
                    reference.put(&path);
                }
                supervisor.draft.children = drafts(supervisor.children, &path);
                let kind = Some(KindDraft::Supervisor(supervisor.draft));
                supervisor.words.finish_as(kind, Profile::Library)
            }
            Kind::Pool(words, dynamic, reference) => {
                reference.put(&above.join(&words.name));
                let draft =
                    SupervisorDraft { dynamic: Some(*dynamic), ..SupervisorDraft::default() };
                words.finish_as(Some(KindDraft::Supervisor(draft)), Profile::Library)
            }
        }
    }
}

/// Returns the declarations that the core takes. Children declared alike, one after the other, are one.
pub(crate) fn drafts(children: Vec<Node>, above: &Path) -> Vec<ChildDraft> {
    let mut drafts: Vec<ChildDraft> = Vec::new();
    let mut before: Option<Words> = None;
    for node in children {
        match (node.0, &before, drafts.last_mut()) {
            (Kind::Child(child), Some(before), Some(first)) if child.words.is_alike(before) => {
                child.put_below(above);
                first.twins.push(Twin { name: child.words.name, payload: child.words.code });
            }
            (Kind::Child(child), _, _) => {
                before = Some(child.words.clone());
                drafts.push(Node::from(child).draft(above));
            }
            (other, _, _) => {
                before = None;
                drafts.push(Node(other).draft(above));
            }
        }
    }
    drafts
}

/// Returns `count` children like `child`, named `name-1` and so on. They share one spec.
pub(crate) fn replicas(count: usize, child: &Child) -> impl Iterator<Item = Node> {
    let name = Arc::clone(&child.words.name);
    (1..=count).map(move |number| Node::from(child.clone().named(&format!("{name}-{number}"))))
}

impl Supervisor {
    /// Returns a reference, to reach it in the running tree without spelling its path.
    pub fn reference(&mut self) -> Reference {
        let name = &self.words.name;
        self.reference.get_or_insert_with(|| Reference::new(name)).clone()
    }

    /// Takes from a policy what is not said otherwise about it as a child of its own supervisor.
    #[must_use]
    pub fn policy(mut self, policy: &super::Policy) -> Self {
        self.words.fill(policy);
        self
    }

    /// Makes it start after a sibling.
    #[must_use]
    pub fn needs(mut self, need: impl Into<Need>) -> Self {
        self.words.say().needs.get_or_insert_default().push(need.into().0);
        self
    }

    /// Makes its end count for its supervisor's `auto_shutdown`.
    #[must_use]
    pub fn significant(mut self) -> Self {
        self.words.say().significant = Some(true);
        self
    }
}

/// What supervisors and the tree itself, whose root is one, say about their children.
macro_rules! supervisor_setters {
    ($owner:ty) => {
        /// What holds among its children.
        impl $owner {
            /// Adds a child, a supervisor or a pool, after those that are there.
            #[must_use]
            pub fn child(mut self, child: impl Into<crate::declare::Node>) -> Self {
                self.children.push(child.into());
                self
            }

            /// Adds several.
            #[must_use]
            pub fn children<N: Into<crate::declare::Node>>(
                mut self,
                children: impl IntoIterator<Item = N>,
            ) -> Self {
                self.children.extend(children.into_iter().map(Into::into));
                self
            }

            /// Adds so many children of one kind, named `name-1`, `name-2` and so on.
            #[must_use]
            pub fn replicas(mut self, count: usize, child: &crate::declare::Child) -> Self {
                self.children.extend(crate::declare::supervisor::replicas(count, child));
                self
            }

            /// Says which siblings an end touches; otherwise none.
            #[must_use]
            pub const fn strategy(mut self, strategy: Strategy) -> Self {
                self.draft.strategy = Some(strategy);
                self
            }

            /// When one ends and is to run again, all are stopped and started again.
            #[must_use]
            pub const fn one_for_all(self) -> Self {
                self.strategy(Strategy::OneForAll)
            }

            /// When one ends and is to run again, those after it are stopped and started again too.
            #[must_use]
            pub const fn rest_for_one(self) -> Self {
                self.strategy(Strategy::RestForOne)
            }

            /// Adds a limit over its direct children together; the first call replaces the default, 30
            /// restarts in a minute. A spent one means that it gives up; at the root, that the tree ends.
            #[must_use]
            pub fn limit_children(mut self, limit: Limit) -> Self {
                self.words.limit(limit, Scope::Supervisor);
                self
            }

            /// Takes away every limit over its children together, the default too.
            #[must_use]
            pub fn unlimited_children(mut self) -> Self {
                self.words.unlimited(Scope::Supervisor);
                self
            }

            /// Sets how many children may be between start and ready at once; 1 starts and stops them in turn.
            #[must_use]
            pub const fn start_concurrency(mut self, most: u32) -> Self {
                self.draft.start_concurrency = Some(most);
                self
            }

            /// Says whether the end of significant children ends it.
            #[must_use]
            pub const fn auto_shutdown(mut self, when: AutoShutdown) -> Self {
                self.draft.auto_shutdown = Some(when);
                self
            }
        }
    };
}
pub(crate) use supervisor_setters;

policy_setters!(Supervisor);
supervisor_setters!(Supervisor);

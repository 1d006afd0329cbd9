//! Commands in a scripted world: the same verbs as in a program, answered at once.

use super::{World, repeatable};
use crate::build::{self, SpecError};
use crate::declare::{Child, Node, Tree};
use crate::handle::Target;
use mainstay_core::{Command, CommandId, Done, Input, Path, Refusal, Verb};
use std::fmt;
use std::sync::Arc;

/// Someone who commands. Made by [`World::by`].
///
/// The verbs are those of [`mainstay::Operator`](crate::Operator), which says what each means. Each
/// returns the answer of the tree; what follows at the same moment has happened by then.
///
/// ```
/// use mainstay::testing::{World, secs};
/// use mainstay::{Refusal, task, tree};
///
/// let mut world = World::new(tree().child(task("web", async |_| {})))?;
/// let done = world.by("alice").restart("web", "new certificate").expect("it is admitted");
/// assert!(done.changed && world.starts("web") == 2);
/// assert!(matches!(world.by("alice").stop("wbe", "typo"), Err(Refusal::Unknown { .. })));
/// # Ok::<(), mainstay::SpecError>(())
/// ```
pub struct Operator<'w> {
    world: &'w mut World,
    who: Arc<str>,
}

type Answer = Result<Done, Refusal>;

/// The verbs about a child that is there, each with the target and the reason.
macro_rules! verbs {
    ($($(#[doc = $doc:literal])+ $name:ident = $verb:expr;)+) => {
        impl Operator<'_> {
            $(
                $(#[doc = $doc])+
                ///
                /// # Errors
                ///
                /// When the tree refuses it; nothing has changed then.
                #[track_caller]
                pub fn $name(&mut self, target: impl Into<Target>, why: &str) -> Answer {
                    self.ask(super::place(target), why, $verb)
                }
            )+
        }
    };
}

verbs! {
    /// Wants a child up and starts it now, whatever its delay.
    start = Verb::Start { over: false };
    /// The same, even while its breaker is open or an abandoned run occupies it.
    start_over = Verb::Start { over: true };
    /// Wants a child down.
    stop = Verb::Stop;
    /// Stops a child and starts it again, without any charge to its budget.
    restart = Verb::Restart;
    /// Tells the live run to read its settings again; it does so at once.
    reload = Verb::Reload;
    /// Replaces the live run by a fresh one, without any charge to its budget.
    recycle = Verb::Recycle;
    /// Suspends automatic starts of a child, or of all below a supervisor.
    pause = Verb::Pause { freeze: false };
    /// Ends a pause.
    resume = Verb::Resume;
    /// Stops a child and refuses its start until it is released.
    quarantine = Verb::Quarantine;
    /// Ends a quarantine.
    release = Verb::Release;
    /// Silences an alert.
    acknowledge = Verb::Acknowledge;
    /// Closes a breaker and forgets the failures of its child.
    reset = Verb::Reset { start: false };
    /// The same, and starts the child.
    reset_and_start = Verb::Reset { start: true };
    /// Stops a child, then removes it.
    remove = Verb::Remove;
}

impl<'w> Operator<'w> {
    pub(super) const fn new(world: &'w mut World, who: Arc<str>) -> Self {
        Self { world, who }
    }

    /// Adds a child, or a supervisor with all its children, below a supervisor.
    ///
    /// # Errors
    ///
    /// When the tree refuses it, or it cannot be declared so.
    #[track_caller]
    pub fn add(&mut self, above: impl Into<Target>, child: impl Into<Node>, why: &str) -> Answer {
        let above = super::place(above);
        let (name, spec) =
            build::node(child.into(), &above, self.world.profile).map_err(refusal)?;
        self.ask(above, why, Verb::Add { name, spec: Some(spec) })
    }

    /// Adds a child to a pool. It has no argument: its code is not run.
    ///
    /// # Errors
    ///
    /// When the tree refuses it.
    #[track_caller]
    pub fn add_to(&mut self, pool: impl Into<Target>, name: &str, why: &str) -> Answer {
        self.ask(super::place(pool), why, Verb::Add { name: name.into(), spec: None })
    }

    /// Gives a child another spec.
    ///
    /// # Errors
    ///
    /// When the tree refuses it, or it cannot be declared so.
    #[track_caller]
    pub fn replace(&mut self, target: impl Into<Target>, child: Child, why: &str) -> Answer {
        let path = super::place(target);
        let above = path.split_last().map_or_else(Path::root, |(above, _)| above);
        let (_, spec) = build::node(child.into(), &above, self.world.profile).map_err(refusal)?;
        self.ask(path, why, Verb::Replace(spec))
    }

    /// Gives the whole tree another declaration.
    ///
    /// # Errors
    ///
    /// When the tree refuses it, or it cannot be declared so.
    #[track_caller]
    pub fn apply(&mut self, tree: Tree, why: &str) -> Answer {
        let spec = repeatable(tree).map_err(refusal)?;
        self.ask(Path::root(), why, Verb::Apply(Arc::new(spec)))
    }

    /// Ends the tree in order. Again: skips to force. A third time: ends at once.
    ///
    /// # Errors
    ///
    /// When the tree refuses it.
    #[track_caller]
    pub fn drain(&mut self, why: &str) -> Answer {
        self.ask(Path::root(), why, Verb::Drain)
    }

    #[track_caller]
    fn ask(&mut self, target: Path, why: &str, verb: Verb) -> Answer {
        self.world.boot();
        let command = Command {
            id: CommandId(0),
            who: Arc::clone(&self.who),
            why: why.into(),
            target,
            if_run: None,
            if_revision: None,
            verb,
        };
        let reply = self.world.take(Input::Command(command));
        self.world.settle();
        reply.expect("a command is answered at once").result
    }
}

impl fmt::Debug for Operator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operator({})", self.who)
    }
}

fn refusal(error: SpecError) -> Refusal {
    Refusal::Spec { problems: error.problems().to_vec() }
}

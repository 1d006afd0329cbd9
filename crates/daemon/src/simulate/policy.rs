//! Whose rules are played.

use mainstay::{Path, Preset};
use mainstay_core::spec::check::Problem;
use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::KindDraft;
use mainstay_core::spec::{
    Activation, ChildDraft, ChildSpec, Declared, Kind, Liveness, Ready, SupervisorSpec, TreeDraft,
    TreeSpec,
};
use std::sync::Arc;
use std::time::Duration;

/// The name of the child in its tree; nobody sees it.
pub(super) const CHILD: &str = "child";

/// The rules that decide what follows an end: a preset, the defaults, or those of a declared child.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(super) name: String,
    pub(super) spec: TreeSpec,
}

/// Why there is no such policy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// It has no valid policy.
    #[error("this is no policy: {}", problems.iter().map(|problem| problem.text.clone()).collect::<Vec<_>>().join("; "))]
    Unfit {
        /// Everything wrong with it.
        problems: Vec<Problem>,
    },
    /// A supervisor has no ends of its own to play.
    #[error("`{name}` is a supervisor: simulate one of its children")]
    Supervisor {
        /// Which.
        name: String,
    },
}

impl Policy {
    /// Returns the defaults of the program.
    pub fn standard() -> Self {
        Self::plain("default", None)
    }

    /// Returns a policy by its name: `default`, or a preset. A preset that speaks of supervisors holds for the one
    /// above the child too.
    pub fn named(name: &str) -> Option<Self> {
        if name == "default" {
            return Some(Self::standard());
        }
        Preset::named(name).map(|preset| Self::plain(name, Some(preset)))
    }

    /// Returns the names that there are.
    pub fn names() -> impl Iterator<Item = &'static str> {
        std::iter::once("default").chain(Preset::ALL.iter().map(|preset| preset.name()))
    }

    /// Returns the policy of a child as it would be written.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn drafted(draft: ChildDraft) -> Result<Self, PolicyError> {
        let (name, declared) = draft
            .build(Profile::Daemon, &Path::root())
            .map_err(|problems| PolicyError::Unfit { problems })?;
        Self::of(&name, &declared)
    }

    /// Returns the policy of a declared child.
    ///
    /// # Errors
    ///
    /// When it is a supervisor.
    pub fn of(name: &str, spec: &ChildSpec) -> Result<Self, PolicyError> {
        if matches!(spec.kind, Kind::Supervisor(_)) {
            return Err(PolicyError::Supervisor { name: name.into() });
        }
        Ok(Self { name: name.into(), spec: around(&ChildDraft::default(), spec.clone()) })
    }

    /// Returns the name it goes by.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn plain(name: &str, preset: Option<Preset>) -> Self {
        let kind = Some(KindDraft::Leaf(Kind::Process));
        let child = ChildDraft { name: name.into(), kind, preset, ..ChildDraft::default() };
        let (_, child) = child
            .build(Profile::Daemon, &Path::root())
            .expect("a preset alone is a valid child: a test builds them all");
        let above = ChildDraft { preset, ..ChildDraft::default() };
        Self { name: name.into(), spec: around(&above, (*child.spec).clone()) }
    }

    pub(super) fn child(&self) -> Option<&ChildSpec> {
        let supervisor = self.spec.root.supervisor()?;
        supervisor.children.first().map(|(_, child)| &*child.spec)
    }
}

/// Returns a tree of this one child. What cannot be played is taken out of it.
fn around(root: &ChildDraft, child: ChildSpec) -> TreeSpec {
    let draft = TreeDraft { root_policy: root.clone(), ..TreeDraft::default() };
    let (mut tree, _) = draft
        .build(Profile::Daemon)
        .expect("a root without children is valid: a test builds them all");
    let child = ChildSpec {
        kind: Kind::Process,
        needs: Vec::new(),
        activation: Activation::Always,
        significant: false,
        ready: if child.ready == Ready::Immediate { Ready::Immediate } else { Ready::Explicit },
        // Slow starts are the scenario's, and it knows what it does.
        start_timeout: Duration::MAX,
        ready_timeout: Duration::MAX,
        liveness: Liveness::default(),
        rehydrate: None,
        ..child
    };
    if let Kind::Supervisor(supervisor) = &tree.root.spec.kind {
        let children = vec![(Arc::from(CHILD), Declared::from(child))];
        let supervisor = SupervisorSpec { children, ..(**supervisor).clone() };
        let kind = Kind::Supervisor(Box::new(supervisor));
        tree.root = Declared::from(ChildSpec { kind, ..(*tree.root.spec).clone() });
    }
    tree
}

//! Takes out of a draft what would have no effect where it stands, so that the core accepts it.

use mainstay_core::Path;
use mainstay_core::spec::check::{Problem, Rule};
use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::KindDraft;
use mainstay_core::spec::{ChildDraft, SupervisorDraft, TreeDraft};

/// Returns the tree without what has no effect in it.
pub(super) fn tree(mut draft: TreeDraft, profile: Profile) -> TreeDraft {
    let problems = draft.clone().build(profile).err().unwrap_or_default();
    for problem in problems.iter().filter(|problem| problem.rule == Rule::NoEffect) {
        let names: Vec<&str> = problem.path.names().collect();
        let policy = match names.as_slice() {
            [] => Some(&mut draft.root_policy),
            [name, below @ ..] => find(&mut draft.root, name, below),
        };
        if let Some(policy) = policy {
            take_out(policy, problem);
        }
    }
    draft
}

/// Returns the child, and what is below it, without what has no effect.
pub(super) fn child(mut draft: ChildDraft, profile: Profile) -> ChildDraft {
    let problems = draft.clone().build(profile, &Path::root()).err().unwrap_or_default();
    for problem in problems.iter().filter(|problem| problem.rule == Rule::NoEffect) {
        let names: Vec<&str> = problem.path.names().skip(1).collect();
        if let Some(policy) = below(&mut draft, &names) {
            take_out(policy, problem);
        }
    }
    draft
}

fn find<'a>(
    group: &'a mut SupervisorDraft,
    name: &str,
    names: &[&str],
) -> Option<&'a mut ChildDraft> {
    match &mut group.dynamic {
        Some(dynamic) if name == "*" => below(&mut dynamic.template, names),
        Some(_) | None => below(group.children.iter_mut().find(|child| child.name == name)?, names),
    }
}

fn below<'a>(draft: &'a mut ChildDraft, names: &[&str]) -> Option<&'a mut ChildDraft> {
    match names {
        [] => Some(draft),
        [name, names @ ..] => match &mut draft.kind {
            Some(KindDraft::Supervisor(group)) => find(group, name, names),
            Some(KindDraft::Leaf(_)) | None => None,
        },
    }
}

fn take_out(policy: &mut ChildDraft, problem: &Problem) {
    match problem.text.split(' ').next() {
        Some("cooldown") => policy.cooldown = None,
        Some("level_decay") => policy.level_decay = None,
        Some("ready_timeout") => policy.ready_timeout = None,
        Some(_) | None => {}
    }
}

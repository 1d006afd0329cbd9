//! Groups against the spec file: what `reread`, `add`, `remove` and `update` of `supervisorctl` are made of.
//!
//! A group is the processes directly below one supervisor, a process at the top, or the instances of one at the top. The
//! supervisor itself comes with the first of its processes and goes with the last.

use super::Asked;
use crate::api::{Role, Trouble, apart, refused_by_journal, told};
use crate::supervisord::fault::{Fault, FaultKind};
use crate::supervisord::names;
use crate::supervisord::value::Value;
use mainstay::{Act, AskError, Node, Step, Tree};
use mainstay_core::spec::{Declared, Kind};
use mainstay_wire::api::Verb;
use std::collections::BTreeSet;

/// The processes that a spec file declares.
pub(super) struct Plan {
    pub(super) processes: Vec<Process>,
    supervisors: BTreeSet<String>,
}

/// One of them.
pub(super) struct Process {
    pub(super) path: String,
    pub(super) declared: Declared,
}

impl Plan {
    /// Returns what a tree declares.
    pub(super) fn of(tree: &Tree) -> Result<Self, Fault> {
        let built = tree.clone().into_spec();
        let (spec, _) = built.map_err(|error| FaultKind::CantReread.about(error.to_string()))?;
        let mut plan = Self { processes: Vec::new(), supervisors: BTreeSet::new() };
        plan.take("", &spec.root);
        Ok(plan)
    }

    fn take(&mut self, path: &str, declared: &Declared) {
        let Kind::Supervisor(supervisor) = &declared.spec.kind else {
            let path = path.to_owned();
            self.processes.push(Process { path, declared: declared.clone() });
            return;
        };
        if !path.is_empty() {
            self.supervisors.insert(path.to_owned());
        }
        for (name, child) in &supervisor.children {
            let below = if path.is_empty() { name.to_string() } else { format!("{path}/{name}") };
            self.take(&below, child);
        }
    }

    pub(super) fn name<'a>(&self, path: &'a str) -> names::Name<'a> {
        names::name(path, |path| self.supervisors.contains(path))
    }

    /// Returns the groups in the order of the file.
    fn groups(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let all = self.processes.iter().map(|process| self.name(&process.path).group);
        all.filter(|group| seen.insert(*group)).collect()
    }

    /// Returns the paths of a group.
    fn members<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a str> {
        let paths = self.processes.iter().map(|process| process.path.as_str());
        paths.filter(move |path| self.name(path).group == group)
    }
}

/// Reads the spec file.
pub(super) async fn load(asked: &Asked<'_>) -> Result<Tree, Fault> {
    let Some(specs) = asked.interface.service.specs_of() else {
        return Err(FaultKind::CantReread.about("this program's tree is declared in its code"));
    };
    let read = apart(move || specs.load(None)).await.map_err(|trouble| Fault::of(&trouble))?;
    read.map_err(|problem| Fault::of(&Trouble::of(problem)))
}

async fn steps(asked: &Asked<'_>, tree: &Tree) -> Result<Vec<Step>, Fault> {
    let handle = &asked.interface.service.handle;
    match handle.plan(tree.clone()).await {
        Ok(mut steps) => {
            steps.retain(|step| step.act != Act::Keep);
            Ok(steps)
        }
        Err(error) => Err(Fault::of(&Trouble::command(handle, error).await)),
    }
}

/// Returns which groups are new in the file, which have changed, and which are gone from it.
pub(super) async fn reload(asked: &Asked<'_>) -> Result<Value, Fault> {
    let tree = load(asked).await?;
    let (plan, steps) = (Plan::of(&tree)?, steps(asked, &tree).await?);
    let roster = asked.roster().await?;
    let touched: BTreeSet<&str> = steps.iter().map(|step| step.path.as_str()).collect();
    let mut present: Vec<&str> = Vec::new();
    for entry in roster.in_order() {
        if !present.contains(&entry.name.group) {
            present.push(entry.name.group);
        }
    }
    let declared = plan.groups();
    let added = declared.iter().copied().filter(|group| !present.contains(group));
    let removed = present.iter().copied().filter(|group| !declared.contains(group));
    let changed = declared.iter().copied().filter(|group| {
        let is_touched = |path: &str| touched.contains(path);
        let gone = roster.group(group);
        present.contains(group)
            && (plan.members(group).any(is_touched)
                || gone.iter().any(|entry| is_touched(entry.path()))
                || plan.supervisors.contains(*group) && is_touched(group))
    });
    let list = |groups: Vec<&str>| Value::Array(groups.into_iter().map(Value::from).collect());
    let all = vec![list(added.collect()), list(changed.collect()), list(removed.collect())];
    Ok(Value::Array(vec![Value::Array(all)]))
}

/// Refuses what the API would refuse.
fn permit(asked: &Asked<'_>) -> Result<(), Fault> {
    let permitted = asked.caller.require(Role::Admin);
    permitted.map_err(|trouble| Fault::of(&trouble))?;
    match refused_by_journal(&asked.interface.service, &Verb::Remove {}) {
        Some(trouble) => Err(Fault::of(&trouble)),
        None => Ok(()),
    }
}

pub(super) async fn add(asked: &Asked<'_>) -> Result<Value, Fault> {
    let group = asked.text(0)?;
    permit(asked)?;
    let tree = load(asked).await?;
    let plan = Plan::of(&tree)?;
    let members: Vec<&str> = plan.members(group).collect();
    if members.is_empty() {
        return Err(FaultKind::BadName.about(group));
    }
    let roster = asked.roster().await?;
    if !roster.group(group).is_empty() {
        return Err(FaultKind::AlreadyAdded.about(group));
    }
    let mut has_supervisor = roster.has_supervisor(group);
    if plan.supervisors.contains(group) && !has_supervisor {
        for above in lineage(group) {
            if !roster.has_supervisor(above) {
                // What is below it and of another group comes with that.
                let is_last = above == group;
                let part = tree.part(&above.into()).cloned();
                let part = part.map(|node| node.retain(|node| is_last && !node.is_supervisor()));
                put(asked, above, part).await?;
            }
        }
        has_supervisor = true;
    } else {
        for path in members {
            put(asked, path, tree.part(&path.into()).cloned()).await?;
        }
    }
    settle(asked, &tree, has_supervisor).await?;
    Ok(true.into())
}

/// Returns a path and all above it, the highest first.
fn lineage(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    ends.map(move |end| &path[..end])
}

/// Adds a part of the declaration where it belongs.
async fn put(asked: &Asked<'_>, path: &str, part: Option<Node>) -> Result<(), Fault> {
    let Some(part) = part else { return Err(FaultKind::BadName.about(path)) };
    let above = path.rsplit_once('/').map_or("", |(above, _)| above);
    let handle = &asked.interface.service.handle;
    let request = handle.by(asked.caller.name()).add(above, part, asked.method);
    match request.await {
        Ok(_) => Ok(()),
        Err(error) => {
            let text = told(&error);
            let fault = Fault::of(&Trouble::command(handle, error).await);
            // What is wrong with the file was told before; this is about the tree as it is.
            Err(if fault.kind == FaultKind::CantReread {
                FaultKind::Failed.about(text)
            } else {
                fault
            })
        }
    }
}

/// Where nothing of the file is left to apply but what concerns no process, the file is the present one from now on.
async fn settle(asked: &Asked<'_>, tree: &Tree, has_supervisor: bool) -> Result<(), Fault> {
    let steps = steps(asked, tree).await?;
    let plan = Plan::of(tree)?;
    let roster = asked.roster().await?;
    let is_above = |step: &Step| {
        let path = step.path.as_str();
        roster.has_supervisor(path) && (path.is_empty() || plan.supervisors.contains(path))
    };
    if steps.iter().all(|step| step.act == Act::Live && is_above(step))
        && (steps.is_empty() || has_supervisor)
    {
        let applied = asked.command("", Verb::Apply { spec: None, dry_run: false }).await;
        applied.map_err(|trouble| Fault::of(&trouble))?;
    }
    Ok(())
}

pub(super) async fn remove(asked: &Asked<'_>) -> Result<Value, Fault> {
    let group = asked.text(0)?;
    permit(asked)?;
    let roster = asked.roster().await?;
    let members = roster.group(group);
    if members.is_empty() {
        return Err(FaultKind::BadName.about(group));
    }
    if !members.iter().all(|entry| entry.state().is_stopped()) {
        return Err(FaultKind::StillRunning.about(group));
    }
    if members.len() == roster.below(group).count() {
        take(asked, group).await?;
    } else {
        // From the last to the first: who needs another stands behind it.
        for entry in members.iter().rev() {
            take(asked, entry.path()).await?;
        }
    }
    // What stood above them goes with the last of them.
    let above: Vec<&str> = lineage(group).collect();
    for path in above.into_iter().rev() {
        let roster = asked.roster().await?;
        if roster.has_supervisor(path) && roster.below(path).next().is_none() {
            take(asked, path).await?;
        }
    }
    if let Ok(tree) = load(asked).await {
        settle(asked, &tree, false).await?;
    }
    Ok(true.into())
}

/// Removes a part of the tree, and waits until it is gone.
async fn take(asked: &Asked<'_>, path: &str) -> Result<(), Fault> {
    let done = asked.command(path, Verb::Remove {}).await;
    done.map_err(|trouble| Fault::of(&trouble))?;
    let handle = &asked.interface.service.handle;
    match handle.wait_until(path, |_| false).await {
        Err(AskError::Ended) => Err(FaultKind::ShutdownState.alone()),
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_comes_with_all_above_it() {
        assert_eq!(lineage("app").collect::<Vec<_>>(), ["app"]);
        assert_eq!(lineage("a/b/c").collect::<Vec<_>>(), ["a", "a/b", "a/b/c"]);
    }

    #[test]
    fn groups_are_made_of_what_is_declared() {
        let task = |name: &str| mainstay::task(name, async |_| {});
        let db = mainstay::supervisor("db").child(task("writer"));
        let app = mainstay::supervisor("app").child(task("web")).child(db);
        let tree = mainstay::tree().child(task("one")).child(task("web@1")).child(task("web@2"));
        let plan = Plan::of(&tree.child(app)).expect("a tree");
        assert_eq!(plan.groups(), ["one", "web", "app", "app/db"]);
        assert_eq!(plan.members("web").collect::<Vec<_>>(), ["web@1", "web@2"]);
        assert_eq!(plan.members("app").collect::<Vec<_>>(), ["app/web"]);
        assert_eq!(plan.members("app/db").collect::<Vec<_>>(), ["app/db/writer"]);
    }
}

//! Payloads: text in the journal, settings of a driver in the tree.

use mainstay_core::child::Child;
use mainstay_core::spec::{Change, ChildSpec, Declared, Kind, Payload, SupervisorSpec, TreeSpec};
use mainstay_core::{Command, Input, Path, Snapshot, Verb};
use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

/// A payload as it was read: the text of it, before somebody who knows its driver makes settings of it.
///
/// A tree can be restored with these and replayed: it compares them by their text. Nothing can be started of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Form(Arc<str>);

impl Form {
    pub(super) const fn new(text: Arc<str>) -> Self {
        Self(text)
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl Payload for Form {
    fn change(&self, next: &dyn Payload) -> Change {
        if next.form() == Some(&*self.0) { Change::Same } else { Change::Restart }
    }

    fn form(&self) -> Option<&str> {
        Some(&self.0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Makes settings of the text of a payload, or says why it cannot.
pub type Make<'m> = dyn FnMut(&str) -> Result<Arc<dyn Payload>, String> + 'm;

/// What could not be made of the text of a payload: for the first child that has it, why.
pub type Unmade = Vec<(Path, String)>;

/// Puts what `make` makes of its text in the place of every [`Form`] of a snapshot: in children, in what their
/// supervisors declare, in templates and in remembered commands.
///
/// Of each text something is made once, and shared. Specs that are shared stay so.
///
/// # Errors
///
/// Every text that `make` refused, once; it stays a form wherever it stands, and all others are brought to life.
pub fn bring_to_life(snapshot: &mut Snapshot, make: &mut Make<'_>) -> Result<(), Unmade> {
    let mut maker = Maker::new(make);
    let paths: Vec<Path> =
        snapshot.children.iter().flatten().map(|child| path_of(snapshot, child)).collect();
    for (child, path) in snapshot.children.iter_mut().flatten().zip(paths) {
        maker.declared(&path, &mut child.spec);
    }
    let remembered = snapshot.remembered.iter().map(|(command, answer)| {
        let mut command = command.clone();
        maker.command(&mut command);
        (command, answer.clone())
    });
    snapshot.remembered = remembered.collect();
    maker.finish()
}

/// Does for an input what [`bring_to_life`] does for a snapshot.
///
/// # Errors
///
/// Every text that `make` refused, once; it stays a form.
pub fn bring_input_to_life(input: &mut Input, make: &mut Make<'_>) -> Result<(), Unmade> {
    let mut maker = Maker::new(make);
    if let Input::Command(command) = input {
        maker.command(command);
    }
    maker.finish()
}

/// Returns the path of a child of a snapshot, as far as it has supervisors.
fn path_of(snapshot: &Snapshot, child: &Child) -> Path {
    let mut names = vec![&*child.name];
    let mut above = child.above;
    while let Some(id) = above.filter(|_| names.len() <= snapshot.children.len()) {
        let Some(Some(child)) = snapshot.children.get(id.slot()) else { break };
        names.push(&child.name);
        above = child.above;
    }
    names.reverse();
    Path::from(names.join("/").as_str())
}

struct Maker<'a, 'm> {
    make: &'a mut Make<'m>,
    /// What was made of each text; nothing where it was refused.
    made: HashMap<Arc<str>, Option<Arc<dyn Payload>>>,
    /// What became of each supervisor's spec. It is kept, so that no other can lie where it lay.
    specs: HashMap<*const ChildSpec, (Arc<ChildSpec>, Arc<ChildSpec>)>,
    unmade: Unmade,
}

impl<'a, 'm> Maker<'a, 'm> {
    fn new(make: &'a mut Make<'m>) -> Self {
        Self { make, made: HashMap::new(), specs: HashMap::new(), unmade: Vec::new() }
    }

    fn finish(self) -> Result<(), Unmade> {
        if self.unmade.is_empty() { Ok(()) } else { Err(self.unmade) }
    }

    fn command(&mut self, command: &mut Command) {
        match &mut command.verb {
            Verb::Add { name, spec: Some(spec) } => {
                self.declared(&command.target.join(name), spec);
            }
            Verb::Replace(spec) => self.declared(&command.target, spec),
            Verb::Apply(tree) => {
                let mut root = tree.root.clone();
                self.declared(&Path::root(), &mut root);
                *tree = Arc::new(TreeSpec { root, ..TreeSpec::clone(tree) });
            }
            Verb::Add { spec: None, .. }
            | Verb::Start { .. }
            | Verb::Stop
            | Verb::Restart
            | Verb::Reload
            | Verb::Recycle
            | Verb::Pause { .. }
            | Verb::Resume
            | Verb::Quarantine
            | Verb::Release
            | Verb::Acknowledge
            | Verb::Reset { .. }
            | Verb::Remove
            | Verb::Drain => {}
        }
    }

    fn declared(&mut self, path: &Path, declared: &mut Declared) {
        if let Some(payload) = &mut declared.payload
            && let Some(made) = self.payload(path, &**payload)
        {
            *payload = made;
        }
        declared.spec = self.spec(path, &declared.spec);
    }

    /// Returns what was made of a form; nothing for what is none, or was refused.
    fn payload(&mut self, path: &Path, payload: &dyn Payload) -> Option<Arc<dyn Payload>> {
        let Form(text) = payload.as_any().downcast_ref()?;
        if let Some(made) = self.made.get(text) {
            return made.clone();
        }
        let made = match (self.make)(text) {
            Ok(made) => Some(made),
            Err(why) => {
                self.unmade.push((path.clone(), why));
                None
            }
        };
        self.made.insert(Arc::clone(text), made.clone());
        made
    }

    fn spec(&mut self, path: &Path, spec: &Arc<ChildSpec>) -> Arc<ChildSpec> {
        let Some(supervisor) = spec.supervisor() else { return Arc::clone(spec) };
        if let Some((_, made)) = self.specs.get(&Arc::as_ptr(spec)) {
            return Arc::clone(made);
        }
        let kind = Kind::Supervisor(Box::new(self.supervisor(path, supervisor)));
        let made = Arc::new(ChildSpec { kind, ..ChildSpec::clone(spec) });
        self.specs.insert(Arc::as_ptr(spec), (Arc::clone(spec), Arc::clone(&made)));
        made
    }

    fn supervisor(&mut self, path: &Path, spec: &SupervisorSpec) -> SupervisorSpec {
        let mut spec = spec.clone();
        for (name, child) in &mut spec.children {
            self.declared(&path.join(name), child);
        }
        if let Some(dynamic) = &mut spec.dynamic {
            self.declared(path, &mut dynamic.template);
        }
        spec
    }
}

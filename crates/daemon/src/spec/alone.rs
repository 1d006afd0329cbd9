//! A policy without a child: to be played, by whoever may look. So nothing of it may name a file, a program or a secret.

use super::child::Maker;
use super::gather::{Entry, Gatherer, Shared};
use super::load::{checked, finished};
use super::near;
use super::place::{Place, Problem, SpecProblems};
use super::syntax::{self, Name, Node, Value};
use mainstay::Profile;
use mainstay_core::spec::ChildSpec;
use std::path::PathBuf;
use std::rc::Rc;

/// The keys of a child that say when there is another run.
const KEYS: [&str; 11] = [
    "backoff",
    "budget",
    "cooldown",
    "criticality",
    "holdoff",
    "jitter",
    "level_decay",
    "on_exhausted",
    "preset",
    "restart",
    "stable_after",
];

pub(super) fn policy(text: &str) -> Result<ChildSpec, SpecProblems> {
    let mut files = Gatherer::new(&|_| None, PathBuf::from("/"));
    let file = files.sources.add("policy".into(), &PathBuf::from("/"), text.to_owned());
    let at = Place { file, from: 0, to: 0 };
    let parsed = syntax::parse(text, file, &mut files.problems);
    let mut node = parsed.unwrap_or_else(|| Node::new(at, Value::Map(Vec::new())));
    match &node.value {
        Value::Map(entries) => {
            for (name, _) in entries.iter().filter(|(name, _)| !KEYS.contains(&name.text.as_str()))
            {
                let text = format!("`{}` says nothing about when there is another run", name.text);
                let help = match near::nearest(&name.text, KEYS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("a policy is made of `{}`", KEYS.join("`, `")),
                };
                files.problems.push(Problem::new(name.at, text, help));
            }
        }
        Value::Empty => node.value = Value::Map(Vec::new()),
        Value::Scalar(_) | Value::List(_) | Value::Lost => {
            let help = "write keys, as `restart: always`";
            files.problems.push(Problem::new(node.at, "a policy is a map", help));
        }
    }
    let mut maker = finished(Maker::new(files, true))?;
    // It is never started.
    let command = Name { text: "command".into(), at };
    node.set(command, Node::new(at, Value::Scalar("true".into())));
    let name = Name { text: "policy".into(), at };
    let entry = Entry { name, node, shared: Rc::new(Shared::default()) };
    let children = maker.children(vec![entry], "").into_iter().map(|(_, child)| child);
    let tree = mainstay::tree().profile(Profile::Daemon).children(children);
    let spec = checked(&mut maker, &tree);
    finished(maker)?;
    let found = spec.and_then(|(spec, _)| {
        let supervisor = spec.root.supervisor()?;
        supervisor.children.first().map(|(_, child)| (*child.spec).clone())
    });
    found.ok_or_else(|| super::load::alone("the policy cannot be built".into(), ""))
}

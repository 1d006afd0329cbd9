//! Reading texts as files.

use mainstay_core::spec::{ChildSpec, TreeSpec};
use mainstay_daemon::spec::{Loaded, SpecProblems, load_text};
use std::path::Path;

/// Variables that every test has.
pub(crate) fn environment(name: &str) -> Option<String> {
    match name {
        "PORT" => Some("8080".into()),
        "TOKEN" => Some("hush".into()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

pub(crate) fn read(text: &str) -> Result<Loaded, SpecProblems> {
    load_text(text, Path::new("/spec/mainstay.yaml"), &environment, None)
}

#[track_caller]
pub(crate) fn good(text: &str) -> Loaded {
    match read(text) {
        Ok(loaded) => loaded,
        Err(problems) => panic!("it is refused:\n{problems}\n{text}"),
    }
}

#[track_caller]
pub(crate) fn bad(text: &str) -> SpecProblems {
    match read(text) {
        Ok(_) => panic!("it is accepted:\n{text}"),
        Err(problems) => problems,
    }
}

#[track_caller]
pub(crate) fn spec(loaded: &Loaded) -> TreeSpec {
    loaded.tree.clone().into_spec().expect("it was checked").0
}

/// Finds a child by its path.
#[track_caller]
pub(crate) fn child(tree: &TreeSpec, path: &str) -> ChildSpec {
    declared(tree, path).spec.as_ref().clone()
}

#[track_caller]
pub(crate) fn declared(tree: &TreeSpec, path: &str) -> mainstay_core::spec::Declared {
    let mut node = tree.root.clone();
    for name in path.split('/') {
        let children = &node.supervisor().expect("a supervisor").children;
        let found = children.iter().find(|(known, _)| &**known == name);
        node = found.unwrap_or_else(|| panic!("there is no {path}")).1.clone();
    }
    node
}

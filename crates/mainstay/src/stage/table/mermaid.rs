//! A table as a picture.

use super::{Edge, Machine, Node, Table};
use std::fmt::{Debug, Write};

impl<M: Machine> Table<M> {
    /// Returns the table as a Mermaid `stateDiagram-v2`, states and transitions in the order of declaration.
    ///
    /// A transition reads `event [guard] / actions`; what a time limit becomes is marked with it.
    pub fn mermaid(&self) -> String {
        let mut text = String::from("stateDiagram-v2\n");
        line(&mut text, &format!("[*] --> {}", word(self.start)));
        for node in &self.nodes {
            for (when, actions) in [("entry", &node.enter), ("exit", &node.exit)] {
                if !actions.is_empty() {
                    line(&mut text, &format!("{} : {when} / {}", word(node.state), list(actions)));
                }
            }
            for edge in &node.edges {
                line(&mut text, &transition(node, edge));
            }
            if node.finish.is_some() {
                line(&mut text, &format!("{} --> [*]", word(node.state)));
            }
        }
        text
    }
}

fn transition<M: Machine>(node: &Node<M>, edge: &Edge<M>) -> String {
    let target = edge.target.unwrap_or(node.state);
    let mut text = format!("{} --> {} : {}", word(node.state), word(target), word(edge.event));
    if let Some((limit, _)) = node.timeout.filter(|(_, event)| *event == edge.event) {
        let _ = write!(text, " after {limit:?}");
    }
    if let Some(guard) = &edge.guard {
        let _ = write!(text, " [{}]", plain(guard.name));
    }
    if !edge.actions.is_empty() {
        let _ = write!(text, " / {}", list(&edge.actions));
    }
    if edge.target.is_none() {
        text.push_str(" (stays)");
    }
    text
}

fn line(text: &mut String, line: &str) {
    let _ = writeln!(text, "    {line}");
}

fn list(actions: &[impl Debug]) -> String {
    let words: Vec<String> = actions.iter().map(word).collect();
    words.join(", ")
}

/// A name that Mermaid takes: letters, digits and underscores.
fn word(key: impl Debug) -> String {
    let text = format!("{key:?}");
    text.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
}

/// A text of a label: colons and semicolons would end it.
fn plain(text: &str) -> String {
    text.replace([':', ';', '\n'], " ")
}

//! What a child is when its template and the defaults above it are put together with its own words.

use super::syntax::{Name, Node, Value};

/// Maps that are put together by name; of everything else the nearest holds whole.
const BY_NAME: [&str; 3] = ["environment", "secrets", "labels"];

/// Fills in what `below` says and `node` does not.
pub(super) fn fill(node: &mut Node, below: &Node) {
    for (name, value) in below.entries() {
        if BY_NAME.contains(&name.text.as_str())
            && let Value::Map(entries) = &mut node.value
            && let Some((_, mine)) = entries.iter_mut().find(|(known, _)| known.text == name.text)
        {
            add(mine, value);
        } else if node.get(&name.text).is_none() {
            node.set(name.clone(), value.clone());
        }
    }
}

fn add(mine: &mut Node, value: &Node) {
    for (name, one) in value.entries() {
        if mine.get(&name.text).is_none() {
            mine.set(name.clone(), one.clone());
        }
    }
}

/// Returns the map of a child that may be written as its command alone.
pub(super) fn whole(node: &Node) -> Node {
    match &node.value {
        Value::Scalar(_) => {
            let name = Name { text: "command".into(), at: node.at };
            Node::new(node.at, Value::Map(vec![(name, node.clone())]))
        }
        Value::Empty | Value::Lost | Value::List(_) | Value::Map(_) => node.clone(),
    }
}

//! Who is told of failures, and how long the brain may be silent.

use super::Findings;
use super::policy::shape;
use crate::hook::{Address, Hook, Receiver, Retry, wrong_address, wrong_header};
use crate::spec::scalar;
use crate::spec::secret::Secret;
use crate::spec::syntax::Node;
use mainstay_wire::api::FactKind;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the brain may be silent where nothing is said about it.
const SILENCE: Duration = Duration::from_secs(30);
/// What is shorter may come of a busy machine alone.
const SHORTEST: Duration = Duration::from_secs(3);
/// No try takes longer.
const LONGEST: Duration = Duration::from_secs(600);

/// Returns how long the brain may give no sign of life; zero: for ever.
pub(in super::super) fn watchdog(node: &Node, found: &mut Findings<'_>) -> Duration {
    let Some(watchdog) = node.get("watchdog") else { return SILENCE };
    if watchdog.text() == Some("never") {
        return Duration::ZERO;
    }
    let span = watchdog.text().and_then(scalar::span).unwrap_or(SILENCE);
    if span < SHORTEST {
        found.wrong(
            watchdog,
            "a silence this short may come of a busy machine alone",
            "say `3s` or more, or `never`",
        );
    }
    span
}

/// Returns the hooks in order of their names.
pub(in super::super) fn hooks(top: &Node, folder: &Path, found: &mut Findings<'_>) -> Vec<Hook> {
    let mut hooks = Vec::new();
    for (name, node) in top.sorted("hooks") {
        // What does not fit was told.
        if let Some(hook) = hook(&name.text, node, folder, found) {
            hooks.push(hook);
        }
    }
    hooks
}

fn hook(name: &str, node: &Node, folder: &Path, found: &mut Findings<'_>) -> Option<Hook> {
    let children: Vec<String> =
        node.texts("children").into_iter().map(|path| path.trim_matches('/').to_owned()).collect();
    let labels = texts(node, "labels");
    let to = receiver(node, folder, found)?;
    let is_post = matches!(to, Receiver::Post { .. });
    let mut secrets = Vec::new();
    for (name, reference) in node.sorted("secrets") {
        if let Some(why) = is_post.then(|| wrong_header(&name.text)).flatten() {
            found.wrong(reference, format!("`{}` cannot be sent: {why}", name.text), "");
        }
        secrets.push((name.text.clone(), Secret::new(reference.clone())));
    }
    let timeout = node.span("timeout").unwrap_or(Duration::from_secs(10));
    if (timeout.is_zero() || timeout > LONGEST)
        && let Some(at) = node.get("timeout")
    {
        found.wrong(at, "a try takes more than no time and at most 10 minutes", "");
    }
    let on: Vec<FactKind> = node
        .texts("on")
        .into_iter()
        .filter_map(|word| FactKind::ALL.into_iter().find(|fact| fact.word() == word))
        .collect();
    if let Some(at) = node.get("on").filter(|on| on.text().is_none() && on.each().is_empty()) {
        found.wrong(
            at,
            "a hook that is told of nothing has no effect",
            "leave `on` out for all three",
        );
    }
    let is_for_all = children.is_empty() && labels.is_empty();
    Some(Hook {
        name: name.to_owned(),
        on: if node.get("on").is_some() { on } else { FactKind::ALL.to_vec() },
        program: node.get("program").map_or(is_for_all, |_| node.switch("program")),
        children,
        labels,
        to,
        secrets,
        timeout,
        fold: node.span("fold").unwrap_or(Duration::from_secs(120)),
        retry: node.get("retry").map_or_else(Retry::default, retry),
    })
}

fn retry(node: &Node) -> Retry {
    let default = Retry::default();
    Retry {
        backoff: node.get("backoff").and_then(shape).unwrap_or(default.backoff),
        tries: node.number("tries").unwrap_or(default.tries),
        most: node.number("most").unwrap_or(default.most),
        within: node.span("within").unwrap_or(default.within),
    }
}

/// Returns how it is told. Keys of the other way would have no effect, which is told.
fn receiver(node: &Node, folder: &Path, found: &mut Findings<'_>) -> Option<Receiver> {
    let is_run = node.get("run").is_some();
    let (foreign, own) = if is_run {
        (&["headers", "authorities"][..], "url")
    } else {
        (&["environment"][..], "run")
    };
    for key in foreign {
        if let Some((name, _)) = node.entry(key) {
            let at = Node::new(name.at, crate::spec::syntax::Value::Empty);
            found.wrong(&at, format!("`{key}` has no effect without `{own}`"), "leave it out");
        }
    }
    if let Some(run) = node.get("run") {
        let command = match node.command("run") {
            Ok(command) if !command.is_empty() && !command[0].is_empty() => command,
            Ok(_) => {
                found.wrong(run, "it names no program", "as in `[./page, --team, ops]`");
                return None;
            }
            Err(why) => {
                found.wrong(run, format!("the command cannot be split: {why}"), "");
                return None;
            }
        };
        let environment = texts(node, "environment");
        return Some(Receiver::Run { command, folder: folder.to_owned(), environment });
    }
    let url = node.get("url")?;
    let address = match url.text() {
        Some(text) => {
            if let Some(why) = wrong_address(text) {
                found.hidden(url, format!("the hook cannot post there: {why}"));
            }
            Address::Plain(text.to_owned())
        }
        None => Address::Secret(Secret::new(url.clone())),
    };
    let headers = texts(node, "headers");
    for (name, value) in node.get("headers").map_or(&[][..], Node::entries) {
        if let Some(why) = wrong_header(&name.text) {
            found.wrong(value, format!("the header `{}` cannot be sent: {why}", name.text), "");
        }
    }
    let authorities = node.word("authorities").map(PathBuf::from);
    Some(Receiver::Post { url: address, headers, authorities })
}

fn texts(node: &Node, key: &str) -> BTreeMap<String, String> {
    node.pairs(key).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

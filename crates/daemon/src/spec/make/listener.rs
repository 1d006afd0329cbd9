//! Children that are told of events in supervisord's protocol.

use super::Findings;
use crate::listener::{BUFFER, Channel, Kind, Listener, Printed, TIMEOUT, kinds, names};
use crate::spec::near;
use crate::spec::syntax::{Node, Value};
use std::collections::BTreeSet;

/// Returns what the child at this path listens to, if it does.
pub(in super::super) fn listener(
    node: &Node,
    path: &str,
    found: &mut Findings<'_>,
) -> Option<Listener> {
    let at = node.get("listener")?;
    let is_short = !matches!(at.value, Value::Map(_));
    let events = if is_short { Some(at) } else { at.get("events") }?;
    let mut all: BTreeSet<Kind> = BTreeSet::new();
    for name in events.each() {
        let Some(text) = name.text() else { continue };
        let these = kinds(text);
        if these.is_empty() {
            let hint = near::hint(text, names());
            let text = format!("supervisord has no event `{text}`");
            found.near(
                name,
                text,
                hint,
                "as in `PROCESS_STATE_EXITED`, `PROCESS_STATE`, `TICK_60`",
            );
        }
        all.extend(these);
    }
    if events.each().is_empty() {
        found.wrong(
            events,
            "this listener has no effect: it hears of nothing",
            "say which `events`",
        );
    }
    Some(Listener {
        kinds: all,
        pool: at.word("pool").unwrap_or_else(|| base(path)).to_owned(),
        buffer: at.number("buffer").unwrap_or(BUFFER),
        timeout: at.span("timeout").unwrap_or(TIMEOUT),
    })
}

/// Returns what becomes events of what a child prints, if anything does.
pub(in super::super) fn printed(node: &Node, found: &mut Findings<'_>) -> Option<Printed> {
    let at = node.get("output_events")?;
    let outputs = |key: &str| -> BTreeSet<Channel> {
        let all = at.get(key).map_or(&[][..], Node::each).iter();
        all.filter_map(Node::text)
            .map(|word| if word == "err" { Channel::Err } else { Channel::Out })
            .collect()
    };
    let (lines, messages) = (outputs("lines"), outputs("messages"));
    let is_apart = node.word("output") == Some("apart");
    if lines.is_empty() && messages.is_empty() {
        let text = "these `output_events` have no effect: neither lines nor messages become events";
        found.wrong(at, text, "say which `lines` or `messages`: `out`, `err`");
    }
    if !is_apart && lines.iter().chain(&messages).any(|output| *output == Channel::Err) {
        let text = "nothing tells its standard error from its standard output";
        found.wrong(at, text, "say `output: apart`, or `out`");
    }
    if matches!(node.word("output"), Some("null" | "inherit")) {
        found.wrong(at, "its output goes elsewhere, and is not seen here", "leave out `output`");
    }
    let log = node.get("log")?;
    let log = log.text().or_else(|| log.word("path"))?.into();
    Some(Printed { lines, messages, log, is_apart })
}

/// Returns the path that all instances have in common.
fn base(path: &str) -> &str {
    let name = path.rfind('/').map_or(0, |slash| slash + 1);
    match path[name..].find('@') {
        Some(at) if at > 0 => &path[..name + at],
        Some(_) | None => path,
    }
}

/// Returns the variables by which a program sees that it is told of events, as supervisord sets them.
pub(in super::super) fn told(listener: &Listener, path: &str) -> [(&'static str, String); 4] {
    let name = path.rsplit('/').next().unwrap_or(path);
    [
        ("SUPERVISOR_ENABLED", "1".to_owned()),
        ("SUPERVISOR_PROCESS_NAME", name.to_owned()),
        ("SUPERVISOR_GROUP_NAME", listener.pool.clone()),
        // Many look only whether it is there. Who asks there without an interface is told that this is no address.
        ("SUPERVISOR_SERVER_URL", String::new()),
    ]
}

#[cfg(test)]
mod tests {
    use super::base;

    #[test]
    fn instances_have_one_pool() {
        let table = [
            ("mail", "mail"),
            ("mail@2", "mail"),
            ("app/mail@12", "app/mail"),
            ("app@1/mail", "app@1/mail"),
            ("@2", "@2"),
        ];
        for (path, pool) in table {
            assert_eq!(base(path), pool, "{path}");
        }
    }
}

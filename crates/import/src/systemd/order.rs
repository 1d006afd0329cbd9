//! `After=`, `Requires=` and the like become needs, where both units were imported.

use super::Made;
use super::unit::Unit;
use crate::given::{Given, Id};
use crate::model::Need;

/// How one unit speaks of others.
const KEYS: [&str; 7] = ["After", "Before", "Requires", "Wants", "BindsTo", "PartOf", "WantedBy"];

pub(super) fn read(units: &[Unit], made: &mut [Made], given: &mut Given) {
    for unit in units {
        let own = made.iter().position(|made| made.unit == unit.name);
        let mut lines: Vec<(String, Id)> = Vec::new();
        for (section, key, id) in unit.lines() {
            let is_order = matches!(section, "Unit" | "Install");
            if is_order && (KEYS.contains(&key) || key == "RequiredBy") {
                lines.push((key.to_owned(), id));
            }
        }
        for (key, id) in lines {
            let value = given.value(id).to_owned();
            if value.is_empty() {
                given.kept(id, "empty: nothing of what stands before it holds");
            }
            for other in value.split_whitespace() {
                one(&key, id, other, (unit, units), own, made, given);
            }
        }
    }
}

fn one(
    key: &str,
    id: Id,
    other: &str,
    (unit, units): (&Unit, &[Unit]),
    own: Option<usize>,
    made: &mut [Made],
    given: &mut Given,
) {
    if matches!(key, "WantedBy" | "RequiredBy") {
        let waits = own.and_then(|own| made.get(own)).is_some_and(|made| made.waits);
        return match waits {
            true => given.changed(id, "it does not start by itself"),
            false => given.kept(id, "children start with the tree"),
        };
    }
    let Some(own) = own else {
        return given.kept(id, "a part of the child of the same name");
    };
    let stem = unit.stem();
    if other
        .rsplit_once('.')
        .is_some_and(|(name, kind)| name == stem && matches!(kind, "socket" | "timer"))
    {
        return given.kept(id, "its own");
    }
    let Some(at) = made.iter().position(|made| made.unit == other) else {
        let is_read = units
            .iter()
            .any(|unit| unit.name == other && matches!(unit.kind(), "socket" | "timer"));
        return match (is_read, key) {
            (true, "Wants" | "Requires" | "After") => {
                given.kept(id, "a part of a child, which begins with the tree");
            }
            (true | false, _) => unknown(key, id, other, given),
        };
    };
    let (from, to) = if key == "Before" { (at, own) } else { (own, at) };
    let (Some(to_waits), Some(to_name), Some(is_oneshot)) = (
        made.get(to).map(|made| made.waits),
        made.get(to).map(|made| made.child.name.clone()),
        made.get(to).map(|made| made.is_oneshot),
    ) else {
        return;
    };
    let until = if is_oneshot { "completed" } else { "ready" };
    let (until, on_restart) = match key {
        "Wants" if !to_waits => return given.kept(id, "both start with the tree"),
        "Wants" => {
            return given.lost(
                id,
                format!(
                    "`{to_name}` does not start by itself, but when its schedule, a connection or \
                        `mainstay start` says so"
                ),
            );
        }
        "BindsTo" => (until, Some("stop")),
        "PartOf" => ("started", Some("restart")),
        _ => (until, None),
    };
    if to_waits {
        return given.lost(
            id,
            format!("`{to_name}` does not start by itself: waiting for it could last for ever"),
        );
    }
    let Some(child) = made.get_mut(from).map(|made| &mut made.child) else { return };
    match child.needs.iter_mut().find(|need| need.child == to_name) {
        Some(need) => need.on_restart = need.on_restart.or(on_restart),
        None => {
            child.needs.push(Need { child: to_name.clone(), until, on_restart, from: Some(id) });
        }
    }
    match key {
        "After" | "Before" => given.changed(
            id,
            format!(
                "`needs`: it waits until `{to_name}` is there; systemd goes on too when that \
                has failed"
            ),
        ),
        "Requires" => given.changed(id, "`needs`: it also waits, which `Requires=` alone does not"),
        "PartOf" => given.changed(
            id,
            "`needs` with `on_restart: restart`: it is restarted with \
            the other, and not stopped with it",
        ),
        _ => given.kept(id, "`needs`"),
    }
}

/// Units that were not imported with it.
fn unknown(key: &str, id: Id, other: &str, given: &mut Given) {
    let kind = other.rsplit_once('.').map_or("", |(_, kind)| kind);
    match kind {
        "target" | "slice" | "mount" | "device" | "swap" => given.lost(
            id,
            "a state of the machine, which the tree does not know: order the unit of the daemon \
                itself after it",
        ),
        _ if matches!(key, "After" | "Before" | "Wants") => given.lost(
            id,
            "not imported with it: import both together, or order the unit of the daemon itself",
        ),
        _ => given
            .lost(id, "not imported with it, and not started by this tree: import both together"),
    }
}

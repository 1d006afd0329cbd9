//! What came of a command, and the plan of an `apply`.

use super::text::{count, tame};
use super::time::span;
use crate::screen::{Screen, Tint};
use mainstay_wire::api::{Act, Reply, Step};

/// Returns what came of a command to a child. `is_kept`: it is on the disk, or nobody expects it there.
pub(crate) fn reply(reply: &Reply, is_kept: bool, screen: &Screen) -> String {
    let name = if reply.child.is_empty() { "the tree" } else { &reply.child };
    let tint = if reply.changed { Tint::Plain } else { Tint::Dim };
    let mut line = screen.paint(Tint::Bold, &tame(name, false));
    // The text may begin with the name: it is said once.
    let own = if reply.child.is_empty() { "/" } else { name };
    let text = match reply.text.strip_prefix(own) {
        Some(rest) if rest.starts_with(' ') => tame(rest, false),
        Some(_) | None => format!(": {}", tame(&reply.text, false)),
    };
    line.push_str(&screen.paint(tint, &text));
    if let Some(next) = &reply.next {
        line.push_str(&format!("; {} in {}", tame(&next.what, false), span(next.in_ms)));
    }
    if !is_kept {
        let text = "! not on the disk: it is forgotten if the daemon ends now";
        line.push_str(&format!("\n  {}", screen.paint(Tint::Warn, text)));
    }
    line
}

/// Returns a plan, one line for each child that something is done to, and a sum.
pub(crate) fn plan(steps: &[Step], screen: &Screen) -> String {
    let mut out = String::new();
    // The root is no child: it is shown where it changes, and not counted.
    let children = || steps.iter().filter(|step| !step.path.is_empty());
    let of = |wanted: Act| children().filter(|step| step.act == wanted).count() as u64;
    for step in steps {
        let (sign, tint, what) = match step.act {
            Act::Keep => continue,
            Act::Add => ("+", Tint::Good, "is added"),
            Act::Remove => ("-", Tint::Bad, "is stopped and removed"),
            Act::Restart => ("~", Tint::Warn, "is restarted with new settings"),
            Act::Live => ("~", Tint::Coming, "gets new settings and goes on"),
        };
        let name = if step.path.is_empty() { "(the tree)" } else { &step.path };
        let line = format!("{sign} {}", tame(name, false));
        out.push_str(&screen.paint(tint, &line));
        out.push_str(&format!(" {what}\n"));
    }
    let parts = [
        (of(Act::Add), "to add"),
        (of(Act::Remove), "to remove"),
        (of(Act::Restart), "to restart"),
        (of(Act::Live), "to change"),
    ];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    let mut parts: Vec<String> = parts.map(|(number, what)| format!("{number} {what}")).collect();
    let kept = count(of(Act::Keep), "child stays as it is", "children stay as they are");
    if steps.iter().all(|step| step.act == Act::Keep) {
        return format!("no child changes: {kept}");
    }
    parts.push(kept);
    out.push_str(&parts.join(", "));
    out
}

//! Two policies, end by end: when each run ended, what followed, and where they part.

use super::{after, lines};
use crate::simulate::{Fall, Timeline};

/// So many rows are told from the beginning before alike ones are folded.
const FIRST: usize = 8;

/// Returns the table, and the sentence that says where they part.
pub(super) fn table(one: &Timeline, other: &Timeline, width: usize) -> String {
    let mut text = String::new();
    for timeline in [one, other] {
        let shown = ["restart:", "backoff:", "holdoff:", "budget:", "on_exhausted:"];
        let rules = timeline.rules.iter().filter(|rule| {
            shown.iter().any(|key| rule.starts_with(key)) && !rule.ends_with(": 0s")
        });
        let rules: Vec<&str> = rules.map(String::as_str).collect();
        lines(&mut text, "", &format!("{}: {}", timeline.policy, rules.join("; ")), width);
    }
    text.push_str("\nEach row is one end of the child: when it came, and what followed.\n\n");
    let head = " end ";
    // Two columns, each with a moment and what follows.
    let half = width.saturating_sub(head.len() + 3) / 2;
    row(&mut text, head, [&one.policy, &other.policy], half);
    // How runs end is told where they do not all end alike.
    let first = one.falls.first().map(|fall| &fall.how);
    let varies = one.falls.iter().chain(&other.falls).any(|fall| Some(&fall.how) != first);
    let most = one.falls.len().max(other.falls.len());
    let mut at = 0;
    while at < most {
        let (here, there) = (one.falls.get(at), other.falls.get(at));
        let alike = alike(one, other, at, most);
        if at >= FIRST && alike > 2 {
            text.push_str(&format!("   … {} more ends like these\n", alike - 1));
            at += alike - 1;
            continue;
        }
        let is_last = |timeline: &Timeline| at > 0 && at == timeline.falls.len();
        let cells =
            [cell(here, is_last(one), varies, half), cell(there, is_last(other), varies, half)];
        let height = cells[0].len().max(cells[1].len());
        for line in 0..height {
            let number = if line == 0 { format!("{:>4} ", at + 1) } else { " ".repeat(head.len()) };
            let part = |cell: &Vec<String>| cell.get(line).cloned().unwrap_or_default();
            row(&mut text, &number, [&part(&cells[0]), &part(&cells[1])], half);
        }
        at += 1;
    }
    text.push('\n');
    lines(&mut text, "", &parts(one, other), width);
    text
}

/// Returns how many ends from this one on have the like to follow on both sides, however long the waits are.
fn alike(one: &Timeline, other: &Timeline, from: usize, most: usize) -> usize {
    let kind = |timeline: &Timeline, at: usize| {
        let Fall { how, then, .. } = timeline.falls.get(at)?;
        let then = if then.starts_with("again in ") { "again" } else { then.as_str() };
        Some(format!("{how} {then}"))
    };
    let (here, there) = (kind(one, from), kind(other, from));
    let same = |at: &usize| kind(one, *at) == here && kind(other, *at) == there;
    (from..most).take_while(same).count()
}

/// Returns the lines of one cell.
fn cell(fall: Option<&Fall>, is_last: bool, varies: bool, width: usize) -> Vec<String> {
    match (fall, is_last) {
        (Some(Fall { at, how, then }), _) => {
            let then = if varies { format!("{how}; {then}") } else { then.clone() };
            let lead = format!("{:>8}  ", after(*at).to_string());
            let indent = lead.chars().count();
            let mut text = String::new();
            lines(&mut text, &lead, &then, width.max(indent + 10));
            text.lines().map(str::to_owned).collect()
        }
        (None, true) => vec!["       –  no further end".into()],
        (None, false) => Vec::new(),
    }
}

fn row(text: &mut String, lead: &str, [left, right]: [&str; 2], half: usize) {
    let gap = half.saturating_sub(left.chars().count());
    let line = format!("{lead}{left}{} │ {right}", " ".repeat(gap));
    text.push_str(line.trim_end());
    text.push('\n');
}

/// Says where two policies part.
fn parts(one: &Timeline, other: &Timeline) -> String {
    let most = one.falls.len().max(other.falls.len());
    for at in 0..most {
        let (here, there) = (one.falls.get(at), other.falls.get(at));
        let (Some(Fall { then: here, .. }), Some(Fall { then: there, .. })) = (here, there) else {
            let (goes_on, rests) = if here.is_some() { (one, other) } else { (other, one) };
            return format!(
                "They part after end {at}: {} goes on, {} does not.",
                goes_on.policy, rests.policy
            );
        };
        if here != there {
            let (one, other, at) = (&one.policy, &other.policy, at + 1);
            return format!("They part at end {at}. {one}: {here}. {other}: {there}.");
        }
    }
    "They do the same at every end.".into()
}

//! What a policy means, in plain words.

use super::Loaded;
use super::child::{Maker, join};
use crate::console::Written;
use mainstay::{Brief, Cooldown, Criticality, OnExhausted, Restart};
use mainstay_core::spec::meaning::time_to_spend;
use mainstay_core::spec::{Activation, ChildSpec, Declared, Grace, Ready, TreeSpec, Until};
use mainstay_wire::spec::{Console, Every, Overlap, Schedule};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// Returns what `mainstay check` prints of an accepted file: each child with what its policy means, then what is worth
/// knowing.
pub fn meanings(loaded: &Loaded) -> String {
    let mut text = String::new();
    for (path, meaning) in &loaded.meanings {
        let name = if path.is_empty() { &loaded.name } else { path };
        text += name;
        text.push('\n');
        if let Some(says) = loaded.descriptions.get(path) {
            text += &format!("  {says}\n");
        }
        for line in meaning.lines() {
            text += &format!("  {line}\n");
        }
    }
    for hook in &loaded.hooks {
        text += &format!("hook {}\n", hook.name);
        for line in hook.meaning().lines() {
            text += &format!("  {line}\n");
        }
    }
    for warning in &loaded.warnings {
        text += &format!("warning: {warning}\n");
    }
    text
}

/// Returns the meaning of every child of an accepted tree, by path.
pub(super) fn of(spec: &TreeSpec, maker: &Maker<'_>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut root = String::new();
    let (asked, fatal) = (Brief(spec.drain_timeout), Brief(spec.fatal_drain_timeout));
    line(
        &mut root,
        format!("An asked drain takes at most {asked}, one that a failure caused {fatal}."),
    );
    if let Some(rate) = spec.storm_rate {
        let (burst, each) = (rate.burst, rate.per_second);
        line(&mut root, format!("At most {burst} starts at once, then {each} each second."));
    }
    for limit in &spec.root.budget {
        line(
            &mut root,
            format!("{}: then {}.", capital(&limit.to_string()), end_of_group(&spec.root)),
        );
    }
    all.insert(String::new(), root);
    below(&spec.root, "", maker, &mut all);
    all
}

fn below(spec: &ChildSpec, above: &str, maker: &Maker<'_>, all: &mut BTreeMap<String, String>) {
    let Some(supervisor) = spec.supervisor() else { return };
    for (name, child) in &supervisor.children {
        let path = join(above, name);
        let mut text = String::new();
        begins(&mut text, child, &path, maker);
        repeats(&mut text, child);
        ends(&mut text, child);
        all.insert(path.clone(), text);
        below(child, &path, maker, all);
    }
}

fn line(text: &mut String, line: impl AsRef<str>) {
    let written = writeln!(text, "{}", line.as_ref());
    debug_assert!(written.is_ok(), "a text takes every line");
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// When it starts, and when it counts as started.
fn begins(text: &mut String, child: &Declared, path: &str, maker: &Maker<'_>) {
    if let Some(schedule) = maker.tending.schedules.get(path) {
        line(text, scheduled(schedule));
    } else {
        match child.activation {
            Activation::Always => {}
            Activation::OnDemand { idle: None } => line(text, "Starts at the first demand."),
            Activation::OnDemand { idle: Some(idle) } => {
                let idle = Brief(idle);
                line(text, format!("Starts at the first demand, and stops {idle} after the last."));
            }
        }
    }
    for need in &child.needs {
        let far = match need.until {
            Until::Started => "has started",
            Until::Ready => "is ready",
            Until::Completed => "has ended cleanly",
        };
        line(text, format!("Starts once {} {far}.", need.child));
    }
    let limit = Brief(child.ready_timeout);
    let sign = match child.ready {
        Ready::Immediate => None,
        Ready::Notify => Some("when it says `READY=1`"),
        Ready::Fd => Some("when it writes a line to its descriptor"),
        Ready::Probe => Some("when its readiness probe succeeds"),
        Ready::LogLine => Some("when it prints the line"),
        Ready::Explicit => Some("when it says so"),
    };
    if let Some(sign) = sign {
        line(text, format!("Is ready {sign}, at the latest after {limit}."));
    }
    if let Some(watch) = maker.tending.watches.get(path) {
        let count = watch.paths.len();
        let quiet = Brief(watch.debounce);
        let what = if count == 1 { "its file".to_owned() } else { format!("one of {count} paths") };
        line(text, format!("Is restarted {quiet} after {what} has changed."));
    }
    if let Some(console) = maker.consoles.get(path) {
        let Console { listen, log_listen, .. } = &console.console;
        let places: Vec<String> =
            listen.iter().chain(log_listen).map(|at| Written(at).to_string()).collect();
        if !places.is_empty() {
            line(text, format!("Its terminal is open at {}.", places.join(", ")));
        }
    }
    if let Some(listener) = maker.listeners.get(path) {
        listener.meaning().lines().for_each(|said| line(text, said));
    }
    if maker.said(path).is_some_and(|node| node.get("secrets").is_some()) {
        line(text, "Its secrets are read with the file; a new value holds after the next `apply`.");
    }
}

fn scheduled(schedule: &Schedule) -> String {
    let when = match &schedule.every {
        Every::Span(span) => format!("every {}", Brief(*span)),
        Every::Cron { expression, time_zone } => {
            let zone = time_zone.as_deref().unwrap_or("the machine's time zone");
            format!("at `{expression}` in {zone}")
        }
    };
    let overlap = match schedule.overlap {
        Overlap::Skip => "a time that comes while it runs is left out",
        Overlap::Queue => "a time that comes while it runs has it run once more afterwards",
        Overlap::Replace => "a time that comes while it runs ends that run",
    };
    format!("Starts {when}; {overlap}.")
}

/// What follows an end.
fn repeats(text: &mut String, child: &Declared) {
    match child.restart {
        Restart::Always => line(text, "Runs again after every end."),
        Restart::OnFailure => line(text, "Runs again after a failure; a clean end is final."),
        Restart::Never => {
            line(text, "Is never run again by itself.");
            if child.criticality == Criticality::Critical {
                line(text, "The tree ends with it.");
            }
            return;
        }
    }
    let (shape, jitter) = (&child.backoff.shape, &child.backoff.jitter);
    line(text, format!("Waits before it: {shape}, jitter {jitter}."));
    let stable = Brief(child.stable_after);
    line(
        text,
        format!("Earlier failures are forgotten once it was ready for {stable} without a break."),
    );
    for limit in &child.budget {
        let soonest = time_to_spend(child, limit);
        let soonest = match (child.supervisor(), soonest) {
            (Some(_), _) => String::new(),
            (None, Some(soonest)) => {
                format!(" (dying at once it gets there in {} or later)", Brief(soonest))
            }
            (None, None) => " (it can never get there)".to_owned(),
        };
        let then = if child.supervisor().is_some() { end_of_group(child) } else { end(child) };
        line(text, format!("{}{soonest}: then {then}.", capital(&limit.to_string())));
    }
    if child.budget.is_empty() {
        line(text, "Nothing limits how often.");
    }
}

/// What its own spent budget leads to.
fn end(child: &ChildSpec) -> String {
    words(child.on_exhausted, &child.cooldown)
}

/// What a spent budget over its children leads to.
fn end_of_group(child: &ChildSpec) -> String {
    let end = child.supervisor().map_or(child.on_exhausted, |supervisor| supervisor.on_exhausted);
    words(end, &child.cooldown)
}

fn words(end: OnExhausted, cooldown: &[Cooldown]) -> String {
    match end {
        OnExhausted::Cooldown => {
            let rungs: Vec<String> = cooldown.iter().map(ToString::to_string).collect();
            format!("it rests and is tried once: after {}; the last repeats", rungs.join(", "))
        }
        OnExhausted::Quarantine => "it stays down until it is released".into(),
        OnExhausted::Escalate => "its supervisor gives up".into(),
        OnExhausted::Shutdown => "the whole tree ends".into(),
    }
}

/// How it is ended.
fn ends(text: &mut String, child: &Declared) {
    if child.supervisor().is_some() {
        return;
    }
    let mut total = Some(Duration::ZERO);
    for step in &child.stop.steps {
        total = match (total, step) {
            (Some(total), Grace::For(grace)) => Some(total.saturating_add(*grace)),
            (_, Grace::Unbounded) | (None, Grace::For(_)) => None,
        };
    }
    match total {
        Some(total) if total.is_zero() => line(text, "Is ended by force at once."),
        Some(total) => {
            line(text, format!("Gets {} to end when it is asked to, then force.", Brief(total)));
        }
        None => line(text, "Gets as long as it wants to end; the bound on a drain still holds."),
    }
}

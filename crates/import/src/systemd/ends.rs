//! How a service is asked to end, and how it reads its settings again.

use super::service::Service;
use super::values::Span;
use crate::model::Value;
use crate::shell::words;
use crate::units;
use std::time::Duration;

pub(super) fn read(service: &mut Service<'_>) {
    let within = patience(service);
    let mut to_all = true;
    if let Some((id, mode)) = service.one("KillMode") {
        match mode.as_str() {
            "control-group" => service.given.kept(id, "`stop`, with `to: all`"),
            "mixed" => {
                to_all = false;
                service.given.kept(id, "`stop` asks the main process; force is for all of it");
            }
            "process" | "none" => {
                to_all = false;
                service.child.set("contain", "main");
                if mode == "none" {
                    service.given.changed(id, "`contain: main`: the main process is asked to end");
                } else {
                    service.given.kept(id, "`contain: main`");
                }
            }
            _ => service.given.lost(id, format!("`{mode}` is no way to end a service")),
        }
    }
    let mut signal = "TERM".to_owned();
    if let Some((id, name)) = service.one("KillSignal") {
        match units::signal(&name) {
            Some(name) => {
                signal = name;
                service.given.kept(id, "`stop`");
            }
            None => service.given.lost(id, format!("there is no signal `{name}`")),
        }
    }
    let mut steps = Vec::new();
    for (id, command) in service.commands("ExecStop") {
        service.note_prefixes(id, &command);
        if let Some(signal) = command.signal() {
            steps.push(Value::map([("signal", signal), ("within", within.clone())]));
            service.given.changed(
                id,
                format!(
                    "a step of `stop`, after which it gets {within}; systemd sends KillSignal as \
                        soon as the command has ended"
                ),
            );
        } else {
            let words = command.program().command();
            let within = Value::Text(within.clone());
            steps.push(Value::map([("command", words), ("within", within)]));
            let shell = match command.line {
                Some(_) => ", in which `/bin/sh` fills in the variables",
                None => "",
            };
            service.given.changed(
                id,
                format!(
                    "a step of `stop`{shell}: when it has ended, the process has the rest of the \
                        time to end; systemd sends KillSignal at once"
                ),
            );
        }
    }
    let last = match service.switch("SendSIGKILL") {
        Some((id, false)) => {
            service.given.kept(id, "`within: unbounded`: force does not follow");
            "unbounded".to_owned()
        }
        Some((id, true)) => {
            service.given.kept(id, "force follows");
            within
        }
        None => within,
    };
    let mut step = vec![("signal", signal)];
    if to_all {
        step.push(("to", "all".into()));
    }
    step.push(("within", last));
    steps.push(Value::map(step));
    service.child.set("stop", Value::List(steps));
    reload(service);
}

/// Returns how long a step gets.
fn patience(service: &mut Service<'_>) -> String {
    let both = service.span("TimeoutSec");
    let stop = service.span("TimeoutStopSec");
    for (id, _) in both.iter().chain(&stop) {
        service.given.kept(*id, "`within` of `stop`");
    }
    match stop.or(both).map(|(_, span)| span) {
        Some(Span::For(span)) if !span.is_zero() => units::span(span),
        Some(Span::For(_) | Span::Infinite) => "unbounded".into(),
        None => units::span(Duration::from_secs(90)),
    }
}

fn reload(service: &mut Service<'_>) {
    let named = service.one("ReloadSignal");
    let is_notified = service.unit.peek("Type", service.given) == Some("notify-reload");
    if is_notified {
        let signal = named.as_ref().and_then(|(_, name)| units::signal(name));
        let signal = signal.unwrap_or_else(|| "HUP".into());
        service.child.set("reload", Value::map([("notify", signal)]));
    }
    if let Some((id, _)) = named {
        if is_notified {
            service.given.kept(id, "`reload: {notify: ..}`");
        } else {
            service.given.kept(id, "without effect there: the type is not notify-reload");
        }
    }
    let all = service.commands("ExecReload");
    let several = all.len() > 1;
    for (at, (id, command)) in all.into_iter().enumerate() {
        service.note_prefixes(id, &command);
        if command.is_optional {
            service.given.changed(id, "`-`: that a reload failed is told, and nothing follows");
        }
        if at > 0 {
            service.given.lost(id, "one command reloads: put them into one script");
        } else if let Some(signal) = command.signal() {
            service.child.set("reload", signal);
            service.given.kept(id, "`reload`");
        } else {
            let command_value = match &command.line {
                Some(_) => command.program().command(),
                None => words(&command.words),
            };
            service.child.set("reload", Value::map([("command", command_value)]));
            if command.line.is_some() {
                service.given.changed(id, "`reload`, with a shell that fills in the variables");
            } else if several {
                service.given.changed(id, "`reload` runs the first command alone");
            } else {
                service.given.kept(id, "`reload`");
            }
        }
    }
}

//! What a spec file says to the program around the tree.

use super::Findings;
use crate::spec::scalar;
use crate::spec::syntax::{Node, Value};
use crate::tend;
use mainstay_wire::spec::{Api, Every, Journal, Observe, Overlap, Schedule, Tcp, Watch};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub(in super::super) fn journal(node: &Node) -> Journal {
    let default = Journal::default();
    let Some(journal) = node.get("journal") else { return default };
    Journal {
        age: journal.span("age").unwrap_or(default.age),
        size: journal.size("size").unwrap_or(default.size),
    }
}

pub(in super::super) fn api(node: &Node, found: &mut Findings<'_>) -> Api {
    let Some(api) = node.get("api") else { return Api::default() };
    Api {
        socket: api.word("socket").map(PathBuf::from),
        mode: api.word("mode").and_then(scalar::rights),
        admins: owned(api, "admins"),
        operators: owned(api, "operators"),
        viewers: owned(api, "viewers"),
        tcp: api.get("tcp").and_then(|node| tcp(node, found)),
    }
}

fn tcp(node: &Node, found: &mut Findings<'_>) -> Option<Tcp> {
    let listen = node.get("listen")?;
    let Ok(address) = listen.text()?.parse() else {
        found.wrong(listen, "the API cannot listen there", "say `127.0.0.1:7070` or `[::]:7070`");
        return None;
    };
    let path = |key: &str| node.word(key).map(PathBuf::from);
    let (client_ca, tokens) = (path("client_ca"), path("tokens"));
    if client_ca.is_none() && tokens.is_none() {
        let help = "say `tokens`, `client_ca`, or both";
        found.wrong(
            node,
            "nobody could use this port: clients show a token or a certificate",
            help,
        );
    }
    let (certificate, key) = (path("certificate")?, path("key")?);
    let client_role = node.word("client_role").unwrap_or("viewer").to_owned();
    let hosts = owned(node, "hosts");
    Some(Tcp { listen: address, certificate, key, client_ca, tokens, client_role, hosts })
}

pub(in super::super) fn observe(node: &Node, found: &mut Findings<'_>) -> Observe {
    let default = Observe::default();
    let Some(observe) = node.get("observe") else { return default };
    let is_open = observe.word("beyond_loopback") == Some("true");
    let listen = observe.get("listen").and_then(|listen| {
        let Ok(address) = listen.text()?.parse::<SocketAddr>() else {
            let help = "say `127.0.0.1:9480` or `[::1]:9480`";
            found.wrong(listen, "numbers cannot be served there", help);
            return None;
        };
        if !address.ip().to_canonical().is_loopback() && !is_open {
            let help = "say `127.0.0.1`, or allow it with `beyond_loopback: true`";
            found.wrong(listen, "whoever reaches this address could see the numbers", help);
        }
        Some(address)
    });
    Observe {
        listen,
        names: observe.word("names") == Some("true"),
        children: observe.word("children").and_then(|n| n.parse().ok()).unwrap_or(default.children),
    }
}

fn owned(node: &Node, key: &str) -> Vec<String> {
    node.texts(key).into_iter().map(str::to_owned).collect()
}

/// Returns when a child is started, if it is scheduled.
pub(in super::super) fn schedule(node: &Node, found: &mut Findings<'_>) -> Option<Schedule> {
    let schedule = node.get("schedule")?;
    let overlap = match schedule.word("overlap") {
        Some("queue") => Overlap::Queue,
        Some("replace") => Overlap::Replace,
        Some(_) | None => Overlap::Skip,
    };
    if let Some(span) = schedule.get("every") {
        let every = scalar::span(span.text()?)?;
        if every < Duration::from_secs(1) {
            found.wrong(span, "a schedule starts a child at most once a second", "");
            return None;
        }
        if let Some(zone) = schedule.get("time_zone") {
            found.wrong(zone, "a span is the same in every time zone", "leave out `time_zone`");
        }
        return Some(Schedule { every: Every::Span(every), overlap });
    }
    let written = schedule.get("cron").unwrap_or(schedule);
    let expression = written.text()?.to_owned();
    let time_zone = schedule.word("time_zone").map(str::to_owned);
    if let Err(what) = tend::is_cron(&expression) {
        let help =
            "minute, hour, day, month and weekday, as in `30 2 * * *`, or `schedule: {every: 5m}`";
        found.wrong(written, format!("`{expression}` is no cron expression: {what}"), help);
        return None;
    }
    if let (Some(zone), Some(at)) = (&time_zone, schedule.get("time_zone"))
        && let Err(what) = tend::is_time_zone(zone)
    {
        found.wrong(at, format!("there is no time zone `{zone}`: {what}"), "as in `Europe/Berlin`");
    }
    Some(Schedule { every: Every::Cron { expression, time_zone }, overlap })
}

/// Returns which files restart a child.
pub(in super::super) fn watch(node: &Node) -> Option<Watch> {
    let watch = node.get("restart_on_change")?;
    let all = if matches!(watch.value, Value::Map(_)) { watch.get("paths")? } else { watch };
    let paths = all.each().iter().filter_map(|path| path.text().map(PathBuf::from)).collect();
    let debounce = watch.span("debounce").unwrap_or(Duration::from_millis(500));
    Some(Watch { paths, debounce })
}

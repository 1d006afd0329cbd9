//! Probes of a process.

use super::process::Here;
use crate::compose::{self, probe_numbers};
use crate::given::Given;
use crate::model::{Child, Value};
use crate::yaml::Node;

pub(super) fn probes(child: &mut Child, node: &Node, here: &Here<'_>, given: &mut Given) {
    let mut all = Vec::new();
    for (key, kind) in [("readiness_probe", "readiness"), ("liveness_probe", "liveness")] {
        let Some(node) = node.at(key) else { continue };
        let mut probe: Vec<(String, Value)> = vec![("kind".into(), Value::from(kind))];
        let exec = node.at("exec");
        let http = node.at("http_get");
        if let Some(line) = exec.and_then(|exec| exec.at("command")) {
            let text = line.text().unwrap_or("true");
            let folder = exec.and_then(|exec| exec.at("working_dir"));
            let said = match folder.and_then(Node::text).filter(|folder| !folder.is_empty()) {
                Some(folder) => format!("cd {} && {text}", crate::shell::quote(folder)),
                None => text.to_owned(),
            };
            probe.push(("exec".into(), compose::line(&said, here.shell)));
            line.kept(given, "the probe");
            if let Some(folder) = folder {
                folder.kept(given, "`cd` in front of the command of the probe");
            }
        } else if let Some(http) = http {
            if !url(http, &mut probe, given) {
                continue;
            }
        } else {
            node.lost(
                given,
                "`exec` and `http_get` are taken over: say others in `liveness: {probes: ..}`, \
                    which has `tcp` and `grpc` too",
            );
            continue;
        }
        probe_numbers(node, &mut probe, given);
        if kind == "readiness" {
            let text = "the readiness probe: while it fails the child is not ready; \
                process-compose would end and restart it";
            for at in [exec.and_then(|exec| exec.at("command")), http].into_iter().flatten() {
                at.changed(given, text);
            }
        }
        if kind == "readiness" && probe.iter().any(|(name, _)| name == "initial") {
            // Else the start could be over before anything is asked.
            child.set("ready_timeout", crate::units::FOR_EVER);
        }
        all.push(Value::Map(probe));
    }
    if !all.is_empty() {
        child.set("liveness", Value::map([("probes", Value::List(all))]));
    }
}

fn url(http: &Node, probe: &mut Vec<(String, Value)>, given: &mut Given) -> bool {
    let said = |name: &str, default: &str| {
        let text = http.at(name).and_then(Node::text).filter(|text| !text.is_empty());
        text.unwrap_or(default).to_owned()
    };
    let (scheme, host, path) =
        (said("scheme", "http"), said("host", "127.0.0.1"), said("path", "/"));
    let port = said(if http.at("port").is_some() { "port" } else { "num_port" }, "");
    // An address that lacks a part when a variable is not set would be refused.
    let no_default = format!(":-{}", crate::model::VARIABLE.1);
    if [&scheme, &host, &port].iter().any(|part| part.contains(&no_default)) {
        http.lost(
            given,
            "an address without its variables is none: give them defaults (`${PORT:-8080}`), and \
                say it in `liveness: {probes: ..}`",
        );
        return false;
    }
    if !scheme.eq_ignore_ascii_case("http") {
        http.lost(given, "a probe speaks HTTP without TLS: say `exec: [curl, ..]`");
        return false;
    }
    let port = if port.is_empty() { String::new() } else { format!(":{port}") };
    let slash = if path.starts_with('/') { "" } else { "/" };
    probe.push(("http".into(), Value::Text(format!("http://{host}{port}{slash}{path}"))));
    for (key, value) in http.entries() {
        match key.as_str() {
            "scheme" | "host" | "port" | "num_port" | "path" => value.kept(given, "the probe"),
            "status_code" => match value.text().map(str::parse::<u16>) {
                Some(Ok(code @ 100..=599)) => {
                    probe.push(("status".into(), Value::Text(code.to_string())));
                    value.kept(given, "the probe");
                }
                Some(Ok(_) | Err(_)) | None => value.lost(given, "this is no status"),
            },
            "headers" => {
                let headers = value
                    .entries()
                    .iter()
                    .filter_map(|(name, value)| Some((name.clone(), value.text()?.to_owned())));
                probe.push(("headers".into(), Value::map(headers)));
                value.kept(given, "the probe");
            }
            _ => {}
        }
    }
    true
}

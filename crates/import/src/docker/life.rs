//! How a container is stopped, restarted, asked and waited for.

use crate::given::Given;
use crate::model::{Child, Need, Value, name};
use crate::yaml::Node;
use crate::{shell, units};
use std::time::Duration;

pub(super) fn stop(child: &mut Child, node: &Node, container: &str, given: &mut Given) {
    let grace = node.at("stop_grace_period");
    let span = grace.and_then(Node::text).and_then(units::go);
    if let Some(at) = grace {
        match span {
            Some(_) => at.kept(given, "`stop`"),
            None => at.lost(given, "this is no span of time"),
        }
    }
    let span = span.unwrap_or(Duration::from_secs(10));
    let seconds = span.as_secs().to_string();
    let words = ["docker", "stop", "--time", &seconds, container].map(String::from);
    // The client needs a moment more than the container.
    let within = units::span(span + Duration::from_secs(5));
    let step = [("command", shell::words(&words)), ("within", Value::Text(within))];
    child.set("stop", Value::List(vec![Value::map(step)]));
}

pub(super) fn restart(child: &mut Child, node: &Node, given: &mut Given) {
    child.set("restart", "never");
    let Some(at) = node.at("restart") else { return };
    let rule = at.text().unwrap_or("");
    let (rule, most) = rule.split_once(':').unwrap_or((rule, ""));
    match rule {
        "no" | "false" => return at.kept(given, "`restart: never`"),
        "always" | "unless-stopped" => child.set("restart", "always"),
        "on-failure" => child.set("restart", "on-failure"),
        _ => return at.lost(given, "there is no such rule: it is not restarted"),
    }
    at.kept(given, "`restart`, with docker's delays");
    let delays = [("first", "100ms"), ("factor", "2"), ("most", "1m")];
    child.set("backoff", Value::map([("exponential", Value::map(delays))]));
    child.set("jitter", "none");
    child.set("stable_after", "10s");
    match most.parse::<u64>() {
        Ok(most) if rule == "on-failure" => {
            let limit = [
                ("count", "restarts".to_owned()),
                ("most", most.min(65_536).to_string()),
                ("within", "consecutive".into()),
            ];
            child.set("budget", Value::map(limit));
            child.set("on_exhausted", "quarantine");
        }
        Ok(_) | Err(_) => child.set("budget", "none"),
    }
}

pub(super) fn health(child: &mut Child, node: &Node, container: &str, given: &mut Given) {
    let Some(check) = node.at("healthcheck") else { return };
    if check.at("disable").and_then(Node::text) == Some("true") {
        return check.kept(given, "nothing is asked");
    }
    let mut exec: Vec<String> = ["docker", "exec", container].map(String::from).to_vec();
    let test = check.at("test");
    match test.map(|test| (test.texts(), test.text())) {
        Some((_, Some(line))) => exec.extend(["/bin/sh".into(), "-c".into(), line.to_owned()]),
        Some((words, None)) => {
            match words.split_first().map(|(kind, words)| (kind.as_str(), words)) {
                Some(("CMD", words)) => exec.extend(words.iter().cloned()),
                Some(("CMD-SHELL", words)) => {
                    exec.extend(["/bin/sh".into(), "-c".into(), words.join(" ")]);
                }
                _ => return check.kept(given, "nothing is asked"),
            }
        }
        None => {
            return check.lost(given, "the test of an image is not known here: say it as a probe");
        }
    }
    let mut probe =
        vec![("kind".to_owned(), Value::from("readiness")), ("exec".into(), Value::list(exec))];
    let mut spans = [
        ("initial", "start_period", None),
        ("every", "interval", Some("30s")),
        ("timeout", "timeout", Some("30s")),
    ];
    for (ours, theirs, default) in &mut spans {
        let said = check
            .at(theirs)
            .and_then(Node::text)
            .and_then(units::go)
            .filter(|span| !span.is_zero());
        if let Some(span) = said.map(units::span).or_else(|| default.map(String::from)) {
            probe.push(((*ours).to_owned(), Value::Text(span)));
        }
    }
    let retries =
        check.at("retries").and_then(Node::text).and_then(|text| text.parse::<u64>().ok());
    probe.push(("failures".into(), Value::from(retries.unwrap_or(3).max(1))));
    child.set("liveness", Value::map([("probes", Value::List(vec![Value::Map(probe)]))]));
    for (key, value) in check.entries() {
        match key.as_str() {
            "test" | "interval" | "timeout" | "retries" | "disable" => {
                value.kept(given, "a readiness probe, by `docker exec`");
            }
            "start_period" => {
                // Nobody ends a container there that is not healthy in time.
                child.set("ready_timeout", units::FOR_EVER);
                value.changed(given, "`initial`: nothing is asked until then");
            }
            "start_interval" => value.lost(given, "there is one interval, `every`"),
            _ => {}
        }
    }
}

pub(super) fn depends(child: &mut Child, node: &Node, given: &mut Given) {
    let Some(all) = node.at("depends_on") else { return };
    let id = all.ids().first().copied();
    for other in all.each().iter().filter_map(Node::text) {
        child.needs.push(Need { child: name(other), until: "started", on_restart: None, from: id });
        all.kept(given, "`needs`");
    }
    for (other, how) in all.entries() {
        let until = match how.at("condition").and_then(Node::text) {
            Some("service_healthy") => "ready",
            Some("service_completed_successfully") => "completed",
            Some("service_started") | None => "started",
            Some(_) => {
                how.lost(given, "there is no such condition");
                continue;
            }
        };
        let restarts = how.at("restart").and_then(Node::text) == Some("true");
        let on_restart = restarts.then_some("restart");
        let id = how.ids().first().copied();
        child.needs.push(Need { child: name(other), until, on_restart, from: id });
        for (key, value) in how.entries() {
            match (key.as_str(), value.text()) {
                ("condition", _) => value.kept(given, "`needs`"),
                ("restart", _) => value.changed(
                    given,
                    "`on_restart`: at every end of the other, \
                    and not only when compose restarts it",
                ),
                ("required", Some("false")) => value.lost(
                    given,
                    "it waits for the other in any \
                    case",
                ),
                _ => value.kept(given, "as here"),
            }
        }
    }
}

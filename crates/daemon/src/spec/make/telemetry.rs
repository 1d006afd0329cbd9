//! Where telemetry goes.

use super::Findings;
use crate::otlp::Settings;
use crate::outbound::{Target, TargetError};
use crate::spec::secret;
use crate::spec::syntax::Node;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use std::path::PathBuf;

/// Returns where telemetry goes, if it goes anywhere. The values of headers are read where they are.
pub(in super::super) fn otlp(
    node: &Node,
    environment: &dyn Fn(&str) -> Option<String>,
    found: &mut Findings<'_>,
) -> Option<Settings> {
    let otlp = node.get("otlp")?;
    let endpoint = target(otlp.get("endpoint")?, found)?;
    let mut settings = Settings::new(endpoint);
    settings.headers = headers(otlp, environment, found);
    settings.authorities = otlp.word("ca").map(PathBuf::from);
    let switch = |key: &str, default: bool| otlp.word(key).map_or(default, |word| word == "true");
    settings.traces = switch("traces", settings.traces);
    settings.events = switch("events", settings.events);
    settings.output = switch("output", settings.output);
    settings.timeout = otlp.span("timeout").unwrap_or(settings.timeout);
    settings.every = otlp.span("every").unwrap_or(settings.every);
    let queue = otlp.word("queue").and_then(|queue| queue.parse().ok());
    settings.queue = queue.unwrap_or(settings.queue);
    if settings.timeout.is_zero() {
        let at = otlp.get("timeout").unwrap_or(otlp);
        found.wrong(at, "nobody answers in no time", "say `10s`");
    }
    Some(settings)
}

/// Reads the address of somebody to whom something is sent.
fn target(node: &Node, found: &mut Findings<'_>) -> Option<Target> {
    let text = node.text()?;
    match text.parse() {
        Ok(target) => Some(target),
        // What is wrong may be that there is a secret in it.
        Err(error @ TargetError::Secret) => {
            found.hidden(node, format!("nothing can be sent there: {error}"));
            None
        }
        Err(error @ (TargetError::Form | TargetError::Scheme | TargetError::Host { .. })) => {
            found.wrong(node, format!("nothing can be sent to `{text}`: {error}"), "");
            None
        }
    }
}

/// Reads the headers below the key `headers`: each has its value elsewhere.
fn headers(
    node: &Node,
    environment: &dyn Fn(&str) -> Option<String>,
    found: &mut Findings<'_>,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, reference) in node.sorted("headers") {
        let Ok(known) = HeaderName::from_bytes(name.text.as_bytes()) else {
            found.wrong(reference, format!("`{}` is no name of a header", name.text), "");
            continue;
        };
        let value = match secret::read(reference, environment) {
            Ok(value) => value,
            Err(why) => {
                let text = format!("the header `{}` cannot be read: {why}", name.text);
                found.hidden(reference, text);
                continue;
            }
        };
        match HeaderValue::from_str(value.trim()) {
            Ok(mut value) => {
                // It is shown nowhere.
                value.set_sensitive(true);
                headers.insert(known, value);
            }
            Err(_) => {
                let text = format!("the value of `{}` cannot stand in a header", name.text);
                found.hidden(reference, text);
            }
        }
    }
    headers
}

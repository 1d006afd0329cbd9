//! The JSON of OTLP: numbers of 64 bits are texts, numbers of traces are hexadecimal, enumerations are numbers.

use super::{Commanded, Exporter, Signal, ids};
use serde_json::{Value, json};
use std::time::Duration;

/// A moment of the wall's clock, in nanoseconds since 1970.
pub(super) type Nanos = u128;

/// The present moment.
pub(super) fn now() -> Nanos {
    u128::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or_default()
}

pub(super) fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

pub(super) fn whole(key: &str, value: i64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

pub(super) fn switch(key: &str, value: bool) -> Value {
    json!({"key": key, "value": {"boolValue": value}})
}

/// One span.
pub(super) struct Span<'a> {
    pub(super) trace: String,
    pub(super) span: String,
    pub(super) parent: Option<String>,
    pub(super) name: &'a str,
    pub(super) from: Nanos,
    pub(super) to: Nanos,
    pub(super) attributes: Vec<Value>,
    pub(super) events: Vec<Value>,
    /// How many events were left out.
    pub(super) lost: u32,
    /// The trace and the span of what came before.
    pub(super) follows: Option<(String, String)>,
    /// What went wrong.
    pub(super) error: Option<String>,
    /// Whether it answers somebody, and not something of its own.
    pub(super) serves: bool,
}

impl Span<'_> {
    pub(super) fn form(self) -> Value {
        let links: Vec<Value> = self
            .follows
            .iter()
            .map(|(trace, span)| {
                json!({"traceId": trace, "spanId": span,
                    "attributes": [text("mainstay.link", "the run before")]})
            })
            .collect();
        let status = match self.error {
            Some(error) => json!({"code": 2, "message": error}),
            None => json!({"code": 0}),
        };
        let mut form = json!({
            "traceId": self.trace,
            "spanId": self.span,
            "name": self.name,
            // SPAN_KIND_SERVER, SPAN_KIND_INTERNAL
            "kind": if self.serves { 2 } else { 1 },
            "startTimeUnixNano": self.from.to_string(),
            // A clock that was set meanwhile must not make it end before it began.
            "endTimeUnixNano": self.to.max(self.from).to_string(),
            "attributes": self.attributes,
            "events": self.events,
            "droppedEventsCount": self.lost,
            "links": links,
            "status": status,
        });
        if let Some(parent) = self.parent {
            form["parentSpanId"] = parent.into();
        }
        form
    }
}

/// Something that happened within a span.
pub(super) fn event(name: &str, at: Nanos, words: &str) -> Value {
    json!({"name": name, "timeUnixNano": at.to_string(), "attributes": [text("mainstay.text", words)]})
}

/// One record of a log. `belongs` is the trace and the span it is about.
pub(super) struct Line<'a> {
    pub(super) at: Nanos,
    pub(super) severity: Severity,
    pub(super) body: &'a str,
    pub(super) attributes: Vec<Value>,
    pub(super) belongs: Option<(String, String)>,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    Debug,
    Info,
    Warn,
    Error,
}

impl Line<'_> {
    pub(super) fn form(self) -> Value {
        let (number, word) = match self.severity {
            Severity::Debug => (5, "DEBUG"),
            Severity::Info => (9, "INFO"),
            Severity::Warn => (13, "WARN"),
            Severity::Error => (17, "ERROR"),
        };
        let mut form = json!({
            "timeUnixNano": self.at.to_string(),
            "observedTimeUnixNano": now().to_string(),
            "severityNumber": number,
            "severityText": word,
            "body": {"stringValue": self.body},
            "attributes": self.attributes,
        });
        if let Some((trace, span)) = self.belongs {
            form["traceId"] = trace.into();
            form["spanId"] = span.into();
            form["flags"] = 1.into();
        }
        form
    }
}

/// A command, from its request to its answer.
pub(super) fn command(command: &Commanded<'_>) -> Value {
    let to = now();
    let parent = command.parent.and_then(ids::parent);
    let (trace, parent) = match parent {
        Some((trace, span)) => (trace, Some(span)),
        None => (format!("{:016x}{:016x}", ids::fresh(), ids::fresh()), None),
    };
    Span {
        trace,
        span: format!("{:016x}", ids::fresh()),
        parent,
        name: &format!("command {}", command.verb),
        from: to.saturating_sub(command.took.as_nanos()),
        to,
        attributes: vec![
            text("mainstay.child", command.target),
            text("mainstay.verb", command.verb),
            text("mainstay.who", command.who),
            text("mainstay.why", command.why),
            text("http.request.method", "POST"),
            text("http.route", "/v1/commands"),
            whole("http.response.status_code", command.status.into()),
        ],
        events: Vec::new(),
        lost: 0,
        follows: None,
        // A refusal is an answer; only what broke is an error of the server.
        error: (command.status >= 500).then(|| format!("answered {}", command.status)),
        serves: true,
    }
    .form()
}

/// Returns a span of time as an attribute in seconds.
pub(super) fn seconds(key: &str, value: Duration) -> Value {
    json!({"key": key, "value": {"doubleValue": value.as_secs_f64()}})
}

/// A request with a batch.
pub(super) fn request(exporter: &Exporter, signal: Signal, batch: &[Value]) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let resource = json!({"attributes": [
        text("service.name", &exporter.name),
        text("service.namespace", "mainstay"),
        text("service.version", version),
        text("service.instance.id", &exporter.instance),
        whole("process.pid", std::process::id().into()),
    ]});
    let scope = json!({"name": "mainstay", "version": version});
    match signal {
        Signal::Traces => json!({"resourceSpans": [
            {"resource": resource, "scopeSpans": [{"scope": scope, "spans": batch}]}
        ]}),
        Signal::Logs => json!({"resourceLogs": [
            {"resource": resource, "scopeLogs": [{"scope": scope, "logRecords": batch}]}
        ]}),
    }
}

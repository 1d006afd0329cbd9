//! The words that stand for one value: spans, delays, limits, needs, probes.

use crate::declare::Parsed;
use mainstay_core::policy::backoff::{Jitter, Shape};
use mainstay_core::policy::breaker::Cooldown;
use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Within};
use mainstay_core::spec::{Grace, Need, OnExhausted, OnRestart, Probe, ProbeKind, Ready, Until};
use std::time::Duration;

pub(crate) fn number<T: std::str::FromStr>(text: &str) -> Parsed<T> {
    text.parse().map_err(|_| format!("not a number: {text:?}"))
}

pub(crate) fn maybe(text: &str) -> Parsed<Option<Duration>> {
    if text == "never" { Ok(None) } else { span(text).map(Some) }
}

/// A span: terms of a number and a unit, milliseconds when it has none: `250`, `1.5s`, `10s-1ns`, `1h+5m`.
pub(crate) fn span(text: &str) -> Parsed<Duration> {
    let mut total: i128 = 0;
    let mut rest = text;
    let mut sign = 1;
    while !rest.is_empty() {
        let end = rest.find(['+', '-']).unwrap_or(rest.len());
        let (term, tail) = rest.split_at(end);
        let unit_at = term.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(term.len());
        let (amount, unit) = term.split_at(unit_at);
        let scale: f64 = match unit {
            "ns" => 1.0,
            "us" => 1e3,
            "ms" | "" => 1e6,
            "s" => 1e9,
            "m" => 6e10,
            "h" => 3.6e12,
            "d" => 8.64e13,
            other => return Err(format!("unknown unit {other:?} in {text:?}")),
        };
        let amount: f64 = amount.parse().map_err(|_| format!("not a span: {text:?}"))?;
        total += sign * (amount * scale).round() as i128;
        sign = if tail.starts_with('-') { -1 } else { 1 };
        rest = tail.get(1..).unwrap_or("");
    }
    u64::try_from(total).map(Duration::from_nanos).map_err(|_| format!("not a span: {text:?}"))
}

pub(crate) fn shape(text: &str) -> Parsed<Shape> {
    let (name, rest) = text.split_once(':').unwrap_or((text, ""));
    let two = |separator: &str| {
        rest.split_once(separator).ok_or_else(|| format!("{name} needs {separator:?} in {rest:?}"))
    };
    Ok(match name {
        "none" => Shape::None,
        "fixed" => Shape::Fixed(span(rest)?),
        "linear" => {
            let (steps, most) = two("<")?;
            let (first, step) = steps.split_once('/').ok_or("linear:FIRST/STEP<MOST")?;
            Shape::Linear { first: span(first)?, step: span(step)?, most: span(most)? }
        }
        "exp" => {
            let (steps, most) = two("<")?;
            let (first, factor) = steps.split_once('*').ok_or("exp:FIRST*FACTOR<MOST")?;
            let factor = factor.parse().map_err(|_| format!("not a factor: {factor}"))?;
            Shape::Exponential { first: span(first)?, factor, most: span(most)? }
        }
        "geo" => {
            let (spans, steps) = two("/")?;
            let (first, most) = spans.split_once("..").ok_or("geo:FIRST..MOST/STEPS")?;
            Shape::Geometric { first: span(first)?, most: span(most)?, steps: number(steps)? }
        }
        "ladder" => Shape::Ladder(rest.split(',').map(span).collect::<Parsed<_>>()?),
        other => return Err(format!("unknown backoff {other:?}")),
    })
}

pub(crate) fn jitter(text: &str) -> Parsed<Jitter> {
    Ok(match text.split_once(':').unwrap_or((text, "")) {
        ("none", _) => Jitter::None,
        ("full", _) => Jitter::Full,
        ("equal", _) => Jitter::Equal,
        ("add", extra) => Jitter::Additive(span(extra)?),
        _ => return Err(format!("unknown jitter {text:?}")),
    })
}

/// `COUNT:MOST/SPAN[:SCOPE][@start]`; a span of `t10s` tumbles, `row` counts in a row.
pub(crate) fn limit(text: &str) -> Parsed<Limit> {
    let (text, admit) =
        text.strip_suffix("@start").map_or((text, Admit::AtExit), |text| (text, Admit::AtStart));
    let form = || format!("not a limit: {text:?}");
    let mut parts = text.split(':');
    let count = match parts.next().unwrap_or("") {
        "starts" => Count::Starts,
        "restarts" => Count::Restarts,
        "failures" => Count::Failures,
        _ => return Err(form()),
    };
    let (most, within) = parts.next().and_then(|part| part.split_once('/')).ok_or_else(form)?;
    let within = match within.strip_prefix('t') {
        _ if within == "row" => Within::Consecutive,
        Some(tumbling) => Within::Tumbling(span(tumbling)?),
        None => Within::Sliding(span(within)?),
    };
    let scope = match parts.next().unwrap_or("child") {
        "child" => Scope::Child,
        "supervisor" => Scope::Supervisor,
        "tree" => Scope::Tree,
        _ => return Err(form()),
    };
    Ok(Limit { count, most: number(most)?, within, scope, admit })
}

pub(crate) fn end(text: &str) -> Parsed<OnExhausted> {
    Ok(match text {
        "cooldown" => OnExhausted::Cooldown,
        "quarantine" => OnExhausted::Quarantine,
        "escalate" => OnExhausted::Escalate,
        "shutdown" => OnExhausted::Shutdown,
        other => return Err(format!("unknown end {other:?}")),
    })
}

pub(crate) fn cooldown(text: &str) -> Parsed<Cooldown> {
    if text == "manual" { Ok(Cooldown::Manual) } else { span(text).map(Cooldown::For) }
}

pub(crate) fn grace(text: &str) -> Parsed<Grace> {
    if text == "forever" { Ok(Grace::Unbounded) } else { span(text).map(Grace::For) }
}

pub(crate) fn ready(text: &str) -> Parsed<Ready> {
    Ok(match text {
        "immediate" => Ready::Immediate,
        "notify" => Ready::Notify,
        "fd" => Ready::Fd,
        "probe" => Ready::Probe,
        "log" => Ready::LogLine,
        "explicit" => Ready::Explicit,
        other => return Err(format!("unknown ready rule {other:?}")),
    })
}

/// `CHILD[:UNTIL[:ON_RESTART]]`.
pub(crate) fn need(text: &str) -> Parsed<Need> {
    let mut parts = text.split(':');
    let child = parts.next().unwrap_or("").into();
    let until = match parts.next().unwrap_or("ready") {
        "started" => Until::Started,
        "ready" => Until::Ready,
        "completed" => Until::Completed,
        other => return Err(format!("unknown need {other:?}")),
    };
    let on_restart = match parts.next().unwrap_or("ignore") {
        "ignore" => OnRestart::Ignore,
        "restart" => OnRestart::Restart,
        "stop" => OnRestart::Stop,
        other => return Err(format!("unknown on_restart {other:?}")),
    };
    Ok(Need { child, until, on_restart })
}

/// `KIND:INITIAL:EVERY:TIMEOUT:FAILURES:SUCCESSES`.
pub(crate) fn probe(text: &str) -> Parsed<Probe> {
    let parts: Vec<&str> = text.split(':').collect();
    let [kind, initial, every, timeout, failures, successes] = parts.as_slice() else {
        return Err("probe=KIND:INITIAL:EVERY:TIMEOUT:FAILURES:SUCCESSES".into());
    };
    let kind = match *kind {
        "startup" => ProbeKind::Startup,
        "readiness" => ProbeKind::Readiness,
        "liveness" => ProbeKind::Liveness,
        other => return Err(format!("unknown probe {other:?}")),
    };
    let (failures, successes) = (number(failures)?, number(successes)?);
    Ok(Probe {
        kind,
        initial: span(initial)?,
        every: span(every)?,
        timeout: span(timeout)?,
        failures,
        successes,
    })
}

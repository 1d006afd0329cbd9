//! When a unit is started again: what the spec file says, and what it leaves to a preset or to the defaults.

use super::super::Process;
use super::Unit;
use crate::given::Given;
use crate::report::Place;
use crate::units;
use crate::yaml::{Node, Yaml};
use mainstay_core::policy::backoff::Shape;
use mainstay_core::policy::budget::{Count, Scope, Within};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::KindDraft;
use mainstay_core::spec::{ChildDraft, ChildSpec, Declared, Kind, OnExhausted, Preset};
use std::time::Duration;

/// Ends that are clean for systemd, and here are not unless it is said.
const CLEAN_THERE: [(u8, &str); 4] = [(1, "HUP"), (2, "INT"), (13, "PIPE"), (15, "TERM")];

/// Returns what holds of a process of which nothing is said, or nothing but its preset.
pub(super) fn stock(preset: Option<Preset>) -> Declared {
    let kind = Some(KindDraft::Leaf(Kind::Process));
    let draft = ChildDraft { name: "child".into(), kind, preset, ..ChildDraft::default() };
    let built = draft.build(Profile::Daemon, &mainstay_core::Path::root());
    built.expect("a preset alone is a valid child: a test builds them all").1
}

fn said(rule: &str) -> Option<Restart> {
    match rule {
        "always" | "permanent" => Some(Restart::Always),
        "on-failure" | "transient" => Some(Restart::OnFailure),
        "never" | "temporary" => Some(Restart::Never),
        _ => None,
    }
}

/// Writes the delays that the spec file leaves open.
fn delays(stock: &ChildSpec, made: &mut Unit) {
    let mut say = |key, value: String| made.service.push((key, value));
    let grown = |first: Duration, most: Duration, steps: u32| {
        [
            ("RestartSec", units::span(first)),
            ("RestartSteps", steps.to_string()),
            ("RestartMaxDelaySec", units::span(most)),
        ]
    };
    match &stock.backoff.shape {
        // The least time from start to start is the nearest that there is.
        Shape::None => say("RestartSec", units::span(whole(stock.backoff.holdoff))),
        Shape::Fixed(span) => say("RestartSec", units::span(*span)),
        Shape::Linear { first, step, most } => {
            let steps = most.saturating_sub(*first).as_nanos() / step.as_nanos().max(1);
            // systemd takes equal ratios, so that a long ladder of equal steps would rise too fast.
            let steps = u32::try_from(steps).unwrap_or(u32::MAX).clamp(1, 100);
            grown(*first, *most, steps).into_iter().for_each(|(key, value)| say(key, value));
        }
        Shape::Exponential { first, factor, most } => {
            let mut steps = 0;
            let mut span = *first;
            while span < *most && *factor > 1.0 && steps < 100 {
                span = span.mul_f64(*factor);
                steps += 1;
            }
            grown(*first, *most, steps.max(1)).into_iter().for_each(|(key, value)| say(key, value));
        }
        Shape::Geometric { first, most, steps } => {
            grown(*first, *most, *steps).into_iter().for_each(|(key, value)| say(key, value));
        }
        Shape::Ladder(rungs) => {
            if let (Some(first), Some(most)) = (rungs.first(), rungs.last()) {
                let steps = u32::try_from(rungs.len().saturating_sub(1)).unwrap_or(u32::MAX);
                grown(*first, *most, steps.max(1))
                    .into_iter()
                    .for_each(|(key, value)| say(key, value));
            }
        }
    }
}

/// A span without what is only there to tell an open end from a closed one.
fn whole(span: Duration) -> Duration {
    Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// Writes the limit that the spec file leaves open.
fn limits(stock: &ChildSpec, made: &mut Unit) {
    let Some(limit) = stock.budget.iter().find(|limit| limit.scope == Scope::Child) else {
        made.unit.push(("StartLimitIntervalSec", "0".into()));
        return;
    };
    let span = match limit.within {
        Within::Sliding(span) | Within::Tumbling(span) => units::span(whole(span)),
        // Nothing is forgotten there but by the end of the window.
        Within::Consecutive => "infinity".into(),
    };
    let most = match limit.count {
        // The first start counts there too.
        Count::Restarts => limit.most.saturating_add(1),
        Count::Starts | Count::Failures => limit.most,
    };
    made.unit.push(("StartLimitIntervalSec", span));
    made.unit.push(("StartLimitBurst", most.to_string()));
}

/// A signal that is a failure here is followed by another run there too.
fn force(process: &Process, stock: &ChildSpec, made: &mut Unit) {
    let clean = process.keys.at("success").map(Node::texts);
    let is_clean = |number: u8, name: &str| match &clean {
        Some(said) => said.iter().any(|word| {
            units::signal(word).as_deref() == Some(name) && word.parse::<u8>().is_err()
        }),
        None => stock.success.signals.contains(&number),
    };
    let forced: Vec<String> = CLEAN_THERE
        .iter()
        .filter(|(number, name)| !is_clean(*number, name))
        .map(|(_, name)| format!("SIG{name}"))
        .collect();
    if !forced.is_empty() {
        made.service.push(("RestartForceExitStatus", forced.join(" ")));
    }
}

/// Says what was written that the spec file does not say.
fn tell(process: &Process, stock: &ChildSpec, at: usize, made: &Unit, given: &mut Given) {
    let is_open = |key: &str| process.keys.at(key).is_none();
    let mut written: Vec<String> =
        made.service[at..].iter().map(|(key, value)| format!("{key}={value}")).collect();
    if is_open("budget") {
        let limits = made.unit.iter().filter(|(key, _)| key.starts_with("StartLimit"));
        written.extend(limits.map(|(key, value)| format!("{key}={value}")));
    }
    if written.is_empty() {
        return;
    }
    let whose = match process.word("preset") {
        Some(preset) => format!("of the preset `{preset}`"),
        None => "of this program".to_owned(),
    };
    let end = match process.word("on_exhausted").map_or(stock.on_exhausted, exhausted) {
        OnExhausted::Cooldown => {
            "; a unit that is beyond its limit stays failed until `systemctl reset-failed`, where \
                it was tried again after a while"
        }
        OnExhausted::Quarantine | OnExhausted::Escalate | OnExhausted::Shutdown => "",
    };
    let place = Place { file: given_file(process, given), line: 0 };
    let id = given.add(place, process.path.as_str(), "(what is not said)", "");
    given.about([id], &process.path);
    given.changed(
        id,
        format!(
            "the delays and limits {whose}, as near as systemd comes (RestartSteps= from its \
                version 254 on): {}{end}",
            written.join(", ")
        ),
    );
}

fn exhausted(word: &str) -> OnExhausted {
    match word {
        "quarantine" => OnExhausted::Quarantine,
        "escalate" => OnExhausted::Escalate,
        "shutdown" => OnExhausted::Shutdown,
        _ => OnExhausted::Cooldown,
    }
}

/// Returns the file in which the process stands.
fn given_file(process: &Process, given: &Given) -> String {
    process.keys.ids().first().map_or_else(String::new, |id| given.place(*id).file)
}

pub(super) fn restart(process: &Process, made: &mut Unit, given: &mut Given) {
    let preset = process.word("preset").and_then(Preset::named);
    let stock = stock(preset);
    let is_systemd = preset == Some(Preset::Systemd);
    let rule = match process.word("restart").and_then(said).unwrap_or(stock.restart) {
        Restart::Never => "no",
        Restart::OnFailure => "on-failure",
        Restart::Always => "always",
    };
    made.service.push(("Restart", rule.into()));
    process.kept("restart", given, "Restart=");
    match (process.keys.at("preset"), is_systemd) {
        (Some(node), true) => node.kept(given, "what the unit does not say"),
        (Some(node), false) => node.changed(given, "its delays and limits are written out"),
        (None, _) => {}
    }
    match process.keys.at("backoff").map(|node| (node, &node.value)) {
        Some((node, Yaml::Text(text))) => {
            made.service
                .push(("RestartSec", if text == "none" { "0".into() } else { text.clone() }));
            node.kept(given, "RestartSec=");
        }
        Some((node, Yaml::Map(_))) => match node.at("geometric") {
            Some(geometric) => {
                for (ours, theirs) in [
                    ("first", "RestartSec"),
                    ("most", "RestartMaxDelaySec"),
                    ("steps", "RestartSteps"),
                ] {
                    if let Some(text) = geometric.at(ours).and_then(Node::text) {
                        made.service.push((theirs, text.to_owned()));
                    }
                }
                node.kept(given, "RestartSec=, RestartSteps= and RestartMaxDelaySec=");
            }
            None => growing(node, made, given),
        },
        Some((node, Yaml::List(_) | Yaml::Empty)) => {
            node.lost(given, "say RestartSec=, RestartSteps= and RestartMaxDelaySec=");
        }
        None => {}
    }
    limit(process, made, given);
    if rule != "no" && !is_systemd {
        let at = made.service.len();
        if process.keys.at("backoff").is_none() {
            delays(&stock, made);
        }
        if process.keys.at("budget").is_none() {
            limits(&stock, made);
        }
        tell(process, &stock, at, made, given);
    }
    if rule == "on-failure" && !is_systemd {
        force(process, &stock, made);
    }
    if let Some(node) = process.keys.at("success") {
        let words: Vec<String> = node
            .texts()
            .into_iter()
            .map(|word| {
                if word.parse::<u8>().is_ok() {
                    word
                } else {
                    format!("SIG{}", word.trim_start_matches("SIG"))
                }
            })
            .collect();
        made.service.push(("SuccessExitStatus", words.join(" ")));
        node.kept(given, "SuccessExitStatus=");
    }
}

/// A delay that grows to a most has the same ends in systemd, and other steps.
fn growing(node: &Node, made: &mut Unit, given: &mut Given) {
    let inner = node.at("exponential").or_else(|| node.at("linear"));
    let said = |key: &str| inner.and_then(|inner| inner.at(key)).and_then(Node::text);
    match (said("first"), said("most")) {
        (Some(first), Some(most)) => {
            made.service.push(("RestartSec", first.to_owned()));
            made.service.push(("RestartSteps", "5".into()));
            made.service.push(("RestartMaxDelaySec", most.to_owned()));
            node.changed(given, "RestartSec= to RestartMaxDelaySec= in 5 steps");
        }
        _ => node.lost(given, "say RestartSec=, RestartSteps= and RestartMaxDelaySec="),
    }
}

fn limit(process: &Process, made: &mut Unit, given: &mut Given) {
    let Some(node) = process.keys.at("budget") else { return };
    if node.text() == Some("none") {
        made.unit.push(("StartLimitIntervalSec", "0".into()));
        return node.kept(given, "StartLimitIntervalSec=0");
    }
    let one = node.each().first().unwrap_or(node);
    let said = |key: &str| one.at(key).and_then(Node::text);
    let (count, most, within) =
        (said("count"), said("most"), said("within").unwrap_or("consecutive"));
    let span = within.trim_start_matches("tumbling ").trim_start_matches("sliding ");
    let most = most.and_then(|most| most.parse::<u64>().ok());
    let burst = match (count, most) {
        (Some("starts"), Some(most)) => Some(most),
        // The first start counts there too.
        (Some("restarts"), Some(most)) => Some(most + 1),
        (Some("failures"), Some(most)) => Some(most),
        _ => None,
    };
    match burst.filter(|_| within != "consecutive" && node.each().len() < 2) {
        Some(burst) => {
            // A window that includes its end is one of systemd's.
            let span =
                super::span(span).map_or_else(|| span.to_owned(), |span| units::span(whole(span)));
            made.unit.push(("StartLimitIntervalSec", span));
            made.unit.push(("StartLimitBurst", burst.to_string()));
            match (count, within.starts_with("tumbling")) {
                (Some("starts"), true) => node.kept(
                    given,
                    "StartLimitBurst= and \
                    StartLimitIntervalSec=",
                ),
                _ => node.changed(
                    given,
                    "StartLimitBurst= starts in a window that opens with \
                    the first",
                ),
            }
        }
        None => node.lost(
            given,
            "systemd counts starts in a window alone: say StartLimitBurst= \
            and StartLimitIntervalSec=",
        ),
    }
}

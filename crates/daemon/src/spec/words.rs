//! Words of other systems within a preset: they become keys of ours, before anything else looks at them.
//!
//! Each level is written out by itself: what a child says in its preset's words wins over what a template says in ours.

use super::check::Checker;
use super::gather::Gatherer;
use super::near;
use super::place::{Place, Problem};
use super::scalar;
use super::syntax::{Name, Node, Value};
use super::variable::{self, Variables};
use mainstay_wire::spec::keys::Takes;
use std::time::Duration;

/// On what the words stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    /// At the top of the file.
    Root,
    Supervisor,
    Process,
}

/// A window that no life is long enough for.
const FOR_EVER: &str = "tumbling 5000w";

/// Writes the words of a preset out as keys, where nothing is wrong with them.
///
/// Without `tells` nothing is said of what is wrong: it has been told where the words stand.
pub(super) fn settle(
    node: &mut Node,
    files: &mut Gatherer<'_>,
    instance: Option<u32>,
    stands: Stands,
    tells: bool,
) {
    let Some((name, mut preset)) = node.entry("preset").cloned() else { return };
    if !matches!(preset.value, Value::Map(_)) {
        return;
    }
    let variables = Variables {
        environment: files.environment,
        files: &files.variables,
        instance: instance.or(Some(1)),
    };
    let mut found = Vec::new();
    variable::fill(&mut preset, variables, &mut found);
    let mut checker = Checker { sources: &files.sources, problems: &mut found };
    checker.value(&mut preset, &Takes::Preset, "preset");
    if found.is_empty() {
        node.set(name, preset);
        write_out(node, stands, &mut found);
    } else {
        node.set(name, Node::new(preset.at, Value::Lost));
    }
    if tells {
        files.problems.extend(found);
    }
}

/// Writes the words of a preset out as keys, and leaves the name of the preset.
pub(super) fn write_out(node: &mut Node, stands: Stands, problems: &mut Vec<Problem>) {
    let Some((name, of)) = node.entry("preset").cloned() else { return };
    let [(preset, words)] = of.entries() else { return };
    node.set(name, Node::new(preset.at, Value::Scalar(preset.text.clone())));
    let mut said = Said { words, keys: Vec::new() };
    match preset.text.as_str() {
        "systemd" => systemd(&mut said),
        "supervisord" => supervisord(&mut said),
        "pm2" => pm2(&mut said, problems),
        "process-compose" => process_compose(&mut said),
        "kubernetes" => kubernetes(&mut said),
        "otp" => otp(&mut said),
        _ => {}
    }
    for (key, word, value) in said.keys {
        let wrong = |text: String, help: String| Problem::new(word.at, text, help);
        if let Some(why) = misplaced(preset.text.as_str(), key, stands) {
            problems.push(wrong(format!("`{}` says nothing here", word.text), why.into()));
        } else if node.get(key).is_some() {
            let text = format!("`{}` and `{key}` say the same thing", word.text);
            problems.push(wrong(text, "leave one of them out".into()));
        } else {
            node.set(Name { text: key.into(), at: word.at }, value);
        }
    }
}

/// Says what is wrong with the place of a word.
fn misplaced(preset: &str, key: &str, stands: Stands) -> Option<&'static str> {
    match (preset, stands) {
        ("otp", Stands::Process) => {
            Some("a supervisor counts the restarts of its children: say it of the one above")
        }
        ("otp", Stands::Root | Stands::Supervisor) | (_, Stands::Process) => None,
        (_, Stands::Root) => {
            Some("the top of the file has no runs of its own: say it in `defaults`, or of a child")
        }
        (_, Stands::Supervisor) if matches!(key, "stop" | "success") => {
            Some("only a process takes it: say it of its children, or in `defaults`")
        }
        (_, Stands::Supervisor) => None,
    }
}

/// The words of one preset, and what becomes of them: a key, the word it is told of, and the value.
struct Said<'a> {
    words: &'a Node,
    keys: Vec<(&'static str, Name, Node)>,
}

impl Said<'_> {
    /// Returns the first of some words that is there.
    fn named(&self, words: &[&str]) -> Option<Name> {
        words.iter().find_map(|word| self.words.entry(word)).map(|(name, _)| name.clone())
    }

    fn number(&self, word: &str) -> Option<u32> {
        self.words.get(word)?.text()?.parse().ok()
    }

    /// A span; a number without a unit is one of so many milliseconds.
    fn span(&self, word: &str, unit: u64) -> Option<Duration> {
        let text = self.words.get(word)?.text()?;
        match text.parse::<u64>() {
            Ok(number) => Some(Duration::from_millis(number.saturating_mul(unit))),
            Err(_) => scalar::span(text),
        }
    }

    fn is(&self, word: &str, text: &str) -> bool {
        self.words.get(word).and_then(Node::text) == Some(text)
    }

    fn say(&mut self, key: &'static str, of: &[&str], value: impl FnOnce(Place) -> Node) {
        if let Some(word) = self.named(of) {
            let value = value(word.at);
            self.keys.push((key, word, value));
        }
    }
}

const SECOND: u64 = 1_000;

fn systemd(said: &mut Said<'_>) {
    let (burst, within) = ("StartLimitBurst", "StartLimitIntervalSec");
    let most = said.number(burst).unwrap_or(5);
    let ever = said.is(within, "infinity");
    let span = said.span(within, SECOND).unwrap_or(Duration::from_secs(10));
    said.say("budget", &[burst, within], |at| {
        if most == 0 || (span.is_zero() && !ever) {
            return text(at, "none");
        }
        // Its end belongs to the window.
        let window = match ever {
            true => FOR_EVER.to_owned(),
            false => format!("tumbling {}", written(span + Duration::from_nanos(1))),
        };
        let limit = [("count", "starts"), ("most", &most.to_string()), ("within", &window)];
        map(at, limit.into_iter().chain([("admit", "at-start")]))
    });
    let (first, steps, most) = ("RestartSec", "RestartSteps", "RestartMaxDelaySec");
    let delay = said.span(first, SECOND);
    let start = delay.unwrap_or(Duration::from_millis(100));
    let grows = said.number(steps).filter(|steps| *steps > 0 && !start.is_zero());
    match (grows, said.span(most, SECOND)) {
        (Some(count), Some(longest)) => said.say("backoff", &[first, steps, most], |at| {
            let (start, longest, count) = (written(start), written(longest), count.to_string());
            let inner = map(at, [("first", &*start), ("most", &*longest), ("steps", &*count)]);
            within_key(at, "geometric", inner)
        }),
        (Some(_) | None, _) => said.say("backoff", &[first], |at| delayed(at, start)),
    }
}

fn supervisord(said: &mut Said<'_>) {
    let rule = match said.words.get("autorestart").and_then(Node::text) {
        Some("true") => Some("always"),
        Some("false") => Some("never"),
        Some("unexpected") => Some("on-failure"),
        Some(_) | None => None,
    };
    if let Some(rule) = rule {
        said.say("restart", &["autorestart"], |at| text(at, rule));
    }
    match said.number("startsecs") {
        Some(0) => {
            said.say("backoff", &["startsecs"], |at| text(at, "none"));
            said.say("budget", &["startsecs"], |at| text(at, "none"));
        }
        Some(seconds) => {
            said.say("stable_after", &["startsecs"], |at| text(at, &format!("{seconds}s")));
        }
        None => {}
    }
    // Without a time that makes a start a success there are no retries to count.
    if said.number("startsecs") != Some(0)
        && let Some(most) = said.number("startretries")
    {
        said.say("budget", &["startretries"], |at| restarts(at, most, "consecutive"));
    }
    let codes = said.words.get("exitcodes").map(|node| {
        let codes = node.each().iter().filter_map(Node::text).filter(|code| *code != "0");
        codes.map(str::to_owned).collect::<Vec<_>>()
    });
    if let Some(codes) = codes {
        said.say("success", &["exitcodes"], |at| {
            Node::new(at, Value::List(codes.iter().map(|code| text(at, code)).collect()))
        });
    }
    let signal = said.words.get("stopsignal").and_then(Node::text).unwrap_or("TERM").to_owned();
    let wait = said.number("stopwaitsecs").unwrap_or(10);
    said.say("stop", &["stopsignal", "stopwaitsecs"], |at| {
        let step = map(at, [("signal", signal.as_str()), ("within", &format!("{wait}s"))]);
        Node::new(at, Value::List(vec![step]))
    });
}

fn pm2(said: &mut Said<'_>, problems: &mut Vec<Problem>) {
    let (grown, fixed) = ("exp_backoff_restart_delay", "restart_delay");
    match (said.span(grown, 1), said.span(fixed, 1)) {
        (Some(_), Some(_)) => {
            if let Some(word) = said.named(&[fixed]) {
                let text = format!("`{grown}` and `{fixed}` say the same thing");
                problems.push(Problem::new(word.at, text, "PM2 takes the first: leave one out"));
            }
        }
        (Some(first), None) => said.say("backoff", &[grown], |at| {
            if first.is_zero() {
                return text(at, "none");
            }
            let rungs = rungs(first).into_iter().map(|rung| text(at, &written(rung)));
            Node::new(at, Value::List(rungs.collect()))
        }),
        (None, Some(delay)) => said.say("backoff", &[fixed], |at| delayed(at, delay)),
        (None, None) => {}
    }
    let most = said.number("max_restarts").unwrap_or(16);
    let least = said.span("min_uptime", 1).unwrap_or(Duration::from_secs(1));
    said.say("budget", &["max_restarts", "min_uptime"], |at| {
        let window = format!("tumbling {}", written(least.saturating_mul(most)));
        map(at, [("count", "failures"), ("most", &most.to_string()), ("within", &window)])
    });
    if let Some(grace) = said.span("kill_timeout", 1) {
        said.say("stop", &["kill_timeout"], |at| {
            let step = [("signal", "INT"), ("to", "all"), ("within", &written(grace))];
            Node::new(at, Value::List(vec![map(at, step)]))
        });
    }
}

/// PM2 multiplies by 1.5 and rounds down to whole milliseconds each time, up to 15 s.
fn rungs(first: Duration) -> Vec<Duration> {
    const MOST: u64 = 15_000;
    let mut rungs = vec![u64::try_from(first.as_millis()).unwrap_or(MOST).clamp(1, MOST)];
    while let Some(last) = rungs.last().copied().filter(|last| *last < MOST) {
        // One millisecond would stay one for ever.
        rungs.push((last * 3 / 2).clamp(last + 1, MOST));
    }
    rungs.into_iter().map(Duration::from_millis).collect()
}

fn process_compose(said: &mut Said<'_>) {
    if let Some(seconds) = said.number("backoff_seconds") {
        said.say("backoff", &["backoff_seconds"], |at| text(at, &format!("{}s", seconds.max(1))));
    }
    if let Some(most) = said.number("max_restarts") {
        said.say("budget", &["max_restarts"], |at| match most {
            0 => text(at, "none"),
            most => restarts(at, most, FOR_EVER),
        });
    }
}

fn kubernetes(said: &mut Said<'_>) {
    if let Some(most) = said.number("backoffLimit") {
        said.say("restart", &["backoffLimit"], |at| text(at, "on-failure"));
        said.say("budget", &["backoffLimit"], |at| restarts(at, most, FOR_EVER));
        // A Job that has failed stays so.
        said.say("on_exhausted", &["backoffLimit"], |at| text(at, "quarantine"));
    }
}

fn otp(said: &mut Said<'_>) {
    let most = said.number("intensity").unwrap_or(1);
    let period = said.span("period", SECOND).unwrap_or(Duration::from_secs(5));
    said.say("budget", &["intensity", "period"], |at| {
        restarts(at, most, &format!("sliding {}", written(period)))
    });
}

fn text(at: Place, text: &str) -> Node {
    Node::new(at, Value::Scalar(text.into()))
}

fn map<'a>(at: Place, all: impl IntoIterator<Item = (&'a str, &'a str)>) -> Node {
    let one = |(name, value): (&str, &str)| (Name { text: name.into(), at }, text(at, value));
    Node::new(at, Value::Map(all.into_iter().map(one).collect()))
}

fn within_key(at: Place, key: &str, value: Node) -> Node {
    Node::new(at, Value::Map(vec![(Name { text: key.into(), at }, value)]))
}

fn restarts(at: Place, most: u32, within: &str) -> Node {
    map(at, [("count", "restarts"), ("most", &most.to_string()), ("within", within)])
}

fn delayed(at: Place, delay: Duration) -> Node {
    if delay.is_zero() { text(at, "none") } else { text(at, &written(delay)) }
}

/// Writes a span so that it is read back as the same.
fn written(span: Duration) -> String {
    let (seconds, nanos) = (span.as_secs(), span.subsec_nanos());
    match (seconds, nanos) {
        (0, 0) => "0s".into(),
        (seconds, 0) => format!("{seconds}s"),
        (0, nanos) => format!("{nanos}ns"),
        (seconds, nanos) => format!("{seconds}s {nanos}ns"),
    }
}

/// Says of what preset a word is that stands somewhere else.
pub(super) fn elsewhere(word: &str) -> Option<String> {
    let of: Vec<&str> = mainstay_wire::spec::keys::presets_with(word).collect();
    let first = of.first()?;
    Some(format!(
        "it is a word of {}: say `preset: {{{first}: {{{word}: ..}}}}`",
        near::listed(of.iter().copied())
    ))
}

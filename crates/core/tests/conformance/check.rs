//! Reads a table, plays it, and compares what each row says with what happened.

use crate::declare::{self, Declared, Parsed};
use crate::words;
use crate::world::World;
use mainstay_core::child::State;
use mainstay_core::spec::Field;
use mainstay_core::spec::Source;
use mainstay_core::{Moment, Path, Standing, Tree};

pub(crate) struct Checked {
    pub scenarios: usize,
    pub failures: Vec<String>,
    pub trace: String,
}

/// One row: when, what comes in, what is expected.
struct Row {
    line: usize,
    at: Moment,
    input: String,
    expected: Vec<String>,
}

/// Checks every scenario of a table.
pub(crate) fn table(text: &str) -> Checked {
    let mut checked = Checked { scenarios: 0, failures: Vec::new(), trace: String::new() };
    let lines: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line.split(" # ").next().unwrap_or("").trim_end()))
        .filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
        .collect();
    let mut at = 0;
    while let Some((line, heading)) = lines.get(at) {
        let Some(name) = heading.strip_prefix("scenario ") else {
            checked.failures.push(format!("{line}: expected `scenario NAME`, found {heading:?}"));
            return checked;
        };
        let end = lines
            .iter()
            .skip(at + 1)
            .position(|(_, line)| line.starts_with("scenario "))
            .map_or(lines.len(), |n| at + 1 + n);
        checked.scenarios += 1;
        let mut trace = Vec::new();
        let outcome = scenario(&lines[at + 1..end], &mut trace);
        checked.trace.push_str(&format!("scenario {name}\n{}\n", trace.join("\n")));
        if let Err(failure) = outcome {
            checked.failures.push(format!("{line}: {name}\n{failure}"));
        }
        at = end;
    }
    checked
}

fn scenario(lines: &[(usize, &str)], trace: &mut Vec<String>) -> Parsed<()> {
    let mut declared = Declared::new();
    let mut rows: Vec<Row> = Vec::new();
    for (number, line) in lines {
        let text = line.trim();
        if let Some(more) = text.strip_prefix('|') {
            let row = rows.last_mut().ok_or_else(|| {
                format!("  line {number}: `|` continues a row, and there is none")
            })?;
            row.expected.extend(tokens(more));
        } else if text.starts_with(|c: char| c.is_ascii_digit()) {
            rows.push(
                row(*number, text, rows.last())
                    .map_err(|error| format!("  line {number}: {error}"))?,
            );
        } else {
            declared.line(text).map_err(|error| format!("  line {number}: {error}"))?;
        }
    }
    let built = std::mem::take(&mut declared.tree).build(declared.profile);
    let (spec, warnings) = match (built, &declared.problems) {
        (Err(problems), Some(expected)) => {
            let found: Vec<String> = problems
                .iter()
                .map(|problem| format!("{} {}", problem.rule.name(), problem.path))
                .collect();
            trace.extend(problems.iter().map(|problem| format!("  {problem}")));
            mentioned(&declared.mentions, trace)?;
            return same(expected, &found, "problems");
        }
        (Err(problems), None) => {
            return Err(problems
                .iter()
                .map(|problem| format!("  {problem}"))
                .collect::<Vec<_>>()
                .join("\n"));
        }
        (Ok(_), Some(expected)) => {
            return Err(format!("  expected problems {expected:?}, and there are none"));
        }
        (Ok(built), None) => built,
    };
    trace.extend(warnings.iter().map(|warning| format!("  {warning}")));
    mentioned(&declared.mentions, trace)?;
    if let Some(expected) = &declared.warnings {
        let found: Vec<String> = warnings
            .iter()
            .map(|warning| format!("{} {}", warning.rule.name(), warning.path))
            .collect();
        same(expected, &found, "warnings")?;
    }
    let mut world = World::new(Tree::new(&spec), &declared);
    let outcome = play(&mut world, &rows);
    trace.append(&mut world.trace);
    outcome
}

fn play(world: &mut World, rows: &[Row]) -> Parsed<()> {
    for row in rows {
        let is_quiet = row.input == "until";
        if row.input == "leap" {
            // Asleep until now: every deadline on the way is met late.
            world.now = row.at;
        }
        let mut said = Vec::new();
        for (at, happened) in world.pass(row.at) {
            if at == row.at || is_quiet {
                said.extend(happened);
            } else {
                return Err(format!(
                    "  line {}: nothing was expected at {at}, but: {}",
                    row.line,
                    happened.join(", ")
                ));
            }
        }
        let mut words = row.input.as_str();
        if words == "reborn" {
            world.be_reborn();
            words = ".";
        }
        if let Some((by, rest)) = words.strip_prefix("back ").and_then(|rest| rest.split_once(' '))
        {
            world.behind = declare::span(by)?;
            words = rest;
        }
        if let Some(input) =
            world.input(words).map_err(|error| format!("  line {}: {error}", row.line))?
        {
            said.extend(world.take(input));
            for (_, happened) in world.pass(row.at) {
                said.extend(happened);
            }
        }
        let (claims, expected): (Vec<&String>, Vec<&String>) =
            row.expected.iter().partition(|token| token.starts_with('='));
        for claim in claims {
            hold(world, claim).map_err(|error| format!("  line {}: {error}", row.line))?;
        }
        if !is_quiet {
            let expected: Vec<String> = expected.into_iter().cloned().collect();
            same(&expected, &said, &format!("line {}, at {}", row.line, row.at))?;
        }
    }
    Ok(())
}

/// `MOMENT INPUT | EXPECTED, ...`; a moment of `+SPAN` counts from the row before.
fn row(line: usize, text: &str, before: Option<&Row>) -> Parsed<Row> {
    let (left, right) = text.split_once('|').unwrap_or((text, ""));
    let (at, input) =
        left.trim().split_once(char::is_whitespace).unwrap_or_else(|| (left.trim(), "."));
    let at = Moment::ZERO + declare::span(at)?;
    if before.is_some_and(|before| before.at > at) {
        return Err("rows go forward in time".into());
    }
    Ok(Row { line, at, input: input.trim().into(), expected: tokens(right) })
}

fn tokens(text: &str) -> Vec<String> {
    text.split(',').map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()).collect()
}

/// A claim about the state: `=starts a 4`, `=is a waiting`, `=why a paused`, `=gone a`, `=ended`, `=level a 2`,
/// `=alert a`, `=no alert a`, `=alerts a BreakerOpened Abandoned` (the unseen ones, the oldest first), `=position a 1`, `=counted a LIMIT 2`, `=report a was stopped`, `=forced a`, `=due 5s`, `=due 5s its grace ends`,
/// `=reported a #2 asked 100ms ended 200ms` (in the report of a drain; `never` where there is none),
/// `=count s 3 1` (three children below, one of them alive; without a path: below the root),
/// `=health starting 3 1 0 0` (fine, coming, degraded and faulted children),
/// `=says a SOME WORDS` (of its explanation),
/// `=source a backoff explicit` (or `default`, or the name of the preset).
fn hold(world: &World, claim: &str) -> Parsed<()> {
    let words: Vec<&str> = claim.trim_start_matches('=').split_whitespace().collect();
    let child = |path: &str| {
        let id = world.tree.find(&Path::from(path)).ok_or_else(|| format!("no child {path}"))?;
        world.tree.child(id).ok_or_else(|| format!("no child {path}"))
    };
    let found = match words.as_slice() {
        ["starts", path, _] => {
            format!("starts {path} {}", world.starts.get(*path).copied().unwrap_or(0))
        }
        ["is", path, _] => format!("is {path} {}", standing(child(path)?.standing())),
        ["gone", path] => {
            let there = world.tree.find(&Path::from(*path)).is_some();
            if there { format!("there {path}") } else { format!("gone {path}") }
        }
        ["count", path @ .., _, _] => {
            let of = Path::from(path.first().copied().unwrap_or(""));
            let id = world.tree.find(&of).ok_or_else(|| format!("no child {of}"))?;
            let (specs, live) = world.tree.children_of(id).fold((0, 0), |(specs, live), child| {
                (specs + 1, live + usize::from(child.life().is_some()))
            });
            [&["count"], path, &[&specs.to_string(), &live.to_string()]].concat().join(" ")
        }
        ["health", ..] => {
            let health = world.tree.health();
            let (fine, coming) = (health.fine, health.coming);
            let (degraded, faulted) = (health.degraded, health.faulted);
            let overall = format!("{:?}", health.overall).to_lowercase();
            format!("health {overall} {fine} {coming} {degraded} {faulted}")
        }
        ["ended"] => if world.tree.has_ended() { "ended" } else { "not ended" }.into(),
        ["level", path, _] => {
            let child = child(path)?;
            format!("level {path} {}", child.breaker().level(world.now, child.spec.level_decay))
        }
        ["alert", path] | ["no", "alert", path] => {
            let memory = child(path)?.memory.as_ref();
            let alerts = memory.map_or(&[][..], |memory| &memory.alerts);
            let waits = alerts.iter().any(|alert| alert.seen.is_none());
            if waits { format!("alert {path}") } else { format!("no alert {path}") }
        }
        ["alerts", path, ..] => {
            let memory = child(path)?.memory.as_ref();
            let alerts = memory.map_or(&[][..], |memory| &memory.alerts);
            let unseen = alerts.iter().filter(|alert| alert.seen.is_none());
            let kinds = unseen.map(|alert| format!(" {:?}", alert.kind));
            format!("alerts {path}{}", kinds.collect::<String>())
        }
        ["why", path, _] => {
            let debug = match child(path)?.state {
                State::Rest { why, .. } => format!("{why:?}"),
                State::Live(_) => "live".into(),
            };
            let word = debug.split([' ', '{', '(']).next().unwrap_or("").to_lowercase();
            format!("why {path} {word}")
        }
        ["counted", path, limit, _] => {
            let explained = world.tree.explain(child(path)?.id);
            let limits = explained.map_or_else(Vec::new, |explained| explained.limits);
            let at: usize = declare::number(limit)?;
            let view = limits.get(at).ok_or_else(|| format!("{path} has no limit {at}"))?;
            format!("counted {path} {limit} {}", view.reading.count)
        }
        ["report", path, ..] => {
            let lines = world.tree.report().map_or_else(Vec::new, |report| report.lines);
            let line = lines.iter().find(|line| line.path == Path::from(*path));
            let line = line.ok_or_else(|| format!("no {path} in the report"))?;
            let how = line.how.map_or_else(|| "nothing".into(), |how| how.to_string());
            format!("report {path} {how}")
        }
        ["reported", path, ..] => {
            let lines = world.tree.report().map_or_else(Vec::new, |report| report.lines);
            let line = lines.iter().find(|line| line.path == Path::from(*path));
            let line = line.ok_or_else(|| format!("no {path} in the report"))?;
            let run = line.run.map_or_else(|| "never".into(), |run| run.to_string());
            let at = |moment: Option<Moment>| {
                moment.map_or_else(|| "never".into(), |at| words::span(at.since(Moment::ZERO)))
            };
            format!("reported {path} {run} asked {} ended {}", at(line.asked_at), at(line.ended_at))
        }
        ["forced", path] => {
            let lines = world.tree.report().map_or_else(Vec::new, |report| report.lines);
            let forced = lines.iter().any(|line| line.path == Path::from(*path) && line.forced);
            if forced { format!("forced {path}") } else { format!("not forced {path}") }
        }
        ["due", _, _, ..] => match world.tree.deadline() {
            Some((at, why)) => format!("due {} {why}", words::span(at.since(world.now))),
            None => "due never".into(),
        },
        ["due", _] => match world.tree.deadline() {
            Some((at, _)) => format!("due {}", words::span(at.since(world.now))),
            None => "due never".into(),
        },
        ["says", path, text @ ..] => {
            let told = world
                .tree
                .explain(child(path)?.id)
                .map_or_else(String::new, |told| told.to_string());
            let text = text.join(" ");
            if told.contains(&text) { format!("says {path} {text}") } else { told }
        }
        ["position", path, _] => format!("position {path} {}", child(path)?.position),
        ["source", path, field, _] => {
            let named = Field::ALL.into_iter().find(|known| known.name() == *field);
            let named = named.ok_or_else(|| format!("no field {field:?}"))?;
            let source = match child(path)?.spec.sources.of(named) {
                Source::Default => "default",
                Source::Preset(preset) => preset.name(),
                Source::Explicit => "explicit",
            };
            format!("source {path} {field} {source}")
        }
        _ => return Err(format!("unknown claim {claim:?}")),
    };
    let claimed = claim.trim_start_matches('=').split_whitespace().collect::<Vec<_>>().join(" ");
    if found == claimed { Ok(()) } else { Err(format!("claimed `{claimed}`, found `{found}`")) }
}

/// What a person is told about the declaration must name these.
fn mentioned(texts: &[String], told: &[String]) -> Parsed<()> {
    match texts.iter().find(|text| !told.iter().any(|line| line.contains(*text))) {
        Some(text) => Err(format!("  nothing mentions {text:?} in\n{}", told.join("\n"))),
        None => Ok(()),
    }
}

fn standing(standing: Standing) -> String {
    format!("{standing:?}").to_lowercase()
}

fn same(expected: &[String], found: &[String], what: &str) -> Parsed<()> {
    // What is said may itself hold a comma.
    let found: Vec<String> = found.iter().flat_map(|said| tokens(said)).collect();
    let matches =
        |(expected, found): (&String, &String)| expected == found || spans(expected, found);
    if expected.len() == found.len() && expected.iter().zip(&found).all(matches) {
        return Ok(());
    }
    Err(format!(
        "  {what}\n    expected  {}\n    found     {}",
        expected.join(", "),
        found.join(", ")
    ))
}

/// Where chance has a say, a word ends with a range: `a waits 15s..18.75s`.
fn spans(expected: &str, found: &str) -> bool {
    let range = || {
        let (words, range) = expected.rsplit_once(' ')?;
        let (least, most) = range.split_once("..")?;
        let found = declare::span(found.strip_prefix(words)?.trim()).ok()?;
        Some(declare::span(least).ok()? <= found && found <= declare::span(most).ok()?)
    };
    range().unwrap_or(false)
}

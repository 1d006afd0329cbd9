//! One line per event, in fixed columns: made to be read, and to be compared.
//!
//! ```text
//!     12.400s  /db/writer            #7   Ready → Waiting      exit 1 · wait 4.0s · Counted 3/5
//! ```

use crate::scenario::{Act, Line, Scenario};
use mainstay_core::spec::ChildSpec;
use mainstay_core::spec::Source;
use mainstay_core::{
    Action, ChildId, Command, Effect, Effects, Event, Input, Moment, Standing, Tree,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Collects the lines of one run.
#[derive(Debug, Default)]
pub struct Trace {
    lines: Vec<String>,
    standings: BTreeMap<ChildId, (Standing, String)>,
}

impl Trace {
    /// Returns the lines so far.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Takes one step down: for each child what changed and why, then what concerns nobody alone.
    pub(crate) fn step(&mut self, now: Moment, input: &Input, out: &Effects, tree: &Tree) {
        if let Input::Command(command) = input {
            self.command(now, command, out);
        } else if !matches!(input, Input::Clock | Input::Beat(..)) && out.events.is_empty() {
            return;
        }
        let mut notes: Vec<(Option<ChildId>, String, String)> = Vec::new();
        for event in &out.events {
            let Some((child, run, note)) = note(event) else { continue };
            match notes.iter_mut().find(|(of, of_run, _)| {
                *of == child && (of_run.is_empty() || run.is_empty() || *of_run == run)
            }) {
                Some((_, of_run, text)) => {
                    if of_run.is_empty() {
                        of_run.clone_from(&run);
                    }
                    _ = write!(text, " · {note}");
                }
                None => notes.push((child, run, note)),
            }
        }
        let steps = out.effects.iter().filter_map(|effect| match effect {
            Effect::Stop { child, run, step } => {
                Some((*child, run.to_string(), format!("stop step {step}")))
            }
            Effect::Probe { .. } => None,
            _ => None,
        });
        for (child, run, note) in steps {
            match notes.iter_mut().find(|(of, ..)| *of == Some(child)) {
                Some((.., text)) => _ = write!(text, " · {note}"),
                None => notes.push((Some(child), run, note)),
            }
        }
        let known: Vec<Option<ChildId>> = notes.iter().map(|(child, ..)| *child).collect();
        for child in tree.children() {
            let before = self.standings.get(&child.id).map(|(standing, _)| *standing);
            if before != Some(child.standing())
                && before.is_some()
                && !known.contains(&Some(child.id))
            {
                notes.push((Some(child.id), String::new(), String::new()));
            }
        }
        for (child, run, text) in notes {
            let (path, change) = self.change(child, tree);
            self.lines.push(format!(
                "{:>12}  {path:<18}  {run:<4}  {change:<22}  {text}",
                now.to_string()
            ));
        }
    }

    fn change(&mut self, child: Option<ChildId>, tree: &Tree) -> (String, String) {
        let Some(id) = child else { return ("-".into(), String::new()) };
        let before = self.standings.get(&id).cloned();
        let Some(child) = tree.child(id) else {
            let path = before.map_or_else(|| "?".into(), |(_, path)| path);
            self.standings.remove(&id);
            return (path, "gone".into());
        };
        let path = tree.path(id).map(|path| path.to_string()).unwrap_or_default();
        let path = if path == "/" { path } else { format!("/{path}") };
        let after = child.standing();
        self.standings.insert(id, (after, path.clone()));
        let change = match before {
            Some((before, _)) if before == after => format!("{after:?}"),
            Some((before, _)) => format!("{before:?} → {after:?}"),
            None => format!("{after:?}"),
        };
        (path, change)
    }

    fn command(&mut self, now: Moment, command: &Command, out: &Effects) {
        let answer = match out.replies.first().map(|reply| &reply.result) {
            Some(Ok(done)) if done.changed => "done".into(),
            Some(Ok(_)) => "already so".into(),
            Some(Err(refusal)) => format!("refused: {refusal}"),
            None => "no answer".into(),
        };
        let path = format!("/{}", command.target.as_str());
        let verb = command.verb.word();
        let who = &command.who;
        self.lines.push(format!(
            "{:>12}  {path:<18}  {:<4}  {:<22}  {who}: {answer}",
            now.to_string(),
            "",
            format!("> {verb}")
        ));
    }
}

/// What an event says, without the names of Rust where it can be helped.
fn note(event: &Event) -> Option<(Option<ChildId>, String, String)> {
    let of = |child: &ChildId, text: String| Some((Some(*child), String::new(), text));
    let run = |child: &ChildId, run: &mainstay_core::RunId, text: String| {
        Some((Some(*child), run.to_string(), text))
    };
    match event {
        Event::Starting { child, run: no, by_hand, trial } => {
            let by_hand = if *by_hand { " by hand" } else { "" };
            let trial = if *trial { " on trial" } else { "" };
            run(child, no, format!("starts{by_hand}{trial}"))
        }
        Event::Started { child, run: no, took } => run(child, no, format!("started in {took:?}")),
        Event::Ready { child, run: no, took } => run(child, no, format!("ready in {took:?}")),
        Event::Stable { child, run: no, forgotten } => {
            run(child, no, format!("stable, forgets {forgotten}"))
        }
        Event::Stopping { child, run: no, asked } => {
            run(child, no, format!("asked to end: {asked}"))
        }
        Event::Exited { child, run: no, cause, lived, .. } => {
            run(child, no, format!("{cause} after {lived:?}"))
        }
        Event::Counted { child, limit, before, stamped, spent } => {
            let stamp = if *stamped { "+1" } else { "" };
            let spent = if *spent { " spent" } else { "" };
            let text =
                format!("budget[{}]={}{stamp}/{}{spent}", limit.index, before.count, before.most);
            of(child, text)
        }
        Event::Decided { child, run: no, rule, action } => {
            let text = match action {
                Action::Restart { at, delay } => {
                    format!("{rule:?}: wait={:?} until {at}", delay.wait)
                }
                action => format!("{rule:?}: {action}"),
            };
            run(child, no, text)
        }
        Event::Rests { child, why } => of(child, format!("rests: {why}")),
        Event::Breaker { child, state, level, over_children } => {
            let over = if *over_children { " over its children" } else { "" };
            of(child, format!("breaker{over} {state}, level {level}"))
        }
        Event::Regrouping { supervisor, strategy, delay, .. } => {
            of(supervisor, format!("regroups {strategy:?} after {delay:?}"))
        }
        Event::Regrouped(supervisor) => of(supervisor, "regrouped".into()),
        Event::GaveUp { supervisor, .. } => of(supervisor, "gives up".into()),
        Event::Alert { child, kind } => of(child, format!("alert: {kind}")),
        Event::Forced(child, no) => run(child, no, "forced".into()),
        Event::Abandoned(child, no) => run(child, no, "abandoned".into()),
        Event::Stale { child, run: no } => run(child, no, "a stale fact".into()),
        Event::Removed(child) => of(child, "removed".into()),
        Event::Added { child, .. } => of(child, "added".into()),
        Event::Replaced { child, revision } => of(child, format!("spec revision {revision}")),
        Event::Rehydrating(child, no) => run(child, no, "restores".into()),
        Event::Unready(child, no) => run(child, no, "not ready any more".into()),
        Event::Frozen { child, run: no, frozen } => {
            run(child, no, if *frozen { "frozen".into() } else { "thawed".into() })
        }
        Event::Probed { child, run: no, probe, ok, streak } => {
            run(child, no, format!("probe {probe} says {ok} x {streak}"))
        }
        Event::Guarded(child, no) => run(child, no, "over its soft limit".into()),
        Event::Reloaded { child, run: no, .. } => run(child, no, "reloads".into()),
        Event::AutoShutdown { supervisor, .. } => {
            of(supervisor, "its significant children ended".into())
        }
        Event::Acknowledged { child, .. } => of(child, "acknowledged".into()),
        Event::Draining { until, outcome } => {
            Some((None, String::new(), format!("drains until {until}: {outcome:?}")))
        }
        Event::DrainForced { abandoning } => {
            Some((None, String::new(), format!("drain forced, abandoning {abandoning}")))
        }
        Event::Drained(outcome) => Some((None, String::new(), format!("drained: {outcome:?}"))),
        Event::Blocked { child, run: no, lasted } => {
            run(child, no, format!("keeps its thread for {lasted:?}"))
        }
        Event::Told { child, run: no, news } => run(child, no, news.to_string()),
        Event::Stalled { lasted } => {
            Some((None, String::new(), format!("nothing was heard for {lasted:?}")))
        }
        Event::Backwards { by } => {
            Some((None, String::new(), format!("the clock went back by {by:?}")))
        }
        Event::Commanded { .. } | Event::Refused { .. } => None,
    }
}

/// Returns the tree of a scenario, a line per child.
pub(crate) fn tree(scenario: &Scenario) -> String {
    let mut text = String::new();
    if let Some(spec) = scenario.spec() {
        branch(&mut text, "/", &spec.root, 0);
        _ = writeln!(
            text,
            "  drain {:?}, fatal {:?}, storm {:?}, {:?}, {:?}",
            spec.drain_timeout,
            spec.fatal_drain_timeout,
            spec.storm_rate,
            scenario.temper,
            scenario.faults
        );
    }
    text
}

fn branch(text: &mut String, name: &str, spec: &ChildSpec, depth: usize) {
    let indent = "  ".repeat(depth + 1);
    _ = write!(text, "{indent}{name}:");
    for line in spec.policy().iter().filter(|line| line.source != Source::Default) {
        _ = write!(text, " {}={};", line.field.name(), line.value);
    }
    for need in &spec.needs {
        _ = write!(text, " needs {} {:?} {:?};", need.child, need.until, need.on_restart);
    }
    if let Some(group) = spec.supervisor() {
        _ = writeln!(text, " {:?} {:?}", group.strategy, group.start_concurrency);
        for (name, child) in &group.children {
            branch(text, name, child, depth + 1);
        }
        if let Some(dynamic) = &group.dynamic {
            branch(text, "*", &dynamic.template, depth + 1);
        }
    } else {
        text.push('\n');
    }
}

/// Returns one line of a script in words.
pub(crate) fn line(line: &Line) -> String {
    let what = match &line.act {
        Act::Command { who, target, verb, if_run, if_revision, id } => {
            format!("{who}: {} {target} (id {id}, {if_run:?}, {if_revision:?})", verb.word())
        }
        Act::Demand(path) => format!("demand {path}"),
        Act::Jump(span) => format!("the clock jumps by {span:?}"),
        Act::Back(span) => format!("the clock goes back by {span:?}"),
    };
    format!("{:>12}  {what}\n", line.at.to_string())
}

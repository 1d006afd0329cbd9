//! `mainstay doctor`: whether this machine has what is needed, and what to do where it has not.

mod look;

use crate::args::Global;
use crate::client::Client;
use crate::fault::{Exit, Fault};
use crate::place::{self, Place, Surroundings};
use crate::screen::{Screen, Tint, say};
use crate::show;
use mainstay_wire::api::Status;

/// How one thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// As it should be.
    Fine,
    /// It goes without, with a loss.
    Warn,
    /// It does not go.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    /// What.
    name: &'static str,
    verdict: Verdict,
    /// How it is.
    text: String,
    /// What to do about it.
    hint: Option<String>,
}

impl Finding {
    fn fine(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Fine, text: text.into(), hint: None }
    }

    fn warn(name: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Self {
        let hint = Some(hint.into());
        Self { name, verdict: Verdict::Warn, text: text.into(), hint }
    }

    fn fail(name: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, ..Self::warn(name, text, hint) }
    }
}

/// Looks at everything, and says how it is. Fails where something does not go.
pub(super) fn doctor(global: &Global) -> Result<Exit, Fault> {
    let around = Surroundings::here()?;
    let mut findings = look::machine();
    let chosen = match &global.socket {
        Some(_) => None,
        None => Some(place::choose(global.name.as_deref(), &around)),
    };
    // Without any daemon the folders of one that might be are looked at.
    let name = match chosen {
        Some(Ok(name)) => Some(name),
        Some(Err(place::PlaceError::None)) => Some(String::from("mainstay")),
        Some(Err(error)) => {
            findings.push(Finding::fail("daemon", first_line(&error), rest(&error)));
            None
        }
        None => None,
    };
    if let Some(name) = name {
        let place = match &global.name {
            Some(name) => Place::named(name, &around)?,
            None => Place::of(&name, &around)?,
        };
        findings.push(look::folder("runtime", &place.runtime, &around));
        findings.push(look::folder("state", &place.state, &around));
        findings.push(look::space(&place.state));
    }
    match place::socket(global.socket.as_deref(), global.name.as_deref(), &around) {
        Ok(socket) => findings.extend(daemon(&Client::new(socket, global.verbose))?),
        Err(place::PlaceError::None) => findings.push(Finding::fine("daemon", "none runs")),
        Err(error) => findings.push(Finding::fail("daemon", first_line(&error), rest(&error))),
    }
    report(&findings, global)
}

fn first_line(error: &place::PlaceError) -> String {
    error.to_string().lines().next().unwrap_or_default().into()
}

fn rest(error: &place::PlaceError) -> String {
    error.to_string().lines().skip(1).collect::<Vec<_>>().join(" ")
}

/// Asks the daemon that is meant who it is.
fn daemon(client: &Client) -> Result<Vec<Finding>, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let answer = runtime.map_err(Fault::Runtime)?.block_on(client.read("/status"));
    let tree = answer.and_then(|body| client.parse::<Status>(&body));
    Ok(match tree {
        Ok(tree) => about(&tree),
        Err(fault @ Fault::Absent { .. }) => vec![Finding::fine("daemon", fault.story())],
        Err(fault) => {
            vec![Finding::fail("daemon", fault.story(), fault.hint().unwrap_or_default())]
        }
    })
}

/// Returns what a daemon says about itself.
fn about(tree: &Status) -> Vec<Finding> {
    let own = env!("CARGO_PKG_VERSION");
    let mut findings = Vec::new();
    let keeper = tree.keeper_pid.map_or_else(|| "no keeper".into(), |pid| format!("keeper {pid}"));
    let text = format!("{}: brain {}, {keeper}", tree.name, tree.brain_pid);
    findings.push(Finding::fine("daemon", text));
    findings.push(if tree.version == own {
        Finding::fine("version", format!("{own}, as this program"))
    } else {
        let text = format!("the daemon is {}, this program is {own}", tree.version);
        Finding::warn("version", text, "`mainstay upgrade` replaces the daemon, children go on")
    });
    if tree.brain_restarts > 0 {
        let again = show::again(tree.brain_restarts);
        let hint = "look for its end in the system's log; children were not touched";
        findings.push(Finding::warn("brain", format!("started {again}"), hint));
    }
    findings.push(match &tree.journal {
        None => Finding::warn("journal", "there is none", "history is forgotten at the end"),
        Some(journal) => match &journal.trouble {
            None => Finding::fine("journal", format!("`{}` is written", journal.folder)),
            Some(trouble) => {
                let hint = format!("make room or mend `{}`; children go on", journal.folder);
                Finding::fail("journal", format!("cannot be written: {trouble}"), hint)
            }
        },
    });
    let notice = |text: &String| Finding::warn("notice", text.clone(), "see `mainstay status`");
    findings.extend(tree.notices.iter().map(notice));
    findings
}

/// Says what was found.
fn report(findings: &[Finding], global: &Global) -> Result<Exit, Fault> {
    let screen = Screen::of(global);
    if global.json {
        let values: Vec<serde_json::Value> = findings.iter().map(value).collect();
        let body = serde_json::Value::from(values).to_string();
        say(&show::json(body.as_bytes(), &screen))?;
    } else {
        for finding in findings {
            if !global.quiet || finding.verdict != Verdict::Fine {
                say(&line(finding, &screen))?;
            }
        }
    }
    let failed = findings.iter().any(|finding| finding.verdict == Verdict::Fail);
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn word(verdict: Verdict) -> (&'static str, Tint) {
    match verdict {
        Verdict::Fine => ("ok", Tint::Good),
        Verdict::Warn => ("warn", Tint::Warn),
        Verdict::Fail => ("fail", Tint::Bad),
    }
}

fn line(finding: &Finding, screen: &Screen) -> String {
    let (word, tint) = word(finding.verdict);
    let mut line = screen.paint(tint, &format!("{word:<4}"));
    line.push_str(&format!("  {:<9}  {}", finding.name, show::tame(&finding.text, false)));
    if let Some(hint) = finding.hint.as_ref().filter(|hint| !hint.is_empty()) {
        let hint = format!("\n                 {}", show::tame(hint, false));
        line.push_str(&screen.paint(Tint::Coming, &hint));
    }
    line
}

fn value(finding: &Finding) -> serde_json::Value {
    serde_json::json!({
        "name": finding.name,
        "verdict": word(finding.verdict).0,
        "text": finding.text,
        "hint": finding.hint,
    })
}

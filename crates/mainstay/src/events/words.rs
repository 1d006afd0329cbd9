//! Events in words, for people.

use super::Record;
use mainstay_core::child::Rest;
use mainstay_core::policy::budget::Limit;
use mainstay_core::{Brief, ChildId, Event, LimitId, Outcome, Path};
use std::fmt::{self, Display};

/// One line: `    12.400s  db/writer  #3    failed after 2s: "connection refused"`.
///
/// Other children that the event speaks of have no name here, for a record names its own child alone.
impl Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.to_string();
        let run = self.event.run().map_or_else(String::new, |run| run.to_string());
        let fact = Fact { event: &self.event, path: &|_| None, limit: &|_| None };
        write!(f, "{at:>11}  {}  {run:4}  {fact}", self.path)
    }
}

/// One event in words, with the names of other children where they can be looked up.
pub struct Fact<'a> {
    /// The event.
    pub event: &'a Event,
    /// Looks up other children that the event speaks of.
    pub path: &'a dyn Fn(ChildId) -> Option<Path>,
    /// Looks up the limits that it speaks of.
    pub limit: &'a dyn Fn(LimitId) -> Option<Limit>,
}

impl fmt::Debug for Fact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fact({self})")
    }
}

impl Fact<'_> {
    fn path(&self, child: ChildId) -> String {
        (self.path)(child).map_or_else(|| "another child".into(), |path| path.to_string())
    }

    fn rests(&self, f: &mut fmt::Formatter<'_>, why: &Rest) -> fmt::Result {
        f.write_str("rests: ")?;
        if let Rest::Need { child } = why {
            return write!(f, "it needs {}, which has not come far enough", self.path(*child));
        }
        write!(f, "{why}")
    }

    fn outcome(&self, f: &mut fmt::Formatter<'_>, outcome: &Outcome) -> fmt::Result {
        match outcome {
            Outcome::Asked => f.write_str("as asked"),
            Outcome::Fatal { child, cause, .. } => {
                write!(f, "because {} {cause}", self.path(*child))
            }
        }
    }
}

impl Display for Fact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |f: &mut fmt::Formatter<'_>, holds: bool, text: &str| {
            if holds { f.write_str(text) } else { Ok(()) }
        };
        match self.event {
            Event::Added { above, .. } => write!(f, "added below {}", self.path(*above)),
            Event::Removed(_) => f.write_str("removed"),
            Event::Replaced { revision, .. } => write!(f, "has another spec, revision {revision}"),
            Event::Starting { by_hand, trial, .. } => {
                f.write_str("starting")?;
                said(f, *by_hand, ", by hand")?;
                said(f, *trial, ", on trial")
            }
            Event::Started { took, .. } => write!(f, "started after {}", Brief(*took)),
            Event::Rehydrating(..) => f.write_str("restores what the last run had"),
            Event::Ready { took, .. } => write!(f, "ready after {}", Brief(*took)),
            Event::Unready(..) => f.write_str("not ready any more"),
            Event::Stable { forgotten: 0, .. } => f.write_str("stable"),
            Event::Stable { forgotten, .. } => {
                write!(f, "stable, earlier ends forgotten: {forgotten}")
            }
            Event::Probed { probe, ok, streak, .. } => {
                let word = if *ok { "succeeded" } else { "failed" };
                write!(f, "probe {probe} {word}, {streak} in a row")
            }
            Event::Guarded(..) => f.write_str("over its soft memory limit"),
            Event::Reloaded { done: false, .. } => f.write_str("told to read its settings again"),
            Event::Reloaded { done: true, .. } => f.write_str("has read its settings again"),
            Event::Frozen { frozen: true, .. } => f.write_str("suspended"),
            Event::Frozen { frozen: false, .. } => f.write_str("goes on"),
            Event::Stopping { asked, .. } => write!(f, "asked to end: {asked}"),
            Event::Forced(..) => f.write_str("ended by force"),
            Event::Abandoned(..) => f.write_str("outlived force and is abandoned"),
            Event::Exited { cause, detail, lived, .. } => {
                write!(f, "{cause} after {}", Brief(*lived))?;
                detail.as_ref().map_or(Ok(()), |detail| write!(f, ": {detail:?}"))
            }
            Event::Counted { limit, before, stamped, spent, .. } => {
                let (count, most) = (before.count, before.most);
                match (self.limit)(*limit) {
                    Some(limit) => write!(f, "counted, {limit}: {count} of {most} before")?,
                    None => write!(f, "counted: {count} of {most} before")?,
                }
                said(f, !*stamped, ", none added")?;
                said(f, *spent, ", spent")
            }
            Event::Decided { rule, action, .. } => {
                let rule = rule.to_string();
                let mut letters = rule.chars();
                let first = letters.next().map(|letter| letter.to_lowercase().to_string());
                let (first, rest) = (first.unwrap_or_default(), letters.as_str());
                write!(f, "decided, {first}{rest}: {action}")
            }
            Event::Rests { why, .. } => self.rests(f, why),
            Event::Breaker { over_children, state, level, .. } => {
                f.write_str("breaker")?;
                said(f, *over_children, " over its children")?;
                write!(f, " {state}, level {level}")
            }
            Event::Regrouping { leader, delay, .. } => {
                let leader = self.path(*leader);
                write!(f, "restarts those who go with {leader}, after {}", Brief(*delay))
            }
            Event::Regrouped(_) => f.write_str("all who went with it are restarted"),
            Event::GaveUp { by, .. } => write!(f, "gives up because of {}", self.path(*by)),
            Event::AutoShutdown { by, .. } => write!(f, "ends because {} did", self.path(*by)),
            Event::Alert { kind, .. } => write!(f, "alert: {kind}"),
            Event::Acknowledged { who, why, .. } => write!(f, "acknowledged by {who}: {why}"),
            Event::Commanded { who, why, verb, changed, .. } => {
                write!(f, "`{verb}` by {who}: {why}")?;
                said(f, !*changed, " (it was so already)")
            }
            Event::Refused { who, verb, refusal, .. } => {
                write!(f, "`{verb}` by {who} is refused: {refusal}")
            }
            Event::Draining { until, outcome } => {
                f.write_str("draining ")?;
                self.outcome(f, outcome)?;
                write!(f, ", until {until}")
            }
            Event::DrainForced { abandoning: false } => {
                f.write_str("drain: what is left is forced")
            }
            Event::DrainForced { abandoning: true } => {
                f.write_str("drain: what is left is left behind")
            }
            Event::Drained(outcome) => {
                f.write_str("ended ")?;
                self.outcome(f, outcome)
            }
            Event::Blocked { lasted, .. } => write!(f, "blocks its thread for {}", Brief(*lasted)),
            Event::Told { news, .. } => write!(f, "{news}"),
            Event::Stalled { lasted } => {
                write!(f, "the runtime stood still for {}", Brief(*lasted))
            }
            Event::Stale { .. } => f.write_str("a late word of another run"),
            Event::Backwards { by } => write!(f, "the clock went back by {}", Brief(*by)),
        }
    }
}

//! The orderly end of the whole tree, within a bound, and the report of it.

use super::Tree;
use crate::child::{Child, Phase, Place, State};
use crate::effect::{Effect, Effects, Outcome};
use crate::event::Event;
use crate::exit::{Asked, Cause};
use crate::id::{Path, RunId};
use crate::moment::Moment;
use alloc::vec::Vec;
use core::time::Duration;

/// A drain under way, or done.
#[derive(Clone, Debug, PartialEq)]
pub struct Drain {
    /// When it began.
    pub since: Moment,
    /// When what is left is ended by force: a little before the bound, so that force has time.
    pub force_at: Moment,
    /// The bound: what is left then is abandoned.
    pub until: Moment,
    /// How often it was asked for: the second time goes to force, the third ends at once.
    pub asked: u8,
    /// How the tree ends.
    pub outcome: Outcome,
    /// Whether it is over.
    pub ended: bool,
    /// What became of those who have left the tree since it began: their removal was under way.
    pub gone: Vec<ReportLine>,
}

/// What became of every child in a drain.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// How the tree ended.
    pub outcome: Outcome,
    /// How long it took so far.
    pub took: Duration,
    /// Every child there was when it began and that is no supervisor, in order of paths.
    pub lines: Vec<ReportLine>,
}

/// What became of one child in a drain.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportLine {
    /// The child.
    pub path: Path,
    /// Its last run, if it ever had one.
    pub run: Option<RunId>,
    /// When that run was asked to end.
    pub asked_at: Option<Moment>,
    /// When it ended; `None` while it is still there.
    pub ended_at: Option<Moment>,
    /// How it ended; `Abandoned` when it is still there after force.
    pub how: Option<Cause>,
    /// Whether it took force.
    pub forced: bool,
    /// What it said about it.
    pub detail: Option<alloc::sync::Arc<str>>,
}

impl Tree {
    /// Begins the drain; a later reason changes nothing about one under way.
    pub(super) fn begin_drain(&mut self, outcome: Outcome, out: &mut Effects) {
        if self.drain.is_some() {
            return;
        }
        let bound = match outcome {
            Outcome::Asked => self.settings.drain_timeout,
            Outcome::Fatal { .. } => self.settings.fatal_drain_timeout,
        };
        let until = self.now + bound;
        // Force needs a moment of its own: a tenth of the bound, at most a second.
        let reserve = (bound / 10).min(Duration::from_secs(1));
        let force_at = until - reserve;
        let gone = Vec::new();
        self.drain =
            Some(Drain { since: self.now, force_at, until, asked: 1, outcome, ended: false, gone });
        out.note(Event::Draining { until, outcome });
        // From here on no group and no breaker of a supervisor has a deadline.
        let groups = self.children.iter().flatten().filter(|child| child.group.is_some());
        self.touched.extend(groups.map(|child| child.id.slot));
        if self.at(0).life().is_some() {
            self.stop_run(0, Asked::Close, out);
        } else {
            self.drained(out);
        }
    }

    /// Another request while draining: first to force, then to the end.
    pub(super) fn hurry_drain(&mut self, out: &mut Effects) {
        let Some(drain) = &mut self.drain else { return };
        drain.asked = drain.asked.saturating_add(1);
        match drain.asked {
            0..=2 => self.force_drain(out),
            3.. => self.abandon_drain(out),
        }
    }

    /// The drain's own deadlines.
    pub(super) fn drain_due(&mut self, out: &mut Effects) {
        let Some(drain) = self.drain.as_ref() else { return };
        if drain.until <= self.now {
            self.abandon_drain(out);
        } else if drain.force_at <= self.now {
            self.force_drain(out);
        }
    }

    fn force_drain(&mut self, out: &mut Effects) {
        if let Some(drain) = self.drain.as_mut() {
            drain.force_at = Moment::FAR;
            out.note(Event::DrainForced { abandoning: false });
            self.touched.push(0);
            self.force(0, out);
        }
    }

    fn abandon_drain(&mut self, out: &mut Effects) {
        out.note(Event::DrainForced { abandoning: true });
        self.abandon_below(0, out);
        if !self.has_ended() {
            self.drained(out);
        }
    }

    fn abandon_below(&mut self, supervisor: u32, out: &mut Effects) {
        let children: Vec<u32> = self.brood(supervisor).from(Place::FIRST).collect();
        for slot in children.into_iter().rev() {
            // A child that was leaving is gone from the tree once it is abandoned.
            let Some(child) = &self.children[slot as usize] else { continue };
            if child.group.is_some() {
                self.abandon_below(slot, out);
            } else if child
                .life()
                .is_some_and(|life| !matches!(life.phase, Phase::Abandoned { .. }))
            {
                self.force(slot, out);
                self.abandon(slot, out);
            }
        }
    }

    /// The root is gone: the tree has ended.
    pub(super) fn drained(&mut self, out: &mut Effects) {
        let Some(drain) = self.drain.as_mut() else { return };
        drain.ended = true;
        let outcome = drain.outcome;
        self.set_state(0, State::Rest { why: crate::child::Rest::Draining, since: self.now });
        out.note(Event::Drained(outcome));
        out.ask(Effect::End(outcome));
    }

    /// Returns what became of every child; meaningful once the tree drains.
    pub fn report(&self) -> Option<Report> {
        let drain = self.drain.as_ref()?;
        let lines = self.report_lines();
        Some(Report { outcome: drain.outcome, took: self.now.since(drain.since), lines })
    }

    /// Returns the same lines as they would be now, also while nothing drains.
    pub fn report_lines(&self) -> Vec<ReportLine> {
        let gone = self.drain.iter().flat_map(|drain| drain.gone.iter().cloned());
        let leaves = self.children().filter(|child| child.group.is_none());
        let mut lines: Vec<ReportLine> =
            gone.chain(leaves.map(|child| self.report_line(child))).collect();
        lines.sort_by(|a, b| a.path.cmp(&b.path));
        lines
    }

    /// Keeps the line of a child that leaves the tree while it drains.
    pub(super) fn keep_line(&mut self, slot: u32) {
        if self.drain.is_none() || self.at(slot).group.is_some() {
            return;
        }
        let line = self.report_line(self.at(slot));
        if let Some(drain) = &mut self.drain {
            drain.gone.push(line);
        }
    }

    fn report_line(&self, child: &Child) -> ReportLine {
        let path = self.path(child.id).unwrap_or_else(Path::root);
        let last = child.memory.as_ref().and_then(|memory| memory.last.as_ref());
        match (child.life(), last) {
            (Some(life), _) => ReportLine {
                path,
                run: Some(life.run),
                asked_at: life.asked.map(|(_, at)| at),
                ended_at: None,
                how: matches!(life.phase, Phase::Abandoned { .. }).then_some(Cause::Abandoned),
                forced: matches!(life.phase, Phase::Killing { .. } | Phase::Abandoned { .. }),
                detail: None,
            },
            (None, Some(last)) => ReportLine {
                path,
                run: Some(last.run),
                asked_at: last.asked.map(|(_, at)| at),
                ended_at: Some(last.ended),
                how: Some(last.cause),
                forced: last.forced,
                detail: last.detail.clone(),
            },
            (None, None) => ReportLine {
                path,
                run: None,
                asked_at: None,
                ended_at: None,
                how: None,
                forced: false,
                detail: None,
            },
        }
    }
}

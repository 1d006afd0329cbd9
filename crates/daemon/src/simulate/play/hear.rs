//! What the tree states, as far as it belongs into a timeline.

use super::{Fall, Play, Serving, Told};
use crate::story::words;
use mainstay::{Action, BreakerState, Brief, Event, Finish, Moment, Rest, Rule};
use std::time::Duration;

impl Play<'_> {
    pub(super) fn hear(&mut self, event: &Event) {
        let own = self.child;
        match event {
            Event::Starting { child, trial, .. } if *child == own => {
                self.flush();
                self.timeline.starts += 1;
                self.run = Some((self.now, *trial));
                let at = self.at();
                self.begun.push(at);
            }
            Event::Ready { child, .. } if *child == own => self.serves(true),
            Event::Unready(child, _) if *child == own => self.serves(false),
            Event::Stopping { child, .. } if *child == own => self.serves(false),
            Event::Exited { child, cause, exit, lived, .. } if *child == own => {
                self.serves(false);
                self.ended = Some((*cause, *exit, *lived));
            }
            Event::Decided { child, rule, action, .. } if *child == own => {
                self.decided(*rule, action);
            }
            Event::Breaker { state: BreakerState::Open(until), .. } => {
                let text = match until {
                    Some(until) => {
                        format!("its breaker opens for {}", Brief(until.since(self.now)))
                    }
                    None => "its breaker opens until somebody resets it".into(),
                };
                self.gives_up(text);
            }
            Event::Breaker { state: BreakerState::Closed, .. } => {
                self.push("its breaker closes: the trial was ready for long enough".into());
            }
            Event::Rests { child, why: Rest::Quarantined } if *child == own => {
                self.gives_up("stays down until somebody releases it".into());
            }
            Event::Rests { child, why: Rest::Finished(finish) } if *child == own => match finish {
                Finish::Failed => self.gives_up("gets no other run".into()),
                Finish::Completed
                | Finish::Skipped
                | Finish::Stopped
                | Finish::NeedLost
                | Finish::AwaitsStart => {
                    if let Some(told) = &mut self.told {
                        told.fall.then = "is done".into();
                    }
                    self.push("is done: gets no other run".into());
                }
            },
            Event::GaveUp { .. } => self.gives_up("its supervisor gives up".into()),
            Event::Draining { .. } => self.gives_up("the whole tree ends".into()),
            Event::Alert { .. } => {
                self.timeline.alerts = self.timeline.alerts.map(|alerts| alerts + 1);
            }
            Event::Stable { child, forgotten, .. } if *child == own && *forgotten > 0 => {
                self.push(format!("is stable: {forgotten} ends are forgotten"));
            }
            Event::Added { .. }
            | Event::Removed(_)
            | Event::Replaced { .. }
            | Event::Starting { .. }
            | Event::Started { .. }
            | Event::Rehydrating(..)
            | Event::Ready { .. }
            | Event::Unready(..)
            | Event::Stable { .. }
            | Event::Probed { .. }
            | Event::Guarded(..)
            | Event::Reloaded { .. }
            | Event::Frozen { .. }
            | Event::Stopping { .. }
            | Event::Forced(..)
            | Event::Abandoned(..)
            | Event::Exited { .. }
            | Event::Counted { .. }
            | Event::Decided { .. }
            | Event::Rests { .. }
            | Event::Breaker { .. }
            | Event::Regrouping { .. }
            | Event::Regrouped(_)
            | Event::AutoShutdown { .. }
            | Event::Acknowledged { .. }
            | Event::Commanded { .. }
            | Event::Refused { .. }
            | Event::DrainForced { .. }
            | Event::Drained(_)
            | Event::Blocked { .. }
            | Event::Told { .. }
            | Event::Stalled { .. }
            | Event::Stale { .. }
            | Event::Backwards { .. } => {}
        }
    }

    fn at(&self) -> Duration {
        self.now.since(Moment::ZERO)
    }

    /// Tells a run as a whole, once what follows it is decided.
    fn decided(&mut self, rule: Rule, action: &Action) {
        let (Some((began, trial)), Some((cause, exit, lived))) =
            (self.run.take(), self.ended.take())
        else {
            return;
        };
        let run = self.timeline.starts;
        let how = words::cause(&cause, exit.as_ref());
        let trial = if trial { ", the trial," } else { "" };
        let then = match action {
            Action::Restart { at, .. } if *at <= self.now => "again at once".into(),
            Action::Restart { at, .. } => format!("again in {}", Brief(at.since(self.now))),
            Action::AsWanted => "again at once".into(),
            Action::Regroup { delay } => format!("again in {}", Brief(delay.wait)),
            Action::Finish | Action::Exhaust { .. } => String::new(),
        };
        let base = match action {
            Action::Restart { delay, .. } | Action::Regroup { delay } => delay.base,
            Action::AsWanted | Action::Finish | Action::Exhaust { .. } => Duration::ZERO,
        };
        let (rule, action) = (words::rule_word(rule), words::action_word(action));
        let like = format!("{how} {base:?} {trial} {rule} {action}");
        let follows = if then.is_empty() { String::new() } else { format!("; {then}") };
        let text = format!("#{run}{trial} {how} after {}{follows}", Brief(lived));
        self.flush();
        let fall = Fall { at: self.at(), how, then };
        self.told = Some(Told { began: began.since(Moment::ZERO), fall, like, text });
    }

    /// Writes down the run that ended last.
    pub(super) fn flush(&mut self) {
        if let Some(Told { began, fall, like, text }) = self.told.take() {
            self.timeline.fell(fall);
            self.steps.push_like(began, like, text);
        }
    }

    fn push(&mut self, text: String) {
        self.flush();
        self.steps.push(self.at(), text);
    }

    fn gives_up(&mut self, text: String) {
        let at = self.at();
        if self.timeline.gave_up_at.is_none() {
            (self.timeline.gave_up_at, self.timeline.gave_up) = (Some(at), Some(text.clone()));
        }
        match &mut self.told {
            // It follows from the end of that run.
            Some(told) => {
                told.like = format!("{} {text}", told.like);
                told.text = format!("{}; {text}", told.text);
                told.fall.then = match told.fall.then.as_str() {
                    "" => text,
                    then => format!("{then}; {text}"),
                };
            }
            None => self.steps.push(at, text),
        }
    }

    fn serves(&mut self, serves: bool) {
        let now = self.now;
        self.serving = match (self.serving, serves) {
            (Serving::Down { since }, true) => Serving::Up { since: now, down_since: since },
            (Serving::Up { since, down_since }, false) if since == now => {
                Serving::Down { since: down_since }
            }
            (Serving::Up { since, down_since }, false) => {
                self.timeline.was_down(since.since(down_since));
                self.timeline.served(since.since(Moment::ZERO), now.since(Moment::ZERO));
                Serving::Down { since: now }
            }
            (same, _) => same,
        };
    }
}

//! What children print: the last lines, the part of them that is in sight, and what is searched for.

use super::list::Move;
use mainstay_wire::api::LogLine;
use std::collections::VecDeque;

/// How many lines are kept.
const MOST: usize = 5_000;

/// The lines of one child, or of all below a supervisor.
#[derive(Debug, Default)]
pub(in crate::top) struct Logs {
    pub(in crate::top) lines: VecDeque<LogLine>,
    /// How many lines came before the first of these.
    gone: u64,
    /// The number of the line behind the last one in sight; none: the end is followed.
    stopped_at: Option<u64>,
    /// What is searched for; empty: nothing.
    pub(in crate::top) find: String,
    /// The number of the line that was found last.
    found: Option<u64>,
    /// How many columns at the left are out of sight.
    pub(in crate::top) left: usize,
    /// Whether it is shown when each line was printed.
    pub(in crate::top) has_stamps: bool,
    /// Something about the log as a whole.
    pub(in crate::top) note: Option<String>,
    /// Whether lines have been asked for.
    pub(super) is_followed: bool,
}

impl Logs {
    /// Takes lines as they come.
    pub(super) fn take(&mut self, lines: Vec<LogLine>) {
        self.lines.extend(lines);
        let over = self.lines.len().saturating_sub(MOST);
        self.lines.drain(..over);
        self.gone += over as u64;
    }

    /// Takes a remark about the log as a whole.
    pub(super) fn note(&mut self, note: String) {
        self.note = Some(note);
    }

    /// Returns the place behind the last line in sight, on a screen of so many rows.
    pub(in crate::top) fn end(&self, room: usize) -> usize {
        let count = self.lines.len();
        let stopped = self.stopped_at.map(|at| at.saturating_sub(self.gone));
        let end = stopped.and_then(|at| usize::try_from(at).ok()).unwrap_or(count);
        end.max(room).min(count)
    }

    /// Returns how many lines have come below what is in sight; none: the end is followed.
    pub(in crate::top) fn below(&self, room: usize) -> Option<usize> {
        self.stopped_at.map(|_| self.lines.len() - self.end(room))
    }

    /// Moves what is in sight. Whoever moves up stops, whoever comes to the end follows it again.
    pub(super) fn go(&mut self, step: Move, room: usize) {
        let count = self.lines.len();
        let end = self.end(room);
        let end = match step {
            Move::Up(rows) => end.saturating_sub(rows).max(room).min(count),
            Move::Down(rows) => (end + rows).min(count),
            Move::First => room.min(count),
            Move::Last => count,
        };
        self.stop_at(end);
    }

    fn stop_at(&mut self, end: usize) {
        let is_end = end >= self.lines.len();
        self.stopped_at = (!is_end).then_some(self.gone + end as u64);
    }

    /// Stops, or follows the end again.
    pub(super) fn pause(&mut self) {
        self.stopped_at = match self.stopped_at {
            Some(_) => None,
            None => Some(self.gone + self.lines.len() as u64),
        };
    }

    /// Goes to the next line above, or below, that holds what is searched for: from the one that was found before, or
    /// else from the end. False: there is none, and nothing moves.
    pub(super) fn search(&mut self, step: Move, room: usize) -> bool {
        if self.find.is_empty() {
            return false;
        }
        let count = self.lines.len();
        let before = self.found.and_then(|at| usize::try_from(at.checked_sub(self.gone)?).ok());
        let needle = self.find.to_lowercase();
        let holds = |at: &usize| self.lines[*at].text.to_lowercase().contains(&needle);
        let found = match step {
            Move::Up(_) | Move::First => (0..before.unwrap_or(count)).rev().find(holds),
            Move::Down(_) | Move::Last => (before.map_or(0, |at| at + 1)..count).find(holds),
        };
        let Some(at) = found else { return false };
        self.found = Some(self.gone + at as u64);
        // What is in sight moves only where it must; what comes meanwhile does not carry it away.
        let end = self.end(room);
        let end = if at >= end {
            at + 1
        } else if at + room < end {
            (at + room).min(count)
        } else {
            end
        };
        self.stopped_at = Some(self.gone + end as u64);
        true
    }

    /// Begins another search, at the end.
    pub(super) fn find(&mut self, text: String) {
        (self.find, self.found) = (text, None);
    }

    /// Returns which of the lines was found last.
    pub(in crate::top) fn found(&self) -> Option<usize> {
        usize::try_from(self.found?.checked_sub(self.gone)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> LogLine {
        let text = text.into();
        LogLine { path: "a".into(), at: None, run: None, stream: None, text }
    }

    fn logs(count: usize) -> Logs {
        let mut logs = Logs::default();
        logs.take((0..count).map(|at| line(&format!("line {at}"))).collect());
        logs
    }

    #[test]
    fn the_end_is_followed_until_somebody_moves_up() {
        let mut logs = logs(100);
        assert_eq!((logs.end(10), logs.below(10)), (100, None));
        logs.go(Move::Up(5), 10);
        logs.take(vec![line("new"), line("newer")]);
        assert_eq!((logs.end(10), logs.below(10)), (95, Some(7)), "what comes does not move it");
        logs.go(Move::First, 10);
        assert_eq!(logs.end(10), 10);
        logs.go(Move::Down(3), 10);
        assert_eq!(logs.end(10), 13);
        logs.go(Move::Last, 10);
        assert_eq!((logs.end(10), logs.below(10)), (102, None), "at the end it goes on");
        logs.pause();
        logs.take(vec![line("unseen")]);
        assert_eq!(logs.below(10), Some(1));
        logs.pause();
        assert_eq!(logs.below(10), None);
    }

    #[test]
    fn old_lines_are_let_go_and_what_is_in_sight_stays_as_long_as_it_is_there() {
        let mut logs = logs(MOST);
        logs.go(Move::Up(10), 10);
        logs.take(vec![line("more"); 100]);
        assert_eq!((logs.lines.len(), logs.end(10)), (MOST, MOST - 110));
        logs.take(vec![line("more"); MOST]);
        assert_eq!(logs.end(10), 10, "it is gone: the oldest lines are in sight");
    }

    #[test]
    fn a_search_goes_up_from_the_end_and_down_again() {
        let mut logs = logs(100);
        logs.find("LINE 5".into());
        assert!(logs.search(Move::Up(1), 10));
        assert_eq!((logs.found(), logs.end(10)), (Some(59), 69));
        assert!(logs.search(Move::Up(1), 10));
        assert_eq!((logs.found(), logs.end(10)), (Some(58), 68));
        assert!(logs.search(Move::Down(1), 10));
        assert_eq!((logs.found(), logs.end(10)), (Some(59), 68), "it is in sight: nothing moves");
        assert!(!logs.search(Move::Down(1), 10), "there is none further down");
        logs.find("nothing".into());
        assert!(!logs.search(Move::Up(1), 10));
        assert_eq!(logs.end(10), 68);
    }
}

//! The brain's signs of life, and what becomes of one that gives none.
//!
//! A silence is counted in steps, each of which this program must have been awake for: time in which the machine was
//! suspended does not pass on the monotonic clock, and a step that is noticed late was one in which this program was
//! stopped itself, or starved, as the brain may have been.

use super::wait::now;
use super::{Due, Hold};
use mainstay_wire::keeper::Silence;
use std::time::Duration;

/// How many steps without a sign are too many.
const STEPS: u32 = 3;
/// How long a brain that is to be ended may take to write down what it is doing.
const DUMP: Duration = Duration::from_secs(2);

/// What is known of them.
#[derive(Debug, Default)]
pub(crate) struct Signs {
    /// How long a silence may be; zero: none is waited for.
    within: Duration,
    /// When the last one came.
    heard: Duration,
    /// When the present step ends, and its name among the deadlines.
    due: Option<(Duration, u64)>,
    /// Steps without a sign.
    missed: u32,
    /// Whether it has been asked for a dump, and is ended next.
    is_ending: bool,
    /// The silence for which the last brain was ended, until the next one has given a sign: whoever dies before has
    /// told nobody.
    pub(super) silence: Option<Silence>,
}

/// What follows from a step that has ended without a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Another step.
    Wait,
    /// It is asked for a dump.
    Ask,
    /// It is ended.
    End,
}

impl Signs {
    /// Forgets what there was to wait for: this brain is gone. Returns the deadline that is none any more.
    pub(super) fn end(&mut self) -> Option<(Duration, u64)> {
        self.within = Duration::ZERO;
        (self.missed, self.is_ending) = (0, false);
        self.due.take()
    }

    fn step(&self) -> Duration {
        self.within / STEPS
    }

    /// Judges the end of a step, at this moment.
    fn judge(&mut self, now: Duration, is_traced: bool) -> Verdict {
        let Some((due, _)) = self.due.take() else { return Verdict::Wait };
        if self.is_ending {
            return Verdict::End;
        }
        if is_traced {
            // Somebody looks at it, and it stands still for as long as they do.
            self.missed = 0;
            return Verdict::Wait;
        }
        if now.saturating_sub(due) >= self.step() / 2 {
            // This program could not run either.
            return Verdict::Wait;
        }
        self.missed += 1;
        if self.missed < STEPS { Verdict::Wait } else { Verdict::Ask }
    }
}

impl Hold {
    /// The brain has given a sign of life, and says how long the next may take.
    pub(super) fn brain_lives(&mut self, within: Duration) {
        self.feed(within);
        let Some(brain) = &mut self.brain else { return };
        let signs = &mut brain.signs;
        let before = signs.end();
        signs.silence = None;
        (signs.within, signs.heard) = (within, now());
        if let Some(before) = before {
            self.waiting.cancel(before);
        }
        if !within.is_zero() {
            signs.due = Some(self.waiting.at(signs.heard + signs.step(), Due::Sign));
        }
    }

    /// A step has ended.
    pub(super) fn sign_is_due(&mut self) {
        let Some(brain) = &mut self.brain else { return };
        let Some(pid) = brain.process() else { return };
        let verdict = brain.signs.judge(now(), is_traced(pid));
        let next = match verdict {
            Verdict::Wait => brain.signs.step(),
            Verdict::Ask => {
                let lasted = now().saturating_sub(brain.signs.heard);
                eprintln!(
                    "mainstay: the brain has given no sign of life for {} s: it is asked for a dump, \
                     and started again",
                    lasted.as_secs()
                );
                brain.signal(libc::SIGQUIT);
                brain.signs.is_ending = true;
                brain.signs.silence = Some(Silence { pid, lasted });
                DUMP
            }
            Verdict::End => {
                brain.signal(libc::SIGKILL);
                return;
            }
        };
        brain.signs.due = Some(self.waiting.at(now() + next, Due::Sign));
    }
}

/// Returns whether somebody holds a process in a debugger.
fn is_traced(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|tracer| tracer.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(30);

    /// A name; when each step is noticed, and whether somebody looks on; what is judged.
    type Row = (&'static str, &'static [(u64, bool)], &'static [Verdict]);

    fn second(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    /// Judges steps that are noticed at these seconds; each begins when the one before was noticed.
    fn judge(steps: &[(u64, bool)]) -> Vec<Verdict> {
        let mut signs = Signs { within: WITHIN, ..Signs::default() };
        let mut begins = Duration::ZERO;
        let mut judged = Vec::new();
        for (noticed, is_traced) in steps {
            signs.due = Some((begins + signs.step(), 0));
            let verdict = signs.judge(second(*noticed), *is_traced);
            signs.is_ending = verdict == Verdict::Ask;
            judged.push(verdict);
            begins = second(*noticed);
        }
        judged
    }

    #[test]
    fn three_steps_without_a_sign_are_a_silence() {
        use Verdict::{Ask, End, Wait};
        let table: [Row; 5] = [
            (
                "awake",
                &[(10, false), (20, false), (30, false), (32, false)],
                &[Wait, Wait, Ask, End],
            ),
            ("somewhat late", &[(12, false), (24, false), (36, false)], &[Wait, Wait, Ask]),
            (
                "stopped in the middle",
                &[(10, false), (500, false), (510, false), (520, false)],
                &[Wait, Wait, Wait, Ask],
            ),
            ("starved", &[(16, false), (32, false), (48, false), (64, false)], &[Wait; 4]),
            (
                "in a debugger",
                &[(10, false), (20, false), (30, true), (40, false), (50, false), (60, false)],
                &[Wait, Wait, Wait, Wait, Wait, Ask],
            ),
        ];
        for (name, steps, expected) in table {
            assert_eq!(judge(steps), expected, "{name}");
        }
    }

    #[test]
    fn what_was_waited_for_ends_with_the_brain() {
        let mut signs = Signs { within: WITHIN, due: Some((second(1), 7)), ..Signs::default() };
        assert_eq!(signs.end(), Some((second(1), 7)));
        assert_eq!((signs.within, signs.due), (Duration::ZERO, None));
    }

    #[test]
    fn nobody_holds_this_process_in_a_debugger() {
        let is_ours = is_traced(std::process::id());
        let status = std::fs::read_to_string("/proc/self/status").expect("it is there");
        assert_eq!(is_ours, !status.contains("TracerPid:\t0"));
    }
}

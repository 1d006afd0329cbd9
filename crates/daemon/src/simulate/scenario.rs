//! How the runs of a child end, one after the other.

use crate::story::words;
use mainstay::{Class, Exit, Moment, StartStep};
use mainstay_wire::api;
use std::time::Duration;

/// A day: what people plan for.
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// How the runs of a child end, one after the other. Once they are used up, the child lives on.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The ends in order; they begin anew until `times` runs have ended.
    pub ends: Vec<End>,
    /// How many runs end.
    pub times: u32,
    /// What it is, in words.
    pub name: String,
}

/// How one run goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct End {
    /// How long it takes to be ready; absent: it is ready at once, or ends before it is ready.
    pub ready_after: Option<Duration>,
    /// How long it lives, from its start.
    pub lives: Duration,
    /// How it ends.
    pub how: How,
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum How {
    /// By itself, so.
    Exit(Exit),
    /// Somebody restarts it, which counts against nobody.
    Restarted,
}

/// Why a text is no scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// A span cannot be read.
    #[error("`{text}` is no span: write a number with ms, s, m, h or d, as 3s or 1.5m")]
    Span {
        /// What was written.
        text: String,
    },
    /// Nothing was written.
    #[error("a pattern needs a span at least, as 3s or 3s,3s,1m")]
    Empty,
    /// An end cannot be read.
    #[error(
        "`{text}` is no end: write an exit code, a signal (KILL), oom, panic, clean, transient, permanent or no-start"
    )]
    Exit {
        /// What was written.
        text: String,
    },
    /// The journal has no run that ended.
    #[error(
        "no run has ended yet: there is no history to play; `--dies-after 3s` plays one that is made up"
    )]
    NoHistory,
}

impl Scenario {
    /// Returns one whose runs live as long as a pattern says, over and over, and all end in the same way.
    pub fn dies(pattern: Vec<Duration>, times: u32, exit: Exit) -> Self {
        let spans: Vec<String> =
            pattern.iter().map(|span| mainstay::Brief(*span).to_string()).collect();
        let name =
            format!("dies after {}, {times} times: {}", spans.join(", "), words::exit(&exit));
        let end = |lives| End { ready_after: None, lives, how: How::Exit(exit) };
        Self { ends: pattern.into_iter().map(end).collect(), times, name }
    }

    /// Sets how long each run takes to be ready. A run that ends before never is. It has an effect where the policy has
    /// a ready rule.
    #[must_use]
    pub fn ready_after(mut self, ready: Duration) -> Self {
        for end in &mut self.ends {
            end.ready_after = Some(ready);
        }
        self
    }

    /// Returns what has happened: the runs that ended, each as long as it lived. The waits between them were the old
    /// policy's and are left out.
    ///
    /// # Errors
    ///
    /// When no run has ended.
    pub fn from_runs(runs: &[api::Run]) -> Result<Self, ScenarioError> {
        let ends: Vec<End> = runs.iter().filter_map(recorded).collect();
        let times = u32::try_from(ends.len()).unwrap_or(u32::MAX);
        if ends.is_empty() {
            return Err(ScenarioError::NoHistory);
        }
        let name = format!("the {times} recorded runs that have ended");
        Ok(Self { ends, times, name })
    }

    /// Returns how long it is worth following: a day, and twice as long as all of its runs where that is longer.
    pub fn horizon(&self) -> Duration {
        let once = self.ends.iter().fold(Duration::ZERO, |sum, end| sum.saturating_add(end.lives));
        let rounds = self.times.div_ceil(u32::try_from(self.ends.len().max(1)).unwrap_or(u32::MAX));
        once.saturating_mul(rounds).saturating_mul(2).clamp(DAY, 365 * DAY)
    }

    /// Returns how the run with this number goes, counted from 0; `None` once the ends are used up.
    pub(super) fn end(&self, run: u64) -> Option<End> {
        let length = self.ends.len() as u64;
        if run >= u64::from(self.times) || length == 0 {
            return None;
        }
        self.ends.get(usize::try_from(run % length).ok()?).copied()
    }
}

/// Returns how a recorded run went; `None` while it lives.
fn recorded(run: &api::Run) -> Option<End> {
    let (cause, lived) = (run.cause.as_ref()?, run.lived_ms?);
    let millis = |millis: i64| Duration::from_millis(millis.unsigned_abs());
    let failed = |class| Exit::Failed { code: cause.code, class, retry_after: None };
    let how = match cause.word.as_str() {
        "stopped" | "recycled" | "dependency-lost" => How::Restarted,
        "completed" => How::Exit(Exit::Completed),
        "skipped" => How::Exit(Exit::Skipped),
        "signaled" => {
            let signal = cause.signal.and_then(|signal| u8::try_from(signal).ok()).unwrap_or(9);
            How::Exit(Exit::Signaled { signal, core: false })
        }
        "panicked" => How::Exit(Exit::Panicked),
        "out-of-memory" => How::Exit(Exit::OutOfMemory),
        "over-limit" => How::Exit(Exit::OverLimit),
        "start-failed" => {
            // Which step it was makes no difference, whether a retry may help does.
            let mendable = run.action.as_ref().is_none_or(|action| action.rule != "unmendable");
            How::Exit(Exit::StartFailed { step: StartStep::Exec, mendable })
        }
        "failed" if run.action.as_ref().is_some_and(|action| action.rule == "permanent") => {
            How::Exit(failed(Class::Permanent))
        }
        // What lost its signs of life, and what nobody saw end, failed.
        _ => How::Exit(failed(Class::Plain)),
    };
    let ready_after = run.ready_at.map(|at| millis(at.saturating_sub(run.began_at)));
    Some(End { ready_after, lives: millis(lived.max(0)), how })
}

/// Reads a pattern of spans: `3s`, `3s,3s,1m`.
///
/// # Errors
///
/// When one of them cannot be read, or there is none.
pub fn pattern(text: &str) -> Result<Vec<Duration>, ScenarioError> {
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return Err(ScenarioError::Empty);
    }
    parts.into_iter().map(span).collect()
}

fn span(text: &str) -> Result<Duration, ScenarioError> {
    let wrong = || ScenarioError::Span { text: text.into() };
    let end = text.find(|letter: char| letter.is_ascii_alphabetic()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(end);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let span = Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
    // Nobody plans beyond a century, and sums of spans must not overflow.
    Ok(span.min(36_525 * DAY))
}

/// Reads how a run ends: an exit code, a signal by name or as `signal 9`, `oom`, `panic`, `clean`, `transient`,
/// `permanent`, `no-start`.
///
/// # Errors
///
/// When it is none of these.
pub fn exit(text: &str) -> Result<Exit, ScenarioError> {
    let failed = |code, class| Exit::Failed { code, class, retry_after: None };
    if let Ok(code) = text.parse::<i32>() {
        return Ok(if code == 0 { Exit::Completed } else { failed(Some(code), Class::Plain) });
    }
    Ok(match text {
        "oom" => Exit::OutOfMemory,
        "panic" => Exit::Panicked,
        "clean" => Exit::Completed,
        "transient" => failed(None, Class::Transient),
        "permanent" => failed(None, Class::Permanent),
        "no-start" => Exit::StartFailed { step: StartStep::Program, mendable: false },
        "unseen" => Exit::Unknown { from: Moment::ZERO, to: Moment::ZERO },
        name => {
            let signal = words::signal_number(name.strip_prefix("signal ").unwrap_or(name));
            let signal = signal.ok_or_else(|| ScenarioError::Exit { text: text.into() })?;
            Exit::Signaled { signal, core: false }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_ends_are_read() {
        let millis = |text| {
            pattern(text).map(|spans| spans.iter().map(Duration::as_millis).collect::<Vec<_>>())
        };
        assert_eq!(millis("3s"), Ok(vec![3_000]));
        assert_eq!(millis(" 250ms, 1.5m ,1d,"), Ok(vec![250, 90_000, 86_400_000]));
        assert_eq!(millis(""), Err(ScenarioError::Empty));
        for wrong in ["3", "s", "-3s", "3x", "NaNs", "3s,x", "1e400s"] {
            assert!(matches!(pattern(wrong), Err(ScenarioError::Span { .. })), "{wrong}");
        }
        assert_eq!(exit("0"), Ok(Exit::Completed));
        assert_eq!(exit("SIGKILL"), exit("signal 9"));
        assert_eq!(exit("kill"), Ok(Exit::Signaled { signal: 9, core: false }));
        let wrong = exit("bang").expect_err("it is none").to_string();
        assert!(wrong.starts_with("`bang` is no end: write an exit code"), "{wrong}");
    }
}

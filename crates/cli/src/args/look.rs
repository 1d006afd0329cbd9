//! Arguments of the commands that only look.

use super::act::Acting;
use crate::command::DetachKeys;
use clap::{Args, Subcommand, ValueEnum};
use std::time::Duration;

/// Arguments of `status`.
#[derive(Clone, Debug, Args)]
pub(crate) struct StatusArgs {
    /// Paths of children, or patterns [default: the whole tree]
    #[arg(value_name = "CHILD")]
    pub(crate) children: Vec<String>,
    /// Show it again whenever it changes; q ends
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// Only what is not as it should be
    #[arg(long)]
    pub(crate) trouble: bool,
}

/// Arguments of `top`.
#[derive(Clone, Debug, Args)]
pub(crate) struct TopArgs {
    /// The child to begin with [default: the first one]
    #[arg(value_name = "CHILD")]
    pub(crate) child: Option<String>,
    /// Hear the mouse from the start; `m` turns it on and off
    #[arg(long)]
    pub(crate) mouse: bool,
}

/// Arguments of `alerts`.
#[derive(Clone, Debug, Args)]
pub(crate) struct AlertsArgs {
    /// Those that somebody has acknowledged too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// What hooks were told and are to be told, instead
    #[arg(long, conflicts_with = "all")]
    pub(crate) deliveries: bool,
}

/// Arguments of `hooks`.
#[derive(Clone, Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Hooks are declared in the spec file, under `hooks`: see docs/reference/hooks.md."
)]
pub(crate) struct HooksArgs {
    #[command(subcommand)]
    pub(crate) command: Option<HooksCommand>,
    /// What this one was told alone
    #[arg(value_name = "HOOK")]
    pub(crate) hook: Option<String>,
}

/// What can be done with hooks.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum HooksCommand {
    /// Tell a hook of a fact that is none, and show what comes of it
    Test {
        /// The name of the hook
        #[arg(value_name = "HOOK")]
        hook: String,
        #[command(flatten)]
        acting: Acting,
    },
}

/// Arguments of `doctor`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Print what the brain of the daemon is doing, thread by thread, instead
    #[arg(long)]
    pub(crate) dump: bool,
}

/// Arguments of `wait`.
#[derive(Clone, Debug, Args)]
pub(crate) struct WaitArgs {
    /// Paths of children, or patterns
    #[arg(value_name = "CHILD", required = true)]
    pub(crate) children: Vec<String>,
    /// What to wait for
    #[arg(long = "for", value_name = "STATE", value_enum, default_value_t)]
    pub(crate) until: WaitFor,
    /// How long to wait at most: `30s`, `5m` [default: for ever]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub(crate) timeout: Option<Duration>,
}

/// What can be waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WaitFor {
    /// It can serve
    #[default]
    Ready,
    /// It has a live run
    Up,
    /// It has no live run, and none is planned
    Down,
}

/// Arguments of `logs`.
#[derive(Clone, Debug, Args)]
pub(crate) struct LogsArgs {
    /// Paths of children, or patterns [default: all]
    #[arg(value_name = "CHILD")]
    pub(crate) children: Vec<String>,
    /// Go on with what is printed from now on
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// How many lines of each child to begin with [default: 20; all with --since]
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) lines: Option<u64>,
    /// Only what was printed since: `10m`, or a moment as `2026-01-31T12:00:00Z`
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub(crate) since: Option<i64>,
    /// Show when each line was printed
    #[arg(short, long)]
    pub(crate) times: bool,
    /// Leave out the names of the children
    #[arg(long)]
    pub(crate) no_names: bool,
}

/// Arguments of `attach`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "The child needs a terminal: `terminal: true` in its spec. Any number of people may be at it at once.\n\
                  What is typed is written down, passwords too: `mainstay consoles` shows it.\n\
                  Without a terminal of its own it types what it reads, and leaves when that has ended."
)]
pub(crate) struct AttachArgs {
    /// The path of the child
    #[arg(value_name = "CHILD")]
    pub(crate) child: String,
    /// Look alone: nothing is typed
    #[arg(short, long)]
    pub(crate) read_only: bool,
    /// The keys that leave, one after the other: `ctrl-]`, `ctrl-p,ctrl-q`, or `none`
    #[arg(long, value_name = "KEYS", default_value = "ctrl-]")]
    pub(crate) detach_keys: DetachKeys,
    /// How long the child may print nothing, once the input has ended, before this leaves
    #[arg(long, value_name = "SPAN", value_parser = span, default_value = "1s")]
    pub(crate) linger: Duration,
}

/// Arguments of `consoles`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConsolesArgs {
    /// Paths of children, or patterns [default: all]
    #[arg(value_name = "CHILD")]
    pub(crate) children: Vec<String>,
    /// How many of the latest at most
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    pub(crate) lines: u64,
}

/// Arguments of `events`.
#[derive(Clone, Debug, Args)]
pub(crate) struct EventsArgs {
    /// Only those about these children, or what is below them; patterns too
    #[arg(value_name = "CHILD")]
    pub(crate) children: Vec<String>,
    /// Go on with what happens from now on
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// How many of the latest to begin with
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    pub(crate) lines: u64,
    /// Begin with this number instead
    #[arg(long, value_name = "SEQ", conflicts_with = "lines")]
    pub(crate) from: Option<u64>,
}

/// Arguments of `explain`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Paths of children, or patterns
    #[arg(value_name = "CHILD", required = true)]
    pub(crate) children: Vec<String>,
    /// Every effective setting of its policy, and where it comes from
    #[arg(long)]
    pub(crate) policy: bool,
}

/// Arguments of `history`.
#[derive(Clone, Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Paths of children, or patterns [default: all]
    #[arg(value_name = "CHILD")]
    pub(crate) children: Vec<String>,
    /// How many runs at most
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub(crate) lines: u64,
}

/// Arguments of `postmortem`.
#[derive(Clone, Debug, Args)]
pub(crate) struct PostmortemArgs {
    /// The run: `web#17`; without a number, the latest that has ended
    #[arg(value_name = "CHILD#RUN", value_parser = run_name)]
    pub(crate) run: RunName,
}

/// A run of a child, as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunName {
    /// The path of the child.
    pub(crate) path: String,
    /// Which run; absent: the latest that has ended.
    pub(crate) run: Option<u64>,
}

/// Parses `web#17` or `web`.
fn run_name(text: &str) -> Result<RunName, String> {
    let Some((path, run)) = text.split_once('#') else {
        return Ok(RunName { path: text.into(), run: None });
    };
    Ok(RunName { path: path.into(), run: Some(run_number(run)?) })
}

/// Parses the number of a run, with or without its `#`.
pub(super) fn run_number(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    digits.parse().map_err(|_| format!("`{text}` is not the number of a run: write `17` or `#17`"))
}

/// Parses a span: `250ms`, `30s`, `1h30m`. A bare number counts seconds.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let wrong = || format!("`{text}` is not a span of time: write `30s`, `5m`, `1h30m`");
    let span: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(span).map_err(|_| wrong())
}

/// Parses a moment, or a span before now, to milliseconds since 1970.
fn since(text: &str) -> Result<i64, String> {
    if let Ok(span) = span(text) {
        let now = jiff::Timestamp::now();
        let ago = jiff::SignedDuration::try_from(span).map_err(|error| error.to_string())?;
        return now
            .checked_sub(ago)
            .map(jiff::Timestamp::as_millisecond)
            .map_err(|e| e.to_string());
    }
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Ok(moment.as_millisecond());
    }
    // Without an offset it is local time; without a time, midnight.
    let local = text.parse::<jiff::civil::DateTime>().ok();
    let zoned = local.and_then(|local| local.to_zoned(jiff::tz::TimeZone::system()).ok());
    zoned.map(|zoned| zoned.timestamp().as_millisecond()).ok_or_else(|| {
        format!("`{text}` is neither a span (`10m`) nor a moment (`2026-01-31T12:00:00Z`)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        assert_eq!(span("30"), Ok(Duration::from_secs(30)));
        assert_eq!(span("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(span("1h30m"), Ok(Duration::from_secs(5400)));
        for wrong in ["", "-5s", "soon", "5 parsecs"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn moments_are_read() {
        assert_eq!(since("2026-01-31T12:00:00Z"), Ok(1_769_860_800_000));
        assert_eq!(since("2026-01-31T13:00:00+01:00"), Ok(1_769_860_800_000));
        assert!(since("2026-01-31").is_ok());
        assert!(since("10m").unwrap() < since("5m").unwrap());
        assert!(since("yesterday").unwrap_err().contains("`yesterday`"));
    }

    #[test]
    fn runs_are_named_by_child_and_number() {
        assert_eq!(run_name("a/b#17"), Ok(RunName { path: "a/b".into(), run: Some(17) }));
        assert_eq!(run_name("web"), Ok(RunName { path: "web".into(), run: None }));
        assert!(run_name("web#last").is_err());
    }
}

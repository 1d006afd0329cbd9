//! Every family of numbers: its name, its kind, its labels, and what it says.

use std::fmt::Write;

/// What kind of number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, and begins at zero with the program.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often something took how long.
    Histogram,
    /// A sum and a count.
    Summary,
    /// Always 1; its labels say something.
    Info,
}

impl Kind {
    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Info => "_info",
            Self::Gauge | Self::Histogram | Self::Summary => "",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
            Self::Info => "info",
        }
    }
}

/// One family.
#[derive(Debug)]
pub struct Family {
    /// Its name, without what its kind adds to it.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its unit, which its name ends with; empty: it is counted.
    pub unit: &'static str,
    /// Its labels, each with what stands in it.
    pub labels: &'static [(&'static str, &'static str)],
    /// What it says.
    pub says: &'static str,
    /// More for the reference: where it comes from, what to beware of.
    pub more: &'static str,
}

impl Family {
    /// Returns the name under which it is asked for in queries. A histogram has `_bucket`, `_sum` and `_count` behind
    /// it, a summary the last two.
    pub fn exposed(&self) -> String {
        format!("{}{}", self.name, self.kind.suffix())
    }
}

const fn family(
    name: &'static str,
    kind: Kind,
    labels: &'static [(&'static str, &'static str)],
    says: &'static str,
    more: &'static str,
) -> Family {
    Family { name, kind, unit: "", labels, says, more }
}

const fn in_unit(unit: &'static str, family: Family) -> Family {
    Family { unit, ..family }
}

type Labels = &'static [(&'static str, &'static str)];

const CHILD: (&str, &str) =
    ("child", "its path, as `app/web`; `(others)` for those beyond the bound");
const OF_CHILD: Labels = &[CHILD];
const OF_PROBE: Labels = &[CHILD, ("probe", "its place among the probes of the child, from 0")];
const OF_LIMIT: Labels = &[CHILD, ("limit", "its place in the budget of the child, from 0")];
const ROUTE: (&str, &str) = ("route", "as the API describes it");
const METHOD: (&str, &str) = ("method", "`GET`, `POST`");
const OF_ROUTE: Labels = &[ROUTE, METHOD];
const OF_SIGNAL: Labels = &[("signal", "`traces`, `logs`")];

macro_rules! families {
    ($($heading:literal: { $($name:ident = $family:expr;)* })*) => {
        $($(pub(crate) static $name: Family = $family;)*)*

        /// The families under their headings.
        static GROUPS: &[(&str, &[&Family])] = &[$(($heading, &[$(&$name),*])),*];
    };
}

families! {
"The program": {
BUILD = family("mainstay_build", Kind::Info, &[("version", "of the program")], "The program that answers.", "");
BEGAN = in_unit("seconds", family("mainstay_tree_start_time_seconds", Kind::Gauge, &[],
    "When the tree began, over restarts of the brain, in seconds since 1970.", ""));
BRAIN_RESTARTS = family("mainstay_brain_restarts", Kind::Counter, &[],
    "How often the brain has been started again by its keeper.", "It outlives the brain, and begins anew with the keeper.");
NOTICES = family("mainstay_notices", Kind::Gauge, &[],
    "What a person should know about the program itself, as `mainstay status` shows it.", "");
LOOP_LAG = in_unit("seconds", family("mainstay_loop_lag_seconds", Kind::Gauge, &[],
    "How long the loop that decides took to answer this very question.",
    "It includes what it takes to look at every child once."));
LOOP_ANSWERS = family("mainstay_loop_answers", Kind::Gauge, &[],
    "Whether the loop that decides has answered within 5 s.", "0 also once the tree has ended.");
CPU = in_unit("seconds", family("process_cpu_seconds", Kind::Counter, &[],
    "Time of the processor that the brain has used.", ""));
MEMORY = in_unit("bytes", family("process_resident_memory_bytes", Kind::Gauge, &[],
    "Memory of the brain.", ""));
FILES = family("process_open_fds", Kind::Gauge, &[], "Descriptors that the brain has open.", "");
START_TIME = in_unit("seconds", family("process_start_time_seconds", Kind::Gauge, &[],
    "When the brain began, in seconds since 1970.",
    "Every counter that is said to begin with the program begins here."));
KEEPER_CPU = in_unit("seconds", family("mainstay_keeper_cpu_seconds", Kind::Counter, &[],
    "Time of the processor that the keeper has used.", ""));
KEEPER_MEMORY = in_unit("bytes", family("mainstay_keeper_resident_memory_bytes", Kind::Gauge, &[],
    "Memory of the keeper.", ""));
}
"The tree": {
HEALTH = family("mainstay_health", Kind::Gauge,
    &[("overall", "`serving`, `degraded`, `starting`, `faulted`, `draining`")],
    "How the tree is: 1 for the word that holds, 0 for the others.", "The same word as in `/readyz`: see health.md.");
CHILDREN = family("mainstay_children", Kind::Gauge,
    &[("condition", "`fine`, `coming`, `degraded`, `faulted`")],
    "How many children and supervisors are in which condition.", "All of them, however many have numbers of their own.");
FOLDED = family("mainstay_children_folded", Kind::Gauge, &[],
    "How many children have no numbers of their own, for there are more than the bound.", "`observe.children` sets the bound.");
EVENTS = family("mainstay_events", Kind::Counter, &[], "Events of every kind.", "");
COMMANDS = family("mainstay_commands", Kind::Counter, &[("result", "`done`, `refused`")],
    "Commands, by what became of them.", "");
GAVE_UP = family("mainstay_gave_up", Kind::Counter, &[], "Supervisors that gave up.", "");
ABANDONED = family("mainstay_abandoned_runs", Kind::Counter, &[], "Runs that outlived force.", "");
STALE = family("mainstay_stale_facts", Kind::Counter, &[], "Facts about runs that were past. They change nothing.", "");
START_SECONDS = in_unit("seconds", family("mainstay_start_seconds", Kind::Histogram, &[],
    "From the beginning of a run to the moment it was ready.", "Of all children together."));
RESTART_SECONDS = in_unit("seconds", family("mainstay_restart_ready_seconds", Kind::Histogram, &[],
    "From an exit that was answered with a restart to the moment the child was ready again.",
    "Backoff and further tries are in it; what operators stop or start is not."));
}
"Children": {
STATE = family("mainstay_child_state", Kind::Gauge,
    &[CHILD, ("state", "`down`, `waiting`, `blocked`, `starting`, `up`, `ready`, `stopping`, `abandoned`")],
    "What a child is doing: 1 for the word that holds, 0 for the others; of `(others)` how many do.", "");
CONDITION = family("mainstay_child_condition", Kind::Gauge,
    &[CHILD, ("condition", "`fine`, `coming`, `degraded`, `faulted`")],
    "How well a child is, weighed by its criticality: 1 for the word that holds, 0 for the others; of `(others)` how many do.", "");
PAUSED = family("mainstay_child_paused", Kind::Gauge, OF_CHILD, "Whether automatic starts are suspended here.", "");
QUARANTINED = family("mainstay_child_quarantined", Kind::Gauge, OF_CHILD, "Whether it is down and refused until released.", "");
RUNS = family("mainstay_runs", Kind::Counter, OF_CHILD, "Runs a child has had.",
    "It lasts as long as the child is in the tree, over restarts of the brain too.");
RUN_START = in_unit("seconds", family("mainstay_run_start_time_seconds", Kind::Gauge, OF_CHILD,
    "When the live run began, in seconds since 1970.", ""));
EXITS = family("mainstay_exits", Kind::Counter,
    &[CHILD, ("cause", "a word of events.md: `failed`, `signaled`, `heartbeat-lost`, `stopped`, ..."),
      ("action", "`restart`, `regroup`, `finish`, `exhaust`, `as-wanted`")],
    "Runs that ended, by why, and by what was decided.", "");
STARTS = family("mainstay_starts", Kind::Counter,
    &[CHILD, ("outcome", "`ready`; `failed` or `stopped` before it was ready")],
    "Runs that began, by how the start came out.", "Counted when it is known.");
FORCED = family("mainstay_forced_runs", Kind::Counter, OF_CHILD, "Runs that were ended by force.", "");
BREAKER = family("mainstay_breaker_state", Kind::Gauge, &[CHILD, ("state", "`closed`, `open`, `trial`")],
    "Whether starts pass the breaker: 1 for the word that holds, 0 for the others.",
    "Of a supervisor the breaker over its children. Told of those alone whose policy has a budget.");
LEVEL = family("mainstay_breaker_level", Kind::Gauge, OF_CHILD, "How many openings weigh on the breaker.", "");
OPENINGS = family("mainstay_breaker_openings", Kind::Counter, OF_CHILD, "How often the breaker has opened.", "");
LEFT = family("mainstay_budget_left", Kind::Gauge, OF_LIMIT, "How many more the limit allows at present.", "");
MOST = family("mainstay_budget_limit", Kind::Gauge, OF_LIMIT, "How many the limit allows.", "");
BEAT_AGE = in_unit("seconds", family("mainstay_heartbeat_age_seconds", Kind::Gauge, OF_CHILD,
    "How long ago the last heartbeat was.",
    "Told of live runs that a heartbeat is expected of. 0 while more time was granted than a beat takes."));
PROBE = in_unit("seconds", family("mainstay_probe_seconds", Kind::Summary, OF_PROBE,
    "How long answers of probes took.", "A question that nobody answered in time is not in it."));
PROBE_LAST = in_unit("seconds", family("mainstay_probe_last_seconds", Kind::Gauge, OF_PROBE,
    "How long the last answer took.", ""));
PROBE_FAILURES = family("mainstay_probe_failures", Kind::Counter, OF_PROBE, "Answers of probes that said no.", "");
ALERTS = family("mainstay_alerts", Kind::Gauge, &[CHILD, ("kind", "a word of events.md: `breaker-opened`, `gave-up`, ...")],
    "Alerts that nobody has acknowledged.", "");
RAISED = family("mainstay_alerts_raised", Kind::Counter, OF_CHILD, "Alerts that were raised.", "");
RUN_MEMORY = in_unit("bytes", family("mainstay_run_memory_bytes", Kind::Gauge, OF_CHILD,
    "Memory of the live run.", "With a cgroup of all its processes and what the kernel keeps for them, else of the main one."));
RUN_CPU = in_unit("seconds", family("mainstay_run_cpu_seconds", Kind::Counter, OF_CHILD,
    "Time of the processor that the live run has used.", "As the memory. It begins anew with each run."));
LOG_BYTES = in_unit("bytes", family("mainstay_log_bytes", Kind::Gauge, OF_CHILD,
    "The size of the file that takes the output.", "It falls when the file is rotated."));
LOG_DROPPED = family("mainstay_log_dropped_lines", Kind::Counter, OF_CHILD,
    "Lines of output that were dropped, for they came faster than they could be written.", "");
}
"The journal": {
JOURNAL_BYTES = in_unit("bytes", family("mainstay_journal_bytes", Kind::Gauge, &[], "How much the journal takes.", ""));
JOURNAL_LAG = family("mainstay_journal_lag_records", Kind::Gauge, &[],
    "Records that are not on the disk yet.", "A few while something happens.");
JOURNAL_LOST = family("mainstay_journal_lost_records", Kind::Counter, &[], "Records that could not be written.", "");
JOURNAL_TROUBLE = family("mainstay_journal_trouble", Kind::Gauge, &[],
    "Whether the journal cannot be written at present.", "Supervision goes on, and most commands are refused.");
}
"The API": {
REQUESTS = family("mainstay_api_requests", Kind::Counter,
    &[ROUTE, METHOD, ("status", "of the answer")],
    "Requests to the API, by the status of the answer.", "Requests that no route is for are not counted.");
REQUEST_SECONDS = in_unit("seconds", family("mainstay_api_request_seconds", Kind::Histogram, OF_ROUTE,
    "From a request to the beginning of its answer.", "Of a stream that is when it opens."));
}
"Telemetry": {
OTLP_SENT = family("mainstay_otlp_sent", Kind::Counter, OF_SIGNAL, "Spans and log records that a collector has taken.", "");
OTLP_DROPPED = family("mainstay_otlp_dropped", Kind::Counter, OF_SIGNAL,
    "Spans and log records that were given up: the queue was full, or the collector refused them.", "");
OTLP_FAILURES = family("mainstay_otlp_failures", Kind::Counter, OF_SIGNAL, "Tries to send that failed.", "");
OTLP_QUEUED = family("mainstay_otlp_queued", Kind::Gauge, OF_SIGNAL, "Spans and log records that wait to be sent.", "");
}
}

/// Returns every family there is.
pub fn families() -> impl Iterator<Item = &'static Family> {
    GROUPS.iter().flat_map(|(_, families)| families.iter().copied())
}

/// Returns the page that describes every family: `docs/reference/metrics.md`.
pub fn reference() -> String {
    let mut page = String::from(include_str!("reference.txt"));
    for (heading, families) in GROUPS {
        // Writing into a text cannot fail.
        let _ = write!(page, "\n## {heading}\n");
        for family in *families {
            let _ = write!(page, "\n### `{}`\n\n", family.exposed());
            let _ = writeln!(page, "{} {}", family.says, family.more);
            let unit = if family.unit.is_empty() { "" } else { " in " };
            let _ = writeln!(page, "\n- {}{unit}{}", family.kind.word(), family.unit);
            for (name, says) in family.labels {
                let _ = writeln!(page, "- `{name}`: {says}");
            }
        }
    }
    page.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_follow_the_rules_of_prometheus() {
        let mut seen = BTreeSet::new();
        for family in families() {
            let name = family.name;
            assert!(seen.insert(name), "{name} is there twice");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
            assert!(!name.ends_with("_total") && !name.ends_with("_info"), "{name}");
            assert!(family.unit.is_empty() || name.ends_with(family.unit), "{name}");
            assert!(family.says.ends_with('.') && !family.says.contains('\n'), "{name}");
        }
        assert!(seen.len() > 40, "{}", seen.len());
    }
}

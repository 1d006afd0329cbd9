//! From the state of a tree to samples.

use super::page::{Page, Samples};
use super::table::{self, Family};
use super::usage::{Looked, Used};
use crate::api::{Service, alert_kind};
use crate::otlp::Signal;
use jiff::Timestamp;
use mainstay::{BreakerState, ChildCounts, ChildId, Measure, Overall, Standing, Tallied};
use mainstay_core::child::Condition;
use std::collections::BTreeMap;
use std::time::Duration;

const STANDINGS: [&str; 8] =
    ["down", "waiting", "blocked", "starting", "up", "ready", "stopping", "abandoned"];
const CONDITIONS: [&str; 4] = ["fine", "coming", "degraded", "faulted"];
const OVERALLS: [&str; 5] = ["serving", "degraded", "starting", "faulted", "draining"];
const BREAKERS: [&str; 3] = ["closed", "open", "trial"];
/// In place of the path of those that have no numbers of their own. No child can be called that.
const OTHERS: &str = "(others)";

/// Writes everything. `measures` are missing where the tree does not answer.
pub(super) fn collect(
    page: &mut Page,
    service: &Service,
    measures: Option<&[Measure]>,
    lag: Duration,
    looked: &Looked,
) {
    let metrics = service.metrics();
    let all = measures.unwrap_or_default();
    let tallied = metrics.tally.read(all.iter().map(|measure| measure.view.child));
    let began = of_millis(metrics.began);
    program(page, service, measures.is_some(), lag, looked);
    tree(page, service, all, &tallied, began);
    let (own, others): (Vec<&Measure>, Vec<&Measure>) =
        all.iter().partition(|measure| tallied.children.contains_key(&measure.view.child));
    page.family(&table::FOLDED, |samples| samples.whole(&[], others.len() as u64));
    let scene = Scene { own, others, tallied: &tallied, looked, wall: Wall::now(service) };
    scene.states(page);
    scene.runs(page);
    scene.counts(page);
    scene.limits(page);
    scene.signs(page);
    scene.alerts(page);
    scene.usage(page);
    journal(page, service, began);
    requests(page, service, began);
    telemetry(page, service, began);
}

/// Returns milliseconds as seconds.
fn of_millis(at: i64) -> f64 {
    at as f64 / 1_000.0
}

fn program(page: &mut Page, service: &Service, answers: bool, lag: Duration, looked: &Looked) {
    let about = service.about();
    let version = match about.version.as_str() {
        "" => env!("CARGO_PKG_VERSION"),
        version => version,
    };
    page.family(&table::BUILD, |samples| samples.whole(&[version], 1));
    let began = about.began_at.unwrap_or_else(|| service.since());
    page.family(&table::BEGAN, |samples| samples.real(&[], of_millis(began)));
    page.family(&table::BRAIN_RESTARTS, |samples| {
        samples.whole(&[], about.brain_restarts.into());
    });
    page.family(&table::NOTICES, |samples| samples.whole(&[], about.notices.len() as u64));
    page.family(&table::LOOP_LAG, |samples| samples.real(&[], lag.as_secs_f64()));
    page.family(&table::LOOP_ANSWERS, |samples| samples.whole(&[], answers.into()));
    let start = about.brain_began_at.unwrap_or_else(|| service.since());
    page.family(&table::START_TIME, |samples| samples.real(&[], of_millis(start)));
    if let Some(brain) = looked.brain {
        page.family(&table::CPU, |samples| {
            samples.since(of_millis(start));
            samples.real(&[], brain.cpu_seconds);
        });
        page.family(&table::MEMORY, |samples| samples.whole(&[], brain.memory));
        page.family(&table::FILES, |samples| {
            if let Some(files) = brain.open_files {
                samples.whole(&[], files);
            }
        });
    }
    if let Some(keeper) = looked.keeper {
        page.family(&table::KEEPER_CPU, |samples| samples.real(&[], keeper.cpu_seconds));
        page.family(&table::KEEPER_MEMORY, |samples| samples.whole(&[], keeper.memory));
    }
}

fn tree(page: &mut Page, service: &Service, all: &[Measure], tallied: &Tallied, began: f64) {
    let overall = match service.handle.health().overall {
        Overall::Serving => "serving",
        Overall::Degraded => "degraded",
        Overall::Starting => "starting",
        Overall::Faulted => "faulted",
        Overall::Draining => "draining",
    };
    page.family(&table::HEALTH, |samples| samples.one_of(&[], &OVERALLS, overall));
    page.family(&table::CHILDREN, |samples| {
        for word in CONDITIONS {
            let is_it = |one: &&Measure| condition(one.condition) == word;
            samples.whole(&[word], all.iter().filter(is_it).count() as u64);
        }
    });
    let counts = service.handle.counts();
    let mut counted = |family: &'static Family, values: &[(&[&str], u64)]| {
        page.family(family, |samples| {
            samples.since(began);
            values.iter().for_each(|(labels, value)| samples.whole(labels, *value));
        });
    };
    counted(&table::EVENTS, &[(&[], counts.events)]);
    counted(&table::COMMANDS, &[(&["done"], counts.commands), (&["refused"], counts.refused)]);
    counted(&table::GAVE_UP, &[(&[], counts.gave_up)]);
    counted(&table::ABANDONED, &[(&[], counts.abandoned)]);
    counted(&table::STALE, &[(&[], counts.stale)]);
    for (family, spread) in
        [(&table::START_SECONDS, &tallied.start), (&table::RESTART_SECONDS, &tallied.restart)]
    {
        page.family(family, |samples| {
            samples.since(began);
            samples.spread(&[], spread);
        });
    }
}

/// The clock of the tree, and that of the wall in seconds.
struct Wall {
    at: f64,
    now: mainstay::Moment,
}

impl Wall {
    fn now(service: &Service) -> Self {
        Self { at: of_millis(Timestamp::now().as_millisecond()), now: service.handle.now() }
    }

    fn of(&self, moment: mainstay::Moment) -> f64 {
        self.at - self.now.since(moment).as_secs_f64()
    }
}

/// The children: those with numbers of their own, and the others.
struct Scene<'a> {
    own: Vec<&'a Measure>,
    others: Vec<&'a Measure>,
    tallied: &'a Tallied,
    looked: &'a Looked,
    wall: Wall,
}

impl Scene<'_> {
    /// Writes a family with what this finds for each child that has numbers of its own.
    fn each(
        &self,
        page: &mut Page,
        family: &'static Family,
        mut write: impl FnMut(&mut Samples<'_>, &str, &Measure),
    ) {
        page.family(family, |samples| {
            self.own.iter().for_each(|one| write(samples, one.view.path.as_str(), one));
        });
    }

    /// Writes which word holds for each child, and of the others for how many each one does.
    fn words(
        &self,
        page: &mut Page,
        family: &'static Family,
        words: &[&str],
        word: impl Fn(&Measure) -> &'static str,
    ) {
        page.family(family, |samples| {
            for one in &self.own {
                samples.one_of(&[one.view.path.as_str()], words, word(one));
            }
            for known in words.iter().filter(|_| !self.others.is_empty()) {
                let count = self.others.iter().filter(|one| word(one) == *known).count();
                samples.whole(&[OTHERS, known], count as u64);
            }
        });
    }

    fn states(&self, page: &mut Page) {
        self.words(page, &table::STATE, &STANDINGS, |one| standing(one.view.standing));
        self.words(page, &table::CONDITION, &CONDITIONS, |one| condition(one.condition));
        self.each(page, &table::PAUSED, |samples, path, one| {
            samples.whole(&[path], one.view.paused.into());
        });
        self.each(page, &table::QUARANTINED, |samples, path, one| {
            samples.whole(&[path], one.view.quarantined.into());
        });
    }

    fn runs(&self, page: &mut Page) {
        self.each(page, &table::RUNS, |samples, path, one| {
            samples.whole(&[path], one.view.runs);
        });
        self.each(page, &table::RUN_START, |samples, path, one| {
            if one.view.run.is_some() {
                samples.real(&[path], self.wall.of(one.view.began));
            }
        });
    }

    /// Writes what was counted, of each child and of the others together.
    fn counted(
        &self,
        page: &mut Page,
        family: &'static Family,
        write: impl Fn(&mut Samples<'_>, &str, &ChildCounts),
    ) {
        page.family(family, |samples| {
            let own = self.own.iter().filter_map(|one| {
                let counts = self.tallied.children.get(&one.view.child)?;
                Some((one.view.path.as_str(), counts))
            });
            // Those that were here once are in it too: it never falls.
            let others = &self.tallied.others;
            let others = (!others.is_empty()).then_some((OTHERS, others));
            for (path, counts) in own.chain(others) {
                samples.since(self.wall.of(counts.since));
                write(samples, path, counts);
            }
        });
    }

    fn counts(&self, page: &mut Page) {
        self.counted(page, &table::EXITS, |samples, path, counts| {
            for ((cause, action), count) in &counts.exits {
                samples.whole(&[path, cause, action], *count);
            }
        });
        self.counted(page, &table::STARTS, |samples, path, counts| {
            for outcome in ["ready", "failed", "stopped"] {
                let count = counts.starts.get(outcome).copied().unwrap_or_default();
                samples.whole(&[path, outcome], count);
            }
        });
        self.counted(page, &table::FORCED, |samples, path, counts| {
            samples.whole(&[path], counts.forced);
        });
        self.counted(page, &table::RAISED, |samples, path, counts| {
            samples.whole(&[path], counts.alerts);
        });
        self.counted(page, &table::OPENINGS, |samples, path, counts| {
            samples.whole(&[path], counts.openings);
        });
    }

    fn limits(&self, page: &mut Page) {
        let has_breaker =
            |one: &Measure| !one.limits.is_empty() || one.level > 0 || one.view.breaker != CLOSED;
        self.each(page, &table::BREAKER, |samples, path, one| {
            if has_breaker(one) {
                samples.one_of(&[path], &BREAKERS, breaker(one.view.breaker));
            }
        });
        self.each(page, &table::LEVEL, |samples, path, one| {
            if has_breaker(one) {
                samples.whole(&[path], one.level.into());
            }
        });
        for (family, is_left) in [(&table::LEFT, true), (&table::MOST, false)] {
            self.each(page, family, |samples, path, one| {
                for (index, limit) in one.limits.iter().enumerate() {
                    let left = limit.most.saturating_sub(limit.count);
                    let value = if is_left { left } else { limit.most };
                    samples.whole(&[path, &index.to_string()], value.into());
                }
            });
        }
    }

    fn signs(&self, page: &mut Page) {
        self.each(page, &table::BEAT_AGE, |samples, path, one| {
            if let Some(age) = one.beat_age {
                samples.real(&[path], age.as_secs_f64());
            }
        });
        self.counted(page, &table::PROBE, |samples, path, counts| {
            for (index, probe) in &counts.probes {
                let labels = [path, &index.to_string()];
                samples.totals(&labels, probe.took.as_secs_f64(), probe.answers);
            }
        });
        self.counted(page, &table::PROBE_FAILURES, |samples, path, counts| {
            for (index, probe) in &counts.probes {
                samples.whole(&[path, &index.to_string()], probe.failures);
            }
        });
        self.each(page, &table::PROBE_LAST, |samples, path, one| {
            let counts = self.tallied.children.get(&one.view.child);
            for (index, probe) in counts.iter().flat_map(|counts| &counts.probes) {
                samples.real(&[path, &index.to_string()], probe.last.as_secs_f64());
            }
        });
    }

    fn alerts(&self, page: &mut Page) {
        page.family(&table::ALERTS, |samples| {
            for one in &self.own {
                for (kind, count) in open_alerts([*one]) {
                    samples.whole(&[one.view.path.as_str(), kind], count);
                }
            }
            for (kind, count) in open_alerts(self.others.iter().copied()) {
                samples.whole(&[OTHERS, kind], count);
            }
        });
    }

    fn usage(&self, page: &mut Page) {
        let used = |child: ChildId| self.looked.runs.get(&child).copied().unwrap_or_default();
        let mut each = |family: &'static Family, of: &dyn Fn(Used) -> Option<f64>| {
            self.each(page, family, |samples, path, one| {
                if let Some(value) = of(used(one.view.child)) {
                    samples.since(self.wall.of(one.view.began));
                    samples.real(&[path], value);
                }
            });
        };
        each(&table::RUN_MEMORY, &|used| used.memory.map(|bytes| bytes as f64));
        each(&table::RUN_CPU, &|used| used.cpu_seconds);
        each(&table::LOG_BYTES, &|used| used.log_bytes.map(|bytes| bytes as f64));
        self.each(page, &table::LOG_DROPPED, |samples, path, one| {
            if let Some(process) = one.view.process.as_deref().filter(|it| it.log.is_some()) {
                samples.whole(&[path], process.dropped);
            }
        });
    }
}

fn open_alerts<'a>(all: impl IntoIterator<Item = &'a Measure>) -> BTreeMap<&'static str, u64> {
    let mut found = BTreeMap::new();
    for one in all {
        for alert in one.view.alerts.iter().filter(|alert| alert.seen.is_none()) {
            *found.entry(alert_kind(alert.kind)).or_default() += 1;
        }
    }
    found
}

fn journal(page: &mut Page, service: &Service, began: f64) {
    let Some(book) = service.book_of() else { return };
    let journal = book.journal();
    page.family(&table::JOURNAL_BYTES, |samples| samples.whole(&[], journal.bytes));
    page.family(&table::JOURNAL_LAG, |samples| samples.whole(&[], book.lag()));
    page.family(&table::JOURNAL_LOST, |samples| {
        samples.since(began);
        samples.whole(&[], journal.lost);
    });
    let is_troubled = journal.trouble.is_some();
    page.family(&table::JOURNAL_TROUBLE, |samples| samples.whole(&[], is_troubled.into()));
}

fn requests(page: &mut Page, service: &Service, began: f64) {
    let counted = service.metrics().requests.read();
    page.family(&table::REQUESTS, |samples| {
        samples.since(began);
        for ((route, method, status), count) in &counted.answers {
            samples.whole(&[route, method, &status.to_string()], *count);
        }
    });
    page.family(&table::REQUEST_SECONDS, |samples| {
        samples.since(began);
        for ((route, method), spread) in &counted.took {
            samples.spread(&[route, method], spread);
        }
    });
}

fn telemetry(page: &mut Page, service: &Service, began: f64) {
    let Some(sent) = service.telemetry() else { return };
    let all = [Signal::Traces, Signal::Logs].map(|signal| (signal.word(), sent.of(signal)));
    page.family(&table::OTLP_SENT, |samples| {
        samples.since(began);
        all.iter().for_each(|(word, counts)| samples.whole(&[word], counts.sent));
    });
    page.family(&table::OTLP_DROPPED, |samples| {
        samples.since(began);
        all.iter().for_each(|(word, counts)| samples.whole(&[word], counts.dropped));
    });
    page.family(&table::OTLP_FAILURES, |samples| {
        samples.since(began);
        all.iter().for_each(|(word, counts)| samples.whole(&[word], counts.failures));
    });
    page.family(&table::OTLP_QUEUED, |samples| {
        all.iter().for_each(|(word, counts)| samples.whole(&[word], counts.queued));
    });
}

const CLOSED: BreakerState = BreakerState::Closed;

const fn breaker(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Closed => "closed",
        BreakerState::Open(_) => "open",
        BreakerState::Trial => "trial",
    }
}

const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Down => "down",
        Standing::Waiting => "waiting",
        Standing::Blocked => "blocked",
        Standing::Starting => "starting",
        Standing::Up => "up",
        Standing::Ready => "ready",
        Standing::Stopping => "stopping",
        Standing::Abandoned => "abandoned",
        // Nobody who has left is asked about.
        Standing::Removed => "removed",
    }
}

const fn condition(condition: Condition) -> &'static str {
    match condition {
        Condition::Fine => "fine",
        Condition::Coming => "coming",
        Condition::Degraded => "degraded",
        Condition::Faulted => "faulted",
    }
}

//! What came of it.

use mainstay_wire::api;
use std::time::Duration;

pub(super) const HOUR: Duration = Duration::from_secs(3_600);

/// The most runs, and the most spans, that a picture shows.
const MOST_DRAWN: usize = 500;

/// How often alike runs are told before the rest is counted only.
const ALIKE: u32 = 2;

/// The end of a run, and what followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fall {
    /// When it came.
    pub at: Duration,
    /// How it ended.
    pub how: String,
    /// What the policy did.
    pub then: String,
}

/// What a policy did with a scenario.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// The policy.
    pub policy: String,
    /// Its rules in words, one each.
    pub rules: Vec<String>,
    /// The scenario.
    pub scenario: String,
    /// How long it was followed.
    pub horizon: Duration,
    /// What happened, and when; long loops are folded into one step.
    pub steps: Vec<(Duration, String)>,
    /// When the first runs began.
    pub begins: Vec<Duration>,
    /// The first spans in which it could serve.
    pub serves: Vec<(Duration, Duration)>,
    /// When each of the first runs ended, and what followed.
    pub falls: Vec<Fall>,
    /// How many runs began.
    pub starts: u64,
    /// When the policy first gave up: its budget was spent, or an end got no other run.
    pub gave_up_at: Option<Duration>,
    /// What that led to.
    pub gave_up: Option<String>,
    /// How long it could serve.
    pub uptime: Duration,
    /// How long it could not. After the last step it stays as it is until the horizon.
    pub downtime: Duration,
    /// The longest time without a break in which it could not.
    pub longest_down: Duration,
    /// How often it was started again in an hour, over the whole time.
    pub restarts_per_hour: f64,
    /// How many runs began in the busiest hour.
    pub busiest_hour: u64,
    /// How many alerts were raised, where that is known.
    pub alerts: Option<u64>,
    /// What it does at the end, in words.
    pub ends: String,
    /// Whether it was cut off because it started too often to be followed.
    pub is_cut: bool,
}

impl Timeline {
    /// Adds a span in which it could serve. One that begins where the last ends goes on with it.
    pub(super) fn served(&mut self, from: Duration, to: Duration) {
        let count = self.serves.len();
        match self.serves.last_mut() {
            Some((_, end)) if *end == from => *end = to,
            Some(_) | None if count < MOST_DRAWN => self.serves.push((from, to)),
            Some(_) | None => {}
        }
    }

    /// Notes what followed the end of a run.
    pub(super) fn fell(&mut self, fall: Fall) {
        if self.falls.len() < MOST_DRAWN {
            self.falls.push(fall);
        }
    }

    /// Says when runs began.
    pub(super) fn begun(&mut self, moments: &[Duration]) {
        self.begins = moments.iter().copied().take(MOST_DRAWN).collect();
        self.busiest_hour = busiest_hour(moments);
    }

    /// Adds a span in which it could not serve.
    pub(super) fn was_down(&mut self, span: Duration) {
        self.downtime = self.downtime.saturating_add(span);
        self.longest_down = self.longest_down.max(span);
    }

    /// Derives what follows from the other figures.
    pub(super) fn sum_up(&mut self) {
        self.uptime = self.horizon.saturating_sub(self.downtime);
        let hours = self.horizon.as_secs_f64() / HOUR.as_secs_f64();
        let restarts = self.starts.saturating_sub(1);
        self.restarts_per_hour = if hours > 0.0 { restarts as f64 / hours } else { 0.0 };
    }

    /// Returns it as the API tells it.
    pub fn told(&self) -> api::Timeline {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let step = |(at, text): &(Duration, String)| api::TimelineStep {
            after_ms: millis(*at),
            text: text.clone(),
        };
        api::Timeline {
            policy: self.policy.clone(),
            rules: self.rules.clone(),
            scenario: self.scenario.clone(),
            horizon_ms: millis(self.horizon),
            steps: self.steps.iter().map(step).collect(),
            begins_ms: self.begins.iter().copied().map(millis).collect(),
            serves: self
                .serves
                .iter()
                .map(|(from, to)| api::Span { from_ms: millis(*from), to_ms: millis(*to) })
                .collect(),
            falls: self
                .falls
                .iter()
                .map(|Fall { at, how, then }| api::Fall {
                    after_ms: millis(*at),
                    how: how.clone(),
                    then: then.clone(),
                })
                .collect(),
            starts: self.starts,
            gave_up_after_ms: self.gave_up_at.map(millis),
            gave_up: self.gave_up.clone(),
            uptime_ms: millis(self.uptime),
            downtime_ms: millis(self.downtime),
            longest_down_ms: millis(self.longest_down),
            restarts_per_hour: self.restarts_per_hour,
            busiest_hour: self.busiest_hour,
            alerts: self.alerts,
            ends: self.ends.clone(),
            is_cut: self.is_cut,
        }
    }
}

/// Returns how many of these moments, in order, fall into the busiest hour.
fn busiest_hour(moments: &[Duration]) -> u64 {
    let mut most = 0;
    let mut first = 0;
    for (at, moment) in moments.iter().enumerate() {
        while moment.saturating_sub(moments[first]) >= HOUR {
            first += 1;
        }
        most = most.max(at + 1 - first);
    }
    most as u64
}

/// Writes steps, and folds what is alike.
#[derive(Debug, Default)]
pub(super) struct Steps {
    told: Vec<(Duration, String)>,
    /// What the last step is like, how often it came, and when last.
    last: Option<(String, u32, Duration)>,
}

impl Steps {
    /// Adds a step that is like no other.
    pub(super) fn push(&mut self, at: Duration, text: String) {
        self.fold();
        self.told.push((at, text));
    }

    /// Adds a step; of many in a row that are `like` the same, the first are told.
    pub(super) fn push_like(&mut self, at: Duration, like: String, text: String) {
        match &mut self.last {
            Some((last, count, latest)) if *last == like => {
                *count = count.saturating_add(1);
                *latest = at;
                if *count > ALIKE {
                    return;
                }
            }
            Some(_) | None => {
                self.fold();
                self.last = Some((like, 1, at));
            }
        }
        self.told.push((at, text));
    }

    fn fold(&mut self) {
        let Some((_, count, at)) = self.last.take() else { return };
        match count.saturating_sub(ALIKE) {
            0 => {}
            more => self.told.push((at, format!("… the last of {more} more that ended so"))),
        }
    }

    pub(super) fn done(mut self) -> Vec<(Duration, String)> {
        self.fold();
        self.told
    }
}

//! Every event, every cause, every rule, every refusal.

use crate::inputs::{CHILD, RUN, STEPS, exits};
use mainstay_core::child::{AlertKind, Finish, Rest};
use mainstay_core::policy::backoff::Delay;
use mainstay_core::policy::breaker::BreakerState;
use mainstay_core::policy::budget::Reading;
use mainstay_core::spec::check::{self, Problem};
use mainstay_core::spec::{OnExhausted, Strategy};
use mainstay_core::{
    Action, Asked, Cause, ChildId, Class, CommandId, Event, LimitId, Moment, News, Outcome, Path,
    Refusal, Rule, RunId, StartStep,
};
use std::time::Duration;

const AT: Moment = Moment::from_nanos(77);
const SPAN: Duration = Duration::from_millis(250);

pub(crate) const ASKED: [Asked; 16] = [
    Asked::Stop,
    Asked::Restart,
    Asked::Recycle,
    Asked::Guard,
    Asked::Group,
    Asked::Close,
    Asked::Dependency,
    Asked::Quarantine,
    Asked::Remove,
    Asked::Replace,
    Asked::Idle,
    Asked::StartTimeout,
    Asked::ReadyTimeout,
    Asked::HeartbeatLost,
    Asked::ProbeFailed,
    Asked::NoProgress,
];

fn causes() -> Vec<Cause> {
    vec![
        Cause::Completed,
        Cause::Skipped,
        Cause::Failed { code: Some(1), class: Class::Plain },
        Cause::Failed { code: None, class: Class::Permanent },
        Cause::Signaled { signal: 9, core: false },
        Cause::Panicked,
        Cause::StartFailed { step: StartStep::Program, mendable: false },
        Cause::StartTimeout,
        Cause::ReadyTimeout,
        Cause::HeartbeatLost,
        Cause::ProbeFailed,
        Cause::NoProgress,
        Cause::OutOfMemory,
        Cause::OverLimit,
        Cause::Stopped,
        Cause::Recycled,
        Cause::GaveUp,
        Cause::DependencyLost,
        Cause::Aborted,
        Cause::Abandoned,
        Cause::Unknown { from: AT, to: AT },
    ]
}

pub(crate) fn rules() -> Vec<Rule> {
    let limit = LimitId { owner: ChildId::ROOT, index: 2 };
    let mut rules: Vec<Rule> = ASKED.into_iter().map(Rule::Asked).collect();
    rules.extend([
        Rule::Draining,
        Rule::Closing,
        Rule::GroupUnderWay,
        Rule::Always,
        Rule::OnFailure,
        Rule::CleanEnd,
        Rule::Never,
        Rule::Skipped,
        Rule::Permanent,
        Rule::Fatal,
        Rule::Unmendable,
        Rule::Spent(limit),
        Rule::TrialFailed,
        Rule::Disowned,
        Rule::BegunAgain,
    ]);
    rules
}

fn actions() -> Vec<Action> {
    let delay = Delay { position: 3, base: SPAN, wait: SPAN * 2, holdoff: Duration::ZERO };
    let owner = ChildId::ROOT;
    let mut actions = vec![
        Action::AsWanted,
        Action::Restart { at: AT, delay },
        Action::Regroup { delay },
        Action::Finish,
    ];
    let ends = [
        OnExhausted::Cooldown,
        OnExhausted::Quarantine,
        OnExhausted::Escalate,
        OnExhausted::Shutdown,
    ];
    actions.extend(ends.map(|end| Action::Exhaust { end, owner }));
    actions
}

pub(crate) fn rests() -> Vec<Rest> {
    let finishes = [
        Finish::Completed,
        Finish::Failed,
        Finish::Skipped,
        Finish::Stopped,
        Finish::NeedLost,
        Finish::AwaitsStart,
    ];
    let mut rests = vec![
        Rest::Draining,
        Rest::Above,
        Rest::Group,
        Rest::Quarantined,
        Rest::Paused,
        Rest::Broken { until: Some(AT) },
        Rest::Broken { until: None },
        Rest::Stopped,
        Rest::Waiting { until: AT },
        Rest::Demand,
        Rest::Need { child: CHILD },
        Rest::Cooldown { supervisor: CHILD, until: Some(AT) },
        Rest::Cooldown { supervisor: CHILD, until: None },
        Rest::Slot { ticket: 1 },
        Rest::Storm { ticket: 2 },
    ];
    rests.extend(finishes.map(Rest::Finished));
    rests
}

pub(crate) fn alerts() -> Vec<AlertKind> {
    let mut alerts = vec![
        AlertKind::BreakerOpened,
        AlertKind::GroupCooling,
        AlertKind::Quarantined,
        AlertKind::Permanent,
        AlertKind::GaveUp,
        AlertKind::Abandoned,
    ];
    alerts.extend(STEPS.map(AlertKind::CannotStart));
    alerts
}

pub(crate) fn refusals() -> Vec<Refusal> {
    let path = Path::from("app/web");
    let problem =
        |rule: &check::Rule| Problem { path: path.clone(), rule: *rule, text: "so".into() };
    vec![
        Refusal::Unknown { path: path.clone() },
        Refusal::Anonymous,
        Refusal::OtherRun { expected: RUN, present: Some(RunId(9)) },
        Refusal::OtherRun { expected: RUN, present: None },
        Refusal::OtherRevision { expected: 1, present: 2 },
        Refusal::IdReused,
        Refusal::Draining,
        Refusal::Quarantined,
        Refusal::BreakerOpen,
        Refusal::Occupied { run: RUN },
        Refusal::Leaving,
        Refusal::NotRunning,
        Refusal::Unfit { reason: "a whole spec applies to the root" },
        Refusal::Exists { path: path.clone() },
        Refusal::Full { max: 3 },
        Refusal::Spec { problems: check::Rule::ALL.iter().map(problem).collect() },
    ]
}

fn about_runs() -> Vec<Event> {
    let (child, run) = (CHILD, RUN);
    vec![
        Event::Added { child, above: ChildId::ROOT },
        Event::Removed(child),
        Event::Replaced { child, revision: 1 },
        Event::Starting { child, run, by_hand: true, trial: false },
        Event::Started { child, run, took: SPAN },
        Event::Rehydrating(child, run),
        Event::Ready { child, run, took: SPAN },
        Event::Unready(child, run),
        Event::Stable { child, run, forgotten: 4 },
        Event::Probed { child, run, probe: 0, ok: true, streak: 3 },
        Event::Guarded(child, run),
        Event::Reloaded { child, run, done: true },
        Event::Frozen { child, run, frozen: false },
        Event::Forced(child, run),
        Event::Abandoned(child, run),
        Event::Blocked { child, run, lasted: SPAN },
        Event::Told { child, run, news: Box::new(News::Omitted(3)) },
        Event::Stale { child, run },
    ]
}

fn about_the_rest() -> Vec<Event> {
    let (child, supervisor) = (CHILD, ChildId::ROOT);
    let fatal = Outcome::Fatal { child, cause: Cause::Panicked, code: 1 };
    let limit = LimitId { owner: child, index: 0 };
    let before = Reading { count: 1, most: 5, falls: Some(AT) };
    vec![
        Event::Counted { child, limit, before, stamped: true, spent: false },
        Event::Counted {
            child,
            limit,
            before: Reading { falls: None, ..before },
            stamped: false,
            spent: true,
        },
        Event::Breaker { child, over_children: true, state: BreakerState::Closed, level: 0 },
        Event::Breaker {
            child,
            over_children: false,
            state: BreakerState::Open(Some(AT)),
            level: 1,
        },
        Event::Breaker { child, over_children: false, state: BreakerState::Open(None), level: 2 },
        Event::Breaker { child, over_children: false, state: BreakerState::Trial, level: 2 },
        Event::Regrouping {
            supervisor,
            leader: child,
            strategy: Strategy::OneForAll,
            delay: SPAN,
            not_before: AT,
        },
        Event::Regrouping {
            supervisor,
            leader: child,
            strategy: Strategy::RestForOne,
            delay: SPAN,
            not_before: AT,
        },
        Event::Regrouped(supervisor),
        Event::GaveUp { supervisor, by: child },
        Event::AutoShutdown { supervisor, by: child },
        Event::Acknowledged { child, who: "ops".into(), why: "seen".into() },
        Event::Commanded {
            child,
            id: CommandId(1),
            who: "ops".into(),
            why: "test".into(),
            verb: "start --override",
            changed: true,
        },
        Event::Draining { until: AT, outcome: Outcome::Asked },
        Event::DrainForced { abandoning: false },
        Event::Drained(fatal),
        Event::Stalled { lasted: SPAN },
        Event::Backwards { by: SPAN },
    ]
}

pub(crate) fn all() -> Vec<Event> {
    let (child, run) = (CHILD, RUN);
    let refused = |refusal| Event::Refused {
        id: CommandId(u128::MAX),
        who: "ops".into(),
        why: "test".into(),
        target: Path::root(),
        verb: "stop",
        refusal: Box::new(refusal),
    };
    let ended = |cause, exit| Event::Exited { child, run, cause, exit, detail: None, lived: SPAN };
    let decided = |rule, action| Event::Decided { child, run, rule, action };
    let mut all = about_runs();
    all.extend(ASKED.map(|asked| Event::Stopping { child, run, asked }));
    all.extend(causes().into_iter().map(|cause| ended(cause, None)));
    all.extend(exits().into_iter().map(|exit| ended(Cause::Stopped, Some(exit))));
    all.extend(rules().into_iter().map(|rule| decided(rule, Action::Finish)));
    all.extend(actions().into_iter().map(|action| decided(Rule::Always, action)));
    all.extend(rests().into_iter().map(|why| Event::Rests { child, why }));
    all.extend(alerts().into_iter().map(|kind| Event::Alert { child, kind }));
    all.extend(refusals().into_iter().map(refused));
    all.extend(about_the_rest());
    all
}

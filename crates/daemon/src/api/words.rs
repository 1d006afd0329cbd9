//! Events, ends and explanations in words: from the tree's own facts alone.

use super::look::{Wall, millis};
use crate::brain::monotonic;
use crate::story::{self, Nobody};
use jiff::tz::TimeZone;
use mainstay::{Action, Cause, Explanation, Last, Record, View, cause_name};
use mainstay_wire::api;

/// Makes an event of the API.
pub(crate) fn event(record: &Record, wall: Wall) -> api::Event {
    story::event(record, wall.of(record.at), &Nobody)
}

/// Makes the explanation of the API; `runs` is what is written down of late, the oldest first, and
/// `scheduled` when its schedule starts it, where it waits for that.
pub(crate) fn explanation(
    explained: &Explanation,
    view: &View,
    runs: &[api::Run],
    scheduled: Option<i64>,
    wall: Wall,
) -> api::Explanation {
    let zone = TimeZone::system();
    let wall = story::Wall { now_at: wall.at, now: wall.now, zone };
    story::explain(explained, view, Some(&view.spec), (runs, scheduled), &wall)
}

fn ended(last: &Last) -> String {
    match &last.detail {
        Some(detail) => format!("{}: {detail}", last.cause),
        None => last.cause.to_string(),
    }
}

fn last_lines(view: &View) -> Vec<String> {
    let process = view.process.as_deref();
    process
        .map(|process| process.last.iter().map(ToString::to_string).collect())
        .unwrap_or_default()
}

/// Makes what the tree remembers of the last run of a child that has ended.
pub(crate) fn last(view: &View, wall: Wall) -> Option<api::Run> {
    let last = view.last.as_ref()?;
    let used = view.process.as_ref().map(|process| process.used).unwrap_or_default();
    let (code, signal) = match last.cause {
        Cause::Failed { code, .. } => (code, None),
        Cause::Signaled { signal, .. } => (None, Some(i32::from(signal))),
        Cause::Completed
        | Cause::Skipped
        | Cause::Panicked
        | Cause::StartFailed { .. }
        | Cause::StartTimeout
        | Cause::ReadyTimeout
        | Cause::HeartbeatLost
        | Cause::ProbeFailed
        | Cause::NoProgress
        | Cause::OutOfMemory
        | Cause::OverLimit
        | Cause::Stopped
        | Cause::Recycled
        | Cause::GaveUp
        | Cause::DependencyLost
        | Cause::Aborted
        | Cause::Abandoned
        | Cause::Unknown { .. } => (None, None),
    };
    let (rule, action) = &last.decision;
    let restart_at = match action {
        Action::Restart { at, .. } => Some(wall.of(*at)),
        Action::AsWanted | Action::Regroup { .. } | Action::Finish | Action::Exhaust { .. } => None,
    };
    let word = match action {
        Action::AsWanted => "as-wanted",
        Action::Restart { .. } => "restart",
        Action::Regroup { .. } => "regroup",
        Action::Finish => "finish",
        Action::Exhaust { .. } => "exhaust",
    };
    let asked = last
        .asked
        .map(|(asked, at)| api::Fact { at: wall.of(at), text: format!("asked to end: {asked}") });
    let mut run = api::Run {
        path: view.path.as_str().to_owned(),
        run: last.run.0,
        began_at: wall.of(last.began),
        ready_at: None,
        ended_at: Some(wall.of(last.ended)),
        lived_ms: Some(millis(last.ended.since(last.began))),
        pid: None,
        cause: Some(api::Cause {
            word: cause_name(&last.cause).into(),
            text: ended(last),
            is_failure: !last.cause.is_clean() && !last.cause.is_asked(),
            code,
            signal,
        }),
        action: Some(api::Action {
            word: word.into(),
            rule: story::rule_word(*rule).into(),
            text: format!("{rule}: {action}"),
            restart_at,
        }),
        by: None,
        user_ms: u64::try_from(used.user.as_millis()).unwrap_or(u64::MAX),
        system_ms: u64::try_from(used.system.as_millis()).unwrap_or(u64::MAX),
        memory: used.memory,
        lines: last_lines(view),
        lost: 0,
        revision: view.revision,
        trail: asked.into_iter().collect(),
        operations: Vec::new(),
        open_calls: Vec::new(),
    };
    if let Some(process) = &view.process {
        story::Flight::new(&process.operations, (wall.at, monotonic())).keep(&mut run);
    }
    Some(run)
}

/// Makes what the tree knows of the run of a child that lives.
pub(crate) fn live(view: &View, wall: Wall) -> Option<api::Run> {
    let run = view.run?;
    Some(api::Run {
        path: view.path.as_str().to_owned(),
        run: run.0,
        began_at: wall.of(view.began),
        ready_at: None,
        ended_at: None,
        lived_ms: None,
        pid: view.process.as_ref().and_then(|process| process.pid),
        cause: None,
        action: None,
        by: None,
        user_ms: 0,
        system_ms: 0,
        memory: 0,
        lines: Vec::new(),
        lost: 0,
        revision: view.revision,
        trail: Vec::new(),
        operations: Vec::new(),
        open_calls: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay::Moment;
    use mainstay::host::{Mark, Operation};
    use mainstay::process::Process;
    use mainstay_core::spec::draft::KindDraft;
    use mainstay_core::spec::{ChildDraft, Kind, TreeDraft, defaults::Profile};
    use mainstay_core::{Effects, Exit, Input, Tree};
    use std::sync::Arc;
    use std::time::Duration;

    /// A host that has lived for 3 s and ended by a signal 2 s ago.
    fn host() -> (View, Wall) {
        let kind = Some(KindDraft::Leaf(Kind::Host));
        let mut draft = TreeDraft::default();
        draft.root.children.push(ChildDraft { name: "plc".into(), kind, ..ChildDraft::default() });
        let (spec, _) = draft.build(Profile::Library).expect("a tree");
        let mut tree = Tree::new(&spec);
        let mut take = |seconds: u64, input: Input| {
            tree.handle(Moment::ZERO + Duration::from_secs(seconds), input, &mut Effects::new());
        };
        take(0, Input::Boot);
        let child = tree.find(&"plc".into()).expect("it is there");
        let run = tree.child(child).and_then(|child| child.life()).expect("it begins").run;
        let mut take = |seconds: u64, input: Input| {
            tree.handle(Moment::ZERO + Duration::from_secs(seconds), input, &mut Effects::new());
        };
        take(0, Input::Started(child, run));
        let exit = Exit::Signaled { signal: 11, core: false };
        take(3, Input::Exited { child, run, exit, detail: None });
        let view = mainstay::testing::view(&tree, child).expect("it is there");
        (view, Wall { now: Moment::ZERO + Duration::from_secs(5), at: 1_000_000 })
    }

    #[test]
    fn the_last_run_of_a_host_has_what_it_did_last() {
        let (mut view, wall) = host();
        assert!(last(&view, wall).expect("it ended").operations.is_empty());
        let operation = |ago: u64, mark, text: &str| {
            let at = monotonic().saturating_sub(Duration::from_millis(ago));
            Operation { number: 1, at, call: 17, thread: 1, mark, text: text.into() }
        };
        let mut process = Process::default();
        process.operations = vec![
            operation(4_000, Mark::Begins, "read axis 3"),
            operation(2_500, Mark::Note, "cnc_rdaxis"),
        ];
        view.process = Some(Arc::new(process));
        let run = last(&view, wall).expect("it ended");
        let told: Vec<&str> = run.operations.iter().map(|fact| &*fact.text).collect();
        assert_eq!(
            told,
            ["call 17 begins: read axis 3 (never answered)", "in call 17: cnc_rdaxis"]
        );
        assert_eq!(run.open_calls, ["call 17: read axis 3"]);
        // It ended at 998 000; what passed since the operations were made is a little more by now.
        for (fact, made) in run.operations.iter().zip([996_000, 997_500]) {
            assert!((made - 400..=made).contains(&fact.at), "{fact:?}");
        }
    }
}

//! Every input, every exit, every verb.

use crate::states::{payload, tree};
use mainstay_core::spec::Declared;
use mainstay_core::{
    ChildId, Class, Command, CommandId, Exit, Input, Moment, News, Path, RunId, Settled, StartStep,
    Verb,
};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const CHILD: ChildId = ChildId::from_u64(3 << 32 | 7);
pub(crate) const RUN: RunId = RunId(2);

pub(crate) const STEPS: [StartStep; 10] = [
    StartStep::Factory,
    StartStep::Program,
    StartStep::User,
    StartStep::Folder,
    StartStep::Environment,
    StartStep::Output,
    StartStep::Listen,
    StartStep::Limits,
    StartStep::Exec,
    StartStep::Connect,
];

pub(crate) fn exits() -> Vec<Exit> {
    let failed = |code, class, retry_after| Exit::Failed { code, class, retry_after };
    let mut exits = vec![
        Exit::Completed,
        Exit::Skipped,
        Exit::FAILED,
        failed(Some(-1), Class::Transient, Some(Duration::from_secs(2))),
        failed(Some(78), Class::Permanent, Some(Duration::MAX)),
        failed(None, Class::Fatal, None),
        Exit::Signaled { signal: 11, core: true },
        Exit::Panicked,
        Exit::OutOfMemory,
        Exit::OverLimit,
        Exit::Aborted,
        Exit::Unknown { from: Moment::ZERO, to: Moment::FAR },
    ];
    exits.extend(STEPS.map(|step| Exit::StartFailed { step, mendable: step == StartStep::Exec }));
    exits
}

fn verbs() -> Vec<Verb> {
    let tree = tree();
    let (_, web) = tree.root.supervisor().expect("a supervisor").children[0].clone();
    let bare = Declared { payload: Some(payload("run more")), ..web.clone() };
    vec![
        Verb::Start { over: false },
        Verb::Start { over: true },
        Verb::Stop,
        Verb::Restart,
        Verb::Reload,
        Verb::Recycle,
        Verb::Pause { freeze: true },
        Verb::Resume,
        Verb::Quarantine,
        Verb::Release,
        Verb::Acknowledge,
        Verb::Reset { start: true },
        Verb::Add { name: "one".into(), spec: None },
        Verb::Add { name: "more".into(), spec: Some(bare) },
        Verb::Remove,
        Verb::Replace(web),
        Verb::Apply(Arc::new(tree)),
        Verb::Drain,
    ]
}

pub(crate) fn command(verb: Verb) -> Command {
    Command {
        id: CommandId(0xfeed_0000_0000_0000_0000_0000_0000_beef),
        who: "ops".into(),
        why: "\"why\" not\n".into(),
        target: Path::from("app/web"),
        if_run: matches!(verb, Verb::Stop).then_some(RUN),
        if_revision: matches!(verb, Verb::Stop).then_some(4),
        verb,
    }
}

pub(crate) fn news() -> Vec<News> {
    let text = |text: &str| Arc::<str>::from(text);
    let (state, event) = (text("Open"), text("Push"));
    let moved = |reason| News::Moved {
        from: text("Closed"),
        event: text("Push"),
        to: text("Open"),
        reason,
    };
    let failed = |left_out| News::Failed { what: text("act"), error: text("busy"), left_out };
    let hows = [
        Settled::Done,
        Settled::Failed,
        Settled::Panicked,
        Settled::Stopped,
        Settled::Forced,
        Settled::Abandoned,
    ];
    let mut all = vec![
        moved(None),
        moved(Some(text("has room"))),
        News::Acted { action: text("Ring") },
        failed(None),
        failed(Some(text("Ring, Log"))),
        News::Unhandled { state, event },
        News::Omitted(17),
        News::Settled { how: Settled::Done, state: None, detail: None },
    ];
    all.extend(hows.map(|how| {
        let (state, detail) = (Some(text("Open")), Some(text("busy")));
        News::Settled { how, state, detail }
    }));
    all
}

pub(crate) fn all() -> Vec<Input> {
    let (child, run) = (CHILD, RUN);
    let mut all = vec![
        Input::Boot,
        Input::Clock,
        Input::Started(child, run),
        Input::Ready(child, run),
        Input::Exited { child, run, exit: Exit::Panicked, detail: Some("it says é\u{1}".into()) },
        Input::Beat(child, run),
        Input::Probed { child, run, probe: 1, ok: false },
        Input::Patience { child, run, within: Duration::from_secs(20) },
        Input::Pending { child, run, pending: true },
        Input::Progress(child, run),
        Input::Rehydrated(child, run),
        Input::Reloaded(child, run),
        Input::Extend { child, run, by: Duration::from_millis(1_500) },
        Input::WantsRecycle(child, run),
        Input::Guard { child, run, hard: true },
        Input::Blocked { child, run, lasted: Duration::from_secs(1) },
        Input::Positioned { child, run, position: "at 17".into() },
        Input::Stalled(Duration::from_nanos(1)),
        Input::Demand(child),
    ];
    all.extend(news().into_iter().map(|news| Input::Told { child, run, news: Box::new(news) }));
    all.extend(exits().into_iter().map(|exit| Input::Exited { child, run, exit, detail: None }));
    all.extend(verbs().into_iter().map(|verb| Input::Command(command(verb))));
    all
}

//! Starting, stopping, signals and input.

use super::Asked;
use crate::api::Trouble;
use crate::supervisord::SETTLES_WITHIN;
use crate::supervisord::fault::{Fault, FaultKind};
use crate::supervisord::roster::{Entry, Found};
use crate::supervisord::state::{self, ProcessState};
use crate::supervisord::value::Value;
use futures_util::future::join_all;
use mainstay::process::signal_number;
use mainstay::{Cause, Path, StartStep, State, View, Watch};
use mainstay_core::spec::Ready;
use mainstay_wire::api::{ConsoleAct, Verb};
use mainstay_wire::keeper::{Key, Order, Whom};
use serde_json::Value as Json;
use std::future::Future;

pub(super) async fn start(asked: &Asked<'_>) -> Result<Value, Fault> {
    let (name, waits) = (asked.text(0)?, asked.switch(1)?);
    let roster = asked.roster().await?;
    match roster.find(name)? {
        Found::One(entry) => start_one(asked, entry, waits).await.map(|()| true.into()),
        Found::Group(group) => Ok(start_each(asked, group, waits).await),
    }
}

pub(super) async fn start_group(asked: &Asked<'_>) -> Result<Value, Fault> {
    let (name, waits) = (asked.text(0)?, asked.switch(1)?);
    let roster = asked.roster().await?;
    let group = roster.group(name);
    if group.is_empty() {
        return Err(FaultKind::BadName.about(name));
    }
    Ok(start_each(asked, group, waits).await)
}

pub(super) async fn start_all(asked: &Asked<'_>) -> Result<Value, Fault> {
    let waits = asked.switch(0)?;
    let roster = asked.roster().await?;
    Ok(start_each(asked, roster.in_order().collect(), waits).await)
}

async fn start_each(asked: &Asked<'_>, entries: Vec<Entry<'_>>, waits: bool) -> Value {
    let down = entries.into_iter().filter(|entry| !entry.state().is_running());
    each(down, |entry| start_one(asked, entry, waits)).await
}

/// Does something to each, all at once.
async fn each<'a, F: Future<Output = Result<(), Fault>>>(
    entries: impl Iterator<Item = Entry<'a>>,
    act: impl Fn(Entry<'a>) -> F,
) -> Value {
    let all = entries.map(|entry| {
        let done = act(entry);
        async move {
            match done.await {
                Ok(()) => entry.went_well(),
                Err(fault) => entry.failed(&fault),
            }
        }
    });
    Value::Array(join_all(all).await)
}

async fn start_one(asked: &Asked<'_>, entry: Entry<'_>, waits: bool) -> Result<(), Fault> {
    if entry.state().is_running() {
        return Err(FaultKind::AlreadyStarted.about(entry.name.written()));
    }
    let before = entry.view.runs;
    begin(asked, &entry).await?;
    if !waits {
        return Ok(());
    }
    let handle = &asked.interface.service.handle;
    let gone = || FaultKind::AbnormalTermination.about(entry.name.written());
    let mut watch = handle.watch(entry.path()).await.map_err(|_| gone())?;
    loop {
        let view = watch.now().ok_or_else(gone)?;
        match started(&view, before, entry.name.written()) {
            Some(result) => return result,
            None if is_settling(&view) => {
                // It has begun, and nothing but its lasting says whether it works.
                let left = SETTLES_WITHIN.saturating_sub(handle.now().since(view.began));
                let is_over = tokio::time::timeout(left, watch.changed()).await.is_err();
                if is_over {
                    return Ok(());
                }
            }
            None => next(&mut watch).await?,
        }
    }
}

async fn next(watch: &mut Watch) -> Result<(), Fault> {
    if watch.changed().await { Ok(()) } else { Err(FaultKind::ShutdownState.alone()) }
}

/// Returns whether a run is up and may still turn out to end at once.
fn is_settling(view: &View) -> bool {
    state::state(view) == ProcessState::Running && matches!(view.spec.ready, Ready::Immediate)
}

/// Returns what became of a start, once that is known. `before`: how many runs there were.
fn started(view: &View, before: u64, name: String) -> Option<Result<(), Fault>> {
    let is_first = view.runs <= before + 1;
    let failed = view
        .last
        .as_ref()
        .filter(|_| view.runs > before && (!is_first || !matches!(view.state, State::Live(_))));
    match (state::state(view), failed.map(|last| last.cause)) {
        // Another run may be under way already: the one that was asked for has ended.
        (_, Some(Cause::StartFailed { step: StartStep::Program, .. })) => {
            Some(Err(FaultKind::NoFile.about(name)))
        }
        (_, Some(Cause::StartFailed { step: StartStep::Exec, .. })) => {
            Some(Err(FaultKind::NotExecutable.about(name)))
        }
        (ProcessState::Exited, Some(cause)) if cause.is_clean() => Some(Ok(())),
        (ProcessState::Backoff | ProcessState::Fatal, _) => {
            Some(Err(FaultKind::SpawnError.about(name)))
        }
        (_, Some(_)) if !is_first => Some(Err(FaultKind::SpawnError.about(name))),
        (ProcessState::Exited | ProcessState::Stopped | ProcessState::Stopping, _) => {
            Some(Err(FaultKind::AbnormalTermination.about(name)))
        }
        (ProcessState::Running, _) => {
            let counts = state::proves_itself(&view.spec) || !is_settling(view);
            counts.then_some(Ok(()))
        }
        (ProcessState::Starting, _) => None,
    }
}

/// Starts a process, whatever it was given up for.
pub(super) async fn begin(asked: &Asked<'_>, entry: &Entry<'_>) -> Result<(), Fault> {
    let path = entry.path();
    let refused = |trouble: Trouble| match Fault::of(&trouble) {
        // `supervisorctl` knows no other words for a start that is refused.
        Fault { kind: FaultKind::Failed, about } => Fault { kind: FaultKind::SpawnError, about },
        fault => fault,
    };
    if entry.state() == ProcessState::Fatal {
        if entry.view.quarantined {
            asked.command(path, Verb::Release {}).await.map_err(refused)?;
        }
        return asked.command(path, Verb::Reset { start: true }).await.map(drop).map_err(refused);
    }
    match asked.command(path, Verb::Start { over: false }).await {
        Ok(_) => Ok(()),
        Err(trouble) if trouble.problem.code == "breaker-open" => {
            asked.command(path, Verb::Reset { start: true }).await.map(drop).map_err(refused)
        }
        Err(trouble) => Err(refused(trouble)),
    }
}

pub(super) async fn stop(asked: &Asked<'_>) -> Result<Value, Fault> {
    let (name, waits) = (asked.text(0)?, asked.switch(1)?);
    let roster = asked.roster().await?;
    match roster.find(name)? {
        Found::One(entry) => stop_one(asked, entry, waits).await.map(|()| true.into()),
        Found::Group(group) => Ok(stop_each(asked, group, waits).await),
    }
}

pub(super) async fn stop_group(asked: &Asked<'_>) -> Result<Value, Fault> {
    let (name, waits) = (asked.text(0)?, asked.switch(1)?);
    let roster = asked.roster().await?;
    let group = roster.group(name);
    if group.is_empty() {
        return Err(FaultKind::BadName.about(name));
    }
    Ok(stop_each(asked, group, waits).await)
}

pub(super) async fn stop_all(asked: &Asked<'_>) -> Result<Value, Fault> {
    let waits = asked.switch(0)?;
    let roster = asked.roster().await?;
    Ok(stop_each(asked, roster.in_order().collect(), waits).await)
}

async fn stop_each(asked: &Asked<'_>, entries: Vec<Entry<'_>>, waits: bool) -> Value {
    let up = entries.into_iter().filter(|entry| entry.state().is_running());
    each(up, |entry| stop_one(asked, entry, waits)).await
}

async fn stop_one(asked: &Asked<'_>, entry: Entry<'_>, waits: bool) -> Result<(), Fault> {
    if !entry.state().is_running() {
        return Err(FaultKind::NotRunning.about(entry.name.written()));
    }
    let done = asked.command(entry.path(), Verb::Stop {}).await;
    done.map_err(|trouble| Fault::of(&trouble))?;
    if waits {
        let handle = &asked.interface.service.handle;
        let down = |view: &View| state::state(view).is_stopped();
        // Who leaves the tree meanwhile, or goes down with it, has stopped.
        drop(handle.wait_until(entry.path(), down).await);
    }
    Ok(())
}

fn number(asked: &Asked<'_>, at: usize) -> Result<u8, Fault> {
    let written = match asked.number(at) {
        Ok(number) => number.to_string(),
        Err(_) => asked.text(at)?.trim().to_owned(),
    };
    signal_number(&written).ok_or_else(|| FaultKind::BadSignal.about(written))
}

pub(super) async fn signal(asked: &Asked<'_>) -> Result<Value, Fault> {
    let roster = asked.roster().await?;
    let found = roster.find(asked.text(0)?)?;
    let number = number(asked, 1)?;
    match found {
        Found::One(entry) => send(asked, &entry, number).map(|()| true.into()),
        Found::Group(group) => Ok(signal_each(asked, group, number).await),
    }
}

pub(super) async fn signal_group(asked: &Asked<'_>) -> Result<Value, Fault> {
    let name = asked.text(0)?;
    let roster = asked.roster().await?;
    let group = roster.group(name);
    if group.is_empty() {
        return Err(FaultKind::BadName.about(name));
    }
    match number(asked, 1) {
        Ok(number) => Ok(signal_each(asked, group, number).await),
        Err(fault) => Ok(all_failed(group, &fault)),
    }
}

pub(super) async fn signal_all(asked: &Asked<'_>) -> Result<Value, Fault> {
    let roster = asked.roster().await?;
    let all: Vec<Entry<'_>> = roster.in_order().collect();
    match number(asked, 0) {
        Ok(number) => Ok(signal_each(asked, all, number).await),
        Err(fault) => Ok(all_failed(all, &fault)),
    }
}

fn all_failed(entries: Vec<Entry<'_>>, fault: &Fault) -> Value {
    let live = entries.iter().filter(|entry| entry.state().takes_signals());
    Value::Array(live.map(|entry| entry.failed(fault)).collect())
}

async fn signal_each(asked: &Asked<'_>, entries: Vec<Entry<'_>>, number: u8) -> Value {
    let live = entries.into_iter().filter(|entry| entry.state().takes_signals());
    each(live, |entry| async move { send(asked, &entry, number) }).await
}

/// Sends a signal to the main process of a run. What follows from it is for the policy of the child to say.
fn send(asked: &Asked<'_>, entry: &Entry<'_>, signal: u8) -> Result<(), Fault> {
    let key = key(entry).filter(|_| entry.state().takes_signals());
    let key = key.ok_or_else(|| FaultKind::NotRunning.about(entry.name.written()))?;
    let text = format!("signal {signal}");
    asked.interface.note(asked.caller, entry.path(), ConsoleAct::Signaled, Some(&text));
    asked.interface.order(Order::Signal { key, signal, whom: Whom::Main });
    Ok(())
}

/// Returns the run of a process, where one lives.
fn key(entry: &Entry<'_>) -> Option<Key> {
    entry.view.process.as_ref()?.pid?;
    Some(Key { child: Path::as_str(&entry.view.path).into(), run: entry.view.run?.0 })
}

pub(super) async fn stdin(asked: &Asked<'_>) -> Result<Value, Fault> {
    let (name, text) = (asked.text(0)?, asked.text(1)?);
    let roster = asked.roster().await?;
    let entry = roster.one(name)?;
    let key = key(&entry).filter(|_| entry.state() != ProcessState::Stopping);
    let key = key.ok_or_else(|| FaultKind::NotRunning.about(name))?;
    let form = entry.form();
    let is_on = |key: &str| form.get(key).is_some_and(|said| *said != Json::Bool(false));
    let reads = form.get("stdin").and_then(Json::as_str) == Some("pipe")
        || is_on("terminal")
        || is_on("console");
    if !reads {
        let text = format!("{name} reads nothing: say `stdin: pipe` in its spec");
        return Err(FaultKind::NoFile.about(text));
    }
    asked.interface.note(asked.caller, entry.path(), ConsoleAct::Typed, Some(text));
    let bytes = text.as_bytes().to_vec();
    asked.interface.order(Order::Input { key, bytes, close: false });
    Ok(true.into())
}

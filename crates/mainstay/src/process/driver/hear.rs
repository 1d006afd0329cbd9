//! What the keeper told: noted for those who look, and told to the tree.

use super::{Inputs, Processes, Purpose, Run, Ticket};
use crate::host::{Fault, Session, Useless};
use crate::process::lane::{Answer, ChildTold, HostTold, Lane, MOST_WORDS, Notices, Over, RunTold};
use crate::process::{News, Process, Used, end, signal};
use crate::view::Views;
use mainstay_core::spec::Ready;
use mainstay_core::{
    ChildId, Class, Command, CommandId, Exit, Input, Moment, Path, StartStep, Tree, Verb,
};
use mainstay_wire::Text;
use mainstay_wire::keeper::{Ended, Key, Order as Ask, Sequence, Usage, Whom};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A failure without a code of its own.
const FAILED: Exit = Exit::Failed { code: None, class: Class::Plain, retry_after: None };

/// How long a process that triggered its watchdog may take to write its core.
const DUMP: Duration = Duration::from_secs(10);

/// Of what a process says that it does, so many bytes are kept.
const STATUS: usize = 1_024;

impl Processes {
    /// Takes what has come: notes it for those who look, and returns what the tree is to hear.
    pub(crate) fn hear(
        &mut self,
        lane: Lane,
        tree: &Tree,
        views: &mut Views,
        news: &mut dyn FnMut(News<'_>),
    ) -> Inputs {
        let mut inputs = Inputs::new();
        for told in lane.runs {
            self.hear_run(told, tree, views, news, &mut inputs);
        }
        for (name, told) in lane.children {
            self.hear_child(&name, told, tree, views, &mut inputs);
        }
        for answer in lane.answers {
            self.hear_answer(answer, tree, views, &mut inputs);
        }
        self.meet(lane.met, lane.last, tree, views, news);
        inputs
    }

    /// What was told up to here has been taken in.
    pub(crate) fn acknowledge(&mut self, last: Option<Sequence>) {
        self.over.clear();
        if let Some(last) = last {
            self.tell(Ask::Acknowledge(last));
        }
    }

    fn hear_run(
        &mut self,
        told: RunTold,
        tree: &Tree,
        views: &mut Views,
        news: &mut dyn FnMut(News<'_>),
        inputs: &mut Inputs,
    ) {
        let Some(run) = self.runs.get_mut(&told.key) else { return };
        let (child, number, at) = (run.child, run.run, told.at);
        if let Some(what) = &told.talk {
            run.trouble = (!what.is_empty()).then(|| what.as_str().into());
            let trouble = run.trouble.clone();
            views.process(tree, child, |process| process.trouble = trouble);
        }
        if let Some((pid, contain, is_adopted)) = &told.started {
            // Who talks with it may have found something before it was known to have started.
            let (log, trouble) = (run.settings.log(), run.trouble.clone());
            views.process(tree, child, |process| {
                process.pid = Some(*pid);
                process.contain = text(contain);
                (process.status, process.trouble, process.log) = (None, trouble, log);
                process.said.clear();
            });
            if let Some(session) = &run.session {
                session.began(*pid);
            }
            news(News::Began { child, run: number, pid: *pid });
            inputs.push((at, Input::Started(child, number)));
            // Who has run for long does not say again that it is ready.
            let is_past = tree.child(child).is_some_and(|child| child.spec.ready != Ready::Probe);
            if *is_adopted && is_past {
                inputs.push((at, Input::Ready(child, number)));
            }
        }
        let signal = run.hear(&told.notices, tree, at, inputs);
        let is_useless = run.hear_host(&told.host, inputs);
        note(&told, child, tree, views);
        if let Some(signal) = signal {
            self.tell(Ask::Signal { key: told.key.clone(), signal, whom: Whom::Main });
        }
        if is_useless {
            self.tell(Ask::Kill(told.key.clone()));
        }
        if let Some(over) = &told.ended {
            let run = self.runs.get(&told.key);
            let (exit, detail) = run.map_or_else(|| end::judge(over), |run| run.judge(over));
            let session = run.and_then(|run| run.session.as_ref());
            let operations = session.map(Session::operations).unwrap_or_default();
            self.ended(&told.key);
            news(News::Ended { child, run: number, ended: &over.ended, operations: &operations });
            inputs.push((over.at, Input::Exited { child, run: number, exit, detail }));
            views.process(tree, child, |process| {
                let Ended { last, usage, .. } = &over.ended;
                process.operations = operations;
                process.pid = None;
                process.last = last.iter().map(|line| line.to_str_lossy().into()).collect();
                let Usage { user, system, memory, .. } = *usage;
                process.used = Used { user, system, memory };
                process.lost = over.ended.lost;
            });
        }
        if let Some(why) = told.no_keeper {
            let exit = Exit::StartFailed { step: StartStep::Connect, mendable: true };
            let detail = Some(why.into());
            inputs.push((at, Input::Exited { child, run: number, exit, detail }));
            self.ended(&told.key);
        }
    }

    /// A run is over.
    fn ended(&mut self, key: &Key) {
        let Some(run) = self.runs.remove(key) else { return };
        self.tickets.retain(|_, ticket| ticket.key != *key);
        self.left -= usize::from(run.left.is_some());
        // Its child has left the tree before it.
        if !self.names.contains_key(&key.child) {
            self.tell(Ask::Forget(Arc::clone(&key.child)));
        }
        // Its connection is closed when the tree has said what it ended of.
        self.over.extend(run.session);
    }

    fn hear_child(
        &mut self,
        name: &str,
        told: ChildTold,
        tree: &Tree,
        views: &mut Views,
        inputs: &mut Inputs,
    ) {
        let Some(child) = self.names.get(name).copied() else { return };
        if told.is_changed {
            let log = self.children.get(&child).and_then(|place| place.settings.log());
            views.process(tree, child, |process| process.log = log);
        }
        if told.addresses.is_some() || told.trouble.is_some() {
            views.process(tree, child, |process| {
                if let Some(addresses) = told.addresses {
                    process.addresses =
                        addresses.iter().map(|address| address.to_str_lossy().into()).collect();
                }
                if let Some(trouble) = told.trouble {
                    process.trouble = (!trouble.is_empty()).then(|| trouble.into());
                }
            });
        }
        if told.is_demanded {
            self.unheard.insert(child);
            inputs.push((told.at, Input::Demand(child)));
        }
    }

    fn hear_answer(&mut self, answer: Answer, tree: &Tree, views: &mut Views, inputs: &mut Inputs) {
        let (at, child, run, probe, answer) = match answer {
            Answer::Probed { at, child, run, probe, answer } => (at, child, run, probe, answer),
            Answer::Done { at, ticket, status, output, error } => {
                let Some(Ticket { key, purpose }) = self.tickets.remove(&ticket) else { return };
                let Some(run) = self.runs.get(&key) else { return };
                let complaint = end::complaint(status.as_ref(), &output, error.as_ref());
                let answer = complaint.map_or(Ok(()), Err);
                match (purpose, answer) {
                    (Purpose::Probe(probe), answer) => (at, run.child, run.run, probe, answer),
                    (Purpose::Reload, Ok(())) => {
                        inputs.push((at, Input::Reloaded(run.child, run.run)));
                        return;
                    }
                    (Purpose::Stop, Ok(())) => return,
                    (Purpose::Stop | Purpose::Reload, Err(why)) => {
                        let what = if matches!(purpose, Purpose::Stop) { "stop" } else { "reload" };
                        let what = format!("the command that is to {what} it {why}");
                        views.process(tree, run.child, |process| {
                            process.trouble = Some(what.into());
                        });
                        return;
                    }
                }
            }
        };
        let ok = answer.is_ok();
        let failed = format!("its probe {probe} failed: ");
        if let Err(why) = answer {
            let what = format!("{failed}{why}");
            views.process(tree, child, |process| process.trouble = Some(what.into()));
        } else if views.trouble(child).is_some_and(|trouble| trouble.starts_with(&failed)) {
            views.process(tree, child, |process| process.trouble = None);
        }
        inputs.push((at, Input::Probed { child, run, probe, ok }));
    }
}

impl Run {
    /// Takes what a run said of itself. Returns a signal that it is to get for it.
    fn hear(
        &mut self,
        notices: &Notices,
        tree: &Tree,
        at: Moment,
        inputs: &mut Inputs,
    ) -> Option<u8> {
        let (child, run) = (self.child, self.run);
        let beat = notices.beat.filter(|_| !self.is_silent);
        let patience = notices.patience.filter(|_| !self.is_silent);
        if let Some((at, within)) = patience {
            // A beat that came before it was measured otherwise, and this counts as one too.
            inputs.push((at, Input::Patience { child, run, within }));
        }
        if let Some(beat) = beat.filter(|beat| patience.is_none_or(|(at, _)| at <= *beat)) {
            inputs.push((beat, Input::Beat(child, run)));
        }
        if let Some((at, by)) = notices.extend {
            inputs.push((at, Input::Extend { child, run, by }));
        }
        if notices.is_ready {
            if std::mem::take(&mut self.is_reloading) {
                inputs.push((at, Input::Reloaded(child, run)));
            } else {
                inputs.push((at, Input::Ready(child, run)));
            }
        }
        if notices.is_ready_again {
            inputs.push((at, Input::Reloaded(child, run)));
        }
        if notices.reloads {
            self.is_reloading = notices.is_reloading;
        }
        if notices.resets
            && let Some(path) = tree.path(child)
        {
            inputs.push((at, Input::Command(self.forgive(path))));
        }
        if notices.is_triggered && !std::mem::replace(&mut self.is_silent, true) {
            // No sign is passed on any more: who does not end of the signal has lost its heartbeat, though none was declared.
            inputs.push((at, Input::Patience { child, run, within: DUMP }));
        }
        // What its own watchdog says is as good as a lost heartbeat, and a core of it is worth having.
        notices.is_triggered.then_some(signal::ABRT)
    }

    /// Takes what a host said of itself. Returns whether it is of no use and has to be ended.
    fn hear_host(&mut self, told: &HostTold, inputs: &mut Inputs) -> bool {
        let (child, run) = (self.child, self.run);
        if let Some(at) = told.progress {
            inputs.push((at, Input::Progress(child, run)));
        }
        if let Some((at, pending)) = told.pending {
            inputs.push((at, Input::Pending { child, run, pending }));
        }
        if let Some(at) = told.rehydrated {
            inputs.push((at, Input::Rehydrated(child, run)));
        }
        if let Some(at) = told.reloaded {
            inputs.push((at, Input::Reloaded(child, run)));
        }
        let now = inputs.last().map_or(Moment::ZERO, |(at, _)| *at);
        if told.is_used {
            inputs.push((now, Input::Demand(child)));
        }
        if let Some((hard, _)) = told.memory {
            inputs.push((now, Input::Guard { child, run, hard }));
        }
        if told.recycle.is_some() {
            inputs.push((now, Input::WantsRecycle(child, run)));
        }
        if told.useless.is_some() && self.useless.is_none() {
            self.useless.clone_from(&told.useless);
            return true;
        }
        false
    }

    /// Returns how the run ended, and what there is to say about it.
    fn judge(&self, over: &Over) -> (Exit, Option<Arc<str>>) {
        let (exit, detail) = end::judge(over);
        let Some(Useless { why, kind }) = &self.useless else { return (exit, detail) };
        // By the force that its being of no use led to; one that was ending by itself says so itself.
        let by_us = matches!(exit, Exit::Signaled { signal: signal::KILL, .. });
        let exit = match kind {
            Fault::Unfit => Exit::StartFailed { step: StartStep::Connect, mendable: false },
            Fault::Failed => FAILED,
            Fault::Lost if by_us => FAILED,
            Fault::Lost => exit,
        };
        let detail = match detail {
            Some(said) => format!("{why}; {said}"),
            None => why.clone(),
        };
        (exit, Some(detail.into()))
    }

    /// It asks that its earlier failures are forgotten.
    fn forgive(&self, path: Path) -> Command {
        Command {
            id: CommandId(0),
            who: format!("{path}{}", self.run).into(),
            why: "RESTART_RESET=1".into(),
            target: path,
            if_run: Some(self.run),
            if_revision: None,
            verb: Verb::Reset { start: false },
        }
    }
}

/// Notes for those who look what a run said.
fn note(told: &RunTold, child: ChildId, tree: &Tree, views: &mut Views) {
    let Notices { main, status, errno, stored, words, .. } = &told.notices;
    let of_host = told.host.recycle.is_some() || told.host.memory.is_some();
    let is_said = main.is_some() || status.is_some() || errno.is_some() || stored.is_some();
    let is_noted = is_said || of_host || !words.is_empty();
    if !is_noted && told.dropped == 0 && told.outlived.is_empty() {
        return;
    }
    views.process(tree, child, |process: &mut Process| {
        process.pid = main.or(process.pid);
        process.stored = stored.unwrap_or(process.stored);
        process.dropped = process.dropped.saturating_add(told.dropped);
        if let Some(status) = status {
            process.status = text(status);
        }
        if let Some(error) = errno {
            process.trouble = complaint(*error);
        }
        for (name, value) in words {
            let name: Arc<str> = String::from_utf8_lossy(name.as_bytes()).into();
            if process.said.len() < MOST_WORDS || process.said.contains_key(&name) {
                process.said.insert(name, text(value).unwrap_or_default());
            }
        }
        if let Some(reason) = &told.host.recycle {
            process.status = Some(format!("asks to be replaced: {reason}").into());
        }
        if let Some((_, memory)) = told.host.memory {
            let mib = memory >> 20;
            process.trouble = Some(format!("it has {mib} MiB of memory in use").into());
        }
        if !told.outlived.is_empty() {
            let names = end::names(&told.outlived);
            process.trouble = Some(format!("force did not end {names}").into());
        }
    });
}

/// Returns what it means that a process says it has an error; 0 is none.
fn complaint(error: i32) -> Option<Arc<str>> {
    let what = crate::probe::plain(&io::Error::from_raw_os_error(error));
    let name = mainstay_keeper::errno_name(error).unwrap_or("ERRNO");
    (error != 0).then(|| format!("it says that it has an error: {name} ({error}), {what}").into())
}

/// Returns what a process says as text; nothing where it says nothing.
fn text(said: &Text) -> Option<Arc<str>> {
    let bytes = &said.as_bytes()[..said.as_bytes().len().min(STATUS)];
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim();
    (!text.is_empty()).then(|| text.into())
}

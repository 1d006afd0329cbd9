//! Whether the declaration of a process makes sense; all that is wrong at once, as the core does it.

use super::settings::{Parts, Settings};
use super::step::Act;
use super::{Access, IoPriority, Stdin, Streams};
use crate::host::Parts as HostParts;
use mainstay_core::Path;
use mainstay_core::spec::check::{Problem, Rule};
use mainstay_core::spec::draft::KindDraft;
use mainstay_core::spec::{ChildDraft, Kind, Ready};
use mainstay_wire::Text;
use mainstay_wire::process::{Address, Readiness};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Returns what is wrong with the processes among these children, and below them.
pub(crate) fn check_all(children: &[ChildDraft], above: &Path) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut hosts: Vec<&Arc<HostParts>> = Vec::new();
    for child in children {
        found.extend(check(child, above));
        let twins = child.twins.iter().map(|twin| (&*twin.name, &twin.payload));
        for (name, payload) in std::iter::once((&*child.name, &child.payload)).chain(twins) {
            let Some(host) = Settings::within(payload.as_deref()).and_then(Settings::host) else {
                continue;
            };
            let path = above.join(name);
            let mut finder = Finder { path: &path, found: Vec::new() };
            let text = "it is a copy of another host, and callers could not tell them apart: make a `Host` for each, \
                        or a `HostPool`";
            finder.effect(!hosts.iter().any(|known| **known == *host), text);
            hosts.push(host);
            found.append(&mut finder.found);
        }
    }
    found
}

/// Returns what is wrong with a child, as far as it is a process, or with processes below it.
pub(crate) fn check(child: &ChildDraft, above: &Path) -> Vec<Problem> {
    let path = above.join(&child.name);
    match &child.kind {
        Some(KindDraft::Supervisor(supervisor)) => check_all(&supervisor.children, &path),
        Some(KindDraft::Leaf(Kind::Process | Kind::Host)) => {
            let twins = child.twins.iter().map(|twin| (above.join(&twin.name), &twin.payload));
            std::iter::once((path, &child.payload))
                .chain(twins)
                .filter_map(|(path, payload)| Some((path, Settings::within(payload.as_deref())?)))
                .flat_map(|(path, settings)| one(&path, child, settings.parts()))
                .collect()
        }
        Some(KindDraft::Leaf(_)) | None => Vec::new(),
    }
}

/// Adds problems of processes to those of the core.
pub(crate) fn with<T>(
    mut problems: Vec<Problem>,
    built: Result<T, Vec<Problem>>,
) -> Result<T, Vec<Problem>> {
    match built {
        Ok(built) if problems.is_empty() => Ok(built),
        Ok(_) => Err(problems),
        Err(others) => {
            problems.extend(others);
            Err(problems)
        }
    }
}

fn one(path: &Path, child: &ChildDraft, parts: &Parts) -> Vec<Problem> {
    let mut finder = Finder { path, found: Vec::new() };
    for text in &parts.wrong {
        finder.range(false, text.clone());
    }
    command(&mut finder, parts);
    numbers(&mut finder, parts);
    descriptors(&mut finder, parts);
    output(&mut finder, parts);
    signs(&mut finder, child, parts);
    finder.found
}

struct Finder<'a> {
    path: &'a Path,
    found: Vec<Problem>,
}

impl Finder<'_> {
    fn range(&mut self, holds: bool, text: impl Into<String>) {
        self.require(holds, Rule::Range, text);
    }

    fn effect(&mut self, holds: bool, text: impl Into<String>) {
        self.require(holds, Rule::NoEffect, text);
    }

    fn require(&mut self, holds: bool, rule: Rule, text: impl Into<String>) {
        if !holds {
            self.found.push(Problem { path: self.path.clone(), rule, text: text.into() });
        }
    }

    fn no_nul<'t>(&mut self, what: &str, texts: impl IntoIterator<Item = &'t Text>) {
        for text in texts {
            self.range(
                !text.as_bytes().contains(&0),
                format!("{what} {text:?} contains a NUL byte"),
            );
        }
    }
}

fn command(finder: &mut Finder<'_>, parts: &Parts) {
    let process = &parts.process;
    let is_named = process.command.first().is_some_and(|program| !program.as_bytes().is_empty());
    finder.range(is_named, "a process runs a program, and none is named");
    finder.no_nul("the argument", &process.command);
    finder.no_nul("the folder", &process.folder);
    finder.no_nul("the user", &process.user);
    finder.no_nul("the group", process.group.iter().chain(process.groups.iter().flatten()));
    for (name, value) in &process.environment.set {
        let is_name = !name.as_bytes().is_empty() && !name.as_bytes().contains(&b'=');
        finder.range(is_name, format!("{name:?} is no name of a variable"));
        finder.no_nul("the variable", [name, value]);
    }
    for name in &process.environment.inherit {
        let star = name.as_bytes().iter().position(|byte| *byte == b'*');
        let is_last = star.is_none_or(|at| at + 1 == name.as_bytes().len());
        let text = format!("`*` stands for any rest only at the end of a name, not in {name:?}");
        finder.range(is_last, text);
    }
    for name in process.capabilities.iter().flatten() {
        let bytes = name.as_bytes();
        let is_word = !bytes.is_empty()
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        finder.range(is_word, format!("{name:?} is no capability: say `CAP_NET_BIND_SERVICE`"));
    }
}

fn numbers(finder: &mut Finder<'_>, parts: &Parts) {
    let (process, limits) = (&parts.process, &parts.process.limits);
    let is_umask = process.umask.is_none_or(|umask| umask <= 0o777);
    finder.range(is_umask, "umask is at most 0o777");
    let is_nice = process.nice.is_none_or(|nice| (-20..=19).contains(&nice));
    finder.range(is_nice, "nice is from -20 to 19");
    let is_score = process.oom_score.is_none_or(|score| (-1_000..=1_000).contains(&score));
    finder.range(is_score, "oom_score is from -1000 to 1000");
    if let Some(IoPriority::Realtime(level) | IoPriority::BestEffort(level)) = process.io_priority {
        finder.range(level <= 7, "io_priority is from 0 to 7");
    }
    for (name, weight) in [("cpu_weight", limits.cpu_weight), ("io_weight", limits.io_weight)] {
        let fits = weight.is_none_or(|weight| (1..=10_000).contains(&weight));
        finder.range(fits, format!("{name} is from 1 to 10000"));
    }
    finder.range(limits.cpu != Some(0), "cpu_limit is at least 1");
    finder.range(limits.memory != Some(0), "memory_limit is at least 1");
    finder.range(limits.pids != Some(0), "pids_limit is at least 1");
}

/// Sockets take the descriptors from 3 on, so nothing else may stand there.
fn descriptors(finder: &mut Finder<'_>, parts: &Parts) {
    let process = &parts.process;
    let passed = process.sockets.len() as u32 + process.store;
    let mut taken = BTreeSet::new();
    let ready = match process.ready {
        Readiness::Fd(number) => Some(("the descriptor of ready", number)),
        Readiness::Unsaid | Readiness::Notify | Readiness::Line(_) => None,
    };
    let opened = process.descriptors.iter().map(|opened| ("the descriptor", opened.number));
    for (what, number) in opened.chain(ready) {
        finder
            .range(number >= 3, format!("{what} {number} is below 3, where the standard ones are"));
        finder.range(number < 1_024, format!("{what} {number} is above 1023"));
        finder.range(taken.insert(number), format!("{what} {number} is taken twice"));
        let is_free = number < 3 || number >= 3_u32.saturating_add(passed);
        let text = format!(
            "{what} {number} is one of the {passed} that sockets and stored descriptors take from 3 on"
        );
        finder.range(is_free, text);
    }
    finder.range(process.store <= 512, "store is at most 512");
    finder.no_nul("the path", process.descriptors.iter().map(|opened| &opened.path));
    let mut names = BTreeSet::new();
    for socket in &process.sockets {
        let name = socket.name.to_str_lossy();
        let is_name = !name.is_empty()
            && name.len() <= 255
            && !name.contains(':')
            && name.chars().all(|c| c.is_ascii_graphic());
        finder.range(is_name, format!("{name:?} is no name of a socket: no colon, no space"));
        finder.range(names.insert(socket.name.clone()), format!("two sockets are called {name}"));
        if let Address::Unix { path, mode } | Address::UnixDatagram { path, mode } = &socket.address
        {
            let bytes = path.as_bytes();
            let is_placed = bytes.first().is_some_and(|first| *first == b'/' || *first == b'@');
            let text = format!("the socket {name} listens at a whole path or at `@name`");
            finder.range(is_placed && bytes.len() > 1, text);
            finder.range(
                bytes.len() <= 107,
                format!("the path of the socket {name} has more than 107 bytes"),
            );
            finder.no_nul("the path", [path]);
            let is_mode = mode.is_none_or(|mode| mode <= 0o777);
            finder.range(is_mode, format!("the rights of the socket {name} are at most 0o777"));
        }
    }
}

fn output(finder: &mut Finder<'_>, parts: &Parts) {
    let (process, output) = (&parts.process, &parts.process.output);
    if let Some(log) = &output.log {
        finder.range(!log.path.as_bytes().is_empty(), "the log has no path");
        finder.no_nul("the log", [&log.path]);
        finder.range(log.size >= 4_096, "the size of a log is at least 4096 bytes");
        let is_age = log.age.is_none_or(|age| age.as_secs() > 0);
        finder.range(is_age, "the age of a log is at least 1 s");
        finder.range(log.keep <= 10_000, "a log keeps at most 10000 older files");
    }
    let is_seen = !matches!(output.streams, Streams::Inherit | Streams::Null);
    let reads_lines = matches!(process.ready, Readiness::Line(_));
    for (what, is_said) in
        [("log", output.log.is_some()), ("echo", output.echo.is_some()), ("ready", reads_lines)]
    {
        let text = format!("{what} needs its output, which goes elsewhere: leave out `output`");
        finder.effect(!is_said || is_seen, text);
    }
    let is_last = output.last.is_none_or(|last| last <= 1 << 20);
    finder.range(is_last, "keep_last is at most 1 MiB");
    let has_terminal = matches!(output.streams, Streams::Terminal { .. });
    let text = "it reads from its terminal: leave out `stdin`";
    finder.effect(!has_terminal || process.stdin == Stdin::Null, text);
    for (what, is_said) in [
        ("stdin", process.stdin != Stdin::Null),
        ("a terminal", has_terminal),
        ("output", !has_terminal && output.streams != Streams::Merged),
    ] {
        let text = format!("{what} has no effect on a process that this program talks with");
        finder.effect(!parts.talks || !is_said, text);
    }
    if let Stdin::File(path) = &process.stdin {
        finder.no_nul("the file", [path]);
    }
    if let Streams::Terminal { rows, columns } = output.streams {
        finder.range(rows > 0 && columns > 0, "a terminal has at least one row and one column");
    }
}

/// What it says of itself, and what is said to it.
fn signs(finder: &mut Finder<'_>, child: &ChildDraft, parts: &Parts) {
    let process = &parts.process;
    let says_nothing = process.notify == Some(Access::None);
    let heartbeat = child.liveness.as_ref().and_then(|liveness| liveness.heartbeat);
    for (what, is_said) in [
        ("ready", process.ready == Readiness::Notify),
        ("a heartbeat", heartbeat.is_some()),
        ("store", process.store > 0),
        (
            "reload",
            parts.waits_for_notices() && process.ready != Readiness::Notify && process.store == 0,
        ),
    ] {
        let text = format!("{what} waits for notices, and `notify` lets nobody speak");
        finder.effect(!is_said || !says_nothing, text);
    }
    let text =
        "a process does not call `Context::ready`: say by `Command::ready` what makes it ready";
    let is_host = parts.host.is_some();
    finder.effect(!(is_host && parts.talks), "a host is talked with by its calls");
    finder.effect(is_host || child.ready != Some(Ready::Explicit), text);
    let text = "a process does not call `Context::progress`: watch it by a probe";
    let progress = child.liveness.as_ref().and_then(|liveness| liveness.progress);
    finder.effect(is_host || progress.is_none(), text);
    let text = "a host says over its connection that it is ready: leave `Command::ready` out";
    finder.effect(!is_host || parts.process.ready == Readiness::Unsaid, text);
    if let Readiness::Line(pattern) = &process.ready {
        finder.range(
            !pattern.as_bytes().is_empty(),
            "ready waits for a line, and holds no text of it",
        );
    }
    let has_message = parts.steps.iter().any(|step| matches!(step, Act::Message(_)));
    let text = "a stop step writes to it, and it reads nothing: say `stdin(Stdin::Pipe)` or give it a terminal";
    finder.effect(!has_message || parts.listens(), text);
    let text = "it says which signal it gets when this program dies, and that it lives on";
    finder.effect(!(parts.lives_on && process.death_signal.is_some()), text);
}

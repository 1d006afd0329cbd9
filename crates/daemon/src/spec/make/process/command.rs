//! From the keys of a process to the settings that the library takes.

use super::super::Findings;
use super::things::{descriptors, limits, log, probes, rlimits, sockets};
use crate::spec::scalar;
use crate::spec::syntax::{Node, Value};
use mainstay::process::{
    Access, Command, Contain, IoPriority, Leftovers, Ready, Reload, Session, Stdin, StopStep,
    Streams, signal_number,
};
use mainstay_core::spec::Grace;

/// Makes the settings of a process, but for its secrets.
pub(in super::super::super) fn command(node: &Node, found: &mut Findings<'_>) -> Command {
    super::together(node, found);
    let command = program(node, found);
    let command = environment(command, node);
    let command = place(command, node);
    let command = output(command, node);
    let command = signs(command, node, found);
    let command = end(command, node, found);
    hold(limits(command, node), node)
}

fn program(node: &Node, found: &mut Findings<'_>) -> Command {
    let Some(written) = node.get("command") else { return Command::new("") };
    if node.switch("shell") {
        if let Some(line) = written.text() {
            return Command::shell(line);
        }
        let help = "write the line as one text, or leave out `shell`";
        found.wrong(written, "a command for the shell is one line", help);
    }
    let words = words(node, "command", found);
    match words.split_first() {
        Some((program, arguments)) => Command::new(program).args(arguments),
        None => Command::new(""),
    }
}

/// Returns the words of a command, and says where there are none.
pub(super) fn words(node: &Node, key: &str, found: &mut Findings<'_>) -> Vec<String> {
    let Some(at) = node.get(key) else { return Vec::new() };
    match node.command(key) {
        Ok(words) => {
            let is_told = matches!(at.value, Value::Empty | Value::Lost);
            if words.first().is_none_or(String::is_empty) && !is_told {
                found.wrong(at, format!("`{key}` names no program"), "say which program is run");
            }
            words
        }
        Err(what) => {
            let help = "quotes and `\\` keep characters together; a list is taken as it stands";
            found.wrong(at, format!("`{key}` cannot be split: {what}"), help);
            Vec::new()
        }
    }
}

fn environment(mut command: Command, node: &Node) -> Command {
    match node.word("inherit") {
        Some("all") => command = command.inherit_all_env(),
        Some("none") => command = command.clean_env(),
        Some(_) | None => command = command.inherit_env(node.texts("inherit")),
    }
    for (name, value) in node.pairs("environment") {
        command = command.env(name, value);
    }
    command
}

fn place(mut command: Command, node: &Node) -> Command {
    if let Some(folder) = node.word("folder") {
        command = command.folder(folder);
    }
    if let Some(user) = node.word("user") {
        command = command.user(user);
    }
    if let Some(group) = node.word("group") {
        command = command.group(group);
    }
    if node.get("groups").is_some() {
        command = command.groups(node.texts("groups"));
    }
    if let Some(rights) = node.word("umask").and_then(scalar::rights) {
        command = command.umask(rights);
    }
    if let Some(nice) = node.number("nice") {
        command = command.nice(nice);
    }
    if let Some(priority) = node.get("io_priority") {
        let realtime = priority.number("realtime").map(IoPriority::Realtime);
        let turn = realtime.or_else(|| priority.number("best-effort").map(IoPriority::BestEffort));
        if let Some(turn) = turn.or_else(|| priority.text().map(|_| IoPriority::Idle)) {
            command = command.io_priority(turn);
        }
    }
    if let Some(score) = node.number("oom_score") {
        command = command.oom_score(score);
    }
    command = rlimits(command, node);
    if node.get("capabilities").is_some() {
        command = command.capabilities(node.texts("capabilities"));
    }
    if node.switch("no_new_privileges") {
        command = command.no_new_privileges();
    }
    match node.word("session") {
        Some("group") => command = command.session(Session::Group),
        Some("shared") => command = command.session(Session::Shared),
        Some(_) | None => {}
    }
    if let Some(signal) = node.get("death_signal").and_then(Node::signal) {
        command = command.death_signal(signal);
    }
    if node.switch("pid_namespace") {
        command = command.pid_namespace();
    }
    if let Some(count) = node.number("store") {
        command = command.store(count);
    }
    sockets(descriptors(command, node), node)
}

fn output(mut command: Command, node: &Node) -> Command {
    let listens = node.get("listener").is_some();
    if let Some(stdin) = node.get("stdin").filter(|_| !listens) {
        let file = stdin.word("file").map(|path| Stdin::File(path.into()));
        command = command.stdin(match (file, stdin.text()) {
            (Some(file), _) => file,
            (None, Some("pipe")) => Stdin::Pipe,
            (None, Some("inherit")) => Stdin::Inherit,
            (None, Some(_) | None) => Stdin::Null,
        });
    }
    match node.word("output") {
        Some("apart") if !listens => command = command.output(Streams::Apart),
        Some("inherit") => command = command.output(Streams::Inherit),
        Some("null") => command = command.output(Streams::Null),
        Some(_) | None => {}
    }
    if let Some(terminal) = node.get("terminal")
        && terminal.text() != Some("false")
    {
        let rows = terminal.number("rows").unwrap_or(24);
        let columns = terminal.number("columns").unwrap_or(80);
        command = command.output(Streams::Terminal { rows, columns });
    } else if node.get("console").is_some() {
        command = command.output(Streams::Terminal { rows: 24, columns: 80 });
    }
    if listens {
        command = command.talks();
    }
    if let Some(log) = node.get("log").and_then(log) {
        command = command.log(log);
    }
    if let Some(prefix) = node.word("echo") {
        command = command.echo(prefix);
    }
    if node.word("pressure") == Some("dropping") {
        command = command.dropping();
    }
    if let Some(bytes) = node.size("keep_last") {
        command = command.keep_last(u32::try_from(bytes).unwrap_or(u32::MAX));
    }
    command
}

fn signs(mut command: Command, node: &Node, found: &mut Findings<'_>) -> Command {
    if let Some(ready) = node.get("ready") {
        let line = ready.word("line").map(Ready::line);
        let rule = match ready.text() {
            Some("notify") => Some(Ready::Notify),
            Some("probe") => Some(Ready::Probe),
            Some(_) => None,
            None => line.or_else(|| ready.number("fd").map(Ready::Fd)),
        };
        if let Some(rule) = rule {
            command = command.ready(rule);
        }
    }
    match node.word("notify") {
        Some("none") => command = command.notify(Access::None),
        Some("main") => command = command.notify(Access::Main),
        Some("exec") => command = command.notify(Access::Exec),
        Some("all") => command = command.notify(Access::All),
        Some(_) | None => {}
    }
    for one in node.get("success").map_or(&[][..], Node::each) {
        match one.text().map(|text| (text, text.parse())) {
            Some((_, Ok(code))) => command = command.success_code(code),
            Some((name, Err(_))) if signal_number(name).is_some() => {
                command = command.success_signal(name);
            }
            Some(_) | None => {}
        }
    }
    probes(command, node, found)
}

fn end(mut command: Command, node: &Node, found: &mut Findings<'_>) -> Command {
    if let Some(stop) = node.get("stop") {
        let is_short =
            |text: &str| matches!(text, "kill" | "unbounded") || scalar::span(text).is_some();
        if !stop.text().is_some_and(is_short) {
            for step in stop.each() {
                command = command.stop(self::step(step, found));
            }
        }
    }
    if let Some(reload) = node.get("reload") {
        let plain = reload.signal().or_else(|| reload.get("signal")?.signal());
        if let Some(signal) = plain {
            command = command.reload(Reload::signal(signal));
        } else if let Some(signal) = reload.get("notify").and_then(Node::signal) {
            command = command.reload(Reload::notify(signal));
        } else if reload.get("command").is_some() {
            command = command.reload(Reload::command(words(reload, "command", found)));
        }
    }
    command
}

fn step(node: &Node, found: &mut Findings<'_>) -> StopStep {
    let signal = node.signal().or_else(|| node.get("signal")?.signal());
    let mut step = if let Some(text) = node.word("message") {
        StopStep::message(text)
    } else if node.get("command").is_some() {
        StopStep::command(words(node, "command", found))
    } else {
        StopStep::signal(signal.unwrap_or("TERM"))
    };
    if let Some((name, to)) = node.entry("to") {
        if node.get("signal").is_none() {
            let at = Node::new(name.at, Value::Empty);
            found.wrong(&at, "only a signal goes to somebody", "leave out `to`");
        } else if to.text() == Some("all") {
            step = step.to_all();
        }
    }
    match grace(node) {
        Some(Grace::Unbounded) => step.unbounded(),
        Some(Grace::For(grace)) => step.within(grace),
        None => step,
    }
}

fn grace(node: &Node) -> Option<Grace> {
    match node.word("within")? {
        "unbounded" => Some(Grace::Unbounded),
        text => scalar::span(text).map(Grace::For),
    }
}

fn hold(mut command: Command, node: &Node) -> Command {
    match node.word("contain") {
        Some("cgroup") => command = command.contain(Contain::Cgroup),
        Some("descent") => command = command.contain(Contain::Descent),
        Some("main") => command = command.contain(Contain::Main),
        Some(_) | None => {}
    }
    if let Some(rest) = node.span("rest") {
        command = command.rest(rest);
    }
    match node.word("leftovers") {
        Some("kill") => command = command.leftovers(Leftovers::Kill),
        Some("refuse") => command = command.leftovers(Leftovers::Refuse),
        Some(_) | None => {}
    }
    command
}

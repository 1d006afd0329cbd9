//! Sockets, logs, probes and limits.

use super::super::Findings;
use super::command::words;
use crate::spec::scalar;
use crate::spec::syntax::Node;
use mainstay::process::{Command, Log, Mode, Probe, Resource, Socket};
use std::ops::RangeInclusive;
use std::path::Path;

pub(super) fn rlimits(mut command: Command, node: &Node) -> Command {
    const RESOURCES: [(&str, Resource); 9] = [
        ("as", Resource::As),
        ("core", Resource::Core),
        ("cpu", Resource::Cpu),
        ("data", Resource::Data),
        ("fsize", Resource::Fsize),
        ("memlock", Resource::Memlock),
        ("nofile", Resource::Nofile),
        ("nproc", Resource::Nproc),
        ("stack", Resource::Stack),
    ];
    let Some(all) = node.get("rlimits") else { return command };
    let bound = |text: Option<&str>| text.and_then(scalar::size);
    for (name, resource) in RESOURCES {
        let Some(one) = all.get(name) else { continue };
        let (soft, hard) = match one.text() {
            Some(text) => (bound(Some(text)), bound(Some(text))),
            None => (bound(one.word("soft")), bound(one.word("hard"))),
        };
        command = command.rlimit(resource, soft, hard);
    }
    command
}

pub(super) fn descriptors(mut command: Command, node: &Node) -> Command {
    for one in node.get("descriptors").map_or(&[][..], Node::each) {
        let mode = match one.word("mode") {
            Some("append") => Mode::Append,
            Some("read-write") => Mode::ReadWrite,
            Some(_) | None => Mode::Read,
        };
        if let (Some(number), Some(path)) = (one.number("number"), one.word("path")) {
            command = command.descriptor(number, path, mode);
        }
    }
    command
}

pub(super) fn sockets(mut command: Command, node: &Node) -> Command {
    for one in node.get("sockets").map_or(&[][..], Node::each) {
        let name = one.word("name").unwrap_or_default();
        let socket = if let Some(address) = one.word("tcp") {
            Socket::tcp(name, address)
        } else if let Some(address) = one.word("udp") {
            Socket::udp(name, address)
        } else if let Some(path) = one.word("unix") {
            Socket::unix(name, path)
        } else if let Some(path) = one.word("unix_datagram") {
            Socket::unix_datagram(name, path)
        } else {
            continue;
        };
        let mut socket = socket;
        if let Some(rights) = one.word("mode").and_then(scalar::rights) {
            socket = socket.mode(rights);
        }
        if let Some(connections) = one.number("backlog") {
            socket = socket.backlog(connections);
        }
        if one.switch("shared") {
            socket = socket.shared();
        }
        if one.switch("nonblocking") {
            socket = socket.nonblocking();
        }
        command = command.socket(socket);
    }
    command
}

pub(super) fn log(node: &Node) -> Option<Log> {
    let mut log = Log::at(Path::new(node.text().or_else(|| node.word("path"))?));
    if let Some(size) = node.size("size") {
        log = log.size(size);
    }
    if let Some(age) = node.span("age") {
        log = log.age(age);
    }
    if let Some(files) = node.number("keep") {
        log = log.keep(files);
    }
    if node.switch("compress") {
        log = log.compressed();
    }
    if node.word("stamps") == Some("false") {
        log = log.without_stamps();
    }
    if node.word("format") == Some("json") {
        log = log.json();
    }
    Some(log)
}

pub(super) fn probes(mut command: Command, node: &Node, found: &mut Findings<'_>) -> Command {
    let probes = node.get("liveness").and_then(|liveness| liveness.get("probes"));
    for one in probes.map_or(&[][..], Node::each) {
        if let Some(probe) = probe(one, found) {
            command = command.probe(probe);
        }
    }
    command
}

fn probe(node: &Node, found: &mut Findings<'_>) -> Option<Probe> {
    let mut probe = if node.get("exec").is_some() {
        Probe::exec(words(node, "exec", found))
    } else if let Some(address) = node.word("tcp") {
        Probe::tcp(address)
    } else if let Some(url) = node.word("http") {
        Probe::http(url)
    } else {
        Probe::grpc(node.word("grpc")?, node.word("service").unwrap_or_default())
    };
    let only = [("headers", "http"), ("status", "http"), ("through", "http"), ("service", "grpc")];
    for (key, kind) in only {
        if let Some(at) = node.get(key)
            && node.get(kind).is_none()
        {
            found.wrong(at, format!("`{key}` needs a probe by {kind}"), "leave it out");
            return None;
        }
    }
    for (name, value) in node.pairs("headers") {
        probe = probe.header(name, value);
    }
    if let Some(at) = node.get("status") {
        match at.text().and_then(statuses) {
            Some(statuses) => probe = probe.status(statuses),
            None => {
                found.wrong(at, "`status` takes one status or a span of them", "as in `200-299`");
            }
        }
    }
    if let Some(address) = node.word("through") {
        probe = probe.through(address);
    }
    match node.word("kind") {
        Some("startup") => probe = probe.startup(),
        Some("liveness") => probe = probe.liveness(),
        Some(_) | None => {}
    }
    if let Some(wait) = node.span("initial") {
        probe = probe.initial(wait);
    }
    if let Some(span) = node.span("every") {
        probe = probe.every(span);
    }
    if let Some(limit) = node.span("timeout") {
        probe = probe.timeout(limit);
    }
    if let Some(count) = node.number("failures") {
        probe = probe.failures(count);
    }
    if let Some(count) = node.number("successes") {
        probe = probe.successes(count);
    }
    Some(probe)
}

/// Reads `200` or `200-299`.
fn statuses(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<u16>().ok();
    Some(number(first)?..=number(last)?)
}

pub(super) fn limits(mut command: Command, node: &Node) -> Command {
    let Some(limits) = node.get("limits") else { return command };
    if let Some(bytes) = limits.size("memory") {
        command = command.memory_limit(bytes);
    }
    if let Some(bytes) = limits.size("memory_high") {
        command = command.memory_high(bytes);
    }
    if let Some(bytes) = limits.size("swap") {
        command = command.swap_limit(bytes);
    }
    if let Some(percent) = limits.word("cpu").and_then(scalar::percent) {
        command = command.cpu_limit(percent);
    }
    if let Some(weight) = limits.number("cpu_weight") {
        command = command.cpu_weight(weight);
    }
    if let Some(count) = limits.number("pids") {
        command = command.pids_limit(count);
    }
    if let Some(weight) = limits.number("io_weight") {
        command = command.io_weight(weight);
    }
    command
}

//! Socket units: sockets of the child that takes them.

use super::unit::{Specifiers, Unit};
use super::{Made, lost};
use crate::given::{Given, Id};
use crate::model::Value;
use crate::units;

pub(super) fn read(unit: &Unit, made: &mut [Made], given: &mut Given) {
    let stem = unit.stem().to_owned();
    let named = unit.last("Service", given);
    let target = named.map_or_else(|| format!("{stem}.service"), |id| given.value(id).to_owned());
    let Some(at) = made.iter().position(|made| made.unit == target) else {
        for id in unit.ids() {
            given.lost(
                id,
                format!("a socket belongs to a child: import it together with `{target}`"),
            );
        }
        return;
    };
    let Some(owner) = made.get_mut(at) else { return };
    let name = owner.child.name.clone();
    given.about(unit.ids(), &name);
    if let Some(id) = named {
        given.kept(id, "the child that has the socket");
    }
    let accept = unit.last("Accept", given);
    if accept.is_some_and(|id| units::switch(given.value(id)) == Some(true)) {
        for id in unit.ids() {
            given.lost(
                id,
                "a process for each connection (`Accept=yes`) is not made: run a \
                program that accepts by itself",
            );
        }
        return;
    }
    if let Some(id) = accept {
        given.kept(id, "the program accepts by itself");
    }
    let specifiers =
        Specifiers::new(&unit.name, stem.split_once('@').map(|(_, instance)| instance));
    let called = unit.last("FileDescriptorName", given);
    let label = called.map_or_else(|| unit.name.clone(), |id| given.value(id).to_owned());
    if let Some(id) = called {
        given.kept(id, "`name` of the sockets");
    }
    let more = settings(unit, given);
    let mut sockets = Vec::new();
    let mut number = 0;
    for (key, kinds) in
        [("ListenStream", ("tcp", "unix")), ("ListenDatagram", ("udp", "unix_datagram"))]
    {
        for id in unit.all(key, given) {
            let filled = specifiers.fill(given.value(id));
            let address = filled.as_deref().ok().and_then(|text| address(text, kinds));
            let Some((kind, address)) = address else {
                given.lost(id, "no address that `sockets` takes");
                continue;
            };
            number += 1;
            let label = if number == 1 { label.clone() } else { format!("{label}-{number}") };
            let mut socket = vec![
                ("name".to_owned(), Value::Text(label)),
                (kind.to_owned(), Value::Text(address)),
            ];
            let is_unix = kind.starts_with("unix");
            socket.extend(more.iter().filter(|(key, _)| is_unix || key != "mode").cloned());
            sockets.push(Value::Map(socket));
            if number == 1 {
                given.kept(id, "`sockets`");
            } else {
                given.changed(id, "`sockets`: each has a name of its own, with a number behind it");
            }
        }
    }
    if !sockets.is_empty() {
        owner.child.set("sockets", Value::List(sockets));
        let is_enabled = owner.child.settings.value("on_demand").is_some();
        if !is_enabled && !owner.is_oneshot {
            owner.child.set("on_demand", "true");
            owner.waits = true;
        }
    }
    let lines: Vec<(String, String, Id)> =
        unit.lines().map(|(section, key, id)| (section.to_owned(), key.to_owned(), id)).collect();
    for (section, key, id) in lines {
        if given.is_judged(id) {
            continue;
        }
        match key.as_str() {
            "Description" => given.kept(id, "the child has a description of its own"),
            "WantedBy" | "RequiredBy" => {
                given.changed(
                    id,
                    "its sockets are open with the tree, and it starts at the \
                    first connection (`on_demand`)",
                );
            }
            _ if section == "Socket" && OTHERS.contains(&key.as_str()) => {
                given.lost(
                    id,
                    "sockets have an address, rights, `backlog`, `shared` and `nonblocking` alone",
                );
            }
            _ => {
                lost::judge(&section, &key, id, given);
            }
        }
    }
}

const OTHERS: &[&str] = &[
    "ListenSequentialPacket",
    "ListenFIFO",
    "ListenSpecial",
    "ListenNetlink",
    "ListenMessageQueue",
    "ListenUSBFunction",
    "SocketProtocol",
    "BindIPv6Only",
    "BindToDevice",
    "SocketUser",
    "SocketGroup",
    "DirectoryMode",
    "Writable",
    "MaxConnections",
    "MaxConnectionsPerSource",
    "KeepAlive",
    "KeepAliveTimeSec",
    "KeepAliveIntervalSec",
    "KeepAliveProbes",
    "NoDelay",
    "Priority",
    "DeferAcceptSec",
    "ReceiveBuffer",
    "SendBuffer",
    "IPTOS",
    "IPTTL",
    "Mark",
    "SmackLabel",
    "SmackLabelIPIn",
    "SmackLabelIPOut",
    "SELinuxContextFromNet",
    "PipeSize",
    "MessageQueueMaxMessages",
    "MessageQueueMessageSize",
    "FreeBind",
    "Transparent",
    "Broadcast",
    "PassCredentials",
    "PassSecurity",
    "PassPacketInfo",
    "Timestamping",
    "TCPCongestion",
    "ExecStartPre",
    "ExecStartPost",
    "ExecStopPre",
    "ExecStopPost",
    "TimeoutSec",
    "RemoveOnStop",
    "Symlinks",
    "TriggerLimitIntervalSec",
    "TriggerLimitBurst",
    "PollLimitIntervalSec",
    "PollLimitBurst",
    "FlushPending",
    "PassFileDescriptorsToExec",
    "PassPIDFD",
    "AcceptFileDescriptors",
    "DeferTrigger",
    "DeferTriggerMaxSec",
];

/// What holds for each socket of the unit.
fn settings(unit: &Unit, given: &mut Given) -> Vec<(String, Value)> {
    let mut more = Vec::new();
    if let Some(id) = unit.last("SocketMode", given) {
        match units::rights(given.value(id)) {
            Some(rights) => {
                more.push(("mode".to_owned(), Value::Text(rights)));
                given.kept(id, "`mode`");
            }
            None => given.lost(id, "these are no rights in octal"),
        }
    }
    if let Some(id) = unit.last("Backlog", given) {
        match given.value(id).parse::<u32>() {
            Ok(count) => {
                more.push(("backlog".into(), Value::from(u64::from(count.min(65_535)))));
                given.kept(id, "`backlog`");
            }
            Err(_) => given.lost(id, "this is no number"),
        }
    }
    for (key, ours) in [("ReusePort", "shared"), ("NonBlocking", "nonblocking")] {
        if let Some(id) = unit.last(key, given) {
            match units::switch(given.value(id)) {
                Some(true) => {
                    more.push((ours.into(), Value::from("true")));
                    given.kept(id, format!("`{ours}`"));
                }
                Some(false) => given.kept(id, "the default"),
                None => given.lost(id, "this is no switch"),
            }
        }
    }
    more
}

fn address(
    text: &str,
    (net, unix): (&'static str, &'static str),
) -> Option<(&'static str, String)> {
    if text.starts_with(['/', '@']) {
        return Some((unix, text.to_owned()));
    }
    if text.parse::<u16>().is_ok() {
        return Some((net, format!("[::]:{text}")));
    }
    text.parse::<std::net::SocketAddr>().ok().map(|address| (net, address.to_string()))
}

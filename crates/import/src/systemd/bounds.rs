//! What bounds a service: limits of the kernel, of a cgroup, of time.

use super::service::Service;
use super::values::{self, Span};
use crate::model::Value;
use crate::units;

pub(super) fn read(service: &mut Service<'_>) {
    limits(service);
    cgroup(service);
}

fn limits(service: &mut Service<'_>) {
    const NAMES: [(&str, &str); 9] = [
        ("LimitAS", "as"),
        ("LimitCORE", "core"),
        ("LimitCPU", "cpu"),
        ("LimitDATA", "data"),
        ("LimitFSIZE", "fsize"),
        ("LimitMEMLOCK", "memlock"),
        ("LimitNOFILE", "nofile"),
        ("LimitNPROC", "nproc"),
        ("LimitSTACK", "stack"),
    ];
    for (key, ours) in NAMES {
        let Some((id, value)) = service.one(key) else { continue };
        let bound = |text: &str| match values::size(text) {
            Some(None) => Some("unlimited".to_owned()),
            Some(Some(bytes)) => Some(bytes.to_string()),
            None if ours == "cpu" => match values::span(text) {
                Some(Span::For(span)) => Some(span.as_secs().to_string()),
                Some(Span::Infinite) | None => None,
            },
            None => None,
        };
        let made = match value.split_once(':') {
            Some((soft, hard)) => bound(soft)
                .zip(bound(hard))
                .map(|(soft, hard)| Value::map([("soft", soft), ("hard", hard)])),
            None => bound(&value).map(Value::Text),
        };
        match made {
            Some(made) => {
                service.child.settings.put("rlimits", ours, made);
                service.given.kept(id, "`rlimits`");
            }
            None => service.given.lost(id, format!("`{value}` is no limit")),
        }
    }
    if let Some((id, value)) = service.one("FileDescriptorStoreMax") {
        match value.parse::<u64>() {
            Ok(0) => service.given.kept(id, "none, the default"),
            Ok(count) => {
                service.child.set("store", count.min(512));
                service.given.kept(id, "`store`");
            }
            Err(_) => service.given.lost(id, "this is no number"),
        }
    }
    match service.span("RuntimeMaxSec") {
        Some((id, Span::For(span))) if !span.is_zero() => {
            service.child.set("recycle", units::span(span));
            service.given.changed(id, "`recycle`: another run follows, whatever `restart` says");
        }
        Some((id, _)) => service.given.kept(id, "no bound"),
        None => {}
    }
}

fn cgroup(service: &mut Service<'_>) {
    const CONDITION: &str = "`limits`, for which the daemon needs a cgroup of its own with that \
        controller; without one \
                             the child does not start";
    const NAMES: [(&str, &str); 8] = [
        ("MemoryMax", "memory"),
        ("MemoryLimit", "memory"),
        ("MemoryHigh", "memory_high"),
        ("MemorySwapMax", "swap"),
        ("TasksMax", "pids"),
        ("CPUWeight", "cpu_weight"),
        ("IOWeight", "io_weight"),
        ("CPUQuota", "cpu"),
    ];
    for (key, ours) in NAMES {
        // A `%` in them is a percentage.
        let Some(id) = service.unit.last(key, service.given) else { continue };
        let value = service.given.value(id).to_owned();
        let made = match (key, values::size(&value)) {
            ("CPUQuota", _) => match value.trim_end_matches('%').parse::<u32>() {
                Ok(percent) if percent > 0 => Some(format!("{percent}%")),
                Ok(_) | Err(_) => None,
            },
            ("CPUWeight" | "IOWeight", Some(Some(weight))) if !(1..=10_000).contains(&weight) => {
                None
            }
            (_, Some(None)) => {
                service.given.kept(id, "no limit");
                continue;
            }
            ("MemoryMax" | "MemoryLimit" | "MemoryHigh", Some(Some(0))) => None,
            ("MemoryMax" | "MemoryLimit" | "MemoryHigh" | "MemorySwapMax", Some(Some(bytes))) => {
                Some(units::bytes(bytes))
            }
            (_, Some(Some(0))) => None,
            (_, Some(Some(number))) => Some(number.to_string()),
            (_, None) => None,
        };
        match made {
            Some(made) => {
                service.child.settings.put("limits", ours, made);
                service.given.changed(id, CONDITION);
            }
            None => service.given.lost(id, format!("`limits` takes no `{value}`: say a number")),
        }
    }
}

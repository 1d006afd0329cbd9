//! Timer units: schedules of the child that they start.

use super::unit::Unit;
use super::values::{self, Span};
use super::{Made, calendar, lost};
use crate::given::{Given, Id};
use crate::model::Value;
use crate::units;
use std::time::Duration;

pub(super) fn read(unit: &Unit, made: &mut [Made], given: &mut Given) {
    let named = unit.last("Unit", given);
    let target =
        named.map_or_else(|| format!("{}.service", unit.stem()), |id| given.value(id).to_owned());
    let Some(owner) = made.iter_mut().find(|made| made.unit == target) else {
        for id in unit.ids() {
            given.lost(
                id,
                format!("a schedule belongs to a child: import it together with `{target}`"),
            );
        }
        return;
    };
    given.about(unit.ids(), &owner.child.name.clone());
    if let Some(id) = named {
        given.kept(id, "the child that is scheduled");
    }
    let mut schedule: Option<Value> = None;
    for id in unit.all("OnCalendar", given) {
        match (calendar::cron(given.value(id)), &schedule) {
            (_, Some(_)) => {
                given.lost(id, "a child has one schedule: say the other one of another child");
            }
            (Some(cron), None) => {
                given.kept(id, "`schedule: {cron: ..}`");
                schedule = Some(Value::map([("cron", cron)]));
            }
            (None, None) => given.lost(
                id,
                "no cron expression says the same: write one that comes near as `schedule`",
            ),
        }
    }
    for key in ["OnUnitActiveSec", "OnUnitInactiveSec"] {
        let Some(id) = unit.last(key, given) else { continue };
        match values::span(given.value(id)) {
            Some(Span::For(span)) if schedule.is_none() && span >= Duration::from_secs(1) => {
                schedule = Some(Value::map([("every", units::span(span))]));
                given.changed(
                    id,
                    "`schedule: {every: ..}`: from one start to the next, the \
                    first after that span",
                );
            }
            Some(_) | None => given.lost(id, "a child has one schedule, at most once a second"),
        }
    }
    if let Some(schedule) = schedule {
        owner.child.settings.remove("on_demand");
        owner.child.set("schedule", schedule);
        owner.waits = true;
    }
    let lines: Vec<(String, String, Id)> =
        unit.lines().map(|(section, key, id)| (section.to_owned(), key.to_owned(), id)).collect();
    for (section, key, id) in lines {
        if given.is_judged(id) {
            continue;
        }
        match key.as_str() {
            "Description" => given.kept(id, "the child has a description of its own"),
            "WantedBy" | "RequiredBy" => given.kept(id, "schedules begin with the tree"),
            "OnBootSec" | "OnStartupSec" | "OnActiveSec" => {
                given.lost(
                    id,
                    "a schedule begins with the tree: its first start is after \
                    `every`, or when `cron` says so",
                );
            }
            "Persistent" => match units::switch(given.value(id)) {
                Some(false) => given.kept(id, "what was missed is not made up for"),
                Some(true) | None => given.lost(
                    id,
                    "a start that was missed while the daemon was down is not made up for",
                ),
            },
            "RandomizedDelaySec" | "FixedRandomDelay" | "RandomizedOffsetSec" => {
                given.lost(id, "a schedule is not spread: choose another minute");
            }
            "AccuracySec" => given.kept(id, "schedules are met to the millisecond"),
            "WakeSystem" | "OnClockChange" | "OnTimezoneChange" | "RemainAfterElapse"
            | "DeferReactivation" => {
                given.lost(id, "there is no such setting");
            }
            _ => {
                lost::judge(&section, &key, id, given);
            }
        }
    }
}

//! Unit files of systemd: services become children, sockets and timers parts of them.

mod bounds;
mod calendar;
mod ends;
mod lost;
mod order;
mod place;
mod restart;
mod service;
mod socket;
mod timer;
mod unit;
mod values;

use crate::given::Given;
use crate::model::{Child, Draft, INSTANCE, Model, name};
use crate::shell::Program;
use crate::{Files, ImportError, text};
use service::Service;
use std::path::{Path, PathBuf};
use unit::{Specifiers, Unit};

/// Reads units, with the drop-ins beside them, and what is in folders that are named.
///
/// An instance is named as it is for `systemctl`: `worker@one.service` is read from `worker@.service`.
pub(crate) fn read(paths: &[PathBuf], files: &dyn Files) -> Result<Draft, ImportError> {
    let mut given = Given::default();
    let mut units = Vec::new();
    for path in paths {
        if files.is_folder(path) {
            let names = files.names(path);
            let names = names.map_err(|source| ImportError::Read { path: path.clone(), source })?;
            for name in names.iter().filter(|name| is_unit(name)) {
                units.push(read_unit(&path.join(name), files, &mut given)?);
            }
        } else {
            units.push(read_unit(path, files, &mut given)?);
        }
    }
    let mut made: Vec<Made> = Vec::new();
    for unit in units.iter().filter(|unit| unit.kind() == "service") {
        let names: Vec<String> = made.iter().map(|made| made.child.name.clone()).collect();
        made.extend(child_of(unit, &names, files, &mut given));
    }
    for unit in &units {
        match unit.kind() {
            "service" => {}
            "socket" => socket::read(unit, &mut made, &mut given),
            "timer" => timer::read(unit, &mut made, &mut given),
            kind => elsewhere(unit, kind, &mut given),
        }
    }
    order::read(&units, &mut made, &mut given);
    let mut model = Model::default();
    for Made { child, before, .. } in made {
        model.children.extend(before);
        model.children.push(child);
    }
    model.settle_needs(&mut given);
    Ok((model, given))
}

/// A child, and the unit that it came from.
struct Made {
    unit: String,
    child: Child,
    before: Vec<Child>,
    /// Whether it is only started by something else: its `needs` would wait for ever.
    waits: bool,
    is_oneshot: bool,
}

fn is_unit(name: &str) -> bool {
    let kinds = ["service", "socket", "timer", "path"];
    name.rsplit_once('.').is_some_and(|(_, kind)| kinds.contains(&kind))
}

fn read_unit(path: &Path, files: &dyn Files, given: &mut Given) -> Result<Unit, ImportError> {
    let name =
        path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    // An instance has no file of its own, but for that of its template.
    let template = name.split_once('@').and_then(|(prefix, rest)| {
        let kind = rest.rsplit_once('.')?.1;
        Some(format!("{prefix}@.{kind}"))
    });
    let mut unit = Unit::new(&name);
    let from = match &template {
        Some(template) if !files.exists(path) => folder.join(template),
        Some(_) | None => path.to_path_buf(),
    };
    unit.read(&text(files, &from)?, &from.display().to_string(), given)?;
    let mut drop_ins = Vec::new();
    for name in template.iter().chain([&name]) {
        let beside = folder.join(format!("{name}.d"));
        let names = files.names(&beside).unwrap_or_default();
        drop_ins.extend(
            names.iter().filter(|name| name.ends_with(".conf")).map(|name| beside.join(name)),
        );
    }
    drop_ins.dedup();
    for file in drop_ins {
        unit.read(&text(files, &file)?, &file.display().to_string(), given)?;
    }
    Ok(unit)
}

fn child_of(unit: &Unit, names: &[String], files: &dyn Files, given: &mut Given) -> Option<Made> {
    let stem = unit.stem();
    let default = unit.peek("DefaultInstance", given).map(str::to_owned);
    let (called, instance, is_template) = match stem.split_once('@') {
        Some((prefix, "")) => match &default {
            Some(instance) => (format!("{prefix}@{instance}"), Some(instance.clone()), false),
            None => (prefix.to_owned(), Some(INSTANCE.to_string()), true),
        },
        Some((_, instance)) => (stem.to_owned(), Some(instance.to_owned()), false),
        None => (stem.to_owned(), None, false),
    };
    let mut called = name(&called);
    while names.contains(&called) {
        called.push_str("-2");
    }
    let mut child = Child::new(called.clone());
    if is_template {
        child.set("instances", "1");
        let place = unit.ids().next().map(|id| given.place(id));
        if let Some(place) = place {
            let id = given.add(place, "", unit.name.as_str(), "");
            given.changed(
                id,
                "a template has instances by number: name one of them instead \
                (`NAME@INSTANCE.service`) to import it alone",
            );
            given.about([id], &called);
        }
    }
    let kind = unit.peek("Type", given).unwrap_or("simple").to_owned();
    given.about(unit.ids(), &called);
    let whole = if instance.is_some() && default.is_some() {
        format!("{called}.service")
    } else {
        unit.name.clone()
    };
    let service = Service {
        unit,
        specifiers: Specifiers::new(&whole, instance.as_deref()),
        files,
        given,
        child,
        program: Program::default(),
        before: Vec::new(),
    };
    let Some((child, before)) = service.read() else {
        for id in unit.ids().collect::<Vec<_>>() {
            given.lost(id, "a unit without `ExecStart=` runs nothing, and is left out");
        }
        return None;
    };
    // A unit that nothing enables is started by something else: a socket, a timer, a person.
    Some(Made {
        unit: unit.name.clone(),
        waits: child.settings.value("on_demand").is_some(),
        is_oneshot: kind == "oneshot",
        child,
        before,
    })
}

/// Units that declare nothing to run.
fn elsewhere(unit: &Unit, kind: &str, given: &mut Given) {
    let why = match kind {
        "path" => {
            "nothing is started when a path changes; a child that runs is restarted by \
                `restart_on_change`"
        }
        "target" | "slice" => {
            "a target or a slice is a supervisor here: put its children below one"
        }
        "mount" | "automount" | "swap" => {
            "nothing is mounted: leave it with systemd, or run `mount` as a child"
        }
        _ => "such a unit has no counterpart",
    };
    for id in unit.ids() {
        given.lost(id, why);
    }
}

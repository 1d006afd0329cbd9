//! `[Service]`: what is run, how it becomes ready, and when it is run again.

use super::unit::{Specifiers, Unit};
use super::values::{self, Command, Span};
use super::{ends, lost, place};
use crate::given::{Given, Id};
use crate::model::{Child, Value};
use crate::shell::Program;
use crate::{Files, units};

/// What a service needs to know while it is read.
pub(super) struct Service<'a> {
    pub(super) unit: &'a Unit,
    pub(super) specifiers: Specifiers,
    pub(super) files: &'a dyn Files,
    pub(super) given: &'a mut Given,
    pub(super) child: Child,
    pub(super) program: Program,
    /// Children that come before it.
    pub(super) before: Vec<Child>,
}

/// Longer than anybody waits: a span of the spec file has an end.
pub(super) const FOR_EVER: &str = "5000w";

impl Service<'_> {
    /// Reads all keys of the service. Nothing if it names no program.
    pub(super) fn read(mut self) -> Option<(Child, Vec<Child>)> {
        self.child.set("preset", "systemd");
        self.describe();
        let kind = self.kind();
        let has_command = self.start(&kind);
        self.conditions();
        self.prepare(&kind);
        self.restarts(&kind);
        self.ready(&kind);
        ends::read(&mut self);
        place::read(&mut self);
        let lines: Vec<(String, String, Id)> = self
            .unit
            .lines()
            .map(|(section, key, id)| (section.to_owned(), key.to_owned(), id))
            .collect();
        for (section, key, id) in lines {
            if !self.given.is_judged(id) {
                lost::judge(&section, &key, id, self.given);
            }
        }
        if !has_command {
            return None;
        }
        let command = self.program.command();
        self.child.set("command", command);
        Some((self.child, self.before))
    }

    /// Returns the value of a key that takes one, with its specifiers filled in.
    pub(super) fn one(&mut self, key: &str) -> Option<(Id, String)> {
        let id = self.unit.last(key, self.given)?;
        match self.specifiers.fill(self.given.value(id)) {
            Ok(value) => Some((id, value)),
            Err(c) => {
                self.given.lost(id, format!("`%{c}` stands for nothing here: write it out"));
                None
            }
        }
    }

    /// Returns the values of a key that takes several.
    pub(super) fn each(&mut self, key: &str) -> Vec<(Id, String)> {
        let mut all = Vec::new();
        for id in self.unit.all(key, self.given) {
            match self.specifiers.fill(self.given.value(id)) {
                Ok(value) => all.push((id, value)),
                Err(c) => {
                    self.given.lost(id, format!("`%{c}` stands for nothing here: write it out"));
                }
            }
        }
        all
    }

    pub(super) fn switch(&mut self, key: &str) -> Option<(Id, bool)> {
        let (id, value) = self.one(key)?;
        match units::switch(&value) {
            Some(is_on) => Some((id, is_on)),
            None => {
                self.given.lost(id, format!("`{value}` is no switch"));
                None
            }
        }
    }

    pub(super) fn span(&mut self, key: &str) -> Option<(Id, Span)> {
        let (id, value) = self.one(key)?;
        match values::span(&value) {
            Some(span) => Some((id, span)),
            None => {
                self.given.lost(id, format!("`{value}` is no span of time"));
                None
            }
        }
    }

    /// Returns the commands of the lines of a key, each with its line.
    pub(super) fn commands(&mut self, key: &str) -> Vec<(Id, Command)> {
        let mut all = Vec::new();
        for id in self.unit.all(key, self.given) {
            match values::commands(self.given.value(id), &self.specifiers) {
                Ok(commands) => all.extend(commands.into_iter().map(|command| (id, command))),
                Err(why) => self.given.lost(id, why),
            }
        }
        all
    }

    fn describe(&mut self) {
        if let Some((id, text)) = self.one("Description") {
            self.child.set("description", text);
            self.given.kept(id, "`description`");
        }
    }

    fn kind(&mut self) -> String {
        let Some((id, kind)) = self.one("Type") else { return "simple".into() };
        match kind.as_str() {
            "simple" | "exec" => self.given.kept(id, "a child is ready once its program runs"),
            "notify" => self.given.kept(id, "`ready: notify`"),
            "notify-reload" => self.given.kept(id, "`ready: notify` and `reload: {notify: ..}`"),
            "oneshot" => self.given.changed(
                id,
                "`restart: never`; others wait for its end with `until: completed`. HUP, INT, \
                    PIPE and TERM are clean ends too",
            ),
            "forking" => {
                if let Some((id, _)) = self.one("PIDFile") {
                    self.given.lost(
                        id,
                        "no such file is read: the process that is started is \
                        the main one",
                    );
                }
                self.child.set("on_demand", "true");
                self.given.lost(
                    id,
                    "a program that puts itself into the background is lost to a supervisor, so \
                        it does not start by \
                     itself (`on_demand`): give it the option that keeps it in the foreground, then take that out",
                );
            }
            "dbus" => self.given.changed(
                id,
                "nobody waits for a name on D-Bus: it is ready as soon as it has started",
            ),
            "idle" => self.given.changed(id, "it starts with the others, without a delay"),
            _ => self.given.lost(id, format!("`{kind}` is no type of a service")),
        }
        kind
    }

    /// Takes the command. Returns whether there is one.
    fn start(&mut self, kind: &str) -> bool {
        let mut all = self.commands("ExecStart");
        for (id, command) in &all {
            self.note_prefixes(*id, command);
        }
        let Some((id, last)) = all.pop() else { return false };
        let is_oneshot = kind == "oneshot";
        if is_oneshot && last.is_optional {
            // Its failure would be that of the shell, which ends well instead.
            self.program = Program::of(["true"]);
            self.given.changed(id, "`/bin/sh` runs it, and ends well also where it fails");
        } else {
            self.program = last.program();
            match (last.is_optional, last.line.is_some() || (is_oneshot && !all.is_empty())) {
                (true, _) => self.given.lost(
                    id,
                    "`-`: an exit code above 0 is a failure even so; list those that are none in \
                        `success`",
                ),
                (false, true) => self.given.changed(
                    id,
                    "`/bin/sh` fills in variables and runs what comes before, and is then \
                        replaced by the program",
                ),
                (false, false) => self.given.kept(id, "`command`"),
            }
        }
        let ends_well = (is_oneshot && last.is_optional).then(|| step(&last));
        for (id, command) in all {
            if is_oneshot {
                self.program.before.push(step(&command));
                self.given.changed(id, "`/bin/sh` runs one after the other");
            } else {
                self.given.lost(
                    id,
                    "only a oneshot has several commands, and systemd refuses the unit: the last \
                        one is run",
                );
            }
        }
        self.program.before.extend(ends_well);
        true
    }

    /// What the characters before a command ask for.
    pub(super) fn note_prefixes(&mut self, id: Id, command: &Command) {
        if command.has_name {
            self.given.lost(id, "`@`: the program is told its own name");
        }
        if command.is_privileged {
            self.given.lost(id, "`+` and `!`: it has the rights of the child's user, and not all");
        }
        if command.has_user_shell {
            self.given.lost(id, "`|`: it is run without the user's shell");
        }
    }

    /// Conditions on paths are asked by the shell before each run.
    fn conditions(&mut self) {
        let is_always = self.unit.peek("Restart", self.given) == Some("always");
        const TESTS: [(&str, &str); 6] = [
            ("ConditionPathExists", "-e"),
            ("ConditionPathIsDirectory", "-d"),
            ("ConditionPathIsSymbolicLink", "-L"),
            ("ConditionFileNotEmpty", "-s"),
            ("ConditionFileIsExecutable", "-x"),
            ("ConditionPathIsReadWrite", "-w"),
        ];
        let mut tests = Vec::new();
        for (key, test) in TESTS {
            for (id, value) in self.each(key) {
                if value.starts_with('|') {
                    self.given.lost(id, "one of several conditions (`|`) is not asked");
                } else if is_always {
                    self.given.lost(
                        id,
                        "not asked: with `restart: always` a child that has nothing to do would \
                            be run again and again",
                    );
                } else {
                    let (not, path) = match value.strip_prefix('!') {
                        Some(path) => ("! ", path.trim()),
                        None => ("", value.as_str()),
                    };
                    tests.push(format!(
                        "{{ {not}test {test} {} || exit 0; }}",
                        crate::shell::quote(path)
                    ));
                    self.given.changed(
                        id,
                        "`/bin/sh` asks before each run; if it does not hold, \
                        the run is a clean end",
                    );
                }
            }
        }
        let mut asks = Vec::new();
        for (id, command) in self.commands("ExecCondition") {
            self.note_prefixes(id, &command);
            if is_always {
                self.given.lost(
                    id,
                    "not asked: with `restart: always` a child that has nothing \
                    to do would be run again and again",
                );
            } else {
                asks.push(format!("{{ {} || exit 0; }}", command.as_line()));
                self.given.changed(
                    id,
                    "`/bin/sh` asks before each run; if it does not hold, the run is a clean end",
                );
            }
        }
        tests.extend(asks);
        self.program.before.splice(0..0, tests);
    }

    /// What comes before and after the start.
    fn prepare(&mut self, kind: &str) {
        let mut steps = Vec::new();
        for (id, command) in self.commands("ExecStartPre") {
            self.note_prefixes(id, &command);
            steps.push(step(&command));
            self.given.changed(
                id,
                "`/bin/sh` runs it before the program, as a part of each run and as its user",
            );
        }
        // Conditions are asked first, and what is run before stands between them and the program.
        let at = self
            .program
            .before
            .iter()
            .take_while(|line| line.starts_with("{ ") && line.ends_with("|| exit 0; }"))
            .count();
        self.program.before.splice(at..at, steps);
        for (id, _) in self.commands("ExecStartPost") {
            let what = if kind == "oneshot" { "until: completed" } else { "until: ready" };
            self.given.lost(
                id,
                format!(
                    "say it as a child of its own: `restart: never` and `needs: {{child: .., \
                    {what}, on_restart: restart}}`"
                ),
            );
        }
    }

    fn ready(&mut self, kind: &str) {
        let notifies = matches!(kind, "notify" | "notify-reload");
        if notifies {
            self.child.set("ready", "notify");
            self.child.set("ready_timeout", "1m 30s");
        }
        let start = self.span("TimeoutStartSec").or_else(|| {
            // How long a stop may take is said by it as well, and read there.
            let span = values::span(self.unit.peek("TimeoutSec", self.given)?)?;
            Some((self.unit.last("TimeoutSec", self.given)?, span))
        });
        if let Some((id, span)) = start {
            let key = if notifies { "ready_timeout" } else { "start_timeout" };
            let zero = Span::For(std::time::Duration::ZERO);
            match span {
                Span::Infinite => self.child.set(key, FOR_EVER),
                // For systemd zero is no limit here.
                span if span == zero => self.child.set(key, FOR_EVER),
                Span::For(span) => self.child.set(key, units::span(span)),
            }
            match kind {
                "oneshot" => self.given.changed(
                    id,
                    "`start_timeout` bounds the start of the program, and not the whole run",
                ),
                _ => self.given.kept(id, format!("`{key}`")),
            }
        }
        if let Some((id, access)) = self.one("NotifyAccess") {
            match access.as_str() {
                "none" | "main" | "exec" | "all" => {
                    self.child.set("notify", access);
                    self.given.kept(id, "`notify`");
                }
                _ => self.given.lost(id, "it is none of none, main, exec, all"),
            }
        }
        match self.span("WatchdogSec") {
            Some((id, Span::For(span))) if !span.is_zero() => {
                let every = units::span(span / 3);
                let heartbeat = Value::map([("every", every), ("misses", "3".to_owned())]);
                self.child.set("liveness", Value::map([("heartbeat", heartbeat)]));
                self.given.kept(
                    id,
                    "`liveness: {heartbeat: ..}`: a third of it, three of which may be missing",
                );
            }
            Some((id, _)) => self.given.kept(id, "nothing is watched"),
            None => {}
        }
        if let Some((id, is_on)) = self.switch("RemainAfterExit") {
            if is_on {
                self.given.changed(
                    id,
                    "it counts as completed, and is not stopped at the end: \
                    what undoes it is a child of its own",
                );
            } else {
                self.given.kept(id, "a child that has ended is down");
            }
        }
    }
}

/// Returns a command as a step of a shell before the program.
fn step(command: &Command) -> String {
    let line = command.as_line();
    if command.is_optional { format!("{{ {line} || :; }}") } else { line }
}

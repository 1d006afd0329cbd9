//! When a service is run again: `Restart=`, its delays, limits and clean ends.

use super::service::Service;
use super::values::Span;
use crate::model::Value;
use crate::units;
use std::time::Duration;

impl Service<'_> {
    pub(super) fn restarts(&mut self, kind: &str) {
        let rule = self.one("Restart");
        match rule.as_ref().map(|(id, rule)| (*id, rule.as_str())) {
            None => self.child.set("restart", "never"),
            Some((id, "no")) => {
                self.child.set("restart", "never");
                self.given.kept(id, "`restart: never`");
            }
            Some((id, "always")) if kind == "oneshot" => {
                self.child.set("restart", "never");
                self.given.lost(id, "systemd refuses it for a oneshot");
            }
            Some((id, "always")) => {
                self.child.set("restart", "always");
                self.given.kept(id, "`restart: always`");
            }
            Some((id, "on-failure")) => self.given.kept(
                id,
                "`restart: on-failure`, as the \
                preset has it",
            ),
            Some((id, rule @ ("on-abnormal" | "on-abort" | "on-watchdog"))) => self.given.changed(
                id,
                format!(
                    "`restart: on-failure`: a failing exit code is followed by another run \
                    too, which `{rule}` would not do"
                ),
            ),
            Some((id, "on-success")) => {
                self.child.set("restart", "never");
                self.given.lost(
                    id,
                    "there is no rule that restarts after a clean end alone: it \
                    is not restarted",
                );
            }
            Some((id, rule)) => {
                self.child.set("restart", "never");
                self.given.lost(id, format!("`{rule}` is no rule"));
            }
        }
        self.delays();
        self.limit();
        self.codes();
    }

    fn delays(&mut self) {
        let wait = self.span("RestartSec");
        let most = self.span("RestartMaxDelaySec");
        let steps = self.one("RestartSteps");
        let first = match wait {
            Some((id, Span::For(span))) => {
                self.given.kept(id, "`backoff`");
                Some(span)
            }
            Some((id, Span::Infinite)) => {
                self.given
                    .lost(id, "a wait has an end: with no restart at all, say `restart: never`");
                None
            }
            None => None,
        };
        let first = units::span(first.unwrap_or(Duration::from_millis(100)));
        match (&steps, most) {
            (Some((steps_id, steps)), Some((id, Span::For(most))))
                if steps.parse::<u32>().is_ok() =>
            {
                self.given.kept(*steps_id, "`backoff: {geometric: ..}`");
                self.given.kept(id, "`backoff: {geometric: ..}`");
                let geometric = Value::map([
                    ("first", first),
                    ("most", units::span(most)),
                    ("steps", steps.clone()),
                ]);
                self.child.set("backoff", Value::map([("geometric", geometric)]));
            }
            (steps, most) => {
                let without = "without effect there: it needs RestartSteps and RestartMaxDelaySec";
                if let Some((id, _)) = steps {
                    self.given.kept(*id, without);
                }
                if let Some((id, _)) = most {
                    self.given.kept(id, without);
                }
                if wait.is_some() {
                    self.child.set("backoff", if first == "0s" { "none".into() } else { first });
                }
            }
        }
        if let Some((id, Span::For(span))) = self.span("RestartRandomizedDelaySec") {
            self.child.set("jitter", Value::map([("additive", units::span(span))]));
            self.given.kept(id, "`jitter: {additive: ..}`");
        }
    }

    /// The start limit; its older names stand in `[Service]`.
    fn limit(&mut self) {
        let new = self.span("StartLimitIntervalSec");
        let interval = new.or_else(|| self.span("StartLimitInterval"));
        let burst = self.one("StartLimitBurst");
        let most = burst.as_ref().and_then(|(_, most)| most.parse::<u64>().ok());
        if let Some((id, value)) = &burst
            && most.is_none_or(|most| most > 65_536)
        {
            self.given.lost(*id, format!("`{value}` is no number up to 65536"));
        }
        let off =
            matches!(interval, Some((_, Span::For(span))) if span.is_zero()) || most == Some(0);
        if off {
            self.child.set("budget", "none");
        } else if interval.is_some() || most.is_some() {
            // In systemd's own words: its window includes its end, and nothing of ours says that as plainly.
            let mut words = Vec::new();
            if let Some(most) = most {
                words.push(("StartLimitBurst", most.min(65_536).to_string()));
            }
            match interval {
                Some((_, Span::For(span))) => {
                    words.push(("StartLimitIntervalSec", units::span(span)));
                }
                Some((_, Span::Infinite)) => {
                    words.push(("StartLimitIntervalSec", "infinity".into()));
                }
                None => {}
            }
            self.child.set("preset", Value::map([("systemd", Value::map(words))]));
        }
        for id in [interval.map(|(id, _)| id), burst.map(|(id, _)| id)].into_iter().flatten() {
            self.given
                .kept(id, if off { "`budget: none`" } else { "the same word, within `preset`" });
        }
    }

    fn codes(&mut self) {
        let mut clean = Vec::new();
        for (key, is_success) in [("SuccessExitStatus", true), ("RestartPreventExitStatus", false)]
        {
            for (id, value) in self.each(key) {
                for word in value.split_whitespace() {
                    match status(word) {
                        Some(status) => clean.push(status),
                        None => self.given.lost(id, format!("`{word}` is no exit code or signal")),
                    }
                }
                let is_always = self.child.settings.word("restart") == Some("always");
                match (is_success, is_always) {
                    (true, _) => self.given.kept(id, "`success`"),
                    (false, false) => {
                        self.given.changed(id, "`success`: it is final because it is a clean end");
                    }
                    (false, true) => self
                        .given
                        .lost(id, "with `restart: always` every end is followed by another run"),
                }
            }
        }
        let forced = self.forced();
        if !clean.is_empty() || !forced.is_empty() {
            // What the preset calls clean is said anew with what is added to it.
            clean.extend(["HUP", "INT", "PIPE", "TERM"].map(String::from));
            clean.retain(|status| !forced.contains(status));
            clean.sort();
            clean.dedup();
            self.child.set("success", Value::list(clean));
        }
    }

    /// Ends that are followed by another run whatever they are: here, failures.
    fn forced(&mut self) -> Vec<String> {
        let mut forced = Vec::new();
        for (id, value) in self.each("RestartForceExitStatus") {
            let rule = self.child.settings.word("restart").map(str::to_owned);
            for word in value.split_whitespace() {
                match (status(word), rule.as_deref()) {
                    (None, _) => self.given.lost(id, format!("`{word}` is no exit code or signal")),
                    (Some(_), Some("always")) => self.given.kept(id, "followed by another run"),
                    (Some(_), Some("never")) => self.given.lost(
                        id,
                        "with `restart: never` no end is followed by another run: say \
                            `restart: on-failure`, and in `success` what is none",
                    ),
                    (Some(status), _) if status == "0" => {
                        self.given.lost(id, "0 is always a clean end: say `restart: always`");
                    }
                    (Some(status), _) => {
                        forced.push(status);
                        self.given.kept(id, "a failure: it is not in `success`");
                    }
                }
            }
        }
        forced
    }
}

/// Reads an exit code or a signal by number or name.
fn status(word: &str) -> Option<String> {
    const CODES: [(&str, u8); 22] = [
        ("SUCCESS", 0),
        ("FAILURE", 1),
        ("INVALIDARGUMENT", 2),
        ("NOTIMPLEMENTED", 3),
        ("NOPERMISSION", 4),
        ("NOTINSTALLED", 5),
        ("NOTCONFIGURED", 6),
        ("NOTRUNNING", 7),
        ("USAGE", 64),
        ("DATAERR", 65),
        ("NOINPUT", 66),
        ("NOUSER", 67),
        ("NOHOST", 68),
        ("UNAVAILABLE", 69),
        ("SOFTWARE", 70),
        ("OSERR", 71),
        ("OSFILE", 72),
        ("CANTCREAT", 73),
        ("IOERR", 74),
        ("TEMPFAIL", 75),
        ("PROTOCOL", 76),
        ("CONFIG", 78),
    ];
    if let Ok(code) = word.parse::<u8>() {
        return Some(code.to_string());
    }
    let code = CODES.iter().find(|(name, _)| *name == word).map(|(_, code)| code.to_string());
    code.or_else(|| units::signal(word).filter(|_| word.starts_with("SIG")))
}

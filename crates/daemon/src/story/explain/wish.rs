//! What would change what a child does, as commands that can be typed.

use super::{Teller, name};
use mainstay::{Alert, AlertKind, Path};
use mainstay_core::Chance;
use mainstay_wire::api;

impl Teller<'_> {
    /// What would change it, and what would silence its alerts.
    pub(super) fn wishes(&self) -> Vec<api::Wish> {
        let mut wishes: Vec<api::Wish> =
            self.explained.chances.iter().map(|chance| self.wish(chance)).collect();
        let lives = self.explained.run.is_some();
        if lives && self.view.paused {
            wishes.push(self.wish(&Chance::Resume(self.explained.path.clone())));
        }
        let cools = |alert: &Alert| alert.kind == AlertKind::GroupCooling && !alert.over;
        if lives && self.explained.alerts.iter().any(cools) {
            let text = "ends the cooldown of its children and starts what waits";
            wishes.push(typed("reset", &self.explained.path, "", text.into()));
        }
        if self.explained.alerts.iter().any(|alert| alert.seen.is_none()) {
            let text = "silences its alert, and changes nothing else".into();
            wishes.push(typed("acknowledge", &self.explained.path, "", text));
        }
        wishes
    }

    fn wish(&self, chance: &Chance) -> api::Wish {
        let own = &self.explained.path;
        match chance {
            Chance::Start => typed("start", own, "", "begins the next run now".into()),
            Chance::StartOver => {
                let text = "starts it in spite of that; it takes the role admin";
                typed("start", own, " --override", text.into())
            }
            Chance::Resume(path) if path == own => {
                let text = "ends the pause: what policy would have started is started";
                typed("resume", path, "", text.into())
            }
            Chance::Resume(path) => {
                typed("resume", path, "", format!("ends the pause of all below {}", name(path)))
            }
            Chance::Release => {
                typed("release", own, "", "ends the quarantine and starts it".into())
            }
            Chance::Reset(path) if path == own => {
                let text = "closes its breaker, forgets its failures and starts it";
                typed("reset", path, " --start", text.into())
            }
            Chance::Reset(path) => {
                let text = format!("ends the cooldown of {} and starts what waits", name(path));
                typed("reset", path, "", text)
            }
            Chance::Child(path) => {
                let text =
                    format!("{} has to come first: see `mainstay explain {path}`", name(path));
                api::Wish { command: None, text }
            }
            Chance::Demand if self.scheduled.is_some() => {
                api::Wish { command: None, text: "its schedule comes, or a demand".into() }
            }
            Chance::Demand if self.view.kind == "host" => {
                api::Wish { command: None, text: "somebody calls it: that starts it".into() }
            }
            Chance::Demand => {
                let text =
                    "somebody wants to use it: a connection to one of its sockets, or a demand";
                api::Wish { command: None, text: text.into() }
            }
            Chance::Gone(run) => {
                let pid = self.view.process.as_ref().and_then(|process| process.pid);
                let pid = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
                let text = format!("run {run}{pid} is found gone: that is noticed at once");
                api::Wish { command: None, text }
            }
        }
    }
}

fn typed(verb: &str, path: &Path, options: &str, text: String) -> api::Wish {
    api::Wish { command: Some(format!("mainstay {verb} {path}{options}")), text }
}

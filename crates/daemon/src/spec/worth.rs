//! What is worth knowing about a file that is accepted.

use super::Warning;
use super::child::Maker;
use super::load::place;
use super::place::Place;
use super::secret::Secret;
use super::syntax::Node;
use crate::console::Shown;
use crate::hook::Hook;
use crate::listener::{Kind, Printed};
use mainstay_core::spec::check;
use mainstay_wire::spec::{Keys, Mode};
use std::collections::{BTreeMap, BTreeSet};

/// Returns every warning once, in the order of the file: what the core found, and what only the file shows.
pub(super) fn knowing(
    maker: &Maker<'_>,
    warnings: Vec<check::Warning>,
    hooks: &[Hook],
) -> Vec<Warning> {
    let mut all = Warnings { maker, found: BTreeMap::new() };
    for warning in warnings {
        let path = warning.path.as_str();
        all.add(place(maker, path, &warning.text), path, warning.text.clone());
    }
    all.holdoffs();
    all.consoles();
    all.listeners();
    all.hooks(hooks);
    all.secrets();
    for (at, text) in &maker.files.idle {
        all.add(Some(*at), "", text.clone());
    }
    all.found.into_values().collect()
}

/// Returns what becomes of what a child prints.
fn kinds(printed: &Printed) -> impl Iterator<Item = Kind> + '_ {
    let lines = printed.lines.iter().map(|output| Kind::of_line(*output));
    lines.chain(printed.messages.iter().map(|output| Kind::of_message(*output)))
}

struct Warnings<'a> {
    maker: &'a Maker<'a>,
    /// Instances have one place, and one warning.
    found: BTreeMap<(Option<Place>, String), Warning>,
}

impl Warnings<'_> {
    fn add(&mut self, at: Option<Place>, path: &str, text: String) {
        let warning = Warning {
            place: at.map(|at| self.maker.files.sources.name(at)),
            path: path.to_owned(),
            text: text.clone(),
        };
        self.found.entry((at, text)).or_insert(warning);
    }

    fn holdoffs(&mut self) {
        for (path, (_, node)) in &self.maker.places {
            if let (Some(span), Some((name, _))) = (node.span("holdoff"), node.entry("holdoff"))
                && span.is_zero()
            {
                let text = "holdoff 0: a child that dies at once waits for its backoff alone";
                self.add(Some(name.at), path, text.to_owned());
            }
        }
    }

    fn consoles(&mut self) {
        let maker = self.maker;
        let is_alone = maker.is_alone();
        for (path, declared) in &maker.consoles {
            let at = maker.place_of(path, "console");
            let keys = &declared.console.keys;
            for (key, first, second) in shared(keys) {
                let text = format!("{} means `{first}`, and `{second}` never", Shown(key));
                self.add(at, path, text);
            }
            let is_once = declared.console.mode == Some(Mode::Oneshot)
                || maker.said(path).is_some_and(|node| node.word("restart") == Some("never"));
            if is_once && keys.quit.is_some() && !is_alone {
                let text =
                    "ONESHOT ends the program with its run only where the child is the only one";
                self.add(at, path, text.to_owned());
            }
        }
    }

    /// Finds what makes events that nobody hears of, and who hears of what nobody makes.
    fn listeners(&mut self) {
        let maker = self.maker;
        let made: BTreeSet<Kind> = maker.printed.values().flat_map(kinds).collect();
        for (path, listener) in &maker.listeners {
            let is_made = |kind: &Kind| !kind.is_printed() || made.contains(kind);
            if !listener.kinds.iter().any(is_made) {
                let text =
                    "it is never told of anything: no child makes these of its `output_events`";
                self.add(maker.place_of(path, "listener"), path, text.to_owned());
            }
        }
        for (path, printed) in &maker.printed {
            let is_heard = |kind| maker.listeners.values().any(|one| one.kinds.contains(&kind));
            if !kinds(printed).any(is_heard) {
                let text = "nobody hears of its `output_events`: no `listener` is told of these";
                self.add(maker.place_of(path, "output_events"), path, text.to_owned());
            }
        }
    }

    fn hooks(&mut self, hooks: &[Hook]) {
        let maker = self.maker;
        let paths = || maker.places.keys().filter(|path| !path.is_empty());
        let all = maker.said("").and_then(|top| top.get("hooks")).map_or(&[][..], Node::entries);
        for hook in hooks {
            if hook.children.is_empty() && hook.labels.is_empty() {
                continue;
            }
            if paths().any(|path| hook.is_about(path, maker.labels.get(path))) {
                continue;
            }
            let at = all.iter().find(|(name, _)| name.text == hook.name).map(|(name, _)| name.at);
            let text = format!("the hook `{}` is about no child that is declared here", hook.name);
            self.add(at, "", text);
        }
    }

    fn secrets(&mut self) {
        let maker = self.maker;
        let hooks = maker.said("").and_then(|top| top.get("hooks"));
        for (name, hook) in hooks.map_or(&[][..], Node::entries) {
            let references =
                hook.sorted("secrets").into_iter().map(|(name, node)| (&*name.text, node));
            let url = hook.get("url").filter(|url| url.text().is_none()).map(|url| ("url", url));
            for (secret, reference) in references.chain(url) {
                if let Err(why) = Secret::new(reference.clone()).read() {
                    let hook = &name.text;
                    let text = format!(
                        "the secret `{secret}` of the hook `{hook}` cannot be read: {why}; it is told nothing until it can"
                    );
                    self.add(Some(reference.at), "", text);
                }
            }
        }
    }
}

/// Returns the keys that two meanings share: the first of them counts.
fn shared(keys: &Keys) -> Vec<(u8, &'static str, &'static str)> {
    let all = [
        ("kill", keys.kill),
        ("toggle", keys.toggle),
        ("logout", keys.logout),
        ("restart", keys.restart),
        ("quit", keys.quit),
    ];
    let mut shared = Vec::new();
    for (index, (second, key)) in all.iter().enumerate() {
        let first = all[..index].iter().find(|(_, known)| known == key);
        if let (Some((first, _)), Some(key)) = (first, key) {
            shared.push((*key, *first, *second));
        }
    }
    shared
}

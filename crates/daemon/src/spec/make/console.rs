//! The console of a process on the network.

use super::Findings;
use crate::console::{Declared, NoKey, Written, alone, bytes, endpoint, is_local, key};
use crate::spec::syntax::{Node, Value};
use mainstay::Restart;
use mainstay_wire::spec::{Console, Endpoint, Keys, Mode, Transcript};
use std::path::Path;

/// Returns the console that a child has; relative paths of sockets begin at `folder`.
pub(in super::super) fn console(
    node: &Node,
    name: &str,
    folder: &Path,
    found: &mut Findings<'_>,
) -> Option<Console> {
    let at = node.get("console")?;
    let is_short = !matches!(at.value, Value::Map(_));
    let is_allowed = at.switch("allow");
    let place = Place { folder, is_allowed };
    let listen = match at.get("listen").or_else(|| is_short.then_some(at)) {
        Some(all) => place.all(all, found),
        None => Vec::new(),
    };
    let log_listen = at.get("log_listen").map_or_else(Vec::new, |all| place.all(all, found));
    // What is said and wrong is told of itself.
    let has_none = !is_short && at.get("listen").is_none() && at.get("log_listen").is_none();
    if has_none && at.get("transcript").is_none() && at.get("mode").is_none() {
        let text = "this console has no effect: it listens nowhere and writes nothing";
        found.wrong(at, text, "say `listen: 2000`, or `unix:PATH` for a socket");
    }
    if let Some(file) = at.get("info_file").filter(|_| has_none) {
        found.wrong(
            file,
            "an `info_file` lists where a console listens, and it does not",
            "say `listen`",
        );
    }
    let written = node.get("command");
    let command = match written.map(Node::each) {
        Some([]) | None => String::new(),
        Some([first, ..]) => first.text().unwrap_or_default().to_owned(),
    };
    let command = match node.command("command") {
        Ok(words) if !node.switch("shell") => words.into_iter().next().unwrap_or(command),
        Ok(_) | Err(_) => command,
    };
    Some(Console {
        listen,
        log_listen,
        title: at.word("title").unwrap_or(name).to_owned(),
        command,
        folder: node.word("folder").unwrap_or("/").to_owned(),
        keys: keys(at, found),
        ignore: at.word("ignore").map(bytes).unwrap_or_default(),
        info_file: at.word("info_file").map(Into::into),
        transcript: at.get("transcript").and_then(|at| transcript(at, folder)),
        time: at.word("time").unwrap_or("%c").to_owned(),
        mode: at.word("mode").map(|mode| match mode {
            "off" => Mode::Off,
            "oneshot" => Mode::Oneshot,
            _ => Mode::On,
        }),
    })
}

fn transcript(node: &Node, folder: &Path) -> Option<Transcript> {
    let path = node.text().or_else(|| node.word("path"))?;
    let path = if path == "-" { path.into() } else { folder.join(path) };
    Some(Transcript { path, stamp: node.word("stamp").map(str::to_owned) })
}

/// Where consoles may listen.
struct Place<'a> {
    folder: &'a Path,
    is_allowed: bool,
}

impl Place<'_> {
    fn all(&self, node: &Node, found: &mut Findings<'_>) -> Vec<Endpoint> {
        node.each().iter().filter_map(|one| self.one(one, found)).collect()
    }

    fn one(&self, node: &Node, found: &mut Findings<'_>) -> Option<Endpoint> {
        let endpoint = match endpoint(node.text()?, alone(self.is_allowed), self.folder) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                found.wrong(node, error.to_string(), error.help());
                return None;
            }
        };
        if !is_local(&endpoint) && !self.is_allowed {
            let text = format!(
                "{} can be reached from other machines, and whoever connects may type",
                Written(&endpoint)
            );
            let help = "say an address of this machine, as `127.0.0.1`, or `allow: true` where that is meant";
            found.wrong(node, text, help);
            return None;
        }
        Some(endpoint)
    }
}

fn keys(node: &Node, found: &mut Findings<'_>) -> Keys {
    let keys = node.get("keys");
    let mut one = |name: &str, default: Option<u8>| {
        let Some(at) = keys.and_then(|keys| keys.get(name)) else { return default };
        match at.text().map(key) {
            Some(Ok(key)) => key,
            Some(Err(NoKey(_))) => {
                let text = format!("`{name}` is more than one key");
                found.wrong(at, text, "a character, or a caret and a letter as in `^X`");
                default
            }
            None => default,
        }
    };
    Keys {
        kill: one("kill", Some(0x18)),
        restart: one("restart", Some(0x12)),
        toggle: one("toggle", Some(0x14)),
        quit: one("quit", None),
        logout: one("logout", None),
    }
}

/// Returns what a child may know of its console, as procServ tells it; nothing of ports that are chosen later.
pub(in super::super) fn info(console: &Console) -> Option<String> {
    let fixed = |endpoint: &&Endpoint| !matches!(endpoint, Endpoint::Tcp(at) if at.port() == 0);
    let typing = console.listen.iter().filter(fixed).map(|at| format!("CTL={}", Written(at)));
    let looking = console.log_listen.iter().filter(fixed).map(|at| format!("LOG={}", Written(at)));
    let all: Vec<String> = typing.chain(looking).collect();
    (!all.is_empty()).then(|| all.join(";"))
}

/// Returns a console with what its toggle key makes of the child.
pub(in super::super) fn toggled(
    console: Console,
    child: &mainstay::Child,
    node: &Node,
    waits: bool,
) -> Declared {
    let is_once = node.word("restart") == Some("never")
        || (node.get("restart").is_none() && node.word("preset") == Some("oxios-critical"));
    let always = if is_once { child.clone().restart(Restart::Always) } else { child.clone() };
    let once = child.clone().restart(Restart::Never);
    Declared { console, always, once, waits }
}

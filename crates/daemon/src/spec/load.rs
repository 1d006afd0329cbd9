//! From files to what is loaded, with the checks of the core.

use super::child::{Maker, join};
use super::gather::Gatherer;
use super::make::{self, Findings};
use super::meaning;
use super::place::{Place, Problem, Sources, SpecProblems};
use super::syntax::Node;
use super::{Fragment, Loaded, worth};
use crate::console::Written;
use crate::listener::Listener;
use mainstay::{Profile, Tree};
use mainstay_core::spec::TreeSpec;
use mainstay_core::spec::check;
use mainstay_wire::spec::Endpoint;
use mainstay_wire::spec::keys::{INCLUDED, PROCESS, ROOT};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

pub(super) fn file(
    path: &Path,
    environment: Environment<'_>,
    logs: Option<&Path>,
) -> Result<Loaded, SpecProblems> {
    match std::fs::read_to_string(path) {
        Ok(text) => self::text(&text, path, environment, logs),
        Err(error) => {
            let path = path.display();
            let help = if error.kind() == std::io::ErrorKind::NotFound {
                "`mainstay init` writes a file to begin with"
            } else if error.kind() == std::io::ErrorKind::InvalidData {
                "a spec file is UTF-8 text"
            } else {
                ""
            };
            Err(alone(format!("the spec file `{path}` cannot be read: {error}"), help))
        }
    }
}

/// Returns one problem without a place.
pub(super) fn alone(text: String, help: &str) -> SpecProblems {
    SpecProblems::new(BTreeSet::from([Problem::placeless(text, help)]), Sources::default())
}

/// Returns a whole path and the folder of a file.
fn whole(path: &Path) -> Result<(PathBuf, PathBuf), SpecProblems> {
    let path = std::path::absolute(path)
        .map_err(|error| alone(format!("`{}` is no path: {error}", path.display()), ""))?;
    let folder = path.parent().unwrap_or_else(|| Path::new("/")).to_path_buf();
    Ok((path, folder))
}

pub(super) fn text(
    text: &str,
    as_if: &Path,
    environment: Environment<'_>,
    logs: Option<&Path>,
) -> Result<Loaded, SpecProblems> {
    let (path, folder) = whole(as_if)?;
    let mut files = Gatherer::new(environment, folder.clone());
    files.logs = logs.map(Path::to_owned);
    let top = files.text(path, text, &ROOT);
    if top.get("children").is_none() && top.get("include").is_none() && files.problems.is_empty() {
        let help = "say `children:` and what is to run";
        files.problems.push(Problem::new(top.at, "the file has no `children`", help));
    }
    let mut maker = Maker::new(files, false);
    let mut found = Findings(&mut maker.files.problems);
    let supervisord = make::supervisord(&top, &folder, environment, &mut found);
    maker.supervisord = supervisord.as_ref().map(|settings| settings.listen.clone());
    let entries = std::mem::take(&mut maker.files.entries);
    let children = maker.children(entries, "");
    maker.end_with_one_run();
    let tree = mainstay::tree().profile(Profile::Daemon);
    let mut found = Findings(&mut maker.files.problems);
    let tree = make::root(tree, &top, &mut found);
    let (api, journal) = (make::api(&top, &mut found), make::journal(&top));
    let observe = make::observe(&top, &mut found);
    let otlp = make::otlp(&top, environment, &mut found);
    let (hooks, watchdog) =
        (make::hooks(&top, &folder, &mut found), make::watchdog(&top, &mut found));
    let tree = tree.children(children.into_iter().map(|(_, child)| child));
    maker.places.insert(String::new(), (top.at, top.clone()));
    let spec = checked(&mut maker, &tree);
    consoles_apart(&mut maker);
    pools_alike(&mut maker);
    let name = top.word("name").map_or_else(|| folder_name(&folder), str::to_owned);
    let maker = finished(maker)?;
    let Some((spec, warnings)) = spec else {
        return Err(alone("the tree cannot be built".into(), ""));
    };
    Ok(Loaded {
        tree,
        name,
        meanings: meaning::of(&spec, &maker),
        warnings: worth::knowing(&maker, warnings, &hooks),
        sources: maker.files.sources.paths().map(Path::to_path_buf).collect(),
        labels: maker.labels,
        descriptions: maker.descriptions,
        tending: maker.tending,
        consoles: maker.consoles,
        listeners: maker.listeners,
        printed: maker.printed,
        api,
        journal,
        observe,
        otlp,
        supervisord,
        hooks,
        watchdog,
    })
}

pub(super) fn fragment(
    text: &str,
    as_if: &Path,
    environment: Environment<'_>,
    logs: Option<&Path>,
) -> Result<Fragment, SpecProblems> {
    let (path, folder) = whole(as_if)?;
    let mut files = Gatherer::new(environment, folder);
    files.logs = logs.map(Path::to_owned);
    files.may_be_bare = true;
    let top = files.text(path, text, &INCLUDED);
    if files.entries.is_empty() && files.problems.is_empty() {
        let help = "say what is to run, as in `web: ./serve --port 80`";
        files.problems.push(Problem::new(top.at, "there is no child to add", help));
    }
    let mut maker = Maker::new(files, true);
    let entries = std::mem::take(&mut maker.files.entries);
    let children = maker.children(entries, "");
    let all = children.iter().map(|(_, child)| child.clone());
    let tree = mainstay::tree().profile(Profile::Daemon).children(all);
    let warnings = checked(&mut maker, &tree).map_or_else(Vec::new, |(_, warnings)| warnings);
    consoles_apart(&mut maker);
    let maker = finished(maker)?;
    Ok(Fragment {
        children,
        warnings: worth::knowing(&maker, warnings, &[]),
        sources: maker.files.sources.paths().map(Path::to_path_buf).collect(),
        labels: maker.labels,
        descriptions: maker.descriptions,
        tending: maker.tending,
        consoles: maker.consoles,
        listeners: maker.listeners,
        printed: maker.printed,
    })
}

/// Returns what a folder is called, as a tree can be.
fn folder_name(folder: &Path) -> String {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "mainstay".to_owned())
}

/// Has the core check the tree. What it finds is told where the file speaks of it, unless something wrong was found
/// there already, of which this may be a consequence.
pub(super) fn checked(
    maker: &mut Maker<'_>,
    tree: &Tree,
) -> Option<(TreeSpec, Vec<check::Warning>)> {
    match tree.clone().into_spec() {
        Ok(built) => Some(built),
        Err(error) => {
            for problem in error.problems() {
                let path = problem.path.as_str();
                let is_foreign = maker.is_open && problem.rule == check::Rule::Need;
                let at = place(maker, path, &problem.text);
                let is_told = is_foreign || misses_program(maker, path, &problem.text);
                if is_told || maker.wrong.contains(path) && may_follow(maker, path, at) {
                    continue;
                }
                let text = in_keys(&problem.text);
                let text = if path.is_empty() { text } else { format!("{path}: {text}") };
                maker.files.problems.push(Problem { at, ..Problem::placeless(text, "") });
            }
            None
        }
    }
}

/// Returns whether a child has no command because the key of it is written wrongly, which has been told.
fn misses_program(maker: &Maker<'_>, path: &str, text: &str) -> bool {
    let Some((_, node)) = maker.places.get(path) else { return false };
    if !text.starts_with("a process runs a program") || node.get("command").is_some() {
        return false;
    }
    node.entries().iter().any(|(name, _)| PROCESS.key(&name.text).is_none())
}

/// Says in the keys of the file what the library says in its own calls.
fn in_keys(text: &str) -> String {
    const CALLS: [(&str, &str); 2] = [
        ("say `stdin(Stdin::Pipe)` or give it a terminal", "say `stdin: pipe` or `terminal: true`"),
        ("does not call `Context::progress`", "does not tell its progress"),
    ];
    CALLS.iter().fold(text.to_owned(), |text, (call, key)| text.replace(call, key))
}

/// Returns whether what was found at a key of a child may only follow from what was found there before.
fn may_follow(maker: &Maker<'_>, path: &str, at: Option<Place>) -> bool {
    let Some((_, node)) = maker.places.get(path) else { return true };
    let keys: Vec<Place> = node.entries().iter().map(|(name, _)| name.at).collect();
    let owner = |at: &Place| {
        let before = keys.iter().filter(|key| key.file == at.file && *key <= at);
        before.max().copied()
    };
    let Some(at) = at.filter(|at| keys.contains(at)) else { return true };
    maker
        .files
        .problems
        .iter()
        .filter_map(|problem| problem.at)
        .any(|told| owner(&told) == Some(at))
}

/// Returns where the file says what a text of the core is about: the key that it names, or the child.
pub(super) fn place(maker: &Maker<'_>, path: &str, text: &str) -> Option<Place> {
    /// What the core calls otherwise than the file.
    const OTHERS: [(&str, &str); 11] = [
        ("never trip", "budget"),
        ("limit", "budget"),
        ("probe", "liveness"),
        ("heartbeat", "liveness"),
        ("socket", "sockets"),
        ("program", "command"),
        ("activation", "on_demand"),
        ("memory_limit", "limits"),
        ("holdoff", "backoff"),
        ("drain_timeout", "stop"),
        ("delays", "backoff"),
    ];
    if let Some((_, circle)) = text.split_once("in a circle: ")
        && let Some(first) = circle.split(" -> ").next()
        && let Some((_, node)) = maker.places.get(&join(path, first))
    {
        return node.entry("needs").map(|(name, _)| name.at);
    }
    let (at, node) = maker.places.get(path)?;
    let names = |key: &str| {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        text.match_indices(key).any(|(from, _)| {
            let before = text[..from].chars().next_back();
            let after = text[from + key.len()..].chars().next();
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
    };
    let said = node.entries().iter().filter(|(name, _)| names(&name.text));
    let said = said.max_by_key(|(name, _)| name.text.len());
    let other = || {
        let of = |(word, key): &(&str, &str)| names(word).then(|| node.entry(key)).flatten();
        OTHERS.iter().find_map(of)
    };
    Some(said.or_else(other).map_or(*at, |(name, _)| name.at))
}

/// Finds consoles that listen at one place: the second of them could never be opened.
fn consoles_apart(maker: &mut Maker<'_>) {
    let mut all: Vec<(Endpoint, &str)> = Vec::new();
    let mut found = Vec::new();
    for (path, declared) in &maker.consoles {
        for endpoint in declared.console.listen.iter().chain(&declared.console.log_listen) {
            // A port that is chosen later is another one each time.
            if matches!(endpoint, Endpoint::Tcp(at) if at.port() == 0) {
                continue;
            }
            match all.iter().find(|(known, _)| is_one_place(known, endpoint)) {
                Some((_, first)) => {
                    let text = format!(
                        "{path} and {first} both listen at {}, and only one can",
                        Written(endpoint)
                    );
                    found.push((maker.place_of(path, "console"), text));
                }
                None => all.push((endpoint.clone(), path)),
            }
        }
    }
    for (at, text) in found {
        let help = "say another port; with instances, `listen: 0` lets each have its own";
        maker.files.problems.push(Problem { at, ..Problem::placeless(text, help) });
    }
}

/// Finds listeners that share events out and do not hear of the same.
fn pools_alike(maker: &mut Maker<'_>) {
    let mut pools: BTreeMap<&str, (&str, &Listener)> = BTreeMap::new();
    let mut found = Vec::new();
    for (path, listener) in &maker.listeners {
        let (first, known) = pools.entry(&listener.pool).or_insert((path, listener));
        if *known != listener {
            let text = format!("{path} and {first} are of the pool {}, and differ", listener.pool);
            found.push((maker.place_of(path, "listener"), text));
        }
    }
    for (at, text) in found {
        let help = "say the same `events`, `buffer` and `timeout` for both, or another `pool`";
        maker.files.problems.push(Problem { at, ..Problem::placeless(text, help) });
    }
}

fn is_one_place(one: &Endpoint, other: &Endpoint) -> bool {
    match (one, other) {
        (Endpoint::Unix { path, .. }, Endpoint::Unix { path: other, .. }) => path == other,
        _ => one == other,
    }
}

/// Goes on only if nothing is wrong.
pub(super) fn finished(mut maker: Maker<'_>) -> Result<Maker<'_>, SpecProblems> {
    if maker.files.problems.is_empty() {
        return Ok(maker);
    }
    let problems = std::mem::take(&mut maker.files.problems).into_iter().collect();
    Err(SpecProblems::new(problems, maker.files.sources))
}

impl Maker<'_> {
    /// Returns what was said about a child.
    pub(super) fn said(&self, path: &str) -> Option<&Node> {
        self.places.get(path).map(|(_, node)| node)
    }
    /// Returns where a key of a child stands, else where the child does.
    pub(super) fn place_of(&self, path: &str, key: &str) -> Option<Place> {
        let (at, node) = self.places.get(path)?;
        Some(node.entry(key).map_or(*at, |(name, _)| name.at))
    }
}

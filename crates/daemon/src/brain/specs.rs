//! Where the declaration of the tree comes from, again and again.

use super::above::Above;
use super::outside::Outside;
use super::program::{About, Words};
use super::{Source, in_full};
use crate::api::Specs;
use crate::spec::{self, Loaded, SpecProblems};
use crate::tend::Tending;
use mainstay::{Handle, Node, Tree};
use mainstay_core::command::Act;
use mainstay_wire::api::Problem;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The spec file of a daemon.
pub(super) struct FileSpecs {
    source: Source,
    state: PathBuf,
    handle: Handle,
    about: Arc<About>,
    outside: Arc<Outside>,
    above: Above,
    /// What was loaded last and may be applied next.
    loaded: Mutex<Option<Loaded>>,
    /// Whether a life of the tree begins, and no console has been opened in it yet.
    begins: AtomicBool,
}

impl FileSpecs {
    pub(super) fn new(
        source: Source,
        state: &Path,
        handle: Handle,
        about: Arc<About>,
        (outside, begins): (Arc<Outside>, bool),
        above: Above,
    ) -> Self {
        let (loaded, begins) = (Mutex::default(), AtomicBool::new(begins));
        Self { source, state: state.to_owned(), handle, about, outside, above, loaded, begins }
    }

    fn logs(&self) -> PathBuf {
        self.state.join("logs")
    }

    /// Notes that this is what the tree is declared as now.
    pub(super) fn is_present(&self, loaded: Loaded) {
        let Loaded { labels, descriptions, .. } = &loaded;
        let (labels, descriptions) = (labels.clone(), descriptions.clone());
        self.about.describe(Words { labels, descriptions });
        let applied = self.state.join("applied");
        // Where it cannot be written, the next start applies the same again, which changes nothing.
        let _ = std::fs::write(applied, mark(&loaded));
        self.about.declare(&loaded);
        self.about.tend(&self.handle, &loaded.tending);
        self.about.present(&loaded.consoles, self.begins.swap(false, Ordering::Relaxed));
        self.outside.follow(&loaded);
    }

    /// Reads the spec file again and applies it. Returns what came of it, in words.
    pub(super) async fn reload(&self) -> Result<String, String> {
        self.above.reloading();
        let result = self.load_again().await;
        self.above.reloaded(result.as_deref().unwrap_or_else(|why| why));
        result
    }

    async fn load_again(&self) -> Result<String, String> {
        let loaded = self.source.load(&self.logs());
        let loaded = loaded.map_err(|problems| {
            format!("the spec file is wrong, nothing has changed:\n{problems}")
        })?;
        let request = self.handle.by("SIGHUP").apply(loaded.tree.clone(), "signal");
        let done = request.await.map_err(|error| {
            format!("the spec file cannot be applied, nothing has changed: {}", in_full(&error))
        })?;
        self.is_present(loaded);
        let changes = done.plan.iter().filter(|step| step.act != Act::Keep).count();
        Ok(format!("the spec file was read again: {changes} children changed"))
    }
}

/// Returns whether the tree whose state is in this folder was last declared otherwise.
pub(super) fn has_changed(state: &Path, loaded: &Loaded) -> bool {
    std::fs::read_to_string(state.join("applied")).unwrap_or_default() != mark(loaded)
}

/// Returns what tells two declarations apart: all that follows from them, and no secret.
fn mark(loaded: &Loaded) -> String {
    let mut hasher = DefaultHasher::new();
    if let Ok((mut spec, _)) = loaded.tree.clone().into_spec() {
        // Drawn anew each time where nothing is said about it.
        spec.seed = 0;
        format!("{spec:?}").hash(&mut hasher);
    }
    format!("{:016x}\n", hasher.finish())
}

impl Specs for FileSpecs {
    fn load(&self, text: Option<&str>) -> Result<Tree, Problem> {
        let source = match (text, &self.source) {
            (None, source) => source.clone(),
            (Some(text), Source::File(path)) => {
                let folder = path.parent().unwrap_or_else(|| Path::new("/"));
                Source::Text(text.to_owned(), folder.to_owned())
            }
            (Some(text), Source::Text(_, folder)) => Source::Text(text.to_owned(), folder.clone()),
        };
        let loaded = source.load(&self.logs()).map_err(|problems| problem(&problems))?;
        let tree = loaded.tree.clone();
        *self.loaded.lock().unwrap_or_else(PoisonError::into_inner) = Some(loaded);
        Ok(tree)
    }

    fn fragment(&self, text: &str, _: &str) -> Result<Vec<Node>, Problem> {
        let environment = |name: &str| std::env::var(name).ok();
        let as_if = match &self.source {
            Source::File(path) => path.clone(),
            Source::Text(_, folder) => folder.join("mainstay.yaml"),
        };
        let logs = self.logs();
        let found = spec::fragment(text, &as_if, &environment, Some(&logs));
        let found = found.map_err(|problems| problem(&problems))?;
        let is_plain =
            found.consoles.is_empty() && found.listeners.is_empty() && found.printed.is_empty();
        if found.tending != Tending::default() || !is_plain {
            return Err(Problem {
                code: "spec".into(),
                text:
                    "`schedule`, `restart_on_change`, `console`, `listener` and `output_events` are kept by the spec file alone"
                        .into(),
                hint: Some(
                    "write the child there, and bring the tree in line: `mainstay apply`".into(),
                ),
                details: Vec::new(),
            });
        }
        Ok(found.children.into_iter().map(|(_, child)| child).collect())
    }

    fn applied(&self, _: Option<&str>) {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(loaded) = loaded {
            self.above.reloading();
            self.is_present(loaded);
            self.above.reloaded("another declaration was applied");
        }
    }
}

/// Returns what is wrong with a spec as an answer.
pub(super) fn problem(problems: &SpecProblems) -> Problem {
    let details = problems.details();
    let text = match details.len() {
        1 => "the spec is wrong".to_owned(),
        count => format!("the spec is wrong in {count} places"),
    };
    Problem { code: "spec".into(), text, hint: None, details }
}

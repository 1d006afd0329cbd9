//! What the program has to tell about itself, and how it becomes another one.

use super::Settings;
use super::clock::wall;
use super::dump::Dump;
use super::link::{Keeper, Orders};
use super::own::Own;
use crate::api::{self, Book, Program};
use crate::console::{Consoles, Declared, Surroundings};
use crate::hook::Hooks;
use crate::listener::Listeners;
use crate::spec::Loaded;
use crate::tend::{Tended, Tending, tend};
use mainstay::Handle;
use mainstay_wire::Text;
use mainstay_wire::api::{self as api_form, Problem};
use mainstay_wire::keeper::{Order, Silence};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// How long a keeper may take to become another program.
const UPGRADE: Duration = Duration::from_secs(30);

/// What the spec says about children and the tree does not know, by path.
#[derive(Default)]
pub(super) struct Words {
    pub(super) labels: BTreeMap<String, BTreeMap<String, String>>,
    pub(super) descriptions: BTreeMap<String, String>,
}

/// The program.
pub(super) struct About {
    keeper: Arc<Keeper>,
    orders: Orders,
    keeper_command: Vec<Text>,
    began: i64,
    brain_began: i64,
    spec_file: Option<PathBuf>,
    notices: Mutex<Vec<String>>,
    words: Mutex<Words>,
    /// What is done by the clock and at changes of files.
    tended: Mutex<Option<Tended>>,
    /// What is open on the network.
    consoles: Mutex<Option<Consoles>>,
    /// What a person must see of the program itself.
    own: Mutex<Own>,
    hooks: OnceLock<Arc<Hooks>>,
    listeners: OnceLock<Arc<Listeners>>,
    dump: Arc<Dump>,
    /// How long the brain may give no sign of life, in milliseconds; 0: for ever.
    watchdog: AtomicU64,
}

impl About {
    pub(super) fn new(
        settings: &Settings,
        keeper: Arc<Keeper>,
        orders: Orders,
        began: i64,
        notices: Vec<String>,
        dump: Arc<Dump>,
    ) -> Self {
        let spec_file = match &settings.source {
            super::Source::File(path) => Some(path.clone()),
            super::Source::Text(..) => None,
        };
        Self {
            keeper,
            orders,
            keeper_command: settings.keeper_command.clone(),
            began,
            brain_began: wall(),
            spec_file,
            notices: Mutex::new(notices),
            words: Mutex::default(),
            tended: Mutex::default(),
            consoles: Mutex::default(),
            own: Mutex::new(Own::open(&settings.state)),
            hooks: OnceLock::new(),
            listeners: OnceLock::new(),
            dump,
            watchdog: AtomicU64::new(0),
        }
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells these hooks of troubles from now on.
    pub(super) fn tell(&self, hooks: &Arc<Hooks>) {
        // There is one in a life of the program.
        let _ = self.hooks.set(Arc::clone(hooks));
        let _ = self.dump.hooks.set(Arc::clone(hooks));
    }

    /// Tells these listeners of events from now on.
    pub(super) fn take_listeners(&self, listeners: &Arc<Listeners>) {
        // There is one in a life of the program.
        let _ = self.listeners.set(Arc::clone(listeners));
    }

    /// Takes what the spec file says to hooks, to listeners and to the watchdog.
    pub(super) fn declare(&self, loaded: &Loaded) {
        if let Some(hooks) = self.hooks.get() {
            hooks.declare(loaded.hooks.clone(), loaded.labels.clone());
        }
        if let Some(listeners) = self.listeners.get() {
            listeners.declare(loaded.listeners.clone(), loaded.printed.clone());
        }
        let watchdog = u64::try_from(loaded.watchdog.as_millis()).unwrap_or(u64::MAX);
        self.watchdog.store(watchdog, Ordering::Relaxed);
    }

    /// Returns how long the brain may give no sign of life; zero: for ever.
    pub(super) fn watchdog(&self) -> Duration {
        Duration::from_millis(self.watchdog.load(Ordering::Relaxed))
    }

    /// Somebody has seen the alerts of the root, which are those of the program too.
    pub(super) fn seen(&self, who: &str, why: &str) {
        self.own().acknowledge(who, why, wall());
    }

    /// The brain before this one gave no sign of life. `dump` is what it has left.
    pub(super) fn silent(&self, silence: Silence, dump: Option<PathBuf>) -> String {
        let Silence { pid, lasted } = silence;
        let left = dump.map_or_else(
            || "it left no dump".to_owned(),
            |path| format!("its dump: {}", path.display()),
        );
        let text = format!(
            "the brain before this one (pid {pid}) gave no sign of life for {} s, and was ended; {left}",
            lasted.as_secs()
        );
        self.notice(text.clone());
        self.own().raise("brain-silent", &text, wall());
        self.own().end("brain-silent");
        if let Some(hooks) = self.hooks.get() {
            hooks.program("brain", Some(&text));
            hooks.program("brain", None);
        }
        text
    }

    /// Notes something that a person should know.
    pub(super) fn notice(&self, text: String) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if !notices.contains(&text) {
            notices.push(text);
        }
    }

    /// Notes what keeps something from being written, or that nothing does any more.
    pub(super) fn unwritten(&self, what: &str, trouble: Option<&str>) {
        let beginning = format!("{what} cannot be written: ");
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.retain(|notice| !notice.starts_with(&beginning));
        notices.extend(trouble.map(|why| format!("{beginning}{why}")));
        drop(notices);
        let kind = format!("{}-unwritten", what.trim_start_matches("the ").replace(' ', "-"));
        match trouble {
            Some(why) => self.own().raise(&kind, &format!("{beginning}{why}"), wall()),
            None => self.own().end(&kind),
        }
    }

    /// The same, and hooks are told.
    pub(super) fn journal_is(&self, what: &str, trouble: Option<&str>) {
        self.unwritten(what, trouble);
        if let Some(hooks) = self.hooks.get() {
            let text = trouble.map(|why| format!("{what} cannot be written: {why}"));
            hooks.program(what.rsplit(' ').next().unwrap_or(what), text.as_deref());
        }
    }

    /// Notes what keeps something from being served, or that nothing does any more. Returns whether that is news.
    pub(super) fn unserved(&self, what: &str, trouble: Option<&str>) -> bool {
        let beginning = format!("{what} cannot be served: ");
        let notice = trouble.map(|why| format!("{beginning}{why}"));
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        let before = notices.iter().find(|notice| notice.starts_with(&beginning)).cloned();
        notices.retain(|notice| !notice.starts_with(&beginning));
        let is_news = before != notice;
        notices.extend(notice);
        is_news
    }

    /// Notes what the spec says about children.
    pub(super) fn describe(&self, words: Words) {
        *self.words.lock().unwrap_or_else(PoisonError::into_inner) = words;
    }

    /// Begins to tend these, in place of what was tended before.
    pub(super) fn tend(&self, handle: &Handle, tending: &Tending) {
        let mut tended = self.tended.lock().unwrap_or_else(PoisonError::into_inner);
        // The one before ends first: nothing is done twice.
        *tended = None;
        *tended = Some(tend(handle, tending));
    }

    /// Takes charge of the consoles of this tree, none of which is open yet.
    pub(super) fn take_consoles(self: &Arc<Self>, handle: &Handle, book: Arc<dyn Book>) {
        let (keeper, teller) = (Arc::downgrade(self), Arc::downgrade(self));
        let surroundings = Surroundings {
            keeper: Box::new(move || keeper.upgrade().map_or(0, |about| about.keeper_pid())),
            folder: std::env::current_dir().unwrap_or_default().display().to_string(),
            book,
        };
        let tell = Arc::new(move |path: &str, trouble| {
            if let Some(about) = teller.upgrade() {
                about.console(path, trouble);
            }
        });
        let consoles = Consoles::new(handle.clone(), surroundings, tell);
        *self.consoles.lock().unwrap_or_else(PoisonError::into_inner) = Some(consoles);
    }

    /// Opens these, and closes those that are not among them.
    pub(super) fn present(&self, declared: &BTreeMap<String, Declared>, begins: bool) {
        let mut consoles = self.consoles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(consoles) = &mut *consoles {
            consoles.present(declared, begins);
        }
    }

    /// Lets those who look on see the last of it.
    pub(super) async fn close_consoles(&self) {
        let consoles = self.consoles.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(consoles) = consoles {
            consoles.close().await;
        }
    }

    /// Notes what keeps a console from working, or that nothing does any more.
    pub(super) fn console(&self, path: &str, trouble: Option<String>) {
        self.note(format!("the console of {path}: "), trouble);
    }

    /// Notes what is wrong with an event listener, or that nothing is any more.
    pub(super) fn listener(&self, whose: &str, trouble: Option<String>) {
        self.note(format!("event listeners, {whose}: "), trouble);
    }

    fn note(&self, beginning: String, trouble: Option<String>) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.retain(|notice| !notice.starts_with(&beginning));
        notices.extend(trouble.map(|why| format!("{beginning}{why}")));
    }

    pub(super) fn keeper_pid(&self) -> u32 {
        self.keeper.pid.load(Ordering::Relaxed)
    }
}

impl About {
    /// What takes the keeper's place must be able to: what is something else would end it.
    fn check(&self, program: Option<&str>) -> Result<(), Problem> {
        let own = self.keeper_command.first().map(ToString::to_string).unwrap_or_default();
        let program = program.unwrap_or(&own);
        let answer = std::process::Command::new(program).arg("--version").output();
        let what = match answer {
            Ok(output) if output.stdout.starts_with(b"mainstay ") && output.status.success() => {
                return Ok(());
            }
            Ok(_) => "does not say that it is mainstay when it is asked for its version".to_owned(),
            Err(error) => format!("cannot be executed: {error}"),
        };
        Err(Problem {
            code: "upgrade-refused".into(),
            text: format!("`{program}` {what}; nothing has changed"),
            hint: Some("name the file of a mainstay, or put it where this one is".into()),
            details: Vec::new(),
        })
    }
}

impl Program for About {
    fn about(&self) -> api::About {
        api::About {
            began_at: Some(self.began),
            brain_began_at: Some(self.brain_began),
            brain_restarts: self.keeper.brain_restarts.load(Ordering::Relaxed),
            keeper_pid: Some(self.keeper_pid()).filter(|pid| *pid != 0),
            spec_file: self.spec_file.as_ref().map(|path| path.display().to_string()),
            notices: self.notices.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            ..api::About::default()
        }
    }

    fn alerts(&self) -> Vec<api_form::Alert> {
        self.own().all()
    }

    fn hooks(&self) -> Vec<String> {
        self.hooks.get().map_or_else(Vec::new, |hooks| hooks.names())
    }

    fn deliveries(&self) -> Vec<api_form::Delivery> {
        self.hooks.get().map_or_else(Vec::new, |hooks| hooks.deliveries())
    }

    fn test_hook(&self, hook: &str) -> Result<String, Problem> {
        let refused = |code: &str, text: String, hint: Option<String>| Problem {
            code: code.into(),
            text,
            hint,
            details: Vec::new(),
        };
        let Some(hooks) = self.hooks.get() else {
            let text = "the program has only begun: it tells no hooks yet".to_owned();
            return Err(refused("refused", text, None));
        };
        // Called where somebody waits for it, on a thread that may wait.
        let told = tokio::runtime::Handle::current().block_on(hooks.test(hook));
        let hint = "`mainstay hooks` lists what each hook was told, and what came of it";
        told.map(|text| format!("{hook} has taken a test: {text}"))
            .map_err(|why| refused("hook-failed", format!("{hook}: {why}"), Some(hint.into())))
    }

    fn dump(&self) -> Option<String> {
        Some(self.dump.text())
    }

    fn labels(&self, path: &str) -> BTreeMap<String, String> {
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        words.labels.get(path).cloned().unwrap_or_default()
    }

    fn description(&self, path: &str) -> Option<String> {
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        words.descriptions.get(path).cloned()
    }

    fn next_start(&self, path: &str) -> Option<i64> {
        let tended = self.tended.lock().unwrap_or_else(PoisonError::into_inner);
        tended.as_ref()?.next(path)
    }

    fn upgrade(&self, program: Option<&str>) -> Result<String, Problem> {
        self.check(program)?;
        let before = self.keeper.met.load(Ordering::Acquire);
        let program = program.map(Text::from);
        let named =
            program.as_ref().map_or_else(|| "what is in its file now".into(), ToString::to_string);
        let mut arguments = self.keeper_command.clone();
        if let (Some(program), Some(first)) = (&program, arguments.first_mut()) {
            first.clone_from(program);
        }
        self.orders.send(Order::Upgrade { program, arguments });
        // The keeper greets once it has become the other program; until it does this brain goes on.
        let until = std::time::Instant::now() + UPGRADE;
        while self.keeper.met.load(Ordering::Acquire) == before {
            if std::time::Instant::now() >= until {
                return Err(Problem {
                    code: "upgrade-failed".into(),
                    text: format!("the keeper has not become {named} within {UPGRADE:?}"),
                    hint: Some(
                        "nothing has changed; the log of the daemon says what the keeper met with"
                            .into(),
                    ),
                    details: Vec::new(),
                });
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        // The answer goes out before this brain ends; the keeper starts the next one at once.
        self.keeper.leave_alone();
        Ok(format!("the keeper has become {named}, and the brain follows"))
    }
}

//! What the program around a tree adds to what the tree itself knows.

use mainstay_wire::api::{Alert, ConsoleNote, Delivery, Event, Journal, Problem, Run};
use std::collections::BTreeMap;
use std::io;

/// What has been written down. Each call may read files: none is made on a thread of the runtime.
pub trait Book: Send + Sync + 'static {
    /// Returns the runs that have ended, the latest first: of one child and all below it or of all, only those that
    /// ended before the moment `before`, at most `limit`.
    ///
    /// # Errors
    ///
    /// The history cannot be read.
    fn runs(&self, path: Option<&str>, before: Option<i64>, limit: usize) -> io::Result<Vec<Run>>;

    /// Returns all that is known of one run, live or ended.
    ///
    /// # Errors
    ///
    /// The history cannot be read.
    fn run(&self, path: &str, run: u64) -> io::Result<Option<Run>>;

    /// Returns the events from the number `from` on, the oldest first and at most `limit`: what the tree itself has
    /// forgotten.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    fn events(&self, from: u64, limit: usize) -> io::Result<Vec<Event>>;

    /// Takes down what somebody did at the terminal of a child. It does not wait.
    fn note(&self, note: &ConsoleNote);

    /// Returns what was done at terminals, the latest first: of one child and all below it or of all, only what was
    /// done before the moment `before`, at most `limit`.
    ///
    /// # Errors
    ///
    /// The notes cannot be read.
    fn notes(
        &self,
        path: Option<&str>,
        before: Option<i64>,
        limit: usize,
    ) -> io::Result<Vec<ConsoleNote>>;

    /// Returns how the journal is.
    fn journal(&self) -> Journal;

    /// Returns how many records of the journal are not on the disk yet.
    fn lag(&self) -> u64 {
        0
    }

    /// Waits until what was decided before the call is on the disk. Returns false where that cannot be.
    fn durable(&self) -> bool;

    /// Returns why commands that would have to be remembered are refused at present: a journal that cannot be
    /// written. `start`, `stop` and `drain` are carried out nevertheless.
    fn refuses(&self) -> Option<String>;
}

/// Where declarations come from. Without it `add` and `apply` are refused.
pub trait Specs: Send + Sync + 'static {
    /// Reads a spec file: this text, or the program's own file once more.
    ///
    /// # Errors
    ///
    /// Everything wrong with it.
    fn load(&self, text: Option<&str>) -> Result<mainstay::Tree, Problem>;

    /// Reads the text of a map of children, with `children:` around it or without: what is to be added below the child at `above`.
    ///
    /// # Errors
    ///
    /// Everything wrong with it.
    fn fragment(&self, text: &str, above: &str) -> Result<Vec<mainstay::Node>, Problem>;

    /// Hears that the tree which was loaded from this text is the present one now.
    fn applied(&self, _text: Option<&str>) {}
}

/// The program that answers. Without it the answers speak of a service that embeds the library.
pub trait Program: Send + Sync + 'static {
    /// Returns what there is to know about it.
    fn about(&self) -> About;

    /// Returns the labels that the spec gives to a child.
    fn labels(&self, _path: &str) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// Returns when the schedule of a child starts it next, in milliseconds since 1970; none for who has no schedule.
    fn next_start(&self, _path: &str) -> Option<i64> {
        None
    }

    /// Returns what the spec says that a child is for.
    fn description(&self, _path: &str) -> Option<String> {
        None
    }

    /// Returns what a person must see about the program itself.
    fn alerts(&self) -> Vec<Alert> {
        Vec::new()
    }

    /// Returns the names of the hooks that are declared.
    fn hooks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns what hooks were told and are to be told, the latest first.
    fn deliveries(&self) -> Vec<Delivery> {
        Vec::new()
    }

    /// Tells a hook of a fact that is none. Returns what came of it, in words. It may take as long as the hook may.
    ///
    /// # Errors
    ///
    /// There is no such hook, or its receiver has not taken it.
    fn test_hook(&self, hook: &str) -> Result<String, Problem> {
        Err(Problem {
            code: "unknown-hook".into(),
            text: format!("there is no hook `{hook}`: this program has none"),
            hint: Some("hooks are declared in the spec file of a daemon".into()),
            details: Vec::new(),
        })
    }

    /// Returns what the program is doing, for whoever looks for the reason why it stands still; absent: it does not
    /// know. It may read files.
    fn dump(&self) -> Option<String> {
        None
    }

    /// Replaces it by another program, with everything kept. Returns what is done, in words.
    ///
    /// # Errors
    ///
    /// The program cannot be replaced, and why.
    fn upgrade(&self, program: Option<&str>) -> Result<String, Problem>;
}

/// What there is to know about the program that answers.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Its version; empty: that of this crate.
    pub version: String,
    /// When the tree began, over restarts of the program; absent: with the program.
    pub began_at: Option<i64>,
    /// When this process began; absent: when its [`Service`](super::Service) was made.
    pub brain_began_at: Option<i64>,
    /// How often it has been started again by the present keeper.
    pub brain_restarts: u32,
    /// The process that holds all others.
    pub keeper_pid: Option<u32>,
    /// The spec file.
    pub spec_file: Option<String>,
    /// What a person should know about the program itself.
    pub notices: Vec<String>,
}

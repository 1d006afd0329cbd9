//! A brain for tests: gives orders to a keeper on a thread and waits for its facts.
#![allow(dead_code, unused_imports, reason = "each test takes from here what it needs")]
#![allow(clippy::wildcard_enum_match_arm, reason = "what nobody waits for is let go")]

pub(crate) mod apart;

use mainstay_keeper::{Keeper, Settings};
use mainstay_wire::Text;
use mainstay_wire::keeper::{Ended, Fact, Key, Notice, Order, Report, StartError, Status, Whom};
use mainstay_wire::process::{Environment, Process};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Far longer than anything here takes: a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const TERM: u8 = 15;
pub(crate) const KILL: u8 = 9;

pub(crate) struct Brain {
    pub(crate) keeper: Keeper,
    reports: Receiver<Report>,
}

impl Brain {
    pub(crate) fn new() -> Self {
        let (tell, reports) = channel();
        let tell = Box::new(move |report| drop(tell.send(report)));
        let keeper = Keeper::thread(&Settings::default(), tell).expect("a keeper");
        Self { keeper, reports }
    }

    pub(crate) fn start(&self, child: &str, run: u64, process: Process) -> Key {
        let key = key(child, run);
        self.keeper.order(Order::Start { key: key.clone(), process: Arc::new(process) });
        key
    }

    /// Starts a run and waits until it has begun.
    pub(crate) fn begin(&self, child: &str, run: u64, process: Process) -> (Key, u32) {
        let key = self.start(child, run, process);
        let pid = self.started(&key);
        (key, pid)
    }

    pub(crate) fn signal(&self, key: &Key, signal: u8, whom: Whom) {
        self.keeper.order(Order::Signal { key: key.clone(), signal, whom });
    }

    pub(crate) fn kill(&self, key: &Key) {
        self.keeper.order(Order::Kill(key.clone()));
    }

    /// Waits for the next fact.
    pub(crate) fn fact(&self) -> Fact {
        loop {
            let report = self.reports.recv_timeout(PATIENCE).expect("a report in time");
            if let Report::Fact { fact, .. } = report {
                return fact;
            }
        }
    }

    /// Returns a fact that has come, without waiting for one.
    pub(crate) fn fact_at_hand(&self) -> Option<Fact> {
        self.reports.try_iter().find_map(|report| match report {
            Report::Fact { fact, .. } => Some(fact),
            _ => None,
        })
    }

    /// Waits for the next fact that `pick` wants; others are let go.
    pub(crate) fn wait<T>(&self, mut pick: impl FnMut(Fact) -> Option<T>) -> T {
        loop {
            if let Some(picked) = pick(self.fact()) {
                return picked;
            }
        }
    }

    pub(crate) fn started(&self, key: &Key) -> u32 {
        self.wait(|fact| match fact {
            Fact::Started { key: of, pid, .. } if of == *key => Some(pid),
            Fact::Ended { key: of, ended } if of == *key => panic!("it ended: {ended:?}"),
            _ => None,
        })
    }

    /// Waits until the run says something that is no plain word.
    pub(crate) fn said(&self, key: &Key) -> Notice {
        self.wait(|fact| match fact {
            Fact::Said { key: of, notice } if of == *key => Some(notice),
            Fact::Ended { key: of, ended } if of == *key => panic!("it ended: {ended:?}"),
            _ => None,
        })
    }

    /// Waits until the run says this.
    pub(crate) fn says(&self, key: &Key, notice: &Notice) {
        self.wait(|fact| match fact {
            Fact::Said { key: of, notice: said } if of == *key && said == *notice => Some(()),
            Fact::Ended { key: of, ended } if of == *key => panic!("it ended: {ended:?}"),
            _ => None,
        });
    }

    /// Waits until the status of the run is this.
    pub(crate) fn status(&self, key: &Key, text: &str) {
        self.says(key, &Notice::Status(text.into()));
    }

    /// Waits until the status of the run begins with this and returns the rest.
    pub(crate) fn status_after(&self, key: &Key, start: &str) -> String {
        self.wait(|fact| match fact {
            Fact::Said { key: of, notice: Notice::Status(text) } if of == *key => {
                text.to_str_lossy().strip_prefix(start).map(str::to_owned)
            }
            Fact::Ended { key: of, ended } if of == *key => panic!("it ended: {ended:?}"),
            _ => None,
        })
    }

    pub(crate) fn ended(&self, key: &Key) -> Ended {
        self.wait(|fact| match fact {
            Fact::Ended { key: of, ended } if of == *key => Some(ended),
            _ => None,
        })
    }

    /// Runs something to its end and returns how it ended.
    pub(crate) fn run(&self, child: &str, process: Process) -> Ended {
        let key = self.start(child, 1, process);
        self.ended(&key)
    }

    /// Runs something that ends with 0 and returns the lines it printed.
    pub(crate) fn prints(&self, child: &str, process: Process) -> Vec<Text> {
        let ended = self.run(child, process);
        assert_eq!(ended.status, Status::Code(0), "{:?}", ended.last);
        ended.last
    }

    /// The same as one text.
    pub(crate) fn tells(&self, child: &str, process: Process) -> String {
        text(&self.prints(child, process))
    }

    /// Starts what does not start and returns why.
    pub(crate) fn refused(&self, child: &str, process: Process) -> StartError {
        match self.run(child, process).status {
            Status::NotStarted(error) => error,
            status => panic!("it started: {status:?}"),
        }
    }
}

pub(crate) fn key(child: &str, run: u64) -> Key {
    Key { child: child.into(), run }
}

pub(crate) fn program(command: &[&str]) -> Process {
    let mut process = Process {
        command: command.iter().map(|word| (*word).into()).collect(),
        ..Process::default()
    };
    process.output.last = Some(1 << 20);
    process
}

pub(crate) fn shell(script: &str) -> Process {
    program(&["/bin/sh", "-c", script])
}

/// A puppet that takes these steps.
pub(crate) fn puppet(steps: &[&str]) -> Process {
    let path = puppet::program();
    let path = path.to_str().expect("a path of text");
    program(&[&[path], steps].concat())
}

/// An environment in which nothing is inherited.
pub(crate) fn clean(set: &[(&str, &str)]) -> Environment {
    let set = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Environment { inherit: Vec::new(), set }
}

pub(crate) fn text(lines: &[Text]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| line.to_str_lossy().into_owned()).collect();
    lines.join("\n")
}

/// Returns the value in a line `name=value`.
pub(crate) fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name} in {text}"))
}

/// Returns the value in a line of `/proc/self/status`.
pub(crate) fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    found.unwrap_or_else(|| panic!("no {name} in {text}")).trim()
}

pub(crate) fn lives(pid: u32) -> bool {
    let mut proc = mainstay_keeper::contain::Proc::open().expect("/proc");
    proc.stat(pid).is_some_and(|stat| !stat.is_gone())
}

/// A folder in which other users may write.
pub(crate) fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let open = std::fs::Permissions::from_mode(0o1777);
    std::fs::set_permissions(folder.path(), open).expect("rights");
    folder
}

pub(crate) fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_str().expect("a path of text").to_owned()
}

pub(crate) fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("not tested: it takes root");
    }
    is_root
}

//! A brain for tests: gives orders to a keeper on a thread and waits for its facts.

use mainstay_keeper::{Keeper, Settings};
use mainstay_wire::keeper::{Ended, Fact, Key, Order, Report};
use mainstay_wire::process::Process;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Far longer than anything here takes: a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Brain {
    pub keeper: Keeper,
    reports: Receiver<Report>,
}

impl Brain {
    pub fn new() -> Self {
        let (tell, reports) = channel();
        let tell = Box::new(move |report| drop(tell.send(report)));
        let keeper = Keeper::thread(&Settings::default(), tell).expect("a keeper");
        Self { keeper, reports }
    }

    pub fn start(&self, child: &str, run: u64, process: Process) -> Key {
        let key = key(child, run);
        self.keeper.order(Order::Start { key: key.clone(), process: Arc::new(process) });
        key
    }

    /// Waits for the next fact that `pick` wants; others are let go.
    pub fn wait<T>(&self, mut pick: impl FnMut(Fact) -> Option<T>) -> T {
        loop {
            let report = self.reports.recv_timeout(PATIENCE).expect("a report in time");
            if let Report::Fact { fact, .. } = report
                && let Some(picked) = pick(fact)
            {
                return picked;
            }
        }
    }

    pub fn started(&self, key: &Key) -> u32 {
        self.wait(|fact| match fact {
            Fact::Started { key: of, pid, .. } if of == *key => Some(pid),
            Fact::Ended { key: of, ended } if of == *key => panic!("it ended: {ended:?}"),
            _ => None,
        })
    }

    pub fn ended(&self, key: &Key) -> Ended {
        self.wait(|fact| match fact {
            Fact::Ended { key: of, ended } if of == *key => Some(ended),
            _ => None,
        })
    }
}

pub fn key(child: &str, run: u64) -> Key {
    Key { child: child.into(), run }
}

pub fn process(command: &[&str]) -> Process {
    Process { command: command.iter().map(|word| (*word).into()).collect(), ..Process::default() }
}

pub fn shell(script: &str) -> Process {
    process(&["/bin/sh", "-c", script])
}

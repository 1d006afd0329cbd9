//! The keeper, with a brain that starts at once whatever ends: as a thread, and as a process of its own.

use super::{Job, Supervisor};
use mainstay_keeper::{Client, Keeper, Settings, keep};
use mainstay_wire::Text;
use mainstay_wire::keeper::{Fact, Key, Order, Report, Whom};
use mainstay_wire::process::{Contain, Environment, Output, Process, Streams};
use rustix::process::{Pid, Signal};
use std::collections::BTreeSet;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// The word by which this program finds that it is to be a keeper.
pub(crate) const KEEPER: &str = "--as-keeper";

/// How the children are held.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) contain: Contain,
    pub(crate) streams: Streams,
}

impl Manner {
    /// As little as the reference does.
    pub(crate) const BARE: Self = Self { contain: Contain::Main, streams: Streams::Null };
    /// As is usual: held by the best means, with their output read.
    pub(crate) const USUAL: Self = Self { contain: Contain::Best, streams: Streams::Merged };
}

fn process(words: &[Text], manner: Manner) -> Arc<Process> {
    Arc::new(Process {
        command: words.to_vec(),
        environment: Environment { inherit: Vec::new(), set: Vec::new() },
        output: Output { streams: manner.streams, ..Output::default() },
        contain: manner.contain,
        ..Process::default()
    })
}

/// A brain that starts at once whatever ends, until it is to stop.
struct Brain {
    process: Arc<Process>,
    count: usize,
    live: BTreeSet<Key>,
    ended: usize,
    stops: bool,
}

impl Brain {
    fn new(count: usize, process: Arc<Process>) -> Self {
        Self { process, count, live: BTreeSet::new(), ended: 0, stops: false }
    }

    fn begin(&self) -> Vec<Order> {
        let key = |number| Key { child: format!("child-{number}").into(), run: 1 };
        (0..self.count).map(|number| self.start(key(number))).collect()
    }

    fn start(&self, key: Key) -> Order {
        Order::Start { key, process: Arc::clone(&self.process) }
    }

    fn stop(&mut self) -> Vec<Order> {
        self.stops = true;
        self.live.iter().cloned().map(end).collect()
    }

    fn is_done(&self) -> bool {
        self.stops && self.ended == self.count
    }

    /// Returns what is to be done about a report.
    fn hear(&mut self, report: Report) -> Option<Order> {
        let Report::Fact { fact, .. } = report else { return None };
        match fact {
            Fact::Started { key, .. } => {
                self.live.insert(key.clone());
                self.stops.then(|| end(key))
            }
            Fact::Ended { key, .. } => {
                self.live.remove(&key);
                if self.stops {
                    self.ended += 1;
                    return None;
                }
                Some(self.start(Key { run: key.run + 1, ..key }))
            }
            _ => None,
        }
    }
}

fn end(key: Key) -> Order {
    Order::Signal { key, signal: 15, whom: Whom::Main }
}

/// A keeper on a thread of this process, and its brain on another one.
pub(crate) struct Thread(Sender<Option<Report>>, JoinHandle<()>);

impl Thread {
    pub(crate) fn new(job: &Job<'_>, manner: Manner) -> Self {
        let words: Vec<Text> = job.words.iter().map(|word| word.as_path().into()).collect();
        let (tell, told): (_, Receiver<Option<Report>>) = channel();
        let teller = tell.clone();
        let tell_brain = Box::new(move |report| drop(teller.send(Some(report))));
        let keeper = Keeper::thread(&Settings::default(), tell_brain).expect("a keeper");
        let mut brain = Brain::new(job.count, process(&words, manner));
        let brain = std::thread::spawn(move || {
            let order = |order| keeper.order(order);
            brain.begin().into_iter().for_each(order);
            while !brain.is_done() {
                match told.recv().expect("the keeper lives") {
                    Some(report) => brain.hear(report).into_iter().for_each(order),
                    None => brain.stop().into_iter().for_each(order),
                }
            }
        });
        Self(tell, brain)
    }
}

impl Supervisor for Thread {
    fn stop(self: Box<Self>) {
        let Self(tell, brain) = *self;
        tell.send(None).expect("the brain lives");
        brain.join().expect("the brain ended well");
    }
}

/// A keeper that is a process, with a brain that is another one.
pub(crate) struct Apart(Child);

impl Apart {
    pub(crate) fn new(job: &Job<'_>, manner: Manner) -> Self {
        let program = std::env::current_exe().expect("this program");
        let usual = if manner.streams == Streams::Merged { "usual" } else { "bare" };
        let mut command = Command::new(program);
        command.arg(KEEPER).arg(usual).arg(job.count.to_string()).args(job.words);
        Self(command.spawn().expect("a keeper"))
    }
}

impl Supervisor for Apart {
    fn stop(mut self: Box<Self>) {
        let pid = Pid::from_child(&self.0);
        rustix::process::kill_process(pid, Signal::TERM).expect("it lives");
        let status = self.0.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }
}

/// What its processes are known by.
const IDENTITY: &str = "bench of a keeper";

/// Is the keeper, or its brain, of [`Apart`].
#[expect(
    clippy::disallowed_methods,
    reason = "the measured program ends here, whatever main would do"
)]
pub(crate) fn serve(words: &[Text]) {
    if std::env::var_os("MAINSTAY_KEEPER").is_none() {
        let settings = Settings { identity: IDENTITY.to_owned(), ..Settings::default() };
        let code = keep(&settings, words.to_vec()).expect("a keeper");
        std::process::exit(code.into());
    }
    let manner = if words[2] == Text::from("usual") { Manner::USUAL } else { Manner::BARE };
    let count = words[3].to_str_lossy().parse().expect("a count");
    let stops = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(15, Arc::clone(&stops)).expect("a handler");
    let mut client = Client::connect(IDENTITY).expect("a keeper");
    let mut brain = Brain::new(count, process(&words[4..], manner));
    for order in brain.begin() {
        client.order(&order).expect("the keeper lives");
    }
    while !brain.is_done() {
        if stops.swap(false, Ordering::Relaxed) {
            for order in brain.stop() {
                client.order(&order).expect("the keeper lives");
            }
            continue;
        }
        let Some(report) = client.next(Some(Duration::from_millis(10))).expect("the keeper lives")
        else {
            continue;
        };
        if let Report::Fact { seq, .. } = report {
            client.order(&Order::Acknowledge(seq)).expect("the keeper lives");
        }
        if let Some(order) = brain.hear(report) {
            client.order(&order).expect("the keeper lives");
        }
    }
    client.order(&Order::Leave { kill: true }).expect("the keeper lives");
    std::process::exit(0);
}

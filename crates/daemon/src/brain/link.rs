//! The way to the keeper: a thread that hands over orders, hears reports, and makes another keeper when the one that
//! was there has died.

use super::Voice;
use super::above::Above;
use crate::journal::{Journal, When};
use crate::otlp::Exporter;
use mainstay::durable::{Link, Orders as KeeperOrders, Tell};
use mainstay_keeper::Client;
use mainstay_wire::Text;
use mainstay_wire::keeper::{Key, Order, Report};
use mainstay_wire::process::Process;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::OwnedFd;
use std::io;
use std::os::unix::process::CommandExt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;
use tokio::sync::Notify;

/// How long after a keeper could not be made the next attempt follows.
const AGAIN: Duration = Duration::from_secs(1);

/// The tree's end.
pub(super) struct KeeperLink {
    orders: mpsc::Sender<Order>,
    wake: Arc<OwnedFd>,
    journal: Arc<Journal>,
    voice: Arc<Voice>,
    keeper: Arc<Keeper>,
    exporter: Arc<Exporter>,
    last: Last,
    gone: Mutex<mpsc::Receiver<()>>,
}

/// What others want to know of the keeper.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    /// Its process.
    pub(super) pid: AtomicU32,
    /// Who supervises both.
    pub(super) above: Above,
    /// How often it has started a brain again.
    pub(super) brain_restarts: AtomicU32,
    /// How often a keeper has greeted this brain.
    pub(super) met: AtomicU32,
    /// This brain ends and its keeper stays.
    stays: AtomicBool,
    /// Told when that is so.
    pub(super) left: Notify,
    /// Told once it has been told to leave: a brain that ends before that is started again.
    pub(super) dismissed: Notify,
}

impl Keeper {
    pub(super) fn new(above: Above) -> Self {
        Self { above, ..Self::default() }
    }

    /// One has greeted: where it is another one than before, it is the main process from here on.
    fn is_there(&self, pid: u32) {
        if self.pid.swap(pid, Ordering::Relaxed) != pid {
            self.above.main(pid);
        }
    }

    /// Has this brain end without its keeper: the next one goes on.
    pub(super) fn leave_alone(&self) {
        self.stays.store(true, Ordering::Release);
        self.left.notify_one();
    }

    fn is_left_alone(&self) -> bool {
        self.stays.load(Ordering::Acquire)
    }
}

/// Gives the keeper orders that the tree knows nothing of.
#[derive(Clone, Default)]
pub(super) struct Orders(Arc<Mutex<Option<Ends>>>);

/// Where orders are put, and what wakes the one that hands them over.
type Ends = (mpsc::Sender<Order>, Arc<OwnedFd>);

impl Orders {
    pub(super) fn connect(&self, link: &KeeperLink) {
        let ends = (link.orders.clone(), Arc::clone(&link.wake));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ends);
    }

    pub(super) fn send(&self, order: Order) {
        if let Some((orders, wake)) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            KeeperLink::put(orders, wake, order);
        }
    }
}

/// How a keeper is started where the one that was there has died, and how it starts brains.
#[derive(Clone, Debug)]
pub(super) struct Commands {
    pub(super) keeper: Vec<Text>,
    pub(super) brain: Vec<Text>,
}

/// Hears reports before the tree does, and returns those that are for the tree.
pub(super) type Hear = Box<dyn Fn(Report) -> Option<Report> + Send>;

/// Does what needs a keeper and is to be done before it leaves.
pub(super) type Last = Box<dyn Fn() + Send + Sync>;

/// Begins to hear the keeper.
pub(super) fn begin(
    client: Client,
    commands: Commands,
    journal: Arc<Journal>,
    voice: Arc<Voice>,
    (keeper, hear, last, exporter): (Arc<Keeper>, Hear, Last, Arc<Exporter>),
    tell: Tell,
) -> io::Result<KeeperLink> {
    let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let (orders, given) = mpsc::channel();
    let (ends, gone) = mpsc::channel();
    let line = Line {
        client,
        commands,
        given,
        wake: Arc::clone(&wake),
        voice: Arc::clone(&voice),
        keeper: Arc::clone(&keeper),
        hear,
        tell,
        _ends: ends,
    };
    std::thread::Builder::new().name("mainstay-link".into()).spawn(move || line.serve())?;
    let gone = Mutex::new(gone);
    Ok(KeeperLink { orders, wake, journal, voice, keeper, exporter, last, gone })
}

impl KeeperLink {
    fn put(orders: &mpsc::Sender<Order>, wake: &OwnedFd, order: Order) {
        if orders.send(order).is_ok() {
            // A counter that is full has not been read for ages.
            let _ = rustix::io::write(wake, &1_u64.to_ne_bytes());
        }
    }
}

impl KeeperLink {
    /// Tells a run into which trace its own work belongs, unless its spec says so.
    fn belong(&self, key: &Key, process: &mut Arc<Process>) {
        let name = Text::from("TRACEPARENT");
        let is_said = process.environment.set.iter().any(|(known, _)| *known == name);
        if let Some(parent) = self.exporter.parent(&key.child, key.run).filter(|_| !is_said) {
            let environment = &mut Arc::make_mut(process).environment;
            environment.set.push((name, Text::from(parent)));
        }
    }
}

impl Link for KeeperLink {
    fn order(&self, order: Order) {
        let order = match order {
            Order::Leave { .. } if self.keeper.is_left_alone() => return,
            Order::Acknowledge(seq) => {
                // The keeper forgets it only once it is written down what became of it. What the disk does not take
                // is not told again either: the tree has decided on it.
                let (orders, wake) = (self.orders.clone(), Arc::clone(&self.wake));
                let tell = move |_| Self::put(&orders, &wake, Order::Acknowledge(seq));
                let last = self.journal.state().last;
                return self.journal.when(last, When::Written, Box::new(tell));
            }
            Order::Start { key, mut process } => {
                self.voice.lend(&key.child, &mut process);
                self.belong(&key, &mut process);
                Order::Start { key, process }
            }
            Order::Change { key, mut process } => {
                self.voice.lend(&key.child, &mut process);
                Order::Change { key, process }
            }
            Order::Listen { .. }
            | Order::Give { .. }
            | Order::Find { .. }
            | Order::Signal { .. }
            | Order::Input { .. }
            | Order::Execute { .. }
            | Order::Aside { .. }
            | Order::Alive { .. }
            | Order::Kill(_)
            | Order::Freeze { .. }
            | Order::Forget(_)
            | Order::Reopen
            | Order::Attach { .. }
            | Order::Type { .. }
            | Order::Resize { .. }
            | Order::Shown { .. }
            | Order::Detach(_)
            | Order::Upgrade { .. }
            | Order::Leave { .. } => order,
        };
        Self::put(&self.orders, &self.wake, order);
    }

    fn orders(&self) -> KeeperOrders {
        let (orders, wake) = (self.orders.clone(), Arc::clone(&self.wake));
        Arc::new(move |order| Self::put(&orders, &wake, order))
    }

    fn leave(self: Box<Self>, patience: Duration) {
        if self.keeper.is_left_alone() {
            return; // The next brain goes on with it.
        }
        // The loop is at its end and gives no signs of life any more.
        Self::put(&self.orders, &self.wake, Order::Alive { within: Duration::ZERO });
        (self.last)();
        Self::put(&self.orders, &self.wake, Order::Leave { kill: true });
        let gone = self.gone.into_inner().unwrap_or_else(PoisonError::into_inner);
        // It ends when the order is handed over.
        let _ = gone.recv_timeout(patience);
        self.keeper.dismissed.notify_one();
    }
}

/// The thread's end.
struct Line {
    client: Client,
    commands: Commands,
    given: mpsc::Receiver<Order>,
    wake: Arc<OwnedFd>,
    voice: Arc<Voice>,
    keeper: Arc<Keeper>,
    hear: Hear,
    tell: Tell,
    /// Closed when this ends.
    _ends: mpsc::Sender<()>,
}

impl Line {
    /// The keeper has died before it said what it held. This program becomes the next one, which finds by their
    /// marks what lives on and begins a brain of its own: as where both have died.
    fn become_keeper(&self) {
        self.voice.say("the keeper has died before it was met: this program becomes another one");
        let Some((program, arguments)) = self.commands.keeper.split_first() else { return };
        let mut keeper = std::process::Command::new(program.as_path());
        keeper.args(arguments.iter().map(|argument| argument.as_path()));
        // It returns only where it fails; then it is tried again.
        let error = keeper.exec();
        self.voice.say(&format!("no keeper can be started: {error}; the next attempt in 1 s"));
        std::thread::park_timeout(AGAIN);
    }

    fn serve(mut self) {
        loop {
            match self.turn() {
                Ok(true) => {}
                Ok(false) => return,
                Err(_gone) => self.make_another(),
            }
        }
    }

    /// Hears and hands over. Returns whether there is more to come.
    fn turn(&mut self) -> Result<bool, mainstay_keeper::Gone> {
        while let Some(report) = self.client.next(Some(Duration::ZERO))? {
            if let Report::Hello { pid, brain, .. } = &report {
                self.keeper.brain_restarts.store(*brain, Ordering::Relaxed);
                self.keeper.is_there(*pid);
                self.keeper.met.fetch_add(1, Ordering::Release);
            }
            if let Some(report) = (self.hear)(report) {
                (self.tell)(report);
            }
        }
        loop {
            match self.given.try_recv() {
                Ok(order) => {
                    let is_last = matches!(order, Order::Leave { .. });
                    let handed = self.client.order(&order);
                    if is_last {
                        return Ok(false);
                    }
                    handed?;
                }
                Err(mpsc::TryRecvError::Empty) => break,
                Err(mpsc::TryRecvError::Disconnected) => return Ok(false),
            }
        }
        self.wait();
        Ok(true)
    }

    fn wait(&self) {
        let link = self.client.fd();
        let room = if self.client.is_full() { PollFlags::OUT } else { PollFlags::empty() };
        let mut fds =
            [PollFd::new(&link, PollFlags::IN | room), PollFd::new(&self.wake, PollFlags::IN)];
        // A signal only makes it look again.
        let _ = poll(&mut fds, None::<&Timespec>);
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
    }

    fn make_another(&mut self) {
        if !self.client.knows() {
            return self.become_keeper();
        }
        self.voice.say("the keeper has died: another one takes its place");
        while let Err(error) =
            self.client.rescue(&self.commands.keeper, self.commands.brain.clone())
        {
            self.voice.say(&format!("no keeper can be started: {error}; the next attempt in 1 s"));
            std::thread::park_timeout(AGAIN);
        }
    }
}

//! A keeper that holds nothing.

use crate::declare::{Child, tree};
use crate::handle::Handle;
use crate::owner::Owner;
use crate::process::link::{Link, Orders, Source, Tell};
use crate::view::View;
use crate::{Event, Events, Item, Record};
use mainstay_core::Standing;
use mainstay_wire::keeper::{Ended, Fact, Key, Notice, Order, Report, Sequence, Status, Usage};
use mainstay_wire::process::Process;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// The test's end of the keeper.
pub(super) struct Fake {
    orders: mpsc::UnboundedReceiver<Order>,
    tell: Arc<Mutex<Option<Tell>>>,
    said: u64,
    pub(super) owner: Option<Owner>,
}

/// The tree's end.
struct Ear(mpsc::UnboundedSender<Order>);

impl Link for Ear {
    fn order(&self, order: Order) {
        drop(self.0.send(order));
    }

    fn orders(&self) -> Orders {
        let hears = self.0.clone();
        Arc::new(move |order| drop(hears.send(order)))
    }

    fn leave(self: Box<Self>, _: Duration) {
        self.order(Order::Leave { kill: true });
    }
}

/// Starts a tree of these children.
pub(super) fn start<const N: usize>(children: [Child; N]) -> Fake {
    let (hears, orders) = mpsc::unbounded_channel();
    let tell = Arc::new(Mutex::new(None));
    let keeps = Arc::clone(&tell);
    let open = move |_: Option<&str>, tell: Tell| -> io::Result<Box<dyn Link>> {
        *keeps.lock().unwrap_or_else(PoisonError::into_inner) = Some(tell);
        Ok(Box::new(Ear(hears.clone())))
    };
    let mut declared = tree().seed(1).children(children);
    declared.whole.keeper = Source { open: Arc::new(open), ..Source::default() };
    let owner = declared.start().expect("a valid tree");
    Fake { orders, tell, said: 0, owner: Some(owner) }
}

impl Fake {
    pub(super) fn handle(&self) -> Handle {
        self.owner.as_ref().expect("it is there until the test ends it").handle()
    }

    /// Returns the next order that is no acknowledgement.
    pub(super) async fn next(&mut self) -> Order {
        loop {
            let order = soon(self.orders.recv()).await.expect("the tree lives");
            if !matches!(order, Order::Acknowledge(_)) {
                return order;
            }
        }
    }

    /// The next order starts a run.
    pub(super) async fn started(&mut self) -> (Key, Arc<Process>) {
        let order = self.next().await;
        let Order::Start { key, process } = order else { panic!("no start, but {order:?}") };
        (key, process)
    }

    /// The next order starts a run, which starts.
    pub(super) async fn starts(&mut self) -> Key {
        let (key, _) = self.started().await;
        let (pid, contain) = (100 + key.run as u32, "cgroup".into());
        self.say(Fact::Started { key: key.clone(), pid, began: 0, contain });
        key
    }

    pub(super) fn say(&mut self, fact: Fact) {
        self.said += 1;
        let mut tell = self.tell.lock().unwrap_or_else(PoisonError::into_inner);
        let tell = tell.as_mut().expect("the keeper was opened");
        tell(Report::Fact { seq: Sequence(self.said), at: Duration::from_secs(1_000), fact });
    }

    /// Says something that is no fact.
    pub(super) fn report(&self, report: Report) {
        let mut tell = self.tell.lock().unwrap_or_else(PoisonError::into_inner);
        tell.as_mut().expect("the keeper was opened")(report);
    }

    pub(super) fn notice(&mut self, key: &Key, notice: Notice) {
        self.say(Fact::Said { key: key.clone(), notice });
    }

    /// A run ends so.
    pub(super) fn ends(&mut self, key: &Key, status: Status) {
        self.say(Fact::Ended { key: key.clone(), ended: ended(status) });
    }

    pub(super) async fn is(&self, path: &str, standing: Standing) -> View {
        soon(self.handle().wait_for(path, standing)).await.expect("it comes to stand so")
    }

    /// Drains the tree; every run that is asked to end does.
    pub(super) async fn drain(mut self) -> crate::Report {
        let owner = self.owner.take().expect("it is there until the test ends it");
        let draining = owner.drain("the test is over");
        let mut draining = std::pin::pin!(draining);
        loop {
            tokio::select! {
                report = &mut draining => return report,
                Some(order) = self.orders.recv() => if let Order::Signal { key, .. } | Order::Kill(key) = order {
                    self.ends(&key, Status::Signal { signal: 15, core: false });
                },
            }
        }
    }
}

pub(super) fn ended(status: Status) -> Ended {
    Ended {
        status,
        out_of_memory: false,
        usage: Usage::default(),
        last: Vec::new(),
        left: Vec::new(),
        lost: 0,
    }
}

/// Waits for what must happen. Time is virtual: it jumps when nothing else can.
pub(super) async fn soon<T>(what: impl Future<Output = T>) -> T {
    let wait = Duration::from_secs(3_600 * 24);
    tokio::time::timeout(wait, what).await.expect("it happens")
}

/// Reads on until this event comes.
pub(super) async fn find(events: &mut Events, is_it: impl Fn(&Event) -> bool) -> Record {
    loop {
        match soon(events.next()).await.expect("it comes before the end") {
            Item::Record(record) if is_it(&record.event) => return record,
            Item::Record(_) | Item::Lagged(_) => {}
        }
    }
}

//! A tree that goes on in a later life of its program.

use super::fake::{ended, soon};
use crate::declare::tree;
use crate::durable::{Durable, Journal, Link, News, Orders, Past, Step, Tell};
use crate::owner::Owner;
use crate::process::Command;
use crate::{Standing, process};
use mainstay_core::{Cause, Moment, Tree};
use mainstay_wire::keeper::{Fact, Held, Key, Notice, Order, Report, Sequence, Status, Whence};
use mainstay_wire::process::Process;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// What was taken down.
#[derive(Default)]
struct Taken {
    steps: Vec<(Moment, mainstay_core::Input, Vec<mainstay_core::Event>, u64)>,
    last: Option<(mainstay_core::Snapshot, u64)>,
    pids: Vec<u32>,
    /// Answers that wait until a test says that all is durable.
    waiting: Vec<Box<dyn FnOnce() + Send>>,
    holds_back: bool,
}

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Taken>>);

impl Paper {
    fn lock(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for Paper {
    fn step(&mut self, step: &Step<'_>) {
        let mut taken = self.lock();
        let next = step.first + step.events.len() as u64;
        taken.steps.push((step.at, step.input.clone(), step.events.to_vec(), step.first));
        taken.last = Some((step.tree.snapshot(), next));
    }

    fn process(&mut self, _: &Tree, news: News<'_>) {
        if let News::Began { pid, .. } = news {
            self.lock().pids.push(pid);
        }
    }

    fn once_durable(&mut self, answer: Box<dyn FnOnce() + Send>) {
        let mut taken = self.lock();
        if taken.holds_back {
            taken.waiting.push(answer);
        } else {
            drop(taken);
            answer();
        }
    }
}

struct Ear(mpsc::UnboundedSender<Order>);

impl Link for Ear {
    fn order(&self, order: Order) {
        drop(self.0.send(order));
    }

    fn orders(&self) -> Orders {
        let hears = self.0.clone();
        Arc::new(move |order| drop(hears.send(order)))
    }

    fn leave(self: Box<Self>, _: Duration) {}
}

/// One life of the program, beside a keeper that outlives it.
struct Life {
    owner: Owner,
    orders: mpsc::UnboundedReceiver<Order>,
    tell: Arc<Mutex<Option<Tell>>>,
    said: u64,
}

impl Life {
    fn begin(paper: &Paper, past: Option<Past>) -> Self {
        let (hears, orders) = mpsc::unbounded_channel();
        let tell = Arc::new(Mutex::new(None));
        let keeps = Arc::clone(&tell);
        let journal = Box::new(paper.clone());
        let durable = Durable { journal, past, now: (Moment::ZERO, Duration::ZERO) };
        let web = Command::new("web").form("the form of web");
        let owner = tree()
            .seed(1)
            .child(process("web", web))
            .child(process("db", Command::new("db")))
            .keeper("a tree", move |tell| {
                *keeps.lock().unwrap_or_else(PoisonError::into_inner) = Some(tell);
                Ok(Box::new(Ear(hears.clone())))
            })
            .durable(durable)
            .start()
            .expect("a valid tree");
        Self { owner, orders, tell, said: 0 }
    }

    /// Goes on from what was taken down, so much later.
    async fn go_on(paper: &Paper, after: Duration) -> Self {
        let (snapshot, next_event) = paper.lock().last.clone().expect("there was a step");
        let now = snapshot.now + after;
        let monotonic = Duration::from_secs(1_000) + after;
        let past = Past { snapshot, next_event, now, monotonic, begins: false };
        let life = Self::begin(paper, Some(past));
        while life.tell.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            tokio::task::yield_now().await;
        }
        life
    }

    fn report(&self, report: Report) {
        let mut tell = self.tell.lock().unwrap_or_else(PoisonError::into_inner);
        tell.as_mut().expect("the keeper was opened")(report);
    }

    fn say(&mut self, at: Duration, fact: Fact) {
        self.said += 1;
        self.report(Report::Fact { seq: Sequence(self.said), at, fact });
    }

    /// The keeper has told so many facts before, and tells those that nobody acknowledged.
    fn greet(&mut self, kept: u64, held: &[(&str, u64, Option<u32>)]) {
        self.said = 20;
        let seq = Sequence(self.said + kept);
        let inventories = 1;
        self.report(Report::Hello {
            version: 1,
            pid: 1,
            brain: 1,
            seq,
            kept,
            inventories,
            silence: None,
        });
        let held = held.iter().map(|(child, run, pid)| Held {
            key: Key { child: (*child).into(), run: *run },
            pid: *pid,
            began: 0,
            ready: false,
            process: Arc::new(Process::default()),
        });
        self.report(Report::Inventory(held.collect()));
    }

    async fn next(&mut self) -> Order {
        loop {
            let order = soon(self.orders.recv()).await.expect("the tree lives");
            if !matches!(order, Order::Acknowledge(_)) {
                return order;
            }
        }
    }

    /// The next order starts a run, which starts.
    async fn starts(&mut self) -> Key {
        let order = self.next().await;
        let Order::Start { key, .. } = order else { panic!("no start, but {order:?}") };
        let (pid, contain) = (100 + key.run as u32, "cgroup".into());
        let at = Duration::from_secs(1_000);
        self.say(at, Fact::Started { key: key.clone(), pid, began: 0, contain });
        key
    }

    async fn is(&self, path: &str, standing: Standing) -> crate::View {
        let handle = self.owner.handle();
        soon(handle.wait_for(path, standing)).await.expect("it comes to stand so")
    }

    /// The program dies: nobody asks for an end.
    fn dies(self) {
        std::mem::forget(self.owner);
    }
}

async fn two_ready(paper: &Paper) -> Life {
    let mut life = Life::begin(paper, None);
    life.starts().await;
    life.starts().await;
    life.is("web", Standing::Ready).await;
    life.is("db", Standing::Ready).await;
    life
}

#[tokio::test(start_paused = true)]
async fn runs_that_are_held_go_on() {
    let paper = Paper::default();
    two_ready(&paper).await.dies();
    let steps = paper.lock().steps.len();
    let mut life = Life::go_on(&paper, Duration::from_secs(5)).await;
    assert_eq!(paper.lock().steps.len(), steps, "nothing is decided before the keeper is met");
    life.greet(0, &[("web", 1, Some(101)), ("db", 1, Some(101))]);
    let view = life.is("web", Standing::Ready).await;
    assert_eq!((view.runs, view.process.and_then(|process| process.pid)), (1, Some(101)));
    let health = soon(life.owner.handle().wait_healthy()).await.expect("it lives");
    assert_eq!(health.degraded, 0);
}

#[tokio::test(start_paused = true)]
async fn what_happened_meanwhile_counts_when_it_happened() {
    let paper = Paper::default();
    two_ready(&paper).await.dies();
    let mut life = Life::go_on(&paper, Duration::from_secs(30)).await;
    life.greet(1, &[("web", 1, None), ("db", 1, Some(101))]);
    let key = Key { child: "web".into(), run: 1 };
    life.say(Duration::from_secs(1_010), Fact::Ended { key, ended: ended(Status::Code(3)) });
    // Its delay is long over: the next run begins at once.
    let order = life.next().await;
    assert!(matches!(&order, Order::Start { key, .. } if key.run == 2), "{order:?}");
    let last = life.owner.handle().child("web").await.expect("it is there").last;
    let last = last.expect("a run has ended");
    assert!(matches!(last.cause, Cause::Failed { code: Some(3), .. }), "{last:?}");
    let lived = last.ended.since(last.began);
    assert!(lived >= Duration::from_secs(9) && lived < Duration::from_secs(12), "{lived:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_nobody_holds_is_looked_for() {
    let paper = Paper::default();
    two_ready(&paper).await.dies();
    let mut life = Life::go_on(&paper, Duration::from_secs(1)).await;
    life.greet(0, &[]);
    for _ in 0..2 {
        let order = life.next().await;
        let Order::Find { key, .. } = order else { panic!("no search, but {order:?}") };
        let at = Duration::from_secs(1_001);
        if &*key.child == "web" {
            life.say(at, Fact::Adopted { key, pid: 7, began: 0 });
        } else {
            let status = Status::Unseen { from: Duration::ZERO, to: at };
            life.say(at, Fact::Ended { key, ended: ended(status) });
        }
    }
    let web = life.is("web", Standing::Ready).await;
    assert_eq!((web.runs, web.process.and_then(|process| process.pid)), (1, Some(7)));
    let handle = life.owner.handle();
    let db = soon(handle.wait_until("db", |view| view.last.is_some())).await.expect("it ended");
    let last = db.last.expect("a run has ended");
    assert!(matches!(last.cause, Cause::Unknown { .. }), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn a_start_that_was_decided_and_not_said_is_said_again() {
    let paper = Paper::default();
    let life = Life::begin(&paper, None);
    life.is("web", Standing::Starting).await;
    life.dies();
    let mut life = Life::go_on(&paper, Duration::from_secs(1)).await;
    // Of one it has heard, and nothing has come of it yet that anybody heard.
    life.greet(0, &[("web", 1, Some(101))]);
    let order = life.next().await;
    assert!(matches!(&order, Order::Start { key, .. } if &*key.child == "db"), "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_tree_does_not_know_is_ended() {
    let paper = Paper::default();
    two_ready(&paper).await.dies();
    let mut life = Life::go_on(&paper, Duration::from_secs(1)).await;
    life.greet(0, &[("web", 1, Some(101)), ("db", 1, Some(101)), ("old", 4, Some(9))]);
    let order = life.next().await;
    assert!(matches!(&order, Order::Kill(key) if &*key.child == "old"), "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_was_decided_is_asked_for_again() {
    let paper = Paper::default();
    let life = two_ready(&paper).await;
    life.owner.handle().by("alice").stop("web", "test").await.expect("it stops");
    life.dies();
    let mut life = Life::go_on(&paper, Duration::from_secs(1)).await;
    life.greet(0, &[("web", 1, Some(101)), ("db", 1, Some(101))]);
    let order = life.next().await;
    assert!(
        matches!(&order, Order::Signal { key, signal: 15, .. } if &*key.child == "web"),
        "{order:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_keeper_that_says_nothing_holds_nobody_up_for_ever() {
    let paper = Paper::default();
    two_ready(&paper).await.dies();
    let life = Life::go_on(&paper, Duration::from_secs(1)).await;
    let view = soon(life.owner.handle().child("web")).await.expect("it is there");
    assert_eq!(view.standing, Standing::Ready);
}

#[tokio::test(start_paused = true)]
async fn an_answer_waits_until_its_command_is_durable() {
    let paper = Paper::default();
    let life = two_ready(&paper).await;
    paper.lock().holds_back = true;
    let handle = life.owner.handle();
    let mut asked = std::pin::pin!(handle.by("alice").pause("web", "test").into_future());
    let paused = handle.wait_until("web", |view| view.paused);
    tokio::select! {
        answer = &mut asked => panic!("answered before it is durable: {answer:?}"),
        view = soon(paused) => drop(view.expect("it is carried out")),
    }
    assert!(tokio::time::timeout(Duration::from_secs(1), &mut asked).await.is_err());
    let waiting = std::mem::take(&mut paper.lock().waiting);
    waiting.into_iter().for_each(|answer| answer());
    let done = soon(asked).await.expect("it is not refused");
    assert!(done.changed);
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_down_is_decided_alike_again() {
    let paper = Paper::default();
    let mut life = Life::begin(&paper, None);
    let key = life.starts().await;
    life.say(
        Duration::from_secs(1_000),
        Fact::Said { key: key.clone(), notice: Notice::Ready(Whence::Notify) },
    );
    life.starts().await;
    life.owner.handle().by("alice").pause("db", "test").await.expect("it is carried out");
    life.say(Duration::from_secs(1_000), Fact::Ended { key, ended: ended(Status::Code(1)) });
    life.starts().await;
    life.is("web", Standing::Ready).await;
    let taken = paper.lock();
    assert_eq!(taken.pids, [101, 101, 102]);
    let (mut next, mut count) = (1, 0);
    for (_, _, events, first) in &taken.steps {
        assert_eq!(*first, next, "the numbers of events have no gap");
        next += events.len() as u64;
        count += events.len();
    }
    assert!(count > 8, "{count} events");
    assert_eq!(taken.last.as_ref().map(|(_, next)| *next), Some(next));
}

#[tokio::test(start_paused = true)]
async fn a_keeper_that_is_ahead_of_the_tree_keeps_what_lives() {
    let paper = Paper::default();
    two_ready(&paper).await.dies();
    let mut life = Life::go_on(&paper, Duration::from_secs(1)).await;
    // Nothing could be written down while it was started twice more.
    life.greet(0, &[("web", 3, Some(103)), ("db", 1, Some(101))]);
    let order = life.next().await;
    let Order::Find { key, .. } = order else { panic!("no search, but {order:?}") };
    assert_eq!(key.to_string(), "web#3");
    life.say(Duration::from_secs(1_001), Fact::Adopted { key: key.clone(), pid: 103, began: 0 });
    let web = life.is("web", Standing::Ready).await;
    assert_eq!((web.runs, web.process.and_then(|process| process.pid)), (1, Some(103)));
    life.owner.handle().by("alice").stop("web", "test").await.expect("it stops");
    let order = life.next().await;
    assert!(matches!(&order, Order::Signal { key: of, .. } if *of == key), "{order:?}");
    life.say(Duration::from_secs(1_002), Fact::Ended { key, ended: ended(Status::Code(0)) });
    life.is("web", Standing::Down).await;
}

//! kameo: supervised actors. A child's work begins in `on_start`, and it waits beside its mailbox.

use super::{Cannot, Order, System};
use crate::work::{Begun, ENDED, Failed, Staying, Work};
use kameo::actor::{Actor, ActorRef, Spawn, WeakActorRef};
use kameo::error::ActorStopReason;
use kameo::mailbox::{self, MailboxReceiver, Signal};
use kameo::supervision::RestartPolicy;
use std::any::Any;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

/// The stop of one child, under way.
type Stopping = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(super) struct Supervised {
    root: ActorRef<Root>,
    /// Those that are to be stopped one by one, oldest first.
    ordered: Vec<Box<dyn Any + Send>>,
    /// Stops one of them; it knows their type.
    stop: fn(Box<dyn Any + Send>) -> Stopping,
}

impl System for Supervised {
    async fn start<W: Work>(children: u32, order: Order) -> Result<Self, Cannot> {
        let root = root();
        let mut ordered: Vec<Box<dyn Any + Send>> = Vec::new();
        for child in 0..children {
            let child = spawn::<W>(&root, child, RestartPolicy::Transient).await;
            if order == Order::YoungestFirst {
                ordered.push(Box::new(child));
            }
        }
        Ok(Self { root, ordered, stop: stop_one::<W> })
    }

    async fn stop(self) -> Result<(), Cannot> {
        for child in self.ordered.into_iter().rev() {
            (self.stop)(child).await;
        }
        self.root.stop_gracefully().await.expect("the root runs");
        self.root.wait_for_shutdown().await;
        Ok(())
    }

    async fn run_all<W: Work>(tasks: u32) -> Result<(), Cannot> {
        ENDED.expect(tasks.into());
        let root = root();
        for task in 0..tasks {
            spawn::<W>(&root, task, RestartPolicy::Never).await;
        }
        ENDED.reached().await;
        Ok(())
    }

    async fn run_one_by_one<W: Work>(tasks: u32) -> Result<(), Cannot> {
        let root = root();
        for task in 0..tasks {
            spawn::<W>(&root, task, RestartPolicy::Never).await.wait_for_shutdown().await;
        }
        Ok(())
    }
}

fn root() -> ActorRef<Root> {
    Root::spawn_with_mailbox((), mailbox::unbounded())
}

async fn spawn<W: Work>(
    root: &ActorRef<Root>,
    child: u32,
    policy: RestartPolicy,
) -> ActorRef<Child<W>> {
    let child = Child::<W>::supervise(root, child);
    child.restart_policy(policy).restart_limit(u32::MAX, Duration::MAX).spawn().await
}

fn stop_one<W: Work>(child: Box<dyn Any + Send>) -> Stopping {
    Box::pin(async move {
        let child = child.downcast::<ActorRef<Child<W>>>().expect("children are of one type");
        child.stop_gracefully().await.expect("the child runs");
        let _ = child.wait_for_shutdown_result().await;
    })
}

struct Root;

impl Actor for Root {
    type Args = ();
    type Error = Failed;

    async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Failed> {
        Ok(Self)
    }
}

struct Child<W> {
    number: u32,
    /// None when it has done all it had to do.
    staying: Option<Staying>,
    work: PhantomData<W>,
}

impl<W: Work> Actor for Child<W> {
    type Args = u32;
    type Error = Failed;

    async fn on_start(number: u32, _: ActorRef<Self>) -> Result<Self, Failed> {
        let staying = match W::begin(number) {
            Begun::Ended(end) => end.map(|()| None)?,
            Begun::Stays(staying) => Some(staying),
        };
        Ok(Self { number, staying, work: PhantomData })
    }

    async fn on_stop(&mut self, _: WeakActorRef<Self>, _: ActorStopReason) -> Result<(), Failed> {
        // Whoever waits for the stop may look for its traces as soon as this returns.
        self.staying = None;
        Ok(())
    }

    async fn next(
        &mut self,
        _: WeakActorRef<Self>,
        mailbox: &mut MailboxReceiver<Self>,
    ) -> Result<Option<Signal<Self>>, Failed> {
        if self.staying.is_none() {
            return Ok(None);
        }
        if !W::WAITS {
            return Ok(mailbox.recv().await);
        }
        tokio::select! {
            biased;
            signal = mailbox.recv() => Ok(signal),
            failed = W::stay(self.number) => Err(failed),
        }
    }
}

//! The same work by hand: tasks spawned into a `JoinSet`, and a loop that spawns again what failed.

use super::{Cannot, Order, System};
use crate::work::{Failed, Work};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};

/// What a task of the set yields: whose run ended, and how.
type Ended = (u32, Result<(), Failed>);

pub(super) enum Bare {
    /// A loop of its own restarts what fails.
    Loop { stop: oneshot::Sender<()>, ended: JoinHandle<()> },
    /// The children, and a handle for each, oldest first.
    Ordered { set: JoinSet<Ended>, children: Vec<AbortHandle> },
}

impl System for Bare {
    async fn start<W: Work>(children: u32, order: Order) -> Result<Self, Cannot> {
        let mut set = JoinSet::new();
        if order == Order::YoungestFirst {
            let children = (0..children).map(|child| set.spawn(run::<W>(child))).collect();
            return Ok(Self::Ordered { set, children });
        }
        for child in 0..children {
            set.spawn(run::<W>(child));
        }
        let (stop, stopped) = oneshot::channel();
        Ok(Self::Loop { stop, ended: tokio::spawn(supervise::<W>(set, stopped)) })
    }

    async fn stop(self) -> Result<(), Cannot> {
        match self {
            Self::Loop { stop, ended } => {
                stop.send(()).expect("the loop runs until it is told to stop");
                ended.await.expect("the loop does not panic");
            }
            Self::Ordered { mut set, children } => {
                for child in children.into_iter().rev() {
                    child.abort();
                    set.join_next().await;
                }
            }
        }
        Ok(())
    }

    async fn run_all<W: Work>(tasks: u32) -> Result<(), Cannot> {
        let mut set = JoinSet::new();
        for task in 0..tasks {
            set.spawn(run::<W>(task));
        }
        while set.join_next().await.is_some() {}
        Ok(())
    }

    async fn run_one_by_one<W: Work>(tasks: u32) -> Result<(), Cannot> {
        let mut set = JoinSet::new();
        for task in 0..tasks {
            set.spawn(run::<W>(task));
            set.join_next().await;
        }
        Ok(())
    }
}

async fn run<W: Work>(child: u32) -> Ended {
    (child, W::run(child).await)
}

async fn supervise<W: Work>(mut set: JoinSet<Ended>, mut stopped: oneshot::Receiver<()>) {
    loop {
        tokio::select! {
            biased;
            Some(end) = set.join_next() => {
                if let Ok((child, Err(Failed))) = end {
                    set.spawn(run::<W>(child));
                }
            }
            _ = &mut stopped => break,
        }
    }
    set.abort_all();
    while set.join_next().await.is_some() {}
}

//! task-supervisor: one task owns a `JoinSet` and a table by name.

use super::{Cannot, Order, System};
use crate::work::{ENDED, Work};
use std::marker::PhantomData;
use std::time::Duration;
use task_supervisor::{
    CancellationToken, SupervisedTask, SupervisorBuilder, SupervisorHandle, TaskResult,
};

pub(super) struct Supervised {
    handle: SupervisorHandle,
    children: u32,
    order: Order,
}

impl System for Supervised {
    async fn start<W: Work>(children: u32, order: Order) -> Result<Self, Cannot> {
        Ok(Self { handle: supervisor::<W>(children).spawn(), children, order })
    }

    async fn stop(self) -> Result<(), Cannot> {
        if self.order == Order::YoungestFirst {
            for child in (0..self.children).rev() {
                self.handle.kill_task(&name(child)).await.expect("the child is there");
            }
        }
        self.handle.shutdown().await.expect("the supervisor stops");
        Ok(())
    }

    async fn run_all<W: Work>(tasks: u32) -> Result<(), Cannot> {
        ENDED.expect(tasks.into());
        let _handle = supervisor::<W>(tasks).spawn();
        ENDED.reached().await;
        Ok(())
    }

    async fn run_one_by_one<W: Work>(tasks: u32) -> Result<(), Cannot> {
        let handle = supervisor::<W>(0).spawn();
        for task in 0..tasks {
            ENDED.expect(u64::from(task) + 1);
            handle.add_task(&name(task), Child::<W>::new(task)).await.expect("the name is free");
            ENDED.reached().await;
        }
        Ok(())
    }
}

fn supervisor<W: Work>(children: u32) -> SupervisorBuilder {
    let builder = SupervisorBuilder::new()
        .with_unlimited_restarts()
        .with_base_restart_delay(Duration::ZERO)
        .with_max_restart_delay(Duration::ZERO)
        .with_restart_jitter(0.0);
    (0..children)
        .fold(builder, |builder, child| builder.with_task(&name(child), Child::<W>::new(child)))
}

fn name(child: u32) -> String {
    child.to_string()
}

#[derive(Clone)]
struct Child<W> {
    number: u32,
    work: PhantomData<W>,
}

impl<W> Child<W> {
    fn new(number: u32) -> Self {
        Self { number, work: PhantomData }
    }
}

impl<W: Work> SupervisedTask for Child<W> {
    async fn run(self, cancel: CancellationToken) -> TaskResult {
        match cancel.run_until_cancelled(W::run(self.number)).await {
            Some(end) => Ok(end?),
            None => Ok(()),
        }
    }
}

//! taskvisor: a registry of actors, each of which runs its attempts inside its own task.

use super::{Cannot, Order, System};
use crate::work::Work;
use std::sync::Arc;
use std::time::Duration;
use taskvisor::{
    BackoffPolicy, RestartPolicy, RuntimeError, Supervisor, SupervisorConfig, SupervisorHandle,
    TaskContext, TaskError, TaskFn, TaskId, TaskSpec,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(super) enum Supervised {
    /// All children in one batch, which is the quicker way to start them.
    Batch { stop: oneshot::Sender<()>, ended: JoinHandle<Result<(), RuntimeError>> },
    /// Children that can be stopped one by one, oldest first.
    Ordered { handle: SupervisorHandle, children: Vec<TaskId> },
}

impl System for Supervised {
    async fn start<W: Work>(children: u32, order: Order) -> Result<Self, Cannot> {
        let supervisor = supervisor();
        let specs = (0..children).map(spec::<W>);
        if order == Order::YoungestFirst {
            let handle = supervisor.serve().expect("the supervisor starts");
            let mut children = Vec::new();
            for spec in specs {
                children.push(handle.add(spec).execute().await.expect("the child is admitted"));
            }
            return Ok(Self::Ordered { handle, children });
        }
        let specs = specs.collect();
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            supervisor.run_until(specs, stopped).await
        });
        Ok(Self::Batch { stop, ended })
    }

    async fn stop(self) -> Result<(), Cannot> {
        match self {
            Self::Batch { stop, ended } => {
                stop.send(()).expect("the supervisor runs until it is told to stop");
                ended.await.expect("the supervisor does not panic").expect("all children stop");
            }
            Self::Ordered { handle, children } => {
                for child in children.into_iter().rev() {
                    handle.cancel(child).execute().await.expect("the child stops");
                }
                handle.shutdown().await.expect("the supervisor stops");
            }
        }
        Ok(())
    }

    async fn run_all<W: Work>(tasks: u32) -> Result<(), Cannot> {
        let specs = (0..tasks).map(spec::<W>).collect();
        supervisor().run(specs).await.expect("all tasks end");
        Ok(())
    }

    async fn run_one_by_one<W: Work>(tasks: u32) -> Result<(), Cannot> {
        let handle = supervisor().serve().expect("the supervisor starts");
        for task in 0..tasks {
            let waiter = handle.add(spec::<W>(task)).watch().execute().await;
            let outcome = waiter.expect("the task is admitted").wait().await;
            assert!(outcome.expect("the task's end is told").is_success());
        }
        Ok(())
    }
}

fn supervisor() -> Arc<Supervisor> {
    let config =
        SupervisorConfig::new().with_max_registered_tasks(None).with_ownership_capacity(None);
    Supervisor::new(config, Vec::new())
}

fn spec<W: Work>(child: u32) -> TaskSpec {
    let task = TaskFn::arc(move |context: TaskContext| async move {
        let end = context.run_until_cancelled(W::run(child)).await?;
        end.map_err(|failed| TaskError::fail(failed.to_string()))
    });
    let at_once = BackoffPolicy::constant(Duration::ZERO);
    TaskSpec::new(child.to_string(), task, RestartPolicy::OnFailure, at_once, None)
}

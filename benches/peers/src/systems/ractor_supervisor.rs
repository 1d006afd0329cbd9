//! ractor-supervisor: supervisors as actors of ractor, and tasks wrapped into actors.

use super::{Cannot, Order, System};
use crate::work::{ENDED, Work};
use ractor::{ActorProcessingErr, ActorRef};
use ractor_supervisor::{
    ChildSpec, DynamicSupervisorMsg, DynamicSupervisorOptions, Restart, SpawnFn, Supervisor,
    SupervisorArguments, SupervisorMsg, SupervisorOptions, SupervisorStrategy, TaskActor, TaskFn,
    TaskOptions, TaskSupervisor,
};
use std::time::Duration;

pub(super) enum Supervised {
    /// Children that may fail: their number is fixed.
    Static(ActorRef<SupervisorMsg>),
    /// Children that come and go.
    Dynamic { supervisor: ActorRef<DynamicSupervisorMsg>, children: u32, order: Order },
}

impl System for Supervised {
    async fn start<W: Work>(children: u32, order: Order) -> Result<Self, Cannot> {
        if W::FAILS {
            let options = SupervisorOptions {
                strategy: SupervisorStrategy::OneForOne,
                max_restarts: usize::MAX,
                // Nothing is ever in the window, so that the log of restarts stays empty.
                max_window: Duration::ZERO,
                reset_after: None,
            };
            let child_specs = (0..children).map(spec::<W>).collect();
            let arguments = SupervisorArguments { child_specs, options };
            let spawned = Supervisor::spawn("static".into(), arguments).await;
            return Ok(Self::Static(spawned.expect("the supervisor starts").0));
        }
        let supervisor = dynamic().await;
        for child in 0..children {
            spawn::<W>(&supervisor, child, Restart::Transient).await;
        }
        Ok(Self::Dynamic { supervisor, children, order })
    }

    async fn stop(self) -> Result<(), Cannot> {
        match self {
            Self::Static(supervisor) => {
                supervisor.stop_and_wait(None, None).await.expect("the supervisor stops");
            }
            Self::Dynamic { supervisor, order: Order::Any, .. } => {
                supervisor.stop_and_wait(None, None).await.expect("the supervisor stops");
            }
            Self::Dynamic { supervisor, children, order: Order::YoungestFirst } => {
                for (gone, child) in (1..).zip((0..children).rev()) {
                    ENDED.expect(gone);
                    let stopped =
                        TaskSupervisor::terminate_task(supervisor.clone(), child.to_string());
                    stopped.await.expect("the child is there");
                    ENDED.reached().await;
                }
            }
        }
        Ok(())
    }

    async fn run_all<W: Work>(tasks: u32) -> Result<(), Cannot> {
        ENDED.expect(tasks.into());
        let supervisor = dynamic().await;
        for task in 0..tasks {
            spawn::<W>(&supervisor, task, Restart::Temporary).await;
        }
        ENDED.reached().await;
        Ok(())
    }

    async fn run_one_by_one<W: Work>(tasks: u32) -> Result<(), Cannot> {
        let supervisor = dynamic().await;
        for task in 0..tasks {
            ENDED.expect(u64::from(task) + 1);
            spawn::<W>(&supervisor, task, Restart::Temporary).await;
            ENDED.reached().await;
        }
        Ok(())
    }
}

async fn dynamic() -> ActorRef<DynamicSupervisorMsg> {
    let options = DynamicSupervisorOptions {
        max_children: None,
        max_restarts: usize::MAX,
        max_window: Duration::ZERO,
        reset_after: None,
    };
    let spawned = TaskSupervisor::spawn("dynamic".into(), options).await;
    spawned.expect("the supervisor starts").0
}

async fn spawn<W: Work>(supervisor: &ActorRef<DynamicSupervisorMsg>, child: u32, restart: Restart) {
    let options =
        TaskOptions { name: child.to_string(), restart, backoff_fn: None, reset_after: None };
    let spawned = TaskSupervisor::spawn_task(supervisor.clone(), move || run::<W>(child), options);
    spawned.await.expect("the child starts");
}

fn spec<W: Work>(child: u32) -> ChildSpec {
    let spawn_fn = SpawnFn::new(move |supervisor, id| async move {
        let task = TaskFn::new(move || run::<W>(child));
        let (actor, _) = Supervisor::spawn_linked(id, TaskActor, task, supervisor).await?;
        Ok(actor.get_cell())
    });
    ChildSpec {
        id: child.to_string(),
        restart: Restart::Transient,
        spawn_fn,
        backoff_fn: None,
        reset_after: None,
    }
}

async fn run<W: Work>(child: u32) -> Result<(), ActorProcessingErr> {
    Ok(W::run(child).await?)
}

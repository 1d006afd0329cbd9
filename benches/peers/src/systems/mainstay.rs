//! mainstay, through its public API alone. Compiled with `--features mainstay`.

use super::{Cannot, Order, System};
use crate::work::Work;
use mainstay::{Event, Item, Owner, Policy, Shape, Tree, pool, task, tree};
use std::time::Duration;

pub(super) struct Mainstay {
    owner: Owner,
}

const REFUSED: Cannot = "the tree was refused";
const ENDED: Cannot = "the tree has ended";

/// Children that restart without delay and without limit, declared alike.
fn declared<W: Work>(children: u32) -> Tree {
    let policy = Policy::new().backoff(Shape::None).holdoff(Duration::ZERO).unlimited();
    let child =
        move |number: u32| task(&number.to_string(), move |_| W::run(number)).policy(&policy);
    tree().unlimited_children().start_concurrency(u32::MAX).children((0..children).map(child))
}

impl System for Mainstay {
    async fn start<W: Work>(children: u32, order: Order) -> Result<Self, Cannot> {
        let declared = declared::<W>(children);
        let declared = match order {
            Order::Any => declared,
            Order::YoungestFirst => declared.start_concurrency(1),
        };
        Ok(Self { owner: declared.start().map_err(|_| REFUSED)? })
    }

    async fn stop(self) -> Result<(), Cannot> {
        self.owner.drain("measured").await;
        Ok(())
    }

    async fn run_all<W: Work>(tasks: u32) -> Result<(), Cannot> {
        let owner = declared::<W>(tasks).start().map_err(|_| REFUSED)?;
        let handle = owner.handle();
        // Its own counts say when all have ended: a million events are more than anybody reads.
        while handle.counts().exits.values().sum::<u64>() < u64::from(tasks) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        owner.drain("measured").await;
        Ok(())
    }

    async fn run_one_by_one<W: Work>(tasks: u32) -> Result<(), Cannot> {
        let mut jobs = pool("jobs", |number: u32, _cx| W::run(number)).each(|job| job.once());
        let reference = jobs.reference();
        let owner = tree().child(jobs).start().map_err(|_| REFUSED)?;
        let (handle, mut events) = (owner.handle(), owner.handle().events());
        let operator = handle.by("the measurement");
        for number in 0..tasks {
            let name = number.to_string();
            let add = operator.add_to(&reference, name, number, "it is its turn");
            let job = add.await.map_err(|_| "a job was refused")?.child;
            // A job that has ended leaves the pool.
            loop {
                match events.next().await {
                    Some(Item::Record(record)) if record.event == Event::Removed(job) => break,
                    Some(_) => {}
                    None => return Err(ENDED),
                }
            }
        }
        owner.drain("measured").await;
        Ok(())
    }
}

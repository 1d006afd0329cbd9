//! A tree with hosts in it.

use super::Outcome;
use super::far::Bytes;
use mainstay::host::{Client, Host, Hosted};
use mainstay::process::{Command, Streams};
use mainstay::{Child, Owner, Shape, host, tree};
use std::time::Duration;

/// Far longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(60);

/// A tree, and what reaches each of its hosts.
pub(crate) struct Hosts {
    owner: Owner,
    pub(crate) hosted: Vec<Hosted<Bytes>>,
}

impl Hosts {
    /// Starts so many, each restarted at once whenever it ends.
    pub(crate) fn start(count: usize, say: impl Fn(Child) -> Child) -> Outcome<Self> {
        let program = std::env::current_exe()?;
        let mut hosted = Vec::new();
        let mut tree = tree().seed(1).watchdog(None).unlimited_children();
        for number in 0..count {
            let command = Command::new(&program).arg("host").output(Streams::Null);
            let declared = Host::<Bytes>::new(command);
            hosted.push(declared.hosted());
            let child = host(&format!("h{number}"), declared);
            let child = child.backoff(Shape::None).holdoff(Duration::ZERO).unlimited().optional();
            tree = tree.child(say(child));
        }
        Ok(Self { owner: tree.start()?, hosted })
    }

    /// Waits until every one serves.
    pub(crate) async fn clients(&self) -> Outcome<Vec<Client<Bytes>>> {
        let mut clients = Vec::new();
        for hosted in &self.hosted {
            clients.push(hosted.ready_within(PATIENCE).await?);
        }
        Ok(clients)
    }

    pub(crate) async fn end(self) -> Outcome {
        let handle = self.owner.handle();
        handle.by("bench").drain("it is measured").await?;
        _ = self.owner.run().await;
        Ok(())
    }
}

/// Starts one and waits until it serves.
pub(crate) async fn one() -> Outcome<(Hosts, Client<Bytes>)> {
    let hosts = Hosts::start(1, |child| child)?;
    let client = hosts.clients().await?.pop().ok_or("there is one")?;
    Ok((hosts, client))
}

//! Real hosts under a real keeper, and what their parent sees of them.
#![allow(
    clippy::disallowed_methods,
    reason = "callers are tasks of their own, outside of the tree"
)]

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod ends;
mod focas;
mod pools;
mod signs;

use common::{SEC, soon};
use mainstay::host::{Client, Contract, Host, Hosted, Raw};
use mainstay::process::{Command, Streams};
use mainstay::{Child, Handle, Owner, Shape, host, tree};
use std::time::Duration;

/// Far longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the puppet serves: texts.
struct Puppet;

impl Contract for Puppet {
    const NAME: &'static str = puppet::CONTRACT;
    const VERSION: u32 = 1;
    type Request = String;
    type Reply = String;
    type Item = String;
    type Codec = Raw;
}

/// Returns a host that takes these steps; `host` is the one that serves.
fn steps<const N: usize>(steps: [&str; N]) -> Host<Puppet> {
    Host::new(Command::new(puppet::program()).args(steps).output(Streams::Null))
}

/// Returns a host that fails on purpose.
fn faulty(faults: &str) -> Host<Puppet> {
    let command = Command::new(puppet::program()).arg("host").env("MAINSTAY_HOST_FAULTS", faults);
    Host::new(command.output(Streams::Null))
}

/// One host called `x` in a tree.
struct Scene {
    owner: Owner,
    handle: Handle,
    hosted: Hosted<Puppet>,
}

impl Scene {
    fn new(declared: Host<Puppet>, say: impl FnOnce(Child) -> Child) -> Self {
        let hosted = declared.hosted();
        let child = host("x", declared).backoff(Shape::Fixed(Duration::from_millis(10))).optional();
        let owner = tree().seed(1).watchdog(None).child(say(child)).start().expect("a valid tree");
        let handle = owner.handle();
        Self { owner, handle, hosted }
    }

    async fn client(&self) -> Client<Puppet> {
        self.hosted.ready_within(PATIENCE).await.expect("it serves")
    }

    /// Waits until a later run than this one serves.
    async fn after(&self, client: &Client<Puppet>) -> Client<Puppet> {
        soon(self.handle.wait_until("x", |view| view.run.is_some_and(|run| run > client.run())))
            .await
            .expect("it is restarted");
        self.client().await
    }

    async fn end(self) {
        let stopped = async {
            _ = self.handle.by("test").drain("the test is over").await;
            self.owner.run().await
        };
        let report = tokio::time::timeout(60 * SEC, stopped).await.expect("it ends");
        assert!(report.abandoned().next().is_none(), "{report}");
    }
}

async fn ask(client: &Client<Puppet>, request: &str) -> String {
    match soon(client.call(&request.to_owned())).await {
        Ok(reply) => reply,
        Err(error) => panic!("{request}: {error}"),
    }
}

/// Returns whether a process is there and no zombie.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

//! What the journal's forms cost: one step, and snapshots of trees of processes.
//!
//! `cargo bench -p mainstay-wire --all-features --bench journal`

use mainstay_core::child::Child;
use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::KindDraft;
use mainstay_core::spec::{Change, ChildDraft, Kind, Payload, TreeDraft};
use mainstay_core::{Class, Effect, Effects, Exit, Input, Moment, Tree};
use mainstay_wire::journal::{
    Record, StepRef, bring_to_life, snapshot_from_json, snapshot_to_json,
};
use std::any::Any;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often each measurement is repeated; the least time is told.
const ROUNDS: u32 = 9;

/// Settings of a process of a usual size: a program with arguments, variables and a folder.
#[derive(Debug)]
struct Process(String);

impl Process {
    fn number(number: usize) -> Self {
        let variables = "\"PATH\":\"/usr/local/bin:/usr/bin:/bin\",\"LANG\":\"C.UTF-8\",\"PORT\":";
        Self(format!(
            "{{\"program\":\"/usr/bin/server\",\"arguments\":[\"--name\",\"web-{number}\",\"--verbose\"],\
             \"environment\":{{{variables}\"{number}\"}},\"folder\":\"/srv/web-{number}\",\"user\":\"www\"}}"
        ))
    }
}

impl Payload for Process {
    fn change(&self, next: &dyn Payload) -> Change {
        if next.form() == Some(&self.0) { Change::Same } else { Change::Restart }
    }

    fn form(&self) -> Option<&str> {
        Some(&self.0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A tree of this many processes, all of them ready.
fn tree(children: usize) -> Tree {
    let mut draft = TreeDraft::default();
    draft.root.children = (0..children)
        .map(|number| ChildDraft {
            name: format!("web-{number}"),
            kind: Some(KindDraft::Leaf(Kind::Process)),
            payload: Some(Arc::new(Process::number(number))),
            ..ChildDraft::default()
        })
        .collect();
    let (spec, _) = draft.build(Profile::Daemon).expect("a valid tree");
    let (mut tree, mut out) = (Tree::new(&spec), Effects::new());
    let mut open = vec![Input::Boot];
    while let Some(input) = open.pop() {
        out.clear();
        tree.handle(Moment::from_nanos(1), input, &mut out);
        open.extend(out.effects.iter().filter_map(|effect| match *effect {
            Effect::Start { child, run, .. } => Some(Input::Started(child, run)),
            Effect::Stop { .. }
            | Effect::Kill(..)
            | Effect::Probe { .. }
            | Effect::Rehydrate(..)
            | Effect::Reload(..)
            | Effect::Freeze(..)
            | Effect::Thaw(..)
            | Effect::Change(..)
            | Effect::Abandon(..)
            | Effect::Forget(_)
            | Effect::End(_) => None,
        }));
    }
    tree
}

/// Returns the least time that `times` of it take, for one.
fn least<T>(times: u32, mut what: impl FnMut() -> T) -> Duration {
    let round = |_| {
        let began = Instant::now();
        for _ in 0..times {
            black_box(what());
        }
        began.elapsed() / times
    };
    (0..ROUNDS).map(round).min().unwrap_or_default()
}

fn step() {
    let mut tree = tree(100);
    let lives =
        |child: &Child| Some((child.id, child.life()?.run)).filter(|_| child.group.is_none());
    let (child, run) = tree.children().find_map(lives).expect("a process that lives");
    let exit = Exit::Failed { code: Some(1), class: Class::Plain, retry_after: None };
    let input = Input::Exited { child, run, exit, detail: None };
    let mut out = Effects::new();
    // All of them are stable by then.
    tree.handle(Moment::from_nanos(3_600_000_000_000), Input::Clock, &mut out);
    out.clear();
    tree.handle(Moment::from_nanos(3_600_000_000_000), input.clone(), &mut out);
    let step = StepRef {
        at: Moment::from_nanos(3_600_000_000_000),
        wall: 1_700_000_000_000,
        first: 123_456,
        input: &input,
        events: &out.events,
    };
    let json = step.to_json();
    let mut buffer = Vec::new();
    let write = least(10_000, || {
        buffer.clear();
        step.append_to(&mut buffer);
    });
    let read = least(10_000, || Record::from_json(&json));
    let (events, bytes) = (out.events.len(), json.len());
    println!(
        "step of an exit, {events} events, {bytes} bytes: written in {write:?}, read in {read:?}"
    );
}

fn snapshot(children: usize) {
    let tree = tree(children);
    let state = tree.snapshot();
    let json = snapshot_to_json(&state, 1, 1);
    let times = (20_000 / children).max(1) as u32;
    let take = least(times, || tree.snapshot());
    let write = least(times, || snapshot_to_json(&state, 1, 1));
    let read = least(times, || snapshot_from_json(&json));
    let live = least(times, || {
        let mut stored = snapshot_from_json(&json).expect("it is whole");
        let made =
            bring_to_life(&mut stored.snapshot, &mut |text| Ok(Arc::new(Process(text.into()))));
        made.map(|()| Tree::restore(stored.snapshot))
    });
    let bytes = json.len() / children;
    println!(
        "snapshot of {children} processes, {} bytes, {bytes} each: taken in {take:?}, written in {write:?}, \
         read in {read:?}, read and restored in {live:?}",
        json.len()
    );
}

fn main() {
    step();
    for children in [1_000, 10_000] {
        snapshot(children);
    }
}

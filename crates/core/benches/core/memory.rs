//! How many bytes a child takes: what is allocated and not freed, divided by the number of children.

use crate::ALLOCATOR;
use crate::world::{World, beating, build, declare, each_its_own, task};
use mainstay_core::Tree;
use std::time::Duration;

/// Prints the table of bytes per child.
pub(crate) fn table(count: usize) {
    println!();
    println!("{:46} {:>9} {:>9}", "bytes", "children", "per child");
    let say = |what: &str, bytes: usize| {
        println!("{what:46} {count:>9} {:>9.0}", bytes as f64 / count as f64);
    };
    let before_alike = live();
    let spec = build(declare(count, &[], &task()));
    say("spec, all children alike", live() - before_alike);
    drop(spec);
    let before_own = live();
    let spec = each_its_own(count, &task());
    say("spec, each child its own", live() - before_own);
    let before = live();
    let tree = Tree::new(&spec);
    say("tree, nothing started", live() - before);
    drop(tree);
    let tree = World::up(&spec).tree;
    say("tree, all are up", live() - before);
    drop(tree);
    let mut world = World::up(&spec);
    for at in 0..count {
        // Some time passes, or the supervisor's budget would see one storm.
        world.pass(Duration::from_secs(3));
        world.fail(world.leaves[at]);
    }
    world.pass(Duration::from_secs(60));
    let tree = world.tree;
    say("tree, each child has failed once", live() - before);
    drop((tree, spec));

    let spec = build(declare(count, &[], &beating()));
    let before = live();
    let tree = World::up(&spec).tree;
    say("tree, all are up and send heartbeats", live() - before);
    drop(tree);
}

fn live() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

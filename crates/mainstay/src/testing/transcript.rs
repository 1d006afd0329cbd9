//! Everything that happened, as text that people read and tests compare.

use super::World;
use crate::events::{Fact, Record};
use mainstay_core::{ChildId, LimitId};
use std::fmt::Write;

/// Writes the records that are wanted, a line for each.
pub(super) fn write(world: &World, wanted: impl Fn(&Record) -> bool) -> String {
    let width = world.names.values().map(|path| path.to_string().chars().count()).max();
    let width = width.unwrap_or(1);
    let path_of = |child: ChildId| Some(world.path(child));
    let limit_of = |id: LimitId| {
        let owner = world.tree.child(id.owner)?;
        owner.spec.budget.get(usize::from(id.index)).copied()
    };
    let mut text = String::new();
    for record in world.records.iter().filter(|record| wanted(record)) {
        let at = record.at.to_string();
        let path = record.path.to_string();
        let run = record.event.run().map_or_else(String::new, |run| run.to_string());
        let fact = Fact { event: &record.event, path: &path_of, limit: &limit_of };
        writeln!(text, "{at:>11}  {path:width$}  {run:4}  {fact}").expect("a string takes it all");
    }
    text
}

//! Declaring trees: what is to run, below which supervisor, under which policy.

mod child;
mod policy;
mod pool;
mod reference;
mod supervisor;
mod tree;

pub use child::{Child, Named, Need, Service, Stateful, blocking, child, need, service, task};
pub use policy::{Policy, consecutive, failures, restarts, starts};
pub use pool::{Pool, PoolOf, pool};
pub use reference::Reference;
pub use supervisor::{Node, Supervisor, supervisor};
pub(crate) use tree::Hook;
pub use tree::{Tree, tree};

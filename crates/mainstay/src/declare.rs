//! Declaring trees: what is to run, below which supervisor, under which policy.

mod child;
#[cfg(feature = "process")]
mod host;
mod policy;
mod pool;
#[cfg(feature = "process")]
mod process;
mod reference;
mod supervisor;
mod tree;

pub use child::{Child, Named, Need, Service, Stateful, blocking, child, need, service, task};
#[cfg(feature = "process")]
pub use host::host;
pub use policy::{Policy, consecutive, failures, restarts, starts};
pub use pool::{Pool, PoolOf, pool};
#[cfg(feature = "process")]
pub use process::process;
pub use reference::Reference;
pub use supervisor::{Node, Supervisor, supervisor};
pub(crate) use tree::{Hook, Whole};
pub use tree::{Tree, tree};

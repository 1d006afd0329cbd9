//! Stages that pass items to each other: sources, transforms, joins and sinks, with bounded edges between them.
//!
//! ```
//! use mainstay::stage::flow::{Edge, Sink, Source, Transform, flow, sink, source, transform};
//! use mainstay::{BoxError, tree};
//!
//! struct Numbers(u64);
//! impl Source for Numbers {
//!     type Item = u64;
//!     async fn next(&mut self) -> Result<Option<u64>, BoxError> {
//!         self.0 += 1;
//!         Ok((self.0 <= 100).then_some(self.0))
//!     }
//! }
//!
//! struct Double;
//! impl Transform for Double {
//!     type In = u64;
//!     type Out = u64;
//!     async fn apply(&mut self, number: &u64, out: &mut Vec<u64>) -> Result<(), BoxError> {
//!         out.push(number * 2);
//!         Ok(())
//!     }
//! }
//!
//! struct Print;
//! impl Sink for Print {
//!     type Item = u64;
//!     async fn put(&mut self, number: &u64) -> Result<(), BoxError> {
//!         println!("{number}");
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), BoxError> {
//! let (raw, doubled) = (Edge::new("raw", 64), Edge::new("doubled", 64));
//! let (supervisor, meter) = flow("numbers")
//!     .part(source("count", &raw, |_cx| Ok(Numbers(0))))
//!     .part(transform("double", &raw, &doubled, |_cx| Ok(Double)))
//!     .part(sink("print", &doubled, |_cx| Ok(Print)))
//!     .build()?;
//! let owner = tree().child(supervisor).start()?;
//! owner.handle().wait_for("numbers/print", mainstay::Standing::Down).await?;
//! owner.drain("all is printed").await;
//! assert_eq!(meter.settle()?.iter().map(|edge| edge.counts.done).sum::<u64>(), 200);
//! # Ok(()) }
//! ```
//!
//! # What is promised
//!
//! While the program lives, **every item that a source brought is processed, and what becomes of it is passed on
//! exactly once**, whatever stage fails, panics, hangs or is restarted in between. The code of a transform or a sink
//! may see an item more than once: when its run ended in the middle of it, or it returned an error. So a sink's own
//! effect (a row, a message) happens *at least* once.
//!
//! An item that fails three times (or as often as [`Part::tries`] says) is [marked](Marked) and passes everything
//! that follows unprocessed, or goes to an edge of its own ([`Part::errors`]); the flow goes on.
//!
//! What is on edges when the program dies is gone with it: a source with a [position](Source::position) goes on after
//! what it had put on its edge. Where that is not enough, let the sink say how far it has come.
//!
//! Edges hold what they were made for; beyond it only what a run that ended had in hand, or what one item became. A writer waits for room, and
//! fails with the name of the edge when nothing is taken from it for its [stall limit](Edge::stall).
//!
//! # Starting and ending
//!
//! Readers are ready before writers start. When the tree drains, writers end first: a source puts what it has in hand
//! on its edge and says that this is all; each stage works off what is there, passes the end on and ends. All of it is
//! bounded by the child's stop grace and the tree's drain. What was cut is not called well: [`Meter::settle`] names
//! the edges that hold items or had no end of data. A *stop* is no drain: what is on the edges waits for the next run.

mod build;
mod edge;
mod item;
mod pass;
mod source;
mod words;

pub use build::{EdgeCounts, Flow, FlowFault, FlowFaults, Lost, Meter, Part, flow};
pub use build::{join, sink, source, transform};
pub use edge::{Counts, Edge, Finished, NoRoom};
pub use item::{Item, Marked};
pub use pass::{Join, Sink, Transform};
pub use source::Source;

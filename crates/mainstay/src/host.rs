//! Hosts: processes that do dangerous work for this program, which must never go down with them.
//!
//! A vendor's library that leaks and crashes, a parser of hostile input, a GPU runtime: what cannot be trusted runs in
//! a process of its own, a [`host`](crate::host()), which serves a [`Contract`]. This program asks it over a typed
//! [`Client`], valid for one run; [`Hosted`] gives the client of whichever run serves, or says at once why none does
//! and when the next will be tried.
//!
//! A host is a child like any other, and a [process](mod@crate::process) like any other: policies, budgets, breakers,
//! commands and events are the tree's. What only hosts have:
//!
//! | question | answer |
//! | --- | --- |
//! | How do they speak? | Over two sockets that the host inherits, one for signs of life and one for calls: `docs/reference/host-protocol.md`. |
//! | Who may connect? | The process that was started: the sockets are inherited, and it proves to know the secret of its run, which stands in its environment and on no disk. |
//! | When is it ready? | When it says so; after a restart, when [`Host::rehydrate`] has restored what the last run had. |
//! | What becomes of calls under way when it dies? | They fail at once with [`CallError::Gone`]. None is made again by itself. |
//! | Who hears that it is gone? | Whoever [subscribed](Hosted::subscribe), before the tree does anything about it. |
//! | How is it asked to end? | Over its connection, then by force after the grace of its stop. |
//! | What did it do last? | Its flight recorder, memory that both share, is read when it is gone, of whatever it died: [`Process::operations`](crate::process::Process::operations). |
//! | What if it hangs in a call? | [`progress_within`](crate::Child::progress_within): calls that wait without a single answer for so long. An idle host is healthy, and so is one that is slow. |
//! | What if it hangs altogether? | [`heartbeat`](crate::Child::heartbeat): it beats from a thread of its own. |
//! | What if it leaks? | [`Host::memory`], [`recycle_after`](crate::Child::recycle_after), or its own wish: it is replaced, and no budget is charged. |
//! | What if this program dies? | The host ends: it is bound to its parent. |

mod client;
mod desk;
mod error;
mod guard;
mod hosted;
mod line;
mod parts;
mod pool;
mod session;

pub use client::{Client, Items};
pub use error::{Absence, CallError, Unavailable};
pub use guard::MemoryGuard;
pub use hosted::{Availability, Hosted, Subscription};
pub use mainstay_host::ring::{Mark, Operation};
pub use mainstay_host::{Codec, CodecError, Contract, Failure, Raw};
pub use parts::Host;
pub(crate) use parts::Parts;
pub use pool::{HostPool, HostedPool};
pub(crate) use session::{Fault, Said, Session, Useless};

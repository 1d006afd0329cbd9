//! What a policy would do: the core that supervises, in virtual time, with a child whose ends are given.
//!
//! Only the ends of the child are played: its readiness comes when the scenario says so, and while it lives it gives
//! every sign of life. What it needs, and the limits of supervisors above it, are left out.
//!
//! ```
//! use mainstay_daemon::simulate::{Policy, Scenario, exit, pattern, simulate};
//!
//! let dies = Scenario::dies(pattern("3s")?, 50, exit("1")?);
//! let default = simulate(&Policy::standard(), &dies, dies.horizon(), 1);
//! let systemd = simulate(&Policy::named("systemd").expect("a preset"), &dies, dies.horizon(), 1);
//! println!("{}", mainstay_daemon::simulate::compare(&default, &systemd, 120));
//! # Ok::<(), mainstay_daemon::simulate::ScenarioError>(())
//! ```

mod play;
mod policy;
mod recorded;
mod scenario;
mod text;
mod timeline;

pub use play::simulate;
pub use policy::{Policy, PolicyError};
pub use recorded::recorded;
pub use scenario::{End, How, Scenario, ScenarioError, exit, pattern};
pub use text::compare;
pub use timeline::{Fall, Timeline};

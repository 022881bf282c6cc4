//! Runs that are asked for, done: workers that claim them, a scheduler that asks for those that are
//! due.
//!
//! ```text
//!             request_run             claim_run            Pipeline
//! person ────────────────▶ ┌───────┐ ─────────▶ ┌────────┐ ───────▶ Catalogue
//! Scheduler ─request_due─▶ │ Store │ ◀──renew── │ Worker │ ───────▶ Store: staged, coverage, events
//!           ◀─sweep_runs── └───────┘ ◀───end─── └────────┘
//! ```
//!
//! When a run is through, what it changed is delivered to the [targets](crate::targets) of its source,
//! from the catalogue: a target that cannot be reached costs the run nothing, and is owed.
//!
//! Any number of either may run, in one process or on many machines, over one
//! [`Store`](crate::store::Store).

mod audit;
mod courtesy;
mod delivery;
mod documents;
mod execute;
mod installation;
mod origin;
mod retention;
mod scheduler;
mod settle;
mod staging;
mod watch;
mod work;
mod worker;

pub use self::audit::{Difference, differences};
pub use self::installation::{Installation, Network, TargetNetwork};
pub use self::retention::Retention;
pub use self::scheduler::{Scheduler, Tick};
pub use self::worker::Worker;

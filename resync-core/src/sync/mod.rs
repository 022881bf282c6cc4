//! A copy of a source, in a folder.
//!
//! [`Mirror`] makes it, follows the source, and compares the two. The parts it is made of:
//!
//! * [`Places`] says where the file of an address is, [`Authority`] which addresses a source may
//!   name, [`Tree`] is a folder that nothing leads out of;
//! * [`State`] is what is known of the copy, and [`Store`] the thread that writes both.
//!
//! ```text
//! list ──entries──▶ planner ──work──▶ workers ──content──▶ store ──▶ files and state
//!                   what is known?    fetch, check         temporary, durable, renamed
//! ```
//!
//! Where a source offers packages as well, `choice` weighs them against a request for each file.

mod audit;
mod authority;
mod baseline;
pub mod changes;
mod choice;
mod copying;
mod download;
mod incremental;
mod list;
mod mirror;
mod options;
mod packages;
mod place;
mod plan;
mod planner;
mod report;
mod run;
mod state;
mod store;
mod tree;
mod workers;

pub use self::authority::{Authority, Forbidden};
pub use self::mirror::Mirror;
pub use self::options::{DeleteGuard, Observer, Options};
pub use self::place::{Place, Places};
pub use self::report::{Difference, DifferenceKind, Event, Failure, Report};
pub use self::state::{
    Changes, Cursor, Group, Known, KnownDocument, Listed, PendingChange, Reader, Seen, Session,
    State, Unseen, Validators,
};
pub use self::store::{
    Ack, Adopt, Content, Put, Recovered, Store, StoreHandle, StoreOptions, Totals, Touch,
};
pub use self::tree::{FileEntry, FileStat, Files, InstallError, Temp, Tree};

//! What the admin system manages, managed from the command line.

mod connect;
mod filter_sets;
mod options;
mod runs;
pub(super) mod shown;
mod sources;
mod targets;
mod waiting;

pub(super) use self::connect::run as connect;
pub(super) use self::filter_sets::run as filter_sets;
pub(super) use self::runs::{Manager, run as runs};
pub(super) use self::sources::{kinds, run as sources};
pub(super) use self::targets::{kinds as target_kinds, run as targets};

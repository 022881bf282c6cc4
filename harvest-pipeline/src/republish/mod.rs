//! What was harvested, for others to harvest: a catalogue as a repository.
//!
//! ```text
//! shelf       what is published of a source: its formats and sets, and whether it is shown
//! naming      how the items of several sources are told apart in one repository
//! repository  the shelves as a repository
//! record      a record as it is published, with its provenance
//! ```

mod naming;
mod record;
mod repository;
mod shelf;

pub use self::naming::Naming;
pub use self::repository::{CatalogueRepository, Withheld};
pub use self::shelf::{Shelf, Shelves};

//! Filters that need no code.
//!
//! A [`FilterSet`] is a named list of [`Expression`]s over the parser's fields, as an administrator
//! writes it: "100a starts with Čapek, or 655a equals romány". [`FilterSets`] joins the sets of a
//! source into one [`Filter`](crate::Filter). The others judge what stands in a record's header:
//! [`InSets`], [`Between`], [`Identifiers`], and [`Newer`], what is known of it.
//!
//! ```
//! use harvest_pipeline::filters::{Between, Expression, FilterSet, FilterSets, Match};
//! use harvest_pipeline::{Pipeline, parsers::DublinCore, sources};
//!
//! let novels = FilterSet::new("novels", Match::All, [
//!     "title contains dům".parse::<Expression>()?,
//!     "type not equals Image".parse()?,
//! ])?;
//! let pipeline = Pipeline::new(sources::items("none", Vec::<harvest_pipeline::Item>::new()))
//!     .filter(Between::since("2020-01-01"))
//!     .filter(FilterSets::new([novels]))
//!     .parse(DublinCore);
//! # let _ = pipeline;
//! # Ok::<_, harvest_pipeline::filters::FilterError>(())
//! ```

mod error;
mod expression;
mod fold;
mod header;
mod set;

pub use self::error::FilterError;
pub use self::expression::{Expression, Test};
pub use self::header::{Between, Identifiers, InSets, Newer};
pub use self::set::{FilterSet, FilterSets, Match};

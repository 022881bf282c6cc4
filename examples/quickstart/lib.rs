//! The programs beside this file are the quick starts; here is the family's front page, so that its
//! example is compiled.
#![doc = include_str!("../../README.md")]

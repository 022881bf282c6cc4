//! The system as people run it: its roles as processes, managed from the command line.
#![allow(clippy::unwrap_used, clippy::unwrap_in_result, reason = "these are tests")]

#[path = "../common/mod.rs"]
mod common;
mod logs;
mod mail;
mod manage;
mod process;
mod provide;
mod reports;
mod roles;
mod secrets;
#[path = "../../../harvest-pipeline/tests/support/postgres.rs"]
mod support;
mod targets;
mod units;

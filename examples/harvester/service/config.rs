//! `harvester config`

use std::path::Path;

use serde_json::json;

use super::clerk::Clerk;
use super::settings;
use super::stores::{Need, Stores};
use crate::args::GlobalArgs;
use crate::output;
use crate::report::{Failure, Status};

/// Reads the settings as every role would, and prints them without secrets.
///
/// # Errors
/// If they make no sense.
pub(crate) fn check(file: Option<&Path>, global: &GlobalArgs) -> Result<Status, Failure> {
    let settings = settings(file, global)?.without_secrets();
    output::print(match global.json {
        true => format!("{}\n", json!(settings)),
        false => toml::to_string(&settings)
            .map_err(|error| Failure::new(format!("the settings cannot be shown: {error}")))?,
    })?;
    Ok(Status::Complete)
}

/// Seals the passwords and tokens of all sources with a new key.
///
/// # Errors
/// If the key that they are sealed with is missing, or something cannot be written.
pub(crate) async fn rotate_key(
    file: Option<&Path>,
    global: &GlobalArgs,
) -> Result<Status, Failure> {
    let stores = Stores::open(&settings(file, global)?, Need::Existing).await?;
    let rotated = stores.rotate_key().await;
    if let Ok(sealed) = &rotated {
        Clerk(&stores.accounts).did("key.rotate", sealed).await;
    }
    stores.close().await?;
    let sealed = rotated?;
    output::print(match global.json {
        true => format!("{}\n", json!({ "sealed": sealed })),
        false => format!("{sealed} sources and runs have secrets that were sealed anew\n"),
    })?;
    Ok(Status::Complete)
}

//! `harvester config check`

use std::path::Path;

use serde_json::json;

use super::settings;
use crate::args::GlobalArgs;
use crate::output;
use crate::report::{Failure, Status};

/// Reads the settings as every role would, and prints them without secrets.
///
/// # Errors
/// If they make no sense.
pub(crate) fn run(file: Option<&Path>, global: &GlobalArgs) -> Result<Status, Failure> {
    let settings = settings(file, global)?.without_secrets();
    output::print(match global.json {
        true => format!("{}\n", json!(settings)),
        false => toml::to_string(&settings)
            .map_err(|error| Failure::new(format!("the settings cannot be shown: {error}")))?,
    })?;
    Ok(Status::Complete)
}

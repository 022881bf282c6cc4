//! The documents of a publication, by their names.

use std::path::Path;

use resync_core::publish::is_document;
use tokio::fs::File;

use super::exchange::Representation;

/// Where a Source Description is looked for (§8).
pub(super) const DESCRIPTION: &str = ".well-known/resourcesync";

pub(super) const CAPABILITY_LIST: &str = "capabilitylist.xml";

/// The document of this name in the folder.
pub(super) async fn open(folder: &Path, name: &str) -> std::io::Result<Option<Representation>> {
    if name != DESCRIPTION && !is_document(name) {
        return Ok(None);
    }
    let file = match File::open(folder.join(name)).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let is_package = name.ends_with(".zip");
    let media_type = if is_package { "application/zip" } else { "application/xml" };
    let document = Representation::of_file(file, media_type).await?;
    Ok(Some(Representation { may_be_packed: !is_package, ..document }))
}

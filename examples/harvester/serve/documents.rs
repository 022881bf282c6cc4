//! The documents of a publication, by their names.

use std::path::Path;

use tokio::fs::File;

use super::exchange::Representation;

/// Where a Source Description is looked for (§8).
pub(super) const DESCRIPTION: &str = ".well-known/resourcesync";

pub(super) const CAPABILITY_LIST: &str = "capabilitylist.xml";

/// Whether this is the name of a document or package that a publisher writes.
pub(super) fn is_document(name: &str) -> bool {
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    let (kind, part) = stem.split_once('-').unwrap_or((stem, "0"));
    let is_part = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    name == CAPABILITY_LIST
        || is_part
            && match kind {
                "resourcelist" | "changelist" => extension == "xml",
                "resourcedump" | "changedump" => extension == "xml" || extension == "zip",
                _ => false,
            }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_known_by_their_names() {
        for name in [
            "capabilitylist.xml",
            "resourcelist.xml",
            "resourcelist-0123456789abcdef.xml",
            "changelist-00001.xml",
            "changedump-0123456789abcdef.zip",
        ] {
            assert!(is_document(name), "{name}");
        }
        for name in ["a.xml", "resourcelist.zip", "resourcelist-.xml", "changelist-../a.xml", "zip"]
        {
            assert!(!is_document(name), "{name}");
        }
    }
}

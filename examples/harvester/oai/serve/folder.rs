//! A folder of XML files as a repository.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use chrono::Utc;
use oai_pmh::provider::{FolderRepository, Refreshed};
use oai_pmh::{Identify, MetadataFormat};

use super::format_shown;
use crate::args::ProvideArgs;
use crate::progress::{Console, counted};
use crate::report::Failure;

/// How often it is looked what has changed.
const REFRESH: Duration = Duration::from_secs(30);

/// Reads the folder now, and again and again.
pub(super) async fn publish(
    args: &ProvideArgs,
    identify: Identify,
    console: &Console,
) -> Result<Arc<FolderRepository>, Failure> {
    let folder = PathBuf::from(&args.from);
    let prefix = args.format.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let Some(format) = format_of(&folder, &prefix)? else {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "it has no XML file to begin with",
            ));
        };
        FolderRepository::open(folder, identify, [format])
    });
    let opened = opened.await.unwrap_or_else(|cause| Err(cause.into()));
    let (repository, found) = opened.map_err(|error| {
        Failure::new(format!("{} cannot be served: {error}", args.from))
            .with_advice("Name a folder of XML files, or a database: sqlite:harvest.db")
    })?;
    tell(&found, console);
    let repository = Arc::new(repository);
    let (served, console) = (Arc::clone(&repository), console.clone());
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(REFRESH).await;
            let served = Arc::clone(&served);
            let looked = tokio::task::spawn_blocking(move || served.refresh(Utc::now())).await;
            match looked.unwrap_or_else(|cause| Err(cause.into())) {
                Ok(found) => tell(&found, &console),
                Err(error) => console.warning(&format!("the folder cannot be read: {error}")),
            }
        }
    });
    Ok(repository)
}

fn tell(found: &Refreshed, console: &Console) {
    for (path, why) in &found.refused {
        console.warning(&format!("{} is not served: {why}", path.display()));
    }
    if found.changed + found.deleted > 0 {
        let changed = counted(found.changed, "file");
        console.notice(&format!("{changed} read, {} gone", found.deleted));
    }
}

/// The format of the files, as the first that can be read shows it.
fn format_of(folder: &Path, prefix: &str) -> io::Result<Option<MetadataFormat>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() && !entry.file_name().as_encoded_bytes().starts_with(b".") {
            folders.push(path);
        } else if kind.is_file()
            && path.extension().is_some_and(|it| it == "xml")
            && let Ok(xml) = fs::read_to_string(path)
            && let Some(format) = format_shown(prefix, &xml)
        {
            return Ok(Some(format));
        }
    }
    for folder in folders {
        if let Some(found) = format_of(&folder, prefix)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

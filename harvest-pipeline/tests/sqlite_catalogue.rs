//! The SQLite catalogue does what every catalogue must do.
#![cfg(feature = "sqlite")]

mod catalogue_contract;

use harvest_pipeline::SqliteCatalogue;
use tempfile::TempDir;

use self::catalogue_contract::catalogue_contract;

async fn catalogue() -> Option<(SqliteCatalogue, TempDir)> {
    let folder = tempfile::tempdir().ok()?;
    let catalogue = SqliteCatalogue::open(folder.path().join("harvest.db")).await.ok()?;
    Some((catalogue, folder))
}

catalogue_contract!(catalogue);

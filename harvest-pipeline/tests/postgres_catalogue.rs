//! The PostgreSQL catalogue does what every catalogue must do.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used)]

mod catalogue_contract;
#[path = "support/postgres.rs"]
mod support;

use harvest_pipeline::PostgresCatalogue;

use self::catalogue_contract::catalogue_contract;
use self::support::Schema;

async fn catalogue() -> Option<(PostgresCatalogue, Schema)> {
    let schema = Schema::new().await?;
    let catalogue = PostgresCatalogue::open(&schema.url()).await.unwrap();
    Some((catalogue, schema))
}

catalogue_contract!(catalogue);

/// The same with its metadata in an archive.
mod archived {
    use std::sync::Arc;

    use harvest_pipeline::payloads::MemoryPayloads;

    use super::*;

    async fn catalogue() -> Option<(PostgresCatalogue, Schema)> {
        let (catalogue, schema) = super::catalogue().await?;
        Some((catalogue.with_payloads(Arc::new(MemoryPayloads::new())), schema))
    }

    catalogue_contract!(catalogue);
}
